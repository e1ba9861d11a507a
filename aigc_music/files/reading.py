"""Files as bytes, up to a limit, with errors that say what to do.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import stat
from pathlib import Path

from ..core.errors import FileError

__all__ = ["read_bytes"]


def read_bytes(path: Path, most: int, kind: str) -> bytes:
    """The bytes of a file, of a larger one the first `most` + 1. kind: what to give, such as 'a .mid file'.

    Raises FileError where it cannot be read, and for what is no regular file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before opening it, which would wait for ever at a pipe
            raise FileError(f"cannot read {str(path)!r}: it is not a regular file: give {kind}")
        with path.open("rb") as file:
            return file.read(most + 1)
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot read {str(path)!r}: {reason}: check the name and the permissions") from error
    except ValueError as error:  # a null byte in the name
        raise FileError(f"cannot read {str(path)!r}: {error}: give another file name") from error
