"""Steering: what was asked against what came, knob by knob, and what the hard limits kept.

`KNOBS` is the table: for every condition the values asked, the bands that play them, how the value is told to the
model and how it is found again in the notes that came. `measure` plays one knob through all of its ways (plain,
guided, unsaid ...) and sums it up as points of a curve and a few figures; `keep` counts what key and chord limits
kept. `aigc-music evaluate steering` runs it all and draws the page (`curves`).

A knob's value is found again in one of three scales: "level", the eight levels of the representation (got on the same
scale, whole notes and all); "share", 0 to 1, where 1 is as asked; "own", whatever the measure says.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import DRUMS, PART_NAMES, PARTS
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.theory import CHORD_QUALITIES, PITCH_NAMES, Chord, Key
from aigc_music.core.time import Metre

from . import kernels
from . import representation as rep
from .corpus import estimate_key
from .decode_cpu import Conditions, Limits, MusicModel, Rest
from .figures import Excerpt, similarities
from .harmony import ChordModel
from .spreads import distance_to_real, load_spreads, scene_named
from .spreads import measure as measure_figures

__all__ = [
    "KNOBS", "LEVELS", "Band", "Brief", "Knob", "Piece", "Way", "heard_of", "keep", "measure", "play", "summary",
    "swing_of", "to_level",
]  # fmt: skip

IntArray = NDArray[np.integer]

BAR = 4 * 480  # ticks; everything is asked for in 4/4
EARLY = 20  # a note so many ticks before a chord belongs to it
PIECE = 128  # notes a piece
BASS = PART_NAMES.index("bass")
ALL = range(len(PARTS))


class Band(NamedTuple):
    """Who plays: a style, its parts and a tempo."""

    style: str
    parts: tuple[str, ...]

    @property
    def ids(self) -> list[int]:
        """The parts as ids."""
        return [PART_NAMES.index(name) for name in self.parts]


FOUR = ("melody", "counter", "inner", "bass")
BANDS: dict[str, Band] = {
    "pop": Band("pop", ("melody", "keys", "bass")),
    "chorale": Band("chorale", FOUR),
    "piano": Band("romantic", ("keys", "bass")),
    "duo": Band("pop", ("keys", "bass")),
    "drums": Band("rock", ("drums",)),
}

PEERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ("chorale", "hymn", "quartet")), ("", ("classical", "romantic", "baroque")), ("", ("pop", "art_song")),
    ("", ("folk", "jazz")), ("_drums", ("rock", "funk", "jazz", "latin")),
)  # fmt: skip
"""Styles that are told apart: those of a row have the same parts, so that these give nothing away."""

FORM_FIGURES = ("likeness", "returning_bars", "lag_mean", "lag_peak")  # depend on how long a piece is


@dataclass(slots=True)
class Brief:
    """What one piece is to be: conditions and limits, chords (rows tick, root, quality, bass), how they are told.

    blind: the next chord is not told; each chord appears when it begins. bars: where the piece stops, 0 = by notes.
    """

    band: Band
    rng: np.random.Generator
    conditions: Conditions = field(default_factory=Conditions)
    limits: Limits = field(default_factory=Limits)
    chords: IntArray | None = None
    blind: bool = False
    bars: int = 0
    key: Key | None = None


class Piece(NamedTuple):
    """What came. notes: rows (tick, part, pitch, velocity, duration) by onset; chords as in the brief."""

    notes: IntArray
    band: Band
    chords: IntArray | None
    key: Key | None

    @property
    def pitched(self) -> IntArray:
        """Notes without the drums."""
        return self.notes[self.notes[:, 1] != DRUMS]


class Way(NamedTuple):
    """One curve of a knob: with which strength, and how the value is told (a word that the knob's `tell` knows)."""

    name: str
    strength: float = 1.0
    how: str = ""


STRENGTHS = (Way("strength 1"), Way("strength 2", 2.0), Way("strength 3", 3.0))


class Knob(NamedTuple):
    """One condition. tell(brief, value, how) says it; got(piece, value) finds it again, nan where it cannot be told.

    asked: the values. labels: their names on the page. title, found: what is asked and what is measured, in words.
    scale: "level", "share" or "own". ordered: the values rise, so that a rank correlation makes sense. luck(piece,
    value): the share that a piece deaf to the knob would get. wanted: what would be got if all went as asked, where
    that is a number.
    """

    name: str
    title: str
    found: str
    asked: tuple[Any, ...]
    labels: tuple[str, ...]
    bands: tuple[str, ...]
    tell: Callable[[Brief, Any, str], None]
    got: Callable[[Piece, Any], float]
    scale: str = "share"
    ways: tuple[Way, ...] = STRENGTHS
    luck: Callable[[Piece, Any], float] | None = None
    ordered: bool = False
    wanted: tuple[float, ...] | None = None


# -- levels: density, register, polyphony, loudness ------------------------------------------------------------------


def centres(kind: str) -> NDArray[np.float64]:
    """Middle of each of the eight levels, in its own unit."""
    edges = rep.LEVEL_EDGES[kind]
    ends = (edges[0] - (edges[1] - edges[0]) / 2, edges[-1] + (edges[-1] - edges[-2]) / 2)
    return np.concatenate((ends[:1], (edges[1:] + edges[:-1]) / 2, ends[1:]))


def to_level(kind: str, value: float) -> float:
    """A value on the scale of levels, 0..7, with what lies between them."""
    return float(np.interp(value, centres(kind), np.arange(rep.LEVELS)))


def notes_per_quarter(notes: IntArray) -> float:
    """Onsets a quarter, from the first to the last."""
    return (len(notes) - 1) * 480 / max(1, int(notes[-1, 0] - notes[0, 0]))


def voices(notes: IntArray) -> float:
    """Pitched notes that sound at once, in the mean over all the time."""
    pitched = notes[notes[:, 1] != DRUMS]
    return float(pitched[:, 4].sum() / max(1, int(notes[-1, 0] - notes[0, 0]))) if len(pitched) else float("nan")


def _register(notes: IntArray) -> float:
    pitched = notes[notes[:, 1] != DRUMS]
    return float(pitched[:, 2].mean()) if len(pitched) else float("nan")


def _loudness(notes: IntArray) -> float:
    return float(notes[:, 3].mean())


LEVELS: dict[str, Callable[[IntArray], float]] = {
    "density": notes_per_quarter, "register": _register, "polyphony": voices, "loudness": _loudness,
}  # fmt: skip
"""How each level is measured in notes, in its own unit."""


def _tell_density(brief: Brief, level: int, _: str) -> None:
    """The knob goes by what is usual for the parts: the amount in the middle of those that mean this level."""
    conditions, meant = brief.conditions, []
    conditions.play_only(brief.limits.allowed)
    for amount in np.linspace(-1.5, 2.5, 401):
        conditions.set_density(float(amount))
        if conditions.array[kernels.C_DENSITY] == level:
            meant.append(float(amount))
    conditions.set_density(float(np.mean(meant)))


def _tell_level(kind: str, brief: Brief, level: int, _: str) -> None:
    getattr(brief.conditions, f"set_{kind}")(float(centres(kind)[level]))


def _got_level(kind: str, piece: Piece, _: Any) -> float:
    return to_level(kind, LEVELS[kind](piece.notes))


def _level_knob(kind: str, found: str, bands: tuple[str, ...], tell: Callable[..., None] | None = None) -> Knob:
    labels = tuple(f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in centres(kind))
    return Knob(
        kind, kind, found, tuple(range(rep.LEVELS)), labels, bands, tell or partial(_tell_level, kind),
        partial(_got_level, kind), "level", ordered=True, wanted=tuple(map(float, range(rep.LEVELS))),
    )  # fmt: skip


# -- key, scale ------------------------------------------------------------------------------------------------------

_KEYS = tuple(Key(tonic, mode) for mode in ("major", "minor") for tonic in range(12))
_SCALES = ("pentatonic", "blues", "dorian", "phrygian", "lydian", "minor")


def _tell_key(brief: Brief, key: Key, _: str) -> None:
    brief.conditions.set_key(key)


def _got_key(piece: Piece, key: Key) -> float:
    return float(estimate_key(piece.pitched) == (key.tonic, key.is_minor))


def _tell_scale(brief: Brief, mode: str, how: str) -> None:
    """A scale on a tonic drawn by the piece; unsaid, as advice, or as a rule too."""
    brief.key = Key(int(brief.rng.integers(12)), mode)
    if how:
        brief.conditions.set_scale(brief.key.scale)
    if how == "rule":
        for part in ALL:
            brief.limits.set_scale(part, brief.key.scale)


def _got_scale(piece: Piece, _: str) -> float:
    assert piece.key is not None
    return float((piece.key.scale >> piece.pitched[:, 2] % 12 & 1).mean())


# -- chords ----------------------------------------------------------------------------------------------------------


def _plan(brief: Brief, roots: Sequence[int], qualities: Sequence[int], basses: Sequence[int] | None = None) -> None:
    """A chord a bar."""
    bass = [rep.ROOTS - 1] * len(roots) if basses is None else basses
    ticks = [bar * BAR for bar in range(len(roots))]
    brief.chords = np.array((ticks, roots, qualities, bass), np.int64).T
    reveal(brief, len(roots))


def reveal(brief: Brief, count: int) -> None:
    """Tell the first `count` chords."""
    assert brief.chords is not None
    ticks, roots, qualities, basses = brief.chords[:count].T
    brief.conditions.set_chords(ticks, roots, qualities, basses)


def _tell_quality(brief: Brief, quality: int, _: str) -> None:
    """One kind of chord, a bar each, on roots in any order."""
    roots = np.concatenate([brief.rng.permutation(12) for _ in range(8)])
    _plan(brief, roots.tolist(), [quality] * len(roots))


def _in_chord(notes: IntArray, chords: IntArray) -> NDArray[np.bool_]:
    """Which notes are tones of the chord at their onset; those before any chord are left out."""
    row = np.searchsorted(chords[:, 0], notes[:, 0] + EARLY, side="right") - 1
    masks = np.array([Chord(int(root), int(quality)).mask for root, quality in chords[:, 1:3]])
    return (masks[row[row >= 0]] >> notes[row >= 0, 2] % 12 & 1).astype(bool)


def _got_chord(piece: Piece, _: int) -> float:
    assert piece.chords is not None
    return float(_in_chord(piece.pitched, piece.chords).mean())


def _got_other_chord(piece: Piece, _: int) -> float:
    """The same under chords of the same kind on the eleven other roots: what any chord would get."""
    assert piece.chords is not None
    shares = []
    for shift in range(1, 12):
        moved = piece.chords.copy()
        moved[:, 1] = (moved[:, 1] + shift) % 12
        shares.append(_in_chord(piece.pitched, moved).mean())
    return float(np.mean(shares))


_TONES = ("root", "third", "fifth")


def _tell_bass(brief: Brief, tone: str, how: str) -> None:
    roots = brief.rng.permutation(12).tolist() * 8
    qualities = [int(brief.rng.integers(2)) for _ in roots]
    place = _TONES.index(tone)
    basses = [(root + CHORD_QUALITIES[kind][1][place]) % 12 for root, kind in zip(roots, qualities, strict=True)]
    _plan(brief, roots, qualities, basses)
    if how == "unsaid":
        assert brief.chords is not None
        brief.conditions.set_chords(*brief.chords[:, :3].T)


def _got_bass(piece: Piece, _: str) -> float:
    """Share of the chords whose first bass note, in the first half of the bar, is the bass that was asked."""
    assert piece.chords is not None
    hits = [
        float(notes[0, 2] % 12 == bass)
        for tick, _, _, bass in piece.chords.tolist()
        if len(notes := _bass_between(piece, tick - EARLY, tick + BAR // 2))
    ]
    return float(np.mean(hits)) if hits else float("nan")


def _bass_between(piece: Piece, start: int, stop: int) -> IntArray:
    notes = piece.notes[piece.notes[:, 1] == BASS]
    return notes[(notes[:, 0] >= start) & (notes[:, 0] < stop)]


_MOVES = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)


def _tell_next(brief: Brief, move: int, how: str) -> None:
    """Triads, a bar each, whose roots go on by `move` semitones."""
    first, quality = int(brief.rng.integers(12)), int(brief.rng.integers(2))
    _plan(brief, [(first + move * bar) % 12 for bar in range(96)], [quality] * 96)
    brief.blind = how == "blind"


def _got_lead(piece: Piece, _: int) -> float:
    """Share of the changes before which the bass, in the last half bar, ends on the next root or a step beside it."""
    assert piece.chords is not None
    hits = []
    for tick, root, _, _ in piece.chords[1:].tolist():
        before = _bass_between(piece, tick - BAR // 2, tick - EARLY)
        if len(before) and tick < piece.notes[-1, 0]:
            hits.append(float(abs((before[-1, 2] - root + 6) % 12 - 6) <= 2))
    return float(np.mean(hits)) if hits else float("nan")


def _got_on_time(piece: Piece, _: int) -> float:
    """Share of the chords, of those in which the bass plays, whose root it strikes within an eighth."""
    assert piece.chords is not None
    hits = []
    for tick, root, _, _ in piece.chords[1:].tolist():
        notes = _bass_between(piece, tick - EARLY, tick + BAR - EARLY)
        if len(notes) and tick + BAR < piece.notes[-1, 0]:
            hits.append(float(notes[0, 0] < tick + 240 and notes[0, 2] % 12 == root))
    return float(np.mean(hits)) if hits else float("nan")


# -- style, parts, form, end, temperature ----------------------------------------------------------------------------


def _group(name: str) -> tuple[str, ...]:
    """The scenes that a scene is told apart from, itself among them."""
    rows = [tuple(style + suffix for style in styles) for suffix, styles in PEERS]
    return next(row for row in rows if name in row)


_STYLES = tuple(style + suffix for suffix, styles in PEERS for style in styles)


def _tell_style(brief: Brief, name: str, _: str) -> None:
    """A scene of spreads.py: its style and its parts."""
    scene = scene_named(name)
    assert scene is not None
    _seat(brief, Band(scene.style, scene.parts))
    if "drums" not in scene.parts:
        brief.key = Key(0, "major")
        brief.conditions.set_key(brief.key)


def _got_style(piece: Piece, name: str) -> float:
    """Whether the spread of real music that lies nearest is that of the style asked, among those of its parts."""
    return float(nearest(excerpt(piece), _group(name)) == name)


def _style_luck(_: Piece, name: str) -> float:
    return 1 / len(_group(name))


def excerpt(piece: Piece) -> Excerpt:
    """Its whole bars as figures.py reads them."""
    bars = max(2, int(piece.notes[-1, 0]) // BAR)
    tonic, minor = (-1, False) if piece.key is None else (piece.key.tonic, piece.key.is_minor)
    return Excerpt(piece.notes, bars, tonic=tonic, minor=minor).bars_from(0, bars)


def nearest(piece: Excerpt, scenes: Sequence[str]) -> str:
    """The scene whose real music gives these figures the greatest likelihood, each taken as normal by itself."""
    spreads, scores = load_spreads(), {}
    for name in scenes:
        scene, known = scene_named(name), spreads[name]
        assert scene is not None
        reference = {key: np.array(share) for key, share in known["histograms"].items()}
        found = measure_figures(scene, piece, reference)
        total = []
        for figure, value in found.items():
            if figure in FORM_FIGURES or any(figure not in spreads[other]["figures"] for other in scenes):
                continue
            mean, sd = known["figures"][figure]["mean"], max(known["figures"][figure]["sd"], 0.02)
            total.append(-0.5 * min(9.0, ((value - mean) / sd) ** 2) - np.log(sd))
        scores[name] = float(np.sum(total))
    return max(scores, key=lambda name: scores[name])


_BANDS = (
    Band("folk", ("melody",)), Band("romantic", ("keys",)), Band("pop", ("melody", "bass")),
    Band("romantic", ("keys", "bass")), Band("pop", ("melody", "keys", "bass")), Band("chorale", FOUR),
    Band("rock", ("drums",)),
)  # fmt: skip


def _tell_parts(brief: Brief, band: Band, how: str) -> None:
    _seat(brief, band)
    if how == "advice":
        brief.limits.allow(ALL)


def heard_of(notes: IntArray, names: Sequence[str]) -> float:
    """Parts both asked and heard over parts asked or heard; heard: one note in fifty."""
    shares = np.bincount(notes[:, 1], minlength=len(PARTS)) / len(notes)
    heard = {PART_NAMES[part] for part in np.flatnonzero(shares >= 0.02)}
    return len(heard & set(names)) / len(heard | set(names))


def _got_parts(piece: Piece, band: Band) -> float:
    return heard_of(piece.notes, band.parts)


_LIKENESSES = (0.12, 0.35, 0.55, 0.75, 0.95)
_BACK = 4  # bars


def _tell_likeness(brief: Brief, likeness: float, _: str) -> None:
    brief.conditions.set_form([_BACK * BAR], [_BACK], [likeness])


def _got_likeness(piece: Piece, _: float) -> float:
    """Mean overlap of (sixteenth, pitch) of each bar with the one that the form points to."""
    units = rep.onset_arrays(piece.notes[:, 0])[0]
    bars = int(units[-1]) // 48
    matrix = similarities(units // 48, units % 48 // 3, piece.notes[:, 2], bars)
    pairs = np.diag(matrix, _BACK)
    return float(np.nanmean(pairs)) if len(pairs) and not np.isnan(pairs).all() else float("nan")


_ENDINGS = ("bass on the tonic", "melody on the tonic", "fewer notes", "a long last note")
_END = 8  # bars


def _tell_end(brief: Brief, _: str, how: str) -> None:
    brief.key = Key(int(brief.rng.integers(12)), "major")
    brief.conditions.set_key(brief.key)
    brief.bars = _END
    if how == "told":
        brief.conditions.set_end(_END * BAR)


def _got_end(piece: Piece, what: str) -> float:
    """Of the bar that was to be the last one."""
    assert piece.key is not None
    bar = piece.notes[:, 0] // BAR
    last, before = piece.notes[bar == _END - 1], piece.notes[bar < _END - 1]
    if what == "fewer notes":
        return float(len(last) < len(before) / (_END - 1))
    if what == "a long last note":
        return float(len(last) > 0 and last[-1, 4] >= 960)
    mine = piece.notes[piece.notes[:, 1] == PART_NAMES.index(what.split()[0])]
    return float(mine[-1, 2] % 12 == piece.key.tonic) if len(mine) else float("nan")


def _tell_temperature(brief: Brief, value: float, _: str) -> None:
    brief.conditions.temperature = value


def _got_entropy(piece: Piece, _: float) -> float:
    """Entropy in bits of (part, step in pitch, step in time) from each note to the part's next one."""
    rows = []
    for part in np.unique(piece.notes[:, 1]):
        mine = piece.notes[piece.notes[:, 1] == part]
        units = rep.onset_arrays(mine[:, 0])[0]
        rows.append(np.stack((np.full(len(mine) - 1, part), np.diff(mine[:, 2]), np.diff(units)), 1))
    counts = np.unique(np.concatenate(rows), axis=0, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _tell_strength(brief: Brief, value: float, _: str) -> None:
    """The strength itself, with what a band is usually told: key, density and a loudness."""
    brief.key = Key(0, "major")
    brief.conditions.set_key(brief.key)
    brief.conditions.set_density(0.5)
    brief.conditions.set_loudness(80.0)
    brief.conditions.strength = value


def _got_distance(piece: Piece, _: float) -> float:
    """How far its figures lie outside the spread of real music of the style, form aside."""
    scene = scene_named(piece.band.style)
    assert scene is not None
    reference = {key: np.array(share) for key, share in load_spreads()[scene.name]["histograms"].items()}
    found = measure_figures(scene, excerpt(piece), reference)
    return distance_to_real({key: value for key, value in found.items() if key not in FORM_FIGURES}, scene.name)


def swing_of(notes: IntArray) -> float:
    """How late the second eighth of a quarter comes: 0 straight, 1 as the last of three. nan without any.

    Onsets from 200 to 345 ticks after the quarter count: eighths with a player's freedom, and no sixteenths.
    """
    inside = notes[:, 0] % 480
    late = inside[(inside >= 200) & (inside <= 345)]
    return float((np.mean(late) - 240) / 80) if len(late) else float("nan")


def _luck(share: float) -> Callable[[Piece, Any], float]:
    return lambda *_: share


# -- the table -------------------------------------------------------------------------------------------------------

_TOLD = (Way("next told", how="told"), Way("told, strength 2", 2.0, "told"), Way("not told", how="blind"))
_MOVE_LABELS = tuple(f"{move:+d}" for move in _MOVES)
_KEY_LABELS = tuple(PITCH_NAMES[key.tonic] + ("m" if key.is_minor else "") for key in _KEYS)

KNOBS: tuple[Knob, ...] = (
    _level_knob("density", "notes a quarter", ("pop", "piano", "drums"), _tell_density),
    _level_knob("register", "mean pitch", ("piano", "pop")),
    _level_knob("polyphony", "notes at once", ("piano", "pop")),
    _level_knob("loudness", "mean velocity", ("pop", "piano", "drums")),
    Knob("key", "key", "pieces in the key asked, by its profile", _KEYS, _KEY_LABELS, ("pop", "chorale"), _tell_key,
         _got_key, luck=_luck(1 / 24)),
    Knob("scale", "scale", "notes of the scale", _SCALES, _SCALES, ("pop", "piano"), _tell_scale, _got_scale,
         ways=(Way("unsaid"), Way("advice", how="advice"), Way("advice, strength 2", 2.0, "advice"),
               Way("rule", how="rule"))),
    Knob("chord", "chord", "notes of the chord", tuple(range(len(CHORD_QUALITIES))),
         tuple(suffix or "maj" for suffix, _ in CHORD_QUALITIES), ("pop", "piano"), _tell_quality, _got_chord,
         luck=_got_other_chord),
    Knob("bass", "bass of the chord", "first bass note of the bar is it", _TONES, _TONES, ("duo", "chorale"),
         _tell_bass, _got_bass, ways=(*STRENGTHS, Way("unsaid", how="unsaid"))),
    Knob("next_chord", "next chord: on time", "bass strikes the new root at once", _MOVES, _MOVE_LABELS,
         ("duo", "chorale"), _tell_next, _got_on_time, ways=_TOLD, luck=_luck(1 / 12)),
    Knob("lead", "next chord: led to", "last bass note lies by the next root", _MOVES, _MOVE_LABELS,
         ("duo", "chorale"), _tell_next, _got_lead, ways=_TOLD, luck=_luck(5 / 12)),
    Knob("style", "style", "nearest real style is the one asked", _STYLES,
         tuple(name.replace("_", " ") for name in _STYLES), ("pop",), _tell_style, _got_style,
         luck=_style_luck),
    Knob("parts", "parts of one stream", "asked parts over all heard, by their initials", _BANDS,
         tuple(" ".join(name[0] for name in band.parts) for band in _BANDS), ("pop",), _tell_parts, _got_parts,
         ways=(Way("told and limited", how="rule"), Way("told alone", how="advice"))),
    Knob("likeness", "likeness to the bar pointed at", "overlap with it", _LIKENESSES, tuple(map(str, _LIKENESSES)),
         ("pop", "chorale", "drums"), _tell_likeness, _got_likeness, "own", ways=STRENGTHS[:1], ordered=True,
         wanted=_LIKENESSES),
    Knob("end", "end of the piece", "pieces that close so", _ENDINGS, _ENDINGS, ("pop", "chorale"), _tell_end,
         _got_end, ways=(Way("told", how="told"), Way("not told", how="unsaid"))),
    Knob("temperature", "temperature", "bits of (part, interval, step)", (0.2, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0),
         ("0.2", "0.4", "0.6", "0.8", "1", "1.3", "1.6", "2"), ("pop", "drums"), _tell_temperature, _got_entropy,
         "own", ways=STRENGTHS[:1], ordered=True),
    Knob("price", "what strength costs", "sd outside the spread of real music", (1.0, 1.5, 2.0, 2.5, 3.0),
         ("1", "1.5", "2", "2.5", "3"), ("pop", "piano", "chorale"), _tell_strength, _got_distance, "own",
         ways=(Way("key, density, loudness told"),), ordered=True),
)  # fmt: skip


# -- playing and summing up ------------------------------------------------------------------------------------------


def _seat(brief: Brief, band: Band) -> None:
    """Seat this band: it plays its style alone, in its usual tempo and ranges."""
    brief.band, style = band, style_id(band.style)
    brief.conditions.style, brief.conditions.bpm = style, STYLES[style].bpm
    brief.conditions.set_parts(band.ids)
    brief.limits.allow(band.ids)


def brief_of(knob: Knob, value: Any, way: Way, seed: int) -> Brief:
    """The brief of piece `seed` of a point: its band is one of the knob's in turn."""
    band = BANDS[knob.bands[seed % len(knob.bands)]]
    brief = Brief(band, np.random.default_rng(seed))
    _seat(brief, band)
    brief.conditions.set_metre(Metre(4, 4))
    brief.conditions.set_given([])
    brief.conditions.strength = way.strength
    knob.tell(brief, value, way.how)
    return brief


def play(model: MusicModel, brief: Brief, seed: int, count: int = PIECE) -> Piece:
    """`count` notes of this brief, or all that begin in its bars where it has any. Where the next chord is not told,
    a note that would begin under it is drawn again once it is there, as on stage."""
    stream, rows = model.stream(seed), []
    conditions, limits, earliest = brief.conditions, brief.limits, 0
    count, told = 100 * brief.bars or count, 1
    if brief.blind:
        reveal(brief, told)
    for index in range(20 * count):
        note = stream.sample(conditions, limits, earliest, 0, index)
        if brief.bars and note[0] >= brief.bars * BAR - EARLY:
            break
        if brief.blind and brief.chords is not None and told < len(brief.chords):
            change = int(brief.chords[told, 0])
            if note[0] >= change - EARLY:
                told += 1
                reveal(brief, told)
                earliest = max(earliest, change - EARLY)
                continue
        if isinstance(note, Rest):
            earliest = note.until_tick
            continue
        stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
        rows.append(note)
        if len(rows) == count:
            break
    notes = np.array(rows, np.int64).reshape(-1, 5)
    return Piece(notes, brief.band, brief.chords, brief.key)


def measure(model: MusicModel, knob: Knob, notes: int, seed: int = 0) -> dict[str, Any]:
    """Play a knob: about `notes` notes for each value asked, in each way. The same seeds in every way.

    What the knob says of itself (title, found, scale, ordered, labels, wanted), ways: name -> as `summary`, and where
    there is one: luck, a share for each value, and best_strength, the least of STRENGTHS that is followed best.
    """
    pieces = max(len(knob.bands), round(notes / PIECE))
    ways, luck = {}, []
    for way in knob.ways:
        got = []
        for value in knob.asked:
            played = [play(model, brief_of(knob, value, way, seed + i), seed + i) for i in range(pieces)]
            heard = [piece for piece in played if len(piece.notes) > 8]
            got.append([knob.got(piece, value) for piece in heard])
            if knob.luck is not None and way is knob.ways[0]:
                luck.append(round(float(np.mean([knob.luck(piece, value) for piece in heard])), 4))
        ways[way.name] = {"strength": way.strength} | summary(knob.scale, knob.ordered, got)
    result = {
        "title": knob.title, "found": knob.found, "scale": knob.scale, "ordered": knob.ordered,
        "labels": list(knob.labels), "ways": ways,
    }  # fmt: skip
    if knob.wanted is not None:
        result["wanted"] = list(knob.wanted)
    if set(STRENGTHS) <= set(knob.ways):
        figure = "within_one" if knob.scale == "level" else "mean"
        best = max(STRENGTHS, key=lambda way: (ways[way.name].get(figure) or 0.0, -way.strength))
        result["best_strength"] = best.strength
    return result | ({"luck": luck} if luck else {})


def summary(scale: str, ordered: bool, got: Sequence[Sequence[float]]) -> dict[str, Any]:
    """What one curve says. got: for each value asked the figure of every piece, nan = none.

    points: pieces, mean, p10, p90 of each value (null without any; yes and no have no percentiles). Ordered values:
    spearman (rank correlation over all pieces), slope (least squares, against the number of the value). Levels:
    within_one, the share of pieces at most one level beside the one asked. Shares: mean, over all values alike.
    """
    rows = [np.array(row, np.float64)[~np.isnan(np.array(row, np.float64))] for row in got]
    spread = not all(np.isin(row, (0.0, 1.0)).all() for row in rows)
    points = [
        {
            "pieces": len(row),
            "mean": _rounded(row.mean()) if len(row) else None,
            "p10": _rounded(np.percentile(row, 10)) if len(row) and spread else None,
            "p90": _rounded(np.percentile(row, 90)) if len(row) and spread else None,
        }
        for row in rows
    ]
    result: dict[str, Any] = {"points": points}
    asked = np.concatenate([np.full(len(row), float(index)) for index, row in enumerate(rows)])
    came = np.concatenate(rows) if rows else asked
    if ordered and len(np.unique(asked)) > 1:
        result["spearman"] = _rounded(_spearman(asked, came))
        result["slope"] = _rounded(np.polyfit(asked, came, 1)[0])
    if scale == "level" and len(came):
        result["within_one"] = _rounded((np.abs(np.rint(came) - asked) <= 1).mean())
    if scale == "share":
        means = [row.mean() for row in rows if len(row)]
        result["mean"] = _rounded(np.mean(means)) if means else None
    return result


def _rounded(value: Any) -> float:
    return round(float(value), 4)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count + 1) / 2)[place]


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    a, b = _ranks(one), _ranks(other)
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else 0.0


# -- hard limits -----------------------------------------------------------------------------------------------------

HARMONY = ("inner", "bass", "keys")  # these keep to chord tones, the others to the key
STRETCH = 2000  # notes of one stream


def keep(model: MusicModel, notes: int, seed: int = 0) -> dict[str, Any]:
    """Play `notes` pitched notes under hard limits and count what they kept.

    Every stream has a key of its own and a chord a bar in it; all parts are limited to the scale, HARMONY to the
    tones of the chord too. notes, in_key (of notes), harmony_notes, in_chord (of harmony_notes), rests, keys.
    """
    table, parts = ChordModel.load(), [PART_NAMES.index(name) for name in (*FOUR, "keys")]
    harmony = [PART_NAMES.index(name) for name in HARMONY]
    total = {"notes": 0, "in_key": 0, "harmony_notes": 0, "in_chord": 0, "rests": 0}
    keys = set()
    while total["notes"] < notes:
        rng = np.random.default_rng(seed)
        brief = Brief(Band("pop", (*FOUR, "keys")), rng)
        _seat(brief, brief.band)
        key = Key(int(rng.integers(12)), ("major", "minor")[int(rng.integers(2))])
        brief.conditions.set_metre(Metre(4, 4))
        brief.conditions.set_key(key)
        every = [(root, quality) for root in range(12) for quality in range(len(CHORD_QUALITIES))]
        within = [chord for chord in every if not Chord(*chord).mask & ~key.scale]
        plan: list[tuple[int, int]] = []
        for _ in range(250):
            plan.append(table.next("pop", key, plan[-2:], rng.random(), within))
        _plan(brief, [root for root, _ in plan], [quality for _, quality in plan])
        for part in parts:
            brief.limits.set_scale(part, key.scale)
            brief.limits.set_chord_tones(part, part in harmony)
        piece = play(model, brief, seed, min(STRETCH, notes - total["notes"]))
        assert brief.chords is not None
        units = rep.onset_arrays(piece.notes[:, 0])[0]
        snapped = np.stack((units * rep.UNIT, *piece.notes.T[1:]), 1)
        bound = snapped[np.isin(snapped[:, 1], harmony)]
        total["notes"] += len(snapped)
        total["in_key"] += int((key.scale >> snapped[:, 2] % 12 & 1).sum())
        total["harmony_notes"] += len(bound)
        total["in_chord"] += int(_in_chord(bound, brief.chords).sum())
        keys.add(str(key))
        seed += 1
    return total | {"keys": len(keys)}
