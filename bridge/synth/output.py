"""Sound out through PortAudio: the synth renders inside the stream's own callback, compiled, without the GIL.

Threading model: one thread (the player's) calls `send` and `all_off`; they only write to a ring. PortAudio's
thread runs `_callback`: take what is due, render, publish which frame belongs to which moment. Ring and clock are
one int64 and one float64 array; each word has one writer. No lock anywhere.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np
from numba import cfunc, njit, types
from numba.np.numpy_support import carray

from aigc_music.core.errors import AudioDeviceError
from bridge.backends.freshness import fingerprint

from . import effects, kernel, struck, sustained, vector
from . import layout as at
from .vector import as_pointer

__all__ = ["AudioOut"]

RING = 4096  # messages on their way
BATCH = 1024  # messages in one callback; more wait for the next
CHUNK = 2048  # frames rendered at a time
# words of the ring: (py) written by Python, (cb) by the callback
WRITTEN, READ, LATE, XRUNS, SKIP_TO, OFF_ASKED, OFF_DONE, SEQUENCE = range(8)  # py, cb, cb, cb, py, py, cb, cb
FRAME, LARGEST, INTS, FLOATS, TABLES, CLOCK, LEFT, RIGHT, EVENTS = range(8, 17)  # cb, cb, py: addresses
FRAMES_AT = 32
DATA_AT = FRAMES_AT + RING
WORDS = DATA_AT + RING
# numbers of the clock (float64), written by the callback
RATE, ORIGIN, BUCKET, LAST_BUCKET, BUCKET_ENDS, BLOCK_TIME, OUT_DELAY = range(7)
CLOCK_SIZE = 8
BUCKET_SECONDS = 1.0
SLACK_SECONDS = 0.002  # a message may be handed over this late and still be on time
OUTPUT_UNDERFLOW = 4
CALIBRATE_SECONDS = 0.05
CLOSE_SECONDS = 1.5
INSTALL_HINT = "apt install libportaudio2 (Debian, Ubuntu), brew install portaudio (macOS)"

_INTS, _FLOATS, _TABLES = at.INTS, at.FLOATS, at.TABLES
_render = kernel.render
_EVENT_COLUMNS = 4
_ABANDONED: list[AudioOut] = []  # streams that could not be closed: their memory must stay


@njit(nogil=True, error_model="numpy")
def keep_time(clock, now, frame):
    """Follow the stream's clock: ORIGIN is when frame 0 would have been asked for, had every callback been prompt.

    Callbacks come late, never early, so the smallest difference of the last two buckets is the truth.
    """
    origin = now - frame / clock[RATE]
    if now >= clock[BUCKET_ENDS]:
        fresh = clock[BUCKET_ENDS] == 0.0 or now > clock[BUCKET_ENDS] + BUCKET_SECONDS
        clock[LAST_BUCKET] = origin if fresh else clock[BUCKET]
        clock[BUCKET] = origin
        clock[BUCKET_ENDS] = now + BUCKET_SECONDS
    clock[BUCKET] = min(clock[BUCKET], origin)
    clock[ORIGIN] = min(clock[BUCKET], clock[LAST_BUCKET])


@njit(nogil=True, error_model="numpy")
def take_due(ring, events, end):
    """Move what is due before frame `end` from the ring to the event columns. Returns how many."""
    first = ring[FRAME]
    count = 0
    if ring[OFF_DONE] != ring[OFF_ASKED]:
        ring[OFF_DONE] = ring[OFF_ASKED]
        ring[READ] = max(ring[READ], ring[SKIP_TO])
        for channel in range(at.CHANNELS):
            for number in (64, 123, 120):
                events[count] = 0
                events[BATCH + count] = 0xB0 | channel
                events[2 * BATCH + count] = number
                events[3 * BATCH + count] = 0
                count += 1
    while ring[READ] < ring[WRITTEN] and count < BATCH:
        slot = ring[READ] % RING
        offset = ring[FRAMES_AT + slot] - first
        if ring[FRAMES_AT + slot] >= end:
            break
        if offset < 0:
            offset = 0
            ring[LATE] += 1
        packed = ring[DATA_AT + slot]
        events[count] = offset
        events[BATCH + count] = packed & 0xFF
        events[2 * BATCH + count] = packed >> 8 & 0xFF
        events[3 * BATCH + count] = packed >> 16 & 0xFF
        count += 1
        ring[READ] += 1
    return count


def _compile(version: int) -> Any:
    @cfunc(
        types.int32(types.voidptr, types.voidptr, types.uint64, types.voidptr, types.uint64, types.voidptr),
        cache=True,
    )
    def callback(source, sink, frames, moment, flags, user):
        """PortAudio's stream callback: interleaved float32 stereo out."""
        _ = version
        ring = carray(user, WORDS, np.int64)
        clock = carray(as_pointer(ring[CLOCK]), CLOCK_SIZE, np.float64)
        events = carray(as_pointer(ring[EVENTS]), _EVENT_COLUMNS * BATCH, np.int64)
        left = carray(as_pointer(ring[LEFT]), CHUNK, np.float32)
        right = carray(as_pointer(ring[RIGHT]), CHUNK, np.float32)
        times = carray(moment, 3, np.float64)
        total: Any = np.int64(frames)
        out = carray(sink, 2 * total, np.float32)
        if flags & np.uint64(OUTPUT_UNDERFLOW):
            ring[XRUNS] += 1
        ring[SEQUENCE] += 1
        keep_time(clock, times[1], ring[FRAME])
        clock[BLOCK_TIME] = times[1]
        clock[OUT_DELAY] = times[2] - times[1]
        ring[LARGEST] = max(ring[LARGEST], total)
        ring[SEQUENCE] += 1
        done = 0
        while done < total:
            piece: Any = min(total - done, CHUNK)
            count = take_due(ring, events, ring[FRAME] + piece)
            _render(
                carray(as_pointer(ring[INTS]), _INTS, np.int64),
                carray(as_pointer(ring[FLOATS]), _FLOATS, np.float32),
                carray(as_pointer(ring[TABLES]), _TABLES, np.float32),
                left,
                right,
                piece,
                events[:BATCH],
                events[BATCH : 2 * BATCH],
                events[2 * BATCH : 3 * BATCH],
                events[3 * BATCH :],
                count,
            )
            for f in range(piece):
                out[2 * (done + f)] = left[f]
                out[2 * (done + f) + 1] = right[f]
            ring[FRAME] += piece
            done += piece
        return 0

    return callback


