"""The surface of one cover: pixels, a canvas of design units, the song's motif, colours, chance, and the words.

The canvas is 1000 x 1000 units whatever the size in pixels. Families draw on it and say where words stand; the words
themselves are drawn last, by `legible`. Threads: the one that draws. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from ..design.area import Area
from ..design.fonts import FontBook
from ..design.lettering import Block, Style, set_block
from ..design.motif import Motif
from ..design.palettes import Palette

__all__ = ["MARGIN", "SIDE", "Said", "Sleeve"]

SIDE = 1000.0
MARGIN = 60.0
_BAND = 128  # rows that are worked on at once
_TILE = 1024


@dataclass(slots=True)
class Said:
    """Words on the sleeve. which: title or artist. ink: the wanted colour. spare: boxes to move to, in order."""

    which: str
    text: str
    style: Style
    box: Area
    align: str
    valign: str
    ink: int
    spare: tuple[Area, ...]
    block: Block


@dataclass(slots=True)
class Sleeve:
    """See the module. size: pixels a side. picture: paints material (h, w, 3) uint8, a class name in."""

    size: int
    motif: Motif
    palette: Palette
    rng: np.random.Generator
    book: FontBook
    words: dict[str, str]
    picture: Callable[[str], NDArray[np.uint8]]
    pixels: NDArray[np.uint8] = field(init=False)
    canvas: Any = field(init=False)
    said: list[Said] = field(init=False, default_factory=list)
    _surface: Any = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = np.zeros((self.size, self.size, 4), np.uint8)
        self._surface = skia.Surface(self.pixels, alphaType=skia.kPremul_AlphaType)  # kUnpremul is its default
        self.canvas = self._surface.getCanvas()
        self.canvas.scale(self.scale, self.scale)

    @property
    def scale(self) -> float:
        """Pixels a design unit."""
        return self.size / SIDE

    def fill(self, colour: int) -> None:
        """The whole sleeve in one colour."""
        self.canvas.clear(0xFF000000 | colour)

    def paint(self, colour: int, alpha: float = 1.0, stroke: float | None = None, mode: Any = None) -> Any:
        """A paint: filled, or a line `stroke` units wide; mode: a skia.BlendMode."""
        paint = skia.Paint(AntiAlias=True, Color=(round(alpha * 255) << 24) | colour)
        if stroke is not None:
            paint.setStyle(skia.Paint.kStroke_Style)
            paint.setStrokeWidth(stroke)
        if mode is not None:
            paint.setBlendMode(mode)
        return paint

    def polygon(self, points: NDArray[np.float64], closed: bool = True) -> Any:
        """A path through (n, 2) points."""
        return skia.Path.Polygon([skia.Point(float(x), float(y)) for x, y in points], closed)

    def image(self, values: NDArray[np.uint8], box: Area) -> None:
        """Draw (h, w, 4) values into a box, smoothly between its pixels (Mitchell's cubic)."""
        sampling = skia.SamplingOptions(skia.CubicResampler.Mitchell())
        image = skia.Image.fromarray(np.ascontiguousarray(values), colorType=skia.kRGBA_8888_ColorType)
        self.canvas.drawImageRect(image, skia.Rect(*box), sampling)

    def say(
        self, which: str, style: Style, box: Area, align: str = "left", valign: str = "top", ink: int | None = None,
        spare: tuple[Area, ...] = (),
    ) -> Area:  # fmt: skip
        """Set the title or the artist into a box; the box of its ink comes back, flat and empty where there are no
        words, so that what stands below moves up."""
        block = set_block(self.book, self.words[which], style, box, align, valign)
        if block is None:
            edge = box.bottom if valign == "bottom" else box.top
            return Area(box.left, edge, box.left, edge)
        colour = self.palette.ink if ink is None else ink
        self.said.append(Said(which, self.words[which], style, box, align, valign, colour, spare, block))
        return block.ink

    def bands(self) -> Iterator[slice]:
        """Rows of the picture, a few at a time."""
        for begin in range(0, self.size, _BAND):
            yield slice(begin, min(self.size, begin + _BAND))

    def grain(self, amount: float) -> Iterator[str]:
        """Grain of paper and ink: noise of standard deviation `amount` (in 255ths), the same in all colours, and
        faint clouds a hundred units wide. Stops between bands."""
        tile = self.rng.normal(0, amount, (_TILE, _TILE)).astype(np.float32)
        knots = self.rng.normal(0, 0.5 * amount, (10, 10))
        columns = np.stack([np.interp(np.linspace(0, 9, self.size), np.arange(10), row) for row in knots])
        repeats = -(-self.size // _TILE) + 1
        for rows in self.bands():
            across = int(self.rng.integers(_TILE))
            down = int(self.rng.integers(_TILE - _BAND + 1))
            strip = np.tile(tile[down : down + rows.stop - rows.start], (1, repeats))[:, across : across + self.size]
            places = np.arange(rows.start, rows.stop) / self.size * 9
            upper = np.minimum(places.astype(int), 8)
            share = (places - upper)[:, None].astype(np.float32)
            clouds = columns[upper].astype(np.float32) * (1 - share) + columns[upper + 1].astype(np.float32) * share
            noise = np.rint(strip + clouds).astype(np.int16)
            part = self.pixels[rows, :, :3]
            np.clip(part + noise[..., None], 0, 255, out=part, casting="unsafe")
            yield "grain"
