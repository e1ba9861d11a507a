"""Laws of musical time: TempoMap is a bijection on ticks, MetreMap tiles time with bars."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.core.time import BPM_MAX, BPM_MIN, TICKS_PER_QUARTER, Metre, MetreMap, TempoMap, check_bpm

law = settings(derandomize=True, deadline=None, max_examples=200)

ticks = st.integers(-100_000, 50_000_000)
bpms = st.floats(BPM_MIN, BPM_MAX)
tempo_maps = st.lists(st.tuples(st.integers(0, 2_000_000), bpms), max_size=300).map(TempoMap)
metres = st.builds(Metre, st.integers(1, 32), st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))
metre_maps = st.lists(st.tuples(st.integers(0, 200_000), metres), max_size=20).map(MetreMap)


@law
@given(tempo_maps, st.lists(ticks, min_size=1, max_size=20))
def test_tick_to_ns_and_back_is_the_identity(tempos: TempoMap, at: list[int]) -> None:
    for tick in at + [change for change, _ in tempos.changes]:
        for near in (tick - 1, tick, tick + 1):
            assert tempos.tick_at(tempos.ns_at(near)) == near


@law
@given(tempo_maps, st.lists(ticks, min_size=2, max_size=30))
def test_time_runs_strictly_forward(tempos: TempoMap, at: list[int]) -> None:
    ordered = sorted({near for tick in at for near in (tick, tick + 1)})
    times = [tempos.ns_at(tick) for tick in ordered]
    assert all(before < after for before, after in pairwise(times))


@law
@given(tempo_maps, st.integers(-(10**12), 10**14))
def test_tick_at_is_the_last_tick_that_has_begun(tempos: TempoMap, ns: int) -> None:
    tick = tempos.tick_at(ns)
    assert tempos.ns_at(tick) <= ns < tempos.ns_at(tick + 1)


@law
@given(tempo_maps, st.integers(0, 10_000_000))
def test_the_error_against_exact_time_stays_below_a_microsecond_per_minute(tempos: TempoMap, end: int) -> None:
    """Rounding: half a ns per quarter (the length of a quarter is a whole number of ns), 1 ns per change."""
    exact = Fraction(0)
    for (tick, bpm), following in zip(tempos.changes, [*tempos.changes[1:], (end, 0.0)], strict=True):
        quarters = Fraction(max(0, min(following[0], end) - tick), TICKS_PER_QUARTER)
        exact += quarters * 60_000_000_000 / Fraction(bpm)
    assert abs(tempos.ns_at(end) - exact) <= Fraction(end, 2 * TICKS_PER_QUARTER) + len(tempos.changes) + 1


def test_ten_thousand_tempo_changes_stay_exact() -> None:
    tempos = TempoMap([(tick * 7, 60 + tick * 37 % 200) for tick in range(10_000)])
    assert all(tempos.tick_at(tempos.ns_at(tick)) == tick for tick in range(0, 80_000, 101))


def test_120_bpm_is_half_a_second_a_quarter_and_the_default() -> None:
    assert TempoMap().ns_at(480) == 500_000_000 == TempoMap([(0, 120.0)]).ns_at(480)
    assert TempoMap([(960, 60.0)]).ns_at(480) == 1_000_000_000  # the first tempo also holds before it
    assert TempoMap([(0, 60.0), (480, 120.0)]).bpm_at(479) == 60
    assert TempoMap([(0, 60.0), (480, 120.0)]).bpm_at(480) == 120


@pytest.mark.parametrize("bpm", [0.0, -3.0, 4.999, 1501.0, float("nan"), float("inf")])
def test_a_tempo_out_of_range_is_a_usage_error_that_says_the_range(bpm: float) -> None:
    with pytest.raises(UsageError, match=r"give 5\.\.1500"):
        check_bpm(bpm)


@law
@given(metre_maps, st.integers(-50_000, 400_000))
def test_bar_beat_and_rest_name_the_tick(metre_map: MetreMap, tick: int) -> None:
    where = metre_map.position(tick)
    start = metre_map.bar_start(tick)
    assert start + where.beat * where.metre.beat_ticks + where.tick == tick
    assert 0 <= where.beat < where.metre.beats
    assert 0 <= where.tick < where.metre.beat_ticks
    assert metre_map.bar_start(start) == start
    assert metre_map.position(start)[:3] == (where.bar, 0, 0)


@law
@given(metre_maps, st.integers(-50_000, 400_000))
def test_bars_are_counted_without_gap_and_without_going_back(metre_map: MetreMap, tick: int) -> None:
    start = metre_map.bar_start(tick)
    assert metre_map.position(start - 1).bar == metre_map.position(start).bar - 1
    assert metre_map.position(tick + 1).bar - metre_map.position(tick).bar in (0, 1)


@law
@given(metre_maps)
def test_a_change_of_metre_starts_a_bar(metre_map: MetreMap) -> None:
    for tick, metre in metre_map.changes:
        assert metre_map.bar_start(tick) == tick
        assert metre_map.position(tick).metre == metre


def test_common_metres() -> None:
    assert MetreMap().position(4 * 480 + 481) == (1, 1, 1, Metre(4, 4))
    assert Metre(6, 8).bar_ticks == 1440
    assert str(Metre(6, 8)) == "6/8"
