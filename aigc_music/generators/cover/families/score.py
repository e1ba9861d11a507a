"""Score: the whole song on one page of graphic notation, system under system.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.area import Area
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """Title and artist as on a printed part, then systems: a few large ones or many small ones."""
    palette, canvas, motif = sleeve.palette, sleeve.canvas, sleeve.motif
    sleeve.fill(palette.ground)
    title = sleeve.say("title", Style("serif", -0.02, 0.92, most=150, lines=3), Area(MARGIN, MARGIN, 760, 330))
    words = Style("serif", 0.0, 1.05, most=38, lines=3)
    if title.width + 260 < SIDE - 2 * MARGIN:
        sleeve.say(
            "artist", words, Area(title.right + 40, MARGIN, SIDE - MARGIN, max(title.bottom, 130)), "right", "bottom"
        )
        top = max(title.bottom, 130) + 60
    else:
        artist = sleeve.say("artist", words, Area(MARGIN, title.bottom + 20, SIDE - MARGIN, title.bottom + 60))
        top = artist.bottom + 60
    yield "type"
    most = int(np.clip((SIDE - MARGIN - top) // 115, 4, 7))
    systems = int(sleeve.rng.choice([2, 3, most, most + 2]))
    gap = 180 / (systems + 1)
    pitch = (SIDE - MARGIN - top + gap) / systems
    height = pitch - gap
    thick = float(np.clip(height / 26, 3.4, 11))
    line = sleeve.paint(palette.ink, alpha=0.35, stroke=0.9)
    width = SIDE - 2 * MARGIN
    for system in range(systems):
        y = top + system * pitch
        low, high = system / systems, (system + 1) / systems
        for row in range(5):
            canvas.drawLine(MARGIN, y + row * height / 4, SIDE - MARGIN, y + row * height / 4, line)
        _chords(sleeve, low, high, y, height)
        rows = motif.notes[(motif.notes[:, 0] >= low) & (motif.notes[:, 0] < high)]
        for note in rows:
            x = MARGIN + (note[0] - low) * systems * width
            length = min(max(3.2, note[2] * systems * width - 1.4), SIDE - MARGIN - x)
            level = y + (1 - note[1]) * (height - thick)
            canvas.drawRect(skia.Rect(x, level, x + length, level + thick), sleeve.paint(palette.ink))
        yield "systems"
        tune = motif.melody[(motif.melody[:, 0] >= low) & (motif.melody[:, 0] < high)]
        _tune(sleeve, tune, low, systems, y, height)
        yield "melody"


def _chords(sleeve: Sleeve, low: float, high: float, y: float, height: float) -> None:
    """Tinted fields behind the notes where the harmony is away from home."""
    width = SIDE - 2 * MARGIN
    for chord in sleeve.motif.chords:
        begin, end = max(chord.start, low), min(chord.start + chord.length, high)
        if end <= begin or chord.root == 0:
            continue
        left, right = (MARGIN + (place - low) / (high - low) * width for place in (begin, end))
        colour = sleeve.palette.accents[1 + chord.root % 2]
        rect = skia.Rect(left, y, right, y + height)
        sleeve.canvas.drawRect(rect, sleeve.paint(colour, alpha=0.18 + 0.3 * chord.tension))


def _tune(sleeve: Sleeve, rows: NDArray[np.float64], low: float, systems: int, y: float, height: float) -> None:
    """The melody as heads, large for long notes, tied by one line."""
    if len(rows) == 0:
        return
    canvas, colour = sleeve.canvas, sleeve.palette.accents[0]
    x = MARGIN + (rows[:, 0] - low) * systems * (SIDE - 2 * MARGIN)
    level = y + 8 + (1 - rows[:, 1]) * (height - 16)
    canvas.drawPath(sleeve.polygon(np.column_stack([x + 7, level]), closed=False), sleeve.paint(colour, stroke=2.4))
    for px, py, note in zip(x, level, rows, strict=True):
        radius = float(np.clip((4 + 40 * np.sqrt(note[2]) - 3) * 5 / systems, 4.5, 0.12 * height))
        canvas.drawCircle(min(px + 7, SIDE - MARGIN - radius), py, radius, sleeve.paint(colour))
