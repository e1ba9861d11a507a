"""What the trunks that remember events in rings have in common: a position, and going back by moving it.

A ring holds what the newest step needs to look back at, and REWIND events more, so that nothing a snapshot of up to
REWIND events ago would read has been written over.

Threads: one a state. Realtime-safe: commit, snapshot and restore are; copy allocates.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError

__all__ = ["REWIND", "Ring"]

REWIND = 1024
"""How many events a snapshot outlives."""


class Ring:
    """begin, commit, snapshot, restore and copy of trunks.State, for states that keep all they remember in `heard`
    (a named tuple of arrays) and read none of it beyond `index` events."""

    heard: Any
    top: NDArray[np.float32]

    def __init__(self, weights: Any, config: dict[str, Any]) -> None:
        self.weights, self.config = weights, config
        self.index = 0  # events that have been: the position of the pending one
        self._furthest = 0  # the highest position since `begin`

    def begin(self) -> None:
        self.index = self._furthest = 0

    def commit(self) -> None:
        self.index += 1
        self._furthest = max(self._furthest, self.index)

    def snapshot(self) -> int:
        return self.index

    def restore(self, snapshot: int) -> None:
        if not self._furthest - REWIND <= snapshot <= self.index:
            raise ModelError(
                f"a snapshot after {snapshot} events, {self._furthest} were heard: going back reaches {REWIND}"
                " events, and not forward; begin again and feed them"
            )
        self.index = snapshot

    def copy(self) -> Self:
        """Another state that has heard the same."""
        other = type(self)(self.weights, self.config)
        for mine, theirs in zip(self.heard, other.heard, strict=True):
            theirs[:] = mine
        other.index, other._furthest = self.index, self._furthest
        return other
