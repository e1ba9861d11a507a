"""The JACK process callback, compiled: sample-exact MIDI out, frame-exact MIDI in, thru, panic, and the synth's cue.

It runs in JACK's realtime thread and never touches Python. Everything it knows stands in the block (jack_block),
also the addresses of the C functions it calls, so that the compiled code can be kept in numba's cache and the
whole callback can be driven by a test with C functions of its own.

What one period does, in this order: extend the frame counter to 64 bits; take over what the player handed in;
serve its requests (forget, thru off, close all) and what an earlier full buffer owes; then merge the musician's
input and the waiting messages by frame; wake the player; let the synth render.

Threading model: `process` runs in JACK's thread; one producer and one consumer per ring; requests are numbers
that one side raises and the other repeats. Realtime-safe: yes; no lock, no allocation, one write() on input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.numpy_support import carray

from aigc_music.core import parts
from aigc_music.core.parts import HUMAN_CHANNEL
from bridge.backends import jack_block as w
from bridge.backends.freshness import fingerprint

__all__ = ["port_came_or_went", "process", "rate_changed", "server_gone", "size_changed", "xrun"]

# numba compiles a function again for every plain number it is called with; these are of one type and save seconds
_GENERATED, _BY_THRU = np.int64(0), np.int64(1)
_OUT, _CLOCK_OUT, _IN, _CLOCK_IN = np.int64(0), np.int64(1), np.int64(0), np.int64(1)
_AT_START = np.int64(0)  # offset in the period
_THREE = np.int64(3)  # bytes
_RELEASE_VELOCITY = 64


def _call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the C function at `address` with a tuple of int64; what it returns as int64 (upper half undefined).

    Integer and pointer arguments of up to 64 bits may all be passed as 64-bit words on the ABIs JACK runs on.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = ir.IntType(64)
        words: list[Any] = unpack_tuple(builder, values[1])
        function = ir.FunctionType(word, [word] * len(words)).as_pointer()
        return builder.call(builder.inttoptr(values[0], function), words)

    return types.int64(types.int64, arguments), generate


def _pointer(typing_context: Any, address: Any) -> Any:
    """An int64 address as a void pointer, for carray."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


def _fence(typing_context: Any) -> Any:
    """Nothing is read or written across this line."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


call: Any = intrinsic(_call)
pointer: Any = intrinsic(_pointer)
fence: Any = intrinsic(_fence)


@njit
def _before(s: Any, a: int, b: int) -> bool:
    return s[a] < s[b] or (s[a] == s[b] and s[a + 1] < s[b + 1])


@njit
def _swap(s: Any, a: int, b: int) -> None:
    for k in range(4):
        s[a + k], s[b + k] = s[b + k], s[a + k]


@njit
def _heap_push(s: Any, frame: int, order: int, meta: int, packed: int) -> None:
    child = s[w.HEAP_SIZE]
    at = w.HEAP + 4 * child
    s[at], s[at + 1], s[at + 2], s[at + 3] = frame, order, meta, packed
    s[w.HEAP_SIZE] = child + 1
    while child > 0:
        parent = (child - 1) >> 1
        if not _before(s, w.HEAP + 4 * child, w.HEAP + 4 * parent):
            break
        _swap(s, w.HEAP + 4 * child, w.HEAP + 4 * parent)
        child = parent


@njit
def _heap_drop_top(s: Any) -> None:
    size = s[w.HEAP_SIZE] - 1
    s[w.HEAP_SIZE] = size
    for k in range(4):
        s[w.HEAP + k] = s[w.HEAP + 4 * size + k]
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            break
        if child + 1 < size and _before(s, w.HEAP + 4 * (child + 1), w.HEAP + 4 * child):
            child += 1
        if not _before(s, w.HEAP + 4 * child, w.HEAP + 4 * parent):
            break
        _swap(s, w.HEAP + 4 * child, w.HEAP + 4 * parent)
        parent = child


@njit
def _write(s: Any, buffer: int, offset: int, packed: int, length: int) -> bool:
    """Write into a port's buffer; False when it is full or not there."""
    if buffer == 0:
        return False
    s[w.BYTES] = packed
    if call(s[w.EVENT_WRITE], (buffer, offset, s[w.SELF] + 8 * w.BYTES, length)) & 0xFFFFFFFF != 0:
        return False
    s[w.SENT] += 1
    return True


