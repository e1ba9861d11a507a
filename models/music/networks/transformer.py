"""The transformer trunk: a causal convolution over the last four events, then grouped-query attention and SwiGLU.

The convolution is what makes a small transformer learn music in minutes: without it, looking at the last few notes
has to be learned by attention first. Constants and head sizes are those of models/trunks/transformer.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...trunks.layers import EPSILON
from ...trunks.transformer import KV_HEADS, WIDTH, WINDOW, feed_width, frequencies, head_count

__all__ = ["TransformerTrunk"]


class TransformerTrunk(nn.Module):
    """(T, B, embedding) -> (T, B, hidden), every window from nothing heard."""

    def __init__(self, embedding: int, hidden: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.front = nn.Linear(WIDTH * embedding, hidden)
        self.blocks = nn.ModuleList(Block(hidden, layers, dropout) for _ in range(layers))
        self.norm = nn.RMSNorm(hidden, eps=EPSILON)
        self.size = hidden // head_count(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        steps = len(x)
        past = functional.pad(x, (0, 0, 0, 0, WIDTH - 1, 0))
        stream = self.front(torch.cat([past[k : k + steps] for k in range(WIDTH)], dim=2)).transpose(0, 1).float()
        angles = torch.arange(steps)[:, None] * torch.from_numpy(frequencies(self.size))
        turn = torch.stack((angles.cos(), angles.sin())).float().to(x.device)
        near = None if steps <= WINDOW else window(steps).to(x.device)
        for block in self.blocks:
            stream = block(stream, turn, near)
        result: Tensor = self.norm(stream).transpose(0, 1)
        return result


class Block(nn.Module):
    """Attention, then SwiGLU, each added to the stream (B, T, hidden)."""

    def __init__(self, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.heads, feed = head_count(hidden), feed_width(hidden)
        self.size = hidden // self.heads
        self.attend_norm = nn.RMSNorm(hidden, eps=EPSILON)
        self.attend = nn.Linear(hidden, hidden + 2 * KV_HEADS * self.size, bias=False)
        self.attend_out = nn.Linear(hidden, hidden, bias=False)
        self.feed_norm = nn.RMSNorm(hidden, eps=EPSILON)
        self.feed = nn.Linear(hidden, 2 * feed, bias=False)
        self.feed_out = nn.Linear(feed, hidden, bias=False)
        self.dropout = nn.Dropout(dropout)
        for out in (self.attend_out, self.feed_out):  # so that the stream starts out no wider than one block makes it
            out.weight.data *= (2 * layers) ** -0.5

    def forward(self, stream: Tensor, turn: Tensor, near: Tensor | None) -> Tensor:
        """turn (2, T, size / 2): cosines and sines of the positions; near (T, T): who sees whom, None = all past."""
        windows, steps, hidden = stream.shape
        rows = self.attend(self.attend_norm(stream)).view(windows, steps, -1, self.size).transpose(1, 2)
        queries, keys, values = rows.split((self.heads, KV_HEADS, KV_HEADS), dim=1)
        group = self.heads // KV_HEADS
        mixed = functional.scaled_dot_product_attention(
            rotate(queries, turn),
            rotate(keys, turn).repeat_interleave(group, dim=1),
            values.repeat_interleave(group, dim=1),
            attn_mask=near,
            is_causal=near is None,
        )
        stream = stream + self.dropout(self.attend_out(mixed.transpose(1, 2).reshape(windows, steps, hidden)))
        gates, inner = self.feed(self.feed_norm(stream)).chunk(2, dim=2)
        result: Tensor = stream + self.dropout(self.feed_out(functional.silu(gates) * inner))
        return result


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021) of (B, heads, T, size): pairs (i, i + size / 2)."""
    cosine, sine = turn.to(x.dtype)
    a, b = x.chunk(2, dim=3)
    return torch.cat((a * cosine - b * sine, b * cosine + a * sine), dim=3)


def window(steps: int) -> Tensor:
    """(T, T) true where position i (row) sees position j: not after it, and less than WINDOW before."""
    apart = torch.arange(steps)[:, None] - torch.arange(steps)
    return (apart >= 0) & (apart < WINDOW)
