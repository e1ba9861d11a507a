"""What came next in earlier places: the memory of bars that a small recurrent state cannot hold.

A stream keeps its notes in a ring. At any point five earlier places are looked at: one, two and four bars ago, the
bar that the form points to, and the place after the last three notes that went exactly as the last three just did (an
induction head, done by search; Olsson et al. 2022 found them inside transformers). Each place is one shift in grid
units, so what came next there is a look-up by time: before a decision the next note's part and distance, and once
part and onset are decided, the pitch and length that the part played there. The network sees these as classes and
learns when to trust which.

The same functions fill the training windows and run in the decoder. memory: (CAPACITY, 4) int32 rows (unit, part,
pitch, duration class) in stream order, units never fall; trace: int64 (count of notes, index of the matching note,
length of the match). Going back is setting the trace back: rows after it are written again before they are read, as
long as no more than CAPACITY - REACH notes are taken back.

Threads: one per memory. Realtime-safe: yes, once compiled.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from . import representation as rep

__all__ = ["CAPACITY", "REACH", "TRACE", "echoes", "recall", "remember", "set_shifts", "trace_window"]

CAPACITY = 4096
REACH = 3072
MATCH_REACH = 1024
AHEAD = 48  # notes looked through for one of the band's own parts
TRACE = 3
COUNT, PLACE, LENGTH = range(TRACE)

SOURCES, POINTER, MATCH = rep.SOURCES, rep.POINTER, rep.MATCH
NO_PART, NO_PITCH, NO_LENGTH = rep.NO_PART, rep.NO_PITCH, rep.NO_LENGTH
FAR_DELTA, NO_DELTA = rep.FAR_DELTA, rep.NO_DELTA
DURATIONS = rep.DURATIONS


@njit(cache=True, nogil=True)
def _alike(memory, a, b):  # type: ignore[no-untyped-def]
    """Whether notes a and b have the same part, pitch and distance from the note before."""
    x, y = a % CAPACITY, b % CAPACITY
    if memory[x, 1] != memory[y, 1] or memory[x, 2] != memory[y, 2]:
        return False
    before, earlier = (a - 1) % CAPACITY, (b - 1) % CAPACITY
    return memory[x, 0] - memory[before, 0] == memory[y, 0] - memory[earlier, 0]


@njit(cache=True, nogil=True)
def remember(memory, trace, unit, part, pitch, duration):  # type: ignore[no-untyped-def]
    """Add a note (units must not fall) and find out where the last notes went the same way before."""
    n = trace[COUNT]
    row = n % CAPACITY
    memory[row, 0], memory[row, 1], memory[row, 2], memory[row, 3] = unit, part, pitch, duration
    trace[COUNT] = n + 1
    if trace[LENGTH] > 0 and _alike(memory, n, trace[PLACE] + 1):
        trace[PLACE] += 1
        trace[LENGTH] += 1
        return
    trace[LENGTH] = 0
    for k in range(n - 1, max(2, n - MATCH_REACH), -1):
        if _alike(memory, n, k) and _alike(memory, n - 1, k - 1):
            x, y = (n - 2) % CAPACITY, (k - 2) % CAPACITY
            if memory[x, 1] == memory[y, 1] and memory[x, 2] == memory[y, 2]:
                trace[PLACE], trace[LENGTH] = k, 3
                return


@njit(cache=True, nogil=True)
def set_shifts(memory, trace, bar, pointer, shifts):  # type: ignore[no-untyped-def]
    """Grid units back to each place, 0 = there is none. bar: units of a bar, 0 = not known; pointer: bars."""
    shifts[0], shifts[1], shifts[2], shifts[POINTER] = bar, 2 * bar, 4 * bar, pointer * bar
    shifts[MATCH] = 0
    if trace[LENGTH] > 0:
        shifts[MATCH] = memory[(trace[COUNT] - 1) % CAPACITY, 0] - memory[trace[PLACE] % CAPACITY, 0]


@njit(cache=True, nogil=True)
def _first_at(memory, trace, unit):  # type: ignore[no-untyped-def]
    """Index of the first remembered note at or after a grid unit."""
    low, high = max(0, trace[COUNT] - REACH), trace[COUNT]
    while low < high:
        middle = (low + high) // 2
        if memory[middle % CAPACITY, 0] < unit:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def recall(memory, trace, shifts, unit, own_unit, own_part, own_pitch, own, out):  # type: ignore[no-untyped-def]
    """Write the classes of rep.MEMORIES at grid unit `unit`: what came next in each place, among the parts `own` (a
    bit each). own_unit, own_part, own_pitch: the band's last note, which those of its unit must follow in order."""
    for s in range(SOURCES):
        out[2 * s], out[2 * s + 1] = NO_PART, NO_DELTA
        if shifts[s] <= 0:
            continue
        source = unit - shifts[s]
        i = _first_at(memory, trace, source)
        for k in range(i, min(i + AHEAD, trace[COUNT])):
            row = k % CAPACITY
            part = memory[row, 1]
            if own >> part & 1 == 0:
                continue
            if (
                own_unit == unit
                and memory[row, 0] == source
                and (part < own_part or (part == own_part and memory[row, 2] <= own_pitch))
            ):
                continue
            out[2 * s], out[2 * s + 1] = part, min(FAR_DELTA, memory[row, 0] - source)
            break
    length = trace[LENGTH]
    out[2 * SOURCES] = 0 if length == 0 else 1 if length < 6 else 2 if length < 12 else 3 if length < 24 else 4


