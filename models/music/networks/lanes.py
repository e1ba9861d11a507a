"""One step of many lanes of the music model at once, as tensors: what kernels.py does for one stream.

Every function here is the twin of a numba kernel, which its docstring names. Masks and `where` stand for branches,
the last 3072 notes are a queue that moves by one with each note, and every search runs a fixed number of rounds. No
shape depends on data, nothing is read back and nothing is brought along from the host, so on CUDA a step can be
captured as one graph (decode_gpu).

Threads: any, one per Step. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from aigc_music.core.errors import ModelError
from aigc_music.core.parts import DRUMS

from .. import kernels
from .. import memory as mem
from .. import representation as rep
from ..decode_cpu import MusicModel

__all__ = ["DONE", "FAR", "GOLDEN", "NOTE", "NOWHERE", "QUEUE", "REST", "State", "Step", "Told", "mixed"]

REST, NOTE, DONE = 0, 1, 2  # what a row of a step tells

PARTS, SOURCES, UNIT, NO_PITCH = rep.PARTS, rep.SOURCES, rep.UNIT, rep.NO_PITCH
FAR, NEVER, HELD = int(kernels.FAR), float(kernels.NEVER), kernels.HELD
QUEUE, REACH, AHEAD = mem.REACH, mem.MATCH_REACH, mem.AHEAD
NOWHERE = -(1 << 30)  # grid unit of a place in the queue that holds no note
_TRIES = 3  # onsets that may turn out to allow no pitch
GOLDEN, _FIRST, _SECOND = (  # splitmix64, as signed numbers
    value - (1 << 64) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)

_UNSAID: dict[str, int] = {
    "style": rep.UNKNOWN_STYLE, "key": rep.NO_KEY, "root": rep.ROOTS - 1, "quality": rep.QUALITIES - 1,
    "bass": rep.ROOTS - 1, "next_root": rep.ROOTS - 1, "next_quality": rep.QUALITIES - 1, "next_in": 0,
    "density": rep.NO_LEVEL, "register": rep.NO_LEVEL, "polyphony": rep.NO_LEVEL, "loudness": rep.NO_LEVEL,
} | {name: 1 for name, _ in rep.CONDITIONS if name.startswith("scale_")}  # fmt: skip
"""What guidance leaves unsaid, at the input; of the choices it is the chord. See kernels.prepare, guided_head."""


class Told(NamedTuple):
    """What every lane is asked for; what Conditions and Limits are to a Stream. Lanes first, integers int64."""

    conditions: Tensor  # (lanes, 18)
    chords: Tensor  # (lanes, 4, entries): before the first, the entries, then nothing at tick FAR
    form: Tensor  # (lanes, 3, entries), the same
    limits: Tensor  # (lanes, PARTS, 7)
    drum_map: Tensor  # (lanes, 128) bool
    sampling: Tensor  # (lanes, 2, 6, 2) fp32 temperature and top-p, pitched and drums, by head
    strength: Tensor  # fp32, of guidance
    key: Tensor  # hash of seed and epoch
    goal: Tensor  # own notes after which a lane is done
    until: Tensor  # tick from which on it is done


class State(NamedTuple):
    """All that the lanes know; what cells, memory and trunk are to a Stream. Lanes first, integers int64."""

    trunk: Tensor  # (lanes, halves, layers, hidden) fp32, before the last event
    event: Tensor  # (lanes, 6) classes of the last event
    unit: Tensor
    tick: Tensor
    own: Tensor  # (lanes, 3) unit, part, pitch of the last own note
    last: Tensor  # (lanes, PARTS) last pitches
    held: Tensor  # (lanes, 3, HELD) part, pitch, end of sounding notes
    queue: Tensor  # (lanes, 4, QUEUE) int32: unit, part, pitch, duration class; the newest note is the last one
    filled: Tensor  # notes in the queue
    lag: Tensor  # how many notes ago it went the same way
    length: Tensor  # of that match, 0 = none
    earliest: Tensor  # tick before which nothing is to sound
    drawn: Tensor  # decisions made, which key the noise
    done: Tensor  # bool
    notes: Tensor  # own notes
    score: Tensor  # sum of their log-probabilities, fp32


class Onset(NamedTuple):
    """When a lane's next note begins; lost: it is a rest until `until` instead. (lanes,) each."""

    lost: Tensor
    until: Tensor
    delta: Tensor
    unit: Tensor
    order: Tensor  # lowest pitch that the order of own notes leaves
    score: Tensor
    place: Tensor  # (lanes, 13) place rows
    mask: Tensor  # (lanes, 128) pitches that are allowed


