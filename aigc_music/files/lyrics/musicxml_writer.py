"""Writing a MusicXML score: the melody of one Track with words under its notes.

Each syllable goes to the note that begins nearest to it, in order; a second syllable for one note joins the first by
an elision, as singers write it. Notes are cut at bar lines and into lengths that have a sign, tied; a rest of ticks
without a sign keeps its exact duration and gets no <type>. Of notes that overlap the earlier is cut. Lines end
with <end-line/>, sections with <end-paragraph/>, and their names are rehearsal marks.

Without a melody the words stand on one reciting tone, a note for each syllable, at 125 bpm: there a tick is a
millisecond, so no time is lost, but the notes are no notation to sing from.
Lines that overlap follow each other, as in `midi`.
Lost when written: the album; sections of unusual names, and that one ends without another; that words other than
Chinese or Japanese ones are written without a space, or those with one.

Source: MusicXML 4.0 (W3C Music Notation Community Group).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar
from xml.sax.saxutils import escape, quoteattr

from ...core.errors import UsageError
from ...core.lyrics import TimedLyrics
from ...core.notes import Note, Score, Track
from ...core.theory import Key
from ...core.time import TICKS_PER_QUARTER, Metre
from ..midi import MAX_TICK
from .midi import LYRIC_BPM, nearest_tick
from .shape import clean, in_brackets, ordered

__all__ = ["render"]

T = TypeVar("T")

_RECITING_TONE = 67
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0">
"""
# ticks -> name, dots, whether it is one of three in the time of two
_SIGNS: dict[int, tuple[str, int, bool]] = {
    ticks * (4 if triplet else 6 if dots == 0 else 9) // 6: (name, dots, triplet)
    for ticks, name in (
        (1920, "whole"),
        (960, "half"),
        (480, "quarter"),
        (240, "eighth"),
        (120, "16th"),
        (60, "32nd"),
    )
    for dots, triplet in ((0, True), (0, False), (1, False))
}
_PLAIN_SIGNS = sorted((ticks for ticks, (_, _, triplet) in _SIGNS.items() if not triplet), reverse=True)
_SHARPS = (
    ("C", 0),
    ("C", 1),
    ("D", 0),
    ("D", 1),
    ("E", 0),
    ("F", 0),
    ("F", 1),
    ("G", 0),
    ("G", 1),
    ("A", 0),
    ("A", 1),
    ("B", 0),
)
_FLATS = (
    ("C", 0),
    ("D", -1),
    ("D", 0),
    ("E", -1),
    ("E", 0),
    ("F", 0),
    ("G", -1),
    ("G", 0),
    ("A", -1),
    ("A", 0),
    ("B", -1),
    ("B", 0),
)
_FIFTHS = (0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5)  # of the major keys from C up


