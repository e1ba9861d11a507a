"""The network in torch, for training and for the parity test of the reader (see reader for what it computes).

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...music.networks.gru import gru_layer

__all__ = ["SpeechNetwork"]


class SpeechNetwork(nn.Module):
    """Parameters named as in reader.shapes. config: letters, chunks, embedding, hidden, layers."""

    def __init__(self, config: dict[str, Any], dropout: float = 0.0) -> None:
        super().__init__()
        self.layers, self.drop = int(config["layers"]), dropout
        hidden, width = int(config["hidden"]), int(config["embedding"])
        self.letters = nn.Embedding(int(config["letters"]), width)
        self.gru = nn.GRU(width, hidden, self.layers, bidirectional=True)
        self.out = nn.Linear(2 * hidden, int(config["chunks"]))
        for name, weight in self.gru.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.data.chunk(3):
                    nn.init.orthogonal_(block)

    def forward(self, letters: Tensor) -> Tensor:
        """(T, B) letters of words of one length -> (T, B, chunks) scores."""
        x = self.letters(letters)
        for layer in range(self.layers):
            x = torch.cat((self._pass(x, f"l{layer}"), self._pass(x.flip(0), f"l{layer}_reverse").flip(0)), dim=2)
            if self.training:  # one mask per word, the same at every letter: kind to a recurrence, and cheap
                keep = torch.rand(1, x.shape[1], x.shape[2]) >= self.drop
                x = x * (keep / (1 - self.drop))
        return functional.linear(x, self.out.weight, self.out.bias)

    def _pass(self, x: Tensor, name: str) -> Tensor:
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return gru_layer(x, *[getattr(self.gru, f"{kind}_{name}") for kind in kinds])
