"""The torch reference, note by note, as a contender of `bench decode` (its one argument is a model folder).

Same network, same inputs, additive masks and Gumbel-max draws as at play time, in eager torch on one thread. The
weights are random: its speed does not depend on them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from .. import representation as rep
from ..bench import serve
from ..weights import read_card
from .network import MusicNetwork, NetworkConfig

__all__ = ["Stepper"]

_FORBIDDEN = -1e9


class Stepper:
    """One line of music through the reference. `step` decides a note and feeds it."""

    def __init__(self, config: NetworkConfig) -> None:
        torch.manual_seed(1)
        self.network = MusicNetwork(config).eval()
        self.input_starts = self.network.get_buffer("input_starts")
        self.choice_starts = self.network.get_buffer("choice_starts")
        self.state = torch.zeros(config.layers, 1, config.hidden)
        self.event = torch.zeros(1, len(rep.EVENT_FIELDS), dtype=torch.long)
        self.rest = torch.zeros(1, len(rep.CONDITIONS) + len(rep.MEMORIES), dtype=torch.long)
        self.echo = torch.full((1, rep.SOURCES), 60)
        self.masks = {name: torch.zeros(size) for name, size in rep.HEADS}
        self.masks["pitch"][:28] = self.masks["pitch"][97:] = _FORBIDDEN
        self.key_root = torch.zeros(1, dtype=torch.long)

    @torch.inference_mode()
    def step(self) -> list[int]:
        """Classes of the next note: part, delta, micro, pitch, velocity, duration."""
        network = self.network
        columns = torch.cat((self.event, self.rest), dim=1)[0] + self.input_starts
        x = network.embedding[columns].sum(0)
        trunk: Any = network.trunk
        h, self.state = torch.nn.GRU.forward(trunk, x[None, None], self.state)
        chosen = torch.zeros(1, len(self.choice_starts), dtype=torch.long)
        places = {name: index for index, (name, _) in enumerate(rep.CHOICES)}
        drawn = []
        for name, _ in rep.HEADS:
            index = self._draw(name, h[0], chosen)
            drawn.append(index)
            if name in places:
                chosen[0, places[name]] = index
        part, delta, micro, pitch, velocity, duration = drawn
        self.event = torch.tensor([[part, delta, micro, pitch, velocity, duration]])
        return drawn

    def _draw(self, name: str, h: Tensor, chosen: Tensor) -> int:
        network, seen = self.network, rep.PREFIX[name]
        inner = network.hidden[name](h)
        if seen:
            inner = inner + network.tables[name][chosen[0, :seen] + self.choice_starts[:seen]].sum(0)
        logits = network.outputs[name](functional.silu(inner))
        if name == "pitch":
            logits = network.pitch_logits(logits, chosen, self.echo, self.key_root)
        logits = logits[0] + self.masks[name]
        return int((logits - torch.empty_like(logits).exponential_().log()).argmax())


def main() -> None:
    """Entry of the contender's process."""
    torch.set_num_threads(1)
    stepper = Stepper(NetworkConfig(**read_card(Path(sys.argv[1]))["config"]))

    def decide(count: int) -> list[float]:
        took = []
        for _ in range(count):
            began = time.perf_counter_ns()
            stepper.step()
            took.append((time.perf_counter_ns() - began) / 1e6)
        return took

    decide(5)
    millions = sum(weight.numel() for weight in stepper.network.parameters()) / 1e6
    serve(decide, f"eager torch {torch.__version__}, the same network ({millions:.1f} M), fp32, random weights")


if __name__ == "__main__":
    main()
