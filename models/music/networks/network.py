"""The music network in torch: the reference for training and for the parity tests of the numba decoder.

All inputs are classes. One multi-hot row per event goes through one matrix into a trunk (GRU, transformer or CNN, see
TRUNKS); each head is a small MLP on the trunk's output plus rows for everything chosen before it (rep.CHOICES, in an
order in which every head sees a prefix of them).

Pitch logits are sums: absolute pitch, interval to the last note of the part, to the chord root and to the tonic (not
for drums), and interval to what the part played in each earlier place.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc_music.core.parts import DRUMS

from .. import representation as rep
from ..windows import Batch
from .cnn import CnnTrunk
from .gru import GruTrunk
from .transformer import TransformerTrunk

__all__ = ["TRUNKS", "MusicNetwork", "NetworkConfig"]


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Kind and sizes: width and layers of the trunk, of the summed embedding, of the heads (small: part, micro,
    velocity)."""

    network: str = "gru"
    hidden: int = 512
    layers: int = 2
    embedding: int = 256
    head: int = 256
    small_head: int = 128

    def head_width(self, name: str) -> int:
        """Width of the hidden layer of a head."""
        return self.small_head if name in ("part", "micro", "velocity") else self.head

    def as_dict(self) -> dict[str, Any]:
        """For the card."""
        return asdict(self)


TRUNKS = {"gru": GruTrunk, "transformer": TransformerTrunk, "cnn": CnnTrunk}


def head_outputs(name: str, size: int) -> int:
    """Rows of the output matrix of a head: the pitch head has the relative logits too."""
    return rep.PITCH_OUTPUTS if name == "pitch" else size


def starts(fields: tuple[tuple[str, int], ...]) -> list[int]:
    """First column of every field in a multi-hot row, and the total at the end."""
    result = [0]
    for _, size in fields:
        result.append(result[-1] + size)
    return result


class MusicNetwork(nn.Module):
    """See the module text. Parameter names are the tensor names of the weights file."""

    input_starts: Tensor
    choice_starts: Tensor
    pitches: Tensor

    def __init__(self, config: NetworkConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        inputs, choices = starts(rep.INPUT_FIELDS), starts(rep.CHOICES)
        self.embedding = nn.Parameter(torch.randn(inputs[-1], config.embedding) * 0.1)
        self.trunk = TRUNKS[config.network](config.embedding, config.hidden, config.layers, dropout)
        self.hidden = nn.ModuleDict()
        self.tables = nn.ParameterDict()
        self.outputs = nn.ModuleDict()
        for name, size in rep.HEADS:
            width = config.head_width(name)
            self.hidden[name] = nn.Linear(config.hidden, width)
            if rep.PREFIX[name]:
                self.tables[name] = nn.Parameter(torch.randn(choices[rep.PREFIX[name]], width) * 0.1)
            self.outputs[name] = nn.Linear(width, head_outputs(name, size))
        self.register_buffer("input_starts", torch.tensor(inputs[:-1]), persistent=False)
        self.register_buffer("choice_starts", torch.tensor(choices[:-1]), persistent=False)
        self.register_buffer("pitches", torch.arange(128), persistent=False)
        self.choice_columns = choices

    def states(self, inputs: Tensor) -> Tensor:
        """(T, B, fields) classes -> (T, B, hidden)."""
        steps, windows, fields = inputs.shape
        hot = multi_hot((inputs + self.input_starts).reshape(-1, fields), len(self.embedding))
        x = (hot @ self.embedding.to(hot.dtype)).reshape(steps, windows, -1)
        result: Tensor = self.trunk(x)
        return result

    def heads(self, h: Tensor, choices: Tensor, echo: Tensor, context: Tensor) -> dict[str, Tensor]:
        """Logits of all heads with the true choices given.

        h (N, hidden); choices (N, 22) classes in the order of rep.CHOICES; echo (N, 5) pitches of the earlier places;
        context (N, 3): key root, lowest pitch that the order allows, 1 where delta 0 is forbidden.
        """
        hot = multi_hot(choices + self.choice_starts, self.choice_columns[-1])
        logits: dict[str, Tensor] = {}
        for name, _ in rep.HEADS:
            inner = self.hidden[name](h)
            if rep.PREFIX[name]:
                table = self.tables[name]
                inner = inner + hot[:, : len(table)] @ table.to(hot.dtype)
            logits[name] = self.outputs[name](functional.silu(inner)).float()
        logits["pitch"] = self.pitch_logits(logits["pitch"], choices, echo, context[:, 0])
        logits["pitch"] = logits["pitch"].masked_fill(self.pitches < context[:, 1:2], -1e9)
        first = functional.one_hot(torch.zeros_like(context[:, 2]), rep.DELTAS).bool() & (context[:, 2:3] > 0)
        logits["delta"] = logits["delta"].masked_fill(first, -1e9)
        return logits

    def pitch_logits(self, raw: Tensor, choices: Tensor, echo: Tensor, key_root: Tensor) -> Tensor:
        """Sum of absolute and relative logits, (N, 128)."""
        pitched = choices[:, 0:1] != DRUMS
        absolute, interval, chord, tonic, *earlier = raw.split(rep.PITCH_BLOCKS, dim=1)
        last, root = choices[:, 8:9], choices[:, 4:5]
        near = (self.pitches - last).clamp(-rep.INTERVALS, rep.INTERVALS) + rep.INTERVALS
        total = absolute + interval.gather(1, near) * (pitched & (last < rep.NO_PITCH))
        total = total + chord.gather(1, (self.pitches - root) % 12) * (pitched & (root < 12))
        key_root = key_root[:, None]
        total = total + tonic.gather(1, (self.pitches - key_root) % 12) * (pitched & (key_root < 12))
        reach = torch.arange(-rep.ECHO_INTERVALS, rep.ECHO_INTERVALS + 1, device=raw.device)
        goals = echo[:, :, None] + reach  # (N, 5, 15)
        there = (echo[:, :, None] < rep.NO_PITCH) & (goals >= 0) & (goals < 128)
        return total.scatter_add(1, goals.clamp(0, 127).flatten(1), (torch.stack(earlier, 1) * there).flatten(1))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of nats per head (6,) over the targets of a batch of tensors, and the number of targets."""
        h = self.states(batch.inputs.transpose(0, 1)).transpose(0, 1).reshape(-1, self.config.hidden)
        target, choices, echo = (getattr(batch, name).flatten(0, 1) for name in ("targets", "choices", "echo"))
        key_root, low, stay, weight, played, loud = (
            getattr(batch, name).reshape(-1) for name in ("key_root", "low", "stay", "weight", "played", "loud")
        )
        # every position goes through, with weight 0 without a target: oneDNN builds new code for each new shape
        logits = self.heads(h, choices, echo, torch.stack((key_root, low, stay), dim=1))
        sums = []
        for index, (name, _) in enumerate(rep.HEADS):
            loss = functional.cross_entropy(logits[name], target[:, index], reduction="none")
            counts = {"micro": weight * played, "velocity": weight * loud}.get(name, weight)
            sums.append((loss * counts).sum())
        return torch.stack(sums), weight.sum()


def multi_hot(columns: Tensor, width: int) -> Tensor:
    """(N, fields) column numbers -> (N, width) with ones there, bf16 under autocast."""
    kind = torch.bfloat16 if torch.is_autocast_enabled(columns.device.type) else torch.float32
    return torch.zeros(len(columns), width, dtype=kind, device=columns.device).scatter_(1, columns, 1.0)
