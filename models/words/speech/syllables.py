"""Where the spelling of a word may be cut between its syllables, from the phones of each letter.

Much as a printer cuts English: consonants go to the next syllable as far as a word could begin with them, but a short
stressed vowel keeps one (nev-er, sis-ter), doubled letters are parted (hap-py), letters that make one sound stay
together (moth-er, sing-ing).

Threads: pure functions. Realtime-safe: no (allocates).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["cuts"]

_ONSETS = """
B BL BR D DR DW F FL FR G GL GR GW HH HHW JH CH K KL KR KW L M N P PL PR R S SK SKR SKW SL SM SN SP SPL SPR ST STR SW
SH SHR LY NY T TR TW TH THR THW V W Y Z DH ZH
"""  # consonants, joined, that an English word can begin with
_BEGINS = frozenset(_ONSETS.split())
_SHORT = frozenset({"AE", "EH", "IH", "AH", "UH"})  # vowels that do not like to end a stressed syllable
_VOWELS = frozenset("aeiouyw")
_ONE_VOWEL = frozenset(
    {"ai", "au", "aw", "ay", "ea", "ee", "ei", "eu", "ew", "ey", "ie", "oa", "oi", "oo", "ou", "ow", "oy"}
)
_ONE_CONSONANT = frozenset({"ch", "ck", "gh", "ph", "sc", "sh", "th", "wh"})


def cuts(letters: str, chunks: Sequence[tuple[str, ...]]) -> list[int]:
    """Where the second and each further syllable begins: one index into `letters` per vowel but the first, rising.

    chunks: the phones of each letter. Where one letter makes two vowels, the second begins after it.
    """
    vowels = [at for at, chunk in enumerate(chunks) for phone in chunk if phone[-1].isdigit()]
    return [
        _cut(letters, chunks, before, after) if before < after else after + 1 for before, after in pairwise(vowels)
    ]


def _cut(letters: str, chunks: Sequence[tuple[str, ...]], before: int, after: int) -> int:
    """The beginning of the second of two syllables whose vowels are made by letters before < after."""
    begin = before + 1
    if begin < after and not chunks[begin] and letters[before : begin + 1] in _ONE_VOWEL:
        begin += 1
    sounding = [at for at in range(begin, after) if chunks[at]]
    stay = _staying([chunks[at] for at in sounding], _short(letters[before], chunks[before]))
    stay += letters[sounding[stay]] == "x" if stay < len(sounding) else 0
    if not sounding and begin < after and _doubled(letters, chunks, before):
        return begin
    if stay == len(sounding):
        return _after_all(letters, chunks, sounding[-1] if sounding else begin - 1, begin, after)
    cut = sounding[stay]
    if cut + 1 < after and _doubled(letters, chunks, cut):
        return cut + 1
    if cut - 2 >= begin and _doubled(letters, chunks, cut - 2):
        return cut - 1
    joined = cut > begin and not chunks[cut - 1] and letters[cut - 1 : cut + 1] in _ONE_CONSONANT
    return cut - joined


def _short(letter: str, chunk: tuple[str, ...]) -> bool:
    """Whether a letter ends in a short stressed vowel, and so draws a consonant to itself."""
    vowel, stress = chunk[-1][:-1], chunk[-1][-1]
    return stress in "12" and (vowel in _SHORT or (vowel in ("AA", "AO") and letter == "o"))


def _staying(consonants: Sequence[tuple[str, ...]], short: bool) -> int:
    """How many of the consonants between two vowels stay with the first."""
    stay = 0
    while stay < len(consonants) and "".join(phone for chunk in consonants[stay:] for phone in chunk) not in _BEGINS:
        stay += 1
    return max(stay, min(len(consonants), int(short)))


def _after_all(letters: str, chunks: Sequence[tuple[str, ...]], last: int, begin: int, after: int) -> int:
    """The cut where all consonants stay, `last` being the last sounding letter: between doubled letters, or before
    those that belong to the second vowel."""
    if begin <= last and last + 1 < after and _doubled(letters, chunks, last):
        return last + 1
    if begin < last and _doubled(letters, chunks, last - 1):
        return last
    cut = after
    while (
        cut - 1 > last
        and letters[cut - 1] in _VOWELS
        and (letters[cut - 1] != "e" or letters[after] not in _VOWELS or letters[after] == "y")
    ):
        cut -= 1
    return cut


def _doubled(letters: str, chunks: Sequence[tuple[str, ...]], at: int) -> bool:
    """Whether a consonant is written twice and sounds once."""
    same = letters[at] == letters[at + 1] and letters[at] not in _VOWELS
    return same and bool(chunks[at]) != bool(chunks[at + 1])
