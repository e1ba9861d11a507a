"""Which stretch of a song stands for all of it: whole bars, from the chorus, where the most is going on.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.generators.timeline import Timeline

__all__ = ["Cut", "best_cut"]

CHORUS = 0.6  # what a stretch gains that lies in a chorus altogether, beside its energy of 0..1
OPENING = 0.3  # ... that begins where a section does
PHRASE = 0.15  # ... of 4, 8 or 16 bars
LENGTH = 0.1  # ... that is as long as it may be


class Cut(NamedTuple):
    """A stretch of a song, in seconds."""

    start_s: float
    seconds: float


def best_cut(timeline: Timeline, low: float, high: float) -> Cut:
    """The best stretch of low..high seconds that begins and ends on a bar line; on a beat where no bars fit, and the
    whole song where it is shorter than `low`. Of equally good ones the first."""
    if timeline.seconds <= low:
        return Cut(0.0, timeline.seconds)
    for grid in (timeline.bars, timeline.beats):
        edges = _edges(grid, timeline.seconds)
        found = [
            (_worth(timeline, begin, end, steps, high), -begin, end)
            for first, begin in enumerate(edges)
            for steps, end in enumerate(edges[first + 1 :], 1)
            if low - 1e-6 <= end - begin <= high + 1e-6
        ]
        if found:
            _, begin, end = max(found)
            return Cut(-begin, end + begin)
    return Cut(0.0, min(high, timeline.seconds))


def _edges(grid: NDArray[np.float64], seconds: float) -> list[float]:
    """Where bars or beats begin, and where the last one ends, if the song lasts as long."""
    edges = [float(time) for time in grid]
    if len(edges) > 1 and edges[-1] + (edges[-1] - edges[-2]) <= seconds + 0.05:
        edges.append(edges[-1] + (edges[-1] - edges[-2]))
    return edges


def _worth(timeline: Timeline, begin: float, end: float, steps: int, high: float) -> float:
    """How well a stretch stands for the song."""
    inside = (timeline.bars >= begin - 1e-6) & (timeline.bars < end - 1e-6)
    energy = float(timeline.energy[inside].mean()) if inside.any() else 0.0
    chorus = sum(
        max(0.0, min(end, section.end) - max(begin, section.begin))
        for section in timeline.sections
        if section.name.casefold().startswith("chorus")
    )
    opens = any(abs(section.begin - begin) < 1e-6 for section in timeline.sections)
    length = end - begin
    return (
        energy + CHORUS * chorus / length + OPENING * opens + PHRASE * (steps in (4, 8, 16)) + LENGTH * length / high
    )
