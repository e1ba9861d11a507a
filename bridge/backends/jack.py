"""The JACK backend: sample-exact MIDI in and out, and the synth, on JACK and on PipeWire's JACK.

The player writes messages with their frame into a ring; the compiled callback (jack_process) puts each at exactly
that frame, copies the musician's input through in the same period, and keeps the table of what sounds. Player
time is the server's frame counter in nanoseconds, extended to 64 bits; while the server is gone it runs on by
the system's clock, so that it never jumps.

Threading model: one Python thread, the player's. JACK's threads run compiled code only and meet it in the block.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aigc_music.core.errors import PortError, UsageError
from bridge.backends import CLIENT_NAME, OUT, Incoming, jack_block, jack_process, libjack
from bridge.backends.jack_transport import JackTransport, read_transport
from bridge.backends.libjack import AUDIO_TYPE, IS_INPUT, IS_OUTPUT, MIDI_TYPE
from bridge.backends.names import find_port
from bridge.backends.parse import whole
from bridge.rings import Ring

if TYPE_CHECKING:
    from bridge.backends.jack_synth import Cue

__all__ = ["JackBackend", "JackClock"]

_NS = 1_000_000_000
_PORTS = (
    # word of the block, name, type, flag
    (jack_block.PORT_OUT, b"midi_out", MIDI_TYPE, IS_OUTPUT),
    (jack_block.PORT_CLOCK_OUT, b"clock_out", MIDI_TYPE, IS_OUTPUT),
    (jack_block.PORT_IN, b"midi_in", MIDI_TYPE, IS_INPUT),
    (jack_block.PORT_CLOCK_IN, b"clock_in", MIDI_TYPE, IS_INPUT),
)
_AUDIO_PORTS = (
    (jack_block.PORT_LEFT, b"audio_1", AUDIO_TYPE, IS_OUTPUT),
    (jack_block.PORT_RIGHT, b"audio_2", AUDIO_TYPE, IS_OUTPUT),
)
# word of the block, function whose address the callback calls
_CALLED = (
    (jack_block.GET_BUFFER, "jack_port_get_buffer"),
    (jack_block.CLEAR, "jack_midi_clear_buffer"),
    (jack_block.EVENT_WRITE, "jack_midi_event_write"),
    (jack_block.FRAME_TIME, "jack_last_frame_time"),
    (jack_block.EVENT_COUNT, "jack_midi_get_event_count"),
    (jack_block.EVENT_GET, "jack_midi_event_get"),
    (jack_block.PORT_CONNECTED, "jack_port_connected"),
)
_SLICE_NS = 200_000_000  # longest sleep without a sign of life; the callback gives up on the player after 500 ms
_STALLED_NS = 2 * _NS  # a server that runs no period for so long is as good as gone
_FIRST_PERIOD_NS = 3 * _NS  # that a server may take to run us for the first time
_RETRY_NS = _NS  # between attempts to reach a server that is gone


_abandoned: list[JackBackend] = []  # closed while their server hung: its thread may still use their memory


class JackClock:
    """Player time on JACK: ns = origin + frame / rate, integer arithmetic that maps every frame back to itself."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._library: ctypes.CDLL | None = None
        self._client = 0
        self._origin_ns = 0
        self._rate = 48_000
        self._last_ns = 0
        self._stopped_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Player time in ns. Threads: the player's. Realtime-safe: yes."""
        if self._library is None:
            now = self._last_ns + time.monotonic_ns() - self._stopped_ns
            self._stopped_ns += now - self._last_ns
        else:
            frame = self._words[jack_block.FRAME]
            step = (self._library.jack_frame_time(self._client) - frame) & 0xFFFFFFFF
            now = self.ns_of(frame + step - ((step & 0x80000000) << 1))
        self._last_ns = max(now, self._last_ns)
        return self._last_ns

    def ns_of(self, frame: int) -> int:
        """Player time of a 64-bit frame."""
        return self._origin_ns + (frame * _NS + self._rate // 2) // self._rate

    def frame_of(self, ns: int) -> int:
        """The frame nearest to a player time; `frame_of(ns_of(frame)) == frame`."""
        return ((ns - self._origin_ns) * self._rate + _NS // 2) // _NS

    def stop(self) -> None:
        """The server is gone: go on by the system's clock."""
        if self._library is not None:
            self.now_ns()
            self._library, self._stopped_ns = None, time.monotonic_ns()

    def start(self, library: ctypes.CDLL, client: int, rate: int) -> None:
        """Go on by the frames of a server, from the time it is."""
        now = self.now_ns() if self._last_ns else 0
        self._rate, self._origin_ns = rate, 0
        self._library, self._client = library, client
        frame = self._words[jack_block.FRAME]
        step = (library.jack_frame_time(client) - frame) & 0xFFFFFFFF
        if now:
            self._origin_ns = now - self.ns_of(frame + step - ((step & 0x80000000) << 1))


class _Wish(NamedTuple):
    """A connection that is kept: the block's word of our port, and the peer's full name."""

    word: int
    peer: str


class JackBackend:
    """See Backend. PortError when no server runs, or when `to` or `from_` fits no port or several.

    to: part of the name of a MIDI input port to play to; from_: of an output port to listen to.
    `name` is the client's name: `client_name`, or that with a number when it was taken.
    """

    api = "jack"

    def __init__(self, to: str | None = None, from_: str | None = None, client_name: str = CLIENT_NAME) -> None:
        self._library = libjack.load()
        self._wanted_name = client_name
        self._block = np.zeros(jack_block.WORDS, np.int64)
        self._words = self._block.data
        self._address = self._block.ctypes.data
        self._out = Ring(
            self._words,
            jack_block.OUT_WRITTEN,
            jack_block.OUT_READ,
            jack_block.OUT_RING,
            jack_block.OUT_RING_RECORDS,
            jack_block.OUT_RECORD_WORDS,
        )
        self._in = Ring(
            self._words,
            jack_block.IN_WRITTEN,
            jack_block.IN_READ,
            jack_block.IN_RING,
            jack_block.IN_RING_RECORDS,
            jack_block.IN_RECORD_WORDS,
        )
        self._waiting: deque[tuple[int, int, int]] = deque()  # what did not fit into the ring
        self._dropped = 0
        self._transport: JackTransport | None = None  # as last read
        self._make_synth: Callable[[int], Cue] | None = None
        self.cue: Cue | None = None
        self._wishes: dict[_Wish, bool] = {}  # value: the peer was there when we last looked
        self._born = 0  # how many of the ports that came have been looked at
        self._cycles = self._retry_ns = self._cycles_ns = 0
        self._notices: list[str] = []
        self._told = (0, 0)  # rate and period that the musician knows of
        self._client = 0
        self.alive = False
        self.name = client_name
        self.clock = JackClock(self._words)
        if hasattr(os, "eventfd"):
            self._wake_read = self._wake_write = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._wake_read, self._wake_write = os.pipe()
            os.set_blocking(self._wake_read, False)
            os.set_blocking(self._wake_write, False)
        words = self._words
        words[jack_block.SELF] = self._address
        words[jack_block.WAKE_FD] = self._wake_write
        words[jack_block.WAKE_WRITE] = _address_of(ctypes.CDLL(None).write)
        for word, function in _CALLED:
            words[word] = _address_of(getattr(self._library, function))
        try:
            self._start()
            self._wish(jack_block.PORT_OUT, to, IS_INPUT, "output")
            self._wish(jack_block.PORT_IN, from_, IS_OUTPUT, "input")
        except PortError:
            self.close()
            raise
        atexit.register(self.close)  # JACK's thread must not outlive the memory it works on

    @property
    def commit_ns(self) -> int:
        """Messages should be handed over this long before their time.

        A message must be in the ring when the period that holds its frame begins, so one period is the least;
        the rest is for the player's own waking up: two periods more, 10 ms at most.
        """
        period_ns = self.period * _NS // self.rate
        return max(10_000_000, period_ns + min(2 * period_ns, 10_000_000))

    @property
    def period(self) -> int:
        """Frames per period of the server."""
        return self._words[jack_block.PERIOD]

    @property
    def rate(self) -> int:
        """Frames per second of the server."""
        return self._words[jack_block.RATE]

    def send(self, at_ns: int, data: bytes, port: int = OUT) -> None:
        """See Backend.send. At most 8 bytes: longer messages have no place in the callback.

        Threads: the player's. Realtime-safe: as far as Python is.
        """
        if not whole(data):
            raise UsageError(f"{data.hex(' ') or 'nothing'} is not one MIDI message: a status byte and its data")
        if len(data) > jack_block.MESSAGE_BYTES:
            raise UsageError(f"a message of {len(data)} bytes: JACK takes up to {jack_block.MESSAGE_BYTES} here")
        if not self.alive:
            self._dropped += 1
            return
        words = self._words
        words[jack_block.BEAT] += 1
        meta = port | len(data) << 8 | words[jack_block.EPOCH + port] << 16
        record = (self.clock.frame_of(at_ns), meta, int.from_bytes(data, "little"))
        if self._waiting or not self._out.push(*record):
            self._waiting.append(record)

    def unsend(self, port: int = OUT) -> None:
        """See Backend.unsend; the callback does it in its next period."""
        self._words[jack_block.EPOCH + port] += 1
        self._flush()

    def receive(self) -> list[Incoming]:
        """See Backend.receive. System exclusive messages are skipped and counted."""
        ns_of = self.clock.ns_of
        arrived = [
            Incoming(ns_of(frame), meta & 0xFF, packed.to_bytes(8, "little")[: meta >> 8])
            for frame, meta, packed in self._in.pop_all()
        ]
        arrived.sort(key=lambda message: message.at_ns)
        return arrived

    def wait(self, until_ns: int, fds: Sequence[int] = ()) -> list[int]:
        """See Backend.wait. Wakes at least every 200 ms inside, to tell the callback that the player lives."""
        while True:
            self._words[jack_block.BEAT] += 1
            self._flush()
            rest = until_ns - self.clock.now_ns()
            timeout = 0 if len(self._in) else max(0, min(rest, _SLICE_NS))
            ready = select.select([self._wake_read, *fds], [], [], timeout / _NS)[0]
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                ready.remove(self._wake_read)
                return ready
            if ready or rest <= _SLICE_NS or len(self._in):
                return ready

    def set_thru(self, on: bool) -> None:
        """See Backend.set_thru; inside the callback, in the period and on the frame of the input."""
        self._words[jack_block.THRU] = int(on)

    def close_all(self) -> int:
        """See Backend.close_all; waits for the period in which the callback does it, 100 ms or 8 periods at most."""
        words = self._words
        words[jack_block.EPOCH + OUT] += 1
        self._flush()
        words[jack_block.CLOSE_ASKED] += 1
        deadline = time.monotonic_ns() + max(_NS // 10, 8 * self.period * _NS // max(1, self.rate))
        while self.alive and words[jack_block.CLOSE_DONE] != words[jack_block.CLOSE_ASKED]:
            if words[jack_block.DEAD] or time.monotonic_ns() > deadline:
                return 0
            time.sleep(0.0003)
        return words[jack_block.CLOSED] if self.alive else 0

    def attach_synth(self, make: Callable[[int], Cue]) -> None:
        """Let a synth render to audio_1 and audio_2 in the same callback, from the same messages.

        make: called with the sample rate, now and when a server with another one comes back; gives the addresses
        of a compiled C function `int64 f(state, events, count, left, right, frames)`, all int64, and of its state.
        `events` is the address of `count` pairs of int64 (offset in the period, message packed lowest byte first)
        in order of offset, everything that leaves midi_out in this period; `left` and `right` are addresses of
        `frames` float32 to fill. It must not touch Python. The synth is `self.cue` from then on. Raises what
        `make` raises, and leaves everything silent then.
        """
        words = self._words
        self._set_cue(make)
        self._make_synth = make
        if not words[jack_block.PORT_LEFT] and self.alive:
            self._register(_AUDIO_PORTS)
            self._connect_audio()

    def transport(self) -> JackTransport | None:
        """Where JACK's transport was in the latest period; None while the server is away, or not asked for long.

        The first call makes the callback look from the next period on. Threads: the player's. Realtime-safe: yes.
        """
        words = self._words
        if not words[jack_block.TRANSPORT_QUERY]:
            words[jack_block.TRANSPORT_QUERY] = _address_of(self._library.jack_transport_query)
        for _ in range(3):  # the callback writes for less than a microsecond
            turn = words[jack_block.TRANSPORT_TURN]
            if not self.alive or not turn:
                return None
            state, frame = words[jack_block.TRANSPORT_STATE], words[jack_block.TRANSPORT_FRAME]
            position = words[jack_block.POSITION : jack_block.POSITION + jack_block.POSITION_WORDS].tobytes()
            if not turn & 1 and turn == words[jack_block.TRANSPORT_TURN]:
                self._transport = read_transport(state, position, self.clock.ns_of(frame))
                break
        return self._transport

    def poll(self) -> list[str]:
        """See Backend.poll."""
        if self._client and self._words[jack_block.DEAD]:
            self._stop()
            self._notices.append("JACK server is gone: start it again, it is picked up by itself")
        elif self._client and self.alive is self._stalled():
            self._pause_or_resume()
        if not self.alive and self._client == 0 and time.monotonic_ns() >= self._retry_ns:
            self._retry_ns = time.monotonic_ns() + _RETRY_NS
            try:
                self._start()
                self._notices.append("JACK server is back")
            except PortError:
                pass  # not yet
            except UsageError as error:  # back with a rate that the synth cannot take: go on without sound
                self._make_synth = None
                self._notices.append(f"no sound from here on: {error}")
        if self.alive:
            self._follow_pace()
            self._mend()
        notices, self._notices = self._notices, []
        return notices

    def statistics(self) -> dict[str, Any]:
        """See Backend.statistics; also sysex_skipped, heartbeats_lost, period, rate."""
        words, kept = self._words, min(self._words[jack_block.NOTE_ONS], jack_block.LATENESS_KEPT)
        lateness = self._block[jack_block.LATENESS : jack_block.LATENESS + kept]
        return {
            "sent": words[jack_block.SENT],
            "received": words[jack_block.RECEIVED],
            "late": words[jack_block.LATE],
            "dropped": words[jack_block.DROPPED] + self._dropped,
            "invalid": words[jack_block.INVALID],
            "xruns": words[jack_block.XRUNS],
            "lateness_ns": lateness * _NS // max(1, self.rate),
            "sysex_skipped": words[jack_block.SYSEX_SKIPPED],
            "heartbeats_lost": words[jack_block.HEARTBEATS_LOST],
            "period": self.period,
            "rate": self.rate,
        }

    def close(self) -> None:
        """See Backend.close."""
        atexit.unregister(self.close)
        if self._client and not self.alive and self._told != (0, 0) and not self._words[jack_block.DEAD]:
            _abandoned.append(self)  # the server stands still and would not let us go: leave as we are
            return
        if self._client:
            self.close_all()
            time.sleep(2 * self.period / max(1, self.rate))  # the note_offs leave with the period they are in
            self.alive = False
            self.clock.stop()
            self._library.jack_client_close(self._client)
            self._client = 0
        if self._wake_read >= 0:
            for fd in {self._wake_read, self._wake_write}:
                os.close(fd)
            self._wake_read = self._wake_write = -1

    def _flush(self) -> None:
        while self._waiting and self._out.push(*self._waiting[0]):
            self._waiting.popleft()

    def _start(self) -> None:
        """Join the server and let the callback run."""
        library, words = self._library, self._words
        client = libjack.open_client(library, self._wanted_name)
        for word in (jack_block.STARTED, jack_block.HEAP_SIZE, jack_block.DEAD, jack_block.FRAME):
            words[word] = 0
        for word in (jack_block.LINKS_IN, jack_block.LINKS_OUT, jack_block.SETTLE):
            words[word] = 0
        words[jack_block.TRANSPORT_TURN] = 0
        self._transport = None
        for word, *_ in (*_PORTS, *_AUDIO_PORTS):
            words[word] = 0
        self._block[jack_block.ENDED : jack_block.ENDED + jack_block.KEYS] = 0
        self._out.clear()
        self._waiting.clear()
        words[jack_block.CLIENT] = self._client = client
        words[jack_block.RATE] = library.jack_get_sample_rate(client)
        words[jack_block.PERIOD] = library.jack_get_buffer_size(client)
        try:
            self._register(_PORTS)
            if self._make_synth is not None:
                self._set_cue(self._make_synth)
                self._register(_AUDIO_PORTS)
            self._run(client)
        except (PortError, UsageError):
            self._leave()
            raise
        self.name = library.jack_get_client_name(client).decode()
        self.clock.start(library, client, self.rate)
        self._cycles, self._cycles_ns = words[jack_block.CYCLES], time.monotonic_ns()
        self.alive = True
        for wish in self._wishes:
            self._wishes[wish] = False
        if self._make_synth is not None:
            self._connect_audio()
        self._notices.append(f"JACK client {self.name}: {self._pace()}")
        if not library.jack_is_realtime(client):
            self._notices.append("the JACK server is not realtime: expect lost periods (start it with -R)")

    def _run(self, client: int) -> None:
        """Give the server our callbacks and see that it calls them."""
        library, words = self._library, self._words
        library.jack_set_process_callback(client, jack_process.process.address, self._address)
        library.jack_set_port_registration_callback(client, jack_process.port_came_or_went.address, self._address)
        library.jack_set_xrun_callback(client, jack_process.xrun.address, self._address)
        library.jack_set_buffer_size_callback(client, jack_process.size_changed.address, self._address)
        library.jack_set_sample_rate_callback(client, jack_process.rate_changed.address, self._address)
        library.jack_on_shutdown(client, jack_process.server_gone.address, self._address)
        words[jack_block.BEAT] += 1
        deadline = time.monotonic_ns() + _FIRST_PERIOD_NS
        if library.jack_activate(client) != 0:
            raise PortError("the JACK server does not let this program run: look at its messages, start it again")
        while words[jack_block.CYCLES] == self._cycles:
            if time.monotonic_ns() > deadline or words[jack_block.DEAD]:
                raise PortError("the JACK server runs no period: check its device, start it again")
            time.sleep(0.0005)

    def _pace(self) -> str:
        """Rate and period in words, with advice when the period is long."""
        self._told = (self.rate, self.period)
        period_ms = 1000 * self.period / self.rate
        advice = "; that is felt when you play, use 128 or 256 frames (PipeWire: PIPEWIRE_LATENCY=128/48000)"
        return f"{self.rate} Hz, period {self.period} frames ({period_ms:.1f} ms){advice if period_ms > 11 else ''}"

    def _follow_pace(self) -> None:
        """The server changed its rate or period while running."""
        if self._told == (self.rate, self.period):
            return
        if self._told[0] != self.rate:
            self.clock.start(self._library, self._client, self.rate)
            if self._make_synth is not None:
                try:
                    self._set_cue(self._make_synth)
                except UsageError as error:
                    self._notices.append(f"no sound from here on: {error}")
        self._notices.append(f"JACK runs at {self._pace()}")

    def _leave(self) -> None:
        self._library.jack_client_close(self._client)
        self._client = 0
        self._cycles = self._words[jack_block.CYCLES]

    def _stop(self) -> None:
        self.clock.stop()
        self.alive = False
        self._leave()
        self._words[jack_block.LOST] = 1  # what sounds now is ended at the receiver that comes back
        self._retry_ns = time.monotonic_ns() + _RETRY_NS // 4

    def _pause_or_resume(self) -> None:
        """The server hangs, or runs again. No call to it meanwhile: it would not come back from there."""
        if self.alive:
            self.unsend()
            self.clock.stop()
            self._notices.append("JACK server stands still: nothing can be played until it runs again")
        else:
            self.clock.start(self._library, self._client, self.rate)
            self._notices.append("JACK server runs again")
        self.alive = not self.alive

    def _stalled(self) -> bool:
        now, cycles = time.monotonic_ns(), self._words[jack_block.CYCLES]
        if cycles != self._cycles:
            self._cycles, self._cycles_ns = cycles, now
        return now - self._cycles_ns > _STALLED_NS

    def _register(self, ports: Sequence[tuple[int, bytes, bytes, int]]) -> None:
        for word, name, type_, flag in ports:
            handle = self._library.jack_port_register(self._client, name, type_, flag, 0)
            if not handle:
                raise PortError(
                    f"the JACK server has no room for the port {name.decode()}: give it a larger --port-max"
                )
            self._words[word] = handle

    def _set_cue(self, make: Callable[[int], Cue]) -> None:
        self._words[jack_block.SYNTH] = 0
        if self.alive:
            time.sleep(2 * self.period / self.rate)  # a callback that runs now may still be inside the old one
        self.cue = make(self.rate)
        self._words[jack_block.SYNTH_STATE] = self.cue.state
        self._words[jack_block.SYNTH] = self.cue.function

    def _connect_audio(self) -> None:
        outputs = libjack.port_names(self._library, self._client, AUDIO_TYPE, IS_INPUT | libjack.IS_PHYSICAL)
        for (word, *_), peer in zip(_AUDIO_PORTS, outputs, strict=False):
            self._connect(word, peer)

    def _wish(self, word: int, wanted: str | None, flag: int, what: str) -> None:
        if wanted is None:
            return
        names = libjack.port_names(self._library, self._client, MIDI_TYPE, flag)
        peer = find_port(wanted, [name for name in names if not name.startswith(f"{self.name}:")], what)
        self._wishes[_Wish(word, peer)] = False
        self._mend()

    def _connect(self, word: int, peer: str) -> bool:
        mine = self._library.jack_port_name(self._words[word])
        pair = (
            (mine, peer.encode())
            if word not in (jack_block.PORT_IN, jack_block.PORT_CLOCK_IN)
            else (peer.encode(), mine)
        )
        return self._library.jack_connect(self._client, *pair) in (0, 17)  # 17: connected already

    def _mend(self) -> None:
        """Connect again what came back; the callback ends what may still sound there."""
        library, words = self._library, self._words
        born = self._names_of_the_born()
        for wish, there in self._wishes.items():
            peer = wish.peer.encode()
            back = bool(library.jack_port_by_name(self._client, peer))
            if there and peer in born and not library.jack_port_connected_to(words[wish.word], peer):
                there = False  # it went and came between two looks
            if back == there:
                continue
            if not back:
                self._wishes[wish] = False
                self._notices.append(f"port {wish.peer} is gone: bring it back, it is connected by itself")
            elif self._connect(wish.word, wish.peer):
                self._wishes[wish] = True
                mine = library.jack_port_name(words[wish.word]).decode()
                self._notices.append(f"connected {mine} with {wish.peer}")

    def _names_of_the_born(self) -> set[bytes]:
        """Names of the ports that have appeared on the server since the last look."""
        library, words = self._library, self._words
        born, kept = words[jack_block.BORN], jack_block.BIRTHS_KEPT
        numbers = [words[jack_block.BIRTHS + k % kept] for k in range(max(self._born, born - kept), born)]
        self._born = born
        ports = [library.jack_port_by_id(self._client, number) for number in numbers]
        return {library.jack_port_name(port) for port in ports if port}


def _address_of(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
