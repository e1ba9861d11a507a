"""Bauhaus: a square a chord. The root's step above the tonic is the shape, the quality its turn.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import skia

from ...design.area import Area
from ...design.colour import contrast, distance
from ...design.lettering import Style
from ...design.motif import Degree
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]

# semitones above the tonic -> shape
_SHAPES = ("disc", "dots", "stripes", "half", "half", "quarter", "steps", "ring", "dots", "wedge", "leaf", "leaf")


def draw(sleeve: Sleeve) -> Iterator[str]:
    """A full-bleed field of squares, one of them double, and a band for the words above or below it."""
    palette, motif = sleeve.palette, sleeve.motif
    sleeve.fill(palette.ground)
    above = bool(sleeve.rng.random() < 0.5)
    columns, rows = (4, 3) if sleeve.rng.random() < 0.6 else (6, 4)
    if not sleeve.words["title"]:  # a band for the artist alone, or none
        columns, rows = (6, 5) if sleeve.words["artist"] else (4, 4)
    side = SIDE / columns
    field = rows * side
    top = SIDE - field if above else 0.0
    band = Area(MARGIN, 48, SIDE - MARGIN, top - 36) if above else Area(MARGIN, field + 36, SIDE - MARGIN, SIDE - 48)
    inner = Area(MARGIN, max(band.top, MARGIN), SIDE - MARGIN, min(band.bottom, SIDE - MARGIN))
    room = inner.height
    artist_room = 0.17 * room if sleeve.words["artist"] else 0.0
    title = sleeve.say(
        "title", Style("grotesque", -0.04, 0.92, most=120, lines=3),
        Area(inner.left, inner.top, inner.right, inner.bottom - artist_room - 16),
    )  # fmt: skip
    sleeve.say(
        "artist", Style("grotesque", -0.01, 1.0, most=30, lines=1),
        Area(inner.left, title.bottom + 16, inner.right, max(inner.bottom, title.bottom + 30)),
    )  # fmt: skip
    yield "type"
    start = int(sleeve.rng.integers(len(motif.chords)))
    chords = [motif.chords[(start + index) % len(motif.chords)] for index in range(rows * columns)]
    large = (int(sleeve.rng.integers(rows - 1)), int(sleeve.rng.integers(columns - 1)))
    for row in range(rows):
        for column in range(columns):
            down, across = row - large[0], column - large[1]
            if (down, across) in ((0, 1), (1, 0), (1, 1)):
                continue
            wide = 2 * side if (down, across) == (0, 0) else side
            _square(sleeve, chords[row * columns + column], column * side, top + row * side, wide, row + column)
        yield "squares"


def _square(sleeve: Sleeve, chord: Degree, x: float, y: float, side: float, place: int) -> None:
    palette, canvas = sleeve.palette, sleeve.canvas
    colours = [*palette.accents, palette.ink, palette.ground]
    back = colours[(chord.root * 2 + place) % 5 if chord.tension > 0.15 else (4 if place % 2 else chord.root % 3)]
    others = sorted(colours, key=lambda colour: (-min(contrast(colour, back), 3.0), distance(colour, back)))
    front = others[(chord.quality + chord.root) % 2]
    canvas.save()
    canvas.clipRect(skia.Rect(x, y, x + side, y + side), doAntiAlias=False)
    canvas.drawRect(skia.Rect(x, y, x + side, y + side), sleeve.paint(back))
    canvas.translate(x + side / 2, y + side / 2)
    canvas.rotate(90 * ((chord.quality + chord.root) % 4))
    canvas.scale(side / 2, side / 2)
    _shape(sleeve, _SHAPES[chord.root], front, back)
    canvas.restore()


def _shape(sleeve: Sleeve, shape: str, front: int, back: int) -> None:
    """In a square from -1 to 1."""
    canvas, fill, clear = sleeve.canvas, sleeve.paint(front), sleeve.paint(back)
    if shape == "disc":
        canvas.drawCircle(0, 0, 0.8, fill)
    elif shape == "ring":
        for radius, paint in ((0.88, fill), (0.62, clear), (0.36, fill)):
            canvas.drawCircle(0, 0, radius, paint)
    elif shape == "half":
        canvas.drawArc(skia.Rect(-1, -1, 1, 1), 0, 180, True, fill)
        canvas.drawArc(skia.Rect(-0.5, -0.5, 0.5, 0.5), 180, 180, True, fill)
    elif shape == "quarter":
        canvas.drawCircle(-1, -1, 2.0, fill)
        canvas.drawCircle(-1, -1, 1.0, clear)
    elif shape == "leaf":
        canvas.drawPath(
            skia.Op(skia.Path.Circle(-1, -1, 2), skia.Path.Circle(1, 1, 2), skia.PathOp.kIntersect_PathOp), fill
        )
    elif shape == "wedge":
        canvas.drawPath(skia.Path.Polygon([skia.Point(-1, -1), skia.Point(1, -1), skia.Point(-1, 1)], True), fill)
    elif shape == "stripes":
        for step in range(4):
            canvas.drawRect(skia.Rect(-1, -1 + 0.5 * step, 1, -0.75 + 0.5 * step), fill)
    elif shape == "steps":
        for step in range(4):
            canvas.drawRect(skia.Rect(-1 + 0.5 * step, -0.5 * step + 0.5, -0.5 + 0.5 * step, 1), fill)
    else:
        for step in range(9):
            canvas.drawCircle(-0.6 + 0.6 * (step % 3), -0.6 + 0.6 * (step // 3), 0.17, fill)
