"""Sending at deadlines, for MIDI systems whose messages carry no time: shared by rtmidi and memory.

Messages wait in a heap keyed by (time, order of sending) and leave inside `wait`, which therefore IS the
deadline thread: whoever calls it should run with realtime priority where the system allows. Every note that left is
owned here until its note_off leaves, so that a panic, a lost port or an `unsend` can settle what is owed.

Threading model: the player's thread only. A subclass may fill its input from other threads if it locks it.
"""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aigc_music.core.errors import UsageError
from aigc_music.core.parts import HUMAN_CHANNEL
from bridge.backends import IN, OUT, Incoming
from bridge.backends.parse import whole
from bridge.clock import Clock, ManualClock

__all__ = ["GENERATED", "THRU", "DeadlineBackend", "Sounding", "pending_offs", "sleep_on"]

GENERATED, THRU = 0, 1
"""Owners of a note: what the program plays, and what the musician's keys play through it."""

_LATE_NS = 1_000_000  # a message that leaves later than this counts as late
_LATENESS_KEPT = 4096
_SPIN_NS = 120_000  # at 50 notes a second this is half a percent of one core


class Sounding:
    """Which notes sound on an output and who owns them; decides what is really written.

    A generated note is counted (two ons need two offs), a key of the musician is down or not: a keyboard that
    forgets an off must not leave a note hanging. A note that already sounds is ended before it starts again.
    """

    def __init__(self) -> None:
        self._held = ([0] * 2048, [0] * 2048)  # by owner, index = channel * 128 + pitch
        self.channels = 0  # bit mask of the channels that were ever used

    def step(self, owner: int, data: bytes) -> tuple[bytes, ...]:
        """The messages to write for `data` from `owner`: none, itself, or a note_off and itself."""
        kind = data[0] & 0xF0
        if kind == 0xF0:
            return (data,)
        channel = data[0] & 0x0F
        self.channels |= 1 << channel
        if kind > 0x90:
            return (data,)
        key = channel << 7 | data[1]
        mine, others = self._held[owner], self._held[1 - owner]
        if kind == 0x90 and data[2]:
            sounded = mine[key] or others[key]
            mine[key] = 1 if owner == THRU else mine[key] + 1
            return (_off(key), data) if sounded else (data,)
        mine[key] = max(0, mine[key] - 1)
        return () if mine[key] or others[key] else (data,)  # an off too many is harmless, one too few is not

    def count(self) -> int:
        """Number of (channel, pitch) pairs that sound."""
        return sum(1 for mine, thru in zip(*self._held, strict=True) if mine or thru)

    def close(self) -> list[bytes]:
        """Forget all owners; the note_offs that end everything."""
        offs = [_off(key) for key, held in enumerate(zip(*self._held, strict=True)) if any(held)]
        self._held = ([0] * 2048, [0] * 2048)
        return offs

    def release(self, owner: int) -> list[bytes]:
        """Forget one owner; the note_offs of what nobody holds any more."""
        mine, others = self._held[owner], self._held[1 - owner]
        offs = [_off(key) for key in range(2048) if mine[key] and not others[key]]
        mine[:] = [0] * 2048
        return offs

    def silence(self) -> list[bytes]:
        """Sustain up, all notes off, all sound off, on every channel that was used."""
        return [
            bytes((0xB0 | channel, control, 0))
            for channel in range(16)
            if self.channels >> channel & 1
            for control in (64, 123, 120)
        ]


def _off(key: int) -> bytes:
    return bytes((0x80 | key >> 7, key & 127, 64))


def pending_offs(messages: Sequence[bytes]) -> list[bytes]:
    """Of messages to be forgotten, in order of time: the note_offs whose note_on is not among them."""
    waiting: dict[tuple[int, int], int] = {}
    offs = []
    for data in messages:
        kind = data[0] & 0xF0
        if kind not in (0x80, 0x90):
            continue
        key = (data[0] & 0x0F, data[1])
        if kind == 0x90 and data[2]:
            waiting[key] = waiting.get(key, 0) + 1
        elif waiting.get(key):
            waiting[key] -= 1
        else:
            offs.append(data)
    return offs


def sleep_on(fds: Sequence[int], seconds: float) -> list[int]:
    """Sleep until a descriptor is readable or `seconds` are over; the readable ones."""
    if fds:  # Windows' select refuses to wait for nothing
        return select.select(fds, [], [], seconds)[0]
    time.sleep(seconds)
    return []


