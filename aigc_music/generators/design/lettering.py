"""Words fitted into boxes: broken into even lines, as large as they go, placed by the ink that is seen.

Lengths are design units: the sleeve is 1000 wide. Lines are shaped by skia's textlayout (HarfBuzz, bidi) at 1000
units an em and scaled when they are drawn, so a layout is the same at every size. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from .area import Area
from .fonts import FACES, FontBook, sticks

__all__ = ["EM", "Block", "Style", "is_right_to_left", "may_part", "set_block"]

EM = 1000.0
_BREAK_BELOW = 0.45  # of the wanted size: from there on long words may be broken
_LONG_WORD = 12
_CLOSING = frozenset("、。，．：；？！」』）】》〉…—～”’,.!?;:)]}")
_OPENING = frozenset("「『（【《〈“‘([{")


@dataclass(frozen=True, slots=True)
class Style:
    """How words are set. face: a name of FACES. tracking and leading in ems. caps: in capitals, where each letter has
    one of its own. most, lines: the largest size and the most lines. spread: every line as wide as the box."""

    face: str = "grotesque"
    tracking: float = 0.0
    leading: float = 1.0
    caps: bool = False
    most: float = 120.0
    lines: int = 4
    spread: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A shaped line: its ink in units of EM, relative to the origin of the baseline."""

    text: str
    families: tuple[str, ...]
    tracking: float
    ink: Area
    baseline: float


@dataclass(frozen=True, slots=True)
class Block:
    """Lines with sizes and origins. ink: the box of all that is seen. letter: height of its letters (median)."""

    lines: tuple[_Line, ...]
    places: tuple[tuple[float, float, float], ...]
    ink: Area
    letter: float
    book: FontBook

    def draw(self, canvas: Any, colour: int) -> None:
        """Draw on a canvas of design units. colour: 0xRRGGBB."""
        for line, (x, y, size) in zip(self.lines, self.places, strict=True):
            canvas.save()
            canvas.translate(x, y)
            canvas.scale(size / EM, size / EM)
            _paragraph(self.book, line.text, line.families, line.tracking, colour).paint(canvas, 0, -line.baseline)
            canvas.restore()


def set_block(
    book: FontBook, text: str, style: Style, box: Area, align: str = "left", valign: str = "top"
) -> Block | None:
    """Set `text` into `box`; None for a text without ink. align: left, centre, right; valign: top, middle, bottom."""
    if not any(not sticks(letter) for letter in text):
        return None
    text = _cased(text, style.caps or FACES[style.face].caps)
    families = book.families(text, style.face)
    size, lines = _fit(book, text, families, style, box, broken=False)
    if size < _BREAK_BELOW * style.most and any(len(word) > _LONG_WORD for word in text.split()):
        size, lines = max((size, lines), _fit(book, text, families, style, box, broken=True), key=lambda row: row[0])
    sizes = [min(box.width / line.ink.width * EM, 2.2 * size) if style.spread else size for line in lines]
    return _placed(book, lines, sizes, style, box, align, valign)


def _cased(text: str, caps: bool) -> str:
    """In capitals where that keeps the number of letters; a German ss stays as it is spelled."""
    return "".join(up if caps and len(up := letter.upper()) == 1 else letter for letter in text)


def _paragraph(book: FontBook, text: str, families: tuple[str, ...], tracking: float, colour: int) -> Any:
    layout = skia.textlayout
    face = layout.TextStyle()
    face.setFontFamilies(list(families))
    face.setFontSize(EM)
    face.setLetterSpacing(tracking * EM)
    face.setColor(0xFF000000 | colour)
    style = layout.ParagraphStyle()
    style.setTextStyle(face)
    builder = layout.ParagraphBuilder(style, book.collection, book.unicode)
    if any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text):
        text = f"\u2067{text}\u2069" if is_right_to_left(text) else text
    builder.addText(text)
    paragraph = builder.Build()
    paragraph.layout(1e9)
    return paragraph


def is_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next((kind in ("R", "AL") for kind in strong if kind in ("L", "R", "AL")), False)


