"""All that a training run carries from step to step, and its checkpoint: one safetensors file.

Tensors go by name, plain facts as JSON in the metadata; no pickle is read or written. Randomness is made anew for
every step from the seed and the step's number, so a run that goes on does what an unbroken one would have done.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from aigc_music.core.errors import ModelError
from aigc_music.files.atomic import atomic_write

__all__ = ["FILE", "State", "update_average"]

FILE = "checkpoint.safetensors"


@dataclass
class State:
    """networks, optimisers: by name. average: slowly moving copy of the painting network, the one that is kept."""

    networks: dict[str, nn.Module]
    average: nn.Module
    optimisers: Mapping[str, torch.optim.Optimizer]
    facts: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Save all of it in folder / FILE, which holds the older one until the new one is whole."""
        tensors: dict[str, Tensor] = {f"average/{n}": t for n, t in self.average.state_dict().items()}
        for name, network in self.networks.items():
            tensors |= {f"network/{name}/{n}": t for n, t in network.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, moments in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser/{name}/{index}/{n}": t for n, t in moments.items()}
        facts = self.facts | {"step": self.step, "seconds": self.seconds, "history": self.history}
        whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        with atomic_write(folder / FILE) as file:
            file.write(save(whole, {"run": json.dumps(facts)}))

    def read(self, folder: Path) -> bool:
        """Go on from folder / FILE; False where there is none. ModelError when damaged or of another run."""
        path = folder / FILE
        if not path.exists():
            return False
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads(file.metadata()["run"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            step, seconds, history = facts.pop("step"), facts.pop("seconds"), facts.pop("history")
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the checkpoint {str(path)!r} is damaged ({error}): start in another folder") from error
        if facts != self.facts:
            raise ModelError(f"{str(path)!r} belongs to a run with {facts}, not {self.facts}: take another folder")
        self.average.load_state_dict(_under("average/", tensors))
        for name, network in self.networks.items():
            network.load_state_dict(_under(f"network/{name}/", tensors))
        for name, optimiser in self.optimisers.items():
            moments: dict[int, dict[str, Tensor]] = {}
            for key, tensor in _under(f"optimiser/{name}/", tensors).items():
                index, _, moment = key.partition("/")
                moments.setdefault(int(index), {})[moment] = tensor
            optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
        self.step, self.seconds, self.history = step, seconds, history
        return True


def update_average(average: nn.Module, network: nn.Module, step: int, decay: float = 0.998) -> None:
    """Move the average towards the network, faster in the first steps. Counters are copied."""
    keep = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - keep)
            else:
                mean.copy_(value)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
