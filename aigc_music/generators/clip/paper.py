"""The sheet that a scene draws on: a small ground for the whole frame, and crisp figures in boxes of their own.

Both are drawn in the same units, 1000 of them on the shorter side of the frame, so that a scene looks alike in every
size. Figures that would touch a reserved box are left away; `free` is the part of the frame without reserved boxes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from ..design.area import Area
from ..design.colour import contrast, lighten, mix
from ..design.palettes import Palette
from .scene import Box, Figure, Stage

__all__ = ["Inks", "Paper", "blend", "brush", "curve", "polygon"]

UNITS = 1000.0
_HD = 1920
_SEEN = 1.5  # contrast with the ground of all that is drawn in a chord's colour
_WHEEL: tuple[tuple[int, float], ...] = (
    # fifths above the tonic -> accent, moved in OKLab lightness
    (0, 0.0), (1, 0.0), (0, 0.07), (1, 0.07), (2, 0.07), (0, 0.12), (1, -0.12), (2, -0.12), (0, -0.12),
    (2, -0.07), (0, -0.07), (2, 0.0),
)  # fmt: skip


class Paper:
    """longer: pixels on the longer side of a ground, of frames up to 1920 pixels; of larger ones in proportion. More
    is crisper and dearer."""

    def __init__(self, stage: Stage, longer: int) -> None:
        self.frame = stage.size
        width, height = stage.size
        self.zoom = min(width, height) / UNITS
        self.width, self.height = width / self.zoom, height / self.zoom
        share = min(1.0, longer / min(_HD, max(width, height)))
        self.size = max(2, round(width * share)), max(2, round(height * share))
        self._reserved = stage.reserved
        self.free = self._free()

    @property
    def whole(self) -> Area:
        return Area(0.0, 0.0, self.width, self.height)

    def ground(self, colour: int) -> tuple[NDArray[np.uint8], Any]:
        """Pixels (h, w, 4) of one colour, and a skia canvas of units that draws on them."""
        pixels = np.empty((self.size[1], self.size[0], 4), np.uint8)
        surface = skia.Surface(pixels, alphaType=skia.kPremul_AlphaType)  # kUnpremul is its default
        canvas = surface.getCanvas()
        canvas.clear(0xFF000000 | colour)
        canvas.scale(self.size[0] / self.width, self.size[1] / self.height)
        return pixels, canvas

    def figure(self, area: Area, draw: Callable[[Any], None]) -> list[Figure]:
        """A figure inside an area: one, or none where it would be outside of the frame or in a reserved box. draw:
        works in units."""
        left, top = max(0, math.floor(area.left * self.zoom)), max(0, math.floor(area.top * self.zoom))
        right = min(self.frame[0], math.ceil(area.right * self.zoom))
        bottom = min(self.frame[1], math.ceil(area.bottom * self.zoom))
        if left >= right or top >= bottom:
            return []
        for box in self._reserved:
            if left < box.right and right > box.left and top < box.bottom and bottom > box.top:
                return []
        zoom = self.zoom

        def scaled(canvas: Any) -> None:
            canvas.save()
            canvas.scale(zoom, zoom)
            draw(canvas)
            canvas.restore()

        return [Figure(Box(left, top, right, bottom), scaled)]

    def _free(self) -> Area:
        """The largest stretch above, below, left or right of all reserved boxes."""
        if not self._reserved:
            return self.whole
        left = min(box.left for box in self._reserved) / self.zoom
        top = min(box.top for box in self._reserved) / self.zoom
        right = max(box.right for box in self._reserved) / self.zoom
        bottom = max(box.bottom for box in self._reserved) / self.zoom
        areas = [Area(0, 0, self.width, top), Area(0, bottom, self.width, self.height),
                 Area(0, 0, left, self.height), Area(right, 0, self.width, self.height)]  # fmt: skip
        return max(areas, key=lambda area: area.width * area.height)


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours of a palette at work. wheel: of chords, twelve round the circle of fifths from the tonic's."""

    palette: Palette
    wheel: tuple[int, ...]

    @classmethod
    def of(cls, palette: Palette) -> Inks:
        """Tonic, dominant and subdominant have an accent each; farther chords are lighter or darker shades of them,
        for colours mixed of two accents would be mud. All can be told from the ground."""
        wheel = []
        for accent, shade in _WHEEL:
            wheel.append(_seen(lighten(palette.accents[accent], shade), palette, _SEEN))
        return cls(palette, tuple(wheel))

    def seen(self, colour: int, least: float = 1.9) -> int:
        """The colour, moved away from the ground until their contrast is `least`."""
        return _seen(colour, self.palette, least)

    def chord(self, change: tuple[int, int, float], fade: float = 0.6) -> int:
        """The colour of a chord as `Follow.chord` tells it, faded over from the one before in `fade` seconds."""
        now, before, age = change
        share = min(1.0, age / fade)
        return blend(self.of_fifths(before), self.of_fifths(now), share * share * (3 - 2 * share))

    def of_fifths(self, fifths: int) -> int:
        """The colour of a root so many fifths above the tonic."""
        return self.wheel[fifths % 12]

    def tint(self, share: float) -> int:
        """Between ground (0) and ink (1)."""
        return mix(self.palette.ground, self.palette.ink, share)


def _seen(colour: int, palette: Palette, least: float) -> int:
    """Darker on light ground, lighter on dark, so that it keeps its hue; towards the ink where that isn't enough."""
    for _ in range(12):
        if contrast(colour, palette.ground) >= least:
            return colour
        colour = lighten(colour, 0.03 if palette.dark else -0.03)
    while contrast(colour, palette.ground) < least:
        colour = mix(colour, palette.ink, 0.1)
    return colour


def blend(first: int, second: int, share: float) -> int:
    """Between two colours, straight through sRGB: for short fades, cheap."""
    parts = [(first >> shift & 255, second >> shift & 255) for shift in (16, 8, 0)]
    red, green, blue = (round(a + (b - a) * share) for a, b in parts)
    return red << 16 | green << 8 | blue


def brush(colour: int, alpha: float = 1.0, stroke: float | None = None, round_ends: bool = False) -> Any:
    """A skia paint: filled, or a line `stroke` units wide."""
    paint = skia.Paint(AntiAlias=True, Color=(round(255 * min(1.0, max(0.0, alpha))) << 24) | colour)
    if stroke is not None:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(stroke)
        if round_ends:
            paint.setStrokeCap(skia.Paint.kRound_Cap)
            paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


def polygon(points: NDArray[np.float64]) -> Any:
    """A closed path through (n, 2) points."""
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points.tolist()], True)


def curve(points: NDArray[np.float64]) -> Any:
    """An open path through (n, 2) points."""
    return skia.Path.Polygon([skia.Point(x, y) for x, y in points.tolist()], False)
