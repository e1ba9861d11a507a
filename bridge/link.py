"""An Ableton Link session as a timeline: its tempo, its beat grid, its start and stop.

We begin on the session's next bar line; our tick 0 is that line. Link has no way to tell whether anybody uses
start/stop: so we roll from the beginning, and once the session has been seen to play, we start and stop with it.

Threading model: the player's loop only; Link's own threads stay inside its library. Needs the extra `link`, which is
under the GPL, unlike this program.
"""

from __future__ import annotations

import math

from aigc_music.core.errors import MissingExtraError
from aigc_music.core.time import TICKS_PER_QUARTER, Metre

from .clock import Clock
from .sync import Line

__all__ = ["LinkTimeline"]

_SMOOTH = 16  # readings over which the offset between the two clocks is averaged
_STEP_NS = 2_000_000  # a clock that is off by more has been set anew


class LinkTimeline:
    """See Timeline. bpm: the tempo we bring when nobody else is there."""

    slack_ns = 100_000

    def __init__(self, clock: Clock, bpm: float, metre: Metre) -> None:
        try:
            from link import Link
        except ImportError as error:
            raise MissingExtraError("LinkPython-extern", "link", "--sync link") from error
        self._clock, self._quantum = clock, metre.bar_ticks / TICKS_PER_QUARTER
        self._link = Link(bpm)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True
        self._offset_ns: int | None = None  # player time - Link's time
        self._beat = 0.0  # of the session, when last asked
        self._first: float | None = None  # the session's beat that is our tick 0
        self._ruled = False  # the session has been seen to play: start and stop are its business

    def state(self, now_ns: int, lead_ns: int) -> Line | None:
        """See Timeline.state."""
        offset_ns = self._measure()
        session = self._link.captureSessionState()
        playing = session.isPlaying()
        self._ruled = self._ruled or playing
        if self._ruled and not playing:
            self._first = None
            return None
        micros = self._link.clock().micros()
        beat, bpm = session.beatAtTime(micros, self._quantum), session.tempo()
        if self._first is not None and abs(beat - self._beat) > self._quantum:
            self._first = None  # the session's beats were counted anew: somebody joined or left
        self._beat = beat
        at_ns = micros * 1000 + offset_ns
        if self._first is None:
            earliest = beat + (now_ns + lead_ns - at_ns) * bpm / 60e9
            if self._ruled:
                earliest = max(earliest, session.beatAtTime(session.timeForIsPlaying(), self._quantum) - 1e-3)
            self._first = math.ceil(earliest / self._quantum) * self._quantum
        line = Line((beat - self._first) * TICKS_PER_QUARTER, at_ns, bpm, 0)
        soon = math.ceil(line.tick_at(now_ns + lead_ns))
        return line._replace(entry=max(0, soon))

    def set_tempo(self, bpm: float, now_ns: int) -> str:
        """See Timeline.set_tempo: everybody in the session gets it, as Link users expect."""
        session = self._link.captureSessionState()
        session.setTempo(bpm, self._link.clock().micros())
        self._link.commitSessionState(session)
        return ""

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return int(self._link.numPeers())

    def close(self) -> None:
        """See Timeline.close."""
        self._link.enabled = False

    def _measure(self) -> int:
        """Player time minus Link's time, averaged: the two are read one after the other and drift slowly."""
        clock, host = self._clock, self._link.clock()
        before = clock.now_ns()
        micros = host.micros()
        measured = (before + clock.now_ns()) // 2 - micros * 1000
        known = self._offset_ns
        if known is None or abs(measured - known) > _STEP_NS:
            self._offset_ns = measured
        else:
            self._offset_ns = known + (measured - known) // _SMOOTH
        return self._offset_ns
