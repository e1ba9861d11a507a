r"""MIDI lyric events: Track.lyrics of a Score <-> TimedLyrics, and files of them.

Written: a lyric event a syllable, a space behind each word, \r behind a line and \n behind one that ends a section,
as RP-017 of the MIDI Association has it; sections are markers. Syllables of one word follow without a space.

Read: the track with most lyric events. Spaces part words; where no event of a track has any, each event is a word. A
hyphen at the end of *every* event inside a word is a mark of joining and dropped, as notation programs write it; else
a hyphen is text. '_' alone, or nothing, prolongs the syllable before. \r and / begin a line, \n and \ a paragraph.
Without \r and \n, lines are guessed from pauses and capitals, see `lines_of`.

A syllable lasts as long as the notes under it in its track, up to the next syllable; without notes, up to the next
one, at most LAST_LINE_S. Without a melody the file counts at 125 bpm, where a tick is a millisecond.
Lost when written: ends of syllables (without a melody), artist, album, language, that a section ends without another.
Lines that overlap follow each other: what begins before the words of the line above are out waits for them.

Source: RP-017 "SMF Lyric Events Display" (MIDI Association, 1997), and the karaoke files of that time.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import replace
from itertools import zip_longest

from ...core.errors import FileError
from ...core.lyrics import Line, TimedLyrics, Word
from ...core.notes import Note, Score, Track
from ...core.time import TempoMap
from ..midi import MAX_TICK, read_score, score_bytes
from .shape import (
    LAST_LINE_S,
    clean,
    in_brackets,
    is_in_brackets,
    known_section,
    needs_no_space,
    ordered,
    pieces_of,
    words_of,
)

__all__ = ["LYRIC_BPM", "from_score", "lines_of", "lyrics_of_events", "nearest_tick", "parse", "render", "to_score"]

LYRIC_BPM = 125.0  # a tick of 480 a quarter is a millisecond
_BREAKS = re.compile(r"[\r\n]+")


# ------------------------------------------------------------------------------------------- reading


def parse(data: bytes) -> TimedLyrics:
    """Lyrics from the bytes of a MIDI file, from its lyric events or else from karaoke texts (.kar).

    Raises FileError (MidiFileError) for other bytes and when there are no lyrics.
    """
    return from_score(read_score(data))


def from_score(score: Score) -> TimedLyrics:
    """Lyrics of the track with most lyric events; of the texts of the score if they are karaoke.

    Raises FileError when there are none.
    """
    track = max(score.tracks, key=lambda track: len(track.lyrics), default=Track())
    if track.lyrics:
        lyrics = lyrics_of_events(track.lyrics, track.notes, score)
    else:
        lyrics = lyrics_of_events(_karaoke(score.texts), [], score)
        names = [clean(text[2:]) for _, text in score.texts if text.startswith("@T")]
        title, artist, *_ = [*names, "", ""]
        lyrics = replace(lyrics, title=title or lyrics.title, artist=artist)
    if not lyrics.lines:
        raise FileError("no lyrics in this MIDI file: give one with lyric events or karaoke texts")
    return replace(lyrics, repairs=tuple(score.repairs))


def _karaoke(texts: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The texts that are sung: those behind @ headers, or else from the first that begins a line."""
    has_headers = any(tick == 0 and text.startswith(("@K", "@T")) for tick, text in texts)
    texts = [
        (tick, text)
        for tick, text in texts
        if not (tick == 0 and text.startswith("@")) and not text.startswith("copyright: ")
    ]
    if has_headers:
        return texts
    first = next((index for index, event in enumerate(texts) if event[1].startswith(("/", "\\"))), len(texts))
    return texts[first:]


def lyrics_of_events(events: list[tuple[int, str]], notes: list[Note], score: Score) -> TimedLyrics:
    """The lyrics that (tick, text) events spell, ended by `notes`; may have no lines."""
    tempo = score.tempo_map()
    breaks = any(_BREAKS.search(text) for _, text in events)
    rows: list[list[tuple[int, str]]] = [[]]
    for tick, text in events:
        if not breaks and text.startswith(("/", "\\")):
            rows.append([])
            text = text[1:]
        parts = _BREAKS.split(text)
        for index, part in enumerate(parts):
            if index:
                rows.append([])
            rows[-1].append((tick, part))
    spaced = any(text[:1].isspace() or text[-1:].isspace() for row in rows for _, text in row)
    if not spaced:
        rows = [
            [(tick, text if text.endswith("-") or text in ("", "_") else text + " ") for tick, text in row]
            for row in rows
        ]
    rows = _without_hyphens(rows)
    ticks = sorted({tick for row in rows for tick, text in row if clean(text) not in ("", "_")})
    ends = _ends(ticks, notes)
    known = {tick: _time(tempo, ends[tick]) if tick in ends else None for tick in ticks}
    lines = []
    for row in rows:
        pieces = []
        for tick, text in row:
            start = _time(tempo, tick)
            if clean(text) in ("", "_"):
                pieces.append((text.replace("_", ""), start, start))
                continue
            following = bisect_left(ticks, tick) + 1
            limit = _time(tempo, ticks[following]) if following < len(ticks) else start + LAST_LINE_S
            end = known[tick]
            pieces.append((text, start, min(start + LAST_LINE_S, limit) if end is None else min(end, limit)))
        words = words_of(pieces)
        if words:
            lines.append(Line(words))
    if len(rows) == 1 and lines:
        lines = lines_of(lines[0].words)
    sections = [(_time(tempo, tick) - 0.001, name) for tick, text in score.markers if (name := known_section(text))]
    times = [time for time, _ in sections]
    for index, line in enumerate(lines):
        before = bisect_right(times, line.start_s)
        section = sections[before - 1][1] if before else ""
        lines[index] = replace(line, section=section, background=is_in_brackets(line.text))
    return ordered(TimedLyrics(tuple(lines), title=clean(score.title)))


