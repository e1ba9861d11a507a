"""The JACK backend in a real JACK world, as foreign C programs see it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aigc_music.core.errors import PortError, UsageError
from aigc_music.core.parts import HUMAN_CHANNEL
from bridge.backends import OUT, Backend, open_backend
from bridge.backends.jack import JackBackend
from bridge.backends.jack_synth import make_cue
from tests.jack_world import (
    Dumped,
    JackServer,
    MidiDump,
    foreign,
    gil_hog,
    jack_server,
    need,
    need_jack,
    repeat_on_xruns,
)

pytestmark = pytest.mark.real
MS = 1_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    need_jack()
    with jack_server() as running:
        yield running


@pytest.fixture
def backend(server: JackServer) -> Iterator[JackBackend]:
    opened = JackBackend()
    yield opened
    opened.close()


def rest(backend: Backend, seconds: float) -> None:
    """Let the player's loop turn without doing anything."""
    end = backend.clock.now_ns() + round(seconds * 1e9)
    while (now := backend.clock.now_ns()) < end:
        backend.wait(min(end, now + 20 * MS))
        backend.receive()


def heard(messages: list[Dumped]) -> set[tuple[int, int]]:
    notes: set[tuple[int, int]] = set()
    for _, data in messages:
        if data[0] & 0xF0 == 0x90 and data[2]:
            notes.add((data[0] & 0x0F, data[1]))
        elif data[0] & 0xF0 == 0x80:
            notes.discard((data[0] & 0x0F, data[1]))
    return notes


@pytest.mark.parametrize("hog", [False, True], ids=["quiet", "beside a GIL hog"])
def test_a_thousand_messages_land_on_their_exact_frame(server: JackServer, backend: JackBackend, hog: bool) -> None:
    """The receiver counts frames from its own start, so one constant offset is allowed, and nothing else."""

    def run() -> tuple[list[int], set[int], int]:
        wanted: list[int] = []
        late = backend.statistics()["late"]
        with MidiDump(server, f"{backend.name}:midi_out") as dump, gil_hog() if hog else contextlib.nullcontext():
            first = backend.clock.frame_of(backend.clock.now_ns()) + 9600
            while len(wanted) < 1000:
                now = backend.clock.frame_of(backend.clock.now_ns())
                while len(wanted) < 1000 and first + 61 * len(wanted) < now + 19_200:
                    index = len(wanted)
                    wanted.append(first + 61 * index)
                    backend.send(backend.clock.ns_of(wanted[-1]), bytes((0xB1, index >> 7, index & 127)))
                backend.wait(backend.clock.now_ns() + 20 * MS)
            rest(backend, 0.5)
            dump.wait_for(1000)
            # a receiver that follows another one is silenced first (controllers 64, 120, 123): not ours to count
            got = [message for message in dump.read() if message.data[1] < 8]
        # a receiver that the server left out of a period lacks that period's messages: judged with the xruns, below
        numbers = [data[1] << 7 | data[2] for _, data in got]
        offsets = {frame - wanted[number] for (frame, _), number in zip(got, numbers, strict=True)}
        return numbers, offsets, backend.statistics()["late"] - late

    numbers, offsets, late = repeat_on_xruns(
        server, run, lambda result: result[0] == list(range(1000)) and len(result[1]) == 1
    )
    assert numbers == list(range(1000))
    assert (len(offsets), late) == (1, 0)


