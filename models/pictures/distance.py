"""How far apart two heaps of pictures are, without any trained network.

Sliced Wasserstein distance on Laplacian pyramids (Karras, Aila, Laine, Lehtinen 2018): at every scale, small patches
of both heaps are projected onto random directions, where the distance between two distributions is the area between
their sorted values. Here both heaps are scaled by one standard deviation per colour, that of the two together, so the
distance is symmetric and sees a shift of colour; 0 is equal. Besides: plain measures to find copies with.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError

__all__ = ["hashes", "nearest", "pyramid", "sliced_wasserstein", "thumbnails"]

PATCH = 7  # pixels a side
COARSEST = 16  # side of the last level
PATCHES = 64  # cut from a picture at the most
HEAP = 16384  # patches of a heap at the most
PROJECTIONS = 128
QUANTILES = 512

Floats = NDArray[np.floating]
Bytes = NDArray[np.uint8]


def sliced_wasserstein(a: Bytes, b: Bytes, seed: int = 0) -> dict[str, float]:
    """Distance by side of the level in pixels ("64", "32", "16"), and their "mean".

    a, b: (n, side, side, 3) bytes, the numbers of pictures may differ.
    """
    if a.shape[1:] != b.shape[1:] or not (len(a) and len(b)):
        raise UsageError(f"pictures of shapes {a.shape} and {b.shape} cannot be compared: scale them to one size")
    result = {}
    for one, other in zip(pyramid(a), pyramid(b), strict=True):
        # the same places in both heaps: equal heaps are at distance 0
        first, second = (_patches(heap, np.random.default_rng([seed, heap.shape[1]])) for heap in (one, other))
        both = np.concatenate([first, second]).reshape(-1, 3)
        scale = np.tile(both.std(0) + 1e-6, PATCH * PATCH)
        directions = np.random.default_rng(seed).standard_normal((PATCH * PATCH * 3, PROJECTIONS), dtype=np.float32)
        directions /= np.linalg.norm(directions, axis=0)
        grid = (np.arange(QUANTILES) + 0.5) / QUANTILES
        spreads = [np.quantile((heap / scale) @ directions, grid, axis=0) for heap in (first, second)]
        result[str(one.shape[1])] = float(np.abs(spreads[0] - spreads[1]).mean())
    return result | {"mean": float(np.mean(list(result.values())))}


def pyramid(pictures: Bytes) -> list[Floats]:
    """What each scale adds to the next coarser one, finest first; the last is the coarsest picture itself."""
    levels = []
    fine: Floats = pictures.astype(np.float32) / 255
    while fine.shape[1] > COARSEST:
        coarse = _halve(fine)
        levels.append(fine - coarse.repeat(2, 1).repeat(2, 2))
        fine = coarse
    return [*levels, fine]


def thumbnails(pictures: Bytes) -> Floats:
    """(n, 304) numbers for each picture: 16 x 16 greys and 4 x 4 colours; their distance tells the eye's."""
    x: Floats = pictures.astype(np.float32) / 255
    while x.shape[1] > 16:
        x = _halve(x)
    grey = x.mean(3)
    while x.shape[1] > 4:
        x = _halve(x)
    colour = x - x.mean(3, keepdims=True)
    return np.concatenate([grey.reshape(len(x), -1) / 16, colour.reshape(len(x), -1) / 4], 1)


def hashes(pictures: Bytes) -> NDArray[np.bool_]:
    """Perceptual hash, (n, 63) bits: which of the slowest cosines of the grey picture lie above their median."""
    x: Floats = pictures.astype(np.float32).mean(3)[..., None]
    while x.shape[1] > 32:
        x = _halve(x)
    waves = np.cos(np.pi / 32 * np.outer(np.arange(8), np.arange(32) + 0.5)).astype(np.float32)
    slow = np.einsum("ui,nij,vj->nuv", waves, x[..., 0], waves).reshape(len(x), -1)[:, 1:]
    return np.asarray(slow > np.median(slow, axis=1, keepdims=True))


def nearest(of: NDArray, among: NDArray) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance of each row to the closest row of another table, and which. Bits: how many differ; else Euclidean."""
    if of.dtype == np.bool_:
        table = (of[:, None] != among[None]).sum(2).astype(np.float64)
    else:
        table = np.sqrt(np.maximum(_squares(of.astype(np.float64), among.astype(np.float64)), 0))
    at = table.argmin(1)
    return table[np.arange(len(of)), at], at


def _squares(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T


def _patches(level: Floats, rng: np.random.Generator) -> Floats:
    """Patches from random places, (n * some, PATCH * PATCH * 3)."""
    side, count = level.shape[1], max(1, min(PATCHES, HEAP // len(level)))
    if side < PATCH:
        raise UsageError(f"pictures of {side} px are too small: {PATCH} px at least")
    result = np.empty((len(level), count, PATCH * PATCH * 3), np.float32)
    for at, picture in enumerate(level):
        for k, (y, x) in enumerate(rng.integers(0, side - PATCH + 1, (count, 2))):
            result[at, k] = picture[y : y + PATCH, x : x + PATCH].reshape(-1)
    return result.reshape(len(level) * count, -1)


def _halve(x: Floats) -> Floats:
    n, h, w, c = x.shape
    return np.asarray(x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4)))
