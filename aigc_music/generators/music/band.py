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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aigc_music.core.parts import DRUM_PITCHES, DRUMS, PART_NAMES, PARTS
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.theory import Key
from aigc_music.core.time import Metre
from models.music.decode_cpu import Conditions, Limits, MusicModel, Note, Rest, Stream
from models.music.kernels import L_HIGH, L_LOW, L_SCALE
from models.music.originality import Guard
from models.music.representation import onset_classes

from .groove import in_pocket

__all__ = ["CUES", "EARLY", "Lane", "Wishes", "lanes"]

EARLY = 20
"""A note may begin so many ticks before the grid place it belongs to."""

CUES: dict[int, float] = {
    PART_NAMES.index(name): bars for name, bars in (("melody", 2.0), ("bass", 1.0), ("keys", 1.0), ("inner", 2.0))
}
"""After so many bars of silence a part is called in; more where little is to be played."""

_KEPT = 512  # notes that can be taken back
_ROLL = 30  # closest two hits of one drum, in ticks
_REDRAWS, _WAIT = 8, 120  # tries at a note that is no copy, and the ticks to wait when all were

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
    velocity) override what the energy says; octaves: how much higher than usual, where register is not said; strength
    1..3, see Conditions. scale: 12 bits, None = the key's. longest_copy: no phrase of a training song longer than so
    many notes is played (see models.music.originality); None = any.
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
    octaves: float = 0.0
    longest_copy: int | None = 16

    def pitch_of(self, own: frozenset[int]) -> float | None:
        """Mean pitch that these parts are to have."""
        weight = sum(_SHARE[PART_NAMES[part]] for part in own)
        if self.register is not None or not weight or (self.energy is None and not self.octaves):
            return self.register
        usual = sum(_SHARE[PART_NAMES[part]] * _PITCH[PART_NAMES[part]] for part in own) / weight
        energy = 0.5 if self.energy is None else self.energy
        return usual + 12 * self.octaves + _MORE_PITCH * 2 * (energy - 0.5)

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


class Past(NamedTuple):
    """An event that a lane was fed. leaves: when it sounds, later than `tick` where swing moves it; end: when it
    stops, -1 where it is the musician's; before, copied: the stream's and the guard's state before it."""

    tick: int
    leaves: int
    part: int
    pitch: int
    end: int
    before: Any
    copied: Any


