"""Clocks: where "now" comes from. Everything timed takes one, so a test can hold time in its hand.

Player time is an integer number of nanoseconds that never jumps back. On JACK it is the audio frame counter
in nanoseconds, so that an event's time is its frame; elsewhere it is the system's monotonic clock.
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "ManualClock", "MonotonicClock"]


class Clock(Protocol):
    """Source of player time."""

    def now_ns(self) -> int:
        """Player time in ns. Threads: any. Realtime-safe: yes."""
        ...


class MonotonicClock:
    """The operating system's monotonic clock."""

    def now_ns(self) -> int:
        """Player time in ns. Threads: any. Realtime-safe: yes."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that stands still until it is told to move: an hour of playing in a second of testing."""

    def __init__(self, start_ns: int = 0) -> None:
        self.ns = start_ns

    def now_ns(self) -> int:
        """The time it was last set to."""
        return self.ns

    def advance(self, ns: int) -> None:
        """Move on by `ns` (0 or more)."""
        self.ns += max(0, ns)
