"""The compiled JACK callback, driven by C functions of our own: no server, every frame chosen by the test."""

from __future__ import annotations

import ctypes
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.parts import HUMAN_CHANNEL
from bridge.backends import jack_block as w
from bridge.backends import jack_process
from bridge.backends.deadline import GENERATED, THRU, Sounding
from bridge.rings import Ring

PERIOD, RATE = 256, 48_000
MIDI_OUT, MIDI_CLOCK_OUT, MIDI_IN, MIDI_CLOCK_IN, LEFT, RIGHT = range(1, 7)


def on(pitch: int, channel: int = 1) -> bytes:
    return bytes((0x90 | channel, pitch, 80))


def off(pitch: int, channel: int = 1) -> bytes:
    return bytes((0x80 | channel, pitch, 64))


class FakeJack:
    """One client with its four ports; `run` is one period. `out` collects (frame, port, message)."""

    def __init__(self, frame: int = 1000) -> None:
        self.frame = frame
        self.room = 10_000  # events that fit into one buffer
        self.without_buffers = False
        self.inputs: dict[int, list[tuple[int, bytes]]] = {MIDI_IN: [], MIDI_CLOCK_IN: []}
        self.out: list[tuple[int, int, bytes]] = []
        self.wakes = 0
        self.links = {MIDI_OUT: 1, MIDI_IN: 1}  # peers of each port
        self._buffers: dict[int, int] = {}
        self._last_offset = 0
        v, u, i = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int
        self._functions = (
            ctypes.CFUNCTYPE(v, v, u)(self._get_buffer),
            ctypes.CFUNCTYPE(None, v)(self._clear),
            ctypes.CFUNCTYPE(i, v, u, v, ctypes.c_size_t)(self._event_write),
            ctypes.CFUNCTYPE(u, v)(lambda client: self.frame & 0xFFFFFFFF),
            ctypes.CFUNCTYPE(u, v)(lambda buffer: len(self.inputs[buffer])),
            ctypes.CFUNCTYPE(i, v, v, u)(self._event_get),
            ctypes.CFUNCTYPE(ctypes.c_ssize_t, i, v, ctypes.c_size_t)(self._wake),
        )
        connected = ctypes.CFUNCTYPE(i, v)(lambda port: self.links[port])
        self._functions += (connected,)
        self.block = np.zeros(w.WORDS, np.int64)
        s = self.words = self.block.data
        s[w.SELF] = self.block.ctypes.data
        words = (*range(w.GET_BUFFER, w.WAKE_WRITE + 1), w.PORT_CONNECTED)
        for word, function in zip(words, self._functions, strict=True):
            s[word] = ctypes.cast(function, v).value or 0
        s[w.CLIENT] = 99
        s[w.PORT_OUT], s[w.PORT_CLOCK_OUT], s[w.PORT_IN], s[w.PORT_CLOCK_IN] = range(1, 5)
        s[w.RATE] = RATE
        self.ring = Ring(s, w.OUT_WRITTEN, w.OUT_READ, w.OUT_RING, w.OUT_RING_RECORDS, w.OUT_RECORD_WORDS)
        self.arrived = Ring(s, w.IN_WRITTEN, w.IN_READ, w.IN_RING, w.IN_RING_RECORDS, w.IN_RECORD_WORDS)
        self._process = ctypes.CFUNCTYPE(i, u, v)(jack_process.process.address)

    def send(self, frame: int, data: bytes, port: int = 0) -> None:
        meta = port | len(data) << 8 | self.words[w.EPOCH + port] << 16
        assert self.ring.push(frame, meta, int.from_bytes(data, "little"))

    def run(self, periods: int = 1, alive: bool = True) -> None:
        for _ in range(periods):
            self.words[w.BEAT] += alive
            assert self._process(PERIOD, self.block.ctypes.data) == 0
            self.frame += PERIOD
            for events in self.inputs.values():
                events.clear()

    def music(self) -> list[bytes]:
        return [data for _, port, data in self.out if port == 0]

    def _get_buffer(self, port: int, frames: int) -> int:
        return 0 if self.without_buffers else port

    def _clear(self, buffer: int) -> None:
        assert buffer in (MIDI_OUT, MIDI_CLOCK_OUT)
        self._buffers[buffer] = 0
        self._last_offset = 0

    def _event_write(self, buffer: int, offset: int, data: int, size: int) -> int:
        if self._buffers[buffer] >= self.room:
            return -105
        assert offset < PERIOD
        if buffer == MIDI_OUT:
            assert offset >= self._last_offset, "JACK wants events in order"
            self._last_offset = offset
        self._buffers[buffer] += 1
        self.out.append((self.frame + offset, buffer - 1, ctypes.string_at(data, size)))
        return 0

    def _event_get(self, event: int, buffer: int, index: int) -> int:
        offset, data = self.inputs[buffer][index]
        self._kept = ctypes.create_string_buffer(data, len(data))
        words = (ctypes.c_int64 * 3).from_address(event)
        words[0], words[1], words[2] = offset, len(data), ctypes.addressof(self._kept)
        return 0

    def _wake(self, fd: int, data: int, size: int) -> int:
        self.wakes += 1
        return size


