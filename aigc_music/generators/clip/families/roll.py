"""Roll: the notes themselves, as a score of bars that runs past a line. What sounds is whole and bright; what has
sounded and what is to come are quieter. Chords colour the field behind.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

import skia

from ...design.area import Area
from ...design.colour import mix
from ..follow import Follow, Track, fall
from ..paper import Inks, Paper, brush
from ..scene import Figure, Layers, Stage

__all__ = ["Roll"]

SPEED = 205.0  # units a second
NOW = 0.38  # where on the length the line stands
LANES: tuple[tuple[str, float, float, float], ...] = (
    # voice, from and to on the width of the band, thickness of a bar in units
    ("lead", 0.07, 0.43, 30.0),
    ("inner", 0.48, 0.76, 17.0),
    ("bass", 0.81, 0.885, 46.0),
)
DRUM_LANE = 0.955


class Roll:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        palette, paper = stage.palette, self.paper
        self._upright = paper.height > 1.2 * paper.width  # time runs upwards in a tall frame
        self._length = paper.height if self._upright else paper.width
        self._breadth = paper.width if self._upright else paper.height
        self._here = NOW * self._length
        first, second, third = palette.accents
        self._colours = {
            "lead": self.inks.seen(first),
            "inner": self.inks.seen(second),
            "bass": self.inks.seen(third),
        }
        self._bright = {name: mix(colour, palette.ink, 0.22) for name, colour in self._colours.items()}
        self._fields = [mix(palette.ground, self.inks.of_fifths(fifths), 0.16) for fifths in range(12)]

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        pixels, canvas = paper.ground(inks.palette.ground)
        first, last = at - self._here / SPEED, at + (self._length - self._here) / SPEED
        self._field(canvas, at, first, last)
        figures: list[Figure] = []
        for name, low, high, thick in LANES:
            track: Track = getattr(follow, name)
            self._path(canvas, name, track, low, high, at, first, last)
            for note in track.between(first - 4.0, last):
                begin, end = self._along(float(track.start[note]), at), self._along(float(track.end[note]), at)
                side = self._breadth * (high + (low - high) * float(track.height[note]))
                age = at - float(track.start[note])
                sounding = age >= 0 and at < track.end[note] + 0.12
                if sounding:
                    figures += self._bar(
                        begin, end, side, thick * (1 + 0.55 * fall(age, 0.18)), self._bright[name], age
                    )
                else:
                    quiet = 0.5 if age < 0 else 0.30 + 0.5 * fall(at - float(track.end[note]), 0.5)
                    canvas.drawRoundRect(*self._rect(begin, end, side, thick), brush(self._colours[name], quiet))
        self._drums(canvas, at, first, last)
        figures += self._line(at)
        return Layers(pixels, tuple(figures))

    def _along(self, time: float, at: float) -> float:
        return self._here + (time - at) * SPEED

    def _rect(self, begin: float, end: float, side: float, thick: float) -> tuple[Any, float, float]:
        """A bar with round ends: skia's rectangle and its radii."""
        end = max(end - 5.0, begin + thick)
        edges = (begin, side - 0.5 * thick, end, side + 0.5 * thick)
        if self._upright:
            edges = (edges[1], self._length - end, edges[3], self._length - begin)
        return skia.Rect(*edges), 0.5 * thick, 0.5 * thick

    def _field(self, canvas: Any, at: float, first: float, last: float) -> None:
        """Chords as fields of colour, parted by fine lines."""
        follow = self.follow
        chords = follow.chords_between(first, last)
        ends = [chord.begin for chord in chords[1:]] + [last + 1.0]
        line = brush(self.inks.palette.ink, 0.16, 1.2)
        for chord, end in zip(chords, ends, strict=True):
            low, high = self._along(chord.begin, at), self._along(end, at)
            rect = (low, 0.0, high, self._breadth)
            if self._upright:
                rect = (0.0, self._length - high, self._breadth, self._length - low)
            canvas.drawRect(skia.Rect(*rect), brush(self._fields[chord.fifths]))
            if self._upright:
                canvas.drawLine(0, self._length - low, self._breadth, self._length - low, line)
            else:
                canvas.drawLine(low, 0, low, self._breadth, line)

    def _path(
        self, canvas: Any, name: str, track: Track, low: float, high: float, at: float, first: float, last: float
    ) -> None:
        """Of the tune, a thread from bar to bar."""
        if name != "lead":
            return
        notes = track.between(first - 2.0, last + 2.0)
        thread = brush(self._colours[name], 0.55, 2.0)
        for note in notes[:-1]:
            gap = float(track.start[note + 1] - track.end[note])
            if gap < 0.9:
                a = self._point(float(track.end[note]), float(track.height[note]), low, high, at)
                b = self._point(float(track.start[note + 1]), float(track.height[note + 1]), low, high, at)
                canvas.drawLine(*a, *b, thread)

    def _point(self, time: float, height: float, low: float, high: float, at: float) -> tuple[float, float]:
        along, side = self._along(time, at), self._breadth * (high + (low - high) * height)
        return (side, self._length - along) if self._upright else (along, side)

    def _drums(self, canvas: Any, at: float, first: float, last: float) -> None:
        drums, ink = self.follow.drums, self.inks.palette.ink
        for note in drums.between(first, last):
            age = at - float(drums.start[note])
            low = drums.pitch[note] < 41
            x, y = self._point(float(drums.start[note]), 0.0, DRUM_LANE, DRUM_LANE, at)
            radius = (7.5 if low else 3.6) * (1 + 1.1 * (fall(age, 0.14) if age >= 0 else 0.0))
            alpha = 0.28 if age < 0 else 0.28 + 0.72 * fall(age, 0.3)
            canvas.drawCircle(x, y, radius, brush(ink, alpha))

    def _bar(self, begin: float, end: float, side: float, thick: float, colour: int, age: float) -> list[Figure]:
        """A bar that sounds, with a halo that opens on the onset."""
        rect, rx, ry = self._rect(begin, end, side, thick)
        halo = 7 + 26 * (1 - fall(age, 0.2))
        wide = skia.Rect(rect.left() - halo, rect.top() - halo, rect.right() + halo, rect.bottom() + halo)
        ring = brush(colour, 0.55 * fall(age, 0.35), 2.4)

        def draw(canvas: Any) -> None:
            canvas.drawRoundRect(wide, rx + halo, ry + halo, ring)
            canvas.drawRoundRect(rect, rx, ry, brush(colour))

        reach = halo + 3
        area = Area(rect.left() - reach, rect.top() - reach, rect.right() + reach, rect.bottom() + reach)
        return self.paper.figure(area, draw)

    def _line(self, at: float) -> list[Figure]:
        ink, here = self.inks.palette.ink, self._here
        thick = 2.0 + 2.5 * self.follow.drums.hit(at, 0.12)
        if self._upright:
            area = Area(0, self._length - here - thick, self._breadth, self._length - here + thick)
        else:
            area = Area(here - thick, 0, here + thick, self._breadth)
        x, y = area.middle
        edges = (0.0, y - 0.5 * thick, self._breadth, y + 0.5 * thick)
        if not self._upright:
            edges = (x - 0.5 * thick, 0.0, x + 0.5 * thick, self._breadth)
        return self.paper.figure(area, lambda canvas: canvas.drawRect(skia.Rect(*edges), brush(ink, 0.85)))
