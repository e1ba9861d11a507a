"""Halftone: a painted picture as dots or lines of one ink over a tint, in a frame.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.area import Area
from ...design.colour import contrast, distance, lighten, mix
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve
from ..tones import sampled, smoothed, stretched, tones

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """Picture above, words below, or a tall picture at the right of a narrow column."""
    palette = sleeve.palette
    sleeve.fill(palette.ground)
    title = sleeve.say(
        "title", Style("condensed", -0.005, 0.86, most=190, lines=3), Area(MARGIN, 730, SIDE - MARGIN, SIDE - MARGIN),
        valign="bottom",
    )  # fmt: skip
    artist = sleeve.say(
        "artist", Style("grotesque", 0.0, 1.1, most=30, lines=2),
        Area(MARGIN, title.top - 64, SIDE - MARGIN, title.top - 26), valign="bottom",
    )  # fmt: skip
    yield "type"
    painted = tones(sleeve.picture("landscape"))
    field = stretched(smoothed(painted, 0.014 * len(painted)))  # its own pixels must not show
    yield "painted"
    bleed = bool(sleeve.rng.random() < 0.5)
    edge = 0.0 if bleed else MARGIN
    frame = Area(edge, edge, SIDE - edge, artist.top - 40)
    dark, light = sorted((palette.ground, palette.ink), key=lambda colour: contrast(colour, 0))
    tint = max(palette.accents, key=lambda colour: abs(contrast(colour, dark) - 1))
    paper = mix(tint, light, 0.25) if palette.dark else lighten(tint, 0.02)
    canvas = sleeve.canvas
    canvas.save()
    canvas.clipRect(skia.Rect(*frame), doAntiAlias=True)
    canvas.drawRect(skia.Rect(*frame), sleeve.paint(paper))
    screen = (_dots, _lines, _circles)[int(sleeve.rng.integers(3))]
    pitch = float(np.clip(900 / len(field), 7.5, 12.0))  # a screen no finer than the picture
    yield from screen(sleeve, frame, field, dark, pitch)
    _sun(sleeve, frame, paper, dark)
    canvas.restore()


def _sun(sleeve: Sleeve, frame: Area, paper: int, dark: int) -> None:
    """A disc over the screen, in the accent that stands out from both its colours. It lies as far across as the key
    on the circle of fifths, and is as high and large as the song is bright."""
    motif = sleeve.motif
    radius = frame.height * (0.15 + 0.08 * motif.bright)
    x = frame.left + frame.width * (0.22 + 0.56 * (motif.tonic * 7 % 12) / 11)
    y = frame.top + frame.height * (0.42 - 0.12 * motif.bright)
    colour = max(sleeve.palette.accents, key=lambda accent: min(distance(accent, paper), distance(accent, dark)))
    sleeve.canvas.drawCircle(x, y, radius, sleeve.paint(colour))


def _dots(sleeve: Sleeve, frame: Area, field: NDArray[np.float64], ink: int, pitch: float) -> Iterator[str]:
    """Round dots on a screen at 45 degrees; they touch where it is darker than half."""
    count = int(1.5 * SIDE / pitch)
    steps = (np.arange(count) - count / 2) * pitch
    turn = np.pi / 4
    paint = sleeve.paint(ink)
    for row, v in enumerate(steps):
        x = 500 + steps * np.cos(turn) - v * np.sin(turn)
        y = 500 + steps * np.sin(turn) + v * np.cos(turn)
        inside = (x > frame.left - 9) & (x < frame.right + 9) & (y > frame.top - 9) & (y < frame.bottom + 9)
        dark = 1 - sampled(field, frame, x[inside], y[inside])
        radius = pitch * np.sqrt(np.clip(dark, 0, 1) / np.pi) * 1.18
        for cx, cy, r in zip(x[inside], y[inside], radius, strict=True):
            if r > 0.9:
                sleeve.canvas.drawCircle(cx, cy, r, paint)
        if row % 16 == 0:
            yield "screen"


def _lines(sleeve: Sleeve, frame: Area, field: NDArray[np.float64], ink: int, pitch: float) -> Iterator[str]:
    """Lines that swell; the hook bends them."""
    x = np.linspace(frame.left - 2, frame.right + 2, 420)
    bend = 26 * (sleeve.motif.contour((x / SIDE * 0.35 + 0.1) % 1) - 0.5)
    bend = np.convolve(np.pad(bend, 20, mode="edge"), np.hanning(41) / np.hanning(41).sum(), "valid")
    for row in range(int(frame.height / pitch) + 8):
        y = frame.top - 30 + row * pitch + bend
        dark = np.clip(1 - sampled(field, frame, x, y), 0.06, 0.96)
        half = 0.5 * pitch * dark
        shape = np.concatenate([np.column_stack([x, y - half]), np.column_stack([x, y + half])[::-1]])
        sleeve.canvas.drawPath(sleeve.polygon(shape), sleeve.paint(ink))
        if row % 12 == 0:
            yield "screen"


def _circles(sleeve: Sleeve, frame: Area, field: NDArray[np.float64], ink: int, pitch: float) -> Iterator[str]:
    """Circles that swell, round a point that lies where the key is on the circle of fifths."""
    turn = 2 * np.pi * (sleeve.motif.tonic * 7 % 12) / 12
    cx = frame.left + frame.width * (0.5 + 0.28 * np.cos(turn))
    cy = frame.top + frame.height * (0.5 + 0.28 * np.sin(turn))
    for ring in range(1, int(1.3 * SIDE / pitch)):
        radius = ring * pitch
        angles = np.linspace(0, 2 * np.pi, max(48, min(720, int(radius * 1.6))))
        x, y = cx + radius * np.cos(angles), cy + radius * np.sin(angles)
        half = 0.5 * pitch * np.clip(1 - sampled(field, frame, x, y), 0.06, 0.96)
        outer = np.column_stack([cx + (radius + half) * np.cos(angles), cy + (radius + half) * np.sin(angles)])
        inner = np.column_stack([cx + (radius - half) * np.cos(angles), cy + (radius - half) * np.sin(angles)])
        sleeve.canvas.drawPath(sleeve.polygon(np.concatenate([outer, inner[::-1]])), sleeve.paint(ink))
        if ring % 12 == 0:
            yield "screen"
