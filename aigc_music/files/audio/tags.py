"""Tags of sound files, the same for every container: it is known by its first bytes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from aigc_music.core.errors import FileError

from . import flac, mp3, riff
from .names import LABEL, RECORD

__all__ = ["label_of", "labelled", "provenance_of", "tagged", "without_provenance"]


class _Container(NamedTuple):
    """is_one: whether bytes are such a file. The others read, set and leave out its tags."""

    is_one: Callable[[bytes], bool]
    fields: Callable[[bytes], dict[str, str]]
    with_fields: Callable[[bytes, dict[str, str]], bytes]
    bare: Callable[[bytes], bytes]


_CONTAINERS = (
    _Container(riff.is_wave, riff.fields, riff.with_fields, riff.bare),
    _Container(flac.is_flac, flac.fields, flac.with_fields, flac.bare),
    _Container(mp3.is_mp3, mp3.fields, mp3.with_fields, mp3.bare),
)


def provenance_of(data: bytes) -> str:
    """The record in the bytes of a WAV, FLAC or MP3 file, as it was given to `sound_bytes`; '' where none is."""
    return _field(data, RECORD)


def without_provenance(data: bytes) -> bytes:
    """The bytes that a record calls content: the file without any tag, as `sound_bytes` makes it without a record.

    Bytes of another kind come back as they are.
    """
    container = _container(data)
    return data if container is None else container.bare(data)


def labelled(data: bytes, suffix: str, aigc_json: str) -> bytes:
    """The file with China's implicit label of generated content in its tags: field AIGC, a JSON object.

    suffix: what the file is called, for the message. A label that is there already is replaced; all else stays.
    Raises FileError for bytes that are no WAV, FLAC or MP3.
    Source: GB 45438-2025; TC260 practice guide on implicit labels in the metadata of audio files (2025).
    """
    return tagged(data, suffix, {LABEL: aigc_json})


def label_of(data: bytes) -> str:
    """The JSON of the AIGC label in the bytes of a file, '' where none is."""
    return _field(data, LABEL)


def tagged(data: bytes, suffix: str, texts: dict[str, str]) -> bytes:
    """The file with these texts (see `names`) in its tags, in place of any of the same names."""
    container = _container(data)
    if container is None:
        raise FileError(f"the bytes of this {suffix} file are no WAV, FLAC or MP3: tags go into those alone")
    return container.with_fields(data, texts)


def _field(data: bytes, name: str) -> str:
    container = _container(data)
    return "" if container is None else container.fields(data).get(name, "")


def _container(data: bytes) -> _Container | None:
    return next((row for row in _CONTAINERS if row.is_one(data)), None)
