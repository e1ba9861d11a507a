"""A contact sheet: six covers for each of some songs, all measured, none like another.

    python -m aigc_music.generators.cover.sheet --songs DIR --out sheet.jpg

DIR holds MIDI files; titles and artists are invented ones. Every cover is made in the size that stores want and
checked against their rules; one that looks like an earlier one is made again from another seed, which is counted.
sheet.json beside the picture holds the figures. Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aigc_music.core.errors import FileError
from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import ImageRequest
from aigc_music.files.atomic import atomic_write

from .builtin import BuiltinCover
from .families import FAMILIES
from .measure import near, reduced
from .rules import STORE_SIDE

__all__ = ["NAMES", "sheet"]

NAMES: tuple[tuple[str, str, str], ...] = (
    # title, artist, language
    ("Paper Lanterns", "The Low Meadow", "en"),
    ("Blue Hour Trolley", "Ida Quill Quartet", "en"),
    ("Kyrie for Snow", "Collegium Halm", "en"),
    ("Wreck of the Hours", "Brass Static", "en"),
    ("Small Anthem", "Ana Verhoeven", "en"),
    ("夜航西飞", "林间电台", "zh-Hans"),
    ("Calle Sin Nombre", "Tres Puertos", "es"),
    ("Hollow", "Wren & Thistle", "en"),
    ("", "Marek Oude", "en"),
    ("Grease the Moon", "Dr. Pepperidge & the Overnight Delivery Service", "en"),
)
EACH = 6
_TRIES = 5
_CELL, _GAP, _BACK = 252, 12, (112, 112, 112)
_MOST_BYTES = 900_000


def sheet(songs: Path, seed: int = 1, size: int = STORE_SIDE) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The sheet and its figures. FileError where the folder holds no MIDI files."""
    files = sorted(songs.glob("*.mid"))[: len(NAMES)]
    if not files:
        raise FileError(f"no MIDI files in {str(songs)!r}: make some with 'aigc-music generate music --out FILE.mid'")
    rows: list[dict[str, Any]] = []
    cells: list[NDArray[np.uint8]] = []
    again = 0
    for number, file in enumerate(files):
        for place in range(EACH):
            family = list(FAMILIES)[(7 * number + 5 * place) % len(FAMILIES)]  # each in another place
            for turn in range(_TRIES):
                pixels, row = _one(file, number, family, seed + 100 * number + 10 * place + turn, size)
                if not any(near(int(row["phash"], 16), int(other["phash"], 16)) for other in rows):
                    break
                again += 1
            rows.append(row)
            cells.append(_cell(pixels))
            logging.info("%s %s: %s", file.name, row["family"], row["palette"])
    hashes = [int(row["phash"], 16) for row in rows]
    alike = sum(near(first, second) for index, first in enumerate(hashes) for second in hashes[:index])
    titled = [row for row in rows if row["title_px_at_64"] is not None]
    figures = {
        "covers": len(rows),
        "side": size,
        "alike": alike,
        "made_again": again,
        "with_problems": sum(bool(row["problems"]) for row in rows),
        "contrast_min": min(row["contrast_min"] for row in rows),
        "title_px_at_64_min": min(row["title_px_at_64"] for row in titled),
        "title_contrast_at_64_min": min(row["title_contrast_at_64"] for row in titled),
        "cpu_seconds_median": statistics.median(row["seconds"] for row in rows),
        "cpu_seconds_max": max(row["seconds"] for row in rows),
        "rows": rows,
    }
    return _arranged(cells), figures


def _one(file: Path, number: int, family: str, seed: int, size: int) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    title, artist, language = NAMES[number]
    request = ImageRequest(
        title=title, artist=artist, language=language, song=str(file), family=family, size=(size, size), seed=seed
    )
    cover = BuiltinCover(request)
    picture = cover.generate(JobContext(seed=seed))
    return picture.pixels, {"song": file.stem, "title": title, "artist": artist, "seed": seed, **cover.quality()}


def _cell(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(reduced(pixels, 2 * _CELL)).resize((_CELL, _CELL), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _arranged(cells: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Two songs a row."""
    columns = 2 * EACH
    rows = -(-len(cells) // columns)
    step = _CELL + _GAP
    result = np.empty((rows * step + _GAP, columns * step + _GAP, 3), np.uint8)
    result[:] = _BACK
    for index, cell in enumerate(cells):
        top, left = _GAP + index // columns * step, _GAP + index % columns * step
        result[top : top + _CELL, left : left + _CELL] = cell
    return result


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """The best quality that stays under the limit."""
    for quality in (90, 84, 78, 70, 60):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= _MOST_BYTES:
            break
    return file.getvalue()


def main() -> None:
    """Write the sheet and its figures."""
    parser = argparse.ArgumentParser(description=sheet.__doc__)
    parser.add_argument("--songs", type=Path, required=True, help="folder with MIDI files")
    parser.add_argument("--out", type=Path, default=Path("sheet.jpg"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=STORE_SIDE)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pixels, figures = sheet(options.songs, options.seed, options.size)
    with atomic_write(options.out) as file:
        file.write(_jpeg(pixels))
    with atomic_write(options.out.with_suffix(".json")) as file:
        file.write(json.dumps(figures, ensure_ascii=False, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
