"""The network in torch, for training and for the parity test of the kernels (see model for what it computes).

The loss over a vocabulary of thousands is estimated in training: the OFTEN most frequent tokens always count, and
SOME of the others, drawn anew for each step, count for all of them (importance sampling: Bengio and Senécal 2008).

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...arithmetic import gru_backward_step, gru_forward_step
from . import text

__all__ = ["OFTEN", "SOME", "LanguageNetwork", "initial"]

OFTEN, SOME = 1024, 1024
_PIECE = text.SPECIALS.index(text.PIECE)


class _Words(nn.Module):
    """A vector and a bias for every word, shared by the way in and the way out."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(words, width))
        self.bias = nn.Parameter(torch.zeros(words))

    def forward(self, tokens: Tensor) -> Tensor:
        return functional.embedding(tokens, self.weight)


class LanguageNetwork(nn.Module):
    """Parameters named as in model.shapes. config: words, styles, embedding, hidden, layers, topics."""

    def __init__(self, config: dict[str, Any], topics: Tensor, dropout: float = 0.0) -> None:
        """topics: (words, topics) topic vectors, which stay as they are."""
        super().__init__()
        self.config, self.drop = config, dropout
        width, hidden = int(config["embedding"]), int(config["hidden"])
        self.words = _Words(int(config["words"]), width)
        self.styles = nn.Embedding(int(config["styles"]), width)
        self.topics = nn.Embedding.from_pretrained(topics, freeze=True)
        self.theme_in = nn.Linear(topics.shape[1], width, bias=False)
        self.theme_out = nn.Linear(topics.shape[1], width, bias=False)
        self.trunk = nn.GRU(width, hidden, int(config["layers"]))
        self.head = nn.Linear(hidden, width)
        nn.init.normal_(self.styles.weight, std=0.1)
        for name, weight in self.trunk.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.data.chunk(3):
                    nn.init.orthogonal_(block)

    def forward(self, tokens: Tensor, styles: Tensor, themes: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
        """((T, B, embedding) what is compared with every word's vector, states after the last token).

        tokens (T, B) ids; styles (T, B, 2) ids, -1 for none; themes (T, B, topics); states (layers, B, hidden), set
        to zero where a token is PIECE.
        """
        style = self.styles(styles.clamp(min=0)) * (styles >= 0).unsqueeze(-1)
        x = self.words(tokens) + style.sum(2) + self.theme_in(themes)
        keep = (tokens != _PIECE).float()
        after = []
        for layer in range(self.trunk.num_layers):
            x = functional.dropout(x, self.drop, self.training)
            w = [getattr(self.trunk, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            x = _Recurrence.apply(functional.linear(x, w[0], w[2]), w[1], w[3], states[layer], keep)
            after.append(x[-1].detach())
        x = functional.dropout(x, self.drop, self.training)
        return self.head(x) + self.theme_out(themes), torch.stack(after)

    def logits(self, out: Tensor) -> Tensor:
        """(..., words) from what forward gives."""
        return functional.linear(out, self.words.weight, self.words.bias)

    def loss(self, out: Tensor, targets: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Mean nats a token. out (N, embedding), targets (N,). generator: estimate over some of the words."""
        size = len(self.words.weight)
        if generator is None or size <= OFTEN + SOME:
            return functional.cross_entropy(self.logits(out), targets)
        some = OFTEN + torch.randperm(size - OFTEN, generator=generator)[:SOME]
        rows = torch.cat([self.words.weight[:OFTEN], self.words.weight[some]])
        bias = torch.cat([self.words.bias[:OFTEN], self.words.bias[some] + math.log((size - OFTEN) / SOME)])
        logits = functional.linear(out, rows, bias)
        own = (out * self.words(targets)).sum(-1) + self.words.bias[targets]
        place = torch.full((size,), -1)
        place[some] = OFTEN + torch.arange(SOME)
        twice = torch.nonzero(place[targets] >= 0).squeeze(1)  # drawn and target: counted as the target only
        mask = torch.zeros_like(logits)
        mask[twice, place[targets[twice]]] = -math.inf
        extra = torch.where(targets < OFTEN, torch.full_like(own, -math.inf), own)
        total = torch.cat([logits + mask, extra.unsqueeze(1)], dim=1).logsumexp(1)
        return (total - own).mean()


class _Recurrence(torch.autograd.Function):
    """The recurrent half of a GRU layer from given states: one product and one numba loop a step (as
    models/music/networks/gru.py, which begins at zero). keep (T, B): 0 where the state begins anew."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, weight: Tensor, bias: Tensor, start: Tensor, keep: Tensor) -> Tensor:
        steps, streams, width = gates.shape
        size = width // 3
        turned = weight.detach().t().contiguous()
        before, after = torch.empty(steps, streams, size), torch.empty(steps, streams, size)
        saved, product = torch.empty(steps, streams, 4, size), torch.empty(streams, width)
        inputs, offset = gates.detach().contiguous().numpy(), bias.detach().numpy()
        store, old, new, result = saved.numpy(), before.numpy(), after.numpy(), product.numpy()
        for t in range(steps):
            torch.mul(after[t - 1] if t else start, keep[t].unsqueeze(1), out=before[t])
            torch.mm(before[t], turned, out=product)
            gru_forward_step(inputs[t], result, offset, old[t], store[t], new[t])
        ctx.save_for_backward(before, saved, weight, keep)
        return after

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        before, saved, weight, keep = ctx.saved_tensors
        grad = grads[0].contiguous().numpy()
        steps, streams, _, size = saved.shape
        gate_side, state_side = (torch.empty(steps, streams, 3 * size) for _ in range(2))
        gates, sides, old, store = gate_side.numpy(), state_side.numpy(), before.numpy(), saved.numpy()
        carried, product = torch.zeros(streams, size), torch.zeros(streams, size)
        carry, sent = carried.numpy(), product.numpy()
        for t in range(steps - 1, -1, -1):
            gru_backward_step(grad[t], sent, store[t], old[t], carry, gates[t], sides[t])
            torch.mm(state_side[t], weight, out=product)
            product.mul_(keep[t].unsqueeze(1))
            carried.mul_(keep[t].unsqueeze(1))
        flat: Tensor = state_side.reshape(-1, 3 * size)
        return gate_side, flat.t() @ before.reshape(-1, size), flat.sum(0), None, None


def initial(network: LanguageNetwork, vectors: NDArray[np.float32], counts: NDArray[np.int64]) -> None:
    """Begin from word vectors of length 1 (words, embedding) and the counts of the words (words,)."""
    with torch.no_grad():
        network.words.weight.copy_(torch.from_numpy(vectors) * 2.0 + 0.05 * torch.randn(vectors.shape))
        share = torch.from_numpy((counts + 0.5) / (counts + 0.5).sum()).float()
        network.words.bias.copy_(share.log())
