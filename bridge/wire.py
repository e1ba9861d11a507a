"""How the three processes talk: one JSON object a line, over pipes.

The same lines are the journal on disk and the input of a replay, so there is one format to read.
Musical times are ticks, channels count from 0. `do` asks for something, `is` reports something.

face -> player
    {"do": "set", "name": "bpm", "value": 120}      turn a knob (names and ranges: aigc_music.core.controls)
    {"do": "start"} {"do": "stop"} {"do": "panic"} {"do": "quit"}
    {"do": "learn", "name": "density"}              the next MIDI message moves this knob ("panic" too)
player -> face
    {"is": "told", "text": "..."}                   something a person should know
    {"is": "snapshot", ...}                         ten times a second: what to show
    {"is": "report", ...}                           the last line: the figures of the whole session
player -> model (each of them starts a new epoch but "time")
    {"do": "session", "epoch", "frozen", "seed", "controls", "metre", "history"}
                                                    begin, or go on after a restart; history: notes as below
    {"do": "listen", "epoch", "frozen", "heard": [[tick, pitch, velocity], ...]}   velocity 0: note-off
    {"do": "control", "epoch", "frozen", "controls": {name: value}}
    {"do": "locate", "epoch", "frozen"}             the song jumped: go on right after `frozen`
    {"do": "time", "tick", "until"}                 it is `tick` now, have a plan up to `until`
model -> player
    {"is": "ready", "model": name}
    {"is": "plan", "epoch", "until", "notes": [[tick, pitch, velocity, duration, channel], ...],
     "chords": [[tick, root, quality], ...], "ms": [decision times]}
    {"is": "alive", "epoch"}                        everything asked for is planned

Epochs: whatever changes the future starts a new one. Notes of epoch e are played where
frozen(e) < tick <= frozen(e + 1); `frozen` is the tick up to which the player has given its word.
Both sides follow this rule, so the same messages give the same notes however fast the machine is.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

__all__ = ["Lines", "Outbox", "Plan", "Played", "encode", "read_plan"]

Played = tuple[int, int, int, int, int]
"""(tick, pitch, velocity, duration in ticks, channel)."""

_MAX_LINE = 1 << 22  # a peer that sends 4 MiB without a newline is broken
_READS = 16  # of 64 KiB in one go: a peer that never stops talking must not hold up the music
_MAX_TICK = 1 << 40  # 50,000 years at 1,500 bpm; player time in ns still fits into 64 bits
# lowest and highest value of each number of a note, a chord
_NOTE = ((0, _MAX_TICK), (0, 127), (1, 127), (1, _MAX_TICK), (0, 15))
_CHORD = ((0, _MAX_TICK), (0, 12), (0, 12))


class Plan(NamedTuple):
    """A plan that has been checked: every number is one, and in its range."""

    epoch: int
    notes: list[Played]
    chords: list[tuple[int, int, int]]
    ms: list[float]


def read_plan(message: dict[str, Any]) -> Plan | None:
    """The plan in a message of the model process, or None when anything in it is not as agreed."""
    epoch, notes = message.get("epoch"), message.get("notes")
    chords, ms = message.get("chords", []), message.get("ms", [])
    if type(epoch) is not int or not all(type(part) is list for part in (notes, chords, ms)):
        return None
    good = (
        all(_fits(note, _NOTE) for note in notes)  # type: ignore[union-attr]
        and all(_fits(chord, _CHORD) for chord in chords)
        and all(type(value) in (int, float) and 0 <= value < 1e9 for value in ms)
    )
    if not good:
        return None
    return Plan(epoch, [tuple(note) for note in notes], [tuple(chord) for chord in chords], ms)  # type: ignore[union-attr, misc]


def _fits(row: Any, ranges: tuple[tuple[int, int], ...]) -> bool:
    """True for a list of whole numbers (true and false are none), each inside its range."""
    return (
        type(row) is list
        and len(row) == len(ranges)
        and all(type(value) is int and low <= value <= high for value, (low, high) in zip(row, ranges, strict=True))
    )


def encode(message: dict[str, Any]) -> bytes:
    """One message as a line of bytes."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Outbox:
    """Writes messages to a pipe without ever blocking and without ever tearing a line.

    What the pipe does not take now is kept and goes first next time, up to 1 MiB; beyond that the peer is stuck
    and whole messages are dropped and counted. Threads: one. Realtime-safe: yes, but for the system call.
    """

    LIMIT = 1 << 20

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.dropped = 0
        self._rest = b""
        os.set_blocking(fd, False)

    def send(self, message: dict[str, Any], droppable: bool = False) -> None:
        """Queue one message and write what the pipe takes. A droppable one is not queued behind others."""
        if len(self._rest) > (0 if droppable else self.LIMIT):
            self.dropped += 1
        else:
            self._rest += encode(message)
        self.flush()

    def flush(self) -> bool:
        """Write on; True when nothing waits. A peer that has gone takes everything with it."""
        while self._rest:
            try:
                self._rest = self._rest[os.write(self.fd, self._rest) :]
            except BlockingIOError:
                return False
            except OSError:
                self._rest = b""
        return True


class Lines:
    """Reads messages from a pipe without ever blocking.

    `read` returns the messages that are whole by now; `closed` turns True when the other side has gone.
    Lines that are not a JSON object are skipped and counted in `broken` (a peer killed in mid-write).
    Threads: one. Realtime-safe: no (allocates), but bounded: 1 MiB a call, the rest waits for the next.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed = False
        self.broken = 0
        self._rest = b""
        os.set_blocking(fd, False)

    def read(self) -> list[dict[str, Any]]:
        """All messages that have arrived since the last call."""
        for _ in range(_READS):
            if self.closed:
                break
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
                break
            self._rest += data
            if len(self._rest) > _MAX_LINE and b"\n" not in self._rest:
                self._rest, self.closed = b"", True
        *whole, self._rest = self._rest.split(b"\n")
        messages = []
        for line in whole:
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                message = None
            if isinstance(message, dict):
                messages.append(message)
            else:
                self.broken += 1
        return messages
