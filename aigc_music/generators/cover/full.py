"""Full bleed: one picture over the whole sleeve, words at the foot or the head on a shade of the ground colour.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia
from numpy.typing import NDArray

from ..design.area import Area
from ..design.lettering import Style
from .sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]

SHADE = 0.92  # how dense the shade is at the edge
REACH = 90.0  # units that it goes on beyond the words


def draw(sleeve: Sleeve) -> Iterator[str]:
    """The words stand on the quieter of the two halves."""
    picture = squared(sleeve.picture(""))
    yield "painted"
    opaque = np.full((*picture.shape[:2], 4), 255, np.uint8)
    opaque[..., :3] = picture
    sleeve.image(opaque, Area(0, 0, SIDE, SIDE))
    yield "picture"
    half = len(picture) // 2
    above = bool(_unrest(picture[:half]) < _unrest(picture[half:]))
    style, small = Style("grotesque", -0.02, 0.96, most=120, lines=3), Style("grotesque", 0.0, 1.1, most=34, lines=2)
    if above:
        artist = sleeve.say("artist", small, Area(MARGIN, MARGIN, SIDE - MARGIN, MARGIN + 70))
        title = sleeve.say("title", style, Area(MARGIN, artist.bottom + 24, SIDE - MARGIN, 420))
        edge, end = 0.0, title.bottom + REACH
    else:
        title = sleeve.say("title", style, Area(MARGIN, 560, SIDE - MARGIN, SIDE - MARGIN), valign="bottom")
        artist = sleeve.say(
            "artist", small, Area(MARGIN, title.top - 84, SIDE - MARGIN, title.top - 24), valign="bottom"
        )
        edge, end = SIDE, artist.top - REACH
    if sleeve.said:
        _shade(sleeve, edge, end)
    yield "type"


def squared(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle square of a picture (h, w, 3)."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _unrest(picture: NDArray[np.uint8]) -> float:
    """How much neighbouring pixels differ."""
    return float(np.abs(np.diff(picture.astype(np.float32), axis=0)).mean())


def _shade(sleeve: Sleeve, edge: float, end: float) -> None:
    """The ground colour, dense at the sleeve's edge and gone at `end`."""
    ground = sleeve.palette.ground
    colours = [(round(alpha * 255) << 24) | ground for alpha in (SHADE, 0.75 * SHADE, 0.0)]
    points = [skia.Point(0, edge), skia.Point(0, end)]
    paint = skia.Paint(Shader=skia.GradientShader.MakeLinear(points, colours, [0.0, 0.6, 1.0]))
    sleeve.canvas.drawRect(skia.Rect(0, min(edge, end), SIDE, max(edge, end)), paint)
