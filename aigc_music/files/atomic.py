"""Whole files or none: write to a file without a name in the same folder, then name it.

A reader, a crash, a kill or a full disk never leaves half a file, and an older file of that name survives a failure.
Linux has files without a name (O_TMPFILE); where the system or the file system has none, a hidden temporary name is
used, which only a kill can leave behind.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..core.errors import FileError

__all__ = ["atomic_write"]

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up: free some space or choose another folder",
    errno.EFBIG: "the file would be larger than this system or its limits allow: choose another disk",
    errno.EACCES: "no permission: choose a folder that you may write to",
    errno.EPERM: "no permission: choose a folder that you may write to",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.ENOENT: "the folder does not exist: create it first",
    errno.ENOTDIR: "part of the path is a file, not a folder: choose another folder",
    errno.EISDIR: "this is a folder: give a file name",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


def _failed(path: Path, error: OSError) -> FileError:
    advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return FileError(f"cannot write {str(path)!r}: {advice}")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """Open a seekable binary file that becomes `path` when the block ends well and vanishes when it does not.

    The bytes are on the disk (fsync) before the rename; a link is followed, so the file behind it is
    replaced. Raises FileError when the folder is missing or closed to us, the disk is full or the name is
    taken by something else than a file; other exceptions of the block pass through.

    >>> with atomic_write("take.mid") as file:       # doctest: +SKIP
    ...     file.write(b"MThd...")

    Threads: any. Realtime-safe: no (waits for the disk).
    """
    wanted = Path(path)
    try:
        target = Path(os.path.realpath(wanted))
        if target.exists() and not target.is_file():
            raise FileError(f"cannot write {str(wanted)!r}: it is a folder or a device: give a file name")
        part = target.with_name(f".{secrets.token_hex(8)}.part")  # short, the name may be at its limit
        file = _nameless(target.parent)
        named = file is None
        file = file or part.open("xb")
    except (OSError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        if isinstance(error, OSError):
            raise _failed(wanted, error) from error
        raise FileError(f"cannot write {str(wanted)!r}: {error}: give another file name") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not named:
                os.link(f"/proc/self/fd/{file.fileno()}", part, src_dir_fd=file.fileno())  # a dir_fd makes it linkat
        part.replace(target)
    except OSError as error:
        _discard(file, part)
        if isinstance(error, FileError):
            raise
        raise _failed(wanted, error) from error
    except BaseException:
        _discard(file, part)
        raise


def _nameless(folder: Path) -> BinaryIO | None:
    """A file in `folder` that has no name yet, open for writing; None where there is no such thing."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").exists():
        return None
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)  # less the umask, as any new file
    except OSError:
        return None
    return os.fdopen(handle, "w+b")


def _discard(file: BinaryIO, part: Path) -> None:
    """Close and remove the temporary file; closing may fail once more where the disk is full."""
    with suppress(OSError):
        file.close()
    with suppress(OSError):
        part.unlink()
