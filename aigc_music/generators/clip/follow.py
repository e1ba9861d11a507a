"""What a scene follows: notes, chords, sections and energy at a moment, closed into a ring where the clip is a loop.

Times are in seconds from the beginning of the stretch that is shown. In a loop the stretch stands before and after
itself, so that what a note has set off goes on over the seam, and `clock` gives its end the number of its beginning.
A question costs a search in the onsets and the notes near by, whatever the length of the song.

Threads: any, nothing is changed once it is made. Realtime-safe: no.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.theory import CHORD_QUALITIES

from .scene import Stage

__all__ = ["Follow", "Page", "Sounding", "Track", "fall", "smooth"]

_BASS = PART_NAMES.index("bass")
_REACH = 24.0  # seconds: how far before and after a loop its copies stand
_GRID = 20.0  # points a second where a curve is kept
_LEAD_NOTES = 12  # a part with so many notes in the song has a tune
_PAGE_BARS = 4
_SLIVER = 0.4  # seconds


def fall(age: float, decay: float) -> float:
    """1 at an onset, 1/e after `decay` seconds, 0 before it."""
    return math.exp(-age / decay) if age >= 0 else 0.0


def smooth(share: float) -> float:
    """From 0 to 1 with level ends (Perlin's smoothstep); what lies outside is held."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


@dataclass(frozen=True, slots=True)
class Track:
    """Notes of one voice in order of time. start, end: seconds. pitch 0..127; height: 0 the lowest of this voice in
    the song .. 1 the highest. velocity: 0..1. part: see core.parts. number: of the note in the song."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    pitch: NDArray[np.float64]
    height: NDArray[np.float64]
    velocity: NDArray[np.float64]
    part: NDArray[np.int64]
    number: NDArray[np.int64]

    def between(self, first: float, last: float) -> range:
        """The notes that begin at first <= seconds <= last."""
        return range(int(np.searchsorted(self.start, first, "left")), int(np.searchsorted(self.start, last, "right")))

    def since(self, at: float, reach: float) -> range:
        """The notes that began in the `reach` seconds up to now."""
        return self.between(at - reach, at)

    def hit(self, at: float, decay: float) -> float:
        """How hard the last onset still sounds, 0..1: the largest velocity times its `fall`."""
        notes = self.since(at, 6 * decay)
        return max((float(self.velocity[note]) * fall(at - self.start[note], decay) for note in notes), default=0.0)

    def swell(self, at: float, rise: float, decay: float) -> float:
        """As `hit`, without a jump: for what fills the frame, which is not to flash."""
        notes = self.since(at, 6 * decay + rise)
        ages = ((float(at - self.start[note]), float(self.velocity[note])) for note in notes)
        return max((hard * smooth(age / rise) * fall(max(0.0, age - rise), decay) for age, hard in ages), default=0.0)


class Sounding(NamedTuple):
    """A chord: when it begins, seconds; how many fifths its root lies above the tonic, 0..11; its quality, see
    core.theory.CHORD_QUALITIES."""

    begin: float
    fifths: int
    quality: int

    @property
    def name(self) -> int:
        """One number for each chord of whatever place: root and quality."""
        return self.fifths * 16 + self.quality

    @property
    def tones(self) -> list[int]:
        """Its notes in semitones above the tonic, 0..11, in order."""
        return sorted({(7 * self.fifths + step) % 12 for step in CHORD_QUALITIES[self.quality][1]})


class Page(NamedTuple):
    """A stretch that is looked at as one: the loop, or four bars. begin, end: seconds."""

    number: int
    begin: float
    end: float

    def place(self, at: float) -> float:
        """Where in it, 0..1 inside."""
        return (at - self.begin) / (self.end - self.begin)


class Follow:
    """See the module. all: every note; lead: the tune; bass; drums; inner: the other pitched notes; pitched: all
    but the drums."""

    def __init__(self, stage: Stage) -> None:
        timeline = stage.timeline
        self.loop, self.seconds = stage.loop, stage.seconds
        self._begin = stage.start_s
        self._ends = max(stage.seconds, timeline.seconds - stage.start_s)
        notes = timeline.notes
        part = notes[:, 4].astype(np.int64)
        pitched = part != DRUMS
        lead = part == _lead(part[pitched])
        bass = (part == _BASS) & ~lead
        self.all = self._track(notes, np.ones(len(notes), bool))
        self.pitched = self._track(notes, pitched)
        self.lead = self._track(notes, lead)
        self.bass = self._track(notes, bass)
        self.drums = self._track(notes, ~pitched)
        self.inner = self._track(notes, pitched & ~lead & ~bass)
        self._chords = [((row.root - timeline.tonic) * 7 % 12, row.quality) for row in timeline.chords]
        self._chords = self._chords or [(0, int(timeline.minor))]
        spans = [(row.begin, row.end, number) for number, row in enumerate(timeline.chords)]
        self._chord_begins, self._chord_rows = self._spans(spans)
        self._fifths = np.array([fifths for fifths, _ in self._chords])[self._chord_rows]
        names = {name: number for number, name in enumerate(dict.fromkeys(row.name for row in timeline.sections))}
        self._section_begins, self._sections = self._spans([(row.begin, row.end, names[row.name])
                                                            for row in timeline.sections])  # fmt: skip
        beats = np.round(timeline.beats - self._begin, 9)
        inside = beats[(beats >= 0) & (beats < self.seconds)] if self.loop else beats
        self._beats = np.concatenate([inside + turn for turn in self.turns()])
        self._pages = self._bars(timeline.bars)
        self._energy_times, self._energy = self._levels(timeline.bars, timeline.energy)
        self._pace_times, self._pace = self._paces()

    def clock(self, time_s: float) -> float:
        """Seconds into the stretch of a time of the song; in a loop 0 <= seconds < its length."""
        at = round(time_s - self._begin, 6)
        return at % round(self.seconds, 6) if self.loop else at

    def rate(self, turns: float) -> float:
        """Turns a second near the wanted ones (either sign), whole turns over a loop: at least one."""
        if not self.loop:
            return turns
        return math.copysign(max(1, round(abs(turns) * self.seconds)), turns) / self.seconds

    def sway(self, turns: float, pace: float) -> float:
        """A phase in turns that moves at about so many a second (either sign): on and on, but to and fro in a loop
        that is too short for a whole turn at that speed."""
        rate = self.rate(turns)
        if abs(rate) <= 1.5 * abs(turns):
            return rate * pace
        return abs(turns / rate) / math.tau * math.sin(math.tau * rate * pace)

    def pace(self, at: float) -> float:
        """A clock in seconds that runs with the energy: half as fast where the song is calm. It meets `at` at both
        ends of a loop, so that phases of it close as well."""
        return float(np.interp(at, self._pace_times, self._pace))

    def energy(self, at: float) -> float:
        """0 calm .. 1 full, from bar to bar in straight lines."""
        return float(np.interp(at, self._energy_times, self._energy))

    def chord(self, at: float) -> tuple[int, int, float]:
        """Of the chord that sounds and the one before: how many fifths above the tonic their roots lie, 0..11; and
        the age of the chord in seconds."""
        return _change(self._chord_begins, self._fifths, at)

    def section(self, at: float) -> tuple[int, int, float]:
        """Of the section and the one before: a number for each name; and the age of the section in seconds."""
        return _change(self._section_begins, self._sections, at)

    def chords_between(self, first: float, last: float) -> list[Sounding]:
        """The chord that sounds at `first`, and all that begin until `last`."""
        low = max(0, int(np.searchsorted(self._chord_begins, first, "right")) - 1)
        high = int(np.searchsorted(self._chord_begins, last, "right"))
        rows = self._chord_rows[low:high]
        begins = self._chord_begins[low:high]
        return [Sounding(float(begin), *self._chords[row]) for begin, row in zip(begins, rows, strict=True)]

    def beats_between(self, first: float, last: float) -> list[float]:
        """When beats begin, seconds."""
        beats = self._beats[np.searchsorted(self._beats, first) : np.searchsorted(self._beats, last, "right")]
        return [float(beat) for beat in beats]

    def page(self, at: float) -> Page:
        """The page that is open."""
        if self.loop:
            return Page(0, 0.0, self.seconds)
        number = min(max(0, bisect_right(self._pages, at) - 1), len(self._pages) - 2)
        return Page(number, self._pages[number], self._pages[number + 1])

    def turns(self) -> list[float]:
        """By how many seconds the copies of the stretch are shifted: those of a loop, else the one itself, 0."""
        reach = math.ceil(_REACH / self.seconds)
        return [turn * self.seconds for turn in range(-reach, reach + 1)] if self.loop else [0.0]

    def _track(self, notes: NDArray[np.float64], kept: NDArray[np.bool_]) -> Track:
        pitch = notes[kept, 2]
        low, high = (pitch.min(), pitch.max()) if len(pitch) else (0.0, 0.0)
        begins = np.round(notes[:, 0] - self._begin, 9)
        if self.loop:
            kept = kept & (begins >= 0) & (begins < self.seconds)
        rows, number = notes[kept], np.flatnonzero(kept)
        shifts = np.repeat(self.turns(), len(rows))
        copies = len(self.turns())
        rows, number = np.tile(rows, (copies, 1)), np.tile(number, copies)
        return Track(
            rows[:, 0] - self._begin + shifts, rows[:, 1] - self._begin + shifts, rows[:, 2],
            (rows[:, 2] - low) / max(1.0, high - low), rows[:, 3], rows[:, 4].astype(np.int64), number,
        )  # fmt: skip

    def _spans(self, rows: list[tuple[float, float, int]]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Begins and values of spans, one of value 0 where there are none."""
        own = [(begin - self._begin, value) for begin, end, value in rows if end - begin > 1e-6]
        if self.loop:
            before = [value for begin, value in own if begin <= 0]
            own = [row for row in own if 0 < row[0] < self.seconds]
            own = [(0.0, before[-1] if before else own[0][1] if own else 0), *own]
            if len(own) > 1 and own[1][0] < _SLIVER:  # what is left of a span at either end is no span
                own[:2] = [(0.0, own[1][1])]
            if len(own) > 1 and self.seconds - own[-1][0] < _SLIVER:
                del own[-1]
        found = [(begin + turn, value) for turn in self.turns() for begin, value in own] or [(0.0, 0)]
        return np.array([begin for begin, _ in found]), np.array([value for _, value in found])

    def _bars(self, bars: NDArray[np.float64]) -> list[float]:
        """Where pages of four bars begin, and where the last one ends."""
        begins = [float(bar) for bar in bars[::_PAGE_BARS] - self._begin] or [0.0]
        return [*begins, max(self._ends, begins[-1] + 1.0)]

    def _levels(
        self, bars: NDArray[np.float64], energy: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not len(bars):
            return np.array([0.0]), np.array([0.5])
        edges = np.append(bars - self._begin, max(self._ends, bars[-1] - self._begin + 0.1))
        middles = 0.5 * (edges[1:] + edges[:-1])
        if not self.loop:
            return middles, energy[: len(middles)]
        inside = np.flatnonzero((middles >= 0) & (middles < self.seconds))
        if not len(inside):
            inside = np.array([int(np.argmin(np.abs(middles - 0.5 * self.seconds)))])
        turns = self.turns()
        times = np.concatenate([np.clip(middles[inside], 0, self.seconds) + turn for turn in turns])
        return times, np.tile(energy[inside], len(turns))

    def _paces(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first, last = (0.0, self.seconds) if self.loop else (min(0.0, -self._begin), self._ends)
        times = np.linspace(first, last, max(2, round((last - first) * _GRID)))
        speed = 0.5 + 0.7 * np.interp(times, self._energy_times, self._energy)
        run = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(times))])
        if self.loop:
            run *= self.seconds / run[-1]
        return times, run


def _change(begins: NDArray[np.float64], values: NDArray[np.int64], at: float) -> tuple[int, int, float]:
    row = max(0, int(np.searchsorted(begins, at, "right")) - 1)
    before = row - 1 if row else row
    return int(values[row]), int(values[before]), max(0.0, float(at - begins[row])) if row else 1e3


def _lead(parts: NDArray[np.int64]) -> int:
    """The first part that has a tune, else the one with most notes."""
    names, counts = np.unique(parts, return_counts=True)
    if not len(names):
        return -1
    tunes = names[counts >= _LEAD_NOTES]
    return int(tunes[0] if len(tunes) else names[np.argmax(counts)])
