"""Burst: a meadow that the music plants from left to right. Each note of the tune sends up a stem that is there on
its onset, and opens into a flower; inner voices are grasses, the bass rising moons, the drums roots.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import Any

import skia

from ...design.area import Area
from ...design.colour import mix
from ..follow import Follow, fall, smooth
from ..paper import Inks, Paper, blend, brush
from ..scene import Figure, Layers, Stage

__all__ = ["Burst"]

STAYS = 0.86  # of a page: how long a plant stands
GROWS = 0.30  # seconds that a stem takes, up to the onset
OPENS = 0.5  # seconds until a flower is open
CLOSES = 1.6  # seconds until it is half closed again
FLOWER = 112.0  # units: radius of a flower of velocity 1
SOIL = 0.86  # where on the height of the sheet the ground line is
PETALS = (7, 8, 9, 11, 12)


class Burst:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        palette = stage.palette
        self._sheet = self.paper.free.grown(-60)
        self._soil = self._sheet.top + SOIL * self._sheet.height
        self._turned = stage.rng.random(64)
        self._stem = mix(palette.ground, palette.ink, 0.62)
        self._moon = mix(palette.ground, palette.accents[2], 0.8)
        self._petals = [_star(count) for count in PETALS]

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        chord = inks.chord(follow.chord(at), 1.0)
        pixels, canvas = paper.ground(blend(inks.palette.ground, chord, 0.12))
        self._moons(canvas, at)
        self._grasses(canvas, at)
        figures = self._flowers(canvas, at)
        self._roots(canvas, at)
        return Layers(pixels, tuple(figures))

    def _across(self, start: float) -> float:
        sheet = self._sheet
        return sheet.left + self.follow.page(start).place(start) % 1.0 * sheet.width

    def _stands(self, at: float, start: float) -> float:
        """How much of a plant there is, 0..1: it is up at its onset, and goes before the page comes round."""
        page = self.follow.page(at)
        share = (at - start) / (page.end - page.begin)
        return smooth((at - start) / GROWS + 1) * (1 - smooth((share - STAYS + 0.2) / 0.2))

    def _reach(self, at: float) -> float:
        page = self.follow.page(at)
        return STAYS * (page.end - page.begin)

    def _colour(self, start: float) -> int:
        """A note keeps the colour of the chord it began in."""
        return self.inks.of_fifths(self.follow.chord(start)[0])

    def _moons(self, canvas: Any, at: float) -> None:
        bass, sheet = self.follow.bass, self._sheet
        canvas.save()
        canvas.clipRect(skia.Rect(0, 0, self.paper.width, self._soil), True)
        for note in bass.since(at, 6.0):
            age = at - float(bass.start[note])
            full = smooth(age / 0.35) * (1 - smooth((age - 1.0) / 5.0))
            radius = (0.20 + 0.14 * float(bass.velocity[note])) * sheet.height * (0.4 + 0.6 * smooth(age / 0.6))
            canvas.drawCircle(self._across(at - age), self._soil, radius, brush(self._moon, 0.36 * full))
        canvas.restore()

    def _grasses(self, canvas: Any, at: float) -> None:
        inner, sheet, stems = self.follow.inner, self._sheet, skia.Path()
        heads = []
        for note in inner.between(at - self._reach(at), at + GROWS):
            start = float(inner.start[note])
            stands, hit, x = self._stands(at, start), fall(at - start, 0.2), self._across(start)
            y = self._soil - stands * sheet.height * (0.07 + 0.32 * float(inner.height[note]))
            stems.moveTo(x, self._soil)
            stems.lineTo(x, y)
            radius = (4.5 + 5 * float(inner.velocity[note])) * stands * (1 + 1.2 * hit)
            heads.append((x, y, radius, self._colour(start), 0.75 + 0.25 * hit))
        canvas.drawPath(stems, brush(self._stem, 0.45, 1.5))
        for x, y, radius, colour, alpha in heads:
            canvas.drawCircle(x, y, radius, brush(colour, alpha))

    def _flowers(self, canvas: Any, at: float) -> list[Figure]:
        """Those that are opening are figures, the others on the ground."""
        lead, sheet, stems = self.follow.lead, self._sheet, skia.Path()
        heads, figures = [], list[Figure]()
        for note in lead.between(at - self._reach(at), at + GROWS):
            start = float(lead.start[note])
            stands, x = self._stands(at, start), self._across(start)
            y = self._soil - stands * sheet.height * (SOIL - 0.60 + 0.47 * float(lead.height[note]))
            stems.moveTo(x, self._soil)
            stems.lineTo(x, y)
            heads.append((note, start, stands, x, y))
        canvas.drawPath(stems, brush(self._stem, 0.9, 2.4))
        for note, start, stands, x, y in heads:
            age = at - start
            if age < 0:
                canvas.drawCircle(x, y, 7, brush(self._stem))
                continue
            number = int(lead.number[note])
            size = FLOWER * (0.5 + 0.5 * float(lead.velocity[note])) * stands
            opened = 1 - (1 - min(1.0, age / OPENS)) ** 3
            radius = size * (0.30 + 0.70 * opened * (1 - 0.62 * smooth((age - OPENS) / CLOSES)))
            turn = float(self._turned[number % 64]) + 0.02 * age
            flower = self._flower(x, y, radius, number, turn, start, fall(age, 0.35))
            if age < OPENS + 0.3:
                figures += self.paper.figure(Area(x, y, x, y).grown(1.1 * radius + 3), flower)
            else:
                flower(canvas)
        return figures

    def _flower(self, x: float, y: float, radius: float, number: int, turn: float, start: float, hit: float) -> Any:
        path = self._petals[number % len(self._petals)]
        petals = PETALS[number % len(self._petals)]
        colour, heart = self._colour(start), self.inks.palette.ink
        wide = 2.1 / petals * (1.15 - 0.35 * hit)
        rim = brush(self.inks.palette.ground, 1.0, wide + 0.10, round_ends=True)  # parts it from those behind
        paint = brush(colour, 1.0, wide, round_ends=True)

        def draw(canvas: Any) -> None:
            canvas.save()
            canvas.translate(x, y)
            canvas.scale(radius, radius)
            canvas.rotate(360.0 * turn)
            canvas.drawPath(path, rim)
            canvas.drawPath(path, paint)
            canvas.drawCircle(0, 0, 0.15 + 0.10 * hit, brush(heart))
            canvas.restore()

        return draw

    def _roots(self, canvas: Any, at: float) -> None:
        drums, sheet = self.follow.drums, self._sheet
        canvas.drawLine(sheet.left, self._soil, sheet.right, self._soil, brush(self._stem, 0.8, 2.0))
        room, thin, thick = sheet.bottom - self._soil, skia.Path(), skia.Path()
        for note in drums.since(at, self._reach(at)):
            start = float(drums.start[note])
            x, hit = self._across(start), fall(at - start, 0.22)
            deep = room * (0.25 + 0.5 * float(drums.velocity[note])) * (0.55 + 0.45 * hit) * self._stands(at, start)
            path = thick if drums.pitch[note] < 41 else thin
            path.moveTo(x, self._soil)
            path.lineTo(x, self._soil + deep)
        canvas.drawPath(thin, brush(self._stem, 0.6, 2.0))
        canvas.drawPath(thick, brush(self._stem, 0.6, 5.5))


def _star(count: int) -> Any:
    """Petals of a flower of radius 1, as lines."""
    path = skia.Path()
    for petal in range(count):
        across, down = math.cos(math.tau * petal / count), math.sin(math.tau * petal / count)
        path.moveTo(0.30 * across, 0.30 * down)
        path.lineTo(0.90 * across, 0.90 * down)
    return path
