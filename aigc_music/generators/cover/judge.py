"""What is measured of a finished cover, whoever painted it; `rank` orders several, lower is better.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import ImageRequest

from . import measure
from .legible import LEAST, Written
from .rules import problems

__all__ = ["judged", "seen"]

_LEAST_LETTER = 3.0  # pixels of a title's letters where the cover is 64 wide


def judged(
    pixels: NDArray[np.uint8], written: Sequence[Written], request: ImageRequest, job: JobContext
) -> dict[str, Any]:
    """Figures of a cover (h, w, 3) with these words on it: contrast, letters, margins, colour, rules of stores."""
    contrast = min((words.contrast for words in written), default=21.0)
    title = next((words for words in written if words.which == "title"), None)
    outside = max((words.outside for words in written), default=0.0)
    job.progress(0.98, "checking")
    found = problems(pixels, request, [words.text for words in written])
    letter = title.thumbnail if title else None
    job.progress(0.99, "checking")
    looks = seen(pixels)
    rank = 3.0 * max(0.0, LEAST - contrast) + 0.2 * outside + 1.0 * len(found)
    rank += 0.0 if letter is None else max(0.0, _LEAST_LETTER - letter)
    rank += 0.3 * sum(words.mended == "plate" for words in written)
    rank += 0.02 * abs(looks["luma_entropy"] - 5.5) + 0.002 * abs(looks["colourfulness"] - 55)
    return {
        "family": request.family,
        "palette": request.palette,
        "contrast_min": round(contrast, 2),
        "title_px_at_64": None if letter is None else round(float(letter), 2),
        "title_contrast_at_64": None if title is None else round(title.thumbnail_contrast, 2),
        "margin_violation": round(float(outside), 2),
        "mended": {words.which: words.mended for words in written if words.mended},
        **looks,
        "phash": f"{measure.phash(pixels):032x}",
        "problems": found,
        "rank": round(float(rank), 4),
    }


def seen(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """Figures of any picture (h, w, 3)."""
    return {
        "colourfulness": round(measure.colourfulness(pixels), 2),
        "luma_entropy": round(measure.entropy(pixels), 3),
        "edge_energy": round(measure.edges(pixels), 3),
        "brightness": round(float(pixels[::8, ::8].mean()) / 255, 3),
    }
