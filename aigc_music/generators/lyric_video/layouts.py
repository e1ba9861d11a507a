"""Layouts: where words stand in a frame, how large they are, and what is kept free for them.

Shares are of the frame's safe part, sizes of its shorter side. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from aigc_music.core.errors import choose
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.engine.requests import VideoRequest
from aigc_music.engine.streams import stream
from aigc_music.files.lyrics.shape import spread

from ..clip.scene import Box
from ..design.fonts import FontBook
from .phrases import Phrase, cut, phrases_of
from .setting import Block, Setter, may_end

__all__ = ["EARLY_S", "LAYOUTS", "NEXT_SHARE", "Layout", "Room", "Typeset", "reserved", "shape_of", "typeset"]


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
_FACES = {"grotesque": 0.55, "condensed": 0.25, "serif": 0.2}
_FACE_SIZE = {"grotesque": 1.0, "condensed": 1.3, "serif": 1.16}  # so that they look equally large

EARLY_S = 4.2
"""A first line that begins before it leaves no time for a title card."""

NEXT_SHARE = 0.56
"""Size of the next line, of the current one's."""

_GAP = 0.5  # between the current line and the next, in ems of the current
_MARGIN = 0.06  # of the shorter side, where a preset asks for less
_SMALL_SHARE = 0.64  # of what is set beneath a line
_TITLE_SIZE, _ARTIST_SHARE = 1.5, 0.42  # in the size of lines, and of the title
_CAPTION_SIZE, _CAPTION_ARTIST = 0.5, 0.75
_LABEL_SHARE = 0.16  # of the shorter side, kept free at the top for a label
_SHRINKS = (1.0, 0.92, 0.85, 0.78, 0.72, 0.66, 0.6)
_MOST_FIT = 0.85  # of the lines fit at the size of the song; the rest are set smaller, or cut
_LEAST = 0.72  # of that size: below it a line is cut
_GROWS = 1.3  # a short line may be as much larger


class Room(NamedTuple):
    """Where words may stand, in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


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
    clear: Room
    room: Room
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
        """Left and top of the caption, below the lines or above them; None where there is room in neither."""
        if self.caption is None:
            return None
        free = self.clear.width - self.caption.width
        share = 0.5 if self.layout.align == "centre" else 1.0 if self.caption.backwards else 0.0
        low, high = self.clear.bottom - self.caption.height, self.clear.top
        if low >= self.extent.bottom + self.gap:
            return self.clear.left + share * free, low
        if high + self.caption.height <= self.extent.top - self.gap:
            return self.clear.left + share * free, high
        return None

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


def shape_of(size: tuple[int, int]) -> str:
    """'wide', 'square' or 'tall'."""
    ratio = size[0] / size[1]
    return "wide" if ratio > 1.2 else "tall" if ratio < 0.83 else "square"


def reserved(
    lyrics: TimedLyrics, size: tuple[int, int], request: VideoRequest,
    safe: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
) -> tuple[Box, ...]:  # fmt: skip
    """What the figures of a scene should keep clear of, in pixels. Arguments and errors as for LyricScene."""
    return typeset(
        lyrics, size, request, safe, request.start_s, request.start_s + (request.seconds or math.inf)
    ).boxes


def typeset(
    lyrics: TimedLyrics, size: tuple[int, int], request: VideoRequest, safe: tuple[float, float, float, float],
    start_s: float, end_s: float,
) -> Typeset:  # fmt: skip
    """Set all words. Arguments and errors as for LyricScene. start_s, end_s: what is heard of the song."""
    book = FontBook(request.language or lyrics.language, request.font)
    words = lyrics.title + lyrics.artist + "".join(line.text for line in lyrics)
    book.refuse_missing(request, words)
    shape, rng = shape_of(size), stream(request.seed, "lyric_video.layout")
    chances, faces = _CHANCES[shape], _FACES
    drawn = str(rng.choice(list(chances), p=list(chances.values())))
    face = str(rng.choice(list(faces), p=list(faces.values())))
    if not book.sets(words, face):
        face = "grotesque"  # the one that goes with the bold faces that other scripts are set in
    name = drawn if request.layout is None else choose("layout", request.layout, LAYOUTS)
    row = LAYOUTS[name]
    clear = _clear(size, safe, request.label)
    box = row.room if shape == "wide" else (0.0, row.room[1], 1.0, row.room[3])
    room = Room(
        clear.left + box[0] * clear.width, clear.top + box[1] * clear.height,
        clear.left + box[2] * clear.width, clear.top + box[3] * clear.height,
    )  # fmt: skip
    rows = row.rows if shape == "wide" else row.tall_rows
    setter = Setter(book, face)
    phrases = phrases_of(lyrics, start_s, end_s)
    if row.chunk_s is not None:
        phrases = [part for phrase in phrases for part in cut(phrase, _chunks(phrase.words, row.chunk_s))]
    totals = [_total(setter, phrase.words) for phrase in phrases]
    most = row.size * min(size) * _FACE_SIZE[face]
    type_size = _song_size(totals, most, rows * room.width)
    filled = [total * type_size / (rows * room.width) for total in totals]
    phrases = [
        part
        for phrase, share in zip(phrases, filled, strict=True)
        for part in cut(phrase, _parts(setter, phrase.words, share))
    ]
    gap = _GAP * type_size
    highest = (room.height - 2 * gap) / (1 + 2 * NEXT_SHARE) if row.sees_next else room.height / 1.6
    blocks = []
    for phrase in phrases:
        grown = min(_GROWS, max(1.0, 0.7 * room.width / (type_size * _total(setter, phrase.words))))
        blocks.append(setter.block(phrase.words, phrase.small, grown * type_size, room.width, highest, rows,
                                   row.align, _SMALL_SHARE))  # fmt: skip
    below = gap + NEXT_SHARE * max((block.height for block in blocks), default=0.0) if row.sees_next else 0.0
    names = request.title or lyrics.title, request.artist or lyrics.artist
    title = _card(setter, *names, _TITLE_SIZE * most, _ARTIST_SHARE, room, row)
    early = bool(phrases) and phrases[0].start_s - start_s < EARLY_S
    caption = _card(setter, *names, _CAPTION_SIZE * most, _CAPTION_ARTIST, clear, row) if early else None
    return Typeset(
        name, row, face, book, clear, room, (1 - box[2] - box[0]) * clear.width, tuple(phrases), tuple(blocks),
        title, caption, type_size, gap, below,
    )  # fmt: skip


def _clear(size: tuple[int, int], safe: tuple[float, float, float, float], label: bool) -> Room:
    """The safe part of a frame, below the label if there is one."""
    width, height = size
    least = _MARGIN * min(size)
    top = max(safe[1] * height, least) + _LABEL_SHARE * min(size) * label
    return Room(max(safe[0] * width, least), top, width - max(safe[2] * width, least),
                height - max(safe[3] * height, least))  # fmt: skip


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
        if (
            words[index].start_s - words[begin].start_s >= least_s
            and words[-1].end_s - words[index].start_s >= least_s
        ):
            chunks.append((begin, index))
            begin = index
    return [*chunks, (begin, len(words))]


def _card(
    setter: Setter, title: str, artist: str, size: float, small_share: float, room: Room, layout: Layout
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
