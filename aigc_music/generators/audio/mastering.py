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
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.files.audio.loudness import PIECE, Tell, decibels, loudness_of, peak_envelope

__all__ = ["MOST_REDUCTION", "Mastered", "gains", "mastered"]

MOST_REDUCTION = 15.0
"""dB by which the highest peak is turned down at most."""

LOOK_SECONDS = 0.005
HOLD_SECONDS = 0.012
RELEASE_SECONDS = 0.1
MARGIN = 0.05  # dB below the peak asked for: meters differ by about as much
NEAR = 0.02  # LU
TRIES = 12
_A_TENTH = 10 ** (-0.1 / 20)


class Mastered(NamedTuple):
    """frames: (n, channels) float32. gain_db: what was added. reduction_db: by how much the limiter turned down at
    most, 0 and up. limited: share of the frames in which it turned down by 0.1 dB or more."""

    frames: NDArray[np.float32]
    gain_db: float
    reduction_db: float
    limited: float


def mastered(frames: NDArray[np.float32], rate: int, loudness: float, peak: float, tell: Tell) -> Mastered:
    """Frames (n, channels) that sound, at `loudness` LUFS (within 0.1 where MOST_REDUCTION allows it) with true peaks
    of `peak` dBTP at most. tell: is told how much is done, 0..1, several times a second."""
    envelope = peak_envelope(frames, rate, _share(tell, 0.0, 0.3))
    ceiling = float(10 ** ((peak - MARGIN) / 20))
    most = decibels(ceiling / float(envelope.max())) + MOST_REDUCTION
    drive, slope = min(loudness - loudness_of(frames, rate), most), 1.0
    before: tuple[float, float] | None = None
    for number in range(TRIES):
        told = _share(tell, 0.3 + 0.4 * (1 - 0.5**number), 0.3 + 0.4 * (1 - 0.5 ** (number + 1)))
        drive = round(drive, 3)
        found = _limited(frames, envelope, rate, drive, ceiling, _share(told, 0.0, 0.6))
        reached = loudness_of(found.frames, rate, _share(told, 0.6, 1.0))
        away = loudness - reached
        if abs(away) <= NEAR or (drive >= round(most, 3) and away > 0):
            break
        if before is not None and drive != before[0]:
            slope = min(1.0, max(0.25, (reached - before[1]) / (drive - before[0])))
        before = drive, reached
        drive = min(most, drive + away / slope)
    # a moving gain can lift what lies between two samples a little: measure, and lower all by as much
    highest = float(peak_envelope(found.frames, rate, _share(tell, 0.7, 1.0)).max())
    over = min(1.0, 10 ** (peak / 20) / highest)
    return found if over == 1.0 else found._replace(frames=found.frames * np.float32(over * (1 - 1e-6)))


def _share(tell: Tell, begin: float, end: float) -> Tell:
    """What tells `tell` of a part of the work, from `begin` to `end` of the whole."""
    return lambda done: tell(begin + (end - begin) * done)


def _limited(
    frames: NDArray[np.float32], envelope: NDArray[np.float64], rate: int, drive: float, ceiling: float, tell: Tell
) -> Mastered:
    """The frames `drive` dB louder, held at `ceiling`."""
    loud = float(10 ** (drive / 20))
    half, hold = round(LOOK_SECONDS * rate / 2), round(HOLD_SECONDS * rate)
    release = 1 - math.exp(-1 / (RELEASE_SECONDS * rate))
    out = np.empty(frames.shape, np.float32)
    lowest, limited, start = 1.0, 0, 0
    for gain in gains(envelope, ceiling / loud, half, hold, release):
        end = start + len(gain)
        out[start:end] = frames[start:end] * (gain * loud).astype(np.float32)[:, None]
        lowest = min(lowest, float(gain.min()))
        limited += int((gain < _A_TENTH).sum())
        start = end
        tell(end / len(frames))
    return Mastered(out, drive, abs(decibels(lowest)), limited / len(frames))


def gains(
    envelope: NDArray[np.float64], ceiling: float, half: int, hold: int, release: float, size: int = PIECE
) -> Iterator[NDArray[np.float64]]:
    """Gains 0..1, piece by piece, under which no peak of the envelope passes the ceiling.

    half: frames of half the look-ahead. hold: frames for which a gain is held. release: how much of the way back to 1
    a frame recovers. size: frames of a piece.
    """
    look = 2 * half
    padded = np.concatenate((np.zeros(hold), envelope, np.zeros(look)))
    before = np.ones(0)
    for start in range(0, len(envelope), size):
        end = min(len(envelope), start + size)
        piece = _held(padded[start : end + hold + look], end - start, ceiling, release, before[-1] if start else 1.0)
        if not start:
            before = np.full(look, piece[0])
        raw = np.concatenate((before[-look:], piece))
        # two running means backwards in time reach together as far back as the look-ahead reaches forward
        yield _mean(_mean(raw, half + 1), half + 1)
        before = raw


def _mean(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The mean of each `count` values in a row."""
    sums = np.concatenate((np.zeros(1), np.cumsum(values)))
    return (sums[count:] - sums[:-count]) / count


@njit(cache=True, nogil=True)
def _held(
    envelope: NDArray[np.float64], count: int, ceiling: float, release: float, gain: float
) -> NDArray[np.float64]:
    """(count,) gains that the highest peak in a window around each frame allows, recovering slowly; gain: the one
    before the first. The window of gain n begins at envelope[n] and has len(envelope) - count + 1 frames."""
    found = np.empty(count)
    window = len(envelope) - count + 1
    ring = np.zeros(window + 1, np.int64)  # places of ever lower peaks in the window, the highest first
    first = last = ahead = 0
    for n in range(count):
        while ahead < n + window:
            while last > first and envelope[ring[(last - 1) % len(ring)]] <= envelope[ahead]:
                last -= 1
            ring[last % len(ring)] = ahead
            last += 1
            ahead += 1
        while ring[first % len(ring)] < n:
            first += 1
        highest = envelope[ring[first % len(ring)]]
        gain = min(ceiling / highest if highest > ceiling else 1.0, gain + (1.0 - gain) * release)
        found[n] = gain
    return found
