"""The peer (MidiTok REMI + GPT-2): notes survive the tokens, bits add up, a run goes on, the rows come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_music.core.errors import UsageError
from aigc_music.core.parts import DRUMS
from models.music.corpus import Song, tidy
from models.music.peers import miditok_gpt2 as peer

for package in ("torch", "miditok", "transformers"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'aigc-music[peers]'")

Network = Any


@pytest.fixture(scope="module")
def alphabet() -> peer.Alphabet:
    return peer.Alphabet()


@pytest.fixture(scope="module")
def tiny(alphabet: peer.Alphabet) -> Network:
    import torch

    torch.manual_seed(3)
    return peer.network_of(peer.Size(8, 1, 2, alphabet.size)).eval()


def song(
    seed: int = 0,
    notes: int = 150,
    metres: tuple[tuple[int, int, int], ...] = ((0, 4, 480),),
    split: str = "train",
    played: bool = False,
) -> Song:
    """Random notes of three parts on the grid."""
    rng = np.random.default_rng(seed)
    parts = rng.choice((0, 3, DRUMS), notes)
    pitches = np.where(parts == DRUMS, rng.choice((36, 38, 42), notes), rng.integers(40, 80, notes))
    onsets = rng.integers(12, notes * 4, notes) * peer.UNIT
    rows = np.stack((onsets, parts, pitches, rng.integers(1, 128, notes), rng.integers(20, 900, notes)), axis=1)
    no_chords = np.zeros((0, 3), np.int32)
    tempos = np.array([(0, 100.0)])
    return Song("song", "set", split, 0, tidy(rows), np.array(metres), no_chords, tempos, played=played)


METRES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "4/4": ((0, 4, 480),),
    "3/4 after an upbeat": ((480, 3, 480),),
    "upbeat of a rounding error": ((1, 4, 480),),
    "6/8": ((0, 2, 720),),
    "a bar cut short": ((0, 4, 480), (2400, 3, 480), (2400 + 1440 * 3, 2, 720)),
    "5/8 then 4/4": ((0, 5, 240), (1200 * 4, 4, 480)),
    "a short stretch": ((0, 4, 480), (1920, 3, 480), (2400, 4, 480)),
}


@pytest.mark.parametrize("metres", METRES.values(), ids=METRES.keys())
def test_every_note_survives_the_tokens(alphabet: peer.Alphabet, metres: tuple[tuple[int, int, int], ...]) -> None:
    piece = song(1, metres=metres)
    ids = alphabet.encode(piece)
    assert alphabet.notes[ids].sum() == len(piece.notes)
    assert alphabet.notes_kept(piece, ids) == len(piece.notes)


def test_a_lost_note_is_seen(alphabet: peer.Alphabet) -> None:
    piece = song(2)
    ids = alphabet.encode(piece)
    first = int(np.flatnonzero(alphabet.notes[ids])[0])
    ids[first] += 1  # another pitch of the same kind
    assert alphabet.notes_kept(piece, ids) == len(piece.notes) - 1


def test_byte_pairs_spell_the_same_notes_in_fewer_tokens(tmp_path: Path, alphabet: peer.Alphabet) -> None:
    pieces = [song(seed) for seed in range(4)]
    pairs = peer.Alphabet()
    pairs.learn(pieces, 600)
    assert pairs.size == 600
    pairs.save(tmp_path / peer.ALPHABET)
    again = peer.Alphabet(tmp_path / peer.ALPHABET)
    for piece in [*pieces, song(9)]:
        base = alphabet.encode(piece)
        ids = pairs.compress(base)
        assert len(ids) < len(base)
        assert pairs.notes[ids].sum() == len(piece.notes)
        assert [token for index in ids for token in pairs._spelled(int(index))] == base.tolist()
        assert np.array_equal(again.compress(base), ids)
    assert np.array_equal(again.prefix(piece), pairs.prefix(piece))
    assert not pairs.charged[pairs.prefix(piece)].any()


def test_velocities_that_nobody_played_are_all_alike(alphabet: peer.Alphabet) -> None:
    def kinds(played: bool) -> int:
        ids = alphabet.encode(song(3, played=played))
        return len(np.unique(ids[alphabet.velocity[ids]]))

    assert kinds(False) == 1
    assert kinds(True) > 8


def test_the_music_starts_in_the_first_bar(alphabet: peer.Alphabet) -> None:
    early, late = song(4), song(4)
    late.notes = late.notes + np.array([1920 * 7, 0, 0, 0, 0])
    assert np.array_equal(alphabet.encode(early), alphabet.encode(late))


def test_a_bar_that_is_cut_short_becomes_a_bar_of_its_own() -> None:
    bars, origin = peer.bars_of(song(0, metres=METRES["a bar cut short"]))
    assert origin == 0
    assert bars[:4] == [peer.Bar(0, 4, 4), peer.Bar(1920, 1, 4), peer.Bar(2400, 3, 4), peer.Bar(6720, 6, 8)]


def test_transposition_moves_pitches_and_nothing_else(alphabet: peer.Alphabet) -> None:
    up = alphabet.transposed[list(peer.TRANSPOSE).index(3)]
    moved = np.flatnonzero(up != np.arange(alphabet.size))
    assert set(alphabet.types[moved]) == {"Pitch"}
    assert up[alphabet.vocabulary["Pitch_60"]] == alphabet.vocabulary["Pitch_63"]
    assert up[alphabet.vocabulary["Pitch_127"]] == alphabet.vocabulary["Pitch_127"]
    none = alphabet.transposed[list(peer.TRANSPOSE).index(0)]
    assert np.array_equal(none, np.arange(alphabet.size))


def test_windows_charge_every_token_once_with_half_a_context_of_past(alphabet: peer.Alphabet, tiny: Network) -> None:
    import torch

    piece = song(5, 600)
    ids, head = alphabet.encode(piece), alphabet.prefix(piece)
    assert len(ids) > 3 * peer.CONTEXT
    bits = peer.token_bits(tiny, head, ids)
    assert bits[0] == 0.0
    assert (bits[1:] > 0).all()
    length = peer.CONTEXT - len(head)
    half = length // 2
    for place in (1, half, length - 1, length, length + half - 1, length + half, len(ids) - 1):
        start = 0 if place < length else (place - length) // half * half + half
        line = torch.from_numpy(np.concatenate((head, ids[start : place + 1])))[None]
        assert place - start >= half or start == 0
        with torch.inference_mode():
            logits = tiny(input_ids=line).logits[0, -2].double()
        expected = -float(torch.log_softmax(logits, 0)[ids[place]]) / np.log(2)
        assert bits[place] == pytest.approx(expected, rel=1e-4)


def test_fresh_weights_cost_about_a_uniform_choice(alphabet: peer.Alphabet, tiny: Network) -> None:
    piece = song(6)
    bits = peer.token_bits(tiny, alphabet.prefix(piece), alphabet.encode(piece))
    assert bits[1:].mean() == pytest.approx(np.log2(alphabet.size), abs=0.3)


@pytest.mark.parametrize("parameters", [1_000_000, peer.PARAMETERS, 8_000_000])
def test_the_size_is_the_one_asked_for(alphabet: peer.Alphabet, parameters: int) -> None:
    size = peer.size_for(parameters, alphabet.size)
    assert abs(size.parameters / parameters - 1) < 0.05
    if parameters == 1_000_000:
        assert sum(value.numel() for value in peer.network_of(size).parameters()) == size.parameters


def test_a_size_that_cannot_be_met_is_refused(alphabet: peer.Alphabet) -> None:
    with pytest.raises(UsageError, match="closest"):
        peer.size_for(1000, alphabet.size)


def write_set(folder: Path, pieces: list[Song]) -> None:
    """A folder of MIDI files, as a stranger would bring it."""
    from aigc_music.core.notes import Note, Score, Track
    from aigc_music.core.time import Metre
    from aigc_music.files.midi import score_bytes

    folder.mkdir()
    for index, piece in enumerate(pieces):
        tune = [Note(int(t), int(p), int(v), int(d), 0) for t, part, p, v, d in piece.notes if part == 0]
        score = Score(tracks=[Track("melody", None, tune)], tempos=[(0, 120.0)], metres=[(0, Metre(4, 4))])
        (folder / f"{index}.mid").write_bytes(score_bytes(score))


def test_a_run_trains_goes_on_and_is_measured(tmp_path: Path, alphabet: peer.Alphabet) -> None:
    write_set(tmp_path / "songs", [song(seed, 200) for seed in range(3)])
    size = peer.Size(8, 1, 2, alphabet.size)
    run = tmp_path / "run"
    for minutes in (0.005, 0.01):
        assert peer.train([tmp_path / "songs"], run, minutes=minutes, size=size, batch=2, quiet=True) == run
    _, _, facts = peer.load_run(run)
    assert facts["used"] >= 0.6
    assert facts["step"] > 0
    assert 0 < facts["notes"] < facts["tokens"]
    steps = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines() if "step" in line]
    assert steps == sorted(steps)
    with pytest.raises(UsageError, match="begun"):
        peer.train([tmp_path / "songs"], run, minutes=1, size=size, batch=3, quiet=True)
    with pytest.raises(UsageError, match="sizes"):
        peer.train([tmp_path / "songs"], run, minutes=1, size=size._replace(width=16), quiet=True)

    result = peer.evaluate(tmp_path / "songs", run)
    assert result["notes_lost"] == 0
    assert result["parameters"] == size.parameters
    spread = sum(result["token_types"].values())
    assert result["bits_per_note_all"] == pytest.approx(spread, abs=1e-3)
    assert result["bits_per_note"] <= result["bits_per_note_all"]
    assert "TimeSig" not in result["token_types"]
    speed = peer.time_per_note(run, result["tokens_per_note"], rounds=1, ours=None)
    assert speed["note_ms"] > speed["token_ms"] > 0

    (tmp_path / "result.json").write_text(json.dumps(result))
    rows = peer.peer_rows(tmp_path / "result.json")
    assert [row["set"] for row in rows] == [*result["per_set"], "all"]
    assert rows[-1]["notes"] == result["notes"]


def test_velocity_is_free_where_nobody_played(alphabet: peer.Alphabet) -> None:
    sums = peer._Sum(alphabet)
    piece = song(7)
    ids = alphabet.encode(piece)
    sums.add(piece, ids, np.ones(len(ids)), len(piece.notes))
    report = sums.report()
    assert report["bits_per_note_all"] - report["bits_per_note"] == pytest.approx(1.0)
    piece.played = True
    sums = peer._Sum(alphabet)
    sums.add(piece, ids, np.ones(len(ids)), len(piece.notes))
    report = sums.report()
    assert report["bits_per_note_all"] == report["bits_per_note"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkpoint"):
        peer.load_run(tmp_path)
    with pytest.raises(UsageError, match="no result"):
        peer.peer_rows(tmp_path / "none.json")


def test_the_stored_result_is_whole() -> None:
    if not peer.RESULT.exists():
        pytest.skip("no result is stored yet")
    result = json.loads(peer.RESULT.read_text())
    rows = peer.peer_rows()
    assert sum(row["notes"] for row in rows[:-1]) == rows[-1]["notes"]
    assert all(0 < row["bits_per_note"] <= row["bits_per_note_all"] for row in rows)
    assert result["config"]["context"] == peer.CONTEXT
