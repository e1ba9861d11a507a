"""Constellation: a star chart. The angle is time, the distance from the rim pitch; the hook is joined up.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.area import Area
from ...design.colour import lighten, mix
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """Chart above, words below, centred."""
    palette, canvas = sleeve.palette, sleeve.canvas
    sleeve.fill(palette.ground)
    x, y, radius = (_centred, _cropped)[int(sleeve.rng.integers(2))](sleeve)
    yield "type"
    yield from _chart(sleeve, x, y, radius)
    yield from _stars(sleeve, x, y, radius)
    canvas.drawCircle(x, y, radius, sleeve.paint(palette.ink, alpha=0.8, stroke=1.6))


def _centred(sleeve: Sleeve) -> tuple[float, float, float]:
    """Words below the chart, on its axis; where the chart lies: x, y, radius."""
    small = Style("grotesque", 0.16, 1.3, caps=True, most=24, lines=2)
    artist = sleeve.say("artist", small, Area(120, 880, 880, SIDE - MARGIN), "centre", "bottom")
    box = Area(MARGIN, 750, SIDE - MARGIN, artist.top - 24)
    title = sleeve.say("title", Style("serif", 0.0, 0.95, most=120, lines=3), box, "centre", "bottom")
    radius = 0.5 * (title.top - 76 - 62)
    return SIDE / 2, 62 + radius, radius


def _cropped(sleeve: Sleeve) -> tuple[float, float, float]:
    """A chart larger than the sleeve, words flush left below it."""
    small = Style("grotesque", 0.02, 1.2, most=32, lines=2)
    artist = sleeve.say("artist", small, Area(MARGIN, 860, SIDE - MARGIN, SIDE - MARGIN), valign="bottom")
    box = Area(MARGIN, 690, SIDE - MARGIN, artist.top - 24)
    title = sleeve.say("title", Style("serif", -0.01, 0.93, most=134, lines=3), box, valign="bottom")
    left = bool(sleeve.rng.random() < 0.5)
    radius = 640.0
    return (330.0 if left else 670.0), title.top - 60 - radius, radius


def _chart(sleeve: Sleeve, x: float, y: float, radius: float) -> Iterator[str]:
    """Disc, graticule, and the bars' energy as ticks round the rim."""
    palette, canvas, motif = sleeve.palette, sleeve.canvas, sleeve.motif
    canvas.drawCircle(x, y, radius, sleeve.paint(lighten(mix(palette.ground, palette.accents[2], 0.22), 0.0)))
    faint = sleeve.paint(palette.ink, alpha=0.2, stroke=0.8)
    for share in (0.25, 0.5, 0.75):
        canvas.drawCircle(x, y, radius * share, faint)
    for hour in range(12):
        turn = np.pi / 6 * hour
        inner = radius * (0.25 if hour % 3 else 0.0)
        canvas.drawLine(x + inner * np.cos(turn), y + inner * np.sin(turn), x + radius * np.cos(turn),
                        y + radius * np.sin(turn), faint)  # fmt: skip
    for bar, energy in enumerate(motif.energy):
        turn = 2 * np.pi * bar / len(motif.energy) - np.pi / 2
        outer = radius + 6 + 34 * energy
        canvas.drawLine(x + (radius + 6) * np.cos(turn), y + (radius + 6) * np.sin(turn), x + outer * np.cos(turn),
                        y + outer * np.sin(turn), sleeve.paint(palette.accents[0], stroke=4))  # fmt: skip
    yield "chart"


def _stars(sleeve: Sleeve, x: float, y: float, radius: float) -> Iterator[str]:
    palette, canvas, motif = sleeve.palette, sleeve.canvas, sleeve.motif
    canvas.save()
    canvas.clipPath(skia.Path.Circle(x, y, radius), doAntiAlias=True)
    for dust in sleeve.rng.random((260, 3)):
        canvas.drawCircle(x - radius + 2 * radius * dust[0], y - radius + 2 * radius * dust[1], 0.5 + 0.7 * dust[2],
                          sleeve.paint(palette.ink, alpha=0.35 * dust[2]))  # fmt: skip
    everything = _points(motif.notes, x, y, radius, float(sleeve.rng.random()) * 0.3)
    for (px, py), note in zip(everything[:900], motif.notes[:900], strict=True):
        canvas.drawCircle(px, py, 1.3 + 3.4 * note[3] ** 2, sleeve.paint(palette.ink, alpha=0.35 + 0.5 * note[3]))
    yield "stars"
    hook = motif.hook[:18]
    span, begin = (
        (0.92, motif.tonic / 12) if radius < 500 else (0.42, 0.29)
    )  # of a large chart the lower half is seen
    points = _points(np.column_stack([hook[:, 0] * span, 0.1 + 0.75 * hook[:, 1]]), x, y, radius, begin)
    for (ax, ay), (bx, by) in zip(points[:-1], points[1:], strict=True):
        length = float(np.hypot(bx - ax, by - ay))
        gap = min(0.4, 14 / max(length, 1))  # the line stops short of its stars
        canvas.drawLine(ax + gap * (bx - ax), ay + gap * (by - ay), bx - gap * (bx - ax), by - gap * (by - ay),
                        sleeve.paint(palette.accents[1], stroke=3.0))  # fmt: skip
    for (px, py), note in zip(points, hook, strict=True):
        size = 9 + 26 * np.sqrt(note[2] / hook[:, 2].max()) * note[3]
        canvas.drawPath(_spark(sleeve, px, py, size), sleeve.paint(palette.accents[0] if note[4] else palette.ink))
    canvas.restore()
    yield "hook"


def _points(rows: NDArray[np.float64], x: float, y: float, radius: float, turn: float) -> NDArray[np.float64]:
    angles = 2 * np.pi * (rows[:, 0] + turn) - np.pi / 2
    away = radius * (0.16 + 0.78 * (1 - rows[:, 1]))
    return np.column_stack([x + away * np.cos(angles), y + away * np.sin(angles)])


def _spark(sleeve: Sleeve, x: float, y: float, size: float) -> skia.Path:
    """A star of four points."""
    angles = np.arange(8) * np.pi / 4 - np.pi / 2
    reach = np.where(np.arange(8) % 2 == 0, size, 0.3 * size)
    return sleeve.polygon(np.column_stack([x + reach * np.cos(angles), y + reach * np.sin(angles)]))
