"""Orbits: the harmony as a clock of twelve pitch classes. Chords are polygons that sink inwards as they age,
notes are sparks that fall with them, bars are rings that run outwards.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import skia

from ...design.area import Area
from ...design.colour import lighten
from ..follow import Follow, fall, smooth
from ..paper import Inks, Paper, blend, brush, polygon
from ..scene import Figure, Layers, Stage

__all__ = ["Orbits"]

SINKS = 7.0  # seconds until a polygon has 1/e of its size
SEEN = 16.0  # seconds that a polygon is looked after
RUNS = 3.4  # seconds until a ring has e times its size
TURN = 0.012  # turns a second of the whole clock
TWIST = 0.020  # turns a second that what sinks turns besides


class Orbits:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        self._middle = self.paper.free.middle
        self._radius = 0.405 * min(self.paper.free.width, self.paper.free.height)
        self._tonic = stage.timeline.tonic
        self._disc = lighten(stage.palette.ground, 0.035 if stage.palette.dark else -0.035)

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        turn = follow.rate(TURN) * at if not follow.loop else 0.0
        chord = inks.chord(follow.chord(at), 0.6)
        pixels, canvas = paper.ground(inks.palette.ground)
        self._waves(canvas, at)
        x, y = self._middle
        canvas.drawCircle(x, y, self._radius, brush(self._disc))
        self._polygons(canvas, at, turn)
        return Layers(pixels, (*self._sparks(at, turn), *self._rim(at, turn, chord)))

    def _point(self, place: float, radius: float) -> tuple[float, float]:
        angle = math.tau * (place - 0.25)
        return self._middle[0] + radius * math.cos(angle), self._middle[1] + radius * math.sin(angle)

    def _hour(self, pitch: int) -> float:
        """Turns from the top: semitones above the tonic."""
        return (pitch - self._tonic) % 12 / 12

    def _waves(self, canvas: Any, at: float) -> None:
        """Bars, as rings that leave the clock."""
        follow, ink = self.follow, self.inks.palette.ink
        far = math.hypot(self.paper.width, self.paper.height)
        for chord in follow.chords_between(at - 3 * RUNS, at):
            age = at - chord.begin
            radius = self._radius * 1.06 * math.exp(max(0.0, age) / RUNS)
            if age >= 0 and radius < far:
                faint = 0.9 * fall(age, 3.0) * smooth(age / 0.1)
                canvas.drawCircle(*self._middle, radius, brush(self.inks.of_fifths(chord.fifths), faint, 5.0))
        for begin in follow.beats_between(at - 1.6 * RUNS, at):
            age = at - begin
            radius = self._radius * 1.06 * math.exp(age / RUNS)
            canvas.drawCircle(*self._middle, radius, brush(ink, 0.30 * fall(age, 2.0), 1.8))

    def _polygons(self, canvas: Any, at: float, turn: float) -> None:
        for chord in self.follow.chords_between(at - SEEN, at):
            age = at - chord.begin
            if age < 0:
                continue
            radius = 0.985 * self._radius * math.exp(-age / SINKS)
            place = turn + TWIST * age
            points = np.array([self._point(hour / 12 + place, radius) for hour in chord.tones])
            path, colour = polygon(points), self.inks.of_fifths(chord.fifths)
            shown = smooth(age / 0.06) * (1 - smooth((age - 0.6 * SEEN) / (0.4 * SEEN)))
            stroke = (3.2 + 6.0 * fall(age, 0.5)) * (0.4 + 0.6 * radius / self._radius)
            canvas.drawPath(path, brush(colour, (0.46 + 0.34 * fall(age, 0.7)) * shown))
            canvas.drawPath(path, brush(colour, shown, stroke))

    def _sparks(self, at: float, turn: float) -> list[Figure]:
        """Notes that have sounded, on their way inwards."""
        figures: list[Figure] = []
        ink = self.inks.palette.ink
        for track, size, life in ((self.follow.inner, 10.0, 2.0), (self.follow.lead, 21.0, 4.0)):
            for note in track.since(at, life):
                age = at - float(track.start[note])
                place = self._hour(int(track.pitch[note])) + turn + TWIST * age
                x, y = self._point(place, self._radius * math.exp(-age / SINKS))
                left = 1 - smooth(age / life)
                radius = size * (0.5 + 0.5 * float(track.velocity[note])) * (0.3 + 0.7 * left)
                radius *= 1 + 0.7 * fall(age, 0.1)
                colour = blend(self.inks.of_fifths(self.follow.chord(at - age)[0]), ink, 0.75 * fall(age, 0.8) + 0.1)
                figures += self._spark(x, y, radius, brush(colour, left))
        return figures

    def _spark(self, x: float, y: float, radius: float, paint: Any) -> list[Figure]:
        area = Area(x, y, x, y).grown(radius + 1)
        return self.paper.figure(area, lambda canvas: canvas.drawCircle(x, y, radius, paint))

    def _rim(self, at: float, turn: float, chord: int) -> list[Figure]:
        """The twelve hours, and a ray outwards for each note of the tune."""
        figures: list[Figure] = []
        ink, follow = self.inks.palette.ink, self.follow
        sounding = follow.chords_between(at, at)[0].tones
        for hour in range(12):
            inside = hour in sounding
            a = self._point(hour / 12 + turn, self._radius * 1.035)
            b = self._point(hour / 12 + turn, self._radius * (1.10 if inside else 1.06))
            figures += self._stroke(a, b, brush(chord, 1.0, 11.0) if inside else brush(ink, 0.6, 3.0))
        lead = follow.lead
        for note in lead.since(at, 1.2):
            age = at - float(lead.start[note])
            place = self._hour(int(lead.pitch[note])) + turn
            shine = float(lead.velocity[note]) * fall(age, 0.28)
            if shine > 0.03:
                inner = self._radius * (1.12 + 0.25 * (1 - fall(age, 0.35)))
                a, b = self._point(place, inner), self._point(place, inner + self._radius * 0.40 * shine)
                figures += self._stroke(a, b, brush(blend(chord, ink, 0.5), min(1.0, 1.6 * shine), 12.0))
        return figures

    def _stroke(self, a: tuple[float, float], b: tuple[float, float], paint: Any) -> list[Figure]:
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        area = Area(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
        return self.paper.figure(area.grown(8), lambda canvas: canvas.drawLine(*a, *b, paint))
