"""What JACK's transport says in one period: the fields of jack_position_t that count, read from raw bytes.

Imports neither numpy nor numba.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

__all__ = ["Bar", "JackTransport", "read_transport"]

# unique, usecs, rate, frame, valid, bar, beat, tick, bar_start_tick, beats_per_bar, beat_type, ticks_per_beat,
# beats_per_minute, two times, bbt_offset: everything up to here lies the same on every machine, packed or not
_POSITION = struct.Struct("=QQIIIiiidffddddI")
_HAS_BBT, _HAS_OFFSET = 0x10, 0x40
_ROLLING = (1, 2)  # rolling, looping; 0 is stopped, 3 and 4 get ready to start


class Bar(NamedTuple):
    """A timebase master's answer: quarters from the start of the song, and how coarse that number is."""

    quarters: float
    step: float  # the true place lies in quarters .. quarters + step: masters cut their tick to an integer
    bpm: float  # quarter notes a minute


class JackTransport(NamedTuple):
    """The transport at the first frame of a period."""

    rolling: bool
    at_ns: int  # player time of that frame
    frame: int  # of the song
    rate: int  # frames per second
    bar: Bar | None  # None without a timebase master


def read_transport(state: int, position: bytes, at_ns: int) -> JackTransport:
    """Read the answer of jack_transport_query: its result, and at least 92 bytes of the position."""
    (_, _, rate, frame, valid, bar, beat, tick, bar_start, per_bar, beat_type, per_beat, bpm, _, _, offset) = (
        _POSITION.unpack_from(position)
    )
    answer = None
    if valid & _HAS_BBT and per_beat > 0 and beat_type > 0 and bpm > 0:
        if bar > 1 and not bar_start:  # some masters leave it out
            bar_start = (bar - 1) * per_bar * per_beat
        unit = 4.0 / beat_type
        quarters = ((bar_start + tick) / per_beat + beat - 1) * unit
        if valid & _HAS_OFFSET and rate:  # the place was that many frames before the period
            quarters += offset / rate * bpm * unit / 60
        answer = Bar(quarters, unit / per_beat, bpm * unit)
    return JackTransport(state in _ROLLING, at_ns, frame, rate, answer)
