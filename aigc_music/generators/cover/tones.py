"""Pictures as tones: lightness with its whole range used, and read between the pixels.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..design.area import Area

__all__ = ["sampled", "smoothed", "stretched", "tones"]


def tones(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(h, w) lightness 0..1 of an RGB picture, stretched."""
    return stretched(picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))


def stretched(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """With its 3rd to 97th percentile on 0..1, and half evened out."""
    low, high = np.percentile(light, [3, 97])
    spread = np.clip((light - low) / max(1e-6, high - low), 0, 1)
    ranks = np.argsort(np.argsort(spread, axis=None, kind="stable"), kind="stable").reshape(light.shape) / light.size
    return 0.6 * spread + 0.4 * ranks


def smoothed(field: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Blurred by a Gaussian of `width` pixels."""
    reach = max(1, int(3 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= kernel.sum()
    result = np.pad(field, reach, mode="edge")
    for axis in (0, 1):
        result = np.apply_along_axis(lambda row: np.convolve(row, kernel, "valid"), axis, result)
    return result


def sampled(
    field: NDArray[np.float64], frame: Area, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The field at places of the sleeve, in straight lines between its pixels. It fills the frame, its sides cut off
    where the frame has another shape."""
    height, width = field.shape
    scale = max(frame.width / width, frame.height / height)
    u = (x - 0.5 * (frame.left + frame.right)) / scale + 0.5 * (width - 1)
    v = (y - 0.5 * (frame.top + frame.bottom)) / scale + 0.5 * (height - 1)
    u, v = np.clip(u, 0, width - 1.001), np.clip(v, 0, height - 1.001)
    left, top = u.astype(int), v.astype(int)
    across, down = u - left, v - top
    upper = field[top, left] * (1 - across) + field[top, left + 1] * across
    lower = field[top + 1, left] * (1 - across) + field[top + 1, left + 1] * across
    result: NDArray[np.float64] = upper * (1 - down) + lower * down
    return result
