"""The PortAudio stream: its compiled callback driven by hand, and for real through JACK beside a GIL hog."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from aigc_music.core.errors import AudioDeviceError, UsageError
from bridge.synth import attach, bench, output
from bridge.synth.engine import LATENCY_FRAMES, Synth
from bridge.synth.output import AudioOut
from tests.jack_world import foreign, jack_server, need

RATE = 48_000
BLOCK = 128
STREAM_BEHIND = 100.0  # seconds by which the pretended stream clock differs from the monotonic one


class FakePortAudioError(Exception):
    pass


class FakeStream:
    """Runs the real compiled callback when told to, on a stream clock that the test moves."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.options = options
        self.active = False
        self.latency = 0.01
        self.born = time.monotonic() - STREAM_BEHIND
        self.blocks = 0
        signature = ctypes.CFUNCTYPE(
            ctypes.c_int, *[ctypes.c_void_p] * 2, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p
        )
        self._call = signature(options["callback"])

    @property
    def time(self) -> float:
        return time.monotonic() - STREAM_BEHIND

    def start(self) -> None:
        self.active = True

    def close(self, ignore_errors: bool = False) -> None:
        self.active = False

    def play(self, late_s: float = 0.0, flags: int = 0, frames: int = BLOCK) -> npt.NDArray[np.float32]:
        """One block, asked for `late_s` after its moment."""
        out = np.full((frames, 2), np.nan, np.float32)
        due = self.born + self.blocks * BLOCK / RATE
        moment = np.array([0.0, due + late_s, due + 0.012], np.float64)
        address = ctypes.c_void_p
        self._call(address(), address(out.ctypes.data), frames, address(moment.ctypes.data), flags,
                   address(self.options["userdata"]))  # fmt: skip
        self.blocks += 1
        return out


class FakePortAudio:
    """A sounddevice with the devices it is given."""

    PortAudioError = FakePortAudioError
    _ffi = SimpleNamespace(cast=lambda kind, address: address)

    def __init__(self, *names: str, rate: float = RATE, default: int = -1) -> None:
        self.rows = [
            {"index": index, "name": name, "max_output_channels": 2, "default_samplerate": rate}
            for index, name in enumerate(names)
        ]
        self.default = SimpleNamespace(device=(-1, default))
        self._StreamBase: Any = FakeStream
        self.looked_again = 0

    def query_devices(self) -> list[dict[str, Any]]:
        return self.rows

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.looked_again += 1


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    pretended = FakePortAudio("Speakers", "Headset", default=1)
    monkeypatch.setattr(output, "_portaudio", lambda: pretended)
    return pretended


def stream_of(out: AudioOut) -> FakeStream:
    return out._stream  # type: ignore[no-any-return]


def first_sound(frames: npt.NDArray[np.float32]) -> int:
    return int(np.flatnonzero(np.abs(frames[:, 0]) > 1e-7)[0])


def test_a_message_sounds_at_its_time_plus_a_constant(machine: FakePortAudio) -> None:
    """Whatever the moment inside a block and however late callbacks come, the same delay."""
    delays = []
    rng = np.random.default_rng(2)
    for at_s in (0.3, 0.30057, 0.3017, 0.302):
        with AudioOut() as out:
            stream = stream_of(out)
            blocks = [stream.play(float(rng.uniform(0, 0.002))) for _ in range(60)]
            out.send(round((stream.born + STREAM_BEHIND + at_s) * 1e9), bytes((0x90, 60, 127)))
            blocks += [stream.play(float(rng.uniform(0, 0.002))) for _ in range(200)]
            delays.append(first_sound(np.concatenate(blocks)) - at_s * RATE)
            assert out.late == 0
            assert abs(out.latency_s - 0.012 - delays[-1] / RATE) < 0.003
    assert max(delays) - min(delays) < 12, "a quarter of a millisecond: the jitter of the pretended callbacks"
    assert BLOCK < np.mean(delays) < BLOCK + 0.003 * RATE + LATENCY_FRAMES


