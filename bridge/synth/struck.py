"""Struck voices: banks of decaying resonances and a burst of filtered noise, 64 frames at a time.

A resonance is a complex number z that turns by w each frame: its sound is Im(z * w**n). The powers w**1..16 are
tabled when the note starts, so a chunk of 16 frames is a matrix product with frames as SIMD lanes, and z moves
on once per chunk. Partials above the hearing range are never started: nothing can alias. Each voice renders a
tick of STRUCK_TICK frames into its own buffer, from which blocks of any size are served: what comes out doesn't
depend on how the frames were cut into blocks.

Indices are uint64 throughout: numba then leaves out the check for negative indices, which is what lets LLVM
vectorise (measured: 10 times). Threads: the one that renders. Realtime-safe: yes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from . import layout as at
from .vector import add_resonances

FAST = {"contract", "reassoc", "nsz", "arcp"}
U = np.uint64
F32 = np.float32
ZERO, ONE, HALF = F32(0), F32(1), F32(0.5)
QUIET = F32(1e-11)  # energy of eight resonances, that counts as silence (-110 dB)
STILL = F32(3e-6)
DENORMAL = F32(1e-20)  # energy of a resonance from which on it is set to zero: denormal numbers are slow
MAX_PARTIAL_HZ = 16_000.0
MIDDLE_C = 261.6256
STEAL_SECONDS = 0.005
CHOKE_SECONDS = 0.025
RETRIGGER_SECONDS = 0.04


@njit(nogil=True, error_model="numpy")
def turn_powers(floats, voice, count, ratio):
    """Table the powers of every resonance's turn for the pitch `ratio`; what would pass Nyquist stands still."""
    base = U(at.F_STRUCK) + U(voice) * U(at.SV_STRIDE)
    damp = float(floats[base + U(at.SV_DAMP)])
    for mode in range(U(count)):
        theta = float(floats[base + U(at.SV_THETA) + mode]) * ratio
        radius = math.exp(-(float(floats[base + U(at.SV_SIGMA) + mode]) + damp)) if theta < 3.0 else 0.0
        wr = radius * math.cos(theta)
        wi = radius * math.sin(theta)
        re = 1.0
        im = 0.0
        row = base + U(at.SV_POWERS) + mode * U(2 * at.CHUNK)
        for frame in range(U(at.CHUNK)):
            re, im = re * wr - im * wi, re * wi + im * wr
            floats[row + frame] = F32(re)
            floats[row + U(at.CHUNK) + frame] = F32(im)
        floats[base + U(at.SV_TURN_RE) + mode] = F32(re)
        floats[base + U(at.SV_TURN_IM) + mode] = F32(im)


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def sound_modes(floats, voice, count):
    """Set scratch side A (even resonances) and B (odd ones) to the next STRUCK_TICK frames of `count` resonances."""
    scratch = U(at.F_SCRATCH)
    base = U(at.F_STRUCK) + U(voice) * U(at.SV_STRIDE)
    re = base + U(at.SV_RE)
    im = base + U(at.SV_IM)
    turn_re = base + U(at.SV_TURN_RE)
    turn_im = base + U(at.SV_TURN_IM)
    at_re = scratch + U(at.SCRATCH_RE)
    at_im = scratch + U(at.SCRATCH_IM)
    for k in range(U(count)):
        x, y, c, s = floats[re + k], floats[im + k], floats[turn_re + k], floats[turn_im + k]
        for chunk in range(U(at.CHUNKS)):
            floats[at_re + k * U(at.CHUNKS) + chunk] = x
            floats[at_im + k * U(at.CHUNKS) + chunk] = y
            x, y = x * c - y * s, x * s + y * c
        alive = x * x + y * y > DENORMAL
        floats[re + k] = x if alive else ZERO
        floats[im + k] = y if alive else ZERO
    memory = np.int64(floats.ctypes.data)
    powers = np.int64(base) + at.SV_POWERS
    for side in range(2):
        out = at.F_SCRATCH + side * at.STRUCK_TICK
        add_resonances(memory, powers, np.int64(at_re), np.int64(at_im), out, side, count)


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def sound_noise(floats, tables, voice, position):
    """Add STRUCK_TICK frames of filtered noise, read from the table at `position`, to both scratch sides."""
    base = U(at.F_STRUCK) + U(voice) * U(at.SV_STRIDE)
    level = floats[base + U(at.SV_NOISE)]
    decay = floats[base + U(at.SV_NOISE_DECAY)]
    gate = floats[base + U(at.SV_NOISE_GATE)]
    gate_coef = floats[base + U(at.SV_NOISE_GATE_COEF)]
    ic1, ic2 = floats[base + U(at.SV_IC1)], floats[base + U(at.SV_IC2)]
    a1, a2, a3 = floats[base + U(at.SV_A1)], floats[base + U(at.SV_A2)], floats[base + U(at.SV_A3)]
    lp, bp, hp = floats[base + U(at.SV_LP)], floats[base + U(at.SV_BP)], floats[base + U(at.SV_HP)]
    k = floats[base + U(at.SV_K)]
    # side B takes another part of the table: the burst is a little wide
    width = floats[base + U(at.SV_SPREAD)]
    noise = U(at.T_NOISE)
    mask = U(at.NOISE_SIZE - 1)
    a = U(at.F_SCRATCH)
    b = a + U(at.STRUCK_TICK)
    for f in range(U(at.STRUCK_TICK)):
        white = tables[noise + ((U(position) + f) & mask)]
        x = white * level * gate
        v3 = x - ic2
        v1 = a1 * ic1 + a2 * v3
        v2 = ic2 + a2 * ic1 + a3 * v3
        ic1 = v1 + v1 - ic1
        ic2 = v2 + v2 - ic2
        y = lp * v2 + bp * v1 + hp * (x - k * v1 - v2)
        side = width * tables[noise + ((U(position) + f + U(7919)) & mask)] * level * gate * (bp + hp) * HALF
        floats[a + f] += y + side
        floats[b + f] += y - side
        level *= decay
        gate += (ONE - gate) * gate_coef
    floats[base + U(at.SV_NOISE)] = level
    floats[base + U(at.SV_NOISE_GATE)] = gate
    floats[base + U(at.SV_IC1)] = ic1
    floats[base + U(at.SV_IC2)] = ic2


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def energy(floats, base, first):
    """Energy of the eight resonances from `first` on."""
    total = ZERO
    for mode in range(U(8)):
        re = floats[U(base + at.SV_RE + first) + mode]
        im = floats[U(base + at.SV_IM + first) + mode]
        total += re * re + im * im
    return total


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def place(floats, base, left, right):
    """Put the scratch sides into the voice's stereo buffer, gains moving in a straight line to `left`, `right`."""
    near = ONE + floats[base + at.SV_SPREAD] * HALF
    far = ONE - floats[base + at.SV_SPREAD] * HALF
    gain_l = floats[base + at.SV_GAIN_L]
    gain_r = floats[base + at.SV_GAIN_R]
    move_l = left - gain_l
    move_r = right - gain_r
    out_l = U(base + at.SV_OUT_L)
    out_r = U(base + at.SV_OUT_R)
    for f in range(U(at.STRUCK_TICK)):
        turn = floats[U(at.F_SCRATCH + at.SCRATCH_RAMP) + f]
        side_a = floats[U(at.F_SCRATCH + at.SCRATCH_A) + f]
        side_b = floats[U(at.F_SCRATCH + at.SCRATCH_B) + f]
        floats[out_l + f] = (side_a * near + side_b * far) * (gain_l + move_l * turn)
        floats[out_r + f] = (side_a * far + side_b * near) * (gain_r + move_r * turn)
    floats[base + at.SV_GAIN_L] = left
    floats[base + at.SV_GAIN_R] = right


