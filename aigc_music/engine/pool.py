"""The worker processes of an engine: started when there is work, kept for the next job, replaced when they die.

Threads: `submit`, `cancel` and `close` from any; one thread a worker listens to it. Realtime-safe: no.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from aigc_music.core.errors import AigcMusicError

from .job import Cancelled
from .messages import read_message, write_message

if TYPE_CHECKING:
    from .engine import Job

__all__ = ["JobFailedError", "Pool"]

CANCEL_S = 0.7
"""A job that has not stopped by itself this long after a cancel is stopped with its process."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class JobFailedError(AigcMusicError):
    """A job failed in a way that is nobody's request: a mistake of ours, no memory, a killed process. `trace` is the
    traceback, where there is one."""

    trace = ""


class _Worker:
    """One process and the thread that listens to it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.job: Job | None = None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aigc_music.engine.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
            start_new_session=True,  # so that a Ctrl-C reaches the engine alone, which cancels in order
        )
        self.thread = threading.Thread(target=self._listen, name="worker", daemon=True)
        self.thread.start()

    def give(self, job: Job) -> None:
        self.job = job
        job.begin()
        assert self.process.stdin is not None
        with suppress(OSError):  # a dead process shows where its end of the pipe is read
            write_message(self.process.stdin, ("run", job.number, job.request, job.streaming))

    def cancel(self) -> None:
        assert self.process.stdin is not None and self.job is not None
        job = self.job
        with suppress(OSError):
            write_message(self.process.stdin, ("cancel", job.number))

        def insist() -> None:
            if not job.finished.wait(CANCEL_S):
                self.process.kill()

        threading.Thread(target=insist, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            while (message := read_message(self.process.stdout)) is not None:
                self._take(message)
        finally:  # whatever went wrong with what it said, its job must come to an end
            self.process.kill()
            self._ended(self.process.wait())

    def _ended(self, code: int) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # what was still to be written has no reader any more
                pipe.close()  # type: ignore[union-attr]
        self.pool.lost(self, code)

    def _take(self, message: tuple) -> None:  # type: ignore[type-arg]
        job = self.job
        if message[0] == "ready" or job is None or message[1] != job.number:
            return
        if message[0] == "event":
            job.tell(message[2])
            return
        if message[0] == "done":
            job.end(result=message[2])
        else:
            job.end(error=_error(*message[2:]))
        self.pool.free(self)


def _error(kind: type[AigcMusicError] | None, text: str, trace: str) -> AigcMusicError:
    if kind is not None:
        error = kind.__new__(kind)
        Exception.__init__(error, text)
        return error
    failed = JobFailedError(f"the job failed: {text}; run it again, and report it if it fails again")
    failed.trace = trace
    return failed


class Pool:
    """At most `size` workers; jobs wait for their turn in order."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._lock = threading.RLock()
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._closed = False
        self._numbers = itertools.count(1)

    def number(self) -> int:
        return next(self._numbers)

    def submit(self, job: Job) -> None:
        with self._lock:
            if self._closed:
                job.end(error=Cancelled("the engine is closed: make another one"))
                return
            self._waiting.append(job)
            self._hand_out()

    def cancel(self, job: Job) -> None:
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)
                job.end(error=Cancelled("stopped before it began"))
                return
            for worker in self._workers:
                if worker.job is job:
                    worker.cancel()

    def free(self, worker: _Worker) -> None:
        """A worker has done its job."""
        with self._lock:
            worker.job = None
            self._hand_out()

    def lost(self, worker: _Worker, code: int) -> None:
        """A worker's process has ended."""
        with self._lock:
            self._workers.remove(worker)
            job, worker.job = worker.job, None
            if job is not None and not job.finished.is_set():
                if job.cancelling:
                    job.end(error=Cancelled("stopped; nothing was written"))
                else:
                    how = f"signal {-code}" if code < 0 else f"code {code}"
                    job.end(error=JobFailedError(f"the worker ended by {how}; nothing was written, run it again"))
            self._hand_out()

    def close(self) -> None:
        """End all workers; jobs that run are cancelled."""
        with self._lock:
            self._closed = True
            for job in self._waiting:
                job.end(error=Cancelled("stopped before it began"))
            self._waiting.clear()
            workers = list(self._workers)
            for worker in workers:
                if worker.job is not None:
                    worker.job.cancelling = True
                worker.process.kill()
        for worker in workers:
            if worker.thread is not threading.current_thread():
                worker.thread.join(2.0)

    def _hand_out(self) -> None:
        while self._waiting and not self._closed:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) >= self.size:
                    return
                idle = _Worker(self)
                self._workers.append(idle)
            idle.give(self._waiting.popleft())
