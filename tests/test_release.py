"""Releases: briefs and their mistakes, what depends on what, kills, failing stages, full disks, foreign files."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.errors import FileError, UsageError
from aigc_music.engine.registry import GENERATORS
from aigc_music.generators.timeline import SectionSpan, Timeline
from aigc_music.release.album import folder_of, look_of
from aigc_music.release.brief import Brief, Labels, VideoWishes, read_brief, seed_of
from aigc_music.release.cuts import best_cut
from aigc_music.release.keys import LABELS, SONG, VIDEO, example
from aigc_music.release.manifest import Outcome
from aigc_music.release.run import finish, make_stage, release
from aigc_music.release.stages import STAGES, narrowed, needed, wanted
from aigc_music.release.store import WORK, Piece, Store
from aigc_music.release.toml_lines import lines_of
from aigc_music.release.verify import verify_release

from .release_fakes import Fake, fakes

BRIEF = """\
title = "Harbour Lights"
artist = "Ada Park"
theme = "ships at night"
mood = "warm"
seed = 7

[credits]
songwriter = "Ada Park"

[labels]
c2pa = "off"
"""
PAPERS = ("credits", "provenance", "page")


@pytest.fixture(autouse=True)
def fake_generators(monkeypatch: pytest.MonkeyPatch) -> None:
    for row, place in fakes().items():
        monkeypatch.setitem(GENERATORS, row, place)
    monkeypatch.setattr(Fake, "failing", set())
    monkeypatch.setattr(Fake, "asked", [])


@pytest.fixture
def brief(tmp_path: Path) -> Brief:
    return written(tmp_path, BRIEF)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished release of BRIEF, to be copied."""
    top = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        for row, place in fakes().items():
            patch.setitem(GENERATORS, row, place)
        assert made(release(written(top, BRIEF), top / "out", workers=0)) == {*STAGES, *PAPERS}
    return top / "out"


@pytest.fixture
def finished(whole: Path, tmp_path: Path) -> Path:
    """A finished release of BRIEF of one's own."""
    return Path(shutil.copytree(whole, tmp_path / "out"))


def written(folder: Path, text: str) -> Brief:
    path = folder / "brief.toml"
    path.write_text(text, encoding="utf-8")
    return read_brief(path)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of all that a release folder shows."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and WORK not in path.parts
    }


def hashes_of(folder: Path, *paths: str) -> dict[str, str]:
    return {path: hashes(folder)[path] for path in paths}


def made(outcome: Outcome) -> set[str]:
    return {stage.name for stage in outcome.stages if stage.anew}


def states(outcome: Outcome) -> dict[str, str]:
    return {stage.name: stage.state for stage in outcome.stages}


# briefs


def test_a_brief_says_all_that_is_wished_for(tmp_path: Path) -> None:
    brief = written(tmp_path, BRIEF + 'china = true\n[labels.disclosure]\nvocals = "none"\n[video]\nquality = 30\n')
    assert (brief.title, brief.artist, brief.seed, brief.sung) == ("Harbour Lights", "Ada Park", 7, True)
    assert brief.credits == {"songwriter": ("Ada Park",)}
    assert brief.labels.china and brief.labels.disclosure == {"vocals": "none"} and brief.video.quality == 30


def test_a_seed_that_nobody_gave_is_the_same_each_time_whatever_else_changes(tmp_path: Path) -> None:
    first = written(tmp_path, 'title = "A"\nartist = "B"\n')
    again = written(tmp_path, 'title = "A"\nartist = "B"\ntheme = "rain"\n')
    other = written(tmp_path, 'title = "C"\nartist = "B"\n')
    assert first.seed_is_drawn and first.seed == again.seed != other.seed


def test_the_example_can_be_read_as_it_is_and_with_all_its_keys(tmp_path: Path) -> None:
    written(tmp_path, example())
    for file in ("chain.pem", "key.pem"):
        (tmp_path / file).write_text("")
    lines = [line.removeprefix("# ") if "=" in line else line for line in example().splitlines()[1:]]
    text = "\n".join(lines).replace("# [", "[").replace('language = "en"', 'language = "zh"')
    full = written(tmp_path, text)
    assert full.tune == "如梦令" and full.songs[0].credits["isrc"] == "QZABC2600001" and full.labels.producer


