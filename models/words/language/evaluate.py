"""Measure a language model on the test part of the texts: `evaluate(data, "words-en")`.

Everything is right to left, as the model writes, and goes through the kernels of play time. Bits of line ends, stanza
ends and marks are counted in, divided by the number of words (characters in zh). A word outside the vocabulary counts
as the unknown word for the model and the baseline alike.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import text
from .corpus import Piece, read
from .model import Hearing, LanguageModel
from .ngram import Trigrams
from .originality import Index
from .streams import code

__all__ = ["evaluate", "sample"]

MOST_TOKENS = 40_000
SAMPLES, LINES, WARMTH, BEST = 30, 8, 0.9, 60  # samples of lines, temperature, tokens to choose from
SEED = 11


def evaluate(path: str | Path | Sequence[str | Path], name: str = "words-en") -> dict[str, Any]:
    """Figures of a model on these texts (see corpus.read): bits and perplexity with and without the title as theme,
    those of the trigrams, copied phrases in samples, milliseconds a token."""
    model = LanguageModel.load(name)
    pieces = read([path] if isinstance(path, str | Path) else list(path), model.language)
    styles = [*model.kinds, *(f"tune {tune}" for tune in model.tunes)]
    order = np.random.default_rng(SEED).permutation(len(pieces))
    test = [pieces[number] for number in order if pieces[number].split == "test"]
    coded = code(test, model.words, styles, model.language)
    enough = int(np.searchsorted(np.cumsum([len(piece.tokens) for piece in coded]), MOST_TOKENS)) + 1
    test, ids = test[:enough], [piece.tokens for piece in coded[:enough]]
    train = [piece for piece in pieces if piece.split == "train"]
    trigrams = Trigrams(
        [piece.tokens for piece in code(train, model.words, styles, model.language)], len(model.words)
    )
    joined = np.concatenate(ids)
    marks = {model.index[mark] for mark in text.MARKS if mark in model.index}
    signs = {model.END, model.STANZA, model.PIECE} | marks
    words = int(sum(token not in signs for token in joined.tolist()))
    tokens = len(joined) - 2 * len(ids)
    bare = sum(_bits(model, piece, row, ()) for piece, row in zip(test, ids, strict=True))
    titled = sum(_bits(model, piece, row, _title(piece)) for piece, row in zip(test, ids, strict=True))
    baseline = sum(float(trigrams.bits(row).sum()) for row in ids)
    return {
        "test_pieces": len(ids), "test_words": words,
        "unknown_share": round(float(np.mean(joined == model.UNKNOWN)), 4),
        "bits_per_word": round(bare / words, 3), "bits_per_word_title_as_theme": round(titled / words, 3),
        "bits_per_word_trigrams": round(baseline / words, 3),
        "perplexity_per_token": round(2 ** (bare / tokens), 1),
        "perplexity_per_token_title_as_theme": round(2 ** (titled / tokens), 1),
        "perplexity_per_token_trigrams": round(2 ** (baseline / tokens), 1),
        **_samples(model, name), "ms_per_token": round(_step_time(model), 3),
    }  # fmt: skip


def sample(hearing: Hearing, model: LanguageModel, lines: int, rng: np.random.Generator, modern: bool) -> list[str]:
    """Lines drawn freely, for measuring: WARMTH, the BEST likeliest tokens, nothing unknown."""
    barred = np.zeros(len(model.words), np.float32)
    barred[[model.UNKNOWN, model.PIECE, model.STANZA]] = -np.inf
    barred[model.old & modern] = -np.inf
    written: list[str] = []
    line: list[int] = []
    while len(written) < lines:
        scores = hearing.scores() + barred
        scores[model.END] = -np.inf if not line else scores[model.END]
        best = np.argpartition(scores, -BEST)[-BEST:] if len(scores) > BEST else np.arange(len(scores))
        chance = np.exp((scores[best] - scores[best].max()) / WARMTH)
        token = int(rng.choice(best, p=chance / chance.sum())) if len(line) < 20 else model.END
        hearing.hear(token)
        line.append(token)
        if token == model.END:
            written.append(model.line(line))
            line = []
    return written


def _bits(model: LanguageModel, piece: Piece, ids: NDArray[np.int32], theme: Sequence[str]) -> float:
    """Bits of a piece but for its first token after PIECE, which the trigrams cannot say."""
    tune = piece.tune if piece.tune in model.tunes else None
    hearing = model.hear(theme, piece.kind, tune)
    hearing.hear(int(ids[1]))
    total = 0.0
    for token in ids[2:].tolist():
        total -= float(hearing.scores()[token])
        hearing.hear(token)
    return total / float(np.log(2))


def _title(piece: Piece) -> list[str]:
    return [] if piece.tune else [piece.title]


def _samples(model: LanguageModel, name: str) -> dict[str, Any]:
    index = Index.load(name)
    longest, old, words = [], 0, 0
    for number in range(SAMPLES):
        lines = sample(model.hear(), model, LINES, np.random.default_rng([SEED, number]), False)
        longest.append(index.longest_copied(lines)[0])
        spoken = [word for line in lines for word in text.split(line, model.language)]
        old += sum(bool(model.old[model.index[word]]) for word in spoken if word in model.index)
        words += len(spoken)
    return {
        "samples": SAMPLES, "lines_per_sample": LINES,
        "longest_copied_median": float(np.median(longest)), "longest_copied_most": max(longest),
        **({"old_words_share": round(old / words, 4)} if model.language == "en" else {}),
    }  # fmt: skip


def _step_time(model: LanguageModel, steps: int = 300) -> float:
    """Median milliseconds of one `hear` and `scores`."""
    hearing = model.hear()
    times = []
    for number in range(steps):
        begin = time.perf_counter()
        hearing.hear(len(text.SPECIALS) + number % (len(model.words) - len(text.SPECIALS)))
        hearing.scores()
        times.append(time.perf_counter() - begin)
    return 1000 * float(np.median(times))
