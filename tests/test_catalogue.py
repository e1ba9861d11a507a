"""A catalogue: as each release alone, whatever dies on the way; what fails stops nothing else."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from aigc_music.core.errors import MissingExtraError, UsageError
from aigc_music.release import catalogue, hands
from aigc_music.release.brief import Brief, read_brief
from aigc_music.release.catalogue import Listed, run_catalogue
from aigc_music.release.hands import FINISH, Report, Task
from aigc_music.release.run import release

from .real.catalogue_campaign import (
    Found,
    hashes,
    judged,
    kill_worker,
    lines_of,
    stages_of,
    start,
    wait_for,
    write_briefs,
)


class FakeHands:
    """Does no work: says of every task that it went well, the last given first, but for those that `fails` names."""

    count = 2

    def __init__(self, fails: tuple[str, ...] = ()) -> None:
        self.fails = fails
        self.given: list[Task] = []
        self.done: list[tuple[str, str]] = []
        self.closed = False

    def give(self, task: Task) -> None:
        self.given.append(task)

    def take(self) -> list[tuple[Task, Report]]:
        task = self.given.pop()
        self.done.append((task.place, task.stage))
        return [(task, Report("it broke" if task.stage in self.fails else "", task.stage != FINISH, 0.1))]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeHands:
    fakes = FakeHands()
    monkeypatch.setattr(catalogue, "hands_on", lambda on, workers: fakes)
    return fakes


def briefs_in(folder: Path, count: int) -> list[Path]:
    return sorted(write_briefs(folder / "briefs", count).glob("*.toml"))


def test_each_task_comes_once_and_after_what_it_is_made_of(fake: FakeHands, tmp_path: Path) -> None:
    outcome = run_catalogue(briefs_in(tmp_path, 6), tmp_path / "all")
    assert outcome.ok and fake.closed
    assert len(set(fake.done)) == len(fake.done)
    for place, stage in fake.done:
        before = [other for name, other in fake.done[: fake.done.index((place, stage))] if name == place]
        assert stage == FINISH or set(catalogue.needed(stage, Brief("", ""))) - {"words"} <= set(before)
        assert stage != FINISH or ("film" in before and "music" in before)
    sung = {place for place, stage in fake.done if stage == "words"}
    assert len(sung) == 4  # two of six are instrumentals


def test_a_failing_stage_holds_up_only_what_is_made_of_it(fake: FakeHands, tmp_path: Path) -> None:
    fake.fails = ("words",)
    outcome = run_catalogue(briefs_in(tmp_path, 3), tmp_path / "all")
    first, _, instrumental = outcome.releases
    assert first.failures["words"] == "it broke"
    assert first.failures["film"] == "it is made of words, which is not done"
    assert "canvas" not in first.failures
    assert instrumental.ok and not outcome.ok
    assert {place for place, stage in fake.done if stage == FINISH} == {row.name for row in outcome.releases}
    assert "words: it broke" in str(outcome)


def test_a_broken_brief_stops_no_other(fake: FakeHands, tmp_path: Path) -> None:
    paths = briefs_in(tmp_path, 2)
    paths[0].write_text('title = "A"\nartist = "B"\nthmee = "pop"\n')
    outcome = run_catalogue(paths, tmp_path / "all")
    assert [row.ok for row in outcome.releases] == [False, True]
    assert "Did you mean 'theme'?" in outcome.releases[0].failures["brief"]
    listed = json.loads((tmp_path / "all/catalogue.json").read_bytes())["releases"]
    assert [row["ok"] for row in listed] == [False, True]
    assert listed[0]["title"] is None


def test_two_briefs_of_one_name_are_refused(tmp_path: Path) -> None:
    paths = [*briefs_in(tmp_path, 1), *briefs_in(tmp_path / "other", 1)]
    with pytest.raises(UsageError, match=r"2 briefs are called song-000\.toml"):
        run_catalogue(paths, tmp_path / "all")


def test_progress_rises_to_the_end(fake: FakeHands, tmp_path: Path) -> None:
    told: list[tuple[str, float, float | None]] = []
    run_catalogue(briefs_in(tmp_path, 4), tmp_path / "all", say=lambda *now: told.append(now))
    shares = [done for _, done, _ in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    assert told[-1][0].startswith("4 of 4 releases")
    assert told[-1][2] == pytest.approx(0, abs=1e-6)


def test_an_album_is_made_song_by_song_in_one_look(fake: FakeHands, tmp_path: Path) -> None:
    path = tmp_path / "tides.toml"
    path.write_text('title = "Tides"\nartist = "Ada"\nseed = 3\n[[songs]]\ntitle = "One"\n[[songs]]\ntitle = "Two"\n')
    outcome = run_catalogue([path], tmp_path / "all", only=["cover"])
    assert outcome.ok
    assert sorted(fake.done) == [("tides", FINISH), ("tides/01-one", "cover"), ("tides/01-one", "music"),
                                 ("tides/02-two", "cover"), ("tides/02-two", "music")]  # fmt: skip
    row = catalogue._Release(Listed("tides"), read_brief(path), ())
    looks = {(song.video.cover, song.video.palette, song.video.family) for song in row.songs.values()}
    assert len(looks) == 1 and None not in looks.pop()


def test_another_version_or_another_disk_is_refused(tmp_path: Path) -> None:
    from aigc_music.engine import Engine

    with Engine(workers=0) as engine:
        task = Task(tmp_path, "a", Brief("A", "B"), "music", (), {}, "another")
        assert "another version" in hands.do(task, engine).why
        assert "does not see" in hands.do(task._replace(top=tmp_path / "gone"), engine).why
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("on", ["", "banana", "ray://", "ray:// host", "http://host:1/"])
def test_an_address_that_is_none_is_refused(on: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no place to work at"):
        run_catalogue(briefs_in(tmp_path, 1), tmp_path / "all", on=on)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aigc-music\[scale\]'"):
        run_catalogue(briefs_in(tmp_path, 1), tmp_path / "all", on="local")


def test_as_each_release_alone_and_nothing_is_made_again(tmp_path: Path) -> None:
    paths = briefs_in(tmp_path, 3)
    first = run_catalogue(paths, tmp_path / "all", only=["music", "words"], workers=2)
    assert first.ok and sum(row.made for row in first.releases) == 5
    alone = tmp_path / "alone"
    assert release(read_brief(paths[0]), alone, workers=0, only=["music", "words"]).ok
    assert hashes(alone) == hashes(tmp_path / "all/song-000")
    before = hashes(tmp_path / "all")
    again = run_catalogue(paths, tmp_path / "all", only=["music", "words"], workers=2)
    assert [(row.made, row.kept) for row in again.releases] == [(0, 2), (0, 2), (0, 1)]
    assert hashes(tmp_path / "all") == before
    assert len(lines_of(tmp_path / "all")) == 5


@pytest.mark.real
def test_on_ray_with_a_worker_killed(tmp_path: Path) -> None:
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("CI"):
            pytest.fail("not installed: ray")
        pytest.skip("not installed: ray")
    briefs, folder, beside = write_briefs(tmp_path / "briefs", 4), tmp_path / "ray", tmp_path / "here"
    driver = start(briefs, folder, "local")
    try:
        wait_for(folder, 2, driver)
        kill_worker(folder)
        assert driver.wait(300) == 0
    finally:
        driver.kill()
    assert run_catalogue(sorted(briefs.glob("*.toml")), beside, only=["music", "words"]).ok
    assert judged(folder, beside, []) == Found(4, stages_of(4), [], [], [])
