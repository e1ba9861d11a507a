"""The styles that a model can be asked for; the order is the id in trained models, so only append.

`bpm` is a tempo that suits the style, `groove` the style whose drums a band in this style takes, `parts` who
plays when the band plays alone.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["STYLES", "STYLE_NAMES", "UNKNOWN_STYLE", "Style", "style_id"]


class Style(NamedTuple):
    """One style: index in STYLES is its id in trained models."""

    name: str
    bpm: float
    groove: str  # name of the style whose drums it takes
    parts: tuple[str, ...]  # parts of a band that plays alone in this style


STYLES: tuple[Style, ...] = (
    Style("pop", 96, "pop", ("melody", "keys", "bass", "drums")),
    Style("jazz", 132, "jazz", ("melody", "keys", "bass", "drums")),
    Style("folk", 108, "country", ("melody", "keys", "bass")),
    Style("chorale", 72, "pop", ("melody", "counter", "inner", "bass")),
    Style("hymn", 84, "pop", ("melody", "counter", "inner", "bass")),
    Style("art_song", 84, "pop", ("melody", "keys", "bass")),
    Style("classical", 108, "pop", ("keys", "bass")),
    Style("romantic", 92, "pop", ("keys", "bass")),
    Style("baroque", 96, "pop", ("keys", "bass")),
    Style("quartet", 104, "pop", ("melody", "counter", "inner", "bass")),
    Style("carol", 92, "pop", ("melody", "keys", "bass")),
    Style("rock", 120, "rock", ("melody", "keys", "bass", "drums")),
    Style("funk", 104, "funk", ("melody", "keys", "bass", "drums")),
    Style("hiphop", 88, "hiphop", ("melody", "keys", "bass", "drums")),
    Style("latin", 116, "latin", ("melody", "keys", "bass", "drums")),
    Style("soul", 92, "soul", ("melody", "keys", "bass", "drums")),
    Style("afro", 112, "afro", ("melody", "keys", "bass", "drums")),
    Style("punk", 168, "punk", ("melody", "keys", "bass", "drums")),
    Style("country", 112, "country", ("melody", "keys", "bass", "drums")),
    Style("reggae", 76, "reggae", ("melody", "keys", "bass", "drums")),
    Style("ragtime", 92, "jazz", ("keys", "bass")),
)
STYLE_NAMES: tuple[str, ...] = tuple(style.name for style in STYLES)
UNKNOWN_STYLE = len(STYLES)


def style_id(name: str) -> int:
    """Id of the style called `name`; UNKNOWN_STYLE for a name outside the table (training data may have any)."""
    return STYLE_NAMES.index(name) if name in STYLE_NAMES else UNKNOWN_STYLE
