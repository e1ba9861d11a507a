"""The chorale recipe: nothing of the future is read, probabilities are probabilities, transposing keeps ranges."""

from __future__ import annotations

import itertools
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import FileError

torch = pytest.importorskip("torch")

from models.music.published import chorale_net, chorales, jsb  # noqa: E402
from models.music.published.recall import LENGTHS, NO_DELTA, OTHERS, SPAN, recall  # noqa: E402

SMALL = {"hidden": 24, "layers": 1, "width": 16, "small": 8}


def made_up(seed: int, beats: int = 6) -> np.ndarray:
    """A random four-part piece that mostly holds its notes, with a rest now and then."""
    random = np.random.default_rng(seed)
    rows = [np.array([67, 62, 58, 48]) + random.integers(-3, 4)]
    for _ in range(4 * beats - 1):
        moved = np.clip(np.where(rows[-1] < 0, [67, 62, 58, 48], rows[-1]) + random.integers(-4, 5, 4), 36, 81)
        rows.append(np.where(random.random(4) < 0.7, rows[-1], np.where(random.random(4) < 0.1, -1, moved)))
    return np.array(rows)


def pieces_of(grids: list[np.ndarray], library: list[np.ndarray] | None = None) -> list[chorales.Chorale]:
    found = recall([g[::2] for g in grids], [g[::2] for g in library or grids], same=library is None)
    return [chorales.Chorale(str(i), g, f) for i, (g, f) in enumerate(zip(grids, found, strict=True))]


def net_of(seed: int = 0) -> chorale_net.ChoraleNet:
    torch.manual_seed(seed)
    return chorale_net.ChoraleNet(**SMALL).eval()


def log_probs(net: chorale_net.ChoraleNet, grid: np.ndarray, library: list[np.ndarray]) -> torch.Tensor:
    with torch.no_grad():
        return net(chorales.collate(pieces_of([grid], library), [0]))[0]


LIBRARY = [made_up(seed) for seed in (101, 102, 103)]
NET = net_of()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 50), frame=st.integers(0, 23), place=st.integers(0, 3), pitch=st.integers(36, 81))
def test_the_future_changes_no_earlier_token(seed: int, frame: int, place: int, pitch: int) -> None:
    grid = made_up(seed)
    changed = grid.copy()
    voice = chorales.ORDER[place]
    changed[frame, voice] = pitch
    later = [chorales.ORDER[p] for p in range(place + 1, 4)]
    changed[frame, later] = made_up(seed + 1000)[frame, later]
    changed[frame + 1 :] = made_up(seed + 2000)[frame + 1 :]
    one, other = (log_probs(NET, g, LIBRARY) for g in (grid, changed))
    torch.testing.assert_close(one[:frame], other[:frame])
    torch.testing.assert_close(one[frame, : place + 1], other[frame, : place + 1])


def test_the_past_is_read() -> None:
    grid = made_up(1)
    changed = grid.copy()
    changed[10, 0] += 1
    one, other = (log_probs(NET, g, LIBRARY) for g in (grid, changed))
    assert not torch.allclose(one[10, 1:], other[10, 1:])
    assert not torch.allclose(one[16:], other[16:])