_callback = _compile(fingerprint((at, struck, sustained, effects, vector, kernel)))


def _portaudio() -> Any:
    """The sounddevice module. Raises AudioDeviceError where PortAudio is missing."""
    try:
        import sounddevice
    except (ImportError, OSError) as err:
        raise AudioDeviceError(f"no sound: PortAudio can't be loaded ({err}). Install it: {INSTALL_HINT}") from err
    return sounddevice


def _choose_device(sd: Any, wanted: str | int | None) -> dict[str, Any]:
    """The row of `sounddevice.query_devices` to play on."""
    outputs = [row for row in sd.query_devices() if row["max_output_channels"] >= 2]
    if not outputs:
        # PortAudio looks at the machine once; a JACK server or a headset may have come since
        sd._terminate()
        sd._initialize()
        outputs = [row for row in sd.query_devices() if row["max_output_channels"] >= 2]
    if not outputs:
        raise AudioDeviceError(
            "no sound: this machine has no audio output. Plug in or switch on a device, or start a JACK server; "
            "the music still goes out as MIDI"
        )
    if wanted is None:
        default = sd.default.device[1]
        return next((row for row in outputs if row["index"] == default), outputs[0])
    names = ", ".join(f"{row['index']}: {row['name']}" for row in outputs)
    if isinstance(wanted, int):
        found = [row for row in outputs if row["index"] == wanted]
    else:
        found = [row for row in outputs if wanted.casefold() in row["name"].casefold()]
        found = [row for row in found if row["name"].casefold() == wanted.casefold()] or found
    if len(found) == 1:
        return dict(found[0])
    problem = "fits several" if found else "isn't there"
    raise AudioDeviceError(f"audio output {wanted!r} {problem}: choose one of {names}")


