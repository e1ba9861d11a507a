"""The planner: answers the player's messages with notes ahead of time.

Two streams of the same model run side by side, one for the pitched parts, one for the drums: no training set
has a whole band, so they meet in what both are told (chord, phase, style, energy). Each decided note is
remembered with the stream's state before it, so going back to any tick is one copy, not a recomputation.

Everything here is a function of the messages, the seed and the weights: a decision is drawn with noise keyed by
(seed, epoch, stream, number), so planning further ahead or in smaller pieces changes nothing, and a journal
played again gives the same notes.

Threading model: one thread. No clock is read but to measure decision times.
"""

from __future__ import annotations

import time
from typing import Any

from aigc_music.core.controls import CONTROLS, Controls
from aigc_music.core.notes import Note
from aigc_music.core.parts import DRUMS, PART_NAMES, PARTS, part_of_channel
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import TICKS_PER_QUARTER, Metre
from models.music.decode_cpu import CLOSE, OPEN, MusicModel, Rest

from .band import Lane, Wishes, lanes
from .groove import SIXTEENTHS, swung
from .harmony import Harmony
from .roles import ALWAYS, MELODY, Listener, Window, parts_of, window_of

__all__ = ["Planner"]

KEYS = PART_NAMES.index("keys")
_LOW_HAND = 55  # the musician's notes below this pitch count as keys, the others as melody
_CHUNK = 8  # notes a message, so that the first ones of a new plan travel at once


