"""Engine: the one way to run any generator, offline or streaming. Request -> Job -> Result."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Iterator
from typing import Any, Self

from aigc_music.core.errors import AigcMusicError, UsageError

from .job import Cancelled, Chunk, JobContext, Progress
from .pool import Pool
from .registry import generator_for
from .requests import Request
from .result import Result
from .work import work, work_streaming

__all__ = ["Engine", "Job"]


class Job:
    """A request on its way. state: waiting, running, done, failed or cancelled.

    Threads: any. Iterating gives its events, Progress and Chunk, until it ends.
    """

    def __init__(self, number: int, request: Request, streaming: bool, pool: Pool | None, engine: Engine) -> None:
        self.number, self.request, self.streaming = number, request, streaming
        self.engine = engine  # an engine lives as long as its jobs
        self.state = "waiting"
        self.cancelling = False
        self.finished = threading.Event()
        self._pool = pool
        self._events: queue.SimpleQueue[Progress | Chunk | None] = queue.SimpleQueue()
        self._result: Result | None = None
        self._error: AigcMusicError | None = None

    def cancel(self) -> None:
        """Stop it: within a second, and without a file or half of one. Nothing happens to a job that has ended."""
        self.cancelling = True
        if self._pool is not None and not self.finished.is_set():
            self._pool.cancel(self)

    def events(self) -> Iterator[Progress | Chunk]:
        """What happens, as it happens. Ends with the job; `result` then says how it went."""
        while (event := self._events.get()) is not None:
            yield event

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result. Raises what went wrong, Cancelled, or TimeoutError after `timeout` seconds."""
        if not self.finished.wait(timeout):
            raise TimeoutError(f"the job is not done after {timeout:g} s")
        if self._error is not None:
            raise self._error
        assert self._result is not None or self.streaming
        return self._result  # type: ignore[return-value]

    # what the pool calls

    def begin(self) -> None:
        self.state = "running"

    def tell(self, event: Progress | Chunk) -> None:
        self._events.put(event)

    def end(self, *, result: Result | None = None, error: AigcMusicError | None = None) -> None:
        self._result, self._error = result, error
        self.state = "done" if error is None else "cancelled" if isinstance(error, Cancelled) else "failed"
        self._events.put(None)
        self.finished.set()


class Engine:
    """Runs requests in worker processes at the lowest priority, so that no offline work delays a note.

    workers: how many at once, 1..64; 0 = in the calling thread, for programs that are a worker themselves. An engine
    may be used by several threads, and as a context manager; its workers end with it, or with the program.

    >>> with Engine() as engine:                                     # doctest: +SKIP
    ...     job = engine.submit(MusicRequest(style="jazz", seed=7))
    ...     for event in job.events():
    ...         print(event)
    ...     job.result().save("tune.mid")
    """

    def __init__(self, workers: int = 1) -> None:
        if not 0 <= workers <= 64:
            raise UsageError(f"workers {workers!r}: give 0..64 processes")
        self._pool = Pool(workers) if workers else None
        if self._pool is not None:
            weakref.finalize(self, self._pool.close)

    def check(self, request: Request) -> None:
        """Raise UsageError, FileError or ModelError for all that would go wrong (fonts, glyphs, sizes, files), before
        any work is done."""
        generator_for(request)

    def submit(self, request: Request, *, streaming: bool = False) -> Job:
        """Start a job; returns at once. With streaming it gives out its parts as Chunks and has no result."""
        job = Job(self._pool.number() if self._pool else 0, request, streaming, self._pool, self)
        if self._pool is not None:
            self._pool.submit(job)
        else:
            self._do_here(job)
        return job

    def run(self, request: Request) -> Result:
        """Make all of it and wait. An interrupt (Ctrl-C) cancels the job."""
        job = self.submit(request)
        try:
            return job.result()
        except BaseException:
            job.cancel()
            raise

    def stream(self, request: Request) -> Iterator[Any]:
        """The parts one by one as they are decided: notes in order of time, lines, previews. Closing the iterator
        cancels the job."""
        if self._pool is None:
            yield from generator_for(request).stream(JobContext(request.seed))
            return
        job = self.submit(request, streaming=True)
        try:
            for event in job.events():
                if isinstance(event, Chunk):
                    yield event.value
            job.result()
        finally:
            job.cancel()

    def close(self) -> None:
        """End the workers; running jobs are cancelled."""
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do_here(self, job: Job) -> None:
        context = JobContext(job.request.seed, job.tell, lambda: job.cancelling)
        job.begin()
        try:
            if job.streaming:
                work_streaming(job.request, context)
                job.end()
            else:
                job.end(result=work(job.request, context))
        except AigcMusicError as error:
            job.end(error=error)