@pytest.fixture
def jack() -> FakeJack:
    return FakeJack()


def test_every_message_leaves_on_its_frame_in_the_order_of_sending(jack: FakeJack) -> None:
    wanted = [(3000, on(60)), (1500, on(62)), (1500, on(61)), (1500 + 255, on(63)), (3000, off(62))]
    for frame, data in wanted:
        jack.send(frame, data)
    jack.send(2000, b"\xf8", 1)
    jack.run(12)
    in_order = sorted(wanted, key=lambda event: event[0])
    assert [(frame, data) for frame, port, data in jack.out if port == 0] == in_order
    assert [(frame, port, data) for frame, port, data in jack.out if port == 1] == [(2000, 1, b"\xf8")]
    assert jack.words[w.LATE] == 0 and jack.words[w.NOTE_ONS] == 4


def test_frames_count_on_past_32_bits() -> None:
    jack = FakeJack(0xFFFFFFFF - 700)
    for frame in range(jack.frame + 300, jack.frame + 2000, 111):
        jack.send(frame, b"\xb0\x01\x02")
    wanted = list(range(jack.frame + 300, jack.frame + 2000, 111))
    jack.run(10)
    assert [frame for frame, _, _ in jack.out] == wanted
    assert jack.words[w.FRAME] > 0xFFFFFFFF


def test_a_late_message_leaves_at_the_start_of_the_period_and_is_counted(jack: FakeJack) -> None:
    jack.run()
    jack.send(jack.frame - 480, on(60))
    jack.run()
    assert jack.out == [(jack.frame - PERIOD, 0, on(60))]
    assert jack.words[w.LATE] == 1 and jack.words[w.LATENESS] == 480


def test_no_buffer_no_crash_and_nothing_lost(jack: FakeJack) -> None:
    """As PipeWire does in its first periods."""
    jack.without_buffers = True
    jack.send(jack.frame + 10, on(60))
    jack.run(3)
    assert jack.out == [] and jack.words[w.CYCLES] == 3
    jack.without_buffers = False
    jack.run()
    assert jack.music() == [on(60)]


def test_a_full_buffer_delays_but_loses_nothing(jack: FakeJack) -> None:
    jack.room = 3
    for pitch in range(60, 70):
        jack.send(1000, on(pitch))
    for pitch in range(60, 70):
        jack.send(1001, off(pitch))
    jack.run(20)
    assert sorted(jack.music()) == sorted(
        [on(pitch) for pitch in range(60, 70)] + [off(pitch) for pitch in range(60, 70)]
    )


def test_a_close_that_does_not_fit_is_finished_in_the_next_periods(jack: FakeJack) -> None:
    for pitch in range(40, 60):
        jack.send(1000, on(pitch))
    jack.run()
    jack.room = 4
    jack.words[w.CLOSE_ASKED] += 1
    jack.run(10)
    assert jack.words[w.CLOSED] == 20 and jack.words[w.OWED_COUNT] == 0
    assert {data for data in jack.music() if data[0] & 0xF0 == 0x80} == {off(pitch) for pitch in range(40, 60)}


def test_input_arrives_with_its_frame_and_wakes_the_player(jack: FakeJack) -> None:
    jack.inputs[MIDI_IN] = [(5, on(60, 4)), (5, b"\xf8"), (200, bytes((0x94, 60, 0)))]
    jack.inputs[MIDI_CLOCK_IN] = [(77, b"\xfa"), (78, b"\xf2\x10\x00")]
    start = jack.frame
    jack.run()
    got = [
        (frame - start, meta & 0xFF, packed.to_bytes(8, "little")[: meta >> 8])
        for frame, meta, packed in jack.arrived.pop_all()
    ]
    assert sorted(got) == sorted(
        [(5, 0, on(60, 4)), (5, 0, b"\xf8"), (200, 0, off(60, 4)), (77, 1, b"\xfa"), (78, 1, b"\xf2\x10\x00")]
    )
    assert jack.wakes == 1 and jack.out == []


