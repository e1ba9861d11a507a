"""Copied phrases: found in any key and at any tempo, told in true length, nobody else accused; live ones refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.cli.evaluate import command
from aigc_music.core.errors import ModelError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import DRUMS
from aigc_music.files.midi import write_score
from models.music.corpus import Song, load_set
from models.music.originality import SURE, Guard, Index, Line, check, line_of, lines_of, load_index
from models.music.originality_build import build, disguise, excerpt, measure_copies, measure_fresh, random_walk, save

SONGS, NOTES = 30, 120


def song_of(name: str, onsets: np.ndarray, pitches: np.ndarray, part: int = 0, set_name: str = "ours") -> Song:
    rows = np.stack(
        (onsets, np.full_like(onsets, part), pitches, np.full_like(onsets, 80), np.full_like(onsets, 60)), 1
    )
    empty = np.zeros((0, 3), np.int32)
    return Song(name, set_name, "train", 0, rows.astype(np.int32), empty, empty, np.array([(0, 120.0)]))


def walk(seed: int, notes: int = NOTES) -> tuple[np.ndarray, np.ndarray]:
    return random_walk(np.random.default_rng(seed), notes)


def tune(index: int) -> Line:
    return lines_of(TUNES[index])[0]


TUNES = [song_of(f"tune{seed}", *walk(seed)) for seed in range(SONGS)]
TITLES = {("ours", "tune3"): "Third Tune, Ada Park"}
KNOWN = build(TUNES, TITLES, thresholds=((0, 20),))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, SONGS - 1), st.integers(SURE, 64), st.integers(0, 2**31))
def test_a_copied_phrase_is_found_in_any_key_and_at_any_tempo(which: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, NOTES - length + 1))
    report = check(disguise(rng, tune(which), first, length), KNOWN)
    assert report.nearest is not None
    assert report.nearest["id"] == f"tune{which}"
    # a note of the random walk beside it may go on as the tune does, or seem to
    assert length <= report.longest_copied_notes <= length + 4
    assert report.copies[0].source_note <= first <= report.copies[0].source_note + 4
    assert report.accused == (report.own_notes >= 20)


def test_a_report_says_where_and_whose() -> None:
    onsets, pitches = walk(3)
    score = Score(
        [Track("lead", None, [Note(int(t) * 2, int(p) + 3, 80, 50) for t, p in zip(onsets, pitches, strict=True)])]
    )
    report = check(score, KNOWN)
    copy = report.copies[0]
    assert report.nearest == {"set": "ours", "id": "tune3", "title": "Third Tune, Ada Park", "part": "melody"}
    assert (copy.part, copy.start, copy.end, copy.notes) == ("lead", onsets[0] * 2, onsets[-1] * 2, NOTES)
    assert report.share_copied == 1.0
    assert report.accused
    assert json.loads(json.dumps(report.as_dict()))["copies"][0]["source_note"] == 0


def test_fresh_tunes_are_not_accused() -> None:
    figures = measure_fresh(KNOWN, [[line_of("walk", *walk(1000 + seed, 500))] for seed in range(60)])
    assert figures["accused"] == 0
    assert figures["own_notes"]["most"] < SURE


def test_nothing_is_found_in_nothing() -> None:
    for empty in (
        Score(),
        [line_of("walk", np.zeros(0), np.zeros(0))],
        [line_of("one", np.array([0]), np.array([60]))],
    ):
        report = check(empty, KNOWN)
        assert (report.longest_copied_notes, report.nearest, report.accused, report.share_copied) == (
            0,
            None,
            False,
            0,
        )


def test_another_rhythm_or_another_mode_is_another_tune() -> None:
    onsets, pitches = walk(5)
    even = [line_of("even", np.arange(NOTES) * 480, pitches)]
    assert check(even, KNOWN).longest_copied_notes < SURE
    assert check([line_of("flat", onsets, pitches - (pitches % 12 == 4))], KNOWN).longest_copied_notes < NOTES // 2


def test_what_everybody_plays_accuses_nobody() -> None:
    scale = 60 + np.array([0, 2, 4, 5, 7, 9, 11, 12, 11, 9, 7, 5, 4, 2] * 4)
    onsets = np.arange(len(scale)) * 240
    shared = build([song_of(f"etude{n}", onsets, scale + n % 5) for n in range(12)])
    assert len(shared.common) == 14
    assert not check([line_of("scale", onsets, scale)], shared).copies
    alone = build([song_of("etude", onsets, scale)])
    report = check([line_of("scale", onsets, scale)], alone)
    # one figure of 14 notes, four times: found, told as long as it is, counted as what it says
    assert report.copies[0].notes == len(scale)
    assert report.copies[0].own_notes == report.longest_copied_notes == 14 + 7


def test_drums_are_left_out() -> None:
    onsets, pitches = walk(4)
    drums = Score(
        [Track("kit", None, [Note(int(t), int(p), 80, 50, 9) for t, p in zip(onsets, pitches, strict=True)])]
    )
    assert lines_of(drums) == []
    assert lines_of(song_of("beat", onsets, pitches, DRUMS)) == []


def test_a_line_is_the_highest_note_of_each_onset() -> None:
    line = line_of("chords", np.array([480, 0, 10, 490, 0]), np.array([60, 64, 67, 72, 48]))
    assert line.onsets.tolist() == [0, 480]
    assert line.pitches.tolist() == [67, 72]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, SONGS - 1), st.integers(0, NOTES - 40), st.integers(SURE - 1, 24), st.integers(-9, 9))
def test_a_guard_stops_a_copy_at_its_length(which: int, first: int, longest: int, shift: int) -> None:
    guard = GUARDS.setdefault(longest, Guard(KNOWN, longest))
    guard.reset()
    line = tune(which)
    for number in range(40):
        tick, pitch = int(line.onsets[first + number]) * 3, int(line.pitches[first + number]) + shift
        if not guard.allows(0, tick, pitch):
            break
        guard.feed(0, tick, pitch)
        guard.feed(0, tick + 5, pitch - 12)  # a lower note of the same onset
    own, place = guard.copied(0, tick, pitch)
    assert own == longest + 1 <= number + 1
    assert guard.source(place)["id"] == f"tune{which}"
    assert guard.allows(1, tick, pitch)
    assert guard.allows(DRUMS, tick, 38)


GUARDS: dict[int, Guard] = {}


def test_a_guard_and_check_agree() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        which = int(rng.integers(SONGS))
        score = disguise(rng, tune(which), *excerpt(rng, tune(which), longest=48))
        guard = Guard(KNOWN, 40)
        most = 0
        for note in score.tracks[0].notes:
            most = max(most, guard.copied(2, note.tick, note.pitch)[0])
            guard.feed(2, note.tick, note.pitch)
        assert most == check(score, KNOWN).own_notes


def test_a_guard_goes_back_to_a_mark() -> None:
    guard, line = Guard(KNOWN, 12), tune(7)
    for number in range(10):
        guard.feed(0, int(line.onsets[number]), int(line.pitches[number]))
    mark = guard.snapshot()
    for seed in range(20):
        onsets, pitches = walk(500 + seed, 30)
        for tick, pitch in zip(onsets, pitches, strict=True):
            guard.feed(0, int(line.onsets[9] + tick), int(pitch))
        guard.restore(mark)
    for number in range(10, 12):
        assert guard.allows(0, int(line.onsets[number]), int(line.pitches[number]))
        guard.feed(0, int(line.onsets[number]), int(line.pitches[number]))
    assert not guard.allows(0, int(line.onsets[12]), int(line.pitches[12]))
    for number in range(1000):
        guard.feed(0, 10**6 + 100 * number, 60)
    with pytest.raises(UsageError, match="a newer mark"):
        guard.restore(mark)


@pytest.mark.parametrize("longest", [0, SURE - 2, 64])
def test_a_guard_refuses_lengths_that_it_cannot_promise(longest: int) -> None:
    with pytest.raises(UsageError, match=r"12\.\.63"):
        Guard(KNOWN, longest)


def test_an_index_goes_through_a_folder(tmp_path: Path) -> None:
    save(KNOWN, tmp_path / "index", {"data": []})
    again = load_index(tmp_path / "index")
    for name in ("hashes", "places", "checks", "common", "starts", "owners", "parts", "songs", "thresholds"):
        assert np.array_equal(getattr(again, name), getattr(KNOWN, name)), name
    assert again.facts["notes"] == SONGS * NOTES
    with pytest.raises(ModelError, match="build one with python"):
        load_index(tmp_path / "nowhere")
    blob = (tmp_path / "index" / "index.safetensors").read_bytes()
    for damaged, said in ((blob[:-1] + b"!", "sha256"), (b"nonsense", "damaged")):
        (tmp_path / "index" / "index.safetensors").write_bytes(damaged)
        load_index.cache_clear()
        with pytest.raises(ModelError, match=said):
            load_index(tmp_path / "index")
    (tmp_path / "index" / "songs.json").write_text("[1")
    with pytest.raises(ModelError, match="damaged"):
        load_index(tmp_path / "index")


def test_an_index_needs_a_tune() -> None:
    with pytest.raises(UsageError, match="nothing to index"):
        build([song_of("short", *walk(1, 5))])


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    save(KNOWN, tmp_path / "index", {})
    music = tmp_path / "music"
    music.mkdir()
    for name, seed in (("copy", 3), ("fresh", 999)):
        notes = [Note(int(t), int(p) + 2, 80, 50) for t, p in zip(*walk(seed), strict=True)]
        write_score(Score([Track("lead", None, notes)], tempos=[(0, 97.0)]), music / f"{name}.mid")
    yield tmp_path
    load_index.cache_clear()


def test_the_command_names_the_source(files: Path) -> None:
    index = ["--index", str(files / "index")]
    one = CliRunner().invoke(command, ["originality", str(files / "music" / "copy.mid"), *index, "--json"])
    assert one.exit_code == 0, one.output
    found = json.loads(one.output.splitlines()[-1])
    assert found["longest_copied_notes"] == NOTES
    assert (found["nearest"]["set"], found["nearest"]["id"]) == ("ours", "tune3")
    both = CliRunner().invoke(command, ["originality", str(files / "music"), *index, "--json"])
    pieces = {row["name"]: row for row in json.loads(both.output.splitlines()[-1])["pieces"]}
    assert (pieces["copy"]["accused"], pieces["fresh"]["accused"]) == (True, False)
    said = CliRunner().invoke(command, ["originality", str(files / "music"), *index])
    assert "copy: COPIED: longest copied phrase 120 notes" in said.output
    assert "1 of 2 copy more than chance does" in said.output


def test_the_shipped_index_fits_its_card() -> None:
    index = load_index()
    assert len(index.songs) == index.facts["songs"] == sum(row["train_songs"] for row in index.facts["data"])
    assert len(index.starts) == len(index.owners) + 1 == len(index.parts) + 1
    assert index.facts["figures"]["copies"]["length_right"] > 0.9
    fresh = [[line_of("walk", *walk(2000 + seed, 500))] for seed in range(20)]
    assert measure_fresh(index, fresh)["accused"] == 0


@pytest.mark.skipif("AIGC_MUSIC_DATA" not in os.environ, reason="AIGC_MUSIC_DATA names no folder of training sets")
def test_the_shipped_index_finds_training_tunes() -> None:
    data = Path(os.environ["AIGC_MUSIC_DATA"])
    names = ("jsb_chorales", "open_hymnal", "openewld_leadsheets", "season_songs", "chopin_first_editions")
    songs = [song for name in names for song in load_set(data / f"music_{name}.zip") if song.split == "train"]
    figures = measure_copies(load_index(), songs, 40, seed=3)
    assert figures["length_right"] >= 0.9
    assert figures["source_named"] >= 0.95
    assert figures["guard_most"] <= figures["guard_longest"]


def test_longer_pieces_are_accused_of_longer_copies() -> None:
    index = build(TUNES[:1], thresholds=((0, 16), (100, 18), (200, 20)))
    assert [index.threshold(notes) for notes in (1, 99, 100, 199, 200, 10**6)] == [16, 16, 18, 18, 20, 20]


def test_an_index_is_plain_arrays() -> None:
    assert isinstance(KNOWN, Index)
    assert KNOWN.hashes.dtype == np.uint32
    assert np.all(np.diff(KNOWN.hashes.astype(np.int64)) >= 0)
    assert KNOWN.line_at(int(KNOWN.starts[-1]) - 1) == SONGS - 1
