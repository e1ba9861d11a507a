"""How a clip behaves: whether it follows the music, and whether it is safe to look at.

Flashes after WCAG 2.2, success criterion 2.3.1 ("general flash"): a pair of opposing changes of relative luminance by
a tenth of the largest one or more, where the darker of the two is below 0.8. More than three within a second, over
more than a quarter of the field of view, are not allowed; here the frame is taken for the field.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..design.colour import luminances

__all__ = ["flashes", "follows", "restlessness"]

Frames = NDArray[np.uint8]

_CHANGE = 0.10
_DARKER = 0.80
_AREA = 0.25
_RINGS = 0.12  # seconds
_BLOCKS = 18  # on the shorter side of the frame


def flashes(frames: Frames, fps: int) -> float:
    """The most flashes within one second that a quarter of the frame shows, of (n, h, w, 3) frames. Allowed are 3."""
    light = _blocks(frames)
    count, places = light.shape
    turned = np.zeros((count, places), bool)  # where a change by a tenth has come to pass, up and down in turns
    low, high, way = light[0].copy(), light[0].copy(), np.zeros(places, int)
    for frame in range(1, count):
        now = light[frame]
        up = (way <= 0) & (now - low >= _CHANGE) & (low < _DARKER)
        down = (way >= 0) & (high - now >= _CHANGE) & (now < _DARKER)
        turned[frame] = up | down
        way = np.where(up, 1, np.where(down, -1, way))
        low = np.where(turned[frame], now, np.minimum(low, now))
        high = np.where(turned[frame], now, np.maximum(high, now))
    sums = np.cumsum(np.vstack([np.zeros((1, places), int), turned]), axis=0)
    second = min(count, fps)
    windows = (sums[second:] - sums[:-second]) / 2
    return float(np.quantile(windows, 1 - _AREA, axis=1, method="lower").max())


def follows(frames: Frames, fps: int, onsets: NDArray[np.float64], strengths: NDArray[np.float64]) -> float:
    """Correlation -1..1 of the change from frame to frame with what the music has just set off: onsets that die away.

    onsets: seconds from the first frame. strengths: such as velocities, one each. The slow drift of both, over a
    second, is taken off before.
    """
    change = _changes(frames)
    numbers = np.ceil(np.round(onsets * fps, 6)).astype(int)  # the first frame that can show it
    inside = (numbers >= 1) & (numbers <= len(change))
    struck = np.bincount(numbers[inside] - 1, strengths[inside], minlength=len(change))
    music = np.convolve(struck, np.exp(-np.arange(fps) / (_RINGS * fps)))[: len(change)]
    change, music = _quick(change, fps), _quick(music, fps)
    if change.std() < 1e-9 or music.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(change, music)[0, 1])


def restlessness(frames: Frames) -> float:
    """Mean change from frame to frame, in 255ths."""
    return float(_changes(frames).mean())


def _quick(values: NDArray[np.float64], fps: int) -> NDArray[np.float64]:
    """Without their mean over a second."""
    window = np.ones(fps | 1) / (fps | 1)
    return values - np.convolve(np.pad(values, len(window) // 2, mode="edge"), window, "valid")


def _changes(frames: Frames) -> NDArray[np.float64]:
    pairs = zip(frames[:-1], frames[1:], strict=True)
    return np.array([np.abs(after.astype(np.int16) - before).mean() for before, after in pairs])


def _blocks(frames: Frames) -> NDArray[np.float32]:
    """Mean luminance 0..1 in blocks: (frames, blocks)."""
    side = max(1, min(frames.shape[1:3]) // _BLOCKS)
    rows, columns = frames.shape[1] // side, frames.shape[2] // side
    lights = (luminances(frame[: rows * side, : columns * side]) for frame in frames)
    return np.stack([light.reshape(rows, side, columns, side).mean(axis=(1, 3)).ravel() for light in lights])
