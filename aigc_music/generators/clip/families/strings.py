"""Strings: an instrument seen from close by. Every pitch has its string, which swings in the lobes of an overtone
while the note rings; behind the strings lies a sounding hole in the colour of the chord.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...design.colour import lighten, mix
from ..follow import Follow, Track, fall, smooth
from ..paper import Inks, Paper, blend, brush, curve, polygon
from ..scene import Layers, Stage

__all__ = ["Strings"]

SWING = 44.0  # units: half the width of a lobe of velocity 1
RINGS = 1.1  # seconds: decay
SWINGS = 5.3  # a second, as seen; a string's own would be a blur
POINTS = 97
VOICES: tuple[tuple[str, int, float, float, float], ...] = (
    # voice, strings, from and to on the breadth, thickness in units
    ("bass", 4, 0.93, 0.76, 6.5),
    ("inner", 9, 0.69, 0.40, 3.4),
    ("lead", 9, 0.33, 0.07, 2.2),
)


class Strings:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        paper, palette = self.paper, stage.palette
        self._upright = paper.height > 1.2 * paper.width
        self._length = paper.height if self._upright else paper.width
        self._breadth = paper.width if self._upright else paper.height
        self._line = mix(palette.ground, palette.ink, 0.62)
        self._body = lighten(palette.ground, -0.035 if palette.dark else -0.05)
        x, y = paper.free.middle
        self._hole = x + 0.12 * paper.free.width * (1 if stage.rng.random() < 0.5 else -1), y
        self._share = np.linspace(0, 1, POINTS)

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        pixels, canvas = paper.ground(inks.palette.ground)
        self._sound_hole(canvas, at)
        for name, count, low, high, thick in VOICES:
            track: Track = getattr(follow, name)
            for string in range(count):
                side = self._breadth * (low + (high - low) * string / (count - 1))
                self._string(canvas, track, string, count, side, thick * (1.25 - 0.4 * string / count), at)
        return Layers(pixels)

    def _sound_hole(self, canvas: Any, at: float) -> None:
        follow, inks = self.follow, self.inks
        chord = inks.chord(follow.chord(at), 0.8)
        radius = 0.33 * min(self.paper.free.width, self.paper.free.height)
        breath = 10 * follow.bass.swell(at, 0.08, 0.5)
        for ring, share in ((1.34, 0.10), (1.20, 0.20), (1.06, 0.34)):
            canvas.drawCircle(
                *self._hole, radius * ring + breath * ring, brush(blend(inks.palette.ground, chord, share))
            )
        canvas.drawCircle(*self._hole, radius + breath, brush(chord))
        canvas.drawCircle(*self._hole, (radius + breath) * 0.86, brush(blend(chord, inks.palette.ground, 0.16)))

    def _string(
        self, canvas: Any, track: Track, string: int, count: int, side: float, thick: float, at: float
    ) -> None:
        shape = np.zeros(POINTS)
        reach, colour, loud = np.zeros(POINTS), self._line, 0.0
        for note in track.since(at, 5 * RINGS):
            if min(count - 1, int(float(track.height[note]) * count)) != string:
                continue
            age = at - float(track.start[note])
            lobes = 1 + int(track.pitch[note]) % 4
            wide = SWING * (0.35 + 0.65 * float(track.velocity[note])) * smooth(age / 0.03) * fall(age, RINGS)
            wave = np.sin(math.pi * lobes * self._share)
            shape += wide * wave * math.cos(math.tau * SWINGS * age)
            reach = np.maximum(reach, wide * np.abs(wave))
            if wide > loud:
                loud, colour = wide, self.inks.of_fifths(self.follow.chord(at - age)[0])
        along = self._share * (self._length + 20) - 10
        if loud > 0.6:
            upper, lower = np.column_stack([along, side - reach]), np.column_stack([along, side + reach])[::-1]
            lens = self._turned(np.concatenate([upper, lower]))
            canvas.drawPath(polygon(lens), brush(colour, 0.34))
            line = self._turned(np.column_stack([along, side + shape]))
            bright = blend(self._line, colour, min(1.0, loud / 9))
            canvas.drawPath(curve(line), brush(bright, 1.0, thick * (1 + 0.5 * loud / SWING)))
        else:
            ends = self._turned(np.array([[along[0], side], [along[-1], side]]))
            canvas.drawLine(*ends[0].tolist(), *ends[1].tolist(), brush(self._line, 0.8, thick))

    def _turned(self, points: np.ndarray) -> np.ndarray:
        """Strings run along the longer side of the frame."""
        return points[:, ::-1] if self._upright else points
