"""Dots that count a singer in after a pause, on the last beats before the line.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from ..clip.scene import Box, Figure
from .phrases import smooth

__all__ = ["Dots", "dots_of"]

_COUNT = 3
_RADIUS, _DISTANCE, _HEIGHT = 0.09, 0.42, 0.46  # in ems: of a dot, between two, above the line
_FILL_S = 0.12
_FADE_S = 0.3


@dataclass(frozen=True, slots=True)
class Dots:
    """places: centres in pixels, in the order in which they are counted. times: when, seconds; begin, end: when they
    are seen. waits, sung: inks."""

    places: tuple[tuple[float, float], ...]
    times: tuple[float, ...]
    radius: float
    begin: float
    end: float
    waits: int
    sung: int

    def figure(self, time_s: float) -> Figure | None:
        """The dots at a time, None while they are not seen."""
        come = smooth((time_s - self.begin) / _FADE_S)
        opacity = come * (1 - smooth((time_s - self.end) / _FADE_S))
        if opacity <= 0.004:
            return None
        xs, ys = zip(*self.places, strict=True)
        reach = self.radius + 2
        box = Box(math.floor(min(xs) - reach), math.floor(min(ys) - reach),
                  math.ceil(max(xs) + reach), math.ceil(max(ys) + reach))  # fmt: skip

        def draw(canvas: Any) -> None:
            for (x, y), beat in zip(self.places, self.times, strict=True):
                filled = smooth((time_s - beat) / _FILL_S)
                for ink, share, radius in ((self.waits, 1.0, 0.62), (self.sung, filled, 0.62 + 0.38 * filled)):
                    paint = skia.Paint(Color=round(255 * opacity * share) << 24 | ink, AntiAlias=True)
                    canvas.drawCircle(x, y, radius * self.radius, paint)

        return Figure(box, draw)


def dots_of(
    beats: NDArray[np.float64], seen_s: float, start_s: float, em: float, top: float,
    line: tuple[float, float, float], align: str, backwards: bool, waits: int, sung: int,
) -> Dots:  # fmt: skip
    """Dots above a line that is seen from `seen_s` and sung from `start_s`. beats: of the song, seconds; where fewer
    than three lie in that time they are shared out in it. em, top: pixels, the highest they may stand. line: left,
    top, right of it."""
    last = beats[(beats < start_s - 0.05) & (beats > seen_s + 0.2)][-_COUNT:]
    step = (start_s - seen_s) / (_COUNT + 1)
    times = last if len(last) == _COUNT else start_s - step * np.arange(_COUNT, 0, -1)
    y = max(top + _RADIUS * em, line[1] - _HEIGHT * em)
    span = (_COUNT - 1) * _DISTANCE * em
    if align == "centre":
        x = 0.5 * (line[0] + line[2] - span)
    else:
        x = line[2] - span - _RADIUS * em if backwards else line[0] + _RADIUS * em
    places = [(x + number * _DISTANCE * em, y) for number in range(_COUNT)]
    return Dots(
        tuple(reversed(places)) if backwards else tuple(places), tuple(float(time) for time in times), _RADIUS * em,
        seen_s, start_s, waits, sung,
    )  # fmt: skip
