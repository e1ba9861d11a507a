"""Melodic lines as tokens, hashes of them, and the comparison with an index: numba kernels of `originality`.

A line is a sequence of (onset, pitch), one note at a time. The token of note i says how it follows the two notes
before it: the interval in semitones from note i-1, and the class of the ratio between the last two inter-onset
intervals. Neither changes when a tune is transposed or stretched. Ratios are compared in five classes whose borders
lie between the simple fractions, so rounding and rubato seldom change one; where the true ratio may lie on either
side of a border, `other` holds the token with the class across it, and both are accepted.

A gram is a hash of GRAM tokens in a row, that is of GRAM + 2 notes. A check is a hash of one token and the place
where it stands, cut to 4 bits: enough to follow a copy note by note (a wrong note passes once in 16 times, two once
in 256).

Arrays of notes may be rings: `mask` is their size less one (a power of two), or -1 for plain arrays.

Threads: any; nothing is shared and nothing allocated in the live functions. Realtime-safe: yes, once compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = [
    "GRAM", "RANGES", "check_line", "choose", "feed_note", "find_runs", "grams_of", "own_grams", "tokens_of",
    "try_note", "write_line",
]  # fmt: skip

GRAM = 6
"""Tokens in a hash: with the two notes before the first one, GRAM + 2 notes."""

VARIANTS = 4
"""Readings of a gram that are looked up when tokens in it stand near a border: two such tokens, each both ways."""

RANGES = 2 * VARIANTS
JITTER = 4  # ticks by which an inter-onset interval may be off: what the music model's own time grid loses
CLASSES = 8  # room for five
NO_TOKEN = -1

_BORDERS = (1.0 / 6.0**0.5, 1.0 / 2.0**0.5, 2.0**0.5, 6.0**0.5)  # between 1/3|1/2, 2/3|3/4, 4/3|3/2, 2|3
_FIRST, _SECOND, _THIRD, _FOURTH = _BORDERS
_PRIME = np.uint64(0x100000001B3)  # FNV-1a
_BASIS = np.uint64(0xCBF29CE484222325)
_GOLD = np.uint64(0x9E3779B97F4A7C15)  # splitmix64
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_S27, _S29, _S30, _S32, _S60 = np.uint64(27), np.uint64(29), np.uint64(30), np.uint64(32), np.uint64(60)


@njit(cache=True)
def ratio_class(ratio: float) -> int:
    """Class 0..4 of the ratio of an inter-onset interval to the one before."""
    return int(ratio > _FIRST) + int(ratio > _SECOND) + int(ratio > _THIRD) + int(ratio > _FOURTH)


@njit(cache=True)
def classify(before: int, last: int) -> tuple[int, int]:
    """(class, class across the border that may be meant instead) of inter-onset interval `last` after `before`."""
    main = ratio_class(last / before)
    low = ratio_class(max(1, last - JITTER) / (before + JITTER))
    high = ratio_class((last + JITTER) / max(1, before - JITTER))
    if low != main:
        return main, low
    return main, high


@njit(cache=True)
def token_of(interval: int, ratio: int) -> int:
    return (interval + 128) * CLASSES + ratio


@njit(cache=True)
def tokens_of(onsets: Any, pitches: Any) -> tuple[Any, Any]:
    """(token, other) of a whole line; the first two notes have none."""
    n = len(onsets)
    token = np.full(n, NO_TOKEN, np.int32)
    other = np.full(n, NO_TOKEN, np.int32)
    for i in range(2, n):
        main, second = classify(onsets[i - 1] - onsets[i - 2], onsets[i] - onsets[i - 1])
        interval = pitches[i] - pitches[i - 1]
        token[i] = token_of(interval, main)
        other[i] = token_of(interval, second)
    return token, other


@njit(cache=True)
def gram_at(token: Any, other: Any, i: int, mask: int, variant: int) -> int:
    """Hash, 32 bits, of the GRAM tokens up to note i; bits of `variant` turn the first doubtful tokens round.

    -1 when a token is missing, or when there are fewer doubtful tokens than `variant` wants to turn.
    """
    h = _BASIS
    bit = 1
    for j in range(i - GRAM + 1, i + 1):
        value = token[j & mask]
        if value == NO_TOKEN:
            return -1
        if other[j & mask] != value:
            if variant & bit:
                value = other[j & mask]
            bit <<= 1
        h = (h ^ np.uint64(value)) * _PRIME
    if variant >= bit:
        return -1
    h = (h ^ (h >> _S29)) * _MIX
    return int(np.int64(h >> _S32))  # signed: numba makes a float of an unsigned and a -1


@njit(cache=True)
def check_of(token: int, place: int) -> int:
    """4 bits of a token at a place of the index."""
    h = (np.uint64(token + 1) * _GOLD) ^ (np.uint64(place + 1) * _MIX)
    h = (h ^ (h >> _S30)) * _MIX
    h = (h ^ (h >> _S27)) * _GOLD
    return int(np.int64(h >> _S60))


@njit(cache=True)
def check_line(checks: Any, token: Any, start: int) -> None:
    """Write the checks of a line whose first note stands at place `start`: two places a byte, low half first."""
    for i in range(len(token)):
        place = start + i
        checks[place >> 1] |= check_of(token[i], place) << ((place & 1) * 4)


@njit(cache=True)
def same_note(checks: Any, token: Any, other: Any, i: int, place: int) -> bool:
    """Whether note i may be what the index has at `place`."""
    if place < 0 or (place >> 1) >= len(checks) or token[i] == NO_TOKEN:
        return False
    stored = (checks[place >> 1] >> ((place & 1) * 4)) & 15
    if stored == check_of(token[i], place):
        return True
    return other[i] != token[i] and stored == check_of(other[i], place)


@njit(cache=True)
def first_not_below(values: Any, wanted: int) -> int:
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def is_common(common: Any, gram: int) -> bool:
    """Whether a gram is in the sorted list of common ones."""
    at = first_not_below(common, gram)
    return at < len(common) and common[at] == gram


@njit(cache=True)
def write_note(
    token: Any, other: Any, gram: Any, earlier: Any, ranges: Any, i: int, mask: int, reach: int, hashes: Any,
    common: Any,
) -> None:  # fmt: skip
    """Fill in what is known of note i once its token is: gram, where it was last heard, entries of the index.

    gram: -1 = none. earlier: note with the same gram among the last `reach`, else -1; a common gram has itself there,
    so it never counts as new. ranges: begin and end in `hashes` for each variant.
    """
    at = i & mask
    value = gram_at(token, other, i, mask, 0) if i >= GRAM + 1 else -1
    gram[at] = value
    earlier[at] = -1
    ranges[at] = 0
    if value < 0:
        return
    if is_common(common, value):
        earlier[at] = i
    else:
        for j in range(i - 1, max(GRAM, i - reach), -1):
            if gram[j & mask] == value:
                earlier[at] = j
                break
    for variant in range(VARIANTS):
        wanted = value if variant == 0 else gram_at(token, other, i, mask, variant)
        if wanted < 0:
            break
        begin = first_not_below(hashes, wanted)
        end = begin
        while end < len(hashes) and hashes[end] == wanted:
            end += 1
        ranges[at, 2 * variant] = begin
        ranges[at, 2 * variant + 1] = end


@njit(cache=True)
def own_grams(earlier: Any, first: int, last: int, mask: int) -> int:
    """Different grams, common ones left out, of the run whose tokens are first..last."""
    count = 0
    for j in range(first + GRAM - 1, last + 1):
        count += earlier[j & mask] < first + GRAM - 1
    return count


@njit(cache=True)
def write_line(token: Any, other: Any, gram: Any, earlier: Any, ranges: Any, hashes: Any, common: Any) -> None:
    """write_note for every note of a line."""
    for i in range(len(token)):
        write_note(token, other, gram, earlier, ranges, i, -1, i, hashes, common)


@njit(cache=True)
def longest_at(
    token: Any, other: Any, earlier: Any, ranges: Any, i: int, mask: int, reach: int, places: Any, checks: Any
) -> tuple[int, int]:
    """(own notes, place) of the copied run that ends with note i and says most; (0, -1) without one.

    Looks back `reach` notes. `earlier` of a common gram is its own index, which own_grams then passes over.
    """
    best, where = 0, -1
    oldest = max(GRAM + 1, i - reach)
    for j in range(i, oldest - 1, -1):
        for variant in range(VARIANTS):
            begin, end = ranges[j & mask, 2 * variant], ranges[j & mask, 2 * variant + 1]
            for entry in range(begin, end):
                shift: Any = np.int64(places[entry]) - j
                first = i + 1
                while first - 1 >= 2 and i - first < reach and same_note(checks, token, other, (first - 1) & mask,
                                                                         first - 1 + shift):  # fmt: skip
                    first -= 1
                if first > j - GRAM + 1:
                    continue  # the run broke between the entry and now
                own = own_grams(earlier, first, i, mask)
                if own and own + GRAM + 1 > best:
                    best, where = own + GRAM + 1, i + shift
    return best, where


@njit(cache=True)
def find_runs(token: Any, other: Any, earlier: Any, ranges: Any, places: Any, checks: Any, out: Any) -> int:
    """All copied runs of a line, as rows (first token, last token, place of the first) of `out`; their number.

    What does not fit into `out` is dropped.
    """
    n, count = len(token), 0
    for i in range(GRAM + 1, n):
        for variant in range(VARIANTS):
            for entry in range(ranges[i, 2 * variant], ranges[i, 2 * variant + 1]):
                shift: Any = np.int64(places[entry]) - i
                first = i
                while first >= 2 and same_note(checks, token, other, first, first + shift):
                    first -= 1
                first += 1
                if first > i - GRAM + 1:
                    continue
                last = i
                while last + 1 < n and same_note(checks, token, other, last + 1, last + 1 + shift):
                    last += 1
                known = False
                for k in range(count - 1, max(-1, count - 4096), -1):
                    if out[k, 0] == first and out[k, 2] == first + shift:
                        known = True
                        break
                if known or count == len(out):
                    continue
                out[count, 0], out[count, 1], out[count, 2] = first, last, first + shift
                count += 1
    return count


# -- live --------------------------------------------------------------------------------------------------------


@njit(cache=True)
def place_note(notes: Any, part: int, i: int, tick: int, pitch: int, reach: int, index: Any) -> None:
    """Write note i of a part into its ring."""
    onsets, pitches, token, other, gram, earlier, ranges = notes
    mask = onsets.shape[1] - 1
    onsets[part, i & mask] = tick
    pitches[part, i & mask] = pitch
    main, second = NO_TOKEN, NO_TOKEN
    if i >= 2:
        before = onsets[part, (i - 1) & mask] - onsets[part, (i - 2) & mask]
        interval = pitch - pitches[part, (i - 1) & mask]
        first, across = classify(before, tick - onsets[part, (i - 1) & mask])
        main, second = token_of(interval, first), token_of(interval, across)
    token[part, i & mask] = main
    other[part, i & mask] = second
    write_note(token[part], other[part], gram[part], earlier[part], ranges[part], i, mask, reach, index[0], index[3])


@njit(cache=True)
def try_note(
    marks: Any, notes: Any, part: int, tick: int, pitch: int, same: int, reach: int, index: Any
) -> tuple[int, int]:
    """(own notes, place) of the copied run that a note would end; marks stay, only free ring places are written.

    marks[part]: notes in the ring; first tick, last tick and highest pitch of the onset that is still open (pitch
    -1 = none). A note within `same` ticks of the open onset joins it, and counts when it is its highest.
    """
    count, first, last, top = marks[part]
    if top < 0:
        return 0, -1
    if tick - last <= same:
        if pitch <= top:
            return 0, -1
        i, tick = count, first
    else:
        place_note(notes, part, count, first, top, reach, index)
        i = count + 1
    place_note(notes, part, i, tick, pitch, reach, index)
    mask = notes[0].shape[1] - 1
    _, _, token, other, _, earlier, ranges = notes
    return longest_at(token[part], other[part], earlier[part], ranges[part], i, mask, reach, index[1], index[2])


@njit(cache=True)
def feed_note(
    marks: Any, written: Any, notes: Any, part: int, tick: int, pitch: int, same: int, reach: int, index: Any
) -> None:
    """Take a note in; see try_note. written[part]: the most notes that were ever in the ring."""
    count, first, last, top = marks[part]
    if top >= 0 and tick - last <= same:
        marks[part, 2] = max(tick, last)
        marks[part, 3] = max(top, pitch)
        return
    if top >= 0:
        place_note(notes, part, count, first, top, reach, index)
        marks[part, 0] = count + 1
        written[part] = max(written[part], count + 1)
    marks[part, 1] = tick
    marks[part, 2] = tick
    marks[part, 3] = pitch


# -- building ----------------------------------------------------------------------------------------------------


@njit(cache=True)
def grams_of(token: Any) -> Any:
    """Gram of every note of a line; -1 where there is none."""
    gram = np.full(len(token), -1, np.int64)
    for i in range(GRAM + 1, len(token)):
        gram[i] = gram_at(token, token, i, -1, 0)
    return gram


@njit(cache=True)
def choose(count: Any, stride: int) -> Any:
    """Notes of a line whose grams go into the index: the rarest of every `stride` in a row.

    count: how often the gram of each note occurs in all songs; 0 = none there, or a common one, which is never
    chosen. Any `stride` notes in a row with a gram hold a chosen one, unless all of theirs are common.
    """
    chosen = np.zeros(len(count), np.bool_)
    last = GRAM
    while last + stride < len(count):
        best = -1
        for i in range(last + 1, last + stride + 1):
            if count[i] > 0 and (best < 0 or count[i] <= count[best]):
                best = i
        if best >= 0:
            chosen[best] = True
            last = best
        else:
            last += 1
    return chosen
