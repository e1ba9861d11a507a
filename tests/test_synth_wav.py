"""WAV files: what was rendered comes back within one step, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aigc_music.core.errors import FileError, UsageError
from aigc_music.files.wav import write_wav


@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("length", [0, 1, 1000, 70_000])
def test_sound_comes_back_within_two_steps(tmp_path: Path, bits: int, length: int) -> None:
    sound = (np.random.default_rng(3).random((length, 2), np.float32) - 0.5) * 1.9
    path = write_wav(tmp_path / "Prise à l'été.wav", sound, 48_000, bits)
    back, rate = soundfile.read(path, dtype="float64", always_2d=True)
    assert rate == 48_000 and back.shape == sound.shape
    assert soundfile.info(path).subtype == f"PCM_{bits}"
    if length:
        assert np.abs(back - sound).max() <= 1.51 / (1 << (bits - 1))


def test_silence_is_dithered_without_bias_and_the_file_is_reproducible(tmp_path: Path) -> None:
    silence = np.zeros((20_000, 2), np.float32)
    first = write_wav(tmp_path / "a.wav", silence, 44_100, 16).read_bytes()
    assert first == write_wav(tmp_path / "b.wav", silence, 44_100, 16).read_bytes()
    back, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert set(np.unique(back)) == {-1, 0, 1}
    assert abs(back.mean()) < 0.02


def test_what_is_too_loud_is_clipped_not_wrapped(tmp_path: Path) -> None:
    back, _ = soundfile.read(
        write_wav(tmp_path / "a.wav", np.full((100, 1), 1.5, np.float32), 48_000), always_2d=True
    )
    assert (back > 0.999).all()


def test_a_bad_request_says_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="16 or 24"):
        write_wav(tmp_path / "a.wav", np.zeros((1, 2), np.float32), 48_000, 32)
    with pytest.raises(UsageError, match="shape"):
        write_wav(tmp_path / "a.wav", np.zeros(5, np.float32), 48_000)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="folder does not exist"):
        write_wav(tmp_path / "no" / "a.wav", np.zeros((5, 2), np.float32), 48_000)


@pytest.mark.skipif(os.name != "posix", reason="file size limits are a POSIX thing")
def test_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(FileError, match="can"):
            write_wav(tmp_path / "a.wav", np.zeros((100_000, 2), np.float32), 48_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == []
