"""What all voices pass through: chorus, reverb, DC blocker and a look-ahead limiter.

The reverb is a feedback delay network of eight damped lines behind two all-pass diffusers. The limiter knows
every peak LOOKAHEAD frames early: its gain is the mean of LOOKAHEAD running minima, so it has reached what the
peak needs exactly when the peak comes out, without a corner. Threads: the one that renders. Realtime-safe: yes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from . import layout as at

U = np.uint64
F32 = np.float32
ZERO, ONE = F32(0), F32(1)
MASTER = F32(0.24)
KNEE = F32(0.70)  # below it the limiter does nothing
ROOM = F32(0.9655 - 0.70)  # and it never lets more through than -0.305 dBFS
DIFFUSION = F32(0.62)
REVERB_GAIN = F32(0.34)
CHORUS_GAIN = F32(0.7)
CHORUS_DELAY = 0.009  # seconds
CHORUS_DEPTH = 0.0022
DAMPING = F32(0.34)
TINY = F32(1e-18)  # keeps silence out of the range where processors slow down
FAINT = F32(1e-9)  # below a 24-bit file's last bit
GAIN_UNIT = float(1 << 24)
INV_BOX = 1.0 / (GAIN_UNIT * at.LOOKAHEAD)
NORM = F32(1 / math.sqrt(8))


@njit(nogil=True, error_model="numpy", inline="always")
def line_index(number, position):
    """Index of a sample of delay line `number`."""
    return U(at.F_LINES + number * at.LINE_SIZE + position)


@njit(nogil=True, error_model="numpy", inline="always")
def advance(ints, number, position):
    """Store the next position of a delay line."""
    position += 1
    ints[U(at.I_LINE_POS + number)] = 0 if position >= ints[U(at.I_LINE_LEN + number)] else position


@njit(nogil=True, error_model="numpy", inline="always")
def damped(floats, number, read):
    """One line's output through its low-pass and feedback gain."""
    low = floats[U(at.F_DAMP + number)]
    low += (read - low) * (ONE - DAMPING)
    floats[U(at.F_DAMP + number)] = low
    return low * floats[U(at.F_FEEDBACK + number)]


