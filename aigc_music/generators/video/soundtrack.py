"""The sound of a film: a stretch of the song, cut without a click.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import numpy as np

from aigc_music.core.sounds import Sound

__all__ = ["stretch_of"]

_FADE_IN_S, _FADE_OUT_S = 0.01, 0.3


def stretch_of(sound: Sound, start_s: float, seconds: float) -> Sound:
    """`seconds` of a sound from `start_s`, both to the nearest frame; what is missing at the end is silence. It fades
    in where it begins in the middle, and out where it would go on."""
    first, count = round(start_s * sound.rate), round(seconds * sound.rate)
    part = sound.frames[first : first + count]
    frames = np.zeros((count, sound.frames.shape[1]), np.float32)
    frames[: len(part)] = part
    rising = min(count, round(_FADE_IN_S * sound.rate)) if first else 0
    falling = min(count, round(_FADE_OUT_S * sound.rate)) if first + count < len(sound.frames) else 0
    frames[:rising] *= np.linspace(0, 1, rising, endpoint=False, dtype=np.float32)[:, None]
    frames[count - falling :] *= np.linspace(1, 0, falling, dtype=np.float32)[:, None]
    return Sound(frames, sound.rate, sound.title, sound.creator)
