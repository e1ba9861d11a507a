"""A finished moving picture: an MP4 in memory, and what is known of it without opening it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Film"]


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """data: the MP4 file, without its provenance record. size: (width, height) in pixels. fps: frames a second.
    frames: how many there are. has_sound: whether it holds an audio track. still: its first frame as (h, w, 3) uint8
    sRGB, where one belongs beside it, else None."""

    data: bytes
    size: tuple[int, int]
    fps: int
    frames: int
    has_sound: bool = False
    title: str = ""
    creator: str = ""
    still: NDArray[np.uint8] | None = None

    @property
    def seconds(self) -> float:
        return self.frames / self.fps
