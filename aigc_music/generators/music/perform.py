"""Play a chart: the band's notes from its first bar to its last, in order of time.

The two lanes of the band play their notes one after the other and are merged by time. A lane draws its next note,
and takes it back when something comes first: a note of the musician, a new section, a chord with another scale. So
the first note after a change is always drawn under it. At the finale every part is asked for its share of the last
chord, which all hold until the end.

Same chart, seed and weights: the same notes. Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush, merge
from typing import NamedTuple

from aigc_music.core.parts import DRUM_PITCHES
from aigc_music.core.styles import STYLES, style_id
from models.music.decode_cpu import CLOSE, OPEN, MusicModel, Rest

from .band import CUES, EARLY, Lane, lanes
from .chart import Chart, Played
from .choir import CHOIR_CUES, Choir
from .ending import last_chord
from .groove import FILL_DRUMS, SIXTEENTHS, swung

__all__ = ["perform"]

_CALM = ((0.85, 0.3), (0.65, 0.6))  # likeness to an earlier bar from which on -> factor on the temperature


class _Event(NamedTuple):
    """A note of the musician begins or ends. Ends come before onsets of the same tick."""

    tick: int
    onset: bool
    part: int
    pitch: int
    velocity: int


def perform(model: MusicModel, chart: Chart, seed: int) -> Iterator[Played]:
    """The band's notes of the whole chart."""
    straight = merge(*(_LanePlayer(lane, chart).notes() for lane in lanes(model, seed)))
    if chart.swing <= 0:
        yield from straight
        return
    style = STYLES[style_id(chart.spans[0].wishes.style)].name
    waiting: list[Played] = []
    for note in straight:
        begin = swung(note.tick, chart.swing, style in SIXTEENTHS)
        end = swung(note.end, chart.swing, style in SIXTEENTHS)
        while waiting and waiting[0].tick <= note.tick:
            yield heappop(waiting)
        heappush(waiting, note._replace(tick=begin, duration=max(1, end - begin)))
    while waiting:
        yield heappop(waiting)


