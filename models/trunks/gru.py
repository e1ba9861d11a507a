"""The GRU trunk at play time: a few KB of state, so going back is one copy.

The same gates as torch.nn.GRU (models/music/networks/gru.py). See the package for the contract.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..arithmetic import sigmoid, tanh
from ..matrices import int8_rows, matvec
from .layers import spaced

__all__ = ["State", "Weights", "quantise", "shapes"]


class Weights(NamedTuple):
    """Matrices (rows, columns) int8 or fp32 with a scale per row."""

    first: Any  # (3H, E) input matrix of the first layer
    first_scale: Any
    inner: Any  # (layers - 1, 3H, H) input matrices of the others
    inner_scale: Any
    state: Any  # (layers, 3H, H)
    state_scale: Any
    input_bias: Any  # (layers, 3H)
    state_bias: Any


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of the trunk, by name."""
    h, e = int(config["hidden"]), int(config["embedding"])
    result: dict[str, tuple[int, ...]] = {}
    for layer in range(int(config["layers"])):
        result |= {
            f"trunk.weight_ih_l{layer}": (3 * h, h if layer else e),
            f"trunk.weight_hh_l{layer}": (3 * h, h),
            f"trunk.bias_ih_l{layer}": (3 * h,),
            f"trunk.bias_hh_l{layer}": (3 * h,),
        }
    return result


def quantise(tensors: dict[str, NDArray[np.float32]], config: dict[str, Any], exact: bool) -> Weights:
    """Kernel weights from the tensors of `shapes`."""
    layers, h = int(config["layers"]), int(config["hidden"])
    first, first_scale = int8_rows(tensors["trunk.weight_ih_l0"], exact)
    inner = [int8_rows(tensors[f"trunk.weight_ih_l{layer}"], exact) for layer in range(1, layers)]
    state = [int8_rows(tensors[f"trunk.weight_hh_l{layer}"], exact) for layer in range(layers)]
    return Weights(
        first=first,
        first_scale=first_scale,
        inner=np.stack([rows for rows, _ in inner]) if inner else np.zeros((0, 3 * h, h), first.dtype),
        inner_scale=np.stack([scale for _, scale in inner]) if inner else np.zeros((0, 3 * h), np.float32),
        state=np.stack([rows for rows, _ in state]),
        state_scale=np.stack([scale for _, scale in state]),
        input_bias=np.stack([tensors[f"trunk.bias_ih_l{layer}"] for layer in range(layers)]),
        state_bias=np.stack([tensors[f"trunk.bias_hh_l{layer}"] for layer in range(layers)]),
    )


class State:
    """The state after the committed events, and after the pending one. See trunks.State."""

    def __init__(self, weights: Weights, config: dict[str, Any]) -> None:
        size, layers = int(config["hidden"]), int(config["layers"])
        self.weights, self._config = weights, config
        self._before, self._after = spaced(layers * size), spaced(layers * size)
        self._gates, self._inner = spaced(3 * size), spaced(3 * size)
        self.top = self._after[-size:]

    def begin(self) -> None:
        self._before[:] = 0

    def step(self, x: NDArray[np.float32]) -> None:
        _step(self.weights, x, self._before, self._after, self._gates, self._inner)

    def commit(self) -> None:
        self._before[:] = self._after

    def snapshot(self) -> NDArray[np.float32]:
        return self._before.copy()

    def restore(self, snapshot: NDArray[np.float32]) -> None:
        self._before[:] = snapshot

    def copy(self) -> State:
        other = State(self.weights, self._config)
        other.restore(self._before)
        return other


@njit(cache=True, fastmath=True, nogil=True)
def _gate(gates, inner, before, after, size):  # type: ignore[no-untyped-def]
    """The pointwise half of a layer."""
    for j in range(2 * size):
        gates[j] = sigmoid(gates[j] + inner[j])
    for j in range(size):
        gates[2 * size + j] = tanh(gates[2 * size + j] + gates[j] * inner[2 * size + j])
    for j in range(size):
        new = gates[2 * size + j]
        after[j] = new + gates[size + j] * (before[j] - new)


@njit(cache=True, fastmath=True, nogil=True)
def _step(w, x, before, after, gates, inner):  # type: ignore[no-untyped-def]
    """One event: x (E,); before, after (layers * H,)."""
    layers, _, size = w.state.shape
    matvec(w.first, w.first_scale, w.input_bias[0], x, gates)
    for layer in range(layers):
        at = layer * size
        if layer > 0:
            matvec(w.inner[layer - 1], w.inner_scale[layer - 1], w.input_bias[layer], after[at - size : at], gates)
        matvec(w.state[layer], w.state_scale[layer], w.state_bias[layer], before[at : at + size], inner)
        _gate(gates, inner, before[at : at + size], after[at : at + size], size)
