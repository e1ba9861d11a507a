"""Tasks: what a musician asks of the model offline, one row and one small function each.

A task turns a request and the given music into a chart; the same band plays every chart. `TASKS` says what each
needs: a new task is a row here, a name in engine/requests.py, and a function.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from aigc_music.core.errors import UsageError
from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre
from aigc_music.engine.requests import MusicRequest
from models.music.corpus import BASS, COUNTER, INNER, MELODY
from models.music.harmony import ChordModel

from .chart import Chart, Pointer, Span, whole_bars
from .chords import ChordAt, draw_bars, parse_chords
from .form import check_form, groove_of, sections_of
from .given import Given, likely_style, need_part, read_given
from .song import song_chart, swing_of, usual_parts, wishes_of

__all__ = ["TASKS", "Task", "chart_of", "prepare", "settle"]


class Task(NamedTuple):
    """A task. style: the one it takes where nobody says; None = that of the given music. needs: a part it needs."""

    chart: Callable[[MusicRequest, Given], Chart]
    style: str | None = None
    needs: int | None = None
    beats: bool = False  # chords may change with every beat


def prepare(request: MusicRequest) -> Given | None:
    """Check all that can go wrong before any work; returns the given music, read. UsageError, FileError."""
    if request.form is not None:
        check_form(request.form, request.bars)
    if request.task == "melody" and request.given is None and request.chords is None:
        raise UsageError("task melody needs chords: write them (chords='C | Am | F G | C'), or give a MIDI file")
    if request.chords is not None:
        parse_chords(request.chords, whole_bars([(0, _FOUR_FOUR)], 4 * _FOUR_FOUR.bar_ticks))
    if request.given is None or request.task in ("song", "groove"):
        return None
    task = TASKS[request.task]
    key = None if request.key is None else Key.parse(request.key)
    given = read_given(request.given, request.task, key, task.beats)
    if task.needs is not None:
        need_part(given, task.needs, request.task)
    if request.task == "fill":
        check_bars(request, given)
    if request.chords is not None:
        given = replace(given, chords=parse_chords(request.chords, given.bars))
    return given


def check_bars(request: MusicRequest, given: Given) -> tuple[int, int]:
    """First tick of the bars to fill, and the first after them. UsageError names what is possible."""
    count = len(given.bars)
    first, last = request.from_bar, request.to_bar
    if first is None or last is None:
        raise UsageError(f"task fill: say which bars (from_bar and to_bar), the given music has 1..{count}")
    if not 1 < first <= last <= count:
        raise UsageError(
            f"task fill: bars {first}..{last} cannot be filled: the given music has {count} bars, and at least one"
            f" must stand before, so give from_bar 2..{count} and to_bar {max(2, first)}..{count}"
        )
    tick, metre = given.bars[last - 1]
    return given.bars[first - 1][0], tick + metre.bar_ticks


def settle(request: MusicRequest, given: Given | None) -> MusicRequest:
    """The request with style, key, tempo, metre and ending settled."""
    if given is None:
        form = request.form
        if request.task == "groove":
            form = form or "free"
        usual = request.task in ("song", "melody")
        return replace(request, form=form, ending=usual if request.ending is None else request.ending)
    style = request.style or TASKS[request.task].style or likely_style(given.song)
    metre = given.bars[-1 if request.task == "continue" else 0][1]
    return replace(
        request,
        style=style,
        key=request.key or str(given.key),
        bpm=request.bpm or given.bpm,
        metre=(metre.beats, metre.unit),
        ending=request.task in _WHOLE if request.ending is None else request.ending,
    )


def chart_of(request: MusicRequest, given: Given | None) -> Chart:
    """The chart for a settled request."""
    if given is None:
        return song_chart(request, _wanted(request, _ALONE.get(request.task) or usual_parts(request.style or "pop")))
    return TASKS[request.task].chart(request, given)


# -- one function a task ---------------------------------------------------------------------------------------------


def _continue(request: MusicRequest, given: Given) -> Chart:
    """The given parts go on after the last bar line, in their key, tempo and metre, with chords drawn on."""
    begin, bar = given.end, request.bar_ticks
    end = begin + request.bars * bar
    parts = _wanted(request, given.parts)
    finale = end - bar if request.ending else None
    sections = sections_of(request.form, request.bars) if request.form else []
    chart = Chart(
        metres=given.metres,
        begin=begin,
        end=end,
        spans=[Span(begin, "continued", wishes_of(request, parts))],
        chords=[row for row in given.chords if row.tick < begin] + _onward(request, given, begin, finale),
        past=given.notes,
        finale=finale,
        choir=request.style in ("chorale", "hymn"),
        swing=swing_of(request) if request.swing is not None else 0.0,
    )
    if sections:
        chart.groove = [row._replace(tick=row.tick + begin) for row in groove_of(sections, chart.metre_at(begin)[1])]
    return chart


def _onward(request: MusicRequest, given: Given, begin: int, finale: int | None) -> list[ChordAt]:
    """A chord a bar after those of the given music, home on the tonic where the piece ends."""
    key = Key.parse(request.key or "C major")
    bars = whole_bars([(begin, given.bars[-1][1])], begin + request.bars * request.bar_ticks)
    if request.chords:
        return parse_chords(request.chords, bars)
    history = [row.chord for row in given.chords[-4:]]
    rng = np.random.default_rng((request.seed, 1))
    drawn = draw_bars(ChordModel.load(), request.style or "pop", key, len(bars), history, rng)
    if finale is not None:
        drawn[-1] = Chord(key.tonic, int(key.is_minor))
    return [ChordAt(tick, chord) for (tick, _), chord in zip(bars, drawn, strict=True)]


def _under(request: MusicRequest, given: Given, parts: frozenset[int]) -> Chart:
    """These parts play along with everything that is given, from its first bar to its last note."""
    notes = given.notes
    pitched = [note for note in notes if note.part != DRUMS] or notes
    finale = max(note.tick for note in pitched)
    end = max(note.end for note in notes)
    pointers = given.form()
    section = sections_of("free", len(given.bars))
    groove = [row._replace(tick=given.bars[bar][0]) for bar, row in enumerate(groove_of(section, given.bars[0][1]))]
    return Chart(
        metres=given.metres,
        begin=given.bars[0][0],
        end=max(end, finale + 1) if request.ending else given.end,
        spans=[Span(given.bars[0][0], "", wishes_of(request, parts, given.parts))],
        chords=given.chords,
        form=pointers,
        groove=groove,
        given=notes,
        finale=finale if request.ending else None,
        swing=swing_of(request) if request.swing is not None else 0.0,
    )


def _accompany(request: MusicRequest, given: Given) -> Chart:
    return _under(request, given, _left(request, given, usual_parts(request.style or "pop")))


def _harmonise(request: MusicRequest, given: Given) -> Chart:
    chart = _under(request, given, _left(request, given, frozenset({COUNTER, INNER, BASS})))
    chart.choir = True
    return chart


def _melody(request: MusicRequest, given: Given) -> Chart:
    return _under(request, given, _left(request, given, frozenset({MELODY})))


def _rhythm(request: MusicRequest, given: Given) -> Chart:
    return _under(request, given, _left(request, given, frozenset({BASS, DRUMS})))


def _nothing(request: MusicRequest, given: Given) -> Chart:
    """A chart in which nobody plays; the task writes its notes itself."""
    return _under(request, given, frozenset())


def _fill(request: MusicRequest, given: Given) -> Chart:
    """The bars from_bar..to_bar anew: what stands before is past, what other parts play there is heard."""
    begin, end = check_bars(request, given)
    parts = _wanted(request, given.parts)
    return Chart(
        metres=given.metres,
        begin=begin,
        end=end,
        spans=[Span(begin, "fill", wishes_of(request, parts, given.parts - parts))],
        chords=given.chords,
        form=[Pointer(begin, 0, 0.0)],
        past=[note for note in given.notes if note.tick < begin and note.part in parts],
        given=[note for note in given.notes if note.tick < end and note.part not in parts],
    )


def _wanted(request: MusicRequest, usual: frozenset[int]) -> frozenset[int]:
    """The parts that were asked for, or the usual ones."""
    return usual if request.parts is None else frozenset(PART_NAMES.index(name) for name in request.parts)


def _left(request: MusicRequest, given: Given, usual: frozenset[int]) -> frozenset[int]:
    """The parts to add: those asked for, or the usual ones that nobody plays yet. UsageError when none is left."""
    parts = _wanted(request, usual - given.parts)
    if not parts:
        names = ", ".join(PART_NAMES[part] for part in sorted(usual))
        raise UsageError(
            f"task {request.task}: the given music has {names} already: name the parts to add (parts=..., --parts)"
        )
    return parts


_FOUR_FOUR = Metre()
_ALONE = {"groove": frozenset({DRUMS}), "melody": frozenset({MELODY})}
_WHOLE = frozenset({"accompany", "harmonise", "melody", "rhythm", "chords"})

TASKS: dict[str, Task] = {
    "continue": Task(_continue),
    "accompany": Task(_accompany, needs=MELODY),
    "harmonise": Task(_harmonise, "chorale", MELODY, beats=True),
    "chords": Task(_nothing, "pop", MELODY),
    "melody": Task(_melody),
    "rhythm": Task(_rhythm),
    "humanise": Task(_nothing),
    "fill": Task(_fill),
}
"""Tasks that work on given music."""
