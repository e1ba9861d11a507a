"""Clips: moving pictures drawn from a song's own notes, without words. `make_scene` is the way in.

A scene is a pure function of the time, see scene.py; families.FAMILIES lists the looks; follow.py tells a scene what
sounds; paper.py is what it draws on; palette.py chooses its colours. Threads: as scene.py. Realtime-safe: no.
"""

from .choice import choose_family, make_scene, musical_stretch
from .families import FAMILIES, Family
from .palette import palette_of
from .scene import Box, Figure, Layers, Scene, Stage

__all__ = [
    "FAMILIES", "Box", "Family", "Figure", "Layers", "Scene", "Stage", "choose_family", "make_scene",
    "musical_stretch", "palette_of",
]  # fmt: skip
