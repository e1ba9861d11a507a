"""Films whose pictures are by a text-to-video model, in a local folder or of a hub id, through diffusers (extra
'hub').

The model paints a short film in its own size; the clip runs through it to and fro, so that it may be of any length
and closes as a loop, at a pace that follows the song's energy. Words, labels and sound are ours, as over a drawn
scene. Any text-to-video pipeline of diffusers will do that can be followed step by step. Stopped between two steps of
denoising.

Threads: one a generator, torch uses one. Realtime-safe: no.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from aigc_music.core.films import Film
from aigc_music.engine.job import Chunk, JobContext, Progress
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import VideoRequest

from ..clip.follow import Follow
from ..clip.scene import Layers, Scene, Stage
from ..cover.diffusion import NOT_WANTED, load_pipeline
from ..hub import source_of
from .builtin import BuiltinVideo

__all__ = ["DiffusionVideo", "PaintedScene"]

OWN_RATE = 8.0  # pictures a second that such models are trained on
PAINTED = 0.8  # of the work
DRAWN = "ridges"  # a family that needs no model: nothing of it is drawn


class DiffusionVideo(BuiltinVideo):
    """One request for a film (see engine.registry.Generator). `request` is the request as settled.

    MissingExtraError without the extra; UsageError, FileError and ModelError for what cannot be done.
    """

    def __init__(self, request: VideoRequest) -> None:
        self._source = source_of(request.model, "model_index.json", "diffusers")
        self._material = Material("model", request.model)
        super().__init__(request)

    def generate(self, job: JobContext) -> Film:
        """The whole film. Painting the pictures is most of it."""
        self.drawn(_part(job, 0.0, PAINTED))
        film = super().generate(_part(job, PAINTED, 1.0))
        self._figures |= {"family": "painted", "pictures": len(self._pictures)}
        return film

    def materials(self) -> list[Material]:
        """The text-to-video model, and the faces that words are set in."""
        return [self._material, *super().materials()]

    def _settled(self, request: VideoRequest) -> VideoRequest:
        settled = super()._settled(replace(request, family=DRAWN))
        return replace(settled, family=None, picture=None, prompt=request.prompt or self._prompt(request))

    def _prompt(self, request: VideoRequest) -> str:
        """What to paint where nobody said: picture, title and mood, light and pace from the music."""
        light = "bright warm light" if self.timeline.bright >= 0 else "low light, deep shadows"
        pace = "lively movement" if self.timeline.arousal >= 0 else "slow, quiet movement"
        said = [request.picture or "landscape", request.title, request.mood, light, pace, "painted film, no text"]
        return ", ".join(part for part in said if part)

    def _ground(self, job: JobContext) -> Scene:
        self._pictures = self._painted(job)
        return PaintedScene(self._pictures, self.stage)

    def _painted(self, job: JobContext) -> NDArray[np.uint8]:
        """(n, h, w, 3), from the pipeline. Cancelled after the step at which it is asked to stop."""
        import torch

        request = self.request
        job.progress(0.0, self._source.stage())
        torch.set_num_threads(1)
        pipeline = load_pipeline(self._source.name, self._source.local)
        self._material = self._source.material(job)

        def after(step: int) -> None:
            job.progress((step + 1) / request.steps, "painting")

        def on_step_end(pipe: Any, step: int, time: Any, known: dict[str, Any]) -> dict[str, Any]:
            after(step)
            return known

        takes = inspect.signature(type(pipeline).__call__).parameters
        options: dict[str, Any] = {
            "num_inference_steps": request.steps, "guidance_scale": request.guidance, "negative_prompt": NOT_WANTED,
            "generator": torch.Generator("cpu").manual_seed(request.seed), "output_type": "np",
            "callback_on_step_end": on_step_end,
        }  # fmt: skip
        if "callback_on_step_end" not in takes:  # the older way
            options["callback"] = lambda step, time, latents: after(step)
        if "prompt" not in takes or not takes.keys() & {"callback", "callback_on_step_end"}:
            raise ModelError(self._no_film(pipeline))
        result = pipeline(request.prompt, **{name: value for name, value in options.items() if name in takes})
        if not hasattr(result, "frames"):
            raise ModelError(self._no_film(pipeline))
        pictures = np.asarray(result.frames[0], np.float32)
        return np.round(np.clip(np.nan_to_num(pictures), 0, 1) * 255).astype(np.uint8)

    def _no_film(self, pipeline: Any) -> str:
        return (
            f"{type(pipeline).__name__} in {self._source.name!r} is no text-to-video pipeline that can be followed"
            " step by step: take another model, such as a TextToVideoSD or CogVideoX one"
        )


class PaintedScene:
    """Painted pictures (n, h, w, 3) as the grounds of a scene, to and fro, each faded into the next."""

    def __init__(self, pictures: NDArray[np.uint8], stage: Stage) -> None:
        self.follow = Follow(stage)
        self.pictures = _cropped(pictures, stage.size)
        self._there_and_back = max(1, 2 * (len(pictures) - 1))

    def draw(self, time_s: float) -> Layers:
        at = self.follow.clock(time_s)
        turn = self.follow.rate(OWN_RATE / self._there_and_back) * self.follow.pace(at) % 1.0
        place = self._there_and_back * min(turn, 1 - turn)
        first = min(int(place), len(self.pictures) - 1)
        second = min(first + 1, len(self.pictures) - 1)
        share = np.float32(place - first)
        mixed = self.pictures[first] * (1 - share) + self.pictures[second] * share
        ground = np.full((*mixed.shape[:2], 4), 255, np.uint8)
        ground[..., :3] = np.rint(mixed)
        return Layers(ground)


def _cropped(pictures: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The middle of the pictures, of the frame's ratio."""
    _, height, width, _ = pictures.shape
    scale = min(width / size[0], height / size[1])
    wide, tall = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    left, top = (width - wide) // 2, (height - tall) // 2
    return np.ascontiguousarray(pictures[:, top : top + tall, left : left + wide, :3])


def _part(job: JobContext, low: float, high: float) -> JobContext:
    """The job, whose progress 0..1 becomes low..high of the whole."""

    def say(event: Progress | Chunk) -> None:
        job.say(Progress(low + (high - low) * event.done, event.stage) if isinstance(event, Progress) else event)

    return JobContext(job.seed, say, job.cancelled)