@dataclass(frozen=True, slots=True)
class _Text:
    """What stands under a note: (syllable, whether its word goes back, whether it goes on), mostly one. ends: what
    ends with it, '', 'line' or 'paragraph'. extends: it is held over notes that follow."""

    parts: tuple[tuple[str, bool, bool], ...]
    ends: str = ""
    extends: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a note, or of a rest (no pitch), in ticks; whether the note begins and ends with it."""

    tick: int
    length: int
    pitch: int | None
    begins: bool
    ends: bool


def render(lyrics: TimedLyrics, melody: Score | None = None, track: int = 0) -> bytes:
    """`lyrics` under the notes of Track number `track` of `melody`, as the bytes of a MusicXML score.

    Raises UsageError for a melody without notes there.
    """
    lyrics = ordered(lyrics)
    score = _recited(lyrics) if melody is None else melody
    if not 0 <= track < len(score.tracks) or (melody is not None and not score.tracks[track].notes):
        raise UsageError(
            f"track {track} of this melody has no notes: choose one of 0..{len(score.tracks) - 1} that has"
        )
    notes = _one_voice(score.tracks[track].notes)
    texts, marks = _placed(lyrics, notes, score)
    bars = _bar_starts(score, max((note.end for note in notes), default=0))
    key = Key.parse(score.keys[0][1]) if score.keys else Key(0, "major")
    fifths = _FIFTHS[(key.tonic + 3) % 12 if key.is_minor else key.tonic]
    title, name = escape(lyrics.title or clean(score.title)), escape(clean(score.tracks[track].name) or "Voice")
    artist = f'<creator type="artist">{escape(lyrics.artist)}</creator>' if lyrics.artist else ""
    language = (
        f"<defaults><lyric-language xml:lang={quoteattr(lyrics.language)}/></defaults>\n" if lyrics.language else ""
    )
    rows = [
        f"{_HEAD}<work><work-title>{title}</work-title></work>\n<identification>{artist}</identification>\n{language}",
        f'<part-list><score-part id="P1"><part-name>{name}</part-name></score-part></part-list>\n<part id="P1">\n',
    ]
    metres = dict(score.metre_map().changes)
    tempos = _by_bar(score.tempo_map().changes, bars)
    sections = _by_bar(marks, bars)
    parts = _by_bar(((part.tick, part) for part in _parts(notes, bars)), bars)
    for index, start in enumerate(bars[:-1]):
        rows.append(f'<measure number="{index + 1}">\n')
        if start in metres:
            rows.append(_attributes(metres[start], fifths, index == 0))
        rows += [_tempo(bpm, tick - start) for tick, bpm in tempos[index]]
        rows += [_section_mark(section, tick - start) for tick, section in sections[index]]
        rows += [_note(part, texts.get(part.tick) if part.begins else None, fifths) for _, part in parts[index]]
        rows.append("</measure>\n")
    return "".join([*rows, "</part>\n</score-partwise>\n"]).encode()


# ------------------------------------------------------------------------------------------- words to notes


def _recited(lyrics: TimedLyrics) -> Score:
    """A note on one tone for each syllable, a tick a millisecond."""
    score = Score(tempos=[(0, LYRIC_BPM)])
    tempo = score.tempo_map()
    notes = []
    for line in lyrics:
        for syllable in line.syllables:
            start, end = nearest_tick(tempo, syllable.start_s), nearest_tick(tempo, syllable.end_s)
            notes.append(Note(start, _RECITING_TONE, 90, max(1, end - start)))
    score.tracks = [Track("Voice", notes=sorted(notes))]
    return score


def _one_voice(notes: list[Note]) -> list[Note]:
    """The highest of notes that begin together, each cut where the next begins."""
    highest = {note.tick: note for note in sorted(notes)}
    kept = list(highest.values())
    ends = [*(note.tick for note in kept[1:]), MAX_TICK + 1]
    return [
        note._replace(duration=min(note.duration, end - note.tick)) for note, end in zip(kept, ends, strict=False)
    ]


def _placed(lyrics: TimedLyrics, notes: list[Note], score: Score) -> tuple[dict[int, _Text], list[tuple[int, str]]]:
    """(tick of a note -> its text, (tick, section) where sections begin)."""
    tempo = score.tempo_map()
    ticks = [note.tick for note in notes]
    texts: dict[int, _Text] = {}
    marks: list[tuple[int, str]] = []
    last = 0
    for index, line in enumerate(lyrics):
        before = lyrics.lines[index - 1].section if index else ""
        following = lyrics.lines[index + 1].section if index + 1 < len(lyrics.lines) else None
        line = in_brackets(line)
        for number, word in enumerate(line.words):
            for place, syllable in enumerate(word.syllables):
                tick = nearest_tick(tempo, syllable.start_s)
                right = bisect_right(ticks, tick)
                near = min(range(max(0, right - 1), min(len(ticks), right + 1)), key=lambda i: abs(ticks[i] - tick))
                last = max(last, near)
                first, final = place == 0, place + 1 == len(word.syllables)
                ends = "line" if final and number + 1 == len(line.words) else ""
                if ends and following != line.section:
                    ends = "paragraph"
                if number == 0 and first and line.section != before:
                    marks.append((ticks[last], line.section))
                text = _Text(((syllable.text, not first, not final),), ends)
                texts[ticks[last]] = _elided(texts.get(ticks[last]), text)
    for note, after in zip(notes, notes[1:], strict=False):
        if note.tick in texts and after.tick not in texts and after.tick <= note.end:
            texts[note.tick] = replace(texts[note.tick], extends=True)
    return texts, marks


def _elided(before: _Text | None, text: _Text) -> _Text:
    """Two texts on one note: syllables of one word become one, others stand side by side."""
    if before is None:
        return text
    *others, (start, goes_before, goes_on) = before.parts
    (following, goes_back, later), *_ = text.parts
    if goes_on and goes_back:
        return _Text((*others, (start + following, goes_before, later)), text.ends)
    return _Text((*before.parts, *text.parts), text.ends)


# ------------------------------------------------------------------------------------------- notes to XML


def _bar_starts(score: Score, end: int) -> list[int]:
    """Ticks of the bar lines, the last at or behind `end`."""
    bars = [0]
    changes = score.metre_map().changes
    for (tick, metre), following in zip(changes, [*(tick for tick, _ in changes[1:]), None], strict=True):
        limit = end if following is None else min(following, end)
        while bars[-1] < limit or (bars[-1] == tick and len(bars) == 1):
            bars.append(
                bars[-1] + metre.bar_ticks if following is None else min(bars[-1] + metre.bar_ticks, following)
            )
    return bars


def _by_bar(events: Iterable[tuple[int, T]], bars: list[int]) -> list[list[tuple[int, T]]]:
    """(tick, what) events sorted into the bars between `bars`."""
    found: list[list[tuple[int, T]]] = [[] for _ in bars]
    for event in events:
        found[bisect_right(bars, event[0]) - 1].append(event)
    return found


def _parts(notes: list[Note], bars: list[int]) -> Iterator[_Part]:
    """Notes and the rests between them, cut at bar lines and into lengths that have a sign."""
    now = 0
    for note in notes:
        yield from _cut(now, note.tick, None, bars)
        yield from _cut(note.tick, note.end, note.pitch, bars)
        now = note.end
    yield from _cut(now, bars[-1], None, bars)


def _cut(start: int, end: int, pitch: int | None, bars: list[int]) -> Iterator[_Part]:
    now = start
    while now < end:
        room = min(end, bars[bisect_right(bars, now)]) - now
        length = room if room in _SIGNS else next((ticks for ticks in _PLAIN_SIGNS if ticks <= room), room)
        yield _Part(now, length, pitch, now == start, now + length == end)
        now += length


def _attributes(metre: Metre, fifths: int, first: bool) -> str:
    divisions = f"<divisions>{TICKS_PER_QUARTER}</divisions><key><fifths>{fifths}</fifths></key>" if first else ""
    clef = "<clef><sign>G</sign><line>2</line></clef>" if first else ""
    time = f"<time><beats>{metre.beats}</beats><beat-type>{metre.unit}</beat-type></time>"
    return f"<attributes>{divisions}{time}{clef}</attributes>\n"


def _tempo(bpm: float, offset: int) -> str:
    mark = f"<metronome><beat-unit>quarter</beat-unit><per-minute>{bpm:g}</per-minute></metronome>"
    return (
        f'<direction placement="above"><direction-type>{mark}</direction-type>{_offset(offset)}'
        f'<sound tempo="{bpm!r}"/></direction>\n'
    )


def _section_mark(section: str, offset: int) -> str:
    name = escape(section[:1].upper() + section[1:])
    mark = f"<direction-type><rehearsal>{name}</rehearsal></direction-type>"
    return f'<direction placement="above">{mark}{_offset(offset)}</direction>\n'


def _offset(ticks: int) -> str:
    return f"<offset>{ticks}</offset>" if ticks else ""


def _note(part: _Part, text: _Text | None, fifths: int) -> str:
    name, dots, triplet = _SIGNS.get(part.length, ("", 0, False))
    sign = f"<type>{name}</type>" + "<dot/>" * dots if name else ""
    if triplet:
        sign += "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
    if part.pitch is None:
        return f"<note><rest/><duration>{part.length}</duration>{sign}</note>\n"
    ties = [*(["stop"] * (not part.begins)), *(["start"] * (not part.ends))]
    tie = "".join(f'<tie type="{kind}"/>' for kind in ties)
    tied = "".join(f'<tied type="{kind}"/>' for kind in ties)
    notations = f"<notations>{tied}</notations>" if tied else ""
    step, alter = (_FLATS if fifths < 0 else _SHARPS)[part.pitch % 12]
    altered = f"<alter>{alter}</alter>" if alter else ""
    pitch = f"<pitch><step>{step}</step>{altered}<octave>{part.pitch // 12 - 1}</octave></pitch>"
    lyric = _lyric(text) if text else ""
    return f"<note>{pitch}<duration>{part.length}</duration>{tie}{sign}{notations}{lyric}</note>\n"


def _lyric(text: _Text) -> str:
    parts = []
    for syllable, goes_back, goes_on in text.parts:
        syllabic = ("single", "begin", "end", "middle")[2 * goes_back + goes_on]
        parts.append(f"<syllabic>{syllabic}</syllabic><text>{escape(syllable)}</text>")
    extend = "<extend/>" if text.extends else ""
    ends = f"<end-{text.ends}/>" if text.ends else ""
    return f'<lyric number="1">{"<elision>‿</elision>".join(parts)}{extend}{ends}</lyric>'
