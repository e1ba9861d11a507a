"""The painter and its critic, in torch, for training. Both grow: they work at any size of SIZES up to their own.

The generator follows FastGAN (Liu, Zhu, Song, Elgammal 2021): blocks that double the side with gated linear units,
and skip-layer excitation, by which a coarse map weighs the channels of a much finer one. A latent and a class steer
the gain and bias of every block. The picture is the sum of what each size adds, so a new size starts as the old
picture, enlarged. The critic follows R3GAN (Huang, Gokaslan, Kuleshov, Tompkin 2024) in having no normalisation at
all; the class enters by projection (Miyato, Koyama 2018). What a new size adds starts at zero here too.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .dataset import CLASSES

__all__ = ["FIRST", "LATENT", "Discriminator", "Encoder", "Generator"]

LATENT = 128
EMBEDDING = 32
FIRST = 32  # the smallest size that a picture is made or judged at

CHANNELS: dict[int, int] = {4: 128, 8: 128, 16: 96, 32: 64, 64: 32, 128: 16, 256: 8}
"""Side of a map in the generator -> its channels."""

CRITIC: dict[int, int] = {4: 128, 8: 128, 16: 96, 32: 48, 64: 24, 128: 12, 256: 6}
"""The same for the critic."""

EXCITED: dict[int, int] = {32: 4, 64: 8, 128: 16, 256: 32}
"""Side of a fine map -> side of the coarse map that weighs its channels."""


class Generator(nn.Module):
    """Latents (n, LATENT) and classes (n,) to pictures (n, 3, size, size) in -1..1."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.classes = nn.Embedding(len(CLASSES), EMBEDDING)
        steering = LATENT + EMBEDDING
        self.first = nn.Linear(steering, 2 * CHANNELS[4] * 16, bias=False)
        self.first_norm = nn.BatchNorm2d(2 * CHANNELS[4])
        sides = [side for side in CHANNELS if 4 < side <= size]
        self.up = nn.ModuleDict({str(side): Up(side, steering) for side in sides})
        self.excite = nn.ModuleDict(
            {str(s): Excite(CHANNELS[EXCITED[s]], CHANNELS[s]) for s in sides if s in EXCITED}
        )
        self.paint = nn.ModuleDict({str(s): nn.Conv2d(CHANNELS[s], 3, 3, padding=1) for s in sides if s >= FIRST})
        for side, layer in self.paint.items():
            if int(side) > FIRST:
                _zero(layer)

    def forward(self, latents: Tensor, classes: Tensor, size: int | None = None) -> Tensor:
        size = size or self.size
        w = torch.cat([latents, self.classes(classes)], 1)
        h = functional.glu(self.first_norm(self.first(w).view(-1, 2 * CHANNELS[4], 4, 4)), 1)
        maps = {4: h}
        picture: Tensor | None = None
        for name, block in self.up.items():
            side = int(name)
            if side > size:
                break
            h = block(h, w)
            if side in EXCITED:
                h = h * self.excite[name](maps[EXCITED[side]])
            maps[side] = h
            if side >= FIRST:
                new = self.paint[name](h)
                picture = new if picture is None else new + _enlarge(picture)
        assert picture is not None
        return torch.tanh(picture)


