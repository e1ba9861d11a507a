"""The families of design, one file each. A family's `draw` works on a Sleeve in steps, and says between them where it
is; it draws the picture and says where the words stand, `legible` draws those.

Threads: the one that draws. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..sleeve import Sleeve
from . import (
    bauhaus,
    collage,
    constellation,
    engraving,
    halftone,
    letters,
    rings,
    riso,
    score,
    strata,
    swiss,
    woven,
)  # fmt: skip

__all__ = ["FAMILIES", "Family"]


class Family(NamedTuple):
    """about: for people. bright, arousal: the mood it goes with, -1..1. ground: the palettes it can use, light or
    dark, None = any. picture: the class of picture it is made from, None = it needs none. grain: in 255ths."""

    draw: Callable[[Sleeve], Iterator[str]]
    about: str
    bright: float
    arousal: float
    ground: str | None
    picture: str | None
    grain: float


FAMILIES: dict[str, Family] = {
    "swiss": Family(swiss.draw, "large grotesque type over the melody as bars, discs or steps on a grid",
                    0.5, 0.4, None, None, 2.5),
    "rings": Family(rings.draw, "the song as a record: bars are rings, notes arcs", 0.0, 0.3, None, None, 2.5),
    "strata": Family(strata.draw, "a landscape whose ridges are the song's energy and melody",
                     0.2, -0.5, None, None, 4.0),
    "constellation": Family(constellation.draw, "a star chart: notes are stars, the hook a constellation",
                            -0.2, -0.6, "dark", None, 3.0),
    "halftone": Family(halftone.draw, "a painted picture in two inks, screened into dots or lines, framed",
                       -0.2, 0.4, None, "landscape", 3.5),
    "collage": Family(collage.draw, "a painted picture traced into cut paper", 0.4, 0.0, None, "nature", 3.5),
    "bauhaus": Family(bauhaus.draw, "discs, quarters and stripes, one square a chord", 0.6, 0.5, None, None, 2.5),
    "engraving": Family(engraving.draw, "a field of lines that the melody lifts, as if cut in copper",
                        -0.3, -0.4, None, None, 2.5),
    "riso": Family(riso.draw, "two inks printed over each other, not quite in register",
                   0.5, 0.6, "light", None, 5.0),
    "letters": Family(letters.draw, "letters alone, as large as they go", 0.0, 0.9, None, None, 2.5),
    "score": Family(score.draw, "the whole song as a page of graphic notation", 0.1, -0.3, None, None, 3.0),
    "woven": Family(woven.draw, "a cloth: melody across, chords down", 0.2, 0.0, None, None, 4.0),
}  # fmt: skip
