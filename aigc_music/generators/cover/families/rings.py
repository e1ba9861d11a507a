"""Rings: the song as a record, a ring a phrase and an arc a note.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import skia

from ...design.area import Area
from ...design.colour import mix
from ...design.lettering import Style
from ..sleeve import MARGIN, Sleeve

__all__ = ["draw"]


class _Plan(NamedTuple):
    """Where the record lies and the words stand."""

    x: float
    y: float
    radius: float
    title: Area
    valign: str
    artist: Area


_PLANS: tuple[_Plan, ...] = (
    _Plan(500, 330, 440, Area(MARGIN, 800, 940, 940), "bottom", Area(MARGIN, 750, 940, 790)),
    _Plan(1000, 1000, 790, Area(MARGIN, MARGIN, 600, 300), "top", Area(MARGIN, 880, 200, 940)),
    _Plan(500, 1010, 640, Area(MARGIN, MARGIN, 940, 300), "top", Area(MARGIN, MARGIN, 940, 100)),
    _Plan(1000, 400, 470, Area(MARGIN, 700, 940, 940), "bottom", Area(MARGIN, MARGIN, 460, 130)),
)


def draw(sleeve: Sleeve) -> Iterator[str]:
    """One of four croppings."""
    palette, canvas = sleeve.palette, sleeve.canvas
    which = int(sleeve.rng.integers(len(_PLANS)))
    plan = _PLANS[which]
    sleeve.fill(palette.ground)
    title = sleeve.say("title", Style("grotesque", -0.03, 0.98, most=112, lines=3), plan.title, valign=plan.valign)
    style = Style("grotesque", 0.0, 1.1, most=32, lines=2)
    if which == 0:
        artist = Area(MARGIN, title.top - 66, 940, title.top - 26)
        sleeve.say("artist", style, artist, valign="bottom")
    elif which == 2:
        sleeve.say("artist", style, Area(MARGIN, title.bottom + 22, 940, title.bottom + 62))
    else:
        sleeve.say("artist", style, plan.artist, valign="bottom" if which == 1 else "top")
    radius = plan.radius if which != 0 else min(plan.radius, title.top - 96 - plan.y)
    yield "type"
    yield from _record(sleeve, plan.x, plan.y, radius)
    canvas.drawCircle(plan.x, plan.y, 0.035 * radius, sleeve.paint(palette.ground))


def _record(sleeve: Sleeve, x: float, y: float, radius: float) -> Iterator[str]:
    palette, motif, canvas = sleeve.palette, sleeve.motif, sleeve.canvas
    turns = 9 + int(sleeve.rng.integers(3)) * 3
    inner = 0.24 * radius
    step = (radius - inner) / turns
    begin = 360 * motif.tonic / 12 - 90
    order = palette.accents
    for turn in range(turns):
        middle = radius - (turn + 0.5) * step
        oval = skia.Rect(x - middle, y - middle, x + middle, y + middle)
        canvas.drawCircle(x, y, middle, sleeve.paint(mix(palette.ground, palette.ink, 0.16), stroke=1.0))
        low, high = turn / turns, (turn + 1) / turns
        rows = motif.melody[(motif.melody[:, 0] >= low) & (motif.melody[:, 0] < high)]
        for note in rows:
            start = begin + 360 * (note[0] - low) * turns
            sweep = max(2.0, min(360 * note[2] * turns, 300) - 1.6)
            colour = order[0] if note[4] in (0, 7) else order[1] if note[4] in (3, 4, 9) else order[2]
            paint = sleeve.paint(colour, stroke=step * (0.3 + 0.62 * note[3] ** 2))
            canvas.drawArc(oval, start, sweep, False, paint)
        yield "rings"
    label = 0.8 * inner
    canvas.drawCircle(x, y, label, sleeve.paint(order[0]))
    total = sum(chord.length for chord in motif.chords)
    angle = begin
    for chord in motif.chords:  # the label shows the chords, further out the tenser they are
        sweep = 360 * chord.length / total
        reach = label * (0.35 + 0.6 * chord.tension)
        oval = skia.Rect(x - reach, y - reach, x + reach, y + reach)
        if chord.root % 12 != 0:
            canvas.drawArc(oval, angle, sweep, True, sleeve.paint(mix(order[0], palette.ground, 0.55)))
        angle += sweep
    for edge in motif.edges:  # a tick where a section begins
        turn = np.deg2rad(begin + 360 * edge)
        canvas.drawLine(
            x + np.cos(turn) * inner * 0.86, y + np.sin(turn) * inner * 0.86, x + np.cos(turn) * inner,
            y + np.sin(turn) * inner, sleeve.paint(palette.ink, stroke=3),
        )  # fmt: skip
    yield "label"
