"""The second painter: fills in a sketch with a palette of 4 x 4 colours.

Threads: one at a time per Sketcher. Realtime-safe: no (some 15 ms a picture of 128 px, 200 ms of 512).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError

from .onnx_folder import ZOO, open_network
from .sample import to_bytes

__all__ = ["GRID", "KIND", "STEP", "Sketcher", "edges", "grid_of", "spread"]

KIND = "pictures_sketch"
GRID = 4  # colours a side of a palette
STEP = 16  # sides are a multiple of this inside the network
SIDES = (16, 1024)
INK = 0.25  # the slope of brightness (0..1 a pixel) that draws a full line


class Sketcher:
    """Read it with `load`. card: where it comes from and how good it is."""

    def __init__(self, session: onnxruntime.InferenceSession, card: dict[str, Any]) -> None:
        self.card = card
        self._session = session

    @classmethod
    def load(cls, name: str = "pictures_sketch") -> Sketcher:
        """A model of the zoo by name, or a folder with generator.onnx and card.json. ModelError when unusable."""
        return cls(*open_network(Path(name) if Path(name).is_dir() else ZOO / name, KIND))

    def paint(self, sketch: NDArray[np.floating], palette: NDArray[np.floating]) -> NDArray[np.uint8]:
        """A picture (h, w, 3) in bytes, RGB.

        sketch: (h, w) in 0..1, 1 = a line, each side 16..1024 pixels. palette: (4, 4, 3) in 0..1, the colours of the
        picture's sixteenths, from the top left by rows. Nothing is random. UsageError for other shapes or values.
        """
        sketch, palette = np.asarray(sketch, np.float32), np.asarray(palette, np.float32)
        low, high = SIDES
        if sketch.ndim != 2 or not all(low <= side <= high for side in sketch.shape):
            raise UsageError(f"sketch of shape {sketch.shape}: give (h, w) with sides of {low}..{high} pixels")
        if palette.shape != (GRID, GRID, 3):
            raise UsageError(f"palette of shape {palette.shape}: give {(GRID, GRID, 3)}")
        for name, values in (("sketch", sketch), ("palette", palette)):
            if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
                raise UsageError(f"{name} with values beyond 0..1: scale them first")
        h, w = sketch.shape
        fitted = np.pad(sketch, ((0, -h % STEP), (0, -w % STEP)), mode="edge")
        (picture,) = self._session.run(None, {"given": given(fitted[None], palette[None])})
        return to_bytes(picture[0])[:h, :w]


def given(sketches: NDArray[np.float32], palettes: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network sees, (n, 4, h, w): sketches (n, h, w) and palettes (n, 4, 4, 3) spread over them."""
    colours = spread(palettes, *sketches.shape[1:])
    return np.concatenate([sketches[:, None], colours.transpose(0, 3, 1, 2)], 1)


def spread(palettes: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Palettes (n, 4, 4, 3) as smooth fields of colour (n, height, width, 3): linear between the cells' middles."""
    down, across = _blend(height), _blend(width)
    return np.einsum("hi,nijc,wj->nhwc", down, palettes, across, optimize=True).astype(np.float32)


def grid_of(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The palette (n, 4, 4, 3) in 0..1 of pictures (n, h, w, 3): mean colours of their sixteenths."""
    n, h, w, _ = pictures.shape
    cut = pictures[:, : h - h % GRID, : w - w % GRID].astype(np.float32) / 255
    return cut.reshape(n, GRID, h // GRID, GRID, w // GRID, 3).mean((2, 4))


def edges(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A sketch (n, h, w) in 0..1 of pictures (n, h, w, 3): the slope of brightness after Sobel (1968)."""
    grey = np.pad(pictures.astype(np.float32).mean(3) / 255, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]
    columns = grey[:, :, :-2] + 2 * grey[:, :, 1:-1] + grey[:, :, 2:]
    slope = np.hypot((rows[:, :, 2:] - rows[:, :, :-2]) / 8, (columns[:, 2:] - columns[:, :-2]) / 8)
    return np.minimum(slope / INK, 1)


def _blend(length: int) -> NDArray[np.float32]:
    """(length, GRID): how much each cell of the grid counts at each pixel."""
    at = np.clip((np.arange(length) + 0.5) * GRID / length - 0.5, 0, GRID - 1)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(GRID))).astype(np.float32)
