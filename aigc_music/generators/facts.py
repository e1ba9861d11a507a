"""Song facts: what words, pictures and clips may know of a piece, to the tick and to the second.

Read once from a MIDI file or a Score; our own pieces say key, chords and sections themselves, of others they are
estimated. Threads: any, facts are not changed once they are read. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.notes import Score
from aigc_music.core.parts import DRUMS
from aigc_music.core.styles import STYLE_NAMES
from aigc_music.core.theory import Key

from .music.chart import Played
from .music.chords import ChordAt
from .music.given import read_given

__all__ = ["Section", "SongFacts", "facts_of"]


class Section(NamedTuple):
    """A stretch of the form, ticks [begin, end)."""

    begin: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class SongFacts:
    """A piece, named. notes: each with its part (see core.parts), in order of time. bars: first tick of each.
    energy: (bars,) 0 calm .. 1 full, from how many notes there are and how loud, beside the piece's own loudest.
    """

    score: Score
    title: str
    style: str
    key: Key
    bpm: float
    notes: tuple[Played, ...]
    chords: tuple[ChordAt, ...]
    sections: tuple[Section, ...]
    bars: tuple[int, ...]
    end: int
    energy: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        return self.score.seconds()

    @property
    def mood(self) -> tuple[float, float]:
        """(brightness, arousal), each -1..1: major and high against minor and low; fast, dense and loud against slow,
        sparse and soft. The two axes of Russell's circumplex (1980), by rule."""
        pitched = [note for note in self.notes if note.part != DRUMS]
        height = (np.mean([note.pitch for note in pitched]) - 60) / 24 if pitched else 0.0
        bright = float(np.clip((-0.6 if self.key.is_minor else 0.5) + 0.5 * height, -1, 1))
        dense = len(self.notes) / max(1.0, self.seconds)
        loud = float(np.mean([note.velocity for note in self.notes])) if self.notes else 64.0
        arousal = 0.5 * (self.bpm - 105) / 60 + 0.3 * (np.log2(max(dense, 0.25)) - 2.5) / 2 + 0.4 * (loud - 74) / 30
        return bright, float(np.clip(arousal, -1, 1))


def facts_of(source: str | Score) -> SongFacts:
    """Facts of a MIDI file or a Score. FileError where it cannot be read, UsageError for fewer than 4 notes."""
    given = read_given(source, "song facts")
    score = given.score
    bars = tuple(tick for tick, _ in given.bars)
    notes = tuple(given.notes)
    style = STYLE_NAMES[given.song.style] if given.song.style < len(STYLE_NAMES) else ""
    for name in STYLE_NAMES:
        if score.title.startswith(f"{name} in "):
            style = name
    markers = [(tick, text) for tick, text in score.markers if tick < given.end] or [(0, "")]
    ends = [tick for tick, _ in markers[1:]] + [given.end]
    sections = tuple(Section(begin, end, name) for (begin, name), end in zip(markers, ends, strict=True))
    return SongFacts(
        score=score, title=score.title, style=style, key=given.key, bpm=given.bpm, notes=notes,
        chords=tuple(given.chords), sections=sections, bars=bars, end=given.end,
        energy=_energy(notes, bars, given.end),
    )  # fmt: skip


def _energy(notes: tuple[Played, ...], bars: tuple[int, ...], end: int) -> NDArray[np.float64]:
    """Sum of velocities a tick of each bar, by the largest bar."""
    edges = np.array([*bars, end], np.float64)
    ticks = [note.tick for note in notes]
    sums, _ = np.histogram(ticks, edges, weights=[note.velocity for note in notes])
    rate: NDArray[np.float64] = sums / np.maximum(1.0, np.diff(edges))
    return rate / max(1e-9, float(rate.max(initial=0)))
