"""Making a release, stage by stage, and taking it up again where it stopped.

The key of a stage is the SHA-256 of what it depends on: its keys of the brief, the content of the files that it is
made of, and the version of code and models. What was made for a key stands in `.work` (see store) and stays.
Stages that do not depend on each other run beside each other, over the engine's worker processes. A stage that fails
leaves the others alone; the manifest says which failed and why.

    release(brief, folder)                  all of it, on this machine
    make_stage(brief, folder, name, engine) one stage, whose earlier ones are made: for those who schedule themselves
    finish(brief, folder, failures)         publish what is made, write credits, provenance, page and manifest

Threads: `release` drives one thread a stage; what they say arrives from any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError, FileError, choose
from aigc_music.engine import Engine
from aigc_music.engine.encodings import Record
from aigc_music.engine.provenance import canonical
from aigc_music.files.atomic import atomic_write

from .brief import Brief
from .manifest import (
    MANIFEST,
    credits_pieces,
    is_ours,
    json_bytes,
    manifest_of,
    page_piece,
    provenance_piece,
)
from .publish import Publisher
from .stages import STAGES, Kit, narrowed, needed, wanted
from .store import Made, Piece, Store, code_fingerprint

__all__ = ["DOCUMENTS", "Outcome", "Say", "StageReport", "finish", "key_of", "make_stage", "release"]

Say = Callable[[str, float, float | None], None]
"""What is being done, how much of all is done 0..1, seconds left (None = not known)."""

DOCUMENTS = ("credits", "provenance", "page")
"""What tells of the rest, written anew by every run."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """How a stage went. state: done, failed, blocked (by an earlier one that failed) or left (nobody asked for it).
    why: in a sentence, where it is not done. anew: whether it was made by this run."""

    name: str
    state: str
    why: str = ""
    anew: bool = False

    def row(self) -> dict[str, str]:
        """As it stands in the manifest."""
        return {"name": self.name, "state": self.state} | ({"why": self.why} if self.why else {})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. artifacts: rows of the manifest. changed: paths that were put in place by this run."""

    folder: Path
    stages: tuple[StageReport, ...]
    artifacts: tuple[dict[str, Any], ...]
    changed: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        return not any(stage.state in ("failed", "blocked") for stage in self.stages)


def key_of(brief: Brief, store: Store, name: str) -> str | None:
    """The key of a stage; None while a stage that it needs is not made."""
    parents = {}
    for other in [*needed(name, brief), *STAGES[name].likes]:
        made = _kept(brief, store, other)
        if made is None and other in needed(name, brief):
            return None
        parents[other] = [] if made is None else [[row.path, row.sha256] for row in made.rows]
    own = asdict(narrowed(brief, STAGES[name].keys))
    return hashlib.sha256(canonical([name, own, parents, code_fingerprint()])).hexdigest()


def _kept(brief: Brief, store: Store, name: str) -> Made | None:
    key = key_of(brief, store, name) if name in wanted(brief) else None
    return None if key is None else store.find(name, key)


def make_stage(brief: Brief, folder: Path, name: str, engine: Engine,
               say: Callable[[float, str], None] = lambda done, what: None) -> Made:  # fmt: skip
    """What stage `name` gives for this brief, made now where it is not there yet. Raises what its generators raise,
    and FileError where a stage that it needs is not made."""
    store = Store(folder)
    key = key_of(brief, store, name)
    if key is None:
        raise FileError(f"{name} is made of {', '.join(needed(name, brief))}: make these first")
    found = store.find(name, key)
    if found is not None:
        return found
    stage = STAGES[name]
    made = {other: kept for other in (*needed(name, brief), *stage.likes) if (kept := _kept(brief, store, other))}
    return store.make(name, key, stage.make(Kit(narrowed(brief, stage.keys), made, engine, say)))


def release(brief: Brief, folder: str | Path, *, workers: int | None = None, only: Iterable[str] = (),
            say: Say = lambda what, done, left: None) -> Outcome:  # fmt: skip
    """Make the release of a brief in a folder, as far as it is not there yet.

    workers: processes, None = one a core, 0 = none but this one. only: names of stages; these and what they need.
    Raises UsageError for unknown stages, FileError where the folder cannot be worked in (another run, a full disk,
    foreign files in the way of the manifest). What goes wrong in a stage is in the outcome instead. An interrupt
    keeps the stages that are done.
    """
    if brief.songs:
        from .album import release_album

        return release_album(brief, Path(folder), workers=workers, only=only, say=say)
    store = Store(Path(folder))
    with store.locked():
        _refuse_foreign(store)
        return _Run(brief, store, _chosen(brief, only), say).go(workers)


def _chosen(brief: Brief, only: Iterable[str]) -> list[str]:
    """The stages to make, with all that they need, in the order of the table."""
    todo = [choose("stage", name, wanted(brief)) for name in only] or wanted(brief)
    for name in todo:
        todo += [other for other in needed(name, brief) if other not in todo]
    return [name for name in STAGES if name in todo]


def _refuse_foreign(store: Store) -> None:
    """FileError, before any work, where a manifest that is not ours is in the way of ours."""
    path = store.folder / MANIFEST
    if path.exists() and not is_ours(path):
        raise FileError(f"{str(path)!r} belongs to something else: name another folder")


