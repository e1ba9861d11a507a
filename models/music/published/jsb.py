"""One published table: JSB Chorales on the 16th grid, nats per voice token, on the published split.

Protocol (P3): one token per voice and 16th; every token predicted from all tokens before it, in one fixed order
(soprano, bass, alto, tenor within a 16th); no chord tokens, no end token; the first 16th counts; natural logarithm;
mean over all tokens of all pieces. A token is a pitch 36..81 or a rest: a held and a repeated note look alike.

Run: `python -m models.music.published.jsb --data FOLDER --minutes 5 --out RUN`. It trains for so many minutes of
its own CPU time, prints the table and, last, one line of JSON; RUN gets weights, log and `jsb.json`. The `jsb.json`
beside this file is one such result. Settings were chosen on the valid part; the test part is read once, at the end.

Threads: offline, one thread. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from aigc_music.core.errors import AigcMusicError, UsageError

from .chorale_net import ChoraleNet
from .chorales import ORDER, VOICES, Batch, Chorale, by_length, collate, load, room, tonic, transpose, voice_ranges

__all__ = ["PROTOCOL", "PUBLISHED", "evaluate", "token_nats", "train"]

PROTOCOL: Mapping[str, Any] = {
    "unit": "nats per voice token: mean of -ln p over all tokens of all pieces of the part",
    "tokens": "one per voice and 16th: a pitch 36..81 or a rest; no chord and no end tokens; the first 16th counts",
    "order": "soprano, bass, alto, tenor within a 16th; each token sees all before it and none after it",
    "split": "Boulanger-Lewandowski et al. 2012, 16th grid (Jsb16thSeparated): valid 76 and test 77 pieces complete, "
    "train 210 of 229",
    "augmentation": "training only: transposed within the voices' ranges; none at test time",
    "ensemble": "none: one network, one pass",
    "recall": "at test time the network also reads what followed the best-matching places of the train part and of "
    "the same piece's past",
    "not_used": "fermatas, key signatures and chord labels (the data set has none)",
}

PUBLISHED: Sequence[Mapping[str, Any]] = (
    {"model": "Music Transformer, relative attention", "nats": 0.335, "part": "valid", "mark": "[published]",
     "easier_average": False, "source": "Huang et al. 2018, arXiv 1809.04281"},
    {"model": "Transformer, baseline of that paper", "nats": 0.417, "part": "valid", "mark": "[published]",
     "easier_average": False, "source": "Huang et al. 2018, arXiv 1809.04281"},
    {"model": "Coconet, chronological, in that paper", "nats": 0.436, "part": "valid", "mark": "[published]",
     "easier_average": False, "source": "Huang et al. 2018, arXiv 1809.04281"},
    {"model": "TonicNet", "nats": 0.220, "part": "part not stated", "mark": "[published]", "easier_average": True,
     "source": "Peracha 2019, arXiv 1911.11775",
     "note": "a chord token, read from the score, stands before the four voices of each 16th. The evaluation script "
             "of its repository averages the voices only but gives them that chord without paying for it; pieces "
             "weigh alike"},
    {"model": "TonicNet, paying for chords too", "nats": 0.396, "part": "valid", "mark": "[derived]",
     "easier_average": False, "source": "name of the checkpoint in github.com/omarperacha/TonicNet: loss 0.317",
     "note": "five tokens per 16th at 0.317 each, spread over four voices: 5 x 0.317 / 4. It bounds the cost of the "
             "voices alone from above; its end token counts and its first chord does not"},
)  # fmt: skip
"""Known figures. easier_average: the mean leaves out something that ours pays for, so they do not compare."""


# --- likelihood


def token_nats(net: ChoraleNet, batch: Batch) -> Tensor:
    """(b, t, 4) nats of each token, voices in the order of writing; 0 in the padding."""
    return -net(batch).gather(-1, batch.tokens[..., None])[..., 0] * batch.mask[..., None]


def evaluate(net: ChoraleNet, pieces: Sequence[Chorale]) -> dict[str, Any]:
    """Nats per voice token over all tokens of `pieces`; per frame (times four), per voice, per 16th of the beat, and
    the mean of the pieces' means."""
    net.eval()
    voices, phases, frames, means = np.zeros(4), np.zeros(4), 0, []
    with torch.no_grad():
        for group in by_length(pieces, 16):
            batch = collate(group, [0] * len(group))
            nats = token_nats(net, batch).double()
            lengths = batch.mask.sum(1)
            voices += nats.sum((0, 1)).numpy()
            phases += [float(nats[:, phase::4].sum()) for phase in range(4)]
            frames += int(lengths.sum())
            means += (nats.sum((1, 2)) / (4 * lengths)).tolist()
    each = dict(zip(ORDER, voices / frames, strict=True))
    return {
        "nats_per_voice_token": float(voices.sum() / (4 * frames)),
        "nats_per_frame": float(voices.sum() / frames),
        "mean_of_pieces": float(np.mean(means)),
        "voices": {name: float(each[column]) for column, name in enumerate(VOICES)},
        "sixteenths_of_the_beat": (phases / frames).tolist(),
        "pieces": len(pieces),
        "tokens": 4 * frames,
    }


