"""Musical figures: what can be counted in a piece, so that ours can be laid beside real music.

Every figure is one pure function of an `Excerpt`, plain arrays that a real song and a generated score both give.
`figures` collects those that make sense for it, `histograms` and `divergence` compare it with a style, and
`self_similarity` is form: which bars come back, and after how many bars.

Sources: scale consistency, pitch-class entropy, polyphony (rate), empty-beat rate and groove consistency are those of
MusPy (Dong, Chen, McAuley, Berg-Kirkpatrick, ISMIR 2020), groove consistency after Wu and Yang (ISMIR 2020); chord
tone ratio after Yeh et al., Automatic melody harmonization with triad chords (2021), who call it CTnCTR.

Threads: any, nothing is shared. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.theory import MODES, Chord
from aigc_music.core.time import TICKS_PER_QUARTER

__all__ = [
    "FIGURES",
    "LAGS",
    "PLACES",
    "Excerpt",
    "Figure",
    "SelfSimilarity",
    "chord_tone_ratio",
    "divergence",
    "empty_beat_rate",
    "figures",
    "groove_consistency",
    "histograms",
    "likeness",
    "note_in_chord",
    "notes_per_quarter",
    "off_grid",
    "pitch_class_entropy",
    "polyphony",
    "polyphony_rate",
    "returning",
    "scale_consistency",
    "self_similarity",
    "similarities",
    "snap",
]

IntArray = NDArray[np.integer]
FloatArray = NDArray[np.floating]

PLACES = (0, 120, 160, 240, 320, 360)
"""Places of a quarter, in ticks, where an onset may lie: sixteenths and eighth triplets."""
EARLY = 20  # ticks that a note may lead its chord and still belong to it
COMES_BACK = 0.8  # a bar this like an earlier one has come back
LAGS = 16  # farthest distance between bars that is looked at


class Figure(NamedTuple):
    """One figure: its name, its title for people, the smallest difference that counts."""

    name: str
    title: str
    least: float


FIGURES: tuple[Figure, ...] = (
    Figure("notes_per_quarter", "notes per quarter", 0.1),
    Figure("scale_consistency", "scale consistency", 0.01),
    Figure("pitch_class_entropy", "pitch-class entropy, bits", 0.05),
    Figure("polyphony", "polyphony", 0.05),
    Figure("polyphony_rate", "polyphony rate", 0.02),
    Figure("groove_consistency", "groove consistency", 0.01),
    Figure("empty_beat_rate", "empty-beat rate", 0.01),
    Figure("off_grid", "onsets off the grid", 0.01),
    Figure("note_in_chord", "notes in the chord", 0.02),
    Figure("chord_tone_ratio", "melody, chord tone ratio", 0.02),
    Figure("onset_divergence", "onset divergence", 0.01),
    Figure("pitch_divergence", "pitch divergence", 0.01),
    Figure("interval_divergence", "interval divergence", 0.01),
    Figure("duration_divergence", "duration divergence", 0.01),
    Figure("velocity_divergence", "velocity divergence", 0.01),
    Figure("likeness", "nearest earlier bar, likeness", 0.01),
    Figure("returning_bars", "bars that come back", 0.02),
    Figure("lag_mean", "self-similarity, all lags", 0.01),
    Figure("lag_peak", "best lag above the mean", 0.01),
)
"""Every figure, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some whole bars of music in one metre, the first bar line at tick 0.

    notes: (n, 5) rows (tick, part, pitch, velocity, duration in ticks), by onset, n >= 1. beats of beat_ticks make
    a bar. tonic: 0..11, or -1 for none; minor: of its mode. chords: (c, 3) rows (tick, root, quality), or None where
    nobody said.
    """

    notes: IntArray
    bars: int
    beats: int = 4
    beat_ticks: int = TICKS_PER_QUARTER
    tonic: int = -1
    minor: bool = False
    chords: IntArray | None = None

    @property
    def bar_ticks(self) -> int:
        """Length of a bar in ticks."""
        return self.beats * self.beat_ticks

    def of_parts(self, parts: Sequence[str]) -> Excerpt:
        """The same bars with the notes of these parts alone."""
        chosen = np.isin(self.notes[:, 1], [PART_NAMES.index(name) for name in parts])
        return replace(self, notes=self.notes[chosen])

    def bars_from(self, first: int, bars: int) -> Excerpt:
        """`bars` bars from bar `first` on; what rings beyond them is cut, what rang before is left out."""
        start, end = first * self.bar_ticks, (first + bars) * self.bar_ticks
        bar, _ = snap(self.notes[:, 0], self.bar_ticks)
        notes = self.notes[(bar >= first) & (bar < first + bars)].copy()
        notes[:, 4] = np.maximum(1, np.minimum(notes[:, 4], end - notes[:, 0]))
        notes[:, 0] -= start
        chords = self.chords
        if chords is not None:
            since = max(0, int(np.searchsorted(chords[:, 0], start, side="right")) - 1)
            chords = chords[since:][chords[since:, 0] < end].copy()
            chords[:, 0] -= start
        return replace(self, notes=notes, bars=bars, chords=chords)


def snap(ticks: IntArray, bar_ticks: int) -> tuple[IntArray, IntArray]:
    """(bar, place) of every tick; 6 places a quarter, counted in the bar.

    Each quarter of each bar is read as sixteenths or as eighth triplets, whichever its notes lie nearer to, and as
    sixteenths where both fit: a player's late sixteenth is no triplet. A note just before a bar line belongs to the
    bar that it anticipates.
    """
    bar, inside = np.divmod(ticks, bar_ticks)
    quarter, rest = np.divmod(inside, TICKS_PER_QUARTER)
    _, beat = np.unique(bar * (bar_ticks // TICKS_PER_QUARTER + 1) + quarter, return_inverse=True)
    straight, triplet = np.array((0, 1, 3, 5, 6)), np.array((0, 2, 4, 6))
    edges = np.array((*PLACES, TICKS_PER_QUARTER))
    near = [grid[np.abs(rest[:, None] - edges[grid]).argmin(1)] for grid in (straight, triplet)]
    errors = [np.bincount(beat, weights=np.abs(rest - edges[index])) for index in near]
    index = np.where((errors[1] < errors[0])[beat], near[1], near[0])
    over = quarter * TICKS_PER_QUARTER + edges[index] >= bar_ticks
    return bar + over, np.where(over, 0, quarter * len(PLACES) + index)


def places_of(bar_ticks: int) -> int:
    """How many places a bar has."""
    quarters, rest = divmod(bar_ticks, TICKS_PER_QUARTER)
    return quarters * len(PLACES) + int(np.searchsorted(PLACES, rest))


# -- pitch -------------------------------------------------------------------------------------------------------


def _classes(piece: Excerpt) -> IntArray:
    """How often each pitch class is struck, drums aside."""
    pitched = piece.notes[piece.notes[:, 1] != DRUMS, 2]
    return np.bincount(pitched % 12, minlength=12)


def scale_consistency(piece: Excerpt) -> float:
    """Share of the notes in the best of the 12 diatonic scales (each a major and a natural minor). MusPy. 0..1."""
    classes = _classes(piece)
    best = max(sum(classes[(root + step) % 12] for step in MODES["major"]) for root in range(12))
    return float(best / classes.sum())


def pitch_class_entropy(piece: Excerpt) -> float:
    """Entropy of the pitch classes of the notes in bits, 0..log2(12). MusPy."""
    shares = _classes(piece) / _classes(piece).sum()
    used = shares[shares > 0]
    return float(-(used * np.log2(used)).sum() + 0.0)


def _sounding(piece: Excerpt) -> tuple[IntArray, IntArray]:
    """(length in ticks, notes that sound) of every stretch between two note edges."""
    begins = np.sort(piece.notes[:, 0])
    ends = np.sort(piece.notes[:, 0] + piece.notes[:, 4])
    edges = np.unique(np.concatenate((begins, ends)))
    count = np.searchsorted(begins, edges[:-1], side="right") - np.searchsorted(ends, edges[:-1], side="right")
    return np.diff(edges), count


def polyphony(piece: Excerpt) -> float:
    """Mean number of notes that sound at once, over the time in which any does. MusPy. >= 1."""
    length, count = _sounding(piece)
    return float((length * count).sum() / max(1, length[count > 0].sum()))


def polyphony_rate(piece: Excerpt) -> float:
    """Share of the time in which two or more notes sound. MusPy. 0..1."""
    length, count = _sounding(piece)
    return float(length[count > 1].sum() / (piece.bars * piece.bar_ticks))


# -- time --------------------------------------------------------------------------------------------------------


def notes_per_quarter(piece: Excerpt) -> float:
    """Notes in a quarter, on average over the bars."""
    return len(piece.notes) * TICKS_PER_QUARTER / (piece.bars * piece.bar_ticks)


def groove_consistency(piece: Excerpt) -> float:
    """1 - mean share of places in which neighbouring bars differ (one strikes, the other doesn't). MusPy. 0..1.

    Places are those of `snap`, 24 in a bar of 4/4, of which sixteenths alone use 16.
    """
    bar, place = snap(piece.notes[:, 0], piece.bar_ticks)
    struck = np.zeros((piece.bars, places_of(piece.bar_ticks)), bool)
    inside = (bar >= 0) & (bar < piece.bars)
    struck[bar[inside], place[inside]] = True
    return float(1 - (struck[1:] != struck[:-1]).mean()) if piece.bars > 1 else 1.0


def empty_beat_rate(piece: Excerpt) -> float:
    """Share of the beats in which no note sounds. MusPy. 0..1."""
    beats = piece.bars * piece.beats
    change = np.zeros(beats + 1)
    first = np.clip((piece.notes[:, 0] + EARLY) // piece.beat_ticks, 0, beats - 1)
    last = np.clip((piece.notes[:, 0] + piece.notes[:, 4] - 1) // piece.beat_ticks, first, beats - 1)
    np.add.at(change, first, 1)
    np.add.at(change, last + 1, -1)
    return float((np.cumsum(change)[:-1] == 0).mean())


def off_grid(piece: Excerpt) -> float:
    """Share of the onsets more than 20 ticks (1/24 quarter) from every sixteenth and eighth triplet. 0..1."""
    edges = np.array(PLACES + (TICKS_PER_QUARTER,))
    distance = np.abs((piece.notes[:, 0] % TICKS_PER_QUARTER)[:, None] - edges).min(1)
    return float((distance > 20).mean())


# -- harmony -----------------------------------------------------------------------------------------------------


def _in_chord(notes: IntArray, chords: IntArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(a chord is in force at the onset, the note is one of its tones), for every note."""
    masks = np.array([Chord(int(root), int(quality)).mask for _, root, quality in chords] + [0])
    mask = masks[np.searchsorted(chords[:, 0], notes[:, 0] + EARLY, side="right") - 1]
    return mask > 0, (mask >> notes[:, 2] % 12 & 1).astype(bool)


def note_in_chord(piece: Excerpt) -> float:
    """Share of the pitched notes that are tones of the chord in force at their onset. 0..1, nan without chords."""
    notes = piece.notes[piece.notes[:, 1] != DRUMS]
    if piece.chords is None or len(notes) == 0:
        return float("nan")
    said, tone = _in_chord(notes, piece.chords)
    return float(tone[said].mean()) if said.any() else float("nan")


def chord_tone_ratio(piece: Excerpt) -> float:
    """Chord tones and passing notes of the melody over chord tones and all others. Yeh et al. 2021. 0..1.

    A note outside the chord passes when the next melody note lies within two semitones. nan without chords.
    """
    notes = piece.notes[piece.notes[:, 1] == PART_NAMES.index("melody")]
    if piece.chords is None or len(notes) == 0:
        return float("nan")
    said, tone = _in_chord(notes, piece.chords)
    steps = np.abs(np.append(np.diff(notes[:, 2]), 99))
    tones, others = int((said & tone).sum()), int((said & ~tone).sum())
    passing = int((said & ~tone & (steps <= 2)).sum())
    return (tones + passing) / (tones + others) if tones + others else float("nan")


# -- form --------------------------------------------------------------------------------------------------------


class SelfSimilarity(NamedTuple):
    """How a piece resembles itself.

    likeness: mean over the bars of their similarity to the nearest earlier bar; returning: share of bars that are
    at least COMES_BACK like an earlier one; lags: mean similarity of bars 1..LAGS bars apart, nan where the piece
    is too short; mean: of those; peak: how far the best of lags 2..LAGS lies above the mean.
    """

    likeness: float
    returning: float
    lags: FloatArray
    mean: float
    peak: float


def similarities(bar: IntArray, place: IntArray, kind: IntArray, bars: int) -> FloatArray:
    """(bars, bars) Jaccard overlap of the sets of (place, kind) in any two bars; nan where either has no note.

    bar, place, kind: one entry a note, kind being its pitch class or drum. Notes outside 0..bars-1 are left out.
    """
    inside = (bar >= 0) & (bar < bars)
    bar, place, kind = bar[inside], place[inside], kind[inside]
    _, number = np.unique(place * 256 + kind, return_inverse=True)
    struck = np.zeros((bars, int(number.max(initial=-1)) + 1), np.float64)
    struck[bar, number] = 1
    common = struck @ struck.T
    size = np.diag(common)
    union = size[:, None] + size[None, :] - common
    filled = size > 0
    both = filled[:, None] & filled[None, :]
    return np.where(both, common / np.maximum(union, 1), np.nan)


def _best_earlier(matrix: FloatArray) -> FloatArray:
    """For every bar with notes but the first: similarity to the nearest earlier bar."""
    filled = np.flatnonzero(~np.isnan(np.diag(matrix)))
    return np.array([np.nanmax(matrix[now, :now]) for now in filled[1:]])


def likeness(matrix: FloatArray) -> float:
    """Mean over the bars of `similarities` of their similarity to the nearest earlier bar; 0 for a single bar."""
    best = _best_earlier(matrix)
    return float(best.mean()) if len(best) else 0.0


def returning(matrix: FloatArray) -> float:
    """Share of the bars (all but the first) that are at least COMES_BACK like an earlier one; 0 for a single bar."""
    best = _best_earlier(matrix)
    return float((best >= COMES_BACK).mean()) if len(best) else 0.0


def self_similarity(notes: IntArray, bar_ticks: int, bars: int) -> SelfSimilarity:
    """Form of `bars` bars of notes, rows as in Excerpt; pitch classes count, and each drum by itself.

    Octaves, parts, velocities and lengths make no difference, nor does playing up to half a place beside the grid.
    """
    kind = np.where(notes[:, 1] == DRUMS, notes[:, 2] + 12, notes[:, 2] % 12)
    matrix = similarities(*snap(notes[:, 0], bar_ticks), kind, bars)
    lags = np.full(LAGS, np.nan)
    for lag in range(1, min(LAGS, bars - 1) + 1):
        pairs = np.diag(matrix, lag)
        if not np.isnan(pairs).all():
            lags[lag - 1] = np.nanmean(pairs)
    known = lags[~np.isnan(lags)]
    mean = float(known.mean()) if len(known) else 0.0
    peak = float(np.nanmax(lags[1:]) - mean) if not np.isnan(lags[1:]).all() else 0.0
    return SelfSimilarity(likeness(matrix), returning(matrix), lags, mean, peak)


# -- everything at once ------------------------------------------------------------------------------------------


def figures(piece: Excerpt) -> dict[str, float]:
    """Figures of one piece that need nothing beside it, by name; those that make no sense for it are left out."""
    form = self_similarity(piece.notes, piece.bar_ticks, piece.bars)
    result = {
        "notes_per_quarter": notes_per_quarter(piece),
        "groove_consistency": groove_consistency(piece),
        "empty_beat_rate": empty_beat_rate(piece),
        "off_grid": off_grid(piece),
        "likeness": form.likeness,
        "returning_bars": form.returning,
        "lag_mean": form.mean,
        "lag_peak": form.peak,
    }
    if (piece.notes[:, 1] != DRUMS).any():
        result |= {
            "scale_consistency": scale_consistency(piece),
            "pitch_class_entropy": pitch_class_entropy(piece),
            "polyphony": polyphony(piece),
            "polyphony_rate": polyphony_rate(piece),
            "note_in_chord": note_in_chord(piece),
            "chord_tone_ratio": chord_tone_ratio(piece),
        }
    return {name: value for name, value in result.items() if not np.isnan(value)}


def histograms(piece: Excerpt) -> dict[str, FloatArray]:
    """What a piece spends its notes on; each sums to 1.

    onset BEATSxTICKS: place in the bar, one histogram a metre; pitch major, pitch minor: pitch class above the tonic
    (12); pitch: the drum (128); interval: step from one top note of a part to its next, cut at an octave (25, the
    middle one repeats); duration: half octaves from 1/16 quarter to 8 quarters (15); velocity: steps of 8 (16).
    """
    notes = piece.notes
    drums = bool((notes[:, 1] == DRUMS).all())
    _, place = snap(notes[:, 0], piece.bar_ticks)
    length = np.clip(np.rint(2 * np.log2(notes[:, 4] / TICKS_PER_QUARTER)), -8, 6).astype(int) + 8
    found = {
        f"onset {piece.beats}x{piece.beat_ticks}": np.bincount(place, minlength=places_of(piece.bar_ticks)),
        "velocity": np.bincount(notes[:, 3] // 8, minlength=16),
    }
    if drums:
        found["pitch"] = np.bincount(notes[:, 2], minlength=128)
    else:
        found["duration"] = np.bincount(length, minlength=15)
        found["interval"] = np.bincount(np.clip(_steps(piece), -12, 12) + 12, minlength=25)
        if piece.tonic >= 0:
            found[f"pitch {'minor' if piece.minor else 'major'}"] = np.roll(_classes(piece), -piece.tonic)
    return {name: counts / counts.sum() for name, counts in found.items() if counts.sum()}


def _steps(piece: Excerpt) -> IntArray:
    """Intervals in semitones from every top note of a pitched part to the next one of that part."""
    steps = [np.zeros(0, np.int64)]
    bar, place = snap(piece.notes[:, 0], piece.bar_ticks)
    when = bar * places_of(piece.bar_ticks) + place
    for part in np.unique(piece.notes[:, 1]):
        if part != DRUMS:
            mine = piece.notes[:, 1] == part
            times, index = np.unique(when[mine], return_inverse=True)
            top = np.zeros(len(times), np.int64)
            np.maximum.at(top, index, piece.notes[mine, 2])
            steps.append(np.diff(top))
    return np.concatenate(steps)


def divergence(one: FloatArray, other: FloatArray) -> float:
    """Jensen-Shannon divergence of two histograms that sum to 1, in bits: 0 (the same) .. 1 (nothing in common)."""
    middle = (one + other) / 2

    def toward(given: FloatArray) -> float:
        used = given > 0
        return float((given[used] * np.log2(given[used] / middle[used])).sum())

    return max(0.0, (toward(one) + toward(other)) / 2)
