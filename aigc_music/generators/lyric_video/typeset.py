"""The words of a film, set: blocks of type and their places.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.engine.requests import VideoRequest
from aigc_music.files.lyrics.shape import spread

from ..clip.scene import Box
from ..design.area import Area
from ..design.fonts import FontBook
from .layouts import FACE_SIZE, LAYOUTS, Layout, choose_face, choose_layout, clear_of, room_of, shape_of
from .phrases import Phrase, cut, phrases_of
from .setting import Block, Setter, may_end

__all__ = ["EARLY_S", "NEXT_SHARE", "Typeset", "reserved", "typeset"]

EARLY_S = 4.2
"""A first line that begins before it leaves no time for a title card."""

NEXT_SHARE = 0.56
"""Size of the next line, of the current one's."""

_GAP = 0.5  # between the current line and the next, in ems of the current
_SMALL_SHARE = 0.64  # of what is set beneath a line
_TITLE_SIZE, _ARTIST_SHARE = 1.5, 0.42  # in the size of lines, and of the title
_CAPTION_SIZE, _CAPTION_ARTIST = 0.045, 0.8  # of the shorter side, and of the title
_CAPTION_GAP = 1.2  # between it and the lines, in ems of its own
_SHRINKS = (1.0, 0.92, 0.85, 0.78, 0.72, 0.66, 0.6)
_MOST_FIT = 0.85  # of the lines fit at the size of the song; the rest are set smaller, or cut
_LEAST = 0.72  # of that size: below it a line is cut
_GROWS = 1.3  # a short line may be as much larger


@dataclass(frozen=True, slots=True)
class Typeset:
    """The words of a film, set; lengths in pixels.

    clear: the safe part of the frame, below a label. room: what is for lines; mirrored: how far to the right it lies
    for words from right to left. blocks: one a phrase. title: title and artist for a card, None where there are none;
    caption: the same, small, where the first line comes too early for a card. size: an em of most lines. gap: between
    a line and the next; below: what is kept for the next line.
    """

    name: str
    layout: Layout
    face: str
    book: FontBook
    clear: Area
    room: Area
    mirrored: float
    phrases: tuple[Phrase, ...]
    blocks: tuple[Block, ...]
    title: Block | None
    caption: Block | None
    size: float
    gap: float
    below: float

    def corner(self, index: int, away: float) -> tuple[float, float, float]:
        """Left, top and scale of a phrase: `away` 0 in the current place, 1 in the next one's, -1 just gone; up to 2
        it follows the one before it from below."""
        if away > 1:
            x, y, scale = self._corner(index, 1)
            drop = (away - 1) * (self._corner(index - 1, 1)[1] - self._corner(index - 1, 0)[1])
            return x, min(y + drop, self.room.bottom - scale * self.blocks[index].height), scale
        lower = -1 if away < 0 else 0
        pairs = zip(self._corner(index, lower), self._corner(index, lower + 1), strict=True)
        x, y, scale = (first + (away - lower) * (second - first) for first, second in pairs)
        return x, y, scale

    def _corner(self, index: int, state: int) -> tuple[float, float, float]:
        scale = 1.0 if state == 0 else NEXT_SHARE
        block = self.blocks[index]
        x = self._left(block, scale)
        if state == 0:
            return x, self._top(block), scale
        other = self.blocks[min(max(0, index - state), len(self.blocks) - 1)]
        top = self._top(other)
        y = top + other.height + self.gap if state == 1 else top - self.gap - scale * block.height
        return x, min(max(self.room.top, y), self.room.bottom - scale * block.height), scale

    def title_corner(self, block: Block) -> tuple[float, float]:
        """Left and top of the title card."""
        return self._left(block, 1.0), self._top(block)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """All that words touch while they can be read: the lines with the title card, and the caption."""
        corner = self.caption_corner
        if self.caption is None or corner is None:
            return (self.extent,)
        return self.extent, _around([(*corner, corner[0] + self.caption.width, corner[1] + self.caption.height)])

    @property
    def extent(self) -> Box:
        """What lines and title card touch. Lines that leave are out of the way half way, unless they are still
        sung."""
        boxes = []
        held = any(first.end_s > second.start_s for first, second in pairwise(self.phrases))
        for index, block in enumerate(self.blocks):
            for away in (-1.0 if held else -0.5, 0.0, 1.0 if self.layout.sees_next else 0.5):
                x, y, scale = self.corner(index, away)
                boxes.append((x, y, x + scale * block.width, y + scale * block.height))
        if self.title is not None:
            x, y = self.title_corner(self.title)
            boxes.append((x, y, x + self.title.width, y + self.title.height))
        return _around(boxes or [self.room])

    @property
    def caption_corner(self) -> tuple[float, float] | None:
        """Left and top of the caption, above the lines or below them, so near that one veil holds both; None where
        there is room in neither."""
        if self.caption is None:
            return None
        free = self.clear.width - self.caption.width
        share = 0.5 if self.layout.align == "centre" else 1.0 if self.caption.backwards else 0.0
        left, gap = self.clear.left + share * free, _CAPTION_GAP * self.caption.size
        above, below = self.extent.top - gap - self.caption.height, self.extent.bottom + gap
        if above >= self.clear.top:
            return left, above
        return (left, below) if below + self.caption.height <= self.clear.bottom else None

    def _left(self, block: Block, scale: float) -> float:
        free = self.room.width - scale * block.width
        if self.layout.align == "centre":
            return self.room.left + 0.5 * free
        return self.room.left + (free + self.mirrored if block.backwards else 0.0)

    def _top(self, block: Block) -> float:
        free = self.room.height - self.below - block.height
        return self.room.top + max(0.0, self.layout.anchor * free)


