"""A text as data: a document of JSON values, plain words to read, and lyrics in time where there are some."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .lyrics import TimedLyrics
from .notes import Score

__all__ = ["Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """kind: what it is, such as lyrics or story. document: all of it as JSON values. plain: for people to read.
    timed: lyrics in time, where there is a melody. melody, track: the music they are sung to, and the index of the
    track that sings."""

    kind: str
    document: dict[str, Any] = field(default_factory=dict)
    plain: str = ""
    timed: TimedLyrics | None = None
    melody: Score | None = None
    track: int = 0
