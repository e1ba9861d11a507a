"""Our own JSON: everything that TimedLyrics holds, nothing rounded.

    {"format": "aigc-music lyrics", "version": 1, "title": "", "artist": "", "album": "", "language": "en",
     "lines": [{"section": "verse", "words": [{"syllables": [["Hel", 1.0, 1.5], ["lo", 1.5, 2.0]]}]}]}

A syllable is [text, start, end] in seconds. "background": true and "spaced": false are written where they hold.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from typing import Any

from ...core.errors import FileError
from ...core.lyrics import Line, Syllable, TimedLyrics, Word
from .shape import ordered

__all__ = ["FORMAT", "VERSION", "parse", "render"]

FORMAT = "aigc-music lyrics"
VERSION = 1
_FACTS = ("title", "artist", "album", "language")


def parse(text: str) -> TimedLyrics:
    """Lyrics from JSON text. Raises FileError for other JSON, a later version, or a value of the wrong kind."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError(f"line {error.lineno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise FileError(f"not readable as JSON: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileError(f'no "format": "{FORMAT}" in this JSON: give a lyrics file of this program')
    if document.get("version") != VERSION:
        raise FileError(f"version {document.get('version')!r:.20} of the lyrics format: this program reads {VERSION}")
    lines = tuple(_line(line, number) for number, line in enumerate(_list(document, "lines", "the file"), 1))
    title, artist, album, language = (_text(document, name, "the file") for name in _FACTS)
    return ordered(TimedLyrics(lines, title, artist, album, language))


def _line(line: Any, number: int) -> Line:
    where = f"lyric line {number}"
    words = tuple(
        Word(
            tuple(_syllable(syllable, where) for syllable in _list(word, "syllables", where)),
            _flag(word, "spaced", True),
        )
        for word in _list(line, "words", where)
    )
    return Line(words, _text(line, "section", where), _flag(line, "background", False))


def _syllable(syllable: Any, where: str) -> Syllable:
    if isinstance(syllable, list) and len(syllable) == 3:
        text, start, end = syllable
        if isinstance(text, str) and all(type(time) in (int, float) and -1e9 < time < 1e9 for time in (start, end)):
            return Syllable(text, float(start), float(end))
    raise FileError(f"{where}: {str(syllable)[:40]!r} is no [text, start, end]")


def _list(holder: Any, key: str, where: str) -> list[Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise FileError(f"{where}: no list {key!r}")
    return value


def _text(holder: dict[str, Any], key: str, where: str) -> str:
    value = holder.get(key, "")
    if not isinstance(value, str):
        raise FileError(f"{where}: {key!r} is no text")
    return value


def _flag(holder: dict[str, Any], key: str, otherwise: bool) -> bool:
    return bool(holder.get(key, otherwise))


def render(lyrics: TimedLyrics) -> str:
    """`lyrics` as JSON text, a lyric line a row."""
    lyrics = ordered(lyrics)
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    head |= {name: value for name in _FACTS if (value := getattr(lyrics, name))}
    rows = ",\n ".join(json.dumps(_document(line), ensure_ascii=False) for line in lyrics)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "lines": [\n {rows}\n]}}\n'


def _document(line: Line) -> dict[str, Any]:
    document: dict[str, Any] = {"section": line.section} if line.section else {}
    if line.background:
        document["background"] = True
    document["words"] = [
        {"syllables": [[syllable.text, syllable.start_s, syllable.end_s] for syllable in word.syllables]}
        | ({} if word.spaced else {"spaced": False})
        for word in line.words
    ]
    return document
