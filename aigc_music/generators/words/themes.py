"""What a song is about: the words of a theme, or, where none was given, some that suit the music's mood.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from models.words.language.model import LanguageModel

from . import sounds
from .grammar import is_content

__all__ = ["MOODS", "drawn_theme", "theme_words"]

MOODS: dict[str, dict[tuple[bool, bool], str]] = {
    "en": {
        (True, True): "summer road dance morning sun sky wild wind run home friends laughing street music fire city",
        (
            True,
            False,
        ): "garden rose light spring green meadow dream star sleep love hand heart smile river bird island",
        (False, True): "storm wave sea fire night road battle drum street thunder train rain shadow danger flame cry",
        (
            False,
            False,
        ): "rain window night winter snow silence harbour ship goodbye moon shadow lonely tears autumn leaves",
    },
    "zh": {
        (True, True): "春风花马日江山少年酒歌",
        (True, False): "春花月青山白云江南燕柳",
        (False, True): "风雨江潮边关马雷夜舟",
        (False, False): "秋月相思寒雪灯离别雁",
    },
}
"""Language -> (bright, fast) -> words of a theme."""

DRAWN = 3
"""Words of a drawn theme."""
CLOSE = 0.82
"""How alike two spellings must be for one word to stand for the other."""


def theme_words(text: str, model: LanguageModel) -> tuple[list[str], list[str]]:
    """(words of a theme that the model knows, remarks). A word that it does not know is taken for one that is spelt
    nearly like it, or passed over; light words do not count."""
    known: list[str] = []
    remarks: list[str] = []
    for word in sounds.words(text, model.language):
        if model.language == "en" and not is_content(word):
            continue
        if word in model.index:
            known.append(word)
            continue
        close = get_close_matches(word, model.words, 1, CLOSE) if model.language == "en" else []
        remarks.append(
            f"the model does not know {word!r}: " + (f"took {close[0]!r} for it" if close else "passed over")
        )
        known += close
    return list(dict.fromkeys(known)), remarks


def drawn_theme(language: str, mood: tuple[float, float] | None, draw: np.random.Generator) -> Sequence[str]:
    """Words of a theme for a mood (brightness, arousal; each -1..1), or of any mood."""
    moods = MOODS[language]
    key = (mood[0] >= 0, mood[1] >= 0) if mood is not None else list(moods)[int(draw.integers(len(moods)))]
    pool = list(moods[key]) if language == "zh" else moods[key].split()
    return [pool[int(place)] for place in draw.choice(len(pool), DRAWN, replace=False)]