class _LanePlayer:
    """One lane on its way through the chart."""

    def __init__(self, lane: Lane, chart: Chart) -> None:
        self.lane, self.chart = lane, chart
        self.choir = Choir(chart.given) if chart.choir and not lane.of_drums else None
        self.pointers = chart.groove if lane.of_drums else chart.form
        self.events = deque(_events([note for note in chart.given if lane.owns(note.part)]))
        self.changes = deque(chart.stretches())
        self.fills = chart.fills() if lane.of_drums else []
        self.edges = deque(sorted({tick for fill in self.fills for tick in fill}))
        self.stop = chart.end if chart.finale is None else chart.finale

    def notes(self) -> Iterator[Played]:
        chart, lane = self.chart, self.lane
        self._begin()
        earliest = chart.begin
        while True:
            self._tell(earliest)
            horizon = min([self.stop, *(tick for tick, _ in list(self.changes)[:1]), *list(self.edges)[:1]])
            if (earliest >= self.stop - EARLY and chart.finale is not None) or earliest >= self.stop:
                break
            note, until = self._draw(earliest)
            if self.events and self.events[0].tick <= min(until, horizon):
                self._hear(self.events.popleft())
            elif until >= horizon - EARLY and (horizon < self.stop or chart.finale is not None):
                earliest = max(earliest + 1, horizon - EARLY)
            elif note is None:
                earliest = max(earliest + 1, until)
            elif until >= self.stop:
                break
            else:
                yield self._play(note)
        if chart.finale is not None:
            while self.events and self.events[0].tick <= chart.finale:
                self._hear(self.events.popleft())
            yield from last_chord(lane, chart, self.choir)

    def _begin(self) -> None:
        chart, lane = self.chart, self.lane
        first = min([chart.begin, *(note.tick for note in chart.past), *(note.tick for note in chart.given)])
        origin, metre = chart.metre_at(first)
        lane.begin(first, metre, origin)
        conditions = lane.conditions
        conditions.set_chords(
            [row.tick for row in chart.chords], [row.chord.root for row in chart.chords],
            [row.chord.quality for row in chart.chords], [row.bass for row in chart.chords],
        )  # fmt: skip
        pointers = self.pointers
        conditions.set_form(
            [row.tick for row in pointers], [row.bars_back for row in pointers], [row.likeness for row in pointers]
        )
        conditions.set_end(chart.end if chart.finale is not None else None)
        if self.changes:
            lane.tell(self.changes[0][1])
        own = [note for note in chart.past if lane.owns(note.part)]
        if own or self.events:  # what comes before the first decision is digested under these conditions too
            lane.stream.sample(conditions, lane.limits, first, 0, 0)
        for note in own:
            self._turn(note.tick)
            lane.feed(*note)
        while self.events and self.events[0].tick < chart.begin:
            self._hear(self.events.popleft())

    def _tell(self, tick: int) -> None:
        """Take in every change that has come by `tick`."""
        while self.changes and self.changes[0][0] - EARLY <= tick:
            self.lane.tell(self.changes.popleft()[1])
        while self.edges and self.edges[0] - EARLY <= tick:
            edge = self.edges.popleft()
            filling = any(begin == edge for begin, _ in self.fills)
            self.lane.limits.set_drum_map(FILL_DRUMS if filling else DRUM_PITCHES)
        self._turn(tick)

    def _turn(self, tick: int) -> None:
        """Count in the metre in force at `tick`."""
        origin, metre = self.chart.metre_at(tick + EARLY)
        self.lane.turn(metre, origin)

    def _draw(self, earliest: int) -> tuple[Played | None, int]:
        """The next note and its tick, or None and the tick until which there is none."""
        lane = self.lane
        if not lane.limits.any_part:
            return None, self.stop
        if self.choir is not None:
            self.choir.limit(lane.limits, max(earliest, lane.stream.tick))
        now = max(earliest, lane.stream.tick) + EARLY
        lane.conditions.temperature = lane.wishes.temperature * self._calm(now)
        drawn = lane.decide(earliest, 0, CUES if self.choir is None else CHOIR_CUES)
        if isinstance(drawn, Rest):
            return None, drawn.until_tick
        tick = lane.place(drawn, earliest)
        if not lane.past and not self.events:  # a band that plays from nothing begins on the first beat
            tick = min(tick, earliest)
        return Played(tick, drawn.part, drawn.pitch, drawn.velocity, drawn.duration), tick

    def _calm(self, tick: int) -> float:
        """Factor on the temperature: what is to be the same again leaves less to chance.

        Not for drums: they come back by themselves, and a drummer's touch is never the same.
        """
        if self.lane.of_drums:
            return 1.0
        index = bisect_right(self.pointers, tick, key=lambda row: row.tick) - 1
        likeness = self.pointers[index].likeness if index >= 0 and self.pointers[index].bars_back else 0.0
        return next((factor for least, factor in _CALM if likeness >= least), 1.0)

    def _play(self, note: Played) -> Played:
        note = note._replace(duration=max(1, min(note.end, self.stop) - note.tick))
        if self.choir is not None:
            note = self.choir.sing(note)
        self.lane.feed(*note, drawn=True)
        return note

    def _hear(self, event: _Event) -> None:
        self._turn(event.tick)
        self.lane.feed(
            event.tick, event.part, event.pitch, event.velocity, OPEN if event.onset else CLOSE, human=True
        )


def _events(notes: list[Played]) -> list[_Event]:
    """Begins and ends of the musician's notes, in order of time."""
    begins = [_Event(note.tick, True, note.part, note.pitch, note.velocity) for note in notes]
    ends = [_Event(note.end, False, note.part, note.pitch, note.velocity) for note in notes]
    return sorted(begins + ends)
