"""Enhanced LRC ("A2"): LRC with the time of each word, or syllable, in front of it, and of the last one's end behind.

    [00:12.00]<00:12.00>Hel<00:12.31>lo <00:12.80>world <00:13.50>

A pause inside a line is a time with nothing behind it but the next time. Players that know plain LRC only may show
the times as text: choose the plain form for those.

Source: the A2 extension of the A2 Media Player (2000s), as karaoke players read it today.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from ...core.lyrics import TimedLyrics
from .lrc import header, parse, stamp
from .shape import in_brackets, ordered, pieces_of

__all__ = ["parse", "render"]


def render(lyrics: TimedLyrics) -> str:
    """`lyrics` as the text of an enhanced LRC file, each syllable with its time."""
    lyrics = ordered(lyrics)
    rows = header(lyrics)
    section = ""
    for line in lyrics:
        if line.section != section:
            section = line.section
            rows.append(f"[part:{section}]")
        parts = [f"[{stamp(line.start_s)}]"]
        before = ""
        for text, start, end in pieces_of(in_brackets(line)):
            begin = stamp(start)
            if before and before != begin:
                parts.append(f"<{before}>")
            parts.append(f"<{begin}>{text}")
            before = stamp(end)
        rows.append("".join(parts) + f" <{before}>")
    return "\n".join([*rows, ""])