def test_a_frame_of_a_toy_sums_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pitches in reach: the likelihoods of all 4^4 frames that can follow must add up to 1."""
    allowed = chorale_net._allowed

    def few(key: torch.Tensor) -> torch.Tensor:
        classes = torch.arange(chorales.CLASSES)
        return allowed(key) & ((classes >= 30) & (classes < 33) | (classes == chorales.REST))

    monkeypatch.setattr(chorale_net, "_allowed", few)
    batch = chorales.collate(pieces_of([made_up(3)], LIBRARY), [0])
    frame = 9
    choices = list(itertools.product((30, 31, 32, chorales.REST), repeat=4))
    tokens = batch.tokens.repeat(len(choices), 1, 1)
    tokens[:, frame] = torch.tensor(choices)
    # as this frame is no half beat, what was recalled is the same for all
    with torch.no_grad():
        wide = chorales.Batch(tokens, *(part.expand(len(choices), *part.shape[1:]) for part in batch[1:]))
        nats = jsb.token_nats(NET, wide)[:, frame].sum(-1)
    assert float(torch.exp(-nats).sum()) == pytest.approx(1.0, abs=1e-4)


@given(move=st.integers(-12, 12), seed=st.integers(0, 30))
@settings(max_examples=10, deadline=None)
def test_every_token_is_a_probability_in_reach(move: int, seed: int) -> None:
    piece = pieces_of([made_up(seed)], LIBRARY)[0]
    down, up = chorales.room(piece.pitches, np.array([(36, 81)] * 4))
    move = int(np.clip(move, down, up))
    batch = chorales.collate([piece], [move])
    with torch.no_grad():
        probs = NET(batch).exp()
    torch.testing.assert_close(probs.sum(-1), torch.ones(probs.shape[:-1]))
    pitch = torch.arange(chorales.KEYED) - 11 + 36 + batch.key[0, -1]
    outside = (pitch < chorales.LOW) | (pitch > chorales.HIGH)
    assert float(probs[0, -1, :, :-1][:, outside].sum()) == 0.0
    back = batch.tokens[0] - 11 + 36 + batch.key[0, :, None] - move
    restored = torch.where(batch.tokens[0] == chorales.REST, -1, back).numpy()
    np.testing.assert_array_equal(restored, piece.pitches[:, chorales.ORDER])


@given(seeds=st.lists(st.integers(0, 500), min_size=2, max_size=6, unique=True), share=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_transposing_keeps_ranges_and_rests(seeds: list[int], share: float) -> None:
    pieces = [chorales.Chorale(str(s), made_up(s), np.zeros((0,))) for s in seeds]
    ranges = chorales.voice_ranges(pieces)
    for piece in pieces:
        down, up = chorales.room(piece.pitches, ranges)
        assert down <= 0 <= up
        moved = chorales.transpose(piece.pitches, down + round(share * (up - down)))
        np.testing.assert_array_equal(moved < 0, piece.pitches < 0)
        for voice, (low, high) in enumerate(ranges):
            sounding = moved[:, voice][moved[:, voice] >= 0]
            assert low <= sounding.min() and sounding.max() <= high


@given(steps=st.integers(-8, 8), seed=st.integers(0, 30))
@settings(max_examples=10, deadline=None)
def test_recall_and_tonic_move_with_the_key(steps: int, seed: int) -> None:
    grid = made_up(seed)
    assert chorales.tonic(chorales.transpose(grid[0], steps)) == (chorales.tonic(grid[0]) + steps) % 12
    plain, moved = (recall([g[::2]], [b[::2] for b in LIBRARY], same=False)[0]
                    for g in (grid, chorales.transpose(grid, steps)))  # fmt: skip
    np.testing.assert_array_equal(plain, moved)


def test_recall_finds_a_tune_in_another_key_but_never_itself() -> None:
    grid = made_up(7, beats=10)
    found = recall([grid[::2]], [chorales.transpose(grid, 3)[::2], LIBRARY[0][::2]], same=False)[0]
    late, offered = found[12:, 0], np.diff(grid[::2], axis=0)[11:]
    sounding = ((grid[::2][12:] >= 0) & (grid[::2][11:-1] >= 0)).all(1)
    np.testing.assert_array_equal(late[sounding, 1:], np.clip(offered[sounding], -SPAN, SPAN) + SPAN)
    alone = recall([grid[::2]], [grid[::2]], same=True)[0]
    assert (alone[:, OTHERS, 1:] == NO_DELTA).all()
    assert found[..., 0].max() < LENGTHS and found[..., 1:].max() <= NO_DELTA


def test_a_few_steps_lower_the_loss() -> None:
    pieces = pieces_of([made_up(seed, beats=3) for seed in range(6)])
    parts = {"train": pieces, "valid": pieces[:2], "test": pieces[:2]}
    before = jsb.evaluate(jsb.train(parts, minutes=5, steps=0, **SMALL), pieces)
    after = jsb.evaluate(jsb.train(parts, minutes=5, steps=40, **SMALL), pieces)
    assert after["nats_per_voice_token"] < 0.9 * before["nats_per_voice_token"]
    assert after["nats_per_frame"] == pytest.approx(4 * after["nats_per_voice_token"])
    assert np.mean(list(after["voices"].values())) == pytest.approx(after["nats_per_voice_token"])
    assert after["tokens"] == 6 * 12 * 4


def test_padding_changes_nothing() -> None:
    short, long = pieces_of([made_up(1, beats=4), made_up(2, beats=9)], LIBRARY)
    with torch.no_grad():
        alone = jsb.token_nats(NET, chorales.collate([short], [0]))[0]
        beside = jsb.token_nats(NET, chorales.collate([short, long], [0, 0]))[0]
    torch.testing.assert_close(alone, beside[:16])
    assert float(beside[16:].abs().sum()) == 0.0


def test_the_shipped_figures_hold_together() -> None:
    figures = json.loads((Path(jsb.__file__).parent / "jsb.json").read_text(encoding="utf-8"))
    assert figures["protocol"] == dict(jsb.PROTOCOL)
    assert figures["published"] == [dict(row) for row in jsb.PUBLISHED]
    for part, pieces, tokens in (("valid", 76, 73632), ("test", 77, 75600)):
        measured = figures["measured"][part]
        assert (measured["pieces"], measured["tokens"]) == (pieces, tokens)
        assert measured["nats_per_frame"] == pytest.approx(4 * measured["nats_per_voice_token"])
        for shares in (list(measured["voices"].values()), measured["sixteenths_of_the_beat"]):
            assert len(shares) == 4 and sum(shares) == pytest.approx(measured["nats_per_frame"])
    assert "easier average" in jsb.table(figures)


def test_wrong_archives_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileError, match=chorales.ARCHIVE):
        chorales.load(tmp_path)
    with zipfile.ZipFile(tmp_path / chorales.ARCHIVE, "w") as archive:
        parts = {part: {"a": [[99, 60, 55, 40]] * 4} for part in ("train", "valid", "test")}
        archive.writestr(chorales.MEMBER, json.dumps(parts))
    with pytest.raises(FileError, match=r"40\.\.99"):
        chorales.load(tmp_path)
    assert jsb.main(["--data", str(tmp_path), "--out", str(tmp_path), "--minutes", "0"]) == 2
    assert "--minutes is 0.0" in capsys.readouterr().err


@pytest.mark.skipif("AIGC_MUSIC_DATA" not in os.environ, reason="AIGC_MUSIC_DATA names no folder of training sets")
def test_the_published_split_is_whole() -> None:
    with zipfile.ZipFile(Path(os.environ["AIGC_MUSIC_DATA"]) / chorales.ARCHIVE) as archive:
        parts = json.loads(archive.read(chorales.MEMBER))
    assert {part: len(pieces) for part, pieces in parts.items()} == {"train": 210, "valid": 76, "test": 77}
