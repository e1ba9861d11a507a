"""Training as a product: runs that resume, several processes, tuning to a musician's own songs, training data."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.cli.train import command
from aigc_music.core.errors import FileError, MissingExtraError, ModelError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.styles import STYLES
from aigc_music.core.time import Metre
from aigc_music.files.midi import write_score
from models.music import dataset, duplicates
from models.music.corpus import Song, load_set
from models.music.decode_cpu import Conditions, Limits, Rest, load_model
from models.music.train import SIZES, gather
from models.music.weights import shapes
from models.zoo import find
from tests.test_models_representation import make_song
from tests.tiny_model import write_tiny

ROOT = Path(__file__).parent.parent
MAJOR = (0, 2, 4, 5, 7, 9, 11)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of its own, with the tiny model in it."""
    monkeypatch.setenv("AIGC_MUSIC_HOME", str(tmp_path / "home"))
    write_tiny(tmp_path / "home" / "models" / "parent")
    return tmp_path / "home"


def tune_of(seed: int, bars: int = 20) -> list[Note]:
    """Eighths of C major: a motif of two bars, and again, and another."""
    rng = np.random.default_rng(seed)
    notes = []
    for pair in range(bars // 2):
        if pair % 3 != 1:
            motif = rng.integers(0, 7, 16)
        notes += [Note((pair * 16 + i) * 240, 60 + MAJOR[step], 80, 240, 0) for i, step in enumerate(motif)]
    return notes


def write_folder(folder: Path, songs: int, first: int = 0, bars: int = 20) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + songs):
        score = Score(
            tracks=[Track("melody", 0, tune_of(seed, bars))], tempos=[(0, 120.0)], metres=[(0, Metre(4, 4))]
        )
        write_score(score, folder / f"tune{seed}.mid")
    return folder


# -- near duplicates ---------------------------------------------------------------------------------------------


def moved(song: Song, semitones: int, stretch: int) -> Song:
    """The same tune in another key and tempo."""
    rows = song.notes.copy()
    rows[:, 2] += semitones
    rows[:, [0, 4]] *= stretch
    return Song("moved", "set", "valid", 0, rows, song.metres, song.chords, song.tempos)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 50), st.integers(-12, 12), st.integers(1, 3))
def test_a_song_is_known_again_in_any_key_and_tempo_and_another_is_not(seed: int, by: int, stretch: int) -> None:
    one, other = make_song(seed, 150, (0,)), make_song(seed + 100, 150, (0,))
    hashes = [duplicates.patterns(song) for song in (one, other)]
    near = duplicates.nearest([duplicates.patterns(moved(one, by, stretch)), hashes[0]], hashes)
    assert near[0].place == near[1].place == 0 and near[1].share == 1.0
    assert near[0].share > 0.9  # a rhythm stretched may cross the border of a class
    assert duplicates.nearest(hashes[1:], hashes[:1])[0].share < duplicates.ALIKE


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 12), st.sampled_from([0.1, 0.2, 0.5]))
def test_what_is_held_out_is_some_songs_and_their_duplicates(count: int, share: float) -> None:
    songs = [make_song(seed, 60, (0,)) for seed in range(count)]
    for index, song in enumerate(songs):
        song.name = f"song {index}"
    songs.append(moved(songs[0], 2, 1))
    held = dataset.hold_out(songs, share)
    assert 0 < sum(held) < len(songs) and held[0] == held[-1]
    turned = dataset.hold_out(songs[::-1], share)[::-1]
    assert sum(turned) > 0 and turned[0] == turned[-1]


def test_songs_that_are_all_alike_cannot_be_split() -> None:
    song = make_song(1, 60, (0,))
    assert dataset.hold_out([song, moved(song, 3, 1)], 0.2) == [False, False]


# -- data --------------------------------------------------------------------------------------------------------


