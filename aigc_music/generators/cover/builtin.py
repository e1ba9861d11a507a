"""Covers drawn from a song, and the pictures that our own small model paints.

Threads: one a generator. Realtime-safe: no.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import choose
from aigc_music.core.pictures import Picture
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import ImageRequest
from aigc_music.engine.streams import stream

from ..design.fonts import FontBook
from ..design.material import load_painter, paint
from ..design.motif import Motif, motif_for
from ..design.palettes import Palette, choose_palette, mood_of
from .families import FAMILIES
from .judge import judged, seen
from .legible import Written, write
from .sleeve import Sleeve

__all__ = ["BuiltinCover"]

_STEPS = 60  # of a usual cover, for the share that is told
_LEAST_LETTER = 3.0  # pixels of a title's letters where the cover is 64 wide


class BuiltinCover:
    """One request for a picture. `request` is the request as settled: family, palette and picture are known.

    UsageError, FileError and ModelError for what cannot be done, before anything is drawn.
    """

    def __init__(self, request: ImageRequest) -> None:
        mood = mood_of(request.mood)
        self.book = FontBook(request.language, request.font)
        self.book.refuse_missing(request)
        self.motif = motif_for(request, mood)
        family = request.family and choose("family", request.family, FAMILIES)
        if request.kind == "cover":
            family = family or choose_family(
                self.motif, stream(request.seed, f"cover.family.{self.motif.fingerprint()}")
            )
            request = replace(request, family=family, picture=request.picture or FAMILIES[family].picture)
        else:
            request = replace(request, family=None, picture=request.picture or "landscape")
        self.painter = (
            load_painter(_model(request)) if request.kind == "picture" or self._needs_painter(request) else None
        )
        if self.painter is not None and request.picture is not None:
            request = replace(request, picture=choose("class of picture", request.picture, self.painter.classes))
        self.palette = self._palette(request)
        self.request = replace(request, palette=request.palette or self.palette.name)
        self._figures: dict[str, Any] = {}

    @staticmethod
    def _needs_painter(request: ImageRequest) -> bool:
        return request.family is not None and FAMILIES[request.family].picture is not None

    def _palette(self, request: ImageRequest) -> Palette:
        ground = FAMILIES[request.family].ground if request.family else None
        return choose_palette(
            request.palette, self.motif, ground, stream(request.seed, f"cover.palette.{self.motif.fingerprint()}")
        )

    def stream(self, job: JobContext) -> Iterator[NDArray[np.uint8]]:
        """Previews of 256 pixels or less, (h, w, 3), a few while it is drawn; the last is of the finished cover."""
        if self.request.kind == "picture":
            yield self.generate(job).pixels
            return
        sleeve = self._sleeve(job)
        shown = 0.0
        for stage in self._steps(sleeve, job, []):
            now = time.perf_counter()
            if stage != "grain" and now - shown > 0.25:
                shown = now
                yield _preview(sleeve.pixels)
        yield _preview(sleeve.pixels)

    def generate(self, job: JobContext) -> Picture:
        """The cover; of kind 'picture', what the model paints in its own size, which is material and no cover."""
        began = time.process_time()
        if self.request.kind == "picture":
            job.progress(0.1, "painting")
            pixels = paint(self.painter, str(self.request.picture), job.seed)
            job.progress(1.0, "painting")
            self._figures = {"width": pixels.shape[1], "rank": 0.0, **seen(pixels)}
            return Picture(pixels, self.request.title, self.request.artist)
        sleeve = self._sleeve(job)
        written: list[Written] = []
        for _ in self._steps(sleeve, job, written):
            pass
        pixels = np.ascontiguousarray(sleeve.pixels[..., :3])
        job.progress(0.97, "checking")
        self._figures = judged(pixels, written, self.request, job)
        self._figures["seconds"] = round(time.process_time() - began, 3)
        texts = tuple(words.text for words in written)
        return Picture(pixels, self.request.title, self.request.artist, texts)

    def materials(self) -> list[Material]:
        """Faces, and the picture model where one was used."""
        rows = self.book.materials() if self.request.kind == "cover" else []
        return rows if self.painter is None else [Material.of_card(self.painter.card), *rows]

    def quality(self) -> dict[str, Any]:
        """Measured figures, see README; `rank` is lower the better. Empty before `generate`."""
        return dict(self._figures)

    def disclosure(self) -> dict[str, str]:
        """The artwork is generated."""
        return {"artwork": "generated"}

    def _sleeve(self, job: JobContext) -> Sleeve:
        rng = job.rng(f"cover.art.{self.motif.fingerprint()}")
        words = {"title": self.request.title, "artist": self.request.artist}

        def painted(usual: str) -> NDArray[np.uint8]:
            return paint(self.painter, self.request.picture or usual, int(rng.integers(1 << 31)))

        return Sleeve(self.request.size[0], self.motif, self.palette, rng, self.book, words, painted)

    def _steps(self, sleeve: Sleeve, job: JobContext, written: list[Written]) -> Iterator[str]:
        """All of the work, in steps of at most about 0.3 s."""
        family = FAMILIES[str(self.request.family)]
        for step, stage in enumerate(family.draw(sleeve)):
            job.progress(0.75 * (1 - math.exp(-3 * step / _STEPS)), stage)
            yield stage
        for stage in write(sleeve, written):
            job.progress(0.8, stage)
            yield stage
        for stage in sleeve.grain(family.grain):
            job.progress(0.9, stage)
            yield stage


def choose_family(motif: Motif, rng: np.random.Generator) -> str:
    """A family by chance, the likelier the nearer it lies to the song's mood."""
    away = [math.hypot(row.bright - motif.bright, row.arousal - motif.arousal) for row in FAMILIES.values()]
    weights = np.exp(-0.7 * np.array(away))
    return list(FAMILIES)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _model(request: ImageRequest) -> str:
    return "pictures" if request.model == "default" else request.model


def _preview(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-len(pixels) // 256)
    return np.ascontiguousarray(pixels[::step, ::step, :3])
