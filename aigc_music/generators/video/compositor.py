"""From layers to a frame: the fast way for films, and the plain way that it is judged by.

The fast way never makes an RGB picture of the frame's size. The ground, a small picture, is turned into Y, U and V
and enlarged straight into the frame's planes; each figure is drawn by skia into a buffer of its own box and laid over
them. So that slow gradients show no steps, those of the ground are smoothed before it is enlarged, it is not rounded
before it has its size, and then it gets a little grain, always the same. Grain of half that strength did not survive
x264 at its usual quality; this costs 0.8 Mbit/s of a dark gradient at 1080p.

Threads: one a compositor. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import av
import numpy as np
import skia
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from ..clip.scene import Box, Figure, Layers
from . import blend

__all__ = ["GRAIN", "Compositor", "pixels_of"]

F = np.float32

GRAIN = 0.85
"""Deviation of the grain, in levels of Y."""

_REACH, _MOST = 8, 0.5  # how steps of a ground are smoothed: its pixels, levels
_EDGE = 4  # samples of a ground near its edges, which are repeated there
_PATTERN = 128  # rows after which the grain repeats
_RANGES = ((16, 235), (16, 240), (16, 240))  # of Y, U and V, BT.709-6 section 4


class Compositor:
    """Frames of one size, (width, height), both even. grain: deviation in levels of Y, 0 for none."""

    def __init__(self, size: tuple[int, int], grain: float = GRAIN) -> None:
        self.size = size
        width, height = size
        self._frame = av.VideoFrame(width, height, "yuv420p")
        self._planes = [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
            for plane in self._frame.planes
        ]
        self._canvas = np.zeros(4 * width * height, np.uint8)
        self._rounding = (_grain(width, grain), *2 * (np.full((1, width // 2), 0.5, np.float32),))
        self._ground: _Enlarging | None = None

    def frame(self, layers: Layers) -> av.VideoFrame:
        """The frame, limited range BT.709. It is the same object every time, filled anew."""
        ground = _at_least_four(layers.ground)
        if self._ground is None or self._ground.shape != ground.shape[:2]:
            self._ground = _Enlarging(ground.shape[:2], self.size)
        self._ground.into(ground, self._planes, self._rounding)
        for figure in layers.figures:
            box = _even(figure.box, self.size)
            if box is not None:
                blend.lay_over(self._drawn(figure, box), box.left, box.top, *self._planes)
        return self._frame

    def reference(self, layers: Layers) -> NDArray[np.uint8]:
        """(h, w, 3) RGB of the same layers, by floating point and one whole picture a layer."""
        width, height = self.size
        ground = _at_least_four(layers.ground)[..., :3].astype(np.float64)
        down = _matrix(len(ground), height, 0.5, 1)
        across = _matrix(ground.shape[1], width, 0.5, 1)
        picture = np.clip(np.einsum("Yy,yxc,Xx->YXc", down, ground, across, optimize=True), 0, 255)
        for figure in layers.figures:
            drawn = self._drawn(figure, Box(0, 0, width, height)).astype(np.float64)
            picture = picture * (1 - drawn[..., 3:] / 255) + drawn[..., :3]
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

    def _drawn(self, figure: Figure, area: Box) -> NDArray[np.uint8]:
        """The figure in an area of the frame, premultiplied RGBA (h, w, 4), in memory that is used again."""
        width, height = area.right - area.left, area.bottom - area.top
        pixels = self._canvas[: 4 * width * height].reshape(height, width, 4)
        pixels.fill(0)
        info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
        canvas = skia.Surface.MakeRasterDirect(info, pixels, 4 * width).getCanvas()
        canvas.translate(-area.left, -area.top)
        canvas.clipRect(skia.Rect.MakeLTRB(*figure.box))
        figure.draw(canvas)
        return pixels


def pixels_of(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """(h, w, 3) sRGB of a compositor's frame. size: (width, height) of what comes out, None = as large."""
    width, height = size or (frame.width, frame.height)
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
    picture = frame.reformat(width, height, "rgb24", "ITU709", None, int(exact), "MPEG", "JPEG", threads=1)
    return picture.to_ndarray().astype(np.uint8, copy=False)


