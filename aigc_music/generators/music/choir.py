"""Four voices that do not cross: melody over counter over inner over bass, at every moment.

Each voice is kept between its sounding neighbours, which also forbids the overlap that textbooks warn of, and it ends
where a given note is going to pass it.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from aigc_music.core.parts import PART_NAMES
from models.music.decode_cpu import Limits

from .band import EARLY
from .chart import Played

__all__ = ["CHOIR_CUES", "RANGES", "VOICES", "Choir"]

VOICES = tuple(PART_NAMES.index(name) for name in ("melody", "counter", "inner", "bass"))
"""The parts that keep their order, from the top."""

RANGES: dict[str, tuple[int, int]] = {"melody": (55, 88), "counter": (53, 76), "inner": (47, 69), "bass": (36, 62)}
"""Lowest and highest pitch of singers."""


CHOIR_CUES: dict[int, float] = dict.fromkeys(VOICES, 0.25)
"""After so many bars of silence a voice is called in."""


class Choir:
    """What the voices sing at present, and the limits that follow for the next note."""

    def __init__(self, given: Sequence[Played]) -> None:
        self._given = sorted(note for note in given if note.part in VOICES)
        self._sung: dict[int, Played] = {}  # last note of each voice that the band sings

    def limit(self, limits: Limits, now: int) -> None:
        """Keep every voice between the neighbours that sound after `now` (the tick of the last event)."""
        sounding = {note.part: note.pitch for note in self._given if note.tick <= now + EARLY and note.end > now}
        sounding |= {part: note.pitch for part, note in self._sung.items() if note.end > now}
        for part in VOICES:
            above = [pitch for other, pitch in sounding.items() if other < part]
            below = [pitch for other, pitch in sounding.items() if other > part]
            low, high = RANGES[PART_NAMES[part]]
            limits.set_range(part, max([low, *below]), min([high, *above]))
            limits.set_polyphony(part, 1)

    def sing(self, note: Played) -> Played:
        """The note as it may sound: it stops where a given note of a voice above or below would cross it."""
        if note.part not in VOICES:
            return note
        for given in self._given[bisect_left(self._given, (note.tick,)) :]:
            if given.tick >= note.end:
                break
            crossed = given.pitch < note.pitch if given.part < note.part else given.pitch > note.pitch
            if given.part != note.part and crossed and given.tick > note.tick:
                note = note._replace(duration=given.tick - note.tick)
                break
        self._sung[note.part] = note
        return note
