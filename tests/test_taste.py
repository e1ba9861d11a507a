"""Taste: what is learned from verdicts, what is not, where they are kept, and how they are given while playing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.cli import cli
from aigc_music.core.controls import CONTROLS
from aigc_music.core.errors import AigcMusicError, FileError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.engine.taste import NUDGES, Rating, Taste, ratings_path
from aigc_music.engine.traits import TRAITS, fingerprint, traits
from aigc_music.files.midi import read_score, write_score
from aigc_music.live.keyboard import Keyboard, wish_of
from aigc_music.live.screen import view
from aigc_music.live.verdicts import Verdicts
from bridge.journal import Journal
from models.music.spreads import distance

ROOT = Path(__file__).parent.parent
BAR = 1920


@cache
def piece(seed: int, bars: int = 16) -> Score:
    """A random tune with keys and bass: how many notes, how high, how loud, how repetitive is drawn from the seed."""
    rng = np.random.default_rng(seed)
    notes, centre, loud, again = rng.uniform(2, 9), rng.uniform(55, 72), rng.uniform(50, 100), rng.uniform(0, 0.9)
    tune: list[list[tuple[int, int, int]]] = []
    for _ in range(bars):
        if tune and rng.random() < again:
            tune.append(tune[rng.integers(len(tune))])
            continue
        places = np.sort(rng.choice(16, size=max(1, min(16, int(rng.poisson(notes)))), replace=False))
        tune.append([(int(place) * 120, int(rng.normal(centre, 4)), int(rng.normal(loud, 6))) for place in places])
    melody = [
        Note(bar * BAR + tick, min(90, max(40, pitch)), min(127, max(1, velocity)), 200, 1)
        for bar, row in enumerate(tune)
        for tick, pitch, velocity in row
    ]
    roots = rng.choice([0, 5, 7, 9], size=bars)
    keys = [
        Note(bar * BAR, 48 + int(root) + step, 70, BAR, 2) for bar, root in enumerate(roots) for step in (0, 4, 7)
    ]
    bass = [Note(bar * BAR, 36 + int(root), 80, BAR, 3) for bar, root in enumerate(roots)]
    return Score([Track("melody", 4, melody), Track("keys", 0, keys), Track("bass", 33, bass)], [(0, 100.0)])


@cache
def traits_of(seed: int) -> dict[str, float]:
    return traits(piece(seed))


def rated(style: str, likes: Callable[[int], bool], seeds: range, path: Path = Path("unused")) -> Taste:
    """The taste of somebody who has rated these pieces (in memory alone)."""
    taste = Taste(path)
    for seed in seeds:
        taste._take(Rating(0.0, likes(seed), style, str(seed), {"density": 0.5}, traits_of(seed)))
    return taste


def results(seeds: range, style: str = "pop") -> list[Any]:
    return [SimpleNamespace(score=piece(seed), request=SimpleNamespace(style=style), seed=seed) for seed in seeds]


def sparse_and_low(seed: int) -> bool:
    found = traits_of(seed)
    return (found["density"] - 1.29) / 0.35 + (found["register"] - 58.9) / 3.3 < 0


def repetitive(seed: int) -> bool:
    return traits_of(seed)["likeness"] > 0.36


def at_random(seed: int) -> bool:
    return bool(np.random.default_rng(seed + 10**6).random() < 0.5)


# -- what is learned -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likes", [sparse_and_low, repetitive])
def test_the_best_ten_of_thirty_fresh_pieces_are_those_one_likes(likes: Callable[[int], bool]) -> None:
    hits, chance = 0, 0.0
    for user in range(3):
        taste = rated("pop", likes, range(user * 100, user * 100 + 30))
        fresh = results(range(user * 100 + 50, user * 100 + 80))
        hits += sum(likes(row.seed) for row in taste.rank(fresh)[:10])
        chance += 10 * float(np.mean([likes(row.seed) for row in fresh]))
    assert 10 < chance < 20  # about half of the pieces are liked
    assert hits >= 24  # of 30; by chance that many come about once in a thousand times


def test_verdicts_without_a_pattern_move_nothing_much() -> None:
    moved = []
    for user in range(3):
        taste = rated("pop", at_random, range(user * 100, user * 100 + 30))
        fresh = results(range(user * 100 + 50, user * 100 + 80))
        plain = sorted(fresh, key=lambda row: distance(row.score, "pop"))
        moved.append(len({row.seed for row in plain[:10]} - {row.seed for row in taste.rank(fresh)[:10]}))
        assert max(abs(taste.score(row.score, "pop")) for row in fresh) < 0.5
        nudges = taste.nudge("pop")
        assert sum(abs(nudges.get(nudge.field, 0.0)) / nudge.most for nudge in NUDGES) < 0.8
        assert "nothing yet" in taste.words()
    assert sum(moved) <= 3  # of 30


def test_nobody_rated_means_no_opinion() -> None:
    taste = Taste(Path("unused"))
    fresh = results(range(8))
    assert taste.score(piece(1), "pop") == 0.0 and taste.nudge("pop") == {} and taste.weight == 0.0
    assert taste.wishes("pop", ["density"]) == {}
    assert taste.rank(fresh) == sorted(fresh, key=lambda row: distance(row.score, "pop"))
    assert taste.words() == "nothing yet that chance could not explain (0 ratings)"


def test_few_ratings_say_little_and_more_say_more() -> None:
    seeds = range(500, 560)
    few, many = rated("pop", sparse_and_low, seeds[:4]), rated("pop", sparse_and_low, seeds)
    spread = [np.std([taste.score(piece(seed), "pop") for seed in range(600, 620)]) for taste in (few, many)]
    assert spread[0] < 0.3 < 0.8 < spread[1]
    assert few.nudge("pop") == {} and few.weight < many.weight


def test_a_style_has_its_own_taste_beside_what_all_share() -> None:
    taste = rated("jazz", lambda seed: traits_of(seed)["density"] < 1.29, range(40))
    for row in rated("folk", lambda seed: traits_of(seed)["density"] > 1.29, range(40, 80)).ratings:
        taste._take(row)
    by_density = sorted(range(100, 130), key=lambda seed: traits_of(seed)["density"])
    sparse, dense = by_density[0], by_density[-1]
    assert taste.score(piece(sparse), "jazz") > 0 > taste.score(piece(dense), "jazz")
    assert taste.score(piece(sparse), "folk") < 0 < taste.score(piece(dense), "folk")
    assert taste.nudge("jazz")["density"] < 0 < taste.nudge("folk")["density"]
    assert "sparser" in taste.words("jazz") and "busier" in taste.words("folk")
    assert "sparser" not in taste.words() and "busier" not in taste.words()


def test_nudges_lean_the_right_way_and_leave_alone_what_was_set() -> None:
    taste = rated("pop", sparse_and_low, range(40))
    nudge = taste.nudge("pop")
    assert nudge["density"] < -0.05 and nudge["register"] < -1
    wishes = taste.wishes("pop", ["density", "register", "temperature"])
    assert set(wishes) <= {"density", "register", "temperature"}
    assert wishes["density"] == round(0.5 + nudge["density"], 3)
    usual = np.mean([traits_of(seed)["register"] for seed in range(10)])
    assert wishes["register"] == pytest.approx(usual + nudge["register"], abs=0.01)
    assert taste.wishes("pop", ["register"]).keys() == {"register"}  # density was set
    assert "register" not in taste.wishes("jazz", ["register"])  # nothing is known of the register of jazz
    assert rated("pop", repetitive, range(40)).nudge("pop")["likeness"] > 0.05
    assert "sparser" in taste.words() and "lower" in taste.words() and taste.words().endswith("(40 ratings)")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.sampled_from(["pop", "jazz", None])), max_size=40))
def test_whatever_is_rated_stays_within_bounds(verdicts: list[tuple[int, bool, str | None]]) -> None:
    taste = Taste(Path("unused"))
    for seed, keep, style in verdicts:
        taste._take(Rating(0.0, keep, style, str(seed), {"temperature": seed / 40}, traits_of(seed)))
    most = {nudge.field: nudge.most for nudge in NUDGES}
    for style in ("pop", "jazz", "folk", None):
        assert np.isfinite(taste.score(piece(99), style))
        assert all(abs(offset) <= most[name] for name, offset in taste.nudge(style).items())
        assert all(0 <= value <= 127 for value in taste.wishes(style, most).values())
        assert "rating" in taste.words(style)


# -- traits ----------------------------------------------------------------------------------------------------------


def test_traits_follow_the_music() -> None:
    score = piece(3)
    low = Score([Track(t.name, t.program, [n._replace(pitch=n.pitch - 5) for n in t.notes]) for t in score.tracks])
    assert traits(low)["register"] == pytest.approx(traits(score)["register"] - 5, abs=1e-3)
    half = Score([Track(t.name, t.program, t.notes[::2]) for t in score.tracks])
    assert traits(half)["density"] == pytest.approx(traits(score)["density"] - 1, abs=0.1)
    assert set(traits(score)) <= {trait.name for trait in TRAITS} and len({trait.name for trait in TRAITS}) == len(
        TRAITS
    )
    assert fingerprint(score) != fingerprint(low)


def test_pieces_of_any_kind_have_traits() -> None:
    drums = Score([Track("drums", 0, [Note(beat * 480, 36, 90, 60, 9) for beat in range(32)])])
    foreign = Score([Track("x", 3, [Note(beat * 480, 60, 90, 480, 0) for beat in range(3)])])
    assert traits(drums)["drum_share"] == 1 and "register" not in traits(drums)
    assert traits(foreign)["register"] == 60
    assert traits(Score()) == {}


# -- where ratings are kept ------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIGC_MUSIC_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_ratings_come_back_and_hold_no_music(home: Path) -> None:
    taste = Taste.load()
    given_controls = {"density": 0.4, "temperature": 0.9, "seed": 7, "given": "/home/me/secret.mid", "role": None}
    taste.rate(piece(1), True, "pop", given_controls)
    taste.rate(piece(2), False, None)
    again = Taste.load()
    assert again.ratings == taste.ratings and len(again.ratings) == 2 and again.damaged == 0
    rows = [json.loads(line) for line in ratings_path().read_text().splitlines()]
    assert all(set(row) == {"at", "keep", "style", "piece", "controls", "traits"} for row in rows)
    assert rows[0]["controls"] == {"density": 0.4, "temperature": 0.9}
    assert all(isinstance(value, float) for row in rows for value in row["traits"].values())
    if os.name == "posix":
        assert stat.S_IMODE(ratings_path().stat().st_mode) == 0o600
    assert again.forget() == 2 and not ratings_path().exists() and Taste.load().ratings == []
    assert again.score(piece(1), "pop") == 0.0


def test_a_second_verdict_replaces_the_first(home: Path, tmp_path: Path) -> None:
    write_score(piece(1), tmp_path / "tune.mid")
    taste = Taste.load()
    taste.rate(tmp_path / "tune.mid", True, "pop")
    taste.rate(str(tmp_path / "tune.mid"), False, "pop")
    assert [row.keep for row in Taste.load().ratings] == [False]


@pytest.mark.parametrize(
    "damage", [b'{"at": 1, "keep": tr', b"\xff\xfe\n", b"[]\n", b"{}\n", b'{"at":1,"keep":1,"style":"pop"}\n', b"7"]
)
def test_damaged_lines_are_left_out_and_said(home: Path, damage: bytes) -> None:
    Taste.load().rate(piece(1), True, "pop")
    with ratings_path().open("ab") as file:
        file.write(damage)
    taste = Taste.load()
    assert len(taste.ratings) == 1 and taste.damaged == 1
    taste.rate(piece(2), False, "pop")
    assert len(Taste.load().ratings) == 2 and Taste.load().damaged == 1
    said = CliRunner().invoke(cli, ["rate", "--list"]).output
    assert "1 damaged line" in said


def test_what_cannot_be_rated_or_written_is_said(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no notes"):
        Taste.load().rate(Score(), True, "pop")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot write the rating"):
        Taste.load(tmp_path / "file" / "ratings.jsonl").rate(piece(1), True, "pop")
    with pytest.raises(FileError, match="cannot read the ratings"):
        Taste.load(tmp_path)


# -- the verb --------------------------------------------------------------------------------------------------------


def test_the_verb_rates_lists_and_forgets(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "tune.mid"
    score = piece(1)
    write_score(Score(score.tracks, score.tempos, title="jazz in F major, seed 3"), path)
    answer = json.loads(CliRunner().invoke(cli, ["rate", str(path), "keep", "--json"]).output)
    assert answer == {"rated": str(path), "keep": True, "style": "jazz", "ratings": 1}
    CliRunner().invoke(cli, ["rate", str(path), "discard", "--style", "Folk"])
    listed = json.loads(CliRunner().invoke(cli, ["rate", "--list", "--json"]).output)
    assert (listed["ratings"], listed["kept"], listed["damaged"]) == (1, 0, 0)
    assert set(listed["learned"]) == {"all", "folk"} and listed["path"] == str(ratings_path())
    assert CliRunner().invoke(cli, ["rate", "--forget"]).output == "ratings forgotten: 1\n"
    assert Taste.load().ratings == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [([], "what to rate"), (["--list", "--forget"], "what to rate"), (["TUNE"], "keep"),
     (["TUNE", "maybe"], "keep, discard"),
     (["TUNE", "keep", "--style", "popp"], "pop"), (["EMPTY", "keep"], "no notes")],
)  # fmt: skip
def test_wrong_words_are_answered_with_the_right_ones(
    arguments: list[str], says: str, home: Path, tmp_path: Path
) -> None:
    write_score(piece(1), tmp_path / "tune.mid")
    write_score(Score(), tmp_path / "empty.mid")
    names = {"TUNE": str(tmp_path / "tune.mid"), "EMPTY": str(tmp_path / "empty.mid")}
    result = CliRunner().invoke(cli, ["rate", *(names.get(word, word) for word in arguments)])
    assert isinstance(result.exception, AigcMusicError) and result.exception.exit_code == 2
    assert says in str(result.exception)
    assert not ratings_path().exists()


# -- while playing ---------------------------------------------------------------------------------------------------


def snapshot_at(bar: float, **controls: Any) -> dict[str, Any]:
    values = {name: control.default for name, control in CONTROLS.items()} | controls
    return {"tick": round(bar * BAR), "metre": "4/4", "bpm": 100.0, "controls": values}


def take(path: Path, bars: int) -> None:
    """A journal of somebody's band: a bar of noise before the jump back to the start, then `bars` bars."""
    log = Journal(path)
    log.write({"is": "take", "version": 1, "started": 0})
    log.write({"is": "played", "notes": [[0, 99, 100, 5000, 1]]})
    log.write({"do": "locate", "epoch": 1, "frozen": -1})
    log.write({"is": "chord", "tick": 0, "root": 0, "quality": 0})
    for bar in range(bars):
        for place in range(4):
            tick = bar * BAR + place * 480
            log.write({"is": "played", "notes": [[tick, 60 + bar % 12, 80, 480, 1], [tick, 36, 90, 100, 9]]})
    log.close()


