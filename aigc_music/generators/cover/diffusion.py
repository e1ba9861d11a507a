"""Covers whose picture is by a diffusion model, in a local folder or of a hub id, through diffusers (extra 'hub').

The model paints, the type is ours: no model is asked for letters. Any text-to-image pipeline of diffusers will do.
For a cover it paints in its own size, which is drawn larger; families that take a picture (halftone, collage) may
screen or cut it. A picture alone has the size that is asked for, up to 2048. Stopped between two steps of denoising.

Threads: one a generator, torch uses one. Realtime-safe: no.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError, choose
from aigc_music.core.pictures import Picture
from aigc_music.engine.job import Chunk, JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import ImageRequest
from aigc_music.engine.streams import stream

from ..design.fonts import FontBook
from ..design.motif import motif_for
from ..design.palettes import choose_palette, mood_of
from ..hub import source_of
from . import full
from .families import FAMILIES, Family
from .judge import judged, seen
from .legible import Written, write
from .sleeve import Sleeve

__all__ = ["DiffusionCover", "load_pipeline"]

USABLE: dict[str, Family] = {
    "full": Family(full.draw, "the picture over the whole sleeve", 0.0, 0.0, "dark", "any", 2.0)
} | {name: family for name, family in FAMILIES.items() if family.picture is not None}
"""Families that are made from a picture."""

NOT_WANTED = "text, letters, words, watermark, signature, logo, frame"
"""For pipelines that take a negative prompt."""
PREVIEW_STEPS = 2
PREVIEW_SIDE = 256
GRID = 16  # pixels: sizes are whole multiples
OWN_SIZE_FROM = 2048  # pixels: what is asked to be larger than that is painted in the model's own size
PAINTED = 0.8  # of the work


class DiffusionCover:
    """One request for a picture (see engine.registry.Generator). `request` is the request as settled.

    MissingExtraError without the extra; UsageError, FileError and ModelError for what cannot be done.
    """

    def __init__(self, request: ImageRequest) -> None:
        self._source = source_of(request.model, "model_index.json", "diffusers")
        self._material = Material("model", request.model)
        self._book = FontBook(request.language, request.font)
        self._book.refuse_missing(request)
        family = choose("family", request.family or "full", USABLE)
        mood, draw = mood_of(request.mood), stream(request.seed, "cover.palette")
        self._motif = motif_for(request, mood)
        self._palette = choose_palette(request.palette, self._motif, USABLE[family].ground, draw)
        self.request = replace(
            request, palette=request.palette or self._palette.name, prompt=request.prompt or self._prompt(request),
            family=family if request.kind == "cover" else None,
        )  # fmt: skip
        self._figures: dict[str, Any] = {}

    def stream(self, job: JobContext) -> Iterator[NDArray[np.uint8]]:
        """Previews, (h, w, 3) of at most 256 pixels a side, as the picture clears up; the last is of the result."""
        events: SimpleQueue[Any] = SimpleQueue()
        left = False
        inner = JobContext(job.seed, events.put, lambda: left or job.cancelled())
        work = Thread(target=_finish, args=(self, inner, events), daemon=True)
        work.start()
        try:
            while not isinstance(event := events.get(), Picture):
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Chunk):
                    yield event.value
                else:
                    job.say(event)
            yield _small(event.pixels)
        finally:
            left = True
            work.join()

    def generate(self, job: JobContext) -> Picture:
        """The cover; of kind 'picture', what the model paints. Gives out previews on the way."""
        request = self.request
        picture = self._painted(job)
        if request.kind == "picture":
            self._figures = {"width": picture.shape[1], "rank": 0.0, **seen(picture)}
            return Picture(picture, request.title, request.artist)
        words = {"title": request.title, "artist": request.artist}
        sleeve = Sleeve(
            request.size[0],
            self._motif,
            self._palette,
            job.rng("cover.art"),
            self._book,
            words,
            lambda usual: picture,
        )
        written: list[Written] = []
        family = USABLE[str(request.family)]
        for steps in (family.draw(sleeve), write(sleeve, written), sleeve.grain(family.grain)):
            for stage in steps:
                job.progress(0.9, stage)
        pixels = np.ascontiguousarray(sleeve.pixels[..., :3])
        job.progress(0.98, "checking")
        self._figures = judged(pixels, written, request, job) | {"picture_width": picture.shape[1]}
        return Picture(pixels, request.title, request.artist, tuple(words.text for words in written))

    def materials(self) -> list[Material]:
        """The diffusion model, and faces where words are set."""
        return [self._material, *(self._book.materials() if self.request.kind == "cover" else [])]

    def quality(self) -> dict[str, Any]:
        """Measured figures; `rank` is lower the better. Empty before `generate`."""
        return dict(self._figures)

    def disclosure(self) -> dict[str, str]:
        return {"artwork": "generated"}

    def _prompt(self, request: ImageRequest) -> str:
        """What to paint where nobody said: picture, title and mood, light and pace from the music."""
        light = "bright warm light" if self._motif.bright >= 0 else "low light, deep shadows"
        pace = "energetic, strong shapes" if self._motif.arousal >= 0 else "calm, wide and quiet"
        said = [
            request.picture or "landscape",
            request.title,
            request.mood,
            light,
            pace,
            "painting for a record sleeve",
        ]
        return ", ".join(part for part in said if part)

    def _painted(self, job: JobContext) -> NDArray[np.uint8]:
        """(h, w, 3), from the pipeline. Cancelled after the step at which it is asked to stop."""
        import torch

        request = self.request
        job.progress(0.0, self._source.stage())
        torch.set_num_threads(1)
        pipeline = load_pipeline(self._source.name, self._source.local)
        self._material = self._source.material(job)

        def after(pipe: Any, step: int, time: Any, known: dict[str, Any]) -> dict[str, Any]:
            job.progress(PAINTED * (step + 1) / request.steps, "painting")
            if step % PREVIEW_STEPS == 0 and "latents" in known:
                job.chunk(_preview(known["latents"].detach().float().cpu().numpy()[0]))
            return known

        takes = inspect.signature(type(pipeline).__call__).parameters
        options: dict[str, Any] = {
            "num_inference_steps": request.steps, "guidance_scale": request.guidance, "negative_prompt": NOT_WANTED,
            "callback_on_step_end": after, "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "np",
        }  # fmt: skip
        if request.kind == "picture" and max(request.size) <= OWN_SIZE_FROM:
            options["width"], options["height"] = (max(GRID, side // GRID * GRID) for side in request.size)
        if "callback_on_step_end" not in takes or "prompt" not in takes:
            raise ModelError(
                f"{type(pipeline).__name__} in {self._source.name!r} is no text-to-image pipeline that can "
                "be followed step by step: take another model, such as a Stable Diffusion or Flux one"
            )
        images = pipeline(request.prompt, **{name: value for name, value in options.items() if name in takes}).images
        pixels: NDArray[np.uint8] = np.round(np.clip(np.nan_to_num(images[0]), 0, 1) * 255).astype(np.uint8)
        return np.ascontiguousarray(pixels[..., :3])


def load_pipeline(name: str, local: bool) -> Any:
    """The pipeline, ready to paint. ModelError where it cannot be loaded."""
    import torch
    from diffusers import DiffusionPipeline

    try:
        loader: Any = DiffusionPipeline
        pipeline = loader.from_pretrained(name, local_files_only=local, use_safetensors=True)
        if torch.cuda.is_available():
            pipeline = pipeline.to("cuda", torch.bfloat16)
    except Exception as error:  # diffusers raises of all kinds: what matters is that nothing was loaded
        said = " ".join(str(error).split())[:300]
        raise ModelError(
            f"model {name!r} cannot be loaded ({type(error).__name__}: {said}): give a folder, or a hub id, with a "
            "diffusers pipeline as safetensors and JSON"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _finish(cover: DiffusionCover, job: JobContext, events: SimpleQueue[Any]) -> None:
    """In a thread of its own: the picture, or what went wrong, as the last event."""
    try:
        events.put(cover.generate(job))
    except BaseException as error:  # it is raised again where the events are read
        events.put(error)


def _preview(latents: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A small picture of what is there so far: the three latent channels that vary most, without the decoder.

    latents: (channels, h, w), or (places, channels) of a square, as Flux packs them.
    """
    if latents.ndim == 2:
        side = int(len(latents) ** 0.5)
        latents = latents[: side * side].reshape(side, side, -1).transpose(2, 0, 1)
    strongest = np.sort(np.argsort(-latents.std(axis=(1, 2)), kind="stable")[:3])
    rows = latents[strongest]
    low, high = np.percentile(rows, (2, 98), axis=(1, 2), keepdims=True)
    values = np.clip((rows - low) / np.maximum(high - low, 1e-6), 0, 1)
    return _small(np.round(255 * values).astype(np.uint8).transpose(1, 2, 0))


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = -(-max(pixels.shape[:2]) // PREVIEW_SIDE)
    return np.ascontiguousarray(pixels[::step, ::step, :3])
