"""Roles: which parts the band plays, and from when to when, given what the musician does.

    solo       the band plays alone, every part of its style
    accompany  the musician leads; the band plays the other parts under it, all the time
    answer     the musician plays a phrase; the band listens, then answers with a phrase as long, from the next
               bar line after a beat of silence; new notes of the musician take the word back at once

A role is a pure function of what was heard, never of the clock on the wall: that keeps a take replayable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import Style
from aigc_music.core.time import Metre

__all__ = ["ALWAYS", "Heard", "Listener", "Window", "parts_of", "window_of"]

MELODY = PART_NAMES.index("melody")
_PHRASE_BARS = (1, 4)  # shortest and longest answer


class Window(NamedTuple):
    """From when to when (ticks, end exclusive) the band may start notes."""

    start: int
    end: int


ALWAYS = Window(-(1 << 40), 1 << 40)
NEVER = Window(1 << 40, 1 << 40)


class Heard(NamedTuple):
    """One note of the musician; `end` is None while the key is down."""

    tick: int
    pitch: int
    velocity: int
    end: int | None


@dataclass(slots=True)
class Listener:
    """The musician's notes, and the phrase that is being played or was played last."""

    metre: Metre
    notes: list[Heard] = field(default_factory=list)
    phrase_start: int | None = None
    last_event: int = 0

    _KEPT = 256

    def hear(self, tick: int, pitch: int, velocity: int) -> None:
        """A key went down (velocity > 0) or up (0) at `tick`."""
        for index in range(len(self.notes) - 1, -1, -1):
            note = self.notes[index]
            if note.pitch == pitch and note.end is None:
                self.notes[index] = note._replace(end=max(note.tick + 1, tick))
        if velocity:
            pause = tick - self.last_event
            if (
                self.phrase_start is None
                or (pause >= 2 * self.metre.beat_ticks and not self.held)
                or tick >= self.answer().start
            ):
                self.phrase_start = tick
            self.notes.append(Heard(tick, pitch, velocity, None))
            del self.notes[: -self._KEPT]
        self.last_event = max(self.last_event, tick)

    @property
    def held(self) -> bool:
        """True while any key is down."""
        return any(note.end is None for note in self.notes)

    def phrase(self) -> list[Heard]:
        """The notes of the present phrase."""
        start = self.phrase_start
        return [] if start is None else [note for note in self.notes if note.tick >= start]

    def answer(self) -> Window:
        """When the answer to the present phrase is due if the musician plays nothing more."""
        if self.phrase_start is None or self.held:
            return NEVER
        bar = self.metre.bar_ticks
        begin = -(-(self.last_event + self.metre.beat_ticks) // bar) * bar
        length = -(-(self.last_event - self.phrase_start) // bar)
        return Window(begin, begin + bar * min(_PHRASE_BARS[1], max(_PHRASE_BARS[0], length)))


def parts_of(role: str, style: Style) -> frozenset[int]:
    """Ids of the parts that the band plays in this role."""
    parts = frozenset(PART_NAMES.index(name) for name in style.parts)
    return parts - {MELODY} if role == "accompany" else parts


def window_of(role: str, listener: Listener) -> Window:
    """When the band may play, as far as known by now."""
    return listener.answer() if role == "answer" else ALWAYS
