"""CPU time of a frame of a lyric video: ours, x264 alone on the same frames, and MoviePy on the same content.

All contenders encode with x264 at the same settings. x264 alone gets frames that are ready. MoviePy gets the small
pictures behind the words ready, enlarges them and lays two lines over them; ours draws those pictures too, wipes the
words and has the sound. Each runs twice, in turns; the run of less CPU time counts.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aigc_music.core.errors import UsageError

if TYPE_CHECKING:
    from aigc_music.core.lyrics import TimedLyrics
    from aigc_music.core.notes import Score
    from aigc_music.files.video import VideoWriter
    from aigc_music.generators.video.builtin import BuiltinVideo

__all__ = ["MOVIEPY_VARIABLE", "measure"]

MOVIEPY_VARIABLE = "AIGC_MUSIC_MOVIEPY"
SIZE, FPS, QUALITY = (1920, 1080), 30, 20
START_S = 3.0  # of the first frame: a line is being sung, and gives way to the next
_ROUNDS = 2
_ENDING_S = 2.0  # in which a film fades out; not measured
_BPM = 120
_WORDS = ("Harbour lights are calling over the water", "all the boats are coming home to stay")
_CHORDS = ((48, 64, 67, 72), (45, 60, 64, 69), (41, 60, 65, 69), (43, 59, 62, 67))
_TUNE = (72, 74, 76, 79, 76, 74, 72, 69)


def measure(
    frames: int = 60,
    family: str = "roll",
    moviepy: str | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """(row by contender, why by contender that could not run). Figures in ms a frame; cpu is that of all threads and
    processes. frames 10..600, each takes 5 MB; family: of the pictures; moviepy: path of a Python that has it, None =
    the environment variable AIGC_MUSIC_MOVIEPY. UsageError for other numbers and families."""
    if not 10 <= frames <= 600:
        raise UsageError(f"{frames} frames: give 10..600")
    moviepy = moviepy or os.environ.get(MOVIEPY_VARIABLE)
    film = _film(frames, family)
    report("warming up")
    _ours(film, 3)
    ready = _ready(film, frames)
    contenders: dict[str, Callable[[], dict[str, Any]]] = {
        "aigc-music": lambda: _ours(film, frames),
        "x264 alone": lambda: _encoded(ready),
    }
    skipped = {}
    with tempfile.TemporaryDirectory(prefix="aigc-music-bench-") as folder:
        if moviepy:
            command = _moviepy_command(moviepy, film, frames, Path(folder))
            contenders["moviepy"] = lambda: _moviepy(command)
        else:
            skipped["moviepy"] = (
                f"give a Python that has it with --moviepy or {MOVIEPY_VARIABLE}; --help says how to make one"
            )
        rows: dict[str, dict[str, Any]] = {}
        for number, (name, run) in itertools.product(range(1, _ROUNDS + 1), contenders.items()):
            if name in skipped:
                continue
            report(f"{name}, round {number} of {_ROUNDS}")
            row = run()
            if "skipped" in row:
                skipped[name] = row["skipped"]
            elif name not in rows or row["cpu"] < rows[name]["cpu"]:
                rows[name] = row
    rows["aigc-music"]["times_x264"] = round(rows["aigc-music"]["cpu"] / rows["x264 alone"]["cpu"], 2)
    return rows, skipped


def _film(frames: int, family: str) -> BuiltinVideo:
    """A lyric video of a tune of sixteen bars, with the sound of its own."""
    from aigc_music.engine import VideoRequest
    from aigc_music.generators.video.builtin import BuiltinVideo

    return BuiltinVideo(
        VideoRequest(
            kind="lyric_video", song=_song(), lyrics=_lyrics(), title="Harbour Lights", artist="Ada Park",
            family=family, palette="night ferry", size=SIZE, fps=FPS, quality=QUALITY, start_s=START_S,
            seconds=frames / FPS + _ENDING_S, seed=1,
        )
    )  # fmt: skip


def _ours(film: BuiltinVideo, frames: int) -> dict[str, Any]:
    from aigc_music.engine.job import JobContext
    from aigc_music.files.video import VideoWriter
    from aigc_music.generators.video.compositor import Compositor

    job = JobContext(1)
    scene, sound, compositor = film.drawn(job), film.soundtrack(job), Compositor(SIZE)

    drawn = (compositor.frame(scene.draw(START_S + index / FPS)) for index in range(frames))
    detail = f"{film.request.family}, lines wiped, sound muxed"
    return _timed(lambda: VideoWriter(SIZE, FPS, quality=QUALITY, sound=sound), drawn, detail)


def _ready(film: BuiltinVideo, frames: int) -> list[Any]:
    """The same frames, ready to be encoded."""
    import av

    from aigc_music.engine.job import JobContext
    from aigc_music.generators.video.compositor import Compositor

    scene, compositor = film.drawn(JobContext(1)), Compositor(SIZE)
    drawn = (compositor.frame(scene.draw(START_S + index / FPS)).to_ndarray() for index in range(frames))
    return [av.VideoFrame.from_ndarray(pixels, "yuv420p") for pixels in drawn]


def _encoded(ready: list[Any]) -> dict[str, Any]:
    from aigc_music.files.video import VideoWriter

    return _timed(lambda: VideoWriter(SIZE, FPS, quality=QUALITY), ready, "veryfast, the frames are ready, no sound")


def _timed(opened: Callable[[], VideoWriter], frames: Iterable[Any], detail: str) -> dict[str, Any]:
    """Figures of a film that is written, from open to finished."""
    took, begun = [], time.process_time()
    with opened() as writer:
        last = time.perf_counter()
        for frame in frames:
            writer.add(frame)
            now = time.perf_counter()
            took.append(1e3 * (now - last))
            last = now
        size = len(writer.finish())
    cpu = 1e3 * (time.process_time() - begun) / len(took)
    return _figures(took, cpu, f"{detail}; {8e-6 * size * FPS / len(took):.1f} Mbit/s")


def _figures(took: list[float], cpu: float, detail: str) -> dict[str, Any]:
    p50, p99 = np.percentile(took, (50, 99))
    return {
        "p50": round(float(p50), 3), "p99": round(float(p99), 3), "min": round(min(took), 3), "cpu": round(cpu, 3),
        "frames": len(took), "detail": detail,
    }  # fmt: skip


def _moviepy_command(python: str, film: BuiltinVideo, frames: int, folder: Path) -> list[str]:
    from aigc_music.engine.job import JobContext
    from aigc_music.generators.design import fonts

    film.drawn(JobContext(1))
    assert film.worded is not None
    grounds = [film.worded.behind(START_S + index / FPS).ground[..., :3] for index in range(frames)]
    np.save(folder / "pictures.npy", np.stack(grounds))
    script = Path(__file__).with_name("bench_moviepy.py")
    font = Path(fonts.__file__).with_name("fonts") / fonts.FACES["grotesque"].file
    return [python, "-I", str(script), str(folder / "pictures.npy"), *map(str, SIZE), str(FPS),
            str(font), *_WORDS, str(folder / "film.mp4")]  # fmt: skip


def _moviepy(command: list[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"skipped": str(error)}
    if done.returncode:
        return {"skipped": (done.stderr.strip().splitlines() or ["no word"])[-1]}
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return _figures(
        told["ms"], told["cpu_ms"], f"{told['version']}, pictures ready and enlarged, two lines over them, no sound"
    )


def _song() -> Score:
    from aigc_music.core.notes import Note, Score, Track
    from aigc_music.core.time import TICKS_PER_QUARTER as QUARTER

    chords, tune = Track("keys", 0), Track("lead", 73)
    for bar in range(16):
        for pitch in _CHORDS[bar % 4]:
            chords.notes.append(Note(4 * QUARTER * bar, pitch, 70, 4 * QUARTER - 1))
        for step in range(8):
            tick = 4 * QUARTER * bar + QUARTER * step // 2
            tune.notes.append(Note(tick, _TUNE[(step + bar) % 8], 90, QUARTER // 2 - 1, 1))
    return Score([chords, tune], tempos=[(0, float(_BPM))], title="Harbour Lights")


def _lyrics() -> TimedLyrics:
    """A line every four seconds, its words one after another."""
    from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word

    lines = []
    for number in range(8):
        words = _WORDS[number % 2].split()
        step = 3.6 / len(words)
        begin = 4.0 * number
        lines.append(Line(tuple(
            Word((Syllable(word, begin + step * at, begin + step * (at + 1)),)) for at, word in enumerate(words)
        )))  # fmt: skip
    return TimedLyrics(tuple(lines), "Harbour Lights", "Ada Park", language="en")
