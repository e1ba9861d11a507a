"""Sheets of pictures for the eye: painted ones, how they came to be, and real ones beside them.

`python -m models.pictures.sheets --out FOLDER` writes painted.jpg; with --run, also sheet.jpg, the captioned one with
the training's progress and a sketch of our own under some palettes; with --data, also beside.jpg (real left, painted
right, class by class), nearest.jpg (painted above the training picture that is nearest) and sketches.jpg (lines,
painted, real). Real pictures are training data: keep those sheets out of the project.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from aigc_music.core.errors import FileError
from aigc_music.files.atomic import atomic_write

from .dataset import CLASSES, PictureSet
from .distance import nearest, thumbnails
from .sample import TRUNCATION, Painter
from .sketch import GRID, Sketcher, edges, grid_of

__all__ = ["ACROSS", "montage", "progress_sheet", "write_sheets"]

ACROSS = 8  # pictures of a class in a row
STAGES = 5  # moments of the training on the progress sheet
GAP = 4  # pixels between the halves of a sheet
WIDTH = 1024  # of the captioned sheet
CAPTION = 26  # height of a caption
PALETTES: tuple[tuple[str, str], ...] = (
    ("#9fc4e8", "#3f6b35"), ("#f2b880", "#5a3a2e"), ("#e8e4da", "#8a93a8"), ("#2b3358", "#10131f"),
)  # fmt: skip
"""Colours at the top and at the bottom of the palettes on the captioned sheet."""

Bytes = NDArray[np.uint8]


def montage(pictures: Bytes, across: int = ACROSS) -> Bytes:
    """(n, h, w, 3), n a multiple of `across`, to one picture, filled by rows."""
    n, h, w, c = pictures.shape
    return pictures.reshape(n // across, across, h, w, c).swapaxes(1, 2).reshape(n // across * h, across * w, c)


def progress_sheet(run: Path, across: int = 2) -> Bytes:
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
    truncation: float = TRUNCATION,
) -> list[Path]:
    """Write the sheets that can be made (see the module) and return their paths."""
    painter = Painter.load(name)
    painted = painted_sheet(painter, seed, truncation)
    sheets = {"painted": montage(painted)}
    if run:
        sheets["sheet"] = captioned(
            {
                f"Painted, {painter.size} px, by class: {', '.join(CLASSES)}": montage(painted),
                "The same latents while it learned, from its first minutes to its last": progress_sheet(run),
                "One sketch of lines under four palettes": own_sketch(Sketcher.load()),
            }
        )
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


def captioned(parts: dict[str, Bytes]) -> Bytes:
    """Parts one below the other, all WIDTH wide, each under its caption."""
    strips = [Image.fromarray(part) for part in parts.values()]
    strips = [s.resize((WIDTH, round(s.height * WIDTH / s.width)), Image.Resampling.LANCZOS) for s in strips]
    sheet = Image.new("RGB", (WIDTH, sum(strip.height + CAPTION for strip in strips)), "white")
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(16), 0
    for caption, strip in zip(parts, strips, strict=True):
        draw.text((6, top + 3), caption, "black", font)
        sheet.paste(strip, (0, top + CAPTION))
        top += CAPTION + strip.height
    return np.asarray(sheet)


def own_sketch(sketcher: Sketcher, side: int = 128) -> Bytes:
    """A sun over two hills, drawn here, and what is painted over it with each of PALETTES."""
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    across = np.arange(side)
    for base, height, waves in ((0.55, 0.12, 1.3), (0.75, 0.08, 2.2)):
        line = side * (base - height * np.sin(across / side * waves * np.pi))
        draw.line([(int(x), float(y)) for x, y in zip(across, line, strict=True)], 255, 2)
    draw.ellipse([side * 0.6, side * 0.12, side * 0.8, side * 0.32], outline=255, width=2)
    lines = np.asarray(image, np.float32) / 255
    row: list[Bytes] = [np.rint(255 * (1 - lines))[..., None].repeat(3, 2).astype(np.uint8)]
    for colours in PALETTES:
        top, bottom = (np.array([int(c[at : at + 2], 16) for at in (1, 3, 5)]) / 255 for c in colours)
        fade = np.linspace(0, 1, GRID)[:, None, None]
        row.append(sketcher.paint(lines, np.broadcast_to(top + (bottom - top) * fade, (GRID, GRID, 3))))
    return np.concatenate(row, 1)


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
    parser.add_argument("--truncation", type=float, default=TRUNCATION)
    write_sheets(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