def test_tables_and_briefs_agree_on_what_is_left_out() -> None:
    for table, values in ((SONG, Brief("", "")), (VIDEO, VideoWishes()), (LABELS, Labels())):
        for name, key in table.items():
            assert name in ("title", "artist", "seed") or getattr(values, name) == key.default, name


WRONG: dict[str, tuple[str, int, str]] = {
    # what is wrong: (text after title and artist, line, part of the message)
    "an unknown key": ('styl = "pop"', 3, "Did you mean 'style'?"),
    "an unknown key of a table": ('[video]\n\npallete = "bone"', 5, "Did you mean 'palette'?"),
    "an unknown table": ("[vidoe]\n", 3, "Did you mean 'video'?"),
    "a slip in the credits": ('[credits]\nisrcc = "x"', 4, "Did you mean 'isrc'?"),
    "a key of a song": ('[[songs]]\ntitle = "x"\n[[songs]]\ntitel = "y"', 6, "Did you mean 'title'?"),
    "a wrong type": ('bpm = "fast"', 3, "write a number"),
    "a number that is none": ("bpm = nan", 3, "quarter notes a minute"),
    "yes as text": ('explicit = "yes"', 3, "true or false"),
    "a table that is none": ('credits = "Ada"', 3, "[credits]"),
    "songs that are none": ('[songs]\ntitle = "x"', 3, "[[songs]]"),
    "a range": ("bars = 3", 3, "4..512"),
    "an unknown style": ('style = "popp"', 3, "Did you mean 'pop'?"),
    "an unknown key of music": ('key = "H major"', 3, "H major"),
    "an unknown mood": ('mood = "clam"', 3, "Did you mean 'calm'?"),
    "an unknown language": ('language = "en-GB"', 3, "en, zh, none"),
    "an unknown form": ('form = "ABX"', 3, "verse-chorus"),
    "a form that does not fit": ('bars = 8\nform = "blues"', 4, "12 bars"),
    "a tune for English": ('tune = "如梦令"', 3, "zh"),
    "an unknown tune": ('language = "zh"\n# here\ntune = "如梦"', 5, "如梦令"),
    "an unknown palette": ('[video]\npalette = "bonne"', 4, "Did you mean 'bone'?"),
    "a loop as a long film": ('[video]\npresets = ["canvas"]', 4, "youtube"),
    "an unknown cover": ('[video]\ncover = "swis"', 4, "Did you mean 'swiss'?"),
    "an ISRC": ('[credits]\nisrc = "QZ-ABC-26-0001"', 4, "ISO 3901"),
    "a check digit": ('[credits]\nupc = "036000291453"', 4, "want 2"),
    "a disclosure": ('[labels.disclosure]\nlyrics = "some"', 4, "none, assisted, generated"),
    "a role that is none": ('[labels.disclosure]\nmusic = "none"', 4, "composition"),
    "a missing key file": ('[labels]\nc2pa = "own"', 4, "certificate"),
    "a file that is not there": ('[labels]\nkey = "no.pem"', 4, "no.pem"),
    "a song without a title": ('[[songs]]\ntheme = "x"', 3, "title"),
    "an empty text": ('theme = " "', 3, "empty"),
    "a hidden character": ('theme = "a\\u0000b"', 3, "control character"),
    "a list where text belongs": ('theme = ["a",\n"b"]', 3, "text in quotes"),
    "a key twice": ('title = "again"', 3, "cannot overwrite"),
    "no value": ("bpm =", 3, "invalid value"),
    "no end of text": ('theme = "x\nbars = 8', 3, "toml.io"),
    "an open table": ("[video\n", 3, "toml.io"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_with_its_line(what: str, tmp_path: Path) -> None:
    text, line, part = WRONG[what]
    with pytest.raises(UsageError) as found:
        written(tmp_path, 'title = "x"\nartist = "y"\n' + text + "\n")
    assert f"brief.toml:{line}: " in str(found.value) and part in str(found.value)


def test_what_is_missing_and_what_is_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'artist is missing: write artist = "Ada Park"'):
        written(tmp_path, 'title = "x"\n')
    (tmp_path / "bad.toml").write_bytes(b'title = "x"\nartist = "\xff"\n')
    with pytest.raises(UsageError, match=r"bad\.toml:2: .*UTF-8"):
        read_brief(tmp_path / "bad.toml")
    with pytest.raises(FileError, match="regular file"):
        read_brief(tmp_path)
    (tmp_path / "long.toml").write_text("#" * 300_000)
    with pytest.raises(UsageError, match="256 KB"):
        read_brief(tmp_path / "long.toml")


KEYS = st.one_of(
    st.from_regex(r"[a-zA-Z0-9_-]{1,6}", fullmatch=True), st.sampled_from(["a b", 'q"', "é", "a.b", "#"])
)
LEAVES = st.one_of(
    st.integers(-9, 9), st.booleans(), st.sampled_from(["", "#", "]", "x = 1", '"', "a\nb", "'", "[t]"])
)


def inside(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(inner, st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3))


VALUES = inside(inside(LEAVES))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def as_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(key)} = {as_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[ # a list\n" + "".join(f"  {as_toml(inner)},\n" for inner in value) + "]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def flat(value: Any) -> str:
    return as_toml(value).replace("[ # a list\n", "[").replace(",\n", ",")


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=3), max_size=4))
def test_every_key_is_found_on_its_line(tables: dict[str, dict[str, Any]]) -> None:
    rows: list[str] = []
    wanted: dict[tuple[str | int, ...], int] = {}
    for name, table in tables.items():
        rows.append(f"[[ {quoted(name)} ]] # = [x]")
        wanted[name, 0] = len(rows)
        for key, value in table.items():
            wanted[name, 0, key] = len(rows) + 1
            text = f"{quoted(key)} = {as_toml(value) if not isinstance(value, dict) else flat(value)}"
            rows += text.split("\n")
    found = lines_of("\n".join(rows))
    assert {path: found.get(path) for path in wanted} == wanted