@njit(cache=True, nogil=True)
def echoes(memory, trace, shifts, unit, part, low, pitches, lengths):  # type: ignore[no-untyped-def]
    """pitches[s], lengths[s] = the note that `part` played in place s of an onset at `unit`: the lowest from pitch
    `low` on; NO_PITCH and NO_LENGTH where it played none."""
    for s in range(SOURCES):
        pitches[s], lengths[s] = NO_PITCH, NO_LENGTH
        if shifts[s] <= 0:
            continue
        source = unit - shifts[s]
        for k in range(_first_at(memory, trace, source), trace[COUNT]):
            row = k % CAPACITY
            if memory[row, 0] != source:
                break
            if memory[row, 1] == part and low <= memory[row, 2] < pitches[s]:
                pitches[s], lengths[s] = memory[row, 2], min(DURATIONS, memory[row, 3])


@njit(cache=True, nogil=True)
def trace_window(events, first, own, bars, pointers, goals, blank, recalled, pitches, lengths):  # type: ignore[no-untyped-def]
    """Everything the memory says along a training window.

    events (n, 7): rows of windows.song_events; from row `first` on they are the window (row `first` is START), those
    before it are the past. bars, pointers (T, 2): units of a bar and pointer in bars, at each event and its target.
    goals (T, 3): unit, part and lowest pitch of each target. blank: nothing is remembered. recalled (T, 11), pitches
    and lengths (T, 5) are written.
    """
    memory = np.zeros((CAPACITY, 4), np.int32)
    trace = np.zeros(TRACE, np.int64)
    shifts = np.zeros(SOURCES, np.int64)
    own_unit, own_part, own_pitch = -1 << 40, -1, -1
    for n in range(len(events)):
        unit, kind, part, pitch = events[n, 0], events[n, 1], events[n, 2], events[n, 4]
        if kind <= rep.KIND_OPEN and not blank:
            remember(memory, trace, unit, part, pitch, events[n, 6])
        if n < first:
            continue
        if kind == rep.KIND_OWN:
            own_unit, own_part, own_pitch = unit, part, pitch
        t = n - first
        set_shifts(memory, trace, bars[t, 0], pointers[t, 0], shifts)
        recall(memory, trace, shifts, unit, own_unit, own_part, own_pitch, own, recalled[t])
        set_shifts(memory, trace, bars[t, 1], pointers[t, 1], shifts)
        echoes(memory, trace, shifts, goals[t, 0], goals[t, 1], goals[t, 2], pitches[t], lengths[t])
