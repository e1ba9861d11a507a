"""A contact sheet: layouts and scripts, over scenes of every kind.

    python -m aigc_music.generators.lyric_video.sheet SONG.mid sheet.jpg

The song gives the scenes their notes; the words are written for the sheet and are not sung to it. Threads: offline.
Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import VideoRequest
from aigc_music.files.atomic import atomic_write

from ..video.builtin import BuiltinVideo
from ..video.compositor import Compositor, pixels_of

__all__ = ["sheet"]

# language: title, artist, a line that is being sung, the next one
_WORDS: dict[str, tuple[str, str, str, str]] = {
    "en": ("Paper Boats", "Ada Park", "Paper boats on the river tonight", "carry my letters into the light"),
    "zh-Hans": ("纸船", "林间电台", "纸船载着月光，漂过旧桥", "把一封信寄给黎明"),
    "ar": ("قوارب من ورق", "ليلى", "قارب من ورق في نهر المساء", "يحمل رسائلي إلى الضياء"),
    "hi": ("कागज़ की नाव", "मीरा", "कागज़ की नाव नदी में चली", "चाँदनी में मेरी चिट्ठी ढली"),
    "he": ("סירות נייר", "נועה", "סירת נייר על הנהר הלילה", "נושאת את המכתבים שלי"),
    "mul": ("Paper Boats ⛵", "DJ 小船", "Sail on 🌙 小船 to the לילה", "till the ☀️ comes up again 🌊"),
}


class _Cell(NamedTuple):
    """at: seconds; 2 shows the title, 9 a line being sung."""

    preset: str
    layout: str
    language: str
    family: str
    palette: str
    at: float = 9.6


_WIDE = (
    _Cell("youtube", "centre", "en", "flow", "night ferry"),
    _Cell("youtube", "centre", "zh-Hans", "ridges", "moon indigo"),
    _Cell("youtube", "centre", "ar", "strings", "bone"),
    _Cell("youtube", "centre", "hi", "glass", "ember"),
    _Cell("youtube", "centre", "mul", "orbits", "acid house"),
    _Cell("youtube", "stack", "en", "walk", "tobacco"),
    _Cell("youtube", "stack", "zh-Hans", "burst", "poppy field"),
    _Cell("youtube", "stack", "ar", "flow", "drawing office"),
    _Cell("youtube", "stack", "hi", "tiles", "riviera"),
    _Cell("youtube", "stack", "mul", "roll", "violet rain"),
    _Cell("youtube", "lower", "en", "ridges", "tangerine"),
    _Cell("youtube", "lower", "zh-Hans", "orbits", "sakura"),
    _Cell("youtube", "lower", "ar", "glass", "ultramarine"),
    _Cell("youtube", "corner", "hi", "flow", "bottle green"),
    _Cell("youtube", "corner", "mul", "glass", "magenta rail"),
    _Cell("youtube", "stack", "en", "ridges", "grapefruit", 2.2),
    _Cell("youtube", "centre", "zh-Hans", "flow", "deep sea", 2.2),
    _Cell("youtube", "corner", "he", "strings", "winter"),
    _Cell("youtube", "single", "en", "tiles", "signal"),
    _Cell("youtube", "single", "zh-Hans", "burst", "carbon"),
)
_TALL = (
    _Cell("vertical", "centre", "en", "orbits", "lemon press"),
    _Cell("vertical", "stack", "zh-Hans", "ridges", "rose madder"),
    _Cell("vertical", "centre", "ar", "glass", "aubergine"),
    _Cell("vertical", "stack", "hi", "flow", "butter"),
    _Cell("vertical", "single", "mul", "burst", "sodium light"),
    _Cell("vertical", "centre", "mul", "walk", "oxblood"),
    _Cell("vertical", "stack", "en", "tiles", "chalk and cobalt", 2.2),
)
_WIDTH, _GAP, _BACK = 384, 8, (112, 112, 112)
_COLUMNS = 5
_MOST_BYTES = 600_000


def sheet(song: str) -> NDArray[np.uint8]:
    """The sheet (h, w, 3), of a MIDI file's scenes."""
    high, tall = _WIDTH * 9 // 16, 480
    across = (_COLUMNS * (_WIDTH + _GAP) - _GAP - (len(_TALL) - 1) * _GAP) // len(_TALL)
    rows = len(_WIDE) // _COLUMNS
    width = _COLUMNS * (_WIDTH + _GAP) + _GAP
    picture = np.full((rows * (high + _GAP) + tall + 2 * _GAP, width, 3), _BACK, np.uint8)
    for number, cell in enumerate(_WIDE):
        y, x = (
            _GAP + place * step
            for place, step in zip(divmod(number, _COLUMNS), (high + _GAP, _WIDTH + _GAP), strict=True)
        )
        picture[y : y + high, x : x + _WIDTH] = _frame(song, number, cell, (_WIDTH, high))
    for number, cell in enumerate(_TALL):
        y, x = rows * (high + _GAP) + _GAP, _GAP + number * (across + _GAP)
        picture[y : y + tall, x : x + across] = _frame(song, len(_WIDE) + number, cell, (across, tall))
    return picture


def _frame(song: str, seed: int, cell: _Cell, size: tuple[int, int]) -> NDArray[np.uint8]:
    title, artist, first, second = _WORDS[cell.language]
    lines = (_line(first, 7.0, 11.0, "verse"), _line(second, 11.2, 15.0, "chorus"))
    request = VideoRequest(
        kind="lyric_video", preset=cell.preset, song=song, lyrics=TimedLyrics(lines, language=cell.language),
        title=title, artist=artist, family=cell.family, palette=cell.palette, layout=cell.layout, seed=seed,
        label=cell.at < 3, seconds=20,
    )  # fmt: skip
    video = BuiltinVideo(request)
    layers = video.drawn(JobContext(seed)).draw(cell.at)
    return pixels_of(Compositor(video.stage.size).frame(layers), size)


def _line(text: str, start_s: float, end_s: float, section: str) -> Line:
    return Line((Word((Syllable(text, start_s, end_s),)),), section)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    picture = Image.fromarray(sheet(arguments.song))
    for quality in range(92, 40, -4):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() < _MOST_BYTES:
            break
    with atomic_write(arguments.out) as file:
        file.write(data.getvalue())


if __name__ == "__main__":
    main()
