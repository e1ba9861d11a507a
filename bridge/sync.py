"""Following a foreign timeline: JACK's transport, or an Ableton Link session.

A timeline is asked once a turn and answers with a straight line (a tick, its player time in ns, quarters a minute)
or with None while it stands. `Follow` compares that line with the player's own and says what to do.

Threading model: the player's loop only.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from aigc_music.core.errors import UsageError
from aigc_music.core.time import NS_PER_MINUTE, TICKS_PER_QUARTER, Metre

from .backends import Backend
from .transport import Transport

__all__ = ["Follow", "Line", "Move", "Place", "Timeline", "open_timeline"]

_JUMP_NS = 30_000_000  # further off than this, the other one has been moved; nearer, its clock drifts


class Line(NamedTuple):
    """Where a rolling timeline is: `tick` falls at `at_ns`. entry: the first tick that is ours to play."""

    tick: float
    at_ns: int  # player time
    bpm: float
    entry: int

    def tick_at(self, ns: int) -> float:
        """The place on the line at a player time, fractions included."""
        return self.tick + (ns - self.at_ns) * self.bpm * TICKS_PER_QUARTER / NS_PER_MINUTE

    def ns_at(self, tick: int) -> int:
        """Player time of a tick, rounded to 1 ns."""
        return self.at_ns + round((tick - self.tick) * NS_PER_MINUTE / (self.bpm * TICKS_PER_QUARTER))


class Timeline(Protocol):
    """Somebody else's transport. slack_ns: differences below this are rounding or jitter, and not followed."""

    slack_ns: int

    def state(self, now_ns: int, lead_ns: int) -> Line | None:
        """The line now, None while it stands. lead_ns: what we need to get ready for a note."""

    def set_tempo(self, bpm: float, now_ns: int) -> str:
        """The musician wants this tempo. Empty when it is taken, else the sentence that says why not."""

    def close(self) -> None:
        """Leave. Safe to call twice."""


class Move(Enum):
    """What the player has to do."""

    NONE = 0
    STOP = 1
    START = 2  # at the place given; stop before that when running
    FOLLOW = 3  # take over the line given and play on


class Place(NamedTuple):
    """As Transport.follow takes it."""

    tick: int
    at_ns: int
    bpm: float


class Follow:
    """Compares a timeline with our transport.

    held: the musician stopped us by hand; we stand until the other side starts again, or the musician says so.
    Threads: the player's loop only. Realtime-safe: yes.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.held = False

    def step(self, transport: Transport, now: int, lead_ns: int) -> tuple[Move, Place | None]:
        """What to do at player time `now`."""
        line = self.timeline.state(now, lead_ns)
        if line is None:
            self.held = False
            return (Move.STOP if transport.running else Move.NONE), None
        if self.held:
            return Move.NONE, None
        tick = round(line.tick_at(now))
        off_ns = transport.ns_at(tick) - line.ns_at(tick)
        if not transport.running or abs(off_ns) > _JUMP_NS:
            return Move.START, Place(line.entry, line.ns_at(line.entry), line.bpm)
        if abs(off_ns) > self.timeline.slack_ns or line.bpm != transport.bpm:
            return Move.FOLLOW, Place(tick, line.ns_at(tick), line.bpm)
        return Move.NONE, None


def open_timeline(sync: str, backend: Backend, bpm: float, metre: Metre) -> Timeline | None:
    """The timeline that `--sync` names; None for internal and midi, which have none.

    UsageError when JACK's transport is wanted off JACK, MissingExtraError when Link is not installed.
    """
    if sync == "jack":
        from .backends.jack import JackBackend
        from .jack_timeline import JackTimeline

        if not isinstance(backend, JackBackend):
            raise UsageError(f"--sync jack needs the MIDI API jack, and this is {backend.api}: use --api jack")
        return JackTimeline(backend.transport, bpm)
    if sync == "link":
        from .link import LinkTimeline

        return LinkTimeline(backend.clock, bpm, metre)
    return None
