"""How many notes a second come out when many pieces are written at once: worker processes beside lanes in torch.

The contenders take turns in rounds, so that whatever else runs on the machine slows all of them alike. Times are ms a
note: of a piece in its worker, of a step divided by its lanes. notes_per_s is by the clock, all workers or lanes
together.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any, Protocol

from aigc_music.core.errors import ModelError, UsageError

__all__ = ["measure"]

_ROUNDS = 4
_PIECE = 125  # notes
_WARM_UP = 3  # notes
ONE_LANE = "torch, one lane"
_FEWER = {ONE_LANE: 8}  # the slow one writes so many times fewer notes


class Contender(Protocol):
    """Somebody who writes notes."""

    def turn(self, notes: int) -> tuple[list[float], float, int]:
        """Write about so many: ms a note of each piece or step, CPU ms of all, how many."""

    def about(self, row: dict[str, Any]) -> dict[str, Any]:
        """What else its row (figures of all turns) is to say: `detail` and numbers."""


def measure(
    model: str = "default",
    notes: int = 4000,
    workers: int = 2,
    lanes: int | None = None,
    device: str = "cpu",
    report: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Time of `notes` notes with all conditions and limits; a lane on its own writes fewer.

    Returns (row by contender: p50, p99, min, cpu in ms a note, notes_per_s, count, detail; ours also workers, those
    in torch also step_ms, floor_ms, floor_bytes, bytes_per_s) and (why by contender that could not run).
    """
    if not 500 <= notes <= 1_000_000:
        raise UsageError(f"{notes} notes: give 500..1000000")
    if not 1 <= workers <= 64:
        raise UsageError(f"{workers} workers: give 1..64")
    if lanes is not None and not 1 <= lanes <= 4096:
        raise UsageError(f"{lanes} lanes: give 1..4096")
    from models.music.batch import Workers
    from models.music.bench import figures

    lanes = lanes or (8 if device == "cpu" else 64)
    contenders: dict[str, Contender] = {}
    skipped: dict[str, str] = {}
    with ExitStack() as stack:
        report("starting the workers")
        contenders["aigc-music"] = InWorkers(stack.enter_context(Workers(model, workers)))
        for name, lanes_ in {f"torch, {lanes} lanes": lanes, ONE_LANE: 1}.items():
            report(f"starting {name}")
            try:
                contenders[name] = InTorch(model, lanes_, device)
            except ModelError as error:
                skipped[name] = str(error)
        took: dict[str, list[float]] = {name: [] for name in contenders}
        cpu, wall, written = (dict.fromkeys(contenders, 0.0) for _ in range(3))
        for number in range(1, _ROUNDS + 1):
            for name, contender in contenders.items():
                report(f"round {number} of {_ROUNDS}, {name}")
                began = time.perf_counter()
                ms, cpu_ms, some = contender.turn(notes // _ROUNDS // _FEWER.get(name, 1))
                wall[name] += time.perf_counter() - began
                took[name] += ms
                cpu[name] += cpu_ms
                written[name] += some
    rows: dict[str, dict[str, Any]] = {}
    for name, contender in contenders.items():
        rate = {"notes_per_s": round(written[name] / wall[name], 1), "count": int(written[name])}
        row = figures(took[name], cpu[name] / written[name]) | rate
        rows[name] = row | contender.about(row)
    return rows, skipped


class InWorkers:
    """Our batch: pieces in worker processes, each with a seed of its own."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.seeds: Iterator[int] = count(1)

    def turn(self, notes: int) -> tuple[list[float], float, int]:
        from models.music.batch import Piece
        from models.music.bench import everything

        conditions, limits = everything()
        pieces = max(self.pool.count, notes // _PIECE)
        found = list(
            self.pool.write([Piece(next(self.seeds), conditions, limits, notes=_PIECE) for _ in range(pieces)])
        )
        written = sum(len(one.notes) for one in found)
        return [one.wall_ms / len(one.notes) for one in found], sum(one.cpu_ms for one in found), written

    def about(self, row: dict[str, Any]) -> dict[str, Any]:
        workers = self.pool.count
        free = f"{1000 * workers / row['cpu']:,.0f} notes/s"
        detail = f"workers: {workers}, pieces of {_PIECE} notes; by CPU time as many free cores would write {free}"
        return {"workers": workers, "detail": detail}


class InTorch:
    """Lanes side by side, which play on from turn to turn. ModelError where they cannot run."""

    def __init__(self, model: str, lanes: int, device: str) -> None:
        if importlib.util.find_spec("torch") is None:
            raise ModelError("torch is not installed: pip install 'aigc-music[train]'")
        from models.music.bench import everything
        from models.music.decode_cpu import load_model
        from models.music.decode_gpu import Lanes

        self.lanes = Lanes(load_model(model, exact=True), lanes, device, seed=1)
        self.lanes.tell(*everything())
        self.lanes.play(notes=_WARM_UP)  # on CUDA this captures the graph
        self.floor = self.lanes.floor()

    def turn(self, notes: int) -> tuple[list[float], float, int]:
        took, written, cpu = [], 0, time.process_time()
        for _ in range(max(1, notes // self.lanes.lanes)):
            began = time.perf_counter()
            written += self.lanes.sounding(self.lanes.step())
            took.append(1000 * (time.perf_counter() - began) / self.lanes.lanes)
        return took, 1000 * (time.process_time() - cpu), written

    def about(self, row: dict[str, Any]) -> dict[str, Any]:
        step, floor = round(row["p50"] * self.lanes.lanes, 4), self.floor
        detail = (
            f"on {self.lanes.device}, {self.lanes.precision}; a step {step:.3g} ms, its floor {floor.ms:.2g} ms:"
            f" {floor.bytes / 1e6:.1f} MB of weights at {floor.bytes_per_second / 1e9:,.1f} GB/s"
        )
        speed = {"floor_bytes": floor.bytes, "bytes_per_s": round(floor.bytes_per_second)}
        return {"step_ms": step, "floor_ms": round(floor.ms, 5), **speed, "detail": detail}
