"""What a decoder must know of every word of a language model: its syllables, its stress, its rhymes, its standing.

Threads: a lexicon is not changed once it is made. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.words.language.model import LanguageModel
from models.words.language.text import SPECIALS

from . import sounds
from .grammar import BANNED, LEANING, NEVER_LAST, SELDOM_LAST, is_content
from .spoken import readings

__all__ = ["LONGEST", "MOST_SYLLABLES", "Lexicon", "lexicon_of"]

LONGEST = 6
"""Syllables of a word at the most."""
MOST_SYLLABLES = 32
"""Syllables of a line at the most."""


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Tables by token id, V of them.

    syllables: (V,) 0 for marks, and for words that may not be used. stress: (V, LONGEST) 1 stressed, 0 not, from the
    word's left; final: (V,) stress of its last syllable; content: (V,) words that carry meaning. rhyme: (V,) number
    of the rhyme class, -1 none; spoken: (V,) number of class and onset together; richness: (classes, LONGEST + 1) how
    many sounds of a class there are that may end a line, of words of at most so many syllables. reach:
    (MOST_SYLLABLES + 1,) whether words can make up so many syllables. last: (V,) what it adds to the score of a line
    to end with it, -inf never; leaning: (V,) what it adds anywhere. level: (V,) Chinese: 1 level tone, 0 oblique, -1
    either; height: (V,) of its tone.
    """

    syllables: NDArray[np.int64]
    stress: NDArray[np.int8]
    final: NDArray[np.float32]
    content: NDArray[np.bool_]
    rhyme: NDArray[np.int64]
    spoken: NDArray[np.int64]
    richness: NDArray[np.int64]
    reach: NDArray[np.bool_]
    last: NDArray[np.float32]
    leaning: NDArray[np.float32]
    level: NDArray[np.int8]
    height: NDArray[np.float32]


@lru_cache(maxsize=8)
def lexicon_of(model: LanguageModel, modern: bool) -> Lexicon:
    """The lexicon of a model's words. modern: without words of old verse and dialect, and without rare
    characters."""
    size = len(model.words)
    syllables = np.zeros(size, np.int64)
    stress = np.zeros((size, LONGEST), np.int8)
    content = np.zeros(size, np.bool_)
    last = np.zeros(size, np.float32)
    leaning = np.zeros(size, np.float32)
    level = np.full(size, -1, np.int8)
    height = np.zeros(size, np.float32)
    rhymes: list[str] = [""] * size
    sounding: list[str] = [""] * size
    known = readings(model) if model.language == "en" else {}
    for token, word in enumerate(model.words):
        if word in SPECIALS or word in BANNED or _is_letter(word):
            continue
        if modern and (model.old[token] or (model.language == "zh" and not _is_common(word))):
            continue
        if word in known and known[word] is None:
            continue
        reading = known.get(word)
        sound = sounds.sound_of(word, reading.spoken) if reading else sounds.sound(word, model.language)
        if sound is None or len(sound.stress) > LONGEST or sound.other:
            continue
        syllables[token] = len(sound.stress)
        if reading is None or reading.rhymes:
            rhymes[token], sounding[token] = sound.rhyme, f"{sound.onset}/{sound.rhyme}"
        if model.language == "zh":
            content[token] = True
            level[token], height[token] = sound.level, sound.height
            continue
        content[token] = is_content(word)
        leaning[token] = LEANING.get(word, 0.0)
        stress[token, : len(sound.stress)] = sound.stress
        last[token] = -np.inf if word in NEVER_LAST else -1.5 if word in SELDOM_LAST else 0
    rhyme, spoken = _numbered(rhymes), _numbered(sounding)
    ends = np.flatnonzero((rhyme >= 0) & (last > -np.inf))
    richness = np.zeros((int(rhyme.max(initial=0)) + 1, LONGEST + 1), np.int64)
    for most in range(1, LONGEST + 1):
        _, firsts = np.unique(spoken[ends[syllables[ends] <= most]], return_index=True)
        richness[:, most] = np.bincount(rhyme[ends[syllables[ends] <= most]][firsts], minlength=len(richness))
    final = stress[np.arange(size), np.maximum(syllables - 1, 0)].astype(np.float32)
    return Lexicon(
        syllables, stress, final, content, rhyme, spoken, richness, _reach(syllables), last, leaning, level,
        height,
    )  # fmt: skip


def _numbered(keys: list[str]) -> NDArray[np.int64]:
    """A number for each different key, -1 for an empty one."""
    numbers = {key: number for number, key in enumerate(sorted(set(keys) - {""}))}
    return np.array([numbers.get(key, -1) for key in keys], np.int64)


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word not in "aio"


def _is_common(character: str) -> bool:
    """Whether a Chinese character is one of the 6763 of GB 2312, which every font has."""
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def _reach(syllables: NDArray[np.int64]) -> NDArray[np.bool_]:
    lengths = sorted(set(syllables.tolist()) - {0})
    reach = np.zeros(MOST_SYLLABLES + 1, np.bool_)
    reach[0] = True
    for total in range(1, MOST_SYLLABLES + 1):
        reach[total] = any(length <= total and reach[total - length] for length in lengths)
    return reach
