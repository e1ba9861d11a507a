"""Music files -> songs as arrays: parts, beats, chords and keys as the network needs them.

Reads a set in the layout of a data folder (midi/<id>.mid, meta.jsonl, splits/*.txt, chords.jsonl,
annotations.jsonl, in a folder or a zip), any other folder or zip of MIDI files, or one file. Chords and keys that
the set does not give are estimated from the notes and marked so. Every song becomes a `Song`; a set is cached as
one npz file under a folder that the caller names.

Parts: by track name, program, order or register (`assign_parts`); the lowest note of each onset of a keyboard
part below pitch 50 counts as `bass`, because no set has a bass track.

Threads: offline, no shared state. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import AigcMusicError, FileError
from aigc_music.core.notes import Score, Track
from aigc_music.core.parts import DRUM_PITCHES, DRUMS, PART_NAMES
from aigc_music.core.styles import STYLE_NAMES, UNKNOWN_STYLE
from aigc_music.core.theory import NO_CHORD, NO_ROOT, Chord, Key
from aigc_music.core.time import TICKS_PER_QUARTER
from aigc_music.files.midi import read_score

from .representation import UNIT, beat_of, onset_arrays

__all__ = ["Song", "Source", "load_corpus", "load_set", "near_duplicates", "song_of_score"]

MELODY, COUNTER, INNER, BASS, KEYS = (PART_NAMES.index(n) for n in ("melody", "counter", "inner", "bass", "keys"))
BASS_BELOW = 50

STYLE_WORDS: tuple[tuple[str, str], ...] = (
    ("chorale", "chorale"), ("string quartet", "quartet"), ("art song", "art_song"), ("romantic", "romantic"),
    ("afro", "afro"), ("neworleans", "jazz"), ("gospel", "soul"), ("jazz", "jazz"), ("pop", "pop"),
    ("folk", "folk"), ("hymn", "hymn"), ("baroque", "baroque"), ("ragtime", "ragtime"), ("carol", "carol"),
    ("song", "art_song"), ("renaissance", "baroque"), ("classical", "classical"),
)  # fmt: skip
"""First word found in a set's style label -> style of ours."""

PART_WORDS: tuple[tuple[str, int], ...] = (
    ("drum", DRUMS), ("perc", DRUMS), ("piano", KEYS), ("klavier", KEYS), ("keys", KEYS), ("guitar", KEYS),
    ("organ", KEYS), ("harp", KEYS), ("violin 1", MELODY), ("violin i ", MELODY), ("violin 2", COUNTER),
    ("violin ii", COUNTER), ("violoncello", BASS), ("cello", BASS), ("contrabass", BASS), ("viola", INNER),
    ("bridge", COUNTER), ("counter", COUNTER), ("alto", COUNTER), ("tenor", INNER), ("strings", INNER),
    ("pad", INNER), ("inner", INNER), ("bass", BASS), ("soprano", MELODY), ("melody", MELODY), ("voice", MELODY),
    ("voc", MELODY), ("chant", MELODY), ("gesang", MELODY), ("sing", MELODY), ("canto", MELODY), ("lied", MELODY),
    ("flute", MELODY), ("oboe", MELODY), ("clarinet", MELODY), ("violin", MELODY), ("lead", MELODY),
    ("mel", MELODY), ("up", KEYS), ("low", KEYS), ("down", KEYS), ("rh", KEYS), ("lh", KEYS),
)  # fmt: skip
"""First word found in a track's name -> part."""

DRUM_MAP: dict[int, int] = {22: 42, 26: 46, 40: 38, 58: 43, 47: 45, 50: 48, 52: 57, 59: 51, 55: 49}
"""Roland TD-11 pads (rims, edges) -> General MIDI drums; others stay."""

SPLITS = ("train", "valid", "test")

IntArray = NDArray[np.integer]


