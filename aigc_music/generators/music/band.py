"""The band: two lanes of the same model, one for the pitched parts, one for the drums, and what they are told.

No training set has a whole band, so the lanes meet in what both are told: chord, phase, style, energy. A lane
remembers the stream's state before every note it was fed, so going back to any tick is one copy.

`Wishes` are what a musician asks for, on stage (`planner`) as for a whole piece (`perform`); `Lane.tell` turns them
into the model's conditions and hard limits. Energy is one wish for four: a band that gives more plays more notes,
louder, fuller and a little higher.

Threads: one per lane. Realtime-safe: no.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aigc_music.core.parts import DRUM_PITCHES, DRUMS, PART_NAMES, PARTS
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.theory import Key
from aigc_music.core.time import Metre
from models.music.decode_cpu import Conditions, Limits, MusicModel, Stream

from .groove import in_pocket

__all__ = ["EARLY", "Lane", "Wishes", "lanes"]

EARLY = 20
"""A note may begin so many ticks before the grid place it belongs to."""

_KEPT = 512  # notes that can be taken back
_ROLL = 30  # closest two hits of one drum, in ticks

# usual mean pitch and notes at once of each part, as in pop songs and chorales
_PITCH = {"melody": 71, "counter": 68, "inner": 61, "bass": 44, "keys": 60, "drums": 0}
_VOICES = {"melody": 0.7, "counter": 0.8, "inner": 0.9, "bass": 0.85, "keys": 1.9, "drums": 0}
_SHARE = {"melody": 1.2, "counter": 0.9, "inner": 0.9, "bass": 0.8, "keys": 2.8, "drums": 0}  # notes a quarter
_VELOCITY = (78.0, 72.0)  # usual mean velocity: pitched parts, drums

# what full energy (1) adds over the middle (0.5); none (0) takes as much away
_MORE_DENSITY, _MORE_VELOCITY, _MORE_PITCH, _MORE_VOICES = 0.22, 26.0, 4.0, 1.4


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the band is to play. parts: ids of those that play; given: ids of the parts that the musician plays.

    density 0..1; energy 0..1 or None = unsaid; register (mean pitch), polyphony (notes at once) and loudness (mean
    velocity) override what the energy says; strength 1..3, see Conditions. scale: 12 bits, None = the key's.
    """

    style: str
    key: Key
    bpm: float
    parts: frozenset[int]
    given: frozenset[int] = frozenset()
    density: float = 0.5
    temperature: float = 1.0
    energy: float | None = None
    register: float | None = None
    polyphony: float | None = None
    loudness: float | None = None
    strength: float = 1.0
    scale: int | None = None

    def pitch_of(self, own: frozenset[int]) -> float | None:
        """Mean pitch that these parts are to have."""
        weight = sum(_SHARE[PART_NAMES[part]] for part in own)
        if self.register is not None or self.energy is None or not weight:
            return self.register
        usual = sum(_SHARE[PART_NAMES[part]] * _PITCH[PART_NAMES[part]] for part in own) / weight
        return usual + _MORE_PITCH * 2 * (self.energy - 0.5)

    def voices_of(self, own: frozenset[int]) -> float | None:
        """Notes at once that these parts are to have."""
        if self.polyphony is not None or self.energy is None:
            return self.polyphony
        usual: float = sum(_VOICES[PART_NAMES[part]] for part in own)
        return usual * _MORE_VOICES ** (2 * (self.energy - 0.5)) if usual else None

    def velocity_of(self, drums: bool) -> float | None:
        """Mean velocity that the pitched parts, or the drums, are to have."""
        if self.loudness is not None or self.energy is None:
            return self.loudness
        return _VELOCITY[drums] + _MORE_VELOCITY * 2 * (self.energy - 0.5)

    @property
    def notes(self) -> float:
        """Density 0..1 with the energy in it."""
        more = 0.0 if self.energy is None else _MORE_DENSITY * 2 * (self.energy - 0.5)
        return min(1.0, max(0.0, self.density + more))


