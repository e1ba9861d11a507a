"""JSB Chorales on the 16th grid: nats per voice token, on the published split.

Protocol (P3): one token per voice and 16th, every token predicted from all tokens before it in one fixed order
(soprano, bass, alto, tenor within a 16th), no chord tokens, no end token, natural logarithm, mean over all tokens of
all pieces. Held and repeated notes are not told apart in this data set: a token is a pitch (36..81) or a rest.

Run: `python -m models.music.published.jsb --data FOLDER --minutes 25 --out RUN`. Choices were made on the valid part.
Threads: offline, one thread. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from aigc_music.core.errors import FileError, UsageError

from .recall import DELTAS, LENGTHS, NO_DELTA, POINTERS, recall

__all__ = ["Chorale", "ChoraleNet", "evaluate", "load", "train", "transpose"]

IntArray = NDArray[np.integer]

ARCHIVE, MEMBER = "music_jsb_chorales.zip", "jsb16_separated.json"
ORDER = (0, 3, 1, 2)
"""Soprano, bass, alto, tenor: the outer voices first, as TonicNet has them; the file's columns are S, A, T, B."""

LOW, HIGH = 36, 81
PITCHES = HIGH - LOW + 1
KEYED = PITCHES + 11
"""Pitches counted from a tonic: a pitch p in key k (0..11) is p - 36 + 11 - k, so 0..56; the rest comes after."""
REST = KEYED
CLASSES = KEYED + 1
RELATIVE = 24
AGES = np.array([2, 3, 4, 5, 7, 9, 13, 17])


class Chorale(NamedTuple):
    """One piece. pitches (16ths, 4): MIDI pitch or -1; recalled (half beats, POINTERS, 5): see `recall`."""

    name: str
    pitches: IntArray
    recalled: IntArray


class Batch(NamedTuple):
    """tokens (b, t, 4) keyed classes in the order of writing; key (b, t): tonic in use; recalled (b, t / 2, ...)."""

    tokens: Tensor
    key: Tensor
    tonic: Tensor
    recalled: Tensor
    mask: Tensor


# --- data


def load(folder: str | Path) -> dict[str, list[Chorale]]:
    """The parts train, valid and test. Raises FileError when the archive is not in `folder` or not as expected."""
    path = Path(folder) / ARCHIVE
    try:
        with zipfile.ZipFile(path) as archive:
            parts = json.loads(archive.read(MEMBER))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FileError(f"cannot read {MEMBER} of {path}: {error}; the folder must hold {ARCHIVE}") from error
    grids = {part: [np.array(grid, np.int64) for grid in pieces.values()] for part, pieces in parts.items()}
    for part, pieces in grids.items():
        for name, grid in zip(parts[part], pieces, strict=True):
            if not ((grid == -1) | ((grid >= LOW) & (grid <= HIGH))).all() or grid.shape[1:] != (4,) or len(grid) % 4:
                raise FileError(f"{part}/{name} of {path} is not rows of four pitches {LOW}..{HIGH} or -1")
    library = [grid[::2] for grid in grids["train"]]
    return {
        part: [
            Chorale(name, grid, found)
            for name, grid, found in zip(
                parts[part], pieces, recall([g[::2] for g in pieces], library, same=part == "train"), strict=True
            )
        ]
        for part, pieces in grids.items()
    }


def voice_ranges(pieces: Sequence[Chorale]) -> IntArray:
    """(4, 2): lowest and highest pitch of each voice."""
    sounding = [np.concatenate([p.pitches[:, v] for p in pieces]) for v in range(4)]
    return np.array([(column[column >= 0].min(), column.max()) for column in sounding])


def room(pitches: IntArray, ranges: IntArray) -> tuple[int, int]:
    """How many half tones down and up a piece can go with every voice inside `ranges`."""
    down, up = -12, 12
    for voice, (low, high) in enumerate(ranges):
        column = pitches[:, voice][pitches[:, voice] >= 0]
        if len(column):
            down, up = max(down, int(low - column.min())), min(up, int(high - column.max()))
    return min(down, 0), max(up, 0)


def transpose(pitches: IntArray, steps: int) -> IntArray:
    """Move all sounding notes by `steps` half tones; rests stay."""
    return np.where(pitches >= 0, pitches + steps, pitches)


