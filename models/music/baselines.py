"""What a model must beat: a unigram, and an order-2 n-gram with Witten-Bell back-off, on the same classes.

Both see notes as rows of six classes (one per head) and predict head by head. Counts are sorted arrays, looked up
by binary search, so a set of a million notes is learned in seconds.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import representation as rep

__all__ = ["Ngram"]

IntArray = NDArray[np.integer]

CONTEXTS: tuple[tuple[tuple[tuple[int, int], ...], ...], ...] = (
    (((1, 0),), ((1, 0), (2, 0))),
    (((0, 0), (1, 1)), ((0, 0), (1, 1), (2, 1))),
    (((1, 2),), ((1, 2), (0, 1))),
    (((0, 0), (1, 3)), ((0, 0), (1, 3), (2, 3))),
    (((0, 0), (1, 4)), ((0, 0), (1, 4), (2, 4))),
    (((0, 0), (1, 5)), ((0, 0), (1, 5), (2, 5))),
)
"""Per head its contexts, short to long; (notes back, head) pairs. The unigram stops before the first."""

_SIZES = [size for _, size in rep.HEADS]


class Ngram:
    """Learn with the constructor, ask with `bits`. order 0 = unigram, 2 = all contexts."""

    def __init__(self, pieces: Sequence[IntArray], played: Sequence[bool], order: int = 2) -> None:
        """pieces: (n, 6) rows of classes; played: whether micro and velocity of a piece count."""
        self.order = order
        self._counts: list[list[tuple[IntArray, IntArray, IntArray, IntArray, IntArray]]] = []
        for head in range(len(_SIZES)):
            used = [piece for piece, own in zip(pieces, played, strict=True) if own or head not in (2, 4)]
            levels = []
            for context in _levels(head, order):
                keys = [_keys(piece, context) for piece in used]
                symbols = [piece[:, head] for piece in used]
                levels.append(
                    _count(
                        np.concatenate(keys) if keys else np.zeros(0, np.int64),
                        np.concatenate(symbols) if symbols else np.zeros(0, np.int64),
                        _SIZES[head],
                    )
                )
            self._counts.append(levels)

    def bits(self, piece: IntArray) -> NDArray[np.float64]:
        """(n, 6) bits of every class of a piece."""
        result = np.zeros(piece.shape)
        for head, size in enumerate(_SIZES):
            chance = np.full(len(piece), 1.0 / size)
            for context, (pairs, pair_counts, keys, totals, kinds) in zip(
                _levels(head, self.order), self._counts[head], strict=True
            ):
                key = _keys(piece, context)
                total, kind = _find(keys, totals, key), _find(keys, kinds, key)
                count = _find(pairs, pair_counts, key * size + piece[:, head])
                weight = np.maximum(total + kind, 1)
                chance = np.where(total > 0, (count + kind * chance) / weight, chance)
            result[:, head] = -np.log2(chance)
        return result


def _levels(head: int, order: int) -> list[tuple[tuple[int, int], ...]]:
    return [(), *CONTEXTS[head][:order]]


def _keys(piece: IntArray, context: tuple[tuple[int, int], ...]) -> IntArray:
    """One number per note for what the context sees; 0 stands for 'before the piece'."""
    key = np.zeros(len(piece), np.int64)
    for back, head in context:
        column = piece[:, head].astype(np.int64) + 1
        key = key * (_SIZES[head] + 1) + np.concatenate(
            (np.zeros(min(back, len(piece)), np.int64), column[: max(0, len(piece) - back)])
        )
    return key


def _count(keys: IntArray, symbols: IntArray, size: int) -> tuple[IntArray, IntArray, IntArray, IntArray, IntArray]:
    pairs, pair_counts = np.unique(keys * size + symbols, return_counts=True)
    contexts, start = np.unique(pairs // size, return_index=True)
    totals = np.add.reduceat(pair_counts, start) if len(pairs) else pair_counts
    kinds = np.diff(np.append(start, len(pairs)))
    return pairs, pair_counts, contexts, totals, kinds


def _find(keys: IntArray, values: IntArray, wanted: IntArray) -> IntArray:
    if len(keys) == 0:
        return np.zeros(len(wanted), np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
