"""Teach the painter: a generator and a critic against each other, on pictures that grow while they learn.

The generator begins as the decoder of an autoencoder, which gives it composition and variety within minutes. Then the
loss is that of R3GAN (Huang, Gokaslan, Kuleshov, Tompkin 2024): real and painted pictures of one class are judged in
pairs, and the critic's slope is held small on both (R1 and R2), here on every LAZYth step only, with that much more
weight (Karras et al. 2020). Small sets need DiffAugment (train_augment). What is kept is a slow average.

`python -m models.pictures.train DATA OUT --minutes 60` trains; the same command again goes on where it stopped.

Threads: offline, one process. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from aigc_music.core.errors import UsageError
from aigc_music.files.atomic import atomic_write

from .dataset import CLASSES, MARGIN, PictureSet
from .networks import FIRST, LATENT, Discriminator, Encoder, Generator
from .sample import to_bytes
from .sheets import ACROSS, montage
from .train_augment import augment
from .train_state import State, update_average

__all__ = ["GROWTH", "Report", "new_state", "step_once", "train"]

GROWTH: dict[int, dict[int, float]] = {
    32: {32: 1.0},
    64: {32: 0.45, 64: 0.55},
    128: {32: 0.35, 64: 0.40, 128: 0.25},
    256: {32: 0.20, 64: 0.25, 128: 0.30, 256: 0.25},
}
"""Size of the finished picture -> share of the run spent at each size on the way."""

WARM = 0.14  # the first share of the run, in which the generator learns to give pictures back from their latents
WARM_BATCH = 16
BLUR = 0.6  # the error, in -1..1, that giving back may have: the larger, the fewer latents carry meaning
BATCH = 16
RATES: dict[str, float] = {"generator": 2.5e-4, "critic": 5e-4, "encoder": 3e-4}
"""How fast each network learns; the critic must not fall behind."""

COOL = 0.2  # the last share of the run, in which the rate falls to a tenth
LAZY = 8  # steps between two penalties on the critic's slope
GAMMA = 0.01  # weight of R1 and R2 at FIRST px; grows with the number of pixels, as the slopes shrink with it
BALANCE = 0.5  # 1: classes as often as the set has them, 0: all alike
SAVE_SECONDS = 120.0
SHOWN = 7  # seed of the latents on the sheets of a run's progress

Report = Callable[[float, str, float], None]
"""(share done 0..1, what happens, seconds left): called after every step. It may raise: the run can go on later."""


def new_state(size: int, seed: int, device: str) -> State:
    """Fresh networks for pictures of `size` px."""
    torch.manual_seed(seed)
    generator = Generator(size).to(device)
    critic = Discriminator(size).to(device)
    encoder = Encoder().to(device)
    average = copy.deepcopy(generator).eval().requires_grad_(False)
    networks = {"generator": generator, "critic": critic, "encoder": encoder}
    return State(
        networks,
        average,
        {
            name: torch.optim.Adam(network.parameters(), RATES[name], (0.0, 0.99))
            for name, network in networks.items()
        },
        {"kind": "pictures", "size": size, "seed": seed, "classes": list(CLASSES)},
    )


def train(
    data: Path,
    out: Path,
    minutes: float | None = 60.0,
    steps: int | None = None,
    size: int = 64,
    seed: int = 1,
    device: str = "cpu",
    threads: int = 1,
    report: Report | None = None,
) -> State:
    """Train until `minutes` of training or `steps` steps are done, whichever is first, in the folder `out`.

    data: the set, see dataset. size: 32, 64, 128 or 256 px. device: a torch device. A run that was stopped goes on
    when called again with the same size and seed. UsageError for a size or length that is not possible, FileError
    without pictures, ModelError when `out` holds another run.
    """
    if size not in GROWTH:
        raise UsageError(f"size {size}: choose one of {', '.join(map(str, GROWTH))} pixels")
    if not (minutes or steps):
        raise UsageError("give minutes or steps: a run needs an end")
    torch.set_num_threads(threads)
    whole = PictureSet.load(data, "train", size + size // MARGIN)
    out.mkdir(parents=True, exist_ok=True)
    state = new_state(size, seed, device)
    state.read(out)
    pictures: PictureSet | None = None
    begun = last_saved = time.monotonic()
    before = state.seconds
    while (done := progress(state, minutes, steps)) < 1:
        at = size_at(done, size)
        if pictures is None or pictures.pixels.shape[1] != at + at // MARGIN:
            pictures = whole.at(at + at // MARGIN)
        learn = warm_up if done < WARM else step_once
        losses = learn(state, pictures, at, done, device)
        now = time.monotonic()
        state.seconds = before + now - begun
        if state.step % 50 == 0:
            state.history.append({"step": state.step, "size": at, "seconds": round(state.seconds, 1)} | losses)
        if now - last_saved > SAVE_SECONDS:
            save(state, out, at, device)
            last_saved = now
        if report:
            done = progress(state, minutes, steps)
            told = ", ".join(f"{name} {value:.2f}" for name, value in losses.items())
            try:
                report(done, f"step {state.step}, {at} px, {told}", state.seconds * (1 - done) / max(done, 1e-6))
            except BaseException:
                save(state, out, at, device)
                raise
    save(state, out, size_at(1.0, size), device)
    return state


def save(state: State, out: Path, size: int, device: str) -> None:
    """Write the checkpoint, and a sheet of the same latents in every class as the average paints them now."""
    state.write(out)
    latents = np.random.default_rng(SHOWN).standard_normal((ACROSS, LATENT)).astype(np.float32)
    repeated = torch.from_numpy(np.tile(latents, (len(CLASSES), 1))).to(device)
    classes = torch.arange(len(CLASSES)).repeat_interleave(ACROSS).to(device)
    with torch.no_grad():
        painted = state.average(repeated, classes, size).cpu().numpy()
    (out / "progress").mkdir(exist_ok=True)
    with atomic_write(out / "progress" / f"{state.step:06d}.png") as file:
        Image.fromarray(montage(np.stack([to_bytes(picture) for picture in painted]))).save(file, "PNG")


def progress(state: State, minutes: float | None, steps: int | None) -> float:
    """Share of the run that is done, 0..1."""
    by_time = state.seconds / (60 * minutes) if minutes else 0.0
    return min(1.0, max(by_time, state.step / steps if steps else 0.0))


def size_at(done: float, size: int) -> int:
    """The size trained at when a share of the run is done."""
    reached = 0.0
    for at, share in GROWTH[size].items():
        reached += share
        if done < reached:
            return at
    return size


def warm_up(state: State, pictures: PictureSet, size: int, done: float, device: str) -> dict[str, float]:
    """One step of a variational autoencoder (Kingma, Welling 2013), with the generator as its decoder.

    It learns the coarse composition of every class many times faster than from a critic, and that different latents
    mean different pictures, which the critic's lessons then keep.
    """
    rng, chance = dice(state)
    generator, encoder = state.networks["generator"], state.networks["encoder"]
    begin_step(state, 1.0)
    labels = rng.choice(len(CLASSES), WARM_BATCH, p=pictures.weights(BALANCE))
    real = to_tensor(pictures.draw(rng, labels, size), device)
    middle, spread = encoder(
        functional.interpolate(real, size=FIRST, mode="area").contiguous(memory_format=torch.channels_last)
    )
    noise = torch.randn(middle.shape, generator=chance).to(device)
    given = generator(middle + noise * torch.exp(spread / 2), torch.from_numpy(labels).to(device), size)
    error = (given - real).square().mean()
    surprise = 0.5 * (middle.square() + spread.exp() - 1 - spread).sum(1).mean()
    (error * real[0].numel() / (2 * BLUR**2) + surprise).backward()
    finish_step(state, ("generator", "encoder"))
    return {"error": error.item(), "surprise": surprise.item()}


def step_once(state: State, pictures: PictureSet, size: int, done: float, device: str) -> dict[str, float]:
    """One step of both networks; returns the losses.

    Both learn from one pass of the critic: it judges real and painted pictures once, and the slope of the painter's
    loss with respect to the pictures is taken before the critic's own.
    """
    rng, chance = dice(state)
    generator, critic = state.networks["generator"], state.networks["critic"]
    begin_step(state, min(1.0, 0.1 + 0.9 * (1 - done) / COOL))
    labels = rng.choice(len(CLASSES), BATCH, p=pictures.weights(BALANCE))
    classes = torch.from_numpy(labels).to(device)
    real = to_tensor(pictures.draw(rng, labels, size), device)
    painted = generator(torch.randn(BATCH, LATENT, generator=chance).to(device), classes, size)
    seen = painted.detach().requires_grad_()

    shown = torch.cat([augment(real, chance), augment(seen, chance)]).contiguous(memory_format=torch.channels_last)
    verdicts = critic(shown, torch.cat([classes, classes]))
    for_real, for_painted = verdicts.chunk(2)
    (wanted,) = torch.autograd.grad(functional.softplus(for_real - for_painted).mean(), seen, retain_graph=True)
    loss = functional.softplus(for_painted - for_real).mean()
    losses = {"critic": loss.item(), "gap": (for_real - for_painted).mean().item()}
    if state.step % LAZY == 0:
        slope = slopes(verdicts, shown)
        losses["slope"] = slope.item()
        # both halves of the batch are in one mean, R1 + R2 is twice that
        loss = loss + LAZY * GAMMA * (size / FIRST) ** 2 / 2 * 2 * slope
    loss.backward()
    painted.backward(wanted)
    finish_step(state, ("generator", "critic"))
    return losses


def dice(state: State) -> tuple[np.random.Generator, torch.Generator]:
    """The random numbers of the step to come: the same whether or not the run was stopped before it."""
    rng = np.random.default_rng([int(state.facts["seed"]), state.step])
    return rng, torch.Generator().manual_seed(int(rng.integers(1 << 62)))


def begin_step(state: State, pace: float) -> None:
    """Forget the slopes of the last step; learn at a share of the full rates."""
    for optimiser in state.optimisers.values():
        optimiser.param_groups[0]["lr"] = optimiser.defaults["lr"] * pace
        optimiser.zero_grad()


def finish_step(state: State, names: Sequence[str]) -> None:
    """Move the named networks and the average."""
    for name in names:
        state.optimisers[name].step()
    state.step += 1
    update_average(state.average, state.networks["generator"], state.step)


def slopes(verdicts: Tensor, pictures: Tensor) -> Tensor:
    """Mean over the pictures of the squared length of the critic's gradient."""
    if not pictures.requires_grad:
        raise ValueError("the pictures must carry gradients")
    (gradient,) = torch.autograd.grad(verdicts.sum(), pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def to_tensor(pixels: NDArray[np.uint8], device: str) -> Tensor:
    """(n, h, w, 3) bytes to (n, 3, h, w) in -1..1."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.pictures.train", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    train(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