def test_bad_input_is_counted_and_never_passed_on(jack: FakeJack) -> None:
    bad = [b"\x90\x3c", b"\x90\x3c\x90", b"\x3c\x40\x40", b"\xf4", b"\xf7", b"\xc0\x01\x02", b"\xf8\xf8"]
    jack.words[w.THRU] = 1
    jack.run()
    jack.inputs[MIDI_IN] = [(0, data) for data in (*bad, b"\xf0\x01\x02\xf7")]
    jack.run()
    assert jack.words[w.INVALID] == len(bad) and jack.words[w.SYSEX_SKIPPED] == 1
    assert len(jack.arrived) == 0 and jack.out == []


def test_thru_is_on_the_same_frame_and_in_order_with_what_is_played(jack: FakeJack) -> None:
    jack.words[w.THRU] = 1
    jack.run()
    start = jack.frame
    for offset, pitch in ((10, 40), (100, 41), (101, 42)):
        jack.send(start + offset, on(pitch))
    jack.inputs[MIDI_IN] = [(100, on(60, 9)), (250, bytes((0xB9, 64, 127)))]
    jack.run()
    assert [(frame - start, data) for frame, _, data in jack.out] == [
        (10, on(40)), (100, on(60, HUMAN_CHANNEL)), (100, on(41)), (101, on(42)),
        (250, bytes((0xB0 | HUMAN_CHANNEL, 64, 127))),
    ]  # fmt: skip
    jack.words[w.THRU] = 0
    jack.run()
    assert jack.music()[-1] == off(60, HUMAN_CHANNEL)


def test_forgetting_keeps_the_ends_of_sounding_notes_and_what_was_sent_after(jack: FakeJack) -> None:
    jack.send(1000, on(60))
    jack.send(9000, off(60))
    jack.send(3000, on(62))
    jack.send(4000, off(62))
    jack.send(3500, b"\xf8", 1)
    jack.run()
    jack.words[w.EPOCH] += 1
    jack.send(5000, on(70))
    jack.run(40)
    assert jack.out == [(1000, 0, on(60)), (1256, 0, off(60)), (3500, 1, b"\xf8"), (5000, 0, on(70))]


