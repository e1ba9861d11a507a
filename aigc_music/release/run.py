"""Making a release, stage by stage, and taking it up again where it stopped.

The key of a stage is the SHA-256 of what it depends on: its keys of the brief, the content of the files that it is
made of, and the version of code and models. What was made for a key stands in `.work` (see store) and stays.
Stages that do not depend on each other run beside each other, over the engine's worker processes. A stage that fails
leaves the others alone; the manifest says which failed and why.

    release(brief, folder)                   all of it, on this machine
    make_stage(brief, folder, name, engine)  one stage, whose earlier ones are made: for those who schedule themselves
    finish(brief, folder, failures)          publish what is made, and write what tells of it

Threads: `release` drives one thread a stage; what they say arrives from any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aigc_music.core.errors import FileError, UsageError, choose
from aigc_music.engine import Engine
from aigc_music.engine.provenance import canonical

from .brief import Brief
from .manifest import Outcome, StageReport, refuse_foreign, sentence, write_papers
from .publish import Publisher
from .stages import STAGES, Kit, cost_of, narrowed, needed, wanted
from .store import Made, Store, code_fingerprint

__all__ = ["Outcome", "Say", "StageReport", "finish", "kept_stage", "key_of", "make_stage", "release"]

Say = Callable[[str, float, float | None], None]
"""What is being done, how much of all is done 0..1, seconds left (None = not known)."""


def key_of(brief: Brief, store: Store, name: str) -> str | None:
    """The key of a stage; None while a stage that it needs is not made."""
    parents = {}
    for other in [*needed(name, brief), *STAGES[name].likes]:
        made = kept_stage(brief, store, other)
        if made is None and other in needed(name, brief):
            return None
        parents[other] = [] if made is None else [[row.path, row.sha256] for row in made.rows]
    own = asdict(narrowed(brief, STAGES[name].keys))
    return hashlib.sha256(canonical([name, own, parents, code_fingerprint()])).hexdigest()


def kept_stage(brief: Brief, store: Store, name: str) -> Made | None:
    """What is there of a stage for this brief; None where it has to be made, or belongs to no such release."""
    key = key_of(brief, store, name) if name in wanted(brief) else None
    return None if key is None else store.find(name, key)


def make_stage(brief: Brief, folder: str | Path, name: str, engine: Engine,
               say: Callable[[float, str], None] = lambda done, what: None) -> Made:  # fmt: skip
    """What a stage gives for this brief, made now where it is not there yet. Raises what its generators raise, and
    FileError where a stage that it needs is not made."""
    store = Store(Path(folder))
    key = key_of(brief, store, name)
    if key is None:
        raise FileError(f"{name} is made of {', '.join(needed(name, brief))}: make these first")
    found = store.find(name, key)
    if found is not None:
        return found
    stage = STAGES[name]
    before = {other: kept_stage(brief, store, other) for other in (*needed(name, brief), *stage.likes)}
    made = {other: kept for other, kept in before.items() if kept is not None}
    return store.make(name, key, stage.make(Kit(narrowed(brief, stage.keys), made, engine, say)))


def release(brief: Brief, folder: str | Path, *, workers: int | None = None, only: Iterable[str] = (),
            say: Say = lambda what, done, left: None) -> Outcome:  # fmt: skip
    """Make the release of a brief in a folder, as far as it is not there yet.

    workers: processes, None = one a core, 0 = none but this one. only: names of stages; these and what they need.
    Raises UsageError for unknown stages, FileError where the folder cannot be worked in (another run, a full disk,
    a foreign manifest). What goes wrong in a stage is in the outcome instead. An interrupt keeps the stages that are
    done.
    """
    if brief.songs:
        from .album import release_album

        return release_album(brief, Path(folder), workers=workers, only=only, say=say)
    asked = _asked(brief, only)
    store = Store(Path(folder))
    with store.locked():
        refuse_foreign(store.folder)
        return _Run(brief, store, asked, say).go(workers)


def _asked(brief: Brief, only: Iterable[str]) -> list[str]:
    """The stages to make, with all that they need. UsageError for a name that is none."""
    todo = []
    for name in only:
        name = choose("stage", name, STAGES)
        if name not in wanted(brief):
            raise UsageError(f"stage {name}: an instrumental has none")
        todo.append(name)
    todo = todo or wanted(brief)
    for name in todo:
        todo += [other for other in needed(name, brief) if other not in todo]
    return todo


def finish(brief: Brief, folder: str | Path, failures: dict[str, str]) -> Outcome:
    """Publish all that `make_stage` has made for a brief, and write what tells of it. failures: stage -> a sentence.
    FileError as `release`."""
    store = Store(Path(folder))
    with store.locked():
        refuse_foreign(store.folder)
        run = _Run(brief, store, [], lambda what, done, left: None)
        for name, why in failures.items():
            lacking = [other for other in needed(name, brief) if other in failures]
            run.reports[name] = _blocked(name, lacking[0]) if lacking else StageReport(name, "failed", why)
        return run.go(0)


class _Run:
    """One run over the stages of a song. asked: those that are made where they are not there."""

    def __init__(self, brief: Brief, store: Store, asked: list[str], say: Say) -> None:
        self.brief, self.store, self.asked = brief, store, asked
        self.publisher = Publisher(store, brief)
        self.reports: dict[str, StageReport] = {}
        self.bar = _Bar({name: cost_of(name, brief) for name in asked}, say)

    def go(self, workers: int | None) -> Outcome:
        threads = _Here() if workers == 0 else ThreadPoolExecutor(len(STAGES))
        with Engine(_cores() if workers is None else workers) as engine, threads:
            try:
                self._stages(engine, threads)
            except BaseException:
                engine.close()  # so that the threads that wait for it end
                raise
        order = wanted(self.brief)
        made = [kept for name in order if (kept := kept_stage(self.brief, self.store, name)) is not None]
        return write_papers(self.brief, self.store, self.publisher, [self.reports[name] for name in order], made)

    def _stages(self, engine: Engine, threads: Executor) -> None:
        waiting = [name for name in wanted(self.brief) if name not in self.reports]
        running: dict[Future[Made], str] = {}
        while waiting or running:
            while ready := next((name for name in waiting if self._ready(name)), None):
                waiting.remove(ready)
                if not self._settled(ready):
                    make = partial(make_stage, self.brief, self.store.folder, ready, engine)
                    running[threads.submit(make, partial(self.bar.at, ready))] = ready
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                self._take(running.pop(future), future)

    def _ready(self, name: str) -> bool:
        """Whether it is known how all went that it is made of."""
        return all(other in self.reports for other in self._before(name))

    def _before(self, name: str) -> list[str]:
        return [other for other in (*needed(name, self.brief), *STAGES[name].likes) if other in wanted(self.brief)]

    def _settled(self, name: str) -> bool:
        """Whether a stage needs no work: it is there, cannot be made, or nobody asked for it."""
        lacking = [other for other in needed(name, self.brief) if self.reports[other].state != "done"]
        if not lacking and (made := kept_stage(self.brief, self.store, name)) is not None:
            self._publish(name, made, anew=False)
        elif name not in self.asked:
            self._report(StageReport(name, "left", "this run was not asked for it"))
        elif lacking:
            self._report(_blocked(name, lacking[0]))
        else:
            return False
        return True

    def _take(self, name: str, future: Future[Made]) -> None:
        try:
            made = future.result()
        except Exception as error:
            self._report(StageReport(name, "failed", sentence(error, self.store.folder)))
        else:
            self._publish(name, made, anew=True)

    def _publish(self, name: str, made: Made, *, anew: bool) -> None:
        try:
            self.publisher.put(made.rows, made.place)
        except Exception as error:
            self._report(StageReport(name, "failed", sentence(error, self.store.folder)))
        else:
            self._report(StageReport(name, "done", anew=anew))

    def _report(self, report: StageReport) -> None:
        self.reports[report.name] = report
        if report.anew or report.state == "failed":
            self.bar.at(report.name, 1.0, report.state)
        else:
            self.bar.without(report.name)


def _blocked(name: str, by: str) -> StageReport:
    return StageReport(name, "blocked", f"it is made of {by}, which is not done")


class _Here(Executor):
    """Does the work at once, in the calling thread: for an engine that has no processes."""

    def submit(self, work: Callable[..., Any], /, *values: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*values, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def _cores() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(64, count)


@dataclass(slots=True)
class _Bar:
    """How far all stages that are to be made are together, each by the seconds that it usually takes."""

    costs: dict[str, float]
    say: Say
    done: dict[str, float] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def at(self, name: str, done: float, what: str) -> None:
        with self.lock:
            self.done[name] = done
            whole = sum(self.costs.values())
            share = sum(cost * self.done.get(other, 0.0) for other, cost in self.costs.items())
            self.say(f"{name}: {what}", share / whole if whole else 1.0, None)

    def without(self, name: str) -> None:
        """A stage that there is nothing to do for."""
        with self.lock:
            self.costs.pop(name, None)