@njit
def _put(s: Any, buffer: int, offset: int, packed: int, length: int) -> bool:
    """Write to midi_out, and to the synth's list of this period; False when either is full."""
    total = s[w.EVENT_TOTAL]
    if total >= w.EVENT_LIMIT or not _write(s, buffer, offset, packed, length):
        return False
    s[w.EVENTS + 2 * total], s[w.EVENTS + 2 * total + 1] = offset, packed
    s[w.EVENT_TOTAL] = total + 1
    return True


@njit
def _put_off(s: Any, buffer: int, offset: int, key: int) -> bool:
    """Write a note_off; when it does not fit, owe it to the next period."""
    packed = (0x80 | key >> 7) | (key & 127) << 8 | _RELEASE_VELOCITY << 16
    if _put(s, buffer, offset, packed, _THREE):
        s[w.OWED_COUNT] -= s[w.OWED + key]
        s[w.OWED + key] = 0
        s[w.ENDED + key] = s[w.FRAME]
        return True
    s[w.OWED_COUNT] += 1 - s[w.OWED + key]
    s[w.OWED + key] = 1
    return False


@njit
def _emit(s: Any, owner: int, buffer: int, offset: int, packed: int, length: int) -> bool:
    """Write a message of `owner` to midi_out as the sounding table demands; False: full, try again next period."""
    kind = packed & 0xF0
    if kind == 0xF0:
        return _put(s, buffer, offset, packed, length)
    channel = packed & 0x0F
    s[w.CHANNELS] |= 1 << channel
    if kind > 0x90:
        return _put(s, buffer, offset, packed, length)
    key = channel << 7 | (packed >> 8 & 127)
    mine = w.HELD + owner * w.KEYS + key
    others = w.HELD + (1 - owner) * w.KEYS + key
    if kind == 0x90 and packed >> 16 & 127:
        if (s[mine] or s[others] or s[w.OWED + key]) and not _put_off(s, buffer, offset, key):
            return False
        if not _put(s, buffer, offset, packed, length):
            return False
        s[mine] = 1 if owner == _BY_THRU else s[mine] + 1
        return True
    s[mine] = max(0, s[mine] - 1)
    if not s[mine] and not s[others]:
        _put_off(s, buffer, offset, key)
    return True


@njit
def _take_over(s: Any) -> None:
    """Move what the player handed in from the ring to the heap."""
    written = s[w.OUT_WRITTEN]
    fence()
    read = s[w.OUT_READ]
    while read < written and s[w.HEAP_SIZE] < w.HEAP_LIMIT:
        at = w.OUT_RING + 3 * (read & (w.OUT_RING_RECORDS - 1))
        _heap_push(s, s[at], read, s[at + 1], s[at + 2])
        read += 1
    fence()
    s[w.OUT_READ] = read


@njit
def _forget(s: Any, buffer: int, port: int, epoch: int) -> None:
    """Drop what waits for `port` from before `epoch`; a note_off whose note_on went out goes out now."""
    count = s[w.HEAP_SIZE]
    for index in range(count):
        for k in range(4):
            s[w.SCRATCH + 4 * index + k] = s[w.HEAP + k]
        _heap_drop_top(s)
    if port == _OUT:
        for key in range(w.KEYS):
            s[w.PENDING + key] = 0
    kept = 0
    for index in range(count):  # in order of time; what is kept stays sorted, so it is a heap again
        at = w.SCRATCH + 4 * index
        meta, packed = s[at + 2], s[at + 3]
        if meta & 0xFF != port or meta >> 16 >= epoch:
            for k in range(4):
                s[w.HEAP + 4 * kept + k] = s[at + k]
            kept += 1
        elif port == _OUT and packed & 0xE0 == 0x80:
            key = (packed & 0x0F) << 7 | (packed >> 8 & 127)
            if packed & 0x10 and packed >> 16 & 127:
                s[w.PENDING + key] += 1
            elif s[w.PENDING + key]:
                s[w.PENDING + key] -= 1
            else:
                _emit(s, _GENERATED, buffer, _AT_START, packed, _THREE)
    s[w.HEAP_SIZE] = kept


@njit
def _release(s: Any, buffer: int, owner: int) -> int:
    """Let `owner` go of all its notes; how many of them nobody else held."""
    ended = 0
    mine, others = w.HELD + owner * w.KEYS, w.HELD + (1 - owner) * w.KEYS
    for key in range(w.KEYS):
        if s[mine + key]:
            s[mine + key] = 0
            if not s[others + key]:
                _put_off(s, buffer, _AT_START, key)
                ended += 1
    return ended


