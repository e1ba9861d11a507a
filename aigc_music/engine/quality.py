"""Quality of a score: simple figures that a person would check first, how far it lies from real music of its style,
and how long a phrase it shares with a training song."""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_music.core.notes import Score
from aigc_music.core.theory import Key
from aigc_music.core.time import TICKS_PER_QUARTER
from models.music.originality import check
from models.music.spreads import distance

__all__ = ["measure"]


def measure(score: Score, key: str, style: str) -> dict[str, Any]:
    """Figures of the pitched notes: count, share in the key, pitch-class entropy (bits), notes a beat, polyphony;
    distance_to_real (0 = inside the spread of real pieces, see models.music.spreads); originality (the longest phrase
    that a training song has too, and which song; see models.music.originality)."""
    figures = _figures(score, key)
    if figures["pitched_notes"]:
        figures["originality"] = check(score).as_dict()
    if score.notes:
        figures["distance_to_real"] = round(distance(score, style), 3)
    return figures


def _figures(score: Score, key: str) -> dict[str, Any]:
    notes = [note for note in score.notes if note.channel != 9]
    if not notes:
        return {"notes": len(score.notes), "pitched_notes": 0}
    scale = Key.parse(key).scale
    classes = np.bincount([note.pitch % 12 for note in notes], minlength=12) / len(notes)
    used = classes[classes > 0]
    beats = max(1.0, score.end / TICKS_PER_QUARTER)
    return {
        "notes": len(score.notes),
        "pitched_notes": len(notes),
        "in_key": round(sum(scale >> note.pitch % 12 & 1 for note in notes) / len(notes), 4),
        "pitch_class_entropy": round(float(-(used * np.log2(used)).sum()), 3),
        "notes_per_beat": round(len(notes) / beats, 3),
        "polyphony": round(sum(note.duration for note in notes) / max(1, score.end), 3),
    }