class AudioOut:
    """The built-in synth on an audio device. Starts at once; use `close` or `with` to end it.

    sample_rate: frames per second. latency_s: from a message's time to its sound at the device's output.
    Threads: the one that made it. Realtime-safe: `send` and `all_off` don't block.
    """

    def __init__(self, device: str | int | None = None, sample_rate: int | None = None, block: int = 0) -> None:
        """Open `device`: number or part of the name, None for the system's default output.

        `sample_rate` in Hz, None for the device's own; `block` frames per callback, 0 lets the device choose (on
        JACK anything else than the server's period only adds delay). Raises AudioDeviceError when PortAudio or
        the device is missing or refuses, UsageError for a sample rate that the synth can't run at.
        """
        self._sd = sd = _portaudio()
        row = _choose_device(sd, device)
        self.device: str = row["name"]
        if sample_rate is None:
            own = round(row["default_samplerate"])
            sample_rate = own if at.MIN_SAMPLE_RATE <= own <= at.MAX_SAMPLE_RATE else 48_000
        self.sample_rate = sample_rate
        self.state = kernel.make_state(self.sample_rate)
        self._ring = np.zeros(WORDS, np.int64)
        self._clock = np.zeros(CLOCK_SIZE, np.float64)
        self._clock[RATE] = self.sample_rate
        self._scratch = np.zeros((2, CHUNK), np.float32)
        self._events = np.zeros(_EVENT_COLUMNS * BATCH, np.int64)
        for word, array in (
            (INTS, self.state.ints),
            (FLOATS, self.state.floats),
            (TABLES, self.state.tables),
            (CLOCK, self._clock),
            (LEFT, self._scratch[0]),
            (RIGHT, self._scratch[1]),
            (EVENTS, self._events),
        ):
            self._ring[word] = array.ctypes.data
        self._last_frame = 0
        self._dropped = 0
        self._host_offset = 0.0  # monotonic seconds minus stream seconds
        self._calibrated = -math.inf
        self._stream: Any = None
        try:
            self._stream = sd._StreamBase(  # made for libraries that bring a C callback
                "output",
                samplerate=self.sample_rate,
                blocksize=block,
                device=row["index"],
                channels=2,
                dtype="float32",
                latency="low",
                callback=sd._ffi.cast("PaStreamCallback*", _callback.address),
                userdata=sd._ffi.cast("void*", self._ring.ctypes.data),
                wrap_callback=None,
            )
            self._stream.start()
        except sd.PortAudioError as err:
            self.close()
            raise AudioDeviceError(
                f"audio output {self.device!r} won't play 2 channels at {self.sample_rate} Hz: {err}. "
                f"Its own rate is {row['default_samplerate']:.0f} Hz; another program may hold it"
            ) from err

    def __enter__(self) -> AudioOut:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the stream runs; False after `close` or when the device has gone."""
        return self._stream is not None and bool(self._stream.active)

    @property
    def late(self) -> int:
        """Messages whose frame had passed when the callback saw them; they sounded at once."""
        return int(self._ring[LATE])

    @property
    def dropped(self) -> int:
        """Messages lost because RING of them were waiting; those are forgotten then, and every note is ended."""
        return self._dropped

    @property
    def xruns(self) -> int:
        """Gaps that PortAudio has reported."""
        return int(self._ring[XRUNS])

    @property
    def frames(self) -> int:
        """Frames rendered so far."""
        return int(self._ring[FRAME])

    @property
    def latency_s(self) -> float:
        """Seconds from a message's time to its sound leaving the device, as far as the device tells."""
        device = max(float(self._clock[OUT_DELAY]), 0.0) or float(self._stream.latency)
        return device + (self._lead() + kernel.LATENCY_FRAMES) / self.sample_rate

    def _lead(self) -> int:
        """Frames between a message's moment and the frame it is put on: one block and a little slack."""
        return int(self._ring[LARGEST]) + round(SLACK_SECONDS * self.sample_rate)

    def _origin(self) -> float:
        """Monotonic seconds at which frame 0 was asked for."""
        now = time.monotonic()
        if now - self._calibrated > CALIBRATE_SECONDS:
            best = math.inf
            for _ in range(3):
                before = time.monotonic()
                stream = float(self._stream.time)
                after = time.monotonic()
                if after - before < best:
                    best = after - before
                    self._host_offset = (before + after) / 2 - stream
            self._calibrated = now
        for _ in range(100):
            sequence = int(self._ring[SEQUENCE])
            origin = float(self._clock[ORIGIN])
            if sequence % 2 == 0 and sequence == int(self._ring[SEQUENCE]):
                break
        return origin + self._host_offset

    def send(self, at_ns: int, data: bytes) -> None:
        """Let one MIDI message of 1 to 3 bytes act at `at_ns` (monotonic clock, ns), `latency_s` later in sound.

        Messages play in the order they are sent. One for the past acts at once and counts as late; system
        exclusive is ignored. Threads: the player's. Realtime-safe: yes.
        """
        if not data or len(data) > 3 or self._stream is None:
            return
        written = int(self._ring[WRITTEN])
        if written - int(self._ring[READ]) >= RING:
            self._dropped += 1
            if self._ring[OFF_DONE] == self._ring[OFF_ASKED]:
                self.all_off()  # a note-off may be among the lost: better silence than a note that hangs
            return
        frame = 0
        if self._ring[SEQUENCE] > 0:
            frame = round((at_ns * 1e-9 - self._origin()) * self.sample_rate) + self._lead()
        frame = max(frame, self._last_frame)
        self._last_frame = frame
        self._ring[FRAMES_AT + written % RING] = frame
        self._ring[DATA_AT + written % RING] = int.from_bytes(data, "little")
        self._ring[WRITTEN] = written + 1

    def all_off(self) -> None:
        """Forget what waits and end every note on every channel within 5 ms of the next block."""
        self._ring[SKIP_TO] = self._ring[WRITTEN]
        self._ring[OFF_ASKED] += 1
        self._last_frame = 0

    def describe(self) -> dict[str, Any]:
        """What a person or a program wants to know: device, rate, block, latency and counters."""
        return {
            "api": "portaudio",
            "device": self.device,
            "sample_rate": self.sample_rate,
            "block": int(self._ring[LARGEST]),
            "latency_ms": round(self.latency_s * 1e3, 2) if self._stream is not None else None,
            "late": self.late,
            "dropped": self.dropped,
            "xruns": self.xruns,
        }

    def close(self) -> None:
        """End all notes, let them fade, and give the device back, within 2 s. Safe to call twice."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if stream.active:
            self.all_off()
            time.sleep(0.03)
        closing = threading.Thread(target=stream.close, args=(True,), daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            # PortAudio waits for ever for a JACK server that has died (measured with 19.6), and would again at exit
            _ABANDONED.append(self)
            self._sd._initialized = 0
