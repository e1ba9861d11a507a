"""A picture as data, free of any file format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Picture"]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """pixels: (height, width, 3) uint8, sRGB. title, creator: for its metadata. text: what is written on it."""

    pixels: NDArray[np.uint8]
    title: str = ""
    creator: str = ""
    text: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]
