"""What the network sees: one compound note per step, and the conditions beside it.

Time. The grid is 1/12 of a quarter note: UNIT = 40 ticks. An onset is a grid unit plus a micro-offset class of
MICRO_STEP = 5 ticks. A micro-offset never reaches the middle between two units from below, so encoding a decoded
onset gives the same classes again; the error of a played onset is at most 4 ticks, 4.2 ms at 120 bpm.

Events. Own notes enter once, with their duration. Human notes enter at their onset with duration OPEN and leave
with an event of kind CLOSE. START stands on a bar line before the first event. After every event the target is
the next own note; its delta counts from that event.

Heads, in the order of drawing: part, delta, micro, pitch, velocity, duration.

A long delta (over 4 quarters) lands on the half-quarter grid of the piece, wherever the last event lay, so a long
rest cannot push the music off the beat.

Threads: pure functions and tables. Realtime-safe: the scalar functions are, the kernels have their own copies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLES
from aigc_music.core.theory import CHORD_QUALITIES
from aigc_music.core.time import TICKS_PER_QUARTER

__all__ = [
    "CLOSE", "CONDITIONS", "DELTAS", "DURATIONS", "DURATION_TICKS", "EVENT_FIELDS", "HEADS", "KIND_CLOSE",
    "KIND_OPEN", "KIND_OWN", "KIND_START", "MICROS", "MICRO_STEP", "NO_MICRO", "NO_PITCH", "OPEN", "PARTS", "UNIT",
    "VELOCITIES", "VERSION", "beat_of", "decode_delta", "decode_duration", "decode_onset", "decode_velocity",
    "delta_class", "density_level", "duration_class", "key_id", "onset_classes", "tempo_bucket", "velocity_bin",
]  # fmt: skip

VERSION = 1
UNITS_PER_QUARTER = 12
UNIT = TICKS_PER_QUARTER // UNITS_PER_QUARTER  # 40 ticks

PARTS = len(PART_NAMES)

LINEAR = 4 * UNITS_PER_QUARTER  # deltas 0..48 are exact
HALF = UNITS_PER_QUARTER // 2
LONG = 24  # then 24 half-quarter points, up to 16 quarters
DELTAS = LINEAR + 1 + LONG

MICRO_STEP = 5
MICROS = 8  # -20, -15 .. +15 ticks
MICRO_ZERO = 4
NO_MICRO = MICROS

NO_PITCH = 128

VELOCITY_STEP = 8
VELOCITIES = 16
NO_VELOCITY = VELOCITIES

DURATION_TICKS: tuple[int, ...] = (
    20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220, 240, 280, 320, 360, 400, 440, 480, 540, 600, 640, 720, 840,
    960, 1080, 1200, 1440, 1680, 1920, 2160, 2400, 2880, 3360, 3840, 4800, 5760, 7680,
)  # fmt: skip
DURATIONS = len(DURATION_TICKS)
OPEN = DURATIONS  # input only: a human note that still sounds
CLOSE = DURATIONS + 1  # input only: it has stopped
NO_DURATION = DURATIONS + 2

HEADS: tuple[tuple[str, int], ...] = (
    ("part", PARTS), ("delta", DELTAS), ("micro", MICROS), ("pitch", 128), ("velocity", VELOCITIES),
    ("duration", DURATIONS),
)  # fmt: skip

KIND_OWN, KIND_OPEN, KIND_CLOSE, KIND_START = 0, 1, 2, 3
NO_PART = PARTS
KINDS = 4 * (PARTS + 1)  # kind * (PARTS + 1) + part

EVENT_FIELDS: tuple[tuple[str, int], ...] = (
    ("kind", KINDS), ("delta", DELTAS), ("micro", MICROS + 1), ("pitch", 129), ("velocity", VELOCITIES + 1),
    ("duration", DURATIONS + 3),
)  # fmt: skip
"""Name and number of classes of what describes an event at the input of the network."""

UNKNOWN_STYLE = len(STYLES)
NO_KEY = 36
PHASES = 18  # units inside a beat; the longest beat is a dotted quarter
NO_PHASE = PHASES
BEATS = 16
NO_BEAT = BEATS
NO_METRE = 0
TEMPOS = 12
NO_TEMPO = TEMPOS
ROOTS = 13  # 12 = no chord or unknown
QUALITIES = len(CHORD_QUALITIES) + 1
DENSITIES = 8
NO_DENSITY = DENSITIES
NO_PARTS = 1 << PARTS

CONDITIONS: tuple[tuple[str, int], ...] = (
    ("style", UNKNOWN_STYLE + 1), ("key", NO_KEY + 1), ("phase", PHASES + 1), ("beat", BEATS + 1),
    ("beats", BEATS + 1), ("beat_units", PHASES + 2), ("tempo", TEMPOS + 1), ("root", ROOTS),
    ("quality", QUALITIES), ("density", DENSITIES + 1), ("parts", NO_PARTS + 1),
)  # fmt: skip
"""Conditions at every event, each with a class for 'not said'. beat_units: grid units per beat, 0 = not said."""

ONSET_CONDITIONS: tuple[str, ...] = ("phase", "beat", "root", "quality")
"""The conditions that the heads after delta see again, at the onset they decide on."""

_LOG_DURATIONS = np.log(np.array(DURATION_TICKS, dtype=np.float64))
_DURATION_EDGES = np.exp((_LOG_DURATIONS[1:] + _LOG_DURATIONS[:-1]) / 2)
_TEMPO_EDGES = np.array([50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 112.0, 126.0, 142.0, 160.0, 185.0])
_DENSITY_EDGES = np.array([0.5, 1.0, 1.5, 2.5, 4.0, 6.0, 9.0])

IntArray = NDArray[np.integer]


class Onset(NamedTuple):
    """A point on the grid and the offset from it."""

    unit: int
    micro: int


def onset_classes(tick: int) -> Onset:
    """Grid unit and micro class of `tick` (any integer)."""
    unit = (tick + UNIT // 2) // UNIT
    offset = tick - unit * UNIT
    return Onset(unit, min(MICROS - 1, (offset + UNIT // 2 + MICRO_STEP // 2) // MICRO_STEP))


def onset_arrays(ticks: IntArray) -> tuple[IntArray, IntArray]:
    """onset_classes for a whole array."""
    units = (ticks + UNIT // 2) // UNIT
    micros = (ticks - units * UNIT + UNIT // 2 + MICRO_STEP // 2) // MICRO_STEP
    return units, np.minimum(MICROS - 1, micros)


def decode_onset(unit: int, micro: int) -> int:
    """Tick of a grid unit and micro class."""
    return unit * UNIT + (micro - MICRO_ZERO) * MICRO_STEP


def delta_class(unit: int, target: int) -> int:
    """Class of the step from grid unit `unit` to `target`; steps back count as 0, steps too long as the longest."""
    delta = max(0, target - unit)
    if delta <= LINEAR:
        return delta
    first = ((unit + LINEAR) // HALF + 1) * HALF
    return LINEAR + 1 + min(LONG - 1, max(0, (target - first + HALF // 2) // HALF))


def delta_classes(units: IntArray, targets: IntArray) -> IntArray:
    """delta_class for whole arrays."""
    delta = np.maximum(0, targets - units)
    first = ((units + LINEAR) // HALF + 1) * HALF
    far = LINEAR + 1 + np.clip((targets - first + HALF // 2) // HALF, 0, LONG - 1)
    return np.where(delta <= LINEAR, delta, far)


def decode_delta(unit: int, delta: int) -> int:
    """Grid unit that lies delta class `delta` after `unit`."""
    if delta <= LINEAR:
        return unit + delta
    return ((unit + LINEAR) // HALF + 1 + delta - LINEAR - 1) * HALF


def velocity_bin(velocity: int) -> int:
    """Bin 0..15 of a velocity 1..127."""
    return min(VELOCITIES - 1, max(0, velocity // VELOCITY_STEP))


def decode_velocity(index: int, spread: float = 0.5) -> int:
    """Velocity 1..127 inside a bin; `spread` 0..1 says where."""
    return min(127, max(1, index * VELOCITY_STEP + int(spread * VELOCITY_STEP)))


def duration_class(ticks: float) -> int:
    """Nearest note value on a logarithmic scale."""
    return int(np.searchsorted(_DURATION_EDGES, max(1.0, ticks)))


def duration_classes(ticks: IntArray) -> IntArray:
    """duration_class for a whole array."""
    return np.searchsorted(_DURATION_EDGES, np.maximum(1, ticks))


def decode_duration(index: int) -> int:
    """Ticks of a duration class below OPEN."""
    return DURATION_TICKS[index]


def tempo_bucket(bpm: float | None) -> int:
    """Class of a tempo in quarter notes a minute; None = not said."""
    return NO_TEMPO if bpm is None else int(np.searchsorted(_TEMPO_EDGES, bpm))


def density_level(notes_per_quarter: float | None) -> int:
    """Density level 0..7 of own notes per quarter note; None = not said."""
    return NO_DENSITY if notes_per_quarter is None else int(np.searchsorted(_DENSITY_EDGES, notes_per_quarter))


def density_levels(notes_per_quarter: NDArray[np.floating]) -> IntArray:
    """density_level for a whole array."""
    return np.searchsorted(_DENSITY_EDGES, notes_per_quarter)


def key_id(root: int | None, minor: bool | None) -> int:
    """Class of a key: root 0..11; minor None = mode not said; root None = key not said."""
    if root is None:
        return NO_KEY
    return root * 3 + (2 if minor is None else int(minor))


def beat_of(beats: int, unit: int) -> tuple[int, int]:
    """Beats per bar and ticks per beat as the network counts them, of the time signature beats/unit.

    6/8, 9/8, 12/8 and 3/8 count in dotted quarters, x/2 in quarters; bars longer than 16 beats count as 16.
    """
    ticks = 4 * TICKS_PER_QUARTER // unit
    if unit >= 8 and beats % 3 == 0:
        beats, ticks = beats // 3, ticks * 3
    while ticks > PHASES * UNIT or (ticks > TICKS_PER_QUARTER and ticks % 720):
        beats, ticks = beats * 2, ticks // 2
    ticks = max(UNIT, ticks // UNIT * UNIT)
    return max(1, min(BEATS, beats)), ticks