@dataclass(slots=True)
class Song:
    """One piece. All times in ticks.

    notes: (n, 5) int32 rows (tick, part, pitch, velocity, duration), sorted by (grid unit, part, pitch), no two
    rows alike in those three. metres: (m, 3) rows (tick, beats, ticks per beat). chords: (c, 3) rows (tick, root,
    quality). tempos: (t, 2) rows (tick, bpm).
    """

    name: str
    set: str
    split: str
    style: int
    notes: IntArray
    metres: IntArray
    chords: IntArray
    tempos: NDArray[np.floating]
    key_root: int = -1  # -1 = none (drums alone)
    key_minor: bool = False
    key_given: bool = False
    chords_given: bool = False
    played: bool = False  # timing and velocity come from a player: micro and velocity may be learned

    @property
    def seconds(self) -> float:
        """Length from the first onset to the last end, at the tempo map of the piece."""
        start, end = float(self.notes[0, 0]), float((self.notes[:, 0] + self.notes[:, 4]).max())
        ticks = np.clip(np.append(self.tempos[:, 0], end), start, end)
        return float((np.diff(ticks) / TICKS_PER_QUARTER * 60.0 / self.tempos[:, 1]).sum())


def style_of(label: str) -> int:
    """Style id of a free style label."""
    text = label.lower()
    if text in STYLE_NAMES:
        return STYLE_NAMES.index(text)
    for word, style in STYLE_WORDS:
        if word in text:
            return STYLE_NAMES.index(style)
    return UNKNOWN_STYLE


def assign_parts(tracks: list[Track], style: str = "") -> list[int]:
    """Part of every track with notes: by channel 9, by name, by number of voices, by program and register."""
    if "piano" in style:
        return [KEYS] * len(tracks)
    parts: list[int] = []
    means = [float(np.mean([n.pitch for n in track.notes])) for track in tracks]
    singing = [_notes_per_onset(track) < 1.15 for track in tracks]
    if len(tracks) == 1 and singing[0] and not tracks[0].is_drums:
        return [MELODY]
    keyboard = len(tracks) > 1 and all(track.program is not None and track.program < 8 for track in tracks)
    four_voices = (
        len(tracks) == 4
        and all(_notes_per_onset(track) < 1.3 for track in tracks)
        and means == sorted(means, reverse=True)
    )
    for index, track in enumerate(tracks):
        name = f"{track.name.lower()} "
        word = next((part for word, part in PART_WORDS if word in name), None)
        if track.is_drums:
            parts.append(DRUMS)
        elif word is not None:
            parts.append(KEYS if word == DRUMS else word)
        elif four_voices:
            parts.append((MELODY, COUNTER, INNER, BASS)[index])
        elif keyboard:
            parts.append(KEYS)
        elif track.program is not None and 32 <= track.program < 40:
            parts.append(BASS)
        elif _notes_per_onset(track) >= 1.3 or (
            len(tracks) == 2 and index == 1 and means[1] < means[0] - 5 and means[1] < 58
        ):
            parts.append(KEYS)
        elif means[index] == max(means) and means[index] > 60:
            parts.append(MELODY)
        else:
            parts.append(KEYS)
    return parts


def _notes_per_onset(track: Track) -> float:
    return len(track.notes) / max(1, len({note.tick for note in track.notes}))


def song_of_score(
    score: Score,
    *,
    name: str = "",
    set_name: str = "",
    split: str = "test",
    style: str = "",
    played: bool | None = None,
) -> Song | None:
    """Turn a score into a song; None when it holds fewer than 4 notes.

    played None = decide by the notes: more than 3 velocities and onsets off the grid.
    """
    tracks = [track for track in score.tracks if track.notes]
    if sum(len(track.notes) for track in tracks) < 4:
        return None
    rows = []
    for track, part in zip(tracks, assign_parts(tracks, style), strict=True):
        block = np.array([(n.tick, part, n.pitch, n.velocity, n.duration) for n in track.notes], dtype=np.int32)
        rows.append(split_bass(block) if part == KEYS else block)
    metres = [(tick, *beat_of(metre.beats, metre.unit)) for tick, metre in score.metres] or [
        (0, 4, TICKS_PER_QUARTER)
    ]
    tempos = [(tick, bpm) for tick, bpm in score.tempos] or [(0, 120.0)]
    song = Song(
        name,
        set_name,
        split,
        style_of(style),
        np.concatenate(rows),
        np.array(metres, np.int32),
        np.zeros((0, 3), np.int32),
        np.array(tempos, np.float64),
    )
    finish(song)
    if played is None:
        offset = np.abs((song.notes[:, 0] + 20) % UNIT - 20)
        played = len(np.unique(song.notes[:, 3])) > 3 and float(np.mean(offset > 2)) > 0.1
    song.played = played
    return song


