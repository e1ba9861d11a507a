"""MIDI bytes -> whole messages: one tokenizer and one check, used at every port.

A `Parser` takes bytes as a wire brings them: running status, realtime bytes in the middle of other messages,
system exclusive cut short or without an end, noise. What comes out is whole and valid, one message a `bytes`.
`whole` is the same law for data that claims to be exactly one message already.

Threads: a Parser belongs to one thread. Realtime-safe: no (Python).
"""

from __future__ import annotations

__all__ = ["SYSEX_LIMIT", "Parser", "normalise", "whole"]

SYSEX_LIMIT = 65_536
"""Longest system exclusive message that is kept, in bytes with both ends; longer ones are skipped."""

# length in bytes by status, 0 = not a message of fixed length or undefined by the MIDI standard
_LENGTHS = (
    bytes(128) + bytes([3] * 64 + [2] * 32 + [3] * 16) + bytes([0, 2, 3, 2, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1])
)
_UNDEFINED = frozenset((0xF4, 0xF5, 0xF9, 0xFD))
_RELEASE_VELOCITY = 64  # what the MIDI standard asks of a note_off that stands for a note_on of velocity 0


def whole(data: bytes) -> bool:
    """True when `data` is exactly one valid MIDI message (system exclusive up to SYSEX_LIMIT bytes)."""
    if not data:
        return False
    if data[0] == 0xF0:
        return 2 <= len(data) <= SYSEX_LIMIT and data[-1] == 0xF7 and max(data[1:-1], default=0) < 0x80
    return len(data) == _LENGTHS[data[0]] and max(data[1:], default=0) < 0x80


def normalise(data: bytes) -> bytes:
    """A note_on of velocity 0 as the note_off that it means; everything else unchanged."""
    if len(data) == 3 and data[0] & 0xF0 == 0x90 and not data[2]:
        return bytes((data[0] & 0x8F, data[1], _RELEASE_VELOCITY))
    return data


class Parser:
    """Cuts a stream of MIDI bytes into messages. `invalid` counts everything that had to be thrown away."""

    def __init__(self) -> None:
        self.invalid = 0
        self._status = 0  # 0: none, else the status that data bytes belong to (running status, or 0xF0)
        self._need = 0
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, in order; unfinished bytes wait for the next call.

        Realtime bytes come out where they stand, that is before the message they interrupt.
        """
        out: list[bytes] = []
        for byte in data:
            if byte < 0x80:
                self._take_data(byte, out)
            elif byte >= 0xF8:
                if byte in _UNDEFINED:
                    self.invalid += 1
                else:
                    out.append(bytes((byte,)))
            else:
                self._take_status(byte, out)
        return out

    def _take_data(self, byte: int, out: list[bytes]) -> None:
        status, pending = self._status, self._data
        if not status:
            self.invalid += 1
            return
        pending.append(byte)
        if status == 0xF0:
            if len(pending) >= SYSEX_LIMIT:  # its end and the rest of its data are noise from here on
                self.invalid += 1
                self._status = 0
                pending.clear()
        elif len(pending) == self._need:
            out.append(normalise(bytes(pending)))
            if status < 0xF0:
                del pending[1:]  # running status: the next data bytes continue with the same first byte
            else:
                self._status = 0
                pending.clear()

    def _take_status(self, byte: int, out: list[bytes]) -> None:
        pending = self._data
        if byte == 0xF7 and self._status == 0xF0:
            pending.append(byte)
            out.append(bytes(pending))
            self._status = 0
            pending.clear()
            return
        if len(pending) > 1 or (pending and pending[0] >= 0xF0):
            self.invalid += 1  # a message cut short
        pending.clear()
        if byte == 0xF7 or byte in _UNDEFINED:
            self.invalid += 1
            self._status = 0
        elif _LENGTHS[byte] == 1:
            out.append(bytes((byte,)))
            self._status = 0
        else:
            self._status, self._need = byte, _LENGTHS[byte]
            pending.append(byte)
