"""The one function an audio callback calls: `render` turns MIDI events into a block of stereo sound.

`make_state` makes the three arrays it needs. All memory is made there; `render` allocates nothing, takes no lock,
holds no interpreter lock, and may be called from a numba cfunc in a realtime thread. Blocks may have any length,
and how a stretch of time is cut into blocks doesn't change one bit of the sound.

Threads: one renderer at a time owns the state; nobody else may write to it while it renders.

The first import compiles for 10 to 20 seconds; the machine code is kept beside this file, keyed by all it was
made from, and later imports load it in a tenth of a second.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from aigc_music.core.errors import UsageError
from bridge.backends.freshness import fingerprint

from . import effects, struck, sustained, vector, voices
from . import layout as at

__all__ = ["LATENCY_FRAMES", "State", "make_state", "render"]

LATENCY_FRAMES = at.LATENCY_FRAMES
F32 = np.float32
U = np.uint64
BEND_SEMITONES = 2.0
LEVEL_UNIT = 1.0 / 100.0  # CC7 at which a channel plays at its sound's own level
NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
CC_LEVEL, CC_PAN, CC_EXPRESSION, CC_PEDAL = 7, 10, 11, 64
CC_SOUND_OFF, CC_RESET, CC_NOTES_OFF = 120, 121, 123


class State(NamedTuple):
    """Everything a synth is: three C-contiguous arrays whose addresses may be handed to a callback."""

    ints: npt.NDArray[np.int64]  # shape (layout.INTS,)
    floats: npt.NDArray[np.float32]  # shape (layout.FLOATS,)
    tables: npt.NDArray[np.float32]  # shape (layout.TABLES,), never written, shared by all synths


def make_state(sample_rate: int = 48_000) -> State:
    """Memory of a silent synth with each channel at its part's sound, level and place.

    `sample_rate` in Hz, 22050..96000 (UsageError otherwise). Threads: any.
    """
    if not at.MIN_SAMPLE_RATE <= sample_rate <= at.MAX_SAMPLE_RATE:
        raise UsageError(
            f"the synth can't run at {sample_rate} Hz: "
            f"choose a sample rate from {at.MIN_SAMPLE_RATE} to {at.MAX_SAMPLE_RATE}, 48000 is usual"
        )
    ints = np.zeros(at.INTS, np.int64)
    floats = np.zeros(at.FLOATS, np.float32)
    rate = float(sample_rate)
    ints[at.I_SAMPLE_RATE] = sample_rate
    floats[at.F_SAMPLE_RATE] = rate
    floats[at.F_RESIDUE_DECAY] = math.exp(-1 / (0.002 * rate))
    floats[at.F_GAIN_SMOOTH] = 1 - math.exp(-at.TICK / (0.008 * rate))
    floats[at.F_BEND_SMOOTH] = 1 - math.exp(-at.TICK / (0.004 * rate))
    floats[at.F_CHORUS_STEP] = 0.55 / rate
    floats[at.F_REVERB_LOW_COEF] = 1 - math.exp(-2 * math.pi * 160 / rate)
    floats[at.F_DC_COEF] = math.exp(-2 * math.pi * 6 / rate)
    floats[at.F_LIMIT_RELEASE] = 1 - math.exp(-1 / (0.12 * rate))
    floats[at.F_LIMIT_GAIN] = floats[at.F_LIMIT_LEAST] = 1
    floats[at.F_LIMIT_NEED : at.F_LIMIT_NEED + at.LOOKAHEAD] = 1
    floats[at.F_LIMIT_BOX : at.F_LIMIT_BOX + at.LOOKAHEAD] = 1
    ints[at.I_LIMIT_SUM] = at.LOOKAHEAD << 24
    # eight lengths without a common measure, 60 dB down after 1.5 s; two diffusers; 9 ms before the first echo
    for line, frames in enumerate((1499, 1733, 2003, 2267, 2557, 2851, 3163, 3499, 241, 557, 432)):
        length = max(8, round(frames * rate / 48_000))
        ints[at.I_LINE_LEN + line] = length
        if line < at.LINES:
            floats[at.F_FEEDBACK + line] = 10 ** (-3 * length / (1.5 * rate))
    ramp = at.F_SCRATCH + at.SCRATCH_RAMP
    floats[ramp : ramp + at.STRUCK_TICK] = np.arange(1, at.STRUCK_TICK + 1) / at.STRUCK_TICK
    for channel in range(at.CHANNELS):
        block = ints[at.I_CHANNEL + channel * at.CH_STRIDE :][: at.CH_STRIDE]
        block[at.CH_KIND] = voices.kind_number(voices.CHANNEL_KINDS.get(channel, voices.DEFAULT_KIND))
        block[at.CH_LEVEL] = voices.CHANNEL_LEVELS.get(channel, voices.DEFAULT_LEVEL)
        block[at.CH_EXPRESSION] = 127
        block[at.CH_PAN] = voices.CHANNEL_PANS.get(channel, voices.DEFAULT_PAN)
        block[at.CH_BEND] = 8192
        left, right, ratio = channel_target(ints, channel)
        floats[at.F_CHANNEL + channel * at.CF_STRIDE : at.F_CHANNEL + channel * at.CF_STRIDE + 3] = (
            left,
            right,
            ratio,
        )
    ints[at.I_STRUCK_VOICE + at.V_POS : at.I_LANE : at.V_STRIDE] = at.STRUCK_TICK
    return State(ints, floats, voices.tables())


@njit("UniTuple(float64, 3)(int64[::1], int64)", nogil=True, cache=True, error_model="numpy")
def channel_target(ints, channel):
    """Left gain, right gain and pitch ratio that a channel's level, expression, pan and wheel ask for."""
    block = at.I_CHANNEL + channel * at.CH_STRIDE
    level = ints[block + at.CH_LEVEL] * LEVEL_UNIT
    expression = ints[block + at.CH_EXPRESSION] / 127.0
    gain = level * level * expression * expression
    # equal power: full left at 0, middle at 64, full right at 127
    angle = max(0, ints[block + at.CH_PAN] - 1) / 126.0 * math.pi / 2
    bend = (ints[block + at.CH_BEND] - 8192) / 8192.0 * BEND_SEMITONES
    return (
        gain * math.cos(angle) * math.sqrt(2.0),
        gain * math.sin(angle) * math.sqrt(2.0),
        2.0 ** (bend / 12.0),
    )


