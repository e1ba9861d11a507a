"""Train the music network: `python -m models.music.train --data FOLDER --out RUN --minutes 25`.

The budget is time, because that is what people have: learning rate and batch size follow the share of it that is
used up. A run keeps a checkpoint (weights, averaged weights, optimiser, random state, time used) in its folder and
goes on from there when started again; `--export MODEL` writes the averaged weights and the card.

AdamW, bf16 where the machine is faster in it, a cosine for the rate, an exponential mean of the weights. Several
processes under torchrun average their gradients (train_ranks.py). One thread by default: on a few cores more threads
make small recurrent nets slower. torch is imported when training starts, not before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import MissingExtraError, UsageError, choose

from . import checkpoint
from . import representation as rep
from .corpus import Song, load_set, near_duplicates
from .dataset import credits_of, places, split_by_song
from .windows import BLIND, Batch, Corpus, WindowOptions

if TYPE_CHECKING:
    from .networks.network import NetworkConfig

__all__ = ["SHARES", "SIZES", "Progress", "config_of", "export", "gather", "train"]

SHARES: Mapping[str, float] = {
    "pop909": 0.31, "openscore_lieder": 0.16, "openscore_quartets": 0.10, "mutopia": 0.10, "groove_drums": 0.11,
    "jsb_chorales": 0.06, "open_hymnal": 0.05, "openewld_leadsheets": 0.05, "chopin_first_editions": 0.05,
    "season_songs": 0.01,
}  # fmt: skip
"""The sets of the shipped model and their share of what is drawn: small sets more than their size would give."""

SIZES: Mapping[str, Mapping[str, tuple[int, int, int, int, int]]] = {
    "gru": {"tiny": (96, 1, 64, 64, 48), "default": (512, 2, 256, 256, 128), "large": (1536, 2, 384, 384, 192)},
    "transformer": {
        "tiny": (64, 2, 64, 64, 48),
        "default": (256, 4, 256, 256, 128),
        "large": (512, 8, 384, 384, 192),
    },
    "cnn": {"tiny": (64, 4, 64, 64, 48), "default": (256, 8, 256, 256, 128), "large": (512, 16, 384, 384, 192)},
}
"""Network -> size -> width and layers of the trunk, width of the embedding, of the heads, of the small heads."""

BATCHES: tuple[tuple[float, int, int], ...] = ((0.0, 16, 64), (0.3, 16, 128), (0.75, 12, 256))
"""From which share of the time how many windows of how many events make a step: many small steps first, less gradient
noise and a longer past later."""

GPU_WINDOWS = 8  # times as many windows a step on a GPU
PEAK_RATE = 1.6e-3
WARM_UP = 300
FLOOR = 0.01
DROPOUT = 0.05
DECAY = 0.05
AVERAGE_EVERY, AVERAGE_DECAY = 4, 0.99
CHECKPOINT_SECONDS = 180.0
VALID_SECONDS = 420.0
LOG_SECONDS = 30.0
DATA_FILE = "data.json"


class Progress(NamedTuple):
    """What the log says after a while: step, notes seen, share of the time, seconds left, bits per note and head."""

    step: int
    notes: int
    done: float
    seconds_left: float
    bits: float
    heads: dict[str, float]


Report = Callable[[Progress], None]


def train(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    minutes: float,
    steps: int | None = None,
    seed: int = 1,
    network: str = "gru",
    size: str = "default",
    hidden: int | None = None,
    layers: int | None = None,
    shares: Mapping[str, float] | None = None,
    licence: str | None = None,
    cache: str | Path | None = None,
    threads: int = 1,
    device: str = "auto",
    tensorboard: bool = False,
    quiet: bool = False,
    report: Report | None = None,
) -> Path:
    """Train on the train part of the sets in `data`; returns the folder of the run, for `export`.

    data: sets (zip or folder in data layout), files of arrays (dataset.py), folders or zips of MIDI, or one folder
    that holds such, of which the music_*.zip named in `shares` are taken. out: folder of the run; a checkpoint there
    is continued. minutes, steps: time in all and steps in all, earlier parts of the run counted in; the first of them
    to be used up ends the run. network, size: see SIZES; hidden and layers in place of those of the size. licence:
    for the card, of songs whose licence no file states. device: auto, cpu or cuda. report: called with the Progress
    after every step; `bits` and `heads` are means since the last line of the log.

    Raises UsageError when nothing can be trained on, MissingExtraError without torch (or TensorBoard, if asked for).
    """
    torch = import_torch(threads)
    from .networks.network import MusicNetwork
    from .train_ranks import Ranks, device_of

    config = config_of(network, size, hidden, layers)
    out = Path(out)
    songs, weights = gather(data, shares, cache)
    train_songs = [song for song in songs if song.split == "train"] or songs
    corpus = Corpus(train_songs, weights)
    valid = _valid_batches(songs)
    place = device_of(device)
    halves = place.type == "cuda" or faster_in_bf16(torch)
    torch.manual_seed(seed)
    net = MusicNetwork(config, DROPOUT).to(place)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    optimiser = optimiser_of(torch, net, PEAK_RATE, DECAY)
    with Ranks(place) as ranks, Log(out, ranks.first, quiet, tensorboard) as log:
        rng = np.random.default_rng(seed + 7919 * ranks.rank)
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
            average = {name: value.to(place) for name, value in kept["average"].items()}
            step, notes, used = facts["step"], facts["notes"], facts["used"]
            if ranks.first:
                rng.bit_generator.state = facts["random"]
            else:
                rng = np.random.default_rng([seed, ranks.rank, step])
        torch.manual_seed(seed + 7919 * ranks.rank + step)
        if ranks.first:
            (out / DATA_FILE).write_text(json.dumps(credits_of(places(data), train_songs, licence)), "utf-8")
        log.say(
            {
                "start": datetime.now(UTC).isoformat(timespec="seconds"),
                "songs": len(train_songs),
                "train_notes": corpus.notes,
                "step": step,
                "parameters": sum(p.numel() for p in net.parameters()),
            }
        )
        meter = Meter()
        began = last_save = last_valid = last_log = time.monotonic()
        start_used = used
        while True:
            now = time.monotonic()
            used = start_used + now - began
            done = ranks.agree(max(used / (60.0 * minutes), step / steps if steps else 0.0))
            if ranks.first and (done >= 1.0 or now - last_save > CHECKPOINT_SECONDS):
                facts = {"config": config.as_dict(), "step": step, "notes": notes, "used": used}
                checkpoint.write(path, net, average, optimiser, facts | {"random": rng.bit_generator.state})
                last_save = now
            if ranks.first and (done >= 1.0 or now - last_valid > VALID_SECONDS):
                log.say({"step": step, "notes": notes, "valid": _validate(net, average, valid, place)})
                last_valid = time.monotonic()
            if done >= 1.0:
                break
            rate = rate_at(PEAK_RATE, step, WARM_UP, done)
            for group in optimiser.param_groups:
                group["lr"] = rate
            windows, length = next(row[1:] for row in reversed(BATCHES) if done >= row[0])
            windows *= GPU_WINDOWS if place.type == "cuda" else 1
            drawn = corpus.draw(rng, windows, length, WindowOptions())
            batch = to_device(torch, drawn, place)
            net.train()
            with torch.autocast(place.type, dtype=torch.bfloat16, enabled=halves):
                sums, count = net(batch)
            (sums.sum() / count).backward()
            ranks.average_gradients(net)
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            step += 1
            notes += int(count) * ranks.size
            if step % AVERAGE_EVERY == 0:
                follow(torch, average, net, min(AVERAGE_DECAY, step / (step + 50.0)))
            meter.add(sums.detach().cpu().double().numpy(), drawn)
            left = used * (1 / done - 1) if done > 0 else 60.0 * minutes
            progress = Progress(step, notes, round(done, 4), round(left), *meter.means())
            if report and ranks.first:
                report(progress)
            if now - last_log > LOG_SECONDS:
                log.say(progress._asdict() | {"rate": round(rate, 6)})
                meter, last_log = Meter(), now
    return out


# -- what there is to train on and with --------------------------------------------------------------------------


def config_of(
    network: str, size: str = "default", hidden: int | None = None, layers: int | None = None
) -> NetworkConfig:
    """The sizes of a network (see SIZES); with `hidden`, no other width is larger than it or than the default."""
    from .networks.network import TRUNKS, NetworkConfig

    network = choose("network", network, TRUNKS)
    widths = SIZES[network][choose("size", size, SIZES[network])]
    if hidden is not None:
        widths = (hidden, widths[1], min(256, hidden), min(256, hidden), min(128, hidden))
    return NetworkConfig(network, widths[0], layers or widths[1], *widths[2:])


def gather(
    data: Sequence[str | Path], shares: Mapping[str, float] | None, cache: str | Path | None
) -> tuple[list[Song], dict[str, float] | None]:
    """Songs of all the places in `data`, near duplicates outside train left out, and the weight of each set."""
    wanted = SHARES if shares is None else shares
    songs: list[Song] = []
    weights: dict[str, float] | None = None
    for path in places(data):
        name = path.stem.removeprefix("music_")
        if path.name.startswith("music_") and path not in map(Path, data):  # one set of many
            weights = weights or dict(wanted)
            if name not in wanted:
                continue
        elif path.suffix == ".safetensors":
            weights = weights or dict(wanted)
        skip = near_duplicates(path.parent)
        mine = [song for song in load_set(path, cache) if song.split == "train" or (song.set, song.name) not in skip]
        if not any(song.split == "train" for song in mine):
            split_by_song(mine)
        songs += mine
    if not songs:
        raise UsageError(
            f"nothing to train on in {', '.join(map(str, data))}: give a folder of sets, or of MIDI files"
        )
    if weights is not None:
        weights |= {song.set: 0.05 for song in songs if song.set not in weights}
    return songs, weights


def import_torch(threads: int) -> Any:
    """torch, set to so many threads. MissingExtraError where it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "train", "training") from error
    torch.set_num_threads(threads)
    return torch