def test_y_keeps_the_last_eight_bars_and_n_takes_it_back(home: Path, tmp_path: Path) -> None:
    take(tmp_path / "take.jsonl", 21)
    verdicts = Verdicts(tmp_path / "take.jsonl", folder=tmp_path / "takes")
    said = verdicts.give(True, snapshot_at(16.3, style="jazz", density=0.7))
    (kept,) = (tmp_path / "takes").iterdir()
    assert "kept bars 9-16" in said and str(kept) in said
    score = read_score(kept)
    assert score.end == 8 * BAR and {note.pitch for note in score.notes if note.channel == 1} == {
        60,
        *range(61, 64),
        *range(68, 72),
    }
    assert score.texts == [(0, "C")]
    (rating,) = Taste.load().ratings
    assert rating.keep and rating.style == "jazz" and rating.controls["density"] == 0.7
    assert verdicts.give(False, snapshot_at(16.8, style="jazz")).startswith("discarded bars 9-16")
    assert [row.keep for row in Taste.load().ratings] == [False]
    assert "bars 17-20" in verdicts.give(False, snapshot_at(20.1))  # what came since, nothing twice
    assert len(Taste.load().ratings) == 2


def test_nothing_played_is_nothing_to_judge(home: Path, tmp_path: Path) -> None:
    take(tmp_path / "take.jsonl", 1)
    for journal, snapshot in (
        (tmp_path / "take.jsonl", snapshot_at(0.9)),
        (tmp_path / "take.jsonl", {}),
        (None, snapshot_at(4)),
    ):
        with pytest.raises(UsageError, match="nothing to keep yet"):
            Verdicts(journal, folder=tmp_path).give(True, snapshot)
    log = Journal(tmp_path / "alone.jsonl")
    log.write({"do": "listen", "heard": [[0, 60, 80], [480, 60, 0]]})
    log.close()
    with pytest.raises(UsageError, match="nothing to discard yet"):
        Verdicts(tmp_path / "alone.jsonl", folder=tmp_path).give(False, snapshot_at(2))
    assert not ratings_path().exists()


