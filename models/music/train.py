"""Train the music network: `python -m models.music.train --data FOLDER --out RUN --minutes 25`.

The budget is time, because that is what people have: learning rate and batch size follow the share of it that is
used up. A run keeps a checkpoint (weights, averaged weights, optimiser, random state, time used) in its folder and
goes on from there when started again; `--export MODEL` writes the averaged weights and the card.

One thread by default: on a few cores more threads make small recurrent nets slower.
torch is imported when training starts, not before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aigc_music.core.errors import MissingExtraError, UsageError

from . import checkpoint
from . import representation as rep
from .corpus import Song, load_set, near_duplicates
from .windows import BLIND, Batch, Corpus, WindowOptions

__all__ = ["SHARES", "Progress", "export", "train"]

SHARES: Mapping[str, float] = {
    "pop909": 0.31, "openscore_lieder": 0.16, "openscore_quartets": 0.10, "mutopia": 0.10, "groove_drums": 0.11,
    "jsb_chorales": 0.06, "open_hymnal": 0.05, "openewld_leadsheets": 0.05, "chopin_first_editions": 0.05,
    "season_songs": 0.01,
}  # fmt: skip
"""The sets of the shipped model and their share of what is drawn: small sets more than their size would give."""

BATCHES: tuple[tuple[float, int, int], ...] = ((0.0, 16, 64), (0.3, 16, 128), (0.75, 12, 256))
"""From which share of the time how many windows of how many events make a step: many small steps first, less gradient
noise and a longer past later."""

PEAK_RATE = 1.6e-3
WARM_UP = 300
FLOOR = 0.01
DROPOUT = 0.05
AVERAGE_EVERY, AVERAGE_DECAY = 4, 0.99
CHECKPOINT_SECONDS = 180.0
VALID_SECONDS = 420.0


class Progress(NamedTuple):
    """What the log says after a while: step, notes seen, share of the time, seconds left, bits per note and head."""

    step: int
    notes: int
    done: float
    seconds_left: float
    bits: float
    heads: dict[str, float]


def train(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    minutes: float,
    seed: int = 1,
    network: str = "gru",
    hidden: int = 512,
    layers: int = 2,
    shares: Mapping[str, float] | None = None,
    cache: str | Path | None = None,
    threads: int = 1,
    quiet: bool = False,
) -> Path:
    """Train on the train part of the sets in `data`; returns the folder of the run, for `export`.

    data: sets (zip or folder in data layout), folders or zips of MIDI, or one folder that holds music_*.zip, of which
    those named in `shares` are taken. out: folder of the run; a checkpoint there is continued. minutes: time in all,
    earlier parts of the run counted in. hidden, layers: size of the GRU (512 x 2 = 3.8 M parameters).
    Raises UsageError when nothing can be trained on, MissingExtraError without torch.
    """
    torch = _torch(threads)
    from .networks.network import MusicNetwork, NetworkConfig

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    songs, weights = gather(data, shares, cache)
    train_songs = [song for song in songs if song.split == "train"] or songs
    corpus = Corpus(train_songs, weights)
    valid = _valid_batches(songs)
    config = NetworkConfig(network, hidden, layers, min(256, hidden), min(256, hidden), min(128, hidden))
    halves = faster_in_bf16(torch)
    torch.manual_seed(seed)
    net = MusicNetwork(config, DROPOUT)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    decayed = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
        lr=PEAK_RATE,
        betas=(0.9, 0.98),
        fused=True,
    )
    rng = np.random.default_rng(seed)
    step, notes, used = 0, 0, 0.0
    path = out / checkpoint.FILE
    if path.exists():
        kept, moments, facts = checkpoint.read(path)
        if facts["config"] != config.as_dict():
            raise UsageError(
                f"the run in {str(out)!r} has sizes {facts['config']}: give the same ones, or another folder"
            )
        net.load_state_dict(kept["network"])
        optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
        average, step, notes, used = kept["average"], facts["step"], facts["notes"], facts["used"]
        rng.bit_generator.state = facts["random"]
    totals, counted, drawn = np.zeros(len(rep.HEADS)), 0.0, np.zeros(len(rep.HEADS))
    began = last_save = last_valid = last_log = time.monotonic()
    start_used = used
    with (out / "log.jsonl").open("a") as log:

        def say(row: dict[str, Any]) -> None:
            log.write(json.dumps(row) + "\n")
            log.flush()
            if not quiet:
                print(json.dumps(row), file=sys.stderr, flush=True)  # noqa: T201

        say(
            {
                "start": datetime.now(UTC).isoformat(timespec="seconds"),
                "songs": len(train_songs),
                "train_notes": corpus.notes,
                "step": step,
                "parameters": sum(p.numel() for p in net.parameters()),
            }
        )
        while True:
            now = time.monotonic()
            used = start_used + now - began
            done = used / (60.0 * minutes)
            if done >= 1.0 or now - last_save > CHECKPOINT_SECONDS:
                facts = {"config": config.as_dict(), "step": step, "notes": notes, "used": used}
                checkpoint.write(path, net, average, optimiser, facts | {"random": rng.bit_generator.state})
                last_save = now
            if done >= 1.0 or now - last_valid > VALID_SECONDS:
                say({"step": step, "notes": notes, "valid": _validate(net, average, valid)})
                last_valid = time.monotonic()
            if done >= 1.0:
                break
            rate = (
                PEAK_RATE
                * min(1.0, (step + 1) / WARM_UP)
                * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
            )
            for group in optimiser.param_groups:
                group["lr"] = rate
            windows, length = next(row[1:] for row in reversed(BATCHES) if done >= row[0])
            batch = Batch(*(torch.from_numpy(value) for value in corpus.draw(rng, windows, length, WindowOptions())))
            net.train()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=halves):
                sums, count = net(batch)
            played, loud = (float((batch.weight * field).sum()) for field in (batch.played, batch.loud))
            (sums.sum() / count).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            notes += int(count)
            if step % AVERAGE_EVERY == 0:
                decay = min(AVERAGE_DECAY, step / (step + 50.0))
                with torch.no_grad():
                    for name, value in net.state_dict().items():
                        average[name].lerp_(value, 1 - decay)
            totals += sums.detach().double().numpy() / math.log(2)
            counted += float(count)
            drawn += [float(count), float(count), played, float(count), loud, float(count)]
            if now - last_log > 30.0:
                heads = {
                    name: round(float(totals[i] / max(1.0, drawn[i])), 3) for i, (name, _) in enumerate(rep.HEADS)
                }
                left = 60.0 * minutes - used
                say(
                    Progress(
                        step, notes, round(done, 4), round(left), round(float(totals.sum() / counted), 3), heads
                    )._asdict()
                    | {"rate": round(rate, 6)}
                )
                totals, counted, drawn, last_log = np.zeros(len(rep.HEADS)), 0.0, np.zeros(len(rep.HEADS)), now
    return out


def gather(
    data: Sequence[str | Path], shares: Mapping[str, float] | None, cache: str | Path | None
) -> tuple[list[Song], dict[str, float] | None]:
    """Songs of all the places in `data`, near duplicates outside train left out, and the weight of each set."""
    wanted = SHARES if shares is None else shares
    paths: list[Path] = []
    songs: list[Song] = []
    weights: dict[str, float] | None = None
    for place in map(Path, data):
        sets = sorted(place.glob("music_*.zip")) if place.is_dir() else []
        if sets:
            weights = dict(wanted)
            paths += [path for path in sets if path.stem.removeprefix("music_") in wanted]
        else:
            paths.append(place)
    for path in paths:
        skip = near_duplicates(path.parent)
        songs += [
            song for song in load_set(path, cache) if song.split == "train" or (song.set, song.name) not in skip
        ]
    if not songs:
        raise UsageError(
            f"nothing to train on in {', '.join(map(str, data))}: give a folder of sets, or of MIDI files"
        )
    if weights is not None:
        weights |= {song.set: 0.05 for song in songs if song.set not in weights}
    return songs, weights


def _torch(threads: int) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "train", "training") from error
    torch.set_num_threads(threads)
    return torch


def faster_in_bf16(torch: Any) -> bool:
    """Whether this machine multiplies bf16 matrices faster than fp32 ones: some processors do so by far, some do not."""
    took = []
    for kind in (torch.bfloat16, torch.float32):
        a, b = torch.randn(1024, 512).to(kind), torch.randn(512, 1536).to(kind)
        a @ b
        began = time.perf_counter()
        for _ in range(8):
            a @ b
        took.append(time.perf_counter() - began)
    return took[0] < took[1]


def _valid_batches(songs: list[Song], windows: int = 6, length: int = 192) -> dict[str, Batch]:
    """A few plain windows of every set's valid part (test part for sets that have no other)."""
    result = {}
    for name in sorted({song.set for song in songs}):
        pool = [song for song in songs if song.set == name and song.split == "valid"]
        if pool:
            result[name] = Corpus(pool).draw(np.random.default_rng(0), windows, length, BLIND)
    return result


