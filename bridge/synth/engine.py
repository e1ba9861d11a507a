"""The synth as a Python object: send MIDI bytes, render blocks. For offline work, tests and the memory backend.

Audio callbacks don't use this class: they call `kernel.render` on `Synth.state` by address.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from . import kernel
from . import layout as at

__all__ = ["LATENCY_FRAMES", "Synth"]

LATENCY_FRAMES = kernel.LATENCY_FRAMES
NO_EVENTS = np.zeros(1, np.int64)


class Synth:
    """A polyphonic synth for 16 MIDI channels, silent until notes come.

    Channel n starts with the sound, level and place of the part that plays on it (`voices.CHANNEL_KINDS`).
    Understands note on and off, pitch wheel (2 semitones), program change (General MIDI families), CC 7, 10, 11,
    64, 120, 121, 123. Threads: one at a time. Realtime-safe: no, it makes arrays; use `state` with `kernel.render`.
    """

    def __init__(self, sample_rate: int = 48_000) -> None:
        """`sample_rate` in Hz, 22050..96000. Raises UsageError outside."""
        self.sample_rate = sample_rate
        self.state = kernel.make_state(sample_rate)

    def render(self, frames: int, events: Iterable[tuple[int, bytes]] = ()) -> npt.NDArray[np.float32]:
        """The next `frames` frames, shape (frames, 2), within +-0.966.

        `events` are (frame within the block, MIDI bytes) in ascending order; messages other than the channel
        messages above are ignored. What an event starts is heard LATENCY_FRAMES later.
        """
        left = np.zeros(frames, np.float32)
        right = np.zeros(frames, np.float32)
        given = [(frame, data) for frame, data in events if data]
        if given:
            columns = np.array([(frame, *(data + b"\0\0")[:3]) for frame, data in given], np.int64).T.copy()
            kernel.render(*self.state, left, right, frames, *columns, len(given))
        else:
            kernel.render(*self.state, left, right, frames, NO_EVENTS, NO_EVENTS, NO_EVENTS, NO_EVENTS, 0)
        return np.stack((left, right), axis=1)

    @property
    def sounding(self) -> int:
        """Voices that sounded in the last block, released ones included."""
        return int(self.state.ints[at.I_STRUCK] + self.state.ints[at.I_SUSTAINED])

    @property
    def stolen(self) -> int:
        """Notes cut short so far because all voices were busy."""
        return int(self.state.ints[at.I_STOLEN])
