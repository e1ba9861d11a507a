"""Small float tricks for numba loops that LLVM can turn into vector code: fast exp, sigmoid, tanh, and a GRU's gates.

`exp` is a fifth-order polynomial for 2^x on [0, 1) times a power of two made from bits: relative error below 3e-6.
Everything here is inlined into the loops that call it.

Threads: pure functions. Realtime-safe: yes, once compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["exp", "gru_backward_step", "gru_forward_step", "sigmoid", "tanh"]


def _float_of_bits(typing_context: Any, bits: Any) -> Any:
    """int32 -> float32 with the same bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), generate


float_of_bits: Any = intrinsic(_float_of_bits)


@njit(cache=True, fastmath=True)
def exp(x):  # type: ignore[no-untyped-def]
    """e^x as float32, x clamped to about -87..87."""
    t = min(max(np.float32(x) * np.float32(1.4426950408889634), np.float32(-126.0)), np.float32(126.0))
    whole = np.floor(t)
    f = t - whole
    p = np.float32(1.8775767e-3)
    p = p * f + np.float32(8.9893397e-3)
    p = p * f + np.float32(5.5826318e-2)
    p = p * f + np.float32(2.4015361e-1)
    p = p * f + np.float32(6.9315308e-1)
    p = p * f + np.float32(9.9999994e-1)
    return p * float_of_bits(np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)))


@njit(cache=True, fastmath=True)
def sigmoid(x):  # type: ignore[no-untyped-def]
    """1 / (1 + e^-x)."""
    return np.float32(1.0) / (np.float32(1.0) + exp(-x))


@njit(cache=True, fastmath=True)
def tanh(x):  # type: ignore[no-untyped-def]
    """Hyperbolic tangent."""
    return np.float32(2.0) / (np.float32(1.0) + exp(np.float32(-2.0) * x)) - np.float32(1.0)


@njit(cache=True, fastmath=True, nogil=True)
def gru_forward_step(gates, product, bias, before, saved, after):  # type: ignore[no-untyped-def]
    """One GRU step for a batch. gates and product: (B, 3H) of the input and state side; bias (3H,) of the state side;
    before, after (B, H) states; saved (B, 4, H): reset, update, new, state side of new."""
    windows, size = before.shape
    for b in range(windows):
        _gates(gates[b, : 2 * size], product[b, : 2 * size], bias[: 2 * size], saved[b].reshape(4 * size)[: 2 * size])
        _inner(product[b, 2 * size :], bias[2 * size :], saved[b, 3])
        _new(gates[b, 2 * size :], saved[b, 0], saved[b, 3], saved[b, 2])
        _state(saved[b, 2], saved[b, 1], before[b], after[b])


# one short loop over few arrays each: LLVM gives up on proving that many arrays do not overlap


@njit(cache=True, fastmath=True, nogil=True)
def _gates(gates, product, bias, out):  # type: ignore[no-untyped-def]
    for j in range(len(out)):
        out[j] = sigmoid(gates[j] + product[j] + bias[j])


@njit(cache=True, fastmath=True, nogil=True)
def _inner(product, bias, out):  # type: ignore[no-untyped-def]
    for j in range(len(out)):
        out[j] = product[j] + bias[j]


@njit(cache=True, fastmath=True, nogil=True)
def _new(gates, reset, inner, out):  # type: ignore[no-untyped-def]
    for j in range(len(out)):
        out[j] = tanh(gates[j] + reset[j] * inner[j])


@njit(cache=True, fastmath=True, nogil=True)
def _state(new, update, before, out):  # type: ignore[no-untyped-def]
    for j in range(len(out)):
        out[j] = new[j] + update[j] * (before[j] - new[j])


@njit(cache=True, fastmath=True, nogil=True)
def gru_backward_step(grad, product, saved, before, carry, gate_side, state_side):  # type: ignore[no-untyped-def]
    """One GRU step back. grad (B, H) from above; product (B, H): what the next step sent back through the matrix;
    carry (B, H): what it sent back directly, replaced; gate_side, state_side (B, 3H), written."""
    windows, size = before.shape
    for b in range(windows):
        for j in range(size):
            dh = grad[b, j] + carry[b, j] + product[b, j]
            r, z, new, inner = saved[b, 0, j], saved[b, 1, j], saved[b, 2, j], saved[b, 3, j]
            one = np.float32(1.0)
            fresh = dh * (one - z) * (one - new * new)
            reset = fresh * inner * r * (one - r)
            update = dh * (before[b, j] - new) * z * (one - z)
            gate_side[b, j] = reset
            gate_side[b, size + j] = update
            gate_side[b, 2 * size + j] = fresh
            state_side[b, j] = reset
            state_side[b, size + j] = update
            state_side[b, 2 * size + j] = fresh * r
            carry[b, j] = dh * z
