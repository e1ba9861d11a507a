"""Sustained voices: two saws and a tone of six harmonics, a TPT state-variable low-pass, two envelopes.

Voices are the SIMD lanes: one frame of 16 voices at a time, everything in field-major rows, no table look-ups
(a gather would stop LLVM from vectorising, and ARM has none). The saws' jumps are rounded by an integrated cubic
B-spline over four frames, which keeps aliases below hearing; the tone leaves out harmonics that would pass
Nyquist. Envelopes, vibrato and cut-off are looked at every TICK frames and run in straight lines
between. Threads: the one that renders. Realtime-safe: yes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from . import layout as at

FAST = {"contract", "reassoc", "nsz", "arcp"}
U = np.uint64
F32 = np.float32
ZERO, QUARTER, HALF, ONE, TWO, FOUR = F32(0), F32(0.25), F32(0.5), F32(1), F32(2), F32(4)
TWELFTH = F32(1 / 12)
SINE0, SINE1, SINE2, SINE3 = F32(-25.1321696), F32(64.7927524), F32(-66.2389683), F32(32.6093221)
INV_TICK = F32(1 / at.TICK)
MIDDLE_C = 261.6256
SILENT = 1e-4
STILL = F32(3e-6)
STEAL_SECONDS = 0.005


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def sine(phase):
    """sin(2 pi phase) for a phase of 0..1, off by 7e-6 at most."""
    x = phase - HALF
    q = x * x
    return x * (QUARTER - q) * (SINE0 + q * (SINE1 + q * (SINE2 + q * SINE3)))


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def saw(phase, inverse):
    """A rising saw at `phase` 0..1; `inverse` is frames per period. The jump is a B-spline four frames long."""
    after = phase < HALF
    distance = (phase if after else ONE - phase) * inverse
    w = max(ZERO, TWO - distance)
    v = max(ZERO, ONE - distance)
    w *= w
    v *= v
    rounding = (w * w - FOUR * v * v) * TWELFTH
    return phase + phase - ONE + (rounding if after else -rounding)


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def sound_group(floats, group, frames):
    """Add `frames` of the 16 lanes of `group` to the buses."""
    lane0 = U(at.F_LANE) + U(group) * U(at.LANE_GROUP)
    width = U(at.LANES)
    for f in range(U(frames)):
        left = ZERO
        right = ZERO
        reverb = ZERO
        chorus = ZERO
        for j in range(U(at.LANE_GROUP)):
            v = lane0 + j
            p1 = floats[v + U(at.L_PHASE1) * width] + floats[v + U(at.L_INC1) * width]
            p2 = floats[v + U(at.L_PHASE2) * width] + floats[v + U(at.L_INC2) * width]
            p3 = floats[v + U(at.L_PHASE3) * width] + floats[v + U(at.L_INC3) * width]
            p1 -= ONE if p1 >= ONE else ZERO
            p2 -= ONE if p2 >= ONE else ZERO
            p3 -= ONE if p3 >= ONE else ZERO
            floats[v + U(at.L_PHASE1) * width] = p1
            floats[v + U(at.L_PHASE2) * width] = p2
            floats[v + U(at.L_PHASE3) * width] = p3
            # the harmonics from sine and cosine: sin(n x) = 2 cos(x) sin((n - 1) x) - sin((n - 2) x)
            h1 = sine(p3)
            turned = p3 + QUARTER
            turned -= ONE if turned >= ONE else ZERO
            cosine = sine(turned)
            cosine += cosine
            h2 = cosine * h1
            h3 = cosine * h2 - h1
            h4 = cosine * h3 - h2
            h5 = cosine * h4 - h3
            h6 = cosine * h5 - h4
            x = (
                saw(p1, floats[v + U(at.L_INV1) * width]) * floats[v + U(at.L_SAW1) * width]
                + saw(p2, floats[v + U(at.L_INV2) * width]) * floats[v + U(at.L_SAW2) * width]
                + h1 * floats[v + U(at.L_TONE1) * width]
                + h2 * floats[v + U(at.L_TONE2) * width]
                + h3 * floats[v + U(at.L_TONE3) * width]
                + h4 * floats[v + U(at.L_TONE4) * width]
                + h5 * floats[v + U(at.L_TONE5) * width]
                + h6 * floats[v + U(at.L_TONE6) * width]
            )
            g = floats[v + U(at.L_G) * width] + floats[v + U(at.L_DG) * width]
            floats[v + U(at.L_G) * width] = g
            ic1 = floats[v + U(at.L_IC1) * width]
            ic2 = floats[v + U(at.L_IC2) * width]
            a1 = ONE / (ONE + g * (g + floats[v + U(at.L_K) * width]))
            a2 = g * a1
            v3 = x - ic2
            v1 = a1 * ic1 + a2 * v3
            v2 = ic2 + a2 * ic1 + g * a2 * v3
            floats[v + U(at.L_IC1) * width] = v1 + v1 - ic1
            floats[v + U(at.L_IC2) * width] = v2 + v2 - ic2
            gl = floats[v + U(at.L_LEFT) * width] + floats[v + U(at.L_DLEFT) * width]
            gr = floats[v + U(at.L_RIGHT) * width] + floats[v + U(at.L_DRIGHT) * width]
            floats[v + U(at.L_LEFT) * width] = gl
            floats[v + U(at.L_RIGHT) * width] = gr
            floats[v + U(at.L_OUT) * width] = v2
            wet = v2 * (gl + gr)
            left += v2 * gl
            right += v2 * gr
            reverb += wet * floats[v + U(at.L_REVERB) * width]
            chorus += wet * floats[v + U(at.L_CHORUS) * width]
        floats[U(at.F_BUS_L) + f] += left
        floats[U(at.F_BUS_R) + f] += right
        floats[U(at.F_BUS_REVERB) + f] += reverb
        floats[U(at.F_BUS_CHORUS) + f] += chorus


@njit(nogil=True, error_model="numpy")
def field(name, lane):
    """Index of one lane's field."""
    return at.F_LANE + name * at.LANES + lane


@njit(nogil=True, error_model="numpy")
def tick(ints, floats, tables, lane):
    """Look at envelopes, wheel and vibrato of a lane and set its course for the next TICK frames."""
    info = at.I_LANE + lane * at.V_STRIDE
    state = ints[info + at.V_STATE]
    kind = at.T_SUSTAINED + ints[info + at.V_KIND] * at.U_STRIDE
    channel = ints[info + at.V_CHANNEL]
    rate = float(floats[at.F_SAMPLE_RATE])
    step = at.TICK / rate
    env = float(floats[field(at.L_ENV, lane)])
    shape = float(floats[field(at.L_FILTER_ENV, lane)])
    stage = ints[info + at.V_STAGE]
    if state == at.FADING:
        env = max(0.0, env - step / STEAL_SECONDS)
    elif state == at.RELEASED:
        env -= env * (1.0 - math.exp(-step * 4.0 / tables[kind + at.U_RELEASE]))
        shape -= shape * (1.0 - math.exp(-step * 4.0 / tables[kind + at.U_RELEASE]))
    else:
        sustain = float(tables[kind + at.U_SUSTAIN])
        if stage == 0:
            env += step / max(step, tables[kind + at.U_ATTACK])
            if env >= 1.0:
                env = 1.0
                ints[info + at.V_STAGE] = 1
        else:
            env += (sustain - env) * (1.0 - math.exp(-step * 3.0 / tables[kind + at.U_DECAY]))
        age = ints[info + at.V_AGE] / rate
        attack = float(tables[kind + at.U_FILTER_ATTACK])
        if age < attack:
            shape += step / max(step, attack)
        else:
            floor = float(tables[kind + at.U_FILTER_SUSTAIN])
            shape += (floor - shape) * (1.0 - math.exp(-step * 3.0 / tables[kind + at.U_FILTER_DECAY]))
        shape = min(1.0, shape)
    floats[field(at.L_ENV, lane)] = F32(env)
    floats[field(at.L_FILTER_ENV, lane)] = F32(shape)
    if state >= at.RELEASED and env < SILENT:
        env = 0.0
        # free it once the straight line to zero has run its course
        if (
            ints[info + at.V_POS] == 1
            and abs(floats[field(at.L_LEFT, lane)]) + abs(floats[field(at.L_RIGHT, lane)]) < STILL
        ):
            ints[info + at.V_STATE] = at.FREE
            for name in range(at.LANE_FIELDS):
                floats[field(name, lane)] = ZERO
            return
        ints[info + at.V_POS] = 1

    level = floats[field(at.L_LEVEL, lane)] * F32(env)
    left = floats[at.F_CHANNEL + channel * at.CF_STRIDE + at.CF_LEFT] * level
    right = floats[at.F_CHANNEL + channel * at.CF_STRIDE + at.CF_RIGHT] * level
    floats[field(at.L_DLEFT, lane)] = (left - floats[field(at.L_LEFT, lane)]) * INV_TICK
    floats[field(at.L_DRIGHT, lane)] = (right - floats[field(at.L_RIGHT, lane)]) * INV_TICK

    # vibrato fades in after its delay
    hertz = float(tables[kind + at.U_VIBRATO_HZ])
    phase = float(floats[field(at.L_LFO, lane)]) + hertz * step
    phase -= math.floor(phase)
    floats[field(at.L_LFO, lane)] = F32(phase)
    age = ints[info + at.V_AGE] / rate
    depth = min(1.0, max(0.0, (age - tables[kind + at.U_VIBRATO_DELAY]) * 2.5)) * tables[kind + at.U_VIBRATO]
    swing = 4.0 * phase * (1.0 - phase) * 2.0 - 1.0 if depth > 0.0 else 0.0
    bend = floats[at.F_CHANNEL + channel * at.CF_STRIDE + at.CF_BEND]
    pitch = float(floats[field(at.L_PITCH, lane)]) * bend * (1.0 + swing * depth * 5.7762e-4)
    second = pitch * 2.0 ** (tables[kind + at.U_CENTS2] / 1200.0)
    floats[field(at.L_INC1, lane)] = F32(pitch / rate)
    floats[field(at.L_INC2, lane)] = F32(second / rate)
    floats[field(at.L_INC3, lane)] = F32(pitch / rate * 2.0 ** (tables[kind + at.U_CENTS3] / 1200.0))
    floats[field(at.L_INV1, lane)] = F32(rate / pitch)
    floats[field(at.L_INV2, lane)] = F32(rate / second)

    cut = float(floats[field(at.L_CUTOFF, lane)]) * 2.0 ** (tables[kind + at.U_CUTOFF_ENV] * shape)
    g = math.tan(math.pi * min(cut, 0.42 * rate) / rate)
    if ints[info + at.V_AGE] == 0:
        floats[field(at.L_G, lane)] = F32(g)
    floats[field(at.L_DG, lane)] = (F32(g) - floats[field(at.L_G, lane)]) * INV_TICK
    ints[info + at.V_AGE] += at.TICK


@njit(nogil=True, error_model="numpy")
def tick_all(ints, floats, tables):
    """Look at every sounding lane: once per TICK frames. Returns how many sound."""
    sounding = 0
    for lane in range(at.LANES):
        if ints[at.I_LANE + lane * at.V_STRIDE + at.V_STATE] != at.FREE:
            tick(ints, floats, tables, lane)
            if ints[at.I_LANE + lane * at.V_STRIDE + at.V_STATE] != at.FREE:
                sounding += 1
    return sounding


@njit(nogil=True, error_model="numpy")
def mix(ints, floats, frames):
    """Add the next `frames` of all groups in which a lane sounds to the buses."""
    for group in range(at.LANES // at.LANE_GROUP):
        busy = False
        for lane in range(group * at.LANE_GROUP, (group + 1) * at.LANE_GROUP):
            busy = busy or ints[at.I_LANE + lane * at.V_STRIDE + at.V_STATE] != at.FREE
        if busy:
            sound_group(floats, group, frames)


@njit(nogil=True, error_model="numpy")
def release(ints, floats, tables, lane):
    """Note-off: the release begins at this frame."""
    info = at.I_LANE + lane * at.V_STRIDE
    if ints[info + at.V_STATE] in (at.HELD, at.PEDALLED):
        ints[info + at.V_STATE] = at.RELEASED
        ints[info + at.V_POS] = 0
        tick(ints, floats, tables, lane)


@njit(nogil=True, error_model="numpy")
def fade(ints, floats, tables, lane):
    """Fade a lane out within STEAL_SECONDS and free it."""
    info = at.I_LANE + lane * at.V_STRIDE
    if ints[info + at.V_STATE] not in (at.FREE, at.FADING):
        ints[info + at.V_STATE] = at.FADING
        ints[info + at.V_POS] = 0
        tick(ints, floats, tables, lane)


@njit(nogil=True, error_model="numpy")
def take_lane(ints, floats, tables):
    """A free lane; when SUSTAINED_LIMIT sound, the least missed one fades out first."""
    free = -1
    fading = -1
    victim = -1
    victim_rank = 0
    sounding = 0
    for lane in range(at.LANES):
        info = at.I_LANE + lane * at.V_STRIDE
        state = ints[info + at.V_STATE]
        if state == at.FREE:
            if free < 0:
                free = lane
        elif state == at.FADING:
            if fading < 0 or floats[field(at.L_ENV, lane)] < floats[field(at.L_ENV, fading)]:
                fading = lane
        else:
            sounding += 1
            rank = (at.RELEASED - state) * (1 << 40) + ints[info + at.V_SERIAL]
            if victim < 0 or rank < victim_rank:
                victim = lane
                victim_rank = rank
    if sounding >= at.SUSTAINED_LIMIT:
        fade(ints, floats, tables, victim)
        ints[at.I_STOLEN] += 1
        if free < 0:
            fading = victim if fading < 0 else fading
    if free >= 0:
        return free
    out = floats[field(at.L_OUT, fading)]
    floats[at.F_RESIDUE_L] += out * floats[field(at.L_LEFT, fading)]
    floats[at.F_RESIDUE_R] += out * floats[field(at.L_RIGHT, fading)]
    return fading


@njit(nogil=True, error_model="numpy")
def start(ints, floats, tables, channel, key, velocity, kind_id):
    """Start a sustained note: `velocity` 1..127, `kind_id` a number of the sustained table."""
    lane = take_lane(ints, floats, tables)
    info = at.I_LANE + lane * at.V_STRIDE
    kind = at.T_SUSTAINED + kind_id * at.U_STRIDE
    rate = float(floats[at.F_SAMPLE_RATE])
    serial = ints[at.I_SERIAL]
    ints[at.I_SERIAL] = serial + 1
    for name in range(at.LANE_FIELDS):
        floats[field(name, lane)] = ZERO
    ints[info + at.V_STATE] = at.HELD
    ints[info + at.V_CHANNEL] = channel
    ints[info + at.V_KEY] = key
    ints[info + at.V_KIND] = kind_id
    ints[info + at.V_SERIAL] = serial
    ints[info + at.V_AGE] = 0
    ints[info + at.V_STAGE] = 0
    ints[info + at.V_POS] = 0
    strength = velocity / 127.0
    octaves = (key - 60) / 12.0
    pitch = MIDDLE_C * 2.0**octaves
    floats[field(at.L_PITCH, lane)] = F32(pitch)
    floats[field(at.L_SAW1, lane)] = tables[kind + at.U_SAW1]
    floats[field(at.L_SAW2, lane)] = tables[kind + at.U_SAW2]
    tone_pitch = pitch * 2.0 ** (tables[kind + at.U_CENTS3] / 1200.0)
    for harmonic in range(at.TONES):
        if (harmonic + 1) * tone_pitch * 1.15 < 0.5 * rate:
            floats[field(at.L_TONE1 + harmonic, lane)] = tables[kind + at.U_TONE + harmonic]
    # free-running oscillators start anywhere; a fixed sequence keeps two renderings identical
    floats[field(at.L_PHASE1, lane)] = F32(0.5)
    floats[field(at.L_PHASE2, lane)] = F32((serial * 0.381966 + 0.618034) % 1.0)
    floats[field(at.L_K, lane)] = F32(1.0 / tables[kind + at.U_RESONANCE])
    loud = strength ** float(tables[kind + at.U_VELOCITY]) * 2.0 ** (octaves * tables[kind + at.U_KEY_GAIN])
    floats[field(at.L_LEVEL, lane)] = F32(tables[kind + at.U_GAIN] * loud)
    floats[field(at.L_REVERB, lane)] = tables[kind + at.U_REVERB]
    floats[field(at.L_CHORUS, lane)] = tables[kind + at.U_CHORUS]
    brightness = tables[kind + at.U_CUTOFF_VELOCITY] * (strength - 0.5)
    cut = float(tables[kind + at.U_CUTOFF]) * 2.0 ** (octaves * tables[kind + at.U_CUTOFF_KEY] + brightness)
    floats[field(at.L_CUTOFF, lane)] = F32(cut)
    floats[field(at.L_LFO, lane)] = F32((serial * 0.6180339) % 1.0)
    tick(ints, floats, tables, lane)
    return lane
