"""The sounds, as tables: struck kinds, sustained kinds, the drum kit, and who gets which by channel and program.

A struck kind is a bank of up to 48 decaying resonances and a burst of filtered noise: piano, electric piano,
plucked strings, bars and every drum. A string's resonances follow from a few numbers (stiffness, strike point,
hammer hardness); anything else lists them: (frequency ratio or Hz, amplitude, decay per second, how much the
velocity brings it out). A sustained kind is three oscillators, a low-pass filter and two envelopes.

Units: seconds, Hz, decays in 1/s (60 dB take 6.9 / decay), cents, octaves, gains linear. Values at middle C.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from . import layout as at

__all__ = [
    "CHANNEL_KINDS",
    "CHANNEL_LEVELS",
    "CHANNEL_PANS",
    "DRUM_MAP",
    "STRUCK",
    "SUSTAINED",
    "kind_number",
    "tables",
]

Mode = tuple[float, float, float, float]

# A string: gain, velocity = exponent of loudness, partials, pairs = partials with two strings each, stiff =
# inharmonicity, slope = exponent of the partials' fall, strike = where the hammer hits, dark/bright = cut-off of
# the hammer in Hz at velocity 0 and 127, decay = 1/s at middle C, decay_key = how it grows with pitch,
# decay_high = 1/s per kHz squared, fast/slow = the two polarisations, release = 1/s when damped.
STRUCK: dict[str, dict[str, float | Sequence[Mode]]] = {
    "piano": {
        "gain": 1.0, "velocity": 1.5, "string": 1, "partials": 32, "pairs": 8, "stiff": 0.00035, "slope": 0.6,
        "strike": 0.12, "dark": 480, "bright": 4600, "bright_key": 0.45, "decay": 0.6, "decay_key": 0.62,
        "decay_high": 0.35, "fast": 3.2, "slow": 0.4, "detune": 0.9, "release": 22, "attack": 0.0012,
        "spread": 0.35, "key_pan": 0.25, "noise": 0.12, "noise_decay": 0.016, "noise_hz": 900, "noise_q": 0.8,
        "noise_lp": 1, "reverb": 0.16, "open_key": 90, "key_gain": 0.0,
    },
    "electric_piano": {
        "gain": 0.9, "velocity": 1.3, "partials": 8, "decay_key": 0.55, "release": 16, "attack": 0.0015,
        "spread": 0.25, "key_pan": 0.2, "noise": 0.05, "noise_decay": 0.008, "noise_hz": 2200, "noise_q": 0.9,
        "noise_bp": 1, "reverb": 0.14, "chorus": 0.35, "key_gain": -0.1,
        "modes": [(1, 1, 0.8, 0), (2, 0.34, 1.1, 0.8), (3, 0.16, 1.5, 1.5), (4, 0.06, 2.2, 1.8),
                  (5, 0.035, 3, 2), (6.27, 0.05, 14, 1.4), (1.0015, 0.35, 1.4, 0), (9.9, 0.03, 26, 1.6)],
    },
    "pluck": {
        "gain": 0.95, "velocity": 1.3, "string": 1, "partials": 32, "stiff": 0.0001, "slope": 0.95,
        "strike": 0.19, "dark": 900, "bright": 4200, "bright_key": 0.35, "decay": 1.5, "decay_key": 0.6,
        "decay_high": 1.1, "fast": 1, "slow": 0.5, "release": 26, "attack": 0.0008, "spread": 0.2,
        "noise": 0.07, "noise_decay": 0.007, "noise_hz": 2600, "noise_q": 0.7, "noise_bp": 1, "reverb": 0.18,
        "open_key": 128, "key_gain": 0.0,
    },
    "bars": {
        "gain": 0.85, "velocity": 1.3, "partials": 6, "decay_key": 0.7, "release": 10, "attack": 0.001,
        "spread": 0.3, "key_pan": 0.3, "noise": 0.04, "noise_decay": 0.006, "noise_hz": 1800, "noise_q": 0.8,
        "noise_bp": 1, "reverb": 0.3, "open_key": 128,
        "modes": [(1, 1, 0.9, 0), (3.98, 0.28, 3.5, 1), (9.7, 0.1, 11, 1.5), (1.0012, 0.3, 1.1, 0),
                  (15.2, 0.03, 20, 2), (2.0, 0.05, 2, 0.5)],
    },
    # ---- drums: the list is in Hz
    "kick": {
        "gain": 2.2, "velocity": 1.2, "hertz": 1, "attack": 0.0004, "noise": 0.3, "noise_decay": 0.006,
        "noise_hz": 2600, "noise_q": 0.7, "noise_lp": 1, "sweep": 2.6, "sweep_time": 0.016, "reverb": 0.03,
        "modes": [(50, 1, 8.5, 0), (101, 0.22, 17, 0.5), (164, 0.1, 34, 1)],
    },
    "snare": {
        "gain": 1.25, "velocity": 1.3, "hertz": 1, "attack": 0.0003, "noise": 1.25, "noise_decay": 0.075,
        "noise_hz": 2700, "noise_q": 0.5, "noise_bp": 0.8, "noise_hp": 0.35, "sweep": 0.25, "sweep_time": 0.01,
        "reverb": 0.14, "spread": 0.3,
        "modes": [(184, 0.8, 17, 0), (327, 0.5, 23, 0.3), (480, 0.2, 33, 0.6), (706, 0.12, 44, 0.9)],
    },
    "side_stick": {
        "gain": 1.3, "velocity": 1.2, "hertz": 1, "attack": 0.0002, "noise": 0.35, "noise_decay": 0.007,
        "noise_hz": 2500, "noise_q": 0.8, "noise_bp": 1, "reverb": 0.16,
        "modes": [(455, 0.6, 55, 0), (1665, 1, 75, 0.3), (2420, 0.5, 95, 0.6), (3310, 0.25, 120, 0.8)],
    },
    "clap": {
        "gain": 1.9, "velocity": 1.2, "hertz": 1, "attack": 0.0003, "noise": 1, "noise_decay": 0.06,
        "noise_hz": 1250, "noise_q": 1.1, "noise_bp": 1, "noise_hp": 0.15, "bursts": 3, "reverb": 0.25,
        "modes": [],
    },
    "hat_closed": {
        "gain": 0.55, "velocity": 1.3, "hertz": 1, "attack": 0.0003, "noise": 0.8, "noise_decay": 0.026,
        "noise_hz": 8200, "noise_q": 0.7, "noise_hp": 1, "choke": 1, "reverb": 0.04, "spread": 0.2,
        "modes": [(3170, 0.2, 60, 0), (4230, 0.25, 65, 0), (5310, 0.3, 70, 0), (6130, 0.3, 72, 0),
                  (7270, 0.3, 75, 0.3), (8390, 0.3, 80, 0.3), (9740, 0.3, 85, 0.5), (11230, 0.25, 90, 0.5)],
    },
    "hat_pedal": {
        "gain": 0.36, "velocity": 1.2, "hertz": 1, "attack": 0.003, "noise": 0.7, "noise_decay": 0.028,
        "noise_hz": 6200, "noise_q": 0.7, "noise_hp": 1, "noise_attack": 0.006, "choke": 1, "reverb": 0.04,
        "spread": 0.2,
        "modes": [(3170, 0.2, 75, 0), (4230, 0.2, 80, 0), (5310, 0.2, 85, 0), (6130, 0.2, 90, 0)],
    },
    "hat_open": {
        "gain": 0.32, "velocity": 1.3, "hertz": 1, "attack": 0.0004, "noise": 0.75, "noise_decay": 0.2,
        "noise_hz": 7600, "noise_q": 0.7, "noise_hp": 0.8, "choke": 1, "reverb": 0.06, "spread": 0.25,
        "noise_bp": 0.3,
        "modes": [(3170, 0.2, 8, 0), (4230, 0.25, 8.5, 0), (5310, 0.3, 9, 0), (6130, 0.3, 9.5, 0),
                  (7270, 0.3, 10, 0.3), (8390, 0.3, 11, 0.3), (9740, 0.3, 12, 0.5), (11230, 0.25, 13, 0.5)],
    },
    "tom": {
        "gain": 1.5, "velocity": 1.2, "hertz": 1, "attack": 0.0004, "noise": 0.2, "noise_decay": 0.018,
        "noise_hz": 1500, "noise_q": 0.7, "noise_lp": 1, "sweep": 0.5, "sweep_time": 0.03, "reverb": 0.14,
        "spread": 0.15,
        "modes": [(100, 1, 6.5, 0), (159, 0.35, 11, 0.3), (214, 0.2, 15, 0.5), (285, 0.1, 22, 0.8)],
    },
    "hand_drum": {
        "gain": 1.5, "velocity": 1.3, "hertz": 1, "attack": 0.0004, "noise": 0.22, "noise_decay": 0.008,
        "noise_hz": 2600, "noise_q": 0.8, "noise_bp": 1, "sweep": 0.12, "sweep_time": 0.012, "reverb": 0.14,
        "modes": [(200, 1, 16, 0), (332, 0.3, 26, 0.5), (461, 0.16, 36, 0.8)],
    },
    "crash": {
        "gain": 0.62, "velocity": 1.2, "hertz": 1, "attack": 0.0006, "noise": 0.7, "noise_decay": 0.55,
        "noise_hz": 3400, "noise_q": 0.5, "noise_hp": 0.4, "noise_bp": 1.0, "reverb": 0.15, "spread": 0.45,
        "modes": [(412, 0.2, 2.6, 0), (587, 0.2, 2.4, 0), (851, 0.2, 2.4, 0), (1213, 0.2, 2.6, 0),
                  (1741, 0.2, 2.8, 0), (2287, 0.24, 3, 0.2), (2963, 0.24, 3.2, 0.2), (3511, 0.26, 3.4, 0.3),
                  (4273, 0.26, 3.6, 0.3), (5147, 0.28, 3.8, 0.4), (5981, 0.28, 4.2, 0.4),
                  (6947, 0.28, 4.6, 0.5), (7823, 0.28, 5, 0.5), (8837, 0.26, 5.5, 0.6), (9973, 0.24, 6, 0.6),
                  (11159, 0.2, 7, 0.6)],
    },
    "ride": {
        "gain": 0.3, "velocity": 1.3, "hertz": 1, "attack": 0.0004, "noise": 0.3, "noise_decay": 0.28,
        "noise_hz": 5600, "noise_q": 0.6, "noise_hp": 1, "reverb": 0.1, "spread": 0.35,
        "modes": [(517, 0.14, 2.2, 0), (871, 0.18, 2.2, 0), (1433, 0.22, 2.4, 0), (2129, 0.26, 2.8, 0),
                  (2903, 0.3, 3.2, 0), (3617, 0.34, 4, 0.2), (4391, 0.36, 5, 0.3), (5233, 0.36, 6, 0.4),
                  (6277, 0.34, 8, 0.5), (7369, 0.3, 11, 0.6), (8431, 0.28, 14, 0.7), (9619, 0.24, 18, 0.8),
                  (10859, 0.2, 22, 0.9)],
    },
    "ride_bell": {
        "gain": 0.36, "velocity": 1.3, "hertz": 1, "attack": 0.0004, "noise": 0.12, "noise_decay": 0.05,
        "noise_hz": 6000, "noise_q": 0.6, "noise_hp": 1, "reverb": 0.12, "spread": 0.3,
        "modes": [(761, 0.5, 3, 0), (1439, 0.5, 3.2, 0), (2213, 0.4, 3.6, 0), (3307, 0.34, 4.2, 0.2),
                  (4519, 0.24, 5.4, 0.4), (6011, 0.16, 8, 0.6)],
    },
    "cowbell": {
        "gain": 0.95, "velocity": 1.2, "hertz": 1, "attack": 0.0004, "noise": 0.08, "noise_decay": 0.006,
        "noise_hz": 3000, "noise_q": 0.8, "noise_bp": 1, "reverb": 0.1,
        "modes": [(562, 0.8, 14, 0), (845, 1, 13, 0), (1686, 0.3, 22, 0.4), (2535, 0.25, 28, 0.6),
                  (3380, 0.12, 36, 0.8)],
    },
    "tambourine": {
        "gain": 0.7, "velocity": 1.2, "hertz": 1, "attack": 0.001, "noise": 0.8, "noise_decay": 0.05,
        "noise_hz": 7200, "noise_q": 1.2, "noise_bp": 0.7, "noise_hp": 0.6, "bursts": 2, "reverb": 0.12,
        "spread": 0.3,
        "modes": [(5210, 0.2, 22, 0), (6430, 0.22, 24, 0), (7810, 0.24, 26, 0.2), (9120, 0.24, 28, 0.3),
                  (10400, 0.2, 32, 0.4)],
    },
    "shaker": {
        "gain": 0.95, "velocity": 1.2, "hertz": 1, "attack": 0.002, "noise": 1, "noise_decay": 0.035,
        "noise_hz": 6400, "noise_q": 0.9, "noise_bp": 0.6, "noise_hp": 0.6, "noise_attack": 0.018,
        "reverb": 0.08,
        "modes": [],
    },
    "wood_block": {
        "gain": 1.0, "velocity": 1.2, "hertz": 1, "attack": 0.0003, "noise": 0.1, "noise_decay": 0.004,
        "noise_hz": 2400, "noise_q": 0.9, "noise_bp": 1, "reverb": 0.14,
        "modes": [(1000, 1, 42, 0), (2340, 0.4, 70, 0.4), (3870, 0.16, 95, 0.7)],
    },
    "triangle": {
        "gain": 0.4, "velocity": 1.2, "hertz": 1, "attack": 0.0005, "reverb": 0.2, "spread": 0.3,
        "modes": [(1237, 0.3, 2.4, 0), (2951, 0.6, 2, 0), (4423, 0.6, 2.4, 0), (6180, 0.5, 3, 0.3),
                  (8329, 0.4, 4, 0.5), (10720, 0.3, 5, 0.6)],
    },
}  # fmt: skip

# saw1, saw2 and tone (levels of harmonics 1..6) are the three oscillators, cents2 and cents3 the tuning of the
# second saw and of the tone; cutoff_key: octaves per octave; cutoff_velocity and cutoff_env: octaves at full
# velocity and full envelope; times to 95 % of the way.
SUSTAINED: dict[str, dict[str, float | Sequence[float]]] = {
    "bass": {
        "gain": 0.7, "velocity": 0.9, "saw1": 0.46, "saw2": 0.2, "tone": (0.72, 0.38, 0.2, 0.08, 0.04),
        "cents2": 6, "cutoff": 680, "cutoff_key": 0.45, "cutoff_velocity": 1.7, "cutoff_env": 1.5,
        "resonance": 0.9, "attack": 0.005, "decay": 0.9, "sustain": 0.55, "release": 0.07,
        "filter_attack": 0.003, "filter_decay": 0.22, "filter_sustain": 0.12, "reverb": 0.02, "key_gain": -0.05,
    },
    "lead": {
        "gain": 0.68, "velocity": 0.8, "saw1": 0.13, "saw2": 0.1, "tone": (0.85, 0.06, 0.2, 0.02, 0.09),
        "cents2": -6, "cents3": 3, "cutoff": 1500, "cutoff_key": 0.6, "cutoff_velocity": 1.6, "cutoff_env": 0.7,
        "resonance": 0.75, "attack": 0.012, "decay": 0.5, "sustain": 0.75, "release": 0.13,
        "filter_attack": 0.01, "filter_decay": 0.3, "filter_sustain": 0.4, "vibrato": 9, "vibrato_hz": 5.2,
        "vibrato_delay": 0.35, "reverb": 0.22, "chorus": 0.2, "key_gain": -0.08,
    },
    "strings": {
        "gain": 0.68, "velocity": 0.8, "saw1": 0.55, "saw2": 0.5, "tone": (0.16, 0.1, 0.05), "cents2": 9,
        "cents3": -5, "cutoff": 1700, "cutoff_key": 0.5, "cutoff_velocity": 1.3, "cutoff_env": 0.4,
        "resonance": 0.6, "attack": 0.09, "decay": 1.2, "sustain": 0.85, "release": 0.32, "filter_attack": 0.12,
        "filter_decay": 1, "filter_sustain": 0.6, "vibrato": 5, "vibrato_hz": 4.8, "vibrato_delay": 0.5,
        "reverb": 0.32, "chorus": 0.35, "key_gain": -0.1,
    },
    "pad": {
        "gain": 0.62, "velocity": 0.6, "saw1": 0.4, "saw2": 0.4, "tone": (0.4, 0.12, 0.06), "cents2": 11,
        "cents3": -7, "cutoff": 720, "cutoff_key": 0.45, "cutoff_velocity": 1, "cutoff_env": 1,
        "resonance": 0.7, "attack": 0.28, "decay": 2, "sustain": 0.8, "release": 0.7, "filter_attack": 0.6,
        "filter_decay": 2.5, "filter_sustain": 0.5, "vibrato": 3, "vibrato_hz": 0.7, "reverb": 0.38,
        "chorus": 0.55, "key_gain": -0.1,
    },
    "organ": {
        "gain": 0.27, "velocity": 0.35, "tone": (0.35, 0.8, 0.25, 0.45, 0, 0.25), "cents3": -1200,
        "cutoff": 3600, "cutoff_key": 0.3, "cutoff_velocity": 0.4, "resonance": 0.6, "attack": 0.006,
        "decay": 1, "sustain": 1, "release": 0.06, "filter_attack": 0.01, "filter_decay": 1,
        "filter_sustain": 1, "vibrato": 4, "vibrato_hz": 6.1, "vibrato_delay": 0.1, "reverb": 0.28,
        "chorus": 0.5, "saw1": 0.1,
    },
    "brass": {
        "gain": 0.85, "velocity": 0.9, "saw1": 0.6, "saw2": 0.35, "tone": (0.2, 0.1), "cents2": 5, "cents3": -4,
        "cutoff": 1200, "cutoff_key": 0.6, "cutoff_velocity": 1.8, "cutoff_env": 1.6, "resonance": 0.7,
        "attack": 0.035, "decay": 0.6, "sustain": 0.8, "release": 0.14, "filter_attack": 0.06,
        "filter_decay": 0.5, "filter_sustain": 0.6, "vibrato": 5, "vibrato_hz": 5, "vibrato_delay": 0.4,
        "reverb": 0.24, "chorus": 0.12, "key_gain": -0.08,
    },
}  # fmt: skip

# General MIDI percussion: key -> (kind, tuning against the kind's own frequencies, place from -1 left to 1 right)
DRUM_MAP: dict[int, tuple[str, float, float]] = {
    35: ("kick", 0.92, 0), 36: ("kick", 1, 0), 37: ("side_stick", 1, 0.1), 38: ("snare", 1, 0.05),
    39: ("clap", 1, -0.1), 40: ("snare", 1.16, 0.05), 41: ("tom", 0.74, 0.5), 42: ("hat_closed", 1, -0.35),
    43: ("tom", 0.86, 0.4), 44: ("hat_pedal", 1, -0.35), 45: ("tom", 1, 0.2), 46: ("hat_open", 1, -0.35),
    47: ("tom", 1.18, 0), 48: ("tom", 1.4, -0.2), 49: ("crash", 1, -0.45), 50: ("tom", 1.66, -0.35),
    51: ("ride", 1, 0.4), 52: ("crash", 0.82, 0.5), 53: ("ride_bell", 1, 0.4), 54: ("tambourine", 1, 0.3),
    55: ("crash", 1.35, -0.3), 56: ("cowbell", 1, 0.25), 57: ("crash", 1.12, 0.45), 58: ("shaker", 0.8, 0.3),
    59: ("ride", 1.1, 0.45), 60: ("hand_drum", 1.7, 0.3), 61: ("hand_drum", 1.25, 0.3),
    62: ("hand_drum", 1.05, -0.3), 63: ("hand_drum", 0.95, -0.3), 64: ("hand_drum", 0.72, -0.35),
    65: ("tom", 2.2, 0.35), 66: ("tom", 1.7, 0.35), 67: ("cowbell", 1.5, -0.3), 68: ("cowbell", 1.15, -0.3),
    69: ("shaker", 0.9, 0.35), 70: ("shaker", 1.1, 0.35), 71: ("wood_block", 2.2, 0.2),
    72: ("wood_block", 2, 0.2), 73: ("shaker", 0.7, -0.2), 74: ("shaker", 0.65, -0.2),
    75: ("wood_block", 2.4, 0.15), 76: ("wood_block", 1, 0.25), 77: ("wood_block", 0.76, 0.25),
    78: ("hand_drum", 2, 0), 79: ("hand_drum", 1.5, 0), 80: ("triangle", 1, -0.3), 81: ("triangle", 1, -0.3),
}  # fmt: skip

# one sound for each General MIDI family of eight programs; piano and percussion families are finer
FAMILIES = (
    "piano", "bars", "organ", "pluck", "bass", "strings", "strings", "brass",
    "lead", "lead", "lead", "pad", "pad", "pluck", "bars", "pad",
)  # fmt: skip
PROGRAM_EXCEPTIONS = {
    4: "electric_piano",
    5: "electric_piano",
    6: "pluck",
    7: "pluck",
    45: "pluck",
    46: "pluck",
    47: "bars",
}

# sound, level (CC7) and place (CC10) that a channel starts with; channels count from 0
CHANNEL_KINDS = {1: "electric_piano", 3: "bass", 4: "strings", 5: "pad", 9: "drums"}
CHANNEL_LEVELS = {1: 108, 2: 92, 3: 104, 4: 88, 5: 80, 9: 100}
CHANNEL_PANS = {1: 70, 2: 52, 4: 88, 5: 42}
DEFAULT_KIND, DEFAULT_LEVEL, DEFAULT_PAN = "piano", 100, 64

STRUCK_COLUMNS = {
    "gain": at.S_GAIN, "velocity": at.S_VELOCITY, "string": at.S_STRING, "hertz": at.S_HERTZ,
    "partials": at.S_PARTIALS, "pairs": at.S_PAIRS, "stiff": at.S_STIFF, "slope": at.S_SLOPE,
    "strike": at.S_STRIKE, "dark": at.S_DARK, "bright": at.S_BRIGHT, "bright_key": at.S_BRIGHT_KEY,
    "decay": at.S_DECAY, "decay_key": at.S_DECAY_KEY, "decay_high": at.S_DECAY_HIGH, "fast": at.S_FAST,
    "slow": at.S_SLOW, "detune": at.S_DETUNE, "release": at.S_RELEASE, "attack": at.S_ATTACK,
    "spread": at.S_SPREAD, "key_pan": at.S_KEY_PAN, "noise": at.S_NOISE, "noise_decay": at.S_NOISE_DECAY,
    "noise_attack": at.S_NOISE_ATTACK, "noise_hz": at.S_NOISE_HZ, "noise_q": at.S_NOISE_Q,
    "noise_lp": at.S_NOISE_LP, "noise_bp": at.S_NOISE_BP, "noise_hp": at.S_NOISE_HP, "sweep": at.S_SWEEP,
    "sweep_time": at.S_SWEEP_TIME, "reverb": at.S_REVERB, "chorus": at.S_CHORUS, "choke": at.S_CHOKE,
    "bursts": at.S_BURSTS, "open_key": at.S_OPEN_KEY, "key_gain": at.S_KEY_GAIN,
}  # fmt: skip
SUSTAINED_COLUMNS = {
    "gain": at.U_GAIN, "velocity": at.U_VELOCITY, "saw1": at.U_SAW1, "saw2": at.U_SAW2, "tone": at.U_TONE,
    "cents2": at.U_CENTS2, "cents3": at.U_CENTS3, "cutoff": at.U_CUTOFF, "cutoff_key": at.U_CUTOFF_KEY,
    "cutoff_velocity": at.U_CUTOFF_VELOCITY, "cutoff_env": at.U_CUTOFF_ENV, "resonance": at.U_RESONANCE,
    "attack": at.U_ATTACK, "decay": at.U_DECAY, "sustain": at.U_SUSTAIN, "release": at.U_RELEASE,
    "filter_attack": at.U_FILTER_ATTACK, "filter_decay": at.U_FILTER_DECAY,
    "filter_sustain": at.U_FILTER_SUSTAIN, "vibrato": at.U_VIBRATO, "vibrato_hz": at.U_VIBRATO_HZ,
    "vibrato_delay": at.U_VIBRATO_DELAY, "reverb": at.U_REVERB, "chorus": at.U_CHORUS,
    "key_gain": at.U_KEY_GAIN,
}  # fmt: skip


def kind_number(name: str) -> int:
    """The number that a sound's name has in the state. Raises KeyError for a name not in the tables."""
    if name == "drums":
        return at.DRUM_KIT
    if name in STRUCK:
        return list(STRUCK).index(name)
    return at.SUSTAINED_KIND + list(SUSTAINED).index(name)


