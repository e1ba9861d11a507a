"""MusicXML lyrics: the words under the notes of a score <-> TimedLyrics, with the times that its tempo gives.

Read from the first part that has lyrics:

- Time: durations, chords, grace notes (of no length), backup and forward, tempo from <sound tempo> or else the
  metronome mark, of whichever part holds it; 120 bpm before the first. A bar is as long as its longest part.
- A syllable begins with its note and lasts over tied notes and further notes without words, up to a rest or the next
  syllable of its voice.
- Repeats and numbered endings are played out; the verse sung is that of the pass, or the only one there is. Further
  verses without a repeat are not sung, and D.C., D.S. and codas are not followed; `repairs` says so.
- Words are built by <syllabic>; two texts joined by <elision> stay on one note. Lines end at <end-line/> and
  <end-paragraph/>, else they are guessed from pauses and marks (`midi.lines_of`). Rehearsal marks that name a part of
  a song are sections.

Written by `musicxml_writer`. Uncompressed .musicxml here, .mxl in `mxl`.

Source: MusicXML 4.0 (W3C Music Notation Community Group).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate, zip_longest
from xml.etree.ElementTree import Element

from ...core.errors import FileError
from ...core.lyrics import Line, Syllable, TimedLyrics, Word
from ...core.time import BPM_MAX, BPM_MIN
from ..safe_xml import local_name, parse_xml
from .midi import lines_of
from .musicxml_writer import render
from .shape import clean, is_in_brackets, known_section, needs_no_space, ordered

__all__ = ["parse", "render"]

MAX_PLAYED_BARS = 50_000
MAX_PLAYED_NOTES = 500_000
_BEATS = {
    "breve": 8.0, "whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25, "32nd": 0.125,
}  # fmt: skip
_JUMPS = ("dacapo", "dalsegno", "tocoda", "fine")


@dataclass(slots=True)
class _Sung:
    """A note of the singing part, in quarters from its bar line. texts: verse -> (syllabic, text, what ends)."""

    onset: Fraction
    end: Fraction
    voice: str
    texts: dict[int, tuple[str, str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Bar:
    """What one measure holds, over all parts."""

    length: Fraction = Fraction(0)
    tempos: dict[Fraction, float] = field(default_factory=dict)  # quarters from the bar line -> bpm
    marks: list[tuple[Fraction, str]] = field(default_factory=list)  # sections
    notes: list[_Sung] = field(default_factory=list)
    forward: bool = False
    backward: int = 0  # times to play
    endings: set[int] = field(default_factory=set)
    ends_ending: bool = False
    jumps: bool = False


def parse(data: bytes) -> TimedLyrics:
    """Lyrics from the bytes of an uncompressed MusicXML score.

    Raises FileError for other XML, a score without lyrics, and one of over 50,000 bars as played.
    """
    root = parse_xml(data)
    if local_name(root.tag) != "score-partwise":
        raise FileError(f"the XML begins with <{local_name(root.tag)}>: give a <score-partwise> MusicXML file")
    parts = root.findall("part")
    singing = next((part for part in parts if part.find("measure/note/lyric") is not None), None)
    if singing is None:
        raise FileError("no part of this score has lyrics: give one with words under its notes")
    bars: list[_Bar] = []
    for part in parts:
        _read_part(part, bars, part is singing)
    verses = sorted({verse for bar in bars for note in bar.notes for verse in note.texts})
    order = _played(bars)
    repairs = []
    passes = max((number for _, number in order), default=1)
    unsung = [verse for verse in verses if verse > passes and verse != verses[0]]
    if unsung:
        repairs.append(f"verses {', '.join(map(str, unsung))} stand without a repeat and are not sung")
    if any(bar.jumps for bar in bars):
        repairs.append("D.C., D.S. or coda not followed")
    lines = _sing(bars, order)
    if not lines:
        raise FileError("the lyrics of this score hold no text")
    return ordered(TimedLyrics(tuple(lines), **_facts(root, singing), repairs=tuple(repairs)))


def _facts(root: Element, singing: Element) -> dict[str, str]:
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    artists = [each.text or "" for each in root.findall("identification/creator") if each.get("type") == "artist"]
    language = root.find("defaults/lyric-language")
    key = "{http://www.w3.org/XML/1998/namespace}lang"
    return {
        "title": clean(title),
        "artist": clean(", ".join(artists)),
        "language": clean(language.get(key, "")) if language is not None else "",
    }


# ------------------------------------------------------------------------------------------- one part


def _read_part(part: Element, bars: list[_Bar], singing: bool) -> None:
    """Add what one part says to the bars of all."""
    divisions = Fraction(1)
    names: dict[str, int] = {}  # of verses that are not numbers
    for index, measure in enumerate(part.findall("measure")):
        if index == len(bars):
            bars.append(_Bar())
        bar = bars[index]
        now = longest = onset = Fraction(0)
        for element in measure:
            tag = element.tag
            if tag == "attributes":
                divisions = _positive(element.findtext("divisions")) or divisions
            elif tag == "note":
                length = (_positive(element.findtext("duration")) or Fraction(0)) / divisions
                if element.find("grace") is not None:
                    length = Fraction(0)
                if element.find("chord") is None:
                    onset = now
                    now += length
                elif singing and bar.notes and bar.notes[-1].onset == onset:
                    _add_texts(element, bar.notes[-1], names)
                    continue
                if singing and element.find("rest") is None:
                    voice = element.findtext("voice") or "1"
                    note = _Sung(onset, onset + length, voice)
                    _add_texts(element, note, names)
                    bar.notes.append(note)
            elif tag == "backup":
                now = max(Fraction(0), now - (_positive(element.findtext("duration")) or 0) / divisions)
            elif tag == "forward":
                now += (_positive(element.findtext("duration")) or 0) / divisions
            elif tag in ("direction", "sound"):
                _read_direction(element, bar, now, divisions)
            elif tag == "barline" and singing:
                _read_barline(element, bar)
            longest = max(longest, now)
        bar.length = max(bar.length, longest)


def _read_direction(element: Element, bar: _Bar, now: Fraction, divisions: Fraction) -> None:
    """Tempo, sections and jumps of a direction, or of a <sound> of its own."""
    shift = element.findtext("offset") or ""
    if re.fullmatch(r"-?\d{1,9}", shift):
        now = max(Fraction(0), now + int(shift) / divisions)
    sound = element if element.tag == "sound" else element.find("sound")
    if sound is not None:
        tempo = _positive(sound.get("tempo"))
        if tempo:
            bar.tempos[now] = min(max(float(tempo), BPM_MIN), BPM_MAX)
        bar.jumps = bar.jumps or any(sound.get(jump) for jump in _JUMPS)
    metronome = element.find("direction-type/metronome")
    if metronome is not None and now not in bar.tempos:
        beat = _BEATS.get(metronome.findtext("beat-unit") or "")
        number = re.search(r"\d{1,4}(\.\d{1,6})?", metronome.findtext("per-minute") or "")
        if beat and number:
            dots = len(metronome.findall("beat-unit-dot"))
            bpm = float(number[0]) * beat * (2 - 0.5**dots)
            if bpm > 0:
                bar.tempos[now] = min(max(bpm, BPM_MIN), BPM_MAX)
    for mark in element.iter("rehearsal"):
        name = known_section(mark.text or "")
        if name:
            bar.marks.append((now, name))


def _read_barline(element: Element, bar: _Bar) -> None:
    repeat = element.find("repeat")
    if repeat is not None:
        if repeat.get("direction") == "forward":
            bar.forward = True
        else:
            times = repeat.get("times", "")
            bar.backward = min(int(times), 20) if re.fullmatch(r"\d{1,3}", times) and int(times) > 1 else 2
    ending = element.find("ending")
    if ending is not None:
        bar.endings |= {int(number) for number in re.findall(r"\d{1,2}", ending.get("number", "")[:100])}
        bar.ends_ending = bar.ends_ending or ending.get("type") != "start"


def _add_texts(element: Element, note: _Sung, names: dict[str, int]) -> None:
    for lyric in element.findall("lyric"):
        name = lyric.get("number") or lyric.get("name") or "1"
        verse = int(name) if re.fullmatch(r"\d{1,3}", name) else names.setdefault(name, len(names) + 1)
        texts, syllabics = "", []
        for child in lyric:
            if child.tag == "text":
                texts += child.text or ""
            elif child.tag == "elision":
                texts += " " if (child.text or "").strip() in ("", "‿", "_") else child.text or ""
            elif child.tag == "syllabic":
                syllabics.append((child.text or "").strip())
        text = clean(texts).strip()  # some programs pad syllables with no-break spaces
        if not text or verse in note.texts:
            continue
        first, last = (syllabics[0], syllabics[-1]) if syllabics else ("single", "single")
        joined = {(True, True): "middle", (True, False): "end", (False, True): "begin"}
        syllabic = joined.get((first in ("middle", "end"), last in ("begin", "middle")), "single")
        ends = "line" if lyric.find("end-line") is not None else ""
        ends = "paragraph" if lyric.find("end-paragraph") is not None else ends
        note.texts[verse] = syllabic, text, ends


def _positive(text: str | None) -> Fraction | None:
    """The number above 0 that `text` says, if it is one of sensible length."""
    if text and re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", text):
        return Fraction(text.strip()) or None
    return None


# ------------------------------------------------------------------------------------------- all bars


def _played(bars: list[_Bar]) -> list[tuple[int, int]]:
    """(bar, pass) in the order of playing: repeats, with the endings of each pass."""
    endings: list[set[int]] = []  # for each bar the passes it belongs to; empty for all
    inside: set[int] = set()
    for bar in bars:
        inside = bar.endings or inside
        endings.append(inside)
        if bar.ends_ending:
            inside = set()
    last_pass = [0] * len(bars)  # of the group of endings that a bar belongs to
    for index in reversed(range(len(bars))):
        goes_on = index + 1 < len(bars) and endings[index + 1] and not bars[index + 1].forward
        if endings[index]:
            last_pass[index] = max(*endings[index], last_pass[index + 1] if goes_on else 0)
    order: list[tuple[int, int]] = []
    begin = index = played = 0
    number = 1
    while index < len(bars):
        bar = bars[index]
        behind_endings = index > 0 and endings[index - 1] and not endings[index]
        if (bar.forward or behind_endings) and index != begin:
            begin, number = index, 1
        if endings[index] and number not in endings[index]:
            index += 1
            continue
        order.append((index, number))
        played += len(bar.notes)
        if len(order) > MAX_PLAYED_BARS or played > MAX_PLAYED_NOTES:
            raise FileError(
                f"with its repeats this score has over {MAX_PLAYED_BARS} bars or {MAX_PLAYED_NOTES} notes: "
                "give a shorter one"
            )
        if bar.backward and number < max(bar.backward, last_pass[index]):
            index, number = begin, number + 1
            continue
        if bar.backward and not endings[index]:
            begin, number = index + 1, 1
        index += 1
    return order


def _sing(bars: list[_Bar], order: list[tuple[int, int]]) -> list[Line]:
    """The lines in the order of singing, in seconds."""
    starts = [Fraction(0), *accumulate(bars[index].length for index, _ in order)]
    clock = _Clock(
        [
            (start + offset, bpm)
            for start, (index, _) in zip(starts, order, strict=False)
            for offset, bpm in sorted(bars[index].tempos.items())
        ]
    )
    marks = [
        (float(start + offset), name)
        for start, (index, _) in zip(starts, order, strict=False)
        for offset, name in bars[index].marks
    ]
    sung: list[tuple[str, str, str, Fraction, Fraction]] = []  # syllabic, text, what ends, start and end in quarters
    last: dict[str, int] = {}  # voice -> the syllable that it holds
    for bar_start, (index, number) in zip(starts, order, strict=False):
        for note in sorted(bars[index].notes, key=lambda note: note.onset):
            start, end = bar_start + note.onset, bar_start + note.end
            verse = _verse(note.texts, number)
            if verse is not None and not (sung and sung[-1][3] == start):  # else a second voice with the same words
                last[note.voice] = len(sung)
                sung.append((*note.texts[verse], start, end))
            elif note.voice in last and sung[last[note.voice]][4] >= start:
                held = sung[last[note.voice]]
                sung[last[note.voice]] = (*held[:4], max(held[4], end))
    return _lines(sung, clock, marks)


def _verse(texts: dict[int, tuple[str, str, str]], number: int) -> int | None:
    """The verse sung on pass `number`: that one, or else the last before it."""
    return max((verse for verse in texts if verse <= number), default=None)


def _lines(
    sung: list[tuple[str, str, str, Fraction, Fraction]], clock: _Clock, marks: list[tuple[float, str]]
) -> list[Line]:
    words: list[Word] = []
    ends: list[str] = []
    starts: list[float] = []
    syllables: list[Syllable] = []
    for (syllabic, text, end_mark, start, end), following in zip_longest(sung, sung[1:]):
        if not syllables:
            starts.append(float(start))
        syllables.append(Syllable(text, clock.seconds(start), clock.seconds(end)))
        goes_on = syllabic in ("begin", "middle") and following is not None and following[0] in ("middle", "end")
        if goes_on and not end_mark:
            continue
        spaced = following is None or bool(end_mark) or not needs_no_space(text, following[1])
        words.append(Word(tuple(syllables), spaced))
        ends.append(end_mark)
        syllables = []
    rows: list[Line] = []
    if any(ends):
        row: list[Word] = []
        for word, end_mark in zip(words, ends, strict=True):
            row.append(word)
            if end_mark:
                rows.append(Line(tuple(row)))
                row = []
        rows += [Line(tuple(row))] if row else []
    else:
        rows = lines_of(tuple(words))
    times = [time for time, _ in marks]
    index = 0
    for number, line in enumerate(rows):
        before = bisect_right(times, starts[index])
        index += len(line.words)
        section = marks[before - 1][1] if before else ""
        final = replace(line.words[-1], spaced=True)
        rows[number] = Line((*line.words[:-1], final), section, is_in_brackets(line.text))
    return rows


class _Clock:
    """Quarters -> seconds under tempo changes."""

    def __init__(self, changes: list[tuple[Fraction, float]]) -> None:
        self.quarters: list[Fraction] = [Fraction(0)]
        self.bpms = [120.0]
        for quarter, bpm in changes:
            if quarter == self.quarters[-1]:
                self.bpms[-1] = bpm
            elif quarter > self.quarters[-1]:
                self.quarters.append(quarter)
                self.bpms.append(bpm)
        self.times = [0.0]
        for before, after, bpm in zip(self.quarters, self.quarters[1:], self.bpms, strict=False):
            self.times.append(self.times[-1] + float(after - before) * 60 / bpm)

    def seconds(self, quarter: Fraction) -> float:
        index = bisect_right(self.quarters, quarter) - 1
        return self.times[index] + float(quarter - self.quarters[index]) * 60 / self.bpms[index]
