"""What the trunks that remember events in rings have in common: a position, and going back by moving it.

A ring holds what the newest step needs to look back at, and REWIND events more, so that nothing a snapshot of up to
REWIND events ago would read has been written over.

Threads: one a state. Realtime-safe: commit, snapshot and restore are; copy allocates.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError

__all__ = ["REWIND", "Ring"]

REWIND = 1024
"""How many events a snapshot outlives."""


class Ring:
    """begin, commit, snapshot, restore and copy of trunks.State, for states that keep all they remember in `heard`
    (a named tuple of arrays) and read none of it beyond `index` events. `work`: buffers of one step."""

    heard: Any
    work: Any
    top: NDArray[Any]

    def __init__(self) -> None:
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

    def copy(self) -> Any:
        """Another state that has heard the same."""
        other = copy(self)
        other.heard, other.work = (type(arrays)(*map(np.copy, arrays)) for arrays in (self.heard, self.work))
        other.top = self.top.copy()
        return other
