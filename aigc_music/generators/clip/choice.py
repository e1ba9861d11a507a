"""Which scene a request gets, and which stretch of the song makes a good loop.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math

import numpy as np

from aigc_music.core.errors import choose
from aigc_music.engine.requests import VideoRequest

from ..timeline import Timeline
from .families import FAMILIES
from .scene import Scene, Stage

__all__ = ["choose_family", "make_scene", "musical_stretch"]


def choose_family(timeline: Timeline, rng: np.random.Generator) -> str:
    """A name of FAMILIES, drawn by chance; the nearer its mood to that of the song the likelier."""
    weights = np.array([
        math.exp(-1.6 * math.hypot(family.bright - timeline.bright, family.arousal - timeline.arousal))
        for family in FAMILIES.values()
    ])  # fmt: skip
    return list(FAMILIES)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def make_scene(request: VideoRequest, stage: Stage) -> Scene:
    """The scene of the family that is asked for, or of one that suits the song. UsageError for a family that is not
    there, ModelError where it needs the picture model and that is not installed."""
    name = choose("family", request.family or choose_family(stage.timeline, stage.rng), FAMILIES)
    return FAMILIES[name].make(stage)


def musical_stretch(timeline: Timeline, start_s: float, least: float, most: float) -> tuple[float, float]:
    """A stretch for a loop: start and length in seconds, of whole bars, from the bar nearest to `start_s`.

    Of the lengths from least to most that of most doublings of a bar is taken (4 before 2 before 3). Where no whole
    bar fits, `start_s` and the longest length that the song and `most` leave.
    """
    edges = np.append(timeline.bars, timeline.seconds)
    if len(timeline.bars):
        first = int(np.argmin(np.abs(timeline.bars - start_s)))
        lengths = {bars: float(edges[first + bars] - edges[first]) for bars in range(1, len(edges) - first)}
        fitting = [bars for bars, seconds in lengths.items() if least <= seconds <= most]
        if fitting:
            bars = max(fitting, key=lambda count: (count & -count, count))
            return float(edges[first]), lengths[bars]
    return start_s, min(most, max(least, timeline.seconds - start_s))
