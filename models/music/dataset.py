"""Training arrays: folders and zips of MIDI become one compact file a set, with what is known of every song.

`build` reads sets in the layout of a data folder and any other folder or zip of MIDI, and writes NAME.safetensors a
set and index.json beside them. A file holds the notes, metres (beats and downbeats), chords and tempos of all songs
end to end; its metadata is JSON: one row a song with source, licence, key and chords (given or estimated), parts by
role, split. Training takes these files wherever it takes a set. No pickles.

What is left out, and why, stands in the index: files that cannot be read, pieces without notes, the same notes
again. Songs outside the train part that are near duplicates of a train song (duplicates.py) get the split
"duplicate": they are kept, and nothing learns from or measures by them. A folder without splits of its own is split
by song, near duplicates on one side.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import AigcMusicError, FileError, UsageError
from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLE_NAMES, UNKNOWN_STYLE
from aigc_music.core.theory import CHORD_QUALITIES, Key
from aigc_music.files.atomic import atomic_write
from aigc_music.files.midi import read_score

from . import duplicates
from .corpus import Song, Source, load_set, near_duplicates

__all__ = [
    "NOT_STATED", "Origin", "build", "credits_of", "hold_out", "origins", "places", "read_songs",
    "split_by_song",
]  # fmt: skip

VERSION = 1
NOT_STATED = "not stated by the user"
DUPLICATE = "duplicate"
HELD = 0.1  # share of a folder without splits that becomes its valid part
FEWEST = 5  # songs from which on a folder is split at all

# tensor -> (array of a Song, its column)
TENSORS: dict[str, tuple[str, int]] = {
    "note.tick": ("notes", 0), "note.part": ("notes", 1), "note.pitch": ("notes", 2), "note.velocity": ("notes", 3),
    "note.duration": ("notes", 4), "metre.tick": ("metres", 0), "metre.beats": ("metres", 1),
    "metre.ticks_per_beat": ("metres", 2), "chord.tick": ("chords", 0), "chord.root": ("chords", 1),
    "chord.quality": ("chords", 2), "tempo.tick": ("tempos", 0), "tempo.bpm": ("tempos", 1),
}  # fmt: skip
ARRAYS = {"note": "notes", "metre": "metres", "chord": "chords", "tempo": "tempos"}
FIELDS = ("name", "set", "split", "key_root", "key_minor", "key_given", "chords_given", "played")

LICENCE_FILES = ("LICENSE", "LICENCE", "COPYING")

Report = Callable[[str, float], None]
"""Called with what is being read and the share that is done, 0..1."""


class Origin(NamedTuple):
    """Where a song comes from: title, source (a repository, or a folder's name), licence, as they are given."""

    title: str
    source: str
    licence: str


# -- what there is -----------------------------------------------------------------------------------------------


def places(data: Iterable[str | Path]) -> list[Path]:
    """Each of `data`, or what it holds: music_*.zip, else files of arrays, else zips and MIDI files."""
    result: list[Path] = []
    for place in map(Path, data):
        inside: list[Path] = []
        if place.is_dir():
            inside = sorted(place.glob("music_*.zip")) or sorted(place.glob("*.safetensors"))
            if not inside:
                own = any(path.suffix.lower() in (".mid", ".midi") for path in place.rglob("*"))
                inside = ([place] if own else []) + sorted(place.glob("*.zip"))
        result += inside or [place]
    return result


def origins(path: Path, licence: str | None = None) -> dict[str, Origin]:
    """Origin of every song of a place by its name, from meta.jsonl, SOURCE.txt and the licence file; "" stands for
    all songs not named. licence: what the user says, in place of what is not stated."""
    if path.suffix == ".safetensors":
        rows = _read_header(path)["songs"]
        return {row["name"]: Origin(row["title"], row["source"], row["licence"]) for row in rows}
    nothing = licence or NOT_STATED
    if path.is_file() and path.suffix.lower() != ".zip":
        return {"": Origin("", path.name, nothing)}
    files = Source(path)
    top = {name.upper(): name for name in files.names() if "/" not in name}
    stated = next((top[name] for name in top if name.split(".")[0] in LICENCE_FILES), None)
    terms = _first_lines(files.read(stated)) if stated else nothing
    source = _first_lines(files.read(top["SOURCE.TXT"])) if "SOURCE.TXT" in top else path.name
    source = source.removeprefix("source: ")
    result = {"": Origin("", source, terms)}
    for row in files.lines("meta.jsonl"):
        of_song = row.get("licence") or row.get("license") or terms
        result[row["id"]] = Origin(str(row.get("title", "")), source, str(of_song))
    return result


def _first_lines(text: bytes, most: int = 120) -> str:
    """The first line, and the next ones where it is a mere heading."""
    lines = [" ".join(line.split()) for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    result = lines[0] if lines else ""
    for line in lines[1:]:
        if len(result) >= 30 or len(result) + len(line) > most:
            break
        result += f"; {line}"
    return result if len(result) <= most else result[: most - 3] + "..."


def origin_of(song: Song, known: dict[str, Origin]) -> Origin:
    """The origin of a song among those of its place."""
    return known.get(song.name) or known.get("") or Origin("", song.set, NOT_STATED)


def credits_of(data: Iterable[Path], songs: Sequence[Song], licence: str | None = None) -> list[dict[str, Any]]:
    """Rows for a card: set, source, licence, songs (names) and notes of every kind of origin among `songs`."""
    known: dict[str, dict[str, Origin]] = {}
    for place in data:
        for name, origin in origins(place, licence).items():
            known.setdefault(set_name(place), {})[name] = origin
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for song in songs:
        origin = origin_of(song, known.get(song.set, {}))
        row = rows.setdefault(
            (song.set, origin.source, origin.licence),
            {"set": song.set, "source": origin.source, "licence": origin.licence, "notes": 0, "songs": []},
        )
        row["notes"] += len(song.notes)
        row["songs"].append(song.name)
    return list(rows.values())


def set_name(place: Path) -> str:
    """The name under which the songs of a place go."""
    return _read_header(place)["set"] if place.suffix == ".safetensors" else place.stem.removeprefix("music_")


# -- splits ------------------------------------------------------------------------------------------------------


def hold_out(songs: Sequence[Song], share: float) -> list[bool]:
    """Which songs are held out: about `share` of them and at least one, near duplicates all on one side.

    The choice depends on the names only, so it stays when the folder grows by a few songs. All False where there is
    nothing to choose between: one song, or songs that are all alike.
    """
    clusters = duplicates.groups(songs)
    clusters.sort(key=lambda members: hashlib.sha256(songs[members[0]].name.encode()).digest())
    wanted, held = max(1, round(share * len(songs))), [False] * len(songs)
    smallest = min(len(members) for members in clusters)
    if len(clusters) < 2:
        return held
    for members in clusters:
        if sum(held) + len(members) <= max(wanted, smallest):
            for index in members:
                held[index] = True
    return held


def split_by_song(songs: list[Song]) -> None:
    """Give a folder without splits a train and a valid part."""
    held = hold_out(songs, HELD) if len(songs) >= FEWEST else [False] * len(songs)
    for song, out in zip(songs, held, strict=True):
        song.split = "valid" if out else "train"


# -- building ----------------------------------------------------------------------------------------------------


def build(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    licence: str | None = None,
    cache: str | Path | None = None,
    report: Report | None = None,
) -> dict[str, Any]:
    """Write one file of arrays for each place in `data` and index.json; returns the index.

    licence: the user's word on songs whose licence no file states. Raises FileError when there is nothing to read or
    nowhere to write, UsageError when two places have the same name.
    """
    out = Path(out)
    found = places(data)
    names = Counter(map(set_name, found))
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UsageError(f"two places are called {twice[0]!r}: give one of them another name, or build them apart")
    loaded: list[tuple[Path, list[Song], dict[str, Origin], list[dict[str, str]]]] = []
    seen: dict[bytes, str] = {}
    skip: set[tuple[str, str]] = set()
    for index, place in enumerate(found):
        if report:
            report(place.name, index / len(found))
        known = origins(place, licence)
        songs, dropped = _without_repeats(load_set(place, cache), seen, given=len(known) > 1)
        dropped = _unread(place, songs, dropped) + dropped
        if songs and not any(song.split == "train" for song in songs):
            split_by_song(songs)
        skip |= near_duplicates(place.parent)
        loaded.append((place, songs, known, dropped))
    if report:
        report("near duplicates", 1.0)
    alike = _leave_out([song for _, songs, _, _ in loaded for song in songs], skip)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, songs, known, dropped in loaded:
        name = set_name(place)
        details = [_row(song, origin_of(song, known)) for song in songs]
        digest = _write(out / f"{name}.safetensors", name, songs, details)
        rows.append(
            {"set": name, "file": f"{name}.safetensors", "sha256": digest}
            | _figures(songs)
            | {
                "licences": dict(Counter(row["licence"] for row in details)),
                "dropped": dropped,
                "duplicates": [alike[song.set, song.name] for song in songs if (song.set, song.name) in alike],
            }
        )
    index_of_all = {"kind": "songs", "version": VERSION, "sets": rows}
    with atomic_write(out / "index.json") as file:
        file.write(json.dumps(index_of_all, indent=1, ensure_ascii=False).encode() + b"\n")
    return index_of_all


def _without_repeats(
    songs: list[Song], seen: dict[bytes, str], *, given: bool
) -> tuple[list[Song], list[dict[str, str]]]:
    """Songs without those whose notes were there before; a set with splits of its own stays whole."""
    kept: list[Song] = []
    dropped: list[dict[str, str]] = []
    for song in songs:
        digest = hashlib.sha256(np.ascontiguousarray(song.notes, np.int32).tobytes()).digest()
        if digest in seen and not given:
            dropped.append({"song": song.name, "why": f"the same notes as {seen[digest]}"})
        else:
            seen.setdefault(digest, f"{song.set}/{song.name}")
            kept.append(song)
    return kept, dropped


def _unread(place: Path, songs: list[Song], dropped: list[dict[str, str]]) -> list[dict[str, str]]:
    """The MIDI files of a place that became no song, with the reason."""
    if place.is_file() and place.suffix.lower() != ".zip":
        return []
    files, known = Source(place), {song.name for song in songs} | {row["song"] for row in dropped}
    result = []
    for name in files.names():
        if not name.lower().endswith((".mid", ".midi")):
            continue
        whole = name.rpartition(".")[0]
        if whole in known or Path(name).stem in known:
            continue
        try:
            read_score(files.read(name))
            result.append({"song": whole, "why": "fewer than 4 notes"})
        except AigcMusicError as error:
            result.append({"song": whole, "why": " ".join(str(error).split())})
    return result


def _leave_out(songs: list[Song], named: set[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Mark the songs outside train that are near duplicates of a train song, found or named; what is said of them."""
    learned = [song for song in songs if song.split == "train"]
    others = [song for song in songs if song.split != "train"]
    hashes = [duplicates.patterns(song) for song in learned]
    near = duplicates.nearest([duplicates.patterns(song) for song in others], hashes)
    result: dict[tuple[str, str], dict[str, Any]] = {}
    for song, (share, index) in zip(others, near, strict=True):
        if share >= duplicates.ALIKE or (song.set, song.name) in named:
            found = share >= duplicates.ALIKE
            source = f"{learned[index].set}/{learned[index].name}" if found else "named in near_duplicates.jsonl"
            result[song.set, song.name] = {
                "song": song.name, "share": round(share, 3) if found else None, "nearest": source,
            }  # fmt: skip
            song.split = DUPLICATE
    return result


def _row(song: Song, origin: Origin) -> dict[str, Any]:
    """What is known of a song, for the header of its file."""
    row = {name: _plain(getattr(song, name)) for name in FIELDS}
    return row | {
        "style": STYLE_NAMES[song.style] if song.style < UNKNOWN_STYLE else "",
        "title": origin.title,
        "source": origin.source,
        "licence": origin.licence,
        "key": str(Key(int(song.key_root), "minor" if song.key_minor else "major")) if song.key_root >= 0 else "",
        "parts": [PART_NAMES[part] for part in np.unique(song.notes[:, 1])],
        "notes": len(song.notes),
        "seconds": round(song.seconds, 1),
    }


def _figures(songs: list[Song]) -> dict[str, Any]:
    """The sums of a set."""
    splits = Counter(song.split for song in songs)
    return {
        "songs": len(songs),
        "notes": int(sum(len(song.notes) for song in songs)),
        "hours": round(sum(song.seconds for song in songs) / 3600, 3),
        "splits": dict(splits),
        "keys_given": sum(song.key_given for song in songs),
        "chords_given": sum(song.chords_given for song in songs),
        "parts": dict(Counter(PART_NAMES[part] for song in songs for part in np.unique(song.notes[:, 1]))),
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


# -- files -------------------------------------------------------------------------------------------------------


def _smallest(values: NDArray[Any]) -> NDArray[Any]:
    """The same whole numbers in the fewest bytes; other numbers as they are."""
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        return values.astype(np.float64)
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    kinds = (np.uint8, np.uint16, np.int32, np.int64)
    kind = next(kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return values.astype(kind)


def _write(path: Path, name: str, songs: list[Song], rows: list[dict[str, Any]]) -> str:
    """Write a set; returns the sha256 of the file."""
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {}
    for kind, array in ARRAYS.items():
        tensors[f"{kind}.ends"] = np.cumsum([len(getattr(song, array)) for song in songs]).astype(np.int64)
    for tensor, (array, column) in TENSORS.items():
        tensors[tensor] = _smallest(np.concatenate([getattr(song, array)[:, column] for song in songs]))
    header = {
        "kind": "songs", "version": VERSION, "set": name, "ticks_per_quarter": 480, "parts": PART_NAMES,
        "chord_qualities": [name for name, _ in CHORD_QUALITIES], "songs": rows,
    }  # fmt: skip
    blob = save(tensors, {"songs": json.dumps(header, ensure_ascii=False)})
    with atomic_write(path) as file:
        file.write(blob)
    return hashlib.sha256(blob).hexdigest()


def _read_header(path: Path) -> dict[str, Any]:
    return _read(path, tensors=False)[0]


def _read(path: Path, *, tensors: bool) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header: dict[str, Any] = json.loads(file.metadata()["songs"])
            if header["kind"] != "songs" or header["version"] != VERSION:
                raise FileError(
                    f"{str(path)!r} holds {header['kind']!r}, version {header['version']!r}; this program reads "
                    f"songs, version {VERSION}: make it again with aigc-music train data"
                )
            names = file.keys() if tensors else ()
            return header, {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(
            f"{str(path)!r} is no file of training arrays ({error}): "
            "make one with aigc-music train data FOLDER --out DIR"
        ) from error


def read_songs(path: str | Path) -> list[Song]:
    """The songs of a file that `build` wrote. FileError for anything else."""
    path = Path(path)
    header, tensors = _read(path, tensors=True)
    try:
        columns: dict[str, list[NDArray[Any]]] = {array: [] for array in ARRAYS.values()}
        for tensor, (array, _) in TENSORS.items():
            columns[array].append(tensors[tensor])
        blocks = {}
        for kind, array in ARRAYS.items():
            kinds = np.float64 if array == "tempos" else np.int32
            whole = np.stack(columns[array], axis=1).astype(kinds)
            blocks[array] = np.split(whole, tensors[f"{kind}.ends"][:-1])
            if len(whole) != tensors[f"{kind}.ends"][-1]:
                raise ValueError(f"{kind}.ends does not fit its arrays")
        return [
            Song(
                **{name: row[name] for name in FIELDS},
                style=STYLE_NAMES.index(row["style"]) if row["style"] in STYLE_NAMES else UNKNOWN_STYLE,
                **{array: blocks[array][index] for array in ARRAYS.values()},
            )
            for index, row in enumerate(header["songs"])
        ]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise FileError(f"{str(path)!r} is damaged ({error}): make it again with aigc-music train data") from error
