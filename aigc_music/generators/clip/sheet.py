"""A contact sheet: one row a family, six frames each over a song, and what every family costs and does.

    python -m aigc_music.generators.clip.sheet SONG.mid OUT.jpg

Frames are put together by the compositor of films, at 1080p, and made smaller. OUT.json beside the picture holds the
figures of measure.py, of the fullest eight seconds of the song at 320 x 180, and the CPU milliseconds that drawing a
frame of 1080p takes. Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray
from PIL import Image

from aigc_music.engine.streams import stream
from aigc_music.files.atomic import atomic_write

from ..design.palettes import PALETTES
from ..facts import facts_of
from ..timeline import Timeline, timeline_of
from ..video.compositor import Compositor, pixels_of
from .families import FAMILIES
from .measure import flashes, follows, restlessness
from .scene import Scene, Stage

__all__ = ["measured", "sheet"]

LOOKS: dict[str, str] = {
    # family -> a palette that shows it well
    "flow": "night ferry", "burst": "sakura", "walk": "kodachrome", "ridges": "violet rain", "type": "signal",
    "roll": "riviera", "orbits": "deep sea", "strings": "terracotta", "tiles": "bone", "glass": "magenta rail",
}  # fmt: skip
FRAMES = 6
_CELL, _GAP, _BACK = (384, 216), 8, (112, 112, 112)
_MOST_BYTES = 600_000
_FULL, _SMALL = (1920, 1080), (320, 180)
_FPS, _LOOKED_S = 30, 8


def stage_of(timeline: Timeline, family: str, size: tuple[int, int], seed: int) -> Stage:
    """The whole song at 30 frames a second, in the look of the family."""
    return Stage(
        timeline, size, _FPS, 0.0, timeline.seconds, False, PALETTES[LOOKS[family]], stream(seed, "video.scene"),
        picture=FAMILIES[family].picture,
    )  # fmt: skip


def sheet(song: Path, seed: int = 1) -> NDArray[np.uint8]:
    """The sheet. Errors as facts_of."""
    timeline = timeline_of(facts_of(str(song)))
    compositor = Compositor(_FULL)
    width, height = _CELL
    whole = np.empty((len(FAMILIES) * (height + _GAP) + _GAP, FRAMES * (width + _GAP) + _GAP, 3), np.uint8)
    whole[:] = _BACK
    for row, (name, family) in enumerate(FAMILIES.items()):
        scene = family.make(stage_of(timeline, name, _FULL, seed))
        for column in range(FRAMES):
            layers = scene.draw(timeline.seconds * (0.04 + 0.155 * column))
            frame = Image.fromarray(pixels_of(compositor.frame(layers)))
            top, left = _GAP + row * (height + _GAP), _GAP + column * (width + _GAP)
            whole[top : top + height, left : left + width] = np.asarray(frame.resize(_CELL, Image.Resampling.LANCZOS))
        logging.info("%s drawn", name)
    return whole


def measured(song: Path, seed: int = 1) -> dict[str, dict[str, Any]]:
    """Per family: CPU milliseconds a frame of 1080p (drawing alone), flashes a second, how closely it follows the
    notes, and how restless it is."""
    timeline = timeline_of(facts_of(str(song)))
    begin = _fullest(timeline)
    notes = timeline.notes[(timeline.notes[:, 0] >= begin) & (timeline.notes[:, 0] < begin + _LOOKED_S)]
    found = {}
    for name, family in FAMILIES.items():
        frames = _frames(family.make(stage_of(timeline, name, _SMALL, seed)), begin)
        found[name] = {
            "cpu_ms": round(_cost(family.make(stage_of(timeline, name, _FULL, seed)), begin), 2),
            "flashes": flashes(frames, _FPS),
            "follows": round(follows(frames, _FPS, notes[:, 0] - begin, notes[:, 3]), 3),
            "restlessness": round(restlessness(frames), 2),
        }
        logging.info("%s %s", name, found[name])
    return found


def _fullest(timeline: Timeline) -> float:
    """Where the most notes begin in so many seconds."""
    starts = timeline.notes[:, 0]
    begins = np.arange(0.0, max(0.1, timeline.seconds - _LOOKED_S), 1.0)
    counts = np.searchsorted(starts, begins + _LOOKED_S) - np.searchsorted(starts, begins)
    return float(begins[np.argmax(counts)])


def _frames(scene: Scene, begin: float) -> NDArray[np.uint8]:
    compositor = Compositor(_SMALL)
    times = begin + np.arange(_LOOKED_S * _FPS) / _FPS
    return np.stack([pixels_of(compositor.frame(scene.draw(float(at)))) for at in times])


def _cost(scene: Scene, begin: float) -> float:
    """CPU milliseconds to draw a frame, grounds and figures, without putting them together; the median second."""
    canvas = skia.Surface(*_FULL).getCanvas()
    scene.draw(begin)
    seconds = []
    for second in range(_LOOKED_S):
        began = time.process_time()
        for number in range(_FPS):
            for figure in scene.draw(begin + second + number / _FPS).figures:
                canvas.save()
                canvas.clipRect(skia.Rect(*figure.box))
                figure.draw(canvas)
                canvas.restore()
        seconds.append(1000 * (time.process_time() - began) / _FPS)
    return statistics.median(seconds)


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """The best quality that stays under the limit."""
    for quality in (90, 84, 78, 70, 60):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= _MOST_BYTES:
            break
    return file.getvalue()


def main() -> None:
    """Write the sheet and its figures."""
    parser = argparse.ArgumentParser(description="A contact sheet of all families over a song, and their figures.")
    parser.add_argument("song", type=Path, help="MIDI file")
    parser.add_argument("out", type=Path, help="picture, .jpg")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with atomic_write(options.out) as file:
        file.write(_jpeg(sheet(options.song, options.seed)))
    with atomic_write(options.out.with_suffix(".json")) as file:
        file.write(json.dumps(measured(options.song, options.seed), indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
