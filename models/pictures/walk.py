"""Walks: the painter's pictures one after another along a path through its latents, painted as they are asked for.

Latents of a normal distribution lie near a sphere, so a path goes from one to the next along a great circle
(T. White, "Sampling Generative Networks", 2016): straight lines would cut through the middle, where all is pale.

Threads: one at a time a Walk. Realtime-safe: no (some 10 ms where a picture is painted).
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError

from .sample import Painter

__all__ = ["Walk", "great_circle"]

_KEPT = 128  # pictures: 1.5 MB
_TRIES = 6
_STEPS = 12  # pictures that are painted between two stations; those between them are faded


def great_circle(first: NDArray[np.float32], second: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """From `first` (share 0) to `second` (share 1) over the sphere, the length going over as well."""
    long, other = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    cosine = float(np.clip(first @ second / max(1e-9, long * other), -1, 1))
    angle = np.arccos(cosine)
    if angle < 1e-4:
        return first
    a, b = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    whole: NDArray[np.float32] = (a * first / long + b * second / other) * ((1 - share) * long + share * other)
    return whole.astype(np.float32)


class Walk:
    """From station to station. latents: (n, painter.latent). picture: the class that is painted. Stations may be
    gone through in any order, so a walk is closed by going back to the first one."""

    def __init__(self, painter: Painter, picture: str, latents: NDArray[np.float32]) -> None:
        if latents.ndim != 2 or latents.shape[1] != painter.latent:
            raise UsageError(f"latents of shape {latents.shape}: a walk needs (stations, {painter.latent})")
        self.painter, self.picture, self.latents = painter, picture, latents
        self._painted: OrderedDict[tuple[int, int, int], NDArray[np.float32]] = OrderedDict()

    def between(self, first: int, second: int, share: float) -> NDArray[np.float32]:
        """The picture `share` of the way (0..1) from one station to another: (size, size, 3) float32, 0..255."""
        if first == second:
            return self._at(first, first, 0)
        place = min(1.0, max(0.0, share)) * _STEPS
        step = min(int(place), _STEPS - 1)
        left = np.float32(place - step)
        return self._at(first, second, step) * (1 - left) + self._at(first, second, step + 1) * left

    def _at(self, first: int, second: int, step: int) -> NDArray[np.float32]:
        if step in (0, _STEPS):  # a station itself: the same picture from wherever one comes
            first = second = second if step else first
            step = 0
        key = (first, second, step)
        if key not in self._painted:
            latent = great_circle(self.latents[first], self.latents[second], step / _STEPS)
            self._painted[key] = self.painter.paint([self.picture], latents=latent[None])[0].astype(np.float32)
            while len(self._painted) > _KEPT:
                self._painted.popitem(last=False)
        self._painted.move_to_end(key)
        return self._painted[key]


def stations(
    count: int, painter: Painter, picture: str, rng: np.random.Generator, spread: float = 1.0
) -> NDArray[np.float32]:
    """Latents (count, latent) of stations. spread: 0 all alike .. 1 as different as the painter's pictures are.

    Of several tries each is the one whose picture has the clearest masses: the largest share of its variance between
    blocks of an eighth of its side.
    """
    middle = painter.latents(rng, 1)[0]
    found = []
    for _ in range(count):
        tries = np.stack([great_circle(middle, part, spread) for part in painter.latents(rng, _TRIES)])
        found.append(tries[int(np.argmax(_masses(painter.paint([picture] * _TRIES, latents=tries))))])
    return np.stack(found)


def _masses(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    grey = pictures.mean(axis=3)
    side = grey.shape[1] // 8
    blocks = grey.reshape(len(grey), 8, side, 8, side).mean(axis=(2, 4))
    return blocks.var(axis=(1, 2)) / np.maximum(1.0, grey.var(axis=(1, 2)))
