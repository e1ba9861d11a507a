"""What services want of a film: one row each.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["PRESETS", "Margins", "Preset"]


class Margins(NamedTuple):
    """Shares of a frame's width (left, right) and height (top, bottom) in which no words may stand."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Preset:
    """A kind of delivery.

    what: for people. size: (width, height) in pixels. fps: frames a second. sound: whether it has any. words: whether
    any may be seen. shortest, longest: seconds. seconds: its length where none is asked for, None = as long as the
    song. loop: whether it has to close. still: whether its first frame has to stand beside it. safe: where words may
    not stand. megabits: a second, what the service recommends. source: where that is said; 'own' is our choice.
    """

    what: str
    size: tuple[int, int]
    fps: int
    sound: bool
    words: bool
    shortest: float
    longest: float
    seconds: float | None
    loop: bool
    still: bool
    safe: Margins
    megabits: float
    source: str


_TITLE_SAFE = Margins(0.05, 0.05, 0.05, 0.05)
# Meta: the top 14 %, the bottom 35 %, 6 % at the sides; the buttons of TikTok take more at the right, and as much is
# left free on the left, so that words stand in the middle
_UPRIGHT = Margins(0.12, 0.14, 0.12, 0.35)
_HOUR = 3600.0

PRESETS: dict[str, Preset] = {
    "youtube": Preset(
        "lyric video, 1080p", (1920, 1080), 30, True, True, 1, 12 * _HOUR, None, False, False, _TITLE_SAFE, 8,
        "support.google.com/youtube 1722171",
    ),
    "youtube-2160p": Preset(
        "lyric video, 2160p", (3840, 2160), 30, True, True, 1, 12 * _HOUR, None, False, False, _TITLE_SAFE, 40,
        "support.google.com/youtube 1722171",
    ),
    "vertical": Preset(
        "TikTok, Reels, Shorts", (1080, 1920), 30, True, True, 3, 600, 30, False, False, _UPRIGHT, 8,
        "Meta Business Help, TikTok Creative Center; lengths: own",
    ),
    "square": Preset(
        "feeds, square", (1080, 1080), 30, True, True, 3, 600, 30, False, False, _TITLE_SAFE, 6, "own",
    ),
    "canvas": Preset(
        "Spotify Canvas: a silent loop without words", (1080, 1920), 30, False, False, 3, 8, 8, True, False,
        Margins(0.1, 0.1, 0.1, 0.1), 8, "Spotify Canvas guidelines; bits: own",
    ),
    "motion-square": Preset(
        "Apple motion artwork, 1:1", (3840, 3840), 30, False, False, 4, 40, 12, True, True, _TITLE_SAFE, 60,
        "developer.apple.com AnimatedArtwork.AspectRatio; size, lengths and bits: own",
    ),
    "motion-tall": Preset(
        "Apple motion artwork, 3:4", (2048, 2732), 30, False, False, 4, 40, 12, True, True, _TITLE_SAFE, 30,
        "developer.apple.com AnimatedArtwork.AspectRatio; size, lengths and bits: own",
    ),
    "draft": Preset(
        "a quick look", (640, 360), 30, True, True, 0.5, 12 * _HOUR, None, False, False, _TITLE_SAFE, 1, "own",
    ),
}  # fmt: skip