def _without_hyphens(rows: list[list[tuple[int, str]]]) -> list[list[tuple[int, str]]]:
    """Drop the last hyphen of each event that goes on, if all of them have one."""
    going_on = []
    for row in rows:
        texts = [text for _, text in row if clean(text) not in ("", "_")]
        for text, following in zip_longest(texts, texts[1:], fillvalue=" "):
            last = following == " "
            if text.endswith("-") or not (
                last or text[-1:].isspace() or following[:1].isspace() or needs_no_space(text, following)
            ):
                going_on.append(text)
    if not going_on or not all(text.endswith("-") for text in going_on):
        return rows
    return [
        [(tick, text[:-1] if text.endswith("-") and len(text) > 1 else text) for tick, text in row] for row in rows
    ]


def _ends(ticks: list[int], notes: list[Note]) -> dict[int, int]:
    """Tick of each syllable -> end of the notes that begin at it or before the next one, without a pause between."""
    ends: dict[int, int] = {}
    for note in notes:
        index = bisect_left(ticks, note.tick + 1) - 1
        if index < 0:
            continue
        tick = ticks[index]
        if note.tick <= ends.get(tick, tick) + 1:
            ends[tick] = max(ends.get(tick, 0), note.end)
    return ends


def _time(tempo: TempoMap, tick: int) -> float:
    return tempo.ns_at(tick) / 1e9


def lines_of(words: tuple[Word, ...]) -> list[Line]:
    """Guess where lines end: behind a pause of half a second, behind . ! ? ; : or a comma with a capital after it, at
    a capital after eight words, and after twelve words at the latest."""
    lines: list[Line] = []
    row: list[Word] = []
    for word, following in zip_longest(words, words[1:]):
        row.append(word)
        if following is None:
            break
        capital = following.text[:1].isupper() and following.text.split("'")[0] not in ("I", "O")
        if (
            following.start_s - word.end_s >= 0.5
            or (word.text[-1] in ".!?;:,。！？；，" and (capital or not following.text[:1].isascii()))
            or (capital and len(row) >= 8)
            or len(row) >= 12
        ):
            lines.append(Line(tuple(row)))
            row = []
    return [*lines, Line(tuple(row))] if row else lines


# ------------------------------------------------------------------------------------------- writing


def render(lyrics: TimedLyrics) -> bytes:
    """`lyrics` as the bytes of a MIDI file without notes; see `to_score` for one with a melody."""
    return score_bytes(to_score(lyrics))


def to_score(lyrics: TimedLyrics, melody: Score | None = None, track: int = 0) -> Score:
    """A copy of `melody` whose Track number `track` sings `lyrics`, with markers for sections.

    Without a melody the score has one Track without notes. Times go to the nearest tick of the melody's tempo.
    """
    lyrics = ordered(lyrics)
    if melody is None:
        score = Score([Track("Lyrics")], [(0, LYRIC_BPM)])
    else:
        score = replace(melody, tracks=[replace(each) for each in melody.tracks])
    tempo = score.tempo_map()
    events: list[tuple[int, str]] = []
    markers: list[tuple[int, str]] = []
    section = ""
    for index, line in enumerate(lyrics):
        if line.section != section:
            section = line.section
            markers.append((nearest_tick(tempo, line.start_s), section[:1].upper() + section[1:]))
        ends_section = index + 1 == len(lyrics.lines) or lyrics.lines[index + 1].section != section
        pieces = list(pieces_of(in_brackets(line)))
        for number, (text, start, _) in enumerate(pieces, 1):
            last = (" \n" if ends_section else " \r") if number == len(pieces) else ""
            tick = max(nearest_tick(tempo, start), events[-1][0] if events else 0)  # or lines would mix
            events.append((tick, text + last))
    score.tracks[track].lyrics = _with_hyphens(events)
    score.markers = sorted([*score.markers, *markers], key=lambda marker: marker[0])
    score.title = lyrics.title or score.title
    return score


def _with_hyphens(events: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Double the hyphens of a text in which each syllable that goes on ends in one, or it would be read as a mark."""
    going_on = [
        text
        for (_, text), (_, following) in zip(events, events[1:], strict=False)
        if not text[-1].isspace() and (text[-1] == "-" or not needs_no_space(text, following))
    ]
    if going_on and all(text.endswith("-") for text in going_on):
        return [(tick, text + "-" if text.endswith("-") else text) for tick, text in events]
    return events


def nearest_tick(tempo: TempoMap, seconds: float) -> int:
    """The tick nearest to `seconds`, 0..MAX_TICK."""
    ns = round(seconds * 1e9)
    tick = tempo.tick_at(ns)
    return min(max(0, tick + (tempo.ns_at(tick + 1) - ns < ns - tempo.ns_at(tick))), MAX_TICK)
