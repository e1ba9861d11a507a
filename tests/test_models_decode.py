"""The decoder's laws: same key same note, rewinding is exact, what is forbidden is never drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import ModelError
from aigc_music.core.parts import DRUM_PITCHES, DRUMS, PARTS
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre
from models.music import kernels
from models.music import representation as rep
from models.music.decode_cpu import CLOSE, OPEN, Conditions, Limits, Note, Rest, Stream, load_model
from models.music.memory import echoes, set_shifts
from models.music.windows import PLAIN, chord_basses, unit_table, window
from tests.test_models_representation import make_song
from tests.tiny_model import tiny_model, write_tiny

CHORDS = ([0, 960, 3840], [0, 5, 7], [0, 1, 6])


def said() -> Conditions:
    """Conditions with everything said."""
    conditions = Conditions()
    conditions.style, conditions.bpm = 3, 100.0
    conditions.set_key(Key(2, "minor"))
    conditions.set_metre(Metre(3, 4), origin=480)
    conditions.set_parts((0, 3))
    conditions.set_density(0.7)
    conditions.set_chords(*CHORDS)
    return conditions


def play(
    stream: Stream, conditions: Conditions, limits: Limits, count: int, epoch: int = 0, start: int = 0
) -> list[Note]:
    """Draw and feed `count` notes."""
    notes: list[Note] = []
    earliest = 0
    for index in range(start, start + count):
        note = stream.sample(conditions, limits, earliest, epoch, index)
        if isinstance(note, Rest):
            earliest = note.until_tick
            continue
        stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
        notes.append(note)
    return notes


def test_the_same_seed_gives_the_same_notes_and_another_seed_others() -> None:
    model = tiny_model()
    first, second, other = (play(model.stream(seed), said(), Limits(), 60) for seed in (5, 5, 6))
    assert first == second
    assert first != other


def test_a_draw_depends_on_its_key_alone_not_on_what_was_drawn_before() -> None:
    model = tiny_model()
    conditions, limits = said(), Limits()
    quiet, busy = model.stream(3), model.stream(3)
    for index in range(20):
        busy.sample(conditions, limits, 0, 1, index)
    assert quiet.sample(conditions, limits, 0, 2, 7) == busy.sample(conditions, limits, 0, 2, 7)
    draws = {quiet.sample(conditions, limits, 0, epoch, index) for epoch in range(5) for index in range(20)}
    assert len(draws) > 50


@given(st.integers(0, 1000), st.integers(0, 30), st.integers(1, 30))
@settings(deadline=None, max_examples=25)
def test_rewinding_and_playing_on_is_the_straight_run_bit_for_bit(seed: int, before: int, detour: int) -> None:
    model = tiny_model()
    conditions, limits = said(), Limits()
    straight, winding = model.stream(seed), model.stream(seed)
    play(straight, conditions, limits, before)
    play(winding, conditions, limits, before)
    mark = winding.snapshot()
    play(winding, conditions, limits, detour, epoch=9)
    winding.feed(0, 0, 60, 80, OPEN, human=True)
    winding.restore(mark)
    assert play(winding, conditions, limits, 25, 1) == play(straight, conditions, limits, 25, 1)
    left, right = straight.snapshot(), winding.snapshot()
    assert (left.trunk == right.trunk).all()
    assert (left.cells == right.cells).all()


def test_a_snapshot_is_a_few_kilobytes_and_holds_still() -> None:
    stream = tiny_model().stream(1)
    mark = stream.snapshot()
    cells = mark.cells.copy()
    play(stream, said(), Limits(), 10)
    assert (mark.cells == cells).all()
    assert mark.cells.nbytes < 4096


limits_strategy = st.fixed_dictionaries(
    {
        "allowed": st.sets(st.integers(0, 5)),
        "low": st.integers(0, 127),
        "span": st.integers(-2, 40),
        "scale": st.integers(0, 4095),
        "tones": st.booleans(),
        "voices": st.integers(0, 4),
        "longest": st.one_of(st.none(), st.integers(1, 2000)),
        "drums": st.sets(st.sampled_from(DRUM_PITCHES)),
        "earliest": st.integers(0, 8000),
        "seed": st.integers(0, 10_000),
    }
)


@given(limits_strategy)
@settings(deadline=None, max_examples=60)
def test_every_note_obeys_every_limit_and_empty_limits_give_a_rest(rules: dict[str, object]) -> None:
    limits = Limits()
    low, high = int(rules["low"]), int(rules["low"]) + int(rules["span"])  # type: ignore[call-overload]
    limits.allow(rules["allowed"])  # type: ignore[arg-type]
    limits.set_drum_map(rules["drums"])  # type: ignore[arg-type]
    for part in range(len(PARTS)):
        limits.set_range(part, low, high)
        limits.set_scale(part, rules["scale"])  # type: ignore[arg-type]
        limits.set_chord_tones(part, rules["tones"])  # type: ignore[arg-type]
        limits.set_polyphony(part, rules["voices"])  # type: ignore[arg-type]
        limits.set_longest(part, rules["longest"])  # type: ignore[arg-type]
    conditions = said()
    stream = tiny_model().stream(rules["seed"])  # type: ignore[arg-type]
    earliest, rests = int(rules["earliest"]), 0  # type: ignore[call-overload]
    sounding: list[Note] = []
    last = (-1, -1, -1)
    for index in range(40):
        note = stream.sample(conditions, limits, earliest, 0, index)
        if isinstance(note, Rest):
            assert note.until_tick > earliest or note.until_tick >= stream.tick
            earliest, rests = max(earliest + 40, note.until_tick), rests + 1
            continue
        assert note.tick >= earliest
        assert note.part in rules["allowed"]  # type: ignore[operator]
        assert low <= note.pitch <= high
        assert 1 <= note.velocity <= 127
        assert 1 <= note.duration_ticks <= (rules["longest"] or 10**9)  # type: ignore[operator]
        unit = rep.onset_classes(note.tick).unit
        if note.part == DRUMS:
            assert note.pitch in rules["drums"]  # type: ignore[operator]
        else:
            assert int(rules["scale"]) >> note.pitch % 12 & 1  # type: ignore[call-overload]
            place = int(np.searchsorted(CHORDS[0], unit * 40 + 20, side="right")) - 1
            if rules["tones"] and place >= 0:
                assert Chord(CHORDS[1][place], CHORDS[2][place]).mask >> note.pitch % 12 & 1
        sounding.append(note)
        together = [
            other for other in sounding if other.part == note.part and other.tick + other.duration_ticks > note.tick
        ]
        assert len(together) <= int(rules["voices"])  # type: ignore[call-overload]
        assert (unit, note.part, note.pitch) > last
        last = (unit, note.part, note.pitch)
        stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
    nothing = (
        not rules["allowed"]
        or not rules["voices"]
        or high < low
        or (rules["allowed"] == {DRUMS} and not rules["drums"])
    )
    if nothing:
        assert rests == 40


def test_an_open_human_note_holds_its_voice_until_it_closes() -> None:
    limits, conditions = Limits(), said()
    limits.allow({0})
    limits.set_range(0, 0, 127)
    stream = tiny_model().stream(2)
    stream.feed(0, 0, 60, 80, OPEN, human=True)
    assert isinstance(stream.sample(conditions, limits, 0, 0, 0), Rest)
    stream.feed(960, 0, 60, 0, CLOSE, human=True)
    assert isinstance(stream.sample(conditions, limits, 0, 0, 0), Note)


def test_events_of_the_past_count_as_being_now() -> None:
    stream = tiny_model().stream(2)
    stream.feed(4800, 0, 60, 80, 240)
    stream.feed(100, 3, 40, 80, 240)
    assert stream.tick == 4800
    note = stream.sample(said(), Limits(), 0, 0, 0)
    assert note[0] >= 4800 - 20


def test_a_changed_condition_acts_on_the_next_note() -> None:
    model = tiny_model()
    limits = Limits()
    one, two = model.stream(4), model.stream(4)
    first, second = said(), said()
    play(one, first, limits, 10)
    play(two, second, limits, 10)
    second.style = 9
    assert [one.sample(first, limits, 0, 5, i) for i in range(20)] != [
        two.sample(second, limits, 0, 5, i) for i in range(20)
    ]


def test_the_user_temperature_narrows_the_draw() -> None:
    stream, conditions, limits = tiny_model().stream(4), said(), Limits()
    conditions.temperature = 0.01
    cold = {stream.sample(conditions, limits, 0, 0, index)[2] for index in range(40)}
    conditions.temperature = 2.0
    hot = {stream.sample(conditions, limits, 0, 0, index)[2] for index in range(40)}
    assert len(cold) < len(hot)


def test_the_stream_sees_what_training_saw() -> None:
    """Feeding a song note by note asks the network what the rows of a training window ask: every class of every
    event, and what the memory says of every note that comes."""
    model = tiny_model(exact=True)
    song = make_song(6, 120)
    song.notes[60:, 0] = song.notes[:60, 0] + 8 * 1920  # something to remember
    song.notes[60:, 1:] = song.notes[:60, 1:]
    table = unit_table(song)
    rows = window(song, table, 0, 121, np.random.default_rng(0), PLAIN)
    conditions = Conditions()
    conditions.style, conditions.bpm = 0, 100.0
    conditions.set_key(Key(0, "major"))
    conditions.set_metre(Metre(4, 4))
    conditions.set_chords(*song.chords.T, chord_basses(song))
    conditions.set_given([])
    conditions.set_end(int(song.notes[-1, 0]) // 40 * 40 + 40)
    stream, names = model.stream(), [name for name, _ in rep.INPUT_FIELDS]
    parts = sum(1 << part for part in set(song.notes[:, 1].tolist()))
    levels = {kernels.C_DENSITY: "density", kernels.C_REGISTER: "register", kernels.C_POLYPHONY: "polyphony",
              kernels.C_LOUDNESS: "loudness"}  # fmt: skip
    for index, row in enumerate(rows["inputs"]):
        if index:
            tick, part, pitch, velocity, duration = song.notes[index - 1].tolist()
            stream.feed(tick, part, pitch, velocity, duration)
        for cell, name in levels.items():
            conditions.array[cell] = row[names.index(name)]
        conditions.array[kernels.C_PARTS], conditions.array[kernels.C_OWN] = parts, parts
        stream._conditions = conditions
        stream._digest()
        differing = [name for name, a, b in zip(names, stream._buffers.inputs, row, strict=True) if a != b]
        assert not differing, (index, differing)
        if index < len(song.notes):
            unit = int(rep.onset_arrays(song.notes[index : index + 1, 0])[0][0])
            pitches, lengths = np.zeros(rep.SOURCES, np.int64), np.zeros(rep.SOURCES, np.int64)
            trace, shifts = stream._cells[kernels.TRACE : kernels.KNOWN], np.zeros(rep.SOURCES, np.int64)
            set_shifts(stream._memory, trace, 48, 8, shifts)
            part = int(song.notes[index, 1])
            echoes(stream._memory, trace, shifts, unit, part, int(rows["low"][index]), pitches, lengths)
            assert (pitches == rows["echo"][index]).all()
            assert (lengths == rows["choices"][index, kernels.LENGTHS : kernels.LENGTHS + rep.SOURCES]).all()
    assert (rows["echo"][:, [rep.POINTER, rep.MATCH]] < rep.NO_PITCH).any(axis=0).all()


def test_guidance_of_one_changes_nothing_and_more_changes_the_music() -> None:
    model, limits = tiny_model(), Limits()
    plain, strong, back = said(), said(), said()
    strong.strength = 2.0
    one, two = model.stream(4), model.stream(4)
    first, second = play(one, plain, limits, 30), play(two, strong, limits, 30)
    assert first != second
    two.begin(0)
    assert play(two, back, limits, 30) == first


def test_the_form_points_the_memory_at_another_bar() -> None:
    model, limits = tiny_model(), Limits()
    free, pointed = said(), said()
    pointed.set_form([0], [3], [0.9])
    one, two = model.stream(4), model.stream(4)
    play(one, free, limits, 60)
    for note in play(model.stream(4), free, limits, 60):
        two.sample(pointed, limits, 0, 0, 0)
        two.feed(*note)
    draws = [[stream.sample(conditions, limits, 0, 5, i) for i in range(30)] for stream, conditions in
             ((one, free), (two, pointed))]  # fmt: skip
    assert draws[0] != draws[1]


def test_bits_do_not_depend_on_how_often_they_are_asked() -> None:
    model = tiny_model()
    song = make_song(8, 80)
    part = window(song, unit_table(song), 0, 81, np.random.default_rng(0), PLAIN)
    from models.music.windows import collate

    first, notes, played = model.score(collate([part]))
    second, _, _ = model.score(collate([part, part]))
    assert notes == played == len(song.notes)
    assert np.allclose(2 * first, second)
    assert (first > 0).all()


def test_a_model_folder_loads_by_path_and_says_what_is_wrong(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "small")
    model = load_model(folder)
    assert model.name == "small"
    assert model.parameters == model.card["parameters"]
    weights = folder / "weights.safetensors"
    blob = weights.read_bytes()
    weights.write_bytes(blob[:-1] + b"x")
    with pytest.raises(ModelError, match="sha256"):
        load_model(folder)
    weights.write_bytes(blob)
    card = json.loads((folder / "card.json").read_text())
    for change, words in (
        ({"config": {**card["config"], "hidden": 32}}, "shape"),
        ({"representation": 99}, "representation"),
        ({"network": "lstm"}, "gru"),
        ({"config": {}}, "lacks"),
    ):
        (folder / "card.json").write_text(json.dumps({**card, **change}))
        with pytest.raises(ModelError, match=words):
            load_model(folder)
    weights.unlink()
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="weights"):
        load_model(folder)
    with pytest.raises(ModelError):
        load_model(tmp_path / "nothing")


def test_the_model_is_told_of_the_parts_that_it_may_play_itself() -> None:
    conditions, limits = said(), Limits()
    conditions.set_parts((0, 3, 4))
    limits.allow((3, 4))
    tiny_model().stream(1).sample(conditions, limits, 0, 0, 0)
    assert conditions.array[kernels.C_PARTS] == 0b011000
    conditions.set_parts(None)
    assert conditions.array[kernels.C_PARTS] == rep.NO_PARTS
    levels = []
    for amount in (0.0, 0.5, 1.0):
        conditions.set_density(amount)
        levels.append(conditions.array[kernels.C_DENSITY])
    assert levels == sorted(set(levels))


def test_noise_is_even_and_keys_do_not_meet() -> None:
    draws = np.array(
        [kernels.uniform(7, epoch, index, head) for epoch in range(10) for index in range(100) for head in range(7)]
    )
    assert len(np.unique(draws)) > 6900
    assert abs(draws.mean() - 0.5) < 0.02
    assert (np.histogram(draws, 10, (0, 1))[0] > 600).all()


def test_picks_follow_the_softmax_and_the_nucleus_cuts_its_tail() -> None:
    chances = np.array([0.5, 0.3, 0.15, 0.05], np.float32)
    counts, cut = np.zeros(4), np.zeros(4)
    for noise in (np.arange(2000, dtype=np.float32) + np.float32(0.5)) / np.float32(2000):
        counts[kernels.pick(np.log(chances), 4, np.float32(1), np.float32(1), noise)] += 1
        cut[kernels.pick(np.log(chances), 4, np.float32(1), np.float32(0.75), noise)] += 1
    assert np.abs(counts / 2000 - chances).max() < 0.01
    assert np.abs(cut / 2000 - np.array([0.625, 0.375, 0, 0])).max() < 0.01
    assert kernels.pick(np.full(4, kernels.NEVER), 4, np.float32(1), np.float32(1), np.float32(0.3)) == -1
