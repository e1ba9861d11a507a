"""A request for music: a whole piece, or a part of one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import ClassVar

from aigc_music.core.controls import CONTROLS
from aigc_music.core.errors import UsageError, choose
from aigc_music.core.notes import Score
from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.time import Metre, check_bpm

from .base import Request, check_range

__all__ = ["TASKS", "MusicRequest"]

TASKS: dict[str, str] = {
    "song": "a whole piece from nothing",
    "continue": "go on where the given music stops",
    "accompany": "a band under the given melody",
    "harmonise": "three more voices under the given melody",
    "chords": "chords, and plain keys that play them, under the given melody",
    "melody": "a melody over chords",
    "rhythm": "bass and drums to the given music",
    "groove": "drums alone",
    "humanise": "the given notes with a player's timing and touch",
    "fill": "new bars between what stands before and after",
}
"""What the model can be asked to do."""

BACKENDS: dict[str, str] = {"builtin": "our own models"}

_NEEDS_MUSIC = frozenset({"continue", "accompany", "harmonise", "chords", "rhythm", "humanise", "fill"})
_RANGES: dict[str, tuple[float, float, str]] = {
    "energy": (0, 1, "0 calm .. 1 full"),
    "register": (24, 100, "the mean pitch as a MIDI note number"),
    "polyphony": (0.5, 8, "notes at once"),
    "loudness": (1, 127, "the mean velocity"),
    "strength": (1, 3, "how much conditions are stressed"),
    "swing": (0, 1, "0 straight .. 1 triplets"),
    "longest_copy": (12, 63, "notes of a phrase of a training song"),
}


@dataclass(frozen=True, slots=True)
class MusicRequest(Request):
    """A piece of music.

    task: a name of TASKS. given: a MIDI file, or a Score, that the task works on.
    style, key, bpm, metre: None takes them from the given music; without one style is pop, key C major, metre 4/4
    (beats, unit), and the tempo one that suits the style.
    bars 1..512: how many new bars (with given music, those of tasks that go beyond it). from_bar, to_bar: which bars
    `fill` writes anew, counted from 1, both included.
    form: 'AABA', 'verse-chorus', 'blues', 'free', or letters such as 'AABB'; None takes one that suits the style.
    ending: whether the piece comes to an end; None = as the task usually does. chords: a progression, bars between
    bar lines, such as "C | Am F/C | G7"; it is repeated until the bars are full.
    parts: names of the parts that play; None takes those of the style and task.
    density 0..1; temperature 0.2..2; energy 0..1; register: mean pitch; polyphony: notes at once; loudness: mean
    velocity 1..127; swing 0..1 (1 = triplets); each None = as the style and form have it. strength 1..3: how much the
    conditions are stressed, 1 = as learned. longest_copy 12..63: no phrase of a training song with more
    notes is played; None = any. accidentals: whether notes outside the key may come; None = as the style has it.
    seed: None draws one, which is then kept in the request.
    """

    asset: ClassVar[str] = "music"
    PARENTS: ClassVar[tuple[str, ...]] = ("given",)

    style: str | None = None
    key: str | None = None
    bpm: float | None = None
    bars: int = 16
    metre: tuple[int, int] | None = None
    density: float = 0.5
    temperature: float = 1.0
    backend: str = "builtin"
    model: str = "default"
    seed: int = field(default_factory=lambda: secrets.randbelow(1 << 31))
    task: str = "song"
    given: str | Score | None = None
    form: str | None = None
    ending: bool | None = None
    chords: str | None = None
    parts: tuple[str, ...] | None = None
    from_bar: int | None = None
    to_bar: int | None = None
    energy: float | None = None
    register: float | None = None
    polyphony: float | None = None
    loudness: float | None = None
    swing: float | None = None
    strength: float = 1.0
    longest_copy: int | None = 16
    accidentals: bool | None = None

    def __post_init__(self) -> None:
        self._set("task", choose("task", self.task, TASKS))
        self._set("backend", choose("backend", self.backend, BACKENDS))
        self._settle_parents()
        if self.task in _NEEDS_MUSIC and self.given is None:
            raise UsageError(f"task {self.task} works on music: name a MIDI file (given=..., --given FILE.mid)")
        if self.given is None:
            self._set("style", self.style or "pop")
            self._set("key", self.key or "C major")
            self._set("metre", self.metre or (4, 4))
        for name in ("style", "key"):
            if getattr(self, name) is not None:
                self._set(name, CONTROLS[name].check(getattr(self, name)))
        self._set("density", CONTROLS["density"].check(self.density))
        self._set("temperature", CONTROLS["temperature"].check(self.temperature))
        bpm = STYLES[style_id(self.style)].bpm if self.bpm is None and self.given is None and self.style else self.bpm
        self._set("bpm", None if bpm is None else check_bpm(bpm))
        if not 1 <= self.bars <= 512:
            raise UsageError(f"bars {self.bars!r} is out of range: give 1..512")
        if self.metre is not None:
            beats, unit = self.metre
            if not (1 <= beats <= 16 and unit in (2, 4, 8, 16)):
                raise UsageError(f"metre {self.metre!r}: give 1..16 beats of a 1/2, 1/4, 1/8 or 1/16 note")
        for name, (low, high, what) in _RANGES.items():
            value = getattr(self, name)
            if value is not None:
                check_range(name, value, low, high, what)
        if self.parts is not None:
            self._set("parts", tuple(choose("part", name, PART_NAMES) for name in self.parts))
            if not self.parts:
                raise UsageError(f"parts are empty: name some of {', '.join(PART_NAMES)}, or leave them out")

    @property
    def bar_ticks(self) -> int:
        """Length of one bar in ticks, in the metre of the beginning (4/4 where it is not known yet)."""
        return Metre(*(self.metre or (4, 4))).bar_ticks
