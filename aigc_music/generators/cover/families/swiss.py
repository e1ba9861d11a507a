"""Swiss: a large grotesque title flush left, and the hook below it on a strict grid.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia

from ...design.area import Area
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """Title, artist, and one of three pictures of the hook."""
    sleeve.fill(sleeve.palette.ground)
    title = sleeve.say(
        "title", Style("grotesque", -0.035, 0.96, most=132, lines=4), Area(MARGIN, MARGIN, SIDE - MARGIN, 300)
    )
    top = title.bottom + 26
    artist = sleeve.say("artist", Style("grotesque", -0.01, 1.1, most=38, lines=2), Area(MARGIN, top, 760, top + 80))
    yield "type"
    area = Area(0, max(artist.bottom, title.bottom) + 56, SIDE, SIDE)
    yield from (_bars, _quarters, _steps)[int(sleeve.rng.integers(3))](sleeve, area)


def _bars(sleeve: Sleeve, area: Area) -> Iterator[str]:
    """Notes as bars that stand on the lower edge: width is length, height is pitch."""
    hook, accents = sleeve.motif.hook, sleeve.palette.accents
    widths = np.sqrt(hook[:, 2])
    edges = np.concatenate([[0.0], np.cumsum(widths)]) / widths.sum() * SIDE
    loudest = int(np.argmax(hook[:, 3]))
    for index, note in enumerate(hook):
        height = area.height * (0.12 + 0.88 * note[1])
        colour = accents[2] if index == loudest else accents[0] if note[4] in (0, 4, 3, 7) else accents[1]
        sleeve.canvas.drawRect(
            skia.Rect(edges[index], SIDE - height, edges[index + 1] - 3, SIDE), sleeve.paint(colour)
        )
    yield "bars"


def _quarters(sleeve: Sleeve, area: Area) -> Iterator[str]:
    """A module a note: quarter discs that turn with the direction of the tune."""
    hook, palette = sleeve.motif.hook, sleeve.palette
    width, height = SIDE - 2 * MARGIN, SIDE - MARGIN - area.top
    columns = max((4, 5, 6), key=lambda count: int((height + 20) / width * count) / count)  # the fullest
    side = width / columns
    rows = max(1, int((height + 20) / side))
    top = SIDE - MARGIN - rows * side
    for place in range(rows * columns):
        note, after = hook[place % len(hook)], hook[(place + 1) % len(hook)]
        x, y = MARGIN + place % columns * side, top + place // columns * side
        rising, leap = after[1] >= note[1], abs(after[1] - note[1]) > 0.2
        cx, cy = (x if rising else x + side), (y + side if note[1] > 0.5 else y)
        colour = palette.accents[int(note[4]) % 3]
        sleeve.canvas.save()
        sleeve.canvas.clipRect(skia.Rect(x, y, x + side, y + side), doAntiAlias=True)
        if leap and palette.accents[(int(note[4]) + 1) % 3] != colour:
            sleeve.canvas.drawRect(
                skia.Rect(x, y, x + side, y + side), sleeve.paint(palette.accents[(int(note[4]) + 1) % 3])
            )
        if note[2] * len(hook) > 2.2:
            sleeve.canvas.drawCircle(x + side / 2, y + side / 2, side / 2, sleeve.paint(colour))
        else:
            sleeve.canvas.drawCircle(cx, cy, side, sleeve.paint(colour))
        if note[3] > np.percentile(hook[:, 3], 70):
            sleeve.canvas.drawCircle(cx, cy, 0.5 * side, sleeve.paint(palette.ground))
        sleeve.canvas.restore()
        if place % columns == columns - 1:
            yield "modules"


def _steps(sleeve: Sleeve, area: Area) -> Iterator[str]:
    """Discs on the lines of a wide stave, large for long notes, cut off at the edges of the sleeve."""
    hook, palette = sleeve.motif.hook[:12], sleeve.palette
    lines = 7
    for line in range(lines):
        y = area.top + (line + 0.5) * area.height / lines
        sleeve.canvas.drawRect(skia.Rect(MARGIN, y - 0.8, SIDE - MARGIN, y + 0.8), sleeve.paint(palette.ink))
    order = np.argsort(-hook[:, 2], kind="stable")
    for rank, index in enumerate(order):
        note = hook[index]
        radius = 0.34 * area.height * np.sqrt(note[2] / hook[:, 2].max()) * (1 if rank == 0 else 0.62)
        x = MARGIN + (index + 0.5) / len(hook) * (SIDE - 2 * MARGIN)
        y = area.top + (round((1 - note[1]) * (lines - 1)) + 0.5) * area.height / lines
        y = float(np.clip(y, area.top + radius, SIDE + 0.3 * radius))
        mode = skia.BlendMode.kScreen if palette.dark else skia.BlendMode.kMultiply
        sleeve.canvas.drawCircle(x, y, radius, sleeve.paint(palette.accents[rank % 3], mode=mode))
    yield "discs"
