"""Musical figures: bars whose values one can count by hand, laws, spreads, the page and the command."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.cli import evaluate_figures
from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import DRUMS, PART_NAMES, PARTS
from aigc_music.core.time import Metre
from aigc_music.files.midi import read_score, score_bytes
from models.music import drawing, portrait, spreads
from models.music import figures as fig
from models.music.figures import Excerpt
from tests.tiny_model import write_tiny

MELODY, BASS = PART_NAMES.index("melody"), PART_NAMES.index("bass")
C_MAJOR = (0, 0, 0)  # tick, root, quality


def tune(*pitches: int, step: int = 480, bars: int = 1, part: int = MELODY) -> Excerpt:
    """Notes one after another, none for pitch 0."""
    rows = [(index * step, part, pitch, 80, step) for index, pitch in enumerate(pitches) if pitch]
    return Excerpt(np.array(rows), bars)


def drums(*rows: tuple[int, int], bars: int) -> Excerpt:
    return Excerpt(np.array([(tick, DRUMS, pitch, 90, 60) for tick, pitch in rows]), bars)


# -- values by hand ----------------------------------------------------------------------------------------------


def test_pitch() -> None:
    assert fig.scale_consistency(tune(60, 62, 64, 66)) == 1.0  # all in G major
    assert fig.scale_consistency(tune(60, 61, 62, 63)) == 0.75  # no diatonic scale holds three semitones in a row
    assert fig.pitch_class_entropy(tune(60, 72, 48, 60)) == 0.0
    assert fig.pitch_class_entropy(tune(60, 64, 67, 71)) == 2.0
    assert fig.pitch_class_entropy(tune(60, 72, 62, 62)) == 1.0


def test_polyphony() -> None:
    one = tune(60, 62, 0, 0)
    assert (fig.polyphony(one), fig.polyphony_rate(one)) == (1.0, 0.0)
    two = replace(one, notes=np.concatenate((one.notes, [(0, BASS, 48, 80, 480)])))
    assert fig.polyphony(two) == 1.5  # two notes for a quarter, one for a quarter, then silence, which counts nothing
    assert fig.polyphony_rate(two) == 0.25


def test_time() -> None:
    piece = tune(60, 62, 0, 0, 60, 0, 0, 0, bars=2)
    assert fig.notes_per_quarter(piece) == 3 / 8
    assert fig.empty_beat_rate(piece) == 5 / 8
    assert (
        fig.empty_beat_rate(replace(piece, beats=2, beat_ticks=960)) == 0.5
    )  # half-note beats: silent, full, silent
    # 24 places a bar of 4/4; the second bar lacks the second onset
    assert fig.groove_consistency(piece) == pytest.approx(1 - 1 / 24)
    assert fig.off_grid(piece) == 0.0
    late = replace(piece, notes=piece.notes + np.array([30, 0, 0, 0, 0]))
    assert fig.off_grid(late) == 1.0


def test_a_note_that_rings_on_fills_its_beats() -> None:
    piece = Excerpt(np.array([(0, MELODY, 60, 80, 961)]), 1)
    assert fig.empty_beat_rate(piece) == 0.25
    assert fig.empty_beat_rate(replace(piece, notes=np.array([(0, MELODY, 60, 80, 960)]))) == 0.5


def test_places() -> None:
    bar, place = fig.snap(np.array([0, 118, 243, 355, 480 + 165, 480 + 318, 1919, -3]), 1920)
    assert bar.tolist() == [0, 0, 0, 0, 0, 0, 1, 0]
    assert place.tolist() == [0, 1, 3, 5, 6 + 2, 6 + 4, 0, 0]
    # alone a hit at 145 is a triplet; between straight sixteenths it is a late one
    assert fig.snap(np.array([145]), 1920)[1].tolist() == [2]
    assert fig.snap(np.array([0, 145, 240, 362]), 1920)[1].tolist() == [0, 1, 3, 5]
    # 3/8: one and a half quarters, 9 places, and the last half quarter leads to the next bar
    bar, place = fig.snap(np.array([480, 600, 719, 720]), 720)
    assert (bar.tolist(), place.tolist()) == ([0, 0, 1, 1], [6, 7, 0, 0])


def test_harmony() -> None:
    piece = replace(tune(60, 62, 64, 68), chords=np.array([C_MAJOR]))
    assert fig.note_in_chord(piece) == 0.5
    # D passes to E, the last note leads nowhere
    assert fig.chord_tone_ratio(piece) == 0.75
    later = replace(piece, chords=np.array([(960, 0, 0)]))  # the first half has no chord: E in, G sharp out
    assert fig.note_in_chord(later) == 0.5
    early = replace(piece, chords=np.array([(0, 2, 0), (490, 0, 0)]))  # D just before the chord counts to it
    assert fig.note_in_chord(early) == 0.25
    assert np.isnan(fig.note_in_chord(replace(piece, chords=None)))
    assert np.isnan(fig.chord_tone_ratio(replace(piece, chords=np.array([(0, 12, 12)]))))  # N.C. all along


def test_form() -> None:
    a, b = (60, 62, 64, 65), (71, 69, 67, 74)
    again = fig.self_similarity(tune(*a, *b, *a, *b, bars=4).notes, 1920, 4)
    assert again.lags[:3].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(again.lags[3:]).all()
    assert again.likeness == pytest.approx(2 / 3)  # bar 2 is new, 3 and 4 come back
    assert again.returning == pytest.approx(2 / 3)
    assert again.mean == pytest.approx(1 / 3)
    assert again.peak == pytest.approx(2 / 3)
    # one note of four differs: 3 common of 5
    assert fig.self_similarity(tune(*a, 60, 62, 64, 67, bars=2).notes, 1920, 2).lags[0] == pytest.approx(3 / 5)
    # octaves and parts make no difference, drums are themselves
    assert fig.self_similarity(tune(*a, *(p - 12 for p in a), bars=2).notes, 1920, 2).likeness == 1.0
    beat = drums((0, 36), (960, 38), (1920, 36), (2880, 48), bars=2)
    assert fig.self_similarity(beat.notes, 1920, 2).likeness == pytest.approx(1 / 3)


def test_a_silent_bar_is_like_nothing() -> None:
    form = fig.self_similarity(tune(60, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, bars=3).notes, 1920, 3)
    assert np.isnan(form.lags[0])
    assert (form.lags[1], form.likeness, form.mean) == (1.0, 1.0, 1.0)
    alone = fig.self_similarity(tune(60).notes, 1920, 1)
    assert (alone.likeness, alone.returning, alone.mean, alone.peak) == (0.0, 0.0, 0.0, 0.0)


def test_divergence() -> None:
    one, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert (fig.divergence(one, one), fig.divergence(one, other)) == (0.0, 1.0)
    # half of one bit for each half in common: H(3/4) - (0 + 1) / 2
    expected = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)) - 0.5
    assert fig.divergence(one, np.array([0.5, 0.5])) == pytest.approx(expected)


def test_histograms() -> None:
    shares = fig.histograms(replace(tune(67, 69, 69, 57), tonic=7))
    assert shares["pitch major"].tolist() == [0.25, 0, 0.75, *[0] * 9]
    assert {step - 12: share for step, share in enumerate(shares["interval"]) if share} == pytest.approx(
        {2: 1 / 3, 0: 1 / 3, -12: 1 / 3}
    )
    assert np.flatnonzero(shares["duration"]).tolist() == [8]  # quarters
    assert np.flatnonzero(shares["velocity"]).tolist() == [10]
    assert np.flatnonzero(shares["onset 4x480"]).tolist() == [0, 6, 12, 18]
    assert set(fig.histograms(drums((0, 36), (480, 38), bars=1))) == {"onset 4x480", "pitch", "velocity"}


def test_what_makes_no_sense_is_left_out() -> None:
    found = fig.figures(drums((0, 36), (480, 38), bars=1))
    assert not {"scale_consistency", "polyphony", "note_in_chord"} & set(found)
    assert "note_in_chord" not in fig.figures(tune(60, 62, 64, 65))
    assert {row.name for row in fig.FIGURES} >= set(found)


# -- laws --------------------------------------------------------------------------------------------------------


@st.composite
def excerpts(draw: st.DrawFn) -> Excerpt:
    row = st.tuples(
        st.integers(0, 4 * 24 - 1),
        st.sampled_from([MELODY, BASS, DRUMS]),
        st.integers(40, 80),
        st.integers(1, 127),
        st.integers(1, 12),
    )
    rows = sorted(draw(st.lists(row, min_size=1, max_size=40)))
    notes = np.array([(place * 80, part, pitch, velocity, 80 * long) for place, part, pitch, velocity, long in rows])
    chords = np.array([(0, *draw(st.sampled_from([(0, 0), (9, 5), (11, 8), (12, 12)]))), (1920, 5, 0)])
    return Excerpt(notes, 4, tonic=draw(st.integers(0, 11)), chords=chords)


def transposed(piece: Excerpt, semitones: int) -> Excerpt:
    """So many semitones higher, drums as they are."""
    notes, chords = piece.notes.copy(), np.array(piece.chords)
    notes[notes[:, 1] != DRUMS, 2] += semitones
    rooted = chords[:, 1] < 12
    chords[rooted, 1] = (chords[rooted, 1] + semitones) % 12
    return replace(piece, notes=notes, tonic=(piece.tonic + semitones) % 12, chords=chords)


@settings(deadline=None, max_examples=60)
@given(excerpts(), st.integers(-12, 12))
def test_transposing_changes_no_figure(piece: Excerpt, semitones: int) -> None:
    moved = transposed(piece, semitones)
    assert fig.figures(moved) == pytest.approx(fig.figures(piece))
    before, after = fig.histograms(piece), fig.histograms(moved)
    assert before.keys() == after.keys()
    assert all(np.allclose(before[name], after[name]) for name in before)


@settings(deadline=None, max_examples=60)
@given(excerpts())
def test_figures_stay_in_their_ranges(piece: Excerpt) -> None:
    found = fig.figures(piece)
    upper = {"notes_per_quarter": np.inf, "polyphony": np.inf, "pitch_class_entropy": np.log2(12) + 1e-9}
    lower = {"lag_peak": -1.0}
    assert all(lower.get(name, 0) <= value <= upper.get(name, 1 + 1e-9) for name, value in found.items()), found
    assert all(share.sum() == pytest.approx(1) for share in fig.histograms(piece).values())


@settings(deadline=None, max_examples=40)
@given(excerpts())
def test_playing_it_twice_brings_every_bar_back(piece: Excerpt) -> None:
    long = np.minimum(piece.notes[:, 4], 4 * 1920 - piece.notes[:, 0])
    once = np.column_stack((piece.notes[:, :4], long))
    twice = np.concatenate((once, once + np.array([4 * 1920, 0, 0, 0, 0])))
    form = fig.self_similarity(twice, 1920, 8)
    assert form.lags[3] == pytest.approx(1) or len(np.unique(once[:, 0] // 1920)) < 4
    assert form.likeness >= fig.self_similarity(once, 1920, 4).likeness - 1e-9


@settings(deadline=None, max_examples=40)
@given(excerpts(), st.integers(1, 6))
def test_bars_moved_later_measure_the_same(piece: Excerpt, bars: int) -> None:
    shift = bars * piece.bar_ticks
    later = replace(piece, notes=piece.notes + np.array([shift, 0, 0, 0, 0]), bars=piece.bars + bars)
    later = replace(later, chords=np.array(piece.chords) + np.array([shift, 0, 0]))
    assert fig.figures(later.bars_from(bars, 4)) == pytest.approx(fig.figures(piece.bars_from(0, 4)))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 20), min_size=2, max_size=12), st.data())
def test_divergence_is_even_and_bounded(counts: list[int], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.integers(0, 20), min_size=len(counts), max_size=len(counts)))
    one, other = (np.array(row) + 1e-9 for row in (counts, others))
    one, other = one / one.sum(), other / other.sum()
    assert fig.divergence(one, other) == pytest.approx(fig.divergence(other, one))
    assert -1e-9 <= fig.divergence(one, other) <= 1 + 1e-9


# -- spreads -----------------------------------------------------------------------------------------------------

SCENE = spreads.Scene("tune", "pop", ("melody",), (), 4, ("velocity_divergence",))


def real_tunes(count: int = 24, seed: int = 1) -> list[spreads.Real]:
    """Tunes of the C major scale in which the first two bars come back."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        half = [int(pitch) for pitch in rng.choice([60, 62, 64, 65, 67, 69, 71], 8)]
        piece = replace(tune(*half, *half, bars=4), tonic=0)
        found.append(spreads.Real(f"song {number // 2}", "test", piece, (4, 4), "C major", 100.0))
    return found


