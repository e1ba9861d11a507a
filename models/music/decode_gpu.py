"""The music model in torch, many lanes side by side: best of n, and notes by the thousand on a GPU.

    lanes = Lanes(load_model("default", exact=True), lanes=64, device="cuda", seed=7)
    lanes.tell(conditions, limits)
    best = rank(lanes.play(notes=200), checks)[0].take

A lane is what a Stream (decode_cpu) is: its own state, memory of bars, sounding notes, and seed (seed + its number).
A step (networks/lanes.py) has static shapes and waits for nothing, so on CUDA it is one captured graph a step and one
read-back of (lanes, 6) integers. The capture, `_captured`, is the only code that needs a GPU, and has not run on one
yet. All else is the same on a CPU: tests/test_lanes.py compares it there with decode_cpu (same seed, same draws, up
to the rounding of sums), and runs the step on torch's device `meta`, where a host read, a shape that depends on data
or a tensor left on another device is an error, as in a capture.

What differs from decode_cpu: a lane hears its own notes only (others come in with `begin(after=stream)`), of an onset
of more than 48 notes the first 48 are looked at, and on CUDA matrices and activations are bf16, the rest fp32.

Threads: one per Lanes. Realtime-safe: no.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError

from . import kernels
from . import memory as mem
from . import representation as rep
from .decode_cpu import CHORDS, Conditions, Limits, MusicModel, Note, Stream
from .networks.lanes import DONE, FAR, GOLDEN, NOTE, NOWHERE, QUEUE, State, Step, Told, mixed

__all__ = ["Floor", "Lanes", "Ranked", "Take", "rank"]

SEEDS = (1 << 63) - 1  # the bits of a seed that count
_PATIENCE = 256  # steps in a row without a note, after which nothing is expected any more
_NO_CHORD = (FAR, rep.ROOTS - 1, rep.QUALITIES - 1, rep.ROOTS - 1)  # tick, and what a row says then
_NO_FORM = (FAR, 0, 0)


class Take(NamedTuple):
    """What one lane played. mean_log_probability: nats a note, all six heads, under what the limits allowed."""

    lane: int
    seed: int
    notes: list[Note]
    mean_log_probability: float


class Ranked(NamedTuple):
    """A take, how many of the others are better in the mean, and what each check said."""

    take: Take
    place: float
    faults: tuple[float, ...]


class Floor(NamedTuple):
    """The least time a step can take: every weight it reads, once, at the speed at which the device copies."""

    bytes: int
    bytes_per_second: float
    ms: float


def rank(takes: Sequence[Take], checks: Sequence[Callable[[list[Note]], float]] = ()) -> list[Ranked]:
    """The takes, best first. checks: the faults in a take's notes, any number, smaller is better.

    The model's score and every check each put the takes in order; the mean place decides, so no weights need tuning
    and no check's scale drowns another's. By the model's score alone the dullest take tends to win (Holtzman et al.
    2020): give checks. A take without notes comes last. Ties keep the order of the lanes.
    """
    faults = [tuple(float(check(take.notes)) for check in checks) for take in takes]
    columns = [[-take.mean_log_probability for take in takes], *zip(*faults, strict=True)]
    ranked = []
    for index, take in enumerate(takes):
        better = [sum(value < column[index] for value in column) for column in columns]
        ranked.append(Ranked(take, sum(better) / len(better) if take.notes else float(len(takes)), faults[index]))
    return sorted(ranked, key=lambda one: one.place)


class Lanes:
    """k lanes of one model. UsageError for a device that is not here, ModelError for a trunk without lanes.

    model: loaded with exact=True for its full weights; int8 weights are turned back into numbers. guided: whether
    `Conditions.strength` counts, which doubles the work. dtype: of matrices; None = bf16 on CUDA, fp32 elsewhere.
    """

    def __init__(
        self,
        model: MusicModel,
        lanes: int = 16,
        device: str = "cpu",
        *,
        seed: int = 0,
        guided: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        if lanes < 1:
            raise UsageError(f"{lanes} lanes: give 1 or more")
        self.model, self.lanes, self.device = model, lanes, _device(device)
        self._told = _told(lanes, self.device)
        dtype = dtype or (torch.bfloat16 if self.device.type == "cuda" else torch.float32)
        self._step = Step(model, self._told, guided, self.device, dtype)
        self._state = self._state_of(model.stream())
        self._row = torch.zeros((lanes, 6), dtype=torch.int64, device=self.device)
        self._graph: Any = None
        self._ends(FAR, FAR)
        self.begin(seed)
        self.tell(Conditions(), Limits())

    def begin(self, seed: int = 0, *, tick: int = 0, epoch: int = 0, after: Stream | None = None) -> None:
        """Lane i starts with seed + i: from nothing on the bar line at `tick`, or from where a Stream stands."""
        if after is None:
            after = self.model.stream()
            after.begin(tick)
        self._write(self._state_of(after))
        self.seed = seed & SEEDS
        seeds = torch.tensor([(seed + lane) & SEEDS for lane in range(self.lanes)])
        key = mixed(mixed(torch.full_like(seeds, GOLDEN), seeds), torch.full_like(seeds, epoch))
        self._told.key.copy_(key)

    def tell(self, conditions: Conditions, limits: Limits, lane: int | None = None) -> None:
        """What the next notes of a lane (None = of all) are to be like. Acts on the very next note.

        UsageError where conditions ask for guidance and the lanes were made without.
        """
        if conditions.strength != 1.0 and not self._step.guided:
            raise UsageError(f"strength {conditions.strength:g} needs lanes that were made with guided=True")
        conditions.play_only(limits.allowed)
        sampling = self.model.sampling[1 if conditions.style in self.model.played_styles else 0].copy()
        sampling[..., 0] = np.maximum(sampling[..., 0] * conditions.temperature, 0.01)
        told = self._told
        for ours, theirs in (
            (told.conditions, conditions.array),
            (told.chords, _timeline(conditions.chords, int(conditions.array[kernels.C_CHORDS]), _NO_CHORD)),
            (told.form, _timeline(conditions.form, int(conditions.array[kernels.C_FORM]), _NO_FORM)),
            (told.limits, limits.rows),
            (told.drum_map, limits.drum_map),
            (told.sampling, sampling),
            (told.strength, np.float32(conditions.strength)),
        ):
            ours[slice(None) if lane is None else lane] = torch.as_tensor(theirs).to(self.device)

    def step(self) -> NDArray[np.int64]:
        """One decision in every lane, fed at once: rows (NOTE, tick, part, pitch, velocity, duration),
        (REST, until, ...) or (DONE, ...), (lanes, 6)."""
        if self.device.type == "cuda":
            self._graph = self._graph or self._captured()
            self._graph.replay()
        else:
            self._advance()
        return self._row.to("cpu", copy=True).numpy()

    def play(self, notes: int | None = None, until: int | None = None) -> list[Take]:
        """Play on in every lane: so many notes, or up to a tick, whichever comes first. UsageError without either.

        `step` alone goes on without an end.
        """
        if notes is None and until is None:
            raise UsageError("lanes play a number of notes or until a tick: give one of them")
        self._ends(FAR if notes is None else notes, FAR if until is None else until)
        played: list[list[Note]] = [[] for _ in range(self.lanes)]
        silent = 0
        while silent < _PATIENCE:
            rows = self.step()
            if (rows[:, 0] == DONE).all():
                break
            silent = 0 if self.sounding(rows) else silent + 1
            for lane in np.flatnonzero(rows[:, 0] == NOTE):
                played[lane].append(Note(*rows[lane, 1:].tolist()))
        scores = self._state.score.tolist()
        self._ends(FAR, FAR)
        return [
            Take(lane, (self.seed + lane) & SEEDS, own, scores[lane] / max(1, len(own)))
            for lane, own in enumerate(played)
        ]

    @staticmethod
    def sounding(rows: NDArray[np.int64]) -> int:
        """How many rows of a step are notes."""
        return int((rows[:, 0] == NOTE).sum())

    def _ends(self, notes: int, until: int) -> None:
        """Every lane is done after so many more notes, or at a tick; nothing is counted yet."""
        self._told.goal.fill_(notes)
        self._told.until.fill_(until)
        for fresh in (self._state.notes, self._state.score, self._state.done):
            fresh.zero_()

    @property
    def precision(self) -> str:
        """Type of the matrices, fp32 or bf16."""
        return {torch.float32: "fp32", torch.bfloat16: "bf16"}.get(self._step.dtype, str(self._step.dtype))

    def floor(self) -> Floor:
        """Bytes of weights that a step reads, beside the speed at which the device copies a large block."""
        block = torch.ones((1024 if self.device.type == "cuda" else 64) << 20, dtype=torch.uint8, device=self.device)
        other = torch.empty_like(block)
        best = float("inf")
        for _ in range(10):
            self._wait()
            began = time.perf_counter()
            other.copy_(block)
            self._wait()
            best = min(best, time.perf_counter() - began)
        speed = 2 * len(block) / best  # read and written
        return Floor(self._step.weight_bytes, speed, 1000 * self._step.weight_bytes / speed)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @torch.no_grad()
    def _advance(self) -> None:
        """One step, written into the tensors that stay."""
        state, row = self._step(self._state)
        self._write(state)
        self._row.copy_(row)

    def _write(self, state: State) -> None:
        for old, new in zip(self._state, state, strict=True):
            old.copy_(new)

    def _captured(self) -> Any:
        """One step as a CUDA graph: warmed up on a side stream, as capture asks, then recorded; the state is kept."""
        kept = State(*(tensor.clone() for tensor in self._state))
        side = torch.cuda.Stream(self.device)
        side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(side):
            for _ in range(3):
                self._advance()
        torch.cuda.current_stream(self.device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._advance()
        self._write(kept)
        return graph

    def _state_of(self, stream: Stream) -> State:
        """Every lane where a stream stands."""
        trunk, plain, cells = stream.snapshot()
        memory, n = stream._memory, int(cells[kernels.TRACE + mem.COUNT])
        halves = [trunk, trunk if plain is None else plain][: 2 if self._step.guided else 1]
        kept = min(n, QUEUE)
        queue = np.zeros((4, QUEUE), np.int32)
        queue[0] = NOWHERE
        queue[:, QUEUE - kept :] = memory[np.arange(n - kept, n) % mem.CAPACITY].T
        values = {
            "trunk": np.stack([self._step.trunk.state_of(half) for half in halves]),
            "event": cells[:6],
            "unit": cells[kernels.UNIT_NOW],
            "tick": cells[kernels.TICK_NOW],
            "own": cells[kernels.OWN_UNIT : kernels.OWN_PITCH + 1],
            "last": cells[kernels.LAST_PITCH : kernels.COUNT],
            "held": cells[kernels.NOTES :].reshape(kernels.HELD, 3).T,
            "queue": queue,
            "filled": np.int64(kept),
            "lag": n - 1 - cells[kernels.TRACE + mem.PLACE],
            "length": cells[kernels.TRACE + mem.LENGTH],
            "earliest": cells[kernels.TICK_NOW],
            "drawn": np.int64(0),
            "done": np.bool_(False),
            "notes": np.int64(0),
            "score": np.float32(0),
        }
        return State(**{
            name: torch.from_numpy(np.stack([value] * self.lanes)).to(self.device) for name, value in values.items()
        })  # fmt: skip


def _told(lanes: int, device: torch.device) -> Told:
    """Room for what the lanes are told."""
    shapes = {
        "conditions": (len(Conditions().array),), "chords": (4, CHORDS + 2), "form": (3, CHORDS + 2),
        "limits": Limits().rows.shape, "drum_map": (128,), "sampling": (2, len(rep.HEADS), 2),
    }  # fmt: skip
    dtypes = {"drum_map": torch.bool, "sampling": torch.float32, "strength": torch.float32}
    return Told(*(
        torch.zeros((lanes, *shapes.get(name, ())), dtype=dtypes.get(name, torch.int64), device=device)
        for name in Told._fields
    ))  # fmt: skip


def _device(name: str) -> torch.device:
    """UsageError for a device that torch does not know or does not have."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"torch knows no device {name!r}: give cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"no CUDA device for {name!r}: give cpu, or install a torch build for CUDA and its driver")
    return device


def _timeline(table: NDArray[np.int64], count: int, nothing: tuple[int, ...]) -> NDArray[np.int64]:
    """(rows, CHORDS + 2): what holds before the first entry, the entries, then nothing at a time that never comes."""
    result = np.empty((len(table), CHORDS + 2), np.int64)
    result[:] = np.array(nothing)[:, None]
    result[:, 1 : 1 + count] = table[:, :count]
    return result
