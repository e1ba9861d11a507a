"""Words that can be read: contrast under them is measured on the drawn pixels, and mended where it is too low.

The ground behind words is averaged over cells of 1/250 of the side, about a stroke of small type, and the worst cell
that letters touch or border on counts. Mending tries other inks of the palette, then other places, then a plate of
flat colour behind the words. The limit is WCAG 2.2 level AA for any size of type. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from ..design.area import Area
from ..design.colour import contrast, luminance, luminances, ratio
from ..design.lettering import Block, set_block
from .sleeve import MARGIN, SIDE, Said, Sleeve

__all__ = ["LEAST", "Written", "write"]

LEAST = 4.5
_CELLS = 250
_PLATE = 16.0


@dataclass(frozen=True, slots=True)
class Written:
    """Words as they were drawn. contrast: the worst, measured. mended: '', 'ink', 'moved' or 'plate'.
    thumbnail: letter height in pixels where the cover is 64 pixels wide. thumbnail_contrast: there, where there is
    most ink. outside: how far ink reaches over the margin, units."""

    which: str
    text: str
    box: Area
    contrast: float
    mended: str
    thumbnail: float
    thumbnail_contrast: float
    outside: float


def write(sleeve: Sleeve, found: list[Written]) -> Iterator[str]:
    """Draw all words that were said, mended where need be, and put what came of it into `found`."""
    for said in sleeve.said:
        block, ink, mended = _mended(sleeve, said)
        yield "words"
        if mended == "plate":
            _plate(sleeve, block)
        before = _thumbnail(sleeve.pixels)
        cells, origin = _ground(sleeve, block.ink.grown(8))
        block.draw(sleeve.canvas, ink)
        yield "words"
        after = _thumbnail(sleeve.pixels)
        drawn = _ink_luminance(sleeve, block, ink)
        found.append(
            Written(
                which=said.which, text=said.text, box=block.ink, contrast=_worst(sleeve, block, drawn, cells, origin),
                mended=mended, thumbnail=block.letter * 64 / SIDE, thumbnail_contrast=_seen(before, after, block.ink),
                outside=max(0.0, MARGIN - 0.5 - block.ink.left, MARGIN - 0.5 - block.ink.top,
                            block.ink.right - SIDE + MARGIN - 0.5, block.ink.bottom - SIDE + MARGIN - 0.5),
            )
        )  # fmt: skip


def _mended(sleeve: Sleeve, said: Said) -> tuple[Block, int, str]:
    """The block, its ink, and what had to be done."""
    palette = sleeve.palette
    inks = list(dict.fromkeys([said.ink, palette.ink, palette.ground, *palette.accents, 0x000000, 0xFFFFFF]))
    for place, box in enumerate((said.box, *said.spare)):
        block = (
            said.block if place == 0 else set_block(sleeve.book, said.text, said.style, box, said.align, said.valign)
        )
        if block is None:
            continue
        cells, origin = _ground(sleeve, block.ink.grown(8))
        for ink in inks:
            if _worst(sleeve, block, luminance(ink), cells, origin) >= LEAST + 0.1:
                return block, ink, "moved" if place else "" if ink == said.ink else "ink"
    return said.block, palette.ink, "plate"


def _plate(sleeve: Sleeve, block: Block) -> None:
    """A flat label in the colour of the ground."""
    sleeve.canvas.drawRect(skia.Rect(*block.ink.grown(_PLATE)), sleeve.paint(sleeve.palette.ground))


def _ground(sleeve: Sleeve, box: Area) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Mean luminance of the cells of a box, and (row, column) of the first."""
    cell = max(1, round(sleeve.size / _CELLS))
    count = -(-sleeve.size // cell)
    left, top = (max(0, int(value * sleeve.scale / cell)) for value in (box.left, box.top))
    right, bottom = (min(count, int(value * sleeve.scale / cell) + 2) for value in (box.right, box.bottom))
    values = luminances(sleeve.pixels[top * cell : bottom * cell, left * cell : right * cell])
    return _means(values, cell), (top, left)


def _means(values: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """Means of squares of `cell` pixels; the last ones may be cut."""
    rows, columns = (-(-length // cell) * cell for length in values.shape)
    padded = np.pad(values, ((0, rows - values.shape[0]), (0, columns - values.shape[1])), mode="edge")
    means: NDArray[np.float32] = padded.reshape(rows // cell, cell, columns // cell, cell).mean(axis=(1, 3))
    return means


def _mask(sleeve: Sleeve, block: Block, shape: tuple[int, int], origin: tuple[int, int]) -> NDArray[np.bool_]:
    """Which cells the letters touch, and their neighbours."""
    cell = max(1, round(sleeve.size / _CELLS))
    pixels = np.zeros((*shape, 4), np.uint8)
    canvas = skia.Surface(pixels, alphaType=skia.kPremul_AlphaType).getCanvas()
    canvas.translate(-origin[1], -origin[0])
    canvas.scale(sleeve.scale / cell, sleeve.scale / cell)
    block.draw(canvas, 0xFFFFFF)
    touched = np.pad(pixels[..., 3] > 0, 1)
    near = np.zeros(shape, np.bool_)
    for down in range(3):
        for across in range(3):
            near |= touched[down : down + shape[0], across : across + shape[1]]
    return near


def _worst(sleeve: Sleeve, block: Block, ink: float, cells: NDArray[np.float32], origin: tuple[int, int]) -> float:
    """The lowest contrast of an ink's luminance with the cells that the letters touch."""
    rows, columns = cells.shape
    behind = cells[_mask(sleeve, block, (rows, columns), origin)]
    if behind.size == 0:
        return 1.0
    return min(ratio(ink, float(behind.min())), ratio(ink, float(behind.max())), *_between(ink, behind))


def _between(ink: float, behind: NDArray[np.float32]) -> list[float]:
    """1 where the ground is lighter than the ink here and darker there: somewhere it is the ink's own."""
    return [1.0] if float(behind.min()) < ink < float(behind.max()) else []


def _ink_luminance(sleeve: Sleeve, block: Block, ink: int) -> float:
    """Luminance of the letters as drawn: the pixels of the ink's own colour, None of which is an error of ours."""
    top, bottom = (int(value * sleeve.scale) for value in (block.ink.top, block.ink.bottom))
    left, right = (int(value * sleeve.scale) for value in (block.ink.left, block.ink.right))
    part = sleeve.pixels[max(0, top) : bottom + 1, max(0, left) : right + 1, :3].reshape(-1, 3).astype(np.int16)
    wanted = np.array([ink >> 16, ink >> 8 & 255, ink & 255], np.int16)
    near = np.abs(part - wanted).max(axis=1) <= 24  # small type at small sizes is never quite the full colour
    return float(luminances(part[near].astype(np.uint8)).mean()) if near.any() else luminance(ink)


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(64, 64) luminance as a shop's list shows the cover. Every fourth line is enough at the large sizes."""
    size = len(pixels)
    step = max(1, size // 750)
    edges = np.linspace(0, len(range(0, size, step)), 65).astype(int)[:-1]
    values = luminances(pixels[::step, ::step])
    sums = np.add.reduceat(np.add.reduceat(values, edges, axis=0), edges, axis=1)
    counts = np.diff(np.append(edges, len(values)))
    result: NDArray[np.float32] = (sums / np.outer(counts, counts)).astype(np.float32)
    return result


def _seen(before: NDArray[np.float32], after: NDArray[np.float32], box: Area) -> float:
    """Contrast at 64 pixels between what is there with and without the words, in the tenth that changes most."""
    top, bottom = int(box.top * 0.064), int(box.bottom * 0.064) + 1
    left, right = int(box.left * 0.064), int(box.right * 0.064) + 1
    first, second = before[top:bottom, left:right].ravel(), after[top:bottom, left:right].ravel()
    if first.size == 0:
        return 1.0
    high, low = np.maximum(first, second), np.minimum(first, second)
    return float(np.percentile((high + 0.05) / (low + 0.05), 90))


def readable(first: int, second: int) -> bool:
    """Whether words of one colour can be read on the other."""
    return contrast(first, second) >= LEAST + 0.1
