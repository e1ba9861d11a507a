"""The transport: is the music running, and which tick is when.

One straight line joins ticks and player time (ns): a whole tick, the time of that tick, and ns per quarter.
Every change (tempo, a correction from a foreign clock, a jump) starts a new line; lines that were in force
are kept in the journal, not here. Integers only, so nothing accumulates.
"""

from __future__ import annotations

from aigc_music.core.time import NS_PER_MINUTE, TICKS_PER_QUARTER, check_bpm

__all__ = ["Transport"]


class Transport:
    """Threads: the player's loop only. Realtime-safe: yes."""

    def __init__(self, bpm: float) -> None:
        self.running = False
        self.bpm = check_bpm(bpm)
        self._npq = round(NS_PER_MINUTE / self.bpm)  # ns per quarter
        self._tick = 0
        self._ns = 0

    def start(self, at_ns: int, tick: int = 0) -> None:
        """Run from `tick` at player time `at_ns`."""
        self.running, self._tick, self._ns = True, tick, at_ns

    def stop(self, at_ns: int) -> None:
        """Stand still at the tick that `at_ns` falls on."""
        self._tick, self._ns, self.running = self.tick_at(at_ns), at_ns, False

    def set_bpm(self, bpm: float, at_ns: int) -> None:
        """Change the tempo from `at_ns` on; what came before keeps its time."""
        tick = self.tick_at(at_ns)
        self._tick, self._ns = tick, self.ns_at(tick)
        self.bpm = check_bpm(bpm)
        self._npq = round(NS_PER_MINUTE / self.bpm)

    def follow(self, tick: int, at_ns: int, bpm: float) -> None:
        """Take over a line from a foreign clock: `tick` falls at `at_ns`, tempo `bpm`."""
        self._tick, self._ns = tick, at_ns
        self.bpm = check_bpm(bpm)
        self._npq = round(NS_PER_MINUTE / self.bpm)

    def ns_at(self, tick: int) -> int:
        """Player time of `tick` on the present line, running or not."""
        return self._ns + (tick - self._tick) * self._npq // TICKS_PER_QUARTER

    def tick_at(self, ns: int) -> int:
        """The last tick at or before player time `ns`; standing still, always the same one."""
        if not self.running:
            return self._tick
        return self._tick + ((ns - self._ns + 1) * TICKS_PER_QUARTER - 1) // self._npq

    def ticks_of(self, ns: int) -> int:
        """How many whole ticks fit into a length of `ns` at the present tempo."""
        return ns * TICKS_PER_QUARTER // self._npq
