"""The pocket: drums lean before or behind the beat like a player's, but never walk away from it.

The drum set that the model learned from is played by hand, and a model that hears only its own hits can take one
early hit for a new place of the beat and rush from then on. So each hit is drawn back half way to the nearest
sixteenth or triplet, and what the model hears of itself is the hit that was played.
"""

from __future__ import annotations

from bisect import bisect_right

from aigc_music.core.time import TICKS_PER_QUARTER

__all__ = ["LEAN", "in_pocket"]

LEAN = 15
"""Farthest lean from the grid in ticks: 16 ms at 120 bpm, what good drummers stay within."""

_GRID = sorted(
    {TICKS_PER_QUARTER * step // 4 for step in range(5)} | {TICKS_PER_QUARTER * step // 3 for step in range(4)}
)
_BORDERS = [(a + b) // 2 for a, b in zip(_GRID, _GRID[1:], strict=False)]


def in_pocket(tick: int) -> int:
    """Where a hit that was meant for `tick` is played: at most LEAN ticks from a sixteenth or triplet."""
    beat, inside = divmod(tick, TICKS_PER_QUARTER)
    place = _GRID[bisect_right(_BORDERS, inside)]
    lean = max(-LEAN, min(LEAN, (inside - place) // 2))
    return beat * TICKS_PER_QUARTER + place + lean
