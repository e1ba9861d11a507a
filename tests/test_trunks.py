"""The laws of a trunk, for every kind: rewinding is exact, the pending event may change, only the past counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.files.midi import write_score
from models import trunks
from models.music.decode_cpu import Conditions, Limits, Rest, load_model
from models.trunks import KINDS, cnn, ring, transformer
from tests.tiny_model import SIZES, config_of, tiny_model

RINGS = ("transformer", "cnn")
EVENTS = np.random.default_rng(5).standard_normal((3000, SIZES["embedding"])).astype(np.float32)


def listen(state: trunks.State, events: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, hidden) outputs of a state that hears these."""
    tops = np.empty((len(events), len(state.top)), np.float32)
    for t, x in enumerate(events):
        state.step(x)
        state.commit()
        tops[t] = state.top
    return tops


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(0, 2900)), max_size=8))
def test_going_back_and_playing_on_is_the_straight_run(kind: str, detours: list[tuple[int, int, int]]) -> None:
    straight, winding = tiny_model(kind).state(), tiny_model(kind).state()
    path: list[NDArray[np.float32]] = []
    for ahead, astray, elsewhere in detours:
        events = EVENTS[len(path) : len(path) + ahead]
        listen(winding, events)
        path += list(events)
        mark = winding.snapshot()
        listen(winding, EVENTS[elsewhere : elsewhere + astray])
        winding.restore(mark)
    listen(straight, np.array(path, np.float32).reshape(-1, EVENTS.shape[1]))
    assert np.array_equal(listen(straight, EVENTS[500:510]), listen(winding, EVENTS[500:510]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_outlives_1024_events(kind: str) -> None:
    straight, winding = tiny_model(kind).state(), tiny_model(kind).state()
    for state in (straight, winding):
        listen(state, EVENTS[:700])
    mark = winding.snapshot()
    listen(winding, EVENTS[700 : 700 + ring.REWIND])
    winding.step(EVENTS[0])  # pending: it may be written, too
    winding.restore(mark)
    assert np.array_equal(listen(straight, EVENTS[2000:2400]), listen(winding, EVENTS[2000:2400]))


@pytest.mark.parametrize("kind", RINGS)
def test_a_ring_says_when_a_snapshot_is_too_old_or_lies_ahead(kind: str) -> None:
    state = tiny_model(kind).state()
    listen(state, EVENTS[:10])
    old = state.snapshot()
    listen(state, EVENTS[: ring.REWIND + 1])
    late = state.snapshot()
    with pytest.raises(ModelError, match="begin again"):
        state.restore(old)
    state.restore(late - 5)
    with pytest.raises(ModelError, match="begin again"):
        state.restore(late)


@pytest.mark.parametrize("kind", KINDS)
def test_stepping_again_is_as_if_it_had_not_been_stepped(kind: str) -> None:
    once, twice = tiny_model(kind).state(), tiny_model(kind).state()
    for x, other in zip(EVENTS[:50], EVENTS[50:100], strict=True):
        twice.step(other)
        for state in (once, twice):
            state.step(x)
            state.commit()
        assert np.array_equal(once.top, twice.top)


@pytest.mark.parametrize("kind", KINDS)
def test_begin_forgets(kind: str) -> None:
    fresh, used = tiny_model(kind).state(), tiny_model(kind).state()
    listen(used, EVENTS[100:400])
    used.begin()
    assert np.array_equal(listen(fresh, EVENTS[:300]), listen(used, EVENTS[:300]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_has_heard_the_same_and_goes_its_own_way(kind: str) -> None:
    state = tiny_model(kind).state()
    listen(state, EVENTS[:300])
    mark = state.snapshot()
    listen(state, EVENTS[300:320])
    state.step(EVENTS[0])  # pending, not committed: not heard
    other = state.copy()
    listen(other, EVENTS[1000:1100])
    other.restore(mark)
    listen(other, EVENTS[300:320])
    assert np.array_equal(listen(state, EVENTS[320:400]), listen(other, EVENTS[320:400]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_from_before_the_guidance_brings_the_same_guided_notes(kind: str) -> None:
    stream, conditions, limits = tiny_model(kind).stream(3), Conditions(), Limits()
    conditions.style = 3

    def play(first: int) -> list[tuple[int, ...]]:
        notes: list[tuple[int, ...]] = []
        for index in range(first, first + 20):
            note = stream.sample(conditions, limits, stream.tick, 0, index)
            assert not isinstance(note, Rest)
            stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
            notes.append(note)
        return notes

    play(0)
    mark = stream.snapshot()
    conditions.strength = 1.8
    guided = play(20)
    stream.restore(mark)
    assert play(20) == guided


@pytest.mark.parametrize("kind", RINGS)
def test_only_the_window_counts_however_often_the_ring_went_round(kind: str) -> None:
    layers = SIZES["layers"]
    depth = {"transformer": layers * (transformer.WINDOW - 1) + transformer.WIDTH, "cnn": cnn.reach(layers)}[kind]
    model = tiny_model(kind, exact=True)
    old, fresh = model.state(), model.state()
    listen(old, EVENTS[: 3000 - depth])
    assert np.abs(listen(old, EVENTS[-depth:])[-1] - listen(fresh, EVENTS[-depth:])[-1]).max() < 1e-4
    short = model.state()
    assert np.abs(listen(short, EVENTS[1 - depth :])[-1] - old.top).max() > 0  # and all of it does


@pytest.mark.parametrize("kind", RINGS)
def test_a_snapshot_is_an_index(kind: str) -> None:
    state = tiny_model(kind).state()
    listen(state, EVENTS[:7])
    assert state.snapshot() == 7


def test_head_sizes_follow_the_width() -> None:
    assert {hidden: transformer.head_count(hidden) for hidden in (24, 128, 256, 320, 384, 512)} == {
        24: 2, 128: 2, 256: 4, 320: 4, 384: 6, 512: 8,
    }  # fmt: skip
    with pytest.raises(ModelError, match="needs a multiple of 16"):
        transformer.head_count(250)


def network_of(kind: str) -> Any:
    """The torch trunk of the tiny model, freshly drawn."""
    torch = pytest.importorskip("torch", reason="the reference networks need torch (pip install 'aigc-music[train]')")
    from models.music.networks.network import TRUNKS

    torch.manual_seed(0)
    return TRUNKS[kind](SIZES["embedding"], SIZES["hidden"], SIZES["layers"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_has_the_tensors_that_the_kernels_want(kind: str) -> None:
    network = network_of(kind)
    mine = {f"trunk.{name}": tuple(value.shape) for name, value in network.state_dict().items()}
    assert mine == trunks.trunk_of({"network": kind}).shapes(config_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_sees_no_future(kind: str) -> None:
    network = network_of(kind)
    import torch

    x = torch.from_numpy(EVENTS[:80]).reshape(40, 2, -1)
    for training in (False, True):
        network.train(training)
        changed = x.clone()
        changed[25:] += 1.0
        with torch.no_grad():
            before, after = network(x), network(changed)
        assert torch.equal(before[:25], after[:25]) or (before[:25] - after[:25]).abs().max() < 1e-6
        assert (before[25:] - after[25:]).abs().amax(2).min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_equals_the_reference_beyond_the_window(kind: str) -> None:
    network = network_of(kind).eval()
    import torch

    steps = transformer.WINDOW + 60
    config = config_of(kind)
    tensors = {f"trunk.{name}": value.numpy() for name, value in network.state_dict().items()}
    trunk = trunks.trunk_of(config)
    state = trunk.State(trunk.quantise(tensors, config, True), config)
    with torch.no_grad():
        wanted = network(torch.from_numpy(EVENTS[:steps])[:, None])[:, 0].numpy()
    assert np.abs(listen(state, EVENTS[:steps]) - wanted).max() < 1e-4


def test_the_comparison_trains_times_and_scores_every_kind(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the comparison trains (pip install 'aigc-music[train]')")
    from models.music.networks.compare import compare, table

    data = tmp_path / "music_scales"
    (data / "midi").mkdir(parents=True)
    rows = []
    for song in range(3):
        notes = [
            Note(step * 240, 60 + (0, 2, 4, 5, 7, 9, 11)[step * (song + 1) % 7], 80, 240, 0) for step in range(120)
        ]
        write_score(Score(tracks=[Track("melody", 0, notes)], tempos=[(0, 120.0)]), data / "midi" / f"{song}.mid")
        rows.append({"id": str(song), "style": "folk", "split": "train" if song else "valid"})
    (data / "meta.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    result = compare([data], tmp_path / "run", minutes=0.002, contenders=[(kind, 24, 2) for kind in KINDS])
    assert json.loads((tmp_path / "run" / "comparison.json").read_text("utf-8")) == result
    assert [row["network"] for row in result["rows"]] == list(KINDS)
    for row in result["rows"]:
        assert row["steps"] > 0 and row["notes_seen"] > 0
        assert 0 < sum(row["heads"].values()) == pytest.approx(row["bits_per_note"], abs=1e-3)
        assert row["curve"][-1]["notes_seen"] <= row["notes_seen"]
        model = load_model(tmp_path / "run" / f"{row['network']}-24-x-2")
        assert model.parameters == row["parameters"]
    assert len(table(result).splitlines()) == 4