def faster_in_bf16(torch: Any) -> bool:
    """Whether this machine multiplies bf16 matrices faster than fp32: some processors do so by far, some do not."""
    took = []
    for kind in (torch.bfloat16, torch.float32):
        a, b = torch.randn(1024, 512).to(kind), torch.randn(512, 1536).to(kind)
        a @ b
        began = time.perf_counter()
        for _ in range(8):
            a @ b
        took.append(time.perf_counter() - began)
    return took[0] < took[1]


def optimiser_of(torch: Any, network: Any, rate: float, decay: float) -> Any:
    """AdamW; matrices decay, biases do not."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), fused=True)


def rate_at(peak: float, step: int, warm_up: int, done: float) -> float:
    """Learning rate: a straight warm-up, then half a cosine of `done` (0..1) down to FLOOR of the peak."""
    return peak * min(1.0, (step + 1) / warm_up) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))


def follow(torch: Any, average: dict[str, Any], network: Any, decay: float) -> None:
    """Move the averaged weights towards the network's."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            average[name].lerp_(value, 1 - decay)


def to_device(torch: Any, batch: Batch, device: Any) -> Batch:
    """The arrays of a batch as tensors."""
    return Batch(*(torch.from_numpy(value).to(device) for value in batch))


# -- what is said on the way ------------------------------------------------------------------------------------


