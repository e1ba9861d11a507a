"""Riso: two inks over each other on paper, the second a little off, one screened. Threads: one. Realtime-safe: no."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia

from ..colour import distance
from ..lettering import Box, Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """A screened form of the chords in the first ink, the melody in the second, words in the key ink."""
    palette, canvas, rng = sleeve.palette, sleeve.canvas, sleeve.rng
    sleeve.fill(palette.ground)
    above = bool(rng.random() < 0.4)
    style = Style("condensed", 0.0, 0.85, most=210, lines=3)
    if above:
        title = sleeve.say("title", style, Box(MARGIN, MARGIN, SIDE - MARGIN, 320))
        area = Box(MARGIN, title.bottom + 50, SIDE - MARGIN, SIDE - 130)
        sleeve.say(
            "artist", Style("grotesque", 0.0, 1.1, most=32, lines=1), Box(MARGIN, 890, 940, 940), valign="bottom"
        )
    else:
        title = sleeve.say("title", style, Box(MARGIN, 690, SIDE - MARGIN, SIDE - MARGIN), valign="bottom")
        area = Box(MARGIN, 130, SIDE - MARGIN, title.top - 44)
        sleeve.say("artist", Style("grotesque", 0.0, 1.1, most=32, lines=1), Box(MARGIN, MARGIN, 940, 110))
    yield "type"
    inks = sorted(palette.accents, key=lambda ink: -distance(ink, palette.ground))
    canvas.save()
    canvas.clipRect(skia.Rect(0, area.top - 18, SIDE, area.bottom + 18), doAntiAlias=True)
    yield from _screened(sleeve, area, inks[1])
    canvas.translate(float(rng.uniform(3, 6)) * rng.choice([-1, 1]), float(rng.uniform(-4, 4)))
    canvas.rotate(float(rng.uniform(-0.4, 0.4)), 500, 500)
    yield from (_runs, _discs)[int(rng.integers(2))](sleeve, area, inks[0])
    canvas.restore()


def _screened(sleeve: Sleeve, area: Box, ink: int) -> Iterator[str]:
    """Large discs, one a chord of the first phrase, as a screen of dots that fades downwards."""
    motif, rng = sleeve.motif, sleeve.rng
    start = int(rng.integers(len(motif.chords)))
    chords = [motif.chords[(start + index) % len(motif.chords)] for index in range(3)]
    discs = []
    for index, chord in enumerate(chords):
        radius = area.height * (0.2 + 0.3 * (chord.root % 5) / 4 if index else 0.46)
        x = area.left + area.width * ((index * 0.37 + 0.3 + chord.root / 30) % 1.0)
        discs.append((x, area.top + area.height * (0.5 + 0.3 * (chord.tension - 0.4)), radius))
    pitch = 8.0
    paint = sleeve.paint(ink, mode=skia.BlendMode.kMultiply)
    turn = np.deg2rad(22.5)
    count = int(1.5 * SIDE / pitch)
    steps = (np.arange(count) - count / 2) * pitch
    for row, v in enumerate(steps):
        x = 500 + steps * np.cos(turn) - v * np.sin(turn)
        y = 500 + steps * np.sin(turn) + v * np.cos(turn)
        cover = np.zeros(count)
        for cx, cy, radius in discs:
            inside = np.hypot(x - cx, y - cy) < radius
            cover = np.maximum(cover, np.where(inside, 0.95 - 0.75 * (y - cy + radius) / (2 * radius), 0))
        radii = pitch * np.sqrt(np.clip(cover, 0, 1) / np.pi) * 1.15
        for px, py, r in zip(x[cover > 0], y[cover > 0], radii[cover > 0], strict=True):
            sleeve.canvas.drawCircle(px, py, r, paint)
        if row % 14 == 0:
            yield "first ink"


def _runs(sleeve: Sleeve, area: Box, ink: int) -> Iterator[str]:
    """The melody as broad bars with round ends."""
    rows = sleeve.motif.hook
    paint = sleeve.paint(ink, mode=skia.BlendMode.kMultiply)
    thick = area.height / 15
    for note in rows:
        x = area.left + note[0] * area.width
        y = area.top + (1 - note[1]) * (area.height - thick)
        width = max(thick, note[2] * area.width - 4)
        sleeve.canvas.drawRoundRect(skia.Rect(x, y, x + width, y + thick), thick / 2, thick / 2, paint)
    yield "second ink"


def _discs(sleeve: Sleeve, area: Box, ink: int) -> Iterator[str]:
    """The melody as half discs that hang from and stand on a line."""
    rows = sleeve.motif.hook[:16]
    paint = sleeve.paint(ink, mode=skia.BlendMode.kMultiply)
    middle = (area.top + area.bottom) / 2
    widths = np.sqrt(rows[:, 2]) / np.sqrt(rows[:, 2]).sum() * area.width
    x = area.left
    for note, width in zip(rows, widths, strict=True):
        reach = (note[1] - float(np.median(rows[:, 1]))) * area.height * 0.9
        if abs(reach) < width / 2:
            oval = skia.Rect(x, middle - width / 2, x + width, middle + width / 2)
            sleeve.canvas.drawArc(oval, 180 if reach >= 0 else 0, 180, True, paint)
        else:
            top, bottom = sorted((middle, middle - reach))
            sleeve.canvas.drawRect(skia.Rect(x, top, x + width, bottom), paint)
            cap = middle - reach
            sleeve.canvas.drawCircle(x + width / 2, cap, width / 2, paint)
        x += width
    yield "second ink"
