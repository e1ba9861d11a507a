"""Woven: a cloth. Threads across are the melody, threads down the chords; the energy lets more of them show.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia

from ...design.area import Area
from ...design.colour import lighten, mix
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]

_THREADS = 64


def draw(sleeve: Sleeve) -> Iterator[str]:
    """The cloth bleeds off three sides; words stand in a hem of the ground."""
    palette, canvas, motif, rng = sleeve.palette, sleeve.canvas, sleeve.motif, sleeve.rng
    sleeve.fill(palette.ground)
    title = sleeve.say(
        "title",
        Style("serif", -0.01, 0.94, most=120, lines=3),
        Area(MARGIN, 690, SIDE - MARGIN, SIDE - MARGIN),
        valign="bottom",
    )
    artist = sleeve.say(
        "artist", Style("grotesque", 0.12, 1.2, caps=True, most=22, lines=2),
        Area(MARGIN, title.top - 56, SIDE - MARGIN, title.top - 26), valign="bottom",
    )  # fmt: skip
    hem = artist.top - 40
    yield "type"
    size = SIDE / _THREADS
    rows = int(hem // size)
    hem = rows * size
    first, second, third = palette.accents
    wefts = [first, first, second, mix(first, palette.ink, 0.6), third, first, second]  # by the step above the tonic
    warps = [
        mix(palette.ground, first, 0.18),
        mix(palette.ground, palette.ink, 0.82),
        mix(palette.ground, second, 0.35),
    ]
    down = [motif.chords[int(column / _THREADS * len(motif.chords))] for column in range(_THREADS)]
    across = motif.contour((np.arange(rows) / rows * 0.5 + 0.25 * float(rng.random())) % 1)
    lift = motif.loudness(np.linspace(0, 1, _THREADS))
    twill = int(rng.integers(2, 5))
    for row in range(rows):
        note = motif.hook[row % len(motif.hook)]
        weft = wefts[int(note[4]) * 7 // 12] if across[row] > 0.2 else wefts[3]
        for column in range(_THREADS):
            chord = down[column]
            warp = warps[0 if chord.root == 0 else 1 + chord.root % 2]
            over = (column + row) % twill == 0 or (
                note[1] > (column / _THREADS) and lift[column] * 5 > (row + column) % 5
            )
            colour, shade = (weft, 0.0) if over else (warp, -0.02)
            x, y = column * size, row * size
            inset = (0.0, 1.1) if over else (1.1, 0.0)
            canvas.drawRect(
                skia.Rect(x + inset[0], y + inset[1], x + size - inset[0], y + size - inset[1]),
                sleeve.paint(lighten(colour, shade) if shade else colour),
            )
        if row % 6 == 0:
            yield "threads"