def _shape(book: FontBook, text: str, families: tuple[str, ...], tracking: float) -> _Line:
    """A line with the box of its ink, found by drawing it."""
    if any(unicodedata.bidirectional(letter) in ("AL",) for letter in text):
        tracking = 0.0  # joined letters must not be torn apart
    paragraph = _paragraph(book, text, families, tracking, 0)
    scale = 0.16 if len(text) < 24 else 0.07
    width, height = paragraph.LongestLine * scale, paragraph.Height * scale
    pad = int(0.6 * EM * scale)
    pixels = np.zeros((int(height) + 2 * pad, int(width) + 2 * pad, 4), np.uint8)
    canvas = skia.Surface(pixels, alphaType=skia.kPremul_AlphaType).getCanvas()
    canvas.translate(pad, pad)
    canvas.scale(scale, scale)
    paragraph.paint(canvas, 0, 0)
    left, right = _edges(pixels[..., 3].max(axis=0))
    top, bottom = _edges(pixels[..., 3].max(axis=1))
    base = paragraph.AlphabeticBaseline
    ink = Area((left - pad) / scale, (top - pad) / scale - base, (right - pad) / scale, (bottom - pad) / scale - base)
    return _Line(text, families, tracking, ink, base)


def _edges(cover: NDArray[np.uint8]) -> tuple[float, float]:
    """Where ink begins and ends, to a part of a pixel by how much the edge is covered."""
    inked = np.flatnonzero(cover > 8)
    if len(inked) == 0:
        return 0.0, 1.0
    first, last = int(inked[0]), int(inked[-1])
    return first + 1 - cover[first] / 255, last + cover[last] / 255


def _pieces(text: str, broken: bool) -> list[tuple[str, bool]]:
    """What may stand on lines of its own: (piece, whether a space is before it)."""
    pieces: list[tuple[str, bool]] = []
    for word in text.split():
        spaced = bool(pieces)
        for part in _split_word(word, broken):
            pieces.append((part, spaced))
            spaced = False
    return pieces


def _split_word(word: str, broken: bool) -> list[str]:
    """Where a line may end in a word; `broken`: anywhere in a long one."""
    parts: list[str] = []
    for letter in word:
        if (
            not parts
            or may_part(parts[-1][-1], letter)
            or (broken and len(word) > _LONG_WORD and not _hold(parts[-1][-1], letter))
        ):
            parts.append(letter)
        else:
            parts[-1] += letter
    return parts


def may_part(before: str, after: str) -> bool:
    """Whether a line may end between two characters without a space: where one of them is East Asian, but not before
    closing or after opening marks."""
    wide = any(unicodedata.east_asian_width(letter) in ("W", "F") for letter in (before, after))
    return wide and not _hold(before, after)


def _hold(before: str, after: str) -> bool:
    return after in _CLOSING or before in _OPENING or sticks(after) or before == "\u200d"


def _fit(
    book: FontBook, text: str, families: tuple[str, ...], style: Style, box: Area, broken: bool
) -> tuple[float, list[_Line]]:
    """The largest size, and the lines at it."""
    pieces = _pieces(text, broken)
    widths = [_paragraph(book, piece, families, style.tracking, 0).LongestLine / EM for piece, _ in pieces]
    space = max(0.15, _paragraph(book, "n n", families, style.tracking, 0).LongestLine / EM
                - _paragraph(book, "nn", families, style.tracking, 0).LongestLine / EM)  # fmt: skip
    best: tuple[float, list[_Line]] = (0.0, [])
    for count in range(1, min(len(pieces), style.lines) + 1):
        rows = _even(widths, [space * before for _, before in pieces], count)
        if len(rows) != count:
            continue
        texts = [
            "".join((" " if pieces[i][1] and i > begin else "") + pieces[i][0] for i in range(begin, end))
            for begin, end in rows
        ]
        width = max(sum(widths[b:e]) + space * sum(pieces[i][1] for i in range(b + 1, e)) for b, e in rows)
        rough = min(style.most, box.width / max(width, 1e-6), box.height / (0.7 + style.leading * (count - 1)))
        if rough < 0.85 * best[0]:
            continue
        lines = [_shape(book, row, families, style.tracking) for row in texts]
        height = lines[-1].ink.bottom - lines[0].ink.top + style.leading * EM * (count - 1)
        size = min(style.most, box.width * EM / max(line.ink.width for line in lines), box.height * EM / height)
        if size > 1.04 * best[0]:  # one line more has to be worth it
            best = (size, lines)
    return best