def test_lines_of_all_that_toml_has() -> None:
    text = '''a.b = 1\nlong = """\nx = 2\n[no]"""\nraw = \'\'\'\n]\'\'\'\r
when = 1979-05-27 07:32:00 # x\n[t]\nin = { p = { q = [1, "]"] } }\n[[s]]\n[s.u]\nk = 1\n[[s]]\n  z = 0x1\n'''
    assert lines_of(text) == {
        ("a", "b"): 1, ("long",): 2, ("raw",): 5, ("when",): 7, ("t",): 8, ("t", "in"): 9, ("t", "in", "p"): 9,
        ("t", "in", "p", "q"): 9, ("t", "in", "p", "q", 0): 9, ("t", "in", "p", "q", 1): 9, ("s",): 10, ("s", 0): 10,
        ("s", 0, "u"): 11, ("s", 0, "u", "k"): 12, ("s", 1): 13, ("s", 1, "z"): 14,
    }  # fmt: skip


@given(st.integers(0, 2**31 - 1), st.text(max_size=20))
def test_seeds_of_parts_stay_in_range(seed: int, name: str) -> None:
    assert 0 <= seed_of(seed, name) < 2**31 and seed_of(seed, name) != seed_of(seed, name + "x")


# cuts


@given(st.integers(1, 60), st.floats(0.5, 6.0), st.integers(0, 2**31), st.floats(3, 20), st.floats(0, 15))
def test_a_cut_is_as_long_as_asked_and_stands_on_bar_lines(
    bars: int, bar_s: float, seed: int, low: float, more: float
) -> None:
    rng = np.random.default_rng(seed)
    line = timeline(bars, bar_s, rng.random(bars), [("verse", 0, bars)])
    cut = best_cut(line, low, low + more)
    assert cut.start_s >= 0 and cut.start_s + cut.seconds <= line.seconds + 0.06
    assert cut.seconds <= max(low + more, low) + 1e-6
    fits = [n for n in range(1, bars + 1) if low <= n * bar_s <= low + more]
    if line.seconds > low and fits:
        assert cut.seconds >= low - 1e-6
        assert min(abs(line.bars - cut.start_s)) < 1e-6
        assert abs(cut.seconds / bar_s - round(cut.seconds / bar_s)) < 1e-6


