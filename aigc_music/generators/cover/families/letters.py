"""Letters: the title alone, every line as wide as the sleeve, over bands as long as the chords.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import skia

from ...design.area import Area
from ...design.colour import mix
from ...design.lettering import Style
from ..legible import readable
from ..sleeve import MARGIN, SIDE, Sleeve

__all__ = ["draw"]


def draw(sleeve: Sleeve) -> Iterator[str]:
    """Bands below, letters above, the artist at the foot beside the song's rhythm."""
    palette, canvas, motif = sleeve.palette, sleeve.canvas, sleeve.motif
    sleeve.fill(palette.ground)
    across = bool(sleeve.rng.random() < 0.5)
    total = sum(chord.length for chord in motif.chords[:24])
    tints = [palette.ground, *(_tint(palette.ground, accent, palette.ink) for accent in palette.accents)]
    place = 0.0
    for chord in motif.chords[:24]:
        length = chord.length / total * SIDE
        colour = tints[(chord.root * 5 + chord.quality) % 4]
        rect = skia.Rect(0, place, SIDE, place + length) if across else skia.Rect(place, 0, place + length, SIDE)
        canvas.drawRect(rect, sleeve.paint(colour))
        place += length
    yield "bands"
    name = "title" if sleeve.words["title"] else "artist"
    text = sleeve.words[name]
    foot = SIDE - MARGIN - 60
    if name == "title":
        small = Style("grotesque", -0.01, 1.05, most=40, lines=2)
        foot = sleeve.say("artist", small, Area(MARGIN, 850, 640, SIDE - MARGIN), valign="bottom").top
    several = len(text.split()) > 1
    face = "condensed" if several or len(text) > 7 else "grotesque"
    large = Style(face, -0.02, 0.8, caps=True, most=520, lines=5, spread=several)
    sleeve.say(
        name,
        large,
        Area(MARGIN, MARGIN, SIDE - MARGIN, foot - 40),
        valign=("top", "bottom")[int(sleeve.rng.integers(2))],
    )
    hook = motif.hook
    for note in hook:  # the rhythm as a short code at the foot
        x = 690 + 250 * note[0]
        canvas.drawRect(
            skia.Rect(x, SIDE - MARGIN - 12 - 34 * note[1], x + max(2.5, 250 * note[2] - 2.5), SIDE - MARGIN),
            sleeve.paint(palette.ink),
        )
    yield "letters"


def _tint(ground: int, accent: int, ink: int) -> int:
    """As much of the accent as the ink can still be read on."""
    for share in np.linspace(1.0, 0.0, 11):
        if readable(mix(ground, accent, float(share)), ink):
            return mix(ground, accent, float(share))
    return ground
