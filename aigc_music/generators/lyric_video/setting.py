"""Lyrics set in type: even rows, blocks as large as fit, and where each syllable stands in its row.

Rows are shaped by skia's textlayout (HarfBuzz, bidi), which tells no places of glyphs. They are found by drawing: a
colour parts no shaping, so a row is drawn with one syllable in ink and the others clear. That is exact for joined
Arabic, for conjuncts and ligatures and for rows of both directions. Lengths are in ems, or pixels where it is said.

Threads: one at a time a setter. Realtime-safe: no.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray

from aigc_music.core.lyrics import Syllable, Word

from ..design.fonts import FACES, FontBook, sticks
from ..design.lettering import EM, is_right_to_left, may_part

__all__ = ["Block", "Placed", "Row", "Setter", "Span", "may_end"]

_PROBE = 56.0  # pixels an em of the drawings that places are read from
_SEEN = 8  # cover of 255 from which a pixel counts as ink
_SEEN_PIXELS = 2
_CAP, _DROP = 0.74, 0.22  # above and below the baseline, so that rows of the same face stand evenly
_HANGS = frozenset("，、。；：！？）」』》】")  # half of their width is white
_NAMES = frozenset(("I", "I'm", "I'll", "I've", "I'd", "I’m", "I’ll", "I’ve", "I’d"))  # capitals that begin no clause
_PAUSES = frozenset(",;:.!?，、。；：！？…）)」』")


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


class Placed(NamedTuple):
    """A row in a block. size: pixels an em; x, y: of its origin, pixels from the block's corner; small: whether it
    is of a line that is set beneath."""

    row: Row
    size: float
    x: float
    y: float
    small: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Rows above each other, in pixels from the top left corner of all of them."""

    rows: tuple[Placed, ...]
    width: float
    height: float
    size: float

    @property
    def backwards(self) -> bool:
        """Whether its words run from right to left."""
        return self.rows[0].row.right_to_left


