"""Which tokens a model knows, and vectors for them from counts: what stands near what.

The vectors are the singular vectors of positive pointwise mutual information (Bullinaria and Levy 2007; Levy,
Goldberg, Dagan 2015). Those of a narrow window begin the training of a model's word vectors; those of a wide window
are its topic vectors, by which a theme is heard and likeness to a theme is told.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from . import text
from .corpus import KINDS, Piece
from .modern import BARRED

__all__ = ["FUNCTION", "SIZES", "TUNES", "choose_tunes", "choose_words", "vectors"]

_FUNCTION_EN = """
the and of a to in i that with is my for you his on he all it as but her me from not we was are when be they by
at so your no have this our were or what she then if there now their thy thou thee o will him who had like shall
one more how do us which has where would did an ye them oh yet came come could out than down up must been never
can said some its these into may such let only hath doth am too those those through thus whose while though here
why ever every over upon own any other each most nor till once still might should again very well made make go
went many much two about before after away just even because without within both another whom since i'm i'll
i've i'd it's don't 'tis you're you'll you've he's she's that's there's what's can't won't didn't they're we're
we'll let's o'er ne'er e'er 'twas art dost hast wilt thine being does done got get under off first last say says
see saw know take took something nothing himself herself myself themselves itself none unto ere ah
"""
_FUNCTION_ZH = """
不一无来有时是何上如相中去处得在自为我今此更未君谁已与子见知可之三里年前下道多几又欲起还从却若两莫其而于以亦且则但
应须便只到尽都最将教也了着的他这那你个们儿把吾者
"""
FUNCTION: Mapping[str, frozenset[str]] = {
    "en": frozenset(_FUNCTION_EN.split()),
    "zh": frozenset("".join(_FUNCTION_ZH.split())),
}
"""Language -> words that say nothing of a theme."""
SIZES: Mapping[str, int] = {"en": 10_000, "zh": 4_800}
"""Language -> tokens of a vocabulary at the most."""
TUNES = 300  # tunes at the most
LEAST_WORDS, LEAST_TUNES = 3, 8  # how often one must occur
_CONTEXTS = 3_000  # most frequent tokens, as the columns of the counts
_SMOOTH = 0.75


def choose_words(pieces: Sequence[Piece], language: str, size: int | None = None) -> list[str]:
    """The special tokens, then the most frequent tokens of the pieces, most frequent first (weighted by kind)."""
    weights = KINDS[language]
    counts: dict[str, float] = defaultdict(float)
    seen: Counter[str] = Counter()
    for piece in pieces:
        words = Counter(word for stanza in piece.stanzas for line in stanza for word in line)
        seen.update(words)
        for word, count in words.items():
            counts[word] += count * weights.get(piece.kind, 1.0)
    known = [w for w in sorted(counts, key=lambda word: -counts[word]) if seen[w] >= LEAST_WORDS and w not in BARRED]
    return [*text.SPECIALS, *known[: (size or SIZES[language]) - len(text.SPECIALS)]]


def choose_tunes(pieces: Sequence[Piece]) -> list[str]:
    """The most frequent tunes."""
    counts = Counter(piece.tune for piece in pieces if piece.tune and piece.tune != "失调名")
    return [tune for tune, count in counts.most_common(TUNES) if count >= LEAST_TUNES]


def vectors(
    tokens: NDArray[np.int32], size: int, width: int, window: int, seed: int, passed_over: Sequence[int] = ()
) -> NDArray[np.float32]:
    """(size, width) vectors of token ids from what stands within `window` places. passed_over: ids left out first.

    Each row has length 1, or 0 for an id that does not occur.
    """
    kept = np.ones(size, bool)
    kept[list(passed_over)] = False
    tokens = tokens[kept[tokens]]
    columns = min(size, _CONTEXTS)
    counts = np.zeros(size * columns, np.float32)
    for distance in range(1, window + 1):
        left, right = tokens[:-distance].astype(np.int64), tokens[distance:].astype(np.int64)
        for row, column in ((left, right), (right, left)):
            near = column < columns
            counts += np.bincount(row[near] * columns + column[near], minlength=len(counts)).astype(np.float32)
    table = counts.reshape(size, columns)
    rows, smooth = table.sum(axis=1), table.sum(axis=0) ** _SMOOTH
    smooth /= max(float(smooth.sum()), 1e-9)
    with np.errstate(divide="ignore", invalid="ignore"):
        table /= np.maximum(rows, 1e-9)[:, None]
        table /= np.maximum(smooth, 1e-12)[None, :]
        np.log(table, out=table)
    table[~(table > 0)] = 0
    return _left(table, min(width, *table.shape), width, seed)


def _left(table: NDArray[np.float32], rank: int, width: int, seed: int) -> NDArray[np.float32]:
    """Left singular vectors times the root of the values, rows of length 1: Halko, Martinsson, Tropp 2011."""
    rng = np.random.default_rng(seed)
    basis = table @ rng.standard_normal((table.shape[1], min(rank + 16, table.shape[1])), dtype=np.float32)
    for _ in range(2):
        basis = table @ (table.T @ np.linalg.qr(basis)[0])
    basis = np.linalg.qr(basis)[0]
    inner, values, _ = np.linalg.svd(basis.T @ table, full_matrices=False)
    result = np.zeros((len(table), width), np.float32)
    result[:, :rank] = (basis @ inner)[:, :rank] * np.sqrt(values[:rank])
    return result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-6)
