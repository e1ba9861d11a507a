"""The cards of the painters: what they learned from, what they were measured at, what they cannot do.

`python -m models.pictures.card DATA` measures the models of the zoo and writes it all into their cards, and the
painter's figures into figures.json beside this file.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from aigc_music.files.atomic import atomic_write

from .dataset import PictureSet
from .evaluate import evaluate
from .onnx_folder import ZOO
from .sketch import Sketcher, edges, grid_of, spread

__all__ = ["LIMITS", "sketch_figures", "write_cards"]

SOURCE: dict[str, Any] = {
    "set": "images_art256",
    "licence": "public domain in the United States by the statement of the source; elsewhere the painter's year of "
    "death decides; not checked picture by picture",
    "credit": "plates and paintings in books of about 1900-1925, from 69 repositories of the GITenberg project",
}

DESCRIPTIONS: dict[str, str] = {
    "pictures": "Paints small pictures of five classes out of random numbers, as material for covers and backdrops.",
    "pictures_sketch": "Paints over a sketch of lines with a palette of 4 x 4 colours.",
}

LIMITS: dict[str, tuple[str, ...]] = {
    "pictures": (
        "It paints the air of its pictures: skies over land, water and dark masses, rows of upright shapes like "
        "streets, dim rooms. No house, face or flower is drawn so that it would pass for one.",
        "An hour and a half of one shared core at 64 px is far below what published painters had; the figures say "
        "so: its distance to the training pictures is about three times that of unseen real pictures.",
        "The classes differ by colour and light above all; the same latent gives much the same composition in each.",
        "Nature learned from 52 pictures of flowers and birds and shows neither.",
        "Variety within a class is 79 to 91 % of that of real pictures.",
        "By thumbnails it lies nearer to some training picture than unseen pictures do about twice as often as "
        "chance has it, as soft pictures lie near to everything; perceptual hashes show no copies.",
        "64 px: a source of colour and texture for a larger composition, not a picture to be enlarged alone.",
        "The settings were changed by hand during the run, at steps 740 and 2449 (blur of the first part, rates, "
        "batch, weight of the slopes); a new run with the settings of today will not give the same weights.",
        "Bytes are the same for a seed on one machine; another processor may differ in the last bit.",
    ),
    "pictures_sketch": (
        "Colours follow the palette, not knowledge of things: skies are blue only if the palette says so.",
        "Drawn lines stay visible as dark and light rims; grey palettes come out with a tint.",
        "It learned on edges of paintings: dense strokes give foliage and stone, bare outlines give flat fields.",
        "Trained at 64 px: in larger pictures the texture stays as fine, and large shapes are filled plainly.",
        "Bytes are the same for an input on one machine; another processor may differ in the last bit.",
    ),
}
"""Said after looking at the sheets."""

SKETCH_SIZE = 128  # pixels a side that the sketch painter is measured at


def write_cards(data: Path) -> None:
    """Measure both models of the zoo and complete their cards. Errors as evaluate.evaluate."""
    train, valid = (PictureSet.load(data, split, SKETCH_SIZE) for split in ("train", "valid"))
    figures = evaluate(data)
    source = SOURCE | {"train_pictures": len(train.labels), "unseen_pictures": len(valid.labels)}
    for name, metrics in (("pictures", figures), ("pictures_sketch", sketch_figures(valid))):
        path = ZOO / name / "card.json"
        card = json.loads(path.read_text("utf-8")) | {
            "description": DESCRIPTIONS[name],
            "licence": "Apache-2.0; the credit of the set below goes with it",
            "data": [source],
            "metrics": metrics,
            "limits": LIMITS[name],
        }
        _write_json(path, card)
    _write_json(Path(__file__).parent / "figures.json", figures)


def sketch_figures(valid: PictureSet) -> dict[str, Any]:
    """Mean error (0..1) of pictures painted after unseen ones, and that of their palettes alone."""
    sketcher = Sketcher.load()
    lines, palettes = edges(valid.pixels), grid_of(valid.pixels)
    real = valid.pixels.astype(np.float32) / 255
    painted = np.stack([sketcher.paint(line, palette) for line, palette in zip(lines, palettes, strict=True)])
    return {
        "size": SKETCH_SIZE,
        "unseen_pictures": len(real),
        "error": round(float(np.abs(painted / 255 - real).mean()), 4),
        "error_of_palette_alone": round(float(np.abs(spread(palettes, SKETCH_SIZE, SKETCH_SIZE) - real).mean()), 4),
    }


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


if __name__ == "__main__":
    write_cards(Path(sys.argv[1]))
