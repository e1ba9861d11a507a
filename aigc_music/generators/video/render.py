"""A scene, frame by frame, into a film.

x264 works in threads of its own, so the next frame is drawn while the last ones are encoded; a thread of ours for
either would bring nothing.

Threads: one a film. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.films import Film
from aigc_music.core.sounds import Sound
from aigc_music.engine.job import JobContext
from aigc_music.files.video import VideoWriter

from ..clip.scene import Scene, Stage
from .compositor import Compositor, pixels_of

__all__ = ["previews", "render"]

_PREVIEW = 320  # pixels of its longer side


def render(
    scene: Scene,
    stage: Stage,
    job: JobContext,
    *,
    quality: int = 20,
    sound: Sound | None = None,
    title: str = "",
    artist: str = "",
    still: bool = False,
) -> Film:
    """The film of a scene on its stage. sound: begins with the first frame, None for silence. still: keep the first
    frame beside it. Tells how far it is after every frame, and stops there when the job is cancelled."""
    compositor = Compositor(stage.size)
    frames = frames_of(stage)
    first = None
    with VideoWriter(stage.size, stage.fps, quality=quality, sound=sound, title=title, artist=artist) as writer:
        for index in range(frames):
            job.progress(index / (frames + 1), f"frame {index + 1} of {frames}")
            frame = compositor.frame(scene.draw(stage.start_s + index / stage.fps))
            if still and first is None:
                first = pixels_of(frame)
            writer.add(frame)
        job.progress(frames / (frames + 1), "finishing")
        data = writer.finish()
    return Film(data, stage.size, stage.fps, frames, sound is not None, title, artist, first)


def frames_of(stage: Stage) -> int:
    """How many frames there are."""
    return max(1, round(stage.seconds * stage.fps))


def previews(scene: Scene, stage: Stage, job: JobContext, every_s: float = 1.0) -> Iterator[NDArray[np.uint8]]:
    """A small picture (h, w, 3) of every so many seconds."""
    compositor = Compositor(stage.size)
    share = min(1.0, _PREVIEW / max(stage.size))
    size = max(2, round(stage.size[0] * share)), max(2, round(stage.size[1] * share))
    count = max(1, int(stage.seconds / every_s))
    for index in range(count):
        job.progress(index / count, "looking")
        yield pixels_of(compositor.frame(scene.draw(stage.start_s + index * every_s)), size)