@njit(nogil=True, error_model="numpy")
def tick(ints, floats, tables, voice):
    """Render the voice's next STRUCK_TICK frames into its buffer, after looking at envelope, damper and wheel."""
    info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
    base = at.F_STRUCK + voice * at.SV_STRIDE
    rate = float(floats[at.F_SAMPLE_RATE])
    channel = ints[info + at.V_CHANNEL]
    count = ints[info + at.V_COUNT]
    kind = at.T_STRUCK + ints[info + at.V_KIND] * at.S_STRIDE

    # groups of eight resonances that have died away are left out from here on
    while count > 0 and energy(floats, base, count - 8) < QUIET:
        count -= 8
    ints[info + at.V_COUNT] = count
    env = floats[base + at.SV_ENV]
    if (count == 0 and floats[base + at.SV_NOISE] < STILL) or (ints[info + at.V_STATE] == at.FADING and env <= ZERO):
        ints[info + at.V_STATE] = at.FREE
        return

    ratio = float(floats[at.F_CHANNEL + channel * at.CF_STRIDE + at.CF_BEND])
    sweep = floats[base + at.SV_SWEEP]
    if tables[kind + at.S_HERTZ] > ZERO:
        ratio = 1.0
    if sweep > F32(1e-4):
        ratio *= 1.0 + sweep
        floats[base + at.SV_SWEEP] = sweep * floats[base + at.SV_SWEEP_DECAY]
    if abs(ratio - floats[base + at.SV_RATIO]) > 2e-5 * ratio:
        floats[base + at.SV_RATIO] = F32(ratio)
        turn_powers(floats, voice, count, ratio)

    sound_modes(floats, voice, count)
    age = ints[info + at.V_AGE]
    bursts = int(tables[kind + at.S_BURSTS])
    if bursts > 0:
        stage = int(age / (0.0105 * rate))
        if stage > ints[info + at.V_STAGE] and stage <= bursts:
            floats[base + at.SV_NOISE] = floats[base + at.SV_NOISE_LEVEL]
            ints[info + at.V_STAGE] = stage
    if floats[base + at.SV_NOISE] >= STILL:
        sound_noise(floats, tables, voice, ints[info + at.V_NOISE])
        ints[info + at.V_NOISE] += at.STRUCK_TICK

    if ints[info + at.V_STATE] == at.FADING:
        target = max(ZERO, env - floats[base + at.SV_FADE])
    else:
        target = min(ONE, env + floats[base + at.SV_ATTACK])
    floats[base + at.SV_ENV] = target
    level = floats[base + at.SV_LEVEL] * target
    left = floats[at.F_CHANNEL + channel * at.CF_STRIDE + at.CF_LEFT] * floats[base + at.SV_PAN_L] * level
    right = floats[at.F_CHANNEL + channel * at.CF_STRIDE + at.CF_RIGHT] * floats[base + at.SV_PAN_R] * level
    place(floats, base, left, right)
    ints[info + at.V_AGE] = age + at.STRUCK_TICK
    ints[info + at.V_POS] = 0