# --- training

SIZE, RATE, FLOOR, WARM_UP, DECAY, CLIP = 6, 2e-3, 0.02, 50, 0.1, 1.0
"""Pieces per step; learning rate: its peak, its end as a share of the peak, steps up to the peak; weight decay."""
AVERAGE = 0.995
WRONG_KEY = 0.4
"""How often a training piece is counted from a random tonic: the guess from the first chord is sometimes wrong."""
TOLD = 25.0
"""CPU seconds between two looks at the valid part."""


def train(
    parts: Mapping[str, Sequence[Chorale]], *, minutes: float, seed: int = 1, steps: int | None = None,
    tell: Callable[[dict[str, float]], None] = lambda line: None, **settings: Any,
) -> ChoraleNet:  # fmt: skip
    """Train on parts["train"] for `minutes` of CPU time (or `steps`); returns the averaged weights that were best on
    parts["valid"].

    tell: called every TOLD seconds with the train and valid figure so far. settings: see `ChoraleNet`.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    net = ChoraleNet(**settings)
    mean = copy.deepcopy(net)
    optimiser = _optimiser(net)
    ranges = voice_ranges(parts["train"])
    rooms = {piece.name: room(piece.pitches, ranges) for piece in parts["train"]}
    start, told, step, running = time.process_time(), 0.0, 0, math.nan
    best, lowest = mean, math.inf
    while True:
        pieces = sorted(parts["train"], key=lambda piece: len(piece.pitches) * random.uniform(0.85, 1.18))
        firsts = np.arange(0, len(pieces), SIZE)
        for first in random.permutation(firsts):
            spent = time.process_time() - start
            done = spent / (60 * minutes)
            if done >= 1 or step == steps:
                last = evaluate(mean, parts["valid"])["nats_per_voice_token"]
                return mean if last < lowest else best
            batch = _draw(pieces[first : first + SIZE], rooms, random)
            net.train()
            loss = token_nats(net, batch).sum() / (4 * batch.mask.sum())
            _descend(optimiser, net, loss, step, done)
            _average(mean, net, step)
            step += 1
            running = loss.item() if math.isnan(running) else 0.95 * running + 0.05 * loss.item()
            if spent - told > TOLD:
                now = evaluate(mean, parts["valid"])["nats_per_voice_token"]
                if now < lowest:
                    best, lowest = copy.deepcopy(mean), now
                told = time.process_time() - start
                tell({"cpu_seconds": round(spent), "step": step, "train": round(running, 4), "valid": round(now, 4)})


def _optimiser(net: ChoraleNet) -> torch.optim.AdamW:
    matrices = [p for p in net.parameters() if p.ndim >= 2]
    others = [p for p in net.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)


def _draw(pieces: Sequence[Chorale], rooms: Mapping[str, tuple[int, int]], random: np.random.Generator) -> Batch:
    moves = [int(random.integers(rooms[piece.name][0], rooms[piece.name][1] + 1)) for piece in pieces]
    keys = [
        int(random.integers(12)) if random.random() < WRONG_KEY else tonic(transpose(piece.pitches[0], move))
        for piece, move in zip(pieces, moves, strict=True)
    ]
    return collate(pieces, moves, keys)


def _descend(optimiser: torch.optim.AdamW, net: ChoraleNet, loss: Tensor, step: int, done: float) -> None:
    share = min(1.0, (step + 1) / WARM_UP) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
    for group in optimiser.param_groups:
        group["lr"] = RATE * share
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), CLIP)
    optimiser.step()


def _average(mean: ChoraleNet, net: ChoraleNet, step: int) -> None:
    keep = min(AVERAGE, (step + 1) / (step + 10))
    with torch.no_grad():
        for kept, new in zip(mean.parameters(), net.parameters(), strict=True):
            kept.lerp_(new, 1 - keep)


# --- the table


def result(net: ChoraleNet, parts: Mapping[str, Sequence[Chorale]], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What `jsb.json` holds. Reads the test part."""
    return {
        "protocol": dict(PROTOCOL),
        "recipe": {"parameters": sum(p.numel() for p in net.parameters()), **recipe},
        "measured": {part: evaluate(net, parts[part]) for part in ("valid", "test")},
        "published": [dict(row) for row in PUBLISHED],
    }


