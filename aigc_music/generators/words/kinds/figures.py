"""Figures of a text: variety, readability, how near it stays to its theme.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from .subject import Subject

__all__ = ["figures", "texts_of"]

OURS = frozenset({"kind", "language", "theme", "by", "invented", "provenance", "facts", "id", "music"})
NEAR = 0.4
"""A sentence with a word this near to the theme keeps to it."""
SENTENCE_END = re.compile(r"(?<=[.?!。？！])\s*")
VOWELS = re.compile(r"[aeiouy]+")


def texts_of(value: Any) -> Iterator[str]:
    """All texts of a document, in order, without what the program knows of it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            if name not in OURS:
                yield from texts_of(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts_of(part)


def figures(document: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """distinct_1, distinct_2: different words (characters in zh) and pairs of them by all, 0..1. sentence_words: mean
    length. flesch (en): reading ease after Flesch (1948), 0 hard .. 100 easy, syllables by groups of vowels.
    theme_share: sentences with a word of the theme, in English also near it, by all. rank: lower is better.
    """
    parts = [part for text in texts_of(document) for part in SENTENCE_END.split(text)]
    sentences = [part for part in parts if part.strip()]
    rows = [_words(sentence, subject.language) for sentence in sentences]
    rows = [row for row in rows if row]
    words = [word for row in rows for word in row]
    pairs = [pair for row in rows for pair in pairwise(row)]
    on_theme = sum(_on_theme(sentence, subject) for sentence in sentences) / max(1, len(sentences))
    result: dict[str, Any] = {
        "words": len(words),
        "distinct_1": round(len(set(words)) / max(1, len(words)), 4),
        "distinct_2": round(len(set(pairs)) / max(1, len(pairs)), 4),
        "sentence_words": round(len(words) / max(1, len(rows)), 2),
        "theme_share": round(on_theme, 4),
    }
    if subject.language == "en":
        syllables = sum(max(1, len(VOWELS.findall(word.removesuffix("e")))) for word in words)
        ease = 206.835 - 1.015 * len(words) / max(1, len(rows)) - 84.6 * syllables / max(1, len(words))
        result["flesch"] = round(ease, 1)
    result["rank"] = round(3 - 2 * result["distinct_2"] - result["theme_share"], 4)
    return result


def _words(sentence: str, language: str) -> list[str]:
    if language == "zh":
        return re.findall(r"[\u4e00-\u9fff]|[a-zA-Z0-9]+", sentence)
    return re.findall(r"[a-z0-9']+", sentence.lower())


def _on_theme(sentence: str, subject: Subject) -> bool:
    lower = sentence.lower()
    near = subject.language == "en" and subject.likeness(sentence) >= NEAR  # single characters are near to too much
    return near or any(word in lower for word in subject.words)
