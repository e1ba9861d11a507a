"""What a picture knows of a song: its notes, chords and energy as plain numbers, mostly between 0 and 1.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import DRUMS
from aigc_music.core.theory import CHORD_QUALITIES, NO_CHORD, NO_ROOT
from aigc_music.engine.requests import ImageRequest
from aigc_music.engine.streams import stream

from ..facts import SongFacts, facts_of

__all__ = ["Degree", "Motif", "motif_by_chance", "motif_for", "motif_of"]

_TENSION = (0.1, 0.2, 0.7, 0.7, 0.3, 0.3, 0.5, 0.7, 0.9, 0.4, 0.25, 0.45)  # one a chord quality, by ear
_MOST_CHORDS = 64


class Degree(NamedTuple):
    """A chord: start and length in shares of the song, root in semitones above the tonic, quality, tension 0..1."""

    start: float
    length: float
    root: int
    quality: int
    tension: float

    @property
    def tones(self) -> tuple[int, ...]:
        """Its notes in semitones above the song's tonic, 0..11."""
        return tuple((self.root + step) % 12 for step in CHORD_QUALITIES[self.quality][1])


@dataclass(frozen=True, slots=True)
class Motif:
    """notes: (n, 5) start, height, length, velocity in 0..1, and the pitch class above the tonic, in order of time.
    melody: (m, 5) the same of the leading part alone. hook: (k, 5) the fullest stretch of it, start and length in
    shares of that stretch. chords: never empty. energy: (b,) 0..1, one a bar. edges:
    where sections begin, 0..1. bright, arousal: -1..1. tonic: 0..11.
    """

    notes: NDArray[np.float64]
    melody: NDArray[np.float64]
    hook: NDArray[np.float64]
    chords: tuple[Degree, ...]
    energy: NDArray[np.float64]
    edges: tuple[float, ...]
    bright: float
    arousal: float
    tonic: int
    minor: bool

    def fingerprint(self) -> int:
        """A number of these notes, the same on every machine: it parts the chances of one song from another's."""
        return zlib.crc32(np.round(self.notes * 1e4).astype("<i4").tobytes() + bytes([self.tonic, self.minor]))

    def contour(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Height 0..1 of the melody at places 0..1, from note to note in straight lines."""
        return np.interp(places, self.melody[:, 0] + 0.5 * self.melody[:, 2], self.melody[:, 1])

    def loudness(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Energy 0..1 at places 0..1, from bar to bar in straight lines."""
        return np.interp(places, (np.arange(len(self.energy)) + 0.5) / len(self.energy), self.energy)


def motif_of(facts: SongFacts, mood: tuple[float, float] | None) -> Motif:
    """The motif of a song. mood: (brightness, arousal) that counts instead of the song's own."""
    end = float(max(1, facts.end))
    pitched = [note for note in facts.notes if note.part != DRUMS]
    rows = np.array(
        [
            (
                note.tick / end,
                note.pitch,
                note.duration / end,
                note.velocity / 127,
                (note.pitch - facts.key.tonic) % 12,
            )
            for note in pitched
        ]
        or [(0.0, 60, 1.0, 0.5, 0)],
        np.float64,
    )
    parts = np.array([note.part for note in pitched] or [0])
    lead = _lead(rows, parts)
    bright, arousal = mood or facts.mood
    return Motif(
        notes=_scaled(rows), melody=_scaled(lead), hook=_scaled(_hook(lead)),
        chords=_degrees(facts, end), energy=np.maximum(facts.energy, 0.02),
        edges=tuple(section.begin / end for section in facts.sections), bright=bright, arousal=arousal,
        tonic=facts.key.tonic, minor=facts.key.is_minor,
    )  # fmt: skip


def motif_for(request: ImageRequest, mood: tuple[float, float] | None) -> Motif:
    """The motif of the song that a request gives, or one by chance. Errors as facts_of."""
    if request.song is None:
        return motif_by_chance(stream(request.seed, "cover.motif"), mood)
    return motif_of(facts_of(request.song), mood)


def motif_by_chance(rng: np.random.Generator, mood: tuple[float, float] | None) -> Motif:
    """A motif where no song is given: a tune that wanders over a scale, and chords of it."""
    minor = bool(rng.random() < 0.5)
    scale = (0, 2, 3, 5, 7, 8, 10) if minor else (0, 2, 4, 5, 7, 9, 11)
    lengths = rng.choice([1, 1, 2, 2, 3, 4, 6], 96).astype(np.float64)
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]]) / lengths.sum()
    place, rows = 7, []
    for start, length in zip(starts, lengths / lengths.sum(), strict=True):
        place = int(np.clip(place + rng.choice([-3, -2, -1, -1, 1, 1, 2, 4]), 0, 14))
        pitch = 60 + 12 * (place // 7) + scale[place % 7]
        rows.append((start, pitch, length, rng.uniform(0.4, 1), pitch % 12))
    melody = np.array(rows)
    low = np.array([(bar / 16, 36 + scale[int(rng.integers(7))], 1 / 16, 0.6, 0) for bar in range(16)])
    notes = np.concatenate([melody, low])
    notes = notes[np.argsort(notes[:, 0], kind="stable")]
    roots = [0, *rng.choice([0, 3, 4, 5, 1, 2], 15).tolist()]
    chords = tuple(Degree(bar / 16, 1 / 16, scale[root], int(root in (1, 2, 5)) ^ int(minor), 0.3)
                   for bar, root in enumerate(roots))  # fmt: skip
    bright, arousal = mood or (float(rng.uniform(-1, 1)), float(rng.uniform(-1, 1)))
    energy = np.clip(0.5 + 0.35 * np.sin(np.arange(16) / 16 * np.pi * 3) + rng.normal(0, 0.12, 16), 0.05, 1)
    return Motif(
        notes=_scaled(notes), melody=_scaled(melody), hook=_scaled(_hook(melody)),
        chords=chords,
        energy=energy, edges=(0.0, 0.25, 0.5, 0.75), bright=bright, arousal=arousal, tonic=int(rng.integers(12)),
        minor=minor,
    )  # fmt: skip


def _scaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """With heights stretched to 0..1."""
    result = rows.copy()
    low, high = rows[:, 1].min(), rows[:, 1].max()
    result[:, 1] = (rows[:, 1] - low) / max(1.0, high - low)
    return result


def _lead(rows: NDArray[np.float64], parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The first part that has a tune, one note at a time, the highest where several begin together."""
    counts = {int(part): int((parts == part).sum()) for part in np.unique(parts)}
    part = next((name for name in sorted(counts) if counts[name] >= 12), max(counts, key=lambda name: counts[name]))
    best: dict[float, NDArray[np.float64]] = {}
    for row in rows[parts == part]:
        if row[0] not in best or row[1] > best[row[0]][1]:
            best[float(row[0])] = row
    return np.array([best[start] for start in sorted(best)])


def _hook(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """The stretch of up to 32 notes with most going on: many notes, loud and high."""
    size = min(32, len(lead))
    weight = lead[:, 3] + 0.02 * lead[:, 1]
    sums = np.convolve(weight, np.ones(size), "valid")
    begin = int(np.argmax(sums))
    rows = lead[begin : begin + size].copy()
    start, end = rows[0, 0], float((rows[:, 0] + rows[:, 2]).max())
    rows[:, 0] = (rows[:, 0] - start) / max(1e-9, end - start)
    rows[:, 2] /= max(1e-9, end - start)
    return rows


def _degrees(facts: SongFacts, end: float) -> tuple[Degree, ...]:
    rows = [row for row in facts.chords if row.chord.root != NO_ROOT and row.chord.quality < NO_CHORD]
    ticks = [row.tick for row in rows] + [facts.end]
    found = [
        Degree(row.tick / end, max(1, after - row.tick) / end, (row.chord.root - facts.key.tonic) % 12,
               row.chord.quality, _TENSION[row.chord.quality])
        for row, after in zip(rows, ticks[1:], strict=True)
    ]  # fmt: skip
    return tuple(found[:_MOST_CHORDS]) or (Degree(0.0, 1.0, 0, int(facts.key.is_minor), 0.1),)