@njit(nogil=True, error_model="numpy")
def look_at_channels(ints, floats):
    """Move every channel's gains and pitch a step towards what was asked: no steps are heard."""
    gain_step = floats[at.F_GAIN_SMOOTH]
    bend_step = floats[at.F_BEND_SMOOTH]
    for channel in range(at.CHANNELS):
        left, right, ratio = channel_target(ints, channel)
        base = at.F_CHANNEL + channel * at.CF_STRIDE
        floats[base + at.CF_LEFT] += (F32(left) - floats[base + at.CF_LEFT]) * gain_step
        floats[base + at.CF_RIGHT] += (F32(right) - floats[base + at.CF_RIGHT]) * gain_step
        now = floats[base + at.CF_BEND]
        aim = F32(ratio)
        floats[base + at.CF_BEND] = aim if abs(aim - now) < F32(1e-5) else now + (aim - now) * bend_step


@njit(nogil=True, error_model="numpy")
def note_on(ints, floats, tables, channel, key, velocity):
    """Start a note with the channel's sound. The same key still sounding gives way."""
    kind = ints[at.I_CHANNEL + channel * at.CH_STRIDE + at.CH_KIND]
    tune = 1.0
    place = 0.0
    gap = struck.RETRIGGER_SECONDS
    if kind == at.DRUM_KIT:
        kind = int(tables[at.T_DRUM_KIND + key])
        if kind < 0:
            return
        tune = float(tables[at.T_DRUM_TUNE + key])
        place = float(tables[at.T_DRUM_PAN + key])
        gap *= 2.0
    choke = tables[at.T_STRUCK + kind * at.S_STRIDE + at.S_CHOKE] if kind < at.SUSTAINED_KIND else F32(0)
    for voice in range(at.STRUCK_VOICES):
        info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
        if ints[info + at.V_CHANNEL] != channel or ints[info + at.V_STATE] in (at.FREE, at.FADING):
            continue
        if ints[info + at.V_KEY] == key:
            struck.fade(ints, floats, voice, gap)
        elif choke > 0 and tables[at.T_STRUCK + ints[info + at.V_KIND] * at.S_STRIDE + at.S_CHOKE] == choke:
            struck.fade(ints, floats, voice, struck.CHOKE_SECONDS)
    if kind < at.SUSTAINED_KIND:
        struck.start(ints, floats, tables, channel, key, velocity, kind, tune, place)
        return
    for lane in range(at.LANES):
        info = at.I_LANE + lane * at.V_STRIDE
        if ints[info + at.V_CHANNEL] == channel and ints[info + at.V_KEY] == key:
            sustained.release(ints, floats, tables, lane)
    sustained.start(ints, floats, tables, channel, key, velocity, kind - at.SUSTAINED_KIND)


@njit(nogil=True, error_model="numpy")
def end_notes(ints, floats, tables, channel, key, state):
    """Let go of a channel's notes that are in `state`; `key` below 0 means all keys. The pedal holds held ones."""
    pedal = state == at.HELD and ints[at.I_CHANNEL + channel * at.CH_STRIDE + at.CH_PEDAL] >= 64
    for voice in range(at.STRUCK_VOICES):
        info = at.I_STRUCK_VOICE + voice * at.V_STRIDE
        if ints[info + at.V_CHANNEL] != channel or ints[info + at.V_STATE] != state:
            continue
        if key < 0 or ints[info + at.V_KEY] == key:
            if pedal:
                ints[info + at.V_STATE] = at.PEDALLED
            else:
                struck.damp(ints, floats, tables, voice)
    for lane in range(at.LANES):
        info = at.I_LANE + lane * at.V_STRIDE
        if ints[info + at.V_CHANNEL] != channel or ints[info + at.V_STATE] != state:
            continue
        if key < 0 or ints[info + at.V_KEY] == key:
            if pedal:
                ints[info + at.V_STATE] = at.PEDALLED
            else:
                sustained.release(ints, floats, tables, lane)


