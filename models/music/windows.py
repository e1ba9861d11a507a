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
from .memory import trace_window

__all__ = ["CONDITION_DROP", "Batch", "Corpus", "WindowOptions", "bar_likeness", "song_events"]

IntArray = NDArray[Any]

CONDITION_DROP: Mapping[str, float] = {
    "style": 0.1, "key": 0.3, "bar": 0.12, "tempo": 0.25, "chord": 0.5, "bass": 0.5, "next": 0.4, "left": 0.5,
    "echo": 0.4, "density": 0.5, "register": 0.6, "polyphony": 0.6, "loudness": 0.6, "parts": 0.3, "scale": 0.6,
    "memory": 0.1, "all": 0.05,
}  # fmt: skip
"""Chance per window that a condition is not said; see _COLUMNS for what goes together."""

ACCENTS = np.array([1.0, 0.0, -0.5, 0.0, -0.3, 0.0, 0.0])  # velocity bins by which a part stands out, see _give_hand
LOOKAHEAD = 96  # units over which the conditions look at what the band is going to play
PAST = 1000  # notes before a window that its memory holds
MOST_BARS = 64  # how far back the form may point


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
"""No augmentation, and all said that can be read off the notes but form and scale."""

TOLD = PLAIN._replace(drop=dict.fromkeys(("register", "polyphony", "loudness", "left"), 1.0))
"""The band knows style, tempo, metre, key, chords, parts and density, as on stage."""

BLIND = PLAIN._replace(drop=dict(TOLD.drop) | dict.fromkeys(("key", "chord", "next", "density", "parts"), 1.0))
"""It knows style, tempo and metre: nothing that was worked out from the notes."""


class Batch(NamedTuple):
    """Integer arrays (numpy, or torch tensors of them), B windows of T events; every field int64.

    inputs (B, T, 50): rep.INPUT_FIELDS. targets (B, T, 6): one class per head. choices (B, T, 22): rep.CHOICES as
    they truly were. echo (B, T, 5): pitch of the target's part in each earlier place, 128 = none. key_root (B, T):
    0..11, 12 = not said. low (B, T): lowest pitch that the order allows. stay (B, T): 1 where the order forbids delta
    0. weight (B, T): 1 where there is a target. played (B, T): 1 where micro counts. loud (B, T): 1 where velocity
    counts.
    """

    inputs: Any
    targets: Any
    choices: Any
    echo: Any
    key_root: Any
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
        self.likenesses: dict[int, Likeness] = {}
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
            alike = self.likeness(index) if "echo" in options.drop else None
            parts.append(window(song, self.tables[index], start, length, rng, options, groove, alike))
        return collate(parts)

    def likeness(self, song: int) -> Likeness:
        """How alike the bars of a song are; worked out once."""
        if song not in self.likenesses:
            self.likenesses[song] = bar_likeness(self.songs[song], self.tables[song])
        return self.likenesses[song]

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


class Likeness(NamedTuple):
    """How alike the bars of a song are. starts (n,): first grid unit of each bar; table (n, n): likeness in percent,
    0 between bars of different length."""

    starts: IntArray
    table: NDArray[np.uint8]


def bar_likeness(song: Song, table: NDArray[np.uint8]) -> Likeness:
    """Jaccard overlap of what begins where: (sixteenth, pitch) pairs that two bars share, of all they have."""
    starts = np.flatnonzero((table[:, 0] == 0) & (table[:, 1] == 0))
    if len(starts) == 0:
        return Likeness(np.zeros(1, np.int64), np.zeros((1, 1), np.uint8))
    lengths = table[starts, 2].astype(np.int64) * table[starts, 3]
    units = rep.onset_arrays(song.notes[:, 0].astype(np.int64))[0]
    bar = np.searchsorted(starts, units, side="right") - 1
    inside = bar >= 0
    bar, place = bar[inside], (units[inside] - starts[bar[inside]]) // 3
    seen = np.zeros((len(starts), 1024), np.float32)  # a hash of the pair: collisions are rare enough
    seen[bar, (place * 151 + song.notes[inside, 2].astype(np.int64) * 7) % 1024] = 1.0
    both = seen @ seen.T
    sizes = seen.sum(1)
    either = sizes[:, None] + sizes[None, :] - both
    alike = np.where(lengths[:, None] == lengths[None, :], both / np.maximum(either, 1.0), 0.0)
    return Likeness(starts, np.rint(100 * alike).astype(np.uint8))


