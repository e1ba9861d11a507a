"""Musical time and clock time, and the bijection between them.

Musical time is an integer number of ticks, TICKS_PER_QUARTER to the quarter note; clock time is an integer
number of nanoseconds. A TempoMap joins the two, a MetreMap says in which bar and beat a tick lies.
After Ableton Link's Timeline: two named directions, integers inside, no accumulated error.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from .errors import UsageError

__all__ = [
    "BPM_MAX",
    "BPM_MIN",
    "NS_PER_MINUTE",
    "TICKS_PER_QUARTER",
    "BarPosition",
    "Metre",
    "MetreMap",
    "TempoMap",
    "check_bpm",
]

TICKS_PER_QUARTER = 480
NS_PER_MINUTE = 60_000_000_000
BPM_MIN, BPM_MAX = 5.0, 1500.0


def check_bpm(bpm: float) -> float:
    """Return `bpm` as float; UsageError outside BPM_MIN..BPM_MAX quarter notes a minute (or not a number)."""
    if not BPM_MIN <= bpm <= BPM_MAX:
        raise UsageError(f"tempo {bpm!r} is out of range: give {BPM_MIN:g}..{BPM_MAX:g} quarter notes a minute")
    return float(bpm)


class Metre(NamedTuple):
    """A time signature: `beats` beats of a 1/`unit` note."""

    beats: int = 4
    unit: int = 4

    @property
    def beat_ticks(self) -> int:
        """Length of one beat in ticks."""
        return max(1, TICKS_PER_QUARTER * 4 // self.unit)

    @property
    def bar_ticks(self) -> int:
        """Length of one bar in ticks."""
        return self.beats * self.beat_ticks

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"


class BarPosition(NamedTuple):
    """Where a tick lies: bar and beat count from 0, `tick` is the rest inside the beat."""

    bar: int
    beat: int
    tick: int
    metre: Metre


class MetreMap:
    """Time signatures over a piece. `changes`: (tick, Metre) pairs; 4/4 before the first one.

    A change inside a bar starts a new bar there, as notation programs do.
    """

    def __init__(self, changes: list[tuple[int, Metre]] | None = None) -> None:
        merged = {0: Metre()}
        for tick, metre in changes or []:
            merged[max(0, tick)] = metre
        self.changes = sorted(merged.items())
        self._starts = [tick for tick, _ in self.changes]
        self._bars = [0]
        for (tick, metre), (following, _) in zip(self.changes, self.changes[1:], strict=False):
            self._bars.append(self._bars[-1] + -(-(following - tick) // metre.bar_ticks))

    def position(self, tick: int) -> BarPosition:
        """Bar, beat and rest of `tick`; ticks before 0 count back in the first metre."""
        index = max(0, bisect_right(self._starts, tick) - 1)
        start, metre = self.changes[index]
        bar, inside = divmod(tick - start, metre.bar_ticks)
        beat, rest = divmod(inside, metre.beat_ticks)
        return BarPosition(self._bars[index] + bar, beat, rest, metre)

    def bar_start(self, tick: int) -> int:
        """Tick of the bar line at or before `tick`."""
        where = self.position(tick)
        return tick - where.beat * where.metre.beat_ticks - where.tick


@dataclass(frozen=True, slots=True)
class _Segment:
    tick: int
    ns: int
    ns_per_quarter: int


class TempoMap:
    """Ticks <-> nanoseconds for a piece with tempo changes.

    `changes`: (tick, bpm) pairs; the first tempo also holds before it; 120 bpm without any. Both directions
    are monotonic, and `tick_at(ns_at(tick)) == tick` for every tick as long as a tick lasts 1 ns or more
    (which BPM_MAX guarantees by far).
    """

    def __init__(self, changes: list[tuple[int, float]] | None = None) -> None:
        merged: dict[int, float] = {}
        for tick, bpm in changes or []:
            merged[max(0, tick)] = check_bpm(bpm)
        if 0 not in merged:
            merged[0] = merged[min(merged)] if merged else 120.0
        self.changes = sorted(merged.items())
        self._segments: list[_Segment] = []
        ns = 0
        for tick, bpm in self.changes:
            if self._segments:
                last = self._segments[-1]
                ns = last.ns + (tick - last.tick) * last.ns_per_quarter // TICKS_PER_QUARTER
            self._segments.append(_Segment(tick, ns, round(NS_PER_MINUTE / bpm)))
        self._ticks = [segment.tick for segment in self._segments]
        self._times = [segment.ns for segment in self._segments]

    def ns_at(self, tick: int) -> int:
        """Nanoseconds from tick 0 to `tick` (negative before it)."""
        segment = self._segments[max(0, bisect_right(self._ticks, tick) - 1)]
        return segment.ns + (tick - segment.tick) * segment.ns_per_quarter // TICKS_PER_QUARTER

    def tick_at(self, ns: int) -> int:
        """The tick that is sounding at `ns`: the largest one with `ns_at(tick) <= ns`."""
        segment = self._segments[max(0, bisect_right(self._times, ns) - 1)]
        return segment.tick + ((ns - segment.ns + 1) * TICKS_PER_QUARTER - 1) // segment.ns_per_quarter

    def bpm_at(self, tick: int) -> float:
        """Tempo at `tick` in quarter notes a minute."""
        return self.changes[max(0, bisect_right(self._ticks, tick) - 1)][1]
