"""Writing films as MP4, and the records and labels that stand inside them.

A film is H.264 (High, 4:2:0, limited range, BT.709, said so in the stream and in the container) with AAC-LC, 48 kHz
stereo at 384 kbit/s, where it has sound. Its index lies in front, so that it plays while it loads; every group of
pictures is closed and half a second long, with two B frames in a row at the most, as YouTube asks for uploads.

The same frames and the same sound make the same bytes: x264 runs with a fixed number of threads and the same
decisions on every processor, and no time of day is written.

Sound lies exact to the sample. An AAC decoder gives 1024 frames before the first that was put in; they are cut by the
edit list of the sound track, as in every AAC file that Apple's and ffmpeg's writers make. YouTube advises against
edit lists, but without this one sound is 21 ms late. Silent films have none: the order of B frames is given by
negative offsets instead.

What is put inside later stands in boxes at the end of the file, so that nothing before them moves: the provenance
record in an XMP packet (Adobe XMP part 3), the label of AI-made content (GB 45438-2025, key AIGC) as file metadata
(QuickTime 'mdta' keys).

Sources: ISO/IEC 14496-12 (boxes), support.google.com/youtube 1722171, Apple QuickTime File Format (metadata atoms).
Threads: one a writer; the functions any. Realtime-safe: no.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from ..core.errors import FileError, UsageError
from ..core.sounds import Sound
from .audio import resampled
from .pictures import provenance_in

__all__ = [
    "SOUND_RATE",
    "VideoWriter",
    "label_of",
    "labelled",
    "provenance_of",
    "sound_for_film",
    "with_xmp",
    "without_xmp",
]

SOUND_RATE = 48_000
"""Sound frames a second in a film."""

BT709 = 1  # matrix, primaries and transfer: the same number for all three, ITU-T H.273
LIMITED = 1  # range 16..235
_THREADS = 2  # of x264; a fixed number, because the bytes depend on it
_BLOCK = 1024  # frames of an AAC block


class VideoWriter:
    """A film that grows frame by frame; a context manager that leaves nothing behind.

    size: (width, height), even. fps: frames a second. quality: constant rate factor of x264, 0..51. sound: cut or
    filled up with silence to the length of the pictures; None for a silent film. title, artist: its tags.
    Raises UsageError for odd sizes.

    >>> with VideoWriter((1920, 1080), 30) as writer:                # doctest: +SKIP
    ...     for frame in frames: writer.add(frame)
    ...     data = writer.finish()
    """

    def __init__(
        self,
        size: tuple[int, int],
        fps: int,
        *,
        quality: int = 20,
        sound: Sound | None = None,
        title: str = "",
        artist: str = "",
    ) -> None:
        if size[0] % 2 or size[1] % 2 or min(size) < 16:
            raise UsageError(f"a film of {size[0]} x {size[1]} pixels: give even sides of 16 or more")
        self.size, self.fps, self.frames = size, fps, 0
        options = {"movflags": "+negative_cts_offsets", "movie_timescale": str(SOUND_RATE),
                   "fflags": "+bitexact", "use_editlist": "0" if sound is None else "1"}  # fmt: skip
        self._file = io.BytesIO()  # in memory: nothing is left on a disk by whatever ends the program
        self._container = av.open(self._file, "w", format="mp4", options=options)
        self._container.metadata.update({key: text for key, text in (("title", title), ("artist", artist)) if text})
        self._pictures = self._container.add_stream("libx264", rate=fps, options=_x264(fps, quality))
        self._pictures.width, self._pictures.height = size
        self._pictures.pix_fmt = "yuv420p"
        codec = self._pictures.codec_context
        codec.thread_count, codec.thread_type = _THREADS, "FRAME"
        codec.color_range = LIMITED
        codec.colorspace = codec.color_primaries = codec.color_trc = BT709
        self._sound = None
        if sound is not None:
            self._sound = self._container.add_stream(
                "aac", rate=SOUND_RATE, options={"b": "384000", "flags": "+bitexact"}, layout="stereo"
            )
            self._samples = sound_for_film(sound)
            self._sent = 0

    def add(self, frame: av.VideoFrame) -> None:
        """The next frame, yuv420p of this size, limited range BT.709; it may be used again after the call. The sound
        goes along with it."""
        frame.pts, frame.time_base = self.frames, Fraction(1, self.fps)
        frame.color_range = LIMITED
        frame.colorspace = frame.color_primaries = frame.color_trc = BT709
        self.frames += 1
        self._container.mux(self._pictures.encode(frame))
        while self._sound is not None and self._sent + _BLOCK <= self._wanted():
            self._send(_BLOCK)

    def finish(self) -> bytes:
        """The film. Raises UsageError where it has no frame, FileError for one of 4 GB or more."""
        if not self.frames:
            raise UsageError("a film without frames: add one at least")
        if self._sound is not None:
            if self._sent < self._wanted():
                self._send(self._wanted() - self._sent)
            self._container.mux(self._sound.encode(None))
        self._container.mux(self._pictures.encode(None))
        self._container.close()
        return _index_in_front(self._file.getvalue())

    def _wanted(self) -> int:
        """Frames of sound that belong to the pictures so far."""
        return round(self.frames * SOUND_RATE / self.fps)

    def _send(self, count: int) -> None:
        assert self._sound is not None
        block = np.zeros((2, count), np.float32)
        part = self._samples[:, self._sent : self._sent + count]
        block[:, : part.shape[1]] = part
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, self._sent, Fraction(1, SOUND_RATE)
        self._sent += count
        self._container.mux(self._sound.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()


def _x264(fps: int, quality: int) -> dict[str, str]:
    """The encoder's settings; cpu-independent: no choice depends on what this processor can do."""
    group = max(1, fps // 2)
    own = f"cpu-independent=1:open-gop=0:scenecut=0:b-pyramid=none:keyint={group}:min-keyint={group}"
    return {"preset": "veryfast", "profile": "high", "crf": str(quality), "bf": "2", "g": str(group),
            "x264-params": own}  # fmt: skip


def _index_in_front(data: bytes) -> bytes:
    """A film with its index (moov) before its pictures, and the places of those moved on by as much."""
    places = {data[begin - 4 : begin]: (begin - 8, end) for _, begin, end in _boxes(data, 0, len(data))}
    front = places[b"ftyp"][1]
    begin, end = places[b"moov"]
    if len(data) >= 1 << 32:
        raise FileError(f"a film of {len(data) >> 30} GB: give fewer seconds, or a quality of a higher number")
    index = bytearray(data[begin:end])
    for first, last in _inside(index, 8, len(index), (b"trak", b"mdia", b"minf", b"stbl", b"stco")):
        offsets = np.frombuffer(index, ">u4", offset=first + 8, count=(last - first) // 4 - 2)
        offsets += len(index)
    return b"".join([data[:front], index, data[front:begin], data[end:]])


def sound_for_film(sound: Sound) -> NDArray[np.float32]:
    """(2, n) float32 at SOUND_RATE, held to full scale. UsageError for more than two channels."""
    channels = sound.frames.shape[1]
    if channels > 2:
        raise UsageError(f"a sound of {channels} channels: give mono or stereo")
    frames = resampled(sound, SOUND_RATE).frames
    return np.clip(np.ascontiguousarray(np.repeat(frames, 3 - channels, axis=1).T), -1, 1)


# ------------------------------------------------------------------------------------- boxes at the end

_XMP = b"uuid" + bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")  # Adobe XMP part 3, MPEG-4
_LABEL = b"AIGC"
_HOMES: tuple[tuple[bytes, ...], ...] = ((b"meta",), (b"moov", b"meta"), (b"moov", b"udta", b"meta"))
"""Where programs put metadata with keys."""

Place = tuple[bytes, int, int]
"""Kind of a box (with its identifier, if it is 'uuid'), and where what it holds begins and ends."""


def with_xmp(data: bytes, packet: str) -> bytes:
    """A film with this XMP packet, in place of one that it had. FileError for what is no whole MP4 file."""
    return _without(data, label=False, xmp=True) + _box(_XMP, packet.encode())


def without_xmp(data: bytes) -> bytes:
    """A film as it was written, without XMP and label; other bytes as they are."""
    try:
        return _without(data, label=True, xmp=True)
    except FileError:
        return data


def provenance_of(data: bytes) -> str:
    """The provenance record in a film's XMP, as it was given to `files.pictures.xmp_packet`; '' where none is."""
    for kind, begin, end in _boxes(data, 0, len(data)):
        if kind == _XMP:
            return provenance_in(data[begin:end].decode("utf-8", "replace"))
    return ""


def labelled(data: bytes, aigc_json: str) -> bytes:
    """A film with the label of AI-made content that GB 45438 asks for, in place of one that it had. aigc_json: the
    value of its key AIGC. FileError for what is no whole MP4 file."""
    handler = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    keys = _box(b"keys", struct.pack(">II", 0, 1) + _box(b"mdta", _LABEL))
    value = _box(b"data", struct.pack(">II", 1, 0) + aigc_json.encode())  # 1: UTF-8
    items = _box(b"ilst", _box(struct.pack(">I", 1), value))
    return _without(data, label=True, xmp=False) + _box(b"meta", bytes(4) + handler + keys + items)


def label_of(data: bytes) -> str:
    """The label of AI-made content in a film, wherever its metadata stand; '' where none is."""
    for home in _HOMES:
        for begin, end in _inside(data, 0, len(data), home):
            if label := _label_in(data, begin, end):
                return label
    return ""


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 4 + len(kind) + len(content)) + kind + content


def _boxes(data: bytes | bytearray, begin: int, end: int) -> Iterator[Place]:
    """The boxes of a stretch, up to the first that is damaged."""
    while begin + 8 <= end:
        size, head = int.from_bytes(data[begin : begin + 4], "big"), 8
        kind = bytes(data[begin + 4 : begin + 8])
        if size == 1:
            size, head = int.from_bytes(data[begin + 8 : begin + 16], "big"), 16
        elif size == 0:
            size = end - begin
        if kind == b"uuid":
            kind, head = kind + bytes(data[begin + head : begin + head + 16]), head + 16
        if not head <= size <= end - begin:
            return
        yield kind, begin + head, begin + size
        begin += size


def _without(data: bytes, *, label: bool, xmp: bool) -> bytes:
    """A film without what was put at its end. FileError for what is no whole MP4 file."""
    parts, place = [], 0
    for kind, begin, end in _boxes(data, 0, len(data)):
        if (place == 0 and kind != b"ftyp") or data[place : place + 4] == bytes(4):
            break  # 0: this box ends with the file, and would swallow what is added
        if not (xmp and kind == _XMP) and not (label and kind == b"meta" and _label_in(data, begin, end)):
            parts.append(data[place:end])
        place = end
    if not data or place < len(data):
        raise FileError("not a whole MP4 file: give one that plays")
    return b"".join(parts)


def _inside(data: bytes | bytearray, begin: int, end: int, path: tuple[bytes, ...]) -> Iterator[tuple[int, int]]:
    """Where the boxes under a path of kinds begin and end."""
    if not path:
        yield begin, end
        return
    for kind, first, last in _boxes(data, begin, end):
        if kind == path[0]:
            yield from _inside(data, first, last, path[1:])


def _label_in(data: bytes, begin: int, end: int) -> str:
    """The value of the key AIGC in a box of metadata; '' where none is."""
    if data[begin : begin + 4] == bytes(4):  # QuickTime's own has no version and flags
        begin += 4
    number = 0
    for first, last in _inside(data, begin, end, (b"keys",)):
        names = [data[name:stop] for _, name, stop in _boxes(data, first + 8, last)]
        number = names.index(_LABEL) + 1 if _LABEL in names else 0
    if not number:
        return ""
    for first, last in _inside(data, begin, end, (b"ilst", struct.pack(">I", number), b"data")):
        return data[first + 8 : last].decode("utf-8", "replace")
    return ""
