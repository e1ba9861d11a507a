"""How well a model predicts music it has not seen: bits per note, on the decoder that plays (int8, no torch).

`evaluate` reports two figures. `bits_per_note` is blind: the model knows style, tempo, beat and bar, nothing that was
worked out from the notes. `told_bits_per_note` adds key, chords, parts and density (chords mostly estimated from the
very notes, so that figure says how much the conditions steer, not how well the model guesses). Songs are scored
whole, one after another, from the empty state.

`python -m models.music.evaluate PATH` prints a table; the last line is JSON.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError
from aigc_music.core.styles import STYLE_NAMES

from . import representation as rep
from .baselines import Ngram
from .corpus import Song, load_set, near_duplicates
from .decode_cpu import MusicModel, load_model
from .windows import BLIND, TOLD, Batch, WindowOptions, collate, unit_table, window

__all__ = ["evaluate"]

STRUCTURE = (0, 1, 3)  # part, delta, pitch
BASELINE_NOTES = 2_000_000


class _Sum:
    """Notes, seconds and bits of some songs."""

    def __init__(self) -> None:
        self.notes, self.seconds, self.songs = 0, 0.0, 0
        self.bits: dict[str, NDArray[np.float64]] = {}

    def add(self, song: Song, notes: int, bits: dict[str, NDArray[np.float64]]) -> None:
        self.notes += notes
        self.seconds += song.seconds
        self.songs += 1
        for name, value in bits.items():
            self.bits[name] = self.bits.get(name, np.zeros(len(rep.HEADS))) + value

    def report(self) -> dict[str, Any]:
        notes = max(1, self.notes)
        blind = self.bits.get("blind", np.zeros(len(rep.HEADS)))
        result: dict[str, Any] = {
            "songs": self.songs,
            "notes": self.notes,
            "bits_per_note": round(float(blind.sum()) / notes, 4),
            "bits_per_second": round(float(blind.sum()) / max(1e-9, self.seconds), 3),
            "structure_bits_per_note": round(float(blind[list(STRUCTURE)].sum()) / notes, 4),
            "heads": {name: round(float(blind[index]) / notes, 4) for index, (name, _) in enumerate(rep.HEADS)},
        }
        if "told" in self.bits:
            result["told_bits_per_note"] = round(float(self.bits["told"].sum()) / notes, 4)
        for name in ("unigram", "ngram"):
            if name in self.bits:
                bits = self.bits[name]
                result[name] = {
                    "bits_per_note": round(float(bits.sum()) / notes, 4),
                    "structure_bits_per_note": round(float(bits[list(STRUCTURE)].sum()) / notes, 4),
                }
        return result


def evaluate(
    path: str | Path,
    model: str | MusicModel = "default",
    split: str = "test",
    *,
    cache: str | Path | None = None,
    told: bool = True,
    baselines: bool = True,
    limit: int | None = None,
) -> dict[str, Any]:
    """Score the `split` part ('train', 'valid', 'test', 'all') of a set, folder, zip, MIDI file, or folder of sets.

    Songs that near_duplicates.jsonl beside a set names are left out. Baselines are learned from the train part of
    the same set and left out where it has none. limit: at most so many notes a set (whole songs). Returns notes,
    bits_per_note, bits_per_second, structure_bits_per_note (part, delta and pitch), heads, per_set and per_style
    with the same keys; a set's whole test part has the stored figures of a `peer` beside it. UsageError when the part
    is empty.
    """
    player = load_model(model) if isinstance(model, str) else model
    path = Path(path)
    places = sorted(path.glob("music_*.zip")) if path.is_dir() else []
    total = _Sum()
    sets: dict[str, _Sum] = {}
    styles: dict[str, _Sum] = {}
    for place in places or [path]:
        songs = load_set(place, cache)
        skip = near_duplicates(place.parent)
        chosen = [song for song in songs if split in ("all", song.split) and (song.set, song.name) not in skip]
        learned = (
            _baselines([song for song in songs if song.split == "train"]) if baselines and split != "all" else {}
        )
        counted = 0
        for song in chosen:
            if limit is not None and counted >= limit:
                break
            counted += len(song.notes)
            notes, bits = _score(player, song, told, learned)
            style = STYLE_NAMES[song.style] if song.style < len(STYLE_NAMES) else "unknown"
            for name, sums in ((song.set or place.stem, sets), (style, styles)):
                sums.setdefault(name, _Sum()).add(song, notes, bits)
            total.add(song, notes, bits)
    if not total.notes:
        raise UsageError(f"no songs in the {split!r} part of {str(path)!r}: choose train, valid, test or all")
    per_set = {name: value.report() for name, value in sets.items()}
    if split == "test" and limit is None:
        for name, row in stored_peer().items():
            if name in per_set:
                per_set[name]["peer"] = row
    return (
        {"model": player.name, "split": split}
        | total.report()
        | {"per_set": per_set, "per_style": {name: value.report() for name, value in styles.items()}}
    )


def stored_peer() -> dict[str, dict[str, float]]:
    """What MidiTok and a GPT-2 of our size, trained here on the same songs, need on the test part of each set: the
    measured result that ships (models/music/peers); nothing without it."""
    from .peers.miditok_gpt2 import RESULT, peer_rows

    if not RESULT.exists():
        return {}
    return {row["set"]: {key: row[key] for key in ("bits_per_note", "bits_per_second")} for row in peer_rows()}


def whole(song: Song, options: WindowOptions) -> Batch:
    """A song as one window."""
    return collate([window(song, unit_table(song), 0, len(song.notes) + 1, np.random.default_rng(0), options)])


def rows_of(batch: Batch) -> NDArray[np.int64]:
    """The notes of a plain window as (n, 6) classes."""
    return np.asarray(batch.targets[batch.weight > 0])


def _score(
    model: MusicModel, song: Song, told: bool, learned: dict[str, Ngram]
) -> tuple[int, dict[str, NDArray[np.float64]]]:
    batch = whole(song, BLIND)
    bits, notes, _ = model.score(batch)
    result = {"blind": bits}
    if told:
        result["told"] = model.score(whole(song, TOLD))[0]
    rows = rows_of(batch)
    for name, ngram in learned.items():
        value = ngram.bits(rows)
        if not song.played:
            value[:, [2, 4]] = 0.0
        result[name] = value.sum(axis=0)
    return notes, result


def _baselines(songs: list[Song]) -> dict[str, Ngram]:
    pieces, played, notes = [], [], 0
    for song in songs:
        if notes > BASELINE_NOTES:
            break
        rows = rows_of(whole(song, BLIND))
        pieces.append(rows)
        played.append(song.played)
        notes += len(rows)
    return {"unigram": Ngram(pieces, played, 0), "ngram": Ngram(pieces, played, 2)} if pieces else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m models.music.evaluate`."""
    parser = argparse.ArgumentParser(prog="models.music.evaluate", description="Bits per note of a music model.")
    parser.add_argument("path", help="a set, a folder or zip of MIDI, one MIDI file, or a folder of music_*.zip")
    parser.add_argument("--model", default="default")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"))
    parser.add_argument("--cache", help="folder for parsed sets")
    parser.add_argument("--limit", type=int, help="at most so many notes of each set")
    options = parser.parse_args(arguments)
    result = evaluate(options.path, options.model, options.split, cache=options.cache, limit=options.limit)
    print(f"{'set':24s} {'notes':>8s} {'bits':>7s} {'told':>7s} {'struct':>7s} {'unigram':>8s} {'n-gram':>8s}")  # noqa: T201
    for name, row in [*result["per_set"].items(), ("all", result)]:
        others = [f"{row[key]['bits_per_note']:8.3f}" if key in row else f"{'-':>8s}" for key in ("unigram", "ngram")]
        print(  # noqa: T201
            f"{name:24s} {row['notes']:8d} {row['bits_per_note']:7.3f} {row['told_bits_per_note']:7.3f}"
            f" {row['structure_bits_per_note']:7.3f} {others[0]} {others[1]}"
        )
    print(json.dumps(result))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