class Meter:
    """Bits per note and head since it was made."""

    def __init__(self) -> None:
        self.bits, self.counts, self.notes = np.zeros(len(rep.HEADS)), np.zeros(len(rep.HEADS)), 0.0

    def add(self, nats: NDArray[np.float64], batch: Batch) -> None:
        """Take in a step: nats per head, summed over the targets of the batch."""
        count = float(batch.weight.sum())
        self.bits += nats / math.log(2)
        self.notes += count
        fields = {"micro": batch.played, "velocity": batch.loud}
        self.counts += [float((batch.weight * fields[n]).sum()) if n in fields else count for n, _ in rep.HEADS]

    def means(self) -> tuple[float, dict[str, float]]:
        """(bits per note, bits per target of each head)."""
        means = self.bits / np.maximum(1.0, self.counts)
        heads = {name: round(float(means[index]), 3) for index, (name, _) in enumerate(rep.HEADS)}
        return round(float(self.bits.sum()) / max(1.0, self.notes), 3), heads


class Log:
    """log.jsonl in the folder of a run, the same lines on stderr unless `quiet`, and numbers for TensorBoard if asked
    for. Only the first of several processes writes."""

    def __init__(self, folder: Path, first: bool, quiet: bool, tensorboard: bool) -> None:
        self._file, self._board, self._quiet = None, None, quiet
        if not first:
            return
        if tensorboard:
            self._board = _summary_writer(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "log.jsonl").open("a", encoding="utf-8")

    def say(self, row: dict[str, Any]) -> None:
        """Write a row now."""
        if self._file is None:
            return
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        if not self._quiet:
            print(json.dumps(row), file=sys.stderr, flush=True)  # noqa: T201
        if self._board is not None:
            for name, value in _scalars(row).items():
                self._board.add_scalar(name, value, row["step"])
            self._board.flush()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def _scalars(row: dict[str, Any]) -> dict[str, float]:
    """The numbers of a row as TensorBoard names them."""
    result = {f"train/{name}": row[name] for name in ("bits", "rate", "notes") if name in row}
    result |= {f"heads/{name}": value for name, value in row.get("heads", {}).items()}
    return result | {f"valid/{name}": bits[0] for name, bits in row.get("valid", {}).items()}


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "train", "--tensorboard") from error
    return SummaryWriter(str(folder))