def test_music_of_the_same_kind_lies_inside_and_other_music_outside() -> None:
    real = real_tunes()
    spread = json.loads(json.dumps(spreads.spread_of(SCENE, real)))
    assert (spread["excerpts"], spread["songs"], "velocity_divergence" in spread["figures"]) == (24, 12, False)
    alike = spreads.compare(SCENE, spread, [row.excerpt for row in real_tunes(seed=2)], real)["figures"]
    assert {row["verdict"] for row in alike.values()} == {"inside"}
    rng = np.random.default_rng(3)
    noise = [replace(tune(*rng.integers(48, 84, 32).tolist(), step=240, bars=4), tonic=0) for _ in range(24)]
    other = spreads.compare(SCENE, spread, noise, real)["figures"]
    for name in ("notes_per_quarter", "scale_consistency", "pitch_divergence", "likeness", "returning_bars"):
        assert other[name]["verdict"] == "outside", name


def test_silent_pieces_count_as_outside() -> None:
    real = real_tunes()
    spread = spreads.spread_of(SCENE, real)
    silent = Excerpt(np.zeros((0, 5), np.int32), 4)
    half = [row.excerpt for row in real[:12]] + [silent] * 12
    table = spreads.compare(SCENE, spread, half, real)
    assert table["silent"] == 12
    assert all(row["inside"] <= 0.5 and row["verdict"] == "outside" for row in table["figures"].values())


