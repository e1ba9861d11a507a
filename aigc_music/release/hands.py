"""Who does the work of a catalogue: processes of this machine, or a Ray cluster. Both do the same tasks the same way.

A task is one stage of a song, or the finish of a release. Whoever does it holds the lock of that stage in its
folder, so that a task that is given out twice (its worker was thought dead) is done once; the system lets the lock go
with the process that holds it. What a task gives stands in the folder: nothing but a short report travels.

Ray's usage statistics and dashboard are off, nothing is said to anybody outside the cluster. All nodes must have this
version installed and see the folder under the same path; every task checks both.

Threads: `give` and `take` one. Realtime-safe: no.
"""

from __future__ import annotations

import logging
import os
import platform
import re
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from aigc_music.core.errors import FileError, MissingExtraError, UsageError
from aigc_music.engine import Engine
from aigc_music.engine.pool import JobFailedError

from .brief import Brief
from .manifest import sentence
from .run import finish, kept_stage, make_stage, release
from .store import WORK, Store, code_fingerprint

__all__ = ["FINISH", "LOG", "TRIES", "Hands", "Report", "Task", "hands_on"]

FINISH = "finish"
"""The last task of a release: to publish what was made."""
LOG = ".catalogue/made.log"
"""In the catalogue's folder: a line for every stage that was made: folder, stage, key, machine, process."""
TRIES = 4
"""A task is given up when so many workers have died over it."""

_ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}  # no statistics; nothing printed by Ray
_OBJECTS = 100 << 20  # bytes of Ray's shared memory, which reports hardly touch


class Task(NamedTuple):
    """One thing to do. top: the catalogue's folder. place: of the song or release in it. stage: of STAGES, or FINISH.
    only: the stages that are wanted at all, () = all. failures: stage -> why, for a finish. code: fingerprint of the
    version that gives it out."""

    top: Path
    place: str
    brief: Brief
    stage: str
    only: tuple[str, ...]
    failures: dict[str, str]
    code: str

    @property
    def folder(self) -> Path:
        return self.top / self.place


class Report(NamedTuple):
    """How a task went. why: what went wrong, '' where nothing did. anew: whether something was made, not found.
    seconds: that it took."""

    why: str = ""
    anew: bool = False
    seconds: float = 0.0


class Hands(Protocol):
    """Who does tasks. count: how many at once."""

    count: int

    def give(self, task: Task) -> None:
        """Have it done, some time."""
        ...

    def take(self) -> list[tuple[Task, Report]]:
        """Wait until some of what was given is done."""
        ...

    def close(self) -> None:
        """Stop; what is not done is left."""
        ...


def hands_on(on: str | None, workers: int | None) -> Hands:
    """Processes of this machine for None, a Ray of this machine for 'local', else the Ray at that address.
    MissingExtraError without Ray, UsageError where none answers."""
    if on is None:
        return _Local(workers)
    if not re.fullmatch(r"local|auto|ray://\S+|[\w.-]+:\d+", on):
        raise UsageError(
            f"no place to work at: {on!r}; give 'local', or the address of a Ray such as ray://HOST:10001"
        )
    return _Ray(on, workers)


def do(task: Task, engine: Engine) -> Report:
    """Do a task where this is called. What goes wrong is in the report; JobFailedError where the engine's process
    died."""
    begun = time.monotonic()
    why, anew = "", False
    try:
        _check(task)
        with _alone(task):
            anew = _finish(task) if task.stage == FINISH else _make(task, engine)
    except JobFailedError as error:
        if not error.trace:
            raise
        why = sentence(error, task.folder)
    except Exception as error:
        why = sentence(error, task.folder)
    return Report(why, anew, time.monotonic() - begun)


def _check(task: Task) -> None:
    """FileError where this machine would make something else, or somewhere else."""
    if not task.top.is_dir():
        raise FileError(f"{platform.node()} does not see {str(task.top)!r}: name a folder on a disk of all nodes")
    if task.code != code_fingerprint():
        raise FileError(f"{platform.node()} has another version of aigc-music or its libraries: install the same")


