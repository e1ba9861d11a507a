"""Scenes: pure functions from a time to layers. Any time may be asked for, in any order.

A layer is either the ground, a small picture that is enlarged to fill the frame (its softness is part of the look,
and what makes 1080p cheap), or a figure, drawn crisp at full size inside a box of its own.

Threads: one at a time a scene. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..design.palettes import Palette
from ..timeline import Timeline

__all__ = ["Box", "Figure", "Layers", "Scene", "Stage"]


class Box(NamedTuple):
    """A rectangle in pixels of the frame: left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int


class Figure(NamedTuple):
    """Something crisp on the ground. box: all that it touches. draw: puts it on a skia canvas whose units are pixels
    of the frame; what falls outside the box is cut off."""

    box: Box
    draw: Callable[[Any], None]


class Layers(NamedTuple):
    """A frame before it is put together. ground: (h, w, 4) uint8 RGBA, opaque, of any size with the frame's ratio.
    figures: drawn over it in this order."""

    ground: NDArray[np.uint8]
    figures: tuple[Figure, ...] = ()


class Scene(Protocol):
    """A look of one song."""

    def draw(self, time_s: float) -> Layers:
        """The layers at a time in seconds from the beginning of the song."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scene is made for.

    size: (width, height) of the frame. fps: frames a second. start_s, seconds: the stretch of the song that is shown;
    loop: the frame at start_s + seconds has to be the one at start_s. palette: its colours. rng: for what is left to
    chance, used while the scene is made and never while it is drawn. paint: gives a picture (h, w, 3) of a class of
    our picture model. reserved: figures keep out of these boxes, where words will stand.
    """

    timeline: Timeline
    size: tuple[int, int]
    fps: int
    start_s: float
    seconds: float
    loop: bool
    palette: Palette
    rng: np.random.Generator
    mood: str = ""
    picture: str | None = None
    reserved: tuple[Box, ...] = field(default=())

    @property
    def ground_size(self) -> tuple[int, int]:
        """(width, height) of a ground: a quarter of a 1080p frame, 480 pixels on the longer side."""
        width, height = self.size
        share = 480 / max(width, height)
        return max(2, round(width * share)), max(2, round(height * share))
