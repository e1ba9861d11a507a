"""A request for any kind but lyrics becomes a text: a few drafts from the grammar, of which the most varied is kept.

Album notes tell true facts of the music alone; what else stands there is openly a matter of taste. News invent a name
where none is given, and the document says so under 'invented'.

Threads: one writer a thread. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from aigc_music.core.errors import UsageError
from aigc_music.core.texts import Text
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import TextRequest
from aigc_music.engine.streams import stream

from .figures import figures
from .grammar import Writer, parse
from .plain import plain
from .subject import Subject, subject_of

__all__ = ["BuiltinKinds", "finished", "needs_music"]

DRAFTS = 6
TITLES = 6


class BuiltinKinds:
    """Serves requests of every kind but lyrics (see engine.registry.Generator). UsageError for album notes without
    music, FileError where it cannot be read."""

    def __init__(self, request: TextRequest) -> None:
        needs_music(request)
        self.request = request
        self._table = _table(request.language, request.kind)
        draw = stream(request.seed, "subject")
        themes = self._table["rules"]["theme"]
        theme = parse(themes[int(draw.integers(len(themes)))]).text
        self.subject: Subject = subject_of(request, theme, bool(draw.integers(2)))
        self._quality: dict[str, Any] = {}

    def stream(self, job: JobContext) -> Iterator[str]:
        """The text, paragraph by paragraph."""
        yield from self.generate(job).plain.strip().split("\n\n")

    def generate(self, job: JobContext) -> Text:
        """The best of a few drafts; the same seed gives the same text."""
        drafts = []
        for number in range(DRAFTS):
            job.progress(number / DRAFTS, "writing")
            drafts.append(self._draft(job, number))
        documents = [self._document(content, writer) for content, writer in drafts]
        measured = [figures(document, self.subject) for document in documents]
        best = min(range(DRAFTS), key=lambda number: measured[number]["rank"])
        self._quality = measured[best]
        return Text(self.request.kind, documents[best], plain(documents[best]))

    def materials(self) -> list[Material]:
        """The language model, where one told which words are near the theme."""
        return [] if self.subject.model is None else [self.subject.model]

    def quality(self) -> dict[str, Any]:
        """See figures."""
        return self._quality

    def disclosure(self) -> dict[str, str]:
        return {"text": "generated"}

    def _draft(self, job: JobContext, number: int) -> tuple[dict[str, Any], Writer]:
        subject, table = self.subject, self._table
        rules = table["rules"] | {"word": subject.words}
        draw = job.rng(f"{self.request.kind} {number}")
        writer = Writer(
            self.request.language, rules, table["facts"], subject.flags, draw, subject.likeness, subject.facts
        )
        shape = table["document"]
        if self.request.kind == "title":
            count = self.request.lines or TITLES
            shape = {"titles": shape["titles"] | {"times": [count, count]}}
        return writer.fill(shape), writer

    def _document(self, content: dict[str, Any], writer: Writer) -> dict[str, Any]:
        document = finished(self.request, content, self.subject.facts["theme"])
        invented = [name for name in ("title", "artist") if name in writer.facts and name not in self.subject.flags]
        if invented:
            document["invented"] = invented
        return document


def needs_music(request: TextRequest) -> None:
    """UsageError where the kind tells of music and the request has none."""
    if request.kind == "album-notes" and request.melody is None:
        raise UsageError("album notes tell facts of music: name a MIDI file (melody=..., --melody FILE.mid)")


def finished(request: TextRequest, content: dict[str, Any], theme: str) -> dict[str, Any]:
    """The document of a kind: what was written, and what it is. Titles without a double."""
    if "titles" in content:
        content = content | {"titles": list(dict.fromkeys(content["titles"]))}
    return {"kind": request.kind, "language": request.language, "theme": theme} | content


@lru_cache(maxsize=32)
def _table(language: str, kind: str) -> dict[str, Any]:
    """Shape, facts and rules of a kind, with the words that all kinds share."""
    folder = files(__package__) / "tables" / language
    common, own = (json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("common", kind))
    return {"document": own["document"], "facts": own["facts"], "rules": common["rules"] | own["rules"]}
