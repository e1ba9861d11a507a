"""The inner loops of grounds, in numba, one thread.

No fast-math: every machine adds in the same order, so that the same seed gives the same bytes. Colours are float32
0..255. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["mixed_lights"]

Floats = NDArray[np.float32]


@numba.njit(cache=True)
def mixed_lights(across: Floats, down: Floats, colours: Floats, back: Floats, gain: Floats, lamp: Floats,
                 noise: Floats, out: NDArray[np.uint8]) -> None:  # fmt: skip
    """Soft lights over a colour. Light k weighs across[k, x] * down[k, y] at a pixel and has colours[k] (3); back (3) is
    what lies under them. gain (w): how much of `lamp` (3) is mixed into each column. noise: (h, w), added to all
    channels against banding. out: (h, w, 4)."""
    lights, width = across.shape
    for y in range(out.shape[0]):
        for x in range(width):
            weight = np.float32(0.35)
            red, green, blue = weight * back[0], weight * back[1], weight * back[2]
            for k in range(lights):
                share = across[k, x] * down[k, y]
                weight += share
                red += share * colours[k, 0]
                green += share * colours[k, 1]
                blue += share * colours[k, 2]
            turn = (np.float32(1) - gain[x]) / weight
            grain = noise[y, x] + np.float32(0.5)
            out[y, x, 0] = np.uint8(min(np.float32(255), max(np.float32(0), red * turn + gain[x] * lamp[0] + grain)))
            out[y, x, 1] = np.uint8(
                min(np.float32(255), max(np.float32(0), green * turn + gain[x] * lamp[1] + grain))
            )
            out[y, x, 2] = np.uint8(min(np.float32(255), max(np.float32(0), blue * turn + gain[x] * lamp[2] + grain)))
            out[y, x, 3] = np.uint8(255)
