"""The inner loops of grounds, in numba, one thread.

No fast-math: every machine adds in the same order, so that the same seed gives the same bytes. Colours are float32
0..255. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["brushed", "mixed_lights", "printed"]

Floats = Any  # arrays of float32 inside, numbers of any kind outside
Bytes = Any


@numba.njit(cache=True)
def mixed_lights(across: Floats, down: Floats, colours: Floats, back: Floats, gain: Floats, lamp: Floats,
                 noise: Floats, out: Bytes) -> None:  # fmt: skip
    """Soft lights over a colour. Light k weighs across[k, x] * down[k, y] at a pixel and has colours[k] (3); back (3)
    is what lies under them. gain (w): how much of `lamp` (3) is mixed into each column. noise: (h, w), added to all
    channels against banding. out: (h, w, 4)."""
    lights, width = across.shape
    for y in range(out.shape[0]):
        for x in range(width):
            weight = np.float32(0.35)
            red, green, blue = weight * back[0], weight * back[1], weight * back[2]
            for k in range(lights):
                share = across[k, x] * down[k, y]
                weight += share
                red += share * colours[k, 0]
                green += share * colours[k, 1]
                blue += share * colours[k, 2]
            turn = (np.float32(1) - gain[x]) / weight
            grain = noise[y, x] + np.float32(0.5)
            out[y, x, 0] = np.uint8(min(np.float32(255), max(np.float32(0), red * turn + gain[x] * lamp[0] + grain)))
            out[y, x, 1] = np.uint8(
                min(np.float32(255), max(np.float32(0), green * turn + gain[x] * lamp[1] + grain))
            )
            out[y, x, 2] = np.uint8(min(np.float32(255), max(np.float32(0), blue * turn + gain[x] * lamp[2] + grain)))
            out[y, x, 3] = np.uint8(255)


@numba.njit(cache=True)
def brushed(field: Floats, seeds: Floats, lives: Floats, sizes: Floats, colours: Floats, stride: float, tail: int,
            travel: int, out: Bytes) -> None:  # fmt: skip
    """Strokes that swim along a field, each tapered from its head to its tail.

    field: (rows, columns, 2), directions of length about 1 across and down, over the whole frame. seeds: (n, 2) where
    strokes begin, pixels. lives: (n,) 0..1, how far a stroke is on its way: `travel` steps of `stride` pixels, of
    which the last `tail` are seen. sizes: (n,) radius of a head in pixels. colours: (n, 4), the fourth its opacity
    0..1. out: (h, w, 4), drawn over.
    """
    rows, columns, _ = field.shape
    height, width, _ = out.shape
    zero, one = np.float32(0), np.float32(1)
    step_px = np.float32(stride)
    wide, high = np.float32(columns - 1) / np.float32(width), np.float32(rows - 1) / np.float32(height)
    most_u, most_v = np.float32(columns - 1.001), np.float32(rows - 1.001)
    for stroke in range(len(seeds)):
        life = lives[stroke]
        head = int(life * np.float32(travel + tail))
        fade = min(one, np.float32(5) * min(life, one - life)) * colours[stroke, 3]
        if fade <= zero:
            continue
        x, y = seeds[stroke, 0], seeds[stroke, 1]
        for step in range(min(head, travel)):
            u = min(most_u, max(zero, x * wide))
            v = min(most_v, max(zero, y * high))
            left, top = int(u), int(v)
            a, b = u - np.float32(left), v - np.float32(top)
            first, second, third, fourth = (one - a) * (one - b), a * (one - b), (one - a) * b, a * b
            across = (first * field[top, left, 0] + second * field[top, left + 1, 0]
                      + third * field[top + 1, left, 0] + fourth * field[top + 1, left + 1, 0])  # fmt: skip
            down = (first * field[top, left, 1] + second * field[top, left + 1, 1]
                    + third * field[top + 1, left, 1] + fourth * field[top + 1, left + 1, 1])  # fmt: skip
            x += step_px * across
            y += step_px * down
            behind = head - step
            if behind > tail:
                continue
            radius = sizes[stroke] * (one - np.float32(behind) / np.float32(tail + 1)) + np.float32(0.3)
            parts = max(1, int(step_px / (np.float32(0.8) * radius + np.float32(0.3))))
            for part in range(parts):  # thin strokes are closed with more dots than wide ones
                back = step_px * np.float32(part) / np.float32(parts)
                _dot(x - back * across, y - back * down, radius, colours[stroke], fade, out)


@numba.njit(cache=True)
def _dot(x: float, y: float, radius: float, colour: Floats, fade: float, out: Bytes) -> None:
    """A disc with a soft edge, drawn over."""
    height, width, _ = out.shape
    edge = radius + np.float32(0.5)
    for row in range(max(0, int(y - edge)), min(height - 1, int(y + edge) + 1) + 1):
        for column in range(max(0, int(x - edge)), min(width - 1, int(x + edge) + 1) + 1):
            right, below = np.float32(column) - x, np.float32(row) - y
            away = right * right + below * below
            if away < edge * edge:
                share = min(np.float32(1), edge - np.sqrt(away)) * fade
                for part in range(3):
                    old = np.float32(out[row, column, part])
                    out[row, column, part] = np.uint8(old + (colour[part] - old) * share + np.float32(0.5))


@numba.njit(cache=True)
def printed(cover: Floats, shape: Floats, colours: Floats, levels: Floats, across: float, down: float, warp: float,
            out: Bytes) -> None:  # fmt: skip
    """A picture printed in three inks: two flat ones and one screened into lines.

    cover: (rows, columns) 0..1, how much ink there is, read smoothly over the whole frame. shape: (h, w) pixels from
    the edge of the picture, positive inside; outside stays paper. colours: (4, 3) paper, first, second, lines.
    levels: (2,) of cover, from where the flat inks lie. across, down: lines a pixel in both directions; warp: by how
    many lines they are shifted where there is most ink. out: (h, w, 4).
    """
    rows, columns = cover.shape
    height, width, _ = out.shape
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    pitch = one / np.float32(np.sqrt(across * across + down * down))
    right, below, shift = np.float32(across), np.float32(down), np.float32(warp)
    left, share = np.empty(width, np.int64), np.empty(width, np.float32)
    for x in range(width):
        u = np.float32(x) / np.float32(width) * np.float32(columns - 1)
        left[x] = min(int(u), columns - 2)
        share[x] = u - np.float32(left[x])
    strip, ink = np.empty(columns, np.float32), np.empty(width, np.float32)
    lays = np.empty((3, width), np.float32)  # how much of each ink lies at each pixel of the row
    for y in range(height):
        v = np.float32(y) / np.float32(height) * np.float32(rows - 1)
        top = min(int(v), rows - 2)
        b = v - np.float32(top)
        for column in range(columns):
            strip[column] = cover[top, column] * (one - b) + cover[top + 1, column] * b
        for x in range(width):
            ink[x] = strip[left[x]] + (strip[left[x] + 1] - strip[left[x]]) * share[x]
        level = np.float32(y) * below
        for x in range(width):
            inside = min(one, max(zero, shape[y, x] + half))
            lays[0, x] = inside * min(one, max(zero, (ink[x] - levels[0]) * np.float32(24) + half))
            lays[1, x] = inside * min(one, max(zero, (ink[x] - levels[1]) * np.float32(24) + half))
            place = np.float32(x) * right + level + shift * ink[x]
            away = abs(place - np.floor(place) - half) * pitch
            wide = half * pitch * (np.float32(1.15) * ink[x] - np.float32(0.12))
            lays[2, x] = inside * min(one, max(zero, wide - away + half))
        for x in range(width):
            for part in range(3):
                value = colours[0, part]
                value += (colours[1, part] - value) * lays[0, x]
                value += (colours[2, part] - value) * lays[1, x]
                value += (colours[3, part] - value) * lays[2, x]
                out[y, x, part] = np.uint8(value + half)
            out[y, x, 3] = np.uint8(255)
