r"""KAR karaoke files: a MIDI file whose *text* events are the words, as karaoke players of the 1990s read them.

'/' begins a line, '\' a section; headers begin with '@': @KMIDI KARAOKE FILE, @T title, @T artist. A space stands
behind each word. Read like any MIDI file, see `midi`. Lost when written: what `midi` loses, and the sections' names.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import replace

from ...core.lyrics import TimedLyrics
from ..midi import score_bytes
from .midi import parse, to_score
from .shape import ordered

__all__ = ["parse", "render"]


def render(lyrics: TimedLyrics) -> bytes:
    """`lyrics` as the bytes of a karaoke MIDI file without notes."""
    lyrics = ordered(lyrics)
    score = to_score(lyrics)
    texts = [(0, "@KMIDI KARAOKE FILE"), (0, "@V0100"), (0, f"@T{lyrics.title}"), (0, f"@T{lyrics.artist}")]
    mark = "\\"
    for tick, text in score.tracks[0].lyrics:
        texts.append((tick, mark + text.rstrip("\r\n")))
        mark = "/" if text.endswith("\r") else "\\" if text.endswith("\n") else ""
    return score_bytes(replace(score, tracks=[], texts=texts, markers=[]))
