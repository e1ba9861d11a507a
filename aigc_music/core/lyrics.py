"""Lyrics in time: lines of words of syllables, each with its seconds. Free of any file format.

Threads: frozen values. Realtime-safe: yes, to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Line", "Syllable", "TimedLyrics", "Word"]


@dataclass(frozen=True, slots=True)
class Syllable:
    """A syllable as it is written in its word, and when it is sung: start_s <= end_s, seconds from the beginning."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Word:
    """At least one syllable; together they spell the word, with its punctuation. spaced: a space follows in writing
    (False between Chinese characters)."""

    syllables: tuple[Syllable, ...]
    spaced: bool = True

    @property
    def text(self) -> str:
        return "".join(syllable.text for syllable in self.syllables)

    @property
    def start_s(self) -> float:
        return self.syllables[0].start_s

    @property
    def end_s(self) -> float:
        return self.syllables[-1].end_s


@dataclass(frozen=True, slots=True)
class Line:
    """At least one word. section: such as 'verse' or 'chorus', empty where unknown. background: sung behind the
    lead voice."""

    words: tuple[Word, ...]
    section: str = ""
    background: bool = False

    @property
    def text(self) -> str:
        return "".join(word.text + " " * word.spaced for word in self.words).rstrip()

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s

    @property
    def syllables(self) -> tuple[Syllable, ...]:
        return tuple(syllable for word in self.words for syllable in word.syllables)


@dataclass(frozen=True, slots=True)
class TimedLyrics:
    """Lines in order of their start. language: a BCP 47 tag such as 'en' or 'zh-Hans', empty where unknown. repairs:
    what a reader of files had to mend, in words; two lyrics that differ in it alone are equal."""

    lines: tuple[Line, ...]
    title: str = ""
    artist: str = ""
    album: str = ""
    language: str = ""
    repairs: tuple[str, ...] = field(default=(), compare=False)

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    @property
    def text(self) -> str:
        """The words alone, a line each, an empty line where the section changes."""
        rows: list[str] = []
        before = None
        for line in self.lines:
            if before is not None and line.section != before:
                rows.append("")
            rows.append(line.text)
            before = line.section
        return "\n".join(rows)
