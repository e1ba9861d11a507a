"""Notes and scores: music as data, free of any file format or port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .time import Metre, MetreMap, TempoMap

__all__ = ["Note", "Score", "Track"]


class Note(NamedTuple):
    """One note. Sorts by onset, then pitch.

    tick: onset; pitch: MIDI note number 0..127; velocity: 1..127; duration: ticks, at least 1; channel: 0..15.
    """

    tick: int
    pitch: int
    velocity: int
    duration: int
    channel: int = 0

    @property
    def end(self) -> int:
        """Tick at which the note stops."""
        return self.tick + self.duration


@dataclass(slots=True)
class Track:
    """Notes that belong together. `program` 0..127 or None where nothing was said; drums live on channel 9."""

    name: str = ""
    program: int | None = None
    notes: list[Note] = field(default_factory=list)
    controls: list[tuple[int, int, int, int]] = field(default_factory=list)  # (tick, channel, controller, value)
    lyrics: list[tuple[int, str]] = field(default_factory=list)  # (tick, syllable)

    @property
    def is_drums(self) -> bool:
        """True when the notes stand on the General MIDI drum channel."""
        return bool(self.notes) and all(note.channel == 9 for note in self.notes)


@dataclass(slots=True)
class Score:
    """A piece: tracks under one tempo map and one metre map.

    tempos: (tick, bpm); metres: (tick, Metre); keys: (tick, name such as 'F major'); markers and texts:
    (tick, text). All lists are sorted by tick. `repairs` says in words what a reader had to mend. `provenance` is the
    record of where the piece comes from, as one line of JSON; it says nothing about what was changed since.
    """

    tracks: list[Track] = field(default_factory=list)
    tempos: list[tuple[int, float]] = field(default_factory=list)
    metres: list[tuple[int, Metre]] = field(default_factory=list)
    keys: list[tuple[int, str]] = field(default_factory=list)
    markers: list[tuple[int, str]] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    title: str = ""
    repairs: list[str] = field(default_factory=list)
    provenance: str = ""

    @property
    def notes(self) -> list[Note]:
        """All notes of all tracks, sorted."""
        return sorted(note for track in self.tracks for note in track.notes)

    @property
    def end(self) -> int:
        """Tick at which the last note stops, 0 for an empty score."""
        return max((note.end for track in self.tracks for note in track.notes), default=0)

    def tempo_map(self) -> TempoMap:
        """The ticks <-> nanoseconds map of this piece."""
        return TempoMap(self.tempos)

    def metre_map(self) -> MetreMap:
        """The bars and beats of this piece."""
        return MetreMap(self.metres)

    def seconds(self) -> float:
        """Length in seconds, up to the end of the last note."""
        return self.tempo_map().ns_at(self.end) / 1e9
