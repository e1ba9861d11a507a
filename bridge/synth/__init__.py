"""The built-in synth: numba kernels that render MIDI to stereo sound without the interpreter lock.

`layout` says where each number lives, `voices` holds the sounds as tables, `struck` and `sustained` are the two
kinds of voice, `effects` the chorus, reverb and limiter, `kernel` the one function that audio callbacks call,
`engine` its Python face, `output` the PortAudio stream, `offline` rendering to an array, `parts` the same track by
track, `bench` the stopwatch.
`attach` is all a player needs. Nothing heavy is loaded before it is called.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["Sound", "attach"]


class Sound(Protocol):
    """A synth that sounds what a backend sends."""

    def describe(self) -> dict[str, Any]:
        """api, device, sample_rate, block, latency_ms (None when unknown), late, dropped, xruns."""

    def close(self) -> None:
        """End all notes and give the device back. Safe to call twice."""


def attach(backend: Any) -> Sound:
    """Let the synth play what `backend` sends: inside JACK's callback on JACK, else on the system's audio output.

    Raises AudioDeviceError where the machine has no way to be heard, saying what to install or switch on.
    Threads: the player's. Realtime-safe: no; it compiles at the first call ever and loads in 0.1 s later.
    """
    from .sound import JackSound, OutputSound

    return JackSound(backend) if hasattr(backend, "attach_synth") else OutputSound(backend)