@njit(nogil=True, fastmath=FAST, error_model="numpy")
def serve(floats, voice, position, start, frames):
    """Add `frames` of the voice's buffer from `position` on to the buses at `start`."""
    base = U(at.F_STRUCK) + U(voice) * U(at.SV_STRIDE)
    left = base + U(at.SV_OUT_L) + U(position)
    right = base + U(at.SV_OUT_R) + U(position)
    reverb = floats[base + U(at.SV_REVERB)]
    chorus = floats[base + U(at.SV_CHORUS)]
    s = U(start)
    for f in range(U(frames)):
        x, y = floats[left + f], floats[right + f]
        floats[U(at.F_BUS_L) + s + f] += x
        floats[U(at.F_BUS_R) + s + f] += y
        floats[U(at.F_BUS_REVERB) + s + f] += (x + y) * reverb
        floats[U(at.F_BUS_CHORUS) + s + f] += (x + y) * chorus


@njit(nogil=True, error_model="numpy")
def mix(ints, floats, tables, frames):
    """Add the next `frames` (at most TICK) of all struck voices to the buses. Returns how many sound."""
    sounding = 0
    for voice in range(at.STRUCK_VOICES):
        info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
        if ints[info + at.V_STATE] == at.FREE:
            continue
        done = 0
        while done < frames:
            position = ints[info + at.V_POS]
            if position == at.STRUCK_TICK:
                tick(ints, floats, tables, voice)
                if ints[info + at.V_STATE] == at.FREE:
                    break
                position = 0
            piece = min(at.STRUCK_TICK - position, frames - done)
            serve(floats, voice, position, done, piece)
            ints[info + at.V_POS] = position + piece
            done += piece
        if ints[info + at.V_STATE] != at.FREE:
            sounding += 1
    return sounding


