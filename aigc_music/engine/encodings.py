"""How each kind of content becomes files, with its record inside, and comes back.

One class a kind: which suffixes it writes, its bytes with the record inside, the files beside it, and how the record
and the bytes without it are read back. The SHA-256 of those bytes is what a record calls its content.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from aigc_music.core.errors import FileError
from aigc_music.core.films import Film
from aigc_music.core.notes import Score
from aigc_music.core.pictures import Picture
from aigc_music.core.sounds import Sound
from aigc_music.core.texts import Text
from aigc_music.files.c2pa_boxes import unsigned

from .provenance import canonical, source_type

__all__ = ["MIMES", "Encoding", "Record", "encoding_of", "encoding_of_suffix", "parsed_record", "suffixes_of"]

Record = dict[str, Any]
"""A provenance record, see engine.provenance."""

MIMES: dict[str, str] = {
    ".mid": "audio/midi", ".midi": "audio/midi", ".json": "application/json", ".txt": "text/plain",
    ".lrc": "text/plain", ".srt": "application/x-subrip", ".ass": "text/x-ssa", ".ttml": "application/ttml+xml",
    ".musicxml": "application/vnd.recordare.musicxml+xml",
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png",
    ".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg", ".mp4": "video/mp4",
}  # fmt: skip


BESIDE_LYRICS: dict[str, str] = {
    ".lrc": "lrc", ".a2.lrc": "a2", ".srt": "srt", ".ass": "ass", ".ttml": "ttml",
}  # fmt: skip
"""Files that stand beside lyrics in time: suffix -> format of aigc_music.files.lyrics."""


class Encoding(Protocol):
    """One kind of content as files."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What its files may be called, the usual one first."""

    def encode(self, content: Any, suffix: str, record: Record | None) -> bytes:
        """The file, with the record inside where there is one."""

    def beside(self, content: Any) -> dict[str, bytes]:
        """Suffix -> bytes of the files that belong beside it."""

    def read(self, path: Path) -> tuple[Record | None, bytes]:
        """The record inside a file, and the file without it. FileError where it cannot be read."""


class _Music:
    """A score as a standard MIDI file; the record is a text event at its beginning."""

    suffixes = (".mid", ".midi")

    def encode(self, content: Score, suffix: str, record: Record | None) -> bytes:
        from aigc_music.files.midi import score_bytes

        return score_bytes(replace(content, provenance="" if record is None else canonical(record).decode()))

    def beside(self, content: Score) -> dict[str, bytes]:
        return {}

    def read(self, path: Path) -> tuple[Record | None, bytes]:
        from aigc_music.files.midi import read_score

        score = read_score(path)
        return parsed_record(score.provenance), self.encode(score, path.suffix, None)


class _Words:
    """A text as JSON, the record under 'provenance'; beside it plain words, timed lyrics, the melody that sings."""

    suffixes = (".json",)

    def encode(self, content: Text, suffix: str, record: Record | None) -> bytes:
        return _json_bytes(content.document if record is None else content.document | {"provenance": record})

    def beside(self, content: Text) -> dict[str, bytes]:
        files = {".txt": content.plain.encode() + b"\n"} if content.plain else {}
        if content.timed is not None and content.timed.lines:
            from aigc_music.files.lyrics import lyrics_bytes

            files |= {suffix: lyrics_bytes(content.timed, name) for suffix, name in BESIDE_LYRICS.items()}
            if content.melody is not None:
                from aigc_music.files.lyrics import midi, musicxml_writer
                from aigc_music.files.midi import score_bytes

                sung = midi.to_score(content.timed, content.melody, content.track)
                files[".sung.mid"] = score_bytes(replace(sung, provenance=""))  # the melody's record is not its own
                files[".musicxml"] = musicxml_writer.render(content.timed, content.melody, content.track)
        return files

    def read(self, path: Path) -> tuple[Record | None, bytes]:
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise FileError(f"cannot read {str(path)!r}: {error}") from error
        record = document.pop("provenance", None) if isinstance(document, dict) else None
        if isinstance(document, dict):
            document.pop("AIGC", None)  # a label, see release.labels: no more of the content than a tag is
        return record if isinstance(record, dict) else None, _json_bytes(document)


