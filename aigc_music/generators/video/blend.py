"""Compiled arithmetic of frames: a small picture enlarged into the planes of a frame, crisp pixels laid over them.

Planes are those of yuv420p: Y of the frame's size, U and V of half of it, their samples at the left of each pair of
columns and between each pair of rows, as H.264 has it unless told otherwise. Values are limited range BT.709.

All arithmetic is single precision without shortcuts, so it gives the same bytes on every processor. Source of the
matrix: ITU-R BT.709-6, section 3. Threads: any, on planes of one's own. Realtime-safe: no.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .compositor import Taps

__all__ = ["enlarge", "lay_over", "smooth_steps", "to_yuv"]

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
F = np.float32
U = np.uint32
I = np.int32  # noqa: E741 - what numba turns into a byte without a detour through 64 bits

_KR, _KG, _KB = 0.2126, 0.7152, 0.0722
_LUMA, _CHROMA = 219 / 255, 224 / 255
YR, YG, YB = F(_KR * _LUMA), F(_KG * _LUMA), F(_KB * _LUMA)
UR, UG, UB = F(-_KR / 1.8556 * _CHROMA), F(-_KG / 1.8556 * _CHROMA), F(0.5 * _CHROMA)
VR, VG, VB = F(0.5 * _CHROMA), F(-_KG / 1.5748 * _CHROMA), F(-_KB / 1.5748 * _CHROMA)
BLACK, GREY = F(16), F(128)
SHARE = F(1 / 255)
HALF = F(0.5)
CHUNK = 32  # columns that are skipped together where nothing lies on them; even


@njit(cache=True, nogil=True)
def to_yuv(pixels: Bytes, y: Floats, u: Floats, v: Floats) -> None:
    """(h, w, 4) RGBA -> three (h, w) float32 planes, not rounded; the fourth channel does not count."""
    rows, columns = y.shape
    for row in range(rows):
        line = pixels[row].reshape(-1)
        y_line, u_line, v_line = y[row], u[row], v[row]
        for column in range(columns):
            red, green, blue = F(line[4 * column]), F(line[4 * column + 1]), F(line[4 * column + 2])
            y_line[column] = BLACK + YR * red + YG * green + YB * blue
            u_line[column] = GREY + UR * red + UG * green + UB * blue
            v_line[column] = GREY + VR * red + VG * green + VB * blue


@njit(cache=True, nogil=True)
def smooth_steps(plane: Floats, reach: int, most: np.float32, across: Floats, sums: Floats) -> None:
    """Move every value of (h, w) by `most` at the most towards the mean of the (2 reach + 1)^2 around it, edges
    repeated: steps of one level, which is all that a slow gradient in bytes has, become slopes, and nothing else is
    changed enough to be seen. across: (h, w), sums: (w,), memory to work in."""
    rows, columns = plane.shape
    share = F(1) / F(2 * reach + 1)
    for row in range(rows):
        line, out = plane[row], across[row]
        total = F(reach) * line[0]
        for column in range(reach + 1):
            total += line[min(column, columns - 1)]
        for column in range(columns):
            out[column] = total * share
            total += line[min(column + reach + 1, columns - 1)] - line[max(column - reach, 0)]
    sums[:] = across[0] * F(reach)
    for row in range(reach + 1):
        sums += across[min(row, rows - 1)]
    for row in range(rows):
        line, comes, goes = plane[row], across[min(row + reach + 1, rows - 1)], across[max(row - reach, 0)]
        for column in range(columns):
            away = sums[column] * share - line[column]
            away = most if away > most else away
            line[column] += -most if away < -most else away
            sums[column] += comes[column] - goes[column]


@njit(cache=True, nogil=True)
def enlarge(
    small: Floats, across: Taps, down: Taps, threshold: Floats, low: np.float32, high: np.float32, memory: Floats,
    plane: Bytes,
) -> None:  # fmt: skip
    """(h, w) -> (H, W) bytes in low..high, each from four columns of four rows.

    across, down: the first of the four, never falling, and their weights (4, W) and (4, H); `across` also says how
    many columns come of one, in which of them that holds (see `compositor.Taps`). threshold: (n, W), what is added
    before the fraction is cut off, repeated downwards: one half rounds. memory: (8, W), four for the rows that are
    needed next. plane may be wider than W.
    """
    done = -1
    for row in range(len(down.first)):
        at = down.first[row]
        for need in range(max(done + 1, at), at + 4):
            _enlarge_row(small[need], across, memory[4:], memory[need & 3])
        done = at + 3
        _mix_rows(
            memory[at & 3], memory[at + 1 & 3], memory[at + 2 & 3], memory[at + 3 & 3], down.weights[:, row],
            threshold[row % len(threshold)], low, high, plane[row, : memory.shape[1]],
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _enlarge_row(line: Floats, across: Taps, parts: Floats, out: Floats) -> None:
    """Where a whole number of columns comes of one, all that lie alike between two are filtered at once: that is five
    times as fast."""
    each, begin, end = across.each, across.begin, across.end
    _gather_columns(line, across.first, across.weights, 0, each * begin, out)
    _gather_columns(line, across.first, across.weights, each * end, len(out), out)
    for number in range(each):
        column = each * begin + number
        part = out[begin:end] if each == 1 else parts[number, : end - begin]
        _filter(line[across.first[column] :], across.weights[:, column], part)
    if each == 2:
        _weave_two(parts[0], parts[1], out[2 * begin : 2 * end])
    elif each == 4:
        _weave_four(parts[0], parts[1], parts[2], parts[3], out[4 * begin : 4 * end])


@njit(cache=True, nogil=True)
def _gather_columns(
    line: Floats, first: NDArray[np.int64], weights: Floats, begin: int, end: int, out: Floats
) -> None:  # fmt: skip
    for column in range(begin, end):
        at = U(first[column])  # unsigned: no look whether it counts from the end
        out[column] = (
            line[at] * weights[0, column] + line[at + U(1)] * weights[1, column]
            + line[at + U(2)] * weights[2, column] + line[at + U(3)] * weights[3, column]
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _filter(line: Floats, weights: Floats, out: Floats) -> None:
    second, third, fourth = line[1:], line[2:], line[3:]
    a, b, c, d = weights[0], weights[1], weights[2], weights[3]
    for at in range(len(out)):
        out[at] = line[at] * a + second[at] * b + third[at] * c + fourth[at] * d


@njit(cache=True, nogil=True)
def _weave_two(first: Floats, second: Floats, out: Floats) -> None:
    for at in range(len(out) // 2):
        out[2 * at] = first[at]
        out[2 * at + 1] = second[at]


@njit(cache=True, nogil=True)
def _weave_four(first: Floats, second: Floats, third: Floats, fourth: Floats, out: Floats) -> None:
    for at in range(len(out) // 4):
        out[4 * at] = first[at]
        out[4 * at + 1] = second[at]
        out[4 * at + 2] = third[at]
        out[4 * at + 3] = fourth[at]


@njit(cache=True, nogil=True)
def _mix_rows(
    one: Floats, two: Floats, three: Floats, four: Floats, weights: Floats, more: Floats, low: np.float32,
    high: np.float32, out: Bytes,
) -> None:  # fmt: skip
    a, b, c, d = weights[0], weights[1], weights[2], weights[3]
    for column in range(len(out)):
        value = one[column] * a + two[column] * b + three[column] * c + four[column] * d + more[column]
        value = low if value < low else value
        value = high if value > high else value
        out[column] = I(value)


@njit(cache=True, nogil=True)
def lay_over(pixels: Bytes, left: int, top: int, y: Bytes, u: Bytes, v: Bytes) -> None:
    """Premultiplied RGBA (h, w, 4) over the planes, its corner at (left, top); all four numbers are even.

    Blending is linear in red, green and blue, so it may as well be done in Y, U and V.
    """
    rows, columns = pixels.shape[0], pixels.shape[1]
    sums = np.zeros((4, columns // 2), np.float32)
    pairs = pixels.reshape(rows, 4 * columns).view(np.uint64)  # two pixels each
    for row in range(0, rows, 2):
        upper, lower = pixels[row].reshape(-1), pixels[row + 1].reshape(-1)
        for begin in range(0, columns, CHUNK):
            end = min(columns, begin + CHUNK)
            beside = max(0, begin // 2 - 1)  # its colour reaches into this chunk
            if not _any(pairs[row, beside : end // 2], pairs[row + 1, beside : end // 2]):
                continue
            _luma(upper[4 * begin : 4 * end], y[top + row, left + begin : left + end])
            _luma(lower[4 * begin : 4 * end], y[top + row + 1, left + begin : left + end])
            _gather(upper, lower, begin // 2, end // 2, sums)
            across = (top + row) // 2, left // 2 + begin // 2, left // 2 + end // 2
            _chroma(sums[:, begin // 2 : end // 2], UR, UG, UB, u[across[0], across[1] : across[2]])
            _chroma(sums[:, begin // 2 : end // 2], VR, VG, VB, v[across[0], across[1] : across[2]])


@njit(cache=True, nogil=True)
def _any(upper: NDArray[np.uint64], lower: NDArray[np.uint64]) -> bool:
    found = np.uint64(0)
    for at in range(len(upper)):
        found |= upper[at] | lower[at]
    return found != 0


@njit(cache=True, nogil=True)
def _luma(line: Bytes, out: Bytes) -> None:
    for column in range(len(out)):
        red, green, blue = F(line[4 * column]), F(line[4 * column + 1]), F(line[4 * column + 2])
        alpha = F(line[4 * column + 3])
        value = F(out[column]) * (F(1) - alpha * SHARE) + BLACK * SHARE * alpha + YR * red + YG * green + YB * blue
        value = value + HALF
        out[column] = I(F(255) if value > F(255) else value)


@njit(cache=True, nogil=True)
def _gather(upper: Bytes, lower: Bytes, begin: int, end: int, sums: Floats) -> None:
    """Red, green, blue and alpha around each sample of U and V: weights 1 2 1 across, 1 1 down, of 8."""
    for at in range(begin, end):
        here = 8 * at
        before = max(here - 4, 0)
        for channel in range(4):
            around = I(upper[before + channel]) + I(lower[before + channel])
            around += I(upper[here + 4 + channel]) + I(lower[here + 4 + channel])
            middle = I(upper[here + channel]) + I(lower[here + channel])
            sums[channel, at] = F(around + 2 * middle) * F(0.125)


@njit(cache=True, nogil=True)
def _chroma(
    sums: Floats, by_red: np.float32, by_green: np.float32, by_blue: np.float32, out: Bytes
) -> None:  # fmt: skip
    red, green, blue, alpha = sums[0], sums[1], sums[2], sums[3]
    for at in range(len(out)):
        value = F(out[at]) * (F(1) - alpha[at] * SHARE) + GREY * SHARE * alpha[at]
        value = value + by_red * red[at] + by_green * green[at] + by_blue * blue[at] + HALF
        value = F(0) if value < F(0) else value
        out[at] = I(F(255) if value > F(255) else value)
