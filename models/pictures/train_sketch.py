"""Teach the sketch painter: pairs of (edges and palette, picture) cut from the same pictures.

pix2pix (Isola, Zhu, Zhou, Efros 2017): near the real picture in the mean, and real to a critic of patches. The critic
judges in pairs with its slope held small on real pictures, as in `train`.

`python -m models.pictures.train_sketch DATA OUT --minutes 10` trains; the same command again goes on.

Threads: offline, one process. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from aigc_music.core.errors import UsageError

from .dataset import CLASSES, MARGIN, PictureSet
from .networks_sketch import Filler, PatchCritic
from .sketch import edges, given, grid_of
from .train import Report, begin_step, dice, finish_step, progress, slopes, to_tensor
from .train_state import State

__all__ = ["new_state", "step_once", "train_sketch"]

SIZE = 64
BATCH = 8
RATE = 4e-4
NEAR = 20.0  # weight of the mean error beside the critic
LAZY = 8
GAMMA = 0.2
SAVE_SECONDS = 120.0


def new_state(seed: int, device: str) -> State:
    """Fresh networks."""
    torch.manual_seed(seed)
    networks: dict[str, torch.nn.Module] = {"generator": Filler().to(device), "critic": PatchCritic().to(device)}
    average = copy.deepcopy(networks["generator"]).eval().requires_grad_(False)
    optimisers = {
        name: torch.optim.Adam(network.parameters(), RATE, (0.5, 0.99)) for name, network in networks.items()
    }
    return State(networks, average, optimisers, {"kind": "pictures_sketch", "seed": seed})


def train_sketch(
    data: Path,
    out: Path,
    minutes: float | None = 10.0,
    steps: int | None = None,
    seed: int = 1,
    device: str = "cpu",
    threads: int = 1,
    report: Report | None = None,
) -> State:
    """Train until `minutes` of training or `steps` steps are done, in the folder `out`. Errors as in train.train."""
    if not (minutes or steps):
        raise UsageError("give minutes or steps: a run needs an end")
    torch.set_num_threads(threads)
    pictures = PictureSet.load(data, "train", SIZE + SIZE // MARGIN)
    out.mkdir(parents=True, exist_ok=True)
    state = new_state(seed, device)
    state.read(out)
    begun = last_saved = time.monotonic()
    before = state.seconds
    while (done := progress(state, minutes, steps)) < 1:
        losses = step_once(state, pictures, device)
        now = time.monotonic()
        state.seconds = before + now - begun
        if state.step % 50 == 0:
            state.history.append({"step": state.step, "seconds": round(state.seconds, 1)} | losses)
        if now - last_saved > SAVE_SECONDS:
            state.write(out)
            last_saved = now
        if report:
            done = progress(state, minutes, steps)
            told = ", ".join(f"{name} {value:.2f}" for name, value in losses.items())
            try:
                report(done, f"step {state.step}, {told}", state.seconds * (1 - done) / max(done, 1e-6))
            except BaseException:
                state.write(out)
                raise
    state.write(out)
    return state


def step_once(state: State, pictures: PictureSet, device: str) -> dict[str, float]:
    """One step of both networks; returns the losses."""
    rng, _ = dice(state)
    generator, critic = state.networks["generator"], state.networks["critic"]
    begin_step(state, 1.0)
    cuts = pictures.draw(rng, rng.choice(len(CLASSES), BATCH, p=pictures.weights(1.0)), SIZE)
    condition = torch.from_numpy(given(edges(cuts), grid_of(cuts))).to(device)
    real = to_tensor(cuts, device)
    painted = generator(condition)
    seen, true = painted.detach().requires_grad_(), real.clone().requires_grad_()

    for_real, for_painted = critic(condition, true), critic(condition, seen)
    near: Tensor = (painted - real).abs().mean()
    (wanted,) = torch.autograd.grad(functional.softplus(for_real - for_painted).mean(), seen, retain_graph=True)
    loss = functional.softplus(for_painted - for_real).mean()
    losses = {"critic": loss.item(), "error": near.item()}
    if state.step % LAZY == 0:
        loss = loss + LAZY * GAMMA / 2 * slopes(for_real.mean((1, 2, 3)), true)
    loss.backward()
    torch.autograd.backward([painted, NEAR * near], [wanted, torch.ones_like(near)])
    finish_step(state, ("generator", "critic"))
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(prog="models.pictures.train_sketch", description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    train_sketch(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
