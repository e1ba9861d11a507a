"""Notochord as a contender of `bench decode`: run by file name in the Python that has it, never imported by us.

Random weights: its speed does not depend on them. Constraints are those of its own co-player with four
instruments, ranges, polyphony and a longest note; drawing order and neutral steering as there. An event is one
`sample` and one `feed`. Speaks the line protocol of models.music.bench (a number in, times out).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from typing import Any

# Notochord prints remarks about its constraints: they must not meet the answers
ANSWERS = os.fdopen(os.dup(1), "w")
sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the life of the process

RANGES = {1: (36, 97), 34: (28, 56), 49: (48, 85), 129: (35, 60)}
"""Piano, bass, strings, drum kit: instrument (from 1, kits from 129), lowest pitch, highest pitch + 1."""
VOICES = {1: 4, 34: 1, 49: 3, 129: 2}
LONGEST_S = 11.0


def answer(fields: dict[str, Any]) -> None:
    """One line of JSON to the parent."""
    ANSWERS.write(json.dumps(fields) + "\n")
    ANSWERS.flush()


def main() -> None:
    """Make a model and measure until stdin ends."""
    from notochord import EventConstraints, Notochord

    model = Notochord().eval()
    model.reset()
    pitches = {instrument: set(range(low, high)) for instrument, (low, high) in RANGES.items()}

    def event() -> None:
        drawn = model.sample(
            EventConstraints(
                {instrument: set(allowed) for instrument, allowed in pitches.items()},
                min_time=0.0,
                max_polyphony=VOICES,
                max_duration=dict.fromkeys(RANGES, LONGEST_S),
            ),
            order="vipt",
        )
        model.feed(drawn.inst, drawn.pitch, drawn.time, drawn.vel)

    for _ in range(20):
        event()
    millions = sum(weight.numel() for weight in model.parameters()) / 1e6
    version = importlib.metadata.version("notochord")
    answer({"detail": f"{version}, {millions:.1f} M random weights, 4 instruments: one event (sample + feed)"})
    for line in sys.stdin:
        took = []
        cpu = time.process_time_ns()
        for _ in range(int(line)):
            began = time.perf_counter_ns()
            event()
            took.append((time.perf_counter_ns() - began) / 1e6)
        answer({"ms": took, "cpu_ms": (time.process_time_ns() - cpu) / 1e6})


if __name__ == "__main__":
    main()
