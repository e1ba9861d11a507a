"""Humanise: the same notes in the same order, with a player's timing and touch.

The model is told every note as it stands; only where it lies beside the grid and how hard it is struck are drawn,
each draw knowing those before. What the composer wrote (pitch, grid place, length) stays.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from aigc_music.engine.job import JobContext
from models.music.decode_cpu import MusicModel
from models.music.touch import touch

from .band import lanes
from .chart import Chart, Played

__all__ = ["humanised"]


def humanised(model: MusicModel, chart: Chart, seed: int, job: JobContext) -> dict[Played, Played]:
    """Every note of chart.given, and how it is played: 20 ticks beside the grid at most, with a new velocity."""
    result: dict[Played, Played] = {}
    first = min(note.tick for note in chart.given)
    wishes = chart.spans[0].wishes
    for lane in lanes(model, seed):
        own = [note for note in chart.given if lane.owns(note.part)]
        if not own:
            continue
        origin, metre = chart.metre_at(first)
        lane.begin(first, metre, origin)
        lane.tell(wishes)
        lane.conditions.set_parts({note.part for note in own})
        lane.conditions.set_given([])
        lane.limits.allow({note.part for note in own})
        lane.conditions.set_chords(
            [row.tick for row in chart.chords], [row.chord.root for row in chart.chords],
            [row.chord.quality for row in chart.chords], [row.bass for row in chart.chords],
        )  # fmt: skip
        for index, note in enumerate(own):
            job.progress(len(result) / len(chart.given), "playing")
            origin, metre = chart.metre_at(note.tick)
            lane.conditions.set_metre(metre, origin)
            tick, velocity = touch(lane.stream, lane.conditions, lane.limits, note, index)
            played = note._replace(tick=max(0, tick), velocity=velocity)
            lane.stream.feed(*played)
            result[note] = played
    return result
