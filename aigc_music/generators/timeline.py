"""A song by the clock: what moving pictures follow, in seconds from its beginning.

Of music of ours every note is known, to the sample; of a sound from outside, what can be heard in it.
Threads: any, nothing is changed once it is made. Realtime-safe: no.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .facts import SongFacts

__all__ = ["ChordSpan", "SectionSpan", "Timeline", "timeline_of"]


class ChordSpan(NamedTuple):
    """A chord, seconds [begin, end). root: pitch class 0..11; quality: index in core.theory.CHORD_QUALITIES."""

    begin: float
    end: float
    root: int
    quality: int


class SectionSpan(NamedTuple):
    """A stretch of the form, seconds [begin, end), such as 'verse' or 'chorus'."""

    begin: float
    end: float
    name: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """seconds: length of the song. notes: (n, 5) float64 in order of time: start and end in seconds, pitch 0..127,
    velocity 0..1, part (a number of core.parts). beats, bars: when each begins, seconds. energy: (b,) one a bar, 0
    calm .. 1 full. bright, arousal: -1..1. tonic: 0..11.
    """

    seconds: float
    notes: NDArray[np.float64]
    chords: tuple[ChordSpan, ...]
    sections: tuple[SectionSpan, ...]
    beats: NDArray[np.float64]
    bars: NDArray[np.float64]
    energy: NDArray[np.float64]
    bright: float
    arousal: float
    tonic: int
    minor: bool
    bpm: float

    def fingerprint(self) -> int:
        """A number of these notes, the same on every machine: it parts the chances of one song from another's."""
        return zlib.crc32(np.round(self.notes * 1e3).astype("<i4").tobytes() + bytes([self.tonic, self.minor]))


def timeline_of(facts: SongFacts) -> Timeline:
    """The timeline of a piece whose notes are known."""
    tempo = facts.score.tempo_map()

    def at(tick: int) -> float:
        return tempo.ns_at(tick) / 1e9

    notes = [(at(row.tick), at(row.end), row.pitch, row.velocity / 127, row.part) for row in facts.notes]
    ends = [row.tick for row in facts.chords[1:]] + [facts.end]
    metres = facts.score.metre_map()
    beats = []
    tick = 0
    while tick < facts.end:
        beats.append(at(tick))
        tick += metres.position(tick).metre.beat_ticks
    bright, arousal = facts.mood
    return Timeline(
        seconds=facts.seconds,
        notes=np.array(notes, np.float64).reshape(-1, 5),
        chords=tuple(ChordSpan(at(row.tick), at(end), row.chord.root, row.chord.quality)
                     for row, end in zip(facts.chords, ends, strict=True) if row.chord.root < 12),
        sections=tuple(SectionSpan(at(row.begin), at(row.end), row.name) for row in facts.sections),
        beats=np.array(beats),
        bars=np.array([at(tick) for tick in facts.bars]),
        energy=facts.energy,
        bright=bright, arousal=arousal, tonic=facts.key.tonic, minor=facts.key.is_minor, bpm=facts.bpm,
    )  # fmt: skip
