"""Originality of pictures: which picture of the training set a painted one is nearest to, and how near that is.

    index = Index.load("pictures")
    bits, name = index.nearest(pixels)           # of 63; index.threshold and less is unusually near

The index ships beside the weights: a perceptual hash (63 bits, see `distance.hashes`) of every training picture and
of its mirror image, with the picture's name in the set. No picture can be drawn from it. `threshold` is the distance
that 5 of 100 real pictures which the painter has never seen stay below, so by itself it accuses nobody: it says what
to look at. What it finds is likeness of light and dark in the large; a copied detail it does not find.

`python -m models.pictures.originality DATA` builds it; DATA is the set, or the folder that holds it.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aigc_music.core.errors import ModelError
from aigc_music.files.atomic import atomic_write
from models.zoo import find

from .dataset import PictureSet
from .distance import hashes, nearest

__all__ = ["BITS", "Index", "build", "save"]

BITS = 63
SIDE = 64  # pixels; a power of two, so that a hash does not depend on how a picture was scaled to it
NEAR = 0.05  # share of unseen pictures that are nearer than the threshold
INDEX_FILE, FACTS_FILE = "originality.safetensors", "originality.json"


@dataclass(frozen=True, slots=True)
class Index:
    """bits: (2 n, 63) bool, the hashes of n pictures, then of their mirror images. facts: its JSON file."""

    bits: NDArray[np.bool_]
    facts: dict[str, Any]

    @staticmethod
    def load(name: str = "pictures") -> Index:
        """The index in the folder of this model. ModelError where it is missing or damaged."""
        return _load(str(find(name)))

    @property
    def threshold(self) -> int:
        """Bits; a picture that is as near or nearer is worth a look."""
        return int(self.facts["threshold"])

    def nearest(self, pixels: NDArray[np.uint8]) -> tuple[int, str]:
        """(bits that differ, name in the set) of the training picture that a picture (h, w, 3) is nearest to."""
        small = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX))
        distance, at = nearest(hashes(small[None]), self.bits)
        names = self.facts["names"]
        return int(distance[0]), str(names[int(at[0]) % len(names)])


def build(data: Path) -> Index:
    """An index of the training pictures of a set. FileError as PictureSet.load."""
    train, valid = (PictureSet.load(data, split, SIDE) for split in ("train", "valid"))
    bits = hashes(np.concatenate([train.pixels, train.pixels[:, :, ::-1]]))
    unseen = nearest(hashes(valid.pixels), bits)[0]
    facts = {
        "kind": "pictures originality",
        "set": "images_art256",
        "pictures": len(train.names),
        "unseen_pictures": len(valid.names),
        "threshold": int(np.quantile(unseen, NEAR)),
        "unseen_median": int(np.median(unseen)),
        "names": list(train.names),
    }
    return Index(bits, facts)


def save(index: Index, folder: Path) -> None:
    """Write an index into a model's folder."""
    from safetensors.numpy import save as packed

    blob = packed({"bits": np.packbits(index.bits, axis=1)})
    facts = index.facts | {"sha256": hashlib.sha256(blob).hexdigest()}
    text = json.dumps(facts, indent=0, ensure_ascii=False).encode() + b"\n"
    for name, content in ((INDEX_FILE, blob), (FACTS_FILE, text)):
        with atomic_write(folder / name) as file:
            file.write(content)


@lru_cache(maxsize=2)
def _load(folder: str) -> Index:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        facts = json.loads((Path(folder) / FACTS_FILE).read_text("utf-8"))
        blob = (Path(folder) / INDEX_FILE).read_bytes()
        bits = np.unpackbits(load(blob)["bits"], axis=1, count=BITS).astype(bool)
        fits = facts["sha256"] == hashlib.sha256(blob).hexdigest() and len(bits) == 2 * len(facts["names"])
    except OSError as error:
        raise ModelError(
            f"no readable index of training pictures in {folder!r} ({error.strerror}): install the model again, or"
            " build one with python -m models.pictures.originality"
        ) from error
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"the index of training pictures in {folder!r} is damaged ({error}): install it again"
        ) from error
    if not fits:
        raise ModelError(
            f"{INDEX_FILE} and {FACTS_FILE} in {folder!r} do not belong together: install the model again"
        )
    return Index(bits, facts)


if __name__ == "__main__":
    made = build(Path(sys.argv[1]))
    save(made, find(sys.argv[2] if len(sys.argv) > 2 else "pictures"))
    sys.stdout.write(json.dumps({key: value for key, value in made.facts.items() if key != "names"}, indent=1) + "\n")