def test_the_cut_is_the_chorus() -> None:
    line = timeline(16, 2.0, [0.4] * 16, [("verse", 0, 8), ("chorus", 8, 12), ("verse", 12, 16)])
    assert best_cut(line, 6, 8) == (16.0, 8.0)
    assert best_cut(line, 100, 200) == (0.0, 32.0)
    slow = timeline(4, 9.0, [0.1, 0.9, 0.2, 0.3], [("A", 0, 4)])
    assert 6 <= best_cut(slow, 6, 8).seconds <= 8  # on beats, as no bar fits


def timeline(bars: int, bar_s: float, energy: Any, sections: list[tuple[str, int, int]]) -> Timeline:
    return Timeline(
        seconds=bars * bar_s, notes=np.zeros((0, 5)), chords=(),
        sections=tuple(SectionSpan(begin * bar_s, end * bar_s, name) for name, begin, end in sections),
        beats=np.arange(bars * 4) * bar_s / 4, bars=np.arange(bars) * bar_s, energy=np.array(energy, float),
        bright=0, arousal=0, tonic=0, minor=False, bpm=120,
    )  # fmt: skip


# what depends on what

TOUCHED: dict[str, tuple[dict[str, Any], set[str]]] = {
    # a change of the brief -> the stages that are made again; the others' bytes stay
    "theme": ({"theme": "rain"}, {"words", "film", "social", "mp3", "originality"}),
    "mood": ({"mood": "dark"}, set(STAGES)),
    "key": ({"key": "D minor"}, set(STAGES)),
    "bars": ({"bars": 12}, set(STAGES)),
    "bpm": ({"bpm": 120.0}, set(STAGES)),
    "style": ({"style": "jazz"}, set(STAGES)),
    "form": ({"form": "AABA"}, set(STAGES)),
    "seed": ({"seed": 8}, set(STAGES)),
    "title": ({"title": "Other"}, set(STAGES) - {"music"}),
    "artist": ({"artist": "Other"}, set(STAGES) - {"music"}),
    "explicit": ({"explicit": True}, {"cover", "film", "social", "canvas", "motion", "originality"}),
    "credits": ({"credits": {"songwriter": ("Lin",)}}, set()),
}  # fmt: skip


@pytest.mark.parametrize("what", TOUCHED)
def test_a_changed_line_remakes_what_depends_on_it_alone(what: str, brief: Brief, finished: Path) -> None:
    change, touched = TOUCHED[what]
    again = release(replace(brief, **change), finished, workers=0)
    assert made(again) - set(PAPERS) == touched and again.ok


def test_a_wish_for_pictures_leaves_the_music_alone(brief: Brief, finished: Path) -> None:
    for change, touched in [
        ({"cover": "swiss"}, {"cover", "film", "social", "canvas", "motion", "originality"}),
        ({"social_seconds": 20.0}, {"social"}),
        ({"presets": ("youtube", "square")}, {"film"}),
        ({"quality": 25}, {"film", "social", "canvas", "motion"}),
    ]:
        brief = replace(brief, video=replace(brief.video, **change))  # type: ignore[arg-type]
        assert made(release(brief, finished, workers=0)) - set(PAPERS) == touched, change


def test_what_is_made_is_kept_and_a_second_run_changes_no_byte(brief: Brief, finished: Path, tmp_path: Path) -> None:
    before = hashes(finished)
    again = release(brief, finished, workers=0)
    assert made(again) == set() and again.changed == frozenset() and hashes(finished) == before
    release(brief, tmp_path / "other", workers=0)
    assert hashes(tmp_path / "other") == before


def test_a_part_of_another_brief_leaves_nothing_of_the_older_one(brief: Brief, finished: Path) -> None:
    """What a run was not asked for, and was made for another brief, is no part of the folder any more."""
    release(replace(brief, theme="rain"), finished, workers=0, only=["music", "words"])
    rows = json.loads((finished / "manifest.json").read_bytes())["artifacts"]
    assert {row["path"] for row in rows if row["role"] == "lyric_video"} == set()
    listed = {row["path"] for row in rows} | {"manifest.json"}
    found = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if path.is_file()}
    assert {path for path in found if not path.startswith(WORK)} == listed
    release(brief, finished, workers=0, only=["film"])  # as it was: taken from what is kept
    assert (finished / "video/lyric-video.mp4").is_file()


