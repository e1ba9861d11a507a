"""Figures of a session: how late, how fast, how many."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

__all__ = ["Figures", "quantiles"]


def quantiles(values_ms: Iterable[float]) -> dict[str, float]:
    """{p50, p99, max} of a list of milliseconds, rounded to a microsecond; zeros for an empty list."""
    ordered = sorted(values_ms)
    if not ordered:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    last = len(ordered) - 1
    return {
        "p50": round(ordered[last // 2], 3),
        "p99": round(ordered[-(-last * 99 // 100)], 3),
        "max": round(ordered[last], 3),
    }


class Figures:
    """Counters and short histories. Fixed memory. Threads: the player's loop only. Realtime-safe: yes."""

    KEEP = 4096

    def __init__(self) -> None:
        self.notes_sent = 0
        self.notes_received = 0
        self.late = 0
        self.dropped = 0
        self.stale = 0
        self.malformed = 0  # messages of the model process that made no sense
        self.fallbacks = 0
        self.panics = 0
        self.first_note_ms: float | None = None
        self.reaction_ms: deque[float] = deque(maxlen=self.KEEP)
        self.decode_ms: deque[float] = deque(maxlen=self.KEEP)