def test_messages_for_the_past_act_at_once_and_are_counted(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        stream = stream_of(out)
        for _ in range(100):
            stream.play()
        out.send(time.monotonic_ns() - 10_000_000_000, bytes((0x90, 60, 127)))
        sound = np.concatenate([stream.play() for _ in range(3)])
        assert first_sound(sound) <= LATENCY_FRAMES + 1
        assert out.late == 1


def test_what_is_sent_before_the_first_block_is_played_in_it(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        out.send(time.monotonic_ns(), bytes((0x90, 60, 127)))
        assert first_sound(np.concatenate([stream_of(out).play() for _ in range(4)])) <= LATENCY_FRAMES + 1


def test_all_off_forgets_what_waits_and_ends_what_sounds(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        stream = stream_of(out)
        out.send(time.monotonic_ns(), bytes((0x91, 60, 127)))
        for _ in range(100):
            stream.play()
        for n in range(50):
            out.send(time.monotonic_ns() + (200 + n) * 1_000_000, bytes((0x90, 40 + n, 127)))
        out.all_off()
        blocks = [stream.play() for _ in range(400)]
        assert float(np.abs(np.concatenate(blocks[200:])).max()) < 0.01, "only the room is left"
        assert int(out.state.ints[output.at.I_STRUCK]) == 0
        out.send(time.monotonic_ns(), bytes((0x90, 60, 127)))
        assert float(np.abs(np.concatenate([stream.play() for _ in range(40)])).max()) > 0.02, "it plays on"


def test_the_ring_wraps_without_loss(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        for n in range(3 * output.RING):
            out.send(0, bytes((0x90 if n % 2 == 0 else 0x80, 60, 100)))
            if n % 500 == 499:
                stream_of(out).play()
        assert out.dropped == 0


def test_an_overfull_ring_ends_every_note(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        stream = stream_of(out)
        out.send(0, bytes((0x91, 60, 100)))
        for _ in range(20):
            stream.play()
        for _ in range(output.RING + 5):
            out.send(time.monotonic_ns() + 10_000_000_000, bytes((0x81, 60, 0)))
        assert out.dropped == 5
        for _ in range(40):
            stream.play()
        assert int(out.state.ints[output.at.I_STRUCK]) == 0


def test_large_blocks_are_rendered_in_pieces(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        out.send(0, bytes((0x90, 60, 100)))
        block = stream_of(out).play(frames=5000)
        live = Synth().render(5000, [(0, bytes((0x90, 60, 100)))])
        assert np.array_equal(block, live)


def test_gaps_are_counted_and_described(machine: FakePortAudio) -> None:
    with AudioOut() as out:
        stream_of(out).play()
        stream_of(out).play(flags=4)
        told = out.describe()
    assert told["xruns"] == 1 and told["device"] == "Headset" and told["block"] == BLOCK
    assert not out.alive
    out.close()
    out.send(0, bytes((0x90, 60, 100)))


def test_devices_are_chosen_by_number_or_part_of_the_name(machine: FakePortAudio) -> None:
    assert AudioOut().device == "Headset"
    assert AudioOut(0).device == "Speakers"
    assert AudioOut("speak").device == "Speakers"
    with pytest.raises(AudioDeviceError, match="'piano' isn't there: choose one of 0: Speakers, 1: Headset"):
        AudioOut("piano")
    with pytest.raises(AudioDeviceError, match="fits several"):
        AudioOut("e")
    with pytest.raises(UsageError, match="8000 Hz"):
        AudioOut(sample_rate=8000)


def test_a_machine_without_sound_says_so(machine: FakePortAudio) -> None:
    machine.rows = []
    with pytest.raises(AudioDeviceError, match="no audio output"):
        AudioOut()
    assert machine.looked_again == 1


def test_a_refusal_names_the_device_and_its_rate(machine: FakePortAudio) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise FakePortAudioError("Invalid sample rate")

    machine._StreamBase = refuse
    with pytest.raises(AudioDeviceError, match="'Headset' won't play 2 channels at 96000 Hz: Invalid sample rate"):
        AudioOut(sample_rate=96_000)


def test_a_device_with_an_odd_rate_of_its_own_runs_at_48000(machine: FakePortAudio) -> None:
    for row in machine.rows:
        row["default_samplerate"] = 192_000.0
    assert AudioOut().sample_rate == 48_000


def test_missing_portaudio_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(AudioDeviceError, match="apt install libportaudio2"):
        AudioOut()


def test_attaching_taps_a_deadline_backend(machine: FakePortAudio) -> None:
    backend = SimpleNamespace(tap=None)
    sound = attach(backend)
    assert callable(backend.tap)
    backend.tap(time.monotonic_ns(), bytes((0x90, 60, 100)))
    assert sound.describe()["api"] == "portaudio"
    sound.close()
    assert backend.tap is None


def test_the_bench_fills_every_row() -> None:
    rows, skipped = bench.measure(25)
    assert next(iter(rows)) == "aigc-music"
    for row in rows.values():
        assert row["min"] <= row["p50"] <= row["p99"] and row["cpu"] > 0 and row["detail"]
    assert set(bench.PEERS) <= set(rows) | set(skipped)


CHILD = """
import json, sys, threading, time
from bridge.synth.output import AudioOut
out = AudioOut()
hogging = True
def hog():
    n = 0
    while hogging: n += 1
if sys.argv[1] == "hog": threading.Thread(target=hog, daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
start = time.monotonic_ns() + 30_000_000
for data in ((0xC0, 16), (0x90, 60, 100)):
    out.send(start, bytes(data))
frame = out._last_frame
sys.stdin.readline()
hogging = False
print(json.dumps({"frame": frame, "frames": out.frames, **out.describe()}), flush=True)
out.close()
"""


@pytest.mark.real
@pytest.mark.parametrize("busy", ["quiet", "hog"])
def test_captured_from_jack_every_frame_is_the_offline_one(tmp_path: Path, busy: str) -> None:
    """A foreign recorder hears the very samples that the same events give offline, beside a GIL hog too."""
    need("jackd", "jack_wait", "jack_rec", "jack_lsp")
    pytest.importorskip("sounddevice", exc_type=OSError)
    for _ in range(3):
        with jack_server() as server:
            child = subprocess.Popen(
                [sys.executable, "-c", CHILD, busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            assert child.stdin is not None and child.stdout is not None
            try:
                assert child.stdout.readline() == "ready\n"
                server.wait_for_port("PortAudio:out_0")
                wav = tmp_path / "capture.wav"
                recorder = ("jack_rec", "-f", str(wav), "-d", "3", "-b", "24", "PortAudio:out_0", "PortAudio:out_1")
                with foreign(*recorder, seconds=30) as process:
                    server.wait_for_port("jackrec")
                    child.stdin.write("\n")
                    child.stdin.flush()
                    process.wait(30)
                child.stdin.write("\n")
                child.stdin.flush()
                told = json.loads(child.stdout.readline())
            finally:
                child.stdin.close()
                child.wait(10)
                child.stdout.close()
            lost = server.xruns()
        captured, _ = soundfile.read(wav, dtype="float64", always_2d=True)
        events = [(told["frame"], bytes((0xC0, 16))), (told["frame"], bytes((0x90, 60, 100)))]
        expected = Synth().render(told["frames"], events).astype(np.float64)
        offset = first_sound(expected.astype(np.float32)) - int(np.flatnonzero(np.abs(captured[:, 0]) > 1e-7)[0])
        shifts = []
        for shift in range(offset - 4, offset + 5):
            start, end = max(0, -shift), min(len(captured), len(expected) - shift)
            shifts.append(int((np.abs(captured[start:end] - expected[start + shift : end + shift]) > 2**-22).sum()))
        if min(shifts) == 0 or lost == 0:
            break
    assert len(captured) == 3 * RATE and float(np.abs(captured).max()) > 0.05
    assert min(shifts) == 0, f"frames that differ: {min(shifts)}, periods the server lost: {lost}"
    assert told["late"] == 0 and told["dropped"] == 0
