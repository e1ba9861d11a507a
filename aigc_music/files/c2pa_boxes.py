"""Where a C2PA manifest store lies in a file: to find it, to put another of the same length there, to take it out.

    unsigned(data)          the file as it was before it was signed
    store_of(data)          the manifest store inside, None where there is none

So the hash of what a file holds can be told without and with a signature, and a signature is no reason to call a
file changed. The law is unsigned(signed(x)) == x, byte for byte, for every format of KINDS.

Where it lies (C2PA Technical Specification 2.2, "Embedding manifests"): JPEG: APP11 segments (JUMBF of ISO 19566-5,
in pieces where it is long); PNG: a caBX chunk; WAV: a C2PA chunk at the end; MP3 and FLAC: a GEOB frame of an ID3v2
tag in front; MP4: a uuid box behind ftyp, which moves all that follows, so the chunk offsets of the tracks count it.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["KINDS", "store_of", "unsigned", "with_store", "with_tag", "without_tag"]

KINDS: tuple[str, ...] = ("jpeg", "png", "wav", "mp3", "flac", "mp4")

_PNG = b"\x89PNG\r\n\x1a\n"
_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_GEOB_TYPE = b"application/c2pa\0"
_GEOB_HEAD = b"\0" + _GEOB_TYPE + b"c2pa\0" + b"c2pa manifest store\0"  # encoding, type, file name, description
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


class _Found(NamedTuple):
    """blocks: (start, end) of what signing added. pieces: (start, end) of the store, in order, within them."""

    blocks: tuple[tuple[int, int], ...]
    pieces: tuple[tuple[int, int], ...]


def store_of(data: bytes) -> bytes | None:
    """The manifest store (JUMBF) inside a file of any of KINDS; None where there is none."""
    found = _find(data)
    return None if found is None else b"".join(data[start:end] for start, end in found.pieces)


def with_store(data: bytes, store: bytes) -> bytes:
    """The file with another manifest store of the same length. ValueError for another length, or no store there."""
    found = _find(data)
    if found is None or sum(end - start for start, end in found.pieces) != len(store):
        raise ValueError("there is no manifest store of this length to put it in the place of")
    changed, place = bytearray(data), 0
    for start, end in found.pieces:
        changed[start:end] = store[place : place + end - start]
        place += end - start
    if data.startswith(_PNG):
        for start, end in found.blocks:
            changed[end - 4 : end] = zlib.crc32(changed[start + 4 : end - 4]).to_bytes(4, "big")
    return bytes(changed)


def unsigned(data: bytes) -> bytes:
    """The file as it was before it was signed; itself where it is not signed, or of another kind."""
    found = _find(data)
    if found is None:
        return data
    parts, place = [], 0
    for start, end in found.blocks:
        parts.append(data[place:start])
        place = end
    rest = b"".join([*parts, data[place:]])
    removed = sum(end - start for start, end in found.blocks)
    if data[:4] == b"RIFF":
        return rest[:4] + (int.from_bytes(rest[4:8], "little") - removed).to_bytes(4, "little") + rest[8:]
    if data[:3] == b"ID3":
        return rest if found.blocks[0][0] == 0 else rest[:6] + _syncsafe(_size_of_tag(data) - removed) + rest[10:]
    if data[4:8] == b"ftyp":
        return _moved(rest, found.blocks[0][0], -removed)
    return rest


def _find(data: bytes) -> _Found | None:
    if data[:2] == b"\xff\xd8":
        return _in_jpeg(data)
    if data.startswith(_PNG):
        return _in_png(data)
    if data[:4] == b"RIFF":
        return _in_riff(data)
    if data[:3] == b"ID3":
        return _in_tag(data)
    return _in_mp4(data) if data[4:8] == b"ftyp" else None


# ------------------------------------------------------------------------------------------- JPEG, PNG, WAV


def _in_jpeg(data: bytes) -> _Found | None:
    """APP11 segments: marker, length, 'JP', number of the box, number of the piece, then the piece, which repeats
    the head of the box from the second on."""
    rows: list[tuple[bytes, int, int]] = []
    place = 2
    while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] not in (b"\xda", b"\xd9", b""):
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place + 1] == 0xEB and data[place + 4 : place + 6] == b"JP":
            rows.append((data[place + 6 : place + 8], place, end))
        place = end
    ours = {
        box for box, start, end in rows if data[start + 16 : start + 20] == b"jumb" and b"c2pa" in data[start:end]
    }
    rows = [row for row in rows if row[0] in ours]
    if not rows:
        return None
    pieces = [(start + (12 if number == 0 else 20), end) for number, (_, start, end) in enumerate(rows)]
    return _Found(tuple((start, end) for _, start, end in rows), tuple(pieces))


def _in_png(data: bytes) -> _Found | None:
    place = len(_PNG)
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"caBX":
            return _Found(((place, end),), ((place + 8, end - 4),))
        place = end
    return None


def _in_riff(data: bytes) -> _Found | None:
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        end = place + 8 + size
        if data[place : place + 4] == b"C2PA":
            return _Found(((place, min(end + size % 2, len(data))),), ((place + 8, end),))
        place = end + size % 2
    return None


# -------------------------------------------------------------------------------------------- ID3v2 in front


def with_tag(data: bytes, store: bytes) -> bytes:
    """An MP3 or FLAC file with a manifest store as the first frame of its ID3v2 tag, which is made where there is
    none. The frame lies at the same place whatever else the tag holds. ValueError for tags with an extended header
    or an unsynchronisation, which we do not write."""
    frames, rest, major = b"", data, 4
    if data[:3] == b"ID3":
        major = data[3]
        if major not in (3, 4) or data[5]:
            raise ValueError("an ID3 tag of a form that cannot be signed: version 2.3 or 2.4 without flags can")
        size = _size_of_tag(data)
        frames, rest = data[10 : 10 + size], data[10 + size :]
    body = _GEOB_HEAD + store
    length = _syncsafe(len(body)) if major == 4 else len(body).to_bytes(4, "big")
    frames = b"GEOB" + length + b"\0\0" + body + frames
    return b"ID3" + bytes([major, 0, 0]) + _syncsafe(len(frames)) + frames + rest


def without_tag(data: bytes) -> bytes:
    """An MP3 or FLAC file without the ID3v2 tag in front."""
    return data[10 + _size_of_tag(data) :] if data[:3] == b"ID3" else data


def _in_tag(data: bytes) -> _Found | None:
    place, end_of_tag = 10, min(10 + _size_of_tag(data), len(data))
    while place + 10 <= end_of_tag and data[place : place + 1].isalpha():
        size = (
            _unsyncsafe(data[place + 4 : place + 8]) if data[3] == 4 else int.from_bytes(data[place + 4 : place + 8])
        )
        end = place + 10 + size
        if data[place : place + 4] == b"GEOB" and data[place + 11 : place + 11 + len(_GEOB_TYPE)] == _GEOB_TYPE:
            head = data.find(b"\0", data.find(b"\0", place + 11 + len(_GEOB_TYPE)) + 1) + 1
            alone = place == 10 and end == end_of_tag  # the tag was made for it
            return _Found(((0 if alone else place, end),), ((head, end),))
        place = end
    return None


def _size_of_tag(data: bytes) -> int:
    return _unsyncsafe(data[6:10])


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _unsyncsafe(data: bytes) -> int:
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


# ------------------------------------------------------------------------------------------------------- MP4


def _boxes(data: bytes, place: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(type, start, start of its content, end) of the ISO boxes between two places."""
    while place + 8 <= end:
        size, inside = int.from_bytes(data[place : place + 4], "big"), place + 8
        if size == 1:
            size, inside = int.from_bytes(data[place + 8 : place + 16], "big"), place + 16
        if size == 0:
            size = end - place
        if size < inside - place or place + size > end:
            return
        yield data[place + 4 : place + 8], place, inside, place + size
        place += size