def _around(boxes: Sequence[tuple[float, float, float, float]]) -> Box:
    """The smallest box of whole pixels around others."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(math.floor(min(lefts)), math.floor(min(tops)), math.ceil(max(rights)), math.ceil(max(bottoms)))


def reserved(
    lyrics: TimedLyrics, size: tuple[int, int], request: VideoRequest,
    safe: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
) -> tuple[Box, ...]:  # fmt: skip
    """What the figures of a scene should keep clear of, in pixels. Arguments and errors as for LyricScene."""
    return typeset(
        lyrics, size, request, safe, request.start_s, request.start_s + (request.seconds or math.inf)
    ).boxes


def typeset(
    lyrics: TimedLyrics, frame: tuple[int, int], request: VideoRequest, safe: tuple[float, float, float, float],
    start_s: float, end_s: float,
) -> Typeset:  # fmt: skip
    """Set all words. Arguments and errors as for LyricScene. frame: (width, height). start_s, end_s:
    what is heard of the song."""
    book = FontBook(request.language or lyrics.language, request.font)
    words = lyrics.title + lyrics.artist + "".join(line.text for line in lyrics)
    book.refuse_missing(request, words)
    shape = shape_of(frame)
    name, face = choose_layout(request, shape), choose_face(request, book, words)
    layout, setter = LAYOUTS[name], Setter(book, face)
    most = layout.size * min(frame) * FACE_SIZE[face]
    phrases = phrases_of(lyrics, start_s, end_s)
    if layout.chunk_s is not None:
        phrases = [part for phrase in phrases for part in cut(phrase, _chunks(phrase.words, layout.chunk_s))]

    clear = clear_of(frame, safe, request.label)
    room, mirrored = room_of(layout, shape, clear)
    names = request.title or lyrics.title, request.artist or lyrics.artist
    title = _card(setter, *names, _TITLE_SIZE * most, _ARTIST_SHARE, room, layout)
    early = bool(phrases) and phrases[0].start_s - start_s < EARLY_S
    small = _CAPTION_SIZE * min(frame) * FACE_SIZE[face]
    caption = _card(setter, *names, small, _CAPTION_ARTIST, clear, layout) if early else None
    if caption is not None and room.top - clear.top < caption.height + 2 * small:  # else it stands above the lines
        room = room._replace(bottom=min(room.bottom, clear.bottom - caption.height - 2 * small))

    rows = layout.rows if shape == "wide" else layout.tall_rows
    type_size = _song_size([_total(setter, phrase.words) for phrase in phrases], most, rows * room.width)
    phrases = [part for phrase in phrases for part in _shortened(setter, phrase, rows * room.width / type_size)]
    gap = _GAP * type_size
    highest = (room.height - 2 * gap) / (1 + 2 * NEXT_SHARE) if layout.sees_next else room.height / 1.6
    sizes = [type_size * _growth(setter, phrase, room.width / type_size) for phrase in phrases]
    blocks = [
        setter.block(phrase.words, phrase.small, size, room.width, highest, rows, layout.align, _SMALL_SHARE)
        for phrase, size in zip(phrases, sizes, strict=True)
    ]
    below = gap + NEXT_SHARE * max((block.height for block in blocks), default=0.0) if layout.sees_next else 0.0
    return Typeset(
        name, layout, face, book, clear, room, mirrored, tuple(phrases), tuple(blocks), title, caption, type_size,
        gap, below,
    )  # fmt: skip


def _growth(setter: Setter, phrase: Phrase, room: float) -> float:
    """How much larger than others a short line is set. room: of a row, in ems."""
    return min(_GROWS, max(1.0, 0.7 * room / _total(setter, phrase.words)))


def _shortened(setter: Setter, phrase: Phrase, room: float) -> list[Phrase]:
    """A phrase, cut where it would have to be set too small. room: of all rows, in ems."""
    return cut(phrase, _parts(setter, phrase.words, _total(setter, phrase.words) / room))


def _total(setter: Setter, words: Sequence[Word]) -> float:
    return max(1e-3, sum(setter.widths(words)) + setter.space() * sum(word.spaced for word in words[:-1]))


def _song_size(totals: Sequence[float], most: float, room: float) -> float:
    """The largest size at which nearly all lines fit without being set smaller. room: width of all rows."""
    for shrink in _SHRINKS:
        size = shrink * most
        if sum(total * size <= 0.88 * room for total in totals) >= _MOST_FIT * len(totals):
            break
    return size


def _parts(setter: Setter, words: Sequence[Word], filled: float) -> list[tuple[int, int]]:
    """(begin, end) of the parts that a line is cut into. filled: how many times it fills its room."""
    count = math.ceil(filled / 0.8) if filled * _LEAST > 0.88 else 1
    widths = setter.widths(words)
    goal, reach, begin = sum(widths) / count, 0.0, 0
    parts: list[tuple[int, int]] = []
    for index in range(1, len(words)):
        reach += widths[index - 1]
        if reach >= goal * (len(parts) + 1) and may_end(words, index):
            parts.append((begin, index))
            begin = index
    return [*parts, (begin, len(words))]


def _chunks(words: Sequence[Word], least_s: float) -> list[tuple[int, int]]:
    """(begin, end) of words that are sung in `least_s` or a little more."""
    chunks, begin = [], 0
    for index in range(1, len(words)):
        start_s = words[index].start_s
        if min(start_s - words[begin].start_s, words[-1].end_s - start_s) >= least_s and may_end(words, index):
            chunks.append((begin, index))
            begin = index
    return [*chunks, (begin, len(words))]


def _card(
    setter: Setter, title: str, artist: str, size: float, small_share: float, room: Area, layout: Layout
) -> Block | None:
    """Title with the artist beneath."""
    title_words, artist_words = _plain(title), _plain(artist)
    if not title_words and not artist_words:
        return None
    words, small = (title_words, (artist_words,) * bool(artist_words)) if title_words else (artist_words, ())
    return setter.block(words, small, size, room.width, 0.9 * room.height, 4, layout.align, small_share)


def _plain(text: str) -> tuple[Word, ...]:
    whole = Line((Word((Syllable(text, 0.0, 0.0),)),))
    return spread(TimedLyrics((whole,))).lines[0].words if text else ()