def test_arrays_hold_what_the_songs_were_and_say_where_they_come_from(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "mine", 6)
    (source / "sub").mkdir()
    write_folder(source / "sub", 1, 30)
    (source / "broken.mid").write_bytes(b"MThd nothing more")
    (source / "again.mid").write_bytes((source / "tune2.mid").read_bytes())
    index = dataset.build([source], tmp_path / "arrays", licence="my own work")
    row = index["sets"][0]
    assert row["songs"] == 7 and row["licences"] == {"my own work": 7}
    assert row["splits"]["valid"] >= 1 and row["splits"]["train"] >= 5
    assert row["keys_given"] == row["chords_given"] == 0
    why = {lost["song"]: lost["why"] for lost in row["dropped"]}
    assert set(why) == {"broken", "tune2"} and "the same notes as mine/again" in why["tune2"]
    before = {song.name: song for song in load_set(source)}
    assert "sub/tune30" in before
    songs, weights = gather([tmp_path / "arrays"], None, None)
    assert weights is not None and weights["mine"] > 0
    for song in songs:
        old = before[song.name]
        for name in ("notes", "metres", "chords", "tempos", "style", "key_root", "key_minor", "played"):
            assert np.array_equal(getattr(song, name), getattr(old, name)), name
    credits = dataset.credits_of([tmp_path / "arrays" / "mine.safetensors"], songs)
    assert [row["licence"] for row in credits] == ["my own work"] and len(credits[0]["songs"]) == 7


def test_a_set_keeps_its_splits_licences_and_chords_but_not_its_duplicates(tmp_path: Path) -> None:
    write_folder(tmp_path, 3)
    rows = [
        {"id": "tune0", "style": "folk", "split": "train", "key": "G", "title": "One", "licence": "CC BY 4.0"},
        {"id": "tune1", "style": "folk", "split": "valid", "key": "Am", "title": "Two"},
        {"id": "copy", "style": "folk", "split": "test", "title": "One again"},
    ]
    up = Score(tracks=[Track("melody", 0, [n._replace(pitch=n.pitch + 3) for n in tune_of(0)])], tempos=[(0, 90.0)])
    write_score(up, tmp_path / "copy.mid")
    with zipfile.ZipFile(tmp_path / "music_few.zip", "w") as file:
        for name in ("tune0", "tune1", "copy"):
            file.write(tmp_path / f"{name}.mid", f"midi/{name}.mid")
        file.writestr("meta.jsonl", "\n".join(map(json.dumps, rows)))
        file.writestr("chords.jsonl", json.dumps({"id": "tune0", "chords": [[q, "C"] for q in range(0, 20, 4)]}))
        file.writestr("LICENSE.txt", "Public domain\n")
        file.writestr("SOURCE.txt", "source: somewhere commit 1\n")
    found = dataset.build([tmp_path / "music_few.zip"], tmp_path / "out")["sets"][0]
    assert found["splits"] == {"train": 1, "valid": 1, "duplicate": 1}
    assert found["duplicates"] == [{"song": "copy", "share": 1.0, "nearest": "few/tune0"}]
    assert found["licences"] == {"CC BY 4.0": 1, "Public domain": 2}
    assert (found["keys_given"], found["chords_given"]) == (2, 1)
    songs = {song.name: song for song in dataset.read_songs(tmp_path / "out" / "few.safetensors")}
    assert songs["tune0"].chords_given and not songs["tune1"].chords_given
    origin = dataset.origins(tmp_path / "out" / "few.safetensors")["tune0"]
    assert origin == ("One", "somewhere commit 1", "CC BY 4.0")


def test_only_arrays_are_read_as_arrays(tmp_path: Path) -> None:
    for name, content in (("a", b""), ("b", b"\x80\x04K\x01."), ("c", (8).to_bytes(8, "little") + b"{}      ")):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        with pytest.raises(FileError, match="train data"):
            load_set(path)
    (tmp_path / "no.zip").write_bytes(b"PK nothing")
    with pytest.raises(FileError, match="not a zip"):
        load_set(tmp_path / "no.zip")


