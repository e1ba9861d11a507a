"""Where has this been heard before? Looks up the places that best match the music so far.

Chorales share tunes, and most of them repeat their first lines. For every half beat this finds a dozen earlier
places: in other pieces of the training part, and in the same piece before now. What followed there, moved to the
present key, is offered to the network; how far to believe it is for the network to learn.

Everything is a difference of pitches, so the answers hold in every transposition.
Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LENGTHS", "NO_DELTA", "OTHERS", "POINTERS", "REST_DELTA", "SPAN", "VISIBLE", "recall"]

IntArray = NDArray[np.integer]

SLOTS: Sequence[tuple[str, int]] = (
    ("soprano", 3), ("all voices", 2), ("own soprano", 1), ("own, all voices", 1),
    ("soprano, present one too", 3), ("outer voices, present ones too", 2),
)  # fmt: skip
"""What must match, and how many places are kept, each from another piece."""
POINTERS = sum(count for _, count in SLOTS)
OTHERS = np.array([i for i in range(POINTERS) if i not in (5, 6)])
"""The pointers into other pieces; 5 and 6 point into the piece itself."""
VISIBLE = (7, 10, 12, 12)
"""How many pointers each voice may see, in the order of writing: the last five know what is sung now."""

SPAN = 14
REST_DELTA, NO_DELTA = 2 * SPAN + 1, 2 * SPAN + 2
"""A difference of pitches is -14..14 half tones (clipped) as 0..28, a rest, or nothing found."""

_EDGES = np.array([1, 3, 5, 7, 9, 13, 17, 25])
LENGTHS = len(_EDGES) + 1
"""Classes of the length of a match, in half beats."""

_SHORTEST = 2
_NEVER = -9999


class _Library(NamedTuple):
    """Half beats of all pieces in one row. codes: see `_codes`; last: nothing follows; owner: index of the piece."""

    pitches: IntArray
    codes: tuple[IntArray, IntArray, IntArray]
    owner: IntArray
    odd: IntArray
    last: NDArray[np.bool_]


def _codes(half: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """(cells, 4) pitches -> what must be equal for a match to go on: of the soprano, the outer voices, all voices."""
    steps = np.full(len(half), _NEVER, np.int64)
    steps[1:] = np.where((half[1:, 0] >= 0) & (half[:-1, 0] >= 0), half[1:, 0] - half[:-1, 0], 500)
    below = [np.where(half[:, voice] >= 0, half[:, 0] - half[:, voice] + 20, 0) for voice in (1, 2, 3)]
    outer = np.where(steps == _NEVER, _NEVER, below[2] * 1024 + steps + 512)
    whole = np.where(steps == _NEVER, _NEVER, ((below[0] * 128 + below[1]) * 128 + below[2]) * 1024 + steps + 512)
    return steps, outer, whole


def _library(pieces: Sequence[IntArray]) -> _Library:
    owner = np.concatenate([np.full(len(piece), index) for index, piece in enumerate(pieces)])
    codes = [np.concatenate(rows) for rows in zip(*(_codes(piece) for piece in pieces), strict=True)]
    odd = np.concatenate([np.arange(len(piece)) % 2 for piece in pieces])
    last = np.append(owner[1:] != owner[:-1], True)
    return _Library(np.concatenate(list(pieces)), (codes[0], codes[1], codes[2]), owner, odd, last)


def recall(pieces: Sequence[IntArray], library: Sequence[IntArray], *, same: bool) -> list[IntArray]:
    """For each piece (cells, POINTERS, 5): the class of the match's length, then per voice the class of the step
    from the voice's last pitch to the offered one.

    pieces, library: (cells, 4) pitches of S, A, T, B at each half beat, -1 = rest. same: `pieces` is the library,
    and a piece must not find itself. Row c uses cells before c only; the last five pointers also the soprano of c,
    the last two of them its bass.
    """
    store = _library(library)
    return [_walk(piece, store, index if same else -1) for index, piece in enumerate(pieces)]


def _walk(piece: IntArray, store: _Library, itself: int) -> IntArray:
    rows = np.empty((len(piece), POINTERS, 5), np.int64)
    rows[:, :, 0], rows[:, :, 1:] = 0, NO_DELTA
    own = _library([piece])
    others = [(store.owner != itself) & (store.odd == odd) for odd in (0, 1)]
    lengths: list[IntArray] = [np.zeros(len(store.owner), np.int32) for _ in range(3)]
    mine: list[IntArray] = [np.zeros(len(piece), np.int32) for _ in range(3)]
    for now in range(1, len(piece)):
        before = now - 1
        if before:
            lengths = [_longer(n, c == m[before]) for n, c, m in zip(lengths, store.codes, own.codes, strict=True)]
            mine = [_longer(n, c == m[before]) for n, c, m in zip(mine, own.codes, own.codes, strict=True)]
        tune, outer, whole = lengths
        # a place may be used when something follows it; in our own piece, when that was already heard
        usable, heard = others[before % 2] & ~store.last, np.arange(len(piece)) < before
        answers = [
            (store, 1, before, _best(tune, whole, usable, store.owner, 3)),
            (store, 1, before, _best(whole, tune, usable, store.owner, 2)),
            (own, 1, before, _best(mine[0], mine[2], heard, own.owner, 1)),
            (own, 1, before, _best(mine[2], mine[0], heard, own.owner, 1)),
        ]
        whole = np.append(0, whole[:-1])
        for code, length, count in ((0, tune, 3), (1, outer, 2)):
            ahead = _longer(length, store.codes[code] == own.codes[code][now])
            answers.append((store, 0, now, _best(ahead, whole, others[now % 2], store.owner, count)))
        slot = 0
        for (library, later, anchor, places), (_, count) in zip(answers, SLOTS, strict=True):
            for offset, (place, match) in enumerate(places):
                start = library.pitches[place, 0]
                if piece[anchor, 0] >= 0 and start >= 0:
                    offered, shift = library.pitches[place + later], piece[anchor, 0] - start
                    rows[now, slot + offset] = _offer(match, offered, shift, piece[before])
            slot += count
    return rows


def _longer(length: IntArray, equal: NDArray[np.bool_]) -> IntArray:
    longer = np.zeros_like(length)
    longer[1:] = length[:-1]
    longer += 1
    longer *= equal
    return longer


def _best(
    length: IntArray, tie: IntArray, usable: NDArray[np.bool_], owner: IntArray, count: int
) -> list[tuple[int, int]]:
    """Up to `count` places of the longest matches and their lengths, each in another piece; the later of equals."""
    places = np.flatnonzero(usable & (length >= _SHORTEST))
    score = length[places] * 1000 + tie[places]
    found: list[tuple[int, int]] = []
    while len(places) and len(found) < count:
        best = len(places) - 1 - int(np.argmax(score[::-1]))
        found.append((int(places[best]), int(length[places[best]])))
        elsewhere = owner[places] != owner[places[best]]
        places, score = places[elsewhere], score[elsewhere]
    return found


def _offer(length: int, pitches: IntArray, shift: int, present: IntArray) -> IntArray:
    moved = np.clip(pitches + shift - present, -SPAN, SPAN) + SPAN
    steps = np.where(pitches < 0, REST_DELTA, np.where(present < 0, NO_DELTA, moved))
    return np.append(np.searchsorted(_EDGES, length, side="right"), steps)
