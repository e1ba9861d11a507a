"""A backend without ports: what is sent is kept in a list, what is fed comes in. Shipped, because it is
how the player is tested and what it runs on where a machine has no MIDI at all.

On a ManualClock `wait` does not sleep: it moves the clock to the next thing that happens, so an hour of
playing takes seconds and every time is exact. On a MonotonicClock it sleeps like a real port.

Threading model: the player's thread only.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from bridge.backends import IN, Incoming
from bridge.backends.deadline import DeadlineBackend, sleep_on
from bridge.backends.parse import Parser
from bridge.clock import ManualClock, MonotonicClock

__all__ = ["MemoryBackend", "Sent"]


class Sent(NamedTuple):
    """One message that left, with the time at which it did."""

    at_ns: int
    port: int
    data: bytes


class MemoryBackend(DeadlineBackend):
    """See Backend. `sent` holds the last `keep` messages that left (Sent, oldest first)."""

    api = "memory"

    def __init__(
        self,
        clock: ManualClock | MonotonicClock | None = None,
        commit_ns: int = 5_000_000,
        keep: int = 100_000,
    ) -> None:
        super().__init__(clock or MonotonicClock(), commit_ns)
        self.sent: deque[Sent] = deque(maxlen=keep)
        self._plugged = True
        self._closed = False
        self._inputs: list[tuple[int, int, int, bytes]] = []
        self._parsers = (Parser(), Parser())
        self._words.append("No MIDI port: notes are kept in memory only.")

    def feed(self, data: bytes, at_ns: int | None = None, port: int = IN) -> None:
        """Let `data` arrive on `port` at `at_ns` (player time; None: now).

        data: any bytes, whole messages or pieces of a stream; they are parsed when they arrive.
        """
        self._order += 1
        arrival = self.clock.now_ns() if at_ns is None else at_ns
        heapq.heappush(self._inputs, (arrival, self._order, port, data))

    def unplug(self) -> None:
        """Take the port away as a pulled cable does: what sounds goes on sounding, what is sent is lost."""
        if self._plugged:
            self._plugged = False
            self._lost()
            self._words.append("port memory is gone: plug it in again, it is picked up by itself")

    def replug(self) -> None:
        """Bring the port back."""
        if not self._plugged:
            self._plugged = True
            self._returned()
            self._words.append("port memory is back")

    def close(self) -> None:
        """See Backend.close."""
        if not self._closed:
            self._closed = True
            self.close_all()
            self.alive = False

    def _write(self, port: int, data: bytes) -> bool:
        if self._plugged:
            self.sent.append(Sent(self.clock.now_ns(), port, data))
        return self._plugged

    def _gather(self) -> list[Incoming]:
        now = self.clock.now_ns()
        out = []
        while self._inputs and self._inputs[0][0] <= now:
            at_ns, _, port, data = heapq.heappop(self._inputs)
            if self._plugged:
                out += [Incoming(at_ns, port, message) for message in self._parsers[port].feed(data)]
        return out

    def _invalid(self) -> int:
        return sum(parser.invalid for parser in self._parsers)

    def _sleep(self, until_ns: int, fds: Sequence[int]) -> list[int]:
        if self._inputs:
            until_ns = min(until_ns, self._inputs[0][0])
        ns = max(0, until_ns - self.clock.now_ns())
        if isinstance(self.clock, ManualClock):
            ready = sleep_on(fds, 0)
            if not ready:
                self.clock.advance(ns)
            return ready
        return sleep_on(fds, ns / 1e9)
