"""The worker process, `python -m aigc_music.engine.worker`: does jobs, one after the other, and never in the way.

It talks to its engine over stdin and stdout (see messages). It puts itself below what plays (nice 10, idle
scheduling on Linux), uses one thread, and ends when stdin closes: so the death of its engine shows, kill -9 included.

Threads: one works, one listens for a cancel. Realtime-safe: no.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from aigc_music.core.errors import AigcMusicError

from .job import Chunk, JobContext, Progress
from .messages import read_message, write_message

__all__ = ["main"]

_EVERY_S = 0.05  # progress is told this often at the most


class _Worker:
    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self.source, self.sink = source, sink
        self.lock = threading.Lock()
        self.arrived = threading.Condition()
        self.waiting: list[tuple[Any, ...]] = []
        self.cancelled: set[int] = set()
        self.said = 0.0

    def send(self, *message: Any) -> None:
        with self.lock:
            write_message(self.sink, message)

    def listen(self) -> None:
        """Take messages as they come; the end of the pipe is the end of the process, whatever it does just then."""
        while (message := read_message(self.source)) is not None:
            with self.arrived:
                if message[0] == "cancel":
                    self.cancelled.add(message[1])
                else:
                    self.waiting.append(message)
                self.arrived.notify()
        os._exit(0)

    def serve(self) -> None:
        """Do jobs for ever."""
        while True:
            with self.arrived:
                while not self.waiting:
                    self.arrived.wait()
                _, number, request, streaming = self.waiting.pop(0)
            self.do(number, request, streaming)

    def do(self, number: int, request: Any, streaming: bool) -> None:
        def say(event: Progress | Chunk) -> None:
            now = time.monotonic()
            if isinstance(event, Progress) and now - self.said < _EVERY_S and event.done < 1:
                return
            self.said = now
            self.send("event", number, event)

        job = JobContext(request.seed, say, lambda: number in self.cancelled)
        try:
            from .work import work, work_streaming

            if streaming:
                work_streaming(request, job)
                self.send("done", number, None)
            else:
                self.send("done", number, work(request, job))
        except AigcMusicError as error:
            self.send("failed", number, type(error), str(error), "")
        except MemoryError:
            self.send("failed", number, None, "out of memory: ask for something smaller", traceback.format_exc())
        except Exception as error:
            self.send("failed", number, None, f"{type(error).__name__}: {error}", traceback.format_exc())


def _stand_back() -> None:
    """Below what plays and what people wait for."""
    with suppress(OSError, AttributeError):
        os.nice(10)
    with suppress(OSError, AttributeError):
        # whoever wakes up beside an idle task gets its core at once
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # type: ignore[attr-defined, unused-ignore]
    with suppress(OSError):  # where Linux groups processes by session, this is the share of the group
        Path("/proc/self/autogroup").write_text("10")


def main() -> None:
    """Serve the engine that started this process."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what libraries print goes to stderr, never into the messages
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    _stand_back()
    worker = _Worker(source, sink)
    threading.Thread(target=worker.listen, name="listen", daemon=True).start()
    with suppress(KeyboardInterrupt, BrokenPipeError):
        worker.send("ready")
        worker.serve()


if __name__ == "__main__":
    main()
