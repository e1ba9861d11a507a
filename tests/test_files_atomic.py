"""Whole files or none, also on a full disk, and a message that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_music.core.errors import FileError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.files.atomic import atomic_write
from aigc_music.files.midi import read_score, write_score


def test_the_file_appears_only_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "take.mid"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["take.mid"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "take.mid"
    path.write_bytes(b"old")
    with pytest.raises(FileError if failure is OSError else failure), atomic_write(path) as file:
        file.write(b"half")
        raise failure("stop")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["take.mid"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.mid").symlink_to(tmp_path / "real.mid")
    with atomic_write(tmp_path / "link.mid") as file:
        file.write(b"x")
    assert (tmp_path / "link.mid").is_symlink()
    assert (tmp_path / "real.mid").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing/take.mid", "the folder does not exist"),
        ("file/take.mid", "not a folder"),
        (".", "it is a folder or a device"),
        ("n" * 300, "too long"),
        ("nu\0ll", "null"),
    ],
)
def test_a_path_that_cannot_be_written_says_why(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=says), atomic_write(tmp_path / name):
        pass
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_device_is_refused() -> None:
    with pytest.raises(FileError, match="device"), atomic_write("/dev/full"):
        pass


_FILL = """
import resource, signal, sys
from aigc_music.core.errors import FileError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.files.midi import write_score
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
notes = [Note(tick * 10, 60, 90, 5) for tick in range(5000)]
try:
    write_score(Score(tracks=[Track("big", 0, notes)]), sys.argv[1])
except FileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_no_room_on_the_disk_leaves_the_old_take_and_no_litter(tmp_path: Path) -> None:
    """A limit of 2000 bytes a file stands in for the full disk: the kernel refuses the write in the same place."""
    path = tmp_path / "take.mid"
    old = Score(tracks=[Track("small", 0, [Note(0, 60, 90, 480)])])
    write_score(old, path)
    done = subprocess.run([sys.executable, "-c", _FILL, path], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "larger than this system or its limits allow" in done.stdout
    assert read_score(path) == old
    assert names(tmp_path) == ["take.mid"]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a tiny disk needs root on Linux")
def test_a_full_disk_says_so(tmp_path: Path) -> None:
    """In a mount namespace of its own, so that nothing of the tiny disk outlives the test."""
    script = f'mount -t tmpfs -o size=64k none {tmp_path} && exec {sys.executable} -c "$FILL" {tmp_path}/take.mid'
    fill = _FILL.replace("(2000, 2000)", "(1 << 30, 1 << 30)").replace("5000", "50000") + (
        "import os\nprint(os.listdir(os.path.dirname(sys.argv[1])))\n"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "FILL": fill},
    )
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"no tiny disk here: {done.stderr.strip()}")
    assert "the disk is full" in done.stdout, done.stderr
    assert done.stdout.endswith("[]\n")
