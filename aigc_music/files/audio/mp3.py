"""MP3 files: the frames of sound, an ID3v2 tag in front of them, older tags behind.

Source: id3.org (ID3v1, ID3v2), hydrogenaudio (APEv2). Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from . import id3

__all__ = ["bare", "fields", "is_mp3", "untagged", "with_fields"]

_APE = b"APETAGEX"


def is_mp3(data: bytes) -> bool:
    """Whether these are the bytes of an MP3, with or without a tag."""
    start = _sound_at(data)
    return data[start : start + 1] == b"\xff" and data[start + 1 : start + 2] >= b"\xe0"


def bare(data: bytes) -> bytes:
    """The frames of sound alone."""
    end = len(data)
    if data[end - 128 : end - 125] == b"TAG":
        end -= 128
    if data[end - 32 : end - 24] == _APE:
        flags = int.from_bytes(data[end - 12 : end - 8], "little")
        end -= int.from_bytes(data[end - 20 : end - 16], "little") + (32 if flags >> 31 else 0)
    return data[_sound_at(data) : max(end, 0)]


def untagged(data: bytes) -> bytes:
    """The file without the tag in front; older tags behind stay."""
    return data[_sound_at(data) :]


def fields(data: bytes) -> dict[str, str]:
    """The texts of its tag."""
    return id3.fields(id3.parse(data))


def with_fields(data: bytes, texts: dict[str, str]) -> bytes:
    """The file with these texts in place of any of the same names; all else stays."""
    return id3.build(id3.with_fields(id3.parse(data), texts)) + untagged(data)


def _sound_at(data: bytes) -> int:
    start = 0
    while size := id3.size_of(data, start):
        start += size
    return start
