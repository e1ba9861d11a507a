"""MoviePy as a contender of `bench video`: run by file name in the Python that has it, never imported by us.

    python bench_moviepy.py PICTURES WIDTH HEIGHT FPS FONT WORDS NEXT OUT

PICTURES: small pictures of the film's ratio (n, h, w, 3) as .npy, one a frame, which are enlarged. WORDS, NEXT: two
lines that stand over them. One line of JSON on stdout: {"version", "ms": time of each frame, "cpu_ms": of a frame,
the encoder's process counted}.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import sys
import time

import numpy as np


def main() -> None:
    """Write the film, measured."""
    moviepy = importlib.import_module("moviepy")
    pictures, out = sys.argv[1], sys.argv[8]
    width, height, fps = (int(number) for number in sys.argv[2:5])
    font, words, coming = sys.argv[5:8]
    frames = np.load(pictures)
    seconds = len(frames) / fps
    calls: list[float] = []

    def picture(at: float) -> object:
        calls.append(time.perf_counter())
        return frames[min(len(frames) - 1, round(at * fps))]

    lines = [
        moviepy.TextClip(font=font, text=text, font_size=round(size * height), color="white")
        .with_duration(seconds)
        .with_position(("center", round(place * height)))
        for text, size, place in ((words, 0.1, 0.68), (coming, 0.056, 0.84))
    ]
    film = moviepy.CompositeVideoClip([moviepy.VideoClip(picture, duration=seconds).resized((width, height)), *lines])
    begun = _cpu_s()
    with contextlib.redirect_stdout(sys.stderr):
        film.write_videofile(
            out, fps=fps, codec="libx264", audio=False, preset="veryfast", threads=2, logger=None,
            ffmpeg_params=["-crf", "20", "-bf", "2", "-g", str(fps // 2)],
        )  # fmt: skip
    ended, cpu_s = time.perf_counter(), _cpu_s() - begun
    took = np.diff([*calls[-len(frames) :], ended]) * 1e3
    version = importlib.metadata.version("moviepy")
    print(json.dumps({"version": version, "ms": took.tolist(), "cpu_ms": 1e3 * cpu_s / len(frames)}))


def _cpu_s() -> float:
    """CPU time of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    main()
