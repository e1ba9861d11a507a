"""Engraving: ruled lines that the melody lifts into relief; where the relief faces the light they grow thin.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.area import Area
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]

_POINTS = 260


def draw(sleeve: Sleeve) -> Iterator[str]:
    """A plate, round, arched or square, and serif words below it."""
    palette, canvas = sleeve.palette, sleeve.canvas
    sleeve.fill(palette.ground)
    artist = sleeve.say(
        "artist", Style("serif", 0.1, 1.25, caps=True, most=30, lines=2), Area(120, 880, 880, SIDE - MARGIN),
        "centre", "bottom",
    )  # fmt: skip
    title = sleeve.say(
        "title", Style("serif", -0.005, 0.94, most=116, lines=3), Area(MARGIN, 745, SIDE - MARGIN, artist.top - 22),
        "centre", "bottom",
    )  # fmt: skip
    bottom = title.top - 50
    yield "type"
    form = int(sleeve.rng.integers(3))
    plate = Area(MARGIN, MARGIN, SIDE - MARGIN, bottom)
    if form == 0:
        radius = plate.height / 2
        plate = Area(500 - radius, plate.top, 500 + radius, plate.bottom)
        outline = skia.Path.Circle(500, plate.top + radius, radius)
    elif form == 1:
        half = 0.4 * plate.height
        plate = Area(500 - half, plate.top, 500 + half, plate.bottom)
        outline = skia.Path.RRect(
            skia.RRect.MakeRectXY(skia.Rect(plate.left, plate.top, plate.right, plate.bottom + half), half, half)
        )
    else:
        outline = skia.Path.Rect(skia.Rect(*plate))
    canvas.save()
    canvas.clipRect(skia.Rect(*plate), doAntiAlias=True)
    canvas.clipPath(outline, doAntiAlias=True)
    yield from _lines(sleeve, plate)
    canvas.restore()


def _lines(sleeve: Sleeve, plate: Area) -> Iterator[str]:
    """Each line a thin shape, thicker in the shade. Inside the sun the lines are full and in an accent."""
    palette, motif, canvas = sleeve.palette, sleeve.motif, sleeve.canvas
    count = 86
    slant = float(sleeve.rng.uniform(-0.25, 0.25))
    x = np.linspace(-0.05, 1.05, _POINTS)
    px = plate.left + x * plate.width
    step = 1.25 / count
    ink, full = skia.Path(), skia.Path()
    for index in range(count):
        y = np.full(_POINTS, -0.12 + index * step) + slant * (x - 0.5) * 0.3
        lift, slope = _relief(motif.hook, x, y)
        py = plate.top + (y - 0.085 * lift) * plate.height
        shade = np.clip(0.42 + 0.55 * slope + 0.1 * (y - 0.4), 0.07, 0.93)
        for path, share in ((ink, shade), (full, np.full(_POINTS, 0.86))):
            half = 0.5 * share * step * plate.height
            outline = np.concatenate([np.column_stack([px, py - half]), np.column_stack([px, py + half])[::-1]])
            path.addPath(sleeve.polygon(outline))
        if index % 12 == 11:
            yield "lines"
    east = plate.left + plate.width * (0.25 + 0.5 * motif.tonic / 11)
    sun = skia.Path.Circle(east, plate.top + 0.3 * plate.height, 0.13 * plate.height)
    for path, colour, where in (
        (ink, palette.ink, skia.ClipOp.kDifference),
        (full, palette.accents[0], skia.ClipOp.kIntersect),
    ):
        canvas.save()
        canvas.clipPath(sun, where, True)
        canvas.drawPath(path, sleeve.paint(colour))
        canvas.restore()
        yield "lines"


def _relief(
    hook: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Height, and how far it leans from a light at the upper left: a hill a note, wide for long ones."""
    left = 0.04 + 0.92 * (hook[:, 0] + 0.5 * hook[:, 2])[:, None]
    top = 0.12 + 0.8 * (1 - hook[:, 1])[:, None]
    wide = 0.035 + 0.5 * hook[:, 2][:, None]
    dx, dy = (x[None] - left) / wide, (y[None] - top) / (1.3 * wide)
    hills = hook[:, 3][:, None] * np.exp(-0.5 * (dx**2 + dy**2))
    slope = (hills * (dx + 1.2 * dy)).sum(axis=0)
    return np.tanh(hills.sum(axis=0)), np.tanh(1.3 * slope)
