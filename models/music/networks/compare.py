"""Which network plays best in a given time a note: `python -m models.music.networks.compare --data FOLDER --out RUN`.

Each contender gets the same CPU minutes for its own work (drawing batches is not counted), the same batches, rates
and averaging, a step each in turns, so that whatever else runs on the machine slows all of them alike. Then the int8
models that would play are timed, again in turns, and score music they have not seen. comparison.json beside this
file is a run of it on the shipped sets.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from aigc_music.core.errors import UsageError

from ...tensors import Tensors
from .. import representation as rep
from .. import weights
from ..bench import decide, everything, figures
from ..corpus import Song
from ..decode_cpu import MusicModel
from ..train import (
    AVERAGE_DECAY,
    AVERAGE_EVERY,
    BATCHES,
    DECAY,
    DROPOUT,
    PEAK_RATE,
    WARM_UP,
    faster_in_bf16,
    follow,
    gather,
    optimiser_of,
    rate_at,
    to_device,
)
from ..windows import BLIND, Batch, Corpus, WindowOptions, collate, unit_table, window
from .network import MusicNetwork, NetworkConfig

__all__ = ["CONTENDERS", "Contender", "compare"]

CONTENDERS: tuple[tuple[str, int, int], ...] = (
    ("gru", 512, 2),
    ("cnn", 256, 8),
    ("transformer", 224, 3),
)
"""Network, hidden width, layers: sizes that take the same time a note."""

SONGS, EVENTS = 8, 1000  # of each set's valid part: so many songs, and of each the first so many events
HEARD = 600  # notes before a stream is timed: more than any network looks back
ROUNDS, NOTES = 20, 50
CURVE = (1 / 3, 2 / 3, 1.0)  # shares of the time at which a few songs are scored


class Score(NamedTuple):
    """Bits of each head and notes."""

    bits: Any  # (6,)
    notes: int

    @property
    def per_note(self) -> float:
        """Bits per note."""
        return round(float(self.bits.sum()) / max(1, self.notes), 4)


class Contender:
    """A network in training. `used`: CPU seconds it took; `notes`: how many it was asked for; `curve`: (notes, bits
    per note on a few songs) on the way."""

    def __init__(self, network: str, hidden: int, layers: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.name = f"{network} {hidden} x {layers}"
        self.config = NetworkConfig(network, hidden, layers)
        self.network = MusicNetwork(self.config, DROPOUT)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimiser = optimiser_of(torch, self.network, PEAK_RATE, DECAY)
        self.used, self.steps, self.notes = 0.0, 0, 0
        self.curve: list[tuple[int, float]] = []

    def step(self, draw: Callable[[int, int, int], Batch], seconds: float, halves: bool) -> None:
        """One step of a training that takes `seconds` of CPU time in all, as models.music.train does it. draw: from
        step, windows and length to a batch of tensors."""
        done = self.used / seconds
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(PEAK_RATE, self.steps, WARM_UP, done)
        windows, length = next(row[1:] for row in reversed(BATCHES) if done >= row[0])
        batch = draw(self.steps, windows, length)
        began = time.process_time()
        self.network.train()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=halves):
            sums, count = self.network(batch)
        (sums.sum() / count).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.steps += 1
        self.notes += int(count)
        if self.steps % AVERAGE_EVERY == 0:
            follow(torch, self.average, self.network, min(AVERAGE_DECAY, self.steps / (self.steps + 50.0)))
        self.used += time.process_time() - began

    def model(self) -> MusicModel:
        """What would play: the averaged weights in int8."""
        return MusicModel(self.card(), self.tensors())

    def tensors(self) -> Tensors:
        """The averaged weights."""
        return {name: value.numpy() for name, value in self.average.items()}

    def card(self) -> dict[str, Any]:
        """For a model folder."""
        return {"name": self.name, "config": self.config.as_dict()}


def compare(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    minutes: float,
    cache: str | Path | None = None,
    seed: int = 1,
    contenders: Sequence[tuple[str, int, int]] = CONTENDERS,
) -> dict[str, Any]:
    """Train all contenders for `minutes` of CPU time each, time and score them; writes comparison.json and a model
    folder each into `out`, and returns what the file says. data, cache: as train takes them. UsageError without
    songs to train on or to score."""
    torch.set_num_threads(1)
    out = Path(out)
    songs, shares = gather(data, None, cache)
    corpus = Corpus([song for song in songs if song.split == "train"] or songs, shares)
    few, many = excerpts(songs, 2, 300), excerpts(songs, SONGS, EVENTS)
    if not many:
        raise UsageError(f"no songs in the valid part of {', '.join(map(str, data))}: give a set in data layout")
    halves = faster_in_bf16(torch)
    runs = [Contender(*row, seed) for row in contenders]

    @lru_cache(maxsize=256)
    def draw(step: int, windows: int, length: int) -> Batch:
        arrays = corpus.draw(np.random.default_rng((seed, step)), windows, length, WindowOptions())
        return to_device(torch, arrays, "cpu")

    seconds, began = 60.0 * minutes, time.monotonic()
    while min(run.used for run in runs) < seconds:
        run = min(runs, key=lambda run: run.used)
        run.step(draw, seconds, halves)
        if run.used >= seconds * CURVE[len(run.curve)]:
            model = run.model()
            sums = [score(model, batches) for batches in few.values()]
            total = Score(sum(one.bits for one in sums), sum(one.notes for one in sums))
            run.curve.append((run.notes, total.per_note))
            weights.write_model(out / run.name.replace(" ", "-"), run.tensors(), run.card())
            _say(f"{run.name}: {run.used:.0f} s, {run.steps} steps, {run.notes} notes, {total.per_note:.3f} bits")
    models = [run.model() for run in runs]
    speeds = timed(models)
    rows = []
    for run, model, speed in zip(runs, models, speeds, strict=True):
        sets = {name: score(model, batches) for name, batches in many.items()}
        total = Score(sum(one.bits for one in sets.values()), sum(one.notes for one in sets.values()))
        heads = {name: round(float(total.bits[k]) / total.notes, 4) for k, (name, _) in enumerate(rep.HEADS)}
        rows.append(
            {
                "network": run.config.network, "hidden": run.config.hidden, "layers": run.config.layers,
                "parameters": model.parameters, "ms_per_note": speed, "steps": run.steps, "notes_seen": run.notes,
                "bits_per_note": total.per_note, "heads": heads,
                "per_set": {name: one.per_note for name, one in sets.items()},
                "curve": [{"notes_seen": notes, "bits_per_note_of_a_few_songs": bits} for notes, bits in run.curve],
            }
        )  # fmt: skip
    result = {
        "representation": rep.VERSION,
        "cpu_minutes_each": minutes,
        "wall_minutes_in_all": round((time.monotonic() - began) / 60, 1),
        "seed": seed,
        "training_in": "bf16" if halves else "fp32",
        "scored": {"part": "valid", "told": "blind", "weights": "int8", "songs_a_set": SONGS, "events_a_song": EVENTS,
                   "notes": total.notes},
        "load": round(os.getloadavg()[0], 1),
        "rows": rows,
    }  # fmt: skip
    (out / "comparison.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    return result


def excerpts(songs: list[Song], count: int, events: int) -> dict[str, list[Batch]]:
    """Per set the first `events` events of `count` songs of its valid part, blind."""
    result = {}
    for name in sorted({song.set for song in songs}):
        pool = [song for song in songs if song.set == name and song.split == "valid"]
        picks = np.random.default_rng(0).permutation(len(pool))[:count]
        if len(picks):
            rng = np.random.default_rng(0)
            result[name] = [
                collate([window(pool[pick], unit_table(pool[pick]), 0, events, rng, BLIND)]) for pick in picks
            ]
    return result


def score(model: MusicModel, batches: list[Batch]) -> Score:
    """Bits of a model on some windows."""
    scores = [model.score(batch)[:2] for batch in batches]
    return Score(np.sum([bits for bits, _ in scores], axis=0), sum(notes for _, notes in scores))


def timed(models: Sequence[MusicModel]) -> list[dict[str, float]]:
    """ms for one note decided with all conditions and masks, after HEARD notes; the models take turns."""
    conditions, limits = everything()
    streams = [model.stream(seed=1) for model in models]
    took: list[list[float]] = [[] for _ in models]
    spent = [0.0 for _ in models]
    for stream in streams:
        decide(stream, conditions, limits, HEARD)
    for _ in range(ROUNDS):
        for k, stream in enumerate(streams):
            began = time.process_time()
            took[k] += decide(stream, conditions, limits, NOTES)
            spent[k] += time.process_time() - began
    return [figures(ms, 1e3 * cpu / len(ms)) for ms, cpu in zip(took, spent, strict=True)]


def table(result: dict[str, Any]) -> str:
    """The rows of a comparison, for people."""
    lines = ["network              M parameters  ms/note p50    min  M notes seen  bits/note"]
    for row in result["rows"]:
        name = f"{row['network']} {row['hidden']} x {row['layers']}"
        ms = row["ms_per_note"]
        lines.append(
            f"{name:20s} {row['parameters'] / 1e6:12.2f} {ms['p50']:12.3f} {ms['min']:6.3f}"
            f" {row['notes_seen'] / 1e6:13.2f} {row['bits_per_note']:10.3f}"
        )
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m models.music.networks.compare`."""
    parser = argparse.ArgumentParser(prog="models.music.networks.compare", description="Compare the networks.")
    parser.add_argument("--data", nargs="+", required=True, help="sets, or a folder of music_*.zip")
    parser.add_argument("--out", required=True, help="folder for the trained models and comparison.json")
    parser.add_argument("--minutes", type=float, default=8.0, help="CPU minutes for each (default 8)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", help="folder for parsed sets")
    given = parser.parse_args(arguments)
    result = compare(given.data, given.out, minutes=given.minutes, cache=given.cache, seed=given.seed)
    print(table(result))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
