"""Fill: bars between what stands before and after.

The model plays on from what stands before, several times; each attempt is judged by how well the notes that stand
after it follow, in bits, as the model itself hears them (teacher-forced). The attempt after which they surprise least
is kept.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aigc_music.engine.job import JobContext
from models.music.corpus import Song, tidy
from models.music.decode_cpu import MusicModel
from models.music.windows import PLAIN, collate, unit_table, window

from .chart import Chart, Played
from .given import Given
from .perform import perform

__all__ = ["best_filling", "surprise"]

ATTEMPTS = 6
_AFTER = 32  # notes after the gap that judge it
_BEFORE = 96  # notes before them that the model hears


def best_filling(model: MusicModel, chart: Chart, given: Given, seed: int, job: JobContext) -> list[Played]:
    """The best of ATTEMPTS ways to play the chart, which covers the gap."""
    attempts = []
    for number in range(ATTEMPTS):
        job.progress(number / ATTEMPTS, "trying")
        attempts.append(list(perform(model, chart, seed + 1000 * number)))
    parts = chart.spans[0].wishes.parts
    kept = [note for note in given.notes if not (chart.begin <= note.tick < chart.end and note.part in parts)]
    if all(note.tick < chart.end for note in kept):  # nothing follows: the first attempt is as good as any
        return attempts[0]
    return min(attempts, key=lambda notes: surprise(model, given.song, kept + notes, chart.end))


def surprise(model: MusicModel, song: Song, notes: list[Played], tick: int) -> float:
    """Bits a note that the model needs for the next notes from `tick` on, after the notes before."""
    piece = replace(song, notes=tidy(np.array(notes, np.int32)))
    after = int(np.searchsorted(piece.notes[:, 0], tick))
    start = max(0, after - _BEFORE)
    length = after - start + 1 + min(_AFTER, len(piece.notes) - after)
    rows = window(piece, unit_table(piece), start, length, np.random.default_rng(0), PLAIN)
    rows["weight"][: after - start] = 0
    bits, count, _ = model.score(collate([rows]))
    return float(bits.sum()) / max(1, count)
