"""Sheets of pictures for the eye: painted ones, how they came to be, and real ones beside them.

`python -m models.pictures.sheets --out FOLDER` writes painted.jpg; with --data, also beside.jpg (real left, painted
right, class by class), nearest.jpg (painted above the training picture that is nearest) and, where the sketch painter
is installed, sketches.jpg; with --run, progress.jpg. Real pictures are training data: keep those sheets out of the
project.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aigc_music.core.errors import FileError
from aigc_music.files.atomic import atomic_write

from .dataset import CLASSES, PictureSet
from .distance import nearest, thumbnails
from .sample import Painter
from .sketch import Sketcher, edges, grid_of

__all__ = ["ACROSS", "montage", "progress_sheet", "write_sheets"]

ACROSS = 8  # pictures of a class in a row
STAGES = 5  # moments of the training on the progress sheet
GAP = 4  # pixels between the halves of a sheet

Bytes = NDArray[np.uint8]


def montage(pictures: Bytes, across: int = ACROSS) -> Bytes:
    """(n, h, w, 3), n a multiple of `across`, to one picture, filled by rows."""
    n, h, w, c = pictures.shape
    return pictures.reshape(n // across, across, h, w, c).swapaxes(1, 2).reshape(n // across * h, across * w, c)


def progress_sheet(run: Path, across: int = 4) -> Bytes:
    """The first columns of some moments of a run, side by side, the youngest left, all scaled to the last's size."""
    files = sorted((run / "progress").glob("*.png"))
    if not files:
        raise FileError(f"{str(run)!r} holds no progress/*.png: give the folder of a training run")
    chosen = [files[at] for at in np.unique(np.geomspace(1, len(files), STAGES).round().astype(int) - 1)]
    with Image.open(chosen[-1]) as last:
        size = last.size
    parts: list[Bytes] = []
    for path in chosen:
        with Image.open(path) as image:
            whole = np.asarray(image.convert("RGB").resize(size, Image.Resampling.NEAREST))
        parts += [whole[:, : size[0] * across // ACROSS], np.full((size[1], GAP, 3), 255, np.uint8)]
    return np.concatenate(parts[:-1], 1)


def painted_sheet(painter: Painter, seed: int, truncation: float) -> Bytes:
    """ACROSS pictures of each class, class by class."""
    return painter.paint([name for name in CLASSES for _ in range(ACROSS)], seed=seed, truncation=truncation)


def write_sheets(
    out: Path,
    name: str = "pictures",
    data: Path | None = None,
    run: Path | None = None,
    seed: int = 1,
    truncation: float = 0.8,
) -> list[Path]:
    """Write the sheets that can be made (see the module) and return their paths."""
    painter = Painter.load(name)
    painted = painted_sheet(painter, seed, truncation)
    sheets = {"painted": montage(painted)}
    if run:
        sheets["progress"] = progress_sheet(run)
    if data:
        train = PictureSet.load(data, "train", painter.size)
        rng = np.random.default_rng(seed)
        real = [rng.choice(np.flatnonzero(train.labels == at), ACROSS, replace=False) for at in range(len(CLASSES))]
        divide = np.full((len(CLASSES) * painter.size, GAP, 3), 255, np.uint8)
        sheets["beside"] = np.concatenate([montage(train.pixels[np.concatenate(real)]), divide, montage(painted)], 1)
        _, at = nearest(thumbnails(painted), thumbnails(train.pixels))
        rows = [
            np.concatenate([montage(p), montage(q)])
            for p, q in zip(_rows(painted), _rows(train.pixels[at]), strict=True)
        ]
        sheets["nearest"] = np.concatenate(rows)
        sheets["sketches"] = sketch_sheet(
            Sketcher.load(), PictureSet.load(data, "valid", 128).pixels[:: 99 // ACROSS]
        )
    out.mkdir(parents=True, exist_ok=True)
    return [write_jpeg(out / f"{title}.jpg", sheet) for title, sheet in sheets.items()]


def sketch_sheet(sketcher: Sketcher, pictures: Bytes) -> Bytes:
    """Rows: the sketch, what is painted over it, the real picture that both came from."""
    pictures = pictures[:ACROSS]
    lines, palettes = edges(pictures), grid_of(pictures)
    drawn = np.rint(255 * (1 - lines))[..., None].repeat(3, 3).astype(np.uint8)
    filled = np.stack([sketcher.paint(line, palette) for line, palette in zip(lines, palettes, strict=True)])
    return np.concatenate([montage(drawn), montage(filled), montage(pictures)])


def write_jpeg(path: Path, picture: Bytes) -> Path:
    with atomic_write(path) as file:
        Image.fromarray(picture).save(file, "JPEG", quality=88)
    return path


def _rows(pictures: Bytes) -> Sequence[Bytes]:
    return [pictures[at : at + ACROSS] for at in range(0, len(pictures), ACROSS)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.pictures.sheets", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default="pictures")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--truncation", type=float, default=0.8)
    write_sheets(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
