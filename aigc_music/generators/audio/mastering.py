"""Mastering: the loudness that services want, with a limiter that holds true peaks.

The limiter knows every peak LOOK_SECONDS early, between the samples too. The gain that a peak needs is held for
HOLD_SECONDS, longer than half a wave of the lowest bass, so that it does not follow the wave itself, which would
distort; it recovers in RELEASE_SECONDS, and two running means round its corners. It begins to fall exactly so early
that it has reached what the peak needs when the peak comes. There is no delay, and nothing else is done to the sound.

How far the sound is driven into the limiter is found by trying: limiting takes loudness away. Where the loudness
asked for would cost more than MOST_REDUCTION, the master stays softer.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.files.audio.loudness import decibels, loudness_of, peak_envelope

__all__ = ["MOST_REDUCTION", "Mastered", "mastered"]

MOST_REDUCTION = 15.0
"""dB by which the highest peak is turned down at most."""

LOOK_SECONDS = 0.005
HOLD_SECONDS = 0.012
RELEASE_SECONDS = 0.1
MARGIN = 0.05  # dB below the peak asked for: meters differ by about as much
NEAR = 0.02  # LU
TRIES = 12


class Mastered(NamedTuple):
    """frames: (n, channels) float32. gain_db: what was added. reduction_db: by how much the limiter turned down at
    most, 0 and up. limited: share of the frames in which it turned down by 0.1 dB or more."""

    frames: NDArray[np.float32]
    gain_db: float
    reduction_db: float
    limited: float


def mastered(
    frames: NDArray[np.float32], rate: int, loudness: float, peak: float, tell: Callable[[float], None]
) -> Mastered:
    """Frames (n, channels) that sound, at `loudness` LUFS (within 0.1 where MOST_REDUCTION allows it) with true peaks
    of `peak` dBTP at most. tell: is told how much is done, 0..1, at least every 0.3 s of a song of some minutes."""
    envelope = peak_envelope(frames, rate, lambda done: tell(0.4 * done))
    ceiling = float(10 ** ((peak - MARGIN) / 20))
    most = decibels(ceiling / float(envelope.max())) + MOST_REDUCTION
    drive, slope = min(loudness - loudness_of(frames, rate), most), 1.0
    before: tuple[float, float] | None = None
    for number in range(TRIES):
        tell(0.4 + 0.4 * number / TRIES)
        drive = round(drive, 3)
        found = _limited(frames, envelope, rate, drive, ceiling)
        reached = loudness_of(found.frames, rate)
        away = loudness - reached
        if abs(away) <= NEAR or (drive >= round(most, 3) and away > 0):
            break
        if before is not None and drive != before[0]:
            slope = min(1.0, max(0.25, (reached - before[1]) / (drive - before[0])))
        before = drive, reached
        drive = min(most, drive + away / slope)
    # a moving gain can lift what lies between two samples a little: measure, and lower all by as much
    highest = float(peak_envelope(found.frames, rate, lambda done: tell(0.8 + 0.2 * done)).max())
    over = min(1.0, 10 ** (peak / 20) / highest)
    return found if over == 1.0 else found._replace(frames=found.frames * np.float32(over * (1 - 1e-6)))


def _limited(
    frames: NDArray[np.float32], envelope: NDArray[np.float64], rate: int, drive: float, ceiling: float
) -> Mastered:
    """The frames `drive` dB louder, held at `ceiling`."""
    loud = float(10 ** (drive / 20))
    look, hold = (max(2, round(seconds * rate)) for seconds in (LOOK_SECONDS, HOLD_SECONDS))
    release = 1 - math.exp(-1 / (RELEASE_SECONDS * rate))
    gain = _gains(envelope, ceiling / loud, look // 2, hold, release)
    out = frames * (gain * loud).astype(np.float32)[:, None]
    reduction = max(0.0, -decibels(float(gain.min())))
    return Mastered(out, drive, reduction, float((gain < 0.9886).mean()))


@njit(cache=True, nogil=True)
def _gains(
    envelope: NDArray[np.float64], ceiling: float, half: int, hold: int, release: float
) -> NDArray[np.float64]:
    """(n,) gains 0..1 under which no peak of the envelope passes the ceiling; half: frames of half the look-ahead."""
    count = len(envelope)
    look = 2 * half
    gains = np.empty(count)
    # the highest peak from `hold` frames ago to `look` frames ahead: places of falling peaks, in a ring
    ring = np.zeros(look + hold + 2, np.int64)
    first = last = 0  # of the ring, counted on
    ahead = 0
    gain = 1.0
    for n in range(count):
        while ahead < count and ahead <= n + look:
            while last > first and envelope[ring[(last - 1) % len(ring)]] <= envelope[ahead]:
                last -= 1
            ring[last % len(ring)] = ahead
            last += 1
            ahead += 1
        while ring[first % len(ring)] < n - hold:
            first += 1
        highest = envelope[ring[first % len(ring)]]
        need = ceiling / highest if highest > ceiling else 1.0
        gain = need if n == 0 else min(need, gain + (1.0 - gain) * release)
        gains[n] = gain
    # two running means of `half` + 1 frames each, backwards in time: together they reach as far as the look-ahead
    for _ in range(2):
        line = np.full(half + 1, gains[0])
        total = gains[0] * len(line)
        for n in range(count):
            place = n % len(line)
            total += gains[n] - line[place]
            line[place] = gains[n]
            gains[n] = total / len(line)
    return gains
