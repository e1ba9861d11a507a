"""Sound as data, free of any file format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sound"]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """frames: (n, channels) float32, full scale -1..1. rate: frames a second. title, creator: for its metadata."""

    frames: NDArray[np.float32]
    rate: int = 48_000
    title: str = ""
    creator: str = ""

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.rate
