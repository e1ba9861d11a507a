"""Writing sound to disk: WAV with 16 or 24 bits, dithered, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_music.core.errors import FileError, UsageError

__all__ = ["write_wav"]

SUBTYPES = {16: "PCM_16", 24: "PCM_24"}


def write_wav(
    path: str | os.PathLike[str], frames: npt.NDArray[np.float32], sample_rate: int, bits: int = 24
) -> Path:
    """Write `frames`, float32 of shape (n, channels) within -1..1, to a WAV file and return its path.

    `bits` is 24 or 16. Triangular dither of one step is added before rounding, from a fixed seed: the same sound
    makes the same file. Samples beyond full scale are clipped. The file appears under its name only when it is
    complete. Raises UsageError for other `bits` or shapes, FileError when it can't be written (folder missing, no
    permission, disk full).
    """
    import soundfile

    path = Path(path)
    if bits not in SUBTYPES:
        raise UsageError(f"a WAV file can't have {bits} bits here: choose 16 or 24")
    if frames.ndim != 2 or frames.shape[1] < 1:
        raise UsageError(f"sound has shape {frames.shape}: (frames, channels) is needed")
    full = 1 << (bits - 1)
    noise = np.random.default_rng(7)
    dither = noise.random(frames.shape) - noise.random(frames.shape)
    steps = np.clip(np.rint(frames.astype(np.float64) * full + dither), -full, full - 1).astype(np.int64)
    # libsndfile takes the upper bits of an int32
    samples = (steps << (32 - bits)).astype(np.int32)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # libsndfile doesn't report a full disk when it closes a file, so Python writes the bytes it makes
        with part.open("w+b") as file:
            soundfile.write(file, samples, sample_rate, subtype=SUBTYPES[bits], format="WAV")
            file.flush()
            os.fsync(file.fileno())
            written = file.seek(0, os.SEEK_END)
        expected = samples.size * bits // 8
        if written < expected:
            raise OSError(f"only {written} of {expected} bytes were written")
        part.replace(path)
    except (OSError, soundfile.LibsndfileError) as err:
        with contextlib.suppress(OSError):
            part.unlink()
        raise FileError(
            f"can't write {path}: {err}. Check that the folder exists, may be written to and has "
            f"{frames.size * bits // 8 / 1e6:.0f} MB free"
        ) from err
    return path
