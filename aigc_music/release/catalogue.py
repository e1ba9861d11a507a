"""A catalogue: the releases of many briefs, stage by stage over all the hands there are, taken up where it stopped.

    FOLDER/NAME/                 the release of NAME.toml, as `release` makes it: the same files, the same hashes
    FOLDER/catalogue.json        which releases there are, and what failed; it holds no time
    FOLDER/.catalogue/made.log   a line for every stage that was made, ever: none is made twice

What is done stands in the release folders themselves, so a catalogue whose workers or driver died goes on when it is
started again. A brief that cannot be read, or fails, stops no other. On a cluster the folder must lie on a disk that
all nodes see under the same path.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aigc_music.core.errors import AigcMusicError, FileError, UsageError, choose
from aigc_music.files.atomic import atomic_write

from .brief import Brief, read_brief
from .hands import FINISH, LOG, Hands, Report, Task, hands_on
from .manifest import MANIFEST, json_bytes
from .stages import STAGES, needed, wanted
from .store import code_fingerprint

__all__ = ["CATALOGUE", "Catalogue", "Listed", "run_catalogue"]

CATALOGUE = "catalogue.json"
FORMAT = "aigc-music catalogue"
VERSION = 1

_FINISH_S = 3.0  # seconds to publish a release, beside those of STAGES
_AHEAD = 2  # tasks given out for each hand, so that none waits for the next

Say = Callable[[str, float, float | None], None]
"""What is being done, how much of all is done 0..1, seconds left (None = not known)."""


@dataclass(slots=True)
class Listed:
    """A release of the catalogue. name: its folder. failures: stage -> what went wrong, 'brief' where that cannot
    be read. made, kept: how many stages this run made, and found."""

    name: str
    brief: Brief | None = None
    failures: dict[str, str] = field(default_factory=dict)
    made: int = 0
    kept: int = 0

    @property
    def ok(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a run came to. seconds: that it took. `str` says it in words."""

    folder: Path
    releases: tuple[Listed, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return all(row.ok for row in self.releases)

    def __str__(self) -> str:
        lines = [f"{row.name}: {stage}: {why}" for row in self.releases for stage, why in row.failures.items()]
        good = sum(row.ok for row in self.releases)
        made, kept = sum(row.made for row in self.releases), sum(row.kept for row in self.releases)
        lines.append(
            f"{good} of {len(self.releases)} releases are whole in {self.folder}; "
            f"{made} stages made, {kept} kept, {self.seconds:.0f} s"
        )
        return "\n".join(lines)


def run_catalogue(briefs: Sequence[Path], folder: str | Path, *, on: str | None = None, only: Iterable[str] = (),
                  draft: bool = False, workers: int | None = None,
                  say: Say = lambda what, done, left: None) -> Catalogue:  # fmt: skip
    """Make the releases of all briefs, each in a folder of its own, as far as they are not there yet.

    on: None for processes of this machine, 'local' for a Ray of this machine, or the address of a Ray, such as
    ray://HOST:10001. only: stages that are wanted, with what they need; () = all. draft: everything small and quick.
    workers: how many at once on this machine, None = one a core.
    Raises UsageError for two briefs of one name, unknown stages and addresses, FileError where the folder cannot be
    worked in, MissingExtraError without Ray. What goes wrong in a release is in the outcome instead.
    """
    top = Path(folder).resolve()
    chosen = tuple(choose("stage", name, STAGES) for name in only)
    listed = [_read(path, draft) for path in briefs]
    name, count = Counter(row.name for row in listed).most_common(1)[0] if listed else ("", 0)
    if count > 1:
        raise UsageError(f"{count} briefs are called {name}.toml, which names their folder: give them other names")
    try:
        (top / LOG).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot work in {str(top)!r}: {error.strerror or error}: name another folder") from error
    begun = time.monotonic()
    hands = hands_on(on, workers)
    try:
        _Run(top, listed, chosen, say).go(hands)
    finally:
        hands.close()
    with atomic_write(top / CATALOGUE) as file:
        file.write(json_bytes({"format": FORMAT, "version": VERSION, "releases": [_row(top, row) for row in listed]}))
    return Catalogue(top, tuple(listed), time.monotonic() - begun)


def _read(path: Path, draft: bool) -> Listed:
    try:
        brief = read_brief(path)
    except AigcMusicError as error:
        return Listed(path.stem, failures={"brief": str(error)})
    return Listed(path.stem, replace(brief, video=replace(brief.video, draft=True)) if draft else brief)


def _row(top: Path, listed: Listed) -> dict[str, object]:
    """A release as it stands in catalogue.json."""
    manifest = top / listed.name / MANIFEST
    brief = listed.brief
    return {
        "name": listed.name,
        "title": brief.title if brief else None,
        "artist": brief.artist if brief else None,
        "ok": listed.ok,
        "failures": listed.failures,
        "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else None,
    }


def _songs(listed: Listed, brief: Brief) -> dict[str, Brief]:
    """The songs of a release by their folders in the catalogue: itself, or those of an album in the album's look."""
    if not brief.songs:
        return {listed.name: brief}
    from .album import folder_of, look_of

    songs = look_of(brief).songs
    return {f"{listed.name}/{folder_of(number, song)}": song for number, song in enumerate(songs, 1)}


def _chosen(brief: Brief, only: Sequence[str]) -> list[str]:
    """The stages to make of a song, with all that they need, in the order of the table."""
    todo = [name for name in only or STAGES if name in wanted(brief)]
    for name in todo:
        todo += [other for other in needed(name, brief) if other not in todo]
    return [name for name in STAGES if name in todo]


class _Release:
    """A release on its way. todo: (place of the song, stage) of what is not begun. states: how those went that are
    settled, '' for well. cost, done: seconds that all of it takes, and of what is settled, as STAGES has them."""

    def __init__(self, listed: Listed, brief: Brief, only: Sequence[str]) -> None:
        self.listed, self.brief = listed, brief
        self.songs = _songs(listed, brief)
        self.todo = [(place, name) for place, song in self.songs.items() for name in _chosen(song, only)]
        self.asked = frozenset(self.todo)
        self.states: dict[tuple[str, str], str] = {}
        self.cost = sum(STAGES[name].seconds for _, name in self.todo) + _FINISH_S
        self.done = 0.0
        self.finishing = False

    def next(self) -> tuple[str, Brief, str] | None:
        """(place, brief, stage) of a task that can be begun; None while all waits for others, or nothing is left."""
        for place, name in list(self.todo):
            song = self.songs[place]
            before = [(place, other) for other in (*needed(name, song), *STAGES[name].likes)]
            if any(other in self.asked and other not in self.states for other in before):
                continue
            self.todo.remove((place, name))
            lacking = [other for other in needed(name, song) if self.states[place, other]]
            if not lacking:
                return place, song, name
            self.settle(place, name, f"it is made of {lacking[0]}, which is not done")
        if self.finishing or len(self.states) < len(self.asked):
            return None
        self.finishing = True
        return self.listed.name, self.brief, FINISH

    def settle(self, place: str, name: str, why: str) -> None:
        """Note how a stage went."""
        self.states[place, name] = why
        self.done += STAGES[name].seconds
        if why:
            song = place.removeprefix(self.listed.name).strip("/")
            self.listed.failures[f"{song}: {name}" if song else name] = why


class _Run:
    """Which task comes next, and how far all of it is."""

    def __init__(self, top: Path, listed: Sequence[Listed], only: tuple[str, ...], say: Say) -> None:
        self.top, self.only, self.say = top, only, say
        self.code = code_fingerprint()
        self.releases = {row.name: _Release(row, row.brief, only) for row in listed if row.brief is not None}
        self.unfinished = list(self.releases.values())
        self.whole = sum(release.cost for release in self.unfinished) or 1.0
        self.worked = 0.0  # of `whole`: what this run has made
        self.begun = time.monotonic()

    def go(self, hands: Hands) -> None:
        """Give tasks and take reports until nothing is left."""
        running = 0
        while True:
            while running < _AHEAD * hands.count and (task := self.next()) is not None:
                hands.give(task)
                running += 1
            if not running:
                return
            for task, report in hands.take():
                running -= 1
                self.take(task, report)

    def next(self) -> Task | None:
        """The first task that can be begun: of the first release, so that whole ones are there early."""
        for release in self.unfinished:
            found = release.next()
            if found is not None:
                place, brief, stage = found
                return Task(self.top, place, brief, stage, self.only, dict(release.listed.failures), self.code)
        return None

    def take(self, task: Task, report: Report) -> None:
        """Note how a task went, and tell of it."""
        release = self.releases[task.place.split("/")[0]]
        listed = release.listed
        if task.stage == FINISH:
            release.done = release.cost
            self.unfinished.remove(release)
            if report.why:
                listed.failures[FINISH] = report.why
        else:
            release.settle(task.place, task.stage, report.why)
            listed.made += report.anew
            listed.kept += not (report.anew or report.why)
            self.worked += STAGES[task.stage].seconds * report.anew
        done, count = sum(row.done for row in self.releases.values()), len(self.releases)
        what = f"{count - len(self.unfinished)} of {count} releases, {task.place}: {task.stage}"
        self.say(what, min(1.0, done / self.whole), self.left(self.whole - done))

    def left(self, todo: float) -> float | None:
        """Seconds until all is done, by the pace of what this run has made; None before it is known."""
        if self.worked < 0.01 * self.whole:
            return None
        return (time.monotonic() - self.begun) * todo / self.worked
