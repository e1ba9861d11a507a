"""MIDI clock: the follower against made-up senders (jitter, ramps, steps, an audio period), and our own at a stop.

Bars: 5 ms of phase at the worst and 2 ms on average from two bars on, 0.1 bpm of tempo under the jitter of a period.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.backends import CLOCK_IN, CLOCK_OUT, IN

from .players import SECOND, Stage
from .real.pulses import follow, ramp, steady, step

SEEDS = st.integers(0, 2**32)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.floats(40, 240), st.floats(0, 10), SEEDS)
def test_a_steady_clock_is_kept_whatever_its_jitter(bpm: float, jitter_ms: float, seed: int) -> None:
    phase = follow(steady(bpm), 20, jitter_ms, random.Random(seed))
    assert phase.worst <= 5 and phase.mean <= 2


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(40, 240), st.floats(0, 2.7), SEEDS)
def test_tempo_is_right_within_a_tenth(bpm: float, jitter_ms: float, seed: int) -> None:
    assert follow(steady(bpm), 20, jitter_ms, random.Random(seed)).bpm == pytest.approx(bpm, abs=0.1)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(60, 180), st.floats(0.7, 1.4), st.floats(0, 10), SEEDS)
def test_a_ramp_of_eight_bars_is_followed(bpm: float, ratio: float, jitter_ms: float, seed: int) -> None:
    phase = follow(ramp(bpm, bpm * ratio, 16, 48), 48, jitter_ms, random.Random(seed))
    assert phase.mean <= 2
    settled = follow(ramp(bpm, bpm * ratio, 16, 48), 64, jitter_ms, random.Random(seed), judge_from=56)
    assert settled.worst <= 5 and settled.mean <= 2


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(50, 220), st.floats(0.5, 2.0), st.floats(0, 10), SEEDS)
def test_two_bars_after_a_step_nothing_is_left_of_it(bpm: float, ratio: float, jitter_ms: float, seed: int) -> None:
    after = min(240.0, max(40.0, bpm * ratio))
    phase = follow(step(bpm, after, 16), 36, jitter_ms, random.Random(seed), judge_from=26)
    assert phase.worst <= 5 and phase.mean <= 2


@pytest.mark.parametrize("bpm", [93.9, 118.0, 120.0, 125.0, 140.0])
@pytest.mark.parametrize("period_ms", [2.667, 5.333])
def test_a_clock_stamped_to_an_audio_period_is_kept(bpm: float, period_ms: float) -> None:
    phase = follow(steady(bpm), 48, 0, random.Random(1), period_ms)
    assert phase.worst <= 5 and phase.mean <= 2
    assert phase.bpm == pytest.approx(bpm, abs=0.1)


def test_no_pulse_follows_our_stop() -> None:
    stage = Stage()
    stage.model_is_ready()
    stage.player.start()
    stage.run(2.013)
    stage.player.stop()
    stage.run(0.5)
    clock = [sent.data for sent in stage.backend.sent if sent.port == CLOCK_OUT]
    assert clock[0] == b"\xfa" and clock[-1] == b"\xfc" and clock.count(b"\xf8") > 90


def test_a_keyboard_with_a_clock_of_its_own_does_not_disturb_the_daw() -> None:
    stage = Stage(sync="midi")
    stage.model_is_ready()
    for index in range(1200):  # the keyboard ticks from the moment it is switched on
        stage.backend.feed(b"\xf8", index * SECOND // 100, IN)
    stage.backend.feed(b"\xfa", SECOND - 1_000_000, CLOCK_IN)
    for index in range(500):
        stage.backend.feed(b"\xf8", SECOND + index * SECOND // 50, CLOCK_IN)
    stage.run(10.5)
    assert stage.player.transport.bpm == pytest.approx(125, abs=0.01)
    assert stage.player.transport.ns_at(960) == pytest.approx(SECOND + 48 * SECOND // 50, abs=1_000_000)


def test_a_clock_on_the_notes_port_is_followed_when_it_is_the_only_one() -> None:
    stage = Stage(sync="midi")
    stage.model_is_ready()
    stage.backend.feed(b"\xfa", SECOND - 1_000_000, IN)
    for index in range(200):
        stage.backend.feed(b"\xf8", SECOND + index * SECOND // 50, IN)
    stage.run(4.5)
    assert stage.player.transport.running
    assert stage.player.transport.bpm == pytest.approx(125, abs=0.01)
