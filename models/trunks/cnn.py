"""The CNN trunk at play time: dilated causal convolutions, a ring per layer, so going back is moving an index.

Residual blocks of RMSNorm, a convolution of width 2 whose taps lie 1, 2, 4 ... 128 events apart, a gate, and a
product back into the stream (after WaveNet, van den Oord et al. 2016). Eight blocks see 256 events. The same as
models/music/networks/cnn.py. A residual goes into the product that adds to it as its bias. See the package for the
contract.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..matrices import int8_rows, matvec
from .layers import gate, normalise, spaced, stacked, stacked_rows
from .ring import REWIND, Ring

__all__ = ["State", "Weights", "dilation", "quantise", "reach", "shapes"]

CYCLE = 8
"""Blocks after which the dilations begin again at 1."""
CAPACITY = 2 ** (CYCLE - 1) + 1 + REWIND


class Weights(NamedTuple):
    """Matrices (rows, columns) int8 or fp32 with a scale per row; L layers."""

    front: Any  # (H, E)
    front_scale: Any
    front_bias: Any  # (H,)
    block_gain: Any  # (L, H)
    taps: Any  # (L, 2 * H, 2 * H): gates, values; the earlier event first
    taps_scale: Any
    taps_bias: Any  # (L, 2 * H)
    out: Any  # (L, H, H)
    out_scale: Any
    gain: Any  # (H,) of the last norm


class Heard(NamedTuple):
    """Ring over events: what went into the convolutions."""

    calm: Any  # (L, CAPACITY, H)


class Work(NamedTuple):
    """Buffers of one step."""

    stream: Any  # (H,) the residual stream
    pair: Any  # (2 * H,) an earlier event and this one
    gates: Any  # (2 * H,)


def dilation(layer: int) -> int:
    """How many events the taps of a block lie apart."""
    return int(2 ** (layer % CYCLE))


def reach(layers: int) -> int:
    """Events that the output depends on, the pending one counted in."""
    return 1 + sum(dilation(layer) for layer in range(layers))


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of the trunk, by name."""
    h, e = int(config["hidden"]), int(config["embedding"])
    result: dict[str, tuple[int, ...]] = {"trunk.front.weight": (h, e), "trunk.front.bias": (h,)}
    for layer in range(int(config["layers"])):
        result |= {
            f"trunk.blocks.{layer}.norm.weight": (h,),
            f"trunk.blocks.{layer}.taps.weight": (2 * h, 2 * h),
            f"trunk.blocks.{layer}.taps.bias": (2 * h,),
            f"trunk.blocks.{layer}.out.weight": (h, h),
        }
    return result | {"trunk.norm.weight": (h,)}


def quantise(tensors: dict[str, NDArray[np.float32]], config: dict[str, Any], exact: bool) -> Weights:
    """Kernel weights from the tensors of `shapes`."""
    layers = int(config["layers"])
    front, front_scale = int8_rows(tensors["trunk.front.weight"], exact)
    taps, taps_scale = stacked_rows(tensors, "taps.weight", layers, exact)
    out, out_scale = stacked_rows(tensors, "out.weight", layers, exact)
    return Weights(
        front=front, front_scale=front_scale, front_bias=np.ascontiguousarray(tensors["trunk.front.bias"]),
        block_gain=stacked(tensors, "norm.weight", layers), taps=taps, taps_scale=taps_scale,
        taps_bias=stacked(tensors, "taps.bias", layers), out=out, out_scale=out_scale,
        gain=np.ascontiguousarray(tensors["trunk.norm.weight"]),
    )  # fmt: skip


class State(Ring):
    """Rings over what was heard. See trunks.State; `restore` raises ModelError beyond REWIND events."""

    def __init__(self, weights: Weights, config: dict[str, Any]) -> None:
        super().__init__(weights, config)
        h = int(config["hidden"])
        self.heard = Heard(spaced(int(config["layers"]), CAPACITY, h))
        self._work = Work(spaced(h), spaced(2 * h), spaced(2 * h))
        self.top = spaced(h)

    def step(self, x: NDArray[np.float32]) -> None:
        _step(self.weights, self.heard, self._work, x, self.index, self.top)


@njit(cache=True, fastmath=True, nogil=True)
def _step(w, heard, b, x, index, top):  # type: ignore[no-untyped-def]
    """One event: x (E,) at position `index` (0 = the first), top (H,)."""
    size, slot = len(top), index % CAPACITY
    matvec(w.front, w.front_scale, w.front_bias, x, b.stream)
    for layer in range(w.taps.shape[0]):
        ring, earlier = heard.calm[layer], index - 2 ** (layer % CYCLE)
        normalise(b.stream, w.block_gain[layer], ring[slot])
        b.pair[size:] = ring[slot]
        if earlier < 0:
            b.pair[:size] = 0
        else:
            b.pair[:size] = ring[earlier % CAPACITY]
        matvec(w.taps[layer], w.taps_scale[layer], w.taps_bias[layer], b.pair, b.gates)
        gate(b.gates[:size], b.gates[size:])
        matvec(w.out[layer], w.out_scale[layer], b.stream, b.gates[:size], b.stream)
    normalise(b.stream, w.gain, top)
