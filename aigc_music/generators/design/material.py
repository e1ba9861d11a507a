"""Pictures as material: what our small picture model paints, for families that cut, trace or screen it.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.pictures.sample import Painter

__all__ = ["load_painter", "paint"]


def load_painter(name: str) -> Painter:
    """The picture model called `name`. ModelError where it is missing."""
    from models.pictures.sample import Painter

    return Painter.load(name)


def paint(painter: Any, wanted: str, seed: int) -> NDArray[np.uint8]:
    """One picture (h, w, 3) of a class, the same for the same seed."""
    pictures: NDArray[np.uint8] = painter.paint([wanted], seed=seed)
    return pictures[0]
