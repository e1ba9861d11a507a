"""The representation's laws: what is encoded comes back, and the order of events is what the network was told."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.parts import DRUMS
from models.music import kernels
from models.music import representation as rep
from models.music.corpus import Song, estimate_chords, estimate_key, tidy
from models.music.windows import PLAIN, Corpus, WindowOptions, collate, song_events, unit_table, window

TICKS = st.integers(-(10**6), 10**7)
UNITS = st.integers(-10_000, 100_000)


def make_song(seed: int = 0, notes: int = 200, parts: tuple[int, ...] = (0, 3, 4)) -> Song:
    """Chords in C under a random tune, four quarters a bar."""
    rng = np.random.default_rng(seed)
    rows = [
        (
            int(rng.integers(0, notes * 4)) * 40,
            int(rng.choice(parts)),
            int(rng.integers(40, 80)),
            int(rng.integers(30, 120)),
            int(rng.integers(20, 900)),
        )
        for _ in range(notes)
    ]
    chords = np.array([(bar * 1920, (0, 5, 7, 9)[bar % 4], (0, 0, 6, 1)[bar % 4]) for bar in range(40)], np.int32)
    return Song(
        "song",
        "set",
        "train",
        0,
        tidy(np.array(rows)),
        np.array([(0, 4, 480)]),
        chords,
        np.array([(0, 100.0)]),
        0,
        False,
        True,
        True,
        True,
    )


@given(TICKS)
def test_an_onset_comes_back_within_ten_milliseconds_at_120_bpm(tick: int) -> None:
    unit, micro = rep.onset_classes(tick)
    back = rep.decode_onset(unit, micro)
    assert abs(back - tick) * 60_000 / (120 * 480) <= 10
    assert 0 <= micro < rep.MICROS


@given(UNITS, st.integers(0, rep.MICROS - 1))
def test_a_decoded_onset_encodes_to_the_same_classes(unit: int, micro: int) -> None:
    assert rep.onset_classes(rep.decode_onset(unit, micro)) == (unit, micro)


@given(UNITS, st.integers(0, rep.DELTAS - 1))
@settings(deadline=None)  # the first call compiles
def test_a_delta_class_comes_back(unit: int, delta: int) -> None:
    target = rep.decode_delta(unit, delta)
    assert target >= unit
    assert rep.delta_class(unit, target) == delta
    assert kernels.unit_of(unit, delta) == target
    assert kernels.delta_of(unit, target) == delta


@given(UNITS, st.integers(0, 400))
def test_steps_up_to_four_quarters_are_exact_and_longer_ones_fall_on_half_quarters(unit: int, step: int) -> None:
    target = rep.decode_delta(unit, rep.delta_class(unit, unit + step))
    if step <= 48:
        assert target == unit + step
    else:
        assert target % 6 == 0
        assert abs(target - unit - step) <= 6 or step > 48 + 24 * 6 - 6


@given(st.lists(st.tuples(UNITS, st.integers(0, 500)), min_size=1))
def test_arrays_and_scalars_agree(pairs: list[tuple[int, int]]) -> None:
    units, steps = np.array(pairs).T
    assert rep.delta_classes(units, units + steps).tolist() == [rep.delta_class(u, u + s) for u, s in pairs]
    ticks = units * 7
    assert [tuple(row) for row in np.stack(rep.onset_arrays(ticks), 1).tolist()] == [
        rep.onset_classes(int(t)) for t in ticks
    ]


@given(st.integers(1, 20_000))
def test_a_duration_comes_back_near_and_its_class_is_stable(ticks: int) -> None:
    index = rep.duration_class(ticks)
    assert rep.duration_class(rep.decode_duration(index)) == index
    assert kernels.duration_of(ticks) == index
    if 20 <= ticks <= 7680:
        assert 0.7 <= rep.decode_duration(index) / ticks <= 1.42


@given(st.integers(1, 127), st.floats(0, 0.999))
def test_a_velocity_stays_in_its_bin(velocity: int, spread: float) -> None:
    index = rep.velocity_bin(velocity)
    assert rep.velocity_bin(rep.decode_velocity(index, spread)) == index


@given(st.integers(1, 30), st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_every_metre_has_beats_that_the_network_can_count(beats: int, unit: int) -> None:
    count, ticks = rep.beat_of(beats, unit)
    assert 1 <= count <= rep.BEATS
    assert ticks % rep.UNIT == 0
    assert 1 <= ticks // rep.UNIT <= rep.PHASES


def test_metres_count_as_musicians_do() -> None:
    assert rep.beat_of(4, 4) == (4, 480)
    assert rep.beat_of(6, 8) == (2, 720)
    assert rep.beat_of(2, 2) == (4, 480)
    assert rep.beat_of(5, 8) == (5, 240)


@given(st.integers(0, 10_000), st.booleans())
def test_human_notes_open_and_close_and_own_notes_keep_their_length(seed: int, human_first: bool) -> None:
    song = make_song(seed, 40)
    human = song.notes[:, 1] == 0
    events = song_events(song.notes.astype(np.int64), human, human_first)
    assert (np.diff(events[:, 0]) >= 0).all()
    assert (events[:, 1] == rep.KIND_OPEN).sum() == human.sum() == (events[:, 1] == rep.KIND_CLOSE).sum()
    sounding: dict[int, int] = {}
    for _, kind, _, _, pitch, _, _ in events:
        if kind == rep.KIND_OPEN:
            sounding[pitch] = sounding.get(pitch, 0) + 1
        if kind == rep.KIND_CLOSE:
            sounding[pitch] -= 1
            assert sounding[pitch] >= 0
    own = events[events[:, 1] == rep.KIND_OWN]
    keys = [tuple(row) for row in own[:, [0, 2, 4]].tolist()]
    assert keys == sorted(set(keys))


def test_the_target_of_every_event_is_the_next_own_note_counted_from_that_event() -> None:
    song = make_song(3, 120)
    table = unit_table(song)
    for seed in range(20):
        part = window(
            song,
            table,
            10,
            96,
            np.random.default_rng(seed),
            WindowOptions(human=1.0, phrases=0.0, thin=0.0, drums=0.0, transpose=False),
        )
        unit = np.cumsum(part["inputs"][:, 1])  # short steps only: classes are units
        for index in range(95):
            if not part["weight"][index]:
                continue
            following = next(
                i for i in range(index + 1, 96) if part["inputs"][i, 0] // (rep.PARTS + 1) == rep.KIND_OWN
            )
            assert part["targets"][index, 1] == unit[following] - unit[index]
            assert part["targets"][index, 0] == part["inputs"][following, 0] % (rep.PARTS + 1)
            assert part["targets"][index, 3] == part["inputs"][following, 3]
            assert part["low"][index] <= part["targets"][index, 3]
            assert not (part["stay"][index] and part["targets"][index, 1] == 0)


def test_batches_hold_classes_of_the_tables_only() -> None:
    drums = make_song(5, 80, (DRUMS,))
    drums.notes[:, 2] = 36
    corpus = Corpus([make_song(1), make_song(2, 60, (0, 1, 2, 3)), drums])
    batch = corpus.draw(np.random.default_rng(0), 40, 64, WindowOptions())
    for index, (_, size) in enumerate(rep.EVENT_FIELDS + rep.CONDITIONS):
        assert 0 <= batch.inputs[..., index].min() <= batch.inputs[..., index].max() < size
    for index, (_, size) in enumerate(rep.HEADS):
        assert 0 <= batch.targets[..., index].min() <= batch.targets[..., index].max() < size


def test_the_same_generator_draws_the_same_batch() -> None:
    corpus = Corpus([make_song(1), make_song(2)])
    first, second = (corpus.draw(np.random.default_rng(7), 4, 32, WindowOptions()) for _ in range(2))
    for left, right in zip(first, second, strict=True):
        assert (left == right).all()


def test_plain_windows_cover_every_note_once() -> None:
    song = make_song(4)
    batch = Corpus([song]).windows(0, 50)
    assert batch.weight.sum() == len(song.notes)
    assert collate(
        [window(song, unit_table(song), 0, len(song.notes) + 1, np.random.default_rng(0), PLAIN)]
    ).weight.sum() == len(song.notes)


def test_a_scale_and_its_chords_are_recognised() -> None:
    rows = []
    for bar, (root, steps) in enumerate([(0, (0, 4, 7)), (5, (0, 4, 7)), (7, (0, 4, 7, 10)), (9, (0, 3, 7))]):
        rows += [(bar * 1920, 4, 48 + root + step, 80, 1900) for step in steps]
    notes = tidy(np.array(rows))
    chords = estimate_chords(notes, np.array([(0, 4, 480)]), per_beat=False)
    assert [tuple(row[1:]) for row in chords.tolist()] == [(0, 0), (5, 0), (7, 6), (9, 1)]
    assert estimate_key(notes) == (0, False)
