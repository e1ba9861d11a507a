"""Writing sound: WAV and FLAC with 24 bits, MP3 with 320 kbit/s.

WAV and FLAC hold the very same samples, dithered as files.wav does. An MP3 says in its first frame how many samples
its coder put before and behind the sound, so that a player which looks there plays on without a gap. There is no time
of day in a file: the same sound makes the same bytes with the same release of PyAV.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.sounds import Sound

from ..wav import check_wave, dithered, write_wave
from .names import ARTIST, RECORD, TITLE
from .tags import tagged, without_provenance

__all__ = ["SUFFIXES", "sound_bytes"]

SUFFIXES: tuple[str, ...] = (".wav", ".flac", ".mp3")

_LAYOUTS = {1: "mono", 2: "stereo"}
_RATES: dict[str, tuple[int, int]] = {".wav": (8_000, 384_000), ".flac": (8_000, 384_000)}
_MP3_RATES = (32_000, 44_100, 48_000)  # those of MPEG-1, which has 320 kbit/s
_MP3_STEP = 1152 * 64  # frames given to a coder at a time: whole frames of MP3
_BITEXACT = {"fflags": "+bitexact"}  # no name of a program's release in the file


def sound_bytes(sound: Sound, suffix: str, record_text: str = "") -> bytes:
    """A sound of one or two channels as the bytes of a file. suffix: '.wav', '.flac' or '.mp3'.

    record_text: the provenance record as one line of JSON; with it go title and artist into the tags. Without one
    the file has no tags: it is the content that a record speaks of. WAV and FLAC clip samples beyond full scale.
    Raises UsageError for other suffixes, shapes and rates, and for samples that are no numbers.
    """
    suffix = choose("kind of sound file", suffix.lower(), SUFFIXES)
    _check(sound, suffix)
    data = without_provenance(_CODERS[suffix](sound))
    if not record_text:
        return data
    texts = {TITLE: sound.title, ARTIST: sound.creator, RECORD: record_text}
    return tagged(data, suffix, {name: text for name, text in texts.items() if text})


def _check(sound: Sound, suffix: str) -> None:
    frames = sound.frames
    if frames.ndim != 2 or frames.shape[1] not in _LAYOUTS or not len(frames):
        raise UsageError(f"sound has shape {frames.shape}: (frames, channels) with 1 or 2 channels is needed")
    if suffix == ".mp3" and sound.rate not in _MP3_RATES:
        allowed = " or ".join(map(str, _MP3_RATES))
        raise UsageError(f"an MP3 of 320 kbit/s has {allowed} Hz, not {sound.rate}: read it with rate=48000")
    if suffix != ".mp3":
        low, high = _RATES[suffix]
        if not low <= sound.rate <= high:
            raise UsageError(f"rate {sound.rate} Hz: a {suffix} file is written with {low}..{high}")
    check_wave(frames, 24)
    if not np.isfinite(frames).all():
        bad = int(np.argmin(np.isfinite(frames).all(axis=1)))
        raise UsageError(f"frame {bad} of the sound is no finite number: full scale is -1..1, look where it was made")


def _wav(sound: Sound) -> bytes:
    file = io.BytesIO()
    write_wave(file, sound.frames, sound.rate, 24)
    return file.getvalue()


def _flac(sound: Sound) -> bytes:
    whole = (steps << 8 for steps in dithered(sound.frames, 24))  # FFmpeg's coder takes the upper 24 bits of 32
    return _coded(sound, "flac", "flac", "s32", (part.reshape(1, -1) for part in whole))


def _mp3(sound: Sound) -> bytes:
    parts = (sound.frames[start : start + _MP3_STEP] for start in range(0, len(sound.frames), _MP3_STEP))
    planes = (np.ascontiguousarray(part.T, dtype=np.float32) for part in parts)
    return _coded(sound, "mp3", "libmp3lame", "fltp", planes, 320_000)


def _coded(
    sound: Sound,
    container: str,
    codec: str,
    samples: str,
    parts: Iterator[NDArray[Any]],
    bits_per_second: int | None = None,
) -> bytes:
    file = io.BytesIO()
    layout = _LAYOUTS[sound.frames.shape[1]]
    with av.open(file, "w", format=container, options=_BITEXACT) as output:
        stream = cast(av.AudioStream, output.add_stream(codec, rate=sound.rate))
        stream.layout = layout
        stream.format = samples
        stream.codec_context.thread_count = 1
        if bits_per_second is not None:
            stream.bit_rate = bits_per_second
        done = 0
        for part in parts:
            frame = av.AudioFrame.from_ndarray(part, format=samples, layout=layout)
            frame.sample_rate = sound.rate
            frame.pts = done
            done += frame.samples
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


_CODERS = {".wav": _wav, ".flac": _flac, ".mp3": _mp3}