def test_distance_is_nothing_inside_and_grows_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    real = real_tunes()
    spread = spreads.spread_of(SCENE, real)
    monkeypatch.setattr(spreads, "load_spreads", lambda: {"tune": spread})
    means = {name: row["mean"] for name, row in spread["figures"].items()}
    assert spreads.distance_to_real(means, "tune") == 0.0
    assert spreads.distance_to_real({"onset_divergence": 0.0}, "tune") == 0.0  # nothing is too much like the style
    known = spread["figures"]["lag_mean"]
    one, two = ({"lag_mean": known["p95"] + times * known["sd"]} for times in (1, 2))
    assert spreads.distance_to_real(one, "tune") == pytest.approx(1)
    assert spreads.distance_to_real(two, "tune") == pytest.approx(2)
    assert spreads.distance_to_real(means, "no such scene") == 0.0


def score_of(notes: list[Note], key: str = "A minor") -> Score:
    return Score(
        [Track("", 0, notes)], [(0, 120.0)], [(0, Metre(6, 8))], [(0, key)],
        texts=[(0, "Am"), (1440, "Dm7"), (1440, "Chorus"), (1500, "hello")],
    )  # fmt: skip


def test_a_score_becomes_the_same_arrays_through_a_file() -> None:
    melody, bass = PARTS[MELODY].channel, PARTS[BASS].channel
    score = score_of([Note(0, 69, 80, 240, melody), Note(720, 45, 70, 720, bass), Note(1440, 60, 50, 100, 15)])
    for piece in (spreads.excerpt_of(score), spreads.excerpt_of(read_score(score_bytes(score)))):
        assert piece.notes.tolist() == [[0, MELODY, 69, 80, 240], [720, BASS, 45, 70, 720]]
        assert (piece.bars, piece.beats, piece.beat_ticks, piece.tonic, piece.minor) == (1, 2, 720, 9, True)
        assert np.array(piece.chords).tolist() == [[0, 9, 1], [1440, 2, 5]]
    assert len(spreads.excerpt_of(score).of_parts(["keys"]).notes) == 0


