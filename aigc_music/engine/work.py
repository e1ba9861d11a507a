"""One piece of work, start to end, in whichever process it happens: a request becomes a result."""

from __future__ import annotations

import time

from .encodings import encoding_of
from .job import JobContext
from .provenance import draft, finished
from .registry import generator_for
from .requests import Request
from .result import Result

__all__ = ["work", "work_streaming"]


def work(request: Request, job: JobContext) -> Result:
    """Make all of it. Raises what the generator raises, and Cancelled."""
    begun = time.perf_counter()
    generator = generator_for(request)
    job.progress(0.0, "starting")
    content = generator.generate(job)
    job.check()
    encoding = encoding_of(content)
    plain = encoding.encode(content, encoding.suffixes[0], None)
    record = finished(draft(generator), plain, encoding.beside(content))
    return Result(generator.request, content, record, generator.quality(), time.perf_counter() - begun)


def work_streaming(request: Request, job: JobContext) -> None:
    """Give out the parts as they are decided; there is no result to keep."""
    for value in generator_for(request).stream(job):
        job.chunk(value)