def test_the_data_command_prints_a_table_and_json(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "mine", 5)
    (source / "broken.mid").write_bytes(b"no")
    plain = CliRunner().invoke(command, ["data", str(source), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert "mine/broken" in plain.output and "not stated by the user" in " ".join(plain.output.split())
    asked = CliRunner().invoke(command, ["data", str(source), "--out", str(tmp_path / "out"), "--json"])
    assert json.loads(asked.stdout.splitlines()[-1])["sets"][0]["songs"] == 5


# -- training ----------------------------------------------------------------------------------------------------

torch = pytest.importorskip("torch", reason="training needs torch (pip install 'aigc-music[train]')")


def test_training_learns_resumes_and_exports_a_model_that_plays(tmp_path: Path) -> None:
    from models.music.train import export, train

    data = write_folder(tmp_path / "midi", 6)
    seen = []
    for steps in (3, 6):
        run = train(
            [data],
            tmp_path / "run",
            minutes=60,
            steps=steps,
            hidden=24,
            quiet=True,
            licence="mine",
            report=seen.append,
        )
    assert [now.step for now in seen] == [1, 2, 3, 4, 5, 6]
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "start" in row] == [0, 3]
    first, last = (row["valid"]["midi"][0] for row in rows if "valid" in row)
    assert last < first
    model = load_model(export(run, tmp_path / "zoo" / "trained", {"seed": 1}))
    assert model.card["steps"] == 6 and model.card["data"][0]["licence"] == "mine"
    note = model.stream(1).sample(Conditions(), Limits(), 0, 0, 0)
    assert not isinstance(note, Rest)


TWO_RANKS = """
import sys, torch
from torch import distributed
from models.music.train import train
from models.music.train_ranks import Ranks

average = Ranks.average_gradients

def checked(self, network):
    flat = lambda: torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    every = [torch.zeros_like(flat()) for _ in range(2)]
    distributed.all_gather(every, flat())
    assert not torch.equal(*every), "both ranks drew the same windows"
    average(self, network)
    assert torch.allclose(flat(), (every[0] + every[1]) / 2)
    weights = [torch.zeros(1) for _ in range(2)]
    distributed.all_gather(weights, sum(p.detach().sum() for p in network.parameters()).reshape(1))
    assert torch.equal(*weights), "the ranks have different weights"

Ranks.average_gradients = checked
train([sys.argv[1]], sys.argv[2], minutes=60, steps=2, hidden=16, quiet=True, device="cpu")
"""


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "midi", 3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_RANKS, str(data), str(tmp_path / "run")],
            cwd=ROOT, env=os.environ | world | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 2]  # one process wrote


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.music.train import train

    data = write_folder(tmp_path / "midi", 1)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"tensorboard.*aigc-music\[train\]"):
        train([data], tmp_path / "run", minutes=1, hidden=8, tensorboard=True, quiet=True)
    with pytest.raises(UsageError, match="choose one of auto, cpu, cuda"):
        train([data], tmp_path / "run", minutes=1, hidden=8, device="tpu", quiet=True)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA device"):
            train([data], tmp_path / "run", minutes=1, hidden=8, device="cuda", quiet=True)
    with pytest.raises(UsageError, match="choose one of tiny, default, large"):
        train([data], tmp_path / "run", minutes=1, size="huge", quiet=True)


@pytest.mark.parametrize("network", SIZES)
def test_sizes_are_what_they_are_called(network: str) -> None:
    from models.music.train import config_of

    counts = {
        size: sum(int(np.prod(shape)) for shape in shapes(config_of(network, size).as_dict()).values())
        for size in SIZES[network]
    }
    assert counts["tiny"] < 5e5 and 3.5e6 < counts["default"] < 4.5e6 and 2.2e7 < counts["large"] < 2.8e7


# -- tuning ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer replays and a rate that suits weights which have learned nothing yet."""
    from models.music import tune

    monkeypatch.setattr(tune, "REPLAY_NOTES", 24)
    monkeypatch.setattr(tune, "REPLAY_BATCHES", 2)
    monkeypatch.setattr(tune, "LENGTH", 48)
    monkeypatch.setattr(tune, "PEAK_RATE", 1e-2)
    monkeypatch.setattr(tune, "STYLE_NOTES", 30)
    monkeypatch.setattr(tune, "STYLES", STYLES[:4])


