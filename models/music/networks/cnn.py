"""The CNN trunk: dilated causal convolutions with gates, after WaveNet (van den Oord et al. 2016).

Dilations are those of models/trunks/cnn.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...trunks.cnn import dilation
from ...trunks.layers import EPSILON

__all__ = ["CnnTrunk"]


class CnnTrunk(nn.Module):
    """(T, B, embedding) -> (T, B, hidden), every window from nothing heard."""

    def __init__(self, embedding: int, hidden: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.front = nn.Linear(embedding, hidden)
        self.blocks = nn.ModuleList(Block(hidden, layers, dilation(layer), dropout) for layer in range(layers))
        self.norm = nn.RMSNorm(hidden, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        stream = self.front(x).float()
        for block in self.blocks:
            stream = block(stream)
        result: Tensor = self.norm(stream)
        return result


class Block(nn.Module):
    """A gated convolution of width 2, added to the stream (T, B, hidden)."""

    def __init__(self, hidden: int, layers: int, apart: int, dropout: float) -> None:
        super().__init__()
        self.apart = apart
        self.norm = nn.RMSNorm(hidden, eps=EPSILON)
        self.taps = nn.Linear(2 * hidden, 2 * hidden)
        self.out = nn.Linear(hidden, hidden, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.out.weight.data *= layers**-0.5  # so that the stream starts out no wider than one block makes it

    def forward(self, stream: Tensor) -> Tensor:
        """See the class."""
        calm = self.norm(stream)
        earlier = functional.pad(calm, (0, 0, 0, 0, self.apart, 0))[: len(calm)]
        gates, values = self.taps(torch.cat((earlier, calm), dim=2)).chunk(2, dim=2)
        result: Tensor = stream + self.dropout(self.out(functional.silu(gates) * values))
        return result
