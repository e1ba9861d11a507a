"""The chord model: likely, in the key, obedient and repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.errors import ModelError
from aigc_music.core.theory import CHORD_QUALITIES, Chord, Key
from models.music.harmony import ChordModel

MODEL = ChordModel.load()
KEYS = st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor", "dorian", "blues"]))
STYLES = st.sampled_from(["pop", "jazz", "folk", "chorale", "anything"])


@given(KEYS, STYLES, st.floats(0, 0.9999), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 12)), max_size=4))
def test_the_next_chord_is_a_chord(key: Key, style: str, uniform: float, history: list[tuple[int, int]]) -> None:
    root, quality = MODEL.next(style, key, history, uniform)
    assert 0 <= root < 12
    assert 0 <= quality < len(CHORD_QUALITIES)
    assert (root, quality) == MODEL.next(style, key, history, uniform)


@given(KEYS, st.floats(0, 0.9999), st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=1))
def test_only_allowed_chords_come(key: Key, uniform: float, allowed: set[tuple[int, int]]) -> None:
    assert MODEL.next("pop", key, [], uniform, allowed) in allowed
    assert MODEL.follow(np.ones(12), (key.tonic, 0), key, "pop", allowed) in allowed


@given(st.integers(0, 11), st.floats(0, 0.9999), STYLES)
def test_transposing_the_key_transposes_the_chord(shift: int, uniform: float, style: str) -> None:
    root, quality = MODEL.next(style, Key(0, "major"), [(7, 0)], uniform)
    assert MODEL.next(style, Key(shift, "major"), [((7 + shift) % 12, 0)], uniform) == ((root + shift) % 12, quality)


@pytest.mark.parametrize("name", ["C", "F", "G", "Am", "Dm", "Em"])
def test_a_sounding_triad_of_the_key_is_followed(name: str) -> None:
    chord = Chord.parse(name)
    weights = [float(chord.mask >> pitch & 1) for pitch in range(12)]
    allowed = {(r, q) for r in range(12) for q in (0, 1) if Chord(r, q).mask & ~Key(0, "major").scale == 0}
    for previous in ((0, 0), (7, 0), (12, 12)):
        assert MODEL.follow(weights, previous, Key(0, "major"), "pop", allowed) == tuple(chord)


def test_silence_keeps_the_chord() -> None:
    assert MODEL.follow(np.zeros(12), (5, 0), Key(0, "major"), "pop") == (5, 0)
    assert MODEL.follow(np.zeros(12), (12, 12), Key(9, "minor"), "pop") == (9, 1)


def test_pop_in_a_major_key_lives_on_its_four_chords() -> None:
    history: list[tuple[int, int]] = []
    rng = np.random.default_rng(0)
    for _ in range(400):
        history.append(MODEL.next("pop", Key(0, "major"), history[-2:], rng.random()))
    roots = np.bincount([root for root, _ in history], minlength=12) / len(history)
    assert roots[[0, 5, 7, 9]].sum() > 0.55
    assert roots[[1, 6, 8]].sum() < 0.06


def test_a_missing_table_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        ChordModel.load(tmp_path / "none.json")