@lru_cache(maxsize=1)
def tables() -> npt.NDArray[np.float32]:
    """All constants of the sounds in one float32 array, laid out as `layout` says. Made once."""
    table = np.zeros(at.TABLES, np.float32)
    for number, sound in enumerate(STRUCK.values()):
        row = table[at.T_STRUCK + number * at.S_STRIDE :][: at.S_STRIDE]
        row[at.S_OPEN_KEY] = 127
        for name, value in sound.items():
            if name == "modes":
                assert not isinstance(value, float)
                listed = np.array(value, np.float32).reshape(-1)
                row[at.S_LIST : at.S_LIST + len(listed)] = listed
                row[at.S_PARTIALS] = len(listed) // at.LIST_COLUMNS
            else:
                row[STRUCK_COLUMNS[name]] = value
    for number, tone in enumerate(SUSTAINED.values()):
        row = table[at.T_SUSTAINED + number * at.U_STRIDE :][: at.U_STRIDE]
        for name, amount in tone.items():
            column = SUSTAINED_COLUMNS[name]
            levels = np.atleast_1d(np.asarray(amount, np.float32))
            row[column : column + len(levels)] = levels
    table[at.T_DRUM_KIND : at.T_DRUM_KIND + 128] = -1
    for key, (name, tune, place) in DRUM_MAP.items():
        table[at.T_DRUM_KIND + key] = kind_number(name)
        table[at.T_DRUM_TUNE + key] = tune
        table[at.T_DRUM_PAN + key] = place
    for program in range(128):
        table[at.T_PROGRAM + program] = kind_number(PROGRAM_EXCEPTIONS.get(program, FAMILIES[program // 8]))
    noise = np.random.default_rng(20_408).standard_normal(at.NOISE_SIZE).clip(-3, 3) * 0.5
    table[at.T_NOISE :] = noise
    return table
