"""What the network sees: one compound note per step, and the conditions beside it.

Time. The grid is 1/12 of a quarter note: UNIT = 40 ticks. An onset is a grid unit plus a micro-offset class of
MICRO_STEP = 5 ticks. A micro-offset never reaches the middle between two units from below, so encoding a decoded
onset gives the same classes again; the error of a played onset is at most 4 ticks, 4.2 ms at 120 bpm.

Events. Own notes enter once, with their duration. Human notes enter at their onset with duration OPEN and leave
with an event of kind CLOSE. START stands on a bar line before the first event. After every event the target is
the next own note; its delta counts from that event.

Heads, in the order of drawing: part, delta, micro, pitch, velocity, duration.

Memory. Beside every event stands what came next in five earlier places (memory.py): one, two and four bars ago, at
the pointer (a bar that the form names, eight bars ago where it names none), and after the last place that went as the
last three notes did. So a bar can come back though the network's own state has long forgotten it.

A long delta (over 4 quarters) lands on the half-quarter grid of the piece, wherever the last event lay, so a long
rest cannot push the music off the beat.

Threads: pure functions and tables. Realtime-safe: the scalar functions are, the kernels have their own copies.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLES
from aigc_music.core.theory import CHORD_QUALITIES
from aigc_music.core.time import TICKS_PER_QUARTER

__all__ = [
    "CHOICES", "CLOSE", "CONDITIONS", "DELTAS", "DURATIONS", "DURATION_TICKS", "EVENT_FIELDS", "HEADS",
    "INPUT_FIELDS", "KIND_CLOSE", "KIND_OPEN", "KIND_OWN", "KIND_START", "MEMORIES", "MICROS", "MICRO_STEP",
    "NO_MICRO", "NO_PITCH", "OPEN", "PARTS", "PITCH_BLOCKS", "PLACE", "PREFIX", "SOURCES", "UNIT", "VELOCITIES",
    "VERSION", "beat_of", "decode_delta", "decode_duration", "decode_onset", "decode_velocity", "delta_class",
    "duration_class", "key_id", "level", "onset_classes", "tempo_bucket", "velocity_bin",
]  # fmt: skip

VERSION = 2
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
DISTANCES = 8  # units until the next chord, see distance_class; 0 = not said
LEVELS = 8  # of density, register, polyphony and loudness
NO_LEVEL = LEVELS
LEFT = 7  # bars left until the end, see left_class; 0 = not said
NO_PARTS = 1 << PARTS
LIKENESS = 6  # how much the bar is like the one that the pointer names, see likeness_class; 0 = not said

CONDITIONS: tuple[tuple[str, int], ...] = (
    ("style", UNKNOWN_STYLE + 1), ("key", NO_KEY + 1), ("tempo", TEMPOS + 1),
    ("phase", PHASES + 1), ("beat", BEATS + 1), ("beats", BEATS + 1), ("beat_units", PHASES + 2),
    ("root", ROOTS), ("quality", QUALITIES), ("bass", ROOTS),
    ("next_root", ROOTS), ("next_quality", QUALITIES), ("next_in", DISTANCES), ("left", LEFT), ("likeness", LIKENESS),
    ("density", LEVELS + 1), ("register", LEVELS + 1), ("polyphony", LEVELS + 1), ("loudness", LEVELS + 1),
    ("parts", NO_PARTS + 1), ("given", NO_PARTS + 1),
    *((f"scale_{name}", 2) for name in ("c", "cis", "d", "dis", "e", "f", "fis", "g", "gis", "a", "ais", "b")),
)  # fmt: skip
"""Conditions at every event, each with a class for 'not said'. beat_units: grid units per beat, 0 = not said. The
scale is twelve bits; all twelve set says nothing. parts: who plays of the band; given: what the musician plays."""

PLACE: tuple[str, ...] = (
    "phase", "beat", "beats", "beat_units", "root", "quality", "bass", "next_root", "next_quality", "next_in", "left",
    "likeness",
)  # fmt: skip
"""The conditions that depend on the place in the piece, in the order of a place row (`windows.unit_table`)."""

ONSET_CONDITIONS: tuple[str, ...] = ("phase", "beat", "root", "quality", "bass", "likeness")
"""The conditions that the heads after delta see again, at the onset they decide on."""

SOURCES = 5  # one bar ago, two, four, at the pointer, after the last place that went the same way
POINTER, MATCH = 3, 4
LAG_BARS = (1, 2, 4, 8)  # the last one where nobody sets the pointer
FAR_DELTA, NO_DELTA = LINEAR + 1, LINEAR + 2
MATCHES = 5  # how long the same way has gone on, see memory.match_class

MEMORIES: tuple[tuple[str, int], ...] = (
    *(
        (f"{kind}_{source}", size)
        for source in range(SOURCES)
        for kind, size in (("part", PARTS + 1), ("delta", LINEAR + 3))
    ),
    ("match", MATCHES),
)  # fmt: skip
"""What came next in each earlier place: its part, and how far off it would be now."""

INPUT_FIELDS = EVENT_FIELDS + CONDITIONS + MEMORIES
"""One class of each makes an input row."""

CHOICES: tuple[tuple[str, int], ...] = (
    ("part", PARTS), ("delta", DELTAS),
    ("phase", PHASES + 1), ("beat", BEATS + 1), ("root", ROOTS), ("quality", QUALITIES), ("bass", ROOTS),
    ("likeness", LIKENESS), ("last", 129), *((f"length_{source}", DURATIONS + 2) for source in range(SOURCES)),
    ("micro", MICROS),
    ("pitch", 128), *((f"same_{source}", 3) for source in range(SOURCES)),
    ("velocity", VELOCITIES),
)  # fmt: skip
"""What a head may look at, in order. Head k sees the first PREFIX[k] of them. length: duration class of the note that
the part played at the onset's earlier place (DURATIONS = unknown, DURATIONS + 1 = it played none); same: whether the
chosen pitch is that note's (0 = no note, 1 = the same, 2 = another)."""

