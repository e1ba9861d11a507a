"""The note ledger: every note-on that was handed to a port owes a note-off, and the debt is kept here.

The model never sends a note-off: how long a note lasts is known when it starts, so a dead model can leave
nothing hanging. Offs are kept in musical time and paid when they fall due; whatever ends the music early
(stop, mute, another role, a lost port, a signal) settles the whole book at once.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

__all__ = ["Debt", "Ledger"]


class Debt(NamedTuple):
    """A note-off that is owed: at `tick` for (channel, pitch), whose note-on was handed over for `on_ns`."""

    tick: int
    channel: int
    pitch: int
    on_ns: int


class Ledger:
    """Owed note-offs, earliest first. Threads: the player's loop only. Realtime-safe: yes (no I/O)."""

    def __init__(self) -> None:
        self._debts: list[Debt] = []

    def __len__(self) -> int:
        return len(self._debts)

    def owe(self, tick: int, channel: int, pitch: int, on_ns: int) -> None:
        """Enter a note whose off falls at `tick`."""
        heapq.heappush(self._debts, Debt(tick, channel, pitch, on_ns))

    def next_tick(self) -> int | None:
        """Tick of the earliest debt, None when nothing is owed."""
        return self._debts[0].tick if self._debts else None

    def due(self, until_tick: int) -> list[Debt]:
        """Take out and return all debts with `tick <= until_tick`, in order of time."""
        taken = []
        while self._debts and self._debts[0].tick <= until_tick:
            taken.append(heapq.heappop(self._debts))
        return taken

    def settle(self) -> list[Debt]:
        """Take out and return every debt: the caller sends all these offs now."""
        taken, self._debts = sorted(self._debts), []
        return taken

    def begun_after(self, ns: int) -> int:
        """How many of the owed notes start later than player time `ns`."""
        return sum(debt.on_ns > ns for debt in self._debts)

    def sounding(self, channel: int, pitch: int) -> Debt | None:
        """The latest debt on (channel, pitch), or None: asked before the same note starts again."""
        found = [debt for debt in self._debts if debt.channel == channel and debt.pitch == pitch]
        return max(found, key=lambda debt: debt.on_ns) if found else None

    def pay_early(self, debt: Debt) -> None:
        """Strike one debt from the book: its off is being sent ahead of time (a retrigger)."""
        self._debts.remove(debt)
        heapq.heapify(self._debts)
