"""FLAC files: blocks of metadata, then frames of sound.

Source: RFC 9639; a tag of ID3 may stand in front, as C2PA's signatures do. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from . import id3

__all__ = ["bare", "fields", "is_flac", "with_fields"]

_STREAMINFO, _COMMENT = 0, 4
_VENDOR = "aigc-music"


def is_flac(data: bytes) -> bool:
    """Whether these are the bytes of a FLAC file."""
    start = id3.size_of(data)
    return data[start : start + 4] == b"fLaC"


def bare(data: bytes) -> bytes:
    """What is needed to play it: the first block, which says how it is coded, and the frames."""
    _, blocks, sound = _parts(data)
    return _joined(b"", [block for block in blocks if block[0] == _STREAMINFO], sound)


def fields(data: bytes) -> dict[str, str]:
    """The texts of its Vorbis comment."""
    _, blocks, _ = _parts(data)
    found: dict[str, str] = {}
    for kind, body in blocks:
        if kind == _COMMENT:
            for row in _rows(body):
                name, _, text = row.partition("=")
                found.setdefault(name.upper(), text)
    return found


def with_fields(data: bytes, texts: dict[str, str]) -> bytes:
    """The file with these texts in place of any of the same names; all else stays."""
    front, blocks, sound = _parts(data)
    rows = [row for kind, body in blocks if kind == _COMMENT for row in _rows(body)]
    rows = [row for row in rows if row.partition("=")[0].upper() not in texts]
    rows += [f"{name}={text}" for name, text in texts.items()]
    blocks = [block for block in blocks if block[0] != _COMMENT]
    blocks.insert(1, (_COMMENT, _comment(rows)))
    return _joined(front, blocks, sound)


def _parts(data: bytes) -> tuple[bytes, list[tuple[int, bytes]], bytes]:
    """What stands in front, the blocks of metadata (kind, content), the frames of sound."""
    start = id3.size_of(data)
    place = start + 4
    blocks = []
    last = False
    while not last and place + 4 <= len(data):
        last = bool(data[place] & 0x80)
        end = place + 4 + int.from_bytes(data[place + 1 : place + 4], "big")
        blocks.append((data[place] & 0x7F, data[place + 4 : end]))
        place = end
    return data[:start], blocks, data[place:]


def _joined(front: bytes, blocks: list[tuple[int, bytes]], sound: bytes) -> bytes:
    heads = [bytes([kind]) + len(body).to_bytes(3, "big") for kind, body in blocks]
    if heads:
        heads[-1] = bytes([heads[-1][0] | 0x80]) + heads[-1][1:]  # the last block says so
    return front + b"fLaC" + b"".join(head + body for head, (_, body) in zip(heads, blocks, strict=True)) + sound


def _comment(rows: list[str]) -> bytes:
    texts = [text.encode("utf-8", "replace") for text in (_VENDOR, *rows)]
    sized = [len(text).to_bytes(4, "little") + text for text in texts]
    return sized[0] + len(rows).to_bytes(4, "little") + b"".join(sized[1:])


def _rows(body: bytes) -> list[str]:
    """The rows NAME=text of a Vorbis comment."""
    place = 4 + int.from_bytes(body[:4], "little") + 4
    rows = []
    while place + 4 <= len(body):
        end = place + 4 + int.from_bytes(body[place : place + 4], "little")
        rows.append(body[place + 4 : end].decode("utf-8", "replace"))
        place = end
    return rows
