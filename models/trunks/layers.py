"""What several trunks are made of: RMSNorm, the gate of SwiGLU, weights of all layers in one array, memory.

Threads: pure functions. Realtime-safe: the kernels are, once compiled.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..arithmetic import sigmoid
from ..matrices import int8_rows

__all__ = ["EPSILON", "gate", "normalise", "spaced", "stacked", "stacked_rows"]

EPSILON = 1e-5
"""Added to the mean square in RMSNorm."""
GAP = 128

Tensors = dict[str, NDArray[np.float32]]


def spaced(*shape: int) -> NDArray[np.float32]:
    """Zeros with room around them. A compiled loop that reads one array and writes another goes through them number
    by number where they begin less than some vectors apart, and rounds otherwise then: with room between them, two
    states that hear the same give the same bits wherever they lie."""
    return np.zeros(GAP + math.prod(shape) + GAP, np.float32)[GAP:-GAP].reshape(shape)


def stacked(tensors: Tensors, name: str, layers: int) -> NDArray[np.float32]:
    """(layers, ...) the tensors trunk.blocks.N.`name`."""
    return np.stack([tensors[f"trunk.blocks.{layer}.{name}"] for layer in range(layers)])


def stacked_rows(tensors: Tensors, name: str, layers: int, exact: bool) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """The same for matrices, as rows and scales of int8_rows: (layers, rows, columns) and (layers, rows)."""
    rows, scales = zip(*(int8_rows(matrix, exact) for matrix in stacked(tensors, name, layers)), strict=True)
    return np.stack(rows), np.stack(scales)


@njit(cache=True, fastmath=True, nogil=True)
def normalise(x, gain, out):  # type: ignore[no-untyped-def]
    """out = x over its root mean square, times gain (Zhang and Sennrich 2019)."""
    total = np.float32(0)
    for j in range(len(x)):
        total += x[j] * x[j]
    factor = np.float32(1.0) / np.sqrt(total / np.float32(len(x)) + np.float32(EPSILON))
    for j in range(len(x)):
        out[j] = x[j] * factor * gain[j]


@njit(cache=True, fastmath=True, nogil=True)
def gate(gates, values):  # type: ignore[no-untyped-def]
    """gates = silu(gates) * values (Shazeer 2020)."""
    for j in range(len(gates)):
        gates[j] = gates[j] * sigmoid(gates[j]) * values[j]
