"""The deadline queue, the sounding table and the memory backend, on a clock that the test holds."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.core.parts import HUMAN_CHANNEL
from bridge.backends import CLOCK_OUT, OUT, open_backend
from bridge.backends.deadline import GENERATED, THRU, Sounding, pending_offs
from bridge.backends.memory import MemoryBackend
from bridge.clock import ManualClock

MS = 1_000_000


def on(pitch: int, channel: int = 1) -> bytes:
    return bytes((0x90 | channel, pitch, 80))


def off(pitch: int, channel: int = 1) -> bytes:
    return bytes((0x80 | channel, pitch, 64))


def sounding(messages: list[bytes]) -> set[tuple[int, int]]:
    """What a receiver that knows no counts still hears: an off ends a note, whoever started it how often."""
    notes: set[tuple[int, int]] = set()
    for data in messages:
        key = (data[0] & 0x0F, data[1])
        if data[0] & 0xF0 == 0x90:
            assert key not in notes, "a note that sounds is ended before it starts again"
            notes.add(key)
        elif data[0] & 0xF0 == 0x80:
            notes.discard(key)
    return notes


@pytest.fixture
def memory() -> MemoryBackend:
    return MemoryBackend(ManualClock())


def written(memory: MemoryBackend) -> list[bytes]:
    return [sent.data for sent in memory.sent]


def test_messages_leave_at_their_time_in_the_order_of_sending(memory: MemoryBackend) -> None:
    memory.send(20 * MS, on(62))
    memory.send(10 * MS, on(60))
    memory.send(20 * MS, on(61))
    memory.send(20 * MS, b"\xf8", CLOCK_OUT)
    assert memory.wait(30 * MS) == []
    assert [(sent.at_ns // MS, sent.port, sent.data) for sent in memory.sent] == [
        (10, OUT, on(60)),
        (20, OUT, on(62)),
        (20, OUT, on(61)),
        (20, CLOCK_OUT, b"\xf8"),
    ]
    assert memory.clock.now_ns() == 30 * MS


def test_a_past_time_leaves_at_once_and_counts_as_late(memory: MemoryBackend) -> None:
    memory.wait(50 * MS)
    memory.send(10 * MS, on(60))
    assert written(memory) == [on(60)]
    figures = memory.statistics()
    assert figures["late"] == 1 and list(figures["lateness_ns"]) == [40 * MS]


def test_what_is_no_message_is_refused(memory: MemoryBackend) -> None:
    with pytest.raises(UsageError, match="90 3c is not one MIDI message"):
        memory.send(0, b"\x90\x3c")


def test_wait_returns_for_input_and_for_descriptors(memory: MemoryBackend) -> None:
    read, write = os.pipe()
    try:
        memory.feed(on(60), 5 * MS)
        assert memory.wait(50 * MS, [read]) == [] and memory.clock.now_ns() == 5 * MS
        assert [message.data for message in memory.receive()] == [on(60)]
        os.write(write, b"!")
        assert memory.wait(50 * MS, [read]) == [read] and memory.clock.now_ns() == 5 * MS
    finally:
        os.close(read)
        os.close(write)


def test_thru_copies_at_once_to_the_human_channel_and_lets_go_when_switched_off(memory: MemoryBackend) -> None:
    memory.set_thru(True)
    memory.feed(on(60, 7) + b"\xf8" + on(64, 7), 5 * MS)
    memory.wait(6 * MS)
    assert written(memory) == [on(60, HUMAN_CHANNEL), on(64, HUMAN_CHANNEL)]
    memory.set_thru(False)
    assert sounding(written(memory)) == set()
    assert len(memory.receive()) == 3


def test_unsend_forgets_notes_but_not_the_ends_of_sounding_ones(memory: MemoryBackend) -> None:
    memory.send(10 * MS, on(60))
    memory.send(40 * MS, off(60))
    memory.send(30 * MS, on(62))
    memory.send(50 * MS, off(62))
    memory.send(35 * MS, b"\xf8", CLOCK_OUT)
    memory.wait(20 * MS)
    memory.unsend()
    assert written(memory) == [on(60), off(60)]
    memory.wait(100 * MS)
    assert written(memory) == [on(60), off(60), b"\xf8"]


def test_close_all_ends_everything_and_resets_used_channels(memory: MemoryBackend) -> None:
    for pitch in (60, 64, 67):
        memory.send(0, on(pitch, 3))
    memory.send(10 * MS, on(70, 3))
    assert memory.close_all() == 3
    memory.wait(20 * MS)
    assert sounding(written(memory)) == set()
    assert written(memory)[-3:] == [bytes((0xB3, 64, 0)), bytes((0xB3, 123, 0)), bytes((0xB3, 120, 0))]
    assert memory.close_all() == 0


def test_a_lost_port_is_told_and_settled_when_it_is_back(memory: MemoryBackend) -> None:
    memory.poll()
    memory.send(0, on(60))
    memory.unplug()
    memory.send(0, on(62))
    memory.send(0, off(60))
    assert not memory.alive and memory.statistics()["dropped"] == 2
    assert "gone" in memory.poll()[0]
    memory.replug()
    assert memory.alive and "back" in memory.poll()[0]
    assert sounding(written(memory)) == set()
    memory.send(0, on(65))
    assert written(memory)[-1] == on(65)


def test_closing_twice_is_safe(memory: MemoryBackend) -> None:
    memory.send(0, on(60))
    memory.close()
    memory.close()
    assert sounding(written(memory)) == set()


def test_the_memory_api_takes_no_port_names() -> None:
    with pytest.raises(UsageError, match="no ports"):
        open_backend("memory", to="synth")
    with pytest.raises(UsageError, match="MIDI API"):
        open_backend("midi")


steps = st.lists(
    st.tuples(st.sampled_from((GENERATED, THRU)), st.booleans(), st.integers(60, 62), st.integers(0, 1)), max_size=40
)


@given(steps)
def test_whatever_two_owners_do_closing_leaves_nothing_sounding(played: list[tuple[int, bool, int, int]]) -> None:
    table, out = Sounding(), []
    for owner, start, pitch, channel in played:
        out += table.step(owner, on(pitch, channel) if start else off(pitch, channel))
    assert len(sounding(out)) == table.count()
    assert sounding([*out, *table.close()]) == set() and table.count() == 0


@given(steps)
def test_a_note_of_one_owner_survives_the_other(played: list[tuple[int, bool, int, int]]) -> None:
    """After every step a receiver hears exactly the notes that somebody holds."""
    table, out = Sounding(), []
    held: dict[tuple[int, int, int], int] = {}
    for owner, start, pitch, channel in played:
        out += table.step(owner, on(pitch, channel) if start else off(pitch, channel))
        key = (owner, channel, pitch)
        count = held.get(key, 0)
        held[key] = (1 if owner == THRU else count + 1) if start else max(0, count - 1)
        assert sounding(out) == {(channel, pitch) for (_, channel, pitch), count in held.items() if count}


notes = st.lists(st.tuples(st.integers(60, 61), st.integers(0, 20), st.integers(1, 20)), max_size=12)


@given(notes, st.integers(0, 24))
def test_a_plan_forgotten_anywhere_leaves_nothing_sounding(plan: list[tuple[int, int, int]], cut: int) -> None:
    """notes: (pitch, start, length), overlapping as they like; what was sent by then plus what is owed balances."""
    events = sorted(
        event for pitch, start, length in plan for event in ((start, 1, pitch), (start + length, 0, pitch))
    )
    messages = [on(pitch) if start else off(pitch) for _, start, pitch in events]
    table, out = Sounding(), []
    for data in (*messages[:cut], *pending_offs(messages[cut:])):
        out += table.step(GENERATED, data)
    assert sounding(out) == set() and table.count() == 0
