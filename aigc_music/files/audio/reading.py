"""Reading sound from any file that FFmpeg's libraries open, films among them.

What a coder put before and behind the sound is left out where the file says how much that is (LAME's frame of an
MP3, the pre-skip of Opus, the edit list of an M4A), so that frame 0 is the first one of the sound.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.sounds import Sound

from ..reading import read_bytes
from . import mp3, riff

__all__ = ["MAX_BYTES", "MAX_SECONDS", "read_sound", "resampled"]

MAX_BYTES = 1 << 30
"""Larger files are not opened."""
MAX_SECONDS = 3600.0
"""Longer sound is not read."""
LEAST_RATE, MOST_RATE = 8_000, 384_000

# only files that hold sound themselves: a playlist would let a stranger's file name others, or addresses
_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,matroska,mov,mp3,mpeg,mpegts,ogg,rm,tak,tta,w64,wav,wv"
)
_STATED = {"aiff", "caf", "flac", "mov", "w64"}  # their header states the length, to the frame
_SHORT = 0.05  # seconds by which a whole file may fall short of what it states
_STEP = 1 << 16  # frames resampled at a time


def read_sound(path: str | Path, rate: int | None = None) -> Sound:
    """The sound of a file: its first audio stream. One channel stays one, more than two are mixed to two.

    rate: frames a second to resample to, None keeps the file's own. Title and artist come from its tags.
    Raises FileError for what cannot be read, holds no sound, is damaged or cut short, is over 1 GB or an hour, has
    less than 8,000 or more than 384,000 frames a second, or samples that are no finite numbers.
    """
    path = Path(path)
    data = read_bytes(path, MAX_BYTES, "a sound file")
    try:
        if not data:
            raise FileError("it is empty")
        if len(data) > MAX_BYTES:
            raise FileError(f"more than {MAX_BYTES >> 20} MB")
        sound = _decoded(data)
    except FileError as error:
        raise FileError(f"cannot read {str(path)!r}: {error}: give a whole sound file, such as a .wav") from error
    return sound if rate is None else resampled(sound, rate)


def resampled(sound: Sound, rate: int) -> Sound:
    """The sound at another rate, in frames a second; itself where it has that one.

    UsageError outside 8,000..384,000, and for more than two channels.
    """
    if sound.frames.ndim != 2 or sound.frames.shape[1] not in (1, 2):
        raise UsageError(f"sound has shape {sound.frames.shape}: (frames, channels) with 1 or 2 channels is needed")
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise UsageError(f"rate {rate!r}: give {LEAST_RATE}..{MOST_RATE} frames a second, 48000 is usual")
    if rate == sound.rate:
        return sound
    layout = "mono" if sound.frames.shape[1] == 1 else "stereo"
    converter = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(sound.frames), _STEP):
        plane = np.ascontiguousarray(sound.frames[start : start + _STEP].T, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(plane, format="fltp", layout=layout)
        frame.sample_rate = sound.rate
        frame.pts = start
        parts += [_plane(part) for part in converter.resample(frame)]
    parts += [_plane(part) for part in converter.resample(None)]
    frames = np.concatenate(parts, axis=1).T if parts else np.zeros((0, sound.frames.shape[1]), np.float32)
    return Sound(np.ascontiguousarray(frames), rate, sound.title, sound.creator)


def _decoded(data: bytes) -> Sound:
    """All of the sound; the message of a FileError says what is wrong, without the file's name."""
    try:
        # tags of old programs are in any encoding
        with av.open(
            io.BytesIO(data), "r", options={"format_whitelist": _CONTAINERS}, metadata_errors="replace"
        ) as container:
            if not container.streams.audio:
                raise FileError("it holds no sound")
            stream = container.streams.audio[0]
            if stream.codec_context is None:
                raise FileError("its sound is coded in a way that FFmpeg does not know")
            rate = stream.codec_context.sample_rate
            if not LEAST_RATE <= rate <= MOST_RATE:
                raise FileError(f"it has {rate} frames a second, allowed are {LEAST_RATE}..{MOST_RATE}")
            parts = list(_parts(container, stream, rate))
            stated = _stated_seconds(container, stream, data)
            texts = {key.lower(): text for key, text in (container.metadata | stream.metadata).items()}
    except (av.error.FFmpegError, ValueError) as error:  # ValueError: its form changes midway
        raise FileError("it is no sound that can be decoded") from error
    frames = np.concatenate(parts, axis=1).T if parts else np.zeros((0, 1), np.float32)
    seconds = len(frames) / rate
    if not len(frames):
        raise FileError("it holds no sound")
    if stated is not None and seconds < stated - _SHORT:
        raise FileError(f"it is cut short: {seconds:.2f} s of the {stated:.2f} s that it states are there")
    if not np.isfinite(frames).all():
        raise FileError("it holds samples that are no finite numbers")
    return Sound(np.ascontiguousarray(frames), rate, texts.get("title", ""), texts.get("artist", ""))


def _plane(frame: av.AudioFrame) -> NDArray[np.float32]:
    """(channels, frames) of a frame in the format 'fltp'."""
    return frame.to_ndarray().astype(np.float32, copy=False)


def _parts(container: InputContainer, stream: av.AudioStream, rate: int) -> Iterator[NDArray[np.float32]]:
    """The sound as (channels, frames) float32, one or two channels, piece by piece."""
    channels = 1 if stream.codec_context.channels == 1 else 2
    layout = "mono" if channels == 1 else "stereo"
    converter = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    done = 0
    broken = False
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:  # at the end it may be someone's tag; before the end it is damage
            broken = True
            continue
        if frames and broken:
            raise FileError(f"it is damaged {done / rate:.2f} s after its beginning")
        for frame in frames:
            frame.pts = None
            for part in converter.resample(frame):
                done += part.samples
                if done > MAX_SECONDS * rate:
                    raise FileError(f"it is longer than {MAX_SECONDS / 60:.0f} minutes")
                yield _plane(part)
    for part in converter.resample(None):
        yield _plane(part)


def _stated_seconds(container: InputContainer, stream: av.AudioStream, data: bytes) -> float | None:
    """How long the file says that it is; None where it only lets one guess."""
    if stream.duration is None or stream.time_base is None:
        return None
    seconds = float(stream.duration * stream.time_base)
    if riff.is_wave(data):  # FFmpeg believes the size of the file, not what its header states
        bits = stream.codec_context.bit_rate
        return seconds + riff.missing_bytes(data) * 8 / bits if bits else seconds
    named = set(container.format.name.split(","))
    first = mp3.untagged(data)[:2048]
    counted = b"Info" in first or b"Xing" in first  # an MP3 says in its first frame how many it has, or does not
    return seconds if named & _STATED or ("mp3" in named and counted) else None
