"""How long one decision takes: feed and sample with all conditions and masks, one thread.

`python -m models.music.bench` prints the figures; the last line is JSON.
"""

from __future__ import annotations

import json
import os
import time

import numpy as np

from aigc_music.core.parts import PARTS
from aigc_music.core.theory import Key
from aigc_music.core.time import Metre

from .decode_cpu import Conditions, Limits, MusicModel, Rest, load_model

__all__ = ["decode_ms", "everything"]


def everything() -> tuple[Conditions, Limits]:
    """Conditions with nothing left unsaid and limits of every kind: the heaviest case."""
    key = Key(5, "major")
    conditions, limits = Conditions(), Limits()
    conditions.style, conditions.bpm = 0, 104.0
    conditions.set_key(key)
    conditions.set_metre(Metre(4, 4))
    conditions.set_parts((0, 3, 4))
    conditions.set_density(0.5)
    bars = np.arange(200)
    conditions.set_chords(bars * 1920, np.array([5, 2, 10, 0])[bars % 4], np.array([0, 1, 0, 0])[bars % 4])
    limits.allow((0, 3, 4))
    for index, part in enumerate(PARTS):
        limits.set_range(index, part.low, part.high)
        limits.set_scale(index, key.scale)
        limits.set_longest(index, 3840)
    limits.set_chord_tones(3, True)
    return conditions, limits


def decode_ms(notes: int = 1000, model: MusicModel | str = "default") -> dict[str, float]:
    """p50, p99, min and CPU time of one note (sample and feed), in milliseconds, after a warm-up; seconds of warm-up too."""
    model = load_model(model) if isinstance(model, str) else model
    warm = model.warm_up()
    conditions, limits = everything()
    stream = model.stream(seed=1)
    times = np.zeros(notes)
    earliest = 0
    cpu = time.process_time()
    for index in range(notes):
        begun = time.perf_counter()
        note = stream.sample(conditions, limits, earliest, 0, index)
        if isinstance(note, Rest):
            earliest = note.until_tick
        else:
            stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
        times[index] = time.perf_counter() - begun
    cpu = (time.process_time() - cpu) / notes
    p50, p99 = np.percentile(times, (50, 99))
    return {"p50": round(p50 * 1e3, 4), "p99": round(p99 * 1e3, 4), "min": round(times.min() * 1e3, 4), "cpu": round(cpu * 1e3, 4), "warm_up_s": round(warm, 3)}


def _main() -> None:
    figures = decode_ms()
    for name, value in figures.items():
        print(f"{name:10s} {value:.3f}")  # noqa: T201
    print(json.dumps({"aigc-music": figures, "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None}))  # noqa: T201


if __name__ == "__main__":
    _main()
