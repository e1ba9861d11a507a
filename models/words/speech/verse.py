"""How much of real verse the rhyme scorer hears: quatrains of songs and poems, beside lines put together by chance.

`measure` prints these figures with the others. Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aigc_music.core.errors import FileError, UsageError

from .rhyme import scheme

__all__ = ["PATTERNS", "SETS", "quatrains", "rhyming"]

PATTERNS = ("AABB", "ABAB", "ABCB", "ABBA", "AAAA", "AABA")
"""What counts as a rhymed quatrain."""

SETS: Mapping[str, tuple[str, str]] = {
    "songs": ("text_songs_en.jsonl.gz", "en"),
    "poems": ("text_poetry_en.jsonl.gz", "en"),
    "chinese": ("text_poetry_zh.jsonl.gz", "zh"),
}
"""Name -> (file of JSON lines with a field `text`, language)."""


def quatrains(path: Path, language: str, count: int, seed: int = 1) -> list[tuple[str, ...]]:
    """Up to `count` stanzas of four lines that can be read, drawn with a seed. FileError where the file is no such.

    In Chinese a line ends at any mark.
    """
    breaks = "[\n，。！？；、]+" if language == "zh" else "\n"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            texts = [json.loads(row)["text"] for row in file]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FileError(f"cannot read {str(path)!r} ({error}): give JSON lines with a field 'text'") from error
    stanzas = [
        tuple(lines)
        for text in texts
        for stanza in ([text] if language == "zh" else text.split("\n\n"))
        if len(lines := [line for line in re.split(breaks, stanza) if line.strip()]) == 4
    ]
    found: list[tuple[str, ...]] = []
    for at in np.random.default_rng(seed).permutation(len(stanzas)):
        if len(found) == count:
            break
        try:
            scheme(stanzas[at], language)
        except UsageError:  # another script
            continue
        found.append(stanzas[at])
    return found


def rhyming(stanzas: Sequence[tuple[str, ...]], language: str, seed: int = 1) -> dict[str, float]:
    """Shares 0..1: `real` stanzas with a scheme of PATTERNS, `chance` the same when their lines are shuffled over all
    stanzas, and the share of each pattern among the real ones."""
    lines = [line for stanza in stanzas for line in stanza]
    mixed = [lines[at] for at in np.random.default_rng(seed).permutation(len(lines))]
    real = Counter(scheme(stanza, language) for stanza in stanzas)
    chance = Counter(scheme(mixed[at : at + 4], language) for at in range(0, len(mixed), 4))
    shares = {"real": sum(real[p] for p in PATTERNS), "chance": sum(chance[p] for p in PATTERNS)}
    shares |= {pattern: real[pattern] for pattern in PATTERNS}
    return {"of": len(stanzas)} | {name: round(n / len(stanzas), 4) for name, n in shares.items()}
