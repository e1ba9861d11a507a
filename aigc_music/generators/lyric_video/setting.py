"""Lyrics set in type: even rows, blocks as large as fit.

Lengths are in ems, or pixels where it is said. Threads: one at a time a setter. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import skia

from aigc_music.core.lyrics import Word

from ..design.fonts import FACES, FontBook
from ..design.lettering import EM, is_right_to_left, may_part
from .rows import Row

__all__ = ["Block", "Placed", "Setter", "may_end"]

_CAP, _DROP = 0.74, 0.22  # above and below the baseline, so that rows of the same face stand evenly
_HANGS = frozenset("，、。；：！？）」』》】")  # half of their width is white
_NAMES = frozenset(("I", "I'm", "I'll", "I've", "I'd", "I’m", "I’ll", "I’ve", "I’d"))  # capitals that begin no clause
_PAUSES = frozenset(",;:.!?，、。；：！？…）)」』")


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
