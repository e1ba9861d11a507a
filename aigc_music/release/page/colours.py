"""The colours of a page, taken from its cover so that the page belongs to it, and moved until words can be read.

Every pair of colours in which words are set has a contrast of at least LEAST, measured after WCAG 2.2.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aigc_music.generators.design.colour import contrast, distance, hue, lab, lighten, luminance, mix

__all__ = ["LEAST", "Colours", "colours_of"]

LEAST = 4.5
"""Contrast of words with their ground, WCAG 2.2 AA."""

_SIDE = 160
"""The cover is looked at this small, in pixels, none of them mixed of others."""
_SHADES = 48
_RING = 6
_SPECK = 0.004
"""Share of the picture below which a colour counts for less."""
_OTHER = 0.01
"""How unlike the accent (see `_unlikeness`) a colour must be to stand for something else."""
_ALIKE = 0.08
"""Distance in OKLab of two colours that count as one."""
_PLAIN = 0xF4F2EC
"""The ground of a page without a cover."""


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours 0xRRGGBB. sleeve, on_sleeve: the top of the page and its words. ground, panel: the page and what lies
    on it; ink, quiet, accent: words on both, lesser words, links and marks. on_accent: words on a surface of the
    accent. second: another colour of the cover, for drawings."""

    sleeve: int
    on_sleeve: int
    ground: int
    panel: int
    ink: int
    quiet: int
    accent: int
    on_accent: int
    second: int

    def pairs(self) -> Iterator[tuple[str, float]]:
        """What words are set in and on, with the contrast of the two."""
        for word, surface in _PAIRS:
            yield f"{word} on {surface}", contrast(getattr(self, word), getattr(self, surface))

    @property
    def dark(self) -> bool:
        """Whether light words stand on a dark page."""
        return luminance(self.ground) < luminance(self.ink)

    def css(self) -> str:
        """The colours as custom properties of the whole page."""
        rows = (f"--{row.name.replace('_', '-')}:#{getattr(self, row.name):06x}" for row in fields(self))
        return ":root{" + ";".join(rows) + "}"


_PAIRS = (
    ("on_sleeve", "sleeve"), ("ink", "ground"), ("ink", "panel"), ("quiet", "ground"), ("quiet", "panel"),
    ("accent", "ground"), ("accent", "panel"), ("on_accent", "accent"),
)  # fmt: skip


def colours_of(pixels: NDArray[np.uint8] | None) -> Colours:
    """The colours of a page whose cover has these (height, width, 3) pixels; of paper and ink without one."""
    swatches = [_Swatch(_PLAIN, 1.0, 1.0)] if pixels is None else _swatches(pixels)
    sleeve = max(swatches, key=lambda row: row.share + row.edge).colour
    dark = luminance(sleeve) < 0.18
    ground = _toned(sleeve, 0.17 if dark else 0.965, 0.03 if dark else 0.012)
    panel = lighten(ground, 0.045 if dark else -0.03)
    ink = _toned(sleeve, 0.95 if dark else 0.22, 0.015)
    accent = _readable(max(swatches, key=lambda row: _liveliness(row, sleeve)).colour, ground, panel)
    other = max(swatches, key=lambda row: _unlikeness(row, accent))
    second = other.colour if _unlikeness(other, accent) > _OTHER else ink
    return Colours(
        sleeve=_legible_surface(sleeve),
        on_sleeve=_on(_legible_surface(sleeve)),
        ground=ground,
        panel=panel,
        ink=ink,
        quiet=_readable(mix(ink, ground, 0.45), ground, panel),
        accent=accent,
        on_accent=_on(accent),
        second=_readable(second, ground, panel, 3.0),
    )


class _Swatch(NamedTuple):
    """A main colour of the cover. share: of the picture; edge: of its outermost ring, both 0..1."""

    colour: int
    share: float
    edge: float


def _swatches(pixels: NDArray[np.uint8]) -> list[_Swatch]:
    """The main colours, those that look alike taken together; the largest first."""
    small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
    few = small.quantize(_SHADES, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    values = np.asarray(few).astype(np.int64) @ (1 << 16, 1 << 8, 1)
    ring = np.ones(values.shape, bool)
    ring[_RING:-_RING, _RING:-_RING] = False
    colours, counts = np.unique(values, return_counts=True)
    found: list[_Swatch] = []
    for count, colour in sorted(zip(counts.tolist(), colours.tolist(), strict=True), reverse=True):
        share, edge = count / values.size, float(np.mean(values[ring] == colour))
        like = next((row for row in found if distance(row.colour, colour) < _ALIKE), None)
        if like is not None:
            found[found.index(like)] = _Swatch(like.colour, like.share + share, like.edge + edge)
        else:
            found.append(_Swatch(colour, share, edge))
    return found


def _liveliness(row: _Swatch, sleeve: int) -> float:
    """How well a swatch serves as the accent: colourful, unlike the sleeve, and not a speck."""
    return hue(row.colour)[1] * min(1.0, row.share / _SPECK) + 0.3 * min(0.4, distance(row.colour, sleeve))


def _unlikeness(row: _Swatch, accent: int) -> float:
    """How well a swatch stands beside the accent: colourful, and of another hue."""
    (first, strength), (second, _) = hue(row.colour), hue(accent)
    return min(0.12, strength) * min(1.0, row.share / _SPECK) * abs((first - second + 0.5) % 1 - 0.5)


def _toned(colour: int, lightness: float, chroma: float) -> int:
    """The hue of a colour at another OKLab lightness, no more colourful than `chroma`."""
    tinted = lighten(colour, lightness - float(lab(colour)[0]))
    strength = hue(tinted)[1]
    grey = lighten(0x808080, lightness - float(lab(0x808080)[0]))
    return tinted if strength <= chroma else mix(grey, tinted, chroma / strength)


def _on(surface: int) -> int:
    """Near white or near black, with a breath of the surface's hue: whichever stands out more."""
    words = [_toned(surface, 0.985, 0.008), _toned(surface, 0.16, 0.02)]
    return max(words, key=lambda colour: contrast(colour, surface))


def _legible_surface(colour: int) -> int:
    """The colour, moved away from the middle greys on which neither light nor dark words can be read well."""
    step = -0.02 if luminance(colour) < 0.18 else 0.02
    while contrast(_on(colour), colour) < LEAST + 0.5:
        colour = lighten(colour, step)
    return colour


def _readable(colour: int, ground: int, panel: int, least: float = LEAST) -> int:
    """The colour, lighter or darker until it has the contrast with both surfaces."""
    step = 0.02 if luminance(ground) < 0.18 else -0.02
    for _ in range(50):
        if min(contrast(colour, ground), contrast(colour, panel)) >= least:
            return colour
        colour = lighten(colour, step)
    return _on(ground)
