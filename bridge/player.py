"""The player: what happens in one turn of the realtime loop.

It owns the transport, the ledger and the plan. The model process proposes notes ahead of time (the plan);
the player commits only what falls due inside a short window, so that whatever the musician does changes
everything after that window. Epochs and `frozen` ticks (see `wire`) make this exact: both sides know which
notes were played, without waiting for each other.

Threading model: one thread, no locks. `turn` is called by the loop of `process` (or by a test that holds the
clock in its hand); nothing here blocks, reads a file or touches the model.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aigc_music.core.controls import Controls
from aigc_music.core.errors import UsageError
from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLES, style_id
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import TICKS_PER_QUARTER, Metre

from . import fallback
from .backends import CLOCK_IN, CLOCK_OUT, IN, Backend, Incoming
from .journal import Journal
from .learn import LearnMap
from .ledger import Ledger
from .metrics import Figures
from .midi_clock import CLOCK, CONTINUE, SONG_POSITION, START, STOP, ClockFollower, ClockSender
from .sync import Follow, Move, Timeline
from .transport import Transport
from .wire import Plan, Played, read_plan

__all__ = ["Player", "Session"]

_THINK_NS = 12_000_000  # given to the model for its first note of a new plan before that note can fall due
_ASK_NS = 20_000_000  # how often the model is told the time
_STANDING_NS = 5_000_000  # how often a foreign transport that stands is looked at
_SILENCE_NS = 600_000_000  # a model that says nothing for this long while the music runs is taken for hung
_HISTORY = 96  # notes told to a restarted model
_SHOWN = 400  # notes kept for the screen
_LATE_LIMIT_NS = 60_000_000  # a note later than this is dropped whole: music out of time is worse than a rest


@dataclass(frozen=True, slots=True)
class Session:
    """What stays the same for a whole session."""

    seed: int
    sync: str = "internal"  # internal | midi | link | jack
    clock_offset_ns: int = 0
    thru: bool = True
    metre: Metre = Metre()  # noqa: RUF009 - a NamedTuple is immutable
    horizon_ns: int = 250_000_000


class Player:
    """See the module. `to_model` sends one message to the model process, `tell` one sentence to the musician."""

    def __init__(
        self,
        backend: Backend,
        session: Session,
        controls: Controls,
        journal: Journal,
        to_model: Callable[[dict[str, Any]], None],
        tell: Callable[[str], None],
        learn: LearnMap | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        self.backend, self.session, self.controls, self.journal = backend, session, controls, journal
        self.to_model, self.tell = to_model, tell
        self.learn = learn or LearnMap()
        self.transport = Transport(controls["bpm"])
        self.ledger = Ledger()
        self.figures = Figures()
        self.sender = ClockSender()
        self.follower = ClockFollower(session.clock_offset_ns) if session.sync == "midi" else None
        self.foreign = Follow(timeline) if timeline is not None else None
        self._leads = session.sync == "internal"  # the tempo is ours, and we send the clock
        self._clock_from = (IN, 0)  # whose clock is followed, and when it was last heard
        self.epoch = 0
        self.model_ready = False
        self.chord = Chord()
        self.recent: deque[Played] = deque(maxlen=_SHOWN)
        self._frozen: deque[tuple[int, int]] = deque([(0, -1)], maxlen=64)  # (epoch, frozen tick)
        self._plan: list[Played] = []  # (tick, pitch, velocity, duration, channel)
        self._chords: deque[tuple[int, int, int]] = deque(maxlen=16)
        self._committed = -1  # last tick whose notes have been handed over
        self._held: dict[int, int] = {}  # the musician's sounding notes: pitch -> velocity
        self._heard_ns: int | None = None  # arrival of the input that the next plan answers
        self._asked_ns = 0
        self._answer_ns = 0
        self._fallback_from: int | None = None
        self.wanted_ns = backend.clock.now_ns()  # when the user asked for music
        backend.set_thru(session.thru)

    # -- the turn ------------------------------------------------------------------------------------------

    def turn(self) -> int:
        """Do all that is due; return the player time (ns) at which to turn again at the latest.

        Threads: the player's loop only. Realtime-safe: as far as Python is; no blocking call.
        """
        now = self.backend.clock.now_ns()
        incoming = self.backend.receive()
        if incoming:
            self._hear(incoming, now)
        if self.follower is not None and self.follower.running and self.follower.gone(now):
            self.follower.running = False
            self.tell(f"the MIDI clock has gone silent: playing on at {self.transport.bpm:.1f} bpm")
        if self.foreign is not None:
            self._follow(self.foreign, now)
        if not self.transport.running:
            return now + (100_000_000 if self.foreign is None else _STANDING_NS)
        if self.model_ready and now - self._asked_ns >= _ASK_NS:
            self._ask(now)
        if self._fallback_from is not None:
            self._fill(now)
        self._commit(now)
        self.journal.flush()
        return min(now + _ASK_NS, self._next_due(now))

    def _next_due(self, now: int) -> int:
        """When the next event enters the commit window."""
        ticks = [self.sender.next_tick] if self._leads else []
        if self._plan:
            ticks.append(self._plan[0][0])
        if (off := self.ledger.next_tick()) is not None:
            ticks.append(off)
        due = self.transport.ns_at(min(ticks)) if ticks else now + _ASK_NS
        return max(now + 200_000, due - self.backend.commit_ns)

    # -- transport -----------------------------------------------------------------------------------------

    def start(self, tick: int = 0) -> None:
        """Run the transport from `tick` (a whole sixteenth); with a foreign one, go along with it again."""
        if self.foreign is not None:
            self.foreign.held = False
            return
        at_ns = self.backend.clock.now_ns() + self.backend.commit_ns + _THINK_NS
        for message in self.sender.start(tick):
            self.backend.send(at_ns, message, CLOCK_OUT)
        self._run(at_ns, tick)

    def _run(self, at_ns: int, tick: int) -> None:
        self.transport.start(at_ns, tick)
        self._committed = tick - 1
        self._plan.clear()
        self._journal_line()
        self._begin_epoch(tick - 1, {"do": "locate"})

    def stop(self) -> None:
        """Stop the transport: every sounding note is closed now. A foreign one is left to roll on without us."""
        if self.foreign is not None:
            self.foreign.held = True
        self._halt()

    def _follow(self, foreign: Follow, now: int) -> None:
        """Do as the foreign timeline does."""
        move, place = foreign.step(self.transport, now, self.backend.commit_ns + _THINK_NS)
        if move is Move.NONE:
            return
        if move is not Move.FOLLOW:
            self._halt()
        if place is None:
            return
        bpm_before = self.transport.bpm
        self.transport.follow(*place)
        if move is Move.START:
            self._run(place.at_ns, place.tick)
        elif place.bpm != bpm_before:
            self._journal_line()

    def _halt(self) -> None:
        now = self.backend.clock.now_ns()
        if self.transport.running:
            self._withdraw()
            self.backend.unsend(CLOCK_OUT)
            self.silence()
            self.transport.stop(now)
            self.backend.send(now, bytes((STOP,)), CLOCK_OUT)
        self._plan.clear()
        self.journal.flush()

    def _withdraw(self) -> None:
        """Take back what was handed over and has not left: those notes were never sent."""
        now = self.backend.clock.now_ns()
        self.backend.unsend()
        self.figures.notes_sent -= self.ledger.begun_after(now)

    def silence(self) -> None:
        """Close every sounding note of the band now; the music goes on with the next one."""
        now = self.backend.clock.now_ns()
        tick = self.transport.tick_at(now)
        debts = self.ledger.settle()
        if debts:
            self.journal.write({"is": "cut", "tick": tick})
        for debt in debts:
            self.backend.send(max(now, debt.on_ns), bytes((0x80 | debt.channel, debt.pitch, 0)))

    def panic(self) -> None:
        """Everything off, by the ledger and by the book (CC64 0, CC123, CC120 on every used channel)."""
        self.figures.panics += 1
        self._withdraw()
        self.silence()
        closed = self.backend.close_all()
        self._held.clear()
        self.tell(f"panic: all notes off ({closed} were sounding)")

    # -- what comes in -------------------------------------------------------------------------------------

    def _hear(self, incoming: list[Incoming], now: int) -> None:
        heard: list[list[int]] = []
        for at_ns, port, data in incoming:
            status = data[0]
            if status >= 0xF0:
                if self._is_our_clock(at_ns, port):
                    self._clock(at_ns, data)
                continue
            if port == CLOCK_IN:
                continue
            kind = status & 0xF0
            if kind == 0xB0 and data[1] in (120, 123):
                self.panic()
                continue
            wish = self.learn.take(data)
            if wish is not None:
                self.wish(*wish)
                continue
            if kind in (0x80, 0x90):
                velocity = data[2] if kind == 0x90 else 0
                if velocity:
                    self.figures.notes_received += 1
                    self._held[data[1]] = velocity
                elif self._held.pop(data[1], None) is None:
                    continue
                heard.append([self.transport.tick_at(at_ns), data[1], velocity])
                self._heard_ns = self._heard_ns or (at_ns if velocity else None)
        if heard and self.transport.running:
            message = {"do": "listen", "heard": heard}
            self._begin_epoch(self._promise(now), message)

    def _is_our_clock(self, at_ns: int, port: int) -> bool:
        """One clock at a time: many keyboards send their own, and clock_in goes before midi_in."""
        follower, (ours, latest_ns) = self.follower, self._clock_from
        if follower is None or (port == IN and ours != IN and at_ns - latest_ns < follower.TIMEOUT_NS):
            return False
        if port != ours:
            follower.forget()
        self._clock_from = (port, at_ns)
        return True

    def _clock(self, at_ns: int, data: bytes) -> None:
        follower = self.follower
        if follower is None:
            return
        status = data[0]
        if status == CLOCK:
            follower.pulse(at_ns)
            line = follower.line()
            if not follower.running:
                if line is not None:
                    self.transport.set_bpm(line[2], at_ns)
                return
            if line is not None:
                if not self.transport.running:
                    self._run(line[1], line[0])
                self.transport.follow(*line)
            elif not self.transport.running:
                self._run(at_ns + follower.offset_ns, (follower.position - 1) * TICKS_PER_QUARTER // 24)
        elif status == START:
            self.stop()
            follower.start()
        elif status == CONTINUE:
            self.stop()
            follower.resume()
        elif status == STOP:
            follower.stop()
            self.stop()
        elif status == SONG_POSITION and len(data) == 3:
            self.stop()
            follower.locate(data[1] | data[2] << 7)

    def wish(self, name: str, value: Any) -> None:
        """Turn a knob, whoever asks. Bad values are told, never raised: a stage is no place for a traceback."""
        if name == "panic":
            self.panic()
            return
        try:
            value = self.controls.set(name, value)
        except UsageError as err:
            self.tell(str(err))
            return
        now = self.backend.clock.now_ns()
        if name == "bpm":
            if self.follower is not None:
                self.tell("tempo follows the MIDI clock: change it in the DAW")
                return
            if self.foreign is not None and (refusal := self.foreign.timeline.set_tempo(value, now)):
                self.tell(refusal)
                return
            self.transport.set_bpm(value, now)
            self._journal_line()
        if name == "mute" and value:
            self._withdraw()
        if name == "role" or (name == "mute" and value):
            self.silence()
        self._begin_epoch(self._promise(now), {"do": "control", "controls": {name: value}})

    # -- the plan ------------------------------------------------------------------------------------------

    def _promise(self, now: int) -> int:
        """The tick up to which the present plan will be played whatever happens."""
        window = self.transport.tick_at(now + self.backend.commit_ns + _THINK_NS)
        return max(self._committed, self._frozen[-1][1], window)

    def _begin_epoch(self, frozen: int, message: dict[str, Any]) -> None:
        self.epoch += 1
        self._frozen.append((self.epoch, frozen))
        self._plan = self._plan[: bisect_right(self._plan, frozen, key=lambda note: note[0])]
        while self._chords and self._chords[-1][0] > frozen:
            self._chords.pop()
        if self._fallback_from is not None:
            self._fallback_from = min(self._fallback_from, frozen + 1)
        message = {**message, "epoch": self.epoch, "frozen": frozen}
        self.journal.write(message)
        if self.model_ready:
            self.to_model(message)
            self._ask(self.backend.clock.now_ns())

    def _ask(self, now: int) -> None:
        if self.transport.running:
            until = self.transport.tick_at(now + self.session.horizon_ns)
            self.to_model({"do": "time", "tick": self.transport.tick_at(now), "until": until})
        self._asked_ns = now

    def hear_model(self, message: dict[str, Any]) -> None:
        """A message from the model process."""
        now = self.backend.clock.now_ns()
        self._answer_ns = now
        if message.get("is") == "ready":
            self.model_ready = True
            self._fallback_from = None
            frozen = self._promise(now) if self.transport.running else self._frozen[-1][1]
            self._begin_epoch(frozen, self._session_message())
        elif message.get("is") == "plan":
            plan = read_plan(message)
            if plan is not None:
                self._take_plan(plan, now)
            else:
                self._complain()
        elif message.get("is") != "alive":
            self._complain()
        elif message.get("epoch") == self.epoch:  # alive, and nothing to play inside the horizon
            self._heard_ns = None

    def _complain(self) -> None:
        """A message that makes no sense is dropped; the first one is told."""
        self.figures.malformed += 1
        if self.figures.malformed == 1:
            self.tell("the model said something that makes no sense: dropped, and so are others like it")

    def _session_message(self) -> dict[str, Any]:
        return {
            "do": "session",
            "seed": self.session.seed,
            "controls": dict(self.controls.values),
            "metre": list(self.session.metre),
            "history": [list(note) for note in list(self.recent)[-_HISTORY:]],
        }

    def _take_plan(self, plan: Plan, now: int) -> None:
        epoch, notes = plan.epoch, plan.notes
        span = self._span(epoch)
        self.figures.decode_ms.extend(plan.ms)
        if span is None:
            self.figures.stale += len(notes)
            return
        after, upto = span
        kept = [note for note in notes if after < note[0] <= upto]
        self.figures.stale += len(notes) - len(kept)
        if kept:
            self._plan = sorted(self._plan + kept)
        if epoch == self.epoch:
            self._chords.extend(plan.chords)
            if self._heard_ns is not None and kept:
                self.figures.reaction_ms.append((now - self._heard_ns) / 1e6)
                self._heard_ns = None

    def _span(self, epoch: int) -> tuple[int, int] | None:
        """(frozen of this epoch, frozen of the next one): which of its notes count. None when long gone."""
        upto = 1 << 62
        for number, frozen in reversed(self._frozen):
            if number == epoch:
                return frozen, upto
            upto = frozen
        return None

    # -- without a model -----------------------------------------------------------------------------------

    def model_lost(self) -> None:
        """The model process died or hangs: a plain pattern takes over until it is back."""
        if not self.model_ready and self._fallback_from is not None:
            return
        now = self.backend.clock.now_ns()
        self.model_ready = False
        self._heard_ns = None
        self.figures.fallbacks += 1
        frozen = self._promise(now)
        self._fallback_from = frozen + 1
        self._begin_epoch(frozen, {"do": "fallback"})
        self._fallback_from = frozen + 1
        self.tell("the model has stopped: a plain pattern plays on while it is started again")

    def model_hangs(self, now: int) -> bool:
        """True when the model owes an answer for too long."""
        return (
            self.model_ready
            and self.transport.running
            and self._asked_ns - self._answer_ns > _SILENCE_NS
            and now - self._answer_ns > _SILENCE_NS
        )

    def _fill(self, now: int) -> None:
        """Plan fallback bars up to the horizon."""
        assert self._fallback_from is not None
        until = self.transport.tick_at(now + self.session.horizon_ns)
        metre = self.session.metre
        parts = self._parts()
        while self._fallback_from <= until:
            start = self._fallback_from // metre.bar_ticks * metre.bar_ticks
            notes = fallback.bar(start, metre, Key.parse(self.controls["key"]), self.chord, parts)
            fresh: list[Played] = [(*note,) for note in notes if note.tick >= self._fallback_from]
            self._plan = sorted(self._plan + fresh)
            self._fallback_from = start + metre.bar_ticks

    def _parts(self) -> frozenset[int]:
        style = STYLES[style_id(self.controls["style"])]
        if self.controls["role"] == "answer":
            return frozenset()
        return frozenset(PART_NAMES.index(name) for name in style.parts)

    # -- commitment ----------------------------------------------------------------------------------------

    def _commit(self, now: int) -> None:
        """Hand over everything that falls due inside the commit window, in order of time."""
        transport, backend = self.transport, self.backend
        until_ns = now + backend.commit_ns
        until = transport.tick_at(until_ns)
        for at_ns in self.sender.due(transport, until_ns) if self._leads else ():
            backend.send(at_ns, b"\xf8", CLOCK_OUT)
        played: list[Played] = []
        while True:
            off_tick = self.ledger.next_tick()
            on_tick = self._plan[0][0] if self._plan else None
            if off_tick is not None and off_tick <= until and (on_tick is None or off_tick <= on_tick):
                for debt in self.ledger.due(off_tick):
                    at_ns = max(transport.ns_at(debt.tick), debt.on_ns)
                    backend.send(at_ns, bytes((0x80 | debt.channel, debt.pitch, 0)))
            elif on_tick is not None and on_tick <= until:
                note = self._plan.pop(0)
                if self._play(note, now):
                    played.append(note)
            else:
                break
        if played:
            self.journal.write({"is": "played", "notes": played})
            self.recent.extend(played)
            if self.figures.first_note_ms is None:
                self.figures.first_note_ms = (transport.ns_at(played[0][0]) - self.wanted_ns) / 1e6
        self._committed = max(self._committed, until)
        while self._chords and self._chords[0][0] <= until:
            tick, root, quality = self._chords.popleft()
            if Chord(root, quality) != self.chord:
                self.chord = Chord(root, quality)
                self.journal.write({"is": "chord", "tick": tick, "root": root, "quality": quality})

    def _play(self, note: Played, now: int) -> bool:
        tick, pitch, velocity, duration, channel = note
        at_ns = self.transport.ns_at(tick)
        if now - at_ns > _LATE_LIMIT_NS:
            self.figures.dropped += 1
            return False
        if self.controls["mute"]:
            return False
        before = self.ledger.sounding(channel, pitch)
        if before is not None:  # the same note again: off first, then on
            self.ledger.pay_early(before)
            self.backend.send(max(at_ns, before.on_ns), bytes((0x80 | channel, pitch, 0)))
        if at_ns < now:
            self.figures.late += 1
        self.backend.send(at_ns, bytes((0x90 | channel, pitch, velocity)))
        self.ledger.owe(tick + duration, channel, pitch, at_ns)
        self.figures.notes_sent += 1
        return True

    def _journal_line(self) -> None:
        transport = self.transport
        tick = transport.tick_at(self.backend.clock.now_ns()) if transport.running else 0
        self.journal.write({"is": "line", "tick": tick, "ns": transport.ns_at(tick), "bpm": transport.bpm})

    # -- what to show --------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, Any]:
        """What the faces show, as plain JSON."""
        now = self.backend.clock.now_ns()
        tick = self.transport.tick_at(now)
        metre = self.session.metre
        bar, inside = divmod(tick, metre.bar_ticks)
        return {
            "is": "snapshot",
            "running": self.transport.running,
            "bpm": round(self.transport.bpm, 2),
            "tick": tick,
            "bar": bar,
            "beat": inside // metre.beat_ticks,
            "metre": str(metre),
            "chord": str(self.chord),
            "controls": dict(self.controls.values),
            "model": "fallback"
            if self._fallback_from is not None
            else "ready"
            if self.model_ready
            else "starting",
            "notes": [list(note) for note in self.recent if note[0] + note[3] > tick - 4 * metre.bar_ticks],
            "plan": [list(note) for note in self._plan[:64]],
            "held": sorted(self._held),
            "sent": self.figures.notes_sent,
            "received": self.figures.notes_received,
            "late": self.figures.late,
            "dropped": self.figures.dropped,
            "learning": self.learn.armed,
            "phase_error_ms": round(self.follower.phase_error_ns / 1e6, 2) if self.follower else None,
        }
