"""Words from our own small models, offline: lyrics here, the other kinds in `kinds`.

Threads: one generator a thread. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from aigc_music.core.errors import UsageError
from aigc_music.core.texts import Text
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import TextRequest
from aigc_music.engine.streams import stream
from models.words.language.model import LanguageModel
from models.words.language.originality import FACTS_FILE, Index
from models.zoo import find

from ..facts import facts_of
from . import sounds
from .decode import Poet, Rhyme, Wishes
from .lexicon import lexicon_of
from .melody import template_of, with_melody
from .scorer import Report, score
from .sheet import joined, lyrics_text, title_from
from .template import Template
from .themes import drawn_theme, theme_words

__all__ = ["BuiltinLyrics", "BuiltinWords"]

MODELS = {"en": "words-en", "zh": "words-zh"}
KINDS_OF_PIECES = {"en": ("song",), "zh": ("song", "ci")}


class BuiltinWords:
    """One request for words. UsageError, FileError and ModelError for what cannot be done, before any work."""

    def __new__(cls, request: TextRequest) -> Any:
        if request.kind == "lyrics":
            return BuiltinLyrics(request)
        from .kinds import BuiltinKinds

        return BuiltinKinds(request)


class BuiltinLyrics:
    """Lyrics, line by line. See `decode` for how a line is made to fit."""

    def __init__(self, request: TextRequest) -> None:
        self.template: Template = template_of(request)
        self.request = replace(request, track=self.template.track or None)
        name = MODELS[request.language] if request.model == "default" else request.model
        self._model = LanguageModel.load(name)
        if self._model.language != request.language:
            raise UsageError(
                f"model {request.model!r} writes {self._model.language!r}, asked for is {request.language!r}: "
                "give the language with it, or another model"
            )
        self._theme, self._remarks = theme_words(f"{request.theme} {request.title}", self._model)
        self._index = index_of_copies(name)
        if self._index is None:
            self._remarks.append(f"model {name!r} has no index of its texts: copies were not looked for")
        self._report: Report | None = None

    def stream(self, job: JobContext) -> Iterator[str]:
        """The lines as they are written."""
        request, template, model = self.request, self.template, self._model
        theme = self._theme or self._drawn_theme()
        wishes = Wishes(tuple(theme), request.temperature, request.modern, self._copied)
        kind = next((kind for kind in KINDS_OF_PIECES[request.language] if kind in model.kinds), model.kinds[0])
        tune = request.tune if request.tune in model.tunes else None
        poet = Poet(model, wishes, model.hear(theme, kind, tune), stream(request.seed, "words"))
        hook, ending = self._hook()
        written: list[tuple[int, ...]] = []
        stanza = template.lines[0].stanza
        for number, spec in enumerate(template.lines):
            job.progress(number / len(template.lines), "writing")
            if spec.stanza != stanza:
                poet.stanza()
                stanza = spec.stanza
            if spec.same_as is not None:
                tokens = written[spec.same_as]
                poet.hear(tokens)
            else:
                partners = [poet.rhyme_of(written[other]) for other in template.partners(number)]
                rhyme = Rhyme(tuple(token for token in partners if token >= 0), self._later(number))
                tokens = poet.write(spec, rhyme, ending if number == hook else ())
            written.append(tokens)
            yield joined(model.line(tokens))

    def generate(self, job: JobContext) -> Text:
        """The whole song sheet."""
        lines = list(self.stream(job))
        job.progress(1.0, "measuring")
        self._report = score(lines, self.template, self.request.language, self._model, self._theme, self._index)
        title = self.request.title or title_from(self.template, lines)
        sheet = lyrics_text(self.template, lines, title, self.request.theme, self.request.artist)
        return with_melody(sheet, self.request)

    def materials(self) -> list[Material]:
        return [Material.of_card(self._model.card), *reading_models(self.request.language)]

    def quality(self) -> dict[str, Any]:
        """Figures of the scorer, and what is worth knowing of how the request was taken."""
        figures = self._report.record() if self._report is not None else {}
        return figures | {"remarks": [*self.template.remarks, *self._remarks]}

    def disclosure(self) -> dict[str, str]:
        return {"lyrics": "generated"}

    def _copied(self, words: Sequence[str]) -> bool:
        """Whether these words hold a copy that is longer than asked for."""
        return self._index is not None and self._index.copies(words, self.request.longest_copy + 1)

    def _drawn_theme(self) -> list[str]:
        request = self.request
        mood = None if request.melody is None else facts_of(request.melody).mood
        words = drawn_theme(request.language, mood, stream(request.seed, "theme"))
        return [word for word in words if word in self._model.index]

    def _later(self, number: int) -> tuple[int, ...]:
        """Syllables of the lines of new words that have to rhyme with this one."""
        lines = self.template.lines
        return tuple(
            line.syllables
            for other, line in enumerate(lines[number + 1 :], number + 1)
            if line.same_as is None and number in self.template.partners(other)
        )

    def _hook(self) -> tuple[int, list[int]]:
        """(line, ids from right to left) for the title in the chorus; (-1, []) where it does not fit.

        The first line, of the chorus or of a song without one, that has room for it and whose rhyme it may set.
        """
        words = sounds.words(self.request.title, self.request.language)
        tokens = [self._model.index.get(word, -1) for word in reversed(words)]
        lexicon = lexicon_of(self._model, self.request.modern)
        if not tokens or min(tokens) < 0 or not all(lexicon.syllables[tokens]):
            return -1, []
        length = int(lexicon.syllables[tokens].sum())
        lines = self.template.lines
        has_chorus = any(line.section == "chorus" for line in lines)
        for number, line in enumerate(lines):
            later = self._later(number)
            least = min([*later, line.syllables])
            class_of = int(lexicon.rhyme[tokens[0]])
            rich = class_of >= 0 and lexicon.richness[class_of, min(least, lexicon.richness.shape[1] - 1)] > len(
                later
            )
            if (
                (line.section == "chorus" or not has_chorus)
                and line.same_as is None
                and line.syllables >= length
                and lexicon.reach[line.syllables - length]
                and not self.template.partners(number)
                and (rich or not later)
            ):
                return number, tokens
        return -1, []


def reading_models(language: str) -> list[Material]:
    """The model that says how words sound; Chinese needs none."""
    return [Material.of_card(json.loads((find("pronunciation") / "card.json").read_text("utf-8")))] * (
        language == "en"
    )


def index_of_copies(model: str) -> Index | None:
    """The phrases of the texts that a model learned from, None where its folder has no index."""
    return Index.load(model) if (find(model) / FACTS_FILE).exists() else None