PREFIX: dict[str, int] = {
    "part": 0, "delta": 1, "micro": 9 + SOURCES, "pitch": 10 + SOURCES, "velocity": 11 + 2 * SOURCES,
    "duration": 12 + 2 * SOURCES,
}  # fmt: skip
NO_LENGTH = DURATIONS + 1

INTERVALS = 24  # relative pitch logits reach two octaves up and down
ECHO_INTERVALS = 7  # and a fifth round the pitch of an earlier place
PITCH_BLOCKS = (128, 2 * INTERVALS + 1, 12, 12, *((2 * ECHO_INTERVALS + 1,) * SOURCES))
"""Rows of the pitch head: absolute pitch, interval to the part's last note, to the chord root, to the tonic, and to
the note of each earlier place."""
PITCH_OUTPUTS = sum(PITCH_BLOCKS)

_LOG_DURATIONS = np.log(np.array(DURATION_TICKS, dtype=np.float64))
_DURATION_EDGES = np.exp((_LOG_DURATIONS[1:] + _LOG_DURATIONS[:-1]) / 2)
_TEMPO_EDGES = np.array([50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 112.0, 126.0, 142.0, 160.0, 185.0])
LEVEL_EDGES: dict[str, NDArray[np.float64]] = {
    "density": np.array([0.5, 1.0, 1.5, 2.5, 4.0, 6.0, 9.0]),  # own notes a quarter
    "register": np.array([43.0, 49.0, 55.0, 60.0, 65.0, 70.0, 76.0]),  # mean pitch of own pitched notes
    "polyphony": np.array([0.7, 1.2, 1.8, 2.5, 3.3, 4.3, 5.5]),  # own pitched notes that sound at once, in the mean
    "loudness": np.array([24.0, 40.0, 54.0, 66.0, 78.0, 90.0, 104.0]),  # mean velocity of own notes
}
"""Borders of the levels 0..7 of what the next bars are like."""
_LIKENESS_EDGES = np.array([0.25, 0.45, 0.65, 0.85])
_DISTANCE_EDGES = np.array([7, 13, 19, 25, 49, 97])
_LEFT_EDGES = np.array([1, 2, 4, 8, 16])

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


def level(kind: str, value: float | None) -> int:
    """Level 0..7 of a density, register, polyphony or loudness; None = not said."""
    return NO_LEVEL if value is None else int(np.searchsorted(LEVEL_EDGES[kind], value, side="right"))


def levels(kind: str, values: NDArray[np.floating]) -> IntArray:
    """level for a whole array; NaN = not said."""
    result = np.searchsorted(LEVEL_EDGES[kind], values, side="right")
    return np.where(np.isnan(values), NO_LEVEL, result)


def likeness_class(likeness: Any) -> Any:
    """Class 1..5 of a likeness 0..1 (numbers or arrays); 0 is kept for 'not said'."""
    return 1 + np.searchsorted(_LIKENESS_EDGES, likeness, side="right")


def distance_class(units: Any) -> Any:
    """Class 1..7 of the grid units (> 0) until the next chord; 0 is kept for 'not said'."""
    return 1 + np.searchsorted(_DISTANCE_EDGES, units, side="right")


def left_class(bars: Any) -> Any:
    """Class 1..6 of how many bars follow the present one until the piece ends (0 = the last); 0 is 'not said'."""
    return 1 + np.searchsorted(_LEFT_EDGES, bars, side="right")


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
