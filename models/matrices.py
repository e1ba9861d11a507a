"""Matrices at play time: int8 rows with a scale each, times an fp32 vector.

The same kernels compile for fp32 rows (scale 1), which is what the parity tests compare with torch.

Threads: pure functions. Realtime-safe: the kernels are, once compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["add_row", "int8_rows", "matvec"]


def int8_rows(matrix: NDArray[np.float32], exact: bool) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """(rows as int8, scale per row): the largest weight of a row becomes 127. exact: fp32 rows and scale 1."""
    matrix = np.ascontiguousarray(matrix)
    if exact:
        return matrix, np.ones(len(matrix), np.float32)
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / np.float32(127.0)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale.astype(np.float32)


@njit(cache=True, fastmath=True, nogil=True)
def matvec(matrix, scale, bias, x, out):  # type: ignore[no-untyped-def]
    """out = scale * (matrix @ x) + bias; four rows at a time so that x is read once."""
    rows, columns = matrix.shape
    whole = rows // 4 * 4
    for i in range(0, whole, 4):
        r0, r1, r2, r3 = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        a0, a1, a2, a3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(columns):
            v = x[j]
            a0 += np.float32(r0[j]) * v
            a1 += np.float32(r1[j]) * v
            a2 += np.float32(r2[j]) * v
            a3 += np.float32(r3[j]) * v
        out[i] = a0 * scale[i] + bias[i]
        out[i + 1] = a1 * scale[i + 1] + bias[i + 1]
        out[i + 2] = a2 * scale[i + 2] + bias[i + 2]
        out[i + 3] = a3 * scale[i + 3] + bias[i + 3]
    for i in range(whole, rows):
        row = matrix[i]
        a = np.float32(0)
        for j in range(columns):
            a += np.float32(row[j]) * x[j]
        out[i] = a * scale[i] + bias[i]


@njit(cache=True, fastmath=True, nogil=True)
def add_row(row, out):  # type: ignore[no-untyped-def]
    """out += row."""
    for j in range(len(row)):
        out[j] += row[j]
