"""Strata: a landscape. Each ridge is a stretch of the song, its height the energy, its edge the melody.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...design.area import Area
from ...design.colour import lighten, luminance, mix
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """Sky, sun, and ridges from the far ones to the near."""
    palette, motif, canvas = sleeve.palette, sleeve.motif, sleeve.canvas
    sleeve.fill(palette.ground)
    serif = bool(sleeve.rng.random() < 0.5)
    style = (
        Style("serif", -0.015, 0.94, most=128, lines=3) if serif else Style("condensed", 0.0, 0.86, most=170, lines=3)
    )
    title = sleeve.say("title", style, Area(MARGIN, MARGIN, SIDE - MARGIN, 290))
    words = Style("grotesque", 0.0, 1.1, most=30, lines=2)
    artist = sleeve.say("artist", words, Area(MARGIN, title.bottom + 24, SIDE - MARGIN, title.bottom + 66))
    horizon = max(430.0, artist.bottom + 190)
    yield "type"
    radius = 62 + 50 * (motif.bright + 1) / 2
    sun = palette.accents[2]
    x = MARGIN + radius + (SIDE - 2 * MARGIN - 2 * radius) * (motif.tonic / 11)
    canvas.drawCircle(x, horizon - 0.35 * radius, radius, sleeve.paint(sun))
    count = 8
    places = np.linspace(0, 1, 420)
    for layer in range(count):
        near = layer / (count - 1)
        base = horizon + 60 + (SIDE - horizon - 60) * near**1.15
        ridge = base - _ridge(sleeve, places, layer, count) * (190 - 80 * near)
        points = np.column_stack([places * (SIDE + 20) - 10, ridge])
        outline = np.concatenate([points, [[SIDE + 10, SIDE + 10], [-10, SIDE + 10]]])
        canvas.drawPath(sleeve.polygon(outline), sleeve.paint(_ramp(sleeve, near)))
        for echo in range(1, 6):  # the same edge again and again below, like the growth of wood
            line = sleeve.polygon(points + [0, 5.5 * echo * (1 + 0.5 * near) ** 2], closed=False)
            tint = lighten(_ramp(sleeve, near), -0.07 if luminance(_ramp(sleeve, near)) > 0.15 else 0.08)
            canvas.drawPath(line, sleeve.paint(tint, alpha=1 - echo / 7, stroke=1.5))
        yield "ridges"


def _ridge(sleeve: Sleeve, places: NDArray[np.float64], layer: int, count: int) -> NDArray[np.float64]:
    """Heights about 0..1: the song's energy, wide, and its melody, narrow, from another place for each layer."""
    motif = sleeve.motif
    shift = layer / count + 0.13 * float(sleeve.rng.random())
    window = (places * 0.45 + shift) % 1.0
    broad = np.interp(places, np.linspace(0, 1, 9), motif.loudness((np.linspace(0, 0.5, 9) + shift) % 1))
    fine = motif.contour(window)
    smooth = np.convolve(np.pad(fine, 6, mode="edge"), np.hanning(13) / np.hanning(13).sum(), "valid")
    grain = np.interp(places, np.linspace(0, 1, 70), sleeve.rng.normal(0, 0.035, 70))
    hill = 0.5 + 0.5 * np.sin(np.pi * (places * (1.2 + 0.4 * layer % 1.7) + 2.3 * shift + layer))
    return 0.5 * broad * hill + 0.75 * smooth + grain


def _ramp(sleeve: Sleeve, near: float) -> int:
    """Colour of a ridge: mist far away, the dark of the palette near by."""
    palette = sleeve.palette
    first, second, _ = palette.accents
    dark = lighten(palette.ground, -0.05) if palette.dark else palette.ink
    stops = [mix(palette.ground, second, 0.35), second, mix(second, first, 0.5), first, mix(first, dark, 0.6), dark]
    place = near * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    return mix(stops[index], stops[index + 1], place - index)
