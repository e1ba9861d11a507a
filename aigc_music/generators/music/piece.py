"""Music from the model: a request in, a score out. Every task writes a chart, the same band plays it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import PARTS
from aigc_music.core.time import Metre
from aigc_music.engine.job import JobContext
from aigc_music.engine.quality import measure
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import MusicRequest
from models.music.decode_cpu import load_model

from .chart import Chart, Played
from .ending import SLOWING
from .fill import best_filling
from .given import Given
from .humanise import humanised
from .perform import perform
from .tasks import chart_of, prepare, settle
from .voicing import plain_keys

__all__ = ["MusicGenerator"]

_WITHIN = frozenset({"continue", "fill"})
"""Tasks whose notes go into the tracks of the parts that play on."""


class MusicGenerator:
    """One request for music. `request` is the request as settled: style, key, tempo and metre are known.

    UsageError, FileError and ModelError for what cannot be done, before any note is drawn.
    """

    def __init__(self, request: MusicRequest) -> None:
        self.given: Given | None = prepare(request)
        model = load_model(request.model)
        self.request = settle(request, self.given)
        self.chart: Chart = chart_of(self.request, self.given)
        self.card: dict[str, Any] = model.card
        self._model = model
        self._quality: dict[str, Any] = {}

    @staticmethod
    def check(request: MusicRequest) -> None:
        """UsageError or FileError where the request cannot be served; no model is loaded."""
        prepare(request)

    def stream(self, job: JobContext) -> Iterator[Note]:
        """The new notes (of `humanise`: all notes) in order of time."""
        for note in self._notes(job):
            yield Note(note.tick, note.pitch, note.velocity, note.duration, PARTS[note.part].channel)

    def _notes(self, job: JobContext) -> Iterator[Played]:
        """The notes as they come; the job hears how far they are."""
        begin, length = self.chart.begin, max(1, self.chart.end - self.chart.begin)
        for note in self._drawn(job):
            job.progress((note.tick - begin) / length, "composing")
            yield note

    def _drawn(self, job: JobContext) -> Iterator[Played]:
        request, chart, given = self.request, self.chart, self.given
        if given is not None and request.task == "chords":
            return iter(plain_keys(given.chords, given.end))
        if given is not None and request.task == "humanise":
            return iter(sorted(humanised(self._model, chart, request.seed, job).values()))
        if given is not None and request.task == "fill":
            return iter(best_filling(self._model, chart, given, request.seed, job))
        return perform(self._model, chart, request.seed)

    def generate(self, job: JobContext) -> Score:
        """The whole piece: a track a part, chords as texts, sections as markers. Given notes stay as they are."""
        score = self._composed(job)
        job.progress(1.0, "measuring")
        self._quality = measure(score, str(self.request.key), str(self.request.style))
        return score

    def materials(self) -> list[Material]:
        return [Material.of_card(self.card)]

    def quality(self) -> dict[str, Any]:
        return self._quality

    def disclosure(self) -> dict[str, str]:
        return {"composition": "generated" if self.given is None else "assisted"}

    def _composed(self, job: JobContext) -> Score:
        given = self.given
        if given is None:
            return self._new_score(list(self._notes(job)))
        if self.request.task == "humanise":
            score = given.played_as(humanised(self._model, self.chart, self.request.seed, job))
        else:
            score = self._joined_score(list(self._notes(job)), given)
        score.keys = score.keys or [(0, str(self.request.key))]
        score.texts = score.texts or [(row.tick, str(row)) for row in self.chart.chords]
        return score

    def _new_score(self, notes: list[Played]) -> Score:
        request, chart = self.request, self.chart
        metre, bpm = Metre(*(request.metre or (4, 4))), float(request.bpm or 0)
        score = Score(
            tracks=_tracks(notes),
            tempos=[(0, bpm)],
            metres=[(0, metre)],
            keys=[(0, str(request.key))],
            markers=[(span.tick, span.name) for span in chart.spans if span.name not in ("", "free")],
            texts=[(row.tick, str(row)) for row in chart.chords],
            title=f"{request.style} in {request.key}, seed {request.seed}",
        )
        if chart.finale is not None and request.style in SLOWING and request.bars > 2:
            before, last = SLOWING[request.style]
            score.tempos += [(chart.finale - metre.bar_ticks, bpm * before), (chart.finale, bpm * last)]
        return score

    def _joined_score(self, notes: list[Played], given: Given) -> Score:
        task = self.request.task
        changed: dict[int, list[Note]] = {}
        added: list[Played] = []
        if task == "fill":
            begin, end, parts = self.chart.begin, self.chart.end, self.chart.spans[0].wishes.parts
            for part in parts:
                if (index := given.track_of(part)) is not None:
                    track = given.score.tracks[index]
                    changed[index] = [note for note in track.notes if not begin <= note.tick < end]
        for note in notes:
            index = given.track_of(note.part) if task in _WITHIN else None
            if index is None:
                added.append(note)
                continue
            track = given.score.tracks[index]
            channel = track.notes[0].channel
            changed.setdefault(index, list(track.notes)).append(
                Note(note.tick, note.pitch, note.velocity, note.duration, channel)
            )
        return given.with_tracks(changed, _tracks(added, {note.channel for note in given.score.notes}))


def _tracks(notes: list[Played], taken: set[int] | None = None) -> list[Track]:
    """A track a part, on the part's channel or, where a given track has that, on a free one."""
    taken = set(taken or ())
    tracks: list[Track] = []
    for index, part in enumerate(PARTS):
        own = [note for note in notes if note.part == index]
        if own:
            free = [number for number in (part.channel, *range(16)) if number not in taken and number != 9]
            channel = 9 if part.channel == 9 or not free else free[0]
            taken.add(channel)
            rows = sorted(Note(note.tick, note.pitch, note.velocity, note.duration, channel) for note in own)
            tracks.append(Track(part.name, part.program, rows))
    return tracks
