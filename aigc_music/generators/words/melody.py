"""From a melody to the template of its words: who sings, which notes share a syllable, where lines end, what returns.

One syllable a note, unless notes are slurred. Rules of a slur, in this order; a note that repeats the pitch before it
is never slurred, because it could not be heard:

    a note that follows the beginning of a syllable within SINGABLE_S joins it: nobody says more than seven a second
    a note that overlaps the one before, a step away and within LEGATO_S, joins it: so do players write slurs
    a note without words joins the one before, where the track itself carries words for at least a third of its notes

Lines: the cheapest cut of the song into lines of a singable length, found by dynamic programming; rests, long notes,
bar lines and every second bar invite a cut, a new section and a rest of a bar force one.

Stanzas: sections, parted where they are long. A chorus (by name, or a letter B that returns) is sung to the words of
its first time, as far as its lines have enough notes; surplus notes are slurred. Verses get new words.

Weight of a syllable: metrical strength of its onset (Lerdahl and Jackendoff 1983, as a table), its length and its
height beside the line's other notes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import PART_NAMES
from aigc_music.core.texts import Text
from aigc_music.core.time import TICKS_PER_QUARTER, Metre, MetreMap
from aigc_music.engine.requests import TextRequest
from aigc_music.engine.streams import stream

from ..facts import SongFacts, facts_of
from .template import LineSpec, Slot, Template, rhymed, slurred
from .tune_setting import set_to_melody
from .verse import verse_template

__all__ = ["melody_lines", "singing_track", "template_of", "weights_at", "with_melody"]

SINGING_NAMES = ("vocal", "voice", "sing", "melody", "lead", "soprano", "tune", "gesang", "chant")
"""What tracks that sing are called, the surest first."""

SECTION_NAMES: dict[str, str] = {
    "a": "verse", "b": "bridge", "c": "bridge", "d": "bridge", "free": "verse", "blues": "verse", "": "verse",
    "ending": "outro", "refrain": "chorus", "hook": "chorus",
}  # fmt: skip
"""How sections are called on a song sheet; names that are not here stay. A letter b that returns is a chorus."""

SINGABLE_S = 0.14
LEGATO_S = 0.3
TOGETHER = 30  # ticks within which onsets are one
NEAR = 40  # ticks that a player may miss a beat by
STEP = 2  # semitones

STRENGTH = {"bar": 1.0, "half": 0.75, "beat": 0.55, "off": 0.3}
ELSEWHERE = 0.1
PARTS_OF_WEIGHT = (0.55, 0.25, 0.2)  # of metre, length, height

LENGTH_COST = {1: 3.0, 2: 2.2, 3: 1.4, 4: 0.6, 5: 0.2, 6: 0, 7: 0, 8: 0, 9: 0.1, 10: 0.4, 11: 0.8, 12: 1.3, 13: 2.2,
               14: 3.2, 15: 4.5, 16: 6.0}  # fmt: skip
"""What a line of so many syllables costs."""
LONGEST = max(LENGTH_COST)
CUT = 1.0  # what every cut costs
SLOW_S, SLOW_COST = 8.0, 0.3  # a line is no longer than a breath: cost of each second beyond
AS_BEFORE = 1.5  # what it is worth to cut a chorus as it was cut the first time
STANZA = 4  # lines of a stanza where a section is parted
UPBEAT = 3  # syllables of an upbeat to a section at the most
FEWER = 0.7  # a chorus is sung to the words of another when its line has at least this share of the other's notes


@dataclass(frozen=True, slots=True)
class _Sung:
    """A syllable as it is sung. tick, end: ticks; pitch: of its first note; notes: how many."""

    tick: int
    end: int
    pitch: int
    notes: int


def template_of(request: TextRequest) -> Template:
    """What the words of this request have to fit. FileError where the melody cannot be read, UsageError where nothing
    in it sings, or a tune does not fit."""
    if request.melody is None:
        return verse_template(request)
    facts = facts_of(request.melody)
    track = singing_track(facts.score, request.track)
    lines = melody_lines(facts, track)
    if request.tune is not None:
        return set_to_melody(verse_template(request), lines, track.name)
    draw = stream(request.seed, "scheme")
    choices = {section: int(draw.integers(60)) for section in ("verse", "chorus", "bridge")}
    lines = rhymed(lines, request.language, request.scheme, choices)
    sung, notes = sum(line.syllables for line in lines), sum(line.notes for line in lines)
    remarks = (f"{track.name or 'the melody'} sings {notes} notes on {sung} syllables in {len(lines)} lines",)
    scheme = "".join(line.rhyme for line in lines if line.stanza == lines[0].stanza)
    return Template(tuple(lines), request.language, scheme, True, track.name, "", remarks)


def with_melody(text: Text, request: TextRequest) -> Text:
    """The text with the music that it is sung to, where there is some; `request` as settled."""
    if request.melody is None:
        return text
    score = facts_of(request.melody).score
    sings = singing_track(score, request.track)
    return replace(text, melody=score, track=next(n for n, track in enumerate(score.tracks) if track is sings))


def singing_track(score: Score, wanted: str | None) -> Track:
    """The track that sings: by name or number from 1, or the one that looks like a melody.

    UsageError, with the names of all tracks, where there is none.
    """
    numbered = [(number, track) for number, track in enumerate(score.tracks, 1) if track.notes]
    shown = ", ".join(f"{number} {track.name or 'unnamed'!r}" for number, track in numbered) or "none with notes"
    if wanted is not None and wanted.strip().isdigit():
        found = [track for number, track in numbered if number == int(wanted)]
        if not found:
            raise UsageError(f"track {wanted}: there is no such track with notes; tracks: {shown}")
    elif wanted is not None:
        named = {track.name or f"track {number}": track for number, track in numbered}
        try:
            found = [named[choose("track", wanted, named)]]
        except UsageError as error:
            raise UsageError(f"unknown track {wanted!r}: give a name or a number of these: {shown}") from error
    else:
        found = sorted((track for _, track in numbered if not track.is_drums), key=_likely_to_sing)[:1]
    if not found or found[0].is_drums:
        raise UsageError(f"no melody to sing: drums have no words; tracks: {shown}. Name one that plays a tune")
    return found[0]


def _likely_to_sing(track: Track) -> tuple[int, float]:
    """Sort key, the likeliest first: its name, then one note at a time in the middle of the keyboard."""
    name = track.name.casefold()
    by_name = next((rank for rank, known in enumerate(SINGING_NAMES) if known in name), len(SINGING_NAMES))
    other = any(part in name for part in PART_NAMES if part != "melody")
    onsets = {note.tick // TOGETHER for note in track.notes}
    height = sum(note.pitch for note in track.notes) / len(track.notes)
    many = len(track.notes) / len(onsets)
    return by_name + other, 3 * (many - 1) + abs(height - 69) / 12 + 8 / len(track.notes)


def melody_lines(facts: SongFacts, track: Track) -> list[LineSpec]:
    """The lines of the melody, without rhymes. UsageError for a track without notes."""
    notes = _one_at_a_time(track.notes)
    if not notes:
        raise UsageError(f"track {track.name!r} holds no notes: name another one")
    clock = facts.score.tempo_map()
    seconds = [clock.ns_at(note.tick) / 1e9 for note in notes]
    sung = _syllables(notes, seconds, {tick for tick, _ in track.lyrics})
    lines: list[LineSpec] = []
    choruses: list[list[tuple[int, int]]] = []  # of each, (ticks from its beginning, number) of its lines
    for name, begin, rows in _by_section(sung, facts):
        known = {tick for chorus in choruses for tick, _ in chorus} if name == "chorus" else set()
        cut = _cut(rows, facts, {begin + tick for tick in known})
        stanza = lines[-1].stanza + 1 if lines else 0
        first = len(lines)
        for place, row in enumerate(cut):
            lines.append(_spec(row, facts, name, stanza + _stanza_of(place, len(cut)), place == 0))
        if name == "chorus":
            choruses.append([(row[0].tick - begin, first + place) for place, row in enumerate(cut)])
    return _with_returns(lines, choruses, facts.score.metre_map().position(0).metre.bar_ticks // 2)


def _one_at_a_time(notes: Sequence[Note]) -> list[Note]:
    """The highest note of every onset, each as long as it sounds."""
    top: list[Note] = []
    for note in sorted(notes):
        if top and note.tick - top[-1].tick < TOGETHER:
            if note.pitch > top[-1].pitch:
                top[-1] = note._replace(tick=top[-1].tick)
        else:
            top.append(note)
    return top


def _syllables(notes: Sequence[Note], seconds: Sequence[float], worded: set[int]) -> list[_Sung]:
    """Notes joined to syllables, see the rules of a slur above. worded: ticks at which the track has words."""
    believe = 3 * len(worded) >= len(notes)
    rows: list[_Sung] = []
    begun = 0.0
    for index, note in enumerate(notes):
        before = notes[index - 1] if index else None
        joins = False
        if before is not None and before.pitch != note.pitch:
            legato = before.end - note.tick > TOGETHER and abs(before.pitch - note.pitch) <= STEP
            joins = (
                seconds[index] - begun < SINGABLE_S
                or (legato and seconds[index] - seconds[index - 1] < LEGATO_S)
                or (believe and note.tick not in worded and note.tick - before.end < TICKS_PER_QUARTER)
            )
        if joins:
            rows[-1] = replace(rows[-1], end=max(rows[-1].end, note.end), notes=rows[-1].notes + 1)
        else:
            begun = seconds[index]
            rows.append(_Sung(note.tick, note.end, note.pitch, 1))
    for index, (this, following) in enumerate(pairwise(rows)):
        rows[index] = replace(this, end=min(this.end, following.tick))
    return rows


def _section_names(facts: SongFacts) -> list[str]:
    """What every section is called on a song sheet: 'Verse 2' is a verse."""
    plain = [re.sub(r"[\W\d_]+", " ", section.name.casefold()).strip() for section in facts.sections]
    often = Counter(plain)
    return ["chorus" if name == "b" and often[name] > 1 else SECTION_NAMES.get(name, name) for name in plain]


def _by_section(sung: Sequence[_Sung], facts: SongFacts) -> list[tuple[str, int, list[_Sung]]]:
    """(name, first tick, syllables) of every section that has some. An upbeat belongs to the section it leads to."""
    metres = facts.score.metre_map()
    edges = [section.begin for section in facts.sections]
    rows: list[list[_Sung]] = [[] for _ in edges]
    for syllable in sung:
        rows[max((i for i, begin in enumerate(edges) if syllable.tick >= begin - NEAR), default=0)].append(syllable)
    for before, row, edge in zip(rows, rows[1:], edges[1:], strict=False):
        beat = metres.position(edge).metre.beat_ticks
        typical = median([this.tick - other.tick for other, this in pairwise(before)] or [beat])
        for count in range(1, min(UPBEAT + 1, len(before))):
            last, this = before[-count - 1], before[-count]
            parted = this.tick - last.tick >= 2 * typical or this.tick - last.end >= beat // 2
            if row and parted and edge - this.tick <= 2 * beat:
                row[:0] = before[-count:]
                del before[-count:]
                break
    return [row for row in zip(_section_names(facts), edges, rows, strict=True) if row[2]]


def _cut(sung: Sequence[_Sung], facts: SongFacts, known: set[int]) -> list[list[_Sung]]:
    """The syllables of a section as lines: the cheapest cut. known: ticks at which lines began the first time."""
    clock, metres = facts.score.tempo_map(), facts.score.metre_map()
    starts = [clock.ns_at(row.tick) / 1e9 for row in sung]
    ends = [clock.ns_at(row.end) / 1e9 for row in sung]
    typical = median([this.tick - before.tick for before, this in pairwise(sung)] or [1])
    first_bar = metres.position(sung[0].tick + metres.position(sung[0].tick).metre.beat_ticks).bar
    cuts, forced = [0.0], [True]
    for before, this in pairwise(sung):
        where = metres.position(this.tick + NEAR)
        beat = where.metre.beat_ticks
        rest = (this.tick - before.end) / beat
        length = (this.tick - before.tick) / max(1.0, typical)
        gain = min(rest, 2.0) * (rest >= 0.25) + 0.7 * min(max(length - 1, 0), 2)
        # an upbeat of up to a beat and a half leads into the bar that it stands before
        to_bar = where.metre.bar_ticks - where.beat * beat - where.tick
        bar = where.bar - first_bar + (to_bar <= 1.5 * beat)
        at_line = where.beat == 0 and where.tick <= 2 * NEAR
        near_line = to_bar <= 1.5 * beat and (rest >= 0.25 or length > 1)
        if at_line or near_line:
            gain += 0.4 + (0.7 if bar % 2 == 0 else 0) + (0.3 if bar % 4 == 0 else 0)
        gain += AS_BEFORE * any(abs(this.tick - tick) <= beat // 2 for tick in known)
        cuts.append(gain)
        forced.append(rest * beat >= 2 * where.metre.bar_ticks)
    best = [0.0] + [float("inf")] * len(sung)
    came_from = [0] * (len(sung) + 1)
    for end in range(1, len(sung) + 1):
        for begin in range(end - 1, max(-1, end - 1 - LONGEST), -1):
            slow = max(0.0, ends[end - 1] - starts[begin] - SLOW_S)
            cost = best[begin] + LENGTH_COST[end - begin] + SLOW_COST * slow + CUT - cuts[begin]
            if cost < best[end]:
                best[end], came_from[end] = cost, begin
            if forced[begin]:
                break
    lines = []
    end = len(sung)
    while end:
        lines.append(list(sung[came_from[end] : end]))
        end = came_from[end]
    return lines[::-1]


def _spec(sung: Sequence[_Sung], facts: SongFacts, section: str, stanza: int, opens: bool) -> LineSpec:
    """A line with weights and seconds."""
    clock = facts.score.tempo_map()
    slots = [
        Slot(weight, clock.ns_at(row.tick) / 1e9, clock.ns_at(row.end) / 1e9, row.pitch, row.notes)
        for row, weight in zip(sung, _weights(sung, facts.score.metre_map()), strict=True)
    ]
    return LineSpec(tuple(slots), section, stanza, opens)


def weights_at(facts: SongFacts, places: Sequence[tuple[int, int]], track: Track) -> list[float]:
    """Weights of syllables that are sung from tick to tick, in order, to the notes of a track."""
    pitches = {note.tick: note.pitch for note in _one_at_a_time(track.notes)}
    ticks = sorted(pitches)
    sung = [
        _Sung(begin, max(begin + 1, end), pitches[min(ticks, key=lambda tick: abs(tick - begin))], 1)
        for begin, end in places
    ]
    return _weights(sung, facts.score.metre_map())


def _weights(sung: Sequence[_Sung], metres: MetreMap) -> list[float]:
    """Weight 0..1 of each syllable of a line."""
    typical = median(row.end - row.tick for row in sung)
    low, high = min(row.pitch for row in sung), max(row.pitch for row in sung)
    metre, length, tall = PARTS_OF_WEIGHT
    weights = []
    for row in sung:
        longer = min(max((row.end - row.tick) / max(1, typical) - 0.5, 0), 2) / 2
        height = (row.pitch - low) / (high - low) if high > low else 0.5
        strength = _strength(row.tick, metres.position(row.tick).metre, metres.bar_start(row.tick))
        weights.append(round(metre * strength + length * longer + tall * height, 4))
    return weights


def _strength(tick: int, metre: Metre, bar_start: int) -> float:
    """Metrical strength of an onset."""
    place, bar = tick - bar_start, metre.bar_ticks
    compound = metre.unit >= 8 and metre.beats % 3 == 0 and metre.beats > 3
    beat = metre.beat_ticks * (3 if compound else 1)
    halves = (compound and metre.beats // 3 % 2 == 0) or (not compound and metre.beats % 2 == 0 and metre.beats > 2)
    off = metre.beat_ticks if compound else beat // 2
    for name, step in (("bar", bar), ("half", bar // 2 if halves else bar), ("beat", beat), ("off", max(1, off))):
        rest = place % step
        if min(rest, step - rest) <= NEAR:
            return STRENGTH[name]
    return ELSEWHERE


def _with_returns(lines: list[LineSpec], choruses: list[list[tuple[int, int]]], near: int) -> list[LineSpec]:
    """Choruses sung to the words of their first time, line by line where lines begin at the same place.

    near: ticks within which places are the same. The words get as many syllables as the shortest of the lines that
    are alike, the others are slurred.
    """
    rows = list(lines)
    for tick, number in choruses[0] if choruses else []:
        alike = [number]
        for chorus in choruses[1:]:
            distance, other = min((abs(place - tick), other) for place, other in chorus)
            if distance <= near:
                alike.append(other)
        longest = lines[number].syllables
        alike = [other for other in alike if FEWER <= lines[other].syllables / longest <= 1 / FEWER]
        shortest = min(lines[other].syllables for other in alike)
        for other in alike:
            if rows[other].same_as is None:
                rows[other] = replace(slurred(lines[other], shortest), same_as=number if other != number else None)
    return rows


def _stanza_of(place: int, lines: int) -> int:
    """Number of the stanza, within a section of so many lines, of a line: stanzas of four where it can be."""
    if lines <= STANZA + 2:
        return 0
    full, left = divmod(lines, STANZA)
    stanzas = full + (left > 1)
    return min(place // STANZA, stanzas - 1)
