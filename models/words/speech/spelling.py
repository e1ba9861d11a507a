"""From a written word to the letters that are read: accents off, hyphens apart, figures and initials spelled out.

Threads: pure functions. Realtime-safe: no (allocates).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from aigc_music.core.errors import UsageError

__all__ = ["LETTER_NAMES", "Part", "cardinal", "parts_of"]

LETTER_NAMES: Mapping[str, str] = {
    "a": "EY1", "b": "B IY1", "c": "S IY1", "d": "D IY1", "e": "IY1", "f": "EH1 F", "g": "JH IY1", "h": "EY1 CH",
    "i": "AY1", "j": "JH EY1", "k": "K EY1", "l": "EH1 L", "m": "EH1 M", "n": "EH1 N", "o": "OW1", "p": "P IY1",
    "q": "K Y UW1", "r": "AA1 R", "s": "EH1 S", "t": "T IY1", "u": "Y UW1", "v": "V IY1",
    "w": "D AH1 B AH0 L Y UW0", "x": "EH1 K S", "y": "W AY1", "z": "Z IY1",
}  # fmt: skip
"""A letter on its own -> its phones."""

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_PLAIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i"}
_APOSTROPHES = "'’‘ʼ"
_PIECE = re.compile(
    rf"(?P<figures>\d+(?:,\d{{3}})*)(?P<ending>(?:st|nd|rd|th|['’]?s)(?![^\W_]))?"
    rf"|(?P<letters>(?:[^\W\d_]|[\u0300-\u036f{_APOSTROPHES}])+)|&",
    re.IGNORECASE,
)


class Part(NamedTuple):
    """One spoken word: its letters (a to z and apostrophes) and, for each, the sign of the written word it is from.

    named: the phones per letter where they are not to be read but known (letters on their own).
    """

    letters: str
    owners: tuple[int, ...]
    named: tuple[tuple[str, ...], ...] = ()


def parts_of(word: str) -> list[Part]:
    """The spoken words of a written one, in order. UsageError where there are none, or a letter is not Latin."""
    parts: list[Part] = []
    for match in _PIECE.finditer(word):
        if match["figures"]:
            said = _figures(match["figures"].replace(",", ""), (match["ending"] or "").lower())
            parts += _spread(said, *match.span())
        elif match["letters"]:
            parts += _letters(match["letters"], match.start(), word)
        else:
            parts += _spread(["and"], *match.span())
    if not parts:
        raise UsageError(f"nothing to pronounce in {word!r}: give a word with a Latin letter or a figure")
    return parts


def cardinal(number: int) -> list[str]:
    """0..999,999,999 in words, without 'and'."""
    for size, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return [*cardinal(number // size), name, *(cardinal(rest) if rest else [])]
    if number < 20:
        return [_ONES[number]]
    return [_TENS[number // 10], *([_ONES[number % 10]] if number % 10 else [])]


def _figures(digits: str, ending: str) -> list[str]:
    """Years in pairs, up to nine figures as a number, others one by one."""
    number = int(digits)
    if len(digits) == 4 and 1100 <= number < 2000:
        pair = number % 100
        last = ["hundred"] if pair == 0 else ["o", _ONES[pair]] if pair < 10 else cardinal(pair)
        said = [*cardinal(number // 100), *last]
    elif len(digits) > 9 or (digits[0] == "0" and len(digits) > 1):
        said = [_ONES[int(digit)] for digit in digits]
    else:
        said = cardinal(number)
    last_word = said[-1]
    if ending in ("st", "nd", "rd", "th"):
        said[-1] = _ORDINALS.get(last_word, last_word[:-1] + "ieth" if last_word.endswith("y") else last_word + "th")
    elif ending:
        said[-1] = (
            last_word[:-1] + "ies" if last_word.endswith("y") else last_word + ("es" if last_word[-1] == "x" else "s")
        )
    return said


def _spread(said: list[str], begin: int, end: int) -> list[Part]:
    """Parts for words that share the signs begin..end evenly."""
    letters = sum(map(len, said))
    places = [begin + at * (end - begin) // letters for at in range(letters)]
    parts = []
    for word in said:
        owners, places = places[: len(word)], places[len(word) :]
        parts.append(Part(word, tuple(owners), _named(word) if len(word) == 1 else ()))
    return parts


def _letters(written: str, begin: int, word: str) -> list[Part]:
    """A run of letters and apostrophes: one word, or letters by their names (one alone, initials such as DJ)."""
    pairs = [(letter, begin + at) for at, sign in enumerate(written) for letter in _plain(sign, word)]
    if len(pairs) > 2 and pairs[0][0] == pairs[-1][0] == "'":  # quoted
        pairs = pairs[1:-1]
    letters = "".join(letter for letter, _ in pairs)
    bare = letters.replace("'", "")
    if bare == "a":
        return [Part("a", (pairs[letters.index("a")][1],), (("AH0",),))]
    if len(bare) == 1 or (written.isupper() and len(bare) <= 5 and not set(bare) & set("aeiouy")):
        return [Part(letter, (owner,), _named(letter)) for letter, owner in pairs if letter != "'"]
    return [Part(letters, tuple(owner for _, owner in pairs))] if bare else []


def _named(letter: str) -> tuple[tuple[str, ...], ...]:
    return (tuple(LETTER_NAMES[letter].split()),)


def _plain(sign: str, word: str) -> str:
    """A sign as letters a to z or an apostrophe; combining accents vanish."""
    if sign in _APOSTROPHES:
        return "'"
    small = sign.lower()
    plain = _PLAIN.get(small) or "".join(
        c for c in unicodedata.normalize("NFKD", small) if not unicodedata.combining(c)
    )
    if plain and not (plain.isascii() and plain.isalpha()):
        raise UsageError(f"cannot read {sign!r} in {word!r} as English: give Latin letters, or another language")
    return plain
