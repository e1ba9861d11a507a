"""A recurrent network that writes four-part chorales 16th by 16th, voice by voice.

A recurrent core reads whole beats; heads write the 16ths of the present beat from its state, the last 16th, the
voices already written, and what `recall` found. Pitches are counted from the tonic of the first chord and, a second
time, from the voice's last pitch, so what is learned in one key holds in all.

Every logit sees earlier tokens only: earlier 16ths, and in its own 16th the voices written before it.
Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from .chorales import CLASSES, KEYED, PITCHES, REST, Batch
from .recall import LENGTHS, NO_DELTA, POINTERS, REST_DELTA, SPAN, VISIBLE

__all__ = ["ChoraleNet"]

RELATIVE = 24
_NEAR = 2 * RELATIVE + 1
STEPS = 2 * RELATIVE + 2
"""Classes of an interval: -24..24 half tones (clipped), and a rest on either side."""
AGES = (2, 3, 4, 5, 7, 9, 13, 17)
"""Where the classes of how long a pitch has been held begin, in 16ths; shorter is class 0."""
CLOCK = (16, 12, 8)
"""Sizes of the classes of `clock`."""


# --- what is known before a token, as classes


def past(batch: Batch, back: int) -> Tensor:
    """(b, t, 4) the tokens `back` 16ths ago in the key of now; rests before the beginning."""
    shifted = F.pad(batch.tokens[:, :-back], (0, 0, back, 0), value=REST)
    change = F.pad(batch.key[:, :-back], (back, 0)) - batch.key
    return torch.where(shifted == REST, REST, (shifted + change[..., None]).clamp(0, KEYED - 1))


def held(batch: Batch) -> Tensor:
    """(b, t, 4) class of how long the pitch of one 16th ago has been held."""
    pitches = torch.where(batch.tokens == REST, -1, batch.tokens + batch.key[..., None])
    same = F.pad(pitches[:, 1:] == pitches[:, :-1], (0, 0, 1, 0))
    place = torch.arange(pitches.shape[1])[None, :, None].expand_as(pitches)
    began = torch.cummax(torch.where(same, 0, place), dim=1).values
    length = F.pad((place - began + 1)[:, :-1], (0, 0, 1, 0))
    return torch.bucketize(length, torch.tensor(AGES), right=True)


def clock(frames: Tensor) -> Tensor:
    """(n,) 16ths since the beginning -> (n, 3): place in four beats, in three beats, and which four beats."""
    return torch.stack([frames % 16, frames % 12, (frames // 16).clamp(max=7)], -1)


def _step(to: Tensor, start: Tensor) -> Tensor:
    silent = (to == REST) | (start == REST)
    return torch.where(silent, STEPS - 1, (to - start).clamp(-RELATIVE, RELATIVE) + RELATIVE)


def _chord(tokens: Tensor) -> Tensor:
    """(b, n, 6) the intervals between the voices."""
    return torch.stack([_step(tokens[..., a], tokens[..., b]) for a in range(4) for b in range(a)], -1)


def _tone(tokens: Tensor) -> Tensor:
    return torch.where(tokens == REST, 0, tokens % 12)


def _allowed(key: Tensor) -> Tensor:
    """(b, n) keys -> (b, n, CLASSES): the classes that are pitches 36..81 in this key, and the rest."""
    classes = torch.arange(CLASSES)
    pitch = classes - 11 + key[..., None]
    return ((pitch >= 0) & (pitch < PITCHES)) | (classes == REST)


# --- layers


class Bag(nn.Module):
    """Sum of one learned vector per field: a linear layer on one-hot inputs. In training fields are left out."""

    starts: Tensor

    def __init__(self, sizes: Sequence[int], width: int, missing: float = 0.0) -> None:
        """missing: the share of fields left out in training."""
        super().__init__()
        self.missing = missing
        self.register_buffer("starts", torch.tensor([0, *np.cumsum(sizes)[:-1].tolist()]))
        self.table = nn.Parameter(torch.randn(int(sum(sizes)), width) / math.sqrt(len(sizes)))

    def forward(self, classes: Tensor) -> Tensor:
        """(..., fields) -> (..., width)."""
        flat = (classes + self.starts).flatten(0, -2)
        kept = drop(torch.ones(flat.shape), self.missing, self.training)
        summed = F.embedding_bag(flat, self.table, mode="sum", per_sample_weights=kept)
        return summed.view(*classes.shape[:-1], -1)


def drop(values: Tensor, rate: float, training: bool) -> Tensor:
    """Dropout with one random byte per value: several times faster on a CPU than drawing floats."""
    if not training or not rate:
        return values
    count, limit = values.numel(), round(256 * rate)
    noise = torch.empty(count // 8 + 1, dtype=torch.int64).random_(-(2**63), None).view(torch.uint8)
    return values * (noise[:count].view(values.shape) >= limit).to(values.dtype) * (256 / (256 - limit))


def drop_whole(values: Tensor, rate: float, training: bool) -> Tensor:
    """Variational dropout: one mask per piece, the same at every time. values (b, t, n)."""
    if not training or not rate:
        return values
    return values * drop(torch.ones(values.shape[0], 1, values.shape[2]), rate, True)


class Head(nn.Module):
    """Writes one 16th, voice by voice: each sees the state, the last 16th and the voices already written."""

    def __init__(self, state: int, width: int, dropout: float, missing: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.read = nn.ModuleList(nn.Linear(state, width) for _ in range(4))
        self.first, self.second = (nn.ModuleList(nn.LayerNorm(width) for _ in range(4)) for _ in range(2))
        self.deep = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        self.out = nn.ModuleList(nn.Linear(width, CLASSES + _NEAR + POINTERS) for _ in range(4))
        self.trust = nn.Parameter(torch.zeros(4, POINTERS, LENGTHS))
        self.common = Bag([12, STEPS] * 4 + [len(AGES) + 1] * 4 + [STEPS] * 6 + [12, *CLOCK], width, missing)
        self.bags = nn.ModuleList(Bag([CLASSES] + [12, STEPS, STEPS] * voice, width, missing) for voice in range(4))

    def forward(
        self, state: Tensor, now: Tensor, last: Tensor, before: Tensor, age: Tensor, key: Tensor,
        frames: Tensor, recalled: Tensor | None,
    ) -> Tensor:  # fmt: skip
        """(b, n, 4) each -> (b, n, 4, CLASSES) log probabilities.

        state (b, n, state). now, last, before: the tokens of this 16th, of the last and of the one before it; a voice
        reads those of `now` that are written before it.
        recalled (b, n, POINTERS, 5): what was recalled at `before`, if anything.
        """
        fields = [torch.stack([_tone(last), _step(last, before)], -1).flatten(-2), age, _chord(last), key[..., None]]
        common = self.common(torch.cat([*fields, clock(frames).expand(*now.shape[:2], 3)], -1))
        allowed, places, log_probs = _allowed(key), torch.arange(CLASSES), []
        for voice in range(4):
            mine, written = last[..., voice : voice + 1], now[..., :voice]
            fresh = torch.stack([_tone(written), _step(written, mine), _step(written, last[..., :voice])], -1)
            hidden = self.read[voice](state) + common
            hidden = hidden + self.bags[voice](torch.cat([mine, fresh.flatten(-2)], -1))
            hidden = drop(F.gelu(self.first[voice](hidden)), self.dropout, self.training)
            hidden = hidden + F.gelu(self.second[voice](self.deep[voice](hidden)))
            out = self.out[voice](drop(hidden, self.dropout, self.training))
            away = places - mine
            near = out[..., CLASSES : CLASSES + _NEAR].gather(-1, (away + RELATIVE).clamp(0, 2 * RELATIVE))
            fits = (away.abs() <= RELATIVE) & (mine != REST) & (places != REST)
            total = out[..., :CLASSES] + torch.where(fits, near, 0.0)
            if recalled is not None:
                mood = out[..., CLASSES + _NEAR :]
                total = self._copy(total, mood, voice, before[..., voice : voice + 1], recalled)
            log_probs.append(total.masked_fill(~allowed, -1e9).log_softmax(-1))
        return torch.stack(log_probs, -2)

    def _copy(self, logits: Tensor, mood: Tensor, voice: int, before: Tensor, recalled: Tensor) -> Tensor:
        """Raise the logit of each offered pitch by a learned amount for the pointer and the length of its match,
        which the present state may double or cancel. As few numbers as that cannot learn pieces by heart."""
        seen = VISIBLE[voice]
        length, delta = recalled[:, :, :seen, 0], recalled[:, :, :seen, 1 + voice]
        trust = self.trust[voice, torch.arange(seen), length] * 2 * mood[..., :seen].sigmoid()
        trust = trust.masked_fill(delta == NO_DELTA, 0.0)
        offered = torch.where(delta == REST_DELTA, REST, (before + delta - SPAN).clamp(0, KEYED - 1))
        return logits.scatter_add(-1, offered, trust)


class ChoraleNet(nn.Module):
    """The core reads beats; three heads write the first 16th of a beat, the third, and the other two.

    Only one note in a hundred begins on the second or fourth 16th of a beat, so their head is small.
    """

    def __init__(
        self, hidden: int = 256, layers: int = 1, width: int = 176, small: int = 48, dropout: float = 0.4,
        missing: float = 0.25,
    ) -> None:  # fmt: skip
        """hidden: of the core; width, small: of the heads; missing: see `Bag`."""
        super().__init__()
        self.dropout = dropout
        read = [12, STEPS, STEPS, 12, STEPS] * 4 + [CLASSES] * 2 + [len(AGES) + 1] * 4 + [STEPS] * 6
        self.enter = Bag([*read, 12, *CLOCK], hidden, missing)
        self.core = nn.ModuleList(nn.LSTM(hidden, hidden, batch_first=True) for _ in range(layers))
        self.heads = nn.ModuleList(Head(hidden, n, dropout, missing) for n in (width, width, small))

    def forward(self, batch: Batch) -> Tensor:
        """(b, t, 4, CLASSES) log probabilities of every token's class."""
        last, before, age = past(batch, 1), past(batch, 2), held(batch)
        frames = torch.arange(batch.tokens.shape[1])
        state = drop_whole(self.enter(self._beats(batch, last, age)), self.dropout, self.training)
        for layer in self.core:
            state = drop_whole(state + layer(state)[0], self.dropout, self.training)
        result = torch.empty(*batch.tokens.shape, CLASSES)
        for head, first, stride in zip(self.heads, (0, 2, 1), (4, 4, 2), strict=True):
            here, halves = slice(first, None, stride), slice(first // 2, None, stride // 2)
            result[:, here] = head(
                state.repeat_interleave(4 // stride, 1), batch.tokens[:, here], last[:, here], before[:, here],
                age[:, here], batch.key[:, here], frames[here], batch.recalled[:, halves] if stride == 4 else None,
            )  # fmt: skip
        return result

    def _beats(self, batch: Batch, last: Tensor, age: Tensor) -> Tensor:
        """(b, beats, fields) what is read at the beginning of each beat: the beat before it."""
        end, key = last[:, 0::4], batch.key[:, 0::4]
        middle, start, older = (past(batch, back)[:, 0::4] for back in (2, 4, 8))
        lines = [_tone(end), _step(end, middle), _step(middle, start), _tone(start), _step(start, older)]
        time = clock(torch.arange(batch.tokens.shape[1])[0::4]).expand(*key.shape, 3)
        fields = [torch.stack(lines, -1).flatten(-2), end[..., :2], age[:, 0::4], _chord(end), key[..., None], time]
        return torch.cat(fields, -1)
