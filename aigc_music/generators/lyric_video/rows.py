"""Rows of type: shaped words, and where each syllable stands among them.

Rows are shaped by skia's textlayout (HarfBuzz, bidi), which tells no places of glyphs. They are found by drawing: a
colour parts no shaping, so a row is drawn with one syllable in ink and the others clear. That is exact for joined
Arabic, for conjuncts and ligatures and for rows of both directions. Lengths are in ems, or pixels where it is said.

Threads: one at a time a row. Realtime-safe: no.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray

from aigc_music.core.lyrics import Syllable, Word

from ..design.fonts import FontBook, sticks
from ..design.lettering import EM

__all__ = ["Row", "Span"]

_PROBE = 56.0  # pixels an em of the drawings that places are read from
_SEEN = 8  # cover of 255 from which a pixel counts as ink
_SEEN_PIXELS = 2


class Span(NamedTuple):
    """Where a syllable stands, in ems from the row's origin. left, right: the stretch that is its own; begin, end:
    where its ink is in it. number: of the syllable in the row."""

    left: float
    right: float
    begin: float
    end: float
    number: int
    right_to_left: bool


@dataclass(eq=False)
class Row:
    """Words side by side. texts: what each syllable shows, with the space behind it. ink: left, top, right, bottom
    of all that is seen, from the origin of the baseline."""

    book: FontBook
    words: tuple[Word, ...]
    texts: tuple[str, ...]
    families: tuple[str, ...]
    right_to_left: bool
    _paragraphs: dict[tuple[int, float], Any] = field(default_factory=dict)

    @cached_property
    def ink(self) -> tuple[float, float, float, float]:
        alpha, left, top = self._drawn(_PROBE)
        columns, lines = _edges(alpha.max(axis=0)), _edges(alpha.max(axis=1))
        return ((columns[0] + left) / _PROBE, (lines[0] + top) / _PROBE,
                (columns[1] + left) / _PROBE, (lines[1] + top) / _PROBE)  # fmt: skip

    @cached_property
    def syllables(self) -> tuple[Syllable, ...]:
        """The syllables with their times, as many as texts."""
        return tuple(syllable for word in self.words for syllable in word.syllables)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """From left to right, without gaps: neighbours meet in the middle between their inks, and the outer ones own
        what is beyond."""
        found = []
        for number, text in enumerate(self.texts):
            alpha, left, _ = self._drawn(_PROBE, only=number)
            if alpha.max(initial=0) > _SEEN:
                begin, end = (edge / _PROBE + left / _PROBE for edge in _edges(alpha.max(axis=0)))
                direction = _direction(text)
                found.append((begin, end, number, self.right_to_left if direction is None else direction))
        found.sort(key=lambda row: row[0] + row[1])
        meets = [0.5 * (before[1] + after[0]) for before, after in pairwise(found)]
        return tuple(
            Span(left, right, max(begin, left), min(end, right), number, backwards)
            for (begin, end, number, backwards), left, right in zip(
                found, [-math.inf, *meets], [*meets, math.inf], strict=True
            )
        )

    def sung(self, time_s: float, x: float, size: float) -> list[tuple[float, float]]:
        """What has been sung of the row at a time, painted at x: stretches (left, right) in pixels, in order, joined
        where they meet. Inside a syllable the edge moves evenly, the way it is read; its first pixels turn with its
        beginning and its last with its end, however slow it is."""
        stretches: list[tuple[float, float]] = []
        for span in self.spans:
            start, end = self.syllables[span.number].start_s, self.syllables[span.number].end_s
            if time_s <= start and not start == end == time_s:
                continue
            left, right = x + span.left * size, x + span.right * size
            if time_s < end:
                begin, until = round(x + span.begin * size), round(x + span.end * size)
                least = min(_SEEN_PIXELS, (until - begin) // 3)
                edge = least + math.floor((time_s - start) / (end - start) * max(0, until - begin - 2 * least))
                left, right = (until - edge, right) if span.right_to_left else (left, begin + edge)
            if stretches and left <= stretches[-1][1]:
                stretches[-1] = (stretches[-1][0], right)
            else:
                stretches.append((left, right))
        return stretches

    def paint(self, canvas: Any, x: float, y: float, size: float, colour: int, emoji: float = 1.0) -> None:
        """Put it on a canvas of pixels, its origin at x, y, `size` pixels an em. colour: 0xRRGGBB. emoji: their
        opacity."""
        if (colour, emoji) not in self._paragraphs:
            self._paragraphs[colour, emoji] = self._paragraph(colour, emoji, None)
        paragraph = self._paragraphs[colour, emoji]
        canvas.save()
        canvas.translate(x, y)
        canvas.scale(size / EM, size / EM)
        paragraph.paint(canvas, 0, -paragraph.AlphabeticBaseline)
        canvas.restore()

    def mask(self, size: float, x: float = 0.0, y: float = 0.0) -> tuple[NDArray[np.uint8], int, int]:
        """(h, w) cover 0..255 of all letters but emoji, painted at x, y; left and top of that picture in pixels."""
        return self._drawn(size, x, y, emoji=0.0)

    def _drawn(
        self, size: float, x: float = 0.0, y: float = 0.0, emoji: float = 1.0, only: int | None = None
    ) -> tuple[NDArray[np.uint8], int, int]:
        paragraph = self._paragraph(0, emoji, only)
        base = paragraph.AlphabeticBaseline
        left, top = math.floor(x - 0.4 * size), math.floor(y - (base / EM + 0.4) * size)
        width = math.ceil((paragraph.LongestLine / EM + 0.8) * size) + 1
        pixels = np.zeros((math.ceil((paragraph.Height / EM + 0.8) * size) + 1, width, 4), np.uint8)
        canvas = skia.Surface(pixels, alphaType=skia.kPremul_AlphaType).getCanvas()
        canvas.translate(x - left, y - top)
        canvas.scale(size / EM, size / EM)
        paragraph.paint(canvas, 0, -base)
        return pixels[..., 3], left, top

    def _paragraph(self, colour: int, emoji: float, only: int | None) -> Any:
        """Shaped at EM units an em, so that places are the same at every size. only: number of the one syllable that
        is seen."""
        layout = skia.textlayout
        style = layout.ParagraphStyle()
        style.setTextStyle(self._style(0))
        builder = layout.ParagraphBuilder(style, self.book.collection, self.book.unicode)
        for number, run, coloured in self._pieces:
            opacity = 0.0 if only not in (None, number) else emoji if coloured else 1.0
            builder.pushStyle(self._style(round(255 * opacity) << 24 | colour))
            builder.addText(run)
            builder.pop()
        paragraph = builder.Build()
        paragraph.layout(1e9)
        return paragraph

    @cached_property
    def _pieces(self) -> list[tuple[int, str, bool]]:
        """Stretches of letters with the number of their syllable, each all emoji or none; around a row from right to
        left the marks that make it one."""
        pieces: list[tuple[int, str, bool]] = []
        for number, text in enumerate(self.texts):
            for letter in text:
                before = pieces[-1] if pieces else (-1, "", False)
                coloured = before[2] if sticks(letter) else self.book.coloured(letter, self.families)
                if before[0] == number and before[2] == coloured:
                    pieces[-1] = (number, before[1] + letter, coloured)
                else:
                    pieces.append((number, letter, coloured))
        if self.right_to_left:
            pieces = [(0, "\u2067", False), *pieces, (len(self.texts) - 1, "\u2069", False)]
        return pieces

    def _style(self, colour: int) -> Any:
        style = skia.textlayout.TextStyle()
        style.setFontFamilies(list(self.families))
        style.setFontSize(EM)
        style.setColor(colour)
        return style


def _edges(cover: NDArray[np.uint8]) -> tuple[float, float]:
    """Where ink begins and ends, to a part of a pixel by how much the edge is covered; 0, 0 without ink."""
    inked = np.flatnonzero(cover > _SEEN)
    if len(inked) == 0:
        return 0.0, 0.0
    first, last = int(inked[0]), int(inked[-1])
    return float(first + 1 - cover[first] / 255), float(last + cover[last] / 255)


def _direction(text: str) -> bool | None:
    """Whether a syllable runs from right to left; None where no letter says."""
    kinds = [kind for letter in text if (kind := unicodedata.bidirectional(letter)) in ("L", "R", "AL", "EN", "AN")]
    return kinds[0] in ("R", "AL") if kinds else None
