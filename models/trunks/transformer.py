"""The transformer trunk at play time: attention over a ring of notes, so going back is moving an index.

A causal convolution over the last four events, then blocks of grouped-query attention (rotary positions, two key and
value heads) and SwiGLU, with RMSNorm before each and at the end. The same as models/music/networks/transformer.py.
Keys and values lie (dimension, position), so that the loops over them read along memory; a residual goes into the
product that adds to it as its bias. See the package for the contract.
"""

from __future__ import annotations

from math import cos, sin
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError

from ..arithmetic import exp
from ..matrices import int8_rows, matvec
from .layers import gate, normalise, spaced, stacked, stacked_rows
from .ring import REWIND, Ring

__all__ = ["KV_HEADS", "WIDTH", "WINDOW", "State", "Weights", "feed_width", "frequencies", "head_count", "quantise",
           "shapes"]  # fmt: skip

WINDOW = 256
"""Events that a layer attends to, the pending one counted in."""
WIDTH = 4
"""Events under the convolution in front."""
KV_HEADS = 2
CAPACITY = WINDOW + REWIND + 16  # an odd number of cache lines: a column spreads over all cache sets
ROTARY_BASE = 10000.0

_BLOCK = ("attend_norm", "attend", "attend_out", "feed_norm", "feed", "feed_out")  # trunk.blocks.N.NAME.weight


class Weights(NamedTuple):
    """Matrices (rows, columns) int8 or fp32 with a scale per row; L layers."""

    front: Any  # (H, WIDTH * E), oldest event first
    front_scale: Any
    front_bias: Any  # (H,)
    attend_gain: Any  # (L, H)
    attend: Any  # (L, H + 2 * KV_HEADS * S, H): queries, keys, values
    attend_scale: Any
    attend_out: Any  # (L, H, H)
    attend_out_scale: Any
    feed_gain: Any  # (L, H)
    feed: Any  # (L, 2 * F, H): gates, values
    feed_scale: Any
    feed_out: Any  # (L, H, F)
    feed_out_scale: Any
    gain: Any  # (H,) of the last norm
    frequencies: Any  # (S / 2,) float64
    nothing: Any  # zeros, for products without bias


class Heard(NamedTuple):
    """Rings over events: what the layers made of them."""

    events: Any  # (CAPACITY, E)
    keys: Any  # (L, KV_HEADS, S, CAPACITY), rotated
    values: Any  # (L, KV_HEADS, S, CAPACITY)


class Work(NamedTuple):
    """Buffers of one step."""

    last: Any  # (WIDTH * E,)
    stream: Any  # (H,) the residual stream
    calm: Any  # (H,) the same, normalised
    attend: Any  # (H + 2 * KV_HEADS * S,)
    mixed: Any  # (H,)
    feed: Any  # (2 * F,)
    scores: Any  # (heads / KV_HEADS, WINDOW)
    turn: Any  # (2, S / 2) cosines and sines of this position


def head_count(hidden: int) -> int:
    """Query heads of a trunk this wide: about 64 dimensions each, a multiple of the key heads. ModelError where
    that does not come out even."""
    heads = KV_HEADS * max(1, round(hidden / (64 * KV_HEADS)))
    if hidden % (4 * heads):
        raise ModelError(f"hidden {hidden}: a transformer of {heads} heads needs a multiple of {4 * heads}")
    return heads


