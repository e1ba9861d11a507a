"""Plain text with sections: a line a row, a heading such as [Chorus] or #CHORUS over each section. No times.

Read, every time is 0; the words are parted at spaces, and between characters of scripts that use none. An empty
heading [] ends a section without naming the next. Rows of the form [..] are always headings. Lost when written:
times, title, artist, album, language.

Source: headings as lyric sites (square brackets) and Musixmatch (#) use them.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re

from ...core.errors import FileError
from ...core.lyrics import Line, TimedLyrics
from .shape import clean, in_brackets, is_in_brackets, ordered, spread, words_of

__all__ = ["parse", "render"]

_HEADING = re.compile(r"\[([^\[\]]*)\]|#([A-Z][A-Z-]{2,20})")


def parse(text: str) -> TimedLyrics:
    """Lyrics from plain text. Raises FileError when there are no words."""
    lines: list[Line] = []
    section = ""
    for row in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        row = clean(row)
        if found := _HEADING.fullmatch(row):
            section = clean(found[1] or found[2] or "").lower()
        elif row:
            lines.append(Line(words_of([(row, 0.0, 0.0)]), section, is_in_brackets(row)))
    if not lines:
        raise FileError("no words: give a text file with lyrics")
    return spread(TimedLyrics(tuple(lines)))


def render(lyrics: TimedLyrics) -> str:
    """`lyrics` as plain text."""
    rows: list[str] = []
    section = ""
    for line in ordered(lyrics):
        if line.section != section:
            section = line.section
            rows += [""] * bool(rows) + [f"[{section[:1].upper()}{section[1:]}]"]
        rows.append(in_brackets(line).text)
    return "\n".join([*rows, ""])