class Decision(NamedTuple):
    """The next note of every lane, or (lost) the rest until `until`. (lanes,) each."""

    lost: Tensor
    until: Tensor
    unit: Tensor
    tick: Tensor
    part: Tensor
    pitch: Tensor
    velocity: Tensor
    duration: Tensor
    event: Tensor  # (lanes, 6) classes
    score: Tensor  # log-probability


class Step:
    """A model on a device, ready to take steps. ModelError for a trunk that it does not know.

    guided: whether strength counts, which doubles the work. dtype: of matrices and activations; sums, states and
    logits are fp32. weight_bytes: what one step reads of the weights.
    """

    def __init__(self, model: MusicModel, told: Told, guided: bool, device: torch.device, dtype: torch.dtype) -> None:
        self.told, self.guided, self.device, self.dtype = told, guided, device, dtype
        self.weight_bytes = 0
        self._load(model)
        self._tables()

    def _constant(self, values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values)).to(self.device)

    def _weight(self, rows: Any, scale: Any = None) -> Tensor:
        """A weight as the device holds it, counted for the floor."""
        value = np.asarray(rows, np.float32) if scale is None else rows.astype(np.float32) * scale[:, None]
        result = torch.from_numpy(value.copy()).to(self.device, self.dtype)
        self.weight_bytes += result.numel() * result.element_size()
        return result

    def _load(self, model: MusicModel) -> None:
        heads, kind = model.heads, model.card["config"]["network"]
        if kind not in _TRUNKS:
            raise ModelError(f"lanes do not play network {kind!r} yet: take a model of {', '.join(_TRUNKS)}")
        self.trunk = _TRUNKS[kind](model.trunk, self._weight)
        count = range(len(rep.HEADS))
        self._hidden = [
            (self._weight(heads.hidden[k], heads.hidden_scale[k]), self._weight(heads.hidden_bias[k])) for k in count
        ]
        self._output = [
            (self._weight(heads.output[k], heads.output_scale[k]), self._weight(heads.output_bias[k])) for k in count
        ]
        counted = self.weight_bytes
        self._embedding = self._weight(heads.embedding)
        self._table = [self._weight(table) for table in heads.table]
        rows = len(rep.INPUT_FIELDS) * self._embedding.shape[1]  # of tables one row a field and lane is read
        rows += sum(int(kernels.PREFIX[k]) * self._table[k].shape[1] for k in count)
        self.weight_bytes = counted + len(self.told.key) * rows * self._embedding.element_size()

    def _tables(self) -> None:
        """Constants on the device: a step may not bring any along."""
        self._input_starts = self._constant(kernels.INPUT_STARTS)
        self._choice_starts = self._constant(kernels.CHOICE_STARTS)
        self._unsaid = self._constant([_UNSAID.get(name, -1) for name, _ in rep.CONDITIONS])
        self._unsaid_choices = self._constant(
            [_UNSAID[name] if name in ("root", "quality", "bass") else -1 for name, _ in rep.CHOICES]
        )
        self._deltas = torch.arange(rep.DELTAS, device=self.device)
        self._micros = (torch.arange(rep.MICROS, device=self.device) - rep.MICRO_ZERO) * rep.MICRO_STEP
        self._pitches = torch.arange(128, device=self.device)
        self._echo_steps = torch.arange(-rep.ECHO_INTERVALS, rep.ECHO_INTERVALS + 1, device=self.device)
        self._ahead = torch.arange(AHEAD, device=self.device)
        self._twelve = torch.arange(12, device=self.device)
        self._parts = torch.arange(PARTS, device=self.device)
        self._slots = torch.arange(HELD, device=self.device)
        self._numbers = torch.arange(len(rep.HEADS) + 1, device=self.device)
        self._lags = torch.arange(REACH - 1, 0, -1, device=self.device)
        self._ticks = self._constant(kernels.DURATION_TICKS)
        self._duration_edges = self._ticks[1:] * self._ticks[:-1]
        self._chord_masks = self._constant(kernels.CHORD_MASKS)
        self._left_edges = self._constant([1, 2, 4, 8, 16])
        self._distance_edges = self._constant([7, 13, 19, 25, 49, 97])
        self._match_edges = self._constant([1, 6, 12, 24])

    def __call__(self, s: State) -> tuple[State, Tensor]:
        """kernels.prepare, the trunk, kernels.draw and kernels.feed: the state after one decision in every lane, and
        rows (NOTE, tick, part, pitch, velocity, duration), (REST, until, ...) or (DONE, ...), (lanes, 6)."""
        place = self._look(s.unit)
        recalled = self._recall(s, self._shifts(s, place))
        told = self.told.conditions
        conditions = torch.cat(
            (
                told[:, kernels.C_STYLE : kernels.C_TEMPO + 1], place[:, :-1],
                told[:, kernels.C_DENSITY : kernels.C_GIVEN + 1],
                told[:, kernels.C_SCALE, None] >> self._twelve & 1,
            ), 1,
        )  # fmt: skip
        said = [conditions]
        if self.guided:
            said.append(torch.where(self._unsaid >= 0, self._unsaid, conditions))
        inputs = torch.stack([torch.cat((s.event, one, recalled), 1) for one in said], 1) + self._input_starts
        x = self._embedding[inputs].float().sum(2)
        after = self.trunk.step(x.flatten(0, 1), s.trunk.flatten(0, 1), self.dtype).view_as(s.trunk)
        return self._fed(s, after, self._decided(s, self.trunk.top(after)))

    def _look(self, unit: Tensor) -> Tensor:
        """kernels.look: the place rows at grid units `unit` (lanes,)."""
        told = self.told.conditions
        length, beats = told[:, kernels.C_BEAT_UNITS], told[:, kernels.C_BEATS]
        end, metre = told[:, kernels.C_END], length > 0
        beat = length.clamp(min=1)
        bar = beat * beats.clamp(min=1)
        inside = unit - told[:, kernels.C_ORIGIN]
        left = torch.bucketize((end - (unit - inside % bar)) // bar, self._left_edges, right=True) + 1
        tick = (unit * UNIT + UNIT // 2)[:, None]
        row = (self.told.chords[:, 0, 1:] <= tick).sum(1)
        chord, coming = _entry(self.told.chords, row), _entry(self.told.chords, row + 1)
        away = ((coming[:, 0] + UNIT // 2) // UNIT - unit).clamp(min=1)
        away = torch.bucketize(away, self._distance_edges, right=True) + 1
        form = _entry(self.told.form, (self.told.form[:, 0, 1:] <= tick).sum(1))
        pointed = form[:, 1] > 0
        return torch.stack(
            (
                torch.where(metre, inside % beat, rep.NO_PHASE),
                torch.where(metre, inside // beat % beats.clamp(min=1), rep.NO_BEAT),
                torch.where(metre, beats, rep.NO_METRE),
                torch.where(metre, length, 0),
                chord[:, 1], chord[:, 2], chord[:, 3],
                coming[:, 1], coming[:, 2], torch.where(coming[:, 0] < FAR, away, 0),
                torch.where(metre & (unit >= 0) & (unit <= end), left, 0),
                torch.where(pointed, form[:, 2], 0),
                torch.where(pointed, form[:, 1], rep.LAG_BARS[rep.POINTER]),
            ), 1,
        )  # fmt: skip

    def _shifts(self, s: State, place: Tensor) -> Tensor:
        """memory.set_shifts: (lanes, SOURCES) grid units back to each place."""
        bar = place[:, 2] * place[:, 3]
        units = s.queue[:, 0]
        then = units.gather(1, (QUEUE - 1 - s.lag.clamp(0, QUEUE - 1))[:, None])[:, 0]
        match = torch.where(s.length > 0, (units[:, -1] - then).long(), 0)
        return torch.stack((bar, 2 * bar, 4 * bar, place[:, -1] * bar, match), 1)

    def _near(self, s: State, source: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(lanes, SOURCES, AHEAD): the notes from each grid unit `source` on, and whether there is one."""
        first = torch.searchsorted(s.queue[:, 0].contiguous(), source.to(torch.int32))
        slots = first[:, :, None] + self._ahead
        flat = slots.clamp(max=QUEUE - 1).flatten(1)
        unit, part, pitch, duration = (
            s.queue[:, field].gather(1, flat).view_as(slots).long() for field in range(4)
        )  # fmt: skip
        return unit, part, pitch, duration, slots < QUEUE

    def _recall(self, s: State, shifts: Tensor) -> Tensor:
        """memory.recall: the classes of rep.MEMORIES."""
        source = s.unit[:, None] - shifts
        unit, part, pitch, _, there = self._near(s, source)
        own_unit, own_part, own_pitch = (s.own[:, i, None, None] for i in range(3))
        behind = (own_unit == s.unit[:, None, None]) & (unit == source[:, :, None])
        behind &= (part < own_part) | ((part == own_part) & (pitch <= own_pitch))
        mine = (self.told.conditions[:, kernels.C_OWN, None, None] >> part.clamp(min=0) & 1) == 1
        hit = torch.where(there & mine & ~behind & (shifts > 0)[:, :, None], self._ahead, AHEAD).amin(2)
        at, found = hit.clamp(max=AHEAD - 1)[:, :, None], hit < AHEAD
        away = (unit.gather(2, at)[:, :, 0] - source).clamp(max=rep.FAR_DELTA)
        pairs = torch.stack(
            (torch.where(found, part.gather(2, at)[:, :, 0], rep.NO_PART), torch.where(found, away, rep.NO_DELTA)), 2
        )
        match = torch.bucketize(s.length, self._match_edges, right=True)
        return torch.cat((pairs.flatten(1), match[:, None]), 1)

    def _echoes(self, s: State, shifts: Tensor, at: Tensor, who: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
        """memory.echoes: pitches and lengths (lanes, SOURCES)."""
        source = at[:, None] - shifts
        unit, part, pitch, duration, there = self._near(s, source)
        good = there & (shifts > 0)[:, :, None] & (unit == source[:, :, None])
        good &= (part == who[:, None, None]) & (pitch >= low[:, None, None])
        key = torch.where(good, pitch * AHEAD + self._ahead, NO_PITCH * AHEAD).amin(2)
        length = duration.gather(2, (key % AHEAD)[:, :, None])[:, :, 0].clamp(max=rep.DURATIONS)
        pitches = key // AHEAD
        return pitches, torch.where(pitches < NO_PITCH, length, rep.NO_LENGTH)

    def _head(self, k: int, tops: Tensor, seen: list[Tensor]) -> Tensor:
        """kernels.head and guided_head: raw logits of head k, (lanes, outputs) fp32. tops (lanes, halves, hidden)."""
        prefix = int(kernels.PREFIX[k])
        wide = functional.linear(tops.to(self.dtype), *self._hidden[k]).float()
        if prefix:
            told = torch.stack(seen[:prefix], 1)
            rows = [told]
            if self.guided:
                unsaid = self._unsaid_choices[:prefix]
                rows.append(torch.where(unsaid >= 0, unsaid, told))
            wide = wide + self._table[k][torch.stack(rows, 1) + self._choice_starts[:prefix]].float().sum(2)
        logits = functional.linear(functional.silu(wide).to(self.dtype), *self._output[k]).float()
        if not self.guided:
            return logits[:, 0]
        return logits[:, 1] + self.told.strength[:, None] * (logits[:, 0] - logits[:, 1])

    def _pitch_logits(self, raw: Tensor, part: Tensor, last: Tensor, root: Tensor, echo: Tensor) -> Tensor:
        """kernels.pitch_logits: (lanes, 128)."""
        absolute, interval, chord, tonic, *earlier = raw.split(rep.PITCH_BLOCKS, 1)
        pitched, key_root = (part != DRUMS)[:, None], self.told.conditions[:, kernels.C_ROOT, None]
        last, root = last[:, None], root[:, None]
        near = (self._pitches - last).clamp(-rep.INTERVALS, rep.INTERVALS) + rep.INTERVALS
        total = absolute + interval.gather(1, near) * (pitched & (last < NO_PITCH))
        total = total + chord.gather(1, (self._pitches - root) % 12) * (pitched & (root < 12))
        total = total + tonic.gather(1, (self._pitches - key_root) % 12) * (pitched & (key_root < 12))
        step = self._pitches[:, None] - echo[:, None, :] + rep.ECHO_INTERVALS  # (lanes, 128, SOURCES)
        inside = (step >= 0) & (step <= 2 * rep.ECHO_INTERVALS) & (echo[:, None, :] < NO_PITCH)
        blocks = torch.stack(earlier, 2)  # (lanes, 15, SOURCES)
        return total + (blocks.gather(1, step.clamp(0, 2 * rep.ECHO_INTERVALS)) * inside).sum(2)

    def _begins(self, s: State, earliest: Tensor) -> Tensor:
        """kernels.free_at for every part: the first tick from `earliest` on at which a voice is free; FAR = never."""
        part, _, end = s.held.unbind(1)
        ends = torch.where(part[:, None, :] == self._parts[:, None], end[:, None, :], -FAR)
        voices = self.told.limits[:, :, kernels.L_VOICES].clamp(1, HELD)
        wait = ends.sort(2, descending=True).values.gather(2, voices[:, :, None] - 1)[:, :, 0]
        wait = torch.where(self.told.limits[:, :, kernels.L_VOICES] > HELD, -FAR, wait)
        return torch.maximum(wait, earliest[:, None])

    def _allowed(self, row: Tensor, part: Tensor, low: Tensor, root: Tensor, quality: Tensor) -> Tensor:
        """kernels.allowed: which pitches the limits allow, (lanes, 128)."""
        p = self._pitches
        tones = torch.where(row[:, kernels.L_CHORD] > 0, self._chord_masks[quality], 0)[:, None]
        good = (row[:, kernels.L_SCALE, None] >> p % 12 & 1 == 1) & (
            (tones == 0) | (tones >> (p - root[:, None]) % 12 & 1 == 1)
        )
        good = torch.where((part == DRUMS)[:, None], self.told.drum_map, good)
        return good & (p >= low[:, None]) & (p <= row[:, kernels.L_HIGH, None])

    def _choose(self, k: int, scores: Tensor, noise: Tensor, drums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """_pick with the sampling of head k."""
        setting = torch.where(drums[:, None], self.told.sampling[:, 1, k], self.told.sampling[:, 0, k])
        return _pick(scores, setting[:, 0], setting[:, 1], noise[:, k])

    def _decided(self, s: State, tops: Tensor) -> Decision:
        """kernels.draw."""
        limits = self.told.limits
        noise = _uniform(mixed(self.told.key, s.drawn)[:, None], self._numbers)  # (lanes, 7)
        earliest = torch.maximum(s.earliest, s.unit * UNIT - UNIT // 2)

        # who: parts that may play and whose voices come free in time
        begins = self._begins(s, earliest)
        farthest = _unit_of(s.unit, self._deltas[-1]) * UNIT + kernels.TOP_MICRO
        may = (limits[:, :, kernels.L_ALLOWED] > 0) & (limits[:, :, kernels.L_VOICES] > 0)
        may &= (limits[:, :, kernels.L_LOW] <= limits[:, :, kernels.L_HIGH]) & (farthest[:, None] >= begins)
        scores = torch.where(may, self._head(0, tops, []), NEVER)
        part, nobody, score = self._choose(0, scores, noise, torch.zeros_like(s.done))
        drums = part == DRUMS
        row = limits.gather(1, part[:, None, None].expand(-1, 1, limits.shape[2]))[:, 0]
        begin = torch.where(nobody, earliest, begins.gather(1, part[:, None])[:, 0])

        # when, and what may sound then
        seen = [part]
        onset = self._onset(s, self._head(1, tops, seen), noise, part, row, begin, earliest, nobody)
        place, unit, score = onset.place, onset.unit, score + onset.score
        last = s.last.gather(1, part[:, None])[:, 0]
        echo, lengths = self._echoes(s, self._shifts(s, place), unit, part, onset.order)
        seen += [onset.delta, *(place[:, int(i)] for i in kernels.ONSET_PLACES), last, *lengths.unbind(1)]

        ticks = unit[:, None] * UNIT + self._micros
        scores = torch.where(ticks >= begin[:, None], self._head(2, tops, seen), NEVER)
        micro, _, chance = self._choose(2, scores, noise, drums)
        tick, score = ticks.gather(1, micro[:, None])[:, 0], score + chance
        seen.append(micro)

        logits = self._pitch_logits(self._head(3, tops, seen), part, last, place[:, kernels.P_ROOT], echo)
        pitch, _, chance = self._choose(3, torch.where(onset.mask, logits, NEVER), noise, drums)
        score = score + chance
        same = torch.where(echo == NO_PITCH, 0, torch.where(echo == pitch[:, None], 1, 2))
        seen += [pitch, *same.unbind(1)]

        loud, _, chance = self._choose(4, self._head(4, tops, seen), noise, drums)
        score = score + chance
        seen.append(loud)

        longest = row[:, kernels.L_LONGEST]
        short = (longest[:, None] <= 0) | (self._ticks <= longest[:, None]) | (self._ticks == self._ticks[0])
        length, _, chance = self._choose(5, torch.where(short, self._head(5, tops, seen), NEVER), noise, drums)
        duration = self._ticks[length]
        line = (row[:, kernels.L_VOICES] == 1) & ~drums
        duration = torch.where(line, _legato(unit, tick, duration), duration)
        duration = torch.where(longest > 0, torch.minimum(duration, longest), duration).clamp(min=1)
        velocity = loud * rep.VELOCITY_STEP + (noise[:, len(rep.HEADS)] * rep.VELOCITY_STEP).long()
        return Decision(
            onset.lost, onset.until, unit, tick, part, pitch, velocity.clamp(1, 127), duration,
            torch.stack((part, onset.delta, micro, pitch, loud, self._duration_class(duration)), 1), score + chance,
        )  # fmt: skip

    def _onset(
        self, s: State, logits: Tensor, noise: Tensor, part: Tensor, row: Tensor, begin: Tensor, earliest: Tensor,
        nobody: Tensor,
    ) -> Onset:  # fmt: skip
        """The part of kernels.draw that chooses an onset, again and again while it would allow no pitch. logits: of
        the deltas; row: the limits of the part; nobody: lanes that are lost already."""
        drums, units = part == DRUMS, _unit_of(s.unit[:, None], self._deltas)
        own_unit, own_part, own_pitch = s.own.unbind(1)
        # the smallest unit whose last micro step is not before begin; own notes of one unit rise in (part, pitch)
        first = torch.maximum(-((kernels.TOP_MICRO - begin) // UNIT), s.unit)
        passed = (part < own_part) | ((part == own_part) & (own_pitch >= row[:, kernels.L_HIGH]))
        first = first + ((first == own_unit) & passed)
        lost, settled, until = nobody, nobody, torch.maximum(begin, earliest + 12 * UNIT)
        best: list[Tensor] = []
        for attempt in range(_TRIES):
            delta, none, chance = self._choose(1, torch.where(units >= first[:, None], logits, NEVER), noise, drums)
            unit = units.gather(1, delta[:, None])[:, 0]
            place = self._look(unit)
            order = torch.where((unit == own_unit) & (part == own_part), own_pitch + 1, 0)
            low = torch.maximum(row[:, kernels.L_LOW], order)
            mask = self._allowed(row, part, low, place[:, kernels.P_ROOT], place[:, kernels.P_QUALITY])
            found = mask.any(1) & ~none & ~settled
            tried = [delta, unit, order, chance, place, mask]
            best = [_where(found, new, old) for new, old in zip(tried, best or tried, strict=True)]
            given_up = ~settled & ~found if attempt == _TRIES - 1 else ~settled & none
            if attempt == _TRIES - 1:
                until = torch.where(given_up & ~none, torch.maximum(unit * UNIT, earliest) + UNIT, until)
            lost, settled = lost | given_up, settled | found | given_up
            first = torch.where(settled, first, unit + 1)
        return Onset(lost, until, *best)

    def _fed(self, s: State, after: Tensor, d: Decision) -> tuple[State, Tensor]:
        """kernels.feed, in the lanes that go on; and the row that says what they did."""
        done = s.done | (s.notes >= self.told.goal) | (torch.where(d.lost, d.until, d.tick) >= self.told.until)
        kind = torch.where(done, DONE, torch.where(d.lost, REST, NOTE))
        told = torch.stack(
            (kind, torch.where(d.lost, d.until, d.tick), d.part, d.pitch, d.velocity, d.duration), 1
        )  # fmt: skip
        queue, lag, length = self._remember(s, torch.stack((d.unit, d.part, d.pitch, d.event[:, 5]), 1))
        fed = State(
            trunk=after,
            event=d.event,
            unit=d.unit,
            tick=torch.maximum(s.tick, d.tick),
            own=torch.stack((d.unit, d.part, d.pitch), 1),
            last=torch.where(self._parts == d.part[:, None], d.pitch[:, None], s.last),
            held=self._hold(s, d),
            queue=queue,
            filled=s.filled + 1,
            lag=lag,
            length=length,
            earliest=d.tick,
            drawn=s.drawn,
            done=s.done,
            notes=s.notes + 1,
            score=s.score + d.score,
        )
        sounds = kind == NOTE
        kept = State(*(_where(sounds, new, old) for new, old in zip(fed, s, strict=True)))
        waits = torch.where(kind == REST, torch.maximum(s.earliest + 1, d.until), kept.earliest)
        return kept._replace(earliest=waits, drawn=s.drawn + (kind != DONE), done=done), told

    def _duration_class(self, ticks: Tensor) -> Tensor:
        """kernels.duration_of."""
        return torch.bucketize(ticks * ticks, self._duration_edges)

    def _hold(self, s: State, d: Decision) -> Tensor:
        """kernels.hold: into a free place, or that of the note which ends first."""
        who, _, ends = s.held.unbind(1)
        free = (who < 0) | (ends <= d.tick[:, None])
        key = torch.where(free, self._slots, ends.clamp(0, 1 << 40) * HELD + HELD + self._slots)
        here = (self._slots == key.amin(1, keepdim=True) % HELD)[:, None]
        return torch.where(here, torch.stack((d.part, d.pitch, d.tick + d.duration), 1)[:, :, None], s.held)

    def _remember(self, s: State, note: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """memory.remember: the queue with a note (lanes, 4), how many notes ago it went the same way, how long."""
        queue = torch.cat((s.queue[:, :, 1:], note[:, :, None].to(torch.int32)), 2)
        unit, part, pitch, _ = queue[:, :, -(REACH + 3) :].unbind(1)
        name = part * 128 + pitch
        step = unit - torch.cat((unit[:, :1], unit[:, :-1]), 1)
        now = (name == name[:, -1:]) & (step == step[:, -1:])
        before = (name == name[:, -2:-1]) & (step == step[:, -2:-1])
        earlier = name == name[:, -3:-2]
        alike = now[:, 3:-1] & before[:, 2:-2] & earlier[:, 1:-3]  # by lag REACH - 1 .. 1
        lag = torch.where(alike & (self._lags <= s.filled[:, None] - 3), self._lags, REACH).amin(1)
        goes_on = (s.length > 0) & now.gather(1, (now.shape[1] - 1 - s.lag.clamp(1, REACH))[:, None])[:, 0]
        length = torch.where(goes_on, s.length + 1, torch.where(lag < REACH, 3, 0))
        return queue, torch.where(goes_on, s.lag, lag), length


class _Gru:
    """trunks/gru.py for many rows at once. State (rows, layers, hidden) fp32."""

    def __init__(self, w: Any, weight: Callable[..., Tensor]) -> None:
        self.layers, _, self.size = w.state.shape
        inner = [(w.first, w.first_scale), *zip(w.inner, w.inner_scale, strict=True)]
        self.inputs = [(weight(*inner[layer]), weight(w.input_bias[layer])) for layer in range(self.layers)]
        state = list(zip(w.state, w.state_scale, strict=True))
        self.states = [(weight(*state[layer]), weight(w.state_bias[layer])) for layer in range(self.layers)]

    def state_of(self, snapshot: Any) -> Any:
        """One row from the snapshot of a stream's trunk."""
        return snapshot.reshape(self.layers, self.size)

    def top(self, state: Tensor) -> Tensor:
        """(..., hidden) the output that the heads see."""
        return state[..., -1, :]

    def step(self, x: Tensor, state: Tensor, dtype: torch.dtype) -> Tensor:
        """The state after one more event, embedded as x (rows, embedding)."""
        after = []
        for layer in range(self.layers):
            before = state[:, layer]
            gates = functional.linear(x.to(dtype), *self.inputs[layer]).float()
            inner = functional.linear(before.to(dtype), *self.states[layer]).float()
            reset, update = torch.sigmoid(gates[:, : 2 * self.size] + inner[:, : 2 * self.size]).chunk(2, 1)
            new = torch.tanh(gates[:, 2 * self.size :] + reset * inner[:, 2 * self.size :])
            x = new + update * (before - new)
            after.append(x)
        return torch.stack(after, 1)


_TRUNKS = {"gru": _Gru}

def _entry(timeline: Tensor, index: Tensor) -> Tensor:
    """(lanes, rows): one entry of each lane's timeline."""
    return timeline.gather(2, index[:, None, None].expand(-1, timeline.shape[1], 1))[:, :, 0]


def _where(lanes: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """torch.where with a row of lanes (lanes,) for any shape that has the lanes first."""
    return torch.where(lanes.view(-1, *[1] * (new.dim() - 1)), new, old)


def _unit_of(unit: Tensor, delta: Tensor) -> Tensor:
    """rep.decode_delta."""
    far = ((unit + rep.LINEAR) // rep.HALF + 1 + delta - rep.LINEAR - 1) * rep.HALF
    return torch.where(delta <= rep.LINEAR, unit + delta, far)


def _legato(unit: Tensor, tick: Tensor, duration: Tensor) -> Tensor:
    """kernels.legato."""
    end = unit * UNIT + duration
    stop = torch.maximum(end // 120 * 120, end // 160 * 160)
    return torch.where(2 * (stop - tick) >= duration, stop - tick, duration)


def _shifted(value: Tensor, bits: int) -> Tensor:
    """value >> bits, as of unsigned 64-bit numbers."""
    return value >> bits & (1 << (64 - bits)) - 1


def mixed(value: Tensor, key: Tensor) -> Tensor:
    """One round of splitmix64 (kernels.uniform); int64 wraps as uint64 does."""
    value = (value ^ key) + GOLDEN
    value = (value ^ _shifted(value, 30)) * _FIRST
    value = (value ^ _shifted(value, 27)) * _SECOND
    return value ^ _shifted(value, 31)


def _uniform(value: Tensor, key: Tensor) -> Tensor:
    """The last round of kernels.uniform: fp32 in [0, 1)."""
    return _shifted(mixed(value, key), 40).float() * (1.0 / 16777216.0)


def _pick(scores: Tensor, temperature: Tensor, top_p: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """kernels.pick for every row: the choice, whether there is none, and its log-probability at temperature 1."""
    open_, count = scores > NEVER, scores.shape[1]
    best = scores.amax(1, keepdim=True)
    weight = torch.where(open_, torch.exp((scores - best) / temperature[:, None]), 0)
    falling = weight.sort(1, descending=True).values
    mass = falling.cumsum(1)
    last = (mass < top_p[:, None] * mass[:, -1:]).sum(1, keepdim=True).clamp(max=count - 1)
    weight = torch.where((top_p < 1)[:, None] & (weight < falling.gather(1, last)), 0, weight)
    reached = weight.cumsum(1)
    choice = (reached <= noise[:, None] * reached[:, -1:]).sum(1)
    places = torch.arange(count, device=scores.device)
    choice = torch.minimum(choice, torch.where(weight > 0, places, 0).amax(1))
    chance = scores.gather(1, choice[:, None])[:, 0] - torch.logsumexp(scores, 1)
    return choice, ~open_.any(1), chance
