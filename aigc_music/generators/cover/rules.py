"""What stores refuse, as a table of checks on the pixels and the words of a cover.

The rules are those that distributors print for Apple Music, Spotify and others (iMusician, Ditto, FreshTunes, Cover
Art Market; read in November 2026). We draw no mark for explicit content: stores add their own, and the known one is
a trademark. So it is a fault only where words speak of it without the release being flagged.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aigc_music.engine.requests import ImageRequest

from .measure import detail

__all__ = ["MOST_BYTES", "RULES", "STORE_SIDE", "Shown", "problems"]

STORE_SIDE = 3000
MOST_BYTES = 10_000_000
_FRAME = 0.02  # of the side: a plain white or black frame at least so wide is a border
_LEAST_DETAIL = 0.25


@dataclass(frozen=True, slots=True)
class Shown:
    """A cover as a rule sees it. pixels: (h, w, 3). mode: of the file, 'RGB' where there is none. size: bytes of the
    file, None where there is none. kind: JPEG, PNG, ... or ''. texts: what is written on it."""

    pixels: NDArray[np.uint8]
    mode: str
    kind: str
    size: int | None
    request: ImageRequest
    texts: tuple[str, ...]


# pattern in the words of a cover -> what it is
_WORDS: tuple[tuple[str, str], ...] = (
    (r"https?:|www\.|\b[\w-]+\.(com|net|org|io|fm|co|de|uk|cn|me|tv|info|app)\b", "a web address"),
    (r"(?<!\w)@\w{2,}|\b\S+@\S+\.\w+", "an account name or mail address"),
    (
        r"\b(instagram|facebook|tiktok|twitter|snapchat|whatsapp|wechat|weibo|soundcloud|bandcamp)\b",
        "a social network",
    ),
    (r"\b(spotify|itunes|apple music|amazon music|youtube|deezer|tidal|beatport|qobuz)\b", "the name of a store"),
    (r"[$€£¥]\s?\d|\d\s?[$€£]|\b\d+([.,]\d\d)?\s?(usd|eur|gbp|dollars?|euros?)\b", "a price"),
    (r"\b(cd|dvd|vinyl|lp|cassette|compact disc)\b", "a physical medium"),
    (r"\b(exclusive|out now|available now|coming soon|pre-?order|free download|limited edition)\b", "advertising"),
    (r"\bqr[ -]?code\b|\bbarcode\b|\b\d{12,13}\b", "a code to scan"),
)


def _square(shown: Shown) -> list[str]:
    height, width = shown.pixels.shape[:2]
    return [] if height == width else [f"it is {width} x {height} pixels: covers are square"]


def _large(shown: Shown) -> list[str]:
    side = min(shown.pixels.shape[:2])
    if side >= STORE_SIDE:
        return []
    return [f"it is {side} pixels wide: stores want {STORE_SIDE} or more, make it with --size {STORE_SIDE}"]


def _colours(shown: Shown) -> list[str]:
    return [] if shown.mode == "RGB" else [f"its colours are {shown.mode}: stores take RGB, without transparency"]


def _file(shown: Shown) -> list[str]:
    found = []
    if shown.kind not in ("", "JPEG", "PNG"):
        found.append(f"it is a {shown.kind} file: stores take JPEG or PNG")
    if shown.size is not None and shown.size >= MOST_BYTES:
        found.append(
            f"its file has {shown.size / 1e6:.1f} MB: stores take less than {MOST_BYTES / 1e6:.0f}, write a JPEG"
        )
    return found


def _spelled(shown: Shown) -> list[str]:
    """Only title and artist; capitals are a matter of type."""
    allowed = Counter(text.casefold() for text in (shown.request.title, shown.request.artist) if text)
    written = Counter(text.casefold() for text in shown.texts)
    strange = [text for text in dict.fromkeys(shown.texts) if text.casefold() not in allowed]
    found = [f"it says {text!r}, which is neither the title nor the artist" for text in strange]
    return found + [
        f"{text!r} is written {times} times" for text, times in written.items() if times > allowed[text] > 0
    ]


def _words(shown: Shown) -> list[str]:
    text = " | ".join((*shown.texts, shown.request.title, shown.request.artist)).casefold()
    found = [
        f"its words hold {what} ({match[0].strip()!r})"
        for pattern, what in _WORDS
        if (match := re.search(pattern, text))
    ]
    if not shown.request.explicit and re.search(
        r"\b(parental advisory|explicit (content|version|lyrics))\b|\(explicit\)", text
    ):
        found.append("its words speak of explicit content, and the release is not flagged so (--explicit)")
    return found


def _sharp(shown: Shown) -> list[str]:
    if min(shown.pixels.shape[:2]) < 16:
        return []
    share = detail(shown.pixels)
    return (
        [] if share >= _LEAST_DETAIL else ["it is blurred or was made larger: it has no detail as fine as its pixels"]
    )


def _border(shown: Shown) -> list[str]:
    """A frame of one plain white or black all round."""
    height, width = shown.pixels.shape[:2]
    wide = max(1, round(_FRAME * min(height, width)))
    pixels = shown.pixels[..., :3]
    sides = (pixels[:wide], pixels[-wide:], pixels[:, :wide], pixels[:, -wide:])
    for value, name in ((255, "white"), (0, "black")):
        if all(bool((np.abs(side.astype(np.int16) - value) <= 2).all()) for side in sides):
            return [f"it has a plain {name} border"]
    return []


RULES: dict[str, Callable[[Shown], list[str]]] = {
    "square": _square,
    "size": _large,
    "colours": _colours,
    "file": _file,
    "spelling": _spelled,
    "words": _words,
    "sharp": _sharp,
    "border": _border,
}
"""Name of a rule -> what is wrong, nothing where all is well."""


def problems(
    picture: bytes | NDArray[np.uint8], request: ImageRequest, drawn_text: tuple[str, ...] | list[str]
) -> list[str]:
    """What stores would refuse of a cover, in words; empty where they take it.

    picture: the bytes of an image file, or pixels (h, w, 3). request: as settled. drawn_text: all that is written on
    it.
    """
    texts = tuple(drawn_text)
    if not isinstance(picture, bytes):
        mode = "RGB" if picture.ndim == 3 and picture.shape[2] == 3 else "grey" if picture.ndim == 2 else "RGBA"
        pixels = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        return _all(Shown(pixels, mode, "", None, request, texts))
    try:
        with Image.open(io.BytesIO(picture)) as image:
            pixels = np.asarray(image.convert("RGB"))
            return _all(Shown(pixels, image.mode, image.format or "", len(picture), request, texts))
    except (UnidentifiedImageError, OSError, ValueError) as error:
        return [f"it cannot be read as a picture: {error}"]


def _all(shown: Shown) -> list[str]:
    return [problem for rule in RULES.values() for problem in rule(shown)]