@njit(nogil=True, error_model="numpy")
def damp(ints, floats, tables, voice):
    """Let the damper fall on a voice (note-off). Heard from its next tick on, 1.3 ms later at most."""
    info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
    base = at.F_STRUCK + voice * at.SV_STRIDE
    kind = at.T_STRUCK + ints[info + at.V_KIND] * at.S_STRIDE
    ints[info + at.V_STATE] = at.RELEASED
    release = tables[kind + at.S_RELEASE]
    if release > ZERO and ints[info + at.V_KEY] < tables[kind + at.S_OPEN_KEY]:
        # thick bass strings take longer to stop
        slow = min(1.6, max(0.45, 2.0 ** ((ints[info + at.V_KEY] - 60) / 30.0)))
        floats[base + at.SV_DAMP] = F32(release * slow / floats[at.F_SAMPLE_RATE])
        floats[base + at.SV_RATIO] = ZERO  # makes the next tick table the turns again
        floats[base + at.SV_NOISE] *= F32(0.3)


@njit(nogil=True, error_model="numpy")
def fade(ints, floats, voice, seconds):
    """Fade a voice out in a straight line over `seconds` and free it."""
    info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
    if ints[info + at.V_STATE] != at.FREE:
        ints[info + at.V_STATE] = at.FADING
        step = F32(at.STRUCK_TICK / (seconds * floats[at.F_SAMPLE_RATE]))
        base = at.F_STRUCK + voice * at.SV_STRIDE
        floats[base + at.SV_FADE] = max(step * max(floats[base + at.SV_ENV], F32(0.1)), F32(1e-3))


@njit(nogil=True, error_model="numpy")
def take_voice(ints, floats):
    """A free voice; when STRUCK_LIMIT sound, the least missed one fades out first."""
    free = -1
    fading = -1
    victim = -1
    victim_rank = 0
    sounding = 0
    for voice in range(at.STRUCK_VOICES):
        info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
        state = ints[info + at.V_STATE]
        if state == at.FREE:
            if free < 0:
                free = voice
        elif state == at.FADING:
            if (
                fading < 0
                or floats[at.F_STRUCK + voice * at.SV_STRIDE + at.SV_ENV]
                < floats[at.F_STRUCK + fading * at.SV_STRIDE + at.SV_ENV]
            ):
                fading = voice
        else:
            sounding += 1
            # released before pedalled before held, then the oldest
            rank = (at.RELEASED - state) * (1 << 40) + ints[info + at.V_SERIAL]
            if victim < 0 or rank < victim_rank:
                victim = voice
                victim_rank = rank
    if sounding >= at.STRUCK_LIMIT:
        fade(ints, floats, victim, STEAL_SECONDS)
        ints[at.I_STOLEN] += 1
        if free < 0:
            fading = victim if fading < 0 else fading
    if free >= 0:
        return free
    # every spare voice is fading already: cut the quietest and let its last sample down softly
    base = at.F_STRUCK + fading * at.SV_STRIDE
    position = ints[at.I_STRUCK_VOICE + fading * at.V_STRIDE + at.V_POS]
    if position > 0:
        floats[at.F_RESIDUE_L] += floats[base + at.SV_OUT_L + position - 1]
        floats[at.F_RESIDUE_R] += floats[base + at.SV_OUT_R + position - 1]
    return fading


