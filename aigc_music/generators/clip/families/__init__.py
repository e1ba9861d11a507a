"""The families of clips, one file each: a class made from a Stage, which is a Scene.

Threads: one at a time a scene. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..scene import Scene, Stage
from .glass import Glass
from .ridges import Ridges

__all__ = ["FAMILIES", "Family"]


class Family(NamedTuple):
    """make: the scene for a stage. about: for people. bright, arousal: the mood it goes with, -1..1. ground: the
    palettes it can use, light or dark, None = any. picture: the class of picture that is painted for it unless
    another is asked for, None = it needs none."""

    make: Callable[[Stage], Scene]
    about: str
    bright: float
    arousal: float
    ground: str | None
    picture: str | None


FAMILIES: dict[str, Family] = {
    "glass": Family(Glass, "coloured lights behind reeded glass, each reed a key of the tune", 0.3, 0.0, None, None),
    "ridges": Family(Ridges, "a walk through hills at dusk; every note of the tune is a lantern on the path",
                     0.1, -0.5, None, None),
}  # fmt: skip
