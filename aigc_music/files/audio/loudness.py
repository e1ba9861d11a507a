"""Loudness as people hear it, and true peaks between the samples.

Loudness is ITU-R BS.1770-5: two filters (the head, and the ear's deafness to low notes), mean power of blocks of
0.4 s every 0.1 s, blocks below -70 LUFS and then those 10 LU below the mean of the rest left out. The filters are
given there for 48 kHz; for other rates they come from the same analogue prototypes, as in libebur128. True peaks are
looked for with eight times as many samples, twice the standard's example: the highest tones read 0.1 dB low at most.

The kernels add in a fixed order and use no fast mathematics: the same sound gives the same figures on every machine.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.core.sounds import Sound

__all__ = ["LEAST_LOUDNESS", "LEAST_PEAK", "PIECE", "Tell", "decibels", "loudness", "loudness_of", "peak_envelope"]

LEAST_LOUDNESS = -70.0
"""LUFS of silence, and of all that lies below."""
LEAST_PEAK = -120.0
"""dBTP of silence."""

_RELATIVE_GATE = -10.0  # LU
_OFFSET = -0.691  # dB; a sine of 997 Hz at full scale in one channel has -3.01 LUFS
_SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)  # Hz, dB, Q
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)  # Hz, Q
_SHELF_BEND = 0.4996667741545416  # the exponent that gives the shelf its slope
_PHASES = 8
_TAPS = 32  # of each phase's filter
_KAISER = 7.0
PIECE = 1 << 17  # frames looked at between two calls of `tell`: 3 s of sound, some hundredths of a second of work

Tell = Callable[[float], None]


def _ignore(done: float) -> None:
    pass


def loudness(sound: Sound, tell: Tell = _ignore) -> tuple[float, float]:
    """(integrated loudness in LUFS, -70 and up; true peak in dBTP, -120 and up) of a sound.

    One shorter than 0.4 s counts as one block. tell: is told how much is done, 0..1, every PIECE frames or sooner.
    """
    peaks = peak_envelope(sound.frames, sound.rate, lambda done: tell(0.8 * done))
    integrated = loudness_of(sound.frames, sound.rate, lambda done: tell(0.8 + 0.2 * done))
    return integrated, max(LEAST_PEAK, decibels(float(peaks.max(initial=0.0))))


def loudness_of(frames: NDArray[np.float32], rate: int, tell: Tell = _ignore) -> float:
    """Integrated loudness in LUFS of (n, channels). tell: as in `loudness`."""
    step = round(rate / 10)
    if len(frames) < 4 * step:
        step = max(1, len(frames))
    coefficients, count = _coefficients(rate), len(frames) // step
    powers, memory = np.zeros(count), np.zeros((frames.shape[1], 6))
    pieces = max(1, PIECE // step)
    for first in range(0, count, pieces):
        last = min(count, first + pieces)
        piece = np.ascontiguousarray(frames[first * step : last * step])
        _add_powers(piece, coefficients, memory, powers[first:last])
        tell(last / count)
    blocks = powers / step if count < 4 else (powers[:-3] + powers[1:-2] + powers[2:-1] + powers[3:]) / (4 * step)
    loud = blocks[blocks > _power(LEAST_LOUDNESS)]
    if not len(loud):
        return LEAST_LOUDNESS
    gate = _OFFSET + decibels(math.sqrt(float(loud.mean()))) + _RELATIVE_GATE
    return _OFFSET + decibels(math.sqrt(float(loud[loud > _power(gate)].mean())))


def peak_envelope(frames: NDArray[np.float32], rate: int, tell: Tell = _ignore) -> NDArray[np.float64]:
    """(n,): per frame the largest size that the sound has from it up to the next frame, in any channel, linear.

    tell: as in `loudness`.
    """
    found = np.zeros(len(frames))
    taps = _interpolation()[:: 1 if rate < 96_000 else 2 if rate < 192_000 else 4]
    edge = np.zeros((_TAPS // 2, frames.shape[1]), np.float32)
    padded = np.concatenate((edge, frames, edge)).T
    for start in range(0, len(frames), PIECE):
        end = min(len(frames), start + PIECE)
        _peaks(np.ascontiguousarray(padded[:, start : end + _TAPS]), taps, found[start:end])
        tell(end / len(frames))
    return found


def decibels(size: float) -> float:
    """A linear size in decibels; -inf for 0."""
    return 20 * math.log10(size) if size > 0 else -math.inf


def _power(level: float) -> float:
    """The mean power of a block that has this loudness in LUFS."""
    return float(10 ** ((level - _OFFSET) / 10))


def _coefficients(rate: int) -> NDArray[np.float64]:
    """(2, 5): b0, b1, b2, a1, a2 of the shelf and of the high-pass, by the bilinear transform."""
    hertz, gain, quality = _SHELF
    k = math.tan(math.pi * hertz / rate)
    high = 10 ** (gain / 20)
    middle = high**_SHELF_BEND
    scale = 1 + k / quality + k * k
    shelf = [(high + middle * k / quality + k * k) / scale, 2 * (k * k - high) / scale,
             (high - middle * k / quality + k * k) / scale, 2 * (k * k - 1) / scale,
             (1 - k / quality + k * k) / scale]  # fmt: skip
    hertz, quality = _HIGH_PASS
    k = math.tan(math.pi * hertz / rate)
    scale = 1 + k / quality + k * k
    return np.array([shelf, [1, -2, 1, 2 * (k * k - 1) / scale, (1 - k / quality + k * k) / scale]])


def _interpolation() -> NDArray[np.float64]:
    """(phases, taps): the sound at 0, 1/8, 2/8 ... of the way to the next frame; the first is the frame itself."""
    place = np.arange(_TAPS) - (_TAPS // 2)
    window = np.kaiser(2 * _TAPS * _PHASES + 1, _KAISER)
    rows = []
    for phase in range(_PHASES):
        away = place - phase / _PHASES
        at = np.round((away / (_TAPS // 2 + 1) + 1) * _TAPS * _PHASES).astype(int)
        row = np.sinc(away) * window[at]
        rows.append(row / row.sum())
    return np.array(rows)


@njit(cache=True, nogil=True)
def _add_powers(
    frames: NDArray[np.float32],
    coefficients: NDArray[np.float64],
    memory: NDArray[np.float64],
    powers: NDArray[np.float64],
) -> None:
    """Add to `powers`, which share the frames evenly, the sums over their frames and all channels of the filtered
    sound, squared. memory: (channels, 6), what the filters keep from one piece to the next."""
    step = len(frames) // len(powers)
    b0, b1, b2, a1, a2 = coefficients[0]
    d0, d1, d2, c1, c2 = coefficients[1]
    for channel in range(frames.shape[1]):
        x1, x2, y1, y2, z1, z2 = memory[channel]
        for stretch in range(len(powers)):
            total = 0.0
            for n in range(stretch * step, (stretch + 1) * step):
                x = float(frames[n, channel])
                y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
                z = d0 * y + d1 * y1 + d2 * y2 - c1 * z1 - c2 * z2
                x2, x1, y2, y1, z2, z1 = x1, x, y1, y, z1, z
                total += z * z
            powers[stretch] += total
        memory[channel] = np.array([x1, x2, y1, y2, z1, z2])


@njit(cache=True, nogil=True)
def _peaks(padded: NDArray[np.float32], taps: NDArray[np.float64], found: NDArray[np.float64]) -> None:
    """Fill `found` from (channels, len(found) + taps.shape[1]) frames, half of the taps standing before the first."""
    line = np.zeros(len(found))
    for channel in range(padded.shape[0]):
        for phase in range(taps.shape[0]):
            line[:] = 0.0
            for tap in range(taps.shape[1]):
                weight = taps[phase, tap]
                for n in range(len(found)):
                    line[n] += weight * padded[channel, n + tap]
            for n in range(len(found)):
                found[n] = max(found[n], abs(line[n]))
