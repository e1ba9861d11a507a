"""The recurrent trunk: a stack of GRU layers (Cho et al. 2014), the state of which is a few KB.

Training on a CPU goes through `_Recurrence`, faster than nn.GRU on one core for small batches. On a GPU, and for
scoring, nn.GRU does the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...arithmetic import gru_backward_step, gru_forward_step

__all__ = ["GruTrunk"]


class GruTrunk(nn.GRU):
    """(T, B, embedding) -> (T, B, hidden), every window from the zero state."""

    def __init__(self, embedding: int, hidden: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__(embedding, hidden, layers)
        self.drop = dropout
        for name, weight in self.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.data.chunk(3):
                    nn.init.orthogonal_(block)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """See the class."""
        if not self.training or x.is_cuda:
            return super().forward(x.float())[0]
        for layer in range(self.num_layers):
            w = [getattr(self, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            x = gru_layer(x, *w)
            if self.drop:  # one mask per window, the same at every step: kind to a recurrence, and cheap
                keep = torch.rand(1, x.shape[1], x.shape[2]) >= self.drop
                x = x * (keep / (1 - self.drop)).to(x.dtype)
        return x


def gru_layer(x: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """One GRU layer over (T, B, features) from the zero state, with torch's gates (see _Recurrence)."""
    gates = functional.linear(x, weight_ih.to(x.dtype), bias_ih.to(x.dtype)).float()
    result: Tensor = _Recurrence.apply(gates, weight_hh, bias_hh)
    return result


class _Recurrence(torch.autograd.Function):
    """The recurrent half of a GRU layer on a CPU in fp32: one product and one numba loop a step, no autograd graph
    inside, and the matrix's gradient is one product over all steps."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, windows, width = gates.shape
        size = width // 3
        turned = weight.detach().t().contiguous()
        states = torch.zeros(steps + 1, windows, size)
        saved, product = torch.empty(steps, windows, 4, size), torch.empty(windows, width)
        inputs, offset = gates.contiguous().numpy(), bias.detach().numpy()
        store, state, result = saved.numpy(), states.numpy(), product.numpy()
        for t in range(steps):
            torch.mm(states[t], turned, out=product)
            gru_forward_step(inputs[t], result, offset, state[t], store[t], state[t + 1])
        ctx.save_for_backward(states, saved, weight)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, saved, weight = ctx.saved_tensors
        grad = grads[0].float().contiguous().numpy()
        steps, windows, _, size = saved.shape
        gate_side, state_side = (torch.empty(steps, windows, 3 * size) for _ in range(2))
        gates, sides, before, store = gate_side.numpy(), state_side.numpy(), states.numpy(), saved.numpy()
        carry = np.zeros((windows, size), dtype=np.float32)
        product = torch.zeros(windows, size)
        sent = product.numpy()
        for t in range(steps - 1, -1, -1):
            gru_backward_step(grad[t], sent, store[t], before[t], carry, gates[t], sides[t])
            torch.mm(state_side[t], weight, out=product)
        flat = state_side.reshape(-1, 3 * size)
        return gate_side, flat.t() @ states[:-1].reshape(-1, size), flat.sum(0)