def tonic(frame: Sequence[int]) -> int:
    """A guess at the key from the first chord (0..11): root of a plain triad, else the lowest note; 0 for silence."""
    sounding = [int(p) for p in frame if p >= 0]
    if not sounding:
        return 0
    classes, bass = {p % 12 for p in sounding}, min(sounding) % 12
    for root in [bass, *sorted(classes)]:
        for third in (4, 3):
            if classes <= {root, (root + third) % 12, (root + 7) % 12}:
                return root
    return bass


def collate(pieces: Sequence[Chorale], moves: Sequence[int], keys: Sequence[int] | None = None) -> Batch:
    """Pad to the longest. moves: half tones up per piece; keys: tonic to count from, else guessed from frame 0.

    The key is in use from the second 16th on: the first is written before anything is known, from key 0.
    """
    frames = max(len(p.pitches) for p in pieces)
    tokens = torch.full((len(pieces), frames, 4), REST)
    key = torch.zeros(len(pieces), frames, dtype=torch.long)
    tonics = torch.zeros(len(pieces), dtype=torch.long)
    found = torch.full((len(pieces), frames // 2, POINTERS, 5), NO_DELTA)
    mask = torch.zeros(len(pieces), frames)
    for row, (piece, move) in enumerate(zip(pieces, moves, strict=True)):
        n = len(piece.pitches)
        moved = transpose(piece.pitches, move)[:, ORDER]
        tonics[row] = keys[row] if keys is not None else tonic(moved[0])
        key[row, 1:] = tonics[row]
        rising = moved - LOW + 11 - key[row, :n, None].numpy()
        tokens[row, :n] = torch.from_numpy(np.where(moved >= 0, rising, REST))
        found[row, : n // 2] = torch.from_numpy(piece.recalled)
        mask[row, :n] = 1
    found[..., 0] *= found[..., 0] < LENGTHS
    found[..., 1:] = found[..., 1:][..., ORDER]
    return Batch(tokens, key, tonics, found, mask)


# --- features: integer classes of what is known before a token


class Field(NamedTuple):
    """Classes (b, t, n), each below `size`."""

    values: Tensor
    size: int


def _rekey(tokens: Tensor, offset: Tensor) -> Tensor:
    return torch.where(tokens == REST, tokens, (tokens + offset).clamp(0, KEYED - 1))


def _step(to: Tensor, start: Tensor) -> Tensor:
    """Class of the interval from start to to: -24..24 half tones, then a rest on either side."""
    silent = (to == REST) | (start == REST)
    return torch.where(silent, 2 * RELATIVE + 1, (to - start).clamp(-RELATIVE, RELATIVE) + RELATIVE)


STEPS = 2 * RELATIVE + 2


def past(batch: Batch, back: int) -> Tensor:
    """(b, t, 4) the tokens `back` 16ths ago in the key of now; rests before the beginning."""
    shifted = F.pad(batch.tokens[:, :-back], (0, 0, back, 0), value=REST)
    before = F.pad(batch.key[:, :-back], (back, 0))
    return _rekey(shifted, (before - batch.key)[..., None])


def ages(batch: Batch) -> Tensor:
    """(b, t, 4) class of how long the pitch of one 16th ago has been held."""
    raw = torch.where(batch.tokens == REST, -1, batch.tokens + batch.key[..., None])
    same = F.pad((raw[:, 1:] == raw[:, :-1]).long(), (0, 0, 1, 0))
    place = torch.arange(raw.shape[1])[None, :, None].expand_as(raw)
    began = torch.cummax(torch.where(same == 0, place, 0), dim=1).values
    held = F.pad((place - began + 1)[:, :-1], (0, 0, 1, 0))
    return torch.bucketize(held, torch.from_numpy(AGES), right=True)


class Bag(nn.Module):
    """Sum of one learned vector per field: a linear layer on one-hot inputs."""

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.register_buffer("starts", torch.tensor([0, *np.cumsum(sizes)[:-1].tolist()]))
        self.table = nn.Parameter(torch.randn(int(sum(sizes)), width) / math.sqrt(len(sizes)))

    def forward(self, classes: Tensor) -> Tensor:
        flat = (classes + self.starts).flatten(0, -2)
        return F.embedding_bag(flat, self.table, mode="sum").view(*classes.shape[:-1], -1)


def clock(frames: Tensor) -> Tensor:
    """(n,) 16ths since the beginning -> (n, 3): place in a 4/4 bar, in a 3/4 bar, and the bar."""
    return torch.stack([frames % 16, frames % 12, (frames // 16).clamp(max=31)], -1)


CLOCK = (16, 12, 32)


# --- network


def drop(values: Tensor, rate: float, training: bool) -> Tensor:
    """Dropout with one random byte per value: several times faster on a CPU than drawing floats."""
    if not training or not rate:
        return values
    count = values.numel()
    noise = torch.empty(count // 8 + 1, dtype=torch.int64).random_(-(2**63), None).view(torch.uint8)
    limit = round(256 * rate)
    return values * (noise[:count].view(values.shape) >= limit).to(values.dtype) * (256 / (256 - limit))


def drop_whole(values: Tensor, rate: float, training: bool) -> Tensor:
    """Variational dropout: one mask per piece, the same at every time. values (b, t, n)."""
    if not training or not rate:
        return values
    return values * drop(torch.ones(values.shape[0], 1, values.shape[2]), rate, True).to(values.dtype)


class Head(nn.Module):
    """Writes one frame, voice by voice: each sees the state, the last frame and the voices already written."""

    def __init__(self, state: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.read = nn.ModuleList(nn.Linear(state, width) for _ in range(4))
        self.first, self.second = (nn.ModuleList(nn.LayerNorm(width) for _ in range(4)) for _ in range(2))
        self.deep = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        self.out = nn.ModuleList(nn.Linear(width, CLASSES + 2 * RELATIVE + 1) for _ in range(4))
        always = [CLASSES, 12, STEPS] * 4 + [len(AGES) + 1] * 4 + [12, *CLOCK]
        self.bags = nn.ModuleList(Bag(always + [CLASSES, 12, STEPS, STEPS] * voice, width) for voice in range(4))

    def forward(self, states: Sequence[Tensor], now: Tensor, last: Tensor, before: Tensor, age: Tensor, key: Tensor,
                frames: Tensor) -> Tensor:  # fmt: skip
        """(b, n, ...) -> (b, n, 4, CLASSES) log probabilities. states: for the first voice, and for the others."""
        always = [torch.stack([last, _tone(last), _step(last, before)], -1).flatten(-2)]
        always += [age, key[..., None], clock(frames).expand(*now.shape[:2], 3)]
        allowed, places, logits = _allowed(key), torch.arange(CLASSES), []
        for voice in range(4):
            mine, written = last[..., voice : voice + 1], now[..., :voice]
            fresh = [written, _tone(written), _step(written, mine), _step(written, last[..., :voice])]
            hidden = self.read[voice](states[min(voice, 1)])
            hidden = hidden + self.bags[voice](torch.cat([*always, torch.stack(fresh, -1).flatten(-2)], -1))
            hidden = drop(F.gelu(self.first[voice](hidden)), self.dropout, self.training)
            hidden = hidden + F.gelu(self.second[voice](self.deep[voice](hidden)))
            out = self.out[voice](drop(hidden, self.dropout, self.training)).float()
            away = places - mine
            near = out[..., CLASSES:].gather(-1, (away + RELATIVE).clamp(0, 2 * RELATIVE))
            fits = (away.abs() <= RELATIVE) & (mine != REST) & (places != REST)
            total = out[..., :CLASSES] + torch.where(fits, near, 0.0)
            logits.append(total.masked_fill(~allowed, -1e9).log_softmax(-1))
        return torch.stack(logits, -2)


def _tone(tokens: Tensor) -> Tensor:
    return torch.where(tokens == REST, 0, tokens % 12)


def _allowed(key: Tensor) -> Tensor:
    """(b, n) keys -> (b, n, CLASSES): the classes that are pitches 36..81 in this key, and the rest."""
    pitch = torch.arange(CLASSES) - 11 + key[..., None]
    return ((pitch >= 0) & (pitch < PITCHES)) | (torch.arange(CLASSES) == REST)


class ChoraleNet(nn.Module):
    """A recurrent net over beats, and heads that write the 16ths of a beat: the first, the third, and the other two.

    Only one note in a hundred begins on the second or fourth 16th of a beat, so their head is small.
    """

    def __init__(
        self, hidden: int = 384, layers: int = 2, width: int = 256, small: int = 96, offer: int = 192,
        dropout: float = 0.4,
    ) -> None:  # fmt: skip
        super().__init__()
        self.settings = {"hidden": hidden, "layers": layers, "width": width, "small": small, "offer": offer,
                         "dropout": dropout}  # fmt: skip
        self.dropout = dropout
        read = [CLASSES, 12, STEPS, STEPS] * 4 + [CLASSES, 12, STEPS] * 4 + [len(AGES) + 1] * 4 + [STEPS] * 6
        self.enter = Bag([*read, 12, *CLOCK], hidden)
        self.core = nn.ModuleList(nn.LSTM(hidden, hidden, batch_first=True) for _ in range(layers))
        self.places = nn.ModuleList(Bag([LENGTHS * DELTAS] * 4 * n, offer) for n in (POINTERS - 1, POINTERS))
        self.heads = nn.ModuleList(Head(hidden + offer, n, dropout) for n in (width, width, small))

    def forward(self, batch: Batch) -> Tensor:
        """(b, t, 4) log probability of every token."""
        last, age = past(batch, 1), ages(batch)
        frames = torch.arange(batch.tokens.shape[1])
        before = past(batch, 2)
        state = drop_whole(self.enter(self._beats(batch, last, age)), self.dropout, self.training)
        for layer in self.core:
            state = drop_whole(state + layer(state)[0], self.dropout, self.training)
        slots = batch.recalled[..., :1] * DELTAS + batch.recalled[..., 1:]
        offers = [
            drop_whole(F.gelu(bag(slots[:, :, : bag.starts.numel() // 4].flatten(-2))), self.dropout, self.training)
            for bag in self.places
        ]
        result = torch.empty(*batch.tokens.shape, CLASSES)
        for head, first, stride in zip(self.heads, (0, 2, 1), (4, 4, 2), strict=True):
            here = slice(first, None, stride)
            halves = slice(first // 2, None, stride // 2)
            states = [torch.cat([state.repeat_interleave(4 // stride, 1), o[:, halves]], -1) for o in offers]
            result[:, here] = head(
                states, batch.tokens[:, here], last[:, here], before[:, here], age[:, here], batch.key[:, here],
                frames[here],
            )  # fmt: skip
        return result

    def _beats(self, batch: Batch, last: Tensor, age: Tensor) -> Tensor:
        """What is read at the beginning of each beat: the beat before it, so the state knows whole past beats only."""
        end, key = last[:, 0::4], batch.key[:, 0::4]
        middle, start = (past(batch, n)[:, 0::4] for n in (2, 4))
        older = past(batch, 8)[:, 0::4]
        pairs = [_step(end[..., a], end[..., b]) for a in range(4) for b in range(a)]
        fields = [end, _tone(end), _step(end, middle), _step(middle, start), start, _tone(start), _step(start, older)]
        fields = [torch.stack(fields[:4], -1).flatten(-2), torch.stack(fields[4:], -1).flatten(-2), age[:, 0::4]]
        time = clock(torch.arange(batch.tokens.shape[1])[0::4]).expand(*key.shape, 3)
        return torch.cat([*fields, torch.stack(pairs, -1), key[..., None], time], -1)


# --- training and evaluation


def token_nats(net: ChoraleNet, batch: Batch) -> Tensor:
    """(b, t, 4) nats of each token in the order of writing; 0 in the padding."""
    with torch.autocast("cpu", torch.bfloat16, enabled=net.training):
        log_probs = net(batch)
    return -log_probs.gather(-1, batch.tokens[..., None])[..., 0] * batch.mask[..., None]


def by_length(pieces: Sequence[Chorale], size: int) -> Iterator[list[Chorale]]:
    """Batches of pieces of like length: little padding."""
    ordered = sorted(pieces, key=lambda p: len(p.pitches))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def evaluate(nets: Sequence[ChoraleNet], pieces: Sequence[Chorale]) -> dict[str, Any]:
    """Nats per voice token over all tokens of `pieces`; also per frame, per voice, and the mean of the pieces' means.

    With several nets their probabilities are averaged token by token, which is still one causal predictor.
    """
    voices, tokens, means, phases = np.zeros(4), 0, [], np.zeros(4)
    counts = np.zeros(4)
    for net in nets:
        net.eval()
    with torch.no_grad():
        for group in by_length(pieces, 16):
            batch = collate(group, [0] * len(group))
            each = torch.stack([token_nats(net, batch) for net in nets])
            nats = (math.log(len(nets)) - torch.logsumexp(-each, 0)) * batch.mask[..., None]
            voices += nats.sum((0, 1)).double().numpy()
            for phase in range(4):
                phases[phase] += float(nats[:, phase::4].sum())
                counts[phase] += 4 * float(batch.mask[:, phase::4].sum())
            length = batch.mask.sum(1)
            tokens += 4 * int(length.sum())
            means += (nats.sum((1, 2)) / (4 * length)).tolist()
    per_voice = voices / (tokens / 4)
    names = dict(zip(ORDER, per_voice, strict=True))
    return {
        "nats_per_voice_token": float(voices.sum() / tokens),
        "nats_per_frame": float(4 * voices.sum() / tokens),
        "mean_of_pieces": float(np.mean(means)),
        "voices": {name: float(names[i]) for i, name in enumerate(("soprano", "alto", "tenor", "bass"))},
        "by_16th_of_the_beat": (phases / counts).tolist(),
        "tokens": tokens,
        "pieces": len(pieces),
    }


def train(parts: Mapping[str, Sequence[Chorale]], minutes: float, *, seed: int = 1, size: int = 6, rate: float = 2e-3,
          decay: float = 0.02, wrong_key: float = 0.1, shift: int = 12, every: float = 60.0, log: Any = print,
          max_steps: int | None = None, **settings: Any) -> ChoraleNet:  # fmt: skip
    """Train for `minutes` of this process's CPU time; returns the net with averaged weights."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = ChoraleNet(**settings)
    mean = copy.deepcopy(net)
    plain = [p for p in net.parameters() if p.ndim < 2]
    heavy = [p for p in net.parameters() if p.ndim >= 2]
    groups = [{"params": heavy, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)
    ranges = voice_ranges(parts["train"])
    rooms = {p.name: room(p.pitches, ranges) for p in parts["train"]}
    start, step, epoch, told, running = time.process_time(), 0, 0, 0.0, 0.0
    while True:
        jittered = sorted(parts["train"], key=lambda p: len(p.pitches) * random.uniform(0.85, 1.18))
        groups_ = [jittered[i : i + size] for i in range(0, len(jittered), size)]
        for index in random.permutation(len(groups_)):
            group = groups_[index]
            done = (time.process_time() - start) / (60 * minutes)
            if done >= 1 or step == max_steps:
                return mean
            moves = []
            for piece in group:
                down, up = rooms[piece.name]
                moves.append(int(random.integers(max(down, -shift), min(up, shift) + 1)))
            batch = collate(group, moves)
            if wrong_key:
                keys = [int(random.integers(12)) if random.random() < wrong_key else int(k) for k in batch.tonic]
                batch = collate(group, moves, keys)
            net.train()
            loss = token_nats(net, batch).sum() / (4 * batch.mask.sum())
            warm = min(1.0, (step + 1) / 50)
            for g in optimiser.param_groups:
                g["lr"] = rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            keep = min(0.995, (step + 1) / (step + 10))
            with torch.no_grad():
                for kept, new in zip(mean.parameters(), net.parameters(), strict=True):
                    kept.lerp_(new, 1 - keep)
            running = float(loss.detach()) if not running else 0.95 * running + 0.05 * float(loss.detach())
            step += 1
            if time.process_time() - start - told > every:
                told = time.process_time() - start
                result = evaluate([mean], parts["valid"])
                log(json.dumps({"s": round(told), "step": step, "epoch": epoch, "train": round(running, 4),
                                "valid": round(result["nats_per_voice_token"], 4),
                                "voices": [round(v, 3) for v in result["voices"].values()],
                                "phase": [round(v, 3) for v in result["by_16th_of_the_beat"]]}), flush=True)  # fmt: skip
        epoch += 1
