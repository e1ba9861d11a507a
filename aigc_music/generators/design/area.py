"""Rectangles of pictures, in whatever unit they are drawn in. Threads: any. Realtime-safe: no."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Area"]


class Area(NamedTuple):
    """Left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        return 0.5 * (self.left + self.right), 0.5 * (self.top + self.bottom)

    def grown(self, by: float) -> Area:
        """With `by` more on every side."""
        return Area(self.left - by, self.top - by, self.right + by, self.bottom + by)
