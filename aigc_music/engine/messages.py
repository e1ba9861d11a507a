"""What an engine and its worker processes say to each other: a length in 4 bytes, then a pickled tuple.

Pickles are safe here, since both ends are one program and the pipe is theirs alone; nothing from a file or a network
is ever read so.

    to a worker     ("run", number, request, streaming), ("cancel", number)
    from it         ("ready",), ("event", number, Progress or Chunk), ("done", number, Result or None),
                    ("failed", number, type of error, text, trace)

Threads: one reader and one writer a pipe. Realtime-safe: no.
"""

from __future__ import annotations

import pickle
from typing import IO, Any

__all__ = ["read_message", "write_message"]


def write_message(pipe: IO[bytes], message: tuple[Any, ...]) -> None:
    """Send one message. OSError where the other end is gone."""
    data = pickle.dumps(message, protocol=5)
    pipe.write(len(data).to_bytes(4, "big"))
    pipe.write(data)
    pipe.flush()


def read_message(pipe: IO[bytes]) -> tuple[Any, ...] | None:
    """The next message, None where the other end is gone."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    data = pipe.read(size)
    return pickle.loads(data) if len(data) == size else None