@pytest.mark.usefixtures("quick")
def test_tuning_makes_a_model_of_ones_own_that_foretells_the_held_songs(tmp_path: Path, home: Path) -> None:
    from models.music.tune import tune

    data = write_folder(tmp_path / "songs", 5)
    said = []
    tuned = tune([data], "mine", model="parent", steps=24, report=lambda *now: said.append(now))
    figures, card = tuned.figures, tuned.card
    assert figures["margin"] > 0.5 and figures["bits_per_note_after"] < figures["bits_per_note_before"]
    assert figures["held_songs"] and 0 < card["mix"] <= 1 and card["steps"] <= 24
    assert card["parent"]["sha256"] == json.loads((home / "models" / "parent" / "card.json").read_text())["sha256"]
    assert card["data"][0]["licence"] == "not stated by the user" and len(card["data"][0]["songs"]) == 5
    assert all(0 <= done <= 1 and left >= 0 for _, done, left in said)
    assert find("mine") == tuned.folder and not (home / "runs" / "mine").exists()
    assert not isinstance(load_model("mine").stream(1).sample(Conditions(), Limits(), 0, 0, 0), Rest)
    with pytest.raises(UsageError, match="there already"):
        tune([data], "mine", model="parent", steps=1)


@pytest.mark.usefixtures("quick")
def test_a_killed_tuning_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.music import tune as module

    data = write_folder(tmp_path / "songs", 3)
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", 0.0)
    steps: list[str] = []

    def stop(what: str, done: float, left: float) -> None:
        steps.append(what)
        if what.startswith("step 7 "):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.tune([data], "mine", model="parent", steps=12, report=stop)
    steps.clear()
    tuned = module.tune([data], "mine", model="parent", steps=12, report=lambda what, *_: steps.append(what))
    assert [what.split()[1] for what in steps if what.startswith("step ")][0] == "7"  # 6 were saved before the kill
    assert tuned.card["steps"] == 12


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("drums", [False, True])
def test_one_song_is_enough_and_its_end_is_held_out(tmp_path: Path, drums: bool) -> None:
    from models.music.tune import tune

    channel, pitches = (9, (36, 42, 38, 42)) if drums else (0, (60, 64, 67, 72))
    notes = [Note(step * 240, pitches[step % 4], 80, 120, channel) for step in range(160)]
    write_score(Score(tracks=[Track("", None, notes)], tempos=[(0, 100.0)]), tmp_path / "one.mid")
    tuned = tune([tmp_path / "one.mid"], "one", model="parent", steps=6, style="rock", licence="mine")
    assert tuned.figures["held_notes"] == 32 and tuned.figures["learned_notes"] == 128
    assert tuned.card["tuned_parts"] == (["drums"] if drums else ["melody"])
    assert tuned.card["style"] == "rock" and tuned.card["data"][0]["licence"] == "mine"


@pytest.mark.usefixtures("quick")
def test_a_tuning_that_gains_nothing_writes_no_model(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.music import tune as module

    monkeypatch.setattr(module, "PEAK_RATE", 0.0)
    with pytest.raises(ModelError, match="no model was written"):
        module.tune([write_folder(tmp_path / "songs", 2)], "mine", model="parent", steps=2)
    assert not (home / "models" / "mine").exists()


@pytest.mark.parametrize(
    ("name", "songs", "says"),
    [
        ("default", 1, "came with the program"),
        ("a b", 1, "no spaces"),
        ("../x", 1, "no spaces"),
        ("ok", 0, "too few"),
    ],
)
def test_what_cannot_be_tuned_is_said(tmp_path: Path, name: str, songs: int, says: str) -> None:
    from models.music.tune import tune

    data = write_folder(tmp_path / "songs", songs)
    write_score(Score(tracks=[Track("", 0, tune_of(9)[:5])]), data / "five.mid")
    with pytest.raises(UsageError, match=says):
        tune([data], name, model="parent", steps=1)


@pytest.mark.usefixtures("quick")
def test_the_command_prints_the_margin_and_how_to_play_it(tmp_path: Path) -> None:
    data = write_folder(tmp_path / "songs", 3)
    arguments = ["music", "--from", "parent", "--data", str(data), "--name", "mine", "--steps", "8"]
    plain = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "better" in plain.output and "aigc-music live --model mine" in plain.output
    asked = CliRunner().invoke(command, [*arguments, "--replace", "--json"], catch_exceptions=False)
    result = json.loads(asked.stdout.splitlines()[-1])
    assert result["steps"] <= 8 and result["best"] == result["bits_per_note_after"] and result["margin"] > 0
    with pytest.raises(UsageError, match="--out FOLDER"):
        CliRunner().invoke(command, ["music", "--data", str(data)], catch_exceptions=False)
