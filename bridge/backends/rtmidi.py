"""MIDI through RtMidi: ALSA, CoreMIDI, Windows, and as a last resort RtMidi's JACK.

Messages carry no time here, so each leaves at its deadline from inside `wait` (see deadline). Where the system
has virtual ports, ours are `aigc-music` and `aigc-music clock`; Windows has none, so loopback ports of those
names are looked for, and the error says how to make them.

Threading model: the player's thread, and one input thread of RtMidi per port that only stamps a message, queues
it and wakes the player. On RtMidi's JACK even that would stop the whole graph while it waits for the
interpreter, so there the player asks for messages once a millisecond instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import re
import socket
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aigc_music.core.errors import MissingExtraError, PortError
from bridge import ports
from bridge.backends import CLIENT_NAME, CLOCK_IN, CLOCK_NAME, CLOCK_OUT, IN, OUT, Incoming
from bridge.backends.deadline import DeadlineBackend, sleep_on
from bridge.backends.names import find_port
from bridge.backends.parse import Parser
from bridge.clock import MonotonicClock

__all__ = ["RtMidiBackend", "stable_name"]

_COMMIT_NS = 5_000_000
_ASK_NS = 1_000_000  # between two looks for input where RtMidi may not call us
_LOOK_NS = 1_000_000_000  # between two looks at the list of ports
_QUIET_NS = 4_000_000  # such a look takes a millisecond or two: only when nothing falls due sooner
_QUEUE = 16_384
_PR_SET_TIMERSLACK = 29
_NUMBERS = re.compile(r"( \d+:\d+| \d+)$")

_WINDOWS_HELP = (
    "Windows has no virtual MIDI ports. Make a loopback port called 'aigc-music': with loopMIDI "
    "(https://www.tobias-erichsen.de/software/loopmidi.html, press +), or as a basic loopback of Windows MIDI "
    "Services. Choose it as MIDI input in the DAW and start again, or give --to with a part of a port's name"
)


@dataclass(slots=True)
class _Slot:
    """One of our four ports."""

    port: int  # OUT, CLOCK_OUT or IN, CLOCK_IN
    is_out: bool
    label: str  # our name for it
    peer: str | None = None  # stable name of the port it is tied to; None: a virtual port
    handle: Any = None  # None while the peer is gone


def stable_name(name: str) -> str:
    """A port's name without the numbers that ALSA and RtMidi append and that change when it is plugged in again."""
    return _NUMBERS.sub("", name)