def finish(song: Song) -> None:
    """Clean and sort the notes; estimate key and chords where they are missing."""
    song.notes = tidy(song.notes)
    pitched = song.notes[song.notes[:, 1] != DRUMS]
    if len(pitched) == 0:
        song.key_root = -1
        return
    if not song.key_given:
        song.key_root, song.key_minor = estimate_key(pitched)
    if not song.chords_given:
        song.chords = estimate_chords(
            pitched, song.metres, per_beat=STYLE_NAMES[song.style : song.style + 1] in (("chorale",), ("hymn",))
        )


def tidy(notes: IntArray) -> IntArray:
    """Map drums, clip ranges, sort by (unit, part, pitch); of equal rows the longest note stays."""
    notes = notes.astype(np.int32, copy=True)
    drums = notes[:, 1] == DRUMS
    table = np.arange(128)
    for pad, pitch in DRUM_MAP.items():
        table[pad] = pitch
    notes[drums, 2] = table[notes[drums, 2]]
    notes = notes[~drums | np.isin(notes[:, 2], DRUM_PITCHES)] if drums.any() else notes
    notes[:, 3] = np.clip(notes[:, 3], 1, 127)
    notes[:, 4] = np.maximum(1, notes[:, 4])
    units, _ = onset_arrays(notes[:, 0])
    order = np.lexsort((-notes[:, 4], notes[:, 2], notes[:, 1], units))
    notes, units = notes[order], units[order]
    same = (np.diff(units) == 0) & (np.diff(notes[:, 1]) == 0) & (np.diff(notes[:, 2]) == 0)
    return notes[np.concatenate(([True], ~same))] if len(notes) else notes


def split_bass(block: IntArray) -> IntArray:
    """Give the lowest note of every onset of a keyboard part to the bass where it lies below BASS_BELOW."""
    units, _ = onset_arrays(block[:, 0])
    order = np.lexsort((block[:, 2], units))
    block, units = block[order].copy(), units[order]
    first = np.concatenate(([True], np.diff(units) > 0))
    block[first & (block[:, 2] < BASS_BELOW), 1] = BASS
    return block


# -- estimates ---------------------------------------------------------------------------------------------------

KEY_PROFILES: tuple[NDArray[np.float64], NDArray[np.float64]] = (
    np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]),
    np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]),
)
"""How well each step fits a major and a minor key (Krumhansl and Kessler 1982)."""


def estimate_key(notes: IntArray) -> tuple[int, bool]:
    """(root, minor) whose Krumhansl profile correlates best with the time that each pitch class sounds."""
    weights = np.bincount(notes[:, 2] % 12, weights=np.minimum(notes[:, 4], 4 * TICKS_PER_QUARTER), minlength=12)
    with np.errstate(invalid="ignore", divide="ignore"):  # twelve tones of equal weight correlate with nothing
        scores = [
            np.corrcoef(weights, np.roll(profile, root))[0, 1] for profile in KEY_PROFILES for root in range(12)
        ]
    best = int(np.argmax(np.nan_to_num(scores)))
    return best % 12, best >= 12


_TEMPLATES: list[tuple[int, tuple[int, ...], float]] = [
    (0, (0, 4, 7), 0.0), (1, (0, 3, 7), 0.0), (6, (0, 4, 7, 10), -0.03), (5, (0, 3, 7, 10), -0.06),
    (2, (0, 3, 6), -0.06), (4, (0, 4, 7, 11), -0.06), (8, (0, 3, 6, 9), -0.08), (7, (0, 3, 6, 10), -0.06),
    (3, (0, 4, 8), -0.1),
]  # fmt: skip
_TONES = np.zeros((len(_TEMPLATES) * 12, 12))
for _index, _template in enumerate(_TEMPLATES):
    for _root in range(12):
        _TONES[_index * 12 + _root, [(_root + interval) % 12 for interval in _template[1]]] = 1.0
