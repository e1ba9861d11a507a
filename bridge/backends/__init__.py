"""MIDI backends: one protocol, three ways to a port. Nothing heavy loads before `open_backend` needs it.

    jack    JACK or PipeWire's JACK: events carry their frame, a compiled callback puts them there
    rtmidi  ALSA, CoreMIDI, Windows: the player's own loop sends each message at its deadline
    memory  no port at all: records what would have been sent; for tests, and for machines without MIDI

Threading model: one thread, the player's, calls everything here. What other threads do (a JACK process
callback, an RtMidi input callback) stays behind a queue inside the backend and wakes `wait`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from aigc_music.core.errors import PortError, UsageError, choose
from bridge.clock import Clock

__all__ = [
    "APIS",
    "CLIENT_NAME",
    "CLOCK_IN",
    "CLOCK_NAME",
    "CLOCK_OUT",
    "IN",
    "OUT",
    "Backend",
    "Incoming",
    "choose_api",
    "open_backend",
]

CLIENT_NAME = "aigc-music"
CLOCK_NAME = "aigc-music clock"
APIS = ("jack", "rtmidi", "memory")
OUT, CLOCK_OUT = 0, 1
"""Output ports: notes and controls, MIDI clock."""
IN, CLOCK_IN = 0, 1
"""Input ports: the musician, MIDI clock."""


class Incoming(NamedTuple):
    """One whole valid MIDI message that arrived; a note_on of velocity 0 is already a note_off."""

    at_ns: int  # player time
    port: int  # IN or CLOCK_IN
    data: bytes


class Backend(Protocol):
    """What the player needs of a MIDI system.

    api: name in APIS. alive: False from the loss of the server or of the only port until it is back.
    Threads: the player's only, all methods. Realtime-safe: no method blocks longer than it says.
    """

    api: str
    alive: bool

    @property
    def clock(self) -> Clock:
        """Player time."""

    @property
    def commit_ns(self) -> int:
        """How long before its time a message should be handed over, in ns; may change with the server."""

    def send(self, at_ns: int, data: bytes, port: int = OUT) -> None:
        """Hand over one whole message to be sent at `at_ns` (player time, ns).

        Past times go at once and count as late. The order of sends at equal times is kept. UsageError when
        `data` is not one valid message.
        """

    def unsend(self, port: int = OUT) -> None:
        """Forget what was handed over for `port` and not yet sent.

        A note_off goes out at once if its note_on went out before, and is dropped with it otherwise.
        """

    def receive(self) -> list[Incoming]:
        """What arrived since the last call, in order of arrival."""

    def wait(self, until_ns: int, fds: Sequence[int] = ()) -> list[int]:
        """Sleep until `until_ns` (player time), an incoming message, or a readable descriptor of `fds`.

        Returns the readable ones. Backends without sample-exact output send what falls due in here.
        """

    def set_thru(self, on: bool) -> None:
        """Copy what arrives on IN to OUT, on HUMAN_CHANNEL, as fast as the system can; off lets held notes go."""

    def close_all(self) -> int:
        """Panic: forget what waits for OUT, end every note there, then CC64 0, CC123, CC120 on used channels.

        Returns how many notes were sounding. At once; one or two periods on JACK.
        """

    def poll(self) -> list[str]:
        """Notice lost and returned ports, peers and servers, connect again; what changed, in plain words.

        Call it a few times a second. The first call also says what was opened.
        """

    def statistics(self) -> dict[str, Any]:
        """sent, received, late (note_ons), dropped, invalid, xruns, and lateness_ns of the last 4096 note_ons."""

    def close(self) -> None:
        """`close_all`, then leave the MIDI system. Safe to call twice."""


def choose_api() -> tuple[str, str]:
    """The best API of this machine right now, and why in plain words.

    JACK when a server answers (it is the only sample-exact one), else the system's MIDI through RtMidi, else
    memory. Loads neither numpy nor numba.
    """
    from bridge.ports import api_notes

    notes = api_notes()
    for name in ("jack", "rtmidi"):
        if notes[name].available:
            return name, notes[name].detail
    return "memory", "no MIDI system answers, so nothing can be connected: " + "; ".join(
        f"{name}: {notes[name].detail} ({notes[name].fix})" for name in ("jack", "rtmidi")
    )


def open_backend(
    api: str | None = None, to: str | None = None, from_: str | None = None, client_name: str = CLIENT_NAME
) -> Backend:
    """Open the backend called `api` ('jack', 'rtmidi', 'memory'; None asks `choose_api`).

    to, from_: part of the name of the port to play to and to listen to; None leaves that to the musician's
    patchbay or DAW. The ports are remembered and connected again when they come back.
    Raises PortError when the API is not there or a name fits no port or several; never takes another API.
    """
    name = choose_api()[0] if api is None else choose("MIDI API", api, APIS)
    if name == "memory":
        if to is not None or from_ is not None:
            raise UsageError("the memory API has no ports to connect: leave --to and --from away, or use --api jack")
        from bridge.backends.memory import MemoryBackend

        return MemoryBackend()
    if name == "rtmidi":
        from bridge.backends.rtmidi import RtMidiBackend

        return RtMidiBackend(to, from_, client_name)
    try:
        from bridge.backends.jack import JackBackend
    except ImportError as error:
        raise PortError(f"the jack API needs numba, which does not load here ({error}): pip install numba") from error
    return JackBackend(to, from_, client_name)