@dataclass(slots=True)
class Lane:
    """One stream of the model, what it was fed, and what it decides next."""

    stream: Stream
    conditions: Conditions
    limits: Limits
    number: int  # 0 pitched, 1 drums
    guard: Guard | None = None  # refuses long copies; a beat is nobody's property, so drums have none
    wishes: Any = None  # Wishes it was told last
    past: deque[Past] = field(default_factory=lambda: deque(maxlen=_KEPT))
    began: int = 0  # tick of the first bar line
    bar: int = Metre().bar_ticks
    next_note: Any = None  # decided but not yet due
    cue: Any = None  # the note with which a part that was silent too long comes in
    drawn: int = 0  # decisions in this epoch
    refused: int = 0  # notes that would have made a copy too long
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
        self.began = origin + (tick - origin) // metre.bar_ticks * metre.bar_ticks
        self.stream.begin(self.began)
        self.turn(metre, origin)
        self.past.clear()
        if self.guard is not None:
            self.guard.reset()
        self.next_note, self.cue, self.drawn, self.silent = None, None, 0, False

    def turn(self, metre: Metre, origin: int) -> None:
        """Count in this metre; a bar begins at `origin`."""
        self.bar = metre.bar_ticks
        self.conditions.set_metre(metre, origin)

    def tell(self, wishes: Wishes) -> None:
        """Make these wishes the conditions and limits of the next decisions."""
        own = self.own(wishes.parts)
        self.wishes, self.cue = wishes, None
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
        if self.guard is not None:
            self.guard.longest = 128 if wishes.longest_copy is None else wishes.longest_copy
        limits.allow(own)
        scale = wishes.key.scale if wishes.scale is None else wishes.scale
        for index, part in enumerate(PARTS):
            limits.set_range(index, part.low, part.high)
            limits.set_polyphony(index, part.voices)
            limits.set_scale(index, scale)

    def feed(
        self, tick: int, part: int, pitch: int, velocity: int, duration: int, *, human: bool = False,
        leaves: int | None = None, drawn: bool = False,
    ) -> None:  # fmt: skip
        """Tell the stream of a note at `tick`; `leaves`: when it sounds, where that is another time; `drawn`: the
        band made it up (what a musician plays, or gave, is no copy of ours)."""
        end = -1 if human else tick + duration
        copied = None if self.guard is None else self.guard.snapshot()
        leaves = tick if leaves is None else leaves
        self.past.append(Past(tick, leaves, part, pitch, end, self.stream.snapshot(), copied))
        if self.guard is not None and drawn:
            self.guard.feed(part, tick, pitch)
        self.stream.feed(tick, part, pitch, velocity, duration, human=human)

    def decide(self, earliest: int, epoch: int, cues: Mapping[int, float] = CUES) -> Note | Rest:
        """The next note of the band, not before `earliest`; feeds nothing.

        A part that may play and would by then be silent for longer than `cues` say (bars) is called in: the model is
        asked for a note of this part alone, which is played when its time comes, unless the part comes in by itself.
        """
        drawn = self._sample(earliest, epoch)
        due = drawn.until_tick if isinstance(drawn, Rest) else drawn.tick
        if self.cue is None and (late := self._overdue(due, cues)) is not None:
            self._call_in(*late, earliest, epoch)
        if not isinstance(self.cue, Note):
            return drawn
        first = self.cue.tick <= due if isinstance(drawn, Rest) else _order(self.cue) <= _order(drawn)
        row = self.limits.rows[self.cue.part]
        fits = row[L_LOW] <= self.cue.pitch <= row[L_HIGH] and row[L_SCALE] >> self.cue.pitch % 12 & 1
        if first and not (fits and self.cue.tick >= earliest):
            self.cue = None
            return drawn
        result = self.cue if first else drawn
        if result is self.cue or (isinstance(drawn, Note) and drawn.part == self.cue.part):
            self.cue = None
        return result

    def _call_in(self, part: int, silent_since: int, earliest: int, epoch: int) -> None:
        """Draw a note of this part alone as the cue; one that is far off is moved near by whole bars."""
        allowed = [other for other in range(len(PARTS)) if self.limits.allowed >> other & 1]
        self.limits.allow([part])
        drawn = self._sample(earliest, epoch)
        self.limits.allow(allowed)
        # the last event must not be digested as if this part were the whole band: digest it again
        self.stream.sample(self.conditions, self.limits, earliest, epoch, 0)
        if isinstance(drawn, Note):
            bars = (drawn.tick - max(earliest, self.stream.tick, silent_since)) // self.bar
            self.cue = drawn._replace(tick=drawn.tick - max(0, bars) * self.bar)

    def _sample(self, earliest: int, epoch: int) -> Note | Rest:
        until = earliest
        for _ in range(_REDRAWS):
            self.drawn += 1
            drawn = self.stream.sample(self.conditions, self.limits, earliest, epoch, self.drawn - 1)
            if isinstance(drawn, Rest) or self.guard is None:
                return drawn
            if self.guard.allows(drawn.part, drawn.tick, drawn.pitch):
                return drawn
            self.refused += 1
            until = max(earliest, drawn.tick) + _WAIT
        return Rest(until)

    def _overdue(self, now: int, cues: Mapping[int, float]) -> tuple[int, int] | None:
        """The part that has been silent too long, by the most, and since when; None when there is none."""
        most, found, bar = 0, None, self.bar
        patience = 1.0 if self.wishes is None else max(1.0, 4.0 ** (1.0 - 2.0 * self.wishes.notes))
        for part, bars in cues.items():
            if not self.limits.allowed >> part & 1:
                continue
            since = now - round(patience * bars * bar)
            sounded = self.began - bar * 1000
            for past in reversed(self.past):
                if past.part == part and past.end >= 0:
                    sounded = max(sounded, past.end)
                if sounded >= since or past.tick < since - 4 * bar:
                    break
            if since - sounded > most:
                most, found = since - sounded, (part, sounded)
        return found

    def place(self, drawn: Any, earliest: int) -> int:
        """The tick at which a drawn note is played: drums in the pocket, rolls as they are, time only forward."""
        tick = in_pocket(drawn.tick) if drawn.part == DRUMS else int(drawn.tick)
        before = next((past.tick for past in reversed(self.past) if past.pitch == drawn.pitch), None)
        if drawn.part == DRUMS and before is not None and tick <= before:  # a roll: two hits need two places
            tick = max(int(drawn.tick), before + _ROLL)
        # two notes of one grid step may lean either way; in a plan, time only runs forward
        return max(tick, earliest, self.past[-1].tick if self.past else 0)

    def rewind(self, tick: int) -> None:
        """Forget everything that leaves after `tick`."""
        first = None
        while self.past and self.past[-1].leaves > tick:
            first = self.past.pop()
        if first is not None:
            self.stream.restore(first.before)
            if self.guard is not None:
                self.guard.restore(first.copied)
        self.next_note, self.cue = None, None


def _order(note: Note) -> tuple[int, int, int]:
    """The order in which the band's notes follow each other: by grid unit, part and pitch."""
    return onset_classes(note.tick).unit, note.part, note.pitch


def lanes(model: MusicModel, seed: int) -> list[Lane]:
    """The pitched lane and the drums' lane of a band that has heard nothing."""
    result = [
        Lane(model.stream(seed + number), Conditions(), Limits(), number, None if number else Guard())
        for number in range(2)
    ]
    for lane in result:
        lane.limits.set_drum_map(DRUM_PITCHES)
    return result