def _in_mp4(data: bytes) -> _Found | None:
    for name, start, inside, end in _boxes(data, 0, len(data)):
        if name == b"uuid" and data[inside : inside + 16] == _UUID:
            text = data.find(b"\0", inside + 20)  # version and flags, purpose, then the place of a Merkle box
            if data[inside + 20 : text] == b"manifest":
                store = text + 9
                length = int.from_bytes(data[store : store + 4], "big")
                return _Found(((start, end),), ((store, min(store + length, end)),))
    return None


def _moved(data: bytes, behind: int, by: int) -> bytes:
    """An MP4 whose chunk offsets beyond `behind` are moved by so many bytes."""
    changed = bytearray(data)

    def walk(start: int, end: int) -> None:
        for name, _, inside, box_end in _boxes(data, start, end):
            if name in _CONTAINERS:
                walk(inside, box_end)
            elif name in (b"stco", b"co64"):
                width = 4 if name == b"stco" else 8
                count = int.from_bytes(data[inside + 4 : inside + 8], "big")
                last = min(inside + 8 + count * width, box_end)
                for place in range(inside + 8, last - width + 1, width):
                    offset = int.from_bytes(data[place : place + width], "big")
                    if offset > behind and offset + by >= 0:
                        changed[place : place + width] = (offset + by).to_bytes(width, "big")

    walk(0, len(data))
    return bytes(changed)
