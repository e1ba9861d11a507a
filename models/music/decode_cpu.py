"""The music model at play time: numba kernels, int8 weights, no torch.

    model = load_model("default")
    stream = model.stream(seed=7)
    conditions, limits = Conditions(), Limits()
    note = stream.sample(conditions, limits, earliest_tick=0, epoch=0, index=0)  # Note or Rest; feeds nothing
    stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)

Ticks are 480 to the quarter. Going back (`snapshot`, `restore`) costs a copy of a few KB, and playing on from there
gives what a straight run gives, bit for bit. The last event is digested when the next one needs it, so a condition
changed between two notes acts on the very next one.

Threads: one thread per stream; streams of one model share only read-only weights. Realtime-safe: sample and feed
allocate no arrays and release the GIL; they are Python calls all the same, so they belong in the model process.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from aigc_music.core.parts import DRUM_PITCHES, PART_NAMES, PARTS
from aigc_music.core.styles import STYLE_NAMES
from aigc_music.core.theory import CHROMATIC, NO_ROOT, Key
from aigc_music.core.time import Metre
from models.zoo import find

from ..tensors import Tensors
from ..trunks import State, trunk_of
from . import kernels, weights
from . import representation as rep
from .memory import CAPACITY

if TYPE_CHECKING:
    from .windows import Batch

__all__ = [
    "CLOSE",
    "OPEN",
    "SAMPLING",
    "Conditions",
    "Limits",
    "MusicModel",
    "Note",
    "Rest",
    "Snapshot",
    "Stream",
    "load_model",
]

OPEN = -1
"""Duration of a note whose end is not known yet: a human note at its onset."""
CLOSE = -2
"""Duration that says: the open note of this part and pitch has ended."""

SAMPLING: dict[str, dict[str, tuple[float, float]]] = {
    "pitched": {
        "part": (1.0, 1.0), "delta": (0.8, 0.9), "micro": (0.9, 0.95), "pitch": (0.95, 0.97), "velocity": (1.0, 1.0),
        "duration": (0.95, 0.97),
    },
    "written": {
        "part": (1.0, 1.0), "delta": (0.8, 0.9), "micro": (0.5, 0.8), "pitch": (1.0, 0.97), "velocity": (0.8, 0.95),
        "duration": (0.95, 0.97),
    },
    "drums": {
        "part": (1.0, 1.0), "delta": (0.8, 1.0), "micro": (0.9, 0.95), "pitch": (0.7, 0.85), "velocity": (1.0, 1.0),
        "duration": (0.9, 0.95),
    },
}  # fmt: skip
"""Temperature and top-p per head where the card's `sampling` says nothing; the user's temperature scales the first.

written: pitched parts in styles whose training music was never played: micro-timing has learned nothing of them and
stays close to what is likely.
"""

PLAYED_STYLES = ("pop", "rock", "funk", "hiphop", "latin", "soul", "afro", "punk", "country", "reggae")
"""Styles with played training music, where the card's `played_styles` says nothing."""

CHORDS = 256  # entries a timeline can hold
Rows = NDArray[Any] | list[int] | list[float]
_USUAL_DENSITY = {
    "melody": 1.3,
    "counter": 1.0,
    "inner": 1.0,
    "bass": 0.9,
    "keys": 2.7,
    "drums": 4.2,
}  # notes per quarter


class Note(NamedTuple):
    """A decided note. tick >= the earliest tick asked for; duration_ticks >= 1."""

    tick: int
    part: int
    pitch: int
    velocity: int
    duration_ticks: int

    @property
    def duration(self) -> int:
        """duration_ticks, under the name that core.notes uses."""
        return self.duration_ticks


class Rest(NamedTuple):
    """Nothing may sound before until_tick (no part, no pitch or no time is allowed)."""

    until_tick: int


class Snapshot(NamedTuple):
    """Where a stream stands. Good for the stream it came from, up to 1024 notes later."""

    trunk: Any
    plain: Any
    cells: NDArray[np.int64]


