"""Laws of the MIDI tokenizer: what goes in whole comes out whole, whatever the wire did to it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from bridge.backends.parse import SYSEX_LIMIT, Parser, normalise, whole

data_byte = st.integers(0, 127)
channel_message = st.one_of(
    st.tuples(st.integers(0x80, 0xBF), data_byte, data_byte),
    st.tuples(st.integers(0xC0, 0xDF), data_byte),
    st.tuples(st.integers(0xE0, 0xEF), data_byte, data_byte),
).map(bytes)
system_message = st.one_of(
    st.tuples(st.just(0xF1), data_byte),
    st.tuples(st.just(0xF2), data_byte, data_byte),
    st.tuples(st.just(0xF3), data_byte),
    st.just((0xF6,)),
    st.lists(data_byte, max_size=20).map(lambda body: (0xF0, *body, 0xF7)),
).map(bytes)
realtime = st.sampled_from([0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF]).map(lambda byte: bytes((byte,)))


@given(st.lists(st.one_of(channel_message, system_message), max_size=30), st.data())
def test_a_stream_comes_out_as_the_messages_that_went_in(messages: list[bytes], data: st.DataObject) -> None:
    """With running status where it is allowed, realtime bytes anywhere, and the stream cut anywhere."""
    stream, running = bytearray(), 0
    for message in messages:
        if message[0] == running and data.draw(st.booleans(), "leave the status byte away"):
            stream += message[1:]
        else:
            stream += message
        running = message[0] if message[0] < 0xF0 else 0
    ticks = data.draw(st.lists(st.tuples(st.integers(0, len(stream)), realtime), max_size=8))
    for position, byte in sorted(ticks, reverse=True):
        stream[position:position] = byte
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parser, out = Parser(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += parser.feed(bytes(stream[start:end]))
    assert [message for message in out if message[0] < 0xF8] == [normalise(message) for message in messages]
    assert sorted(message for message in out if message[0] >= 0xF8) == sorted(byte for _, byte in ticks)
    assert parser.invalid == 0


def test_noise_yields_only_valid_messages_and_bounded_memory() -> None:
    """A quarter of a million bytes, a third of them status bytes."""
    random_ = random.Random(4)
    parser = Parser()
    for _ in range(250):
        noise = bytes(random_.choice((random_.randrange(128), random_.randrange(256))) for _ in range(1000))
        for message in parser.feed(noise):
            assert whole(message) and not (message[0] & 0xF0 == 0x90 and message[2] == 0)
        assert len(parser._data) <= SYSEX_LIMIT
    assert parser.invalid > 0


def test_a_sysex_without_end_is_thrown_away_and_what_follows_is_heard() -> None:
    parser = Parser()
    assert parser.feed(b"\xf0" + b"\x01" * (SYSEX_LIMIT + 1000)) == []
    assert parser.feed(b"\xf7\x90\x3c\x40") == [b"\x90\x3c\x40"]
    assert parser.invalid > 0


def test_a_sysex_cut_short_by_a_note_is_dropped_and_the_note_kept() -> None:
    parser = Parser()
    assert parser.feed(bytes.fromhex("f0 01 02 90 3c 40")) == [bytes.fromhex("90 3c 40")]
    assert parser.invalid == 1


def test_system_common_ends_running_status() -> None:
    parser = Parser()
    assert parser.feed(bytes.fromhex("90 3c 40 f6 3e 40")) == [bytes.fromhex("90 3c 40"), b"\xf6"]
    assert parser.invalid == 2


def test_note_on_with_velocity_0_is_a_note_off() -> None:
    assert Parser().feed(bytes.fromhex("95 3c 40 3c 00")) == [bytes.fromhex("95 3c 40"), bytes.fromhex("85 3c 40")]


def test_whole_knows_every_length() -> None:
    assert whole(b"\xc0\x05") and whole(b"\xf8") and whole(b"\xf2\x00\x00") and whole(b"\xf0\xf7")
    for wrong in (
        b"",
        b"\x40",
        b"\x90\x40",
        b"\x90\x40\x80",
        b"\xc0\x05\x05",
        b"\xf4",
        b"\xf0\x01",
        b"\xf0\x80\xf7",
        b"\xf7",
    ):
        assert not whole(wrong)
