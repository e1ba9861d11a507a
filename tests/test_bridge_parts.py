"""The small parts of the bridge: ledger, learn, fallback, wire, metrics, controls."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.controls import CONTROLS, Controls
from aigc_music.core.errors import UsageError
from aigc_music.core.parts import PARTS
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre
from bridge import fallback
from bridge.learn import LearnMap
from bridge.ledger import Ledger
from bridge.metrics import quantiles
from bridge.transport import Transport
from bridge.wire import Lines, Outbox, encode

notes = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 15), st.integers(0, 127)), max_size=60)


@given(notes, st.lists(st.integers(0, 6000), max_size=10))
def test_every_debt_is_paid_exactly_once_and_in_order(owed: list[tuple[int, int, int]], steps: list[int]) -> None:
    ledger = Ledger()
    for tick, channel, pitch in owed:
        ledger.owe(tick, channel, pitch, 0)
    paid = []
    for until in sorted(steps):
        due = ledger.due(until)
        assert all(debt.tick <= until for debt in due)
        paid += due
    paid += ledger.settle()
    assert [debt.tick for debt in paid] == sorted(tick for tick, *_ in owed)
    assert sorted((debt.tick, debt.channel, debt.pitch) for debt in paid) == sorted(owed)
    assert len(ledger) == 0 and ledger.next_tick() is None


def test_a_retrigger_pays_the_older_note_early() -> None:
    ledger = Ledger()
    ledger.owe(100, 1, 60, 5)
    debt = ledger.sounding(1, 60)
    assert debt is not None and ledger.sounding(2, 60) is None
    ledger.pay_early(debt)
    assert ledger.sounding(1, 60) is None


@given(st.floats(20, 300), st.floats(20, 300), st.integers(0, 10**11), st.integers(0, 10**10))
def test_a_tempo_change_moves_no_moment_of_the_past(first: float, second: float, now: int, later: int) -> None:
    transport = Transport(first)
    transport.start(0)
    tick = transport.tick_at(now)
    at = transport.ns_at(tick)
    transport.set_bpm(second, now)
    assert transport.ns_at(tick) == at
    assert transport.tick_at(now + later) >= tick
    assert transport.ns_at(transport.tick_at(now + later)) <= now + later


def test_learning_gives_a_knob_one_source() -> None:
    learn = LearnMap()
    assert learn.take(bytes((0xB0, 23, 127))) == ("density", 1.0)
    learn.armed = "density"
    assert learn.take(bytes((0xB3, 74, 0))) == ("density", 0.0)
    assert learn.armed is None
    assert learn.take(bytes((0xB0, 23, 127))) is None
    learn.armed = "panic"
    assert learn.take(bytes((0x90, 36, 100))) == ("panic", True)
    assert learn.take(bytes((0x90, 36, 100))) == ("panic", True)
    assert learn.take(bytes((0x90, 37, 100))) is None
    assert LearnMap(learn.bindings).bindings == learn.bindings


@pytest.mark.parametrize("control", CONTROLS.values(), ids=lambda control: control.name)
def test_every_knob_takes_every_controller_position_and_step(control) -> None:  # type: ignore[no-untyped-def]
    for position in range(128):
        value = control.from_cc(position)
        assert control.check(value) == value
    value = control.default
    for _ in range(50):
        value = control.stepped(value, 1)
        assert control.check(value) == value


def test_knobs_name_what_is_allowed() -> None:
    with pytest.raises(UsageError, match=r"20\.\.300"):
        Controls({"bpm": 5})
    with pytest.raises(UsageError, match="Did you mean 'jazz'"):
        Controls({"style": "jaz"})
    with pytest.raises(UsageError, match="density"):
        Controls().set("densty", 1)


@given(st.integers(0, 11), st.integers(0, 11), st.integers(2, 7))
def test_the_fallback_stays_in_bar_chord_and_range(root: int, quality: int, beats: int) -> None:
    chord, metre = Chord(root, quality), Metre(beats, 4)
    bar = fallback.bar(1920, metre, Key(0, "major"), chord, frozenset(range(len(PARTS))))
    assert bar == sorted(bar) and bar
    for note in bar:
        assert 1920 <= note.tick < 1920 + metre.bar_ticks and note.end <= 1920 + metre.bar_ticks + metre.beat_ticks
        assert note.channel == 9 or chord.mask >> note.pitch % 12 & 1
    assert fallback.bar(0, metre, Key(0, "major"), chord, frozenset()) == []


def test_quantiles_by_hand() -> None:
    assert quantiles([]) == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    assert quantiles(range(101)) == {"p50": 50, "p99": 99, "max": 100}


def test_a_peer_that_does_not_read_loses_whole_lines_only() -> None:
    reader, writer = os.pipe()
    outbox, lines = Outbox(writer), Lines(reader)
    for index in range(3000):
        outbox.send({"is": "snapshot", "index": index, "padding": "x" * 200}, droppable=True)
    outbox.send({"is": "report"})
    assert outbox.dropped > 0
    seen = []
    while True:
        messages = lines.read()
        seen += messages
        if outbox.flush() and not messages:
            break
    assert lines.broken == 0
    assert seen[-1] == {"is": "report"}
    assert [message["index"] for message in seen[:-1]] == list(range(len(seen) - 1))
    os.close(writer)
    lines.read()
    assert lines.closed
    os.close(reader)


def test_broken_lines_are_skipped_and_counted() -> None:
    reader, writer = os.pipe()
    os.write(writer, encode({"a": 1}) + b"{broken\n[1]\n\xff\xfe\n" + encode({"b": 2}) + b'{"half": ')
    lines = Lines(reader)
    assert lines.read() == [{"a": 1}, {"b": 2}]
    assert lines.broken == 3
    os.close(writer)
    os.close(reader)
