"""The music decoder's numba kernels: what a stream is told, one decision, scores of a whole sequence.

Flat module-level functions, compiled once and cached. Weights are int8 rows with a scale each (or fp32 rows with
scale 1, for the parity test: the same code, compiled for that type); activations are fp32. Nothing here allocates:
every buffer comes from the caller. Sampling, masks, chord look-up, the memory of bars and the bookkeeping of sounding
notes live inside. Between `prepare`, which embeds the last event, and `draw`, which decides the next one, stands the
trunk (models/trunks), which knows nothing of music.

Cells: integers that, with the trunk's state and the memory, are all that a stream knows: the last event, what the
order rules need, the notes that sound. The last event is digested only when the next decision or event needs it, so a
changed condition acts on the next note; cells[AHEAD] is 1 while the trunk's output is up to date.

Random numbers are a hash of (seed, epoch, index, head): the same key gives the same draw, whatever was drawn before.

Threads: any, one per set of buffers; the GIL is released. Realtime-safe: yes, once compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from aigc_music.core.parts import DRUMS
from aigc_music.core.theory import CHORD_QUALITIES

from ..arithmetic import exp, sigmoid
from ..matrices import add_row, matvec
from . import memory as mem
from . import representation as rep
from .memory import echoes, recall, remember, set_shifts

__all__ = ["CELLS", "HELD", "Buffers", "Heads", "draw", "embed", "feed", "prepare", "score", "start"]

PARTS = rep.PARTS
HEADS = 6
UNIT = rep.UNIT
LINEAR, HALF, DELTAS = rep.LINEAR, rep.HALF, rep.DELTAS
MICROS, MICRO_STEP, MICRO_ZERO = rep.MICROS, rep.MICRO_STEP, rep.MICRO_ZERO
TOP_MICRO = (MICROS - 1 - MICRO_ZERO) * MICRO_STEP
NO_PITCH, NO_PART = rep.NO_PITCH, rep.NO_PART
EVENTS = len(rep.EVENT_FIELDS)
CONDITIONS = len(rep.CONDITIONS)
MEMORIES = len(rep.MEMORIES)
SOURCES = rep.SOURCES
FAR = np.int64(1) << 60  # end of a note that still sounds


def _starts(fields: tuple[tuple[str, int], ...]) -> Any:
    """First row of every field in a table of all of them."""
    return np.concatenate(([0], np.cumsum([size for _, size in fields])))[:-1].astype(np.int64)


INPUT_STARTS = _starts(rep.INPUT_FIELDS)
CHOICE_STARTS = _starts(rep.CHOICES)
PREFIX = np.array([rep.PREFIX[name] for name, _ in rep.HEADS], dtype=np.int64)
_CHOICE_NAMES = [name for name, _ in rep.CHOICES]
COLUMN = np.array([_CHOICE_NAMES.index(name) for name, _ in rep.HEADS[:5]], dtype=np.int64)  # where a choice stands
ONSET, ONSETS = _CHOICE_NAMES.index("phase"), len(rep.ONSET_CONDITIONS)
ONSET_PLACES = np.array([rep.PLACE.index(name) for name in rep.ONSET_CONDITIONS], dtype=np.int64)
LAST, LENGTHS, SAME = (_CHOICE_NAMES.index(name) for name in ("last", "length_0", "same_0"))
PITCH, VELOCITY, ROOT = (_CHOICE_NAMES.index(name) for name in ("pitch", "velocity", "root"))
SIZES = np.array([size for _, size in rep.HEADS], dtype=np.int64)
INTERVALS, ECHO_INTERVALS = rep.INTERVALS, rep.ECHO_INTERVALS
CHORD_BLOCK = 128 + 2 * INTERVALS + 1
TONIC_BLOCK = CHORD_BLOCK + 12
ECHO_BLOCK = TONIC_BLOCK + 12
CHORD_MASKS = np.array([sum(1 << step % 12 for step in steps) for _, steps in CHORD_QUALITIES] + [0], dtype=np.int64)
DURATION_TICKS = np.array(rep.DURATION_TICKS, dtype=np.int64)
PITCH_OUTPUTS = rep.PITCH_OUTPUTS

# the place row of `look`: rep.PLACE, then the form's pointer in bars
PLACES = len(rep.PLACE) + 1
P_ROOT, P_QUALITY, P_BASS, P_NEXT, P_LEFT, P_LIKENESS, P_POINTER = 4, 5, 6, 7, 10, 11, 12

# where the conditions stand
_NAMES = [name for name, _ in rep.CONDITIONS]
N_STYLE, N_KEY, N_TEMPO, N_PLACE, N_DENSITY, N_REGISTER, N_POLYPHONY, N_LOUDNESS, N_PARTS, N_GIVEN, N_SCALE = (
    _NAMES.index(name) for name in ("style", "key", "tempo", "phase", "density", "register", "polyphony", "loudness",
                                    "parts", "given", "scale_c")
)  # fmt: skip

# cells
EVENT = 0  # six event classes of the last event
AHEAD = 6
UNIT_NOW, TICK_NOW = 7, 8
OWN_UNIT, OWN_PART, OWN_PITCH = 9, 10, 11
LAST_PITCH = 12  # one per part
COUNT = LAST_PITCH + PARTS
TRACE = COUNT + 1  # the memory's own three
KNOWN = TRACE + mem.TRACE  # condition and memory classes that the trunk's output was made with
NOTES = KNOWN + CONDITIONS + MEMORIES  # sounding notes: HELD rows of (part, pitch, end)
HELD = 64
CELLS = NOTES + 3 * HELD

# what a condition array holds
(C_STYLE, C_KEY, C_TEMPO, C_DENSITY, C_REGISTER, C_POLYPHONY, C_LOUDNESS, C_PARTS, C_GIVEN, C_SCALE, C_OWN, C_ROOT,
 C_ORIGIN, C_BEATS, C_BEAT_UNITS, C_CHORDS, C_FORM, C_END) = range(18)  # fmt: skip
NO_END = np.int64(-1)
# what a row of limits holds, one row a part
L_ALLOWED, L_LOW, L_HIGH, L_SCALE, L_CHORD, L_VOICES, L_LONGEST = range(7)

NEVER = np.float32(-1e30)


class Heads(NamedTuple):
    """The embedding and the heads. Matrices are (rows, columns) int8 or fp32, a scale per row; tables are fp32."""

    embedding: Any  # (classes, E)
    hidden: Any  # per head (width, H)
    hidden_scale: Any
    hidden_bias: Any
    table: Any  # per head (choices before it, width)
    output: Any  # per head (classes, width)
    output_scale: Any
    output_bias: Any


class Buffers(NamedTuple):
    """Working memory of one stream."""

    x: Any  # (E,) the last event, embedded
    plain: Any  # (E,) the same with nothing said that guidance strengthens
    wide: Any  # (head width,)
    logits: Any  # (PITCH_OUTPUTS,)
    guide: Any  # (PITCH_OUTPUTS,)
    scores: Any  # (128,)
    inputs: Any  # (fields,) int64
    choices: Any  # (22,) int64
    at: Any  # (PLACES,) int64 place row at a unit
    shifts: Any  # (SOURCES,) int64
    echo: Any  # (SOURCES,) int64 pitches of the part in the earlier places
    mask: Any  # (128,) bool
    begins: Any  # (PARTS,) int64 first tick at which a part may start
    result: Any  # (8,) int64


@njit(cache=True, fastmath=True, nogil=True)
def head(w, b, k, top):  # type: ignore[no-untyped-def]
    """Raw logits of head k into b.logits, with b.choices set as far as the head sees."""
    width = w.hidden[k].shape[0]
    wide = b.wide[:width]
    matvec(w.hidden[k], w.hidden_scale[k], w.hidden_bias[k], top, wide)
    for field in range(PREFIX[k]):
        add_row(w.table[k][CHOICE_STARTS[field] + b.choices[field]], wide)
    for j in range(width):
        wide[j] = wide[j] * sigmoid(wide[j])
    matvec(w.output[k], w.output_scale[k], w.output_bias[k], wide, b.logits)


@njit(cache=True, fastmath=True, nogil=True)
def guided_head(w, b, k, top, plain, strength):  # type: ignore[no-untyped-def]
    """head, moved away from what it would say if style, key, chords and levels were not said (classifier-free
    guidance, Ho and Salimans 2022): plain + strength * (told - plain)."""
    head(w, b, k, top)
    count = len(w.output_bias[k])
    b.guide[:count] = b.logits[:count]
    root, quality, bass = b.choices[ROOT], b.choices[ROOT + 1], b.choices[ROOT + 2]
    b.choices[ROOT], b.choices[ROOT + 1], b.choices[ROOT + 2] = rep.ROOTS - 1, rep.QUALITIES - 1, rep.ROOTS - 1
    head(w, b, k, plain)
    b.choices[ROOT], b.choices[ROOT + 1], b.choices[ROOT + 2] = root, quality, bass
    for i in range(count):
        b.logits[i] += strength * (b.guide[i] - b.logits[i])


@njit(cache=True, fastmath=True, nogil=True)
def pitch_logits(b, part, key_root):  # type: ignore[no-untyped-def]
    """Add the relative pitch logits to the absolute ones."""
    logits = b.logits
    if part != DRUMS:
        last, root = b.choices[LAST], b.choices[ROOT]
        for p in range(128):
            if last < NO_PITCH:
                logits[p] += logits[128 + min(max(p - last, -INTERVALS), INTERVALS) + INTERVALS]
            if root < 12:
                logits[p] += logits[CHORD_BLOCK + (p - root) % 12]
            if key_root < 12:
                logits[p] += logits[TONIC_BLOCK + (p - key_root) % 12]
    for s in range(SOURCES):
        pitch, block = b.echo[s], ECHO_BLOCK + s * (2 * ECHO_INTERVALS + 1)
        if pitch < NO_PITCH:
            for p in range(max(0, pitch - ECHO_INTERVALS), min(128, pitch + ECHO_INTERVALS + 1)):
                logits[p] += logits[block + p - pitch + ECHO_INTERVALS]


@njit(cache=True, nogil=True)
def delta_of(unit, target):  # type: ignore[no-untyped-def]
    """rep.delta_class."""
    delta = max(0, target - unit)
    if delta <= LINEAR:
        return delta
    first = ((unit + LINEAR) // HALF + 1) * HALF
    return LINEAR + 1 + min(DELTAS - LINEAR - 2, max(0, (target - first + HALF // 2) // HALF))


@njit(cache=True, nogil=True)
def unit_of(unit, delta):  # type: ignore[no-untyped-def]
    """rep.decode_delta."""
    if delta <= LINEAR:
        return unit + delta
    return ((unit + LINEAR) // HALF + 1 + delta - LINEAR - 1) * HALF


@njit(cache=True, nogil=True)
def uniform(seed, epoch, index, number):  # type: ignore[no-untyped-def]
    """A number in [0, 1) from its four keys (splitmix64, one round a key)."""
    value = np.uint64(0x9E3779B97F4A7C15)
    for key in (seed, epoch, index, number):
        value = (value ^ np.uint64(key)) + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value = value ^ (value >> np.uint64(31))
    return np.float32(value >> np.uint64(40)) * np.float32(1.0 / 16777216.0)


@njit(cache=True, fastmath=True, nogil=True)
def pick(scores, count, temperature, top_p, noise):  # type: ignore[no-untyped-def]
    """Draw from softmax(scores / temperature) cut to its nucleus; -1 when every score is NEVER. Overwrites scores."""
    best = NEVER
    for i in range(count):
        best = max(best, scores[i])
    if best <= NEVER:
        return -1
    total = np.float32(0)
    for i in range(count):
        if scores[i] <= NEVER:
            scores[i] = 0
        else:
            scores[i] = exp((scores[i] - best) / temperature)
        total += scores[i]
    if top_p < 1.0:  # the largest threshold that still keeps top_p of the mass, by halving
        low, high = np.float32(0), np.float32(1)
        for _ in range(24):
            middle = (low + high) * np.float32(0.5)
            kept = np.float32(0)
            for i in range(count):
                kept += scores[i] if scores[i] >= middle else np.float32(0)
            if kept >= top_p * total:
                low = middle
            else:
                high = middle
        total = np.float32(0)
        for i in range(count):
            if scores[i] < low:
                scores[i] = 0
            total += scores[i]
    goal = noise * total
    reached = np.float32(0)
    last = -1
    for i in range(count):
        if scores[i] > 0:
            reached += scores[i]
            last = i
            if reached > goal:
                return i
    return last


@njit(cache=True, nogil=True)
def _latest(table, count, tick):  # type: ignore[no-untyped-def]
    """Number of the first `count` entries of table[0] (rising ticks) that are not after `tick`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if table[0, middle] <= tick:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def look(conditions, chords, form, unit, at):  # type: ignore[no-untyped-def]
    """The place row at a grid unit. chords (4, n): ticks, roots, qualities, basses; form (3, n): ticks, bars back,
    likeness class."""
    at[0], at[1], at[2], at[3] = rep.NO_PHASE, rep.NO_BEAT, rep.NO_METRE, 0
    at[P_LEFT] = 0
    length = conditions[C_BEAT_UNITS]
    if length > 0:
        inside = unit - conditions[C_ORIGIN]
        at[0] = inside % length
        at[1] = inside // length % conditions[C_BEATS]
        at[2] = conditions[C_BEATS]
        at[3] = length
        if 0 <= unit <= conditions[C_END]:
            bar = length * conditions[C_BEATS]
            left = (conditions[C_END] - (unit - inside % bar)) // bar
            at[P_LEFT] = (
                1 if left < 1 else 2 if left < 2 else 3 if left < 4 else 4 if left < 8 else 5 if left < 16 else 6
            )
    tick = unit * UNIT + UNIT // 2
    for i in range(P_ROOT, P_NEXT + 3):
        at[i] = 0
    at[P_ROOT], at[P_QUALITY], at[P_BASS] = rep.ROOTS - 1, rep.QUALITIES - 1, rep.ROOTS - 1
    at[P_NEXT], at[P_NEXT + 1] = rep.ROOTS - 1, rep.QUALITIES - 1
    row = _latest(chords, conditions[C_CHORDS], tick)
    if row > 0:
        at[P_ROOT], at[P_QUALITY], at[P_BASS] = chords[1, row - 1], chords[2, row - 1], chords[3, row - 1]
    if row < conditions[C_CHORDS]:
        at[P_NEXT], at[P_NEXT + 1] = chords[1, row], chords[2, row]
        d = max(1, (chords[0, row] + UNIT // 2) // UNIT - unit)
        at[P_NEXT + 2] = (
            1 if d < 7 else 2 if d < 13 else 3 if d < 19 else 4 if d < 25 else 5 if d < 49 else 6 if d < 97 else 7
        )
    at[P_LIKENESS], at[P_POINTER] = 0, rep.LAG_BARS[rep.POINTER]
    row = _latest(form, conditions[C_FORM], tick)
    if row > 0 and form[1, row - 1] > 0:
        at[P_POINTER], at[P_LIKENESS] = form[1, row - 1], form[2, row - 1]


@njit(cache=True, fastmath=True, nogil=True)
def embed(w, inputs, x):  # type: ignore[no-untyped-def]
    """x = the sum of the embedding's rows for these classes."""
    x[:] = 0
    for field in range(len(inputs)):
        add_row(w.embedding[INPUT_STARTS[field] + inputs[field]], x)


@njit(cache=True, fastmath=True, nogil=True)
def prepare(w, b, cells, memory, conditions, chords, form, guided):  # type: ignore[no-untyped-def]
    """Embed the last event under these conditions into b.x (guided: also into b.plain, with style, key, chords and
    levels unsaid). Returns whether the trunk has to digest it (again)."""
    look(conditions, chords, form, cells[UNIT_NOW], b.at)
    new = b.inputs[EVENTS:]
    new[N_STYLE], new[N_KEY], new[N_TEMPO] = conditions[C_STYLE], conditions[C_KEY], conditions[C_TEMPO]
    for i in range(PLACES - 1):
        new[N_PLACE + i] = b.at[i]
    new[N_DENSITY], new[N_REGISTER] = conditions[C_DENSITY], conditions[C_REGISTER]
    new[N_POLYPHONY], new[N_LOUDNESS] = conditions[C_POLYPHONY], conditions[C_LOUDNESS]
    new[N_PARTS], new[N_GIVEN] = conditions[C_PARTS], conditions[C_GIVEN]
    for i in range(12):
        new[N_SCALE + i] = conditions[C_SCALE] >> i & 1
    trace = cells[TRACE:KNOWN]
    set_shifts(memory, trace, b.at[2] * b.at[3], b.at[P_POINTER], b.shifts)
    recall(
        memory, trace, b.shifts, cells[UNIT_NOW], cells[OWN_UNIT], cells[OWN_PART], cells[OWN_PITCH],
        conditions[C_OWN], new[CONDITIONS:],
    )  # fmt: skip
    same = cells[AHEAD] == (2 if guided else 1)
    for i in range(CONDITIONS + MEMORIES):
        same = same and cells[KNOWN + i] == new[i]
        cells[KNOWN + i] = new[i]
    if same:
        return False
    for i in range(EVENTS):
        b.inputs[i] = cells[EVENT + i]
    embed(w, b.inputs, b.x)
    if guided:
        new[N_STYLE], new[N_KEY] = rep.UNKNOWN_STYLE, rep.NO_KEY
        new[N_PLACE + P_ROOT], new[N_PLACE + P_QUALITY] = rep.ROOTS - 1, rep.QUALITIES - 1
        new[N_PLACE + P_BASS], new[N_PLACE + P_NEXT] = rep.ROOTS - 1, rep.ROOTS - 1
        new[N_PLACE + P_NEXT + 1], new[N_PLACE + P_NEXT + 2] = rep.QUALITIES - 1, 0
        for i in range(N_DENSITY, N_LOUDNESS + 1):
            new[i] = rep.NO_LEVEL
        for i in range(12):
            new[N_SCALE + i] = 1
        embed(w, b.inputs, b.plain)
    cells[AHEAD] = 2 if guided else 1
    return True


@njit(cache=True, nogil=True)
def start(cells, unit):  # type: ignore[no-untyped-def]
    """Cells of a stream that has heard nothing: the last event is START at `unit`."""
    cells[:] = 0
    cells[EVENT] = rep.KIND_START * (PARTS + 1) + NO_PART
    cells[EVENT + 1], cells[EVENT + 2], cells[EVENT + 3] = 0, rep.NO_MICRO, NO_PITCH
    cells[EVENT + 4], cells[EVENT + 5] = rep.NO_VELOCITY, rep.NO_DURATION
    cells[UNIT_NOW], cells[TICK_NOW] = unit, unit * UNIT
    cells[OWN_UNIT], cells[OWN_PART], cells[OWN_PITCH] = -FAR, -1, -1
    for part in range(PARTS):
        cells[LAST_PITCH + part] = NO_PITCH
    for i in range(HELD):
        cells[NOTES + 3 * i] = -1


@njit(cache=True, nogil=True)
def hold(cells, tick, part, pitch, end):  # type: ignore[no-untyped-def]
    """Remember a sounding note; the one that ends first makes room when all places are taken."""
    place, soonest = 0, FAR + 1
    for i in range(HELD):
        at = NOTES + 3 * i
        if cells[at] < 0 or cells[at + 2] <= tick:
            place = i
            break
        if cells[at + 2] < soonest:
            place, soonest = i, cells[at + 2]
    cells[NOTES + 3 * place], cells[NOTES + 3 * place + 1], cells[NOTES + 3 * place + 2] = part, pitch, end


@njit(cache=True, fastmath=True, nogil=True)
def feed(cells, memory, tick, part, pitch, velocity, duration, kind):  # type: ignore[no-untyped-def]
    """Make this event the last one, after the one before it was digested. duration in ticks (kind own); see rep for
    the kinds."""
    cells[AHEAD] = 0
    unit = (tick + UNIT // 2) // UNIT
    micro = min(MICROS - 1, (tick - unit * UNIT + UNIT // 2 + MICRO_STEP // 2) // MICRO_STEP)
    if unit < cells[UNIT_NOW]:
        unit, micro = cells[UNIT_NOW], MICRO_ZERO
    cells[EVENT] = kind * (PARTS + 1) + part
    cells[EVENT + 1] = delta_of(cells[UNIT_NOW], unit)
    cells[EVENT + 2] = micro
    cells[EVENT + 3] = pitch
    cells[EVENT + 4] = (
        rep.NO_VELOCITY if kind == rep.KIND_CLOSE else min(rep.VELOCITIES - 1, velocity // rep.VELOCITY_STEP)
    )
    if kind == rep.KIND_OPEN:
        cells[EVENT + 5] = rep.OPEN
        hold(cells, tick, part, pitch, FAR)
    elif kind == rep.KIND_CLOSE:
        cells[EVENT + 5] = rep.CLOSE
        for i in range(HELD):
            at = NOTES + 3 * i
            if cells[at] == part and cells[at + 1] == pitch and cells[at + 2] == FAR:
                cells[at] = -1
    else:
        cells[EVENT + 5] = duration_of(duration)
        hold(cells, tick, part, pitch, tick + duration)
        cells[OWN_UNIT], cells[OWN_PART], cells[OWN_PITCH] = unit, part, pitch
    if kind != rep.KIND_CLOSE:
        cells[LAST_PITCH + part] = pitch
        remember(memory, cells[TRACE:KNOWN], unit, part, pitch, cells[EVENT + 5])
    cells[UNIT_NOW], cells[TICK_NOW] = unit, max(cells[TICK_NOW], tick)
    cells[COUNT] += 1


@njit(cache=True, nogil=True)
def duration_of(ticks):  # type: ignore[no-untyped-def]
    """rep.duration_class: the geometric mean of neighbours is the border between them."""
    last = len(DURATION_TICKS) - 1
    for i in range(last):
        if ticks * ticks <= DURATION_TICKS[i] * DURATION_TICKS[i + 1]:
            return i
    return last


@njit(cache=True, nogil=True)
def free_at(cells, part, voices, tick):  # type: ignore[no-untyped-def]
    """First tick from `tick` on at which fewer than `voices` notes of a part sound; FAR when that is not known."""
    while True:
        sounding = 0
        soonest = FAR
        for i in range(HELD):
            at = NOTES + 3 * i
            if cells[at] == part and cells[at + 2] > tick:
                sounding += 1
                soonest = min(soonest, cells[at + 2])
        if sounding < voices or soonest >= FAR:
            return tick if sounding < voices else FAR
        tick = soonest


@njit(cache=True, fastmath=True, nogil=True)
def draw(  # type: ignore[no-untyped-def]
    w, b, top, plain, strength, cells, memory, conditions, chords, form, sampling, limits, drum_map, earliest, seed,
    epoch, index,
):  # fmt: skip
    """Decide the next own note, after the trunk has digested the last event. top, plain (H,): its output, and its
    output with less said, which counts where strength is not 1. sampling (2, 6, 2) fp32: temperature and top-p per
    head, for pitched parts and for drums; limits (PARTS, 7).

    b.result = (1, tick, part, pitch, velocity, duration) for a note, (0, until) for a rest.
    """
    unit_now = cells[UNIT_NOW]
    scores, logits, choices, result = b.scores, b.logits, b.choices, b.result
    earliest = max(earliest, unit_now * UNIT - UNIT // 2)
    row = limits[0]
    part, unit, tick, begin, first, tries, k = 0, 0, 0, earliest, 0, 0, 0
    # one loop with one call of `head` and `pick`: unrolled by hand it would take the compiler ten times as long
    while k < HEADS:
        if strength == 1.0:
            head(w, b, k, top)
        else:
            guided_head(w, b, k, top, plain, strength)
        if k == 0:  # who: parts that may play and whose voices come free in time
            for i in range(PARTS):
                scores[i] = NEVER
                if limits[i, L_ALLOWED] and limits[i, L_VOICES] > 0 and limits[i, L_LOW] <= limits[i, L_HIGH]:
                    b.begins[i] = free_at(cells, i, limits[i, L_VOICES], earliest)
                    if unit_of(unit_now, DELTAS - 1) * UNIT + TOP_MICRO >= b.begins[i]:
                        scores[i] = logits[i]
        elif k == 1:  # when: units from `first` on
            for i in range(DELTAS):
                scores[i] = logits[i] if unit_of(unit_now, i) >= first else NEVER
        elif k == 2:
            for i in range(MICROS):
                scores[i] = logits[i] if unit * UNIT + (i - MICRO_ZERO) * MICRO_STEP >= begin else NEVER
        elif k == 3:
            pitch_logits(b, part, conditions[C_ROOT])
            for i in range(128):
                scores[i] = logits[i] if b.mask[i] else NEVER
        elif k == 4:
            for i in range(rep.VELOCITIES):
                scores[i] = logits[i]
        else:
            for i in range(rep.DURATIONS):
                scores[i] = (
                    logits[i] if i == 0 or row[L_LONGEST] <= 0 or DURATION_TICKS[i] <= row[L_LONGEST] else NEVER
                )
        kit = 1 if k > 0 and part == DRUMS else 0
        choice = pick(scores, SIZES[k], sampling[kit, k, 0], sampling[kit, k, 1], uniform(seed, epoch, index, k))
        if choice < 0:
            result[0], result[1] = 0, max(begin, earliest + 12 * UNIT)
            return
        if k == 0:
            part = choice
            row = limits[part]
            begin = b.begins[part]
            # the smallest unit whose last micro step is not before begin; own notes of one unit rise in (part, pitch)
            first = max(-((TOP_MICRO - begin) // UNIT), unit_now)
            if first == cells[OWN_UNIT] and (
                part < cells[OWN_PART] or (part == cells[OWN_PART] and cells[OWN_PITCH] >= row[L_HIGH])
            ):
                first += 1
        elif k == 1:
            unit = unit_of(unit_now, choice)
            look(conditions, chords, form, unit, b.at)
            order = cells[OWN_PITCH] + 1 if unit == cells[OWN_UNIT] and part == cells[OWN_PART] else 0
            low = max(row[L_LOW], order)
            if not allowed(b.mask, row, part, low, b.at[P_ROOT], b.at[P_QUALITY], drum_map):
                tries += 1
                if tries == 3:
                    result[0], result[1] = 0, max(unit * UNIT, earliest) + UNIT
                    return
                first = unit + 1
                continue
            for i in range(ONSETS):
                choices[ONSET + i] = b.at[ONSET_PLACES[i]]
            choices[LAST] = cells[LAST_PITCH + part]
            trace = cells[TRACE:KNOWN]
            set_shifts(memory, trace, b.at[2] * b.at[3], b.at[P_POINTER], b.shifts)
            echoes(memory, trace, b.shifts, unit, part, order, b.echo, choices[LENGTHS : LENGTHS + SOURCES])
        elif k == 2:
            tick = unit * UNIT + (choice - MICRO_ZERO) * MICRO_STEP
        elif k == 3:
            for i in range(SOURCES):
                choices[SAME + i] = 0 if b.echo[i] == NO_PITCH else 1 if b.echo[i] == choice else 2
        if k < 5:
            choices[COLUMN[k]] = choice
        else:
            duration = DURATION_TICKS[choice]
            if row[L_VOICES] == 1 and part != DRUMS:
                duration = legato(unit, tick, duration)
            if row[L_LONGEST] > 0:
                duration = min(duration, row[L_LONGEST])
            velocity = choices[VELOCITY] * rep.VELOCITY_STEP + np.int64(
                uniform(seed, epoch, index, HEADS) * rep.VELOCITY_STEP
            )
            result[0], result[1], result[2], result[3] = 1, tick, part, choices[PITCH]
            result[4], result[5] = min(127, max(1, velocity)), max(1, duration)
        k += 1


@njit(cache=True, nogil=True)
def legato(unit, tick, duration):  # type: ignore[no-untyped-def]
    """Length of a note of a one-voice part: its end falls back to the last 16th or 8th triplet if that keeps half of
    it, so that the next note can start on time."""
    end = unit * UNIT + duration
    stop = max(end // 120 * 120, end // 160 * 160)
    return stop - tick if 2 * (stop - tick) >= duration else duration


@njit(cache=True, nogil=True)
def allowed(mask, row, part, low, root, quality, drum_map):  # type: ignore[no-untyped-def]
    """mask[p] = whether the limits allow pitch p; returns whether there is any."""
    found = False
    tones = CHORD_MASKS[quality] if row[L_CHORD] else 0
    for p in range(128):
        good = low <= p <= row[L_HIGH]
        if part == DRUMS:
            good = good and drum_map[p]
        else:
            good = good and (row[L_SCALE] >> (p % 12)) & 1 == 1
            good = good and (tones == 0 or (tones >> ((p - root) % 12)) & 1 == 1)
        mask[p] = good
        found = found or good
    return found


@njit(cache=True, fastmath=True, nogil=True)
def score(w, b, tops, targets, choices, echo, key_root, low, stay, weight, played, loud, bits):  # type: ignore[no-untyped-def]
    """Add the bits of every head over a window (fields as in windows.Batch) to bits (6,). tops (T, H): the trunk's
    output after each event."""
    for t in range(len(tops)):
        if weight[t] == 0:
            continue
        b.choices[:] = choices[t]
        b.echo[:] = echo[t]
        for k in range(HEADS):
            if (k == 2 and played[t] == 0) or (k == 4 and loud[t] == 0):
                continue
            head(w, b, k, tops[t])
            if k == 3:
                pitch_logits(b, targets[t, 0], key_root[t])
            goal = targets[t, k]
            first = 0
            if k == 1 and stay[t] and goal > 0:
                first = 1
            if k == 3 and low[t] <= goal:
                first = low[t]
            best = NEVER
            for i in range(first, SIZES[k]):
                best = max(best, b.logits[i])
            total = np.float64(0)
            for i in range(first, SIZES[k]):
                total += exp(b.logits[i] - best)
            bits[k] += (np.log(total) - (b.logits[goal] - best)) * 1.4426950408889634