@njit(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
def chorus(ints, floats, frames):
    """Spread the chorus bus over left and right and pass a little on to the reverb."""
    rate = floats[at.F_SAMPLE_RATE]
    middle = F32(CHORUS_DELAY) * rate
    depth = F32(CHORUS_DEPTH) * rate
    position = ints[at.I_CHORUS_POS]
    phase = floats[at.F_CHORUS_PHASE]
    step = floats[at.F_CHORUS_STEP]
    mask = at.CHORUS_SIZE - 1
    for f in range(U(frames)):
        x = floats[U(at.F_BUS_CHORUS) + f]
        floats[U(at.F_CHORUS + position)] = x
        phase += step
        if phase >= ONE:
            phase -= ONE
        quarter = phase + F32(0.25)
        if quarter >= ONE:
            quarter -= ONE
        # a parabola on each half wave: close to a sine, and smooth
        a = F32(4) * phase - F32(2)
        a = a * (F32(2) - abs(a))
        b = F32(4) * quarter - F32(2)
        b = b * (F32(2) - abs(b))
        for side in range(2):
            delay = middle + depth * (a if side == 0 else b)
            whole = np.int64(delay)
            part = delay - F32(whole)
            y0 = floats[U(at.F_CHORUS + ((position - whole) & mask))]
            y1 = floats[U(at.F_CHORUS + ((position - whole - 1) & mask))]
            y = (y0 + (y1 - y0) * part) * CHORUS_GAIN
            floats[U(at.F_BUS_L + side * at.TICK) + f] += y
            floats[U(at.F_BUS_REVERB) + f] += y * F32(0.2)
        position = (position + 1) & mask
    ints[at.I_CHORUS_POS] = position
    floats[at.F_CHORUS_PHASE] = phase


@njit(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
def reverb(ints, floats, frames):
    """Add the room to left and right."""
    low = floats[at.F_REVERB_LOW]
    low_coef = floats[at.F_REVERB_LOW_COEF]
    for f in range(U(frames)):
        x = floats[U(at.F_BUS_REVERB) + f] + TINY
        low += (x - low) * low_coef
        x -= low
        # pre-delay, then two all-pass diffusers
        p = ints[U(at.I_LINE_POS + 10)]
        i = line_index(10, p)
        y = floats[i]
        floats[i] = x
        advance(ints, 10, p)
        for number in (8, 9):
            p = ints[U(at.I_LINE_POS + number)]
            i = line_index(number, p)
            back = floats[i]
            into = y - DIFFUSION * back + TINY
            floats[i] = into
            y = back + DIFFUSION * into
            advance(ints, number, p)

        p0, p1, p2, p3 = (
            ints[at.I_LINE_POS],
            ints[at.I_LINE_POS + 1],
            ints[at.I_LINE_POS + 2],
            ints[at.I_LINE_POS + 3],
        )
        p4, p5, p6, p7 = (
            ints[at.I_LINE_POS + 4],
            ints[at.I_LINE_POS + 5],
            ints[at.I_LINE_POS + 6],
            ints[at.I_LINE_POS + 7],
        )
        s0 = damped(floats, 0, floats[line_index(0, p0)])
        s1 = damped(floats, 1, floats[line_index(1, p1)])
        s2 = damped(floats, 2, floats[line_index(2, p2)])
        s3 = damped(floats, 3, floats[line_index(3, p3)])
        s4 = damped(floats, 4, floats[line_index(4, p4)])
        s5 = damped(floats, 5, floats[line_index(5, p5)])
        s6 = damped(floats, 6, floats[line_index(6, p6)])
        s7 = damped(floats, 7, floats[line_index(7, p7)])
        floats[U(at.F_BUS_L) + f] += (s0 - s2 + s4 - s6) * REVERB_GAIN
        floats[U(at.F_BUS_R) + f] += (s1 - s3 + s5 - s7) * REVERB_GAIN
        # Hadamard matrix: every line feeds every line, no energy made or lost
        a0, a1, a2, a3 = s0 + s1, s0 - s1, s2 + s3, s2 - s3
        a4, a5, a6, a7 = s4 + s5, s4 - s5, s6 + s7, s6 - s7
        b0, b1, b2, b3 = a0 + a2, a1 + a3, a0 - a2, a1 - a3
        b4, b5, b6, b7 = a4 + a6, a5 + a7, a4 - a6, a5 - a7
        floats[line_index(0, p0)] = (b0 + b4) * NORM + y
        floats[line_index(1, p1)] = (b1 + b5) * NORM - y
        floats[line_index(2, p2)] = (b2 + b6) * NORM + y
        floats[line_index(3, p3)] = (b3 + b7) * NORM + y
        floats[line_index(4, p4)] = (b0 - b4) * NORM - y
        floats[line_index(5, p5)] = (b1 - b5) * NORM + y
        floats[line_index(6, p6)] = (b2 - b6) * NORM + y
        floats[line_index(7, p7)] = (b3 - b7) * NORM - y
        advance(ints, 0, p0)
        advance(ints, 1, p1)
        advance(ints, 2, p2)
        advance(ints, 3, p3)
        advance(ints, 4, p4)
        advance(ints, 5, p5)
        advance(ints, 6, p6)
        advance(ints, 7, p7)
    floats[at.F_REVERB_LOW] = low


@njit(nogil=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def smallest_need(floats):
    """The least gain that any peak in the look-ahead window allows."""
    least = ONE
    for i in range(U(at.LOOKAHEAD)):
        least = min(least, floats[U(at.F_LIMIT_NEED) + i])
    return least


@njit(nogil=True, error_model="numpy")
def limit(ints, floats, left, right, start, frames):
    """Block DC, limit, and write `frames` of both buses to the outputs from `start` on."""
    residue_l, residue_r = floats[at.F_RESIDUE_L], floats[at.F_RESIDUE_R]
    residue_decay = floats[at.F_RESIDUE_DECAY]
    xl, yl, xr, yr = floats[at.F_DC], floats[at.F_DC + 1], floats[at.F_DC + 2], floats[at.F_DC + 3]
    dc = floats[at.F_DC_COEF]
    position = ints[at.I_LIMIT_POS]
    total = ints[at.I_LIMIT_SUM]
    limited = 0
    least = floats[at.F_LIMIT_LEAST]
    gain = floats[at.F_LIMIT_GAIN]
    slow = floats[at.F_LIMIT_RELEASE]
    for f in range(frames):
        x = (floats[U(at.F_BUS_L) + U(f)] + residue_l) * MASTER + TINY
        yl = x - xl + dc * yl
        xl = x
        x = (floats[U(at.F_BUS_R) + U(f)] + residue_r) * MASTER + TINY
        yr = x - xr + dc * yr
        xr = x
        residue_l = residue_l * residue_decay if abs(residue_l) > FAINT else ZERO
        residue_r = residue_r * residue_decay if abs(residue_r) > FAINT else ZERO
        yl = yl if abs(yl) > FAINT else ZERO
        yr = yr if abs(yr) > FAINT else ZERO
        peak = max(abs(yl), abs(yr))
        need = ONE
        if peak > KNEE:
            need = (KNEE + ROOM * F32(math.tanh((peak - KNEE) / ROOM))) / peak
        p = U(position)
        leaving = floats[U(at.F_LIMIT_NEED) + p]
        floats[U(at.F_LIMIT_NEED) + p] = need
        if need <= least:
            least = need
        elif leaving <= least:
            least = smallest_need(floats)
        if least < ONE:
            limited += 1
        gain = min(least, gain + (ONE - gain) * slow)
        stored = U(at.F_LIMIT_BOX) + p
        total -= np.int64(float(floats[stored]) * GAIN_UNIT)
        floats[stored] = gain
        total += np.int64(float(gain) * GAIN_UNIT)
        floats[U(at.F_LIMIT_L) + p] = yl
        floats[U(at.F_LIMIT_R) + p] = yr
        position = (position + 1) & (at.LOOKAHEAD - 1)
        smooth = F32(float(total) * INV_BOX)
        q = U(position)
        left[U(start + f)] = floats[U(at.F_LIMIT_L) + q] * smooth
        right[U(start + f)] = floats[U(at.F_LIMIT_R) + q] * smooth
    floats[at.F_RESIDUE_L], floats[at.F_RESIDUE_R] = residue_l, residue_r
    floats[at.F_DC], floats[at.F_DC + 1], floats[at.F_DC + 2], floats[at.F_DC + 3] = xl, yl, xr, yr
    ints[at.I_LIMIT_POS] = position
    ints[at.I_LIMIT_SUM] = total
    ints[at.I_LIMITED] += limited
    floats[at.F_LIMIT_LEAST] = least
    floats[at.F_LIMIT_GAIN] = gain
