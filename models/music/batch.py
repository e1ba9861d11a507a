"""Many pieces at once on the CPU: one stream a worker process, the whole of a piece in one call of compiled code.

    with Workers("default", 2) as workers:
        for written in workers.write([Piece(seed, conditions, limits, notes=400) for seed in range(8)]):
            ...  # in the order of the pieces

A piece depends on its own seed, conditions and limits alone: the same notes, bit for bit, whatever the number of
workers, and the same as from a Stream (decode_cpu) that is asked note by note with epoch 0 and index 0, 1, 2 ...

Workers run at low priority, one thread each, so a performance beside them keeps its time. They start afresh
("spawn") with the kernels from numba's cache; a script that makes some needs the usual `if __name__ == "__main__"`.

Threads: `Workers` belongs to one thread; `write_piece` to one per stream. Realtime-safe: no.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.core.errors import AigcMusicError, UsageError
from models.zoo import find

from ..trunks import gru
from .decode_cpu import Conditions, Limits, MusicModel, Rest, Stream, load_model
from .kernels import draw, feed, prepare

__all__ = ["Piece", "Workers", "Written", "write_on", "write_piece"]

_CHUNK = 1024  # notes a call of the kernel
_PATIENCE = 256  # rests in a row after which nothing is expected any more
_NICE = 10
_START_SECONDS = 120.0  # a first start compiles the kernels

Item = TypeVar("Item")
Result = TypeVar("Result")


class Piece(NamedTuple):
    """One line of music to write: so many notes or up to a tick, whichever comes first; begins on a bar line."""

    seed: int
    conditions: Conditions
    limits: Limits
    notes: int | None = None
    until: int | None = None
    tick: int = 0


class Written(NamedTuple):
    """A piece and what it cost its worker. notes (n, 5) int64: tick, part, pitch, velocity, duration in ticks."""

    notes: NDArray[np.int64]
    wall_ms: float
    cpu_ms: float
    worker: int  # its process id


class Workers:
    """Worker processes with a model each. AigcMusicError when they cannot start or one of them is killed.

    model: name or folder. A context: leaving it ends the workers; what has not begun by then never does.
    """

    def __init__(self, model: str | Path = "default", workers: int = 2) -> None:
        if workers < 1:
            raise UsageError(f"{workers} workers: give 1 or more")
        self.count, self._folder = workers, str(find(str(model)).resolve())

    def __enter__(self) -> Workers:
        load_model(self._folder)  # what is wrong with it is said here, not in a worker
        self._pool = ProcessPoolExecutor(self.count, get_context("spawn"), _begin, (self._folder,))
        try:
            self._wait_for_all()
        except BaseException:
            self._pool.shutdown(cancel_futures=True)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(self, pieces: Iterable[Piece]) -> Iterator[Written]:
        """The pieces, in order, each as soon as it and those before it are there."""
        return self.map(_write, pieces)

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`work` of every item, in order. work is a function of a module, item and result can be pickled; an error
        of `work` is raised here."""
        try:
            yield from self._pool.map(work, items)
        except BrokenProcessPool as error:
            raise AigcMusicError(
                "a worker process ended in the middle (killed, or out of memory): run again with fewer workers"
            ) from error

    def _wait_for_all(self) -> None:
        """Until every worker has its model and its kernels."""
        seen: set[int] = set()
        until = time.monotonic() + _START_SECONDS
        while len(seen) < self.count and time.monotonic() < until:
            seen.update(self.map(_ready, [0.02] * self.count))


_model: MusicModel | None = None  # of this worker


def _begin(folder: str) -> None:
    """First thing in a worker."""
    global _model
    if hasattr(os, "nice"):
        os.nice(_NICE)
    _model = load_model(folder)
    write_piece(_model, Piece(0, Conditions(), Limits(), notes=2))


def _ready(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _write(piece: Piece) -> Written:
    assert _model is not None
    return write_piece(_model, piece)


def write_piece(model: MusicModel, piece: Piece) -> Written:
    """Write one piece here and now. UsageError for a piece without an end."""
    if piece.notes is None and piece.until is None:
        raise UsageError("a piece ends after a number of notes or at a tick: give one of them")
    wall, cpu = time.perf_counter(), time.process_time()
    stream = model.stream(piece.seed)
    stream.begin(piece.tick)
    notes = write_on(stream, piece.conditions, piece.limits, piece.notes, piece.until)
    return Written(notes, 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu), os.getpid())


