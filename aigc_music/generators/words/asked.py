"""Words by a language model that is asked for them: the same templates, the same scorer and the same schemas as for
our own, whoever answers.

Lyrics go stanza by stanza: a few candidates for each line, the best of which is kept; lines that fail are asked for
again with the reason, and only those, for a few rounds; what still fails is written by our own decoder. The document
says of every line who wrote it. Other kinds are asked for with their JSON schema, checked by it, and asked for again
with what was wrong.

Threads: one a generator. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aigc_music.core.errors import AigcMusicError, ModelError
from aigc_music.core.texts import Text
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import TextRequest

from . import kinds, sounds
from .builtin import reading_models
from .kinds.figures import figures
from .kinds.subject import Subject, subject_of
from .melody import template_of, with_melody
from .prompts import LINES_SCHEMA, Message, again, clean, json_in, kind_messages, line_messages, lines_in
from .scorer import problems, score
from .sheet import lyrics_text, title_from
from .spare import Spare
from .stress import agreement
from .template import Template

__all__ = ["CANDIDATES", "ROUNDS", "AskedWords"]

CANDIDATES = 4
"""For each line, each time."""
ROUNDS = 3
"""Repairs after the first try."""

LETTERS = {"en": re.compile(r"[A-Za-z',?! ]*[A-Za-z][A-Za-z',?! ]*"), "zh": re.compile(r"[\u4e00-\u9fff]+")}
NUMBER = re.compile(r"\d+(?:\.\d+)?")
ANYTHING = {"en": "a song", "zh": "一首歌"}


class AskedWords:
    """Base of generators (see engine.registry.Generator) that ask a language model; they give `answer` and `model`.

    by: how the document calls the one who is asked. UsageError, FileError and ModelError for what cannot be done.
    """

    by = "model"
    together = True
    """Whether the lines of a stanza are asked for at once."""

    def __init__(self, request: TextRequest) -> None:
        kinds.needs_music(request)
        self.request = request
        self._figures: dict[str, Any] = {}
        self._remarks: list[str] = []
        if request.kind == "lyrics":
            self.template: Template = template_of(request)
            self.request = replace(request, track=self.template.track or None)
            self._spare = Spare(request, self.template)
            self._by: dict[int, str] = {}
        else:
            self._subject: Subject = subject_of(request, ANYTHING[request.language], bright=True)

    def answer(self, job: JobContext, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> str:
        """The model's answer. Checks `job` at least every 0.3 s. ModelError where there is none."""
        raise NotImplementedError

    def prepare(self, job: JobContext) -> None:
        """What has to be known or loaded before the first question; called before each text."""

    def model(self) -> Material:
        """Who was asked."""
        raise NotImplementedError

    def stream(self, job: JobContext) -> Iterator[str]:
        """The lines as they are decided; of other kinds the paragraphs."""
        if self.request.kind == "lyrics":
            yield from self._lyrics(job)
        else:
            yield from self.generate(job).plain.strip().split("\n\n")

    def generate(self, job: JobContext) -> Text:
        """The whole text."""
        return self._song_sheet(job) if self.request.kind == "lyrics" else self._other(job)

    def materials(self) -> list[Material]:
        """Who was asked, and our own model where it had to stand in."""
        if self.request.kind != "lyrics":
            return [self.model()]
        return [self.model(), Material.of_card(self._spare.model.card), *reading_models(self.request.language)]

    def quality(self) -> dict[str, Any]:
        """Figures of the scorer, or of kinds.figures; remarks on what had to be mended."""
        return self._figures | {"remarks": list(self._remarks)}

    def disclosure(self) -> dict[str, str]:
        return {"lyrics" if self.request.kind == "lyrics" else "text": "generated"}

    def drafts(
        self, job: JobContext, lines: Mapping[int, str], wanted: Mapping[int, Sequence[str]], seed: int
    ) -> dict[int, list[str]]:
        """Candidates for the wanted lines. lines: what is written so far; wanted: number -> why the last try failed.
        ValueError for an answer that makes no sense."""
        theme = self.request.theme or self.request.title or " ".join(self._spare.theme)
        messages = line_messages(self.request, self.template, theme, lines, wanted, CANDIDATES)
        return lines_in(self.answer(job, messages, LINES_SCHEMA, seed), list(wanted))

    def _song_sheet(self, job: JobContext) -> Text:
        request, template, spare = self.request, self.template, self._spare
        lines = list(self._lyrics(job))
        report = score(lines, template, request.language, spare.model, spare.theme, spare.index)
        title = request.title or title_from(template, lines)
        text = lyrics_text(template, lines, title, request.theme, request.artist, remarks=list(self._remarks))
        for number, row in enumerate(text.document["lines"]):
            row["by"] = self._by[number]
        own = sum(self._by[number] == "builtin" for number in self._by)
        self._figures = report.record() | {"lines_by_builtin": own}
        return with_melody(text, request)

    def _lyrics(self, job: JobContext) -> Iterator[str]:
        self.prepare(job)
        lines: dict[int, str] = {}
        self._by, self._remarks = {}, list(self.template.remarks)
        for numbers in self.template.stanzas:
            job.progress(numbers[0] / len(self.template.lines), "writing")
            self._stanza(job, numbers, lines)
            yield from (lines[number] for number in numbers)

    def _stanza(self, job: JobContext, numbers: Sequence[int], lines: dict[int, str]) -> None:
        """Write the lines of a stanza into `lines`."""
        template = self.template
        again_sung = {number: source for number in numbers if (source := template.lines[number].same_as) is not None}
        for number, source in again_sung.items():
            lines[number], self._by[number] = lines[source], self._by[source]
        failing: dict[int, list[str]] = {number: [] for number in numbers if number not in again_sung}
        for turn in range(ROUNDS + 1):
            if not failing:
                return
            for asked in [failing] if self.together else [{number: why} for number, why in failing.items()]:
                self._draft(job, asked, lines, turn)
            failing = {number: found for number in failing if (found := self._problems(number, lines))}
        for number in numbers:
            if number not in again_sung and self._problems(number, lines):
                lines[number], self._by[number] = self._spare.write(number, lines), "builtin"

    def _draft(self, job: JobContext, asked: Mapping[int, Sequence[str]], lines: dict[int, str], turn: int) -> None:
        """Ask once, and keep what is best. An answer that makes no sense is remarked, and no more."""
        first = next(iter(asked))
        try:
            found = self.drafts(job, lines, asked, self.request.seed + 1000 * turn + first)
        except AigcMusicError:
            raise
        except ValueError as error:
            self._remarks.append(f"line {first + 1} and on, try {turn + 1}: {error}")
            return
        for number in asked:
            self._keep_best(number, lines, found.get(number, []))

    def _keep_best(self, number: int, lines: dict[int, str], texts: Sequence[str]) -> None:
        """Of the candidates, and what stands there, the one with the fewest faults and the best stress."""

        def faults(text: str) -> tuple[int, float]:
            points, pairs = agreement(sounds.stresses(text), weights) if language == "en" else (0.0, 0)
            return len(self._problems(number, lines | {number: text})), -points / max(1, pairs)

        language = self.template.language
        weights = [slot.weight for slot in self.template.lines[number].slots]
        candidates = [text for row in texts if (text := clean(row, language))]
        if number in lines:
            candidates.append(lines[number])
        if candidates:
            lines[number], self._by[number] = min(candidates, key=faults), self.by

    def _problems(self, number: int, lines: Mapping[int, str]) -> list[str]:
        """Why a line fails: the scorer's reasons, and ours."""
        text = lines.get(number, "")
        if not LETTERS[self.template.language].fullmatch(text):
            return ["letters: words of the language alone"]
        rows = [lines.get(other, "") for other in range(len(self.template.lines))]
        found = problems(rows, self.template, number)
        if any(other != number and row == text for other, row in enumerate(rows)):
            found.append("repeated: the line stands there already")
        if self._spare.copied(text):
            found.append("copy: these words stand in an old text")
        return found

    def _other(self, job: JobContext) -> Text:
        """A text of any kind but lyrics. ModelError where no answer fits the schema."""
        self.prepare(job)
        request, subject = self.request, self._subject
        wanted = kinds.asked_schema(request.kind)
        facts = {name: value for name, value in subject.facts.items() if name not in ("theme", "made_seed")}
        first = messages = kind_messages(request, subject.facts["theme"], facts, wanted)
        reasons: list[str] = []
        for turn in range(ROUNDS + 1):
            job.progress(turn / (ROUNDS + 1), "writing")
            answer = self.answer(job, messages, wanted, request.seed + 1000 * turn)
            try:
                content = json_in(answer)
                reasons = kinds.complaints(content, wanted) or self._untrue(content)
            except ValueError as error:
                reasons = [str(error)]
            if not reasons:
                break
            self._remarks.append(f"try {turn + 1}: {reasons[0]}")
            messages = again(first, answer, reasons, request.language)
        else:
            raise ModelError(
                f"{self.model().name} wrote no valid {request.kind} in {ROUNDS + 1} answers ({reasons[0]}): "
                "take a larger model, or backend builtin"
            )
        document = kinds.finished(request, content | self._known(), subject.facts["theme"]) | {"by": self.by}
        self._figures = figures(document, subject)
        return Text(request.kind, document, kinds.plain(document))

    def _known(self) -> dict[str, Any]:
        """What the program itself knows of the music, as the schema of the kind has it."""
        facts, kind = self._subject.facts, self.request.kind
        if kind == "album-notes":
            names = {"parts": "players", "seed": "made_seed"}
            wanted = ("key", "bpm", "metre", "bars", "length", "parts", "form", "style", "seed")
            known = {name: facts.get(names.get(name, name), "") for name in wanted}
            return {"facts": {name: value for name, value in known.items() if value}}
        if kind in ("character", "quest", "scene") and "key" in facts:
            return {"music": {"key": facts["key"], "bpm": facts["bpm"]}}
        return {}

    def _untrue(self, content: Mapping[str, Any]) -> list[str]:
        """Album notes: numbers that are none of the facts."""
        if self.request.kind != "album-notes":
            return []
        true = set(NUMBER.findall(" ".join(self._subject.facts.values())))
        said = NUMBER.findall(" ".join(content["paragraphs"]))
        return [f"paragraphs: the number {number} is none of the facts" for number in said if number not in true][:3]