def test_input_keeps_its_frame_and_thru_leaves_in_the_same_period(server: JackServer, backend: JackBackend) -> None:
    """One of our clients plays into another: the frame of arrival is one fixed number of frames after the sending."""
    backend.set_thru(True)
    rest(backend, 0.05)
    musician = JackBackend(to=f"{backend.name}:midi_in", client_name="musician")

    def run() -> tuple[set[int], set[int]]:
        musician.poll()
        backend.receive()
        with MidiDump(server, f"{backend.name}:midi_out") as thru, MidiDump(server, "musician:midi_out") as direct:
            frames = [musician.clock.frame_of(musician.clock.now_ns()) + 9600 + 777 * index for index in range(50)]
            for index, frame in enumerate(frames):
                musician.send(musician.clock.ns_of(frame), bytes((0x95 - (index % 2 << 4), 60 + index // 2, 90)))
            arrived = []
            while len(arrived) < 50 and musician.clock.frame_of(musician.clock.now_ns()) < frames[-1] + 24_000:
                backend.wait(backend.clock.now_ns() + 20 * MS)
                musician.wait(0)
                arrived += backend.receive()
            ours, theirs = thru.wait_for(50), direct.wait_for(50)
        assert len(arrived) == len(ours) == len(theirs) == 50
        assert {data[0] & 0x0F for _, data in ours} == {HUMAN_CHANNEL}
        lag = {backend.clock.frame_of(at) - frame for (at, _, _), frame in zip(arrived, frames, strict=True)}
        through = {ours[index].frame - theirs[index].frame for index in range(50)}
        return lag, through

    lag, through = repeat_on_xruns(server, run, lambda result: len(result[0]) == len(result[1]) == 1)
    musician.close()
    assert lag == {0}, "written in one client's period, read in the same period by the next"
    assert len(through) == 1 and next(iter(through)) % server.period == 0


def test_close_all_is_heard_within_two_periods(server: JackServer, backend: JackBackend) -> None:
    with MidiDump(server, f"{backend.name}:midi_out") as dump:
        start = backend.clock.now_ns()
        for pitch in range(40, 100):
            backend.send(start, bytes((0x92, pitch, 70)))
        backend.send(start + 5000 * MS, bytes((0x92, 20, 70)))  # far off: a busy machine turns the loop late
        rest(backend, 0.015)
        assert backend.close_all() == 60
        rest(backend, 0.1)
        got = dump.wait_for(123)
    # on a machine that stops our loop the callback has closed the notes by itself, once, before
    closed = 60 * (1 + backend.statistics()["heartbeats_lost"])
    assert heard(got) == set() and len(got) == 60 + closed + 3, "the note that waited is forgotten"
    assert got[-1].data == bytes((0xB2, 120, 0))
    assert got[-1].frame - got[60].frame <= 2 * server.period


def test_a_loop_that_hangs_leaves_no_note(server: JackServer, backend: JackBackend) -> None:
    with MidiDump(server, f"{backend.name}:midi_out") as dump:
        backend.send(backend.clock.now_ns(), bytes((0x91, 60, 70)))
        rest(backend, 0.05)
        time.sleep(0.8)
        assert heard(dump.read()) == set() and len(dump.read()) == 2
    assert backend.statistics()["heartbeats_lost"] == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_server_death_is_told_and_survived(how: int) -> None:
    """Time never jumps back, the connection is made again, and nothing sounds there afterwards."""
    with jack_server() as server, contextlib.ExitStack() as stack:
        with foreign("jack_midi_dump", "-a", "synth"):
            server.wait_for_port("synth:input")
            backend = JackBackend(to="synth:input")
            stack.callback(backend.close)
            backend.poll()
            for pitch in (60, 64, 67):
                backend.send(backend.clock.now_ns(), bytes((0x91, pitch, 70)))
            rest(backend, 0.05)
            times = [backend.clock.now_ns()]
            server.kill(how)
        words: list[str] = []

        def turn_until(done: Callable[[], bool]) -> None:
            end = time.monotonic() + 10
            while not done() and time.monotonic() < end:
                rest(backend, 0.02)
                words.extend(backend.poll())
                times.append(backend.clock.now_ns())

        turn_until(lambda: not backend.alive)
        assert not backend.alive and any("server is gone" in word for word in words)
        backend.send(backend.clock.now_ns(), bytes((0x91, 70, 70)))
        server.start()
        turn_until(lambda: backend.alive)
        assert any("server is back" in word for word in words)
        log = server.log.with_suffix(".synth")
        stack.callback(log.unlink)
        with foreign("stdbuf", "-oL", "jack_midi_dump", "-a", "synth", log=log):
            turn_until(lambda: any(word.startswith("connected") for word in words))
            turn_until(lambda: "78 00" in log.read_text())
            text = log.read_text()
        for pitch in ("3c", "40", "43"):
            assert f"81 {pitch} 40" in text
        assert "81 46" not in text and "91 46" not in text, "what was played while nobody was there stays unplayed"
        assert times == sorted(times)


def test_a_server_that_hangs_neither_hangs_the_player_nor_leaves_a_note(server: JackServer) -> None:
    backend = JackBackend()
    backend.poll()
    with MidiDump(server, f"{backend.name}:midi_out") as dump:
        now = backend.clock.now_ns()
        backend.send(now, bytes((0x91, 60, 70)))
        backend.send(now + 3_000 * MS, bytes((0x81, 60, 64)))
        backend.send(now + 500 * MS, bytes((0x91, 62, 70)))
        rest(backend, 0.1)
        words: list[str] = []
        server.send_signal(signal.SIGSTOP)
        try:
            end = time.monotonic() + 6
            while backend.alive and time.monotonic() < end:
                rest(backend, 0.05)
                words += backend.poll()
            assert not backend.alive and "stands still" in words[-1]
            assert backend.close_all() == 0
        finally:
            server.send_signal(signal.SIGCONT)
        end = time.monotonic() + 6
        while not backend.alive and time.monotonic() < end:
            rest(backend, 0.05)
            words += backend.poll()
        assert backend.alive and words[-1] == "JACK server runs again"
        assert backend.clock.now_ns() > now
        rest(backend, 0.2)
        backend.close_all()
        rest(backend, 0.1)
        assert heard(dump.read()) == set()
        assert bytes((0x91, 62, 70)) not in [data for _, data in dump.read()]
    backend.close()


def test_a_peer_that_leaves_is_told_and_connected_again(server: JackServer) -> None:
    with foreign("jack_midi_dump", "-a", "peer"):
        server.wait_for_port("peer:input")
        backend = JackBackend(to="PEER")
        assert any("with peer:input" in word for word in backend.poll())
        backend.send(backend.clock.now_ns(), bytes((0x91, 60, 70)))
        rest(backend, 0.1)
    end = time.monotonic() + 5
    words: list[str] = []
    while not words and time.monotonic() < end:
        rest(backend, 0.05)
        words = backend.poll()
    assert words == ["port peer:input is gone: bring it back, it is connected by itself"] and backend.alive
    with foreign("jack_midi_dump", "-a", "peer"):
        server.wait_for_port("peer:input")
        words, end = [], time.monotonic() + 5
        while not words and time.monotonic() < end:
            rest(backend, 0.05)
            words = backend.poll()
        assert words == [f"connected {backend.name}:midi_out with peer:input"]
    backend.close()


def test_names_that_fit_nothing_or_too_much_list_the_candidates(server: JackServer) -> None:
    with foreign("jack_midi_dump", "-a", "twin_a"), foreign("jack_midi_dump", "-a", "twin_b"):
        server.wait_for_port("twin_a:input")
        server.wait_for_port("twin_b:input")
        with pytest.raises(PortError, match=r"fits 2 output ports: twin_a:input, twin_b:input"):
            open_backend("jack", to="twin")
        with pytest.raises(PortError, match=r"no output port has 'moog' in its name\. There are: .*twin_a:input"):
            open_backend("jack", to="moog")


def test_the_frame_clock_maps_every_frame_back_to_itself(backend: JackBackend) -> None:
    for frame in (0, 1, 2, 47_999, 48_000, 2**32 - 1, 2**32, 2**40 + 12_345):
        assert backend.clock.frame_of(backend.clock.ns_of(frame)) == frame
    assert backend.commit_ns == 256 * 1_000_000_000 // 48_000 + 10 * MS


def test_a_changed_period_is_followed_and_told(server: JackServer, backend: JackBackend) -> None:
    need("jack_bufsize")
    backend.poll()
    before = backend.clock.now_ns()
    try:
        subprocess.run(["jack_bufsize", "1024"], capture_output=True, timeout=10, check=True)
        rest(backend, 0.1)
        assert backend.poll() == [
            "JACK runs at 48000 Hz, period 1024 frames (21.3 ms); that is felt when you play, "
            "use 128 or 256 frames (PipeWire: PIPEWIRE_LATENCY=128/48000)"
        ]
        assert (
            backend.period == 1024
            and backend.commit_ns == 1024 * 1_000_000_000 // 48_000 + 10 * MS
            and backend.clock.now_ns() > before
        )
    finally:
        subprocess.run(["jack_bufsize", str(server.period)], capture_output=True, timeout=10, check=True)


def test_the_synth_sounds_from_the_same_callback_beside_a_gil_hog(
    server: JackServer, backend: JackBackend, tmp_path: Path
) -> None:
    """Recorded by jack_rec: both sides sound."""
    need("jack_rec")
    backend.attach_synth(make_cue)

    def run() -> tuple[int, float]:
        wav = tmp_path / "take.wav"
        command = ["jack_rec", "-f", str(wav), "-d", "2", "-b", "16"]
        with foreign(*command, *(f"{backend.name}:audio_{side}" for side in (1, 2))) as recorder, gil_hog():
            start = backend.clock.now_ns() + 500 * MS
            backend.send(start, bytes((0x91, 57, 100)))
            backend.send(start + 600 * MS, bytes((0x81, 57, 64)))
            while recorder.poll() is None:
                rest(backend, 0.05)
        with wave.open(str(wav)) as take:
            samples = np.frombuffer(take.readframes(take.getnframes()), np.int16).reshape(-1, 2) / 32_768
        return len(samples), float(np.abs(samples[48_000:]).max(axis=0).min())

    frames, level = repeat_on_xruns(server, run, lambda result: result[1] > 0.01)
    assert frames == 96_000 and level > 0.01


def test_messages_too_long_for_the_callback_are_refused(backend: JackBackend) -> None:
    backend.send(0, bytes((0xF0, 0x7E, 0x7F, 9, 1, 0xF7)), OUT)
    with pytest.raises(UsageError, match="up to 8"):
        backend.send(0, b"\xf0" + bytes(20) + b"\xf7")


def test_without_a_server_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    need_jack()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody_here")
    with pytest.raises(PortError, match="no JACK server answers: start one"):
        open_backend("jack")
