"""Which letters make which phones: every letter of a word stands for none, one or two phones.

Learned without labels by expectation and maximisation over all such alignments (Jiampojamarn, Kondrak, Sherif 2007,
one letter at a time). Stress digits are set aside. Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numba import njit

from .dictionary import ALPHABET, Phones

__all__ = ["align"]

ROUNDS = 6
_FLOOR = 1e-8  # chance of a chunk never met


def align(pairs: Sequence[tuple[str, Phones]]) -> list[list[Phones] | None]:
    """Per (word, phones): the phones of each letter, or None where there are more than two phones per letter."""
    names = sorted({phone.rstrip("012") for _, phones in pairs for phone in phones})
    index = {name: at for at, name in enumerate(names)}
    letters = [np.array([ALPHABET.index(sign) for sign in word], np.int64) for word, _ in pairs]
    sounds = [np.array([index[phone.rstrip("012")] for phone in phones], np.int64) for _, phones in pairs]
    fits = [len(a) * 2 >= len(b) for a, b in zip(letters, sounds, strict=True)]
    kinds = len(names) + 1  # chunk = first * kinds + second, the last number means no phone
    table = np.full((len(ALPHABET), kinds * kinds), 1.0 / kinds**2)
    for _ in range(ROUNDS):
        counts = np.zeros_like(table)
        for a, b, fit in zip(letters, sounds, fits, strict=True):
            if fit:
                _expect(a, b, table, kinds, counts)
        table = np.maximum(counts / np.maximum(counts.sum(1, keepdims=True), _FLOOR), _FLOOR)
    result: list[list[Phones] | None] = []
    for (_, phones), a, b, fit in zip(pairs, letters, sounds, fits, strict=True):
        if not fit:
            result.append(None)
            continue
        ends = np.cumsum(_best(a, b, np.log(table), kinds))
        result.append([phones[begin:end] for begin, end in pairwise([0, *ends])])
    return result


@njit(cache=True)
def _chunk(sounds, end, size, kinds):  # type: ignore[no-untyped-def]
    """The number of the chunk of `size` phones that ends before `end`."""
    first = sounds[end - size] if size else kinds - 1
    second = sounds[end - 1] if size == 2 else kinds - 1
    return first * kinds + second


@njit(cache=True)
def _expect(letters, sounds, table, kinds, counts):  # type: ignore[no-untyped-def]
    """Add the expected use of each chunk in one word to `counts`."""
    n, m = len(letters), len(sounds)
    before, after = np.zeros((n + 1, m + 1)), np.zeros((n + 1, m + 1))
    before[0, 0] = after[n, m] = 1.0
    for i in range(n):
        for j in range(m + 1):
            for size in range(min(j, 2) + 1):
                before[i + 1, j] += before[i, j - size] * table[letters[i], _chunk(sounds, j, size, kinds)]
    for i in range(n - 1, -1, -1):
        for j in range(m + 1):
            for size in range(min(m - j, 2) + 1):
                after[i, j] += after[i + 1, j + size] * table[letters[i], _chunk(sounds, j + size, size, kinds)]
    if before[n, m] <= 0:
        return
    for i in range(n):
        for j in range(m + 1):
            for size in range(min(j, 2) + 1):
                chunk = _chunk(sounds, j, size, kinds)
                share = before[i, j - size] * table[letters[i], chunk] * after[i + 1, j] / before[n, m]
                counts[letters[i], chunk] += share


@njit(cache=True)
def _best(letters, sounds, table, kinds):  # type: ignore[no-untyped-def]
    """Phones per letter on the likeliest path; table in logarithms."""
    n, m = len(letters), len(sounds)
    score = np.full((n + 1, m + 1), -np.inf)
    sizes = np.zeros((n + 1, m + 1), np.int64)
    score[0, 0] = 0.0
    for i in range(n):
        for j in range(m + 1):
            for size in range(min(j, 2) + 1):
                value = score[i, j - size] + table[letters[i], _chunk(sounds, j, size, kinds)]
                if value > score[i + 1, j]:
                    score[i + 1, j], sizes[i + 1, j] = value, size
    result = np.zeros(n, np.int64)
    j = m
    for i in range(n, 0, -1):
        result[i - 1] = sizes[i, j]
        j -= sizes[i, j]
    return result
