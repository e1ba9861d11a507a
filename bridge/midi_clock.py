"""MIDI clock, both ways: 24 pulses to the quarter note, start, stop, continue, song position.

Sending: pulses are stamped with their exact time and handed over ahead of it like notes (MIDI 1.0
specification, "System Real Time Messages": the first pulse after Start or Continue is the first beat).

Following: a foreign clock arrives quantised to its sender's audio period (Ardour's single interval at
120 bpm runs from 18.6 to 21.5 ms), so no single interval is ever believed. A line is fitted through the last
pulses by least squares, straight, or a parabola where the tempo clearly drifts (an accelerando); tempo is its
slope, phase its value. A sudden tempo change shows as residuals that all lean to one side: then the window is
cut to the newest pulses, so the line catches up within half a beat while a steady clock keeps a two-bar average.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from aigc_music.core.time import BPM_MAX, BPM_MIN, NS_PER_MINUTE, TICKS_PER_QUARTER

from .transport import Transport

__all__ = [
    "CLOCK",
    "CONTINUE",
    "PULSES_PER_QUARTER",
    "SONG_POSITION",
    "START",
    "STOP",
    "ClockFollower",
    "ClockSender",
]

PULSES_PER_QUARTER = 24
TICKS_PER_PULSE = TICKS_PER_QUARTER // PULSES_PER_QUARTER
TICKS_PER_SONG_POSITION = TICKS_PER_QUARTER // 4  # song position counts sixteenths

CLOCK, START, CONTINUE, STOP, SONG_POSITION = 0xF8, 0xFA, 0xFB, 0xFC, 0xF2


def song_position(tick: int) -> bytes:
    """The song position message for the sixteenth at or before `tick`."""
    sixteenth = max(0, min(0x3FFF, tick // TICKS_PER_SONG_POSITION))
    return bytes((SONG_POSITION, sixteenth & 0x7F, sixteenth >> 7))


class ClockSender:
    """Says which clock messages fall due. Threads: the player's loop only. Realtime-safe: yes."""

    def __init__(self) -> None:
        self._next_pulse = 0  # index of the next pulse

    @property
    def next_tick(self) -> int:
        """Tick of the next pulse."""
        return self._next_pulse * TICKS_PER_PULSE

    def start(self, tick: int) -> list[bytes]:
        """Messages that announce a start at `tick` (a whole sixteenth): Start from 0, else position + Continue."""
        self._next_pulse = -(-tick // TICKS_PER_PULSE)
        return [bytes((START,))] if tick == 0 else [song_position(tick), bytes((CONTINUE,))]

    def due(self, transport: Transport, until_ns: int) -> list[int]:
        """Times (ns) of the pulses up to and including `until_ns`, each given once."""
        times = []
        while (at_ns := transport.ns_at(self.next_tick)) <= until_ns:
            times.append(at_ns)
            self._next_pulse += 1
        return times


class ClockFollower:
    """Turns foreign pulses into a line (tick, time, tempo) for the transport.

    offset_ns: the user's correction, positive = play later than the pulses say.
    Threads: the player's loop only. Realtime-safe: yes.
    """

    LONG = 8 * PULSES_PER_QUARTER  # pulses in the window while the tempo is steady: two bars of 4/4
    SHORT = PULSES_PER_QUARTER // 2  # pulses kept when the tempo moved
    TIMEOUT_NS = 1_000_000_000  # a clock silent for this long has gone

    def __init__(self, offset_ns: int = 0) -> None:
        self.offset_ns = offset_ns
        self.running = False
        self.position = 0  # pulses from the start of the song to the next pulse
        self.phase_error_ns = 0  # last pulse against the line, for people to see
        self._times: deque[tuple[int, int]] = deque(maxlen=self.LONG)  # (pulse index, ns)

    def forget(self) -> None:
        """Another sender takes over: its pulses have nothing to do with the ones so far."""
        self._times.clear()

    def locate(self, sixteenth: int) -> None:
        """A song position message: where the next Continue goes on."""
        self.position = sixteenth * TICKS_PER_SONG_POSITION // TICKS_PER_PULSE
        self._times.clear()

    def start(self) -> None:
        """A Start message: the next pulse is the first beat."""
        self.locate(0)
        self.running = True

    def resume(self) -> None:
        """A Continue message: the next pulse is where the song stood."""
        self._times.clear()
        self.running = True

    def stop(self) -> None:
        """A Stop message. Pulses may go on while the song stands; they keep the tempo known."""
        self.running = False

    def pulse(self, at_ns: int) -> None:
        """One clock pulse that arrived at `at_ns`."""
        if self._times and at_ns - self._times[-1][1] > self.TIMEOUT_NS:
            self._times.clear()
        if self.running:
            self._times.append((self.position, at_ns))
            self.position += 1
        else:  # many senders pulse while they stand: the tempo is known before the start
            self._times.append((self._times[-1][0] + 1 if self._times else 0, at_ns))
        self._cut_if_tempo_moved()

    def line(self) -> tuple[int, int, float] | None:
        """(tick, ns, bpm) of the newest pulse on the fitted line, or None before the second pulse."""
        if len(self._times) < 2:
            return None
        newest = self._times[-1][1]
        curve = _fit([ns - newest for _, ns in reversed(self._times)])
        bpm = NS_PER_MINUTE / (curve.slope * PULSES_PER_QUARTER) if curve.slope > 0 else 0.0
        if not BPM_MIN <= bpm <= BPM_MAX:
            return None
        self.phase_error_ns = round(-curve.at(0))
        return self._times[-1][0] * TICKS_PER_PULSE, newest - self.phase_error_ns + self.offset_ns, bpm

    def gone(self, now_ns: int) -> bool:
        """True when a running clock has been silent for longer than TIMEOUT_NS."""
        return self.running and bool(self._times) and now_ns - self._times[-1][1] > self.TIMEOUT_NS

    def _cut_if_tempo_moved(self) -> None:
        """Forget the old tempo when the newest pulses all lie on one side of the line by more than jitter."""
        short, half = self.SHORT, self.SHORT // 2
        if len(self._times) < 2 * short:
            return
        newest_ns = self._times[-1][1]
        ages = [ns - newest_ns for _, ns in reversed(self._times)]
        older = ages[short:]
        curve = _fit(older)
        spread = max(abs(ns - curve.at(age)) for age, ns in enumerate(older))
        residuals = [ages[age] - curve.at(age - short) for age in range(short)]
        # A drift grows: the newest half must stand further out than both the jitter seen so far and the half before.
        newest, before = residuals[:half], residuals[half:]
        mean_new, mean_old = sum(newest) / half, sum(before) / half
        same_side = all(r > 0 for r in newest) or all(r < 0 for r in newest)
        if same_side and abs(mean_new) > max(1.5 * spread, 500_000) and abs(mean_new) > 1.5 * abs(mean_old):
            kept = list(self._times)[-short:]
            self._times.clear()
            self._times.extend(kept)


class _Curve(NamedTuple):
    """ns = mean + tilt * d + bend * (d * d - spread) with d = age - middle; age: pulses back from the newest."""

    mean: float
    tilt: float
    bend: float
    middle: float
    spread: float

    def at(self, age: float) -> float:
        """ns at an age, relative to the same time as the points."""
        d = age - self.middle
        return self.mean + self.tilt * d + self.bend * (d * d - self.spread)

    @property
    def slope(self) -> float:
        """ns per pulse at the newest pulse."""
        return 2 * self.bend * self.middle - self.tilt


_BEND_FROM = 2 * PULSES_PER_QUARTER  # pulses before a bend is looked for
_BEND_SURE = 6.0  # standard errors
_BEND_NS = 500_000.0  # what a straight line would be off at its end; less than this does not matter
_SMOOTH_NS = 500_000.0  # residuals above this that run smoothly are a slow beat against the sender's audio period


def _fit(points: Sequence[int]) -> _Curve:
    """Least squares through ns by age (newest first, relative to the newest): straight unless a bend is certain.

    Closed sums over the orthogonal polynomials 1, d, d*d - spread. A bend counts when it stands out of the
    residuals and these look like jitter: pulses that beat slowly against an audio period draw smooth saw teeth,
    whose differences from pulse to pulse are small, and no bend must be read into those.
    """
    n = len(points)
    sum_y = sum_uy = sum_uuy = sum_yy = roughness = 0.0
    last = last_but_one = 0
    for age, ns in enumerate(points):
        moment = age * ns
        sum_y += ns
        sum_uy += moment
        sum_uuy += age * moment
        sum_yy += ns * ns
        if age > 1:
            second = ns - 2 * last + last_but_one
            roughness += second * second
        last, last_but_one = ns, last
    middle, spread = (n - 1) / 2, (n * n - 1) / 12
    mean, norm = sum_y / n, n * spread
    tilt = (sum_uy - middle * sum_y) / norm
    if n < _BEND_FROM:
        return _Curve(mean, tilt, 0.0, middle, spread)
    bend_norm = n * (n * n - 1) * (n * n - 4) / 180
    bend = (sum_uuy - 2 * middle * sum_uy + (middle * middle - spread) * sum_y) / bend_norm
    rest = max(0.0, sum_yy - n * mean * mean - tilt * tilt * norm - bend * bend * bend_norm)
    jitter_like = rest < n * _SMOOTH_NS**2 or roughness > 1.5 * rest  # white jitter: 6 times
    sure = bend * bend * bend_norm > _BEND_SURE**2 * rest / (n - 3) and abs(bend) * n * n / 6 > _BEND_NS
    return _Curve(mean, tilt, bend if sure and jitter_like else 0.0, middle, spread)
