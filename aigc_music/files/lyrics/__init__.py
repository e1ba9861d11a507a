"""Timed lyrics, read and written: one module for each format, one table of all.

A format keeps what it can. `Format.timing` says how fine its times are; what else it loses stands in its module's
docstring. Where a format gives no times for words, a line is one Word that holds it all (`shape.spread` shares its
time out over the words, when you ask for that). Broken lines are mended or left out, and `TimedLyrics.repairs` says
so.

What is written is in order whatever was given: lines by their start, no time below 0, none reversed.

`rules` checks words against what music services accept.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import FileError, UsageError, choose
from ...core.lyrics import TimedLyrics
from ..atomic import atomic_write
from ..reading import read_bytes
from . import ass, enhanced_lrc, kar, lrc, midi, musicxml, mxl, own_json, srt, text, ttml
from .shape import spread as _spread

__all__ = ["FORMATS", "MAX_BYTES", "Format", "lyrics_bytes", "parse_lyrics", "read_lyrics", "write_lyrics"]

MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Format:
    """suffix: of its files. timing: 'none', 'line', 'word' or 'syllable'. parse takes str where is_text, else bytes;
    render gives that back."""

    name: str
    suffix: str
    timing: str
    is_text: bool
    parse: Callable[[Any], TimedLyrics]
    render: Callable[[TimedLyrics], str | bytes]


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("lrc", ".lrc", "line", True, lrc.parse, lrc.render),
        Format("a2", ".a2.lrc", "syllable", True, enhanced_lrc.parse, enhanced_lrc.render),
        Format("srt", ".srt", "line", True, srt.parse, srt.render),
        Format("ass", ".ass", "syllable", True, ass.parse, ass.render),
        Format("ttml", ".ttml", "syllable", False, ttml.parse, ttml.render),
        Format("musicxml", ".musicxml", "syllable", False, musicxml.parse, musicxml.render),
        Format("mxl", ".mxl", "syllable", False, mxl.parse, mxl.render),
        Format("midi", ".mid", "syllable", False, midi.parse, midi.render),
        Format("kar", ".kar", "syllable", False, kar.parse, kar.render),
        Format("text", ".txt", "none", True, text.parse, text.render),
        Format("json", ".json", "syllable", True, own_json.parse, own_json.render),
    )
}
_OTHER_SUFFIXES = {".elrc": "a2", ".midi": "midi", ".ssa": "ass", ".lyrics": "text"}
_SUFFIXES = {row.suffix: name for name, row in FORMATS.items()} | _OTHER_SUFFIXES
_UNSURE = {".xml", ".txt", ".lyrics"}  # the content says more than these

# what a file begins with, or holds near its beginning -> format; the first that fits counts
_SIGNS = (
    (re.compile(rb"MThd|RIFF....RMID", re.DOTALL), "midi"),
    (re.compile(rb"PK\x03\x04"), "mxl"),
    (re.compile(rb"(?s)\s*<(?:.{0,2000}?<)?(?:\w+:)?tt[\s>]"), "ttml"),
    (re.compile(rb"\s*<"), "musicxml"),
    (re.compile(rb"\s*\{"), "json"),
    (re.compile(rb"\s*\[Script Info\]", re.IGNORECASE), "ass"),
    (re.compile(rb"(?s).{0,2000}?\d\d:\d\d[,.]\d+\s*-->"), "srt"),
    (re.compile(rb"(?s)(?:.{0,2000}?\n)?\s*\[\d+:\d\d"), "lrc"),
)


def read_lyrics(path: str | Path, *, spread: bool = False) -> TimedLyrics:
    """Read lyrics from a file: the format by its suffix, by its content where that says nothing.

    Text is read as UTF-8, as UTF-16 with a byte order mark, or else as Windows-1252. spread: share the time of a
    line out over its words by characters, where the format gives none for them.
    Raises FileError for a file that cannot be read, is over 64 MB or holds no lyrics; with a line number where one
    is known.
    """
    path = Path(path)
    data = read_bytes(path, MAX_BYTES, "a lyrics file")
    name = None if path.suffix.lower() in _UNSURE else _by_suffix(path)
    try:
        lyrics = parse_lyrics(data, name)
    except FileError as error:
        raise FileError(f"cannot read {str(path)!r}: {error}") from error
    return _spread(lyrics) if spread else lyrics


def parse_lyrics(data: bytes, format: str | None = None) -> TimedLyrics:
    """Lyrics from the bytes of a file of `format`, a name in FORMATS; without one the content decides.

    Raises FileError for bytes that hold no such lyrics and UsageError for an unknown format.
    """
    if len(data) > MAX_BYTES:
        raise FileError(f"more than {MAX_BYTES >> 20} MB: give a smaller file")
    row = _row(format or _format_of(data))
    return row.parse(_decoded(data) if row.is_text else data)


def write_lyrics(lyrics: TimedLyrics, path: str | Path, *, format: str | None = None) -> Path:
    """Write lyrics to a file and return its path. format: a name in FORMATS, else the suffix decides.

    A failure leaves nothing behind. Raises UsageError for an unknown format and FileError when it cannot be written.
    """
    path = Path(path)
    name = format or _by_suffix(path)
    if name is None:
        known = ", ".join(_SUFFIXES)
        raise UsageError(
            f"no lyrics format has the suffix {path.suffix!r}: choose one of {known}, or give the format"
        )
    data = lyrics_bytes(lyrics, name)
    with atomic_write(path) as file:
        file.write(data)
    return path


def lyrics_bytes(lyrics: TimedLyrics, format: str) -> bytes:
    """Lyrics as the bytes of a file of `format`, a name in FORMATS. The same lyrics make the same bytes.

    Raises UsageError for an unknown format.
    """
    rendered = _row(format).render(lyrics)
    return rendered.encode() if isinstance(rendered, str) else rendered


def _by_suffix(path: Path) -> str | None:
    found = [suffix for suffix in _SUFFIXES if path.name.lower().endswith(suffix)]
    return _SUFFIXES[max(found, key=len)] if found else None


def _row(name: str) -> Format:
    return FORMATS[choose("lyrics format", name, FORMATS)]


def _format_of(data: bytes) -> str:
    start = _decoded(data[:4000]).encode() if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data[:4000]
    start = start.removeprefix(b"\xef\xbb\xbf")
    return next((name for sign, name in _SIGNS if sign.match(start)), "text")


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    for charset in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
