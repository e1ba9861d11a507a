"""The synth joined to a backend: what the player holds on to while it is heard. See `bridge.synth.attach`."""

from __future__ import annotations

from typing import Any

from aigc_music.core.errors import AudioDeviceError, UsageError

from . import kernel

__all__ = ["JackSound", "OutputSound"]


class JackSound:
    """The synth inside the JACK backend's own callback, on its ports audio_1 and audio_2."""

    def __init__(self, backend: Any) -> None:
        """Raises AudioDeviceError when the server's sample rate doesn't suit the synth."""
        from bridge.backends.jack_synth import make_cue

        self._backend = backend
        try:
            backend.attach_synth(make_cue)
        except UsageError as err:
            raise AudioDeviceError(f"no sound: {err}") from err

    def describe(self) -> dict[str, Any]:
        """See Sound.describe. Late and dropped messages and xruns are the backend's own figures."""
        rate, period = self._backend.rate, self._backend.period
        counted = self._backend.statistics()
        return {
            "api": "jack",
            "device": "audio_1, audio_2",
            "sample_rate": rate,
            "block": period,
            "latency_ms": round((period + kernel.LATENCY_FRAMES) / rate * 1e3, 2),
            "late": counted["late"],
            "dropped": counted["dropped"],
            "xruns": counted["xruns"],
        }

    def close(self) -> None:
        """Nothing of its own to give back: the ports go with the backend."""


class OutputSound:
    """The synth on the system's audio output, fed by what a deadline backend writes."""

    def __init__(self, backend: Any) -> None:
        """Raises AudioDeviceError when there is no PortAudio or no device."""
        from .output import AudioOut

        self._out = AudioOut()
        self._backend = backend
        backend.tap = self._out.send

    def describe(self) -> dict[str, Any]:
        """See Sound.describe."""
        return self._out.describe()

    def close(self) -> None:
        """See Sound.close."""
        self._backend.tap = None
        self._out.close()
