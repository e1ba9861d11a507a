"""The pictures to learn from: images_art256.zip, decoded once and kept as bytes.

A set is a zip with images/<folder>/<name>.jpg, splits/train.txt and splits/valid.txt. The
folders of the set are joined into the classes that people choose from.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from aigc_music.core.errors import FileError, UsageError, choose

__all__ = ["CLASSES", "SET", "SIZES", "PictureSet", "class_index"]

SET = "images_art256.zip"
SIZES = (32, 64, 128, 256)

CLASSES: dict[str, tuple[str, ...]] = {
    "landscape": ("landscapes",),
    "city": ("cityscapes",),
    "portrait": ("master_paintings",),
    "engraving": ("mono",),
    "nature": ("flowers_gardens", "birds"),
}
"""Class that people choose -> folders of the set. The order is in trained models: append only."""

MARGIN = 8  # a picture is kept size / MARGIN larger than it is trained on, so that it can be cut at random


def class_index(name: str) -> int:
    """The number of a class; UsageError with the allowed names for another one."""
    return list(CLASSES).index(choose("class of picture", name, CLASSES))


@dataclass(frozen=True)
class PictureSet:
    """pixels: (n, side, side, 3) uint8. labels: (n,) int64, index into CLASSES. names: where each came from."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def load(cls, data: Path, split: str, side: int) -> PictureSet:
        """The pictures of a split ("train" or "valid") scaled to side x side pixels.

        data: the zip, or the folder that holds it. FileError when it is missing or not such a set.
        """
        path = Path(data)
        path = path / SET if path.is_dir() else path
        folders = {folder: index for index, group in enumerate(CLASSES.values()) for folder in group}
        pixels: list[NDArray[np.uint8]] = []
        labels: list[int] = []
        names: list[str] = []
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.read(f"splits/{split}.txt").decode().split():
                    label = folders.get(name.partition("/")[0])
                    if label is not None:
                        pixels.append(_decode(archive.read(f"images/{name}"), side))
                        labels.append(label)
                        names.append(name)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, UnidentifiedImageError) as error:
            raise FileError(
                f"{str(path)!r} is not a readable set of pictures ({error}): give the folder that holds "
                f"{SET}, or the zip itself, with images/ and splits/ inside"
            ) from error
        if not pixels:
            raise FileError(f"{str(path)!r} has no picture of a known class in its split {split!r}")
        return cls(np.stack(pixels), np.array(labels, np.int64), tuple(names))

    def weights(self, power: float) -> NDArray[np.float64]:
        """The chance of each class: its share of the pictures raised to `power`; 1 as it is, 0 all alike."""
        counts = np.bincount(self.labels, minlength=len(CLASSES)).astype(np.float64)
        tempered = np.where(counts > 0, counts**power, 0.0)
        return tempered / tempered.sum()

    def draw(self, rng: np.random.Generator, labels: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """One picture (size, size, 3) for each label: cut at a random place, mirrored half of the time."""
        side = self.pixels.shape[1]
        if not size <= side:
            raise UsageError(f"pictures of {side} px cannot give cuts of {size} px: load them larger")
        cuts = np.empty((len(labels), size, size, 3), np.uint8)
        for at, label in enumerate(labels):
            picture = self.pixels[rng.choice(np.flatnonzero(self.labels == label))]
            y, x = rng.integers(0, side - size + 1, 2)
            cut = picture[y : y + size, x : x + size]
            cuts[at] = cut[:, ::-1] if rng.random() < 0.5 else cut
        return cuts

    def at(self, size: int) -> PictureSet:
        """The same pictures scaled by area to size x size pixels."""
        if size == self.pixels.shape[1]:
            return self
        small = [np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BOX)) for p in self.pixels]
        return PictureSet(np.stack(small), self.labels, self.names)


def _decode(blob: bytes, side: int) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(blob)) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS))
