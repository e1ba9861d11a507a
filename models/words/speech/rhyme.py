"""Whether words rhyme, and how a stanza rhymes.

A perfect rhyme has the same sounds from the last stressed vowel on, after other consonants. A family rhyme (Pattison
1991) has the same vowel before consonants of one kind (stops, hisses, nasals), or a plural's s more; or it rhymes on
the weak last syllable of a long word, as hymns and songs do (eternity, sea).

Threads: pure functions. Realtime-safe: no (allocates).
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aigc_music.core.errors import UsageError, choose

from .english import Pronunciation, pronounce, words_of

__all__ = ["FREE", "KINDS", "LANGUAGES", "classes", "keeps", "kind", "rhymes", "scheme"]

LANGUAGES = ("en", "zh")
KINDS = ("identity", "perfect", "family", "assonance", "none")
"""What two words have in common, most first: identity is the same sound again, which is no rhyme."""
FREE = "-"  # in a scheme: a line that need not rhyme

_FAMILIES: Mapping[str, str] = {
    "P": "P T K", "B": "B D G", "F": "F TH S SH CH", "V": "V DH Z ZH JH", "M": "M N NG", "AA": "AA AO", "AH": "AH IH",
}  # fmt: skip
_FAMILY_OF = {phone: family for family, phones in _FAMILIES.items() for phone in phones.split()}
_CLOSEST = {"perfect": 3, "identity": 2, "family": 1, "assonance": 0, "none": 0}


def kind(a: Pronunciation, b: Pronunciation) -> str:
    """Of KINDS. 'assonance': the same stressed vowel alone."""
    if a.rhyme == b.rhyme:
        return "identity" if a.onset == b.onset else "perfect"
    if _family(a) == _family(b) or (_lifted(a) is not None and _lifted(a) == _lifted(b)):
        return "family"
    return "assonance" if a.rhyme[0] == b.rhyme[0] else "none"


def rhymes(a: Pronunciation, b: Pronunciation) -> bool:
    """A perfect or family rhyme; the same sound again is no rhyme."""
    return kind(a, b) in ("perfect", "family")


def classes(words: Iterable[str], language: str = "en", family: bool = False) -> list[tuple[str, ...]]:
    """A class per word: words of equal classes rhyme, or sound the same.

    family: family rhymes count too (those on weak last syllables are not seen). In Chinese a word's class is that of
    its last character: one of 18 groups, of 13 with `family`. UsageError for words that cannot be read.
    """
    if choose("language", language, LANGUAGES) == "zh":
        from .chinese import read  # loads pypinyin

        endings = [(word, read(word)) for word in words]
        silent = next((word for word, readings in endings if not readings), None)
        if silent is not None:
            raise UsageError(f"no Chinese character in {silent!r}: give words to rhyme")
        return [(readings[-1].group if family else readings[-1].rhyme,) for _, readings in endings]
    return [_family(pronounce(word)) if family else pronounce(word).rhyme for word in words]


def scheme(lines: Sequence[str], language: str = "en") -> str:
    """The rhyme scheme of a stanza by its last words, such as 'ABAB': a letter a line, the same where they rhyme.

    Repeated words count as rhymes here. Where several earlier lines rhyme, the closest rhyme wins, then the nearest
    line. UsageError for more than 52 letters, or words that cannot be read.
    """
    compare, endings = _compare(language), _endings(lines, language)
    letters: list[str] = []
    for at, ending in enumerate(endings):
        found = [(_closeness(compare, ending, endings[other]), other, letters[other]) for other in range(at)]
        closest, _, letter = max(found, default=(0, 0, ""))
        letters.append(letter if closest else _next(letters))
    return "".join(letters)


def keeps(lines: Sequence[str], scheme: str, language: str = "en") -> list[bool]:
    """Whether each line keeps to a scheme such as 'ABAB': it rhymes with another line of its letter.

    Lines whose letter is '-' or alone keep it always; the same sound again does not. A scheme shorter than the stanza
    starts again, with other rhymes. UsageError for an empty scheme, or words that cannot be read.
    """
    if not scheme:
        raise UsageError("the scheme is empty: give a letter a line, such as AABB")
    compare, endings = _compare(language), _endings(lines, language)
    letters = [(at // len(scheme), scheme[at % len(scheme)]) for at in range(len(lines))]
    result = []
    for at, (letter, ending) in enumerate(zip(letters, endings, strict=True)):
        others = [endings[other] for other in range(len(lines)) if other != at and letters[other] == letter]
        free = letter[1] == FREE or not others
        result.append(free or any(_closeness(compare, ending, other) in (1, 3) for other in others))
    return result


def _closeness(compare: Callable[[Any, Any], str], a: Any, b: Any) -> int:
    """3 perfect, 2 identity, 1 family, 0 nothing, or no word."""
    return 0 if a is None or b is None else _CLOSEST[compare(a, b)]


def _family(word: Pronunciation) -> tuple[str, ...]:
    """The rhyme with every phone as the first of its family and a plural's s off."""
    rhyme = word.rhyme
    if rhyme[-1] == "Z" or (rhyme[-1] == "S" and len(rhyme) > 2):
        rhyme = rhyme[:-1]
    return tuple(_FAMILY_OF.get(phone, phone) for phone in rhyme)


def _lifted(word: Pronunciation) -> tuple[str, ...] | None:
    """The last vowel and what follows, where verse may stress it: the second or later weak syllable, or a strong one
    at the end."""
    stress = word.stress
    if stress[-1] == 0 and len(stress) > 1 and (stress[-2] > 0 or not any(stress)):
        return None
    last = max(at for at, phone in enumerate(word.phones) if phone[-1].isdigit())
    return tuple(phone.rstrip("012") for phone in word.phones[last:])


def _compare(language: str) -> Callable[[Any, Any], str]:
    """The function that tells what two endings of this language have in common."""
    if choose("language", language, LANGUAGES) == "en":
        return kind
    from .chinese import kind as chinese_kind  # loads pypinyin

    return chinese_kind


def _endings(lines: Sequence[str], language: str) -> list[Any]:
    """The sound of each line's last word: a Pronunciation, in Chinese a Reading, None where there is no word."""
    if language == "en":
        return [pronounce(words[-1]) if (words := words_of(line)) else None for line in lines]
    from .chinese import read

    return [readings[-1] if (readings := read(line)) else None for line in lines]


def _next(letters: Sequence[str]) -> str:
    """The first letter not used yet. UsageError after 52."""
    free = next((letter for letter in string.ascii_letters.swapcase() if letter not in letters), None)
    if free is None:
        raise UsageError(f"{len(string.ascii_letters)} endings that do not rhyme: give one stanza at a time")
    return free
