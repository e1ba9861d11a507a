"""Where has this been heard before? Looks up the places that best match the music so far.

Chorales share tunes, and most of them repeat their first lines. For every half beat this finds up to five earlier
places: in other pieces of the training part, and in the same piece before now. What followed there, moved to the
present key, is offered to the network as one more input; how far to believe it is for the network to learn.

Everything is a difference of pitches, so the answers hold in every transposition.
Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["DELTAS", "LENGTHS", "NO_DELTA", "POINTERS", "REST_DELTA", "recall"]

IntArray = NDArray[np.integer]

POINTERS = 5
"""Others by soprano, others by all voices, own by soprano, own by all voices, others by soprano with the present one.

The last knows the soprano that sounds now, so only voices written after the soprano may see it.
"""

SPAN = 14
REST_DELTA, NO_DELTA = 2 * SPAN + 1, 2 * SPAN + 2
DELTAS = 2 * SPAN + 3
"""Classes of a difference of pitches: -14..14 half tones (clipped), a rest, nothing found."""

_EDGES = np.array([1, 3, 5, 7, 9, 13, 17, 25])
LENGTHS = len(_EDGES) + 1
"""Classes of the length of a match, in half beats."""

_SHORTEST = 2
_NEVER = -9999


def _codes(half: IntArray) -> tuple[IntArray, IntArray]:
    """(cells, 4) pitches, -1 = rest -> what must be equal for a match to go on: soprano step; all voices' steps."""
    steps = np.full(len(half), _NEVER, np.int64)
    steps[1:] = np.where((half[1:, 0] >= 0) & (half[:-1, 0] >= 0), half[1:, 0] - half[:-1, 0], 500)
    shape = np.zeros(len(half), np.int64)
    for voice in (1, 2, 3):
        shape = shape * 128 + np.where(half[:, voice] >= 0, half[:, 0] - half[:, voice] + 20, 0)
    voices = np.where(steps == _NEVER, _NEVER, shape * 1024 + steps + 512)
    return steps, voices


def recall(pieces: Sequence[IntArray], library: Sequence[IntArray], *, same: bool) -> list[IntArray]:
    """For each piece (cells, POINTERS, 5): the class of the match's length, then per voice the class of the step
    from the voice's last pitch to the offered one.

    pieces, library: (cells, 4) pitches of S, A, T, B at each half beat, -1 = rest. same: `pieces` is the library,
    and a piece must not find itself. Row c uses cells before c only; the fifth pointer also the soprano of c.
    """
    store = np.concatenate(list(library))
    owner = np.concatenate([np.full(len(p), i) for i, p in enumerate(library)])
    parity = np.concatenate([np.arange(len(p)) % 2 for p in library])
    codes = [np.concatenate(c) for c in zip(*(_codes(p) for p in library), strict=True)]
    last = np.append(owner[1:] != owner[:-1], True)
    found = []
    for index, piece in enumerate(pieces):
        others = owner != index if same else np.ones(len(store), bool)
        outside = _walk(piece, store[others], parity[others], [c[others] for c in codes], last[others])
        ends = np.zeros(len(piece), bool)
        inside = _walk(piece, piece, np.arange(len(piece)) % 2, list(_codes(piece)), ends, own=True)
        found.append(np.concatenate([outside[:, :2], inside[:, :2], outside[:, 2:]], axis=1))
    return found


def _walk(
    piece: IntArray, store: IntArray, parity: IntArray, codes: Sequence[IntArray], last: NDArray[np.bool_],
    *, own: bool = False,
) -> IntArray:  # fmt: skip
    steps, voices = _codes(piece)
    rows = np.empty((len(piece), 3, 5), np.int64)
    rows[:, :, 0], rows[:, :, 1:] = 0, NO_DELTA
    tune: IntArray = np.zeros(len(store), np.int64)
    chord: IntArray = np.zeros(len(store), np.int64)
    where = np.arange(len(store))
    for now in range(1, len(piece)):
        before = now - 1
        if before:
            tune = _longer(tune, codes[0] == steps[before])
            chord = _longer(chord, codes[1] == voices[before])
        # a place may be used when something follows it, in our own piece: when that was already heard
        usable = (where < before) if own else ~last & (parity == before % 2)
        for slot, score in enumerate((tune * 1000 + chord, chord * 1000 + tune)):
            best = _best(score, usable, own)
            if best >= 0:
                shift = piece[before, 0] - store[best, 0]
                _offer(rows[now, slot], score[best] // 1000, store[best + 1], shift, piece[before])
        if not own:
            ahead = _longer(tune, codes[0] == steps[now])
            score = np.where(ahead > 0, ahead * 1000 + np.append(0, chord[:-1]), 0)
            best = _best(score, parity == now % 2, own)
            if best >= 0:
                shift = piece[now, 0] - store[best, 0]
                _offer(rows[now, 2], score[best] // 1000, store[best], shift, piece[before])
    return rows


def _longer(length: IntArray, equal: NDArray[np.bool_]) -> IntArray:
    return np.where(equal, np.append(0, length[:-1]) + 1, 0)


def _best(score: IntArray, usable: NDArray[np.bool_], latest: bool) -> int:
    if not usable.any():
        return -1
    score = np.where(usable, score, 0)
    best = len(score) - 1 - int(np.argmax(score[::-1])) if latest else int(np.argmax(score))
    return best if score[best] >= _SHORTEST * 1000 else -1


def _offer(row: IntArray, length: int, pitches: IntArray, shift: int, present: IntArray) -> None:
    row[0] = np.searchsorted(_EDGES, length, side="right")
    moved = np.clip(pitches + shift - present, -SPAN, SPAN) + SPAN
    row[1:] = np.where(pitches < 0, REST_DELTA, np.where(present < 0, NO_DELTA, moved))
