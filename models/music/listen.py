"""Listening by numbers: a few figures of music, so that what the model plays can be laid beside real pieces.

Nobody's ears: density, scale, grid, voices, parts and how much a bar resembles an earlier one. `compare` samples
pieces per style under the usual limits (no scale mask) and measures real excerpts of the same length beside them.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.styles import STYLE_NAMES
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre

from . import representation as rep
from .corpus import Song
from .decode_cpu import CHORDS, CLOSE, OPEN, Conditions, Limits, MusicModel, Rest
from .figures import likeness, similarities
from .harmony import ChordModel

__all__ = ["SCENES", "Scene", "accompany", "compare", "figures", "play_piece", "prepare"]

MAJOR = (0, 2, 4, 5, 7, 9, 11)
ON_GRID = (0, 3, 4, 6, 8, 9)  # units of a quarter that are a 16th or an 8th triplet

IntArray = NDArray[np.integer]


class Scene(NamedTuple):
    """What to sample: style, own parts, tempo, key, whether chords are planned; the set and parts to compare with."""

    name: str
    style: str
    parts: tuple[str, ...]
    bpm: float
    key: str | None
    chords: bool
    real_set: str
    real_style: str


SCENES: tuple[Scene, ...] = (
    Scene("pop band", "pop", ("melody", "counter", "bass", "keys"), 90, "C major", True, "pop909", "pop"),
    Scene("folk tune", "folk", ("melody",), 108, "G major", True, "openewld_leadsheets", "folk"),
    Scene("jazz tune", "jazz", ("melody",), 120, "F major", True, "openewld_leadsheets", "jazz"),
    Scene(
        "chorale", "chorale", ("melody", "counter", "inner", "bass"), 80, "C major", False, "jsb_chorales", "chorale"
    ),
    Scene("rock drums", "rock", ("drums",), 120, None, False, "groove_drums", "rock"),
    Scene("funk drums", "funk", ("drums",), 104, None, False, "groove_drums", "funk"),
    Scene("jazz drums", "jazz", ("drums",), 132, None, False, "groove_drums", "jazz"),
)


def figures(notes: IntArray) -> dict[str, float]:
    """Figures of a piece: notes rows (tick, part, pitch, velocity, duration), by onset; bars of four quarters.

    notes_per_quarter; polyphony: mean number of notes while any sounds; scale: share of pitched notes in the best
    diatonic set; off_grid: share of onsets that are no 16th or 8th triplet; likeness: how much a bar resembles the
    most similar earlier one, 0..1 (overlap of onset and pitch class); velocity_spread: standard deviation; and the
    share of every part.
    """
    ticks, parts, pitches = notes[:, 0], notes[:, 1], notes[:, 2]
    units = rep.onset_arrays(ticks)[0]
    span = max(1, int(ticks.max() - ticks.min()))
    starts, ends = np.sort(ticks), np.sort(ticks + notes[:, 4])
    edges = np.unique(np.concatenate((starts, ends)))
    sounding = np.searchsorted(starts, edges[:-1], side="right") - np.searchsorted(ends, edges[:-1], side="right")
    covered = np.diff(edges)[sounding > 0]
    pitched = parts != DRUMS
    classes = np.bincount(pitches[pitched] % 12, minlength=12)
    best = max((sum(classes[(root + step) % 12] for step in MAJOR) for root in range(12)), default=0)
    result = {
        "notes_per_quarter": len(notes) * 480 / span,
        "polyphony": float((np.diff(edges)[sounding > 0] * sounding[sounding > 0]).sum() / max(1, covered.sum())),
        "scale": float(best / max(1, classes.sum())),
        "off_grid": float(1 - np.isin(units % 12, ON_GRID).mean()),
        "likeness": _likeness(units, np.where(pitched, pitches % 12, pitches + 12)),
        "velocity_spread": float(notes[:, 3].std()),
    }
    shares = np.bincount(parts, minlength=len(PART_NAMES)) / len(notes)
    return result | {name: float(share) for name, share in zip(PART_NAMES, shares, strict=True) if share > 0}


def _likeness(units: IntArray, classes: IntArray) -> float:
    first = int(units.min()) // 48
    return likeness(similarities(units // 48 - first, units % 48, classes, int(units.max()) // 48 - first))


def prepare(scene: Scene, seed: int) -> tuple[Conditions, Limits]:
    """Conditions and limits of a scene; limits are the usual ranges and voices, any pitch class."""
    conditions, limits = Conditions(), Limits()
    parts = [PART_NAMES.index(name) for name in scene.parts]
    conditions.style, conditions.bpm = STYLE_NAMES.index(scene.style), scene.bpm
    conditions.set_metre(Metre(4, 4))
    conditions.set_parts(parts)
    limits.allow(parts)
    if scene.key:
        key = Key.parse(scene.key)
        conditions.set_key(key)
        if scene.chords:
            table, rng = ChordModel.load(), np.random.default_rng(seed)
            chords: list[tuple[int, int]] = []
            every = [(root, quality) for root in range(12) for quality in range(7)]
            allowed = [chord for chord in every if not Chord(*chord).mask & ~key.scale]
            for _ in range(120):
                chords.append(table.next(scene.style, key, chords[-2:], rng.random(), allowed))
            conditions.set_chords([bar * 1920 for bar in range(120)], [c[0] for c in chords], [c[1] for c in chords])
    return conditions, limits


def play_piece(
    model: MusicModel, conditions: Conditions, limits: Limits, seed: int, count: int, human: IntArray | None = None
) -> IntArray:
    """`count` own notes, rows as in Song.notes; with `human` notes (by onset) the model plays until they end."""
    stream = model.stream(seed)
    waiting: list[tuple[int, ...]] = []
    earliest = 0
    if human is not None:
        earliest = int(human[0, 0])
        stream.begin(earliest)
        for tick, part, pitch, velocity, duration in human.tolist():
            waiting += [(tick, 1, part, pitch, velocity, OPEN), (tick + duration, 0, part, pitch, 0, CLOSE)]
        waiting.sort(reverse=True)
    rows: list[tuple[int, ...]] = []
    for index in range(20 * count):
        note = stream.sample(conditions, limits, earliest, 0, index)
        if waiting and waiting[-1][0] < note[0]:
            tick, _, part, pitch, velocity, kind = waiting.pop()
            stream.feed(tick, part, pitch, velocity, kind, human=True)
            earliest = max(earliest, tick + 1)
        elif isinstance(note, Rest):
            earliest = note.until_tick
        else:
            stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
            rows.append(note)
        if len(rows) == count or (human is not None and not waiting):
            break
    return np.array(rows, dtype=np.int64).reshape(-1, 5)


def compare(model: MusicModel, songs: Sequence[Song], pieces: int = 20, count: int = 300) -> dict[str, Any]:
    """Per scene the mean figures of sampled pieces and of real excerpts (valid and test part) of the same length.

    The last scene is bass and keys under the melody of real pop songs, with their chords told, beside the real ones.
    """
    result: dict[str, Any] = {}
    tests = [song for song in songs if song.split != "train" and len(song.notes) > 60]
    for scene in SCENES:
        sampled = [play_piece(model, *prepare(scene, seed), seed, count) for seed in range(pieces)]
        style = STYLE_NAMES.index(scene.real_style)
        real = [song.notes[:count] for song in tests if song.set == scene.real_set and song.style == style]
        result[scene.name] = {"sampled": _mean(sampled), "real": _mean(real)}
    played, real, hits = [], [], []
    for seed, song in enumerate([song for song in tests if song.set == "pop909"][:pieces]):
        since = song.notes[song.notes[:, 1] == 0, 0].min()  # the model enters with the melody
        theirs = song.notes[(song.notes[:, 1] >= PART_NAMES.index("bass")) & (song.notes[:, 0] >= since)][:count]
        ours = accompany(model, song, seed, count)
        played.append(ours)
        real.append(theirs)
        hits.append((chord_tones(ours, song), chord_tones(theirs, song)))
    if hits:
        mine, those = np.mean(hits, axis=0)
        result["pop accompaniment"] = {
            "sampled": _mean(played) | {"chord_tones": round(float(mine), 3)},
            "real": _mean(real) | {"chord_tones": round(float(those), 3)},
        }
    return result


def accompany(model: MusicModel, song: Song, seed: int, count: int) -> IntArray:
    """Own bass and keys under the melody of a song (as human notes), with its key, metre and chords told."""
    conditions, limits = Conditions(), Limits()
    own = (PART_NAMES.index("bass"), PART_NAMES.index("keys"))
    conditions.style, conditions.bpm = song.style, float(song.tempos[0, 1])
    conditions.set_key(Key(song.key_root, "minor" if song.key_minor else "major"))
    conditions.set_metre(Metre(int(song.metres[0, 1]), 4), origin=int(song.metres[0, 0]))
    conditions.set_parts(own)
    conditions.set_density(0.5)
    conditions.set_chords(*song.chords[:CHORDS].T)
    limits.allow(own)
    return play_piece(model, conditions, limits, seed, count, song.notes[song.notes[:, 1] == 0])


def chord_tones(notes: IntArray, song: Song) -> float:
    """Share of notes that are tones of the song's chord at their onset."""
    place = np.searchsorted(song.chords[:, 0], notes[:, 0] + 20, side="right") - 1
    chords = [Chord(*song.chords[index, 1:]) if index >= 0 else Chord() for index in place]
    inside = [
        chord.mask >> int(pitch) % 12 & 1 for chord, pitch in zip(chords, notes[:, 2], strict=True) if chord.mask
    ]
    return float(np.mean(inside)) if inside else 0.0


def _mean(pieces: Sequence[IntArray]) -> dict[str, float]:
    rows = [figures(piece) for piece in pieces if len(piece) > 8]
    names = dict.fromkeys(name for row in rows for name in row)
    return {"pieces": len(rows)} | {
        name: round(float(np.mean([row.get(name, 0.0) for row in rows])), 3) for name in names
    }