class Planner:
    """See the module. Feed it `hear(message)`, then take notes with `plan(until)`."""

    def __init__(self, model: MusicModel) -> None:
        self.model = model
        self.seed = 0
        self.metre = Metre()
        self.controls = Controls()
        self.epoch = 0
        self.frozen = -1
        self.until = -1
        self.lanes: list[Lane] = []
        self.listener = Listener(self.metre)
        self.harmony = Harmony(0, self.metre)
        self.chords_told = -1

    def warm_up(self) -> None:
        """Load what the first session needs (chords, copy guard, kernels): its first notes are to be on time."""
        self._reset(0)
        self.plan(TICKS_PER_QUARTER)
        self._reset(0)

    # -- messages ------------------------------------------------------------------------------------------

    def hear(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Take one message of the player in; returns plans that must be finished before it takes effect."""
        do = message["do"]
        if do == "time":
            self.until = max(self.until, message["until"])
            return []
        frozen = message["frozen"]
        promised = self._finish(frozen) if do in ("listen", "control") else []
        self.epoch, self.frozen = message["epoch"], frozen
        if do == "session":
            self.seed = message["seed"]
            self.metre = Metre(*message["metre"])
            self.controls = Controls(dict(message["controls"]))
            self._reset(message["history"][0][0] if message["history"] else frozen + 1)
            for tick, pitch, velocity, duration, channel in message["history"]:
                self._remember(Note(tick, pitch, velocity, duration, channel))
        elif do == "locate":
            self._reset(frozen + 1)
            self.until = frozen
        else:
            for lane in self.lanes:
                lane.rewind(frozen)
            if do == "control":
                for name, value in message["controls"].items():
                    self.controls.set(name, value)
                self._new_conditions()
            elif do == "listen":
                self._listen(message["heard"])
        for lane in self.lanes:
            lane.drawn, lane.next_note, lane.silent = 0, None, False
        self.harmony.forget_after(frozen)
        self.chords_told = min(self.chords_told, frozen)
        self._follow()
        return promised

    def _finish(self, frozen: int) -> list[dict[str, Any]]:
        """Decide what the present epoch still owes up to `frozen`: the player has promised to play it."""
        plans = []
        while (plan := self.plan(frozen)) is not None:
            plans.append(plan)
        return plans

    def _reset(self, tick: int) -> None:
        """Forget everything; the music begins with the bar of `tick`."""
        self.listener = Listener(self.metre)
        self.harmony = Harmony(self.seed, self.metre)
        self.chords_told = -1
        self.lanes = lanes(self.model, self.seed)
        for lane in self.lanes:
            lane.begin(max(0, tick), self.metre)
        self._new_conditions()

    def _remember(self, note: Note) -> None:
        part = part_of_channel(note.channel)
        if part is not None:
            self.lanes[part == DRUMS].feed(note.tick, part, note.pitch, note.velocity, note.duration, drawn=True)

    def _listen(self, heard: list[list[int]]) -> None:
        """Notes of the musician, already played: into the stream, in the past of the plan."""
        lane = self.lanes[0]
        answering = self.controls["role"] == "answer"
        for tick, pitch, velocity in heard:
            self.listener.hear(tick, pitch, velocity)
            part = MELODY if pitch >= _LOW_HAND else KEYS
            if not answering:
                lane.feed(tick, part, pitch, max(1, velocity), OPEN if velocity else CLOSE, human=True)
        if (
            answering
        ):  # a whole phrase, with its true lengths, as if the band had played it: then it goes on from there
            start = self.listener.phrase_start
            if start is not None:
                lane.rewind(start - 1)
                for note in self.listener.phrase():
                    length = (note.end if note.end is not None else self.listener.last_event) - note.tick
                    part = MELODY if note.pitch >= _LOW_HAND else KEYS
                    lane.feed(note.tick, part, note.pitch, note.velocity, max(1, length))

    # -- what the model is told ----------------------------------------------------------------------------

    def _new_conditions(self) -> None:
        style = STYLES[style_id(self.controls["style"])]
        key = Key.parse(self.controls["key"])
        role = self.controls["role"]
        knobs = self.controls.values
        wishes = Wishes(
            style.name,
            key,
            knobs["bpm"],
            parts_of(role, style),
            frozenset({MELODY}) if role == "accompany" else frozenset(),
            knobs["density"],
            knobs["temperature"],
            energy=None if knobs["energy"] == CONTROLS["energy"].default else knobs["energy"],
            octaves=knobs["register"],
            strength=knobs["strength"],
            longest_copy=int(knobs["longest_copy"]),
        )
        for lane in self.lanes:
            lane.tell(wishes)
        self.harmony.set_key(key, style.name)

    def _follow(self) -> None:
        """Decide the chords ahead: from what is heard where the musician leads, else a progression."""
        leading = self.controls["role"] == "accompany" and bool(self.listener.notes)
        self.harmony.decide(self.frozen, self.listener.notes if leading else [])

    # -- decisions -----------------------------------------------------------------------------------------

    def plan(self, until: int | None = None) -> dict[str, Any] | None:
        """The next few notes up to tick `until` (default: what the player asked for), or None when all is planned."""
        until = self.until if until is None else until
        notes: list[list[int]] = []
        times: list[float] = []
        window = window_of(self.controls["role"], self.listener)
        while len(notes) < _CHUNK:
            begun = time.perf_counter()
            lane = self._earliest(window)
            if lane is None or lane.next_note.tick > until:
                break
            note, lane.next_note = lane.next_note, None
            leaves, ends = self._swung(note.tick), self._swung(note.tick + note.duration)
            lane.feed(note.tick, note.part, note.pitch, note.velocity, note.duration, leaves=leaves, drawn=True)
            times.append(round((time.perf_counter() - begun) * 1e3, 3))
            notes.append([leaves, note.pitch, note.velocity, max(1, ends - leaves), PARTS[note.part].channel])
            if len(notes) == 1 and lane.drawn <= 2:
                break  # the first note of a new epoch is waited for
        if not notes:
            return None
        return {
            "is": "plan",
            "epoch": self.epoch,
            "until": until,
            "notes": notes,
            "chords": self._chords(until),
            "ms": times,
        }

    def _earliest(self, window: Window) -> Lane | None:
        """The lane whose next note comes first; decides the missing ones."""
        best = None
        for lane in self.lanes:
            if lane.next_note is None and not lane.silent:
                lane.next_note = self._decide(lane, window)
                lane.silent = lane.next_note is None
            if lane.next_note is not None and (best is None or lane.next_note.tick < best.next_note.tick):
                best = lane
        return best

    def _decide(self, lane: Lane, window: Window) -> Any:
        """One draw of the model, or None when this lane has nothing to say in the window."""
        if not lane.limits.any_part:
            return None
        earliest = max(self.frozen + 1, window.start)
        for _ in range(16):
            if earliest >= window.end:
                return None
            now = max(earliest, lane.past[-1].tick if lane.past else 0)
            self.harmony.extend(now + 5 * self.metre.bar_ticks)
            lane.conditions.set_chords(*self.harmony.arrays())
            drawn = lane.decide(earliest, self.epoch)
            if not isinstance(drawn, Rest):
                drawn = drawn._replace(tick=lane.place(drawn, earliest))
                if not lane.past and window == ALWAYS:  # a band that is told to play begins on the first beat
                    drawn = drawn._replace(tick=min(drawn.tick, earliest))
                return drawn if drawn.tick < window.end else None
            earliest = max(earliest + TICKS_PER_QUARTER, drawn.until_tick)
        return None

    def _swung(self, tick: int) -> int:
        """When a note meant for `tick` leaves."""
        return swung(tick, self.controls["swing"], self.controls["style"] in SIXTEENTHS)

    def _chords(self, until: int) -> list[list[int]]:
        """Chords that begin up to `until` and were not told yet."""
        told = [
            [tick, chord.root, chord.quality]
            for tick, chord in self.harmony.chords
            if self.chords_told < tick <= until
        ]
        if told:
            self.chords_told = told[-1][0]
        return told

    @property
    def chord(self) -> Chord:
        """The chord in force at the end of the plan."""
        return self.harmony.at(self.until)
