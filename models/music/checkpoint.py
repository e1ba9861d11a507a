"""A training run's checkpoint: one safetensors file, tensors by name and everything else as JSON in its metadata.

No pickle is ever read: a run that somebody hands you cannot run code on your machine. The file is written under
a temporary name and renamed, so a kill leaves the checkpoint before it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aigc_music.core.errors import ModelError

__all__ = ["FILE", "read", "write"]

FILE = "checkpoint.safetensors"


def write(
    path: Path,
    network: Any,
    average: dict[str, Any],
    optimiser: Any,
    facts: dict[str, Any],
    best: dict[str, Any] | None = None,
) -> None:
    """Write a run's state. facts: JSON-able; best: the best averaged weights so far, where a run looks for them.

    Tensors of network, average, best and optimiser keep their dtype.
    """
    from safetensors.torch import save_file

    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    tensors |= {f"best.{name}": value for name, value in (best or {}).items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in moments.items()}
    part = path.with_suffix(f".{os.getpid()}.part")
    save_file(
        {name: value.detach().contiguous().clone() for name, value in tensors.items()},
        part,
        {"run": json.dumps(facts)},
    )
    part.replace(path)


def read(path: Path) -> tuple[dict[str, dict[str, Any]], dict[int, dict[str, Any]], dict[str, Any]]:
    """(weights by 'network', 'average', 'best'; optimiser moments by parameter; facts). ModelError when damaged."""
    from safetensors import SafetensorError, safe_open

    weights: dict[str, dict[str, Any]] = {"network": {}, "average": {}, "best": {}}
    moments: dict[int, dict[str, Any]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["run"])
            for name in file.keys():  # noqa: SIM118 - not a dict
                kind, _, rest = name.partition(".")
                if kind == "optimiser":
                    index, _, moment = rest.partition(".")
                    moments.setdefault(int(index), {})[moment] = file.get_tensor(name)
                else:
                    weights[kind][rest] = file.get_tensor(name)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the checkpoint {str(path)!r} is damaged ({error}): start again in another folder"
        ) from error
    return weights, moments, facts
