"""Our own decoder as a stand-in: single lines of a song whose other lines somebody else wrote.

Threads: one a song. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aigc_music.core.errors import ModelError
from aigc_music.engine.requests import TextRequest
from aigc_music.engine.streams import stream
from models.words.language.model import LanguageModel
from models.words.language.originality import Index

from . import sounds
from .builtin import KINDS_OF_PIECES, MODELS
from .decode import Poet, Rhyme, Wishes
from .lexicon import lexicon_of
from .template import Template
from .themes import drawn_theme, theme_words

__all__ = ["Spare"]


class Spare:
    """Writes any line of a template, given those before it. ModelError where our own model is not installed."""

    def __init__(self, request: TextRequest, template: Template) -> None:
        self.model = LanguageModel.load(MODELS[request.language])
        self.theme, _ = theme_words(f"{request.theme} {request.title}", self.model)
        if not self.theme:
            drawn = drawn_theme(request.language, None, stream(request.seed, "theme"))
            self.theme = [word for word in drawn if word in self.model.index]
        try:
            self.index: Index | None = Index.load(MODELS[request.language])
        except ModelError:
            self.index = None
        self._request, self._template = request, template
        kind = KINDS_OF_PIECES[request.language][0]
        hearing = self.model.hear(self.theme, kind if kind in self.model.kinds else self.model.kinds[0])
        wishes = Wishes(tuple(self.theme), request.temperature, request.modern, self._copied)
        self._poet = Poet(self.model, wishes, hearing, stream(request.seed, "words"))
        self._heard = 0

    def write(self, number: int, lines: Mapping[int, str]) -> str:
        """Line `number`, from 0. lines: all before it; calls go forwards."""
        template = self._template
        while self._heard < number:
            self._turn(self._heard)
            self._poet.hear(self.model.tokens(lines[self._heard])[:-1])
            self._heard += 1
        self._turn(number)
        partners = [sounds.last(lines[other], template.language) for other in template.partners(number)]
        rhyme = Rhyme(tuple(token for word in partners for token in self.alike(word)), self._later(number))
        self._heard += 1
        return self.model.line(self._poet.write(template.lines[number], rhyme))

    def copied(self, line: str) -> bool:
        """Whether a line is a longer copy of a training text than asked for."""
        return self._copied(sounds.words(line, self._template.language))

    def _copied(self, words: Sequence[str]) -> bool:
        return self.index is not None and self.index.copies(words, self._request.longest_copy + 1)

    def _turn(self, number: int) -> None:
        lines = self._template.lines
        if number and lines[number].stanza != lines[number - 1].stanza:
            self._poet.stanza()

    def _later(self, number: int) -> tuple[int, ...]:
        """Syllables of the lines of new words that have to rhyme with this one."""
        rest = enumerate(self._template.lines[number + 1 :], number + 1)
        return tuple(
            line.syllables
            for other, line in rest
            if line.same_as is None and number in self._template.partners(other)
        )

    def alike(self, word: str) -> list[int]:
        """Ids of our model that rhyme as a word does: its own, or where it is not known, one of its class."""
        if word in self.model.index:
            return [self.model.index[word]]
        classes, firsts = np.unique(lexicon_of(self.model, self._request.modern).rhyme, return_index=True)
        for token in firsts[classes >= 0].tolist():
            if sounds.rhyme(word, self.model.words[token], self._template.language):
                return [token]
        return []