def test_the_manifest_is_signed_beside_it(brief: Brief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MUSIC_HOME", str(tmp_path / "home"))
    signed = replace(brief, labels=replace(brief.labels, c2pa="test"))
    folder = tmp_path / "out"
    release(signed, folder, workers=0, only=["music"])
    assert all(verdict.ok for verdict in verify_release(folder))
    manifest = folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"explicit": false', b'"explicit": true '))
    (verdict,) = [verdict for verdict in verify_release(folder) if not verdict.ok]
    assert any("signature" in problem for problem in verdict.problems)
    release(signed, folder, workers=0, only=["music"])
    with monkeypatch.context() as patch:
        patch.setattr("aigc_music.release.signing.Signer.detach", lambda *told, **more: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # as a kill would, before the new manifest is signed
            release(replace(signed, explicit=True), folder, workers=0, only=["music"])
    release(replace(signed, explicit=True), folder, workers=0, only=["music"])
    assert (folder / "manifest.json.c2pa").is_file() and all(row.ok for row in verify_release(folder))
    release(brief, folder, workers=0, only=["music"])
    assert not (folder / "manifest.json.c2pa").exists() and all(row.ok for row in verify_release(folder))


def test_files_of_an_older_brief_are_taken_away(brief: Brief, finished: Path) -> None:
    folder = finished
    kept = len(list((folder / WORK).iterdir()))
    release(replace(brief, language="none"), folder, workers=0)
    assert not (folder / "words").exists() and (folder / "video/visual.mp4").exists()
    assert not (folder / "video/lyric-video.mp4").exists()
    release(brief, folder, workers=0)
    assert len(list((folder / WORK).iterdir())) == kept and (folder / "words/words.lrc").exists()


def test_the_manifest_keeps_its_contract(whole: Path) -> None:
    manifest = json.loads((whole / "manifest.json").read_bytes())
    rows = {row["path"]: row for row in manifest["artifacts"]}
    assert set(hashes(whole)) - {"manifest.json"} == set(rows)
    for path, row in rows.items():
        assert row["sha256"] == hashes(whole)[path]
        assert set(row["parents"]) <= set(rows)
    assert {row["role"] for row in rows.values()} == {
        "midi", "stem", "mix", "master", "lyrics", "timed_lyrics", "cover", "thumbnail", "lyric_video", "canvas",
        "social", "motion", "credits", "provenance", "page",
    }  # fmt: skip
    assert set(rows["music/master.mp3"]["parents"]) == {"music/master.wav", "words/words.ttml"}
    assert b"USLT" in (whole / "music/master.mp3").read_bytes()
    assert set(rows["video/lyric-video.mp4"]["parents"]) == {
        "music/song.mid", "words/words.ttml", "music/master.wav", "cover/cover.jpg",
    }  # fmt: skip
    assert set(rows["video/lyric-video.mp4"]["disclosure"]) == {
        "composition", "lyrics", "instruments", "artwork", "video",
    }  # fmt: skip
    assert rows["words/words.lrc"]["disclosure"] == {"lyrics": "generated"}
    records = json.loads((whole / "provenance.json").read_bytes())["records"]
    assert set(records) <= set(rows) and len({record["id"] for record in records.values()}) == len(records)


def test_a_brief_can_disclose_more_than_is_known_and_never_less(brief: Brief, tmp_path: Path) -> None:
    labels = replace(brief.labels, disclosure={"composition": "none", "vocals": "generated"})
    outcome = release(replace(brief, labels=labels), tmp_path, workers=0, only=["music"])
    row = next(row for row in outcome.artifacts if row["role"] == "midi")
    assert row["disclosure"] == {"composition": "generated"}
    more = replace(brief.labels, disclosure={"lyrics": "generated"})
    assert release(replace(brief, labels=more), tmp_path, workers=0).ok


def test_a_stage_sees_only_the_keys_that_it_declares(brief: Brief) -> None:
    seen = narrowed(brief, STAGES["words"].keys)
    assert (seen.theme, seen.seed, seen.mood, seen.credits) == (brief.theme, brief.seed, "", {})
    names = {*SONG, *(f"video.{name}" for name in VIDEO), "labels.visible"}
    assert all(set(stage.keys) <= names for stage in STAGES.values())
    assert {key for stage in STAGES.values() for key in stage.keys} == names  # no key without effect


# what goes wrong


def test_a_failing_stage_leaves_the_rest_and_is_made_later(brief: Brief, whole: Path, tmp_path: Path) -> None:
    Fake.failing = {"audio"}
    outcome = release(brief, tmp_path, workers=0)
    assert not outcome.ok
    assert states(outcome) == dict.fromkeys([*wanted(brief), *PAPERS], "done") | {
        "mix": "failed", "stems": "failed", "master": "failed", "film": "blocked", "social": "blocked",
        "mp3": "blocked",
    }  # fmt: skip
    rows = {row["name"]: row for row in json.loads((tmp_path / "manifest.json").read_bytes())["stages"]}
    assert rows["mix"]["why"] == "no model for audio today: come back tomorrow"
    assert rows["film"]["why"] == "it is made of master, which is not done"
    assert (tmp_path / "cover/cover.jpg").exists() and (tmp_path / "index.html").exists()
    Fake.failing, Fake.asked = set(), []
    again = release(brief, tmp_path, workers=0)
    assert again.ok and {request.asset for request in Fake.asked} == {"audio", "video"}
    assert hashes(tmp_path) == hashes(whole) | hashes_of(tmp_path, "brief.toml")


def test_only_some_stages_and_what_they_need(brief: Brief, tmp_path: Path) -> None:
    outcome = release(brief, tmp_path, workers=0, only=["master"])
    assert {name for name, state in states(outcome).items() if state == "done"} == {"music", "master", *PAPERS}
    more = release(brief, tmp_path, workers=0, only=["words"])
    assert "music/master.wav" in {row["path"] for row in more.artifacts}
    with pytest.raises(UsageError, match="Did you mean 'words'"):
        release(brief, tmp_path, only=["word"])
    with pytest.raises(UsageError, match="instrumental"):
        release(replace(brief, language="none"), tmp_path, only=["words"])


def test_foreign_files_are_never_touched(brief: Brief, tmp_path: Path) -> None:
    (tmp_path / "cover").mkdir()
    (tmp_path / "cover/cover.jpg").write_bytes(b"mine")
    (tmp_path / "notes.txt").write_text("mine too")
    outcome = release(brief, tmp_path, workers=0)
    assert states(outcome)["cover"] == "failed" and "move it away" in str(outcome.stages)
    assert (tmp_path / "cover/cover.jpg").read_bytes() == b"mine"
    (tmp_path / "cover/cover.jpg").unlink()
    assert release(brief, tmp_path, workers=0).ok
    (tmp_path / "words/words.txt").write_text("sung otherwise")  # a file of ours that somebody changed is theirs
    later = release(replace(brief, theme="rain"), tmp_path, workers=0)
    assert states(later)["words"] == "failed" and (tmp_path / "words/words.txt").read_text() == "sung otherwise"
    assert (tmp_path / "notes.txt").read_text() == "mine too"


def test_a_foreign_manifest_is_seen_before_any_work(brief: Brief, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(FileError, match="belongs to something else"):
        release(brief, tmp_path, workers=0)
    assert Fake.asked == []


def test_without_its_work_a_folder_is_made_again_over_its_own_files(
    brief: Brief, finished: Path, whole: Path
) -> None:
    shutil.rmtree(finished / WORK)
    assert release(replace(brief, theme="rain"), finished, workers=0).ok
    shutil.rmtree(finished / WORK)
    assert release(brief, finished, workers=0).ok and hashes(finished) == hashes(whole)


def test_damaged_work_is_made_again(brief: Brief, finished: Path, whole: Path) -> None:
    for path in (finished / WORK).rglob("*.wav"):
        path.write_bytes(b"")
    (finished / "cover/cover.jpg").unlink()
    again = release(brief, finished, workers=0)
    assert {"mix", "master", "stems"} <= made(again) and hashes(finished) == hashes(whole)


def test_two_runs_do_not_share_a_folder(brief: Brief, finished: Path) -> None:
    with Store(finished).locked(), pytest.raises(FileError, match="another release works in"):
        release(brief, finished, workers=0)
    assert release(brief, finished, workers=0).ok


def test_a_stage_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    def pieces() -> Any:
        yield Piece("a.txt", "lyrics", b"a")
        raise ValueError("stopped")

    store = Store(tmp_path)
    with pytest.raises(ValueError, match="stopped"):
        store.make("words", "0" * 64, pieces())
    assert list(store.work.iterdir()) == [] and store.find("words", "0" * 64) is None


def test_a_full_disk_is_told_and_what_is_done_is_kept(brief: Brief, tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, limit[1]))  # sounds of 28 KB do not fit, words do
    try:
        outcome = release(brief, tmp_path, workers=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert states(outcome)["words"] == "done" and states(outcome)["mix"] == "failed"
    assert "larger than this system or its limits allow" in next(
        row.why for row in outcome.stages if row.name == "mix"
    )
    assert list((tmp_path / WORK).glob("part-*")) == []
    again = release(brief, tmp_path, workers=0)
    assert again.ok and "words" not in made(again)


def test_progress_never_goes_back_and_ends_at_one(brief: Brief, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    release(brief, tmp_path, workers=0, say=lambda what, done, left: told.append((what, done)))
    shares = [done for _, done in told]
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1) and shares[0] < 0.1
    assert {what.split(":")[0] for what, _ in told} == set(STAGES)


def test_stage_by_stage_by_hand_comes_to_the_same(brief: Brief, whole: Path, tmp_path: Path) -> None:
    from aigc_music.engine import Engine

    engine = Engine(workers=0)
    with pytest.raises(FileError, match="make these first"):
        make_stage(brief, tmp_path / "by hand", "words", engine)
    for name in STAGES:
        assert all(other in list(STAGES)[: list(STAGES).index(name)] for other in needed(name, brief))
        make_stage(brief, tmp_path / "by hand", name, engine)
    assert finish(brief, tmp_path / "by hand", {}).ok
    assert hashes(tmp_path / "by hand") == hashes(whole)


def test_what_failed_by_hand_stands_in_the_manifest(brief: Brief, tmp_path: Path) -> None:
    from aigc_music.engine import Engine

    make_stage(brief, tmp_path, "music", Engine(workers=0))
    outcome = finish(brief, tmp_path, {"mix": "no synth"})
    assert states(outcome)["music"] == "done" and states(outcome)["mix"] == "failed" and not outcome.ok
    outcome = finish(brief, tmp_path, {"master": "no synth", "mp3": "whatever a scheduler says"})
    assert (states(outcome)["master"], states(outcome)["mp3"]) == ("failed", "blocked")


# kills


def test_killed_at_any_moment_a_release_is_taken_up_and_comes_to_the_same(
    brief: Brief, whole: Path, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.release_fakes",
        str(tmp_path / "brief.toml"),
        str(tmp_path / "killed"),
        "0.05",
    ]
    rng = random.Random(5)
    for _ in range(3):
        process = subprocess.Popen(command, cwd=Path(__file__).parent.parent)
        deadline = time.monotonic() + 30
        while not (tmp_path / "killed" / WORK / "lock").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.8))
        process.kill()
        process.wait()
        shown = hashes(tmp_path / "killed")
        parts = {path: sha256 for path, sha256 in shown.items() if "/" in path}  # papers tell of what is there
        assert parts.items() <= hashes(whole).items()
    assert release(brief, tmp_path / "killed", workers=0).ok
    assert hashes(tmp_path / "killed") == hashes(whole)
    assert list((tmp_path / "killed" / WORK).glob("part-*")) == []


# albums

ALBUM = (
    BRIEF
    + """
[[songs]]
title = "Low Water"
[songs.credits]
isrc = "QZ-ABC-26-00001"
[[songs]]
title = "江南"
language = "none"
seed = 3
"""
)


def test_an_album_has_a_folder_for_each_song_and_one_look(tmp_path: Path) -> None:
    album = written(tmp_path, ALBUM)
    folder = tmp_path / "out"
    outcome = release(album, folder, workers=0)
    assert outcome.ok, outcome.stages
    assert {"01-low-water", "02-江南", "cover", "index.html"} <= {path.name for path in folder.iterdir()}
    looks = {(request.family, request.palette) for request in Fake.asked if request.asset == "image"}  # type: ignore[attr-defined]
    films = {request.family for request in Fake.asked if request.asset == "video"}  # type: ignore[attr-defined]
    assert len(looks) == 1 and None not in looks.pop() and len(films) == 1 and None not in films
    manifest = json.loads((folder / "manifest.json").read_bytes())
    rows = {row["path"]: row for row in manifest["artifacts"]}
    assert rows["cover/cover.jpg"]["parents"] == ["01-low-water/music/song.mid"]
    assert all(hashes(folder)[path] == row["sha256"] for path, row in rows.items())
    assert manifest["songs"] == [
        {"title": "Low Water", "folder": "01-low-water"}, {"title": "江南", "folder": "02-江南"},
    ]  # fmt: skip
    assert json.loads((folder / "01-low-water/manifest.json").read_bytes())["credits"]["isrc"] == "QZABC2600001"
    assert made(release(album, folder, workers=0)) == set()


def test_a_part_of_an_album_is_asked_of_the_songs_that_have_it(tmp_path: Path) -> None:
    outcome = release(written(tmp_path, ALBUM), tmp_path / "out", workers=0, only=["words"])
    paths = {row["path"] for row in outcome.artifacts}
    assert {"01-low-water/words/words.lrc", "02-江南/music/song.mid"} <= paths
    assert not any(path.startswith(("02-江南/words", "02-江南/cover")) for path in paths)
    with pytest.raises(UsageError, match="Did you mean 'words'"):
        release(written(tmp_path, ALBUM), tmp_path / "out", workers=0, only=["wrds"])


def test_the_help_names_the_stages() -> None:
    from aigc_music.cli.release import EPILOG

    assert f"Stages: {', '.join(STAGES)}." in EPILOG


def test_songs_of_an_album_inherit_and_override(tmp_path: Path) -> None:
    album = written(tmp_path, ALBUM)
    first, second = album.songs
    assert first.theme == second.theme == album.theme and first.seed == seed_of(7, "Low Water") and second.seed == 3
    assert first.credits["songwriter"] == ("Ada Park",) and "isrc" not in second.credits and not second.sung
    assert look_of(album) == look_of(album) and look_of(album).songs[0].video == look_of(album).video
    assert folder_of(3, replace(first, title="//..")) == "03-song"


# the command line


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONWARNINGS": "default"}
    command = [sys.executable, "-m", "aigc_music", "release", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_line_writes_a_brief_and_tells_mistakes_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "brief.toml"
    assert run_cli("--new", str(path)).returncode == 0 and read_brief(path).title == "Harbour Lights"
    again = run_cli("--new", str(path))
    assert again.returncode == 1 and "is there already" in again.stderr
    path.write_text('title = "x"\nartist = "y"\nmod = "calm"\n')
    wrong = run_cli(str(path), str(tmp_path / "out"))
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1
    assert "brief.toml:3: unknown key 'mod'" in wrong.stderr and "Did you mean 'mood'?" in wrong.stderr
    assert run_cli(str(path)).returncode == 2 and not (tmp_path / "out").exists()


def test_the_command_line_says_what_was_made_as_json(brief: Brief, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from aigc_music.cli.release import command

    def run(*more: str) -> tuple[int, dict[str, Any]]:
        arguments = [str(tmp_path / "brief.toml"), str(tmp_path / "out"), "--json", "--workers", "0", *more]
        result = CliRunner().invoke(command, arguments)
        return result.exit_code, json.loads(result.stdout.splitlines()[-1])

    code, told = run("--only", "words, cover")
    assert code == 0 and told["folder"] == str(tmp_path / "out")
    assert {stage["name"] for stage in told["stages"] if stage["made"]} == {"music", "words", "cover", *PAPERS}
    assert {"path", "sha256", "mime", "role", "parents", "disclosure"} <= set(told["artifacts"][0])
    Fake.failing = {"audio"}
    code, told = run()
    assert code == 1 and {stage["state"] for stage in told["stages"]} == {"done", "failed", "blocked"}
