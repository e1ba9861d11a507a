"""What a person would measure first on a finished sound.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_music.core.sounds import Sound
from aigc_music.files.audio import loudness
from aigc_music.files.audio.loudness import LEAST_PEAK, Tell, decibels

__all__ = ["figures_of"]

_FULL = 1.0 - 2.0**-23  # a sample from here on is clipped in a file of 24 bits


def figures_of(sound: Sound, tell: Tell) -> dict[str, Any]:
    """Figures as JSON values: seconds, loudness_lufs and true_peak_dbtp (see files.audio.loudness), peak_dbfs and
    rms_dbfs of the samples, crest_db between them, clipped_samples, dc_offset (the mean of the channel that is
    farthest from 0), balance_db (how much louder right is than left, 0 for one channel).

    tell: is told how much is done, 0..1.
    """
    frames = sound.frames
    integrated, true_peak = loudness(sound, tell)
    sizes = np.sqrt(np.square(frames, dtype=np.float64).mean(axis=0))
    peak, rms = _level(float(np.abs(frames).max())), _level(float(np.sqrt((sizes**2).mean())))
    return {
        "seconds": round(sound.seconds, 3),
        "loudness_lufs": round(integrated, 2),
        "true_peak_dbtp": round(true_peak, 2),
        "peak_dbfs": round(peak, 2),
        "rms_dbfs": round(rms, 2),
        "crest_db": round(peak - rms, 2),
        "clipped_samples": int((np.abs(frames) >= _FULL).sum()),
        "dc_offset": round(float(np.abs(frames.mean(axis=0, dtype=np.float64)).max()), 7),
        "balance_db": round(_level(float(sizes[-1])) - _level(float(sizes[0])), 2),
    }


def _level(size: float) -> float:
    return max(LEAST_PEAK, decibels(size))
