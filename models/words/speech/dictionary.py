"""The CMU Pronouncing Dictionary as training data: words, their listed variants, and a part kept for the test.

Rows read `word PH1 ON0 ... # remark`, further variants as `word(2)`. Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from aigc_music.core.errors import FileError

__all__ = ["ALPHABET", "HELD_OUT", "Phones", "counts_of", "held_out", "read_dictionary"]

ALPHABET = "abcdefghijklmnopqrstuvwxyz'"
HELD_OUT = 20  # one word in so many is kept for the test

Phones = tuple[str, ...]


def read_dictionary(path: Path) -> dict[str, list[Phones]]:
    """Word -> its variants, the first listed first; words with other signs than `ALPHABET` (0.5 %) are left out.

    path: cmudict.dict or cmudict.dict.gz. FileError where it cannot be read or is something else.
    """
    try:
        return _words(_rows(path))
    except (OSError, ValueError, EOFError) as error:
        raise FileError(f"cannot read {str(path)!r} as the CMU dictionary ({error}): give cmudict.dict.gz") from error


def counts_of(text: Path) -> Counter[str]:
    """How often each word, in small letters, stands in the field `text` of JSON lines (gzip or plain)."""
    counts: Counter[str] = Counter()
    try:
        for row in _rows(text):
            counts.update(re.findall(r"[a-z]+(?:'[a-z]+)*", json.loads(row)["text"].lower().replace("’", "'")))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FileError(f"cannot read {str(text)!r} ({error}): give JSON lines with a field 'text'") from error
    return counts


def _rows(path: Path) -> list[str]:
    blob = path.read_bytes()
    return (gzip.decompress(blob) if path.suffix == ".gz" else blob).decode().splitlines()


def _words(rows: Iterable[str]) -> dict[str, list[Phones]]:
    words: dict[str, list[Phones]] = {}
    for row in rows:
        head, *phones = row.split("#")[0].split()
        word = head.split("(")[0].lower()
        if phones and set(word) <= set(ALPHABET):
            words.setdefault(word, []).append(tuple(phones))
    if not words:
        raise ValueError("no words in it")
    return words


def held_out(word: str) -> bool:
    """Whether a word is kept for the test: by its hash, so that all its variants are in one part."""
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % HELD_OUT == 0
