"""Figures of a finished cover, and a hash that finds covers that look alike.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .colour import luminances

__all__ = ["colourfulness", "detail", "edges", "entropy", "near", "phash"]

_NEAR = 12  # bits of 128


def colourfulness(pixels: NDArray[np.uint8]) -> float:
    """0 grey .. over 100; Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003)."""
    step = max(1, len(pixels) // 500)
    red, green, blue = (pixels[::step, ::step, index].astype(np.float32) for index in range(3))
    first, second = red - green, 0.5 * (red + green) - blue
    return float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean()))


def entropy(pixels: NDArray[np.uint8]) -> float:
    """Bits a pixel of the lightness histogram, 0..8."""
    step = max(1, len(pixels) // 500)
    counts = np.bincount(_luma(pixels[::step, ::step]).astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def edges(pixels: NDArray[np.uint8]) -> float:
    """Mean step of lightness between neighbours at 250 pixels, 0..255."""
    small = _shrunk(_luma(pixels), 250)
    return float(0.5 * (np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean()))


def detail(pixels: NDArray[np.uint8]) -> float:
    """Energy of the finest octave as a share of that of the next coarser one; a picture that was made larger, or is
    out of focus, has next to none. Median of the cells that have edges at all."""
    height, width = pixels.shape[:2]
    values = _luma(pixels[: height // 4 * 4, : width // 4 * 4])
    half = values.reshape(height // 4 * 2, 2, width // 4 * 2, 2).mean(axis=(1, 3))
    quarter = half.reshape(height // 4, 2, width // 4, 2).mean(axis=(1, 3))
    fine = (values - np.repeat(np.repeat(half, 2, 0), 2, 1)) ** 2
    coarse = (half - np.repeat(np.repeat(quarter, 2, 0), 2, 1)) ** 2
    return float(fine.mean() / max(1e-6, coarse.mean()))


def phash(pixels: NDArray[np.uint8]) -> int:
    """128 bits: the signs of the lowest 8 x 8 cosines of lightness and of colour against their median."""
    bits: list[bool] = []
    small = np.stack([_shrunk(pixels[..., index].astype(np.float32), 32) for index in range(3)], axis=-1)
    basis = np.cos(np.pi / 32 * (np.arange(32) + 0.5)[None, :] * np.arange(9)[:, None])
    warm = small[..., 0] - small[..., 2]
    for plane in (small @ np.array([0.299, 0.587, 0.114]), warm):
        low = (basis @ plane @ basis.T)[:8, 1:9].ravel()
        bits.extend((low > np.median(low)).tolist())
    return sum(1 << index for index, bit in enumerate(bits) if bit)


def near(first: int, second: int) -> bool:
    """Whether two hashes are of covers that look alike."""
    return (first ^ second).bit_count() <= _NEAR


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    values: NDArray[np.float32] = pixels[..., :3] @ weights
    return values


def _shrunk(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Means over `side` x `side` cells; a smaller picture stays as it is."""
    cell = max(1, min(values.shape[:2]) // side)
    rows, columns = values.shape[0] // cell, values.shape[1] // cell
    means: NDArray[np.float32] = (
        values[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell).mean((1, 3))
    )
    return means[:side, :side] if side <= min(means.shape) else means