def write_on(
    stream: Stream, conditions: Conditions, limits: Limits, notes: int | None, until: int | None
) -> NDArray[np.int64]:
    """Let a stream decide and hear its own notes, see Written, with epoch 0 and index 0, 1, 2 ...

    What the stream knows afterwards is what `sample` and `feed` would have left. A GRU without guidance runs in one
    kernel, anything else note by note.
    """
    goal = np.iinfo(np.int64).max if notes is None else notes
    end = np.iinfo(np.int64).max if until is None else until
    found: list[NDArray[np.int64]] = []
    # earliest tick, decisions, rests in a row, 1 when it is over
    at = np.array([stream.tick, 0, 0, int(goal <= 0)], np.int64)
    fused = isinstance(stream._trunk, gru.State) and stream._plain is None and conditions.strength == 1.0
    while not at[3]:
        out = np.empty((min(_CHUNK, goal), 5), np.int64)
        count = (_fused if fused else _stepwise)(stream, conditions, limits, end, at, out)
        found.append(out[:count])
        goal -= count
        at[3] |= goal <= 0
    return np.concatenate(found) if found else np.empty((0, 5), np.int64)


def _stepwise(
    stream: Stream, conditions: Conditions, limits: Limits, end: int, at: NDArray[np.int64], out: NDArray[np.int64]
) -> int:
    """_notes, with any trunk and guidance."""
    count = 0
    while count < len(out):
        decided = stream.sample(conditions, limits, int(at[0]), 0, int(at[1]))
        at[1] += 1
        if isinstance(decided, Rest):
            at[0], at[2] = max(at[0] + 1, decided.until_tick), at[2] + 1
            if at[0] >= end or at[2] >= _PATIENCE:
                at[3] = 1
                return count
            continue
        if decided.tick >= end:
            at[3] = 1
            return count
        stream.feed(*decided)
        at[0], at[2] = decided.tick, 0
        out[count] = decided
        count += 1
    return count


def _fused(
    stream: Stream, conditions: Conditions, limits: Limits, end: int, at: NDArray[np.int64], out: NDArray[np.int64]
) -> int:
    """_notes, with what it needs of the stream."""
    trunk: Any = stream._trunk
    conditions.play_only(limits.allowed)
    stream._conditions = conditions
    sampling = stream.model.sampling[1 if conditions.style in stream.model.played_styles else 0].copy()
    sampling[..., 0] = np.maximum(sampling[..., 0] * conditions.temperature, 0.01)
    return int(
        _notes(
            stream._heads, stream._buffers, trunk.weights, trunk._before, trunk._after, trunk._gates, trunk._inner,
            stream._cells, stream._memory, conditions.array, conditions.chords, conditions.form, sampling,
            limits.rows, limits.drum_map, stream.seed, end, at, out,
        )
    )  # fmt: skip


# numba's cache does not see changes in the kernels that this one calls: after those, touch this file
@njit(cache=True, fastmath=True, nogil=True)
def _notes(  # type: ignore[no-untyped-def]
    w, b, trunk, before, after, gates, inner, cells, memory, conditions, chords, form, sampling, limits, drum_map,
    seed, end, at, out,
):  # fmt: skip
    """Decide and feed notes until `out` (n, 5) is full or it is over; returns how many. at: see write_on."""
    count = 0
    top = after[len(after) - len(after) // trunk.state.shape[0] :]
    while count < len(out):
        if prepare(w, b, cells, memory, conditions, chords, form, False):
            gru._step(trunk, b.x, before, after, gates, inner)
        draw(
            w, b, top, top, 1.0, cells, memory, conditions, chords, form, sampling, limits, drum_map, at[0], seed, 0,
            at[1],
        )  # fmt: skip
        at[1] += 1
        r = b.result
        if r[0] == 0:
            at[0], at[2] = max(at[0] + 1, r[1]), at[2] + 1
            if at[0] >= end or at[2] >= _PATIENCE:
                at[3] = 1
                return count
            continue
        if r[1] >= end:
            at[3] = 1
            return count
        before[:] = after
        feed(cells, memory, r[1], r[2], r[3], r[4], r[5], 0)
        at[0], at[2] = r[1], 0
        for i in range(5):
            out[count, i] = r[1 + i]
        count += 1
    return count