class DeadlineBackend:
    """The common half of rtmidi and memory. A subclass gives `_write`, `_gather` and `_sleep`."""

    api = ""

    def __init__(self, clock: Clock, commit_ns: int) -> None:
        self.clock = clock
        self._spin_ns = 0 if isinstance(clock, ManualClock) else _SPIN_NS
        self.commit_ns = commit_ns
        self.alive = True
        self.sounding = Sounding()
        self.tap: Callable[[int, bytes], None] | None = None
        """Called with (player time, message) for all that is written to OUT, lost or not: a synth listens here."""
        self._heap: list[tuple[int, int, int, bytes]] = []
        self._order = 0
        self._thru = False
        self._arrived: list[Incoming] = []
        self._words: list[str] = []
        self._owed: list[bytes] = []  # note_offs of notes that sounded when OUT was lost
        self._lateness = np.zeros(_LATENESS_KEPT, np.int64)
        self._note_ons = self._sent = self._received = self._late = self._dropped = 0

    def _write(self, port: int, data: bytes) -> bool:
        """Send now; False when the port is not there."""
        raise NotImplementedError

    def _gather(self) -> list[Incoming]:
        """What arrived since the last call."""
        raise NotImplementedError

    def _sleep(self, until_ns: int, fds: Sequence[int]) -> list[int]:
        """Sleep until `until_ns`, input or a readable fd; the readable ones. A past `until_ns` just looks."""
        raise NotImplementedError

    def _invalid(self) -> int:
        """Number of incoming messages that were thrown away."""
        raise NotImplementedError

    def send(self, at_ns: int, data: bytes, port: int = OUT) -> None:
        """See Backend.send."""
        if not whole(data):
            raise UsageError(f"{data.hex(' ') or 'nothing'} is not one MIDI message: a status byte and its data")
        self._order += 1
        heapq.heappush(self._heap, (at_ns, self._order, port, data))
        now = self.clock.now_ns()
        if at_ns <= now:
            self._serve(now)

    def unsend(self, port: int = OUT) -> None:
        """See Backend.unsend."""
        forgotten = sorted(entry for entry in self._heap if entry[2] == port)
        self._heap = [entry for entry in self._heap if entry[2] != port]
        heapq.heapify(self._heap)
        for data in pending_offs([entry[3] for entry in forgotten]):
            self._emit(GENERATED, port, data)

    def receive(self) -> list[Incoming]:
        """See Backend.receive."""
        self._take_input()
        arrived, self._arrived = self._arrived, []
        return arrived

    def wait(self, until_ns: int, fds: Sequence[int] = ()) -> list[int]:
        """See Backend.wait."""
        while True:
            self._take_input()
            now = self.clock.now_ns()
            self._serve(now)
            if self._arrived or now >= until_ns:
                return self._sleep(now, fds)
            due = self._heap[0][0] if self._heap else until_ns + self._spin_ns
            if due - now <= self._spin_ns:
                while self.clock.now_ns() < due:  # the last stretch awake: waking up costs 50 us and more
                    pass
                continue
            ready = self._sleep(min(until_ns, due - self._spin_ns), fds)
            if ready:
                self._take_input()
                self._serve(self.clock.now_ns())
                return ready

    def set_thru(self, on: bool) -> None:
        """See Backend.set_thru."""
        self._thru = on
        if not on:
            for data in self.sounding.release(THRU):
                self._put(OUT, data)

    def close_all(self) -> int:
        """See Backend.close_all."""
        self._heap = [entry for entry in self._heap if entry[2] != OUT]
        heapq.heapify(self._heap)
        closed = self.sounding.count()
        for data in (*self.sounding.close(), *self.sounding.silence()):
            self._put(OUT, data)
        return closed

    def statistics(self) -> dict[str, Any]:
        """See Backend.statistics."""
        kept = min(self._note_ons, _LATENESS_KEPT)
        return {
            "sent": self._sent,
            "received": self._received,
            "late": self._late,
            "dropped": self._dropped,
            "invalid": self._invalid(),
            "xruns": 0,
            "lateness_ns": self._lateness[:kept].copy(),
        }

    def poll(self) -> list[str]:
        """See Backend.poll."""
        words, self._words = self._words, []
        return words

    def _serve(self, now: int) -> None:
        while self._heap and self._heap[0][0] <= now:
            at_ns, _, port, data = heapq.heappop(self._heap)
            self._emit(GENERATED, port, data)
            now = self.clock.now_ns()
            if data[0] & 0xF0 == 0x90 and data[2]:
                self._late += now - at_ns > _LATE_NS
                self._lateness[self._note_ons % _LATENESS_KEPT] = now - at_ns
                self._note_ons += 1

    def _take_input(self) -> None:
        for message in self._gather():
            self._received += 1
            self._arrived.append(message)
            if self._thru and message.port == IN and message.data[0] < 0xF0:
                status = message.data[0] & 0xF0 | HUMAN_CHANNEL
                self._emit(THRU, OUT, bytes((status,)) + message.data[1:])

    def _emit(self, owner: int, port: int, data: bytes) -> None:
        if port == OUT and not self.alive and data[0] & 0xF0 == 0x90:
            self._dropped += 1  # a note that cannot start must not be owned, or it would be owed for ever
            return
        for message in self.sounding.step(owner, data) if port == OUT else (data,):
            self._put(port, message)

    def _put(self, port: int, data: bytes) -> None:
        if self._write(port, data):
            self._sent += 1
        else:
            self._dropped += 1
        if port == OUT and self.tap is not None:
            self.tap(self.clock.now_ns(), data)

    def _lost(self) -> None:
        """OUT is gone: what sounds there is owed, and no new note is started until it is back."""
        self.alive = False
        self._owed.extend(self.sounding.close())

    def _returned(self) -> None:
        """OUT is back: end there what sounded when it was lost."""
        self.alive = True
        owed, self._owed = self._owed, []
        for data in (*owed, *self.sounding.silence()):
            self._put(OUT, data)
