"""Pieces as one long line of token ids, the order of which is drawn anew each round.

A piece is PIECE, then its lines right to left with END after each, STANZA between stanzas. Each piece has its style
(kind, and tune where it has one) and a theme: the mean topic vector of a few of its own words, of its title first.
NO_THEME of the pieces have none, so that a model can write without one.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import text
from .corpus import KINDS, Piece
from .vocabulary import FUNCTION

__all__ = ["Coded", "Round", "code", "draw_round"]

NO_THEME = 0.3
THEME_WORDS = 4  # at the most
_CANDIDATES = 10
_TITLE_WEIGHT = 3.0


class Coded(NamedTuple):
    """A piece as ids: tokens (n,), styles (the second -1 without a tune), theme candidates (k,), weight."""

    tokens: NDArray[np.int32]
    styles: tuple[int, int]
    candidates: NDArray[np.int32]
    weight: float


class Round(NamedTuple):
    """tokens (N,), piece (N,) row of the next two; styles (P, 2); themes (P, topics)."""

    tokens: NDArray[np.int32]
    piece: NDArray[np.int32]
    styles: NDArray[np.int32]
    themes: NDArray[np.float32]


def code(pieces: Sequence[Piece], words: Sequence[str], styles: Sequence[str], language: str) -> list[Coded]:
    """Pieces as ids of these words and styles."""
    index = {word: number for number, word in enumerate(words)}
    style_of = {style: number for number, style in enumerate(styles)}
    held = Counter(word for piece in pieces for word in {w for s in piece.stanzas for line in s for w in line})
    weights = KINDS[language]
    result = []
    for piece in pieces:
        tokens = [text.PIECE]
        for number, stanza in enumerate(piece.stanzas):
            tokens += [text.STANZA] if number else []
            for line in stanza:
                tokens += text.written(line)
        unknown = text.SPECIALS.index(text.UNKNOWN)
        ids = np.array([index.get(token, unknown) for token in tokens], np.int32)
        tune = style_of.get(f"tune {piece.tune}", -1)
        candidates = np.array(_candidates(piece, index, held, len(pieces), language), np.int32)
        result.append(Coded(ids, (style_of[piece.kind], tune), candidates, weights.get(piece.kind, 1.0)))
    return result


def draw_round(coded: Sequence[Coded], topics: NDArray[np.float32], rng: np.random.Generator) -> Round:
    """Every piece about as often as its weight says, in random order."""
    times = np.array([piece.weight for piece in coded])
    times = np.floor(times + rng.random(len(times))).astype(np.int64)
    order = rng.permutation(np.repeat(np.arange(len(coded)), times))
    chosen = [coded[number] for number in order]
    return Round(
        tokens=np.concatenate([piece.tokens for piece in chosen]),
        piece=np.repeat(np.arange(len(chosen), dtype=np.int32), [len(piece.tokens) for piece in chosen]),
        styles=np.array([piece.styles for piece in chosen], np.int32),
        themes=np.stack([_theme(piece, topics, rng) for piece in chosen]),
    )


def _theme(piece: Coded, topics: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    if len(piece.candidates) == 0 or rng.random() < NO_THEME:
        return np.zeros(topics.shape[1], np.float32)
    count = min(int(rng.integers(1, THEME_WORDS + 1)), len(piece.candidates))
    total = topics[rng.choice(piece.candidates, count, replace=False)].sum(axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-6)


def _candidates(
    piece: Piece, index: Mapping[str, int], held: Mapping[str, int], pieces: int, language: str
) -> list[int]:
    """Ids of the words that say most of the piece (tf-idf), words of the title first."""
    own = Counter(word for stanza in piece.stanzas for line in stanza for word in line)
    title = [] if piece.tune else text.split(piece.title, language)
    worth = {word: count * np.log(pieces / (1 + held[word])) for word, count in own.items()}
    for word in title:
        worth[word] = worth.get(word, 0.0) + _TITLE_WEIGHT * np.log(pieces / (1 + held.get(word, 0)))
    first, empty = len(text.SPECIALS), FUNCTION[language]
    known = [word for word in worth if index.get(word, 0) >= first and word not in empty and word not in text.MARKS]
    return [index[word] for word in sorted(known, key=lambda word: -worth[word])[:_CANDIDATES]]
