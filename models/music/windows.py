"""Songs -> training windows: events, conditions and targets as integer arrays, all drawn from one numpy generator.

A window is a run of notes of one song, sometimes with some parts (or some phrases) made human, turned into events
in time order; see representation.py for the events. The same code makes the windows that `evaluate` scores.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import DRUMS

from . import representation as rep
from .corpus import Song

__all__ = ["CONDITION_DROP", "Batch", "Corpus", "WindowOptions", "song_events"]

IntArray = NDArray[np.int64]

CONDITION_DROP: Mapping[str, float] = {
    "style": 0.1,
    "key": 0.3,
    "bar": 0.15,
    "tempo": 0.25,
    "chord": 0.6,
    "density": 0.4,
    "parts": 0.3,
    "all": 0.04,
}
"""Chance per window that a condition is not said; bar = phase, beat, beats and beat_units together."""

INPUTS = len(rep.EVENT_FIELDS) + len(rep.CONDITIONS)
ACCENTS = np.array([1.0, 0.0, -0.5, 0.0, -0.3, 0.0, 0.0])  # velocity bins by which a part stands out, see _give_hand
LOOKAHEAD = 96  # units over which the density condition counts own notes


class WindowOptions(NamedTuple):
    """Shares of windows with human parts, with human phrases, with some parts left out, and with a drum groove of
    another song laid under (no set holds a whole band, so a band is put together by bar lines)."""

    human: float = 0.45
    phrases: float = 0.1
    thin: float = 0.15
    drums: float = 0.2
    transpose: bool = True
    augment: bool = True
    drop: Mapping[str, float] = CONDITION_DROP


PLAIN = WindowOptions(0.0, 0.0, 0.0, 0.0, False, False, {})


class Batch(NamedTuple):
    """Integer arrays (numpy, or torch tensors of them), B windows of T events; every field int64.

    inputs (B, T, 17): event fields, then conditions, in the order of the tables. targets (B, T, 6): one class per
    head. onset (B, T, 4): conditions at the target's onset. key_root (B, T): 0..11, 12 = not said. last (B, T):
    last pitch of the target's part, 128 = none. low (B, T): lowest pitch that the order allows. stay (B, T): 1
    where the order forbids delta 0. weight (B, T): 1 where there is a target. played (B, T): 1 where micro
    counts. loud (B, T): 1 where velocity counts.
    """

    inputs: Any
    targets: Any
    onset: Any
    key_root: Any
    last: Any
    low: Any
    stay: Any
    weight: Any
    played: Any
    loud: Any


class Corpus:
    """Songs laid end to end, with a table of metre and chord per grid unit; draws batches."""

    def __init__(self, songs: list[Song], weights: Mapping[str, float] | None = None) -> None:
        """`weights`: share of each set in what is drawn (any scale); by default by the number of notes."""
        self.songs = songs
        self.tables = [unit_table(song) for song in songs]
        sizes = np.array([len(song.notes) for song in songs], dtype=np.float64)
        if weights is not None:
            totals: dict[str, float] = {}
            for song, size in zip(songs, sizes, strict=True):
                totals[song.set] = totals.get(song.set, 0.0) + size
            sizes *= np.array([weights.get(song.set, 0.0) / totals[song.set] for song in songs])
        self.cumulative = np.cumsum(sizes / sizes.sum())
        self.notes = int(sum(len(song.notes) for song in songs))
        self.grooves = [
            song for song in songs if set(song.notes[:, 1]) == {DRUMS} and tuple(song.metres[0, 1:]) == (4, 480)
        ]

    def draw(self, rng: np.random.Generator, windows: int, length: int, options: WindowOptions) -> Batch:
        """A batch of random windows."""
        picks = np.searchsorted(self.cumulative, rng.random(windows)).clip(0, len(self.songs) - 1)
        parts = []
        for index in picks:
            song = self.songs[index]
            start = int(rng.integers(0, max(1, len(song.notes) - length // 2)))
            groove = (
                self.grooves[int(rng.integers(len(self.grooves)))]
                if self.grooves and rng.random() < options.drums
                else None
            )
            parts.append(window(song, self.tables[index], start, length, rng, options, groove))
        return collate(parts)

    def windows(self, song: int, length: int) -> Batch:
        """All windows of one song, side by side, plain (no human parts, all conditions said)."""
        rng = np.random.default_rng(0)
        count = len(self.songs[song].notes)
        return collate(
            [
                window(self.songs[song], self.tables[song], start, length, rng, PLAIN)
                for start in range(0, max(1, count - 3), length - 1)
            ]
        )


def unit_table(song: Song) -> NDArray[np.uint8]:
    """(units, 6) rows (phase, beat, beats, beat_units, root, quality), one per grid unit of a song."""
    end = int(song.notes[:, 0].max() + 8 * 480) // rep.UNIT + 1
    units = np.arange(end)
    table = np.empty((end, 6), dtype=np.uint8)
    row = np.maximum(0, np.searchsorted(song.metres[:, 0], units * rep.UNIT + rep.UNIT // 2, side="right") - 1)
    start, beats, beat_units = song.metres[row, 0] // rep.UNIT, song.metres[row, 1], song.metres[row, 2] // rep.UNIT
    table[:, 0] = (units - start) % beat_units
    table[:, 1] = (units - start) // beat_units % beats
    table[:, 2] = beats
    table[:, 3] = beat_units
    if len(song.chords):
        row = np.searchsorted(song.chords[:, 0], units * rep.UNIT + rep.UNIT // 2, side="right") - 1
        table[:, 4] = np.where(row >= 0, song.chords[row, 1], 12)
        table[:, 5] = np.where(row >= 0, song.chords[row, 2], rep.QUALITIES - 1)
    else:
        table[:, 4], table[:, 5] = 12, rep.QUALITIES - 1
    return table


def song_events(notes: IntArray, human: NDArray[np.bool_], human_first: bool, start_unit: int) -> IntArray:
    """Events in time order from notes: rows (unit, kind, part, micro, pitch, velocity bin, duration class).

    notes: (n, 5) rows of a Song; human: which of them the musician plays; human_first: whether a human onset comes
    before the own notes of the same grid unit. The first row is START.
    """
    units, micros = rep.onset_arrays(notes[:, 0])
    ends, end_micros = rep.onset_arrays(notes[:, 0] + notes[:, 4])
    ends = np.maximum(ends, units)
    count = len(notes)
    velocity = np.clip(notes[:, 3] // rep.VELOCITY_STEP, 0, rep.VELOCITIES - 1)
    duration = np.where(human, rep.OPEN, rep.duration_classes(notes[:, 4]))
    on = np.stack((units, human.astype(np.int64), notes[:, 1], micros, notes[:, 2], velocity, duration), axis=1)
    place = np.where(human, 1 if human_first else 3, 2)
    closing = notes[human]
    off = np.empty((len(closing), 7), dtype=np.int64)
    off[:, 0], off[:, 1], off[:, 2], off[:, 3] = ends[human], rep.KIND_CLOSE, closing[:, 1], end_micros[human]
    off[:, 4], off[:, 5], off[:, 6] = closing[:, 2], rep.NO_VELOCITY, rep.CLOSE
    rows = np.concatenate((on, off))
    # a note shorter than a unit closes after it opened, other closes come first
    short = ends[human] == units[human]
    places = np.concatenate((place, np.where(short, 4, 0)))
    order = np.lexsort((rows[:, 4], rows[:, 2], places, rows[:, 0])) if count else np.arange(0)
    first = np.array(
        [[start_unit, rep.KIND_START, rep.NO_PART, rep.NO_MICRO, rep.NO_PITCH, rep.NO_VELOCITY, rep.NO_DURATION]]
    )
    return np.concatenate((first, rows[order]))


def window(
    song: Song,
    table: NDArray[np.uint8],
    start: int,
    length: int,
    rng: np.random.Generator,
    options: WindowOptions,
    groove: Song | None = None,
) -> dict[str, IntArray]:
    """One window of at most `length` events; keys as in Batch, without the leading axis."""
    notes = song.notes[start : start + length + (LOOKAHEAD if options.augment else 0)].astype(np.int64)
    style = song.style
    present = np.unique(notes[:, 1])
    if len(present) > 1 and rng.random() < options.thin:
        notes = notes[np.isin(notes[:, 1], rng.choice(present, int(rng.integers(1, len(present))), replace=False))]
    mixed = groove is not None and DRUMS not in present and _four_four(notes, table)
    if mixed and groove is not None:
        notes = _with_drums(notes, table, groove, rng)[: length + LOOKAHEAD]
        if rng.random() < 0.6:
            style = groove.style
    shift = 0
    if options.transpose:
        shift = int(rng.integers(-5, 7))
    pitched = notes[:, 1] != DRUMS
    notes[pitched, 2] = np.clip(notes[pitched, 2] + shift, 0, 127)
    human = _human(notes, rng, options)
    first_unit = int(rep.onset_arrays(notes[:1, 0])[0][0])
    bar = int(table[first_unit, 1]) * int(table[first_unit, 3]) + int(table[first_unit, 0])
    events = song_events(notes, human, bool(rng.random() < 0.5), max(0, first_unit - bar))[:length]
    unit, kind, part = events[:, 0], events[:, 1], events[:, 2]
    count = len(events)
    own = kind == rep.KIND_OWN

    # the target of a position is the next own event
    following = np.where(own, np.arange(count), count)
    target = np.append(np.minimum.accumulate(following[::-1])[::-1][1:], count)
    weight = (target < count).astype(np.int64)
    target = np.minimum(target, count - 1)
    goal = events[target]
    targets = np.minimum(goal[:, [2, 2, 3, 4, 5, 6]], np.array([size for _, size in rep.HEADS]) - 1)
    targets[:, 1] = rep.delta_classes(unit, goal[:, 0])

    # order: own notes of one unit rise in (part, pitch)
    positions = np.arange(count)
    last_own = np.maximum.accumulate(np.where(own, positions, -1))
    had = last_own >= 0
    previous = events[np.maximum(last_own, 0)]
    low = np.where(had & (previous[:, 0] == goal[:, 0]) & (previous[:, 2] == goal[:, 2]), previous[:, 4] + 1, 0)
    stay = had & (previous[:, 0] == unit) & (goal[:, 2] < previous[:, 2])
    last = np.full(count, rep.NO_PITCH)
    sounding = kind <= rep.KIND_OPEN
    for index in range(rep.PARTS):
        where = np.maximum.accumulate(np.where(sounding & (part == index), positions, -1))
        last = np.where((goal[:, 2] == index) & (where >= 0), events[np.maximum(where, 0), 4], last)

    at = table[np.minimum(unit, len(table) - 1)].astype(np.int64)
    onset = table[np.minimum(goal[:, 0], len(table) - 1)].astype(np.int64)[:, [0, 1, 4, 5]]
    at[:, 4] = np.where(at[:, 4] < 12, (at[:, 4] + shift) % 12, 12)
    onset[:, 2] = np.where(onset[:, 2] < 12, (onset[:, 2] + shift) % 12, 12)

    inputs = np.empty((count, INPUTS), dtype=np.int64)
    inputs[:, 0] = kind * (rep.PARTS + 1) + part
    inputs[:, 1] = np.concatenate(([0], rep.delta_classes(unit[:-1], unit[1:])))
    inputs[:, 2], inputs[:, 3], inputs[:, 4], inputs[:, 5] = events[:, 3], events[:, 4], events[:, 5], events[:, 6]
    root = (song.key_root + shift) % 12 if song.key_root >= 0 else 12
    bpm = float(song.tempos[max(0, np.searchsorted(song.tempos[:, 0], notes[0, 0], side="right") - 1), 1])
    full = np.ones(count, dtype=np.int64)
    played = np.where(goal[:, 2] == DRUMS, 1, int(song.played)) if mixed else full * int(song.played)
    loud = played
    if options.augment:
        if song.played:
            _shift_velocity(inputs, targets, rng)
        elif _give_hand(inputs, targets, target, at, rng):
            loud = np.ones(count, dtype=np.int64)
        bpm *= float(np.exp(rng.uniform(-0.15, 0.15)))
    own_units = np.sort(rep.onset_arrays(notes[~human, 0])[0])
    ahead = (
        np.searchsorted(own_units, unit + LOOKAHEAD, side="right") - np.searchsorted(own_units, unit, side="right")
    ) / (LOOKAHEAD / rep.UNITS_PER_QUARTER)
    mask = int(np.bitwise_or.reduce(1 << notes[~human, 1])) if not human.all() else rep.NO_PARTS
    values: tuple[Any, ...] = (
        style,
        rep.key_id(root if root < 12 else None, song.key_minor),
        at[:, 0],
        at[:, 1],
        at[:, 2],
        at[:, 3],
        rep.tempo_bucket(bpm),
        at[:, 4],
        at[:, 5],
        rep.density_levels(ahead),
        mask,
    )
    for index, value in enumerate(values):
        inputs[:, len(rep.EVENT_FIELDS) + index] = value
    drop_all = rng.random() < options.drop.get("all", 0.0)
    key_root = root
    for name, columns in _COLUMNS.items():
        if name in options.drop and (drop_all or rng.random() < options.drop[name]):
            for column, unsaid in columns:
                inputs[:, len(rep.EVENT_FIELDS) + column] = unsaid
            if name == "key":
                key_root = 12
            elif name == "bar":
                onset[:, 0], onset[:, 1] = rep.NO_PHASE, rep.NO_BEAT
            elif name == "chord":
                onset[:, 2], onset[:, 3] = 12, rep.QUALITIES - 1
    result = {
        "inputs": inputs, "targets": targets, "onset": onset, "key_root": full * key_root, "last": last, "low": low,
        "stay": stay.astype(np.int64), "weight": weight,
        "played": played,
        "loud": loud,
    }  # fmt: skip
    if count < length:
        result = {
            name: np.concatenate((value, np.zeros((length - count, *value.shape[1:]), dtype=np.int64)))
            for name, value in result.items()
        }
    return result


_COLUMNS: dict[str, tuple[tuple[int, int], ...]] = {
    "style": ((0, rep.UNKNOWN_STYLE),), "key": ((1, rep.NO_KEY),),
    "bar": ((2, rep.NO_PHASE), (3, rep.NO_BEAT), (4, rep.NO_METRE), (5, 0)), "tempo": ((6, rep.NO_TEMPO),),
    "chord": ((7, 12), (8, rep.QUALITIES - 1)), "density": ((9, rep.NO_DENSITY),), "parts": ((10, rep.NO_PARTS),),
}  # fmt: skip


def _human(notes: IntArray, rng: np.random.Generator, options: WindowOptions) -> NDArray[np.bool_]:
    """Which notes the musician plays: some parts, or all parts in every other phrase, or none."""
    draw = rng.random()
    if draw < options.phrases:
        length = int(rng.integers(1, 5)) * 48  # one to four bars of four quarters
        return np.asarray((notes[:, 0] // rep.UNIT // length) % 2 == int(rng.integers(0, 2)))
    present = np.unique(notes[:, 1])
    if draw < options.phrases + options.human and len(present) > 1:
        count = len(present) - 1 if rng.random() < 0.3 else int(rng.integers(1, len(present)))
        return np.isin(notes[:, 1], rng.choice(present, count, replace=False))
    return np.zeros(len(notes), dtype=bool)


def _shift_velocity(inputs: IntArray, targets: IntArray, rng: np.random.Generator) -> None:
    """Played music a little louder or softer as a whole."""
    shift = int(rng.integers(-2, 3))
    top = rep.VELOCITIES - 1
    inputs[:, 4] = np.where(inputs[:, 4] < rep.NO_VELOCITY, np.clip(inputs[:, 4] + shift, 0, top), inputs[:, 4])
    targets[:, 4] = np.clip(targets[:, 4] + shift, 0, top)


def _give_hand(
    inputs: IntArray, targets: IntArray, target: IntArray, place: IntArray, rng: np.random.Generator
) -> bool:
    """Lend written music a hand: its own level, accents on the beat, a melody that stands out, some unevenness.

    No set with written voices has velocities, so without this the model would have no idea how to play them. The
    musician's notes get a level of their own, and sometimes a loose sense of time. Drums stay as they are. Returns
    whether velocities were lent. place: (T, 6) rows of the unit table.
    """
    kind, part = inputs[:, 0] // (rep.PARTS + 1), inputs[:, 0] % (rep.PARTS + 1)
    micro, pitched = inputs[:, 2], part != DRUMS
    if rng.random() < 0.5:
        loose = np.clip(micro + np.rint(rng.uniform(0, 1.2) * rng.standard_normal(len(micro))), 0, rep.MICROS - 1)
        inputs[:, 2] = np.where((micro < rep.NO_MICRO) & pitched, loose, micro)
    if rng.random() < 0.3:
        return False
    accent = rng.uniform(0, 1.2) * ((place[:, 0] == 0) * 0.5 + (place[:, 0] + place[:, 1] == 0) * 0.5)
    human = kind == rep.KIND_OPEN
    noise = rng.standard_normal(len(kind)) * np.where(human, rng.uniform(0, 2.0), rng.uniform(0.2, 1.0))
    level = rng.uniform(6.5, 12.5) + np.where(human, rng.uniform(-3, 3), ACCENTS[part])
    hand = np.clip(np.rint(level + accent + noise), 1, rep.VELOCITIES - 1).astype(np.int64)
    inputs[:, 4] = np.where((inputs[:, 4] < rep.NO_VELOCITY) & pitched, hand, inputs[:, 4])
    targets[:, 4] = np.where(targets[:, 0] != DRUMS, hand[target], targets[:, 4])
    return True


def _four_four(notes: IntArray, table: NDArray[np.uint8]) -> bool:
    units = rep.onset_arrays(notes[[0, -1], 0])[0]
    return bool((table[units, 2] == 4).all() and (table[units, 3] == 12).all())


def _with_drums(notes: IntArray, table: NDArray[np.uint8], groove: Song, rng: np.random.Generator) -> IntArray:
    """Notes with a groove under them, repeated as often as needed, bar line on bar line."""
    bar = 4 * 480
    first = int(rep.onset_arrays(notes[:1, 0])[0][0])
    origin = (first - int(table[first, 1]) * 12 - int(table[first, 0])) * rep.UNIT
    beats = groove.notes.astype(np.int64)
    span = (int(beats[:, 0].max()) // bar + 1) * bar
    origin -= int(rng.integers(0, span // bar)) * bar
    rounds = int(notes[-1, 0] - origin) // span + 1
    copies = []
    for index in range(rounds):
        copy = beats.copy()
        copy[:, 0] += origin + index * span
        copies.append(copy)
    drums = np.concatenate(copies)
    drums = drums[(drums[:, 0] >= notes[0, 0]) & (drums[:, 0] <= notes[-1, 0])]
    both = np.concatenate((notes, drums))
    units = rep.onset_arrays(both[:, 0])[0]
    return both[np.lexsort((both[:, 2], both[:, 1], units))]


def collate(parts: list[dict[str, IntArray]]) -> Batch:
    """Stack windows of one length."""
    return Batch(**{name: np.stack([part[name] for part in parts]) for name in Batch._fields})
