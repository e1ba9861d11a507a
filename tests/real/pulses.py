"""Foreign clocks that are made up: pulses with a tempo curve and jitter, and how well the follower keeps to them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

from bridge.midi_clock import PULSES_PER_QUARTER, ClockFollower

__all__ = ["Phase", "follow", "pulse_times", "ramp", "steady", "step"]

Tempo = Callable[[float], float]
"""bpm at a place in quarter notes."""


class Phase(NamedTuple):
    """Distance (ms) of the follower's line from the clock without its jitter, half a pulse ahead; the last tempo."""

    worst: float
    mean: float
    bpm: float


def steady(bpm: float) -> Tempo:
    """One tempo."""
    return lambda quarter: bpm


def step(before: float, after: float, at: float) -> Tempo:
    """Another tempo from quarter `at` on."""
    return lambda quarter: before if quarter < at else after


def ramp(before: float, after: float, start: float, end: float) -> Tempo:
    """From one tempo to another between two quarters."""
    return lambda quarter: before + (after - before) * min(1.0, max(0.0, (quarter - start) / (end - start)))


def pulse_times(tempo: Tempo, quarters: float) -> list[float]:
    """Times (s) of the pulses of an ideal clock."""
    times = [0.0]
    for index in range(round(quarters * PULSES_PER_QUARTER)):
        times.append(times[-1] + 60 / tempo(index / PULSES_PER_QUARTER) / PULSES_PER_QUARTER)
    return times


def follow(
    tempo: Tempo,
    quarters: float,
    jitter_ms: float,
    rng: random.Random,
    period_ms: float = 0.0,
    judge_from: float = 8,
    judge_to: float = 1e9,
) -> Phase:
    """Let a follower hear the clock, jitter `jitter_ms` wide and centred, stamped to a grid of `period_ms`.

    Judged between the quarters `judge_from` and `judge_to`.
    """
    follower = ClockFollower()
    follower.start()
    ideal = pulse_times(tempo, quarters)
    errors = []
    bpm = 0.0
    latest = 0
    for index, time in enumerate(ideal[:-1]):
        arrival = time + rng.uniform(-0.5, 0.5) * jitter_ms / 1000
        if period_ms:
            arrival = (arrival * 1000 // period_ms + 0.5) * period_ms / 1000
        latest = max(latest, round((1 + arrival) * 1e9))  # messages do not overtake
        follower.pulse(latest)
        line = follower.line()
        if line is None:
            continue
        tick, ns, bpm = line
        if judge_from <= index / PULSES_PER_QUARTER < judge_to:
            ahead = ns + 10 * 60e9 / bpm / 480  # half a pulse on, where notes are still to be placed
            truth = 1 + (time + ideal[index + 1]) / 2
            errors.append(ahead / 1e6 - truth * 1000 + (tick - index * 20) * 60e3 / bpm / 480)
    return Phase(max(map(abs, errors)), sum(map(abs, errors)) / len(errors), bpm)
