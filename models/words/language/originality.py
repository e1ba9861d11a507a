"""Originality of words: which phrases stand in the training texts, and how long they are.

    index = Index.load("words-en")
    words, phrase = index.longest_copied(["The harbour lights are burning low", "and I am coming home"])
    if index.copies(["are", "burning", "low", "and", "i", "am", "coming", "home"]): ...

A phrase counts as copied when every `gram` neighbouring words of it (5 in English, 6 characters in Chinese) stand in
a training text: marks and capitals do not count, and phrases run on across line and stanza ends, not from piece to
piece. So a copy is found with its true length from `gram` words on; one changed word breaks it. Chains that are sewn
together of several texts with `gram` - 1 words in common look like one copy.

The index is a Bloom filter (Bloom 1970) of 64-bit hashes: no words can be read from it. It never misses; it holds an
unseen gram to be copied with the chance of `false_positive` (2 to 4 in a hundred), so one gram proves little. A run
of LIMIT words is wrong about once in a million in English (4 grams), once in fifty thousand in Chinese (3 grams).

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from aigc_music.files.atomic import atomic_write
from models.zoo import find

from . import text

__all__ = ["FACTS_FILE", "GRAMS", "INDEX_FILE", "LIMIT", "Index", "build", "save"]

GRAMS = {"en": 5, "zh": 6}
"""Language -> words of a gram."""
LIMIT = 8
"""Words from which on `copies` calls a phrase copied."""
INDEX_FILE, FACTS_FILE = "originality.safetensors", "originality.json"
MOST_BYTES = 4_000_000
BITS = 10  # of the filter for every gram, where there is room
HASHES = 5

Hashes = NDArray[np.uint64]


class Index:
    """A Bloom filter of the grams of the training texts. facts: its JSON file."""

    def __init__(self, bits: NDArray[np.uint8], facts: dict[str, Any]) -> None:
        """bits: 8 to a byte, lowest first; facts: language, gram, hashes and what else belongs to it."""
        self.facts = facts
        self.language: str = facts["language"]
        self.gram: int = facts["gram"]
        self._hashes: int = facts["hashes"]
        self._bits = bits

    @staticmethod
    def load(name: str = "words-en") -> Index:
        """The index in the folder of this model. ModelError where it is missing or damaged."""
        return _load(str(find(name)))

    @property
    def false_positive(self) -> float:
        """Chance 0..1 that a gram of no training text is held to be in one: share of bits set, to the hashes."""
        return float(np.unpackbits(self._bits).mean()) ** self._hashes

    def holds(self, words: Sequence[str]) -> NDArray[np.bool_]:
        """(len(words) - gram + 1,) whether each gram stands in a training text. words: lower case, reading order."""
        grams = _grams(words, self.gram)
        held = np.empty(len(grams), np.bool_)
        _ask(grams, self._hashes, self._bits, held)
        return held

    def copies(self, words: Sequence[str], limit: int = LIMIT) -> bool:
        """Whether `limit` or more of these words in a row stand in a training text. words: as in `holds`."""
        return len(words) >= limit and _longest(self.holds(words), self.gram)[0] >= limit

    def longest_copied(self, lines: Iterable[str]) -> tuple[int, str]:
        """(words, phrase) of the longest run of words in these lines that stands in a training text; (0, "") for none
        of `gram` words."""
        words = [word for line in lines for word in text.split(line, self.language) if word not in text.MARKS]
        count, start = _longest(self.holds(words), self.gram)
        return count, ("" if self.language == "zh" else " ").join(words[start : start + count])


def build(texts: Iterable[Sequence[str]], language: str, most_bytes: int = MOST_BYTES) -> Index:
    """An index of texts: words of one piece each, lower case, reading order, without marks."""
    gram = GRAMS[language]
    hashes = [_grams(words, gram) for words in texts]
    grams = np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    bits = np.zeros(max(64, min(most_bytes, len(grams) * BITS // 8)), np.uint8)
    _set(grams, HASHES, bits)
    facts = {"kind": "words originality", "language": language, "gram": gram, "hashes": HASHES, "grams": len(grams)}
    return Index(bits, facts)


def save(index: Index, folder: Path) -> None:
    """Write an index into a model's folder."""
    from safetensors.numpy import save as packed

    blob = packed({"bits": index._bits})
    facts = index.facts | {
        "false_positive": round(index.false_positive, 5),
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    for name, content in ((INDEX_FILE, blob), (FACTS_FILE, json.dumps(facts, indent=1, ensure_ascii=False).encode())):
        with atomic_write(folder / name) as file:
            file.write(content)


@lru_cache(maxsize=2)
def _load(folder: str) -> Index:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        facts = json.loads((Path(folder) / FACTS_FILE).read_text("utf-8"))
        blob = (Path(folder) / INDEX_FILE).read_bytes()
        index = Index(load(blob)["bits"], facts)
        digest = facts["sha256"]
    except OSError as error:
        raise ModelError(
            f"no readable originality index in {folder!r} ({error.strerror}): install the model again"
        ) from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"the originality index in {folder!r} is damaged ({error}): install the model again"
        ) from error
    if hashlib.sha256(blob).hexdigest() != digest:
        raise ModelError(
            f"{INDEX_FILE} and {FACTS_FILE} in {folder!r} do not belong together: install the model again"
        )
    return index


