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
from collections.abc import Iterable, Mapping, Sequence
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
from .originality import COMMON_SONGS, STRIDE, SURE, VERSION, Guard, Index, Line, check, line_of, lines_of
from .originality_kernels import GRAM

__all__ = ["build", "build_folder", "disguise", "excerpt", "measure_copies", "measure_fresh", "random_walk", "save"]

THRESHOLDS = ((0, 16), (96, 17), (128, 18), (192, 19), (256, 20))
"""Notes of a piece -> own notes from which on it is accused: chosen so that of pieces of any length that copied
nothing about one in a hundred is accused (`measure_chance`; figures in index.json)."""

ARRAYS = ("hashes", "places", "checks", "common", "starts", "owners", "parts")
MOST_PLACES = 16  # of one gram in one song
EXCERPTS = 200
LENGTHS = (64, 128, 256, 512, 1024)
SAME_TUNE = 30
SHARED_TUNES = ("jsb_chorales", "open_hymnal")  # many settings of one tune: what is found there is copied indeed
FACTORS = (0.5, 0.613, 0.75, 0.9, 1.1, 4 / 3, 1.37, 1.5, 1.7321, 2.0, 2.718)


def build(
    songs: Sequence[Song],
    titles: Mapping[tuple[str, str], str] | None = None,
    *,
    thresholds: tuple[tuple[int, int], ...] = THRESHOLDS,
) -> Index:
    """An Index of these songs. titles: (set, id) -> title and maker. UsageError when no line has SURE notes."""
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
        thresholds=thresholds,
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


def save(index: Index, folder: str | Path, facts: dict[str, Any]) -> Path:
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
        "thresholds": index.thresholds,
        "songs": len(index.songs),
        "lines": len(index.owners),
        "notes": int(index.starts[-1]),
        "grams": len(index.hashes),
        "common_grams": len(index.common),
        "bytes": len(blob),
    }
    text = json.dumps(card | facts, indent=1, ensure_ascii=False)
    files = {"index.safetensors": blob, "songs.json": f"[\n{rows}\n]\n".encode(), "index.json": f"{text}\n".encode()}
    for name, data in files.items():
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


def disguise(rng: np.random.Generator, line: Line, first: int, length: int) -> Score:
    """`length` notes of a line from `first` on, transposed and stretched, between two random walks of 20 notes."""
    factor = float(rng.choice(FACTORS))
    pitches = line.pitches[first : first + length]
    shift = int(rng.integers(max(-11, -int(pitches.min())), min(11, 127 - int(pitches.max())) + 1))
    onsets = np.rint((line.onsets[first : first + length] - line.onsets[first]) * factor).astype(np.int64)
    before, after = random_walk(rng, 20), random_walk(rng, 20)
    begin = int(before[0][-1]) + 600
    ticks = np.concatenate((before[0], begin + onsets, begin + onsets[-1] + 600 + after[0]))
    tune = np.concatenate((before[1], pitches + shift, after[1]))
    notes = [Note(tick, pitch, 80, 60) for tick, pitch in zip(ticks.tolist(), tune.tolist(), strict=True)]
    return Score([Track("tune", None, notes)])


def measure_copies(
    index: Index, songs: Sequence[Song], count: int = EXCERPTS, seed: int = 1, longest: int = SURE - 1
) -> dict[str, Any]:
    """Hide `count` phrases of 16 to 64 notes of the songs' first lines in random walks, and look for them.

    Sets take turns. Shares of the phrases: length_right, the counted length is within 2 notes; source_first, the song
    is the nearest; source_named, it is among the songs that hold the phrase as long as the nearest does, within 2
    notes; accused, own notes reach the threshold. guard_most: the longest copied run, in own notes, that a Guard of
    `longest` let pass.
    """
    rng = np.random.default_rng(seed)
    by_set: dict[str, list[Song]] = {}
    for song in songs:
        by_set.setdefault(song.set, []).append(song)
    sets = list(by_set)
    guard = Guard(index, longest)
    hits = dict.fromkeys(("length_right", "source_first", "source_named", "accused"), 0)
    done, let_pass = 0, 0
    while done < count:
        among = by_set[sets[done % len(sets)]]
        song = among[int(rng.integers(len(among)))]
        lines = [line for line in lines_of(song) if len(line.onsets) >= SURE + 7]
        if not lines:
            continue
        done += 1
        first, length = excerpt(rng, lines[0])
        score = disguise(rng, lines[0], first, length)
        report = check(score, index)
        hits["length_right"] += abs(report.longest_copied_notes - length) <= 2
        hits["accused"] += report.accused
        near = [copy.source for copy in report.copies if copy.notes >= report.copies[0].notes - 2]
        right = [(source["set"], source["id"]) == (song.set, song.name) for source in near]
        hits["source_first"] += bool(right) and right[0]
        hits["source_named"] += any(right)
        guard.reset()
        for note in score.tracks[0].notes:
            if guard.allows(0, note.tick, note.pitch):
                let_pass = max(let_pass, guard.copied(0, note.tick, note.pitch)[0])
                guard.feed(0, note.tick, note.pitch)
            else:
                guard.reset()  # as if the player had gone elsewhere
    shares = {name: round(hit / count, 3) for name, hit in hits.items()}
    return {"phrases": count, **shares, "guard_longest": longest, "guard_most": let_pass}


