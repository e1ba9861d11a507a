"""A foreign keyboard: RtMidi's own JACK client, `python -m tests.real.keyboard NAME`.

Lines on stdin are messages in hex ("90 3c 64"), sent as they come; the port is NAME:out. With a MIDI file as
second argument the file is played once, in time, when a line says "play". "clock 125 96 140 48" sends 96 pulses of
MIDI clock at 125 bpm and 48 at 140. RtMidi puts all of a period at its beginning: a clock as jittery as they come.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time

import mido
import rtmidi


def main() -> None:
    """Send until stdin ends."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(30))
    port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=sys.argv[1])
    port.open_virtual_port("out")
    for line in sys.stdin:
        word, *numbers = line.split()
        if word == "play":
            messages = ((m.time, [] if m.is_meta else m.bytes()) for m in mido.MidiFile(sys.argv[2]))
        elif word == "clock":
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            messages = ((2.5 / float(bpm), [0xF8]) for bpm, count in pairs for _ in range(int(count)))
        else:
            messages = iter([(0.0, list(bytes.fromhex(line)))])
        at = time.monotonic()
        for seconds, message in messages:  # (seconds since the one before, bytes)
            at += seconds
            time.sleep(max(0.0, at - time.monotonic()))
            if message:
                port.send_message(message)


if __name__ == "__main__":
    main()