def test_the_zoo_has_spreads_that_rank() -> None:
    spread = spreads.load_spreads()
    assert set(spread) == {scene.name for scene in spreads.SCENES}
    for table in spread.values():
        assert table["excerpts"] > 10 and len(table["figures"]) >= 10
        assert all(row["p5"] <= row["p95"] for row in table["figures"].values())
    channel = PARTS[MELODY].channel
    scale = [69, 71, 72, 74, 76, 74, 72, 71]
    song = [Note(240 * i, scale[i % 8] + (0, 2, 0, -2)[i // 8 % 4], 80, 240, channel) for i in range(192)]
    noise = [note._replace(pitch=55 + 37 * i * i % 31, tick=note.tick + 53 * i % 97) for i, note in enumerate(song)]
    assert spreads.distance(score_of(song), "folk") < spreads.distance(score_of(noise), "folk")
    assert spreads.distance(score_of([]), "folk") == float("inf")


# -- the page ----------------------------------------------------------------------------------------------------


def test_the_page_is_svg_and_shows_every_style_and_figure() -> None:
    real = real_tunes()
    table = spreads.compare(SCENE, spreads.spread_of(SCENE, real), [row.excerpt for row in real], real)
    page = portrait.portrait({"a & b": table, "rock_drums": table}, "Title <1>", "remark")
    root = ElementTree.fromstring(page)
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Title <1>", "a & b", "rock", "scale consistency", "rock drums"} <= set(words)
    assert page == portrait.portrait({"a & b": table, "rock_drums": table}, "Title <1>", "remark")


def test_scales_have_round_ends() -> None:
    for low, high in ((0.0, 1.0), (0.123, 0.127), (2.4, 13.9), (0.5, 0.5), (-0.2, 0.31)):
        bottom, top = drawing.marks(low, high)
        assert bottom <= low + 1e-9 and top >= high - 1e-9 and top > bottom


# -- the command -------------------------------------------------------------------------------------------------


def test_the_command_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    def run(*words: str) -> BaseException | None:
        return (
            CliRunner()
            .invoke(evaluate_figures.command, ["--data", str(tmp_path), "--out", str(tmp_path), *words])
            .exception
        )

    assert isinstance(run("--n", "0"), UsageError)
    assert isinstance(run("--jobs", "0"), UsageError)
    assert isinstance(run("--styles", "poop"), UsageError)
    assert isinstance(run("--styles", "pop"), FileError)  # no sets there


@pytest.mark.skipif("AIGC_MUSIC_DATA" not in os.environ, reason="AIGC_MUSIC_DATA names no folder of music sets")
def test_the_command_goes_on_where_it_stopped(tmp_path: Path) -> None:
    model = write_tiny(tmp_path / "tiny")
    words = ["--data", os.environ["AIGC_MUSIC_DATA"], "--out", str(tmp_path / "out"), "--model", str(model)]
    words += ["--styles", "jazz_drums", "--n", "1", "--json"]
    first = CliRunner().invoke(evaluate_figures.command, words, catch_exceptions=False)
    result = json.loads(first.stdout.splitlines()[-1])
    table = result["scenes"]["jazz_drums"]
    assert (table["pieces"], set(table["splits"]) <= {"test", "valid"}) == (1, True)
    assert "groove_consistency" in table["figures"] and "scale_consistency" not in table["figures"]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "pieces").rglob("*.mid")}
    assert len(made) == 1
    again = CliRunner().invoke(evaluate_figures.command, words, catch_exceptions=False)
    assert json.loads(again.stdout.splitlines()[-1]) == result
    assert made == {path: path.stat().st_mtime_ns for path in made}
    other = CliRunner().invoke(evaluate_figures.command, [*words, "--seed", "5"])
    assert isinstance(other.exception, UsageError) and "seed" in str(other.exception)
