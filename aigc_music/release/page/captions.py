"""Timed lyrics as WebVTT captions, with a time for every word.

Source: W3C WebVTT (cue timestamps within the text). Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from aigc_music.core.lyrics import Line, TimedLyrics

__all__ = ["captions"]


def captions(lyrics: TimedLyrics) -> str:
    """The captions as the text of a .vtt file. A line stays until the next one comes, 2 s at the most."""
    cues = []
    for index, line in enumerate(lyrics.lines):
        follows = lyrics.lines[index + 1].start_s if index + 1 < len(lyrics.lines) else line.end_s + 2
        end = max(line.end_s, min(follows, line.end_s + 2), line.start_s + 0.1)
        cues.append(f"{_time(line.start_s)} --> {_time(end)}\n{_words(line)}\n")
    return "\n".join(["WEBVTT\n", *cues])


def _words(line: Line) -> str:
    parts = []
    for word in line.words:
        stamp = f"<{_time(word.start_s)}>" if word.start_s > line.start_s else ""
        parts.append(stamp + _escaped(word.text) + " " * word.spaced)
    return "".join(parts).rstrip()


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _time(seconds: float) -> str:
    millis = round(max(0.0, seconds) * 1000)
    return f"{millis // 3_600_000:02d}:{millis // 60_000 % 60:02d}:{millis // 1000 % 60:02d}.{millis % 1000:03d}"
