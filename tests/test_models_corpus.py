"""Files in, songs out: parts, keys, chords, sets, caches; and the scores that are made of them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import PART_NAMES
from aigc_music.core.styles import STYLE_NAMES
from aigc_music.core.time import Metre
from aigc_music.files.midi import score_bytes
from models.music import listen
from models.music.baselines import Ngram
from models.music.corpus import assign_parts, load_set, near_duplicates, song_of_score, style_of
from models.music.evaluate import evaluate
from tests.test_models_representation import make_song
from tests.tiny_model import tiny_model


def line(*pitches: int, step: int = 480, channel: int = 0) -> list[Note]:
    return [Note(index * step, pitch, 80, step, channel) for index, pitch in enumerate(pitches)]


def score_of(*tracks: tuple[str, int | None, list[Note]]) -> Score:
    return Score(
        tracks=[Track(name, program, notes) for name, program, notes in tracks],
        tempos=[(0, 120.0)],
        metres=[(0, Metre(4, 4))],
    )


TUNE = line(72, 74, 76, 77, 79, 77, 76, 74)
CHOIR = score_of(
    ("", None, TUNE),
    ("", None, line(*[67] * 8)),
    ("", None, line(*[64] * 8)),
    ("", None, line(*[48, 50, 52, 53] * 2)),
)


def names(score: Score, style: str = "") -> list[str]:
    return [PART_NAMES[part] for part in assign_parts(score.tracks, style)]


def test_parts_come_from_names_channels_voices_and_programs() -> None:
    assert names(CHOIR) == ["melody", "counter", "inner", "bass"]
    assert names(
        score_of(("Violin 1", 40, TUNE), ("Violin 2", 40, TUNE), ("Viola", 41, TUNE), ("Violoncello", 42, TUNE))
    ) == [
        "melody",
        "counter",
        "inner",
        "bass",
    ]
    assert names(score_of(("Voice", 52, TUNE), ("Piano", 0, TUNE))) == ["melody", "keys"]
    assert names(score_of(("", None, TUNE))) == ["melody"]
    assert names(score_of(("", 33, line(40, 41)), ("", None, line(36, 38, channel=9)))) == ["bass", "drums"]
    assert names(score_of(("", None, TUNE)), "classical piano (romantic)") == ["keys"]


def test_the_lowest_piano_notes_are_the_bass() -> None:
    song = song_of_score(
        score_of(("Voice", 52, TUNE), ("Piano", 0, sorted(line(*[36] * 8) + line(*[60] * 8) + line(*[64] * 8))))
    )
    assert song is not None
    bass = song.notes[song.notes[:, 1] == PART_NAMES.index("bass")]
    assert set(bass[:, 2].tolist()) == {36}
    assert len(bass) == 8


def test_drum_pads_of_electronic_kits_become_general_midi() -> None:
    song = song_of_score(score_of(("kit", None, line(22, 26, 40, 58, 36, channel=9))))
    assert song is not None
    assert song.notes[:, 2].tolist() == [42, 46, 38, 43, 36]
    assert song.key_root == -1


def test_style_words() -> None:
    assert STYLE_NAMES[style_of("string quartet (classical)")] == "quartet"
    assert STYLE_NAMES[style_of("afrobeat")] == "afro"
    assert style_of("unheard of") == len(STYLE_NAMES)


def write_set(path: Path) -> Path:
    """A set in data layout: three songs, one in each part, with chords for the second."""
    with zipfile.ZipFile(path, "w") as file:
        rows = []
        for ident, split in (("one", "train"), ("two", "valid"), ("three", "test")):
            file.writestr(f"midi/{ident}.mid", score_bytes(CHOIR))
            rows.append(json.dumps({"id": ident, "style": "chorale", "split": split, "key": "C % signature"}))
        file.writestr("meta.jsonl", "\n".join(rows))
        chords = [[0.0, "C"], [2.0, "G7"], [4.0, "Am"], [6.0, "C"]]
        file.writestr("chords.jsonl", json.dumps({"id": "two", "chords": chords}))
    return path


def test_a_set_a_zip_a_folder_and_a_file_are_read_and_cached(tmp_path: Path) -> None:
    path = write_set(tmp_path / "music_little.zip")
    songs = load_set(path, tmp_path / "cache")
    assert [(song.name, song.split, song.set, song.key_root) for song in songs] == [
        ("one", "train", "little", 0),
        ("three", "test", "little", 0),
        ("two", "valid", "little", 0),
    ]
    assert songs[2].chords_given
    assert songs[2].chords[:, 1:].tolist() == [[0, 0], [7, 6], [9, 1], [0, 0]]
    assert not songs[0].chords_given
    assert len(songs[0].chords)
    again = load_set(path, tmp_path / "cache")
    for first, second in zip(songs, again, strict=True):
        assert (first.notes == second.notes).all()
        assert (first.name, first.split, first.key_given, first.played) == (
            second.name,
            second.split,
            second.key_given,
            second.played,
        )
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.mid").write_bytes(score_bytes(CHOIR))
    (folder / "broken.mid").write_bytes(b"MThd nothing")
    assert len(load_set(folder)) == 1
    assert len(load_set(folder / "a.mid")) == 1
    with pytest.raises(FileError, match="no file or folder"):
        load_set(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="no MIDI"):
        load_set(tmp_path / "empty")


def test_near_duplicates_are_read_from_beside_the_sets(tmp_path: Path) -> None:
    assert near_duplicates(tmp_path) == set()
    (tmp_path / "near_duplicates.jsonl").write_text('{"set": "a", "id": "b"}\n')
    assert near_duplicates(tmp_path) == {("a", "b")}


def test_evaluate_counts_notes_sets_styles_and_baselines(tmp_path: Path) -> None:
    path = write_set(tmp_path / "music_little.zip")
    result = evaluate(path, tiny_model())
    assert result["notes"] == 32
    assert result["bits_per_note"] > 0
    assert result["bits_per_second"] == pytest.approx(result["bits_per_note"] * 32 / 4.0, rel=1e-3)
    assert result["structure_bits_per_note"] == pytest.approx(
        sum(result["heads"][h] for h in ("part", "delta", "pitch")), abs=1e-3
    )
    assert result["heads"]["velocity"] == 0  # written, not played
    assert set(result["per_set"]) == {"little"}
    assert set(result["per_style"]) == {"chorale"}
    assert result["ngram"]["bits_per_note"] < result["unigram"]["bits_per_note"]
    one = tmp_path / "one.mid"
    one.write_bytes(score_bytes(CHOIR))
    assert "ngram" not in evaluate(one, tiny_model())
    with pytest.raises(UsageError, match="train"):
        evaluate(one, tiny_model(), split="train")


def test_the_ngram_learns_a_pattern_and_gives_a_distribution() -> None:
    rows = np.array([(0, 12, 4, 60 + index % 3, 10, 5) for index in range(300)])
    bits = Ngram([rows], [True]).bits(rows[:60])
    assert bits[10:, 3].mean() < 0.2
    assert Ngram([rows], [True], 0).bits(rows[:60])[:, 3].mean() == pytest.approx(np.log2(3), abs=0.2)
    known = Ngram([rows], [True], 1)
    total = 0.0
    for pitch in range(128):
        asked = rows[:2].copy()
        asked[1, 3] = pitch
        total += 2.0 ** -known.bits(asked)[1, 3]
    assert total == pytest.approx(1.0)


def test_figures_of_known_music() -> None:
    song = song_of_score(CHOIR)
    assert song is not None
    result = listen.figures(song.notes)
    assert result["polyphony"] == pytest.approx(4.0)
    assert result["scale"] == 1.0
    assert result["off_grid"] == 0.0
    assert result["melody"] == result["bass"] == 0.25


def test_pieces_are_played_alone_and_along_with_a_musician() -> None:
    model = tiny_model()
    scene = listen.SCENES[0]
    alone = listen.play_piece(model, *listen.prepare(scene, 1), 1, 40)
    assert alone.shape == (40, 5)
    assert {PART_NAMES[part] for part in alone[:, 1]} <= set(scene.parts)
    song = make_song(3, 80)
    along = listen.accompany(model, song, 1, 30)
    assert {PART_NAMES[part] for part in along[:, 1]} <= {"bass", "keys"}
    assert (along == listen.accompany(model, song, 1, 30)).all()


@pytest.mark.skipif("AIGC_MUSIC_DATA" not in os.environ, reason="set AIGC_MUSIC_DATA to the folder of the music sets")
def test_the_shipped_model_beats_the_ngram_on_chorales() -> None:
    result = evaluate(Path(os.environ["AIGC_MUSIC_DATA"]) / "music_jsb_chorales.zip", limit=3000)
    assert result["bits_per_note"] < result["ngram"]["bits_per_note"] < result["unigram"]["bits_per_note"]
