"""LRC: lines with the time at which each begins, in hundredths of a second, as music players show them.

Read: [mm:ss.xx], also [mm:ss], [mm:ss:xx], three digits and [hh:mm:ss.xx]; several times before one text (the line
comes back at each); the header tags ti, ar, al, la, offset (milliseconds, positive means earlier); word times of
the enhanced form, see `enhanced_lrc`. A line ends where the next time stands. A time without text ends the line
before it, too; that is how a pause is written here. The section goes into a tag [part:chorus], which players skip.
Lost: ends of lines that are sung into the next one.

Source: LRC as players of the 1990s to 2020s agree on it; there is no standard.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import zip_longest

from ...core.errors import FileError
from ...core.lyrics import Line, TimedLyrics
from .shape import LAST_LINE_S, Piece, Repairs, clean, in_brackets, is_in_brackets, ordered, steps, words_of

__all__ = ["header", "parse", "render", "stamp"]

_TIME = r"(\d{1,5}):(\d{1,2})(?::(\d{1,2}))?(?:\.(\d{1,6}))?"
_LINE_TIME = re.compile(rf"\s*\[\s*{_TIME}\s*\]")
_WORD_TIME = re.compile(rf"<\s*{_TIME}\s*>")
_TAG = re.compile(r"\s*\[\s*([A-Za-z#]+)\s*:(.*)\]\s*")
MAX_TIMES = 100
"""Of one line of text: a chorus does not come back more often."""

_FACTS = {"ti": "title", "ar": "artist", "al": "album", "la": "language"}


def parse(text: str) -> TimedLyrics:
    """Lyrics from the text of an LRC file, plain or enhanced. A line without word times is one Word.

    Lines without a time are left out and counted in `repairs`. Raises FileError when no line has one.
    """
    facts: dict[str, str] = {}
    repairs = Repairs()
    shift = 0.0
    section = ""
    rows: list[tuple[float, str, str, float]] = []  # start, the text behind it, section, how much later its words are
    for number, row in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        starts: list[float] = []
        found = _LINE_TIME.match(row)
        end = 0
        while found:
            starts.append(_seconds(found))
            end = found.end()
            found = _LINE_TIME.match(row, end)
        if len(starts) > MAX_TIMES:
            repairs.add(f"line with more than {MAX_TIMES} times cut", number)
            starts = starts[:MAX_TIMES]
        if starts:
            rows += [(start, row[end:], section, start - starts[0]) for start in starts]
        elif tag := _TAG.fullmatch(row):
            name, value = tag[1].lower(), clean(tag[2])
            if name in _FACTS:
                facts.setdefault(_FACTS[name], value)
            elif name == "part":
                section = value
            elif name == "offset":
                if re.fullmatch(r"[+-]?\d{1,8}", value):
                    shift = -int(value) / 1000
                else:
                    repairs.add("offset that is no number dropped", number)
        elif clean(row):
            repairs.add("line without a time dropped", number)
    rows.sort(key=lambda row: row[0])
    times = sorted({row[0] for row in rows})
    lines = []
    for start, behind, part, later_by in rows:
        following = bisect_right(times, start)
        end_s = times[following] if following < len(times) else start + LAST_LINE_S
        words = words_of(_shifted(_pieces(behind, start, end_s, later_by), shift))
        if words:
            lines.append(Line(words, part, is_in_brackets("".join(word.text for word in words))))
    if not lines:
        raise FileError("no line with a time such as [00:12.34] and text behind it: give an LRC file")
    return ordered(TimedLyrics(tuple(lines), **facts, repairs=repairs.texts()))


def _seconds(found: re.Match[str]) -> float:
    first, second, third, fraction = found.groups()
    if third is None:
        whole = int(first) * 60 + int(second)
    elif fraction is None:  # [mm:ss:xx]
        whole, fraction = int(first) * 60 + int(second), third
    else:
        whole = int(first) * 3600 + int(second) * 60 + int(third)
    scale = 10 ** len(fraction or "")
    return (whole * scale + int(fraction or 0)) / scale


def _pieces(text: str, start: float, end: float, later_by: float) -> list[Piece]:
    """The text between word times, each with the time before it and the one behind; all of it without any."""
    marks = list(_WORD_TIME.finditer(text))
    if not marks:
        return [(text, start, end)]
    times = [_seconds(mark) + later_by for mark in marks]
    times = [start, *times, max(end, times[-1])]
    cuts = [0, *(place for mark in marks for place in mark.span()), len(text)]
    return [
        (text[cuts[2 * index] : cuts[2 * index + 1]], times[index], times[index + 1])
        for index in range(len(marks) + 1)
    ]


def _shifted(pieces: list[Piece], by: float) -> list[Piece]:
    return [(text, start + by, end + by) for text, start, end in pieces] if by else pieces


def render(lyrics: TimedLyrics) -> str:
    """`lyrics` as the text of a plain LRC file: a time for each line, none for words."""
    lyrics = ordered(lyrics)
    rows = header(lyrics)
    section = ""
    for line, following in zip_longest(lyrics.lines, lyrics.lines[1:]):
        if line.section != section:
            section = line.section
            rows.append(f"[part:{section}]")
        rows.append(f"[{stamp(line.start_s)}]{in_brackets(line).text}")
        if following is None or steps(line.end_s, 100) < steps(following.start_s, 100):
            rows.append(f"[{stamp(line.end_s)}]")
    return "\n".join([*rows, ""])


def header(lyrics: TimedLyrics) -> list[str]:
    """The tags in front: [ti:...] and so on, those that are known."""
    return [f"[{tag}:{value}]" for tag, name in _FACTS.items() if (value := getattr(lyrics, name))]


def stamp(seconds: float) -> str:
    """mm:ss.xx, the nearest hundredth."""
    minutes, hundredths = divmod(steps(seconds, 100), 6000)
    return f"{minutes:02d}:{hundredths // 100:02d}.{hundredths % 100:02d}"