# -- measuring ---------------------------------------------------------------------------------------------------


def _valid_batches(songs: list[Song], windows: int = 6, length: int = 192) -> dict[str, Batch]:
    """A few plain windows of every set's valid part."""
    result = {}
    for name in sorted({song.set for song in songs}):
        pool = [song for song in songs if song.set == name and song.split == "valid"]
        if pool:
            result[name] = Corpus(pool).draw(np.random.default_rng(0), windows, length, BLIND)
    return result


def _validate(
    network: Any, average: dict[str, Any], batches: dict[str, Batch], device: Any
) -> dict[str, list[float]]:
    """Bits per note of the averaged weights: per set [total, part, delta, micro, pitch, velocity, duration]."""
    import torch

    kept = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    network.eval()
    result = {}
    with torch.no_grad():
        for name, batch in batches.items():
            sums, count = network(to_device(torch, batch, device))
            bits = sums.cpu().double().numpy() / math.log(2) / float(count)
            result[name] = [round(float(v), 3) for v in (bits.sum(), *bits)]
    network.load_state_dict(kept)
    return result


# -- the model ---------------------------------------------------------------------------------------------------


def export(run: str | Path, folder: str | Path, card: Mapping[str, Any]) -> Path:
    """Write weights.safetensors (bf16) and card.json of a run's averaged weights.

    The card says the source and licence of every song that was learned from; `card` adds to it.
    """
    torch = import_torch(1)
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kept, _, state = checkpoint.read(Path(run) / checkpoint.FILE)
    data = Path(run) / DATA_FILE
    rows = json.loads(data.read_text("utf-8")) if data.exists() else []
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
        "data": rows,
        "licence": "not stated; trained on songs under: " + "; ".join(sorted({row["licence"] for row in rows})),
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
    parser.add_argument("--steps", type=int, help="steps in all, if they are done before the time is")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--network", default="gru", help=f"one of {', '.join(SIZES)} (default gru)")
    parser.add_argument("--size", default="default", help="tiny, default or large")
    parser.add_argument("--hidden", type=int, help="width of the trunk, in place of the size's")
    parser.add_argument("--layers", type=int, help="layers of the trunk, in place of the size's")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--tensorboard", action="store_true", help="write scalars for TensorBoard into the run")
    parser.add_argument("--cache", help="folder for parsed sets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--export", help="folder for weights.safetensors and card.json when done")
    options = parser.parse_args(arguments)
    path = train(
        options.data,
        options.out,
        minutes=options.minutes,
        steps=options.steps,
        seed=options.seed,
        network=options.network,
        size=options.size,
        hidden=options.hidden,
        layers=options.layers,
        device=options.device,
        tensorboard=options.tensorboard,
        cache=options.cache,
        threads=options.threads,
    )
    if options.export and os.environ.get("RANK", "0") == "0":
        export(path, options.export, {"seed": options.seed})
    return 0


if __name__ == "__main__":
    sys.exit(main())
