"""How good the painter is, in figures that need no foreign network: likeness, copying, variety.

`python -m models.pictures.evaluate DATA [NAME]` prints them. Beside every figure of painted pictures stands the same
figure of real ones that the painter never saw (the valid split): that is the mark to reach, not zero.

Threads: offline, some seconds a hundred pictures. Realtime-safe: no.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dataset import CLASSES, PictureSet
from .distance import hashes, nearest, sliced_wasserstein, thumbnails
from .sample import TRUNCATION, Painter

__all__ = ["copying", "evaluate", "likeness", "variety"]

PAINTED = 300  # pictures for the figures of copying and variety
NEAR = 0.05  # the share of real unseen pictures that counts as "unusually near" to a training picture
FEW = 5  # classes with fewer unseen pictures get no floor

Bytes = NDArray[np.uint8]


def evaluate(data: Path, name: str = "pictures", seed: int = 1) -> dict[str, Any]:
    """All figures of a model of the zoo (or folder) against the set in `data`.

    likeness: sliced Wasserstein distances to the training pictures, lower is better. copying: nearest training
    picture. variety: distances among the painted pictures. Errors as Painter.load and PictureSet.load.
    """
    painter = Painter.load(name)
    train, valid = (PictureSet.load(data, split, painter.size) for split in ("train", "valid"))
    shares = train.weights(1.0)
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.choice(len(CLASSES), PAINTED, p=shares))
    painted = _paint(painter, labels, seed)
    return {
        "size": painter.size,
        "truncation": TRUNCATION,
        "seed": seed,
        "likeness": likeness(painter, train, valid, seed),
        "copying": copying(painted, train.pixels, valid.pixels),
        "variety": variety(painted, labels, train, rng),
    }


def likeness(painter: Painter, train: PictureSet, valid: PictureSet, seed: int) -> dict[str, Any]:
    """Per class and for all: distance of painted, and of unseen real pictures, to the training pictures.

    There are as many painted as unseen pictures, class by class: the distance grows when pictures are few.
    """
    result: dict[str, Any] = {}
    for number, name in enumerate([*CLASSES, "all"]):
        seen, unseen = (s.pixels[(s.labels == number) | (name == "all")] for s in (train, valid))
        if not len(unseen):
            continue
        chosen = valid.labels if name == "all" else np.full(len(unseen), number)
        row: dict[str, Any] = {"pictures": len(unseen)}
        row["painted"] = _rounded(sliced_wasserstein(seen, _paint(painter, chosen, seed + 1), seed))
        if len(unseen) >= FEW:
            row["unseen"] = _rounded(sliced_wasserstein(seen, unseen, seed))
        result[name] = row
    return result


def copying(painted: Bytes, train: Bytes, valid: Bytes) -> dict[str, Any]:
    """How near painted pictures come to training pictures (or their mirror images), beside unseen real ones.

    "nearer": the share of painted pictures that are nearer to a training picture than all but NEAR of the unseen.
    """
    known = np.concatenate([train, train[:, :, ::-1]])
    result: dict[str, Any] = {}
    for measure, describe in (("thumbnail", thumbnails), ("hash_bits", hashes)):
        table = describe(known)
        ours, theirs = (nearest(describe(heap), table)[0] for heap in (painted, valid))
        limit = float(np.quantile(theirs, NEAR))
        result[measure] = {
            "painted_median": round(float(np.median(ours)), 4),
            "painted_nearest": round(float(ours.min()), 4),
            "unseen_median": round(float(np.median(theirs)), 4),
            "unseen_nearest": round(float(theirs.min()), 4),
            "nearer": round(float((ours < limit).mean()), 4),
        }
    return result


def variety(painted: Bytes, labels: NDArray[np.int64], train: PictureSet, rng: np.random.Generator) -> dict[str, Any]:
    """Mean distance between thumbnails of one class, beside as many real ones; share of pairs that look alike.

    Alike: closer than all but one in a thousand pairs of real pictures of that class.
    """
    result: dict[str, Any] = {}
    for number, name in enumerate(CLASSES):
        ours = painted[labels == number]
        theirs = train.pixels[train.labels == number]
        if len(ours) < 2 or len(theirs) < 2:
            continue
        theirs = theirs[rng.permutation(len(theirs))[:PAINTED]]
        pairs, real = _pairs(ours), _pairs(theirs)
        result[name] = {
            "painted": round(float(pairs.mean()), 4),
            "real": round(float(real.mean()), 4),
            "alike": round(float((pairs < np.quantile(real, 0.001)).mean()), 4),
        }
    return result


def _pairs(pictures: Bytes) -> NDArray[np.float64]:
    table = thumbnails(pictures).astype(np.float64)
    one, other = np.triu_indices(len(table), 1)
    return np.asarray(np.linalg.norm(table[one] - table[other], axis=1))


def _paint(painter: Painter, labels: NDArray[np.int64], seed: int) -> Bytes:
    names = list(CLASSES)
    return painter.paint([names[label] for label in labels], seed=seed, truncation=TRUNCATION)


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(evaluate(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "pictures"), indent=1) + "\n"
    )