class Conditions:
    """What the music is to be like. Everything may be left unsaid (None), and changed between any two notes.

    style: a style id, UNKNOWN_STYLE for any. temperature: the user's factor on every head, 1 = as tuned, 0.2..2.
    strength: how much style, key, chords and levels are stressed beyond what was learned: 1 = not, up to 3; anything
    but 1 costs a second trunk step and second heads.
    """

    def __init__(self) -> None:
        self.temperature = 1.0
        self.strength = 1.0
        self.array = np.zeros(18, np.int64)
        self.chords = np.zeros((4, CHORDS), np.int64)
        self.form = np.zeros((3, CHORDS), np.int64)
        self.style = rep.UNKNOWN_STYLE
        self._parts: int | None = None
        self._given: int | None = None
        self._allowed = (1 << len(PARTS)) - 1
        self._density: float | None = None
        self.set_key(None)
        self.bpm = None
        self.clear_metre()
        self.set_parts(None)
        self.set_given(None)
        self.set_register(None)
        self.set_polyphony(None)
        self.set_loudness(None)
        self.set_scale(None)
        self.set_end(None)

    @property
    def style(self) -> int:
        """Style id."""
        return int(self.array[kernels.C_STYLE])

    @style.setter
    def style(self, value: int) -> None:
        self.array[kernels.C_STYLE] = value if 0 <= value < rep.UNKNOWN_STYLE else rep.UNKNOWN_STYLE

    @property
    def bpm(self) -> float | None:
        """Tempo in quarter notes a minute, or None. Only its bucket reaches the model."""
        return self._bpm

    @bpm.setter
    def bpm(self, value: float | None) -> None:
        self._bpm = value
        self.array[kernels.C_TEMPO] = rep.tempo_bucket(value)

    def set_key(self, key: Key | None) -> None:
        """The key, or None. Modes other than major and minor say their tonic only."""
        if key is None:
            self.array[kernels.C_KEY], self.array[kernels.C_ROOT] = rep.NO_KEY, NO_ROOT
        else:
            minor = {"major": False, "minor": True}.get(key.mode)
            self.array[kernels.C_KEY], self.array[kernels.C_ROOT] = rep.key_id(key.tonic, minor), key.tonic

    def set_metre(self, metre: Metre, origin: int = 0) -> None:
        """Bars of this metre, one of which begins at tick `origin` (rounded to the grid of 40 ticks)."""
        beats, ticks = rep.beat_of(metre.beats, metre.unit)
        self.array[kernels.C_ORIGIN] = round(origin / rep.UNIT)
        self.array[kernels.C_BEATS], self.array[kernels.C_BEAT_UNITS] = beats, ticks // rep.UNIT

    def clear_metre(self) -> None:
        """Leave beat and bar unsaid; the memory of bars is blind then."""
        self.array[kernels.C_ORIGIN], self.array[kernels.C_BEATS], self.array[kernels.C_BEAT_UNITS] = 0, 1, 0

    def set_end(self, tick: int | None) -> None:
        """The piece ends before `tick` (needs a metre); None = it goes on."""
        self.array[kernels.C_END] = kernels.NO_END if tick is None else (tick - 1) // rep.UNIT

    def set_parts(self, parts: Iterable[int] | None) -> None:
        """The parts that play; the model is told those of them that the limits let it play itself. None = unsaid."""
        self._parts = None if parts is None else sum(1 << part for part in set(parts))
        self._refresh()

    def set_given(self, parts: Iterable[int] | None) -> None:
        """The parts that the musician plays (none at all: an empty list). None = unsaid."""
        mask = rep.NO_PARTS if parts is None else sum(1 << part for part in set(parts))
        self.array[kernels.C_GIVEN] = mask

    def set_density(self, amount: float | None) -> None:
        """How many own notes, 0 (sparse) .. 1 (busy), 0.5 = usual for the parts it plays; None = unsaid."""
        self._density = amount
        self._refresh()

    def set_register(self, pitch: float | None) -> None:
        """Mean pitch (MIDI note number) that the next bars are to have; None = unsaid."""
        self.array[kernels.C_REGISTER] = rep.level("register", pitch)

    def set_polyphony(self, voices: float | None) -> None:
        """How many pitched notes are to sound at once, in the mean; None = unsaid."""
        self.array[kernels.C_POLYPHONY] = rep.level("polyphony", voices)

    def set_loudness(self, velocity: float | None) -> None:
        """Mean velocity, 1..127; None = unsaid."""
        self.array[kernels.C_LOUDNESS] = rep.level("loudness", velocity)

    def set_scale(self, mask: int | None) -> None:
        """Pitch classes the music is to keep to, 12 bits (advice; Limits.set_scale is the rule); None = unsaid."""
        self.array[kernels.C_SCALE] = CHROMATIC if mask is None else mask & CHROMATIC

    def play_only(self, allowed: int) -> None:
        """The limits allow these parts (bit k = part k); called by Stream.sample."""
        if allowed != self._allowed:
            self._allowed = allowed
            self._refresh()

    def _refresh(self) -> None:
        own = self._allowed if self._parts is None else self._parts & self._allowed
        self.array[kernels.C_OWN] = own
        self.array[kernels.C_PARTS] = rep.NO_PARTS if self._parts is None or not own else own
        self.array[kernels.C_DENSITY] = rep.NO_LEVEL
        if self._density is not None:
            usual = sum(_USUAL_DENSITY[name] for part, name in enumerate(PART_NAMES) if own >> part & 1)
            self.array[kernels.C_DENSITY] = rep.level("density", usual * 4.0 ** (2.0 * (self._density - 0.5)))

    def set_chords(self, ticks: Rows, roots: Rows, qualities: Rows, basses: Rows | None = None) -> None:
        """The chord timeline: chord i is in force from ticks[i] until the next. The last CHORDS entries count.

        basses: pitch class of the lowest note, 12 or None = unsaid.
        """
        count = min(CHORDS, len(ticks))
        self.array[kernels.C_CHORDS] = count
        if count:
            self.chords[0, :count] = ticks[-count:]
            self.chords[1, :count] = roots[-count:]
            self.chords[2, :count] = qualities[-count:]
            self.chords[3, :count] = NO_ROOT if basses is None else basses[-count:]

    def set_form(self, ticks: Rows, bars_back: Rows, likeness: Rows | None = None) -> None:
        """The form timeline: from ticks[i] on, bars are to be like those `bars_back[i]` bars before them, as much as
        likeness[i] says (0..1; NaN or None = unsaid). bars_back 0 = nothing is pointed at."""
        count = min(CHORDS, len(ticks))
        self.array[kernels.C_FORM] = count
        if count:
            self.form[0, :count] = ticks[-count:]
            self.form[1, :count] = bars_back[-count:]
            wanted = np.full(count, np.nan) if likeness is None else np.asarray(likeness[-count:], np.float64)
            self.form[2, :count] = np.where(np.isnan(wanted), 0, rep.likeness_class(wanted))