@njit(nogil=True, error_model="numpy")
def control(ints, floats, tables, channel, number, value):
    """Act on a control change."""
    block = at.I_CHANNEL + channel * at.CH_STRIDE
    if number == CC_LEVEL:
        ints[block + at.CH_LEVEL] = value
    elif number == CC_PAN:
        ints[block + at.CH_PAN] = value
    elif number == CC_EXPRESSION:
        ints[block + at.CH_EXPRESSION] = value
    elif number == CC_PEDAL:
        ints[block + at.CH_PEDAL] = value
        if value < 64:
            end_notes(ints, floats, tables, channel, -1, at.PEDALLED)
    elif number == CC_RESET:
        ints[block + at.CH_BEND] = 8192
        ints[block + at.CH_EXPRESSION] = 127
        ints[block + at.CH_PEDAL] = 0
        end_notes(ints, floats, tables, channel, -1, at.PEDALLED)
    elif number >= CC_NOTES_OFF:
        end_notes(ints, floats, tables, channel, -1, at.HELD)
    elif number == CC_SOUND_OFF:
        for voice in range(at.STRUCK_VOICES):
            if ints[at.I_STRUCK_VOICE + voice * at.V_STRIDE + at.V_CHANNEL] == channel:
                struck.fade(ints, floats, voice, struck.STEAL_SECONDS)
        for lane in range(at.LANES):
            if ints[at.I_LANE + lane * at.V_STRIDE + at.V_CHANNEL] == channel:
                sustained.fade(ints, floats, tables, lane)


@njit(nogil=True, error_model="numpy")
def handle(ints, floats, tables, status, data1, data2):
    """Act on one channel message; everything else (system messages, running bytes) is ignored."""
    message = status & 0xF0
    channel = status & 0x0F
    data1 &= 0x7F
    data2 &= 0x7F
    if message == NOTE_ON and data2 > 0:
        note_on(ints, floats, tables, channel, data1, data2)
    elif message in (NOTE_ON, NOTE_OFF):
        end_notes(ints, floats, tables, channel, data1, at.HELD)
    elif message == CONTROL:
        control(ints, floats, tables, channel, data1, data2)
    elif message == BEND:
        ints[at.I_CHANNEL + channel * at.CH_STRIDE + at.CH_BEND] = data1 + (data2 << 7)
    elif message == PROGRAM and ints[at.I_CHANNEL + channel * at.CH_STRIDE + at.CH_KIND] != at.DRUM_KIT:
        ints[at.I_CHANNEL + channel * at.CH_STRIDE + at.CH_KIND] = int(tables[at.T_PROGRAM + data1])


def _compile(version: int) -> Any:
    @njit(
        "void(int64[::1], float32[::1], float32[::1], float32[::1], float32[::1], int64,"
        " int64[::1], int64[::1], int64[::1], int64[::1], int64)",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def render(ints, floats, tables, left, right, frames, ev_frames, ev_status, ev_data1, ev_data2, events):
        """Render `frames` frames into `left` and `right` (both overwritten), acting on `events` MIDI events.

        Event i happens at frame `ev_frames[i]` of this block (ascending; below 0 counts as 0, past the end as the
        last frame) with bytes `ev_status[i]`, `ev_data1[i]`, `ev_data2[i]`; its sound comes LATENCY_FRAMES later.
        Threads: the renderer. Realtime-safe: yes.
        """
        _ = version
        done = 0
        event = 0
        sounding = 0
        while done < frames:
            while event < events and (ev_frames[event] <= done or done == frames - 1):
                handle(ints, floats, tables, ev_status[event], ev_data1[event], ev_data2[event])
                event += 1
            clock = ints[at.I_FRAME]
            if clock % at.TICK == 0:
                look_at_channels(ints, floats)
                ints[at.I_SUSTAINED] = sustained.tick_all(ints, floats, tables)
            piece = min(frames - done, at.TICK - clock % at.TICK)
            if event < events:
                piece = min(piece, max(1, min(ev_frames[event], frames - 1) - done))
            for f in range(U(piece)):
                floats[U(at.F_BUS_L) + f] = F32(0)
                floats[U(at.F_BUS_R) + f] = F32(0)
                floats[U(at.F_BUS_REVERB) + f] = F32(0)
                floats[U(at.F_BUS_CHORUS) + f] = F32(0)
            sounding = struck.mix(ints, floats, tables, piece)
            sustained.mix(ints, floats, piece)
            effects.chorus(ints, floats, piece)
            effects.reverb(ints, floats, piece)
            effects.limit(ints, floats, left, right, done, piece)
            ints[at.I_FRAME] = clock + piece
            done += piece
        ints[at.I_STRUCK] = sounding

    return render


render = _compile(fingerprint((at, struck, sustained, effects, vector)))
