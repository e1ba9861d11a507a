"""A foreign keyboard: RtMidi's own JACK client, `python -m tests.real.keyboard NAME`.

Lines on stdin are messages in hex ("90 3c 64"), sent as they come; the port is NAME:out. With a MIDI file as
second argument the file is played once, in time, as soon as a line says "play".
"""

from __future__ import annotations

import sys
import time

import mido
import rtmidi


def main() -> None:
    """Send until stdin ends."""
    port = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=sys.argv[1])
    port.open_virtual_port("out")
    for line in sys.stdin:
        if line.strip() != "play":
            port.send_message(list(bytes.fromhex(line)))
            continue
        started = time.monotonic()
        at = 0.0
        for message in mido.MidiFile(sys.argv[2]):
            at += message.time
            time.sleep(max(0.0, started + at - time.monotonic()))
            if not message.is_meta:
                port.send_message(message.bytes())


if __name__ == "__main__":
    main()
