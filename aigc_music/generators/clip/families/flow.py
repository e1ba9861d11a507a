"""Flow: strokes of ink in a current. Every note stirs it at its place in time and pitch; a sun of the chord's colour
lies in the water, and strokes take its colour as they cross it.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...design.colour import mix, rgb
from ..follow import Follow, fall, smooth
from ..kernels import brushed
from ..paper import Inks, Paper, blend, brush
from ..scene import Layers, Stage

__all__ = ["Flow"]

STROKES = 1050
STRIDE = 3.7  # units a step
TAIL, TRAVEL = 30, 34  # steps
GRID = 40  # points of the field on the shorter side
WAVES = 5


class Flow:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        rng, paper = stage.rng, self.paper
        self._waves = rng.random((WAVES, 4))
        self._seeds = _spread(STROKES, paper.width, paper.height, rng)
        self._offsets = rng.random(len(self._seeds))
        self._sizes = (1.9 + 5.2 * rng.random(len(self._seeds)) ** 2).astype(np.float32)
        palette = stage.palette
        quiet = [mix(palette.ground, palette.ink, 0.42), palette.accents[1],
                 mix(palette.ground, palette.accents[1], 0.5), mix(palette.ground, palette.ink, 0.22)]  # fmt: skip
        kinds = rng.choice(4, len(self._seeds), p=(0.22, 0.30, 0.30, 0.18))
        self._colours = np.array([rgb(quiet[kind]) for kind in kinds], np.float32)
        self._warm = rng.random(len(self._seeds)).astype(np.float32)
        short = min(paper.width, paper.height)
        x = np.linspace(0, paper.width, max(2, round(GRID * paper.width / short)))
        y = np.linspace(0, paper.height, max(2, round(GRID * paper.height / short)))
        self._x, self._y = np.meshgrid(x, y)
        left, top, right, bottom = paper.free
        self._sun = left + (0.30 + 0.4 * rng.random()) * (right - left), top + 0.47 * (bottom - top)
        self._radius = 0.30 * min(right - left, bottom - top)

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        pace = follow.pace(at)
        palette = inks.palette
        chord = inks.chord(follow.chord(at), 0.8)
        pixels, canvas = paper.ground(palette.ground)
        radius = self._radius * (0.92 + 0.14 * follow.energy(at)) + 14 * follow.bass.swell(at, 0.1, 0.6)
        canvas.drawCircle(*self._sun, radius, brush(blend(palette.ground, chord, 0.30)))
        scale = paper.size[0] / paper.width
        lives = ((self._offsets + follow.rate(0.18) * pace) % 1).astype(np.float32)
        away = np.hypot(self._seeds[:, 0] - self._sun[0], self._seeds[:, 1] - self._sun[1])
        inside = np.clip((radius - away) / 40 + 0.5, 0, 1).astype(np.float32)[:, None]
        colours = np.empty((len(lives), 4), np.float32)
        light = np.array(rgb(mix(chord, palette.ink, 0.35)), np.float32)
        warm = np.where(self._warm[:, None] < 0.7, np.array(rgb(chord), np.float32), light)
        colours[:, :3] = self._colours + (warm - self._colours) * inside
        struck = self._struck(at)
        colours[:, :3] += (np.array(rgb(palette.ink), np.float32) - colours[:, :3]) * (0.75 * struck)[:, None]
        colours[:, 3] = 0.9
        sizes = self._sizes * np.float32(scale) * (0.8 + 0.35 * follow.energy(at)) * (1 + 0.9 * struck)
        brushed(self._field(at, pace), (self._seeds * scale).astype(np.float32), lives, sizes.astype(np.float32),
                colours, STRIDE * scale, TAIL, TRAVEL, pixels)  # fmt: skip
        return Layers(pixels)

    def _struck(self, at: float) -> NDArray[np.float32]:
        """How much each stroke shines because a note of the tune has just begun near it, 0..1."""
        lead, shine = self.follow.lead, np.zeros(len(self._seeds), np.float32)
        for note in lead.since(at, 1.2):
            start = float(lead.start[note])
            x, y = self._place(start, float(lead.height[note]))
            away = ((self._seeds[:, 0] - x) ** 2 + (self._seeds[:, 1] - y) ** 2) / 120.0**2
            loud = float(lead.velocity[note]) * fall(at - start, 0.25)
            shine += (loud / (1 + away) ** 2).astype(np.float32)
        return np.minimum(shine, 1)

    def _place(self, start: float, height: float) -> tuple[float, float]:
        """Where a note stirs the water."""
        share = self.follow.page(start).place(start) % 1.0
        return self.paper.width * (0.06 + 0.88 * share), self.paper.height * (0.90 - 0.80 * height)

    def _field(self, at: float, pace: float) -> NDArray[np.float32]:
        """Directions (rows, columns, 2): waves without sources, and an eddy for each note that sounds."""
        follow = self.follow
        across, down = np.full_like(self._x, 0.55), np.zeros_like(self._y)
        for wave, (a, b, c, d) in enumerate(self._waves):
            angle, long = math.tau * a, 420.0 + 620.0 * b
            kx, ky = math.cos(angle) / long, math.sin(angle) / long
            turn = c + follow.sway((0.025 + 0.03 * d) * (-1) ** wave, pace)
            level = np.cos(math.tau * (kx * self._x + ky * self._y + turn)) * 0.75
            across += level * ky * long
            down -= level * kx * long
        for track, strength in ((follow.lead, 2.6), (follow.inner, 0.9)):
            for note in track.since(at, 4.0):
                start = float(track.start[note])
                age = at - start
                push = strength * float(track.velocity[note]) * smooth(age / 0.3) * fall(age, 1.1)
                across_at, down_at = self._place(start, float(track.height[note]))
                x, y = self._x - across_at, self._y - down_at
                near = push / (1 + (x * x + y * y) / 130.0**2) ** 1.5 / 90.0 * (1 if track.number[note] % 2 else -1)
                across += near * y
                down -= near * x
        long = np.maximum(1e-3, np.hypot(across, down))
        even = long**-0.65  # slow water is drawn too
        return np.stack([across * even, down * even], -1).astype(np.float32)


def _spread(count: int, width: float, height: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points (n, 2), one in each cell of a grid, with a margin around the frame, in an order of chance."""
    cell = math.sqrt(width * height / count)
    columns, rows = math.ceil(width / cell) + 2, math.ceil(height / cell) + 2
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) - 1.0
    points = (grid + rng.random(grid.shape)) * cell
    return rng.permutation(points)