class _Run:
    """One run over the stages of a song."""

    def __init__(self, brief: Brief, store: Store, names: list[str], say: Say) -> None:
        self.brief, self.store, self.names = brief, store, names
        self.publisher = Publisher(store, brief)
        self.reports: dict[str, StageReport] = {}
        self.bar = _Bar(names, say)

    def go(self, workers: int | None) -> Outcome:
        with Engine(_cores() if workers is None else workers) as engine:
            self.engine = engine
            # an engine without processes works in whichever thread asks: then one stage after the other
            with ThreadPoolExecutor(1 if workers == 0 else len(STAGES)) as threads:
                try:
                    self._stages(threads)
                except BaseException:
                    threads.shutdown(wait=False, cancel_futures=True)
                    engine.close()  # so that the threads that wait for it end
                    raise
        return _finished(self.brief, self.store, self.publisher, self.reports)

    def _stages(self, threads: ThreadPoolExecutor) -> None:
        waiting, running = list(self.names), dict[Future[Made], str]()
        while waiting or running:
            for name in [name for name in waiting if self._ready(name)]:
                waiting.remove(name)
                lacking = [other for other in needed(name, self.brief) if self.reports[other].state != "done"]
                if lacking:
                    self._report(StageReport(name, "blocked", f"it is made of {lacking[0]}, which is not done"))
                elif (made := _kept(self.brief, self.store, name)) is not None:
                    self._publish(name, made, anew=False)
                else:
                    running[threads.submit(self._make, name)] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                self._take(running.pop(future), future)

    def _ready(self, name: str) -> bool:
        before = [*needed(name, self.brief), *STAGES[name].likes]
        return all(other in self.reports for other in before if other in self.names)

    def _make(self, name: str) -> Made:
        return make_stage(
            self.brief, self.store.folder, name, self.engine, lambda done, what: self.bar.at(name, done, what)
        )

    def _take(self, name: str, future: Future[Made]) -> None:
        try:
            made = future.result()
        except Exception as error:
            self._report(StageReport(name, "failed", _sentence(error, self.store)))
        else:
            self._publish(name, made, anew=True)

    def _publish(self, name: str, made: Made, *, anew: bool) -> None:
        try:
            self.publisher.put(made.rows, made.place)
        except Exception as error:
            self._report(StageReport(name, "failed", _sentence(error, self.store)))
        else:
            self._report(StageReport(name, "done", anew=anew))

    def _report(self, report: StageReport) -> None:
        self.reports[report.name] = report
        self.bar.at(report.name, 1.0, "done")


def finish(brief: Brief, folder: str | Path, failures: dict[str, str]) -> Outcome:
    """Publish all that `make_stage` has made for a brief, and write what tells of it. failures: stage -> a sentence.
    FileError as `release`."""
    store = Store(Path(folder))
    with store.locked():
        _refuse_foreign(store)
        run = _Run(brief, store, wanted(brief), lambda what, done, left: None)
        for name in wanted(brief):
            made = _kept(brief, store, name)
            if made is not None:
                run._publish(name, made, anew=False)
            else:
                why = failures.get(name)
                run._report(StageReport(name, "failed", why) if why else StageReport(name, "left", "not made yet"))
        return _finished(brief, store, run.publisher, run.reports)


def _finished(brief: Brief, store: Store, publisher: Publisher, reports: dict[str, StageReport]) -> Outcome:
    """Credits, provenance and page, and the manifest last."""
    made = [kept for name in wanted(brief) if (kept := _kept(brief, store, name)) is not None]
    records: dict[str, Record] = {
        row.path: row.record for kept in made for row in kept.rows if row.record and row.path in publisher.artifacts
    }
    for name in wanted(brief):
        reports.setdefault(name, StageReport(name, "left", "this run was not asked for it"))

    def manifest() -> dict[str, Any]:
        told = [reports[name].row() for name in (*wanted(brief), *DOCUMENTS) if name in reports]
        return manifest_of(brief, publisher.artifacts.values(), records, told)

    documents: dict[str, Callable[[], list[Piece]]] = {
        "credits": lambda: credits_pieces(brief, manifest()["artifacts"], records),
        "provenance": lambda: [provenance_piece(records)],
        "page": lambda: [page_piece(brief, manifest(), store.folder)],
    }
    for name, pieces in documents.items():
        try:
            given = pieces()
            key = hashlib.sha256(b"\0".join(piece.data for piece in given)).hexdigest()
            kept = store.find(name, key) or store.make(name, key, given)
            publisher.put(kept.rows, kept.place)
            made.append(kept)
            reports[name] = StageReport(name, "done", anew=any(row.path in publisher.changed for row in kept.rows))
        except Exception as error:
            reports[name] = StageReport(name, "failed", _sentence(error, store))
    order = (*wanted(brief), *DOCUMENTS)
    outcome = Outcome(store.folder, tuple(reports[name] for name in order), ())
    if outcome.ok and not any(report.state == "left" for report in outcome.stages):
        publisher.take_away(())
        store.tidy(made)
    final = manifest()
    data = json_bytes(final)
    path = store.folder / MANIFEST
    if not path.exists() or path.read_bytes() != data:
        with atomic_write(path) as file:
            file.write(data)
    return Outcome(store.folder, outcome.stages, tuple(final["artifacts"]), frozenset(publisher.changed))


def _sentence(error: Exception, store: Store) -> str:
    """What went wrong, in a sentence without folders of this machine."""
    told = str(error) if isinstance(error, AigcMusicError) else f"a mistake of ours, {type(error).__name__}: {error}"
    return " ".join(told.replace(f"{store.folder}{os.sep}", "").split())


def _cores() -> int:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(64, count)


@dataclass(slots=True)
class _Bar:
    """How far all stages are together, each by the seconds that it usually takes."""

    names: list[str]
    say: Say
    done: dict[str, float] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def at(self, name: str, done: float, what: str) -> None:
        with self.lock:
            self.done[name] = done
            whole = sum(STAGES[other].seconds for other in self.names)
            share = sum(STAGES[other].seconds * self.done.get(other, 0.0) for other in self.names) / whole
            self.say(f"{name}: {what}", share, None)