class Limits:
    """Hard rules: what they forbid is never drawn. By default all parts may play, in their usual range."""

    def __init__(self) -> None:
        self.rows = np.zeros((len(PARTS), 7), np.int64)
        self.drum_map = np.zeros(128, np.bool_)
        self.allowed = (1 << len(PARTS)) - 1  # bit k = part k may play
        for index, part in enumerate(PARTS):
            self.rows[index] = (1, part.low, part.high, CHROMATIC, 0, part.voices, 0)
        self.set_drum_map(DRUM_PITCHES)

    @property
    def any_part(self) -> bool:
        """Whether any part may play."""
        return self.allowed != 0

    def allow(self, parts: Iterable[int]) -> None:
        """Exactly these parts may play."""
        self.rows[:, kernels.L_ALLOWED] = 0
        self.rows[list(parts), kernels.L_ALLOWED] = 1
        self.allowed = sum(1 << part for part in range(len(PARTS)) if self.rows[part, kernels.L_ALLOWED])

    def set_range(self, part: int, low: int, high: int) -> None:
        """Lowest and highest pitch of a part, 0..127; low > high forbids everything."""
        self.rows[part, kernels.L_LOW], self.rows[part, kernels.L_HIGH] = max(0, low), min(127, high)

    def set_scale(self, part: int, mask: int) -> None:
        """Pitch classes a part may use, 12 bits, 4095 = all. Drums do not ask."""
        self.rows[part, kernels.L_SCALE] = mask & CHROMATIC

    def set_chord_tones(self, part: int, only: bool) -> None:
        """Whether a part keeps to tones of the chord at the onset (where a chord is known)."""
        self.rows[part, kernels.L_CHORD] = int(only)

    def set_polyphony(self, part: int, voices: int) -> None:
        """How many notes of a part may sound at once; the next one waits until one has ended. 0 silences the part."""
        self.rows[part, kernels.L_VOICES] = max(0, voices)

    def set_longest(self, part: int, ticks: int | None) -> None:
        """Longest note of a part in ticks; None = free."""
        self.rows[part, kernels.L_LONGEST] = max(1, ticks) if ticks is not None else 0

    def set_drum_map(self, pitches: Iterable[int]) -> None:
        """Drum pitches that may be used."""
        self.drum_map[:] = False
        self.drum_map[list(pitches)] = True


