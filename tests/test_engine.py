"""The engine: jobs in worker processes, progress, cancel, kills, provenance in every file, and verify."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import AigcMusicError, FileError, MissingExtraError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.pictures import Picture
from aigc_music.core.texts import Text
from aigc_music.engine import Cancelled, Chunk, Engine, ImageRequest, MusicRequest, Progress, TextRequest
from aigc_music.engine.encodings import encoding_of, encoding_of_suffix
from aigc_music.engine.picture_taste import PictureTaste
from aigc_music.engine.pool import JobFailedError, _error
from aigc_music.engine.provenance import finished, record_id
from aigc_music.engine.registry import GENERATORS
from aigc_music.engine.result import SIDECAR, Result
from aigc_music.engine.streams import stream
from aigc_music.engine.verify import request_of, verify
from aigc_music.files.midi import read_score, score_bytes

LONG = MusicRequest(bars=400, seed=5)


@pytest.fixture(scope="module")
def engine() -> Any:
    with Engine() as engine:
        engine.run(MusicRequest(bars=1, seed=1))  # the first job compiles
        yield engine


def test_one_seed_gives_the_same_bytes_in_a_worker_and_here(engine: Engine, tmp_path: Path) -> None:
    request = MusicRequest(bars=2, seed=3)
    there, here = engine.run(request), Engine(workers=0).run(request)
    there.save(tmp_path / "there.mid")
    here.save(tmp_path / "here.mid")
    assert (tmp_path / "there.mid").read_bytes() == (tmp_path / "here.mid").read_bytes()
    assert there.provenance == here.provenance


def test_a_job_tells_how_far_it_is_and_ends_done(engine: Engine) -> None:
    job = engine.submit(MusicRequest(bars=8, seed=3))
    done = [event.done for event in job.events() if isinstance(event, Progress)]
    assert job.state == "done" and done == sorted(done) and done[0] >= 0 and done[-1] <= 1
    assert job.result().score.notes


def test_a_cancelled_job_stops_within_a_second_and_the_next_one_runs(engine: Engine) -> None:
    job = engine.submit(LONG)
    next(job.events())
    begun = time.monotonic()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(timeout=5)
    assert time.monotonic() - begun < 1.0
    assert job.state == "cancelled"
    assert engine.run(MusicRequest(bars=1, seed=1)).score.notes


def test_a_job_that_waits_is_cancelled_before_it_begins(engine: Engine) -> None:
    first, second = engine.submit(LONG), engine.submit(LONG)
    second.cancel()
    assert second.state == "cancelled" and list(second.events()) == []
    first.cancel()
    with pytest.raises(Cancelled):
        first.result(timeout=5)


def test_a_stream_gives_the_notes_of_the_piece_and_may_be_left_early(engine: Engine) -> None:
    request = MusicRequest(bars=2, seed=3)
    whole = engine.run(request).score.notes
    assert sorted(engine.stream(request)) == whole == sorted(Engine(workers=0).stream(request))
    notes = engine.stream(LONG)
    first = [next(notes) for _ in range(5)]
    notes.close()  # type: ignore[attr-defined]
    assert len(first) == 5
    assert engine.run(MusicRequest(bars=1, seed=1)).score.notes


def test_errors_come_back_as_they_are(engine: Engine) -> None:
    with pytest.raises(FileError, match=r"missing\.mid"):
        engine.run(MusicRequest(task="accompany", given="missing.mid"))
    with pytest.raises(FileError, match=r"missing\.mid"):
        engine.check(MusicRequest(task="accompany", given="missing.mid"))
    error = _error(MissingExtraError, "needs torch", "")  # a class whose constructor wants more than a text
    assert isinstance(error, MissingExtraError) and str(error) == "needs torch"
    assert isinstance(_error(None, "TypeError: x", "trace"), JobFailedError)


def test_a_killed_worker_is_an_error_and_is_replaced() -> None:
    with Engine() as engine:
        job = engine.submit(LONG)
        next(job.events())
        assert engine._pool is not None
        os.kill(engine._pool._workers[0].process.pid, signal.SIGKILL)
        with pytest.raises(JobFailedError, match="signal 9"):
            job.result(timeout=5)
        assert engine.run(MusicRequest(bars=1, seed=1)).score.notes


def test_a_closed_engine_takes_no_job() -> None:
    engine = Engine()
    engine.close()
    with pytest.raises(Cancelled, match="closed"):
        engine.run(MusicRequest(bars=1, seed=1))


def test_workers_stand_back(engine: Engine) -> None:
    assert engine._pool is not None
    pid = engine._pool._workers[0].process.pid
    assert os.getpriority(os.PRIO_PROCESS, pid) >= os.getpriority(os.PRIO_PROCESS, 0) + 5
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(pid) == os.SCHED_IDLE


def test_workers_end_with_a_killed_engine(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom aigc_music.engine import Engine, MusicRequest\n"
        "engine = Engine()\njob = engine.submit(MusicRequest(bars=400, seed=5))\nnext(job.events())\n"
        "print(engine._pool._workers[0].process.pid, flush=True)\nsys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 3
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("after", [0.3, 1.0])
def test_a_kill_at_any_moment_leaves_no_half_file(tmp_path: Path, after: float) -> None:
    """kill -9 of the whole command while it starts, works or writes; then the same command makes the file."""
    command = [sys.executable, "-m", "aigc_music", "generate", "music", "--seed", "5", "--out", "x.mid", "--bars"]
    child = subprocess.Popen([*command, "60"], cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(after)
    child.kill()
    child.wait()
    for path in tmp_path.iterdir():
        assert path.name in ("x.mid", f"x.mid{SIDECAR}"), "something half was left"
        if path.name == "x.mid":
            assert all(verdict.ok for verdict in verify(path))
    subprocess.run([*command, "2"], cwd=tmp_path, check=True, capture_output=True)
    assert all(verdict.ok for verdict in verify(tmp_path))


def test_every_generator_named_is_there() -> None:
    from importlib import import_module

    for module, name in GENERATORS.values():
        assert hasattr(import_module(module), name)


@given(seed=st.integers(0, 2**40), names=st.lists(st.text(max_size=20), min_size=2, max_size=4, unique=True))
@settings(max_examples=30, deadline=None)
def test_named_streams_are_their_own(seed: int, names: list[str]) -> None:
    draws = [stream(seed, name).random(4).tolist() for name in names]
    assert draws == [stream(seed, name).random(4).tolist() for name in names]
    assert len({tuple(row) for row in draws}) == len(names)


# ------------------------------------------------------------------------------------- records


def score() -> Score:
    notes = [Note(480 * place, 60 + place, 80, 400) for place in range(8)]
    track = Track("melody", 0, notes, lyrics=[(0, "海 la")])
    return Score([track], tempos=[(0, 96.0)], title="tune", texts=[(0, "C")])


def picture() -> Picture:
    rng = np.random.default_rng(1)
    return Picture(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8), title="Tïtle <&>", creator="海")


CONTENTS: dict[str, Any] = {
    ".mid": score(),
    ".json": Text("story", {"kind": "story", "title": "海", "numbers": [1, 2.5]}, "海\nline"),
    ".jpg": picture(),
    ".png": picture(),
}


def draft_for(content: Any) -> dict[str, Any]:
    asset = {Score: "music", Text: "text", Picture: "image"}[type(content)]
    texts, images = TextRequest(kind="story", seed=4), ImageRequest(seed=4)
    request = {"music": MusicRequest(seed=4), "text": texts, "image": images}
    roles = {"music": "composition", "text": "text", "image": "artwork"}
    return {
        "format": 1, "asset": asset, "generator": "test", "request": request[asset].record(), "seed": 4,
        "random": "none", "materials": [], "software": {}, "parents": [], "disclosure": {roles[asset]: "generated"},
    }  # fmt: skip


def saved(suffix: str, folder: Path) -> Path:
    content = CONTENTS[suffix]
    result = Result(MusicRequest(seed=4), content, draft_for(content), {"figure": 1}, 0.5)
    path = folder / f"work{suffix}"
    result.save(path)
    return path


@pytest.mark.parametrize("suffix", CONTENTS)
def test_the_record_is_in_the_file_and_beside_it(suffix: str, tmp_path: Path) -> None:
    path = saved(suffix, tmp_path)
    encoding = encoding_of_suffix(suffix)
    assert encoding is encoding_of(CONTENTS[suffix])
    record, plain = encoding.read(path)
    assert record is not None and record["id"] == record_id(record)
    assert plain == encoding.encode(CONTENTS[suffix], suffix, None)
    assert json.loads(path.with_name(path.name + SIDECAR).read_text())["record"] == record
    assert [verdict.ok for verdict in verify(path)] == [True], verify(path)


@pytest.mark.parametrize("suffix", CONTENTS)
def test_any_changed_byte_is_found(suffix: str, tmp_path: Path) -> None:
    path = saved(suffix, tmp_path)
    whole = path.read_bytes()
    for place in np.random.default_rng(2).integers(0, len(whole), 25):
        changed = bytearray(whole)
        changed[place] ^= 4
        path.write_bytes(changed)
        assert not verify(path)[0].ok, f"byte {place} of {len(whole)}"
    path.write_bytes(whole)
    assert verify(path)[0].ok


@pytest.mark.parametrize("suffix", CONTENTS)
def test_a_lost_sidecar_leaves_the_record_inside(suffix: str, tmp_path: Path) -> None:
    path = saved(suffix, tmp_path)
    path.with_name(path.name + SIDECAR).unlink()
    assert verify(path)[0].ok


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda side: side["record"].update(seed=5), "record"),
        (lambda side: side["file"].update(sha256="0" * 64), "changed"),
        (lambda side: side["record"].pop("disclosure"), "record"),
        (lambda side: side.pop("record"), "damaged"),
        (lambda side: side["record"].update(beside=[1]), "record"),
    ],
)
def test_an_altered_record_is_found(change: Any, says: str, tmp_path: Path) -> None:
    path = saved(".mid", tmp_path)
    place = path.with_name(path.name + SIDECAR)
    side = json.loads(place.read_text())
    change(side)
    place.write_text(json.dumps(side))
    verdict = verify(path)[0]
    assert not verdict.ok and any(says in problem for problem in verdict.problems), verdict


def test_a_changed_parent_and_a_lost_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "tune.mid").write_bytes(score_bytes(score()))
    request = MusicRequest(task="continue", given=str(tmp_path / "tune.mid"), seed=4)
    draft = draft_for(score()) | {"request": request.record(), "parents": request.parents()}
    Result(request, score(), draft, {}, 0.1).save(tmp_path / "more.mid")
    assert str(tmp_path) not in (tmp_path / f"more.mid{SIDECAR}").read_text(), "a folder of this machine in a record"
    assert "given tune.mid" in verify(tmp_path / "more.mid")[0].checked
    assert request_of(json.loads((tmp_path / f"more.mid{SIDECAR}").read_text())["record"], tmp_path) == request
    (tmp_path / "tune.mid").write_bytes(b"MThd")
    assert "not the one" in verify(tmp_path / "more.mid")[0].problems[0]
    (tmp_path / "tune.mid").unlink()
    verdict = verify(tmp_path / "more.mid")[0]
    assert verdict.ok and "not in this folder" in verdict.notes[0]
    (tmp_path / "more.mid").unlink()
    assert not verify(tmp_path)[0].ok


def test_a_piece_made_again_from_its_record_is_the_same(tmp_path: Path) -> None:
    request = MusicRequest(bars=2, seed=3, metre=(3, 4), parts=("melody", "bass"))
    Engine(workers=0).run(request).save(tmp_path / "x.mid")
    verdict = verify(tmp_path / "x.mid", again=True)[0]
    assert verdict.ok and "made again" in verdict.checked and "model default" in verdict.checked


def test_a_foreign_file_has_no_record(tmp_path: Path) -> None:
    (tmp_path / "x.mid").write_bytes(score_bytes(score()))
    assert "no record" in verify(tmp_path / "x.mid")[0].problems[0]
    with pytest.raises(FileError, match="no such file"):
        verify(tmp_path / "nothing.mid")
    with pytest.raises(FileError, match="no file with a record"):
        verify(tmp_path)


def test_the_record_is_no_text_of_the_music(tmp_path: Path) -> None:
    path = saved(".mid", tmp_path)
    back = read_score(path)
    assert back.texts == [(0, "C")] and back.provenance
    assert replace(back, provenance="", repairs=[]) == replace(read_score(score_bytes(score())), repairs=[])


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=4), st.text(max_size=9))
@settings(max_examples=30, deadline=None)
def test_a_records_id_changes_with_anything_in_it(record: dict[str, Any], name: str) -> None:
    one = finished({"x": record}, b"plain", {})
    assert one == finished({"x": record}, b"plain", {})
    assert one["id"] != finished({"x": record | {name: [1]}}, b"plain", {})["id"]
    assert one["id"] != finished({"x": record}, b"other", {})["id"]


def test_results_know_what_they_are(tmp_path: Path) -> None:
    result = Result(MusicRequest(seed=1), score(), draft_for(score()), {}, 0.1)
    assert result.score.title == "tune"
    with pytest.raises(TypeError, match="not a Picture"):
        _ = result.picture
    with pytest.raises(UsageError, match=r"\.mid"):
        result.save(tmp_path / "x.wav")


@pytest.mark.parametrize(
    "make",
    [
        lambda: TextRequest(kind="opera"),
        lambda: TextRequest(language="xx"),
        lambda: TextRequest(scheme="A1"),
        lambda: TextRequest(tune="如梦令"),
        lambda: TextRequest(lines=20_000),
        lambda: TextRequest(backend="openai", url="ftp://x"),
        lambda: ImageRequest(size=(3000, 2000)),
        lambda: ImageRequest(size=(9000, 9000)),
        lambda: ImageRequest(title="x" * 300),
        lambda: Engine(workers=65),
    ],
)
def test_what_cannot_be_asked_is_said_at_once(make: Any) -> None:
    with pytest.raises(UsageError):
        make()


# ------------------------------------------------------------------------------------- taste in pictures


def rated(folder: Path, name: str, family: str, colour: float) -> Path:
    path = folder / f"{name}.jpg"
    quality = {"family": family, "palette": "dusk", "colourfulness": colour, "rank": 1.0}
    path.with_name(path.name + SIDECAR).write_text(json.dumps({"quality": quality}))
    return path


def test_kept_covers_bring_their_kind_to_the_front(tmp_path: Path) -> None:
    taste = PictureTaste.load(tmp_path / "ratings.jsonl")
    for number in range(10):
        taste.rate(rated(tmp_path, f"a{number}", "strata", 60), True)
        taste.rate(rated(tmp_path, f"b{number}", "rings", 20), False)
    again = PictureTaste.load(tmp_path / "ratings.jsonl")
    assert again.score({"family": "strata"}) > 0.5 > -0.5 > again.score({"family": "rings"})
    assert "likes family: strata" in again.words()
    request = ImageRequest(seed=1)
    rows = [Result(request, None, {}, {"family": name, "rank": 0.0}, 0.0) for name in ("rings", "swiss", "strata")]
    assert [row.quality["family"] for row in again.rank(rows)] == ["strata", "swiss", "rings"]
    assert again.forget() == 20 and PictureTaste.load(tmp_path / "ratings.jsonl").rows == []


def test_one_verdict_moves_little_and_rubbish_is_left_out(tmp_path: Path) -> None:
    place = tmp_path / "ratings.jsonl"
    place.write_bytes(b'{"keep": true\nnonsense\n{"keep": true, "traits": {"family: swiss": 1.0}}\n')
    taste = PictureTaste.load(place)
    assert len(taste.rows) == 1 and 0 < taste.score({"family": "swiss"}) < 0.5
    with pytest.raises(UsageError, match="beside it"):
        taste.rate(tmp_path / "other.jpg", True)


def test_names_of_the_api_are_exported() -> None:
    import aigc_music

    for name in ("TextRequest", "ImageRequest", "Engine", "Result"):
        assert getattr(aigc_music, name)
    assert issubclass(Cancelled, AigcMusicError) and Chunk(1).value == 1
