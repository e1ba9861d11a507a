"""The built-in synth inside the JACK callback: the cue that turns a period's messages into audio_1 and audio_2.

It is a second compiled function behind a pointer in the block, so a start without sound does not load the synth.

Threading model: `cue` runs in JACK's thread, after the MIDI of the period. Realtime-safe: yes, as `render` is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import cfunc, types
from numba.np.numpy_support import carray

from bridge.backends import jack_block as w
from bridge.backends import jack_process
from bridge.backends.freshness import fingerprint
from bridge.backends.jack_process import pointer
from bridge.synth import effects, kernel, layout, struck, sustained, vector

__all__ = ["Cue", "make_cue"]

# words of the cue's own state: three addresses, then four columns of EVENT_LIMIT events
_INTS, _FLOATS, _TABLES, _COLUMNS = 0, 1, 2, 8
_WORDS = _COLUMNS + 4 * w.EVENT_LIMIT
_INTS_SIZE, _FLOATS_SIZE, _TABLES_SIZE = layout.INTS, layout.FLOATS, layout.TABLES
_render = kernel.render


class Cue(NamedTuple):
    """A synth for one sample rate: addresses for the block, and what must stay in memory."""

    function: int
    state: int
    synth: kernel.State
    words: np.ndarray


def _compile(version: int) -> Any:
    @cfunc(types.int64(*[types.int64] * 6), cache=True)
    def cue(state: int, events: int, count: int, left: int, right: int, frames: int) -> int:
        """See JackBackend.attach_synth."""
        _ = version
        s = carray(pointer(state), _WORDS, np.int64)
        pairs = carray(pointer(events), 2 * w.EVENT_LIMIT, np.int64)
        for index in range(count):
            packed = pairs[2 * index + 1]
            s[_COLUMNS + index] = pairs[2 * index]
            for column in range(1, 4):
                s[_COLUMNS + column * w.EVENT_LIMIT + index] = packed >> 8 * (column - 1) & 0xFF
        _render(
            carray(pointer(s[_INTS]), _INTS_SIZE, np.int64),
            carray(pointer(s[_FLOATS]), _FLOATS_SIZE, np.float32),
            carray(pointer(s[_TABLES]), _TABLES_SIZE, np.float32),
            carray(pointer(left), frames, np.float32),
            carray(pointer(right), frames, np.float32),
            frames,
            s[_COLUMNS : _COLUMNS + w.EVENT_LIMIT],
            s[_COLUMNS + w.EVENT_LIMIT : _COLUMNS + 2 * w.EVENT_LIMIT],
            s[_COLUMNS + 2 * w.EVENT_LIMIT : _COLUMNS + 3 * w.EVENT_LIMIT],
            s[_COLUMNS + 3 * w.EVENT_LIMIT : _COLUMNS + 4 * w.EVENT_LIMIT],
            count,
        )
        return 0

    return cue


_cue = _compile(fingerprint((w, jack_process, kernel, struck, sustained, effects, layout, vector)))


def make_cue(sample_rate: int) -> Cue:
    """A silent synth for `sample_rate` Hz. UsageError for a rate that the synth cannot run at."""
    synth = kernel.make_state(sample_rate)
    words = np.zeros(_WORDS, np.int64)
    for word, array in ((_INTS, synth.ints), (_FLOATS, synth.floats), (_TABLES, synth.tables)):
        words[word] = array.ctypes.data
    return Cue(_cue.address, words.ctypes.data, synth, words)
