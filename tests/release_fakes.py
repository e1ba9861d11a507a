"""Generators for tests of releases: of every asset the smallest that can be published, made of the request alone.

`python -m tests.release_fakes BRIEF DIR [SECONDS]` makes a release with them, each taking so many seconds: for tests
that kill it.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from aigc_music.core.errors import ModelError
from aigc_music.core.films import Film
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.pictures import Picture
from aigc_music.core.sounds import Sound
from aigc_music.core.texts import Text
from aigc_music.engine.job import JobContext
from aigc_music.engine.provenance import canonical
from aigc_music.engine.registry import GENERATORS, Material
from aigc_music.engine.requests import Request

ROLES = {"music": "composition", "text": "lyrics", "image": "artwork", "audio": "instruments", "video": "video"}


class Fake:
    """A generator whose content is drawn from the hash of its request. failing: assets that fail. asked: all requests
    that were served. seconds: how long each takes."""

    failing: ClassVar[set[str]] = set()
    asked: ClassVar[list[Request]] = []
    seconds = 0.0

    def __init__(self, request: Request) -> None:
        self.request = request

    def stream(self, job: JobContext) -> Iterator[Any]:
        yield self.generate(job)

    def generate(self, job: JobContext) -> Any:
        for step in range(10):
            job.progress(step / 10, "pretending")
            time.sleep(self.seconds / 10)
        if self.request.asset in self.failing:
            raise ModelError(f"no model for {self.request.asset} today: come back tomorrow")
        self.asked.append(self.request)
        digest = hashlib.sha256(canonical(self.request.record())).digest()
        return getattr(self, self.request.asset)(digest)

    def music(self, digest: bytes) -> Score:
        pitches = [60 + byte % 12 for byte in digest[:16]]
        notes = [Note(480 * place, pitch, 80, 480) for place, pitch in enumerate(pitches)]
        bass = [Note(1920 * bar, 36 + digest[bar] % 12, 80, 1920) for bar in range(4)]
        return Score(tracks=[Track("melody", notes=notes), Track("bass", notes=bass)], title="pop in C major")

    def text(self, digest: bytes) -> Text:
        words = tuple(Word((Syllable(f"w{byte}", place, place + 0.9),)) for place, byte in enumerate(digest[:4]))
        timed = TimedLyrics((Line(words, "verse"),), language="en")
        return Text("lyrics", {"lines": [timed.text]}, timed.text, timed)

    def image(self, digest: bytes) -> Picture:
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[:] = list(digest[:3])
        return Picture(pixels, "title", "artist")

    def audio(self, digest: bytes) -> Sound:
        frames = np.random.default_rng(int.from_bytes(digest[:8], "big")).uniform(-0.1, 0.1, (4800, 2))
        return Sound(frames.astype(np.float32), 48_000)

    def video(self, digest: bytes) -> Film:
        box = b"\0\0\0\x18ftypisom\0\0\2\0isommp42" + (40).to_bytes(4, "big") + b"mdat" + digest
        return Film(box, (64, 64), 12, 12)

    def materials(self) -> list[Material]:
        return []

    def quality(self) -> dict[str, Any]:
        return {}

    def disclosure(self) -> dict[str, str]:
        return {ROLES[self.request.asset]: "generated"}


def fakes() -> dict[tuple[str, str], tuple[str, str]]:
    """Rows for the registry."""
    return {(asset, "builtin"): (__name__, "Fake") for asset in ROLES}


def main() -> None:
    from aigc_music.release.brief import read_brief
    from aigc_music.release.run import release

    GENERATORS.update(dict.fromkeys(fakes(), ("tests.release_fakes", "Fake")))
    from tests.release_fakes import Fake as Served  # the one that the registry imports, not that of __main__

    Served.seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    outcome = release(read_brief(sys.argv[1]), sys.argv[2], workers=0)
    sys.exit(not outcome.ok)


if __name__ == "__main__":
    main()