def test_a_player_that_hangs_is_given_up_after_half_a_second(jack: FakeJack) -> None:
    jack.words[w.THRU] = 1
    jack.run()
    jack.inputs[MIDI_IN] = [(0, on(50, 0))]
    jack.send(jack.frame, on(60))
    jack.send(jack.frame + 2 * RATE, on(61))
    jack.run()
    jack.run(RATE // 2 // PERIOD - 2, alive=False)
    assert off(60) not in jack.music()
    jack.run(5, alive=False)
    assert jack.music() == [on(50, 0), on(60), off(60)], "the musician's own key is the musician's"
    assert jack.words[w.HEARTBEATS_LOST] == 1
    jack.run(2 * RATE // PERIOD, alive=False)
    assert jack.music() == [on(50, 0), on(60), off(60)]


def test_a_keyboard_that_goes_lets_go_of_its_keys(jack: FakeJack) -> None:
    jack.words[w.THRU] = 1
    jack.run()
    jack.inputs[MIDI_IN] = [(0, on(50, 0)), (0, on(54, 0))]
    jack.send(jack.frame, on(60))
    jack.run()
    jack.arrived.clear()
    jack.links[MIDI_IN] = 0
    jack.run()
    assert jack.music()[-2:] == [off(50, HUMAN_CHANNEL), off(54, HUMAN_CHANNEL)]
    released = [packed.to_bytes(8, "little")[:3] for _, _, packed in jack.arrived.pop_all()]
    assert released == [off(50, 0), off(54, 0)], "the player hears them released too"


def test_a_receiver_that_comes_back_is_silenced_once(jack: FakeJack) -> None:
    jack.send(jack.frame, on(60))
    jack.run()
    jack.links[MIDI_OUT] = 0
    jack.run(3)
    assert jack.music() == [on(60)]
    jack.links[MIDI_OUT] = 1
    jack.run(10)
    silence = [bytes((0xB1, control, 0)) for control in (64, 123, 120)]
    assert jack.music() == [on(60), off(60), *silence]
    jack.links[MIDI_OUT] = 2
    jack.run(10)
    assert len(jack.music()) == 5, "one more receiver is no return"


def test_a_lost_period_before_any_note_says_nothing(jack: FakeJack) -> None:
    jack.words[w.XRUNS] += 1
    jack.run(3)
    assert jack.out == []


def test_after_a_lost_period_recent_ends_are_said_again(jack: FakeJack) -> None:
    for frame, data in ((1000, on(60)), (1100, off(60)), (1000, on(61)), (30_000, on(62)), (30_100, off(62))):
        jack.send(frame, data)
    jack.send(30_050, on(63))
    jack.send(30_060, off(63))
    jack.send(30_300, on(63))
    while jack.frame < 30_500:
        jack.run()
    before = len(jack.music())
    assert before == 8
    jack.words[w.XRUNS] += 1
    jack.run(3)
    assert jack.music()[before:] == [off(62)], "60 is long over, 61 and 63 sound"


def test_many_messages_in_any_order_leave_sorted(jack: FakeJack) -> None:
    frames = np.random.default_rng(1).integers(2000, 60_000, 4000).tolist()
    for index, frame in enumerate(frames):
        jack.send(frame, bytes((0xB0, index >> 7, index & 127)))
        if index % 500 == 0:
            jack.words[w.BEAT] += 1
    jack.run(240)
    wanted = sorted((frame, index) for index, frame in enumerate(frames))
    assert [(frame, data[1] << 7 | data[2]) for frame, _, data in jack.out] == wanted


def test_the_synth_hears_every_message_of_its_period(jack: FakeJack) -> None:
    heard: list[tuple[int, int, int]] = []

    def render(state: int, events: int, count: int, left: int, right: int, frames: int) -> int:
        pairs = (ctypes.c_int64 * (2 * count)).from_address(events)
        heard.extend((state, pairs[2 * index], pairs[2 * index + 1]) for index in range(count))
        assert (left, right, frames) == (LEFT, RIGHT, PERIOD)
        return 0

    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 6)(render)
    jack.words[w.PORT_LEFT], jack.words[w.PORT_RIGHT] = LEFT, RIGHT
    jack.words[w.SYNTH_STATE], jack.words[w.SYNTH] = 1234, ctypes.cast(function, ctypes.c_void_p).value or 0
    jack.send(1010, on(60))
    jack.send(1300, off(60))
    jack.run(2)
    first, second = (int.from_bytes(data, "little") for data in (on(60), off(60)))
    assert heard == [(1234, 10, first), (1234, 300 - PERIOD, second)]


def test_noise_and_floods_at_every_entrance_leave_no_note(jack: FakeJack) -> None:
    """Noise, clock storms and note floods on both inputs, thru on, a small buffer, forgetting at random."""
    random_ = random.Random(7)
    jack.words[w.THRU] = 1
    jack.room = 25
    jack.run()
    for _ in range(400):
        for port in (MIDI_IN, MIDI_CLOCK_IN):
            events = []
            for _ in range(random_.randrange(60)):
                size = random_.choice((0, 1, 1, 2, 3, 3, 3, 4, 40))
                data = bytes(
                    random_.randrange(256) if index else random_.randrange(128, 256) for index in range(size)
                )
                events.append((random_.randrange(PERIOD), data))
            jack.inputs[port] = sorted(events, key=lambda event: event[0])
        for _ in range(random_.randrange(30)):
            pitch = random_.randrange(128)
            jack.send(
                jack.frame + random_.randrange(-500, 5000), random_.choice((on, off))(pitch, random_.randrange(16))
            )
        jack.words[w.EPOCH] += random_.random() < 0.1
        jack.run()
        jack.arrived.clear()
    jack.words[w.EPOCH] += 1
    jack.words[w.CLOSE_ASKED] += 1
    jack.run(30)
    notes: set[tuple[int, int]] = set()
    for data in jack.music():
        key = (data[0] & 0x0F, data[1])
        assert data[0] < 0xF0 and len(data) in (2, 3) and max(data[1:]) < 128
        if data[0] & 0xF0 == 0x90:
            notes.add(key)
        elif data[0] & 0xF0 == 0x80:
            notes.discard(key)
    assert notes == set() and len(jack.music()) > 3000


steps = st.lists(
    st.tuples(st.sampled_from((GENERATED, THRU)), st.booleans(), st.integers(60, 62), st.integers(0, 1)), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_it_decides_as_the_sounding_table_of_the_other_backends(played: list[tuple[int, bool, int, int]]) -> None:
    jack, table, wanted = FakeJack(), Sounding(), []
    jack.words[w.THRU] = 1
    jack.run()
    for owner, start, pitch, channel in played:
        data = (
            on(pitch, HUMAN_CHANNEL if owner == THRU else channel)
            if start
            else off(pitch, HUMAN_CHANNEL if owner == THRU else channel)
        )
        wanted += table.step(owner, data)
        if owner == THRU:
            jack.inputs[MIDI_IN] = [(0, data)]
        else:
            jack.send(jack.frame, data)
        jack.run()
    assert jack.music() == wanted
    jack.words[w.CLOSE_ASKED] += 1
    jack.run()
    assert sorted(jack.music()[len(wanted) :]) == sorted([*table.close(), *table.silence()])
