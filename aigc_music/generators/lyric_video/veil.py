"""A veil between ground and words: a tone curve that no pixel gets past, however bright (or dark) it is.

Behind light words the luminance of the ground goes through min(L, limit * L^0.3), behind dark words that of its
negative; hue stays. As it works on each pixel alone, it changes over time only as the picture below does: nothing is
sampled ahead and nothing pumps. In space it fades out around the words, in time it comes and goes with them.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..clip.scene import Box
from ..design.colour import LINEAR

__all__ = ["Veil"]

_POWER = 0.3
_STEPS = 4096
_FEATHER = 0.45  # of the shorter side: over a short way the veil would show as a panel
_NEAR = 0.25  # of a side: where the words come so close to an edge the veil reaches it
_CLEAR = 3  # pixels of the ground around the words: as far as enlarging reaches
_EDGE = 1e-3
_DEPTHS = 128  # steps of the logarithm of a gain, each 0.8 %

_linear = np.arange(_STEPS) / (_STEPS - 1)
_ENCODED = (255 * np.where(_linear <= 0.0031308, 12.92 * _linear, 1.055 * _linear ** (1 / 2.4) - 0.055)).astype(
    np.float32
)

_GAINS = np.exp(-np.arange(16 * _DEPTHS) / _DEPTHS).astype(np.float32)


class Veil:
    """size: (width, height) of a frame; ground_size: of a ground. core: the box in pixels of the frame behind which
    the limit holds everywhere. limit: luminance at the most (dark) or at the least."""

    def __init__(
        self, size: tuple[int, int], ground_size: tuple[int, int], core: Box, limit: float, dark: bool
    ) -> None:
        self.cover = _cover(size, ground_size, core)
        rows, columns = (np.flatnonzero(self.cover.max(axis=axis) > _EDGE) for axis in (1, 0))
        self._box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        bound = limit if dark else 1 - limit
        level = np.maximum(_linear, 1e-9)
        gain = np.minimum(1.0, bound * level**_POWER / level)
        self._depth = (-_DEPTHS * np.log(gain)).astype(np.float32)
        self._dark = dark
        y, x = np.mgrid[: self.cover.shape[0], : self.cover.shape[1]]
        self._grain = np.modf(52.9829189 * np.modf(0.06711056 * x + 0.00583715 * y)[0])[0].astype(np.float32)

    def over(self, ground: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
        """A ground with the veil over it. strength: 0..1."""
        if strength <= 0:
            return ground
        veiled = ground.copy()
        _veil(
            veiled,
            self.cover,
            np.float32(strength),
            self._depth,
            _GAINS,
            self._dark,
            LINEAR,
            _ENCODED,
            self._grain,
            *self._box,
        )
        return veiled


def _cover(size: tuple[int, int], ground_size: tuple[int, int], core: Box) -> NDArray[np.float32]:
    """(h, w) 0..1 of a ground: 1 behind the core, falling to 0 without a corner."""
    scale_x, scale_y = ground_size[0] / size[0], ground_size[1] / size[1]
    near_x, near_y = _NEAR * size[0], _NEAR * size[1]
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
def _veil(
    pixels: NDArray[np.uint8], cover: NDArray[np.float32], strength: np.float32, depth: NDArray[np.float32],
    gains: NDArray[np.float32], dark: bool, linear: NDArray[np.float32], encoded: NDArray[np.float32],
    grain: NDArray[np.float32], top: int, bottom: int, left: int, right: int,
) -> None:  # fmt: skip
    """Veil the rows and columns of a ground in place. A share of a gain is one of its logarithm, as eyes have it.
    Unsigned indices spare the look whether they count from the end."""
    one, last = np.float32(1), np.float32(len(encoded) - 1)
    for row in range(top, bottom):
        for column in range(left, right):
            red, green = linear[pixels[row, column, 0]], linear[pixels[row, column, 1]]
            blue = linear[pixels[row, column, 2]]
            if not dark:
                red, green, blue = one - red, one - green, one - blue
            light = np.float32(0.2126) * red + np.float32(0.7152) * green + np.float32(0.0722) * blue
            gain = gains[np.uint32(cover[row, column] * strength * depth[np.uint32(light * last)])]
            red, green, blue = red * gain, green * gain, blue * gain
            if not dark:
                red, green, blue = one - red, one - green, one - blue
            noise = grain[row, column]
            pixels[row, column, 0] = np.uint8(encoded[np.uint32(red * last)] + noise)
            pixels[row, column, 1] = np.uint8(encoded[np.uint32(green * last)] + noise)
            pixels[row, column, 2] = np.uint8(encoded[np.uint32(blue * last)] + noise)
