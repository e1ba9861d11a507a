"""A visible label that a film was made with AI.

After GB 45438-2025 (in force since 1 September 2025): at the beginning, for two seconds at least, letters at least
5 % of the shorter side high. Threads: one at a time a scene. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import Any

import skia

from aigc_music.core.lyrics import Syllable, Word
from aigc_music.engine.registry import Material

from ..clip.scene import Box, Figure, Layers, Scene, Stage
from ..design.fonts import FontBook
from .phrases import smooth
from .setting import Setter

__all__ = ["LabelledScene", "label_text"]

_HEIGHT = 0.052  # of a capital, of the shorter side
_PADDING = (0.5, 0.34)  # beside and above the letters, in ems
_SHOWN_S, _FADE_S = 3.5, 0.5
_MARGIN = 0.06  # of the shorter side, where a preset asks for less


def label_text(language: str) -> str:
    """The words of the label for a BCP 47 tag."""
    return "AI生成" if language.casefold().startswith(("zh", "cmn", "yue")) else "AI generated"


class LabelledScene:
    """Another scene with a label in its top left corner: for the first seconds, all the time where it loops.

    text: of the label; safe: left, top, right, bottom, shares of the frame that stay clear. UsageError where no font
    has its characters.
    """

    def __init__(
        self, scene: Scene, stage: Stage, text: str, safe: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    ) -> None:
        self.scene = scene
        self.stage = stage
        book = self._book = FontBook("zh-Hans")
        book.refuse_text(text)
        words = tuple(Word((Syllable(word, 0.0, 0.0),)) for word in text.split())
        self._row = Setter(book, "grotesque").row(words, False)
        left, top, right, _ = self._row.ink
        short = min(stage.size)
        self._size = math.ceil(_HEIGHT * short / -top)
        beside, above = (share * self._size for share in _PADDING)
        x = max(safe[0] * stage.size[0], _MARGIN * short)
        y = max(safe[1] * stage.size[1], _MARGIN * short)
        self.box = Box(
            math.floor(x), math.floor(y), math.ceil(x + (right - left) * self._size + 2 * beside),
            math.ceil(y - top * self._size + 2 * above),
        )  # fmt: skip
        self._origin = x + beside - left * self._size, y + above - top * self._size

    def materials(self) -> list[Material]:
        """The faces that the label is set in."""
        return self._book.materials()

    def draw(self, time_s: float) -> Layers:
        """The layers at a time in seconds from the beginning of the song."""
        layers = self.scene.draw(time_s)
        after = time_s - self.stage.start_s - _SHOWN_S
        opacity = 1.0 if self.stage.loop else 1 - smooth(after / _FADE_S)
        if opacity <= 0:
            return layers

        def draw(canvas: Any) -> None:
            canvas.saveLayerAlpha(skia.Rect(*self.box), round(255 * opacity))
            radius = 0.3 * self._size
            paint = skia.Paint(Color=0xFF000000 | self.stage.palette.ground, AntiAlias=True)
            canvas.drawRoundRect(skia.Rect(*self.box), radius, radius, paint)
            self._row.paint(canvas, *self._origin, self._size, self.stage.palette.ink)
            canvas.restore()

        return Layers(layers.ground, (*layers.figures, Figure(self.box, draw)))