@contextmanager
def _alone(task: Task) -> Iterator[None]:
    """Hold the lock of a stage; wait while somebody else does. Where the system has none, trust that nobody does."""
    try:
        import fcntl
    except ImportError:  # Windows, on which Ray has one machine alone
        yield
        return
    place = task.folder / WORK
    try:
        place.mkdir(parents=True, exist_ok=True)
        file = (place / f"{task.stage}.lock").open("ab")
    except OSError as error:
        raise FileError(f"cannot work in {str(task.folder)!r}: {error.strerror or error}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(task: Task, engine: Engine) -> bool:
    if kept_stage(task.brief, Store(task.folder), task.stage) is not None:
        return False
    made = make_stage(task.brief, task.folder, task.stage, engine)
    _note(task.top / LOG, f"{task.place} {made.folder.name} {platform.node()} {os.getpid()}\n")
    return True


def _finish(task: Task) -> bool:
    """As a run on one machine ends. An album is finished over its songs, of which none has anything left to do."""
    if task.brief.songs:
        outcome = release(task.brief, task.folder, workers=0, only=task.only)
    else:
        outcome = finish(task.brief, task.folder, task.failures)
    bad = [stage for stage in outcome.stages if stage.state == "failed" and stage.name not in task.failures]
    if bad:
        raise FileError(f"{bad[0].name}: {bad[0].why}")
    return bool(outcome.changed)


def _note(path: Path, line: str) -> None:
    """A line at the end of a file that many write to: one short write, which the system keeps whole."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ------------------------------------------------------------------------------------- this machine


class _Local:
    """The engine's processes, and a thread for each that feeds it."""

    def __init__(self, workers: int | None) -> None:
        self.count = workers or _cores()
        self._engine = Engine(self.count)
        self._threads = ThreadPoolExecutor(self.count)
        self._given: dict[Future[Report], Task] = {}

    def give(self, task: Task) -> None:
        self._given[self._threads.submit(self._do, task)] = task

    def take(self) -> list[tuple[Task, Report]]:
        done = wait(self._given, return_when=FIRST_COMPLETED).done
        return [(self._given.pop(future), future.result()) for future in done]

    def _do(self, task: Task) -> Report:
        why = ""
        for _ in range(TRIES):
            try:
                return do(task, self._engine)
            except JobFailedError as error:  # its process was killed
                why = str(error)
        return Report(why)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.close()


# ---------------------------------------------------------------------------------------------- Ray


def _do_on_ray(task: Task) -> Report:
    return do(task, Engine(workers=0))


class _Ray:
    """Tasks of a Ray cluster, a core each. Ray gives a task to another worker when one dies."""

    def __init__(self, on: str, workers: int | None) -> None:
        os.environ.update(_QUIET)
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError("Ray", "scale", f"a catalogue on {on!r}") from error
        self._ray = ray
        self._connect(on, workers or _cores())
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call, unused-ignore]
        self.count = max(1, int(resources.get("CPU", 1)))
        self._task = ray.remote(num_cpus=1, max_retries=TRIES - 1)(_do_on_ray)
        self._given: dict[Any, Task] = {}

    def _connect(self, on: str, workers: int) -> None:
        here = {"address": "local", "num_cpus": workers, "include_dashboard": False, "object_store_memory": _OBJECTS}
        variables = dict.fromkeys(_ALONE, "1") | _QUIET
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the error says it too
                self._ray.init(
                    **(here if on == "local" else {"address": on}), log_to_driver=False, logging_level=logging.ERROR,
                    runtime_env={"env_vars": variables},
                )  # fmt: skip
        except (OSError, ValueError, RuntimeError) as error:
            told = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(
                f"no Ray answers at {on!r} ({told}): give 'local', or ray://HOST:10001; a cluster that wants a token"
                " needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN set here"
            ) from error

    def give(self, task: Task) -> None:
        self._given[self._task.options(name=f"{task.place} {task.stage}").remote(task)] = task

    def take(self) -> list[tuple[Task, Report]]:
        done, _ = self._ray.wait(list(self._given), num_returns=1)
        return [(self._given.pop(reference), self._report(reference)) for reference in done]

    def _report(self, reference: Any) -> Report:
        try:
            report: Report = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Report(f"its worker died {TRIES} times: {str(error).strip().splitlines()[0]}")
        return report

    def close(self) -> None:
        with suppress(Exception):  # nothing that goes wrong at the end changes what was made
            self._ray.shutdown()
