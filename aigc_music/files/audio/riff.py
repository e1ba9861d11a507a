"""WAV files: chunks, of which two or three are the sound and the others speak of it.

Title and artist stand in the INFO list, which old programs read, and with the record in a chunk of ID3, which keeps
any script; China's label has a chunk of its own, named AIGC.

Source: Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0 (1991).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from . import id3
from .names import ARTIST, LABEL, TITLE

__all__ = ["bare", "fields", "is_wave", "missing_bytes", "with_fields"]

_SOUND = (b"fmt ", b"fact", b"data")
_INFO = {TITLE: b"INAM", ARTIST: b"IART"}
_ID3 = (b"id3 ", b"ID3 ")
_LABEL = LABEL.encode()
_UNKNOWN = (0, 0xFFFFFFFF)  # sizes that a program writes which does not know how much will come

Chunk = tuple[bytes, bytes]


def is_wave(data: bytes) -> bool:
    """Whether these are the bytes of a WAV file."""
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


def bare(data: bytes) -> bytes:
    """The file with its sound alone."""
    return _joined([chunk for chunk in _chunks(data) if chunk[0] in _SOUND])


def missing_bytes(data: bytes) -> int:
    """How many bytes its sound lacks of what its header states: 0 for a whole file."""
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"data":
            return 0 if size in _UNKNOWN else max(0, place + 8 + size - len(data))
        place += 8 + size + size % 2
    return 0


def fields(data: bytes) -> dict[str, str]:
    """The texts of its tags."""
    found: dict[str, str] = {}
    for name, body in _chunks(data):
        if name in _ID3:
            found |= id3.fields(id3.parse(body))
        elif name == _LABEL:
            found[LABEL] = body.rstrip(b"\0").decode("utf-8", "replace")
        elif name == b"LIST" and body[:4] == b"INFO":
            rows = dict(_rows(body, 4))
            found = {field: _text(rows[row]) for field, row in _INFO.items() if row in rows} | found
    return found


def with_fields(data: bytes, texts: dict[str, str]) -> bytes:
    """The file with these texts in place of any of the same names; all else stays."""
    frames: list[id3.Frame] = []
    info: dict[bytes, bytes] = {}
    kept: list[Chunk] = []
    for name, body in _chunks(data):
        if name in _ID3:
            frames += id3.parse(body)
        elif name == b"LIST" and body[:4] == b"INFO":
            info |= dict(_rows(body, 4))
        elif name != _LABEL or LABEL not in texts:
            kept.append((name, body))
    info |= {row: texts[field].encode("utf-8", "replace") + b"\0" for field, row in _INFO.items() if field in texts}
    frames = id3.with_fields(frames, {name: text for name, text in texts.items() if name != LABEL})
    if info:
        kept.append((b"LIST", b"INFO" + _packed(list(info.items()))))
    if frames:
        kept.append((_ID3[0], id3.build(frames)))
    if LABEL in texts:
        kept.append((_LABEL, texts[LABEL].encode("utf-8", "replace")))
    return _joined(kept)


def _chunks(data: bytes) -> list[Chunk]:
    return _rows(data, 12)


def _rows(data: bytes, place: int) -> list[Chunk]:
    """(name, content) from `place` on; the last content may be shorter than it says."""
    found = []
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        found.append((data[place : place + 4], data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    return found


def _packed(chunks: list[Chunk]) -> bytes:
    return b"".join(name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2) for name, body in chunks)


def _joined(chunks: list[Chunk]) -> bytes:
    body = b"WAVE" + _packed(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _text(body: bytes) -> str:
    return body.split(b"\0")[0].decode("utf-8", "replace")
