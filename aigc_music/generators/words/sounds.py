"""The sound of words as the templates need it, in both languages: how many syllables, which stressed, what rhymes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from aigc_music.core.errors import UsageError
from models.words.language import text as writing
from models.words.speech import english
from models.words.speech import rhyme as rhymes_en

from .grammar import is_content

__all__ = [
    "HEIGHT", "JOINED", "Sound", "is_light", "last", "pieces", "rhyme", "sound", "sound_of", "stresses", "syllables",
    "tones", "words",
]  # fmt: skip

HEIGHT: dict[int, float] = {1: 5.0, 2: 4.0, 3: 1.5, 4: 3.5, 5: 3.0}
"""Mean height of the Mandarin tones on Chao's scale of 1..5; tone 5 is the neutral one."""

_PARTED = (
    "to day", "to night", "to morrow", "any thing", "any body", "some thing", "some body", "no body", "good bye",
)  # fmt: skip
JOINED: dict[str, tuple[str, ...]] = {pair.replace(" ", ""): tuple(pair.split()) for pair in _PARTED}
"""Words that old books part, as our models do: they are spelt in one, and sound like their parts."""

GLIDING = frozenset({"AY", "AW", "OY"})
"""Vowels that make another syllable, or none, before an R."""


class Sound(NamedTuple):
    """A word (a character in Chinese). stress: 1 or 0 a syllable; rhyme: what rhyming words have in common; onset:
    what they have not; other: another number of syllables that some give it, as to fire and hour, 0 for none; level:
    1 level tone, 0 oblique, -1 in English; height: of the tone, 0 in English."""

    stress: tuple[int, ...]
    rhyme: str
    onset: str
    other: int = 0
    level: int = -1
    height: float = 0.0


def words(line: str, language: str) -> list[str]:
    """The words of a line in lower case, without marks; characters in Chinese."""
    return [word for word in writing.split(line, language) if word not in writing.MARKS]


@lru_cache(maxsize=65536)
def sound(word: str, language: str) -> Sound | None:
    """The sound of a word in lower case, None where it has none (a mark, a sign of another script)."""
    if language == "zh":
        return _character(word)
    try:
        return sound_of(word, spoken(word))
    except UsageError:
        return None


def spoken(word: str) -> english.Pronunciation:
    """How an English word in lower case is pronounced. UsageError where it is none."""
    parts = JOINED.get(word, (word,))
    return english.Pronunciation(tuple(phone for part in parts for phone in english.pronounce(part).phones))


def sound_of(word: str, said: english.Pronunciation) -> Sound:
    """The sound of an English word in lower case that is pronounced like this."""
    stress = tuple(int(digit > 0) for digit in said.stress)
    if len(stress) == 1:
        stress = (int(is_content(word)),)
    other = 0
    for phone, following, after in zip(said.phones, said.phones[1:], (*said.phones[2:], ""), strict=False):
        if phone.rstrip("012") in GLIDING and following.startswith("ER"):
            other = len(stress) - 1
        elif phone.rstrip("012") in GLIDING and following == "R" and not after[-1:].isdigit():
            other = len(stress) + 1
    return Sound(stress, " ".join(said.rhyme), " ".join(said.onset), other)


def _character(character: str) -> Sound | None:
    from models.words.speech import chinese  # it loads pypinyin

    try:
        reading = chinese.read(character)
    except UsageError:
        return None
    if len(reading) != 1:
        return None
    found = reading[0]
    return Sound((1,), found.group, character, 0, int(found.level), HEIGHT[found.tone])


def syllables(line: str, language: str) -> set[int]:
    """Numbers of syllables that a line can have."""
    totals = {0}
    for word in words(line, language):
        known = sound(word, language)
        if known is not None:
            counts = {len(known.stress), known.other or len(known.stress)}
            totals = {total + count for total in totals for count in counts}
    return totals


def stresses(line: str) -> list[bool]:
    """Whether each syllable of an English line is stressed."""
    found = [sound(word, "en") for word in words(line, "en")]
    return [bool(stress) for known in found if known is not None for stress in known.stress]


def tones(line: str) -> list[int]:
    """Tones 1..5 of the characters of a Chinese line, as they are read in it. UsageError where one has none."""
    from models.words.speech import chinese  # it loads pypinyin

    return [reading.tone for reading in chinese.read(line)]


def last(line: str, language: str) -> str:
    """The last word of a line, '' where there is none."""
    found = words(line, language)
    return found[-1] if found else ""


def rhyme(a: str, b: str, language: str) -> bool:
    """Whether two words rhyme: perfect or family rhymes in English, one of the 13 groups in Chinese. The same word,
    and in English the same sound, is no rhyme."""
    one, other = sound(a, language), sound(b, language)
    if one is None or other is None:
        return False
    if language == "zh":
        return one.rhyme == other.rhyme and a != b
    return rhymes_en.rhymes(spoken(a), spoken(b))


def pieces(word: str) -> list[str]:
    """A written English word cut into its syllables, marks with their neighbours; joined they are the word."""
    return list(english.split(word)) if words(word, "en") else [word]


def is_light(word: str) -> bool:
    """Whether an English word is one that carries no meaning of its own."""
    return not is_content(word.lower())
