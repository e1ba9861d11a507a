"""How widely real music spreads in each figure, by style, and how far a piece of ours lies from it.

`SCENES` says what is compared: a style, its parts, the sets with real music of the kind, the length in bars.
`real_excerpts` cuts the test parts of those sets into excerpts, `spread_of` sums them up (statistics alone: means,
percentiles, histograms), `compare` lays generated pieces beside them, and `distance` ranks pieces with the spreads
that the zoo carries. `aigc-music evaluate figures` runs it all and writes spreads.json.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aigc_music.core.errors import AigcMusicError, FileError, ModelError
from aigc_music.core.notes import Score
from aigc_music.core.parts import DRUMS, PART_NAMES, part_of_channel
from aigc_music.core.styles import STYLE_NAMES, STYLES, style_id
from aigc_music.core.theory import PITCH_NAMES, Chord, Key
from aigc_music.core.time import Metre
from models import zoo

from .corpus import Song, load_set
from .figures import (
    FIGURES,
    LAGS,
    Excerpt,
    Figure,
    FloatArray,
    IntArray,
    divergence,
    figures,
    histograms,
    self_similarity,
    snap,
)
from .representation import beat_of

__all__ = [
    "SCENES",
    "Real",
    "Scene",
    "compare",
    "distance",
    "distance_to_real",
    "excerpt_of",
    "load_spreads",
    "measure",
    "real_excerpts",
    "scene_named",
    "spread_of",
]

FOUR = ("melody", "counter", "inner", "bass")
WRITTEN = ("velocity_divergence", "off_grid")  # no player, no velocities or timing to compare
ALONE = ("polyphony", "polyphony_rate")  # a tune has one voice
BESIDE_TEST = 20  # with fewer excerpts than this in the test part the valid part is read too
MOST_REAL = 200
INSIDE = 2 / 3
"""Ours lie inside when their mean does, and this share of the pieces (of real ones nine tenths do)."""


class Scene(NamedTuple):
    """One comparison: the style asked for, the parts measured, where real ones are found, bars an excerpt."""

    name: str
    style: str
    parts: tuple[str, ...]
    sets: tuple[str, ...]
    bars: int
    leave_out: tuple[str, ...] = ()  # figures that make no sense here


def _drums(style: str) -> Scene:
    return Scene(f"{style}_drums", style, ("drums",), ("groove_drums",), 8)


SCENES: tuple[Scene, ...] = (
    Scene("pop", "pop", ("melody", "keys", "bass"), ("pop909",), 32),
    Scene("folk", "folk", ("melody",), ("nottingham", "mutopia", "openewld_leadsheets"), 32, WRITTEN + ALONE),
    Scene("jazz", "jazz", ("melody",), ("openewld_leadsheets",), 16, WRITTEN + ALONE),
    Scene("chorale", "chorale", FOUR, ("jsb_chorales",), 8, WRITTEN),
    Scene("hymn", "hymn", FOUR, ("open_hymnal", "mutopia"), 8, WRITTEN),
    Scene("art_song", "art_song", ("melody", "keys", "bass"), ("openscore_lieder",), 32, WRITTEN),
    Scene("classical", "classical", ("keys", "bass"), ("mutopia",), 16, WRITTEN),
    Scene("romantic", "romantic", ("keys", "bass"), ("mutopia", "chopin_first_editions"), 32, WRITTEN),
    Scene("baroque", "baroque", ("keys", "bass"), ("mutopia",), 8, WRITTEN),
    Scene("quartet", "quartet", FOUR, ("openscore_quartets",), 32, WRITTEN),
    *(_drums(style) for style in ("rock", "funk", "jazz", "pop", "hiphop", "latin", "soul")),
)

STANDS_FOR: dict[str, str] = {
    "rock": "pop", "funk": "pop", "hiphop": "pop", "latin": "pop", "soul": "pop", "afro": "pop", "punk": "pop",
    "country": "pop", "reggae": "pop", "carol": "folk", "ragtime": "romantic",
}  # fmt: skip
"""Style without pitched music of its own -> the one whose spread ranks its pitched parts."""


def scene_named(name: str) -> Scene | None:
    """The scene of that name, or None."""
    return next((scene for scene in SCENES if scene.name == name), None)


# -- real music --------------------------------------------------------------------------------------------------


class Real(NamedTuple):
    """A real excerpt, and what one would ask for to get a piece like it."""

    song: str
    split: str
    excerpt: Excerpt
    metre: tuple[int, int]
    key: str
    bpm: float


def real_excerpts(scene: Scene, data: str | Path, cache: str | Path | None = None) -> list[Real]:
    """Excerpts of `scene.bars` bars in one metre that hold every part of the scene, none overlapping another.

    Test part alone, the valid part too where that gives fewer than BESIDE_TEST; at most MOST_REAL, songs in turn.
    FileError when a set is missing or no excerpt is found.
    """
    songs = [song for name in scene.sets for song in load_set(Path(data) / f"music_{name}.zip", cache)]
    songs = [song for song in songs if song.style == style_id(scene.style)]
    found: list[Real] = []
    for splits in (("test",), ("test", "valid")):
        cut = [list(_cut(scene, song)) for song in songs if song.split in splits]
        most = max((len(row) for row in cut), default=0)
        found = [row[turn] for turn in range(most) for row in cut if turn < len(row)]
        if len(found) >= BESIDE_TEST:
            break
    if not found:
        raise FileError(
            f"no excerpt of {scene.bars} bars for {scene.name!r} in the test and valid parts of "
            f"{', '.join(scene.sets)} in {str(data)!r}: give the folder that holds these sets whole"
        )
    return found[:MOST_REAL]


def _cut(scene: Scene, song: Song) -> list[Real]:
    notes = song.notes[np.isin(song.notes[:, 1], [PART_NAMES.index(name) for name in scene.parts])]
    if len(notes) == 0:
        return []
    end = int((notes[:, 0] + notes[:, 4]).max())
    found = []
    for index, (start, beats, ticks) in enumerate(song.metres.tolist()):
        metre = _signature(beats, ticks)
        if metre is None:
            continue
        stop = int(song.metres[index + 1, 0]) if index + 1 < len(song.metres) else end
        span = scene.bars * beats * ticks
        mine = notes[(notes[:, 0] >= start) & (notes[:, 0] < stop)]
        first = int(snap(mine[:1, 0] - start, beats * ticks)[0][0]) if len(mine) else 0
        place = int(start) + first * beats * ticks
        while place + span <= stop + beats * ticks // 2:
            excerpt = _excerpt(song, notes, place, scene.bars, beats, ticks)
            if excerpt is not None and len(np.unique(excerpt.notes[:, 1])) == len(scene.parts):
                bpm = float(song.tempos[max(0, int(np.searchsorted(song.tempos[:, 0], place, "right")) - 1), 1])
                key = Key(max(0, song.key_root), "minor" if song.key_minor else "major")
                name = f"{song.set}/{song.name}"
                found.append(Real(name, song.split, excerpt, metre, str(key), round(bpm, 2)))
            place += span
    return found


def _excerpt(song: Song, notes: IntArray, place: int, bars: int, beats: int, ticks: int) -> Excerpt | None:
    """The bars from tick `place` on; None where a quarter of them has no note."""
    moved = notes.copy()
    moved[:, 0] -= place
    chords = None
    if song.chords_given:
        chords = song.chords.copy()
        chords[:, 0] -= place
    whole = Excerpt(moved, bars, beats, ticks, song.key_root, song.key_minor, chords).bars_from(0, bars)
    filled = len(np.unique(snap(whole.notes[:, 0], beats * ticks)[0]))
    return whole if filled >= 0.75 * bars else None


def _signature(beats: int, ticks: int) -> tuple[int, int] | None:
    """The time signature that counts as so many beats of so many ticks; None where a request cannot say it."""
    for unit in (4, 8, 16, 2):
        for count in range(1, 17):
            if beat_of(count, unit) == (beats, ticks):
                return count, unit
    return None


# -- our music ---------------------------------------------------------------------------------------------------


def excerpt_of(score: Score, bars: int | None = None) -> Excerpt:
    """A score of ours as an excerpt: parts by channel, chords from its texts, key and metre from its first ones.

    bars: how many; None counts those with notes. The notes may be none at all: see there before measuring.
    """
    rows = [
        (note.tick, part, note.pitch, note.velocity, note.duration)
        for note in score.notes
        if (part := part_of_channel(note.channel)) is not None
    ]
    beats, ticks = beat_of(*(score.metres[0][1] if score.metres else Metre()))
    notes = np.array(rows, np.int32).reshape(-1, 5)
    if bars is None:
        bars = max(1, -(-int((notes[:, 0] + notes[:, 4]).max(initial=0)) // (beats * ticks)))
    chords = [(tick, *chord) for tick, text in score.texts if (chord := _chord(text)) is not None]
    key = Key.parse(score.keys[0][1]) if score.keys else Key(-1, "major")
    table = np.array(chords, np.int32) if chords else None
    return Excerpt(notes, bars, beats, ticks, key.tonic, key.is_minor, table)


def _chord(text: str) -> Chord | None:
    """The chord that a text names in our own spelling; other texts are none."""
    if text[:1] not in {name[0] for name in PITCH_NAMES}:
        return None
    try:
        chord = Chord.parse(text)
    except AigcMusicError:
        return None
    return chord if str(chord) == text else None


# -- spreads -----------------------------------------------------------------------------------------------------

Histograms = Mapping[str, FloatArray]


def measure(scene: Scene, piece: Excerpt, reference: Histograms) -> dict[str, float]:
    """Every figure of the scene for one piece; divergences from the reference histograms where both have one."""
    found = figures(piece)
    for name, share in histograms(piece).items():
        if name in reference:
            found[f"{name.split()[0]}_divergence"] = divergence(share, reference[name])
    return {row.name: found[row.name] for row in FIGURES if row.name in found and row.name not in scene.leave_out}


def _shares(scene: Scene, piece: Excerpt) -> dict[str, FloatArray]:
    """Histograms of a piece, without those that make no sense in the scene."""
    found = histograms(piece).items()
    return {name: share for name, share in found if f"{name.split()[0]}_divergence" not in scene.leave_out}


def _pool(pieces: Sequence[Histograms]) -> dict[str, FloatArray]:
    """Mean histograms of several pieces."""
    rows: dict[str, list[FloatArray]] = {}
    for piece in pieces:
        for name, share in piece.items():
            rows.setdefault(name, []).append(share)
    return {name: np.mean(shares, axis=0) for name, shares in rows.items()}


def spread_of(scene: Scene, real: Sequence[Real]) -> dict[str, Any]:
    """Statistics of the real excerpts of a scene, ready for JSON.

    figures: name -> mean, sd, p5, p95 (a figure that most excerpts lack is left out); histograms: their means; lags:
    mean, p5, p95 of the similarity at 1..LAGS bars. Divergences are measured from the excerpts of all other songs.
    """
    shares = [_shares(scene, row.excerpt) for row in real]
    by_song: dict[str, list[int]] = {}
    for index, row in enumerate(real):
        by_song.setdefault(row.song, []).append(index)
    others = {song: _pool([shares[i] for i in range(len(real)) if i not in mine]) for song, mine in by_song.items()}
    rows = [measure(scene, row.excerpt, others[row.song]) for row in real]
    summed: dict[str, dict[str, float]] = {}
    for figure in FIGURES:
        values = np.array([row[figure.name] for row in rows if figure.name in row])
        if len(values) > len(rows) / 2:
            summed[figure.name] = _summary(values)
    lags = _lags([row.excerpt for row in real])
    return {
        "style": scene.style,
        "parts": list(scene.parts),
        "sets": list(scene.sets),
        "splits": sorted({row.split for row in real}),
        "bars": scene.bars,
        "excerpts": len(real),
        "songs": len(by_song),
        "figures": summed,
        "histograms": {name: np.round(share, 5).tolist() for name, share in _pool(shares).items()},
        "lags": lags,
    }


def _summary(values: FloatArray) -> dict[str, float]:
    low, high = np.percentile(values, (5, 95))
    return {
        "mean": round(float(values.mean()), 4),
        "sd": round(float(values.std()), 4),
        "p5": round(float(low), 4),
        "p95": round(float(high), 4),
    }


def _bounds(figure: Figure, known: Mapping[str, float]) -> tuple[float, float]:
    """Where real music ends; a divergence has no lower end, for nothing is too much like the style."""
    return (float("-inf") if figure.name.endswith("_divergence") else known["p5"]), known["p95"]


def _lags(pieces: Sequence[Excerpt]) -> list[dict[str, float]]:
    """Mean, sd, p5, p95 of the similarity of bars 1..LAGS apart, as far as the pieces reach."""
    table = np.array([self_similarity(piece.notes, piece.bar_ticks, piece.bars).lags for piece in pieces])
    found = []
    for lag in range(min(LAGS, table.shape[1])):
        column = table[:, lag][~np.isnan(table[:, lag])]
        if len(column):
            found.append(_summary(column))
    return found


def compare(
    scene: Scene, spread: Mapping[str, Any], pieces: Sequence[Excerpt], real: Sequence[Real]
) -> dict[str, Any]:
    """Generated pieces, parts of the scene alone, beside the spread of real ones.

    Per figure real mean, p5, p95, generated mean, p5, p95, the share of generated pieces inside the real p5..p95
    (widened by the least difference that counts), and the verdict: inside when the mean lies there and INSIDE of the
    pieces do. values: every piece's figure, for the picture. silent: pieces without a note in these parts, which
    count as outside everywhere.
    """
    heard = [piece for piece in pieces if len(piece.notes)]
    reference = {name: np.array(share) for name, share in spread["histograms"].items()}
    rows = [measure(scene, piece, reference) for piece in heard]
    found: dict[str, Any] = {}
    for figure in FIGURES:
        values = np.array([row[figure.name] for row in rows if figure.name in row])
        known = spread["figures"].get(figure.name)
        if known is None or len(values) == 0:
            continue
        low, high = _bounds(figure, known)
        low, high = low - figure.least, high + figure.least
        ours = _summary(values)
        share = float(((values >= low) & (values <= high)).sum() / max(1, len(values) + len(pieces) - len(heard)))
        inside = low <= ours["mean"] <= high and share >= INSIDE
        found[figure.name] = {
            "real": known,
            "generated": ours,
            "inside": round(share, 3),
            "verdict": "inside" if inside else "outside",
            "values": np.round(values, 4).tolist(),
        }
    return {
        "pieces": len(pieces),
        "silent": len(pieces) - len(heard),
        "real_excerpts": spread["excerpts"],
        "real_songs": spread["songs"],
        "splits": spread["splits"],
        "bars": spread["bars"],
        "figures": found,
        "lags": {"real": spread["lags"], "generated": _lags(heard) if heard else []},
        "pooled_divergence": _pooled(scene, heard, real),
    }


def _pooled(scene: Scene, pieces: Sequence[Excerpt], real: Sequence[Real]) -> dict[str, dict[str, float]]:
    """Divergence of all generated pieces together from all real ones, beside that of one half of the real songs
    from the other, which no generator need beat."""
    half = set(list(dict.fromkeys(row.song for row in real))[::2])
    shares = [_shares(scene, row.excerpt) for row in real]
    ours, whole = _pool([_shares(scene, piece) for piece in pieces]), _pool(shares)
    one, other = (
        _pool([share for share, row in zip(shares, real, strict=True) if (row.song in half) is chosen])
        for chosen in (True, False)
    )
    return {
        name: {
            "generated": round(divergence(ours[name], whole[name]), 4),
            "real_halves": round(divergence(one[name], other[name]), 4),
        }
        for name in whole
        if name in ours and name in one and name in other
    }


# -- ranking -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def load_spreads() -> dict[str, dict[str, Any]]:
    """The spreads that the zoo carries, by scene. ModelError when the file is missing or damaged."""
    path = Path(zoo.__file__).parent / "spreads" / "spreads.json"
    try:
        spreads: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["scenes"]
    except (OSError, ValueError, KeyError) as err:
        raise ModelError(
            f"the spreads of real music in {path} cannot be read ({err}): install the package again"
        ) from err
    return spreads


def distance_to_real(found: Mapping[str, float], scene: str) -> float:
    """How far figures lie outside the real spread of a scene such as 'pop' or 'rock_drums'.

    The sum over the figures of what they exceed p5..p95 by, in standard deviations of the real ones: 0 when all lie
    inside. Figures that the spread lacks count nothing. A scene without a spread gives 0.
    """
    spread = load_spreads().get(scene)
    if spread is None:
        return 0.0
    total = 0.0
    for figure in FIGURES:
        if figure.name in found and figure.name in spread["figures"]:
            known, value = spread["figures"][figure.name], found[figure.name]
            low, high = _bounds(figure, known)
            excess = max(0.0, low - value, value - high)
            total += excess / max(known["sd"], figure.least)
    return total


def distance(score: Score, style: str) -> float:
    """How far a whole piece lies from real music of its style: its pitched parts and its drums, each by its spread.

    A piece longer than the real excerpts is measured stretch by stretch and the mean counts. Smaller is better; inf
    for a piece without notes. Styles that no set holds are ranked by the one in STANDS_FOR.
    """
    piece = excerpt_of(score)
    if len(piece.notes) == 0:
        return float("inf")
    groove = STYLES[style_id(style)].groove if style in STYLE_NAMES else style
    drums, pitched = piece.notes[:, 1] == DRUMS, STANDS_FOR.get(style, style)
    total = 0.0
    for name, present in ((pitched, (~drums).any()), (f"{groove}_drums", drums.any())):
        scene = scene_named(name)
        if scene is not None and present and name in load_spreads():
            total += _stretches(scene, piece.of_parts(scene.parts))
    return total


def _stretches(scene: Scene, piece: Excerpt) -> float:
    reference = {name: np.array(share) for name, share in load_spreads()[scene.name]["histograms"].items()}
    starts = range(0, max(1, piece.bars - scene.bars + 1), scene.bars)
    stretches = [piece.bars_from(start, min(scene.bars, piece.bars)) for start in starts]
    found = [
        distance_to_real(measure(scene, stretch, reference), scene.name)
        for stretch in stretches
        if len(stretch.notes)
    ]
    return float(np.mean(found)) if found else float("inf")
