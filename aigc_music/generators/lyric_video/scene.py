"""A scene with words: the ground veiled where they stand, and figures of type over it.

Everything follows from the time asked for. Type is painted from shaped paragraphs, which is quicker than copying
pictures of it (0.2 ms a row at 1080p) and stays crisp while it moves.

Threads: one at a time a scene. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import skia

from aigc_music.core.lyrics import TimedLyrics
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import VideoRequest

from ..clip.scene import Box, Figure, Layers, Scene, Stage
from ..design.colour import luminances, rgb
from .dots import Dots, dots_of
from .inks import Inks, inks_of
from .phrases import schedule_of, smooth
from .setting import Block, Placed
from .typeset import typeset
from .veil import Veil

__all__ = ["Line", "LyricScene"]

_VEIL_S = 0.7  # in which the veil comes and goes
_FADE_S = 0.5  # of the title card
_TITLE_S = (0.2, 5.2)  # it is there from .. to, after the beginning
_CAPTION_S = 5.0  # how long it stands small beside a line that comes early
_RETURN_S = 3.5  # the title comes back where it can stay as long
_ENDING_S = 1.2  # the picture fades before the end
_SLIDE = 0.3  # ems that words rise as they come and go
_HOLE_STEPS = 6
_LOOKS = (0.1, 0.3, 0.5, 0.7, 0.9)  # shares of the film at which it is seen how dark the picture is
_EMOJI_WAITS = 0.5  # opacity of emoji that are not sung yet


class Line(NamedTuple):
    """A row of type in a frame. x, y: its origin, size: an em, in pixels. opacity: 0..1. sung: stretches (left,
    right) in pixels. phrase: its number, -1 for the title. wait_ink, sung_ink: 0xRRGGBB."""

    placed: Placed
    x: float
    y: float
    size: float
    opacity: float
    sung: tuple[tuple[int, int], ...]
    phrase: int
    wait_ink: int
    sung_ink: int

    @property
    def box(self) -> Box:
        """All it touches."""
        left, top, right, bottom = self.placed.row.ink
        return Box(
            math.floor(self.x + left * self.size) - 2, math.floor(self.y + top * self.size) - 2,
            math.ceil(self.x + right * self.size) + 2, math.ceil(self.y + bottom * self.size) + 2,
        )  # fmt: skip

    def draw(self, canvas: Any) -> None:
        """Paint it on a canvas of pixels: what has been sung in one ink, the rest in the other."""
        if self.opacity < 1:
            canvas.saveLayerAlpha(skia.Rect(*self.box), round(255 * self.opacity))
        path = skia.Path()
        for left, right in self.sung:
            path.addRect(skia.Rect(left, self.box.top, right, self.box.bottom))
        row = self.placed.row
        for ink, emoji, part in (
            (self.wait_ink, _EMOJI_WAITS, skia.ClipOp.kDifference),
            (self.sung_ink, 1.0, skia.ClipOp.kIntersect),
        ):
            if part == skia.ClipOp.kIntersect and not self.sung:
                continue
            canvas.save()
            canvas.clipPath(path, part, False)
            row.paint(canvas, self.x, self.y, self.size, ink, emoji)
            canvas.restore()
        if self.opacity < 1:
            canvas.restore()


class _Card(NamedTuple):
    """Title and artist, seen from begin to end in seconds."""

    block: Block
    left: float
    top: float
    begin: float
    end: float


class LyricScene:
    """Words over another scene.

    scene: what is behind them. lyrics: their times in seconds from the beginning of the song; what lies outside the
    stage is left out. stage: of the film. request: language, font, layout, title, artist, label and seed count.
    safe: left, top, right, bottom, shares of the frame that stay clear.

    UsageError for characters that no font here has, a font that is not installed, or an unknown layout.
    """

    def __init__(
        self, scene: Scene, lyrics: TimedLyrics, stage: Stage, request: VideoRequest,
        safe: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    ) -> None:  # fmt: skip
        self.scene = scene
        self.stage = stage
        self.begin, self.end = stage.start_s, stage.start_s + stage.seconds
        self.set = typeset(lyrics, stage.size, request, safe, self.begin, self.end)
        self.schedule = schedule_of(self.set.phrases, self.begin, self.end)
        self.cores = self.set.boxes
        self.inks = min((inks_of(stage.palette, dark) for dark in (True, False)), key=self._harm)
        self._cards = tuple(self._titles())
        self._dots = [self._dots_of(index) for index, turn in enumerate(self.schedule.turns) if turn.fresh]
        self._veils: dict[tuple[int, int], Veil] = {}

    def draw(self, time_s: float) -> Layers:
        """The layers at a time in seconds from the beginning of the song."""
        behind = self.behind(time_s)
        words = (Figure(line.box, line.draw) for line in self.lines(time_s))
        dots = (figure for each in self._dots if (figure := each.figure(time_s)) is not None)
        return Layers(behind.ground, (*behind.figures, *words, *dots))

    def behind(self, time_s: float) -> Layers:
        """The same without the words: the veiled ground, and the inner scene's figures out of their way."""
        layers = self.scene.draw(time_s)
        strengths = self.strengths(time_s)
        height, width = layers.ground.shape[:2]
        if (width, height) not in self._veils:
            self._veils[width, height] = Veil(
                self.stage.size, (width, height), self.cores, self.inks.limit, self.inks.dark
            )
        ground, figures = self._veils[width, height].over(layers.ground, strengths), layers.figures
        figures = tuple(self._parted(each, strengths) for each in figures)
        rest = 1.0 if self.stage.loop else smooth((self.end - time_s) / _ENDING_S)
        if rest < 1:
            colour = np.array([*rgb(self.inks.rest), 255], np.float32)
            ground = (ground * np.float32(rest) + colour * np.float32(1 - rest)).astype(np.uint8)
            figures = tuple(Figure(each.box, partial(_faded, each, rest)) for each in figures)
        return Layers(ground, figures)

    def strengths(self, time_s: float) -> tuple[float, ...]:
        """0..1 of the veil over each of the cores: 1 from before its words are seen until they are gone."""
        lines = self.schedule.any_shown(time_s, _VEIL_S)
        cards = [(card, _bump(time_s, card.begin, card.end, _VEIL_S)) for card in self._cards]
        below = max((shown for card, shown in cards if card.block is self.set.caption), default=0.0)
        lines = max([lines, *(shown for card, shown in cards if card.block is self.set.title)])
        return (lines, below)[: len(self.cores)]

    def lines(self, time_s: float) -> Iterator[Line]:
        """The rows of type that are seen at a time."""
        place = self.schedule.place(time_s)
        first = max(0, math.floor(place) - 1)
        for index in range(first, min(len(self.set.blocks), first + 4)):
            opacity = self.schedule.opacity(index, time_s, self.set.layout.sees_next)
            if opacity > 0.004 and -1.5 < index - place < 2:
                yield from self._phrase(index, index - place, opacity, time_s)
        for card in self._cards:
            opacity = _bump(time_s, card.begin + _FADE_S, card.end - _FADE_S, _FADE_S)
            if opacity > 0.004:
                yield from self._card(card, opacity, time_s < card.begin + _FADE_S)

    def materials(self) -> list[Material]:
        """The faces that the words are set in."""
        return self.set.book.materials()

    def _phrase(self, index: int, away: float, opacity: float, time_s: float) -> Iterator[Line]:
        left, top, scale = self.set.corner(index, max(-1.0, away))
        turn, block = self.schedule.turns[index], self.set.blocks[index]
        leaves_for_good = time_s > turn.leaves and away == 0
        if leaves_for_good or turn.fresh:  # the others move with the change of lines
            rise = _SLIDE * (1 - opacity) * block.size * (-1 if leaves_for_good else 1)
            top = min(max(self.set.room.top, top + rise), self.set.room.bottom - scale * block.height)
        for placed in block.rows:
            size = scale * placed.size
            x, y = left + scale * placed.x, top + scale * placed.y
            if away == 0:  # at rest on whole pixels, where letters are crispest
                x, y = round(x), round(y)
            width = self.stage.size[0]
            stretches = placed.row.sung(time_s, x, size)
            sung = tuple((round(max(0.0, begin)), round(min(width, end))) for begin, end in stretches)
            yield Line(placed, x, y, size, opacity, sung, index, self.inks.coming(away),
                       self.inks.of_section(self.set.phrases[index].section))  # fmt: skip

    def _harm(self, inks: Inks) -> float:
        """How much these inks would change the picture behind the lines: the mean way, in roots of luminance, from
        what is there to what the veil lets through."""
        away = []
        for share in _LOOKS:
            ground = self.scene.draw(self.begin + share * self.stage.seconds).ground
            height, width = ground.shape[:2]
            left, right = (round(edge * width / self.stage.size[0]) for edge in self.cores[0][::2])
            top, bottom = (round(edge * height / self.stage.size[1]) for edge in self.cores[0][1::2])
            light = luminances(ground[top : bottom + 1, left : right + 1])
            held = np.minimum(light, inks.limit) if inks.dark else np.maximum(light, inks.limit)
            away.append(float(np.abs(np.sqrt(held) - np.sqrt(light)).mean()))
        return sum(away)

    def _parted(self, figure: Figure, strengths: tuple[float, ...]) -> Figure:
        """A figure of the scene behind, that fades out before it gets behind words."""
        cores = [row for row in zip(self.cores, strengths, strict=True) if row[1] > 0 and _meet(figure.box, row[0])]
        return Figure(figure.box, partial(_draw_parted, figure, cores)) if cores else figure

    def _card(self, card: _Card, opacity: float, comes: bool) -> Iterator[Line]:
        clear, height = self.set.clear, card.block.height
        rise = _SLIDE * (1 - opacity) * card.block.size * (1 if comes else -1)
        top = min(max(clear.top, card.top + rise), clear.bottom - height)
        whole = ((0, self.stage.size[0]),)  # as if it were sung, so that emoji are seen in full
        for placed in card.block.rows:
            ink = self.inks.waits if placed.small else self.inks.strong
            yield Line(placed, card.left + placed.x, top + placed.y, placed.size, opacity, whole, -1, ink, ink)

    def _titles(self) -> Iterator[_Card]:
        """The title at the beginning and in long pauses."""
        title, caption, turns = self.set.title, self.set.caption, self.schedule.turns
        if title is None:
            return
        left, top = self.set.title_corner(title)
        begin = self.begin + _TITLE_S[0]
        if caption is None:
            first = turns[0].shown - turns[0].come - 0.1 if turns else self.end
            yield _Card(title, left, top, begin, min(self.begin + _TITLE_S[1], first))
        elif (corner := self.set.caption_corner) is not None:
            yield _Card(caption, *corner, begin, begin + _CAPTION_S)
        for before, after in zip(turns, turns[1:], strict=False):
            begin, end = before.leaves + before.fade + 0.6, after.shown - after.come - 0.6
            if after.fresh and end - begin >= _RETURN_S:
                yield _Card(title, left, top, begin, end)

    def _dots_of(self, index: int) -> Dots:
        """The count before a line that comes after a pause."""
        turn, block, phrase = self.schedule.turns[index], self.set.blocks[index], self.set.phrases[index]
        x, y, _ = self.set.corner(index, 0.0)
        return dots_of(
            self.stage.timeline.beats, turn.shown - turn.come, phrase.start_s, self.set.size, self.set.room.top,
            (x, y, x + block.width), self.set.layout.align, block.backwards,
            self.inks.waits, self.inks.of_section(phrase.section),
        )  # fmt: skip


