"""The music decoder's numba kernels: one GRU step, one decision, scores of a whole sequence.

Flat module-level functions, compiled once and cached. Weights are int8 rows with a scale each (or fp32 rows with
scale 1, for the parity test: the same code, compiled for that type); activations are fp32. Nothing here allocates:
every buffer comes from the caller. Sampling, masks, chord look-up and the bookkeeping of sounding notes live
inside: Python calls `digest` and `draw` to decide a note, `feed` to tell of one.

State of a stream: `hidden`, the GRU's state before the last event; `ahead`, its state after it, valid while
cells[AHEAD] is 1; `cells`, integers: the last event, what the order rules need, and the notes that sound. The last
event is digested only when the next decision or event needs it, so a changed condition acts on the next note.

Random numbers are a hash of (seed, epoch, index, head): the same key gives the same draw, whatever was drawn before.

Threads: any, one per set of buffers; the GIL is released. Realtime-safe: yes, once compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from aigc_music.core.parts import DRUMS
from aigc_music.core.theory import CHORD_QUALITIES

from . import representation as rep
from .arithmetic import exp, sigmoid, tanh

__all__ = ["CELLS", "HELD", "Buffers", "Weights", "digest", "draw", "feed", "score", "start"]

PARTS = rep.PARTS
HEADS = 6
UNIT = rep.UNIT
LINEAR, HALF, DELTAS = rep.LINEAR, rep.HALF, rep.DELTAS
MICROS, MICRO_STEP, MICRO_ZERO = rep.MICROS, rep.MICRO_STEP, rep.MICRO_ZERO
TOP_MICRO = (MICROS - 1 - MICRO_ZERO) * MICRO_STEP
NO_PITCH, NO_PART = rep.NO_PITCH, rep.NO_PART
EVENTS = len(rep.EVENT_FIELDS)
CONDITIONS = len(rep.CONDITIONS)
INPUTS = EVENTS + CONDITIONS
FAR = np.int64(1) << 60  # end of a note that still sounds

INPUT_STARTS = np.concatenate(([0], np.cumsum([size for _, size in rep.EVENT_FIELDS + rep.CONDITIONS])))[:-1].astype(
    np.int64
)
_CHOICE_SIZES = [
    PARTS,
    DELTAS,
    rep.PHASES + 1,
    rep.BEATS + 1,
    rep.ROOTS,
    rep.QUALITIES,
    129,
    MICROS,
    128,
    rep.VELOCITIES,
]
CHOICE_STARTS = np.concatenate(([0], np.cumsum(_CHOICE_SIZES)))[:-1].astype(np.int64)
PREFIX = np.array([0, 1, 7, 8, 9, 10], dtype=np.int64)
COLUMN = np.array([0, 1, 7, 8, 9], dtype=np.int64)  # where the choice of a head stands among the choices
SIZES = np.array([size for _, size in rep.HEADS], dtype=np.int64)
INTERVALS = 24
CHORD_MASKS = np.array([sum(1 << step % 12 for step in steps) for _, steps in CHORD_QUALITIES] + [0], dtype=np.int64)
DURATION_TICKS = np.array(rep.DURATION_TICKS, dtype=np.int64)
PITCH_OUTPUTS = 128 + 2 * INTERVALS + 1 + 24

# cells
EVENT = 0  # six event classes of the last event
AHEAD = 6
UNIT_NOW, TICK_NOW = 7, 8
OWN_UNIT, OWN_PART, OWN_PITCH = 9, 10, 11
LAST_PITCH = 12  # one per part
COUNT = LAST_PITCH + PARTS
KNOWN = COUNT + 1  # condition classes that `ahead` was made with
NOTES = KNOWN + CONDITIONS  # sounding notes: HELD rows of (part, pitch, end)
HELD = 64
CELLS = NOTES + 3 * HELD

# what a condition array holds
C_STYLE, C_KEY, C_TEMPO, C_DENSITY, C_PARTS, C_ROOT, C_ORIGIN, C_BEATS, C_BEAT_UNITS, C_CHORDS = range(10)
# what a row of limits holds, one row a part
L_ALLOWED, L_LOW, L_HIGH, L_SCALE, L_CHORD, L_VOICES, L_LONGEST = range(7)

NEVER = np.float32(-1e30)


class Weights(NamedTuple):
    """All weights. Matrices are (rows, columns) int8 or fp32 with a scale per row; tables are fp32."""

    embedding: Any  # (classes, E)
    first: Any  # (3H, E) input matrix of the first layer
    first_scale: Any
    inner: Any  # (layers - 1, 3H, H) input matrices of the others
    inner_scale: Any
    state: Any  # (layers, 3H, H)
    state_scale: Any
    input_bias: Any  # (layers, 3H)
    state_bias: Any
    hidden: Any  # per head (width, H)
    hidden_scale: Any
    hidden_bias: Any
    table: Any  # per head (choices before it, width)
    output: Any  # per head (classes, width)
    output_scale: Any
    output_bias: Any


class Buffers(NamedTuple):
    """Working memory of one stream."""

    x: Any  # (max(E, H),)
    gates: Any  # (3H,)
    inner: Any  # (3H,)
    wide: Any  # (head width,)
    logits: Any  # (PITCH_OUTPUTS,)
    scores: Any  # (128,)
    inputs: Any  # (17,) int64
    choices: Any  # (10,) int64
    at: Any  # (6,) int64 metre and chord at a unit
    mask: Any  # (128,) bool
    begins: Any  # (PARTS,) int64 first tick at which a part may start
    result: Any  # (8,) int64


@njit(cache=True, fastmath=True, nogil=True)
def matvec(matrix, scale, bias, x, out):  # type: ignore[no-untyped-def]
    """out = scale * (matrix @ x) + bias; four rows at a time so that x is read once."""
    rows, columns = matrix.shape
    whole = rows // 4 * 4
    for i in range(0, whole, 4):
        r0, r1, r2, r3 = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        a0, a1, a2, a3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(columns):
            v = x[j]
            a0 += np.float32(r0[j]) * v
            a1 += np.float32(r1[j]) * v
            a2 += np.float32(r2[j]) * v
            a3 += np.float32(r3[j]) * v
        out[i] = a0 * scale[i] + bias[i]
        out[i + 1] = a1 * scale[i + 1] + bias[i + 1]
        out[i + 2] = a2 * scale[i + 2] + bias[i + 2]
        out[i + 3] = a3 * scale[i + 3] + bias[i + 3]
    for i in range(whole, rows):
        row = matrix[i]
        a = np.float32(0)
        for j in range(columns):
            a += np.float32(row[j]) * x[j]
        out[i] = a * scale[i] + bias[i]


@njit(cache=True, fastmath=True, nogil=True)
def add_row(row, out):  # type: ignore[no-untyped-def]
    """out += row."""
    for j in range(len(row)):
        out[j] += row[j]


@njit(cache=True, fastmath=True, nogil=True)
def gate(gates, inner, before, after, size):  # type: ignore[no-untyped-def]
    """The pointwise half of a GRU layer."""
    for j in range(2 * size):
        gates[j] = sigmoid(gates[j] + inner[j])
    for j in range(size):
        gates[2 * size + j] = tanh(gates[2 * size + j] + gates[j] * inner[2 * size + j])
    for j in range(size):
        new = gates[2 * size + j]
        after[j] = new + gates[size + j] * (before[j] - new)


@njit(cache=True, fastmath=True, nogil=True)
def step(w, b, inputs, before, after):  # type: ignore[no-untyped-def]
    """One event through the trunk: inputs (17,) classes; before, after (layers * H,)."""
    layers, _, size = w.state.shape
    embedded = w.embedding.shape[1]
    x = b.x[:embedded]
    x[:] = 0
    for field in range(INPUTS):
        add_row(w.embedding[INPUT_STARTS[field] + inputs[field]], x)
    matvec(w.first, w.first_scale, w.input_bias[0], x, b.gates)
    for layer in range(layers):
        start = layer * size
        if layer > 0:
            matvec(
                w.inner[layer - 1],
                w.inner_scale[layer - 1],
                w.input_bias[layer],
                after[start - size : start],
                b.gates,
            )
        matvec(w.state[layer], w.state_scale[layer], w.state_bias[layer], before[start : start + size], b.inner)
        gate(b.gates, b.inner, before[start : start + size], after[start : start + size], size)


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
def pitch_logits(b, part, key_root):  # type: ignore[no-untyped-def]
    """Add the relative pitch logits to the absolute ones."""
    if part == DRUMS:
        return
    last, root = b.choices[6], b.choices[4]
    logits = b.logits
    for p in range(128):
        if last < NO_PITCH:
            logits[p] += logits[128 + min(max(p - last, -INTERVALS), INTERVALS) + INTERVALS]
        if root < 12:
            logits[p] += logits[128 + 2 * INTERVALS + 1 + (p - root) % 12]
        if key_root < 12:
            logits[p] += logits[128 + 2 * INTERVALS + 13 + (p - key_root) % 12]


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
def look(conditions, chords, unit, at):  # type: ignore[no-untyped-def]
    """at = (phase, beat, beats, beat_units, root, quality) at a grid unit; chords (3, n): ticks, roots, qualities."""
    at[0], at[1], at[2], at[3] = rep.NO_PHASE, rep.NO_BEAT, rep.NO_METRE, 0
    length = conditions[C_BEAT_UNITS]
    if length > 0:
        inside = unit - conditions[C_ORIGIN]
        at[0] = inside % length
        at[1] = inside // length % conditions[C_BEATS]
        at[2] = conditions[C_BEATS]
        at[3] = length
    at[4], at[5] = rep.ROOTS - 1, rep.QUALITIES - 1
    low, high = 0, conditions[C_CHORDS]
    tick = unit * UNIT + UNIT // 2
    while low < high:
        middle = (low + high) // 2
        if chords[0, middle] <= tick:
            low = middle + 1
        else:
            high = middle
    if low > 0:
        at[4], at[5] = chords[1, low - 1], chords[2, low - 1]


@njit(cache=True, fastmath=True, nogil=True)
def digest(w, b, hidden, ahead, cells, conditions, chords):  # type: ignore[no-untyped-def]
    """Make `ahead` the state after the last event, unless it is already, under these conditions."""
    look(conditions, chords, cells[UNIT_NOW], b.at)
    new = b.inputs[EVENTS:]
    new[0], new[1] = conditions[C_STYLE], conditions[C_KEY]
    for i in range(4):
        new[2 + i] = b.at[i]
    new[6], new[7], new[8] = conditions[C_TEMPO], b.at[4], b.at[5]
    new[9], new[10] = conditions[C_DENSITY], conditions[C_PARTS]
    same = cells[AHEAD] == 1
    for i in range(CONDITIONS):
        same = same and cells[KNOWN + i] == new[i]
        cells[KNOWN + i] = new[i]
    if same:
        return
    for i in range(EVENTS):
        b.inputs[i] = cells[EVENT + i]
    step(w, b, b.inputs, hidden, ahead)
    cells[AHEAD] = 1


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
def feed(hidden, ahead, cells, tick, part, pitch, velocity, duration, kind):  # type: ignore[no-untyped-def]
    """Make this event the last one, after `digest`. duration in ticks (kind own); see rep for the kinds."""
    hidden[:] = ahead
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
def draw(w, b, ahead, cells, conditions, chords, sampling, limits, drum_map, earliest, seed, epoch, index):  # type: ignore[no-untyped-def]
    """Decide the next own note, after `digest`. sampling (2, 6, 2) fp32: temperature and top-p per head, for pitched
    parts and for drums; limits (PARTS, 7).

    b.result = (1, tick, part, pitch, velocity, duration) for a note, (0, until) for a rest.
    """
    top = ahead[len(ahead) - w.state.shape[2] :]
    unit_now = cells[UNIT_NOW]
    scores, logits, choices, result = b.scores, b.logits, b.choices, b.result
    earliest = max(earliest, unit_now * UNIT - UNIT // 2)
    row = limits[0]
    part, unit, tick, begin, first, tries, k = 0, 0, 0, earliest, 0, 0, 0
    # one loop with one call of `head` and `pick`: unrolled by hand it would take the compiler ten times as long
    while k < HEADS:
        head(w, b, k, top)
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
            look(conditions, chords, unit, b.at)
            low = row[L_LOW]
            if unit == cells[OWN_UNIT] and part == cells[OWN_PART]:
                low = max(low, cells[OWN_PITCH] + 1)
            if not allowed(b.mask, row, part, low, b.at[4], b.at[5], drum_map):
                tries += 1
                if tries == 3:
                    result[0], result[1] = 0, max(unit * UNIT, earliest) + UNIT
                    return
                first = unit + 1
                continue
            choices[2], choices[3], choices[4], choices[5] = b.at[0], b.at[1], b.at[4], b.at[5]
            choices[6] = cells[LAST_PITCH + part]
        elif k == 2:
            tick = unit * UNIT + (choice - MICRO_ZERO) * MICRO_STEP
        if k < 5:
            choices[COLUMN[k]] = choice
        else:
            duration = DURATION_TICKS[choice]
            if row[L_VOICES] == 1 and part != DRUMS:
                duration = legato(unit, tick, duration)
            if row[L_LONGEST] > 0:
                duration = min(duration, row[L_LONGEST])
            velocity = choices[9] * rep.VELOCITY_STEP + np.int64(
                uniform(seed, epoch, index, HEADS) * rep.VELOCITY_STEP
            )
            result[0], result[1], result[2], result[3] = 1, tick, part, choices[8]
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
def score(w, b, hidden, ahead, inputs, targets, onset, key_root, last, low, stay, weight, played, loud, bits):  # type: ignore[no-untyped-def]
    """Add the bits of every head over a window (fields as in windows.Batch) to bits (6,); the state goes on."""
    size = w.state.shape[2]
    for t in range(len(inputs)):
        step(w, b, inputs[t], hidden, ahead)
        hidden[:] = ahead
        if weight[t] == 0:
            continue
        top = hidden[len(hidden) - size :]
        b.choices[0], b.choices[1], b.choices[6] = targets[t, 0], targets[t, 1], last[t]
        b.choices[2], b.choices[3], b.choices[4], b.choices[5] = onset[t, 0], onset[t, 1], onset[t, 2], onset[t, 3]
        b.choices[7], b.choices[8], b.choices[9] = targets[t, 2], targets[t, 3], targets[t, 4]
        for k in range(HEADS):
            if (k == 2 and played[t] == 0) or (k == 4 and loud[t] == 0):
                continue
            head(w, b, k, top)
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