def measure_fresh(index: Index, pieces: Iterable[Song | Score | Sequence[Line]]) -> dict[str, Any]:
    """Own notes of the longest copied phrase over pieces: median, 90 %, 99 %, most; how many pieces are accused."""
    reports = [check(piece, index) for piece in pieces]
    own = np.array([report.own_notes for report in reports] or [0])
    median, most_of, nearly_all = np.percentile(own, (50, 90, 99), method="higher").tolist()
    return {
        "pieces": len(reports),
        "own_notes": {"median": median, "p90": most_of, "p99": nearly_all, "most": int(own.max())},
        "accused": sum(report.accused for report in reports),
    }


def measure_chance(index: Index, pieces: Iterable[Song], lengths: Sequence[int] = LENGTHS) -> dict[str, float]:
    """Share of pieces of so many notes that are accused, cut out of the lines of songs that were not learned from.

    Songs with a phrase of SAME_TUNE or more own notes are left out: they hold a training tune under another name.
    """
    lines = [
        line
        for song in pieces
        if check(song, index).own_notes < SAME_TUNE
        for line in lines_of(song)
        if len(line.onsets) >= min(lengths)
    ]
    result = {}
    for length in lengths:
        verdicts = [
            check([Line("", line.onsets[at : at + length], line.pitches[at : at + length])], index).accused
            for line in lines
            for at in range(0, len(line.onsets) - length + 1, length)
        ]
        result[f"{length} notes, of {len(verdicts)}"] = round(float(np.mean(verdicts or [False])), 4)
    return result


# -- all of it ---------------------------------------------------------------------------------------------------

METHOD: Mapping[str, Any] = {
    "lines": "highest note of each onset, one line a part; keyboard bass apart; no drums",
    "token": "interval in semitones, ratio of inter-onset intervals in 5 classes",
    "gram_notes": GRAM + 2,
    "sampling": f"the rarest of every {STRIDE} grams, at most {MOST_PLACES} places of one gram in a song",
    "surely_found_from_notes": SURE,
    "common": f"grams in {COMMON_SONGS} or more songs accuse nobody",
    "accused": "by own notes: different grams of one copied run that are not common, and 7; see thresholds",
    "holds": "32-bit hashes of grams, 4 bits of hash a note; no notes",
}


def build_folder(
    data: str | Path, out: str | Path, *, cache: str | Path | None = None, generated: str | Path | None = None
) -> dict[str, Any]:
    """Build the index of the sets that the shipped music model learns from, measure it, write it; returns index.json.

    data: folder of music_NAME.zip; out: folder to write. generated: folder of MIDI files made by the shipped model,
    for the figures. FileError when a set is missing.
    """
    from .card import data_rows
    from .train import SHARES

    data = Path(data)
    songs = [song for name in SHARES for song in load_set(data / f"music_{name}.zip", cache)]
    songs = [song for song in songs if lines_of(song)]  # drums alone have none
    learned = [song for song in songs if song.split == "train"]
    index = build(learned, _titles(data, SHARES))
    skip = near_duplicates(data)
    unseen = [song for song in songs if song.split != "train" and (song.set, song.name) not in skip]
    fresh: dict[str, list[Any]] = {
        f"{name}, not trained on": [song for song in unseen if song.set == name] for name in SHARES
    }
    for name in ("js_fakes", "nottingham"):
        if (data / f"music_{name}.zip").exists():
            fresh[name] = list(load_set(data / f"music_{name}.zip", cache))
    rng = np.random.default_rng(1)
    fresh["random walks of 500 notes"] = [[line_of("walk", *random_walk(rng, 500))] for _ in range(500)]
    if generated is not None:
        fresh["generated by the shipped model"] = [read_score(path) for path in sorted(Path(generated).glob("*.mid"))]
    figures = {
        "copies": measure_copies(index, learned),
        "fresh": {name: measure_fresh(index, pieces) for name, pieces in fresh.items() if pieces},
        "accused_by_chance": measure_chance(index, [song for song in unseen if song.set not in SHARED_TUNES]),
    }
    shares = [{key: row[key] for key in ("set", "licence", "credit", "train_songs")} for row in data_rows(learned)]
    save(index, out, {"method": METHOD, "data": shares, "figures": figures})
    return dict(json.loads((Path(out) / "index.json").read_text("utf-8")))


def _titles(data: Path, sets: Iterable[str]) -> dict[tuple[str, str], str]:
    """(set, id) -> 'title, maker' of every song, as far as meta.jsonl says."""
    titles = {}
    for name in sets:
        with zipfile.ZipFile(data / f"music_{name}.zip") as archive:
            for text in archive.read("meta.jsonl").decode("utf-8").splitlines():
                row = json.loads(text)
                said = (row.get("title"), row.get("composer") or row.get("artist"))
                titles[name, row["id"]] = ", ".join(" ".join(part.split()) for part in said if part)
    return titles