class RtMidiBackend(DeadlineBackend):
    """See Backend. `system` names the API for people (ALSA, CoreMIDI, Windows MIDI, RtMidi's JACK).

    to, from_: part of a port's name, None for a virtual port. library: the python-rtmidi module, or one like it.
    Raises PortError when there is no MIDI system, a name fits no port or several, or Windows lacks a loopback port.
    """

    api = "rtmidi"

    def __init__(
        self,
        to: str | None = None,
        from_: str | None = None,
        client_name: str = CLIENT_NAME,
        library: Any = None,
    ) -> None:
        super().__init__(MonotonicClock(), _COMMIT_NS)
        if library is None:
            try:
                library = importlib.import_module("rtmidi")
            except ImportError as error:
                raise MissingExtraError("python-rtmidi", "rtmidi", "the rtmidi API") from error
        self._library, self._client_name = library, client_name
        found = ports.rtmidi_api(library, ports.jack_runs())
        if found is None:
            raise PortError(
                "no ALSA sequencer (/dev/snd/seq is not there) and no JACK server: "
                "sudo modprobe snd-seq, or start JACK"
            )
        self._number, self.system = found
        self._polls = self._number == library.API_UNIX_JACK
        self._virtual = self._number != library.API_WINDOWS_MM
        self._queue: deque[tuple[int, int, bytes]] = deque()  # (arrival, port, bytes), filled by RtMidi's threads
        self._parsers = (Parser(), Parser())
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._looked_ns = self.clock.now_ns()
        self._closed = False
        self._slots: list[_Slot] = []
        if self._polls:
            self._words.append("only RtMidi's JACK is there: notes move to the start of a period, unlike --api jack")
        try:
            self._open(OUT, True, CLIENT_NAME, to)
            self._open(CLOCK_OUT, True, CLOCK_NAME, None)
            self._open(IN, False, CLIENT_NAME, from_)
            self._open(CLOCK_IN, False, CLOCK_NAME, None)
        except BaseException:
            self.close()
            raise
        if sys.platform == "linux":  # sleep to the microsecond also without realtime priority (default slack: 50 us)
            ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1000, 0, 0, 0)

    def poll(self) -> list[str]:
        """See Backend.poll. Looks at the system's list of ports once a second, when there is time for it."""
        now = self.clock.now_ns()
        if now - self._looked_ns >= _LOOK_NS and (not self._heap or self._heap[0][0] - now > _QUIET_NS):
            self._looked_ns = now
            for slot in self._slots:
                if slot.peer is not None:
                    self._look(slot)
        return super().poll()

    def close(self) -> None:
        """See Backend.close."""
        if self._closed:
            return
        self._closed = True
        if self._slots:
            self.close_all()
        self.alive = False
        for slot in self._slots:
            self._release_handle(slot)
        self._wake_read.close()
        self._wake_write.close()

    # -- ports ---------------------------------------------------------------------------------------------

    def _open(self, port: int, is_out: bool, label: str, wanted: str | None) -> None:
        slot = _Slot(port, is_out, label)
        handle = self._make(slot)
        names = handle.get_ports()
        what = "output" if is_out else "input"
        if wanted is not None:
            slot.peer = stable_name(find_port(wanted, names, what))
        elif not self._virtual:
            slot.peer = self._loopback(slot, names)
            if slot.peer is None:
                self._delete(handle)
                return
        self._slots.append(slot)
        try:
            self._attach(slot, handle, names)
        except OSError as error:
            raise PortError(
                f"the {what} port {slot.peer or label!r} does not open: {error}. Another program may hold it"
            ) from error
        if slot.peer is None:
            daw = "input" if is_out else "output"
            self._words.append(
                f"virtual {what} port {label!r} is open ({self.system}): choose it as MIDI {daw} in the DAW"
            )
        else:
            self._words.append(f"{'playing to' if is_out else 'listening to'} {slot.peer} ({self.system})")

    def _loopback(self, slot: _Slot, names: Sequence[str]) -> str | None:
        """Windows: the loopback port that stands in for our virtual one."""
        mine = slot.label if slot.is_out else f"{slot.label} in"  # never the port that we play into ourselves
        plain = [stable_name(name) for name in names]
        found = [name for name in plain if name.casefold() == mine]
        if not found and slot.port == OUT and slot.is_out:
            found = [name for name in plain if "loop" in name.casefold()]
            if len(found) != 1:
                there = ", ".join(plain) if plain else "none"
                raise PortError(f"{_WINDOWS_HELP}. Ports here: {there}")
        if not found:
            kind = "sent" if slot.is_out else "heard"
            hint = " or give --from" if slot.port == IN and not slot.is_out else ""
            self._words.append(
                f"nothing is {kind} on {slot.label!r}: make a loopback port {mine!r}{hint} if you want that"
            )
        return found[0] if found else None

    def _make(self, slot: _Slot) -> Any:
        with ports.quiet_stderr():
            if slot.is_out:
                return self._library.MidiOut(self._number, name=self._client_name)
            handle = self._library.MidiIn(self._number, name=self._client_name, queue_size_limit=_QUEUE)
        handle.ignore_types(sysex=False, timing=False, active_sense=False)
        return handle

    def _attach(self, slot: _Slot, handle: Any, names: Sequence[str]) -> None:
        slot.handle = handle
        if not slot.is_out and not self._polls:
            handle.set_callback(self._on_message, slot.port)
        if slot.peer is None:
            handle.open_virtual_port(slot.label)
        else:
            handle.open_port([stable_name(name) for name in names].index(slot.peer), name=slot.label)

    def _look(self, slot: _Slot) -> None:
        try:
            handle = slot.handle or self._make(slot)
            names = handle.get_ports()
            there = slot.peer in [stable_name(name) for name in names]
            if slot.handle is not None and not there:
                self._lose(slot)
            elif slot.handle is None and there:
                self._attach(slot, handle, names)
                self._words.append(f"port {slot.peer} is back")
                if slot.is_out and slot.port == OUT:
                    self._returned()
            elif slot.handle is None:
                self._delete(handle)
        except OSError:  # vanished between the look and the opening: the next look will tell
            self._release_handle(slot)

    def _lose(self, slot: _Slot) -> None:
        self._release_handle(slot)
        self._words.append(f"port {slot.peer} is gone: plug it in again, it is picked up by itself")
        if slot.is_out and slot.port == OUT:
            self._lost()

    def _release_handle(self, slot: _Slot) -> None:
        if slot.handle is not None:
            handle, slot.handle = slot.handle, None
            self._delete(handle)

    def _delete(self, handle: Any) -> None:
        with contextlib.suppress(OSError):
            handle.close_port()
            handle.delete()

    # -- what the deadline loop asks for --------------------------------------------------------------------

    def _on_message(self, event: tuple[Sequence[int], float], port: int) -> None:
        """Threads: RtMidi's input thread of one port. Stamps, queues, wakes; nothing more."""
        self._queue.append((self.clock.now_ns(), port, bytes(event[0])))
        with contextlib.suppress(OSError):  # full: the player is awake already
            self._wake_write.send(b"!")

    def _write(self, port: int, data: bytes) -> bool:
        for slot in self._slots:
            if slot.is_out and slot.port == port and slot.handle is not None:
                try:
                    slot.handle.send_message(data)
                except OSError:
                    if slot.peer is not None:
                        self._lose(slot)
                    return False
                return True
        return False

    def _gather(self) -> list[Incoming]:
        if self._polls:
            for slot in self._slots:
                while not slot.is_out and (event := slot.handle.get_message()):
                    self._queue.append((self.clock.now_ns(), slot.port, bytes(event[0])))
        out = []
        while self._queue:
            at_ns, port, data = self._queue.popleft()
            out += [Incoming(at_ns, port, message) for message in self._parsers[port].feed(data)]
        return out

    def _invalid(self) -> int:
        return sum(parser.invalid for parser in self._parsers)

    def _sleep(self, until_ns: int, fds: Sequence[int]) -> list[int]:
        now = self.clock.now_ns()
        if self._polls:
            until_ns = min(until_ns, now + _ASK_NS)
        wake = self._wake_read.fileno()
        ready = sleep_on([wake, *fds], max(0, until_ns - now) / 1e9)
        if wake in ready:
            ready.remove(wake)
            with contextlib.suppress(OSError):
                self._wake_read.recv(4096)
        return ready
