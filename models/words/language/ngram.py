"""A trigram model with interpolated Kneser-Ney smoothing (Kneser and Ney 1995; Chen and Goodman 1999): the baseline.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trigrams"]

DISCOUNT = 0.75

Ids = NDArray[np.int64]


class Trigrams:
    """Counts of texts of token ids below `size`."""

    def __init__(self, texts: Sequence[NDArray[np.int32]], size: int) -> None:
        self._size = size
        wide = [ids.astype(np.int64) for ids in texts]
        triples = np.concatenate([self._keys(ids[:-2], ids[1:-1], ids[2:]) for ids in wide])
        self._three, counts = np.unique(triples, return_counts=True)
        self._three_count = counts.astype(np.float64)
        self._before, self._before_total, self._before_kinds = _groups(self._three // size, self._three_count)
        self._two, seen = np.unique(self._three % size**2, return_counts=True)  # in how many places, not how often
        self._two_count = seen.astype(np.float64)
        self._middle, self._middle_total, self._middle_kinds = _groups(self._two // size, self._two_count)
        last, follows = np.unique(self._two % size, return_counts=True)
        unigram = np.zeros(size)
        unigram[last] = np.maximum(follows - DISCOUNT, 0)
        self._one = unigram / follows.sum() + (1 - unigram.sum() / follows.sum()) / size

    def bits(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """(n - 2,) bits of each token from the third on."""
        a, b, c = (ids[:-2].astype(np.int64), ids[1:-1].astype(np.int64), ids[2:].astype(np.int64))
        pair = b * self._size + c
        low = _share(self._two, self._two_count, pair, (self._middle, self._middle_total, self._middle_kinds), b)
        chance = low[0] + low[1] * self._one[c]
        high = _share(
            self._three, self._three_count, self._keys(a, b, c),
            (self._before, self._before_total, self._before_kinds), a * self._size + b,
        )  # fmt: skip
        return -np.log2(high[0] + high[1] * chance)

    def _keys(self, a: Ids, b: Ids, c: Ids) -> Ids:
        return (a * self._size + b) * self._size + c


def _groups(contexts: Ids, counts: NDArray[np.float64]) -> tuple[Ids, NDArray[np.float64], NDArray[np.float64]]:
    """(contexts, their total counts, how many different tokens follow); contexts are sorted."""
    keys, starts, kinds = np.unique(contexts, return_index=True, return_counts=True)
    return keys, np.add.reduceat(counts, starts), kinds.astype(np.float64)


def _share(keys, counts, wanted, groups, contexts):  # type: ignore[no-untyped-def]
    """(discounted share of the wanted grams in their contexts, weight that is left for the shorter context)."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    count = np.where(keys[place] == wanted, counts[place], 0.0)
    at = np.minimum(np.searchsorted(groups[0], contexts), len(groups[0]) - 1)
    known = groups[0][at] == contexts
    total = np.where(known, groups[1][at], 1.0)
    return (
        np.where(known, np.maximum(count - DISCOUNT, 0) / total, 0.0),
        np.where(known, DISCOUNT * groups[2][at] / total, 1.0),
    )
