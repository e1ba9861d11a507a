"""Build the originality index from training songs, and measure what it finds and whom it accuses.

`build` makes an Index of songs; `save` writes it as index.safetensors, songs.json (set, id, title) and index.json
(data, licences, rules, figures). `measure_copies` hides transposed, stretched phrases of training songs in fresh
notes and looks for them; `measure_fresh` asks how long the copies in music are that copied nothing.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import PART_NAMES
from aigc_music.files.atomic import atomic_write
from aigc_music.files.midi import read_score

from . import originality_kernels as kernels
from .corpus import Song, load_set, near_duplicates
from .originality import COMMON_SONGS, SAME_ONSET, STRIDE, SURE, VERSION, Index, Line, check, lines_of, load_index
from .originality_kernels import GRAM

__all__ = ["build", "build_folder", "excerpt", "measure_copies", "measure_fresh", "random_walk", "save"]

THRESHOLD = 20
"""Own notes from which on a piece is accused; chosen from `measure_fresh`, see the figures in index.json."""

ARRAYS = ("hashes", "places", "checks", "common", "starts", "owners", "parts")
MOST_PLACES = 16  # of one gram in one song
EXCERPTS = 200
FACTORS = (0.5, 0.613, 0.75, 0.9, 1.1, 4 / 3, 1.37, 1.5, 1.7321, 2.0, 2.718)


def build(
    songs: Sequence[Song], titles: Mapping[tuple[str, str], str] | None = None, *, threshold: int = THRESHOLD
) -> Index:
    """An Index of these songs. titles: (set, id) -> title and maker. UsageError when no song has a line of SURE notes."""
    lines: list[tuple[int, Line]] = [
        (number, line) for number, song in enumerate(songs) for line in lines_of(song) if len(line.onsets) >= SURE
    ]
    if not lines:
        raise UsageError(f"no song with a part of {SURE} or more notes among {len(songs)}: nothing to index")
    lengths = [len(line.onsets) for _, line in lines]
    starts = np.concatenate(([0], np.cumsum(lengths)))
    owner = np.repeat([number for number, _ in lines], lengths)
    checks = np.zeros((int(starts[-1]) + 1) // 2, np.uint8)
    grams = np.full(int(starts[-1]), -1, np.int64)
    for start, (_, line) in zip(starts, lines, strict=False):
        token, _ = kernels.tokens_of(line.onsets, line.pitches)
        kernels.check_line(checks, token, int(start))
        grams[start : start + len(token)] = kernels.grams_of(token)
    common, count = _how_often(grams, owner)
    chosen = np.zeros(len(grams), np.bool_)
    for begin, end in zip(starts, starts[1:], strict=False):
        chosen[begin:end] = kernels.choose(count[begin:end], STRIDE)
    places = np.flatnonzero(chosen)
    places = places[np.lexsort((places, owner[places], grams[places]))]
    new = np.concatenate(([True], (np.diff(grams[places]) != 0) | (np.diff(owner[places]) != 0)))
    rank = np.arange(len(places)) - np.maximum.accumulate(np.where(new, np.arange(len(places)), 0))
    places = places[rank < MOST_PLACES]
    return Index(
        hashes=grams[places].astype(np.uint32),
        places=places.astype(np.uint32),
        checks=checks,
        common=common.astype(np.uint32),
        starts=starts.astype(np.uint32),
        owners=np.array([number for number, _ in lines], np.uint16),
        parts=np.array([PART_NAMES.index(line.name) for _, line in lines], np.uint8),
        songs=tuple((song.set, song.name, (titles or {}).get((song.set, song.name), "")) for song in songs),
        threshold=threshold,
    )


def _how_often(grams: NDArray[np.int64], owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(sorted common grams, for every place how often its gram occurs, 0 for none and common ones)."""
    valid = grams >= 0
    values, inverse, counts = np.unique(grams[valid], return_inverse=True, return_counts=True)
    pairs = np.unique(np.stack((inverse, owner[valid])), axis=1)
    songs = np.bincount(pairs[0], minlength=len(values))
    result = np.zeros(len(grams), np.int64)
    result[valid] = np.where(songs >= COMMON_SONGS, 0, counts)[inverse]
    return values[songs >= COMMON_SONGS], result


