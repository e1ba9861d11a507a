"""Pieces of verse for training: from the data sets of words, or from a folder of own texts.

A set is text_songs_en.jsonl.gz, text_poetry_en.jsonl.gz or text_poetry_zh.jsonl.gz (one JSON object a line); a folder
that holds such files stands for those of the language asked for; a folder of .txt files is one song a file, a blank
line between its stanzas, the file's name its title.

English verse whose authors were born before 1800 is left out, and what is nearer to today's songs weighs more.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.core.errors import FileError, UsageError

from . import text

__all__ = ["KINDS", "SETS", "Piece", "read"]

SETS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "en": {
        "text_songs_en": {"licence": "public domain texts", "credit": "Project Gutenberg, by way of GITenberg"},
        "text_poetry_en": {
            "licence": "public domain texts",
            "credit": "Project Gutenberg, by way of tnhaider/english-gutenberg-poetry",
        },
    },
    "zh": {"text_poetry_zh": {"licence": "MIT", "credit": "chinese-poetry/chinese-poetry"}},
}
"""Language -> set -> facts for a model's card."""

KINDS: Mapping[str, Mapping[str, float]] = {
    "en": {
        "song": 3.0, "old song": 0.5, "hymn": 1.0, "ballad": 0.5, "nursery": 1.5, "poem": 1.5, "old poem": 0.5,
    },
    "zh": {"ci": 3.0, "qu": 0.7, "shi5": 0.8, "shi7": 1.2, "shi": 0.3},
}  # fmt: skip
"""Language -> kind -> how often a piece of it is read in one round. "old": authors born before 1850 (en)."""

_SONG_KINDS = {
    "song": "song", "folk song": "song", "popular song": "song", "hymn": "hymn", "ballad": "ballad",
    "nursery": "nursery", "children": "nursery",
}  # fmt: skip
_OLD_BOOK = "Elizabethan"
_TOO_OLD = ("1500-1600", "1600-1700", "1700-1800")
_RECENT = ("1850-1875", "1875-1900", "1900-2000")
_LONGEST = {"en": 16, "zh": 14}  # tokens; a longer line is prose
_TUNE_JOIN = "・"


class Piece(NamedTuple):
    """One song or poem. stanzas: lines of tokens in reading order; tune: a tune's name (zh ci); split: train, valid
    or test."""

    source: str
    kind: str
    tune: str | None
    title: str
    stanzas: list[list[list[str]]]
    split: str


def read(data: Sequence[str | Path], language: str) -> list[Piece]:
    """All pieces of these sets and folders. UsageError where nothing is found, FileError where one is damaged."""
    pieces: list[Piece] = []
    for path in _files(data, language):
        pieces += _own(path, language) if path.suffix == ".txt" else _rows(path, language)
    if not pieces:
        raise UsageError(
            f"no texts of language {language!r} in {', '.join(str(path) for path in data) or 'nothing'}: give "
            f"{' or '.join(f'{name}.jsonl.gz' for name in SETS[language])}, or a folder of .txt files"
        )
    return pieces


def _files(data: Sequence[str | Path], language: str) -> Iterator[Path]:
    for place in map(Path, data):
        if place.is_dir():
            yield from (path for name in SETS[language] if (path := place / f"{name}.jsonl.gz").is_file())
            yield from sorted(place.glob("*.txt"))
        elif place.is_file():
            yield place
        else:
            raise UsageError(f"no file or folder {str(place)!r}: give a data set or a folder of .txt files")


def _own(path: Path, language: str) -> list[Piece]:
    try:
        words = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"cannot read {str(path)!r} ({error}): give text in UTF-8") from error
    share = int(hashlib.sha1(f"own:{path.stem}".encode()).hexdigest(), 16) % 20
    split = {0: "valid", 1: "test"}.get(share, "train")
    piece = Piece("own", "song" if language == "en" else "ci", None, path.stem, _stanzas(words, language), split)
    return [piece] if piece.stanzas else []


def _rows(path: Path, language: str) -> list[Piece]:
    name = path.name.removesuffix(".jsonl.gz")
    make = {"text_songs_en": _song, "text_poetry_en": _poem, "text_poetry_zh": _chinese}.get(name)
    if make is None or name not in SETS[language]:
        raise UsageError(f"{str(path)!r} is no set of language {language!r}: choose {', '.join(SETS[language])}")
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows: Iterable[dict[str, Any]] = [json.loads(line) for line in file]
        found = [make(name, row) for row in rows]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"{str(path)!r} is damaged or no set of words ({error}): fetch it again") from error
    return [piece for piece in found if piece is not None and piece.stanzas]


def _song(source: str, row: dict[str, Any]) -> Piece:
    kind = "old song" if _OLD_BOOK in row["book"] else _SONG_KINDS[row["kind"]]
    return Piece(source, kind, None, row["title"], _stanzas(row["text"], "en"), row["split"])


def _poem(source: str, row: dict[str, Any]) -> Piece | None:
    if row["period"] in _TOO_OLD:
        return None
    kind = row["kind"] if row["period"] in _RECENT else f"old {row['kind']}"
    return Piece(source, kind, None, row["title"], _stanzas(row["text"], "en"), row["split"])


def _chinese(source: str, row: dict[str, Any]) -> Piece:
    stanzas = _stanzas(row["text"], "zh")
    kind, tune = row["kind"], row["tune"]
    if kind not in ("ci", "qu"):
        lengths = {len(line) for stanza in stanzas for line in stanza}
        kind = f"shi{lengths.pop()}" if lengths in ({5}, {7}) else "shi"
    if tune is not None:
        tune = text.simplified(tune).split(_TUNE_JOIN)[0].strip()
    return Piece(source, kind, tune, text.simplified(row["title"]), stanzas, row["split"])


def _stanzas(words: str, language: str) -> list[list[list[str]]]:
    longest = _LONGEST[language]
    found = text.stanzas_of(words, language)
    if language == "en" and len(found) > 3 and all(len(stanza) == 1 for stanza in found):
        found = [[stanza[0] for stanza in found]]  # set with a blank line after every line
    found = [[line for line in stanza if len(line) <= longest] for stanza in found]
    return [stanza for stanza in found if stanza]
