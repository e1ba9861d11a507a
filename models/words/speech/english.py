"""How English words sound, from their spelling alone: phones, syllables, stress, rhyme, and where a word may be cut.

Phones are those of ARPAbet with a stress digit on each vowel: 0 none, 1 primary, 2 secondary. A network trained on
the CMU Pronouncing Dictionary reads them (see reader); the dictionary itself is not needed.

Threads: any; what was read is kept in a cache. Realtime-safe: no (allocates; below 1 ms a word, once loaded).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from .reader import shipped
from .spelling import Part, parts_of
from .syllables import cuts

__all__ = ["Pronunciation", "count", "pronounce", "split", "words_of"]

CACHED = 65_536  # words

_WORD = re.compile(r"(?:['’‘ʼ]*[^\W_][\u0300-\u036f]*)+(?:[-‐‑](?:['’‘ʼ]*[^\W_][\u0300-\u036f]*)+)*['’ʼ]?|&")


class Pronunciation(NamedTuple):
    """Phones in order, such as ("HH", "AA1", "R", "B", "ER0"); at least one is a vowel."""

    phones: tuple[str, ...]

    @property
    def stress(self) -> tuple[int, ...]:
        """0, 1 or 2 per syllable."""
        return tuple(int(phone[-1]) for phone in self.phones if phone[-1].isdigit())

    @property
    def syllables(self) -> int:
        """How many vowels there are: at least 1."""
        return len(self.stress)

    @property
    def rhyme(self) -> tuple[str, ...]:
        """From the last stressed vowel to the end, without digits; from the last vowel where none is stressed."""
        return tuple(phone.rstrip("012") for phone in self.phones[self._vowel :])

    @property
    def onset(self) -> tuple[str, ...]:
        """The consonants just before the rhyme."""
        begin = self._vowel
        while begin and not self.phones[begin - 1][-1].isdigit():
            begin -= 1
        return self.phones[begin : self._vowel]

    @property
    def _vowel(self) -> int:
        vowels = [at for at, phone in enumerate(self.phones) if phone[-1].isdigit()]
        return next((at for at in reversed(vowels) if self.phones[at][-1] != "0"), vowels[-1])


def pronounce(word: str) -> Pronunciation:
    """How a word sounds; the parts of a compound, figures and initials one after the other.

    Each spoken word has one primary stress, but the article a. UsageError where there is neither a letter nor a
    figure, or a letter that is not Latin.
    """
    return Pronunciation(tuple(phone for _, chunks in _spoken(word) for chunk in chunks for phone in chunk))


def words_of(line: str) -> list[str]:
    """The words of a line as written, without the punctuation around them; apostrophes and hyphens inside stay."""
    return [match.group() for match in _WORD.finditer(line)]


def count(text: str) -> int:
    """Syllables of a line. UsageError for letters that are not Latin."""
    return sum(pronounce(word).syllables for word in words_of(text))


def split(word: str) -> tuple[str, ...]:
    """A word's spelling cut into as many parts as it has syllables; joined they are the word, sign for sign.

    Where a figure has more syllables than signs (7, 1999) the last parts are empty. UsageError as `pronounce`.
    """
    begins: list[int] = []
    for part, chunks in _spoken(word):
        owners = (*part.owners, part.owners[-1] + 1)
        begins += [owners[0], *(owners[cut] for cut in cuts(part.letters, chunks))]
    begins[0] = 0
    for at in range(1, len(begins)):  # a sign or more for each, as far as they go
        begins[at] = min(max(begins[at], begins[at - 1] + 1), max(len(word) - len(begins) + at, at), len(word))
    return tuple(word[a:b] for a, b in pairwise([*begins, len(word)]))


@lru_cache(CACHED)
def _spoken(word: str) -> tuple[tuple[Part, tuple[tuple[str, ...], ...]], ...]:
    """The spoken words of a written one, with the phones of each letter."""
    return tuple((part, part.named or tuple(shipped().read(part.letters))) for part in parts_of(word))