def test_a_folder_that_refuses_the_music_does_not_lose_the_rating(home: Path, tmp_path: Path) -> None:
    take(tmp_path / "take.jsonl", 9)
    (tmp_path / "takes").write_text("a file")
    said = Verdicts(tmp_path / "take.jsonl", folder=tmp_path / "takes").give(True, snapshot_at(8))
    assert "count as kept" in said and len(Taste.load().ratings) == 1


def test_the_keys_are_free_and_bind_nothing() -> None:
    taken = {key for control in CONTROLS.values() for key in control.keys}
    assert not taken & {"y", "n"}
    values = snapshot_at(0)["controls"]
    assert wish_of("y", values) == {"do": "rate", "keep": True}
    assert wish_of("n", values) == {"do": "rate", "keep": False}
    keyboard = Keyboard.__new__(Keyboard)
    keyboard._learning, keyboard._restore = False, None
    keyboard.fd, write = os.pipe()
    os.write(write, b"lyd")
    wishes = keyboard.wishes({"controls": values})
    assert [wish["do"] for wish in wishes] == ["rate", "set"]
    os.close(write)
    os.close(keyboard.fd)


@pytest.mark.parametrize("width", [64, 96, 118])
def test_the_screen_shows_the_keys(width: int) -> None:
    snapshot = snapshot_at(0) | {
        "running": True, "bar": 0, "beat": 0, "chord": "C", "model": "ready", "notes": [], "plan": [], "sent": 0,
        "received": 0, "late": 0, "dropped": 0, "lateness_ms": {"p50": 0.0, "p99": 0.0},
    }  # fmt: skip
    keys = str(view(snapshot, {}, [], 1, "m", width).subtitle)
    assert "y keep" in keys and "n discard" in keys and len(keys) < width - 4


def test_a_face_killed_after_the_verdict_loses_nothing(home: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from aigc_music.live.performance import Performance\n"
        "from bridge.process import Config\n"
        f"journal = {str(tmp_path / 'take.jsonl')!r}\n"
        "rules = [sys.executable, '-m', 'tests.rule_model_process']\n"
        "show = Performance(Config(1, rules, 'memory', sound='none', controls={'bpm': 300.0}, journal=journal))\n"
        "until = time.monotonic() + 20\n"
        "while show.snapshot.get('bar', 0) < 2 and time.monotonic() < until: show.listen(0.05)\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "show.wish('rate', keep=True)\n"
        "print(show.told[-1], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "kept bars 1-2" in result.stdout, result.stderr
    assert [row.keep for row in Taste.load().ratings] == [True]
    (kept,) = (tmp_path / "takes").glob("kept-take-*.mid")
    assert 0 < read_score(kept).end <= 2 * BAR
