"""Layouts: where words stand in a frame, how large they are, and in which face.

Shares are of the frame's safe part, sizes of its shorter side. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import NamedTuple

from aigc_music.core.errors import choose
from aigc_music.engine.requests import VideoRequest
from aigc_music.engine.streams import stream

from ..design.area import Area
from ..design.fonts import FontBook

__all__ = ["FACE_SIZE", "LAYOUTS", "Layout", "choose_face", "choose_layout", "clear_of", "room_of", "shape_of"]


class Layout(NamedTuple):
    """align: left or centre. anchor: where the current line is held in its room, 0 top .. 1 bottom. room: left, top,
    right, bottom; in wide frames, in others it is as wide as they are. size: of type. rows: most of a line in a wide
    frame, `tall_rows` in others. sees_next: the next line stands below, smaller. chunk_s: words are shown alone, or
    as many as are sung in this time."""

    align: str
    anchor: float
    room: tuple[float, float, float, float]
    size: float
    rows: int
    tall_rows: int
    sees_next: bool
    chunk_s: float | None = None


LAYOUTS: dict[str, Layout] = {
    "centre": Layout("centre", 0.5, (0.02, 0.06, 0.98, 0.94), 0.100, 2, 4, True),
    "lower": Layout("centre", 1.0, (0.04, 0.46, 0.96, 1.00), 0.080, 2, 3, True),
    "corner": Layout("left", 1.0, (0.00, 0.40, 0.74, 1.00), 0.086, 2, 3, True),
    "stack": Layout("left", 0.45, (0.00, 0.02, 0.62, 0.98), 0.112, 3, 5, True),
    "single": Layout("centre", 0.5, (0.02, 0.05, 0.98, 0.95), 0.200, 2, 3, False, 0.55),
}
"""By name; which of them is drawn by chance stands in _CHANCES."""


_CHANCES: dict[str, dict[str, float]] = {
    "wide": {"centre": 0.3, "lower": 0.2, "corner": 0.2, "stack": 0.2, "single": 0.1},
    "square": {"centre": 0.4, "lower": 0.15, "stack": 0.35, "single": 0.1},
    "tall": {"centre": 0.45, "stack": 0.4, "single": 0.15},
}
# in wide frames: where a visual family leaves words their own place beside or below its picture; others suit all
_SUITS: dict[str, tuple[str, ...]] = {
    "burst": ("stack",),
    "walk": ("stack",),
    "ridges": ("lower",),
    "type": ("stack", "corner"),
    "roll": ("lower", "stack"),
    "orbits": ("lower", "stack"),
    "tiles": ("stack", "corner", "single"),
    "glass": ("stack", "corner"),
}
_FACES = {"grotesque": 0.55, "condensed": 0.25, "serif": 0.2}

FACE_SIZE = {"grotesque": 1.0, "condensed": 1.3, "serif": 1.16}
"""By face, so that they look equally large."""

_MARGIN = 0.06  # of the shorter side, where a preset asks for less
_LABEL_SHARE = 0.16  # of the shorter side, kept free at the top for a label


def shape_of(size: tuple[int, int]) -> str:
    """'wide', 'square' or 'tall'."""
    ratio = size[0] / size[1]
    return "wide" if ratio > 1.2 else "tall" if ratio < 0.83 else "square"


def choose_layout(request: VideoRequest, shape: str) -> str:
    """The layout that is asked for, or one that suits shape and family, drawn from the seed. UsageError for an
    unknown one."""
    if request.layout is not None:
        return choose("layout", request.layout, LAYOUTS)
    suited = _SUITS.get(request.family or "", tuple(LAYOUTS)) if shape == "wide" else tuple(LAYOUTS)
    chances = {name: chance for name, chance in _CHANCES[shape].items() if name in suited}
    shares = [chance / sum(chances.values()) for chance in chances.values()]
    return str(stream(request.seed, "lyric_video.layout").choice(list(chances), p=shares))


def choose_face(request: VideoRequest, book: FontBook, words: str) -> str:
    """A face drawn from the seed; the grotesque where it has not all letters, because that one goes with the bold
    faces that other scripts are set in."""
    face = str(stream(request.seed, "lyric_video.face").choice(list(_FACES), p=list(_FACES.values())))
    return face if book.sets(words, face) else "grotesque"


def clear_of(size: tuple[int, int], safe: tuple[float, float, float, float], label: bool) -> Area:
    """The safe part of a frame, below the label if there is one."""
    width, height = size
    least = _MARGIN * min(size)
    top = max(safe[1] * height, least) + _LABEL_SHARE * min(size) * label
    return Area(max(safe[0] * width, least), top, width - max(safe[2] * width, least),
                height - max(safe[3] * height, least))  # fmt: skip


def room_of(layout: Layout, shape: str, clear: Area) -> tuple[Area, float]:
    """What is for lines, and how far to the right it lies for words from right to left."""
    left, top, right, bottom = layout.room if shape == "wide" else (0.0, layout.room[1], 1.0, layout.room[3])
    room = Area(clear.left + left * clear.width, clear.top + top * clear.height,
                clear.left + right * clear.width, clear.top + bottom * clear.height)  # fmt: skip
    return room, (1 - right - left) * clear.width