def feed_width(hidden: int) -> int:
    """Width inside SwiGLU: 8/3 of the stream, in whole vectors of 16."""
    return max(16, hidden // 6 * 16)


def frequencies(size: int) -> NDArray[np.float64]:
    """Radians a position of each pair (i, i + size / 2) of a head's dimensions (Su et al. 2021)."""
    return ROTARY_BASE ** (-np.arange(0, size, 2) / size)


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of the trunk, by name."""
    h, e = int(config["hidden"]), int(config["embedding"])
    side, feed = KV_HEADS * (h // head_count(h)), feed_width(h)
    block = dict(zip(_BLOCK, ((h,), (h + 2 * side, h), (h, h), (h,), (2 * feed, h), (h, feed)), strict=True))
    result: dict[str, tuple[int, ...]] = {"trunk.front.weight": (h, WIDTH * e), "trunk.front.bias": (h,)}
    for layer in range(int(config["layers"])):
        result |= {f"trunk.blocks.{layer}.{name}.weight": shape for name, shape in block.items()}
    return result | {"trunk.norm.weight": (h,)}


def quantise(tensors: dict[str, NDArray[np.float32]], config: dict[str, Any], exact: bool) -> Weights:
    """Kernel weights from the tensors of `shapes`."""
    layers, h = int(config["layers"]), int(config["hidden"])
    front, front_scale = int8_rows(tensors["trunk.front.weight"], exact)
    gains = [stacked(tensors, f"{name}.weight", layers) for name in ("attend_norm", "feed_norm")]
    attend, attend_out, feed, feed_out = (
        stacked_rows(tensors, f"{name}.weight", layers, exact)
        for name in ("attend", "attend_out", "feed", "feed_out")
    )
    return Weights(
        front=front, front_scale=front_scale, front_bias=np.ascontiguousarray(tensors["trunk.front.bias"]),
        attend_gain=gains[0], attend=attend[0], attend_scale=attend[1],
        attend_out=attend_out[0], attend_out_scale=attend_out[1],
        feed_gain=gains[1], feed=feed[0], feed_scale=feed[1], feed_out=feed_out[0], feed_out_scale=feed_out[1],
        gain=np.ascontiguousarray(tensors["trunk.norm.weight"]), frequencies=frequencies(h // head_count(h)),
        nothing=np.zeros(max(len(attend[1][0]), len(feed[1][0])), np.float32),
    )  # fmt: skip


class State(Ring):
    """Rings over what was heard. See trunks.State; `restore` raises ModelError beyond REWIND events."""

    def __init__(self, weights: Weights, config: dict[str, Any]) -> None:
        super().__init__(weights, config)
        layers, h, e = int(config["layers"]), int(config["hidden"]), int(config["embedding"])
        heads = head_count(h)
        size, (rows, inner) = h // heads, (weights.attend.shape[1], weights.feed.shape[1])
        ring = spaced(layers, KV_HEADS, size, CAPACITY), spaced(layers, KV_HEADS, size, CAPACITY)
        self.heard = Heard(spaced(CAPACITY, e), *ring)
        self._work = Work(
            last=spaced(WIDTH * e), stream=spaced(h), calm=spaced(h), attend=spaced(rows), mixed=spaced(h),
            feed=spaced(inner), scores=spaced(heads // KV_HEADS, WINDOW), turn=spaced(2, size // 2),
        )  # fmt: skip
        self.top = spaced(h)

    def step(self, x: NDArray[np.float32]) -> None:
        _step(self.weights, self.heard, self._work, x, self.index, self.top)


@njit(cache=True, fastmath=True, nogil=True)
def _step(w, heard, b, x, index, top):  # type: ignore[no-untyped-def]
    """One event: x (E,) at position `index` (0 = the first), top (H,)."""
    layers, size, slot = w.attend.shape[0], heard.keys.shape[2], index % CAPACITY
    group = len(top) // size // KV_HEADS
    _front(w, heard.events, b, x, index)
    for i in range(size // 2):
        angle = index * w.frequencies[i]
        b.turn[0, i], b.turn[1, i] = np.float32(cos(angle)), np.float32(sin(angle))
    # the positions of the window lie in the ring as one run, or as two
    begin = max(0, index - WINDOW + 1)
    count, at = index + 1 - begin, begin % CAPACITY
    first = min(count, CAPACITY - at)
    for layer in range(layers):
        normalise(b.stream, w.attend_gain[layer], b.calm)
        matvec(w.attend[layer], w.attend_scale[layer], w.nothing, b.calm, b.attend)
        for g in range(KV_HEADS):
            row = len(top) + g * size
            _rotate(b.attend[row : row + size], b.turn, np.float32(1.0))
            row_value = row + KV_HEADS * size
            for d in range(size):
                heard.keys[layer, g, d, slot] = b.attend[row + d]
                heard.values[layer, g, d, slot] = b.attend[row_value + d]
            # the queries of a group look together: each key and value is fetched once
            queries = b.attend[g * group * size : (g + 1) * group * size].reshape(group, size)
            mixed = b.mixed[g * group * size : (g + 1) * group * size].reshape(group, size)
            keys, values = heard.keys[layer, g], heard.values[layer, g]
            for head in range(group):
                _rotate(queries[head], b.turn, np.float32(1.0 / np.sqrt(size)))
            _match(queries, keys, at, b.scores, 0, first)
            if first < count:
                _match(queries, keys, 0, b.scores, first, count - first)
            for head in range(group):
                _softmax(b.scores[head, :count])
            mixed[:] = 0
            _mix(b.scores, 0, first, values, at, mixed)
            if first < count:
                _mix(b.scores, first, count - first, values, 0, mixed)
        matvec(w.attend_out[layer], w.attend_out_scale[layer], b.stream, b.mixed, b.stream)
        normalise(b.stream, w.feed_gain[layer], b.calm)
        matvec(w.feed[layer], w.feed_scale[layer], w.nothing, b.calm, b.feed)
        width = len(b.feed) // 2
        gate(b.feed[:width], b.feed[width:])
        matvec(w.feed_out[layer], w.feed_out_scale[layer], b.stream, b.feed[:width], b.stream)
    normalise(b.stream, w.gain, top)


@njit(cache=True, fastmath=True, nogil=True)
def _front(w, events, b, x, index):  # type: ignore[no-untyped-def]
    """b.stream = the convolution over the last WIDTH events, of which there may be fewer."""
    events[index % CAPACITY] = x
    for k in range(WIDTH):
        position, part = index - WIDTH + 1 + k, b.last[k * len(x) : (k + 1) * len(x)]
        if position < 0:
            part[:] = 0
        else:
            part[:] = events[position % CAPACITY]
    matvec(w.front, w.front_scale, w.front_bias, b.last, b.stream)


@njit(cache=True, fastmath=True, nogil=True)
def _rotate(head, turn, factor):  # type: ignore[no-untyped-def]
    """Turn the pairs (i, i + half) of a head by this position's angles, times a factor."""
    half = len(head) // 2
    for i in range(half):
        a, b = head[i] * factor, head[half + i] * factor
        head[i] = a * turn[0, i] - b * turn[1, i]
        head[half + i] = b * turn[0, i] + a * turn[1, i]


@njit(cache=True, fastmath=True, nogil=True)
def _match(queries, keys, at, scores, into, count):  # type: ignore[no-untyped-def]
    """scores[:, into...] = queries (heads, size) @ keys (size, CAPACITY)[:, at...], `count` positions; four
    dimensions at a time, along the positions."""
    heads, size = queries.shape
    for head in range(heads):
        scores[head, into : into + count] = 0
    for d in range(0, size, 4):
        k0, k1 = keys[d, at : at + count], keys[d + 1, at : at + count]
        k2, k3 = keys[d + 2, at : at + count], keys[d + 3, at : at + count]
        for head in range(heads):
            query, out = queries[head], scores[head, into : into + count]
            q0, q1, q2, q3 = query[d], query[d + 1], query[d + 2], query[d + 3]
            for j in range(count):
                out[j] += q0 * k0[j] + q1 * k1[j] + q2 * k2[j] + q3 * k3[j]


@njit(cache=True, fastmath=True, nogil=True)
def _softmax(scores):  # type: ignore[no-untyped-def]
    """In place."""
    best = scores[0]
    for j in range(len(scores)):
        best = max(best, scores[j])
    for j in range(len(scores)):
        scores[j] = exp(scores[j] - best)
    total = np.float32(0)
    for j in range(len(scores)):
        total += scores[j]
    share = np.float32(1.0) / total
    for j in range(len(scores)):
        scores[j] *= share


@njit(cache=True, fastmath=True, nogil=True)
def _mix(scores, start, count, values, at, mixed):  # type: ignore[no-untyped-def]
    """mixed (heads, size) += scores[:, start...] @ values (size, CAPACITY)[:, at...], `count` positions; four
    dimensions at a time."""
    heads, size = mixed.shape
    for d in range(0, size, 4):
        v0, v1 = values[d, at : at + count], values[d + 1, at : at + count]
        v2, v3 = values[d + 2, at : at + count], values[d + 3, at : at + count]
        for head in range(heads):
            share = scores[head, start : start + count]
            a0, a1, a2, a3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for j in range(count):
                p = share[j]
                a0 += p * v0[j]
                a1 += p * v1[j]
                a2 += p * v2[j]
                a3 += p * v3[j]
            mixed[head, d] += a0
            mixed[head, d + 1] += a1
            mixed[head, d + 2] += a2
            mixed[head, d + 3] += a3
