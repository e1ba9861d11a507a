"""The label that people see, on a copy of the cover: stores refuse words on a cover, China's standard asks for them.

GB 45438-2025 wants the words in a corner of the picture, as high as five hundredths of its shorter side at least, and
saying both that it is AI and that it is generated: "AI生成". They stand on a dark plate, so they are read on every
picture; for those who do not read Chinese the same stands below in English. Without a font that has the characters
the English stands alone.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from aigc_music.core.pictures import Picture
from aigc_music.engine.encodings import Record
from aigc_music.engine.provenance import canonical, finished, source_type
from aigc_music.files.pictures import picture_bytes, xmp_packet
from aigc_music.generators.design.area import Area
from aigc_music.generators.design.fonts import FontBook
from aigc_music.generators.design.lettering import Block, Style, set_block

__all__ = ["CHINESE", "ENGLISH", "LEAST", "labelled_cover", "labelled_pixels"]

CHINESE, ENGLISH = "AI生成", "AI-generated"
LEAST = 0.05
"""Height of the words, as a share of the shorter side of the picture."""

# thousandths of the shorter side
_LETTERS = 56.0  # a little more than LEAST, as edges are soft
_SMALL = 0.5
_EDGE, _PAD, _GAP, _ROUND = 28.0, 18.0, 12.0, 12.0
_PLATE, _INK = 0xD8101010, 0xFFFFFF  # white on this has a contrast of 13 and more, on whatever lies below


def labelled_pixels(pixels: NDArray[np.uint8], language: str = "") -> NDArray[np.uint8]:
    """A picture with the label in its lower right corner. pixels: (height, width, 3) uint8. language: BCP 47 tag of
    the words around it; Chinese has no need of the English line."""
    height, width = pixels.shape[:2]
    scale = min(width, height) / 1000
    blocks = _blocks(language)
    inside = max(block.ink.width for block in blocks), sum(block.ink.height for block in blocks)
    right, bottom = width / scale - _EDGE, height / scale - _EDGE
    left = right - inside[0] - 2 * _PAD
    top = bottom - inside[1] - 2 * _PAD - _GAP * (len(blocks) - 1)

    canvas_pixels = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    surface = skia.Surface(canvas_pixels, colorType=skia.kRGBA_8888_ColorType, alphaType=skia.kPremul_AlphaType)
    with surface as canvas:
        canvas.scale(scale, scale)
        plate = skia.RRect.MakeRectXY(skia.Rect.MakeLTRB(left, top, right, bottom), _ROUND, _ROUND)
        canvas.drawRRect(plate, skia.Paint(AntiAlias=True, Color=_PLATE))
        y = top + _PAD
        for block in blocks:
            canvas.save()
            canvas.translate(left + _PAD - block.ink.left, y - block.ink.top)
            block.draw(canvas, _INK)
            canvas.restore()
            y += block.ink.height + _GAP
    return np.ascontiguousarray(canvas_pixels[:, :, :3])


def labelled_cover(
    picture: Picture, name: str, data: bytes, record: Record, language: str = "", suffix: str = ".jpg"
) -> tuple[bytes, Record]:
    """(file, record) of a labelled copy of a cover. name, data, record: of the cover, which becomes its parent."""
    pixels = labelled_pixels(picture.pixels, language)
    kept: dict[str, Any] = {k: v for k, v in record.items() if k not in ("id", "content_sha256", "beside")}
    parent = {"role": "cover", "name": name, "sha256": hashlib.sha256(data).hexdigest()}
    draft = kept | {"generator": f"{__name__}.labelled_cover", "parents": [parent]}
    made = finished(draft, picture_bytes(pixels, suffix), {})
    packet = xmp_packet(picture.title, picture.creator, source_type(made), canonical(made).decode())
    return picture_bytes(pixels, suffix, packet), made


def _blocks(language: str) -> list[Block]:
    """The lines of the label, the first LEAST high."""
    book = FontBook(language if language.startswith("zh") else "zh-Hans")
    if book.missing(CHINESE):
        return [_line(book, ENGLISH, _LETTERS)]
    chinese = _line(book, CHINESE, _LETTERS)
    return [chinese] if language.startswith("zh") else [chinese, _line(book, ENGLISH, _SMALL * _LETTERS)]


def _line(book: FontBook, text: str, height: float) -> Block:
    """A line of words whose ink is `height` high."""
    style = Style(most=100, lines=1)
    block = set_block(book, text, style, Area(0, 0, 5000, 1000))
    assert block is not None
    style = Style(most=100 * height / block.ink.height, lines=1)
    block = set_block(book, text, style, Area(0, 0, 5000, 1000))
    assert block is not None
    return block
