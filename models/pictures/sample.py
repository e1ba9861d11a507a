"""The painter at work: pictures of a class out of random numbers, in onnxruntime on one thread.

Threads: one at a time per Painter. Realtime-safe: no (some 10 ms a picture).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError, UsageError, choose

from .onnx_folder import ZOO, open_network

__all__ = ["KIND", "TRUNCATION", "Painter", "to_bytes"]

KIND = "pictures"
TRUNCATION = 1.0  # how far from the middle of a class, unless told otherwise


class Painter:
    """Read it with `load`.

    size: side of its pictures in pixels. classes: what it can paint. card: where it comes from and how good it is.
    """

    def __init__(self, session: onnxruntime.InferenceSession, card: dict[str, Any]) -> None:
        self.card = card
        try:
            self.size = int(card["config"]["size"])
            self.latent = int(card["config"]["latent"])
            self.classes = tuple(str(name) for name in card["config"]["classes"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the card of the picture model lacks {error}: install the model again") from error
        self._session = session

    @classmethod
    def load(cls, name: str = "pictures") -> Painter:
        """A model of the zoo by name, or a folder with generator.onnx and card.json. ModelError when unusable."""
        return cls(*open_network(Path(name) if Path(name).is_dir() else ZOO / name, KIND))

    def latents(self, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
        """Random numbers (n, latent) for n pictures. Near latents give near pictures: a path through them morphs."""
        return rng.standard_normal((n, self.latent), dtype=np.float32)

    def paint(
        self,
        classes: Sequence[str],
        seed: int | None = None,
        latents: NDArray[np.float32] | None = None,
        truncation: float = TRUNCATION,
    ) -> NDArray[np.uint8]:
        """One picture for each name in `classes`: (n, size, size, 3) bytes, RGB.

        seed: draws the latents; or give them, (n, latent). truncation: 0..1.5, how far from the middle of the class,
        0 all alike, 1 as trained. The same latents give the same bytes on one machine, however many are painted at
        once. UsageError for unknown classes and shapes that do not fit.
        """
        if (seed is None) == (latents is None):
            raise UsageError("give either a seed or latents")
        if not 0 <= truncation <= 1.5:
            raise UsageError(f"truncation {truncation}: choose 0..1.5")
        numbers = [self.classes.index(choose("class of picture", name, self.classes)) for name in classes]
        if latents is None:
            latents = self.latents(np.random.default_rng(seed), len(numbers))
        if latents.shape != (len(numbers), self.latent):
            raise UsageError(
                f"latents of shape {latents.shape}: {len(numbers)} classes need {(len(numbers), self.latent)}"
            )
        pictures = np.empty((len(numbers), self.size, self.size, 3), np.uint8)
        for at, number in enumerate(numbers):
            feed = {
                "latents": np.float32(truncation) * latents[at : at + 1].astype(np.float32),
                "classes": np.array([number], np.int64),
            }
            (picture,) = self._session.run(None, feed)
            pictures[at] = to_bytes(picture[0])
        return pictures


def to_bytes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, h, w) in -1..1 to (h, w, 3) bytes."""
    return np.rint((np.clip(picture, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)
