"""The sketch painter and its critic, in torch, for training: a small U-Net and a critic of patches.

After pix2pix (Isola, Zhu, Zhou, Efros 2017), smaller. Both are convolutions alone, so any multiple of 16 pixels fits.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Filler", "PatchCritic"]

CHANNELS = (16, 32, 64, 96, 128)  # at the full side, a half, a quarter, an eighth, a sixteenth
GIVEN = 4  # sketch, red, green, blue


class Filler(nn.Module):
    """What is given (n, 4, h, w) in 0..1 to pictures (n, 3, h, w) in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Conv2d(GIVEN, CHANNELS[0], 3, padding=1)
        pairs = list(zip(CHANNELS[:-1], CHANNELS[1:], strict=True))
        self.down = nn.ModuleList(_block(a, b, 4, 2) for a, b in pairs)
        self.up = nn.ModuleList(_block(a + b, a, 3, 1) for a, b in reversed(pairs))
        self.paint = nn.Conv2d(CHANNELS[0], 3, 3, padding=1)

    def forward(self, given: Tensor) -> Tensor:
        maps = [functional.leaky_relu(self.begin(2 * given - 1), 0.2)]
        for block in self.down:
            maps.append(block(maps[-1]))
        h = maps.pop()
        for block in self.up:
            h = block(torch.cat([functional.interpolate(h, scale_factor=2.0, mode="nearest"), maps.pop()], 1))
        return torch.tanh(self.paint(h))


class PatchCritic(nn.Module):
    """What is given and a picture to how real each patch of some 46 pixels looks: (n, 1, h / 8, w / 8)."""

    def __init__(self) -> None:
        super().__init__()
        sides = (GIVEN + 3, 32, 64, 96)
        self.layers = nn.Sequential(
            *(
                layer
                for a, b in zip(sides[:-1], sides[1:], strict=True)
                for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2))
            ),
            nn.Conv2d(sides[-1], 1, 3, padding=1),
        )

    def forward(self, given: Tensor, pictures: Tensor) -> Tensor:
        return self.layers(torch.cat([2 * given - 1, pictures], 1))


def _block(before: int, after: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, 1, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)
    )
