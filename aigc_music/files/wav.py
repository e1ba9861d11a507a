"""Writing sound to disk: WAV with 16 or 24 bits, dithered, whole or not at all."""

from __future__ import annotations

import os
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..core.errors import UsageError
from .atomic import atomic_write

__all__ = ["check_wave", "dithered", "write_wav", "write_wave"]

CHUNK = 1 << 16  # frames converted at a time: an hour of sound needs no second hour in memory
LIMIT = (1 << 32) - 4096  # bytes; sizes in a WAV file have 32 bits


def write_wav(
    path: str | os.PathLike[str], frames: npt.NDArray[np.float32], sample_rate: int, bits: int = 24
) -> Path:
    """Write `frames`, float32 of shape (n, channels) within -1..1, to a WAV file and return its path.

    `sample_rate` in Hz, `bits` 24 or 16. Triangular dither of one step is added before rounding, from a fixed seed:
    the same sound makes the same file. Samples beyond full scale are clipped. The file appears under its name only
    when it is complete. Raises UsageError for other `bits`, shapes or more than 4 GB, FileError when it can't be
    written (folder missing, no permission, disk full).

    Threads: any. Realtime-safe: no (waits for the disk).
    """
    path = Path(path)
    check_wave(frames, bits)
    # the standard library's writer raises on a full disk; libsndfile, given a Python file, swallows the error
    with atomic_write(path) as file:
        write_wave(file, frames, sample_rate, bits)
    return path


def check_wave(frames: npt.NDArray[np.float32], bits: int) -> None:
    """UsageError for what does not fit in a WAV file."""
    if bits not in (16, 24):
        raise UsageError(f"a WAV file can't have {bits} bits here: choose 16 or 24")
    if frames.ndim != 2 or not 1 <= frames.shape[1] <= 256:
        raise UsageError(f"sound has shape {frames.shape}: (frames, channels) with 1 to 256 channels is needed")
    size = frames.size * bits // 8
    if size > LIMIT:
        raise UsageError(
            f"{size / 1e9:.1f} GB of sound don't fit in a WAV file, which ends at 4.2: write it in parts"
        )


def write_wave(file: BinaryIO, frames: npt.NDArray[np.float32], sample_rate: int, bits: int = 24) -> None:
    """Write sound that `check_wave` lets pass to an open, seekable file, as `write_wav` does to a path."""
    with wave.open(file, "wb") as wav:
        wav.setnchannels(frames.shape[1])
        wav.setsampwidth(bits // 8)
        wav.setframerate(sample_rate)
        for steps in dithered(frames, bits):
            little = steps.reshape(-1).view(np.uint8).reshape(-1, 4)[:, : bits // 8]
            wav.writeframesraw(little.tobytes())


def dithered(frames: npt.NDArray[np.float32], bits: int) -> Iterator[npt.NDArray[np.int32]]:
    """`frames` as whole steps of `bits` bits, CHUNK frames at a time, little endian: dithered, clipped, rounded."""
    full = 1 << (bits - 1)
    noise = np.random.default_rng(7)
    for start in range(0, len(frames), CHUNK):
        part = frames[start : start + CHUNK]
        dither = noise.random(part.shape) - noise.random(part.shape)
        yield np.clip(np.rint(part.astype(np.float64) * full + dither), -full, full - 1).astype("<i4")
