"""A veil between ground and words: a tone curve that no pixel gets past, however bright (or dark) it is.

Behind light words the luminance of the ground goes through min(L, limit * L^0.3), behind dark words that of its
negative; hue stays. As it works on each pixel alone, it changes over time only as the picture below does: nothing is
sampled ahead and nothing pumps. In space it fades out around the words, in time it comes and goes with them. What
lies behind is softened a little (1 2 1 both ways), or enlarging would overshoot at hard edges.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..clip.scene import Box
from ..design.colour import LINEAR

__all__ = ["Veil"]

_POWER = 0.3
_STEPS = 4096
_FEATHER = 0.55  # of the shorter side: over a short way the veil would show as a panel
_NEAR = (0.36, 0.25)  # of width and height: where words come so close to an edge the veil reaches it
_CLEAR = 3  # pixels of the ground around the words: as far as enlarging reaches
_DEPTHS = 128  # steps of the logarithm of a gain, each 0.8 %

_linear = np.arange(_STEPS) / (_STEPS - 1)
_ENCODED = (255 * np.where(_linear <= 0.0031308, 12.92 * _linear, 1.055 * _linear ** (1 / 2.4) - 0.055)).astype(
    np.float32
)

_GAINS = np.exp(-np.arange(16 * _DEPTHS) / _DEPTHS).astype(np.float32)


class Veil:
    """size: (width, height) of a frame; ground_size: of a ground. cores: boxes in pixels of the frame behind which
    the limit holds everywhere. limit: luminance at the most (dark) or at the least."""

    def __init__(
        self, size: tuple[int, int], ground_size: tuple[int, int], cores: Sequence[Box], limit: float, dark: bool
    ) -> None:
        self.covers = [_cover(size, ground_size, core) for core in cores]
        self._toned = np.zeros((3, *self.covers[0].shape), np.float32)
        bound = limit if dark else 1 - limit
        level = np.maximum(_linear, 1e-9)
        gain = np.minimum(1.0, bound * level**_POWER / level)
        self._depth = (-_DEPTHS * np.log(gain)).astype(np.float32)
        self._dark = dark
        self._kept: tuple[tuple[float, ...], NDArray[np.float32]] = (), self._toned[0]
        y, x = np.mgrid[: ground_size[1], : ground_size[0]]
        self._grain = np.modf(52.9829189 * np.modf(0.06711056 * x + 0.00583715 * y)[0])[0].astype(np.float32)

    def over(self, ground: NDArray[np.uint8], strengths: Sequence[float]) -> NDArray[np.uint8]:
        """A ground with the veil over it. strengths: 0..1, one a core."""
        if not any(by > 0 for by in strengths):
            return ground
        veiled, cover = ground.copy(), self._cover_of(tuple(strengths))
        _tone(veiled, cover, self._depth, _GAINS, self._dark, LINEAR, _ENCODED, self._toned)
        _soften(veiled, cover, self._toned, self._grain)
        return veiled

    def _cover_of(self, strengths: tuple[float, ...]) -> NDArray[np.float32]:
        """All covers in one; kept, because strengths rarely change from frame to frame."""
        if strengths != self._kept[0]:
            shown = (cover * np.float32(by) for cover, by in zip(self.covers, strengths, strict=True) if by > 0)
            self._kept = strengths, reduce(np.maximum, shown)
        return self._kept[1]


def _cover(size: tuple[int, int], ground_size: tuple[int, int], core: Box) -> NDArray[np.float32]:
    """(h, w) 0..1 of a ground: 1 behind the core, falling to 0 without a corner."""
    scale_x, scale_y = ground_size[0] / size[0], ground_size[1] / size[1]
    near_x, near_y = _NEAR[0] * size[0], _NEAR[1] * size[1]
    core = Box(
        0 if core.left < near_x else core.left,
        0 if core.top < near_y else core.top,
        size[0] if size[0] - core.right < near_x else core.right,
        size[1] if size[1] - core.bottom < near_y else core.bottom,
    )
    x, y = np.arange(ground_size[0]) + 0.5, np.arange(ground_size[1]) + 0.5
    out_x = np.maximum(0, np.maximum(core.left * scale_x - _CLEAR - x, x - core.right * scale_x - _CLEAR))
    out_y = np.maximum(0, np.maximum(core.top * scale_y - _CLEAR - y, y - core.bottom * scale_y - _CLEAR))
    away = np.hypot(out_x[None, :], out_y[:, None]) / (_FEATHER * min(ground_size))
    share = np.clip(1 - away, 0, 1)
    return (share**3 * (share * (6 * share - 15) + 10)).astype(np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def _tone(
    pixels: NDArray[np.uint8], cover: NDArray[np.float32], depth: NDArray[np.float32], gains: NDArray[np.float32],
    dark: bool, linear: NDArray[np.float32], encoded: NDArray[np.float32], toned: NDArray[np.float32],
) -> None:  # fmt: skip
    """Fill (3, h, w) with the pixels behind the tone curve, 0..255. A share of a gain is one of its logarithm, as
    eyes have it. Unsigned indices spare the look whether they count from the end."""
    one, last = np.float32(1), np.float32(len(encoded) - 1)
    for row in range(cover.shape[0]):
        for column in range(cover.shape[1]):
            red, green = linear[pixels[row, column, 0]], linear[pixels[row, column, 1]]
            blue = linear[pixels[row, column, 2]]
            if not dark:
                red, green, blue = one - red, one - green, one - blue
            light = np.float32(0.2126) * red + np.float32(0.7152) * green + np.float32(0.0722) * blue
            gain = gains[np.uint32(cover[row, column] * depth[np.uint32(light * last)])]
            red, green, blue = red * gain, green * gain, blue * gain
            if not dark:
                red, green, blue = one - red, one - green, one - blue
            toned[0, row, column] = encoded[np.uint32(red * last)]
            toned[1, row, column] = encoded[np.uint32(green * last)]
            toned[2, row, column] = encoded[np.uint32(blue * last)]


@njit(cache=True, nogil=True, error_model="numpy")
def _soften(
    pixels: NDArray[np.uint8], cover: NDArray[np.float32], toned: NDArray[np.float32], grain: NDArray[np.float32]
) -> None:
    """Write what was toned back, softened as far as the veil covers it. grain: what is added before fractions are cut
    off, 0..1."""
    rows, columns = cover.shape
    half, quarter = np.float32(0.5), np.float32(0.25)
    line = np.zeros(columns, np.float32)
    for channel in range(3):
        plane = toned[channel]
        for row in range(rows):
            above, below = plane[max(0, row - 1)], plane[min(rows - 1, row + 1)]
            here = plane[row]
            for column in range(columns):
                line[column] = half * here[column] + quarter * (above[column] + below[column])
            for column in range(columns):
                left, right = line[max(0, column - 1)], line[min(columns - 1, column + 1)]
                soft = half * line[column] + quarter * (left + right)
                value = here[column] + cover[row, column] * (soft - here[column])
                pixels[row, column, channel] = np.uint8(value + grain[row, column])
