"""ID3v2: the tags in front of an MP3, in a chunk of a WAV, and of a FLAC that was signed.

Written is version 2.4 in UTF-8; read are 2.3 and 2.4, of their text frames the first text. Frames of other kinds are
kept as they are, but compressed and encrypted ones, which nobody writes.

Source: id3.org, ID3v2.3.0 and ID3v2.4.0 (structure and native frames).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import NamedTuple

from .names import ARTIST, TITLE

__all__ = ["Frame", "build", "fields", "parse", "size_of", "with_fields"]

_FRAMES = {TITLE: b"TIT2", ARTIST: b"TPE1"}  # all other names are user-defined texts, TXXX
_NAMES = {frame: name for name, frame in _FRAMES.items()}
_ENCODINGS = ("latin-1", "utf-16", "utf-16-be", "utf-8")  # by the first byte of a text frame
_UTF8 = b"\x03"
_UNSYNCHRONISED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10  # flags of the tag
_PACKED, _LATE, _LENGTH = 0x0C, 0x02, 0x01  # of a 2.4 frame: compressed or encrypted, unsynchronised, with a length
_PACKED_3 = 0xC0  # of a 2.3 frame


class Frame(NamedTuple):
    """A frame: four letters, and its content."""

    name: bytes
    body: bytes


def size_of(data: bytes, at: int = 0) -> int:
    """How many bytes the tag takes that begins at `at`, 0 where none does."""
    head = data[at : at + 10]
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:]) > 127:
        return 0
    return 10 + _from_synchsafe(head[6:]) + (10 if head[5] & _FOOTER else 0)


def parse(tag: bytes) -> list[Frame]:
    """The frames of a tag; of a broken one those before the break, of another version none."""
    size, version = size_of(tag), tag[3:4]
    if not size or version not in (b"\3", b"\4"):
        return []
    late = version == b"\4"
    body = tag[10:size]
    if tag[5] & _UNSYNCHRONISED and not late:
        body = body.replace(b"\xff\0", b"\xff")
    place = 0
    if tag[5] & _EXTENDED:
        place = _from_synchsafe(body[:4]) if late else 4 + int.from_bytes(body[:4], "big")
    frames = []
    while place + 10 <= len(body) and body[place] != 0:
        name, head = body[place : place + 4], body[place + 4 : place + 8]
        length = _from_synchsafe(head) if late else int.from_bytes(head, "big")
        flags = body[place + 9]
        content = body[place + 10 : place + 10 + length]
        if len(content) < length:
            break
        place += 10 + length
        if flags & (_PACKED if late else _PACKED_3):
            continue
        if late and flags & _LENGTH:
            content = content[4:]
        if late and flags & _LATE:
            content = content.replace(b"\xff\0", b"\xff")
        frames.append(Frame(name, content))
    return frames


def build(frames: list[Frame]) -> bytes:
    """A tag of these frames, of version 2.4."""
    body = b"".join(name + _synchsafe(len(content)) + b"\0\0" + content for name, content in frames)
    return b"ID3\4\0\0" + _synchsafe(len(body)) + body


def fields(frames: list[Frame]) -> dict[str, str]:
    """The texts among the frames by their names, see `names`."""
    found: dict[str, str] = {}
    for frame in frames:
        if frame.name in _NAMES:
            found.setdefault(_NAMES[frame.name], _texts(frame.body)[0])
        elif frame.name == b"TXXX":
            name, *texts = _texts(frame.body)
            found.setdefault(name, texts[0] if texts else "")
    return found


def with_fields(frames: list[Frame], texts: dict[str, str]) -> list[Frame]:
    """The frames with these texts in place of any of the same names."""
    kept = [frame for frame in frames if not fields([frame]).keys() & texts.keys()]
    return kept + [_text_frame(name, text) for name, text in texts.items()]


def _text_frame(name: str, text: str) -> Frame:
    content = text.replace("\0", "").encode("utf-8", "replace")
    if name in _FRAMES:
        return Frame(_FRAMES[name], _UTF8 + content)
    return Frame(b"TXXX", _UTF8 + name.encode() + b"\0" + content)


def _texts(body: bytes) -> list[str]:
    """The texts of a text frame, parted by null characters; at least one."""
    encoding = _ENCODINGS[min(body[0], 3)] if body else "latin-1"
    content = body[1:]
    if encoding == "utf-16":  # each text has a byte order mark of its own; the first one counts
        order = "utf-16-be" if content[:2] == b"\xfe\xff" else "utf-16-le"
        return content.decode(order, "replace").replace("\ufeff", "").split("\0")
    return content.decode(encoding, "replace").split("\0")


def _synchsafe(number: int) -> bytes:
    """28 bits in four bytes of seven: no byte looks like the sync of an MP3 frame."""
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def _from_synchsafe(data: bytes) -> int:
    number = 0
    for byte in data[:4]:
        number = number << 7 | byte & 127
    return number
