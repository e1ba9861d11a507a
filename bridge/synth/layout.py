"""Where each number of the synth's state lives: offsets into one int64, one float32 and one table array.

The audio callback is a C function pointer: it reaches the synth by three addresses and nothing else, so all
state is flat, of fixed size and made before the first block. Every constant here is frozen into the compiled
kernels. Times are frames, angles radians per frame, levels linear.
"""

from __future__ import annotations

TICK = 32  # frames between two looks at envelopes, pedals and wheels
CHANNELS = 16
MAX_SAMPLE_RATE = 96_000
MIN_SAMPLE_RATE = 22_050
LOOKAHEAD = 64  # frames over which the limiter turns down before a peak
LATENCY_FRAMES = LOOKAHEAD - 1  # from an event's frame to its first sample at the output

# ---- int64 state ------------------------------------------------------------------------------------
I_FRAME = 0  # frames rendered since the start
I_SERIAL = 1  # notes started since the start
I_STOLEN = 2  # notes cut short because all voices were busy
I_STRUCK = 3  # struck voices sounding after the last block
I_SUSTAINED = 4  # sustained voices sounding after the last block
I_LIMITED = 5  # frames in which the limiter turned down
I_SAMPLE_RATE = 6
I_LIMIT_POS = 7
I_LIMIT_SUM = 8  # of the last LOOKAHEAD gains, in units of 2**-24: exact, it can't drift
I_CHORUS_POS = 10
I_LINE_POS = 16  # 8 reverb lines, then 2 diffusers, then the pre-delay
I_LINE_LEN = 32
I_CHANNEL = 64  # CHANNELS blocks of
CH_STRIDE = 8
CH_KIND, CH_PEDAL, CH_LEVEL, CH_EXPRESSION, CH_PAN, CH_BEND = range(6)

STRUCK_VOICES = 80
STRUCK_LIMIT = 64  # the rest are for voices that fade out after being stolen
I_STRUCK_VOICE = I_CHANNEL + CHANNELS * CH_STRIDE
V_STRIDE = 16
V_STATE, V_CHANNEL, V_KEY, V_KIND, V_SERIAL, V_COUNT, V_POS, V_NOISE, V_AGE, V_STAGE = range(10)
FREE, HELD, PEDALLED, RELEASED, FADING = range(5)

LANES = 48
LANE_GROUP = 16
SUSTAINED_LIMIT = 40
I_LANE = I_STRUCK_VOICE + STRUCK_VOICES * V_STRIDE
INTS = I_LANE + LANES * V_STRIDE

# ---- float32 state ----------------------------------------------------------------------------------
F_SAMPLE_RATE = 0
F_RESIDUE_L, F_RESIDUE_R = 1, 2  # last samples of voices cut without a fade, let down over 2 ms
F_RESIDUE_DECAY = 3
F_GAIN_SMOOTH = 4
F_BEND_SMOOTH = 5
F_CHORUS_PHASE = 6
F_CHORUS_STEP = 7
F_REVERB_LOW = 8  # state of the high-pass in front of the reverb
F_REVERB_LOW_COEF = 9
F_DC = 10  # x and y of the DC blocker, left then right
F_DC_COEF = 14
F_LIMIT_GAIN = 15
F_LIMIT_RELEASE = 16
F_LIMIT_LEAST = 17  # least gain that a peak in the look-ahead window allows
F_DAMP = 20  # 8 low-pass states of the reverb lines
F_FEEDBACK = 28  # 8 feedback gains
F_CHANNEL = 64  # smoothed left gain, right gain, pitch ratio
CF_STRIDE = 4
CF_LEFT, CF_RIGHT, CF_BEND = range(3)

MODES = 48  # resonances of one struck voice, in groups of 8
CHUNK = 16  # frames that one table of a resonance's powers covers
STRUCK_TICK = 64  # frames a struck voice renders at a time
CHUNKS = STRUCK_TICK // CHUNK
F_STRUCK = F_CHANNEL + CHANNELS * CF_STRIDE
# one struck voice: scalars, then the rows below
(
    SV_GAIN_L, SV_GAIN_R, SV_ENV, SV_ATTACK, SV_FADE, SV_LEVEL, SV_PAN_L, SV_PAN_R, SV_SPREAD, SV_DAMP,
    SV_RATIO, SV_SWEEP, SV_SWEEP_DECAY, SV_REVERB, SV_CHORUS, SV_NOISE, SV_NOISE_DECAY, SV_NOISE_GATE,
    SV_NOISE_GATE_COEF, SV_NOISE_LEVEL, SV_IC1, SV_IC2, SV_A1, SV_A2, SV_A3, SV_LP, SV_BP, SV_HP, SV_K,
) = range(29)  # fmt: skip
SV_RE = 32
SV_IM = SV_RE + MODES
SV_TURN_RE = SV_IM + MODES  # the turn over one chunk
SV_TURN_IM = SV_TURN_RE + MODES
SV_THETA = SV_TURN_IM + MODES
SV_SIGMA = SV_THETA + MODES  # decay per frame, natural log
SV_POWERS = SV_SIGMA + MODES  # per resonance CHUNK real parts, CHUNK imaginary parts
SV_OUT_L = SV_POWERS + MODES * 2 * CHUNK
SV_OUT_R = SV_OUT_L + STRUCK_TICK
SV_STRIDE = SV_OUT_R + STRUCK_TICK

