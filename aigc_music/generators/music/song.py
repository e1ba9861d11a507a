"""Songs: from a request to the chart of a whole piece: sections, chords, energy, themes that return, an ending.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.theory import CHROMATIC, Chord, Key
from aigc_music.core.time import Metre
from aigc_music.engine.requests import MusicRequest
from models.music.harmony import ChordModel

from .band import Wishes
from .chart import Chart, Span, whole_bars
from .chords import ChordAt, blues, diatonic, draw_bars, parse_chords
from .form import Section, groove_of, likeness_of, pointers_of, sections_of, usual_form
from .groove import SWING

__all__ = ["UNSAID_CHORDS", "energy_of", "song_chart", "swing_of", "wishes_of"]

CHROMATIC_STYLES = frozenset(
    {"jazz", "chorale", "art_song", "classical", "romantic", "baroque", "quartet", "ragtime"}
)
"""Styles whose real pieces leave the key for one note in ten: there the key is told and not forced."""

UNSAID_CHORDS = frozenset({"chorale", "hymn"})
"""Styles whose chords change with every beat: the model finds them as it goes."""

_DOMINANT = 7  # semitones above the tonic


def wishes_of(request: MusicRequest, parts: frozenset[int], given: frozenset[int] = frozenset()) -> Wishes:
    """What the request asks of a band of these parts; style, key and bpm must be settled."""
    assert request.style is not None and request.key is not None and request.bpm is not None
    return Wishes(
        request.style, Key.parse(request.key), request.bpm, parts, given, request.density, request.temperature,
        request.energy, request.register, request.polyphony, request.loudness, request.strength,
        longest_copy=request.longest_copy, scale=CHROMATIC if leaves_key(request) else None,
    )  # fmt: skip


def leaves_key(request: MusicRequest) -> bool:
    """Whether notes outside the key may come."""
    return request.style in CHROMATIC_STYLES if request.accidentals is None else request.accidentals


def swing_of(request: MusicRequest) -> float:
    """How much this piece swings."""
    return SWING.get(request.style or "", 0.0) if request.swing is None else request.swing


def energy_of(request: MusicRequest, section: Section) -> float:
    """Energy 0..1 of a section."""
    return min(1.0, max(0.0, (0.5 if request.energy is None else request.energy) + section.kind.energy))


def song_chart(request: MusicRequest, parts: frozenset[int]) -> Chart:
    """The chart of a whole song for these parts."""
    metre = Metre(*request.metre)  # type: ignore[misc]
    form = request.form or usual_form(request.style or "", request.bars)
    sections = sections_of(form, request.bars)
    wishes = wishes_of(request, parts)
    if form == "blues" and wishes.key.mode == "major":
        wishes = replace(wishes, key=Key(wishes.key.tonic, "blues"))
    bar = metre.bar_ticks
    end = request.bars * bar
    finale = end - bar if request.ending and request.bars > 1 else None
    spans = []
    for section in sections:
        silent = {PART_NAMES.index(name) for name in section.kind.silent}
        playing = parts - silent or parts
        energy = energy_of(request, section) if form != "free" else request.energy
        spans.append(Span(section.first * bar, section.name, replace(wishes, parts=playing, energy=energy)))
    if finale is not None and spans[-1].wishes.parts != parts:
        spans.append(Span(finale, "", replace(spans[-1].wishes, parts=parts)))
    return Chart(
        metres=[(0, metre)],
        begin=0,
        end=end,
        spans=spans,
        chords=_chords(request, form, sections, wishes.key, finale),
        form=pointers_of(sections, metre, likeness_of(request.style)),
        groove=groove_of(sections, metre, STYLES[style_id(wishes.style)].groove),
        finale=finale,
        choir=request.style in ("chorale", "hymn"),
        swing=swing_of(request),
    )


def _chords(request: MusicRequest, form: str, sections: list[Section], key: Key, finale: int | None) -> list[ChordAt]:
    """One chord a bar: as asked, of the blues, or drawn section by section; a section comes back with its chords."""
    metre = Metre(*request.metre)  # type: ignore[misc]
    bars = whole_bars([(0, metre)], request.bars * metre.bar_ticks)
    if request.chords:
        return parse_chords(request.chords, bars)
    if request.style in UNSAID_CHORDS and form != "blues":
        return [] if finale is None else [ChordAt(finale, _tonic(key))]
    if form == "blues":
        chords = [chord for section in sections for chord in _blues_section(section, key)]
        chords[-1] = chords[-1] if finale is None else blues(key, 1)[0]
    else:
        chords = _drawn(request, sections, key, finale is not None)
    return [ChordAt(tick, chord, chord.root) for (tick, _), chord in zip(bars, chords, strict=True)]


def _tonic(key: Key) -> Chord:
    return Chord(key.tonic, int(key.is_minor))


def _blues_section(section: Section, key: Key) -> list[Chord]:
    """The scheme, or its last bars where an intro or an ending is shorter."""
    return blues(key, 12)[12 - section.bars :] if section.name != "blues" else blues(key, section.bars)


def _drawn(request: MusicRequest, sections: list[Section], key: Key, ends: bool) -> list[Chord]:
    """Chords by section. The section with which the piece ends has its cadence whenever it comes."""
    dominant = Chord((key.tonic + _DOMINANT) % 12, 0)
    cadence = [dominant if tuple(dominant) in diatonic(key) else _tonic(key), _tonic(key)]
    model = ChordModel.load()
    chords: list[Chord] = []
    known: dict[str, list[Chord]] = {}
    for index, section in enumerate(sections):
        rng = np.random.default_rng((request.seed, index))
        if section.name not in known:
            # a theme begins a new thought on the tonic; what contrasts goes on from what came before
            history = chords[-4:] if section.name in ("B", "C", "bridge", "chorus", "ending") else []
            drawn = draw_bars(
                model, request.style or "pop", key, section.bars, history, rng, inside=not leaves_key(request)
            )
            if ends and section.name == sections[-1].name:
                drawn[-2:] = cadence[-len(drawn) :]
            known[section.name] = drawn
        chords.extend(known[section.name][: section.bars])
    return chords


def usual_parts(style: str) -> frozenset[int]:
    """The parts of a band that plays alone in this style."""
    return frozenset(PART_NAMES.index(name) for name in STYLES[style_id(style)].parts)
