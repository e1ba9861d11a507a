"""The block: one int64 array through which the player and the compiled JACK callback talk.

A table of word indices, first the single words, then the arrays. Which side writes a word stands behind it:
(py) the player's thread, (cb) the callback; nobody else may. Needs neither numba nor numpy.
"""

from __future__ import annotations

__all__ = [
    "BIRTHS_KEPT",
    "EVENT_WORDS",
    "HEAP_LIMIT",
    "IN_RECORD_WORDS",
    "IN_RING_RECORDS",
    "KEYS",
    "LATENESS_KEPT",
    "MESSAGE_BYTES",
    "OUT_RECORD_WORDS",
    "OUT_RING_RECORDS",
    "POSITION_WORDS",
    "WORDS",
]  # fmt: skip

MESSAGE_BYTES = 8  # longest message: it travels packed in one word, first byte lowest
KEYS = 2048  # channel * 128 + pitch
OUT_RING_RECORDS, OUT_RECORD_WORDS = 4096, 3  # frame, port | length << 8 | epoch << 16, packed bytes
IN_RING_RECORDS, IN_RECORD_WORDS = 16_384, 3  # frame, port | length << 8, packed bytes
HEAP_LIMIT, HEAP_WORDS = 8192, 4  # frame, order of sending, and the rest of the out record
LATENESS_KEPT = 4096
BIRTHS_KEPT = 64
POSITION_WORDS = 32
EVENT_LIMIT, EVENT_WORDS = 4096, 2  # offset in the period, packed bytes: what the synth hears in this period

# single words
SELF = 0  # (py) address of the block
GET_BUFFER, CLEAR, EVENT_WRITE, FRAME_TIME, EVENT_COUNT, EVENT_GET, WAKE_WRITE = range(1, 8)  # (py) C functions
CLIENT, PORT_OUT, PORT_CLOCK_OUT, PORT_IN, PORT_CLOCK_IN, PORT_LEFT, PORT_RIGHT = range(8, 15)  # (py) handles
WAKE_FD = 15  # (py) descriptor that is written to when something arrived
RATE, PERIOD = 16, 17  # (cb) frames per second, frames per period
FRAME, STARTED, CYCLES = (
    18,
    19,
    20,
)  # (cb) 64-bit frame of the period's start, 0 before the first, periods so far
BEAT = 21  # (py) grows with every sign of life of the player
BEAT_SEEN, BEAT_FRAME, HEARTBEATS_LOST = 22, 23, 24  # (cb)
EPOCH, EPOCH_SEEN = 25, 27  # (py), (cb) two each, by port: records of an older epoch are forgotten
CLOSE_ASKED, CLOSE_DONE, CLOSED = (
    29,
    30,
    31,
)  # (py), (cb), (cb) requests to end all notes; notes ended by the last
THRU, THRU_SEEN = 32, 33  # (py), (cb)
SENT, RECEIVED, LATE, DROPPED, INVALID, SYSEX_SKIPPED, XRUNS, NOTE_ONS = range(34, 42)  # (cb) counters
DEAD = 42  # (cb) 1 once the server is gone
OUT_WRITTEN, OUT_READ = 43, 44  # (py), (cb)
IN_WRITTEN, IN_READ = 45, 46  # (cb), (py)
HEAP_SIZE, OWED_COUNT, CHANNELS, EVENT_TOTAL = 47, 48, 49, 50  # (cb)
BYTES, ONE, EVENT = (
    51,
    52,
    53,
)  # (cb) scratch: bytes to write, the number 1, a jack_midi_event_t of three words
SYNTH, SYNTH_STATE = 56, 57  # (py) address of the synth's function, 0 for none, and of its state

PORT_CONNECTED = 58  # (py) C function
LINKS_IN, LINKS_OUT = 59, 60  # (cb) how many peers midi_in and midi_out had in the last period
LOST = 61  # (cb) 1 from the loss of a receiver until another one comes; also (py) while no callback runs
SETTLE = 62  # (cb) periods until all is ended at the receiver that came, 0: not due
BORN = 63  # (cb) ports that appeared on the server so far

XRUNS_SEEN = 64  # (cb)
TRANSPORT_QUERY = 65  # (py) C function, 0 while nobody wants to know
TRANSPORT_TURN = 66  # (cb) odd while the three below are being written
TRANSPORT_STATE, TRANSPORT_FRAME = 67, 68  # (cb) JACK's transport, and the period's first frame it goes with

# arrays
OUT_RING = 72
IN_RING = OUT_RING + OUT_RING_RECORDS * OUT_RECORD_WORDS
HEAP = IN_RING + IN_RING_RECORDS * IN_RECORD_WORDS
SCRATCH = HEAP + HEAP_LIMIT * HEAP_WORDS
HELD = SCRATCH + HEAP_LIMIT * HEAP_WORDS  # two tables of KEYS: how often a note is held by GENERATED, by THRU
OWED = HELD + 2 * KEYS  # 1 where a note_off did not fit into JACK's buffer
PENDING = OWED + KEYS
LATENESS = PENDING + KEYS  # frames, of the last note_ons
EVENTS = LATENESS + LATENESS_KEPT
BIRTHS = EVENTS + EVENT_LIMIT * EVENT_WORDS  # numbers of the last ports that appeared
ENDED = BIRTHS + BIRTHS_KEPT  # by key: frame of the last note_off, 0 for none
POSITION = ENDED + KEYS  # a jack_position_t, with room to spare
WORDS = POSITION + POSITION_WORDS