@dataclass(slots=True)
class Setter:
    """Sets words in a face of FACES. leading: from baseline to baseline, in ems."""

    book: FontBook
    face: str
    leading: float = 1.16

    def row(self, words: tuple[Word, ...], right_to_left: bool) -> Row:
        """Words as one row."""
        texts = []
        for index, word in enumerate(words):
            last = len(word.syllables) - 1
            for number, syllable in enumerate(word.syllables):
                space = " " if number == last and word.spaced and index + 1 < len(words) else ""
                texts.append(self._cased(syllable.text) + space)
        return Row(self.book, words, tuple(texts), self.book.families("".join(texts), self.face), right_to_left)

    def widths(self, words: Sequence[Word]) -> list[float]:
        """Ems of each word by itself."""
        return [self._width(self._cased(word.text)) for word in words]

    def space(self) -> float:
        """Ems of a space."""
        return self._width("n n") - self._width("nn")

    def block(
        self, words: tuple[Word, ...], small: Sequence[tuple[Word, ...]], size: float, width: float, height: float,
        most: int, align: str, small_share: float,
    ) -> Block:  # fmt: skip
        """Words in at most `most` rows of `size` pixels an em, or smaller where they would not fit: in the number of
        rows that lets them be largest. width, height: of the room in pixels. align: left or centre; words from right
        to left go to the right instead of the left. small: lines set beneath, at `small_share` of the size."""
        backwards = is_right_to_left("".join(word.text for word in words))
        below = [self._below(line, width / (small_share * size)) for line in small]
        best: tuple[float, list[Row]] = (0.0, [])
        for count in range(1, most + 1):
            rows = self.broken(words, width / size, count, backwards)
            block = self._stacked([rows, *below], size, small_share, align, backwards)
            fits = min(1.0, width / block.width, height / block.height)
            if fits > 1.03 * best[0]:
                best = (fits, rows)
            if fits == 1:
                break
        fits, rows = best
        return self._stacked(
            [rows, *below], size * (fits if fits == 1 else 0.999 * fits), small_share, align, backwards
        )

    def broken(self, words: tuple[Word, ...], room: float, count: int, backwards: bool) -> list[Row]:
        """Words in at most `count` rows, as even as they allow. room: how wide a row may be, in ems."""
        ends = _even(words, self.widths(words), self.space(), count, room)
        return [self.row(words[begin:end], backwards) for begin, end in ends]

    def _below(self, words: tuple[Word, ...], room: float) -> list[Row]:
        """A line that is set beneath, in one row or two."""
        total = sum(self.widths(words)) + self.space() * sum(word.spaced for word in words[:-1])
        backwards = is_right_to_left("".join(word.text for word in words))
        return self.broken(words, room, 1 if total <= room else 2, backwards)

    def _stacked(self, lines: list[list[Row]], size: float, small_share: float, align: str, backwards: bool) -> Block:
        """Rows above each other; those of the first line at `size`."""
        every = [row for rows in lines for row in rows]
        sizes = [size if index < len(lines[0]) else small_share * size for index in range(len(every))]
        width = max((row.ink[2] - row.ink[0]) * one for row, one in zip(every, sizes, strict=True))
        placed: list[Placed] = []
        y = 0.0
        for index, (row, one) in enumerate(zip(every, sizes, strict=True)):
            rise = max(_CAP, -row.ink[1]) * one
            if index == 0:
                y = rise
            else:
                before = placed[-1]
                drop = max(_DROP, before.row.ink[3]) * before.size
                y += max(self.leading * max(one, 0.8 * before.size), drop + rise + 0.04 * one)
            free = width - (row.ink[2] - row.ink[0]) * one
            x = free * (0.5 if align == "centre" else 1.0 if backwards else 0.0) - row.ink[0] * one
            placed.append(Placed(row, one, x, y, index >= len(lines[0])))
        bottom = y + max(_DROP, every[-1].ink[3]) * sizes[-1]
        return Block(tuple(placed), width, bottom, size)

    def _cased(self, text: str) -> str:
        """In capitals for a face that has no others, where that keeps the number of letters."""
        if not FACES[self.face].caps:
            return text
        return "".join(up if len(up := letter.upper()) == 1 else letter for letter in text)

    def _width(self, text: str) -> float:
        style = skia.textlayout.TextStyle()
        style.setFontFamilies(list(self.book.families(text, self.face)))
        style.setFontSize(EM)
        whole = skia.textlayout.ParagraphStyle()
        whole.setTextStyle(style)
        builder = skia.textlayout.ParagraphBuilder(whole, self.book.collection, self.book.unicode)
        builder.addText(text)
        paragraph = builder.Build()
        paragraph.layout(1e9)
        return float(paragraph.LongestLine) / EM


def may_end(words: Sequence[Word], index: int) -> bool:
    """Whether a row may end before words[index], 1 or more: at spaces, and between East Asian characters."""
    return words[index - 1].spaced or may_part(words[index - 1].text[-1], words[index].text[0])


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


def _even(words: Sequence[Word], widths: list[float], space: float, count: int, room: float) -> list[tuple[int, int]]:
    """(begin, end) of at most `count` rows whose squared widths sum to the least. A row that ends at a mark or before
    a capital is worth a little, one that ends with a short word costs a little, one that is too wide much."""
    size = len(words)
    gaps = [space * word.spaced for word in words]
    reach = [0.0, *accumulate(width + gap for width, gap in zip(widths, gaps, strict=True))]
    total = max(1e-6, reach[size])
    places = [*(index for index in range(1, size) if may_end(words, index)), size]
    capitals = [word.text[:1].isupper() for word in words]
    clauses = sum(capitals) < 0.4 * size  # elsewhere capitals mark nouns, or everything
    best: dict[int, tuple[float, list[tuple[int, int]]]] = {0: (0.0, [])}
    for _ in range(count):
        following = dict(best)
        for begin, (cost, rows) in best.items():
            for end in places:
                if end <= begin:
                    continue
                width = reach[end] - reach[begin] - gaps[end - 1] - 0.5 * (words[end - 1].text[-1] in _HANGS)
                price = cost + (width / total) ** 2 + 4.0 * max(0.0, width - room) / total
                if end < size:
                    last = words[end - 1].text
                    price += 0.02 * (len(last) <= 2 and last.isascii()) - 0.08 * (last[-1] in _PAUSES)
                    price -= 0.06 * (clauses and capitals[end] and words[end].text not in _NAMES)
                if end not in following or price < following[end][0]:
                    following[end] = (price, [*rows, (begin, end)])
        best = following
    return best[size][1]