class _Enlarging:
    """The way from grounds of one shape (h, w) to the planes of a frame, with its memory."""

    def __init__(self, shape: tuple[int, int], size: tuple[int, int]) -> None:
        self.shape = shape
        width, height = size
        # a sample of U and V lies on the left one of two columns, and between two rows
        luma = (_taps(shape[1], width, 0.5, 1), _taps(shape[0], height, 0.5, 1))
        chroma = (_taps(shape[1], width // 2, 0.5, 2), _taps(shape[0], height // 2, 1.0, 2))
        self._ways = (luma, chroma, chroma)
        self._small = [np.zeros(shape, np.float32) for _ in range(3)]
        self._means, self._sums = np.zeros(shape, np.float32), np.zeros(shape[1], np.float32)
        self._memory = [np.zeros((8, columns), np.float32) for columns in (width, width // 2, width // 2)]

    def into(
        self, ground: NDArray[np.uint8], planes: list[NDArray[np.uint8]], rounding: tuple[NDArray[np.float32], ...]
    ) -> None:
        """Fill the planes. rounding: for each, what is added before the fraction is cut off."""
        blend.to_yuv(np.ascontiguousarray(ground), *self._small)
        blend.smooth_steps(self._small[0], _REACH, F(_MOST), self._means, self._sums)  # steps of colour are not seen
        for index, plane in enumerate(planes):
            across, down = self._ways[index]
            low, high = _RANGES[index]
            blend.enlarge(
                self._small[index], across, down, rounding[index], F(low), F(high + 0.5), self._memory[index], plane
            )


class Taps(NamedTuple):
    """Which of some samples each of W others is made of.

    first: (W,) the first of four. weights: (4, W). each, begin, end: the samples begin..end, without the last, give
    `each` others, with the same weights for all; 0 where there is no such rule.
    """

    first: NDArray[np.int64]
    weights: NDArray[np.float32]
    each: int
    begin: int
    end: int


def _taps(small: int, large: int, begin: float, step: int) -> Taps:
    """`large` samples from `small`, at begin, begin + step ... of `large * step` pixels that `small` covers, by the
    cubic of Catmull and Rom; edges are repeated."""
    places = (begin + step * np.arange(large)) * small / (large * step) - 0.5
    base = np.floor(places).astype(np.int64)
    x = places - base
    cubic = (-x + 2 * x**2 - x**3, 2 - 5 * x**2 + 3 * x**3, x + 4 * x**2 - 3 * x**3, x**3 - x**2)
    first = np.clip(base - 1, 0, small - 4)
    weights = np.zeros((4, large))
    for tap, weight in enumerate(cubic):
        np.add.at(weights, (np.clip(base - 1 + tap, 0, small - 1) - first, np.arange(large)), weight / 2)
    regular = large % small == 0 and large // small in (1, 2, 4) and small > 2 * _EDGE
    rule = (large // small, _EDGE, small - _EDGE) if regular else (0, 0, 0)
    return Taps(first, weights.astype(np.float32), *rule)


def _matrix(small: int, large: int, begin: float, step: int) -> NDArray[np.float64]:
    """`_taps` as a matrix (large, small)."""
    taps = _taps(small, large, begin, step)
    whole = np.zeros((large, small))
    for tap in range(4):
        whole[np.arange(large), taps.first + tap] += taps.weights[tap]
    return whole


def _grain(columns: int, strength: float) -> NDArray[np.float32]:
    """(_PATTERN, columns) around one half, which rounds: `strength` is its deviation, in levels of Y."""
    drawn = np.random.default_rng(0).random((2, _PATTERN, columns))
    return (0.5 + math.sqrt(6) * strength * (drawn[0] - drawn[1])).astype(np.float32)


def _at_least_four(ground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The ground with every pixel repeated, where it has fewer than four a side."""
    return ground if min(ground.shape[:2]) >= 4 else ground.repeat(4, axis=0).repeat(4, axis=1)


def _even(box: Box, size: tuple[int, int]) -> Box | None:
    """The part of a box inside the frame, made even, with a pair of columns more on either side for colour that
    reaches beyond; None where nothing is left."""
    width, height = size
    left, right = max(0, (box.left & ~1) - 2), min(width, ((box.right + 1) & ~1) + 2)
    top, bottom = max(0, box.top & ~1), min(height, (box.bottom + 1) & ~1)
    return Box(left, top, right, bottom) if left < right and top < bottom else None
