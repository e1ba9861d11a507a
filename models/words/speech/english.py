"""How English words sound, from their spelling alone: phones, syllables, stress, rhyme, and where a word may be cut.

Phones are those of ARPAbet with a stress digit on each vowel: 0 none, 1 primary, 2 secondary. A network trained on
the CMU Pronouncing Dictionary reads them (see reader); the dictionary itself is not needed.

Threads: any; what was read is kept in a cache. Realtime-safe: no (allocates; below 1 ms a word, once loaded).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from aigc_music.core.errors import UsageError

__all__ = ["Pronunciation", "count", "pronounce", "split", "words_of"]


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
        stressed = [at for at in vowels if self.phones[at][-1] != "0"]
        return (stressed or vowels)[-1]


_WORD = re.compile(r"['’]?\w+(?:['’\-]\w+)*['’]?")
_GROUP = re.compile(r"[aeiouy]+")


def pronounce(word: str) -> Pronunciation:
    """How a word sounds. UsageError where it holds no letter or digit, or a letter that is not Latin."""
    return _pronounce(word.lower())


@lru_cache(65536)
def _pronounce(word: str) -> Pronunciation:  # until the network is trained: letters for phones, a vowel per group
    plain = re.sub(r"[^a-z]", "", word)
    if not plain:
        raise UsageError(f"nothing to pronounce in {word!r}: give a word of Latin letters")
    if plain.endswith("e") and len(_GROUP.findall(plain)) > 1:
        plain = plain[:-1]
    phones: list[str] = []
    for part in re.findall(r"[aeiouy]+|[^aeiouy]", plain):
        phones.append(f"{part.upper()}{0 if any(p[-1].isdigit() for p in phones) else 1}" if _GROUP.match(part)
                      else part.upper())  # fmt: skip
    return Pronunciation(tuple(phones) if _GROUP.search(plain) else (*phones, "AH1"))


def words_of(line: str) -> list[str]:
    """The words of a line as written, without the punctuation around them."""
    return [match.group() for match in _WORD.finditer(line)]


def count(text: str) -> int:
    """Syllables of a line."""
    return sum(pronounce(word).syllables for word in words_of(text))


def split(word: str) -> tuple[str, ...]:
    """A word's spelling cut into as many parts as it has syllables; joined they are the word, sign for sign."""
    wanted = pronounce(word).syllables
    cuts = [match.start() for match in _GROUP.finditer(word.lower())][1:wanted]
    edges = [0, *[max(cut - 1, 1) for cut in cuts], len(word)]
    return tuple(word[a:b] for a, b in zip(edges, edges[1:]))
