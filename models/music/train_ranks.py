"""Several processes that train one network: each draws its own windows, gradients are averaged before every step.

Started by torchrun, which says in the environment who is who (RANK, WORLD_SIZE, LOCAL_RANK and so on);
without it there is one rank and nothing here does anything. nccl between GPUs, gloo between CPUs.

Threads: the training thread of each process. Realtime-safe: no.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import distributed

from aigc_music.core.errors import UsageError

__all__ = ["Ranks", "device_of"]


def device_of(name: str) -> torch.device:
    """The device called auto, cpu or cuda; with several ranks a GPU each. UsageError when there is no GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"unknown device {name!r}: choose one of auto, cpu, cuda")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise UsageError(
            "--device cuda: torch finds no CUDA device here: take --device cpu, or a torch built for CUDA"
        )
    if name == "cpu" or not there:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


class Ranks:
    """This process among those of the run. Use as a context manager; leaving it leaves the group."""

    def __init__(self, device: torch.device) -> None:
        self.size, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        self.device = device
        if self.size > 1:
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")

    @property
    def first(self) -> bool:
        """Whether this process writes, measures and speaks for all."""
        return self.rank == 0

    def agree(self, value: float) -> float:
        """The first rank's value."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared)

    def average_gradients(self, network: torch.nn.Module) -> None:
        """Replace every gradient by the mean of all ranks', in one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def __enter__(self) -> Ranks:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.size > 1:
            distributed.destroy_process_group()
