"""The recurrent music network in torch: the reference for training and for the parity test of the numba decoder.

All inputs are classes. One multi-hot row per event goes through one matrix into the GRU; each head is a small MLP
on the GRU's output plus rows for everything chosen before it. The columns of `CHOICES` are ordered so that every
head sees a prefix of them.

Pitch logits are sums: absolute pitch, interval to the last note of the part, interval to the chord root, interval
to the tonic (the last three not for drums).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from aigc_music.core.parts import DRUMS

from .. import representation as rep
from ..arithmetic import gru_backward_step, gru_forward_step
from ..windows import Batch

__all__ = ["CHOICES", "INTERVALS", "MusicGru", "NetworkConfig"]

CHOICES: tuple[tuple[str, int], ...] = (
    ("part", rep.PARTS), ("delta", rep.DELTAS), ("phase", rep.PHASES + 1), ("beat", rep.BEATS + 1),
    ("root", rep.ROOTS), ("quality", rep.QUALITIES), ("last", 129), ("micro", rep.MICROS), ("pitch", 128),
    ("velocity", rep.VELOCITIES),
)  # fmt: skip
"""What a head may look at, in order. Head k sees the first PREFIX[k] of them."""

PREFIX = {"part": 0, "delta": 1, "micro": 7, "pitch": 8, "velocity": 9, "duration": 10}
INTERVALS = 24  # relative pitch logits reach two octaves up and down


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes: width and layers of the GRU, of the summed embedding, of the heads (small: part, micro, velocity)."""

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


def head_outputs(name: str, size: int) -> int:
    """Rows of the output matrix of a head: the pitch head has the relative logits too."""
    return size + 2 * INTERVALS + 1 + 12 + 12 if name == "pitch" else size


def starts(fields: tuple[tuple[str, int], ...]) -> list[int]:
    """First column of every field in a multi-hot row, and the total at the end."""
    result = [0]
    for _, size in fields:
        result.append(result[-1] + size)
    return result


INPUT_FIELDS = rep.EVENT_FIELDS + rep.CONDITIONS