@lru_cache(maxsize=65_536)
def _word_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _grams(words: Sequence[str], gram: int) -> Hashes:
    """Hash of every `gram` words in a row."""
    each = np.array([_word_hash(word) for word in words], np.uint64)
    hashes = np.empty(max(0, len(words) - gram + 1), np.uint64)
    _hash(each, gram, hashes)
    return hashes


@njit(cache=True, nogil=True)
def _hash(each, gram, out):  # type: ignore[no-untyped-def]
    """out = a polynomial of the words' hashes, mixed (splitmix64)."""
    for i in range(len(out)):
        total = np.uint64(0)
        for j in range(gram):
            total = total * np.uint64(0x9E3779B97F4A7C15) + each[i + j]
        total = (total ^ (total >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        total = (total ^ (total >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[i] = total ^ (total >> np.uint64(31))


@njit(cache=True, nogil=True)
def _place(gram, number, bits):  # type: ignore[no-untyped-def]
    """A bit of the filter: two halves of a hash make all of its bits (Kirsch and Mitzenmacher 2008)."""
    step = (gram & np.uint64(0xFFFFFFFF)) | np.uint64(1)
    return ((gram >> np.uint64(32)) + np.uint64(number) * step) % np.uint64(8 * len(bits))


@njit(cache=True, nogil=True)
def _set(grams, hashes, bits):  # type: ignore[no-untyped-def]
    """Put grams into the filter."""
    for gram in grams:
        for number in range(hashes):
            place = _place(gram, number, bits)
            bits[place >> np.uint64(3)] |= np.uint8(1) << np.uint8(place & np.uint64(7))


@njit(cache=True, nogil=True)
def _ask(grams, hashes, bits, out):  # type: ignore[no-untyped-def]
    """out = whether the filter holds each gram."""
    for i in range(len(grams)):
        out[i] = True
        for number in range(hashes):
            place = _place(grams[i], number, bits)
            if not (bits[place >> np.uint64(3)] >> np.uint8(place & np.uint64(7))) & np.uint8(1):
                out[i] = False
                break


def _longest(held: NDArray[np.bool_], gram: int) -> tuple[int, int]:
    """(words, first word) of the longest run of grams; (0, 0) without one."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], held.astype(np.int8), [0]))))
    if len(edges) == 0:
        return 0, 0
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    best = int(np.argmax(lengths))
    return int(lengths[best]) + gram - 1, int(starts[best])
