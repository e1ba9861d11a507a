"""Near duplicates: songs that are, in good part, another song again.

Two songs are compared by their patterns of 10 notes: the intervals and the rhythm (ratio classes of inter-onset
intervals) of the top line of every part, in any key and at any tempo; drums are left out. A song of which ALIKE of
the different patterns stand in one other song measures how well that song is remembered, not how well music is
understood, so it has no place in a validation part.

Threads: offline, pure functions. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .corpus import Song
from .originality import lines_of
from .originality_kernels import tokens_of

__all__ = ["ALIKE", "Nearest", "groups", "nearest", "patterns"]

ALIKE = 0.3
"""Share of a song's patterns, 0..1, from which on it counts as a near duplicate."""

NOTES = 10
_TOKENS = NOTES - 2  # a token says how a note follows the two before it
_PRIMES = (np.uint64(0x9E3779B97F4A7C15) ** np.arange(1, _TOKENS + 1).astype(np.uint64)).astype(np.uint64)

Hashes = NDArray[np.uint64]


class Nearest(NamedTuple):
    """The most similar song: share of the patterns found there (0..1) and its place in the list that was asked."""

    share: float
    place: int


def patterns(song: Song) -> Hashes:
    """The different 10-note patterns of a song as sorted 64-bit hashes; empty for drums alone."""
    found = [np.zeros(0, np.uint64)]
    for line in lines_of(song):
        if len(line.pitches) >= NOTES:
            tokens = tokens_of(line.onsets, line.pitches)[0][2:].astype(np.uint64)
            found.append(np.lib.stride_tricks.sliding_window_view(tokens, _TOKENS) @ _PRIMES)
    return np.unique(np.concatenate(found))


def nearest(songs: Sequence[Hashes], others: Sequence[Hashes], *, same: bool = False) -> list[Nearest]:
    """For each of `songs` the one of `others` that shares most patterns with it; (0, -1) where none shares any.

    same: the two lists are one, and a song is not its own neighbour.
    """
    hashes = np.concatenate([np.zeros(0, np.uint64), *others])
    owners = np.repeat(np.arange(len(others)), [len(other) for other in others])
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    result = []
    for number, mine in enumerate(songs):
        low, high = np.searchsorted(hashes, mine, "left"), np.searchsorted(hashes, mine, "right")
        hits = owners[_ranges(low, high)]
        counts = np.bincount(hits[hits != number] if same else hits, minlength=1)
        best = int(np.argmax(counts))
        result.append(Nearest(float(counts[best]) / len(mine), best) if counts[best] else Nearest(0.0, -1))
    return result


def _ranges(low: NDArray[np.intp], high: NDArray[np.intp]) -> NDArray[np.intp]:
    """low[0] .. high[0]-1, low[1] .. high[1]-1 and so on, in one array."""
    lengths = high - low
    starts = np.repeat(low - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths) if len(lengths) else low
    return starts + np.arange(int(lengths.sum()))


def groups(songs: Iterable[Song]) -> list[list[int]]:
    """Places of the songs, those that are near duplicates of each other (at any remove) together."""
    hashes = [patterns(song) for song in songs]
    leader = list(range(len(hashes)))

    def first(index: int) -> int:
        while leader[index] != index:
            index = leader[index]
        return index

    for index, near in enumerate(nearest(hashes, hashes, same=True)):
        if near.share >= ALIKE:
            a, b = sorted((first(index), first(near.place)))
            leader[b] = a
    result: dict[int, list[int]] = {}
    for index in range(len(hashes)):
        result.setdefault(first(index), []).append(index)
    return list(result.values())
