"""The rtmidi backend: against a fake python-rtmidi for what this machine lacks, and on RtMidi's JACK."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aigc_music.core.errors import PortError
from aigc_music.core.parts import HUMAN_CHANNEL
from bridge import ports
from bridge.backends import CLOCK_OUT
from bridge.backends.rtmidi import RtMidiBackend, stable_name
from tests.jack_world import MidiDump, gil_hog, jack_server, need_jack

MS = 1_000_000
NOTE_ON, NOTE_OFF = b"\x91\x3c\x40", b"\x81\x3c\x40"


class FakeRtMidi:
    """What the backend uses of python-rtmidi, over a table of ports that a test plugs and unplugs."""

    API_LINUX_ALSA, API_MACOSX_CORE, API_UNIX_JACK, API_WINDOWS_MM = 2, 1, 3, 4

    def __init__(self, api: int, outputs: list[str], inputs: list[str]) -> None:
        self.api, self.outputs, self.inputs = api, outputs, inputs
        self.sent: dict[str, list[bytes]] = {}
        self.callbacks: dict[str, Callable[[int], None]] = {}
        world = self

        class Port:
            names: list[str]

            def __init__(self, api: int, name: str, queue_size_limit: int = 0) -> None:
                assert api == world.api
                self.open: str | None = None
                self._callback: Any = None

            def get_ports(self) -> list[str]:
                return list(self.names)

            def open_port(self, index: int, name: str) -> None:
                self.open = self.names[index]

            def open_virtual_port(self, name: str) -> None:
                if world.api == world.API_WINDOWS_MM:
                    raise NotImplementedError("Virtual ports are not supported by the Windows MultiMedia API")
                self.open = name
                self.names.append(name)

            def close_port(self) -> None:
                self.open = None

            def delete(self) -> None:
                pass

        class MidiOut(Port):
            names = outputs

            def send_message(self, data: bytes) -> None:
                if self.open not in self.names:
                    raise OSError("MidiOutWinMM::sendMessage: error sending MIDI message.")
                world.sent.setdefault(self.open, []).append(bytes(data))

        class MidiIn(Port):
            names = inputs

            def ignore_types(self, **types: bool) -> None:
                assert not any(types.values()), "clock, sysex and active sensing must come through"

            def set_callback(self, callback: Any, data: Any) -> None:
                self._callback = lambda message: callback((message, 0.0), data)

            def open_port(self, index: int, name: str) -> None:
                super().open_port(index, name)
                world.callbacks[self.names[index]] = self._callback

            def open_virtual_port(self, name: str) -> None:
                super().open_virtual_port(name)
                world.callbacks[name] = self._callback

        self.MidiOut, self.MidiIn = MidiOut, MidiIn

    def get_compiled_api(self) -> list[int]:
        return [self.api]


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody_here")


def look_again(backend: RtMidiBackend) -> list[str]:
    backend._looked_ns = 0
    return backend.poll()


def mac() -> FakeRtMidi:
    return FakeRtMidi(1, ["IAC Driver Bus 1"], ["Keystation 49"])


@pytest.mark.usefixtures("no_server")
def test_virtual_ports_where_the_system_has_them() -> None:
    library = mac()
    backend = RtMidiBackend(library=library)
    assert library.outputs[-2:] == ["aigc-music", "aigc-music clock"]
    assert "virtual output port 'aigc-music' is open (CoreMIDI)" in backend.poll()[0]
    backend.send(0, NOTE_ON)
    backend.send(0, b"\xf8", CLOCK_OUT)
    backend.close()
    assert library.sent["aigc-music"][:2] == [NOTE_ON, NOTE_OFF]
    assert library.sent["aigc-music clock"] == [b"\xf8"]


@pytest.mark.usefixtures("no_server")
def test_input_from_another_thread_wakes_the_player_and_goes_through() -> None:
    library = mac()
    backend = RtMidiBackend(library=library, from_="keystation")
    backend.set_thru(True)
    callback = library.callbacks["Keystation 49"]
    timer = threading.Timer(0.05, lambda: [callback([0x95, 60, 64]), callback([0xF8]), callback([0x95, 60, 0])])
    timer.start()
    start = time.monotonic()
    assert backend.wait(backend.clock.now_ns() + 5_000 * MS) == []
    assert time.monotonic() - start < 3
    timer.join()
    assert [message.data for message in backend.receive()] == [b"\x95\x3c\x40", b"\xf8", b"\x85\x3c\x40"]
    assert library.sent["aigc-music"] == [
        bytes((0x90 | HUMAN_CHANNEL, 60, 64)),
        bytes((0x80 | HUMAN_CHANNEL, 60, 64)),
    ]
    backend.close()


@pytest.mark.usefixtures("no_server")
def test_windows_without_a_loopback_says_how_to_make_one() -> None:
    with pytest.raises(PortError, match=r"loopMIDI.*called 'aigc-music'|called 'aigc-music'.*loopMIDI") as caught:
        RtMidiBackend(library=FakeRtMidi(4, ["Microsoft GS Wavetable Synth 0"], []))
    assert "Ports here: Microsoft GS Wavetable Synth" in str(caught.value)


@pytest.mark.usefixtures("no_server")
def test_windows_plays_into_the_loopback_and_never_listens_to_it() -> None:
    library = FakeRtMidi(4, ["Synth 0", "aigc-music 1", "aigc-music clock 2"], ["aigc-music 0", "Keys 1"])
    backend = RtMidiBackend(library=library)
    words = " / ".join(backend.poll())
    assert "playing to aigc-music (Windows MIDI)" in words and "make a loopback port 'aigc-music in'" in words
    backend.send(0, NOTE_ON)
    assert library.sent["aigc-music 1"] == [NOTE_ON] and library.callbacks == {}
    backend.close()


@pytest.mark.usefixtures("no_server")
def test_a_pulled_cable_is_told_and_settled_when_it_is_back_under_another_number() -> None:
    library = FakeRtMidi(1, ["Synth:MIDI 1 24:0"], [])
    backend = RtMidiBackend(library=library, to="synth")
    backend.poll()
    backend.send(0, NOTE_ON)
    library.outputs.clear()
    assert look_again(backend) == ["port Synth:MIDI 1 is gone: plug it in again, it is picked up by itself"]
    assert not backend.alive
    backend.send(0, b"\x91\x40\x40")
    assert look_again(backend) == []
    library.outputs.append("Synth:MIDI 1 28:0")
    assert look_again(backend) == ["port Synth:MIDI 1 is back"]
    assert backend.alive and library.sent["Synth:MIDI 1 28:0"][0] == NOTE_OFF
    assert b"\x91\x40\x40" not in library.sent["Synth:MIDI 1 28:0"]
    backend.close()


@pytest.mark.usefixtures("no_server")
def test_a_port_that_fails_while_sending_counts_as_gone() -> None:
    library = FakeRtMidi(4, ["aigc-music 0"], [])
    backend = RtMidiBackend(library=library)
    backend.send(0, NOTE_ON)
    library.outputs.clear()
    backend.send(0, NOTE_OFF)
    assert not backend.alive and backend.statistics()["dropped"] >= 1
    assert any("is gone" in word for word in backend.poll())
    backend.close()


@pytest.mark.usefixtures("no_server")
def test_a_name_that_fits_several_ports_lists_them() -> None:
    with pytest.raises(PortError, match=r"'synth' fits 2 output ports: Synth A, Synth B"):
        RtMidiBackend(library=FakeRtMidi(1, ["Synth B", "Synth A"], []), to="synth")


@pytest.mark.usefixtures("no_server")
def test_without_any_midi_system_the_error_says_what_to_do() -> None:
    if ports.Path("/dev/snd/seq").exists():
        pytest.skip("this machine has an ALSA sequencer")
    with pytest.raises(PortError, match="modprobe snd-seq"):
        RtMidiBackend(library=FakeRtMidi(2, [], []))


def test_numbers_that_change_are_no_part_of_a_name() -> None:
    assert stable_name("Keystation 49:Keystation 49 MIDI 1 24:0") == "Keystation 49:Keystation 49 MIDI 1"
    assert stable_name("aigc-music 3") == "aigc-music"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    need_jack()
    with jack_server() as running:
        yield running


@pytest.mark.real
@pytest.mark.parametrize("hog", [False, True], ids=["quiet", "beside a GIL hog"])
def test_on_rtmidis_jack_every_note_arrives_in_order(server: Any, hog: bool) -> None:
    if importlib.util.find_spec("rtmidi") is None:
        pytest.skip("python-rtmidi is not installed")
    backend = RtMidiBackend()
    assert backend.system == "RtMidi's JACK" or ports.Path("/dev/snd/seq").exists()
    with MidiDump(server, "aigc-music:aigc-music") as dump:
        start = backend.clock.now_ns() + 50 * MS
        for index in range(400):
            backend.send(start + index * MS, bytes((0xB2, index >> 7, index & 127)))
        end = start + 600 * MS
        if hog:
            with gil_hog():
                backend.wait(end)
        else:
            backend.wait(end)
        got = dump.wait_for(400)
    assert [data[1] << 7 | data[2] for _, data in got] == list(range(400))
    backend.close()
