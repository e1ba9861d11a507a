"""Glass: coloured lights behind reeded glass. Each reed is a key: it lights up while its note of the tune sounds.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...design.colour import lighten, mix, rgb
from ..follow import Follow, fall
from ..kernels import mixed_lights
from ..paper import Inks, Paper, blend
from ..scene import Layers, Stage

__all__ = ["Glass"]

REED = 62.0  # units a reed is wide
LIGHTS = 5
GRAIN = 1.6  # in 255ths


class Glass:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        width, height = self.paper.size
        self._noise = stage.rng.normal(0, GRAIN, (height, width)).astype(np.float32)
        self._paths = stage.rng.random((LIGHTS, 6))
        self._reeds = max(9, round(self.paper.width / REED))
        place = (np.arange(width) + 0.5) / width
        self._reed = np.minimum((place * self._reeds).astype(int), self._reeds - 1)
        self._inside = place * self._reeds - self._reed  # 0..1 across its reed
        self._place = place
        palette = stage.palette
        self._lamp = np.array(rgb(mix(max(palette.colours, key=_brightness), 0xFFFFFF, 0.35)), np.float32)
        self._deep = lighten(palette.ground, -0.08 if palette.dark else -0.02)

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        pace, energy = follow.pace(at), follow.energy(at)
        bend = 0.30 + 0.12 * energy + 0.05 * follow.bass.swell(at, 0.12, 0.5)
        ratio = paper.width / paper.height
        x = (self._place + bend * (self._inside - 0.5) ** 3 * 4 - 0.5) * ratio
        y = (np.arange(paper.size[1]) + 0.5) / paper.size[1] - 0.5
        across, down = np.empty((LIGHTS, len(x)), np.float32), np.empty((LIGHTS, len(y)), np.float32)
        swell = follow.bass.swell(at, 0.10, 0.6)
        for light, (a, b, c, d, e, f) in enumerate(self._paths):
            first = follow.sway(0.035 + 0.05 * a, pace)
            second = follow.sway(-0.03 - 0.05 * b, pace)
            middle_x = ratio * (0.40 * math.sin(math.tau * (first + c)) + 0.12 * math.sin(math.tau * (second + e)))
            middle_y = 0.34 * math.sin(math.tau * (second + d)) + 0.10 * math.sin(math.tau * (first + f))
            size = (0.20 + 0.16 * e) * min(1.6, ratio + 0.4) * (1 + (0.22 * swell if light == 0 else 0.0))
            across[light] = np.exp(-(((x - middle_x) / size) ** 2)) * 1.6
            down[light] = np.exp(-(((y - middle_y) / size) ** 2)) * 1.6
        colours = np.array([rgb(colour) for colour in self._colours(at)], np.float32)
        pixels = np.empty((paper.size[1], paper.size[0], 4), np.uint8)
        edge = 0.16 * np.abs(2 * self._inside - 1) ** 6  # where two reeds meet, light gathers
        gain = (edge * (0.35 + 0.3 * energy) + self._keys(at)[self._reed] * (1 - 0.55 * self._inside)).astype(
            np.float32
        )
        back = np.array(rgb(blend(self._deep, inks.palette.ground, 0.5)), np.float32)
        mixed_lights(across, down, colours, back, gain, self._lamp, self._noise, pixels)
        return Layers(pixels)

    def _colours(self, at: float) -> list[int]:
        """The chord, its neighbours in the palette, and one light of shadow."""
        palette = self.inks.palette
        chord = self.inks.chord(self.follow.chord(at), 0.9)
        first, second, third = palette.accents
        return [chord, second, blend(first, chord, 0.5), self._deep, third]

    def _keys(self, at: float) -> NDArray[np.float64]:
        """How brightly each reed shines, 0..1."""
        lead = self.follow.lead
        keys = np.zeros(self._reeds)
        for note in lead.since(at, 2.4):
            age = float(at - lead.start[note])
            reed = 1 + round(float(lead.height[note]) * (self._reeds - 3))
            shine = (0.25 + 0.45 * float(lead.velocity[note])) * fall(age, 0.42)
            keys[reed] = max(keys[reed], shine)
            for beside in (reed - 1, reed + 1):
                keys[beside] = max(keys[beside], 0.22 * shine)
        return keys


def _brightness(colour: int) -> float:
    red, green, blue = rgb(colour)
    return 0.3 * red + 0.6 * green + 0.1 * blue