def _validate(network: Any, average: dict[str, Any], batches: dict[str, Batch]) -> dict[str, list[float]]:
    """Bits per note of the averaged weights: per set [total, part, delta, micro, pitch, velocity, duration]."""
    import torch

    kept = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    network.eval()
    result = {}
    with torch.no_grad():
        for name, batch in batches.items():
            sums, count = network(Batch(*(torch.from_numpy(value) for value in batch)))
            bits = sums.double().numpy() / math.log(2) / float(count)
            result[name] = [round(float(v), 3) for v in (bits.sum(), *bits)]
    network.load_state_dict(kept)
    return result


def export(run: str | Path, folder: str | Path, card: Mapping[str, Any]) -> Path:
    """Write weights.safetensors (bf16) and card.json of a run's averaged weights; `card` adds to the card."""
    torch = _torch(1)
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kept, _, state = checkpoint.read(Path(run) / checkpoint.FILE)
    tensors = {name: value.to(torch.bfloat16).contiguous() for name, value in kept["average"].items()}
    blob = save(tensors)
    facts = {
        "name": folder.name,
        "kind": "music",
        "network": state["config"]["network"],
        "config": state["config"],
        "representation": rep.VERSION,
        "parameters": sum(value.numel() for value in tensors.values()),
        "steps": state["step"],
        "notes_seen": state["notes"],
        "hours": round(state["used"] / 3600, 3),
        "date": datetime.now(UTC).date().isoformat(),
        "sha256": hashlib.sha256(blob).hexdigest(),
    } | dict(card)
    for name, content in (
        ("weights.safetensors", blob),
        ("card.json", json.dumps(facts, indent=1, ensure_ascii=False).encode() + b"\n"),
    ):
        part = folder / f"{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m models.music.train`."""
    parser = argparse.ArgumentParser(prog="models.music.train", description="Train the music network.")
    parser.add_argument(
        "--data", nargs="+", required=True, help="sets, folders or zips of MIDI, or a folder of music_*.zip"
    )
    parser.add_argument("--out", required=True, help="folder of the run (checkpoint, log); an unfinished run goes on")
    parser.add_argument("--minutes", type=float, default=25.0, help="training time in all (default 25)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=512, help="width of the GRU (default 512)")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--cache", help="folder for parsed sets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--export", help="folder for weights.safetensors and card.json when done")
    options = parser.parse_args(arguments)
    path = train(
        options.data,
        options.out,
        minutes=options.minutes,
        seed=options.seed,
        hidden=options.hidden,
        layers=options.layers,
        cache=options.cache,
        threads=options.threads,
    )
    if options.export:
        export(path, options.export, {"seed": options.seed})
    return 0


if __name__ == "__main__":
    sys.exit(main())
