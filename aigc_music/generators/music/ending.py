"""Endings: the last chord, struck together and held together.

The model draws the pitches, one part after the other; the rules say when, how long, and which notes may be last: the
bass takes the root, the melody the root or the third, the drums a kick under a crash.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

from aigc_music.core.parts import DRUM_PITCHES, DRUMS, PART_NAMES, PARTS
from aigc_music.core.theory import CHORD_QUALITIES, NO_CHORD, Chord, mask_of
from models.music.decode_cpu import Note

from .band import Lane
from .chart import Chart, Played
from .choir import Choir

__all__ = ["SLOWING", "last_chord"]

SLOWING: dict[str, tuple[float, float]] = dict.fromkeys(
    ("chorale", "hymn", "art_song", "classical", "romantic", "baroque", "quartet", "carol"), (0.9, 0.8)
)
"""Styles that slow down at the end: tempo of the bar before the last chord and of the last one, as factors."""

_MELODY, _BASS, _KEYS = (PART_NAMES.index(name) for name in ("melody", "bass", "keys"))
_NOTES = {_KEYS: 4}  # how many notes of the last chord a part plays; the others play one
_APART = 3  # semitones between the notes of one part
_KICK, _CRASH = 36, 49


def last_chord(lane: Lane, chart: Chart, choir: Choir | None) -> Iterator[Played]:
    """The lane's notes of the last chord, at chart.finale until chart.end."""
    assert chart.finale is not None
    chord = chart.chord_at(chart.finale)
    if chord.quality >= NO_CHORD:
        chord = Chord(chart.key.tonic, int(chart.key.is_minor))
    length = chart.end - chart.finale
    lane.cue = None
    for part in sorted(part for part in range(len(PARTS)) if lane.limits.allowed >> part & 1):
        low = PARTS[part].low
        for number in range(2 if part == DRUMS else _NOTES.get(part, 1)):
            limits = lane.limits
            limits.allow([part])
            limits.set_polyphony(part, PARTS[part].voices + 1)
            if choir is not None:
                choir.limit(limits, chart.finale)
            else:
                limits.set_range(part, low, PARTS[part].high)
            limits.set_scale(part, _last_tones(part, chord))
            if part == DRUMS:
                limits.set_drum_map([(_KICK, _CRASH)[number]])
            note = lane.decide(chart.finale, 0, {})
            if not isinstance(note, Note):
                continue
            played = Played(chart.finale, part, note.pitch, note.velocity, length)
            lane.feed(*played, drawn=True)
            yield played if choir is None else choir.sing(played)
            low = note.pitch + _APART
    lane.limits.set_drum_map(DRUM_PITCHES)


def _last_tones(part: int, chord: Chord) -> int:
    """Pitch classes with which a part may end."""
    if part == _BASS:
        return 1 << chord.root
    if part == _MELODY:
        return mask_of(chord.root, CHORD_QUALITIES[chord.quality][1][:2])
    return chord.mask
