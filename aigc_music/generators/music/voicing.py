"""Plain keys: a chord as four notes near the middle of the keyboard, each chord as close as can be to the one before.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from aigc_music.core.parts import PART_NAMES
from aigc_music.core.theory import CHORD_QUALITIES, NO_CHORD, NO_ROOT

from .chart import Played
from .chords import ChordAt

__all__ = ["plain_keys", "voiced"]

_LOW, _HIGH = 52, 72  # where the upper notes lie
_BASS = 40  # the bass note is the first of its class from here on
_MIDDLE = 60.0
_VELOCITY = 64
_KEYS = PART_NAMES.index("keys")


def voiced(row: ChordAt, before: Sequence[int]) -> list[int]:
    """Pitches of the chord, lowest first: bass, then root, third and fifth or seventh, as near `before` as can be."""
    root, quality = row.chord
    if quality >= NO_CHORD:
        return []
    steps = CHORD_QUALITIES[quality][1]
    chosen = steps if len(steps) == 3 else (0, steps[1], steps[3])
    places = [[p for p in range(_LOW, _HIGH + 1) if (p - root - step) % 12 == 0] for step in chosen]
    middle = sum(before[1:]) / max(1, len(before) - 1) if len(before) > 1 else _MIDDLE

    def distance(pitches: Sequence[int]) -> tuple[float, float]:
        upper = sorted(pitches)
        moved = sum(abs(a - b) for a, b in zip(upper, before[1:], strict=False)) if len(before) > 1 else 0
        return moved + 2.0 * max(0, upper[-1] - upper[0] - 11), abs(sum(upper) / len(upper) - middle)

    upper = min((sorted(set(pitches)) for pitches in product(*places)), key=distance)
    low = row.bass if row.bass != NO_ROOT else root
    return [_BASS + (low - _BASS) % 12, *upper]


def plain_keys(chords: Sequence[ChordAt], end: int) -> list[Played]:
    """Every chord held until the next one, the last until tick `end`."""
    notes: list[Played] = []
    before: list[int] = []
    for row, following in zip(chords, [row.tick for row in chords[1:]] + [end], strict=True):
        pitches = voiced(row, before)
        before = pitches or before
        notes += [Played(row.tick, _KEYS, p, _VELOCITY, max(1, following - row.tick)) for p in pitches]
    return notes