def pointers(alike: Likeness, units: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """(bars back, likeness class) of the form's pointer at grid units: mostly to the bar most like this one, at times
    to any earlier one, so that being unlike a bar is learned too."""
    bar = np.searchsorted(alike.starts, units, side="right") - 1
    lag, level = np.full(len(units), rep.LAG_BARS[-1]), np.zeros(len(units), np.int64)
    anywhere = int(rng.integers(1, 33)) if rng.random() < 0.25 else 0
    for index in np.unique(bar[bar > 0]):
        row = alike.table[index, max(0, index - MOST_BARS) : index][::-1]  # row[k]: the bar k + 1 bars ago
        back = anywhere or int(np.argmax(row)) + 1
        if back > len(row):
            continue
        where = bar == index
        lag[where], level[where] = back, rep.likeness_class(row[back - 1] / 100)
    return lag, level


def unit_table(song: Song) -> NDArray[np.uint8]:
    """(units, 12) place rows, one per grid unit of a song; likeness is not said."""
    end = int(song.notes[:, 0].max() + 8 * 480) // rep.UNIT + 1
    units = np.arange(end)
    middles = units * rep.UNIT + rep.UNIT // 2
    table = np.zeros((end, len(rep.PLACE)), dtype=np.uint8)
    row = np.maximum(0, np.searchsorted(song.metres[:, 0], middles, side="right") - 1)
    start, beats, beat_units = song.metres[row, 0] // rep.UNIT, song.metres[row, 1], song.metres[row, 2] // rep.UNIT
    table[:, 0] = (units - start) % beat_units
    table[:, 1] = (units - start) // beat_units % beats
    table[:, 2] = beats
    table[:, 3] = beat_units
    table[:, 4], table[:, 5], table[:, 6] = 12, rep.QUALITIES - 1, 12
    table[:, 7], table[:, 8] = 12, rep.QUALITIES - 1
    chords = song.chords
    if len(chords):
        row = np.searchsorted(chords[:, 0], middles, side="right") - 1
        here, known, following = np.maximum(row, 0), row >= 0, row + 1 < len(chords)
        after = np.minimum(row + 1, len(chords) - 1)
        table[:, 4] = np.where(known, chords[here, 1], 12)
        table[:, 5] = np.where(known, chords[here, 2], rep.QUALITIES - 1)
        table[:, 6] = np.where(known, chord_basses(song)[here], 12)
        table[:, 7] = np.where(following, chords[after, 1], 12)
        table[:, 8] = np.where(following, chords[after, 2], rep.QUALITIES - 1)
        distance = (chords[after, 0] + rep.UNIT // 2) // rep.UNIT - units
        table[:, 9] = np.where(following, rep.distance_class(np.maximum(1, distance)), 0)
    last = int(rep.onset_arrays(song.notes[-1:, 0].astype(np.int64))[0][0])
    length = np.maximum(1, beats * beat_units)
    begin = units - (units - start) % length
    table[:, 10] = np.where(units <= last, rep.left_class((last - begin) // length), 0)
    return table


def chord_basses(song: Song) -> IntArray:
    """Pitch class of the lowest pitched note that begins under each chord, 12 = none."""
    notes = song.notes[song.notes[:, 1] != DRUMS]
    row = np.searchsorted(song.chords[:, 0], notes[:, 0] + rep.UNIT // 2, side="right") - 1
    lowest = np.full(len(song.chords), 128)
    np.minimum.at(lowest, row[row >= 0], notes[row >= 0, 2])
    return np.where(lowest < 128, lowest % 12, 12)


def song_events(notes: IntArray, human: NDArray[np.bool_], human_first: bool) -> IntArray:
    """Events in time order from notes: rows (unit, kind, part, micro, pitch, velocity bin, duration class).

    notes: (n, 5) rows of a Song; human: which of them the musician plays; human_first: whether a human onset comes
    before the own notes of the same grid unit.
    """
    units, micros = rep.onset_arrays(notes[:, 0])
    ends, end_micros = rep.onset_arrays(notes[:, 0] + notes[:, 4])
    ends = np.maximum(ends, units)
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
    return rows[np.lexsort((rows[:, 4], rows[:, 2], places, rows[:, 0]))]


def start_event(unit: int) -> IntArray:
    """(1, 7) START on a bar line."""
    return np.array(
        [[unit, rep.KIND_START, rep.NO_PART, rep.NO_MICRO, rep.NO_PITCH, rep.NO_VELOCITY, rep.NO_DURATION]]
    )


def window(
    song: Song,
    table: NDArray[np.uint8],
    start: int,
    length: int,
    rng: np.random.Generator,
    options: WindowOptions,
    groove: Song | None = None,
    alike: Likeness | None = None,
) -> dict[str, IntArray]:
    """One window of at most `length` events from note `start` on; keys as in Batch, without the leading axis."""
    begin = max(0, start - PAST)
    notes = song.notes[begin : start + length + (LOOKAHEAD if options.augment else 0)].astype(np.int64)
    first_unit = int(rep.onset_arrays(notes[start - begin : start - begin + 1, 0])[0][0])
    style = song.style
    present = np.unique(notes[start - begin :, 1])
    if len(present) > 1 and rng.random() < options.thin:
        kept = rng.choice(present, int(rng.integers(1, len(present))), replace=False)
        notes = notes[np.isin(notes[:, 1], kept)]
    mixed = groove is not None and DRUMS not in present and _four_four(notes, table)
    if mixed and groove is not None:
        notes = _with_drums(notes, table, groove, rng)
        if rng.random() < 0.6:
            style = groove.style
    shift = int(rng.integers(-5, 7)) if options.transpose else 0
    pitched = notes[:, 1] != DRUMS
    notes[pitched, 2] = np.clip(notes[pitched, 2] + shift, 0, 127)
    human = _human(notes, rng, options)
    bar = int(table[first_unit, 1]) * int(table[first_unit, 3]) + int(table[first_unit, 0])
    everything = song_events(notes, human, bool(rng.random() < 0.5))
    split = int(np.searchsorted(everything[:, 0], first_unit))
    events = np.concatenate((start_event(max(0, first_unit - bar)), everything[split:]))[:length]
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
    low = np.where(low > targets[:, 3], 0, low)
    stay = had & (previous[:, 0] == unit) & (goal[:, 2] < previous[:, 2]) & (targets[:, 1] > 0)
    last = np.full(count, rep.NO_PITCH)
    sounding = kind <= rep.KIND_OPEN
    for index in range(rep.PARTS):
        where = np.maximum.accumulate(np.where(sounding & (part == index), positions, -1))
        last = np.where((goal[:, 2] == index) & (where >= 0), events[np.maximum(where, 0), 4], last)

    # what is said about the place, here and at the onset that is decided on
    place = np.stack((unit, goal[:, 0]), axis=1)
    at = table[np.minimum(place, len(table) - 1)].astype(np.int64)  # (T, 2, 12)
    for column in (4, 6, 7):
        at[..., column] = np.where(at[..., column] < 12, (at[..., column] + shift) % 12, 12)
    bars = at[..., 2] * at[..., 3]
    lag = np.full((count, 2), rep.LAG_BARS[-1])
    drop_all = rng.random() < options.drop.get("all", 0.0)
    unsaid = {name: drop_all or rng.random() < chance for name, chance in options.drop.items() if name != "all"}
    if alike is not None and not unsaid["echo"]:
        back, level = pointers(alike, place.ravel(), rng)
        lag, at[..., 11] = back.reshape(-1, 2), level.reshape(-1, 2)
    root = (song.key_root + shift) % 12 if song.key_root >= 0 else 12
    for name, columns in _PLACE_COLUMNS.items():
        if unsaid.get(name):
            for column, nothing in columns:
                at[..., column] = nothing
            if name == "bar":
                bars = np.zeros_like(bars)

    mask = int(np.bitwise_or.reduce(1 << notes[~human, 1])) if not human.all() else rep.NO_PARTS
    recalled = np.empty((count, len(rep.MEMORIES)), np.int64)
    echo, lengths = np.empty((count, rep.SOURCES), np.int64), np.empty((count, rep.SOURCES), np.int64)
    goals = np.stack((goal[:, 0], targets[:, 0], low), axis=1)
    with_past = np.concatenate((everything[:split], events))
    trace_window(with_past, split, mask, bars, lag, goals, unsaid.get("memory", False), recalled, echo, lengths)

    inputs = np.zeros((count, len(rep.INPUT_FIELDS)), dtype=np.int64)
    inputs[:, 0] = kind * (rep.PARTS + 1) + part
    inputs[:, 1] = np.concatenate(([0], rep.delta_classes(unit[:-1], unit[1:])))
    inputs[:, 2], inputs[:, 3], inputs[:, 4], inputs[:, 5] = events[:, 3], events[:, 4], events[:, 5], events[:, 6]
    bpm = float(song.tempos[max(0, np.searchsorted(song.tempos[:, 0], notes[0, 0], side="right") - 1), 1])
    full = np.ones(count, dtype=np.int64)
    played = np.where(goal[:, 2] == DRUMS, 1, int(song.played)) if mixed else full * int(song.played)
    loud = played
    if options.augment:
        if song.played:
            _shift_velocity(inputs, targets, rng)
        elif _give_hand(inputs, targets, target, at[:, 0], rng):
            loud = np.ones(count, dtype=np.int64)
        bpm *= float(np.exp(rng.uniform(-0.15, 0.15)))
    said: dict[str, Any] = {
        "style": style,
        "key": rep.key_id(root if root < 12 else None, song.key_minor),
        "tempo": rep.tempo_bucket(bpm),
        "parts": mask,
        "given": int(np.bitwise_or.reduce(1 << notes[human, 1])) if human.any() else 0,
    }
    said |= dict(zip(rep.PLACE, at[:, 0].T, strict=True))
    said |= _coming(notes[~human], unit)
    heard = np.where(own, inputs[:, 4], rep.NO_VELOCITY) if loud.any() else full * rep.NO_VELOCITY
    said["loudness"] = _loudness(heard, unit)
    scale = _scale(notes[~human], rng) if not unsaid.get("scale") and "scale" in options.drop else 0xFFF
    for index, (name, size) in enumerate(rep.CONDITIONS):
        value = scale >> (index - _SCALE) & 1 if index >= _SCALE else said[name]
        nothing = _NOTHING.get(name, size - 1)
        inputs[:, len(rep.EVENT_FIELDS) + index] = nothing if unsaid.get(_GROUPS.get(name, name)) else value
    inputs[:, -len(rep.MEMORIES) :] = recalled

    choices = np.empty((count, len(rep.CHOICES)), dtype=np.int64)
    choices[:, 0:2] = targets[:, 0:2]
    choices[:, 2:8] = at[:, 1][:, _ONSET]
    choices[:, 8] = last
    choices[:, 9:14] = lengths
    choices[:, 14:16] = targets[:, 2:4]
    choices[:, 16:21] = np.where(echo == rep.NO_PITCH, 0, np.where(echo == targets[:, 3:4], 1, 2))
    choices[:, 21] = targets[:, 4]
    result = {
        "inputs": inputs, "targets": targets, "choices": choices, "echo": echo,
        "key_root": full * (12 if unsaid.get("key") else root), "low": low, "stay": stay.astype(np.int64),
        "weight": weight, "played": played, "loud": loud,
    }  # fmt: skip
    if count < length:
        result = {
            name: np.concatenate((value, np.zeros((length - count, *value.shape[1:]), dtype=np.int64)))
            for name, value in result.items()
        }
    return result


_NAMES = [name for name, _ in rep.CONDITIONS]
_SCALE = _NAMES.index("scale_c")
_ONSET = [rep.PLACE.index(name) for name in rep.ONSET_CONDITIONS]
_GROUPS = {"given": "parts"}
_NOTHING = dict.fromkeys(("beats", "beat_units", "next_in", "left", "likeness"), 0)
"""Conditions whose class for 'not said' is the first and not the last."""

_PLACE_COLUMNS: dict[str, tuple[tuple[int, int], ...]] = {
    "bar": ((0, rep.NO_PHASE), (1, rep.NO_BEAT), (2, rep.NO_METRE), (3, 0)),
    "chord": ((4, 12), (5, rep.QUALITIES - 1), (6, 12)), "bass": ((6, 12),),
    "next": ((7, 12), (8, rep.QUALITIES - 1), (9, 0)), "left": ((10, 0),), "echo": ((11, 0),),
}  # fmt: skip
"""Conditions of the place that are said or left out together, with their class for 'not said'."""


def _coming(notes: IntArray, units: IntArray) -> dict[str, IntArray]:
    """Levels of density, register and polyphony of the band's own notes over the LOOKAHEAD units from each event."""
    order = np.argsort(notes[:, 0], kind="stable")
    notes = notes[order]
    starts = rep.onset_arrays(notes[:, 0])[0]
    low, high = np.searchsorted(starts, units), np.searchsorted(starts, units + LOOKAHEAD)
    pitched = notes[:, 1] != DRUMS

    def total(values: NDArray[Any]) -> NDArray[Any]:
        sums = np.concatenate(([0.0], np.cumsum(values)))
        return np.asarray(sums[high] - sums[low])

    count = total(pitched.astype(np.float64))
    quiet = count == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        register = np.where(quiet, np.nan, total(np.where(pitched, notes[:, 2], 0)) / count)
    sounding = total(np.where(pitched, notes[:, 4], 0)) / (LOOKAHEAD * rep.UNIT)
    return {
        "density": rep.levels("density", (high - low) / (LOOKAHEAD / rep.UNITS_PER_QUARTER)),
        "register": rep.levels("register", register),
        "polyphony": rep.levels("polyphony", np.where(quiet, np.nan, sounding)),
    }


def _loudness(bins: IntArray, units: IntArray) -> IntArray:
    """Levels of the mean velocity over the LOOKAHEAD units from each event; bins of NO_VELOCITY do not count."""
    counts = np.concatenate(([0.0], np.cumsum(bins < rep.NO_VELOCITY)))
    sums = np.concatenate(([0.0], np.cumsum(np.where(bins < rep.NO_VELOCITY, (bins + 0.5) * rep.VELOCITY_STEP, 0))))
    low, high = np.arange(len(units)) + 1, np.searchsorted(units, units + LOOKAHEAD)
    high = np.maximum(low, high)
    count = counts[high] - counts[low]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, (sums[high] - sums[low]) / count, np.nan)
    return rep.levels("loudness", mean)


def _scale(notes: IntArray, rng: np.random.Generator) -> int:
    """A scale (12 bits) in which these notes lie: their own pitch classes and some others."""
    classes = np.unique(notes[notes[:, 1] != DRUMS, 2] % 12)
    used = int(np.bitwise_or.reduce(1 << classes)) if len(classes) else 0xFFF
    more = rng.random(12) < rng.uniform(0.0, 0.6)
    return used | int((more.astype(np.int64) << np.arange(12)).sum())


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
