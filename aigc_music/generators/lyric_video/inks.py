"""What words are set in, and how dark or light a ground has to be so that they can be read on it.

Contrast as in WCAG 2.2, 4.5 at least for every ink. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..design.colour import distance, luminance, mix
from ..design.palettes import Palette

__all__ = ["CONTRAST", "Inks", "inks_of"]

CONTRAST = 4.5
"""The least between an ink and whatever lies behind it."""

_AIM = 4.9  # what the veil aims at: enlarging, 4:2:0 and the encoder take some of it away
# luminance of what is sung (in plain ink, in an accent), not sung yet, and of the next line
_DARK = (0.90, 0.71, 0.54, 0.50)
_LIGHT = (0.018, 0.07, 0.075, 0.085)
_LEAST_APART = 0.13  # in OKLab, of sung and unsung
_STRONG = ("chorus", "refrain", "hook", "post-chorus", "drop")


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours 0xRRGGBB. sung: of what has been sung; strong: the same in a chorus. waits: of what comes. next: of the
    line after. rest: what the picture fades to. dark: whether the ground is darker than they are; limit: its
    luminance at the most (or least)."""

    sung: int
    strong: int
    waits: int
    next: int
    rest: int
    dark: bool
    limit: float

    def of_section(self, section: str) -> int:
        """The ink of what has been sung in a part of the song: an accent in choruses, and where no part is known."""
        return self.strong if not section or section.startswith(_STRONG) else self.sung

    def coming(self, away: float) -> int:
        """The ink of a line on its way from the next place (1) to the current one (0), in a few steps."""
        return mix(self.waits, self.next, round(4 * min(1.0, max(0.0, away))) / 4)


def inks_of(palette: Palette, dark: bool) -> Inks:
    """Inks of a palette. dark: whether the ground is to be darker than they are."""
    far = 0xFFFFFF if dark else 0x000000
    sung_at, strong_at, waits_at, next_at = _DARK if dark else _LIGHT
    ink = palette.ink if dark == palette.dark else far
    grey = mix(ink, palette.ground, 0.5)
    waits, following = (_at_luminance(grey, value) for value in (waits_at, next_at))
    sung = _at_least(ink, sung_at, dark)
    accents = [_at_least(colour, strong_at, dark) for colour in palette.accents]
    strong = max(accents, key=lambda colour: distance(colour, waits))
    if distance(strong, waits) < _LEAST_APART:
        strong = sung
    worst = (min if dark else max)(luminance(ink) for ink in (sung, strong, waits, following))
    limit = (worst + 0.05) / _AIM - 0.05 if dark else (worst + 0.05) * _AIM - 0.05
    return Inks(sung, strong, waits, following, _at_least(palette.ground, limit, not dark), dark, limit)


def _at_least(colour: int, wanted: float, dark: bool) -> int:
    """The colour, made lighter for a dark ground (darker for a light one) where it is not enough so."""
    return colour if (luminance(colour) >= wanted) == dark else _at_luminance(colour, wanted)


def _at_luminance(colour: int, wanted: float) -> int:
    """The colour mixed with white or black until it has a luminance."""
    light = luminance(colour)
    other = 0xFFFFFF if light < wanted else 0x000000
    low, high = 0.0, 1.0
    for _ in range(24):
        middle = 0.5 * (low + high)
        passed = (luminance(mix(colour, other, middle)) < wanted) != (light < wanted)
        low, high = (low, middle) if passed else (middle, high)
    return mix(colour, other, high)
