"""Colours: hex text, sRGB, OKLab, luminance and contrast.

A colour is an int 0xRRGGBB. OKLab after B. Ottosson, "A perceptual color space for image processing" (2020); relative
luminance and contrast after WCAG 2.2. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError

__all__ = [
    "LINEAR", "contrast", "distance", "hue", "lab", "lighten", "luminance", "luminances", "mix", "parse_colour",
    "ratio", "rgb",
]  # fmt: skip

LINEAR: NDArray[np.float32] = np.array(
    [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in np.arange(256) / 255],
    np.float32,
)
"""(256,) linear light of an 8-bit sRGB value."""

_WEIGHTS = (0.2126, 0.7152, 0.0722)
_LMS = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
_LAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip
_TO_LMS = np.linalg.inv(np.array(_LAB))
_TO_RGB = np.linalg.inv(np.array(_LMS))


def parse_colour(text: str) -> int:
    """'#e84a27' or '#fa0' -> 0xE84A27. UsageError for anything else."""
    match = re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", text.strip())
    if not match:
        raise UsageError(f"colour {text!r}: write it as hex, such as #e84a27")
    digits = match[1] if len(match[1]) == 6 else "".join(2 * letter for letter in match[1])
    return int(digits, 16)


def rgb(colour: int) -> tuple[int, int, int]:
    """Red, green, blue 0..255."""
    return colour >> 16 & 255, colour >> 8 & 255, colour & 255


def luminance(colour: int) -> float:
    """Relative luminance 0..1."""
    return float(sum(weight * LINEAR[part] for weight, part in zip(_WEIGHTS, rgb(colour), strict=True)))


def luminances(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Relative luminance of (..., 3 or 4) pixels."""
    red, green, blue = (LINEAR[pixels[..., index]] * np.float32(_WEIGHTS[index]) for index in range(3))
    return red + green + blue


def ratio(first: float, second: float) -> float:
    """Contrast 1..21 of two luminances."""
    low, high = sorted((first, second))
    return (high + 0.05) / (low + 0.05)


def contrast(first: int, second: int) -> float:
    """Contrast 1..21 of two colours."""
    return ratio(luminance(first), luminance(second))


def lab(colour: int) -> NDArray[np.float64]:
    """OKLab (L 0..1, a, b)."""
    linear = np.array([LINEAR[part] for part in rgb(colour)], np.float64)
    return np.array(_LAB) @ np.cbrt(np.array(_LMS) @ linear)


def _of_lab(values: NDArray[np.float64]) -> int:
    linear = np.clip(_TO_RGB @ (_TO_LMS @ values) ** 3, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = (round(float(part) * 255) for part in encoded)
    return red << 16 | green << 8 | blue


def mix(first: int, second: int, share: float) -> int:
    """From `first` (share 0) to `second` (share 1), straight through OKLab."""
    return _of_lab((1 - share) * lab(first) + share * lab(second))


def lighten(colour: int, by: float) -> int:
    """The colour with its OKLab lightness moved by -1..1."""
    values = lab(colour)
    values[0] = min(1.0, max(0.0, values[0] + by))
    return _of_lab(values)


def distance(first: int, second: int) -> float:
    """Distance in OKLab; about 0.02 is just seen."""
    return float(np.linalg.norm(lab(first) - lab(second)))


def hue(colour: int) -> tuple[float, float]:
    """OKLCH hue in turns 0..1 and chroma."""
    _, a, b = lab(colour)
    return math.atan2(b, a) / math.tau % 1, math.hypot(a, b)