class Stream:
    """One line of music through the model: what was fed, and what sounds. Made by MusicModel.stream."""

    def __init__(self, model: MusicModel, seed: int) -> None:
        config = model.card["config"]
        self.model = model
        self.seed = seed & 0x7FFFFFFFFFFFFFFF
        self._heads = model.heads
        self._trunk = model.state()
        self._plain: State | None = None  # the same events with less said, where guidance is asked for
        self._buffers = weights.buffers(config)
        self._result = self._buffers.result
        self._played = model.played_styles
        self._cells = np.zeros(kernels.CELLS, np.int64)
        self._memory = np.zeros((CAPACITY, 4), np.int32)
        self._sampling = model.sampling.copy()
        self._factor = 1.0
        self._conditions = Conditions()
        kernels.start(self._cells, 0)

    @property
    def tick(self) -> int:
        """Tick of the last event."""
        return int(self._cells[kernels.TICK_NOW])

    @property
    def events(self) -> int:
        """How many events were fed."""
        return int(self._cells[kernels.COUNT])

    def begin(self, tick: int) -> None:
        """Forget everything; the music begins on the bar line at `tick`."""
        self._trunk.begin()
        if self._plain is not None:
            self._plain.begin()
        kernels.start(self._cells, round(tick / rep.UNIT))

    def snapshot(self) -> Snapshot:
        """Where it stands, a few KB."""
        plain = None if self._plain is None else self._plain.snapshot()
        return Snapshot(self._trunk.snapshot(), plain, self._cells.copy())

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this stream."""
        self._trunk.restore(snapshot.trunk)
        if self._plain is not None:
            self._plain.restore(snapshot.trunk if snapshot.plain is None else snapshot.plain)
        self._cells[:] = snapshot.cells
        self._cells[kernels.AHEAD] = 0

    def feed(self, tick: int, part: int, pitch: int, velocity: int, duration_ticks: int, human: bool = False) -> None:
        """Tell the stream of a note: one it drew itself, one of the past, or (human) one of the musician's.

        duration_ticks: OPEN at the onset of a human note, CLOSE (with any velocity) at its end, else ticks. A human
        note with known length counts as opened and not as closed: send CLOSE too. Events earlier than the last one
        count as being at its time. The event before it is digested under the conditions of the last `sample`.
        """
        if duration_ticks == CLOSE:
            kind = rep.KIND_CLOSE
        elif human or duration_ticks == OPEN:
            kind = rep.KIND_OPEN
        else:
            kind = rep.KIND_OWN
        if not self._cells[kernels.AHEAD]:
            self._digest()
        self._trunk.commit()
        if self._plain is not None:
            self._plain.commit()
        kernels.feed(self._cells, self._memory, tick, part, pitch, velocity, duration_ticks, kind)

    def _digest(self) -> None:
        conditions, buffers = self._conditions, self._buffers
        guided = self._plain is not None
        if kernels.prepare(
            self._heads, buffers, self._cells, self._memory, conditions.array, conditions.chords, conditions.form,
            guided,
        ):  # fmt: skip
            self._trunk.step(buffers.x)
            if self._plain is not None:
                self._plain.step(buffers.plain)

    def _guide(self) -> None:
        """From now on the second trunk runs beside the first; what was heard before it takes over as it is."""
        self._plain = self._trunk.copy()
        self._cells[kernels.AHEAD] = 0

    def sample(
        self, conditions: Conditions, limits: Limits, earliest_tick: int, epoch: int, index: int
    ) -> Note | Rest:
        """Decide the next own note, not before `earliest_tick`; a Rest where the limits leave nothing.

        The draw depends on the state, the arguments and (seed, epoch, index) only. Feeds nothing.
        """
        self._conditions = conditions
        conditions.play_only(limits.allowed)
        if conditions.temperature != self._factor:
            self._factor = conditions.temperature
            self._sampling[..., 0] = np.maximum(self.model.sampling[..., 0] * self._factor, 0.01)
        if conditions.strength != 1.0 and self._plain is None:
            self._guide()
        sampling = self._sampling[1 if conditions.style in self._played else 0]
        self._digest()
        plain = self._trunk if self._plain is None else self._plain
        kernels.draw(
            self._heads, self._buffers, self._trunk.top, plain.top, float(conditions.strength), self._cells,
            self._memory, conditions.array, conditions.chords, conditions.form, sampling, limits.rows,
            limits.drum_map, earliest_tick, self.seed, epoch, index,
        )  # fmt: skip
        result = self._result
        if result[0] == 0:
            return Rest(int(result[1]))
        return Note(int(result[1]), int(result[2]), int(result[3]), int(result[4]), int(result[5]))


class MusicModel:
    """A trained music model, ready to play. name, card (its card.json), parameters; see load_model."""

    def __init__(self, card: dict[str, Any], tensors: Tensors, *, exact: bool = False) -> None:
        self.card = card
        self.name = str(card.get("name", "model"))
        self.parameters = sum(value.size for value in tensors.values())
        self.heads, self.trunk = weights.quantise(tensors, card["config"], exact=exact)
        self._new_state = trunk_of(card["config"]).State
        said = card.get("sampling", {})
        rows = {kind: [(SAMPLING[kind] | said.get(kind, {}))[name] for name, _ in rep.HEADS] for kind in SAMPLING}
        # (written or played, pitched or drums, head, temperature and top-p)
        self.sampling = np.array([[rows["written"], rows["drums"]], [rows["pitched"], rows["drums"]]], np.float32)
        names = card.get("played_styles", PLAYED_STYLES)
        self.played_styles = frozenset(index for index, name in enumerate(STYLE_NAMES) if name in names)

    def state(self) -> State:
        """A trunk that has heard nothing."""
        state: State = self._new_state(self.trunk, self.card["config"])
        return state

    def stream(self, seed: int = 0) -> Stream:
        """A stream that has heard nothing; the music begins at tick 0 unless `begin` says otherwise."""
        return Stream(self, seed)

    def warm_up(self) -> float:
        """Load or compile the kernels; returns the seconds it took."""
        begun = time.perf_counter()
        stream, conditions, limits = self.stream(), Conditions(), Limits()
        for index in range(2):
            stream.sample(conditions, limits, 0, 0, index)
            stream.feed(0, 0, 60, 80, 240)
        return time.perf_counter() - begun

    def score(self, batch: Batch) -> tuple[NDArray[np.float64], int, int]:
        """Teacher-forced bits per head (6,) summed over a batch, its notes, and its notes with played timing.

        Every window starts from the empty state.
        """
        bits = np.zeros(len(rep.HEADS))
        buffers = weights.buffers(self.card["config"])
        for window in range(len(batch.inputs)):
            rows = {name: np.ascontiguousarray(getattr(batch, name)[window]) for name in batch._fields}
            tops = self.run(rows.pop("inputs"))
            _score(self.heads, buffers, tops, *rows.values(), bits)
        return bits, int(batch.weight.sum()), int((batch.weight * batch.played).sum())

    def run(self, inputs: NDArray[np.int64]) -> NDArray[np.float32]:
        """The trunk's output (T, hidden) after each of these events (T, fields), from the empty state."""
        state, x = self.state(), np.zeros(int(self.card["config"]["embedding"]), np.float32)
        tops = np.empty((len(inputs), len(state.top)), np.float32)
        for t in range(len(inputs)):
            kernels.embed(self.heads, inputs[t], x)
            state.step(x)
            state.commit()
            tops[t] = state.top
        return tops


_score: Any = kernels.score  # with its true signature, which numba's decorator hides


def load_model(name_or_path: str | Path = "default", *, exact: bool = False) -> MusicModel:
    """A model of the zoo by name, or of a folder with weights.safetensors and card.json.

    exact: fp32 instead of int8 weights, for comparisons. ModelError when something is missing, damaged, or when
    card and weights do not belong together.
    """
    folder = find(str(name_or_path))
    card = weights.read_card(folder)
    if not isinstance(card.get("config"), dict):
        raise ModelError(f"the card in {str(folder)!r} has no config: install the model again")
    try:
        return MusicModel(card, weights.read_tensors(folder, card), exact=exact)
    except KeyError as error:
        raise ModelError(
            f"the config in the card of {str(folder)!r} lacks {error}: install the model again"
        ) from error
