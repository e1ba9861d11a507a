"""What the band plays while the model process is away: plain, in time, in the chord. No learning, no state.

Roots on the strong beats, the chord on the weak ones, a light beat, and no melody: enough that nobody on
the dance floor notices for the second or two that a restart takes.
"""

from __future__ import annotations

from aigc_music.core.notes import Note
from aigc_music.core.parts import DRUMS, PART_NAMES, PARTS
from aigc_music.core.theory import CHORD_QUALITIES, NO_CHORD, Chord, Key
from aigc_music.core.time import Metre

__all__ = ["bar"]

_KICK, _SNARE, _HAT = 36, 38, 42
_BASS, _KEYS = PART_NAMES.index("bass"), PART_NAMES.index("keys")


def bar(start: int, metre: Metre, key: Key, chord: Chord, parts: frozenset[int]) -> list[Note]:
    """Notes of one bar that starts at tick `start`, for those of `parts` that have a fallback pattern.

    Without a chord the tonic triad of `key` is played. Sorted by tick. Realtime-safe: yes (about 20 us).
    """
    if chord.quality == NO_CHORD:
        chord = Chord(key.tonic, 1 if key.is_minor else 0)
    beat = metre.beat_ticks
    notes: list[Note] = []
    for index in range(metre.beats):
        tick = start + index * beat
        strong = index % 2 == 0
        if _BASS in parts and strong:
            pitch = _near(chord.root, 40)
            notes.append(
                Note(
                    tick, pitch, 84, beat * 7 // 4 if index + 1 < metre.beats else beat, PARTS[_BASS].channel
                )
            )
        if _KEYS in parts and not strong:
            for interval in CHORD_QUALITIES[chord.quality][1]:
                pitch = _near((chord.root + interval) % 12, 62)
                notes.append(Note(tick, pitch, 62, beat * 3 // 4, PARTS[_KEYS].channel))
        if DRUMS in parts:
            channel = PARTS[DRUMS].channel
            notes.append(Note(tick, _KICK if strong else _SNARE, 88, beat // 4, channel))
            notes.append(Note(tick, _HAT, 64, beat // 4, channel))
            notes.append(Note(tick + beat // 2, _HAT, 48, beat // 4, channel))
    return sorted(notes)


def _near(pitch_class: int, centre: int) -> int:
    """The pitch of this class that lies nearest to `centre`."""
    return centre - 6 + (pitch_class - (centre - 6)) % 12
