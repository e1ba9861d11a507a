"""Lyrics for a film, from whatever holds them.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from aigc_music.core.errors import FileError
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.files.lyrics import MAX_BYTES, read_lyrics
from aigc_music.files.lyrics.shape import spread
from aigc_music.files.reading import read_bytes

__all__ = ["lyrics_of"]

_BESIDE = ".ttml"  # of the files that `generate words` writes beside its JSON, the one that holds every syllable


def lyrics_of(source: str | TimedLyrics) -> TimedLyrics:
    """Words in time: as they are, or of a file of any format of files.lyrics, or the JSON of `generate words`. Where
    words have no times, that of their line is shared out over them.

    FileError where it cannot be read, and where nothing in it has a time.
    """
    lyrics = source if isinstance(source, TimedLyrics) else _read(Path(source))
    if not any(line.end_s > 0 for line in lyrics):
        name = "these lyrics" if isinstance(source, TimedLyrics) else repr(source)
        raise FileError(f"{name}: no line has a time: give lyrics in time, such as a .lrc or .ttml file")
    return spread(lyrics)


def _read(path: Path) -> TimedLyrics:
    document = _song_sheet(path) if path.suffix.lower() == ".json" else None
    return read_lyrics(path) if document is None else _of_song_sheet(document, path)


def _song_sheet(path: Path) -> dict[str, Any] | None:
    """The document of `generate words`; None for other JSON, which is left to those who know its mistakes."""
    try:
        document = json.loads(read_bytes(path, MAX_BYTES, "a lyrics file"))
    except (ValueError, RecursionError):
        return None
    is_sheet = isinstance(document, dict) and document.get("kind") == "lyrics"
    return document if is_sheet and isinstance(document.get("lines"), list) else None


def _of_song_sheet(document: dict[str, Any], path: Path) -> TimedLyrics:
    """Its lines, with every syllable if the file beside it is the one that it was written with."""
    beside = path.with_suffix(_BESIDE)
    provenance = document.get("provenance")
    hashes = provenance.get("beside") if isinstance(provenance, dict) else None
    wanted = hashes.get(_BESIDE) if isinstance(hashes, dict) else None
    if wanted and beside.is_file() and sha256(beside.read_bytes()).hexdigest() == wanted:
        return read_lyrics(beside)
    lines = [line for row in document["lines"] if (line := _line(row)) is not None]
    title, language = (str(document.get(key) or "") for key in ("title", "language"))
    return TimedLyrics(tuple(lines), title, language={"zh": "zh-Hans"}.get(language, language))


def _line(row: Any) -> Line | None:
    """A line of the document; None where it has no words or no time."""
    row = row if isinstance(row, dict) else {}
    text, start, end, section = (row.get(key) for key in ("text", "start_s", "end_s", "section"))
    if not isinstance(text, str) or not text.strip():
        return None
    if not isinstance(start, (int, float)) or not isinstance(end, (int, float)) or not 0 <= start <= end < 1e6:
        return None
    word = Word((Syllable(text.strip(), float(start), float(end)),))
    return Line((word,), section if isinstance(section, str) else "")