@njit
def _repeat_offs(s: Any, buffer: int) -> None:
    """The server lost a period: end again what was ended lately, for a receiver that did not get to hear it."""
    since = max(0, s[w.FRAME] - s[w.RATE] // 8)
    for key in range(w.KEYS):
        if s[w.ENDED + key] > since and not s[w.HELD + key] and not s[w.HELD + w.KEYS + key]:
            ended = s[w.ENDED + key]
            _put_off(s, buffer, _AT_START, key)
            s[w.ENDED + key] = ended


@njit
def _end_all(s: Any, buffer: int) -> int:
    """End every note, then sustain up, all notes off, all sound off; how many notes sounded."""
    ended = _release(s, buffer, _GENERATED) + _release(s, buffer, _BY_THRU)
    for channel in range(16):
        if s[w.CHANNELS] >> channel & 1:
            for control in (64, 123, 120):
                _put(s, buffer, _AT_START, 0xB0 | channel | control << 8, _THREE)
    return ended


@njit
def _watch_links(s: Any, buffer: int) -> None:
    """A keyboard that goes lets go of its keys; a receiver that comes after one was lost is silenced once.

    Seen here and not by the player: a cable that is pulled and put back takes less time than a look at the ports.
    """
    keyboards = call(s[w.PORT_CONNECTED], (s[w.PORT_IN],)) & 0xFFFFFFFF
    if keyboards < s[w.LINKS_IN]:
        for pitch in range(128):
            if s[w.HELD + _BY_THRU * w.KEYS + (HUMAN_CHANNEL << 7 | pitch)]:
                _receive(s, _IN, _AT_START, _THREE, 0x80 | pitch << 8 | _RELEASE_VELOCITY << 16)
        _release(s, buffer, _BY_THRU)
    s[w.LINKS_IN] = keyboards
    receivers = call(s[w.PORT_CONNECTED], (s[w.PORT_OUT],)) & 0xFFFFFFFF
    if receivers < s[w.LINKS_OUT]:
        s[w.LOST] = 1
    elif receivers > s[w.LINKS_OUT] and s[w.LOST]:
        s[w.LOST], s[w.SETTLE] = 0, 3  # a new connection carries from the next period on
    s[w.LINKS_OUT] = receivers
    if s[w.SETTLE]:
        s[w.SETTLE] -= 1
        if not s[w.SETTLE]:
            _end_all(s, buffer)


@njit
def _serve_requests(s: Any, buffer: int, epoch_out: int, epoch_clock: int, close_asked: int) -> None:
    frame = s[w.FRAME]
    if epoch_out != s[w.EPOCH_SEEN]:
        s[w.EPOCH_SEEN] = epoch_out
        _forget(s, buffer, _OUT, epoch_out)
    if epoch_clock != s[w.EPOCH_SEEN + 1]:
        s[w.EPOCH_SEEN + 1] = epoch_clock
        _forget(s, buffer, _CLOCK_OUT, epoch_clock)
    if s[w.XRUNS] != s[w.XRUNS_SEEN]:
        s[w.XRUNS_SEEN] = s[w.XRUNS]
        _repeat_offs(s, buffer)
    if s[w.OWED_COUNT]:
        for key in range(w.KEYS):
            if s[w.OWED + key]:
                _put_off(s, buffer, _AT_START, key)
    if s[w.THRU] != s[w.THRU_SEEN]:
        s[w.THRU_SEEN] = s[w.THRU]
        if not s[w.THRU]:
            _release(s, buffer, _BY_THRU)
    if s[w.BEAT] != s[w.BEAT_SEEN]:
        s[w.BEAT_SEEN] = s[w.BEAT]
        s[w.BEAT_FRAME] = frame
    elif frame - s[w.BEAT_FRAME] > s[w.RATE] >> 1:
        s[w.BEAT_FRAME] = frame
        _forget(s, buffer, _OUT, np.int64(1) << 40)
        if _release(s, buffer, _GENERATED):
            s[w.HEARTBEATS_LOST] += 1
    if close_asked != s[w.CLOSE_DONE]:
        s[w.CLOSED] = _end_all(s, buffer)
        fence()
        s[w.CLOSE_DONE] = close_asked


@njit
def _send_due(s: Any, buffer: int, clock_buffer: int, limit: int) -> None:
    """Send what waits for a frame before offset `limit` of this period."""
    frame = s[w.FRAME]
    while s[w.HEAP_SIZE]:
        offset = s[w.HEAP] - frame
        if offset >= limit:
            break
        meta, packed = s[w.HEAP + 2], s[w.HEAP + 3]
        late = -offset
        offset = max(0, offset)
        if meta & 0xFF == _OUT:
            if not _emit(s, _GENERATED, buffer, offset, packed, meta >> 8 & 0xFF):
                break  # JACK's buffer is full: the rest leaves in the next period, in order
            if packed & 0xF0 == 0x90 and packed >> 16 & 127:
                s[w.LATENESS + s[w.NOTE_ONS] % w.LATENESS_KEPT] = max(0, late)
                s[w.NOTE_ONS] += 1
                if late > 0:
                    s[w.LATE] += 1
        elif not _write(s, clock_buffer, offset, packed, meta >> 8 & 0xFF):
            s[w.DROPPED] += 1
        _heap_drop_top(s)


@njit
def _fetch(s: Any, buffer: int, index: int) -> Any:
    """Event `index` of an input buffer as (offset, length, packed bytes); length 0 when it is not a message."""
    call(s[w.EVENT_GET], (s[w.SELF] + 8 * w.EVENT, buffer, index))
    offset, length = s[w.EVENT] & 0xFFFFFFFF, s[w.EVENT + 1]
    data = carray(pointer(s[w.EVENT + 2]), 3, np.uint8)
    if length < 1:
        return offset, 0, 0
    status = np.int64(data[0])
    if status == 0xF0:
        s[w.SYSEX_SKIPPED] += 1
        return offset, 0, 0
    needed = 3
    if status < 0x80 or status in (0xF4, 0xF5, 0xF7, 0xF9, 0xFD):
        needed = 0
    elif status >= 0xF4:
        needed = 1
    elif status & 0xE0 == 0xC0 or status == 0xF1 or status == 0xF3:
        needed = 2
    if length != needed:
        s[w.INVALID] += 1
        return offset, 0, 0
    packed = status
    for k in range(1, length):
        if data[k] > 127:
            s[w.INVALID] += 1
            return offset, 0, 0
        packed |= np.int64(data[k]) << 8 * k
    if packed & 0xFF00F0 == 0x90:  # a note_on of velocity 0 is a note_off
        packed = (packed & 0xFF8F) | _RELEASE_VELOCITY << 16
    return offset, length, packed


@njit
def _receive(s: Any, port: int, offset: int, length: int, packed: int) -> None:
    written = s[w.IN_WRITTEN]
    if written - s[w.IN_READ] >= w.IN_RING_RECORDS:
        s[w.DROPPED] += 1
        return
    at = w.IN_RING + 3 * (written & (w.IN_RING_RECORDS - 1))
    s[at], s[at + 1], s[at + 2] = s[w.FRAME] + offset, port | length << 8, packed
    fence()
    s[w.IN_WRITTEN] = written + 1
    s[w.RECEIVED] += 1


@njit
def _buffer(s: Any, port: int, frames: int) -> Any:
    """A port's buffer of this period; 0 when there is none (PipeWire, in its first periods)."""
    return call(s[w.GET_BUFFER], (port, frames)) if port else np.int64(0)


@njit
def _wake(s: Any) -> None:
    s[w.ONE] = 1
    call(s[w.WAKE_WRITE], (s[w.WAKE_FD], s[w.SELF] + 8 * w.ONE, np.int64(8)))


@njit
def _watch_transport(s: Any) -> None:
    """Note where the song is at the first frame of this period; only in here do the two belong together."""
    before = s[w.TRANSPORT_STATE]
    s[w.TRANSPORT_TURN] += 1
    fence()
    state = call(s[w.TRANSPORT_QUERY], (s[w.CLIENT], s[w.SELF] + 8 * w.POSITION)) & 0xFFFFFFFF
    s[w.TRANSPORT_STATE], s[w.TRANSPORT_FRAME] = state, s[w.FRAME]
    fence()
    s[w.TRANSPORT_TURN] += 1
    if state != before:
        _wake(s)


@njit
def _period(s: Any, frames: int) -> None:
    """Everything that one period does; the order is in the module's description."""
    frame32 = call(s[w.FRAME_TIME], (s[w.CLIENT],)) & 0xFFFFFFFF
    if s[w.STARTED]:
        step = (frame32 - s[w.FRAME]) & 0xFFFFFFFF
        s[w.FRAME] += step - ((step & 0x80000000) << 1)
    else:
        s[w.FRAME] = s[w.BEAT_FRAME] = frame32
    s[w.PERIOD] = frames
    s[w.STARTED] = 1
    s[w.EVENT_TOTAL] = 0
    close_asked = s[w.CLOSE_ASKED]  # before the epochs: the player raises those first
    fence()

    out, clock_out = _buffer(s, s[w.PORT_OUT], frames), _buffer(s, s[w.PORT_CLOCK_OUT], frames)
    if out:
        call(s[w.CLEAR], (out,))
    if clock_out:
        call(s[w.CLEAR], (clock_out,))
    if out:
        # before the ring: what the ring holds by then is of these epochs or newer
        epoch_out, epoch_clock = s[w.EPOCH], s[w.EPOCH + 1]
        fence()
        _take_over(s)
        _serve_requests(s, out, epoch_out, epoch_clock, close_asked)

    arrived = s[w.IN_WRITTEN]
    if out:
        _watch_links(s, out)
    clock_in = _buffer(s, s[w.PORT_CLOCK_IN], frames)
    if clock_in:
        for index in range(call(s[w.EVENT_COUNT], (clock_in,)) & 0xFFFFFFFF):
            offset, length, packed = _fetch(s, clock_in, index)
            if length:
                _receive(s, _CLOCK_IN, offset, length, packed)
    music_in = _buffer(s, s[w.PORT_IN], frames)
    if music_in:
        for index in range(call(s[w.EVENT_COUNT], (music_in,)) & 0xFFFFFFFF):
            offset, length, packed = _fetch(s, music_in, index)
            if not length:
                continue
            _receive(s, _IN, offset, length, packed)
            if s[w.THRU_SEEN] and packed & 0xFF < 0xF0:
                if out:
                    _send_due(s, out, clock_out, offset)
                copy = (packed & ~np.int64(0x0F)) | HUMAN_CHANNEL
                if not _emit(s, _BY_THRU, out, offset, copy, length):
                    s[w.DROPPED] += 1
    if out:
        _send_due(s, out, clock_out, frames)
    if s[w.IN_WRITTEN] != arrived:
        _wake(s)

    if s[w.SYNTH] and s[w.PORT_LEFT]:
        left, right = _buffer(s, s[w.PORT_LEFT], frames), _buffer(s, s[w.PORT_RIGHT], frames)
        if left and right:
            call(s[w.SYNTH], (s[w.SYNTH_STATE], s[w.SELF] + 8 * w.EVENTS, s[w.EVENT_TOTAL], left, right, frames))
    if s[w.TRANSPORT_QUERY]:
        _watch_transport(s)
    fence()
    s[w.CYCLES] += 1


def _compile(version: int) -> tuple[Any, ...]:
    """The callbacks, from numba's cache where it holds this version of the sources."""

    @cfunc(types.int32(types.uint32, types.voidptr), cache=True)
    def process(frame_count: int, argument: Any) -> int:
        """JACK's process callback; `argument` is the block."""
        _ = version
        _period(carray(argument, w.WORDS, np.int64), np.int64(frame_count))
        return 0

    @cfunc(types.void(types.uint32, types.int32, types.voidptr), cache=True)
    def port_came_or_went(number: int, came: int, argument: Any) -> None:
        """JACK's port registration callback: keeps the numbers of the ports that came."""
        _ = version
        if came:
            s = carray(argument, w.WORDS, np.int64)
            s[w.BIRTHS + s[w.BORN] % w.BIRTHS_KEPT] = np.int64(number)
            fence()
            s[w.BORN] += 1

    @cfunc(types.int32(types.voidptr), cache=True)
    def xrun(argument: Any) -> int:
        """JACK's xrun callback: counts."""
        _ = version
        carray(argument, w.WORDS, np.int64)[w.XRUNS] += 1
        return 0

    @cfunc(types.int32(types.uint32, types.voidptr), cache=True)
    def size_changed(frames: int, argument: Any) -> int:
        """JACK's buffer size callback."""
        _ = version
        carray(argument, w.WORDS, np.int64)[w.PERIOD] = np.int64(frames)
        return 0

    @cfunc(types.int32(types.uint32, types.voidptr), cache=True)
    def rate_changed(rate: int, argument: Any) -> int:
        """JACK's sample rate callback."""
        _ = version
        carray(argument, w.WORDS, np.int64)[w.RATE] = np.int64(rate)
        return 0

    @cfunc(types.void(types.voidptr), cache=True)
    def server_gone(argument: Any) -> None:
        """JACK's shutdown callback: raises a flag and wakes the player."""
        _ = version
        s = carray(argument, w.WORDS, np.int64)
        s[w.DEAD] = 1
        _wake(s)

    return process, port_came_or_went, xrun, size_changed, rate_changed, server_gone


process, port_came_or_went, xrun, size_changed, rate_changed, server_gone = _compile(fingerprint((w, parts)))
