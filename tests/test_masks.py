"""Hard limits: whatever is forbidden, every draw is inside them or a rest that moves time on, so a loop ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.parts import DRUM_PITCHES, DRUMS, PARTS
from aigc_music.core.theory import CHORD_QUALITIES, CHROMATIC, NO_CHORD, NO_ROOT, Chord, Key
from aigc_music.core.time import Metre
from models.music import representation as rep
from models.music.decode_cpu import Conditions, Limits, Note, Rest
from models.music.steering import keep
from tests.tiny_model import tiny_model

PART_COUNT = len(PARTS)
END = 40 * 1920
TURNS = 120

rules_of_part = st.fixed_dictionaries(
    {
        "low": st.integers(0, 127),
        "span": st.integers(-3, 60),
        "scale": st.one_of(st.integers(0, CHROMATIC), st.just(CHROMATIC), st.just(0)),
        "tones": st.booleans(),
        "voices": st.integers(0, 6),
        "longest": st.one_of(st.none(), st.integers(1, 4000)),
    }
)
chord_plans = st.lists(
    st.tuples(
        st.integers(0, 6000),
        st.integers(0, NO_ROOT),
        st.integers(0, NO_CHORD),
    ),
    max_size=12,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))
worlds = st.fixed_dictionaries(
    {
        "parts": st.lists(rules_of_part, min_size=PART_COUNT, max_size=PART_COUNT),
        "allowed": st.sets(st.integers(0, PART_COUNT - 1)),
        "drums": st.one_of(st.just(set()), st.sets(st.sampled_from(DRUM_PITCHES)), st.just(set(DRUM_PITCHES))),
        "chords": chord_plans,
        "metre": st.sampled_from((None, (4, 4), (3, 4), (7, 8))),
        "key": st.one_of(st.none(), st.tuples(st.integers(0, 11), st.sampled_from(("major", "minor")))),
        "strength": st.sampled_from((1.0, 1.0, 2.0)),
        "temperature": st.sampled_from((0.2, 1.0, 2.0)),
        "seed": st.integers(0, 10_000),
    }
)


def limits_of(world: dict[str, Any]) -> Limits:
    limits = Limits()
    limits.allow(world["allowed"])
    limits.set_drum_map(world["drums"])
    for part, rules in enumerate(world["parts"]):
        limits.set_range(part, rules["low"], rules["low"] + rules["span"])
        limits.set_scale(part, rules["scale"])
        limits.set_chord_tones(part, rules["tones"])
        limits.set_polyphony(part, rules["voices"])
        limits.set_longest(part, rules["longest"])
    return limits


def conditions_of(world: dict[str, Any]) -> Conditions:
    conditions = Conditions()
    conditions.strength, conditions.temperature = world["strength"], world["temperature"]
    if world["metre"]:
        conditions.set_metre(Metre(*world["metre"]))
    if world["key"]:
        conditions.set_key(Key(*world["key"]))
    if world["chords"]:
        conditions.set_chords(*(list(column) for column in zip(*world["chords"], strict=True)))
    return conditions


def chord_at(chords: list[tuple[int, int, int]], tick: int) -> int:
    """Mask of the chord at a tick; 0 = none is known."""
    mask = 0
    for start, root, quality in chords:
        if start <= tick:
            mask = Chord(root, quality).mask if root < NO_ROOT else 0
    return mask


def check(note: Note, world: dict[str, Any], sounding: list[Note]) -> None:
    """The note is allowed, by every rule of its part."""
    rules = world["parts"][note.part]
    assert note.part in world["allowed"]
    assert rules["low"] <= note.pitch <= min(127, rules["low"] + rules["span"])
    assert 1 <= note.velocity <= 127
    assert 1 <= note.duration_ticks <= (rules["longest"] or 10**9)
    if note.part == DRUMS:
        assert note.pitch in world["drums"]
    else:
        assert rules["scale"] >> note.pitch % 12 & 1
        unit = rep.onset_classes(note.tick).unit
        mask = chord_at(world["chords"], unit * rep.UNIT + rep.UNIT // 2)
        if rules["tones"] and mask:
            assert mask >> note.pitch % 12 & 1
    mine = [other for other in sounding if other.part == note.part and other.tick + other.duration > note.tick]
    assert len(mine) < rules["voices"]


@given(worlds)
@settings(deadline=None, max_examples=80)
def test_every_draw_is_inside_the_limits_or_a_rest_that_moves_time_on(world: dict[str, Any]) -> None:
    limits, conditions = limits_of(world), conditions_of(world)
    stream, earliest, sounding = tiny_model().stream(world["seed"]), 0, list[Note]()
    for index in range(TURNS):
        draw = stream.sample(conditions, limits, earliest, 0, index)
        if isinstance(draw, Rest):
            assert draw.until_tick > earliest
            earliest = draw.until_tick
            continue
        assert draw.tick >= earliest or draw.tick >= stream.tick - rep.UNIT // 2
        check(draw, world, sounding)
        sounding = [note for note in sounding if note.tick + note.duration > draw.tick] + [draw]
        stream.feed(*draw)


@given(worlds)
@settings(deadline=None, max_examples=25)
def test_a_loop_that_plays_to_a_tick_ends(world: dict[str, Any]) -> None:
    """However little is allowed: a rest is at least a quarter or a grid unit, and notes of one unit rise in pitch."""
    limits, conditions = limits_of(world), conditions_of(world)
    stream, earliest = tiny_model().stream(world["seed"]), 0
    for index in range(20_000):
        draw = stream.sample(conditions, limits, earliest, 0, index)
        if draw[0] >= END:
            return
        if isinstance(draw, Rest):
            earliest = draw.until_tick
        else:
            stream.feed(*draw)
    pytest.fail(f"after 20000 draws the music stands at tick {stream.tick}, asked from {earliest}")


@given(worlds, st.sampled_from(("parts", "voices", "range", "scale", "tones")))
@settings(deadline=None, max_examples=40)
def test_nothing_allowed_is_a_rest_and_never_a_note(world: dict[str, Any], ban: str) -> None:
    """Each rule alone can forbid everything (drums do not ask for scale or chord: they sit out here)."""
    world["allowed"] = world["allowed"] - {DRUMS}
    for rules in world["parts"]:
        rules["voices"] = max(1, rules["voices"])
        if ban == "voices":
            rules["voices"] = 0
        elif ban == "range":
            rules["span"] = -1
        elif ban == "scale":
            rules["scale"] = 0
        elif ban == "tones":  # a scale without a tone of the chord
            rules["tones"], rules["scale"] = True, CHROMATIC & ~Chord(0, 0).mask
    if ban == "parts":
        world["allowed"] = set()
    if ban == "tones":
        world["chords"] = [(0, 0, 0)]
    stream, earliest = tiny_model().stream(world["seed"]), 0
    for index in range(10):
        draw = stream.sample(conditions_of(world), limits_of(world), earliest, 0, index)
        assert isinstance(draw, Rest)
        assert draw.until_tick > earliest
        earliest = draw.until_tick


def test_asked_key_and_chord_are_kept_in_every_one_of_100_000_notes() -> None:
    kept = keep(tiny_model(), 100_000)
    assert kept["notes"] == kept["in_key"] == 100_000
    assert kept["harmony_notes"] == kept["in_chord"] > 10_000
    assert kept["keys"] > 10


def test_the_count_of_kept_notes_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the limits the same count finds notes outside key and chord."""
    monkeypatch.setattr(Limits, "set_scale", lambda *_: None)
    monkeypatch.setattr(Limits, "set_chord_tones", lambda *_: None)
    kept = keep(tiny_model(), 2000)
    assert kept["in_key"] < 0.95 * kept["notes"]
    assert kept["in_chord"] < 0.9 * kept["harmony_notes"]


def test_every_chord_quality_has_a_mask_the_kernel_knows() -> None:
    from models.music.kernels import CHORD_MASKS

    assert len(CHORD_MASKS) == len(CHORD_QUALITIES) + 1
    assert CHORD_MASKS[NO_CHORD] == 0
    assert [Chord(0, quality).mask for quality in range(NO_CHORD)] == np.array(CHORD_MASKS[:-1]).tolist()