class _Pictures:
    """A picture as JPEG or PNG; the record stands in its XMP, beside IPTC's digital source type."""

    suffixes = (".jpg", ".jpeg", ".png")

    def encode(self, content: Picture, suffix: str, record: Record | None) -> bytes:
        from aigc_music.files.pictures import picture_bytes, xmp_packet

        packet = ""
        if record is not None:
            packet = xmp_packet(content.title, content.creator, source_type(record), canonical(record).decode())
        return picture_bytes(content.pixels, suffix, packet)

    def beside(self, content: Picture) -> dict[str, bytes]:
        return {}

    def read(self, path: Path) -> tuple[Record | None, bytes]:
        from aigc_music.files.pictures import provenance_of, without_xmp

        data = _whole(path)
        return parsed_record(provenance_of(data)), without_xmp(data)


class _Sounds:
    """A sound as WAV, FLAC or MP3, with title, artist and the record in its tags."""

    suffixes = (".wav", ".flac", ".mp3")

    def encode(self, content: Sound, suffix: str, record: Record | None) -> bytes:
        from aigc_music.files.audio import sound_bytes

        return sound_bytes(content, suffix, "" if record is None else canonical(record).decode())

    def beside(self, content: Sound) -> dict[str, bytes]:
        return {}

    def read(self, path: Path) -> tuple[Record | None, bytes]:
        from aigc_music.files.audio import provenance_of, without_provenance

        data = _whole(path)
        return parsed_record(provenance_of(data)), without_provenance(data)


class _Films:
    """A film as MP4; the record stands in an XMP box at its end. Its first frame may stand beside it."""

    suffixes = (".mp4",)

    def encode(self, content: Film, suffix: str, record: Record | None) -> bytes:
        from aigc_music.files.pictures import xmp_packet
        from aigc_music.files.video import with_xmp

        if record is None:
            return content.data
        packet = xmp_packet(content.title, content.creator, source_type(record), canonical(record).decode())
        return with_xmp(content.data, packet)

    def beside(self, content: Film) -> dict[str, bytes]:
        from aigc_music.files.pictures import picture_bytes

        return {} if content.still is None else {".still.jpg": picture_bytes(content.still, ".jpg")}

    def read(self, path: Path) -> tuple[Record | None, bytes]:
        from aigc_music.files.video import provenance_of, without_xmp

        data = _whole(path)
        return parsed_record(provenance_of(data)), without_xmp(data)


_ENCODINGS: dict[type[Any], Encoding] = {
    Score: _Music(), Text: _Words(), Picture: _Pictures(), Sound: _Sounds(), Film: _Films(),
}  # fmt: skip


def encoding_of(content: Any) -> Encoding:
    """The encoding of a content, by its type."""
    return _ENCODINGS[type(content)]


def encoding_of_suffix(suffix: str) -> Encoding | None:
    """The encoding that reads files of a suffix, None where none does."""
    return next((row for row in _ENCODINGS.values() if suffix.lower() in row.suffixes), None)


_OF_ASSET: dict[str, type] = {"music": Score, "text": Text, "image": Picture, "audio": Sound, "video": Film}


def suffixes_of(asset: str) -> tuple[str, ...]:
    """The suffixes that an asset (music, text, image, audio, video) can be written as."""
    return _ENCODINGS[_OF_ASSET[asset]].suffixes


def _whole(path: Path) -> bytes:
    """A file without a signature that it may hold, which is put in last."""
    try:
        return unsigned(path.read_bytes())
    except OSError as error:
        raise FileError(f"cannot read {str(path)!r}: {error.strerror or error}") from error


def _json_bytes(document: Any) -> bytes:
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def parsed_record(text: str) -> Record | None:
    """A record from its JSON; None for '' and for what is none."""
    try:
        record = json.loads(text) if text else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
