"""Foreign masters of MIDI clock, and the phase of our notes against their pulses, both taken by one recorder.

One jack_midi_dump hears the clock and our notes on the same port, so both have the same frames.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bridge.journal import read_journal

from ..jack_world import Dumped, JackServer

__all__ = ["Phases", "phases", "pulses", "transport"]

_TICKS_PER_PULSE = 20
_RATE = 48_000
_TWO_BARS = 8 * 24  # pulses


class Phases(NamedTuple):
    """Distance of our note-ons from the straight line through the pulses nearby, in ms."""

    notes: int
    worst: float
    mean: float


def transport(server: JackServer, *commands: str) -> None:
    """Give jack_transport commands: play, stop, locate FRAME."""
    subprocess.run(
        ["jack_transport"],
        input="\n".join((*commands, "quit", "")).encode(),
        env=os.environ | {"JACK_DEFAULT_SERVER": server.name},
        capture_output=True,
        timeout=10,
    )


def pulses(messages: Sequence[Dumped]) -> list[int]:
    """Frames of the clock pulses after the first Start or Continue."""
    started = next((i for i, m in enumerate(messages) if m.data[0] in (0xFA, 0xFB)), len(messages))
    return [m.frame for m in messages[started:] if m.data == b"\xf8"]


def phases(messages: Sequence[Dumped], journal: Path, from_pulse: int = _TWO_BARS) -> Phases:
    """Compare note-ons with the pulses their ticks belong to, after a Start, from pulse `from_pulse` on.

    The truth at a pulse is the straight line through the 12 pulses on either side: senders jitter by a period.
    """
    grid = pulses(messages)
    ticks = [note[0] for line in read_journal(journal) if line.get("is") == "played" for note in line["notes"]]
    ons = [m.frame for m in messages if m.data[0] & 0xF0 == 0x90 and m.data[2] and m.data[0] & 15]
    errors = []
    for tick, frame in zip(sorted(ticks), ons, strict=False):
        place = tick / _TICKS_PER_PULSE
        if not from_pulse <= place < len(grid) - 12:
            continue
        low = round(place) - 12
        near = grid[low : low + 25]
        middle = sum(near) / len(near)
        slope = sum((k - 12) * f for k, f in enumerate(near)) / sum((k - 12) ** 2 for k in range(25))
        errors.append((frame - (middle + slope * (place - low - 12))) * 1000 / _RATE)
    if not errors:
        return Phases(0, float("inf"), float("inf"))
    return Phases(len(errors), max(map(abs, errors)), sum(map(abs, errors)) / len(errors))
