"""JACK's transport as a timeline: rolling, place and, where a timebase master gives it, tempo.

While it rolls, the song's frame and the server's frame move together, so one line holds from start to stop and
nothing jitters. A master's beat is cut to its own ticks; the line is kept as long as it agrees with that, and
else moved by no more than it must. Without a master the tempo is the musician's knob, and a place in the song is
its frame at that tempo.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from aigc_music.core.time import BPM_MAX, BPM_MIN, NS_PER_MINUTE, TICKS_PER_QUARTER

from .backends.jack_transport import JackTransport
from .sync import Line

__all__ = ["JackTimeline"]

_NS = 1_000_000_000
_JUMP_NS = 20_000_000  # a lost period moves the song by less; more is a locate
_EXACT = 0.005  # ticks: what rounding to frames and integers makes at most
_AT_ONCE_NS = 50_000_000  # a start seen this soon is played from its first note, though that comes late


class JackTimeline:
    """See Timeline. query: JackBackend.transport. Threads: the player's loop only. Realtime-safe: yes."""

    slack_ns = 5_000

    def __init__(self, query: Callable[[], JackTransport | None], bpm: float) -> None:
        self._query, self._bpm = query, bpm
        self._line: Line | None = None
        self._origin_ns = 0  # player time of the song's frame 0, as the transport rolls now
        self._standing: int | None = None  # frame at which it was last seen to stand
        self._master = False

    def state(self, now_ns: int, lead_ns: int) -> Line | None:
        """See Timeline.state."""
        seen = self._query()
        if seen is None or not seen.rolling or not seen.rate:
            self._standing = None if seen is None else seen.frame
            self._line = None
            return None
        place_ns = seen.frame * _NS // seen.rate
        bar = seen.bar if seen.bar is not None and BPM_MIN <= seen.bar.bpm <= BPM_MAX else None
        self._master = bar is not None
        bpm = bar.bpm if bar is not None else self._bpm
        moved = seen.at_ns - place_ns - self._origin_ns
        self._origin_ns += moved
        line = self._line
        if line is not None and abs(moved) <= _JUMP_NS:
            tick = line.tick_at(seen.at_ns)
            if bar is not None:
                low = bar.quarters * TICKS_PER_QUARTER
                nearest = min(max(tick, low), low + bar.step * TICKS_PER_QUARTER)
                if abs(nearest - tick) > _EXACT or bpm != line.bpm:
                    line = line._replace(tick=nearest, at_ns=seen.at_ns, bpm=bpm)
            elif abs(moved) > 2 or bpm != line.bpm:
                line = line._replace(tick=line.tick_at(seen.at_ns - moved), at_ns=seen.at_ns, bpm=bpm)
            if abs(line.tick_at(seen.at_ns) - tick) < TICKS_PER_QUARTER / 4:
                self._line = line._replace(entry=math.ceil(line.tick_at(now_ns + lead_ns)))
                return self._line
        quarters = bar.quarters if bar is not None else place_ns * bpm / NS_PER_MINUTE
        line = Line(quarters * TICKS_PER_QUARTER, seen.at_ns, bpm, 0)
        begun_ns = None if self._standing is None else (seen.frame - self._standing) * _NS // seen.rate
        if begun_ns is not None and 0 <= begun_ns <= _AT_ONCE_NS:
            entry = math.ceil(line.tick_at(seen.at_ns - begun_ns) - _EXACT)
        else:
            entry = math.ceil(line.tick_at(now_ns + lead_ns))
        self._line, self._standing = line._replace(entry=entry), None
        return self._line

    def set_tempo(self, bpm: float, now_ns: int) -> str:
        """See Timeline.set_tempo: ours to choose only without a timebase master."""
        if self._master and self._line is not None:
            return "tempo follows JACK's timebase master: change it there"
        self._bpm = bpm
        if self._line is not None:
            self._line = self._line._replace(tick=self._line.tick_at(now_ns), at_ns=now_ns, bpm=bpm)
        return ""

    def close(self) -> None:
        """Nothing to leave: the backend owns the client."""
