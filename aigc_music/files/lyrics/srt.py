"""SRT (SubRip) subtitles: numbered cues of one line each, times in milliseconds.

Read: hours may be missing, a full stop may stand for the comma, marks such as <i> and {\\an8} are dropped; each row
of a cue becomes a Line with the times of the cue, and is one Word. Lost when written: word times, title, sections.

Source: the format of SubRip, as players read it; there is no standard.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re

from ...core.errors import FileError
from ...core.lyrics import Line, TimedLyrics
from .shape import Repairs, clean, in_brackets, is_in_brackets, ordered, steps, words_of

__all__ = ["parse", "render"]

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,6}))?"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_MARKS = re.compile(r"</?(?:[ibus]|font\b[^<>]*)>|\{\\[^{}]*\}", re.IGNORECASE)


def parse(text: str) -> TimedLyrics:
    """Lyrics from the text of an SRT file. Rows without a time above them are left out and counted in `repairs`.

    Raises FileError when there is no cue with text.
    """
    repairs = Repairs()
    lines: list[Line] = []
    span: tuple[float, float] | None = None
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, row in enumerate(rows, 1):
        found = _TIMES.fullmatch(row)
        if found:
            start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
            if end < start:
                repairs.add("cue that ends before it begins made empty", number)
                end = start
            span = start, end
        elif not row.strip():
            span = None
        elif span is not None:
            words = words_of([(_MARKS.sub("", row), *span)])
            if words:
                lines.append(Line(words, background=is_in_brackets(words[0].text)))
        elif not row.strip().isdecimal():
            repairs.add("row outside a cue dropped", number)
    if not lines:
        raise FileError("no cue such as '00:00:01,000 --> 00:00:02,500' with text below it: give an SRT file")
    return ordered(TimedLyrics(tuple(lines), repairs=repairs.texts()))


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    scale = 10 ** len(fraction)
    return ((int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * scale + int(fraction)) / scale


def render(lyrics: TimedLyrics) -> str:
    """`lyrics` as the text of an SRT file, a cue a line."""
    cues = []
    for number, line in enumerate(ordered(lyrics), 1):
        times = f"{_stamp(line.start_s)} --> {_stamp(line.end_s)}"
        cues.append(f"{number}\n{times}\n{clean(in_brackets(line).text)}\n")
    return "\n".join(cues)


def _stamp(seconds: float) -> str:
    minutes, thousandths = divmod(steps(seconds, 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{thousandths // 1000:02d},{thousandths % 1000:03d}"