_PRIOR = np.repeat([prior for _, _, prior in _TEMPLATES], 12)
_SIZES = _TONES.sum(1)


def estimate_chords(notes: IntArray, metres: IntArray, *, per_beat: bool) -> IntArray:
    """Chord rows by template matching, one decision per half bar (per beat for hymns and chorales).

    A template scores by the share of sounding time it covers, less a fee for tones that do not sound; the lowest
    note counts extra for its root, and keeping the last chord is a little better than changing it.
    """
    end = int((notes[:, 0] + notes[:, 4]).max())
    starts: list[int] = []
    for index, (tick, beats, ticks) in enumerate(metres):
        stop = int(metres[index + 1][0]) if index + 1 < len(metres) else end
        step = int(ticks) * (1 if per_beat or beats <= 2 else beats // 2 if beats % 2 == 0 else beats)
        starts.extend(range(int(tick), max(stop, int(tick) + 1), step))
    begin = np.array(starts, dtype=np.int64)
    count = len(begin)
    units = end // UNIT + 2
    roll = np.zeros((units, 12), dtype=np.float32)
    on, off = notes[:, 0] // UNIT, np.maximum(notes[:, 0] // UNIT + 1, (notes[:, 0] + notes[:, 4]) // UNIT)
    np.add.at(roll, (on, notes[:, 2] % 12), 1.0)
    np.add.at(roll, (np.minimum(off, units - 1), notes[:, 2] % 12), -1.0)
    total = np.vstack([np.zeros((1, 12)), np.cumsum(np.cumsum(roll, axis=0), axis=0)])
    cuts = np.minimum(np.append(begin, end) // UNIT, units)
    weight = total[cuts[1:]] - total[cuts[:-1]]  # (count, 12)
    lowest = np.full(count, 128)
    np.minimum.at(lowest, np.clip(np.searchsorted(begin, notes[:, 0], side="right") - 1, 0, count - 1), notes[:, 2])
    share = weight / np.maximum(weight.sum(1, keepdims=True), 1e-6)
    covered = share @ _TONES.T
    missing = ((share < 0.04).astype(np.float64) @ _TONES.T) / _SIZES
    score = covered - 0.35 * missing + _PRIOR
    voiced = lowest < 128
    roots = np.tile(np.arange(12), len(_TEMPLATES))
    score[voiced] += 0.12 * (roots[None, :] == (lowest[voiced] % 12)[:, None])
    rows: list[tuple[int, int, int]] = []
    last = -1
    for index in range(count):
        if weight[index].sum() <= 0:
            continue
        row = score[index]
        best = int(np.argmax(row))
        if last >= 0 and row[last] + 0.06 >= row[best]:
            best = last
        if best != last:
            rows.append((int(begin[index]), best % 12, _TEMPLATES[best // 12][0]))
            last = best
    return np.array(rows, np.int32).reshape(-1, 3)


# -- sets --------------------------------------------------------------------------------------------------------


class Source:
    """A folder or zip, read the same way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(path) if path.is_file() else None
        except zipfile.BadZipFile as error:
            raise FileError(f"{str(path)!r} is not a zip file ({error}): pack it again, or give a folder") from error

    def names(self) -> list[str]:
        if self.zip:
            return sorted(info.filename for info in self.zip.infolist() if not info.is_dir())
        return sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())

    def read(self, name: str) -> bytes:
        return self.zip.read(name) if self.zip else (self.path / name).read_bytes()

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        if name in self.names():
            for line in self.read(name).decode("utf-8").splitlines():
                if line.strip():
                    yield json.loads(line)


def load_set(path: str | Path, cache: str | Path | None = None) -> list[Song]:
    """All songs of a set, a folder, a zip, one MIDI file or one file of arrays (dataset.py). FileError when there is
    nothing to read.

    With `cache` (a folder) the arrays are kept there under the hash of path, size and time, and read back next time.
    """
    path = Path(path)
    if not path.exists():
        raise FileError(f"no file or folder {str(path)!r}: give a MIDI file, a folder or zip of them, or a set")
    if path.suffix == ".safetensors":
        from .dataset import read_songs

        return read_songs(path)
    stored = None
    if cache is not None and path.is_file():
        stat = path.stat()
        mark = hashlib.sha256(
            f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{_CACHE_VERSION}".encode()
        ).hexdigest()[:16]
        stored = Path(cache) / f"songs-{path.stem}-{mark}.npz"
        if stored.exists():
            return _load_songs(stored)
    songs = list(_read_songs(path))
    if not songs:
        raise FileError(f"{str(path)!r} holds no MIDI file with notes in it")
    if stored is not None:
        _save_songs(stored, songs)
    return songs


def load_corpus(paths: Iterable[str | Path], cache: str | Path | None = None) -> list[Song]:
    """The songs of several sets."""
    return [song for path in paths for song in load_set(path, cache)]


def near_duplicates(folder: str | Path) -> set[tuple[str, str]]:
    """(set, id) of the valid and test songs that near_duplicates.jsonl beside the sets names; empty without it."""
    path = Path(folder) / "near_duplicates.jsonl"
    if not path.exists():
        return set()
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {(row["set"], row["id"]) for row in rows}


def _read_songs(path: Path) -> Iterator[Song]:
    if path.is_file() and path.suffix.lower() != ".zip":
        song = song_of_score(read_score(path), name=path.stem, set_name=path.stem)
        if song:
            yield song
        return
    source = Source(path)
    set_name = path.stem.removeprefix("music_")
    meta = {row["id"]: row for row in source.lines("meta.jsonl")}
    notes = {row["id"]: row["annotations"] for row in source.lines("annotations.jsonl")}
    chords = {row["id"]: row["chords"] for row in source.lines("chords.jsonl")}
    for name in source.names():
        if not name.lower().endswith((".mid", ".midi")):
            continue
        # in a set the file's name is the id; elsewhere two folders may hold files of one name
        ident = Path(name).stem if meta else PurePosixPath(name).with_suffix("").as_posix()
        row = meta.get(ident, {})
        try:
            score = read_score(source.read(name))
        except AigcMusicError:
            if meta:
                raise
            continue  # a damaged file in a folder of strangers is no reason to stop
        if ident in notes:
            song = _annotated_song(score, notes[ident], ident, set_name, row)
        else:
            if ident in chords or row.get("style") == "carol":
                score.tracks = _lead_sheet(score.tracks)
            song = song_of_score(
                score,
                name=ident,
                set_name=set_name,
                split=row.get("split", "test"),
                style=row.get("style", ""),
                played=set_name == "groove_drums" if meta else None,
            )
            if song and ident in chords:
                _given_chords(song, chords[ident])
            if song and row.get("key"):
                _given_key(song, str(row["key"]))
        if song:
            yield song


def _lead_sheet(tracks: list[Track]) -> list[Track]:
    """The tunes of a lead sheet as one melody track; a track of written-out chord blocks is left out."""
    voices = [track for track in tracks if track.notes and _notes_per_onset(track) < 1.5]
    notes = [note for track in voices or tracks for note in track.notes]
    return [Track("melody", None, sorted(notes))]


def _given_chords(song: Song, rows: list[list[Any]]) -> None:
    parsed: list[tuple[int, int, int]] = []
    for quarter, symbol in rows:
        try:
            chord = Chord.parse(symbol)
        except AigcMusicError:
            continue
        parsed.append((round(float(quarter) * TICKS_PER_QUARTER), chord.root, chord.quality))
    if len(parsed) >= 4:
        song.chords, song.chords_given = np.array(sorted(parsed), np.int32), True


def _given_key(song: Song, text: str) -> None:
    """Key of an ABC 'K:' field; mode names other than minor count as their own tonic, major."""
    try:
        key = Key.parse(text.split("%")[0].strip())
    except AigcMusicError:
        return
    song.key_root, song.key_minor, song.key_given = key.tonic, key.is_minor, True


def _annotated_song(
    score: Score, labels: dict[str, Any], ident: str, set_name: str, row: dict[str, Any]
) -> Song | None:
    """A song whose beats, chords and key stand in annotations: seconds become ticks, 480 to the labelled beat."""
    tempo = score.tempo_map()
    beats = np.array(labels["beat_midi"], dtype=np.float64)
    times = beats[:, 0]
    step = float(np.median(np.diff(times)))
    lead = int(np.ceil(max(0.0, times[0]) / step / 4)) * 4 + 4  # whole bars before the first label
    grid_times = np.concatenate(
        (times[0] - step * np.arange(lead, 0, -1), times, times[-1] + step * np.arange(1, 65))
    )
    grid_ticks = np.arange(len(grid_times)) * TICKS_PER_QUARTER

    def ticks_at(seconds: NDArray[np.floating]) -> IntArray:
        return np.rint(np.interp(seconds, grid_times, grid_ticks)).astype(np.int32)

    tracks = [track for track in score.tracks if track.notes]
    rows = []
    for track, part in zip(tracks, assign_parts(tracks), strict=True):
        start = ticks_at(np.array([tempo.ns_at(n.tick) for n in track.notes]) / 1e9)
        end = ticks_at(np.array([tempo.ns_at(n.end) for n in track.notes]) / 1e9)
        block = np.stack(
            (
                start,
                np.full_like(start, part),
                np.array([n.pitch for n in track.notes]),
                np.array([n.velocity for n in track.notes]),
                np.maximum(1, end - start),
            ),
            axis=1,
        )
        rows.append(split_bass(block) if part == KEYS else block)
    if not rows:
        return None
    downs = np.flatnonzero(beats[:, 2] > 0) + lead
    metres: list[tuple[int, int, int]] = []
    for here, following in zip(downs, downs[1:], strict=False):
        gap = int(min(16, following - here))
        if (
            not metres
            or metres[-1][1] != gap
            or (here * TICKS_PER_QUARTER - metres[-1][0]) % (gap * TICKS_PER_QUARTER)
        ):
            metres.append((int(here) * TICKS_PER_QUARTER, gap, TICKS_PER_QUARTER))
    if not metres:
        metres = [(lead * TICKS_PER_QUARTER, 4, TICKS_PER_QUARTER)]
    first, gap, _ = metres[0]
    metres[0] = (first % (gap * TICKS_PER_QUARTER), gap, TICKS_PER_QUARTER)
    chords = []
    for start, _, symbol in labels.get("chord_midi", []):
        chord = Chord.parse(symbol)
        chords.append((round(int(ticks_at(np.array([start]))[0]) / 240) * 240, chord.root, chord.quality))
    song = Song(
        ident,
        set_name,
        row.get("split", "test"),
        style_of(row.get("style", "")),
        np.concatenate(rows),
        np.array(metres, np.int32),
        np.array(chords or [(0, NO_ROOT, NO_CHORD)], np.int32),
        np.array([(0, 60.0 / step)]),
        chords_given=bool(chords),
        played=True,
    )
    keys = labels.get("key_audio") or []
    if keys:
        longest = max(keys, key=lambda key: key[1] - key[0])
        tonic, _, mode = longest[2].partition(":")
        song.key_root, song.key_minor, song.key_given = Key.parse(tonic).tonic, mode == "min", True
    finish(song)
    return song if len(song.notes) >= 4 else None


# -- cache -------------------------------------------------------------------------------------------------------

_CACHE_VERSION = 5
_ARRAYS = ("notes", "metres", "chords", "tempos")
_FIELDS = ("name", "set", "split", "style", "key_root", "key_minor", "key_given", "chords_given", "played")


def _save_songs(path: Path, songs: list[Song]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data: dict[str, Any] = {}
    for name in _ARRAYS:
        arrays = [getattr(song, name) for song in songs]
        data[name] = np.concatenate(arrays)
        data[f"{name}_ends"] = np.cumsum([len(a) for a in arrays])
    data["fields"] = np.array(json.dumps([{f: _plain(getattr(song, f)) for f in _FIELDS} for song in songs]))
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **data)
    part.replace(path)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _load_songs(path: Path) -> list[Song]:
    with np.load(path) as data:
        blocks = {name: np.split(data[name], data[f"{name}_ends"][:-1]) for name in _ARRAYS}
        rows: list[dict[str, Any]] = json.loads(str(data["fields"]))
    for name, parts in blocks.items():
        for row, part in zip(rows, parts, strict=True):
            row[name] = part
    return [Song(**row) for row in rows]
