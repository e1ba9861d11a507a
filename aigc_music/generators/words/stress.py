"""How well spoken stress sits on sung weight.

Looked at are neighbouring syllables of a line one of which is stressed in speech and the other is not: the stressed
one should stand on the heavier note. Words of one syllable are stressed where they carry meaning. Chance gives one
half. (After the rules for setting words of Palmer and Kelly 1992, as one plain figure.)

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["LEAST", "agreement"]

LEAST = 0.05
"""Weights nearer than this are equal: neither agrees nor disagrees."""


def agreement(stresses: Sequence[bool], weights: Sequence[float]) -> tuple[float, int]:
    """(points, pairs): a point for each pair that agrees, half of one where the weights are equal."""
    points, pairs = 0.0, 0
    for index in range(min(len(stresses), len(weights)) - 1):
        if stresses[index] == stresses[index + 1]:
            continue
        pairs += 1
        rise = weights[index + 1] - weights[index]
        if abs(rise) < LEAST:
            points += 0.5
        elif (rise > 0) == stresses[index + 1]:
            points += 1
    return points, pairs