class MusicGru(nn.Module):
    """See the module text. Parameter names are the tensor names of the weights file."""

    input_starts: Tensor
    choice_starts: Tensor
    pitches: Tensor

    def __init__(self, config: NetworkConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.dropout = dropout
        inputs, choices = starts(INPUT_FIELDS), starts(CHOICES)
        self.embedding = nn.Parameter(torch.randn(inputs[-1], config.embedding) * 0.1)
        self.gru = nn.GRU(config.embedding, config.hidden, config.layers)
        for name, weight in self.gru.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.data.chunk(3):
                    nn.init.orthogonal_(block)
        self.hidden = nn.ModuleDict()
        self.tables = nn.ParameterDict()
        self.outputs = nn.ModuleDict()
        for name, size in rep.HEADS:
            width = config.head_width(name)
            self.hidden[name] = nn.Linear(config.hidden, width)
            if PREFIX[name]:
                self.tables[name] = nn.Parameter(torch.randn(choices[PREFIX[name]], width) * 0.1)
            self.outputs[name] = nn.Linear(width, head_outputs(name, size))
        self.register_buffer("input_starts", torch.tensor(inputs[:-1]), persistent=False)
        self.register_buffer("choice_starts", torch.tensor(choices[:-1]), persistent=False)
        self.register_buffer("pitches", torch.arange(128), persistent=False)
        self.choice_columns = choices

    def trunk(self, inputs: Tensor) -> Tensor:
        """(T, B, 17) classes -> (T, B, hidden)."""
        steps, windows, fields = inputs.shape
        hot = multi_hot((inputs + self.input_starts).reshape(-1, fields), len(self.embedding))
        x = (hot @ self.embedding.to(hot.dtype)).reshape(steps, windows, -1)
        if not self.training:
            return self.gru(x.float())[0]
        for layer in range(self.config.layers):
            w = [getattr(self.gru, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            x = gru_layer(x, *w)
            if self.dropout:  # one mask per window, the same at every step: kind to a recurrence, and cheap
                keep = torch.rand(1, windows, x.shape[2]) >= self.dropout
                x = x * (keep / (1 - self.dropout)).to(x.dtype)
        return x

    def heads(self, h: Tensor, choices: Tensor, context: Tensor) -> dict[str, Tensor]:
        """Logits of all heads with the true choices given.

        h (N, hidden); choices (N, 10) classes in the order of CHOICES; context (N, 3): key root, lowest pitch that
        the order allows, 1 where delta 0 is forbidden.
        """
        hot = multi_hot(choices + self.choice_starts, self.choice_columns[-1])
        logits: dict[str, Tensor] = {}
        for name, _ in rep.HEADS:
            inner = self.hidden[name](h)
            if PREFIX[name]:
                table = self.tables[name]
                inner = inner + hot[:, : len(table)] @ table.to(hot.dtype)
            logits[name] = self.outputs[name](functional.silu(inner)).float()
        logits["pitch"] = self.pitch_logits(logits["pitch"], choices, context[:, 0])
        logits["pitch"] = logits["pitch"].masked_fill(self.pitches < context[:, 1:2], -1e9)
        first = functional.one_hot(torch.zeros_like(context[:, 2]), rep.DELTAS).bool() & (context[:, 2:3] > 0)
        logits["delta"] = logits["delta"].masked_fill(first, -1e9)
        return logits

    def pitch_logits(self, raw: Tensor, choices: Tensor, key_root: Tensor) -> Tensor:
        """Sum of absolute and relative logits, (N, 128)."""
        pitched = choices[:, 0:1] != DRUMS
        absolute, interval, chord, tonic = raw.split((128, 2 * INTERVALS + 1, 12, 12), dim=1)
        last, root = choices[:, 6:7], choices[:, 4:5]
        total = absolute + interval.gather(1, (self.pitches - last).clamp(-INTERVALS, INTERVALS) + INTERVALS) * (
            pitched & (last < rep.NO_PITCH)
        )
        total = total + chord.gather(1, (self.pitches - root) % 12) * (pitched & (root < 12))
        return total + tonic.gather(1, (self.pitches - key_root[:, None]) % 12) * (pitched & (key_root[:, None] < 12))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of nats per head (6,) over the targets of a batch of tensors, and the number of targets."""
        h = self.trunk(batch.inputs.transpose(0, 1)).transpose(0, 1).reshape(-1, self.config.hidden)
        target, onset = batch.targets.reshape(len(h), -1), batch.onset.reshape(len(h), -1)
        key_root, last, low, stay, weight, played, loud = (
            getattr(batch, name).reshape(-1)
            for name in ("key_root", "last", "low", "stay", "weight", "played", "loud")
        )
        choices = torch.cat((target[:, 0:2], onset, last[:, None], target[:, 2:5]), dim=1)
        low = torch.where(low > target[:, 3], torch.zeros_like(low), low)
        stay = torch.where(target[:, 1] == 0, torch.zeros_like(stay), stay)
        # every position goes through, with weight 0 without a target: oneDNN builds new code for each new shape
        logits = self.heads(h, choices, torch.stack((key_root, low, stay), dim=1))
        sums = []
        for index, (name, _) in enumerate(rep.HEADS):
            loss = functional.cross_entropy(logits[name], target[:, index], reduction="none")
            counts = {"micro": weight * played, "velocity": weight * loud}.get(name, weight)
            sums.append((loss * counts).sum())
        return torch.stack(sums), weight.sum()


def multi_hot(columns: Tensor, width: int) -> Tensor:
    """(N, fields) column numbers -> (N, width) with ones there, bf16 under autocast."""
    kind = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
    return torch.zeros(len(columns), width, dtype=kind, device=columns.device).scatter_(1, columns, 1.0)


def gru_layer(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """One GRU layer over (T, B, features) from the zero state: torch's gates, in bf16, twice as fast as nn.GRU on
    one CPU core for small batches (see _Recurrence)."""
    gates = functional.linear(x.bfloat16(), weight_ih.bfloat16(), bias_ih.bfloat16())
    result: Tensor = _Recurrence.apply(gates, weight_hh, bias_hh)
    return result


class _Recurrence(torch.autograd.Function):
    """The recurrent half of a GRU layer on a CPU: the matrix is packed once per call, the gates of a step are
    numba loops, and the matrix's gradient is one product over all steps."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, windows, width = gates.shape
        size = width // 3
        step = _packed(weight, windows)
        states = torch.zeros(steps + 1, windows, size)
        saved = torch.empty(steps, windows, 4, size)
        halves = torch.zeros(steps + 1, windows, size, dtype=torch.bfloat16)
        bits, store, state, half = (
            gates.contiguous().view(torch.int16).numpy(),
            saved.numpy(),
            states.numpy(),
            halves.view(torch.int16).numpy(),
        )
        offset = bias.detach().float().numpy()
        for t in range(steps):
            product = step(halves[t]).view(torch.int16).numpy()
            gru_forward_step(bits[t], product, offset, state[t], store[t], state[t + 1], half[t + 1])
        ctx.save_for_backward(states, saved, halves, weight)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, saved, halves, weight = ctx.saved_tensors
        grad = grads[0].float().contiguous().numpy()
        steps, windows, _, size = saved.shape
        step = _packed(weight.t().contiguous(), windows)
        gate_side = torch.empty(steps, windows, 3 * size, dtype=torch.bfloat16)
        state_side = torch.empty(steps, windows, 3 * size, dtype=torch.bfloat16)
        gate_bits, state_bits = gate_side.view(torch.int16).numpy(), state_side.view(torch.int16).numpy()
        before, store = states.numpy(), saved.numpy()
        carry = np.zeros((windows, size), dtype=np.float32)
        product = np.zeros((windows, size), dtype=np.int16)
        for t in range(steps - 1, -1, -1):
            gru_backward_step(grad[t], product, store[t], before[t], carry, gate_bits[t], state_bits[t])
            product = step(state_side[t]).view(torch.int16).numpy()
        flat = state_side.reshape(-1, 3 * size)
        grad_weight = (flat.t() @ halves[:-1].reshape(-1, size)).float()
        return gate_side, grad_weight, flat.float().sum(0)


def _packed(weight: Tensor, rows: int) -> Callable[[Tensor], Tensor]:
    """x -> x @ weight.T in bf16, with the matrix packed for oneDNN where it is there."""
    half = weight.detach().bfloat16()
    if torch.backends.mkldnn.is_available():
        ops = torch.ops.mkldnn
        packed = ops._reorder_linear_weight(half, rows)
        return lambda x: ops._linear_pointwise(x, packed, None, "none", [], "")
    turned = half.t().contiguous()
    return lambda x: x @ turned