def table(figures: Mapping[str, Any]) -> str:
    """The result beside the published figures, as text."""
    rows = [(f"ours ({part})", figures["measured"][part]["nats_per_voice_token"], "") for part in ("valid", "test")]
    for row in figures["published"]:
        remark = row["mark"] + (", easier average" if row["easier_average"] else "")
        rows.append((f"{row['model']} ({row['part']})", row["nats"], remark))
    lines = ["JSB Chorales, 16th grid, nats per voice token"]
    lines += [f"{name:<56}{nats:7.3f}  {remark}".rstrip() for name, nats, remark in rows]
    for part in ("valid", "test"):
        voices = figures["measured"][part]["voices"]
        lines.append(f"ours, {part}: " + ", ".join(f"{name} {nats:.3f}" for name, nats in voices.items()))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0, or the exit code of the error that was printed."""
    parser = argparse.ArgumentParser(prog="python -m models.music.published.jsb", description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, type=Path, help="folder with music_jsb_chorales.zip")
    parser.add_argument("--out", required=True, type=Path, help="folder for weights, log and jsb.json")
    parser.add_argument("--minutes", type=float, default=5.0, help="CPU minutes of training (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default %(default)s")
    options = parser.parse_args(arguments)
    try:
        if not options.minutes > 0:
            raise UsageError(f"--minutes is {options.minutes}; it must be above 0, such as 5")
        figures = _run(options.data, options.out, options.minutes, options.seed)
    except AigcMusicError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(table(figures) + "\n" + json.dumps(figures) + "\n")
    return 0


def _run(data: Path, out: Path, minutes: float, seed: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    parts = load(data)
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (out / "log.jsonl").open("w", encoding="utf-8") as log:

        def tell(line: dict[str, float]) -> None:
            for stream in (log, sys.stderr):
                stream.write(json.dumps(line) + "\n")
                stream.flush()

        net = train(parts, minutes=minutes, seed=seed, tell=tell)
    save_file(net.state_dict(), out / "weights.safetensors")
    wall = round((time.monotonic() - began) / 60, 1)
    figures = result(net, parts, {"cpu_minutes": minutes, "wall_minutes": wall, "threads": 1, "seed": seed})
    (out / "jsb.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


if __name__ == "__main__":
    sys.exit(main())
