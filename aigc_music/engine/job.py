"""A job seen from inside: what a generator may say and ask while it works.

Threads: the one that works. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aigc_music.core.errors import AigcMusicError

from .streams import stream

__all__ = ["Cancelled", "Chunk", "JobContext", "Progress"]


class Cancelled(AigcMusicError):  # noqa: N818 - it is no error of anybody's
    """The job was cancelled; nothing was written."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: done 0..1, and at what."""

    done: float
    stage: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the result as soon as it is decided: a note, a line, a preview."""

    value: Any


def _ignore(event: Progress | Chunk) -> None:
    pass


def _never() -> bool:
    return False


@dataclass(slots=True)
class JobContext:
    """What a generator gets. say: where events go; cancelled: whether to stop."""

    seed: int
    say: Callable[[Progress | Chunk], None] = field(default=_ignore)
    cancelled: Callable[[], bool] = field(default=_never)

    def progress(self, done: float, stage: str) -> None:
        """Tell how far it is, 0..1. Raises Cancelled where the job is to stop: call it at least every 0.3 s."""
        self.check()
        self.say(Progress(min(1.0, max(0.0, done)), stage))

    def chunk(self, value: Any) -> None:
        """Give out a part of the result. Raises Cancelled like `progress`."""
        self.check()
        self.say(Chunk(value))

    def check(self) -> None:
        """Raise Cancelled where the job is to stop."""
        if self.cancelled():
            raise Cancelled("stopped; nothing was written")

    def rng(self, name: str) -> np.random.Generator:
        """The named random stream of this job's seed."""
        return stream(self.seed, name)