@njit(nogil=True, error_model="numpy")
def start(ints, floats, tables, channel, key, velocity, kind_id, tune, side):
    """Start a struck note: `velocity` 1..127, `tune` a frequency ratio, `side` -1..1 added to the channel's pan."""
    voice = take_voice(ints, floats)
    info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
    base = at.F_STRUCK + voice * at.SV_STRIDE
    kind = at.T_STRUCK + kind_id * at.S_STRIDE
    rate = float(floats[at.F_SAMPLE_RATE])
    serial = ints[at.I_SERIAL]
    ints[at.I_SERIAL] = serial + 1
    for i in range(base, base + at.SV_POWERS):
        floats[i] = ZERO
    ints[info + at.V_STATE] = at.HELD
    ints[info + at.V_CHANNEL] = channel
    ints[info + at.V_KEY] = key
    ints[info + at.V_KIND] = kind_id
    ints[info + at.V_SERIAL] = serial
    ints[info + at.V_POS] = at.STRUCK_TICK
    ints[info + at.V_NOISE] = (serial * 9973) & (at.NOISE_SIZE - 1)
    ints[info + at.V_AGE] = 0
    ints[info + at.V_STAGE] = 0

    strength = velocity / 127.0
    pitch = MIDDLE_C * 2.0 ** ((key - 60) / 12.0) * tune
    octaves = (key - 60) / 12.0
    unit = 2.0 * math.pi / rate
    limit = min(MAX_PARTIAL_HZ, 0.45 * rate)
    count = 0
    power = 0.0
    if tables[kind + at.S_STRING] > ZERO:
        dark = float(tables[kind + at.S_DARK])
        cut = (
            dark * (tables[kind + at.S_BRIGHT] / dark) ** strength * 2.0 ** (octaves * tables[kind + at.S_BRIGHT_KEY])
        )
        cut = max(cut, 1.2 * pitch)
        stiff = float(tables[kind + at.S_STIFF]) * 2.0 ** (octaves * 0.9)
        decay = float(tables[kind + at.S_DECAY]) * 2.0 ** (octaves * tables[kind + at.S_DECAY_KEY])
        pairs = int(tables[kind + at.S_PAIRS])
        detune = 2.0 ** (tables[kind + at.S_DETUNE] / 1200.0)
        fast = float(tables[kind + at.S_FAST])
        slow = float(tables[kind + at.S_SLOW])
        partial = 0
        for number in range(1, int(tables[kind + at.S_PARTIALS]) + 1):
            # above the 16th the ear can't tell neighbours apart: every second one, then every third, stands for them
            step = 1 + partial // 16
            partial += step
            hertz = pitch * partial * math.sqrt(1.0 + stiff * partial * partial)
            if hertz > limit:
                break
            comb = abs(math.sin(math.pi * partial * tables[kind + at.S_STRIKE])) + 0.12
            amplitude = math.sqrt(step) * partial ** -float(tables[kind + at.S_SLOPE]) * comb * math.exp(-hertz / cut)
            if hertz < 110.0:
                amplitude *= hertz / 110.0  # a soundboard hardly radiates the lowest partials
            if amplitude < 3e-4:
                break
            sigma = min(120.0, decay + float(tables[kind + at.S_DECAY_HIGH]) * (hertz * 1e-3) ** 2)
            power += amplitude * amplitude
            slot = 2 * number - 2 if number <= pairs else number - 1 + pairs
            if slot >= at.MODES:
                break
            floats[base + at.SV_THETA + slot] = F32(hertz * unit)
            floats[base + at.SV_SIGMA + slot] = F32(sigma * (fast if number <= pairs else 1.0) / rate)
            phase = 0.21 * partial * partial + 1.7 * key
            floats[base + at.SV_RE + slot] = F32(amplitude * math.cos(phase))
            floats[base + at.SV_IM + slot] = F32(amplitude * math.sin(phase))
            count = max(count, slot + 1)
            if number <= pairs:
                slot += 1
                floats[base + at.SV_THETA + slot] = F32(hertz * unit * detune)
                floats[base + at.SV_SIGMA + slot] = F32(sigma / rate)
                floats[base + at.SV_RE + slot] = F32(slow * amplitude * math.cos(phase))
                floats[base + at.SV_IM + slot] = F32(slow * amplitude * math.sin(phase))
                count = max(count, slot + 1)
    else:
        scale = tune if tables[kind + at.S_HERTZ] > ZERO else pitch
        speed = 1.0 if tables[kind + at.S_HERTZ] > ZERO else 2.0 ** (octaves * tables[kind + at.S_DECAY_KEY])
        for mode in range(int(tables[kind + at.S_PARTIALS])):
            entry = kind + at.S_LIST + mode * at.LIST_COLUMNS
            hertz = tables[entry] * scale
            amplitude = tables[entry + 1] * strength ** float(tables[entry + 3])
            power += float(tables[entry + 1]) ** 2
            if hertz > limit:
                continue
            floats[base + at.SV_THETA + mode] = F32(hertz * unit)
            floats[base + at.SV_SIGMA + mode] = F32(tables[entry + 2] * speed / rate)
            phase = 0.0 if mode == 0 else 2.4 * mode
            floats[base + at.SV_RE + mode] = F32(amplitude * math.cos(phase))
            floats[base + at.SV_IM + mode] = F32(amplitude * math.sin(phase))
            count = max(count, mode + 1)
    ints[info + at.V_COUNT] = (count + 7) & -8

    # equal energy at the start, whatever the spectrum; the noise is measured against it
    even = 1.0 / math.sqrt(max(power, 1e-9)) if power > 0.0 else 1.0
    for mode in range(count):
        floats[base + at.SV_RE + mode] *= F32(even)
        floats[base + at.SV_IM + mode] *= F32(even)
    loud = strength ** float(tables[kind + at.S_VELOCITY]) * 2.0 ** (octaves * tables[kind + at.S_KEY_GAIN])
    floats[base + at.SV_LEVEL] = F32(tables[kind + at.S_GAIN] * loud)
    floats[base + at.SV_ATTACK] = F32(at.STRUCK_TICK / max(1.0, tables[kind + at.S_ATTACK] * rate))
    side += tables[kind + at.S_KEY_PAN] * min(1.0, max(-1.0, octaves / 3.0))
    floats[base + at.SV_PAN_L] = F32(min(1.0, 1.0 - side * 0.8))
    floats[base + at.SV_PAN_R] = F32(min(1.0, 1.0 + side * 0.8))
    floats[base + at.SV_SPREAD] = tables[kind + at.S_SPREAD]
    floats[base + at.SV_REVERB] = tables[kind + at.S_REVERB]
    floats[base + at.SV_CHORUS] = tables[kind + at.S_CHORUS]
    if tables[kind + at.S_SWEEP] > ZERO:
        floats[base + at.SV_SWEEP] = F32(tables[kind + at.S_SWEEP] * (0.5 + 0.5 * strength))
        floats[base + at.SV_SWEEP_DECAY] = F32(math.exp(-at.STRUCK_TICK / (tables[kind + at.S_SWEEP_TIME] * rate)))
    if tables[kind + at.S_NOISE] > ZERO:
        brightness = 0.55 + 0.45 * strength
        noise = tables[kind + at.S_NOISE] * (0.4 + 0.6 * strength)
        floats[base + at.SV_NOISE] = F32(noise)
        floats[base + at.SV_NOISE_LEVEL] = F32(noise)
        floats[base + at.SV_NOISE_DECAY] = F32(math.exp(-1.0 / (tables[kind + at.S_NOISE_DECAY] * rate)))
        attack = float(tables[kind + at.S_NOISE_ATTACK])
        floats[base + at.SV_NOISE_GATE] = ONE if attack == 0.0 else ZERO
        floats[base + at.SV_NOISE_GATE_COEF] = F32(1.0 - math.exp(-1.0 / max(1.0, attack * rate * 0.4)))
        hertz = min(0.42 * rate, tables[kind + at.S_NOISE_HZ] * brightness * tune)
        g = math.tan(math.pi * hertz / rate)
        k = 1.0 / tables[kind + at.S_NOISE_Q]
        a1 = 1.0 / (1.0 + g * (g + k))
        floats[base + at.SV_A1] = F32(a1)
        floats[base + at.SV_A2] = F32(g * a1)
        floats[base + at.SV_A3] = F32(g * g * a1)
        floats[base + at.SV_K] = F32(k)
        floats[base + at.SV_LP] = tables[kind + at.S_NOISE_LP]
        floats[base + at.SV_BP] = F32(k * tables[kind + at.S_NOISE_BP])
        floats[base + at.SV_HP] = tables[kind + at.S_NOISE_HP]
    return voice