class Up(nn.Module):
    """A map (n, c, side / 2, side / 2) to (n, CHANNELS[side], side, side).

    Channels are mixed while the map is still small, and refined when it is large: no checkerboard, few operations.
    """

    def __init__(self, side: int, steering: int) -> None:
        super().__init__()
        before, after = CHANNELS[side // 2], CHANNELS[side]
        self.mix = nn.Conv2d(before, 2 * after, 3, padding=1, bias=False)
        self.mix_norm = nn.BatchNorm2d(2 * after, affine=False)
        self.steer = nn.Linear(steering, 4 * after)
        nn.init.normal_(self.steer.weight, 0, 0.05)
        self.refine = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.refine_norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        gain, bias = self.steer(w)[:, :, None, None].chunk(2, 1)
        h = functional.glu(self.mix_norm(self.mix(x)) * (1 + gain) + bias, 1)
        h = functional.interpolate(h, scale_factor=2.0, mode="nearest")
        return functional.leaky_relu(h + self.refine_norm(self.refine(h)), 0.2)


class Excite(nn.Module):
    """Skip-layer excitation: a coarse map to weights 0..1 (n, channels, 1, 1) for a fine one."""

    def __init__(self, coarse: int, fine: int) -> None:
        super().__init__()
        self.gather = nn.Conv2d(coarse, fine, 4)
        self.weigh = nn.Conv2d(fine, fine, 1)

    def forward(self, coarse: Tensor) -> Tensor:
        step = coarse.shape[-1] // 4
        pooled = functional.avg_pool2d(coarse, step) if step > 1 else coarse
        return torch.sigmoid(self.weigh(functional.leaky_relu(self.gather(pooled), 0.1)))


class Discriminator(nn.Module):
    """Pictures (n, 3, size, size) in -1..1 and classes (n,) to how real each looks (n,), unbounded."""

    def __init__(self, size: int) -> None:
        super().__init__()
        sides = [side for side in sorted(CRITIC, reverse=True) if side <= size]
        self.look = nn.ModuleDict({str(s): nn.Conv2d(3, CRITIC[s], 3, padding=1) for s in sides if s >= FIRST})
        self.down = nn.ModuleDict({str(s): Down(CRITIC[s], CRITIC[s // 2], silent=s > FIRST) for s in sides if s > 4})
        self.last = nn.Conv2d(CRITIC[4], 128, 4)
        self.judge = nn.Linear(128, 1)
        self.classes = nn.Embedding(len(CLASSES), 128)
        nn.init.normal_(self.classes.weight, 0, 0.05)

    def forward(self, pictures: Tensor, classes: Tensor) -> Tensor:
        h: Tensor | None = None
        for name, block in self.down.items():
            side = int(name)
            if side > pictures.shape[-1] and side >= FIRST:
                continue
            if side >= FIRST:
                seen = self.look[name](pictures)
                h = seen if h is None else seen + h
                pictures = functional.avg_pool2d(pictures, 2) if side > FIRST else pictures
            h = block(h)
        assert h is not None
        v = functional.leaky_relu(self.last(h), 0.2).flatten(1)
        return self.judge(v)[:, 0] + (v * self.classes(classes)).mean(1)


class Encoder(nn.Module):
    """Pictures (n, 3, FIRST, FIRST) to the middle and the log variance (n, LATENT) of the latents they may come from.

    It serves the first part of the training only, in which the generator learns to give pictures back.
    """

    def __init__(self) -> None:
        super().__init__()
        sides = [side for side in sorted(CRITIC, reverse=True) if 4 < side <= FIRST]
        self.look = nn.Conv2d(3, CRITIC[FIRST], 3, padding=1)
        self.down = nn.Sequential(*(Down(CRITIC[side], CRITIC[side // 2], silent=False) for side in sides))
        self.tell = nn.Linear(CRITIC[4] * 16, 2 * LATENT)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        h = functional.leaky_relu(self.down(self.look(pictures)), 0.2)
        middle, spread = self.tell(h.flatten(1)).chunk(2, 1)
        return middle, spread


class Down(nn.Module):
    """A map to one of half the side, around a skip. A silent one says nothing until it has learned something."""

    def __init__(self, before: int, after: int, silent: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 4, 2, 1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1, bias=False)
        for layer in (self.conv, self.conv2):
            nn.init.kaiming_normal_(layer.weight, 0.2)
        if silent:
            _zero(self.conv2)
            _zero(self.skip)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(functional.leaky_relu(self.conv(functional.leaky_relu(x, 0.2)), 0.2))
        return (h + self.skip(functional.avg_pool2d(x, 2))) * math.sqrt(0.5)


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def _enlarge(picture: Tensor) -> Tensor:
    return functional.interpolate(picture, scale_factor=2.0, mode="bilinear", align_corners=False)
