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
from typing import Any

__all__ = ["Lines", "Outbox", "encode"]

_MAX_LINE = 1 << 22  # a peer that sends 4 MiB without a newline is broken


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
    Threads: one. Realtime-safe: no (allocates), but bounded by what has arrived.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed = False
        self.broken = 0
        self._rest = b""
        os.set_blocking(fd, False)

    def read(self) -> list[dict[str, Any]]:
        """All messages that have arrived since the last call."""
        while not self.closed:
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
            except ValueError:
                message = None
            if isinstance(message, dict):
                messages.append(message)
            else:
                self.broken += 1
        return messages
