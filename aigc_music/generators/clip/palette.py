"""The colours of a clip: as asked, else those of the cover, else such as suit key and mood.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aigc_music.core.pictures import Picture
from aigc_music.engine.requests import VideoRequest
from aigc_music.files.pictures import pixels_of

from ..design.colour import contrast, distance, hue, mix
from ..design.palettes import Palette, choose_palette, mood_of
from ..timeline import Timeline
from .families import FAMILIES

__all__ = ["palette_of", "palette_of_picture"]

_SIDE = 96  # pixels: a cover is looked at in this size
_COLOURS = 16
_APART = 0.09  # OKLab: what counts as another colour
_INK = 4.5  # contrast of words


def palette_of(request: VideoRequest, timeline: Timeline, rng: np.random.Generator) -> Palette:
    """See the module. UsageError for an unknown palette or mood, FileError for a cover that cannot be read."""
    if request.palette is None and request.cover is not None:
        cover = request.cover
        return palette_of_picture(cover.pixels if isinstance(cover, Picture) else pixels_of(cover))
    mood = mood_of(request.mood)
    song = timeline if mood is None else replace(timeline, bright=mood[0], arousal=mood[1])
    family = FAMILIES.get(request.family or "")
    return choose_palette(request.palette, song, None if family is None else family.ground, rng)


def palette_of_picture(pixels: NDArray[np.uint8]) -> Palette:
    """The palette of a picture (h, w, 3): its commonest colour is the ground, what stands out most from it the ink,
    and the accents are those of most colour that differ from both and from each other."""
    small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    table = small.quantize(_COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    flat = np.reshape(table.getpalette() or [], (-1, 3)).astype(int)
    places, numbers = np.unique(np.asarray(table), return_counts=True)
    found = sorted(
        (int(count), int(flat[at] @ (1 << 16, 1 << 8, 1))) for at, count in zip(places, numbers, strict=True)
    )
    found.reverse()
    ground = found[0][1]
    pole = max((0x000000, 0xFFFFFF), key=lambda colour: contrast(ground, colour))
    ink = max((colour for _, colour in found), key=lambda colour: contrast(ground, colour))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):  # towards black or white until words can be read
        if contrast(ground, mix(ink, pole, share)) >= _INK:
            ink = mix(ink, pole, share)
            break
    accents: list[int] = []
    for _, colour in sorted(found, key=lambda row: -(row[0] ** 0.3) * (0.03 + hue(row[1])[1])):
        if len(accents) < 3 and all(distance(colour, other) > _APART for other in (ground, ink, *accents)):
            accents.append(colour)
    for share in (0.5, 0.28, 0.72):  # tints where the picture has fewer colours
        if len(accents) < 3:
            accents.append(mix(ground, ink, share))
    return Palette("cover", 0.0, 0.0, ground, ink, (accents[0], accents[1], accents[2]))
