"""Ridges: a walk through hills at dusk. The near hills are the tune, the far ones the energy; every note of the tune
is a lantern on the path that is lit as it sounds.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.area import Area
from ...design.colour import lighten, luminance, mix
from ..follow import Follow, fall, smooth
from ..paper import Inks, Paper, blend, brush, curve, polygon
from ..scene import Figure, Layers, Stage

__all__ = ["Ridges"]

LAYERS = 6
NOW = 0.42  # where on the width a note is when it sounds
SPEED = 150.0  # units a second of the nearest ridge
POINTS = 110
ECHOES = 4  # lines below each edge, like the growth of wood
LANTERN = 46.0  # units: how far its light reaches
SEEN = 0.06  # of its light: one that is darker is drawn on the ground


class Ridges:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        palette, follow = stage.palette, self.follow
        self._times = np.arange(-30, follow.seconds + 30, 0.05)
        self._tune = _rounded(self._heights(), 9)
        self._swell = np.array([follow.energy(at) for at in self._times])
        self._phases = stage.rng.random((LAYERS, 3))
        _, second, _ = palette.accents
        dark = lighten(palette.ground, -0.04) if palette.dark else palette.ink
        self._fills = [mix(palette.ground, second, share) for share in (0.35, 0.68, 1.0)]
        self._fills += [mix(second, dark, share) for share in (0.34, 0.66, 0.92)]
        self._lines = [mix(fill, palette.ink if palette.dark else palette.ground, 0.3) for fill in self._fills]
        self._light = mix(max(palette.accents, key=luminance), 0xFFFFFF, 0.4)
        self._unlit = mix(self._fills[4], palette.ink if palette.dark else palette.ground, 0.55)
        self._sun_place = 0.22 + 0.5 * (stage.timeline.tonic / 11)

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        palette = inks.palette
        chord = inks.chord(follow.chord(at), 1.2)
        pixels, canvas = paper.ground(palette.ground)
        self._sky(canvas, at, chord)
        x = np.linspace(-10, paper.width + 10, POINTS)
        edges = [self._edge(layer, x, at) for layer in range(LAYERS)]
        for layer, edge in enumerate(edges):
            self._hill(canvas, layer, x, edge)
        return Layers(pixels, tuple(self._lanterns(canvas, at, x, edges[-2])))

    def _sky(self, canvas: Any, at: float, chord: int) -> None:
        """A glow of the chord's colour towards the horizon, and a sun that breathes with the bass."""
        follow, paper, palette = self.follow, self.paper, self.inks.palette
        low = 0.62 * paper.height
        glow = [0xFF000000 | palette.ground, 0xFF000000 | mix(palette.ground, chord, 0.55)]
        paint = skia.Paint(Shader=skia.GradientShader.MakeLinear([skia.Point(0, 0), skia.Point(0, low)], glow))
        paint.setDither(True)
        canvas.drawRect(skia.Rect(0, 0, paper.width, low + 200), paint)
        across = self._sun_place * paper.width
        radius = 0.14 * min(paper.width, 1300) * (0.9 + 0.16 * follow.energy(at)) + 9 * follow.bass.swell(
            at, 0.08, 0.5
        )
        up = 0.36 * paper.height
        for ring in range(3, 0, -1):
            wide = radius + 34 * ring + 16 * follow.drums.swell(at - 0.05 * ring, 0.06, 0.35)
            canvas.drawCircle(across, up, wide, brush(chord, 0.11))
        canvas.drawCircle(across, up, radius, brush(blend(chord, self._light, 0.25)))

    def _edge(self, layer: int, x: NDArray[np.float64], at: float) -> NDArray[np.float64]:
        """Height of a ridge over the width. What is seen at NOW is what sounds now."""
        paper, follow = self.paper, self.follow
        near = layer / (LAYERS - 1)
        speed = SPEED * (0.16 + 0.84 * near**1.4)
        base = paper.height * (0.46 + 0.47 * near**1.1)
        time = at + (x - NOW * paper.width) / SPEED * (1 + 1.2 * (1 - near))
        tune = np.interp(self._wrapped(time), self._times, self._tune)
        swell = np.interp(self._wrapped(time), self._times, self._swell)
        first, second, third = self._phases[layer]
        slow = x / (520 + 260 * near)
        drift = follow.rate(speed / (520 + 260 * near) / math.tau) * at * math.tau
        hill = (np.sin(slow + drift + math.tau * first) + 0.45 * np.sin(2 * (slow + drift) + math.tau * second)
                + 0.16 * np.sin(5 * (slow + drift) + math.tau * third))  # fmt: skip
        size = 0.105 * paper.height * (1.15 - 0.55 * near)
        return base - size * (0.55 * hill + 0.9 * swell + (0.4 + 0.9 * near) * (tune - 0.4))

    def _hill(self, canvas: Any, layer: int, x: NDArray[np.float64], edge: NDArray[np.float64]) -> None:
        paper = self.paper
        points = np.column_stack([x, edge])
        foot = np.array([[x[-1], paper.height + 10], [x[0], paper.height + 10]])
        canvas.drawPath(polygon(np.concatenate([points, foot])), brush(self._fills[layer]))
        if layer < 2:
            return
        for echo in range(1, ECHOES + 1):
            down = 7.0 * echo * (0.7 + 0.35 * layer) + 2.0 * echo * echo
            line = np.column_stack([x[::2], edge[::2] + down])
            canvas.drawPath(curve(line), brush(self._lines[layer], 0.75 * (1 - echo / (ECHOES + 1)), 1.6))

    def _lanterns(self, canvas: Any, at: float, x: NDArray[np.float64], edge: NDArray[np.float64]) -> list[Figure]:
        paper, lead = self.paper, self.follow.lead
        here = NOW * paper.width
        figures: list[Figure] = []
        for note in lead.between(at - here / SPEED - 0.5, at + (paper.width - here) / SPEED + 0.5):
            age = float(at - lead.start[note])
            across = here - age * SPEED
            foot = float(np.interp(across, x, edge))
            lit = fall(age, 1.4) if age >= 0 else 0.0
            size = 5.5 + 4.5 * float(lead.velocity[note])
            up = foot - 26 - 26 * float(lead.height[note])
            lantern, area = self._lantern(across, foot, up, size, lit, smooth(age / 0.05))
            if lit > SEEN:
                figures += self.paper.figure(area, lantern)
            else:
                lantern(canvas)
        return figures

    def _lantern(
        self, across: float, foot: float, up: float, size: float, lit: float, burnt: float
    ) -> tuple[Callable[[Any], None], Area]:
        """How it is drawn, and what it touches."""
        unlit = self._unlit

        def draw(canvas: Any) -> None:
            canvas.drawLine(across, up, across, foot + 3, brush(unlit, 1.0, 2.2))
            if lit > SEEN:
                glow = skia.GradientShader.MakeRadial(
                    skia.Point(across, up), LANTERN, [(round(150 * lit) << 24) | self._light, self._light & 0xFFFFFF]
                )
                canvas.drawCircle(across, up, LANTERN, skia.Paint(Shader=glow, AntiAlias=True))
            canvas.drawCircle(
                across, up, size * (1 + 0.7 * lit), brush(blend(unlit, self._light, max(lit, 0.6 * burnt)))
            )

        return draw, Area(across - LANTERN, up - LANTERN, across + LANTERN, max(foot + 4, up + LANTERN))

    def _wrapped(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        return time % self.follow.seconds if self.follow.loop else time

    def _heights(self) -> NDArray[np.float64]:
        """Height of the tune at the moments of the grid, held between notes."""
        lead = self.follow.lead
        if not len(lead.start):
            return np.full(len(self._times), 0.5)
        row = np.clip(np.searchsorted(lead.start, self._times, "right") - 1, 0, None)
        return lead.height[row]


def _rounded(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Steps made into slopes of 2 * reach points."""
    window = np.hanning(2 * reach + 1)
    return np.convolve(np.pad(values, reach, mode="edge"), window / window.sum(), "valid")