F_LANE = F_STRUCK + STRUCK_VOICES * SV_STRIDE  # field-major: field * LANES + lane
(
    L_PHASE1, L_PHASE2, L_PHASE3, L_INC1, L_INC2, L_INC3, L_INV1, L_INV2, L_SAW1, L_SAW2, L_TONE1, L_TONE2,
    L_TONE3, L_TONE4, L_TONE5, L_TONE6, L_G, L_DG, L_K, L_IC1, L_IC2, L_LEFT, L_DLEFT, L_RIGHT, L_DRIGHT,
    L_REVERB, L_CHORUS, L_OUT, L_ENV, L_FILTER_ENV, L_LFO, L_LEVEL, L_PITCH, L_CUTOFF,
) = range(34)  # fmt: skip
LANE_FIELDS = 34
TONES = 6  # harmonics of the third oscillator

F_SCRATCH = F_LANE + LANE_FIELDS * LANES
SCRATCH_A, SCRATCH_B = 0, STRUCK_TICK  # the two stereo sides of a struck voice
SCRATCH_RE = 2 * STRUCK_TICK  # the resonances at the start of each chunk
SCRATCH_IM = SCRATCH_RE + CHUNKS * MODES
SCRATCH_RAMP = SCRATCH_IM + CHUNKS * MODES  # 1/STRUCK_TICK, 2/STRUCK_TICK ... 1
F_BUS_L = F_SCRATCH + SCRATCH_RAMP + STRUCK_TICK
F_BUS_R = F_BUS_L + TICK
F_BUS_REVERB = F_BUS_R + TICK
F_BUS_CHORUS = F_BUS_REVERB + TICK
F_LIMIT_NEED = F_BUS_CHORUS + TICK
F_LIMIT_BOX = F_LIMIT_NEED + LOOKAHEAD
F_LIMIT_L = F_LIMIT_BOX + LOOKAHEAD
F_LIMIT_R = F_LIMIT_L + LOOKAHEAD
CHORUS_SIZE = 4096
F_CHORUS = F_LIMIT_R + LOOKAHEAD
LINES = 8
LINE_SIZE = 8192
DELAYS = LINES + 3  # two diffusers and the pre-delay use a line each
F_LINES = F_CHORUS + CHORUS_SIZE
FLOATS = F_LINES + DELAYS * LINE_SIZE

# ---- tables -----------------------------------------------------------------------------------------
NOISE_SIZE = 65_536
LIST_MODES = 24
LIST_COLUMNS = 4  # frequency ratio (or Hz), amplitude, decay per second, power of the velocity

(
    S_GAIN, S_VELOCITY, S_STRING, S_HERTZ, S_PARTIALS, S_PAIRS, S_STIFF, S_SLOPE, S_STRIKE, S_DARK, S_BRIGHT,
    S_BRIGHT_KEY, S_DECAY, S_DECAY_KEY, S_DECAY_HIGH, S_FAST, S_SLOW, S_DETUNE, S_RELEASE, S_ATTACK, S_SPREAD,
    S_KEY_PAN, S_NOISE, S_NOISE_DECAY, S_NOISE_ATTACK, S_NOISE_HZ, S_NOISE_Q, S_NOISE_LP, S_NOISE_BP, S_NOISE_HP,
    S_SWEEP, S_SWEEP_TIME, S_REVERB, S_CHORUS, S_CHOKE, S_BURSTS, S_OPEN_KEY, S_KEY_GAIN,
) = range(38)  # fmt: skip
S_LIST = 40
S_STRIDE = S_LIST + LIST_MODES * LIST_COLUMNS
(
    U_GAIN, U_VELOCITY, U_SAW1, U_SAW2, U_TONE, _, _, _, _, _, U_CENTS2, U_CENTS3, U_CUTOFF, U_CUTOFF_KEY,
    U_CUTOFF_VELOCITY, U_CUTOFF_ENV, U_RESONANCE, U_ATTACK, U_DECAY, U_SUSTAIN, U_RELEASE, U_FILTER_ATTACK,
    U_FILTER_DECAY, U_FILTER_SUSTAIN, U_VIBRATO, U_VIBRATO_HZ, U_VIBRATO_DELAY, U_REVERB, U_CHORUS, U_KEY_GAIN,
) = range(30)  # fmt: skip
U_STRIDE = 32

MAX_KINDS = 48  # struck kinds first in a kind number, sustained kinds from SUSTAINED_KIND on
SUSTAINED_KIND = 64
DRUM_KIT = 128  # the kind of a channel whose keys are instruments
T_STRUCK = 0
T_SUSTAINED = T_STRUCK + MAX_KINDS * S_STRIDE
T_DRUM_KIND = T_SUSTAINED + MAX_KINDS * U_STRIDE  # kind by key, -1: silent
T_DRUM_TUNE = T_DRUM_KIND + 128  # frequency ratio by key
T_DRUM_PAN = T_DRUM_TUNE + 128
T_PROGRAM = T_DRUM_PAN + 128  # kind by program
T_NOISE = T_PROGRAM + 128
TABLES = T_NOISE + NOISE_SIZE