def _bump(time_s: float, begin: float, end: float, margin_s: float) -> float:
    """1 from begin to end, 0 from `margin_s` before and after."""
    return smooth((time_s - begin) / margin_s + 1) * (1 - smooth((time_s - end) / margin_s))


def _meet(first: Box, second: Box) -> bool:
    return (first.left < second.right and second.left < first.right
            and first.top < second.bottom and second.top < first.bottom)  # fmt: skip


def _draw_parted(figure: Figure, cores: list[tuple[Box, float]], canvas: Any) -> None:
    """Draw a figure with holes for words, whose edges are softened in a few steps."""
    canvas.saveLayer(skia.Rect(*figure.box))
    figure.draw(canvas)
    for core, strength in cores:
        reach = 0.06 * (core.bottom - core.top)
        for step in range(_HOLE_STEPS):
            by = 2 + reach * (1 - step / (_HOLE_STEPS - 1))
            share = strength * (1.0 if step == _HOLE_STEPS - 1 else 0.35)
            paint = skia.Paint(Color=round(255 * share) << 24, BlendMode=skia.BlendMode.kDstOut, AntiAlias=True)
            canvas.drawRoundRect(skia.Rect(*core).makeOutset(by, by), by, by, paint)
    canvas.restore()


def _faded(figure: Figure, opacity: float, canvas: Any) -> None:
    canvas.saveLayerAlpha(skia.Rect(*figure.box), round(255 * opacity))
    figure.draw(canvas)
    canvas.restore()
