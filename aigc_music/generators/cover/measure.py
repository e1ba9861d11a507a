"""Figures of a finished cover, and a hash that finds covers that look alike.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["colourfulness", "detail", "edges", "entropy", "near", "phash", "reduced"]

_NEAR = 12  # bits of 128


def reduced(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Area means that make it `side` to twice as many pixels wide; smaller pictures stay as they are."""
    factor = max(1, min(pixels.shape[:2]) // side)
    return pixels if factor == 1 else np.asarray(Image.fromarray(pixels).reduce(factor))


def colourfulness(pixels: NDArray[np.uint8]) -> float:
    """0 grey .. over 100; Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003)."""
    red, green, blue = (reduced(pixels, 500)[..., index].astype(np.float32) for index in range(3))
    first, second = red - green, 0.5 * (red + green) - blue
    return float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean()))


def entropy(pixels: NDArray[np.uint8]) -> float:
    """Bits a pixel of the lightness histogram at about 500 pixels, 0..8."""
    counts = np.bincount(_luma(reduced(pixels, 500)).astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def edges(pixels: NDArray[np.uint8]) -> float:
    """Mean step of lightness between neighbours at about 250 pixels, 0..255."""
    small = _luma(reduced(pixels, 250))
    return float(0.5 * (np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean()))


def detail(pixels: NDArray[np.uint8]) -> float:
    """Energy of the finest detail as a share of that at half the size: 0.3..1.3 of our covers, under 0.25 of a
    picture that was made larger by half or more, 0.1 and less of one made twice as large or blurred. Detail is the
    fourth difference across and down, in up to 36 squares spread over the picture."""
    fine = coarse = 0.0
    side = min(256, *(length // 2 * 2 for length in pixels.shape[:2]))
    for top in np.linspace(0, pixels.shape[0] - side, 6).astype(int):
        for left in np.linspace(0, pixels.shape[1] - side, 6).astype(int):
            values = _luma(pixels[top : top + side, left : left + side])
            fine += _fourth(values)
            coarse += _fourth(values.reshape(side // 2, 2, side // 2, 2).mean(axis=(1, 3)))
    return fine / max(1e-6, coarse)


def _fourth(values: NDArray[np.float32]) -> float:
    """Mean square of the fourth differences."""
    return float((np.diff(values, 4, axis=0) ** 2).mean() + (np.diff(values, 4, axis=1) ** 2).mean())


def phash(pixels: NDArray[np.uint8]) -> int:
    """128 bits: the signs of the lowest 8 x 8 cosines of lightness and of warmth against their median."""
    image = Image.fromarray(reduced(pixels, 64)).convert("RGB").resize((32, 32), Image.Resampling.BOX)
    small = np.asarray(image).astype(np.float32)
    basis = np.cos(np.pi / 32 * (np.arange(32) + 0.5)[None, :] * np.arange(9)[:, None])
    bits: list[bool] = []
    for plane in (_luma(small), small[..., 0] - small[..., 2]):
        low = (basis @ plane @ basis.T)[:8, 1:9].ravel()
        bits.extend((low > np.median(low)).tolist())
    return sum(1 << index for index, bit in enumerate(bits) if bit)


def near(first: int, second: int) -> bool:
    """Whether two hashes are of covers that look alike."""
    return (first ^ second).bit_count() <= _NEAR


def _luma(pixels: NDArray[Any]) -> NDArray[np.float32]:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    values: NDArray[np.float32] = pixels[..., :3] @ weights
    return values
