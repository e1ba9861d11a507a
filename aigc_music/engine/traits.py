"""Traits: what a listener could like or dislike in a piece, as a few small numbers.

TRAITS is the table: what is counted, how far two pieces of one style usually lie apart in it, and the words for less
and more of it. Pieces of any length can be compared, since most traits are means over stretches of eight bars.

Threads: any, nothing is shared. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from aigc_music.core.notes import Score
from aigc_music.core.parts import DRUMS, PART_NAMES, PARTS
from aigc_music.core.time import TICKS_PER_QUARTER
from models.music.figures import (
    Excerpt,
    groove_consistency,
    note_in_chord,
    notes_per_quarter,
    off_grid,
    pitch_class_entropy,
    scale_consistency,
    self_similarity,
    snap,
)
from models.music.figures import empty_beat_rate as empty_beats
from models.music.spreads import excerpt_of

__all__ = ["STRETCH", "TRAITS", "Trait", "fingerprint", "traits"]

STRETCH = 8
"""Bars that are measured at a time."""
_LONG = 16  # bars from which form can be told
_TRIPLETS = (2, 4)  # places of a quarter, see figures.snap


class Trait(NamedTuple):
    """A trait. typical: standard deviation between pieces of one style, about; less, more: words for people."""

    name: str
    typical: float
    less: str
    more: str


TRAITS: tuple[Trait, ...] = (
    Trait("density", 0.4, "sparser", "busier"),
    Trait("register", 3.0, "lower", "higher"),
    Trait("polyphony", 0.8, "thinner", "fuller"),
    Trait("loudness", 8.0, "softer", "louder"),
    Trait("likeness", 0.1, "with fewer repeated bars", "with more repeated bars"),
    Trait("returning_bars", 0.2, "with fewer returning sections", "with more returning sections"),
    Trait("contrast", 0.1, "with sections more alike", "with more contrast between sections"),
    Trait("range", 1.5, "with a narrower range", "with a wider range"),
    Trait("note_length", 0.6, "with shorter notes", "with longer notes"),
    Trait("dynamics", 4.0, "with a more even touch", "with a more varied touch"),
    Trait("off_beat", 0.1, "with more notes on the beat", "with more notes off the beat"),
    Trait("triplets", 0.05, "with fewer triplets", "with more triplets"),
    Trait("off_grid", 0.1, "with stricter timing", "with looser timing"),
    Trait("groove_consistency", 0.03, "with more changing rhythms", "with steadier rhythms"),
    Trait("empty_beats", 0.06, "with fewer rests", "with more rests"),
    Trait("scale_consistency", 0.04, "more chromatic", "more diatonic"),
    Trait("pitch_class_entropy", 0.2, "with fewer different notes", "with more different notes"),
    Trait("note_in_chord", 0.05, "more dissonant", "more consonant"),
    Trait("chords_per_bar", 0.2, "with slower harmony", "with faster harmony"),
    Trait("leaps", 1.8, "with more steps", "with more leaps"),
    Trait("repeated_notes", 0.1, "with fewer repeated notes", "with more repeated notes"),
    Trait("drum_share", 0.12, "with fewer drums", "with more drums"),
    Trait("melody_share", 0.08, "with less melody", "with more melody"),
    Trait("bass_share", 0.04, "with less bass", "with more bass"),
)
"""Every trait, the ones a listener notices first in front."""


def traits(score: Score) -> dict[str, float]:
    """Traits of a piece by name; those that make no sense for it are left out, {} for a piece without notes."""
    piece = _excerpt(score)
    if len(piece.notes) == 0:
        return {}
    starts = list(range(0, piece.bars, STRETCH))
    if len(starts) > 1 and piece.bars - starts[-1] < STRETCH // 2:
        starts.pop()
    cut = [piece.bars_from(start, min(STRETCH, piece.bars - start)) for start in starts]
    rows = [_of_stretch(stretch) for stretch in cut if len(stretch.notes)]
    found = {}
    for trait in TRAITS:
        values = [row[trait.name] for row in rows if np.isfinite(row.get(trait.name, np.nan))]
        if values:
            found[trait.name] = float(np.mean(values))
    if piece.bars >= _LONG:
        found["returning_bars"] = self_similarity(piece.notes, piece.bar_ticks, piece.bars).returning
        found["contrast"] = float(np.std([row["density"] for row in rows]))
    return {name: round(value, 4) for name, value in found.items()}


def fingerprint(score: Score) -> str:
    """16 hex digits that tell a piece from others and give away no note of it."""
    return hashlib.sha256(_excerpt(score).notes.tobytes()).hexdigest()[:16]


def _excerpt(score: Score) -> Excerpt:
    """The parts of the band; music from elsewhere counts as keys and drums."""
    piece = excerpt_of(score)
    if len(piece.notes) or not score.notes:
        return piece
    keys = PARTS[PART_NAMES.index("keys")].channel
    moved = [
        replace(track, notes=[note._replace(channel=9 if note.channel == 9 else keys) for note in track.notes])
        for track in score.tracks
    ]
    return excerpt_of(replace(score, tracks=moved))


def _of_stretch(piece: Excerpt) -> dict[str, float]:
    notes = piece.notes
    _, place = snap(notes[:, 0], piece.bar_ticks)
    inside = place % 6
    found = {
        "density": float(np.log2(notes_per_quarter(piece))),
        "loudness": float(notes[:, 3].mean()),
        "dynamics": float(notes[:, 3].std()),
        "likeness": self_similarity(notes, piece.bar_ticks, piece.bars).likeness if piece.bars > 1 else np.nan,
        "groove_consistency": groove_consistency(piece) if piece.bars > 1 else np.nan,
        "empty_beats": empty_beats(piece),
        "off_grid": off_grid(piece),
        "off_beat": float((inside != 0).mean()),
        "triplets": float(np.isin(inside, _TRIPLETS).mean()),
        "drum_share": float((notes[:, 1] == DRUMS).mean()),
    }
    pitched = notes[notes[:, 1] != DRUMS]
    if len(pitched) == 0:
        return found
    pitch = pitched[:, 2]
    steps = _steps(pitched)
    found |= {
        "register": float(pitch.mean()),
        "range": float(pitch.std()),
        "polyphony": float(pitched[:, 4].sum() / (piece.bars * piece.bar_ticks)),
        "note_length": float(np.log2(pitched[:, 4] / TICKS_PER_QUARTER).mean()),
        "scale_consistency": scale_consistency(piece),
        "pitch_class_entropy": pitch_class_entropy(piece),
        "note_in_chord": note_in_chord(piece),
        "leaps": float(np.abs(steps).mean()) if len(steps) else np.nan,
        "repeated_notes": float((steps == 0).mean()) if len(steps) else np.nan,
        "melody_share": float((pitched[:, 1] == PART_NAMES.index("melody")).mean()),
        "bass_share": float((pitched[:, 1] == PART_NAMES.index("bass")).mean()),
    }
    if piece.chords is not None and len(piece.chords):
        changes = 1 + int((np.diff(piece.chords[:, 1:], axis=0) != 0).any(1).sum())
        found["chords_per_bar"] = changes / piece.bars
    return found


def _steps(pitched: np.ndarray) -> np.ndarray:
    """Intervals in semitones between the highest notes of neighbouring onsets of all pitched parts but the bass."""
    upper = pitched[pitched[:, 1] != PART_NAMES.index("bass")]
    if len(upper) == 0:
        upper = pitched
    _, index = np.unique(upper[:, 0], return_inverse=True)
    top = np.zeros(int(index.max()) + 1, np.int64)
    np.maximum.at(top, index, upper[:, 2])
    return np.diff(top)
