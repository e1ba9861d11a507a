"""The same random change to real and painted pictures, with gradients: colour, translation, cutout.

DiffAugment (Zhao, Liu, Lin, Zhu, Han 2020): a critic that sees every picture changed cannot learn a small set by
heart, and as the painter's pictures are changed too, the changes do not show in what it paints.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["augment"]

SHIFT = 1 / 8  # of the side
HOLE = 3 / 8  # of the side; half of the pictures get one


def augment(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """(n, 3, h, w) in -1..1, changed picture by picture."""
    return cutout(translate(colour(pictures, generator), generator), generator)


def colour(x: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness by up to a quarter, saturation 0.4..1.6, contrast 0.6..1.4."""
    brightness, saturation, contrast = (_uniform(x, generator) for _ in range(3))
    x = x + brightness * 0.5
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + 1.2 * saturation)
    level = x.mean((1, 2, 3), keepdim=True)
    return level + (x - level) * (1 + 0.8 * contrast)


def translate(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shift by up to SHIFT of the side; the gap is grey."""
    side = x.shape[-1]
    most = max(1, round(side * SHIFT))
    padded = functional.pad(x, (most, most, most, most))
    starts = torch.randint(0, 2 * most + 1, (len(x), 2), generator=generator).tolist()
    return torch.stack(
        [picture[:, a : a + side, b : b + side] for picture, (a, b) in zip(padded, starts, strict=True)]
    )


def cutout(x: Tensor, generator: torch.Generator) -> Tensor:
    """A grey square somewhere in half of the pictures."""
    side = x.shape[-1]
    hole = round(side * HOLE)
    mask = torch.ones(len(x), 1, side, side)
    centres = torch.randint(0, side, (len(x), 2), generator=generator).tolist()
    chosen = torch.rand(len(x), generator=generator).tolist()
    for at, (a, b) in enumerate(centres):
        if chosen[at] < 0.5:
            mask[at, :, max(0, a - hole // 2) : a + hole // 2, max(0, b - hole // 2) : b + hole // 2] = 0
    return x * mask.to(x.device)


def _uniform(x: Tensor, generator: torch.Generator) -> Tensor:
    """(n, 1, 1, 1) in -0.5..0.5."""
    return (torch.rand(len(x), 1, 1, 1, generator=generator) - 0.5).to(x.device)