@dataclass(slots=True)
class Lane:
    """One stream of the model and what it was fed: (tick, tick at which it leaves, pitch, state before) of each.

    A note leaves later than the stream believes where swing moves it.
    """

    stream: Stream
    conditions: Conditions
    limits: Limits
    number: int  # 0 pitched, 1 drums
    past: deque[tuple[int, int, int, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    next_note: Any = None  # decided but not yet due
    drawn: int = 0  # decisions in this epoch
    silent: bool = False  # has nothing more to say in this epoch

    @property
    def of_drums(self) -> bool:
        """Whether this is the drums' lane."""
        return self.number == 1

    def owns(self, part: int) -> bool:
        """Whether this lane plays or hears `part`."""
        return (part == DRUMS) == self.of_drums

    def own(self, parts: frozenset[int]) -> frozenset[int]:
        """Those of `parts` that this lane plays or hears."""
        return frozenset(part for part in parts if self.owns(part))

    def begin(self, tick: int, metre: Metre, origin: int = 0) -> None:
        """Forget everything; the music begins on the bar line at or before `tick`. origin: a bar line."""
        self.stream.begin(origin + (tick - origin) // metre.bar_ticks * metre.bar_ticks)
        self.conditions.set_metre(metre, origin)
        self.past.clear()
        self.next_note, self.drawn, self.silent = None, 0, False

    def tell(self, wishes: Wishes) -> None:
        """Make these wishes the conditions and limits of the next decisions."""
        own = self.own(wishes.parts)
        conditions, limits = self.conditions, self.limits
        style = STYLES[style_id(wishes.style)]
        conditions.style = style_id(style.groove if self.of_drums else style.name)
        conditions.set_key(wishes.key)
        conditions.bpm = wishes.bpm
        conditions.set_parts(own)
        conditions.set_given(self.own(wishes.given))
        conditions.set_density(wishes.notes)
        conditions.set_register(wishes.pitch_of(own))
        conditions.set_polyphony(wishes.voices_of(own))
        conditions.set_loudness(wishes.velocity_of(self.of_drums))
        conditions.temperature, conditions.strength = wishes.temperature, wishes.strength
        limits.allow(own)
        scale = wishes.key.scale if wishes.scale is None else wishes.scale
        for index, part in enumerate(PARTS):
            limits.set_range(index, part.low, part.high)
            limits.set_polyphony(index, part.voices)
            limits.set_scale(index, scale)

    def feed(
        self, tick: int, part: int, pitch: int, velocity: int, duration: int, *, human: bool = False,
        leaves: int | None = None,
    ) -> None:  # fmt: skip
        """Tell the stream of a note at `tick`; `leaves`: when it sounds, where that is another time."""
        self.past.append((tick, tick if leaves is None else leaves, pitch, self.stream.snapshot()))
        self.stream.feed(tick, part, pitch, velocity, duration, human=human)

    def place(self, drawn: Any, earliest: int) -> int:
        """The tick at which a drawn note is played: drums in the pocket, rolls as they are, time only forward."""
        tick = in_pocket(drawn.tick) if drawn.part == DRUMS else int(drawn.tick)
        before = next((past[0] for past in reversed(self.past) if past[2] == drawn.pitch), None)
        if drawn.part == DRUMS and before is not None and tick <= before:  # a roll: two hits need two places
            tick = max(int(drawn.tick), before + _ROLL)
        # two notes of one grid step may lean either way; in a plan, time only runs forward
        return max(tick, earliest, self.past[-1][0] if self.past else 0)

    def rewind(self, tick: int) -> None:
        """Forget everything that leaves after `tick`."""
        state = None
        while self.past and self.past[-1][1] > tick:
            state = self.past.pop()[3]
        if state is not None:
            self.stream.restore(state)
        self.next_note = None


def lanes(model: MusicModel, seed: int) -> list[Lane]:
    """The pitched lane and the drums' lane of a band that has heard nothing."""
    result = [Lane(model.stream(seed + number), Conditions(), Limits(), number) for number in range(2)]
    for lane in result:
        lane.limits.set_drum_map(DRUM_PITCHES)
    return result
