"""The chart: what a band that plays a whole piece is told, from the first bar to the last.

Songs and tasks write a chart each in their own way; `perform` plays any. Times are ticks of the piece.

Threads: any, a chart is not changed once it is written.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre

from .band import Wishes
from .chords import ChordAt, scale_under

__all__ = ["FILL", "Chart", "Played", "Pointer", "Span", "whole_bars"]


FILL = 0.4
"""A bar of drums that is to be like an earlier one by no more than this is a fill."""


class Played(NamedTuple):
    """A note of a part; times in ticks."""

    tick: int
    part: int
    pitch: int
    velocity: int
    duration: int

    @property
    def end(self) -> int:
        """Tick at which the note stops."""
        return self.tick + self.duration


class Pointer(NamedTuple):
    """From `tick` on, bars are like those `bars_back` before, as much as `likeness` (0..1) says; 0 = no pointer."""

    tick: int
    bars_back: int
    likeness: float


class Span(NamedTuple):
    """From `tick` on the band is told these wishes. name: of the section, for people."""

    tick: int
    name: str
    wishes: Wishes


@dataclass(slots=True)
class Chart:
    """begin, end: from where to where the band plays. metres: (tick, Metre), the first one at or before `begin`.

    spans: at least one, the first at or before `begin`. form, groove: pointers of the pitched parts and of the drums.
    past: notes that the band is to take for its own, before `begin`. given: notes of the musician, any time; the band
    hears each when it comes. finale: tick of the last chord, which all hold until `end`; None = no ending. choir:
    melody, counter, inner and bass never cross. swing 0..1, see `groove.swung`.
    """

    metres: list[tuple[int, Metre]]
    begin: int
    end: int
    spans: list[Span]
    chords: list[ChordAt] = field(default_factory=list)
    form: list[Pointer] = field(default_factory=list)
    groove: list[Pointer] = field(default_factory=list)
    past: list[Played] = field(default_factory=list)
    given: list[Played] = field(default_factory=list)
    finale: int | None = None
    choir: bool = False
    swing: float = 0.0

    @property
    def key(self) -> Key:
        """The key at the beginning."""
        return self.spans[0].wishes.key

    def metre_at(self, tick: int) -> tuple[int, Metre]:
        """(a bar line, the metre) in force at `tick`."""
        return self.metres[max(0, bisect_right(self.metres, tick, key=lambda row: row[0]) - 1)]

    def chord_at(self, tick: int) -> Chord:
        """The chord in force at `tick`."""
        index = bisect_right(self.chords, tick, key=lambda row: row.tick) - 1
        return self.chords[index].chord if index >= 0 else Chord()

    def fills(self) -> list[tuple[int, int]]:
        """(from, to) of the drums' fills: the last half of every bar that is told to be unlike the one before."""
        rows = []
        for pointer in self.groove:
            if pointer.bars_back and pointer.likeness <= FILL:
                bar = self.metre_at(pointer.tick)[1].bar_ticks
                rows.append((pointer.tick + bar // 2, pointer.tick + bar))
        return rows

    def stretches(self) -> list[tuple[int, Wishes]]:
        """The wishes with the scale that each chord asks for: (tick, wishes), one row wherever they change."""
        ticks = sorted({span.tick for span in self.spans} | {chord.tick for chord in self.chords})
        rows: list[tuple[int, Wishes]] = []
        for tick in ticks:
            index = max(0, bisect_right(self.spans, tick, key=lambda span: span.tick) - 1)
            wishes = self.spans[index].wishes
            if wishes.scale is None:
                wishes = replace(wishes, scale=scale_under(wishes.key, self.chord_at(tick)))
            if not rows or rows[-1][1] != wishes:
                rows.append((tick, wishes))
        return rows


def whole_bars(metres: Iterable[tuple[int, Metre]], end: int) -> list[tuple[int, Metre]]:
    """(first tick, metre) of every bar that begins before `end`."""
    rows = list(metres)
    bars: list[tuple[int, Metre]] = []
    for (start, metre), following in zip(rows, [tick for tick, _ in rows[1:]] + [end], strict=True):
        bars.extend((tick, metre) for tick in range(start, min(end, following), metre.bar_ticks))
    return bars
