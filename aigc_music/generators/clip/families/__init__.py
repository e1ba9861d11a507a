"""The families of clips, one file each: a class made from a Stage, which is a Scene.

Threads: one at a time a scene. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..scene import Scene, Stage
from .burst import Burst
from .flow import Flow
from .glass import Glass
from .orbits import Orbits
from .ridges import Ridges
from .roll import Roll
from .strings import Strings
from .tiles import Tiles
from .type import Type
from .walk import Walk

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
    "flow": Family(Flow, "strokes of ink in a current that every note stirs; a sun of the chord's colour",
                   -0.2, -0.1, None, None),
    "burst": Family(Burst, "a page played across: each note of the tune opens like a flower at its time and pitch",
                    0.5, 0.5, None, None),
    "walk": Family(Walk, "pictures by our painter, from one to the next with every chord, printed in three inks",
                   -0.2, 0.1, None, "landscape"),
    "ridges": Family(Ridges, "a walk through hills at dusk; every note of the tune is a lantern on the path",
                     0.1, -0.6, None, None),
    "type": Family(Type, "a script that nobody reads, a letter for each chord, its modules lifted by the tune",
                   0.1, 0.8, None, None),
    "roll": Family(Roll, "the notes themselves, as bars that run past a line over fields of chords",
                   0.6, 0.2, None, None),
    "orbits": Family(Orbits, "the harmony as a clock: chords are polygons that sink inwards, notes sparks",
                     -0.5, -0.3, None, None),
    "strings": Family(Strings, "an instrument from close by: each pitch has a string that swings while it rings",
                      0.2, -0.3, None, None),
    "tiles": Family(Tiles, "a wall of quarter discs, leaves and arcs, each turned by a pitch of its own",
                    0.7, 0.7, None, None),
    "glass": Family(Glass, "coloured lights behind reeded glass, each reed a key of the tune",
                    0.2, -0.4, None, None),
}  # fmt: skip
