"""Riso: two inks over each other on paper, the second a little off, one screened.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia

from ...design.area import Area
from ...design.colour import distance
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """A screened form of the chords in the first ink, the melody in the second, words in the key ink."""
    palette, canvas, rng = sleeve.palette, sleeve.canvas, sleeve.rng
    sleeve.fill(palette.ground)
    above = bool(rng.random() < 0.4)
    style = Style("condensed", 0.0, 0.85, most=210, lines=3)
    if above:
        title = sleeve.say("title", style, Area(MARGIN, MARGIN, SIDE - MARGIN, 320))
        area = Area(MARGIN, title.bottom + 50, SIDE - MARGIN, SIDE - 130)
        sleeve.say(
            "artist", Style("grotesque", 0.0, 1.1, most=32, lines=1), Area(MARGIN, 890, 940, 940), valign="bottom"
        )
    else:
        title = sleeve.say("title", style, Area(MARGIN, 690, SIDE - MARGIN, SIDE - MARGIN), valign="bottom")
        area = Area(MARGIN, 130, SIDE - MARGIN, title.top - 44)
        sleeve.say("artist", Style("grotesque", 0.0, 1.1, most=32, lines=1), Area(MARGIN, MARGIN, 940, 110))
    yield "type"
    inks = sorted(palette.accents, key=lambda ink: -distance(ink, palette.ground))
    canvas.save()
    canvas.clipRect(skia.Rect(0, area.top - 18, SIDE, area.bottom + 18), doAntiAlias=True)
    yield from _screened(sleeve, area, inks[1])
    canvas.translate(float(rng.uniform(3, 6)) * rng.choice([-1, 1]), float(rng.uniform(-4, 4)))
    canvas.rotate(float(rng.uniform(-0.4, 0.4)), 500, 500)
    yield from (_runs, _columns, _wedges)[int(rng.integers(3))](sleeve, area, inks[0])
    canvas.restore()


def _screened(sleeve: Sleeve, area: Area, ink: int) -> Iterator[str]:
    """Large discs, one a chord of the first phrase, as a screen of dots that fades downwards."""
    motif, rng = sleeve.motif, sleeve.rng
    start = int(rng.integers(len(motif.chords)))
    chords = [motif.chords[(start + index) % len(motif.chords)] for index in range(3)]
    discs = []
    for index, chord in enumerate(chords):
        radius = area.height * (0.2 + 0.26 * (chord.root % 5) / 4 if index else 0.47)
        x = area.left + area.width * ((index * 0.37 + 0.3 + chord.root / 30) % 1.0)
        y = area.top + area.height * (0.5 + 0.8 * (chord.tension - 0.4))
        discs.append((x, float(np.clip(y, area.top + radius, area.bottom - radius)), radius))
    pitch = 8.0
    outline = skia.Path()
    for cx, cy, radius in discs:
        outline.addCircle(cx, cy, radius)
    sleeve.canvas.save()
    sleeve.canvas.clipPath(outline, doAntiAlias=True)
    paint = sleeve.paint(ink, mode=skia.BlendMode.kMultiply)
    turn = np.deg2rad(22.5)
    count = int(1.5 * SIDE / pitch)
    steps = (np.arange(count) - count / 2) * pitch
    for row, v in enumerate(steps):
        x = 500 + steps * np.cos(turn) - v * np.sin(turn)
        y = 500 + steps * np.sin(turn) + v * np.cos(turn)
        cover = np.zeros(count)
        for cx, cy, radius in discs:
            inside = np.hypot(x - cx, y - cy) < radius + pitch
            cover = np.maximum(cover, np.where(inside, 0.95 - 0.75 * (y - cy + radius) / (2 * radius), 0))
        radii = pitch * np.sqrt(np.clip(cover, 0, 1) / np.pi) * 1.15
        for px, py, r in zip(x[cover > 0], y[cover > 0], radii[cover > 0], strict=True):
            sleeve.canvas.drawCircle(px, py, r, paint)
        if row % 14 == 0:
            yield "first ink"
    sleeve.canvas.restore()


def _runs(sleeve: Sleeve, area: Area, ink: int) -> Iterator[str]:
    """The melody as broad bars with round ends, as one form, because an ink does not print over itself."""
    rows = sleeve.motif.hook[:20]
    thick = area.height / 9
    starts = (rows[:, 0] - rows[0, 0]) / max(1e-9, float((rows[:, 0] + rows[:, 2]).max()) - rows[0, 0])
    form = skia.Path()
    for note, start in zip(rows, starts, strict=True):
        x = area.left + start * (area.width - thick)
        y = area.top + (1 - note[1]) * (area.height - thick)
        width = max(thick, note[2] * area.width * 1.2)
        right = min(x + width, area.right)
        form.addRoundRect(skia.Rect(min(x, right - thick), y, right, y + thick), thick / 2, thick / 2)
    sleeve.canvas.drawPath(form, sleeve.paint(ink, mode=skia.BlendMode.kMultiply))
    yield "second ink"


def _columns(sleeve: Sleeve, area: Area, ink: int) -> Iterator[str]:
    """The melody as columns with round heads that hang from a line and stand on it."""
    rows = sleeve.motif.hook[:14]
    middle = (area.top + area.bottom) / 2
    widths = np.sqrt(rows[:, 2]) / np.sqrt(rows[:, 2]).sum() * area.width
    form = skia.Path()
    x = area.left
    for note, width in zip(rows, widths, strict=True):
        reach = (note[1] - float(np.median(rows[:, 1]))) * area.height * 0.9
        reach += float(np.copysign(width / 2, reach))
        top, bottom = sorted((middle, middle - reach))
        form.addRoundRect(skia.Rect(x, top - width / 2, x + width, bottom + width / 2), width / 2, width / 2)
        x += width
    sleeve.canvas.drawPath(form, sleeve.paint(ink, mode=skia.BlendMode.kMultiply))
    yield "second ink"


def _wedges(sleeve: Sleeve, area: Area, ink: int) -> Iterator[str]:
    """The melody as rays from a corner: the angle is time, the length pitch."""
    rows = sleeve.motif.hook[:24]
    left = bool(sleeve.rng.random() < 0.5)
    x, y = (area.left if left else area.right), area.bottom
    form = skia.Path()
    for note in rows:
        reach = area.height * (0.45 + 0.75 * note[1])
        begin = 180 + 90 * note[0] if not left else 270 + 90 * note[0]
        form.moveTo(x, y)
        form.arcTo(skia.Rect(x - reach, y - reach, x + reach, y + reach), begin, max(1.6, 80 * note[2]), False)
        form.close()
    sleeve.canvas.drawPath(form, sleeve.paint(ink, mode=skia.BlendMode.kMultiply))
    yield "second ink"