def save(index: Index, folder: str | Path, facts: Mapping[str, Any]) -> Path:
    """Write an index folder; `facts` go into index.json beside version, rules, sizes and checksum."""
    from safetensors.numpy import save as to_bytes

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(index, name) for name in ARRAYS}
    blob = to_bytes(arrays)
    rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in index.songs)
    card = {
        "kind": "originality",
        "version": VERSION,
        "sha256": hashlib.sha256(blob).hexdigest(),
        "threshold": index.threshold,
        "songs": len(index.songs),
        "lines": len(index.owners),
        "notes": int(index.starts[-1]),
        "grams": len(index.hashes),
        "common_grams": len(index.common),
        "bytes": len(blob),
    }
    texts = {"songs.json": f"[\n{rows}\n]\n", "index.json": json.dumps(card | dict(facts), indent=1, ensure_ascii=False)}
    for name, data in {"index.safetensors": blob, **{name: text.encode() for name, text in texts.items()}}.items():
        with atomic_write(folder / name) as file:
            file.write(data)
    return folder


# -- measuring ---------------------------------------------------------------------------------------------------


def random_walk(rng: np.random.Generator, notes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(onsets, pitches) of a tune that nobody wrote: steps and leaps in a scale, sixteenths to half notes."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    degrees = np.cumsum(rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 3], notes)) % 14
    onsets = np.cumsum(rng.choice([120, 240, 240, 360, 480, 480, 720, 960], notes))
    return onsets.astype(np.int64), 60 + scale[degrees % 7] + 12 * (degrees // 7)


def excerpt(rng: np.random.Generator, line: Line, shortest: int = 16, longest: int = 64) -> tuple[int, int]:
    """(first note, number of notes) of a phrase anywhere in a line of at least `shortest` notes."""
    length = int(rng.integers(shortest, min(longest, len(line.onsets)) + 1))
    return int(rng.integers(0, len(line.onsets) - length + 1)), length


def disguise(rng: np.random.Generator, line: Line, first: int, length: int) -> tuple[Score, int]:
    """A phrase, transposed and stretched, between notes of a random walk; (score, tick at which it begins)."""
    factor = float(rng.choice(FACTORS))
    pitches = line.pitches[first : first + length]
    shift = int(rng.integers(max(-11, -int(pitches.min())), min(11, 127 - int(pitches.max())) + 1))
    onsets = np.rint((line.onsets[first : first + length] - line.onsets[first]) * factor).astype(np.int64)
    before, after = random_walk(rng, 20), random_walk(rng, 20)
    begin = int(before[0][-1]) + 600
    ticks = np.concatenate((before[0], begin + onsets, begin + onsets[-1] + 600 + after[0]))
    tune = np.concatenate((before[1], pitches + shift, after[1]))
    track = Track("tune", None, [Note(tick, pitch, 80, 60) for tick, pitch in zip(ticks.tolist(), tune.tolist(), strict=True)])
    return Score([track]), begin


def measure_copies(index: Index, songs: Sequence[Song], count: int = EXCERPTS, seed: int = 1) -> dict[str, Any]:
    """Hide `count` phrases of 16 to 64 notes of the songs' top lines in random walks, and look for them.

    Sets take turns. found: own notes reach the threshold; length_right: within 2 notes; source_right: the song is
    named, or is among those that hold the same phrase just as long (twin).
    """
    rng = np.random.default_rng(seed)
    by_set: dict[str, list[Song]] = {}
    for song in songs:
        by_set.setdefault(song.set, []).append(song)
    rows: list[dict[str, Any]] = []
    sets = list(by_set)
    while len(rows) < count:
        song = by_set[sets[len(rows) % len(sets)]][0]
        song = by_set[song.set][int(rng.integers(len(by_set[song.set])))]
        lines = [line for line in lines_of(song) if len(line.onsets) >= 20]
        if not lines:
            continue
        line = lines[0]
        first, length = excerpt(rng, line)
        score, _ = disguise(rng, line, first, length)
        report = check(score, index)
        same = [copy for copy in report.copies if copy.notes >= report.copies[0].notes - 2]
        rows.append(
            {
                "set": song.set,
                "id": song.name,
                "first": first,
                "length": length,
                "reported": report.longest_copied_notes,
                "notes": report.copies[0].notes if report.copies else 0,
                "own": report.copies[0].own_notes if report.copies else 0,
                "found": report.accused,
                "named": bool(report.nearest and report.nearest["id"] == song.name),
                "twin": any(copy.source["id"] == song.name for copy in same),
            }
        )
    return {"rows": rows}
