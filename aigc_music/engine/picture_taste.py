"""Taste in pictures: covers you keep bring covers of their kind to the front.

A rating is one JSON line: when, the verdict, the design family, the palette and a few measured figures of the
picture, never the picture. It stays on this machine. What is learned is a logistic regression of the verdict on
family, palette and figures with a Gaussian prior around 'no opinion', fitted by Newton's method: one verdict moves
little, ten that agree decide the order.

Threads: one a PictureTaste. Realtime-safe: no (disk).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.folders import data_folder

from .result import SIDECAR, Result

__all__ = ["FIGURES", "PictureTaste"]

FIGURES: dict[str, tuple[float, float]] = {
    "colourfulness": (45.0, 25.0),
    "luma_entropy": (6.0, 1.0),
    "edge_energy": (10.0, 8.0),
    "brightness": (0.5, 0.25),
}
"""Measured figures that taste learns from: what is usual, and how far pictures lie apart."""

_SPREAD = 0.7  # standard deviation of the prior of a weight, in log-odds
_MOST = 1000  # ratings that are learned from, the newest
_STEPS = 12  # of Newton's method, which has settled long before


@dataclass(slots=True)
class PictureTaste:
    """Ratings and what follows from them. rows: family, palette, figures and verdict of each."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    path: Path | None = None

    @classmethod
    def load(cls, path: Path | None = None) -> PictureTaste:
        """The ratings of this machine; damaged lines are left out. FileError where the file cannot be read."""
        path = path or data_folder() / "picture_ratings.jsonl"
        rows = []
        try:
            lines = path.read_bytes().splitlines() if path.exists() else []
        except OSError as error:
            raise FileError(f"cannot read ratings {str(path)!r}: {error.strerror}: check its permissions") from error
        for line in lines[-_MOST:]:
            try:
                row = json.loads(line)
                rows.append({"keep": bool(row["keep"]), "traits": dict(row["traits"])})
            except (ValueError, KeyError, TypeError):
                continue
        return cls(rows, path)

    def rate(self, picture: Path, keep: bool) -> dict[str, Any]:
        """Keep or discard a cover by its file; returns its traits. UsageError where it has no record beside it."""
        try:
            quality = json.loads(picture.with_name(picture.name + SIDECAR).read_bytes())["quality"]
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"{str(picture)!r} has no readable {picture.name}{SIDECAR} beside it: rate a cover made by "
                "'aigc-music generate cover', in its folder"
            ) from error
        traits = _traits(quality)
        self.rows.append({"keep": keep, "traits": traits})
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:  # one short line: whole or, after a crash, left out by the reader
                file.write(json.dumps({"at": time.time(), "keep": keep, "traits": traits}).encode() + b"\n")
        return traits

    def forget(self) -> int:
        """Remove all ratings; how many there were."""
        count = len(self.rows)
        self.rows.clear()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        return count

    def score(self, quality: dict[str, Any]) -> float:
        """Log-odds that a picture with these figures is kept, 0 = no opinion."""
        names, weights = self._weights()
        return float(_vector(_traits(quality), names) @ weights) if len(names) else 0.0

    def rank(self, results: Iterable[Result]) -> list[Result]:
        """The best first: by measured quality (`rank`, lower is better), and by taste the more was rated."""
        return sorted(results, key=lambda row: float(row.quality.get("rank", 0.0)) - self.score(row.quality))

    def words(self) -> str:
        """What was learned, in words."""
        names, weights = self._weights()
        told = [(weight, name) for name, weight in zip(names, weights, strict=True) if abs(weight) > 0.3]
        if not told:
            return f"{len(self.rows)} covers rated, no leaning yet"
        told.sort(key=lambda row: -abs(row[0]))
        listed = ", ".join(f"{'likes' if weight > 0 else 'dislikes'} {name}" for weight, name in told[:5])
        return f"{len(self.rows)} covers rated: {listed}"

    def _weights(self) -> tuple[list[str], NDArray[np.float64]]:
        names = sorted({name for row in self.rows for name in row["traits"]})
        if not names:
            return [], np.zeros(0)
        design = np.array([_vector(row["traits"], names) for row in self.rows])
        verdict = np.array([float(row["keep"]) for row in self.rows])
        bias = np.log((verdict.sum() + 2) / (len(verdict) - verdict.sum() + 2))
        weights = np.zeros(len(names))
        for _ in range(_STEPS):
            chance = 1 / (1 + np.exp(-(design @ weights + bias)))
            slope = design.T @ (verdict - chance) - weights / _SPREAD**2
            curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.eye(len(names)) / _SPREAD**2
            weights = weights + np.linalg.solve(curve, slope)
        return names, weights


def _traits(quality: dict[str, Any]) -> dict[str, float]:
    """'family: strata' and 'palette: dusk' count 1; figures count by how far they are from what is usual."""
    traits = {f"{name}: {quality[name]}": 1.0 for name in ("family", "palette") if quality.get(name)}
    for name, (usual, spread) in FIGURES.items():
        if isinstance(quality.get(name), int | float):
            traits[name] = float(np.clip((quality[name] - usual) / spread, -3, 3))
    return traits


def _vector(traits: dict[str, float], names: list[str]) -> NDArray[np.float64]:
    return np.array([traits.get(name, 0.0) for name in names])
