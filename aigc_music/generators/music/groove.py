"""Groove: the pocket that drums stay in, and swing.

Drums lean before or behind the beat like a player's, but never walk away from it: the drum set that the model
learned from is played by hand, and a model that hears only its own hits can take one early hit for a new place of
the beat and rush from then on. So each hit is drawn back a third of the way to the nearest sixteenth or triplet, and
what the model hears of itself is the hit that was played.

Swing moves the off-beats later as notes leave, so it is exact; what the model hears of itself stays straight.
Triplets are at home already and stay.
"""

from __future__ import annotations

from bisect import bisect_right

from aigc_music.core.time import TICKS_PER_QUARTER

__all__ = ["FILL_DRUMS", "LEAN", "SIXTEENTHS", "SWING", "in_pocket", "swung"]

LEAN = 25
"""Farthest lean from the grid in ticks: 26 ms at 120 bpm. The drummers of the training set spread by 18 (standard
deviation), most of them a little ahead."""

SWING: dict[str, float] = {"jazz": 1.0}
"""How much a style swings where nobody says."""

SIXTEENTHS = frozenset({"funk", "hiphop", "soul", "afro"})
"""Styles that swing their sixteenths, the others their eighths."""

FILL_DRUMS = (35, 36, 37, 38, 40, 41, 43, 45, 47, 48, 50)
"""What a fill is played on: kick, snare and toms."""

_GRID = sorted(
    {TICKS_PER_QUARTER * step // 4 for step in range(5)} | {TICKS_PER_QUARTER * step // 3 for step in range(4)}
)
_BORDERS = [(a + b) // 2 for a, b in zip(_GRID, _GRID[1:], strict=False)]


def in_pocket(tick: int) -> int:
    """Where a hit that was meant for `tick` is played: at most LEAN ticks from a sixteenth or triplet."""
    beat, inside = divmod(tick, TICKS_PER_QUARTER)
    place = _GRID[bisect_right(_BORDERS, inside)]
    lean = max(-LEAN, min(LEAN, (inside - place) * 2 // 3))
    return beat * TICKS_PER_QUARTER + place + lean


_HALF = TICKS_PER_QUARTER // 2
_FREE = 20  # a triplet is what lies within so many ticks of a third of the beat


def swung(tick: int, swing: float, sixteenths: bool = False) -> int:
    """When a note meant for `tick` is played: 0 = straight, 1 = the off-beat on the third triplet of its beat.

    The off-beat eighth moves from 1/2 to 1/2 + swing / 6 of the quarter, what lies between moves in proportion; with
    `sixteenths` the same happens in half the time. Beats and triplets stay where they are.
    """
    span = _HALF if sixteenths else TICKS_PER_QUARTER
    begin, inside = tick // span * span, tick % span
    if swing <= 0 or any(abs(inside - place) < _FREE for place in (span // 3, 2 * span // 3)):
        return tick
    half, turn = span // 2, span / 2 + swing * span / 6
    if inside <= half:
        return begin + round(inside * turn / half)
    return begin + round(turn + (inside - half) * (span - turn) / half)