def _even(widths: list[float], spaces: list[float], count: int) -> list[tuple[int, int]]:
    """(begin, end) of lines so that the longest of at most `count` is as short as can be."""
    low, high = max(widths), sum(widths) + sum(spaces)
    for _ in range(24):
        middle = 0.5 * (low + high)
        if len(_greedy(widths, spaces, middle)) <= count:
            high = middle
        else:
            low = middle
    return _greedy(widths, spaces, high + 1e-9)


def _greedy(widths: list[float], spaces: list[float], limit: float) -> list[tuple[int, int]]:
    rows, begin, filled = [], 0, 0.0
    for index, width in enumerate(widths):
        if index > begin and filled + spaces[index] + width > limit:
            rows.append((begin, index))
            begin, filled = index, width
        else:
            filled += width + (spaces[index] if index > begin else 0.0)
    return [*rows, (begin, len(widths))]


def _placed(
    book: FontBook, lines: list[_Line], sizes: list[float], style: Style, box: Area, align: str, valign: str
) -> Block:
    """Lines put below each other, their ink flush with the box."""
    if style.spread:  # each line at its own size, the white between them even
        gaps = (style.leading - 0.72) * min(sizes)
        total = sum(line.ink.height * size / EM for line, size in zip(lines, sizes, strict=True)) + gaps * (
            len(lines) - 1
        )
        shrink = min(1.0, box.height / total)
        sizes = [size * shrink for size in sizes]
        gaps *= shrink
    places: list[tuple[float, float, float]] = []
    y = 0.0
    for index, (line, size) in enumerate(zip(lines, sizes, strict=True)):
        scale = size / EM
        if style.spread or index == 0:
            y = (y if index else 0.0) - line.ink.top * scale
        else:
            y += style.leading * size
        room = box.width - line.ink.width * scale
        x = box.left + {"left": 0.0, "centre": 0.5, "right": 1.0}[align] * room - line.ink.left * scale
        places.append((x, y, size))
        if style.spread:
            y += line.ink.bottom * scale + gaps
    tops = [y + line.ink.top * size / EM for line, (_, y, size) in zip(lines, places, strict=True)]
    bottoms = [y + line.ink.bottom * size / EM for line, (_, y, size) in zip(lines, places, strict=True)]
    spare = box.height - (max(bottoms) - min(tops))
    down = box.top - min(tops) + {"top": 0.0, "middle": 0.5, "bottom": 1.0}[valign] * spare
    ink = Area(
        min(x + line.ink.left * size / EM for line, (x, _, size) in zip(lines, places, strict=True)),
        min(tops) + down,
        max(x + line.ink.right * size / EM for line, (x, _, size) in zip(lines, places, strict=True)),
        max(bottoms) + down,
    )
    letter = min(_letter_height(book, line) * size for line, (_, _, size) in zip(lines, places, strict=True))
    return Block(tuple(lines), tuple((x, y + down, size) for x, y, size in places), ink, letter, book)


def _letter_height(book: FontBook, line: _Line) -> float:
    """Median height of its letters in ems: the x-height for small letters, near one for Chinese."""
    heights = []
    for letter in dict.fromkeys(line.text):
        if sticks(letter):
            continue
        for name in line.families:
            glyph = book.typeface(name).unicharToGlyph(ord(letter))
            if glyph:
                font = skia.Font(book.typeface(name), EM)
                heights.append(float(font.getBounds([glyph])[0].height()) / EM)
                break
    seen = [height for height in heights if height > 0.2]
    return float(np.median(seen)) if seen else 0.5
