"""What a lyric video does, read from its pixels: contrast, wipe, margins, size of letters.

    python -m aigc_music.generators.lyric_video.measure SONG.mid WORDS.lrc --preset youtube

looks at every frame and prints the figures as JSON. Threads: any, one at a time a scene. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from aigc_music.engine.requests import VideoRequest

from ..design.colour import luminance, luminances, ratio, rgb
from ..video.compositor import Compositor, pixels_of
from .phrases import Phrase
from .rows import Row
from .scene import Line, LyricScene

__all__ = ["contrasts", "figures", "outside", "wipe_errors", "x_height"]

_READ = 0.99  # opacity from which a line counts as one that is read
_INK = 160  # cover of 255 from which the colour of a pixel is clear


def figures(
    scene: LyricScene, safe: tuple[float, float, float, float], every_s: float = 2.0, most: int | None = 40
) -> dict[str, Any]:
    """What there is to tell of a film's words: contrast_min (WCAG, of every ink with every pixel behind its letters,
    at moments `every_s` apart), wipe_error_frames (the largest, of `most` syllables, None for all), outside_safe
    (share of frames), sung_seen (share of syllables whose line is seen in full while they are sung), x_height_px,
    layout, face."""
    stage = scene.stage
    times = np.arange(scene.begin, scene.end, every_s)
    errors = wipe_errors(scene, most)
    frames = scene.begin + np.arange(round(stage.seconds * stage.fps)) / stage.fps
    found = [value for value in contrasts(scene, times) if value is not None]
    return {
        "contrast_min": round(min(found), 2) if found else None,
        "wipe_error_frames": round(max(map(abs, errors)), 2) if errors else None,
        "outside_safe": outside(scene, safe, frames),
        "sung_seen": sung_seen(scene),
        "x_height_px": round(x_height(scene), 1),
        "layout": scene.set.name,
        "face": scene.set.face,
    }


def contrasts(scene: LyricScene, times: Iterable[float]) -> list[float | None]:
    """Of each time the least contrast between an ink (sung or not) and a pixel behind a letter or beside its edge, in
    the frame as the compositor makes it; None where no line can be read. Emoji have no ink and are left out."""
    compositor = Compositor(scene.stage.size)
    found: list[float | None] = []
    for time_s in times:
        lines = [line for line in scene.lines(time_s) if line.opacity >= _READ]
        if not lines:
            found.append(None)
            continue
        frame = pixels_of(compositor.frame(scene.behind(time_s)))
        worst = [value for line in lines for value in _contrast(line, frame)]
        found.append(min(worst) if worst else None)
    return found


def _contrast(line: Line, frame: NDArray[np.uint8]) -> list[float]:
    """The least and most of both inks with what is behind the letters, a pixel around them included."""
    mask, left, top = line.placed.row.mask(line.size, line.x, line.y)
    right, bottom = left + mask.shape[1], top + mask.shape[0]
    cut = np.s_[max(0, -top) : mask.shape[0] - max(0, bottom - frame.shape[0]),
                max(0, -left) : mask.shape[1] - max(0, right - frame.shape[1])]  # fmt: skip
    inked = np.pad(mask > 0, 1)
    rows, columns = mask.shape
    near = np.logical_or.reduce([inked[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])[cut]
    behind = luminances(frame[max(0, top) : bottom, max(0, left) : right][near])
    if not len(behind):
        return []
    inks = (luminance(line.wait_ink), luminance(line.sung_ink))
    return [ratio(ink, float(value)) for ink in inks for value in (behind.min(), behind.max())]


def wipe_errors(scene: LyricScene, most: int | None = None) -> list[float]:
    """Frames between the time of each beginning and end of a syllable and the first frame that shows it, 0..1 where
    the wipe is exact: read from drawn rows. most: syllables that are looked at, evenly chosen, None for all."""
    wanted = [
        (index, placed.row, number)
        for index, block in enumerate(scene.set.blocks)
        for placed in block.rows
        for number in range(len(placed.row.texts))
    ]
    if most is not None and len(wanted) > most:
        wanted = [wanted[round(place)] for place in np.linspace(0, len(wanted) - 1, most)]
    errors: list[float] = []
    for index, row, number in wanted:
        syllable = row.syllables[number]
        if (
            syllable.end_s <= syllable.start_s
            or not scene.begin < syllable.start_s < syllable.end_s < scene.end - 0.1
        ):
            continue
        for event, sung in ((syllable.start_s, False), (syllable.end_s, True)):
            first = _first_frame(scene, index, row, number, event, sung)
            if first is not None:
                errors.append(first - event * scene.stage.fps)
    return errors


def _first_frame(scene: LyricScene, index: int, row: Row, number: int, event: float, whole: bool) -> int | None:
    """The first frame around a time in which any (or all) of a syllable's ink is of the sung colour."""
    fps = scene.stage.fps
    near = int(event * fps)
    for frame in range(near - 3, near + 5):
        for line in scene.lines(frame / fps):
            if line.phrase == index and line.placed.row is row:
                share = _sung_share(line, number)
                if share is None:
                    return None
                if share >= 1 if whole else share > 0:
                    return frame
    return near + 5


def _sung_share(line: Line, number: int) -> float | None:
    """Share of the columns of a syllable's ink that are drawn in the sung colour; None for one without ink."""
    row = line.placed.row
    span = next((span for span in row.spans if span.number == number), None)
    mask, left, top = row.mask(line.size, line.x, line.y)
    if span is None or line.wait_ink == line.sung_ink:
        return None
    columns = np.arange(mask.shape[1]) + left + 0.5
    own = (columns > line.x + span.begin * line.size) & (columns < line.x + span.end * line.size)
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    canvas = skia.Surface(pixels, alphaType=skia.kPremul_AlphaType).getCanvas()
    canvas.translate(-left, -top)
    line._replace(opacity=1.0).draw(canvas)
    inked = (mask >= _INK) & (pixels[..., 3] >= _INK) & own[None, :]
    if not inked.any():
        return None
    shown = pixels[inked][:, :3] * (255 / pixels[inked][:, 3:])
    away = [np.abs(shown - np.array(rgb(ink))).sum(axis=1) for ink in (line.sung_ink, line.wait_ink)]
    return float((away[0] < away[1]).mean())


def outside(scene: LyricScene, safe: tuple[float, float, float, float], times: Iterable[float]) -> float:
    """Share of the times at which any ink stands outside the safe part of the frame."""
    width, height = scene.stage.size
    total = bad = 0
    for time_s in times:
        total += 1
        for line in scene.lines(time_s):
            left, top, right, bottom = line.placed.row.ink
            if (
                line.x + left * line.size < safe[0] * width - 0.5
                or line.y + top * line.size < safe[1] * height - 0.5
                or line.x + right * line.size > (1 - safe[2]) * width + 0.5
                or line.y + bottom * line.size > (1 - safe[3]) * height + 0.5
            ):
                bad += 1
                break
    return bad / max(1, total)


def sung_seen(scene: LyricScene) -> float:
    """Share of syllables whose line is seen in full from their beginning to their end."""
    total = seen = 0
    sees_next = scene.set.layout.sees_next
    for index, phrase in enumerate(scene.set.phrases):
        for syllable in _syllables(phrase):
            times = (max(scene.begin, syllable.start_s), min(scene.end, syllable.end_s))
            if times[0] < times[1]:
                total += 1
                seen += all(scene.schedule.opacity(index, time, sees_next) >= _READ for time in times)
    return round(seen / max(1, total), 4)


def _syllables(phrase: Phrase) -> list[Any]:
    return [syllable for words in (phrase.words, *phrase.small) for word in words for syllable in word.syllables]


def x_height(scene: LyricScene) -> float:
    """Pixels of a small x in the smallest line that has its turn in the middle; 0 without words."""
    rows = [placed for block in scene.set.blocks for placed in block.rows if not placed.small]
    if not rows:
        return 0.0
    least = min(rows, key=lambda placed: placed.size)
    font = skia.Font(scene.set.book.typeface(least.row.families[0]), least.size)
    return float(font.getMetrics().fXHeight)


def main() -> None:
    """Measure a whole song."""
    from aigc_music.engine.job import JobContext

    from ..video.builtin import BuiltinVideo

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song")
    parser.add_argument("lyrics")
    for name in ("preset", "family", "palette", "layout", "title", "language"):
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=1)
    video = BuiltinVideo(VideoRequest(kind="lyric_video", **vars(parser.parse_args())))
    video.drawn(JobContext(video.request.seed))
    assert video.worded is not None
    found = figures(video.worded, video.preset.safe, 1 / video.stage.fps, None)
    found |= {"family": video.request.family, "frames": round(video.stage.seconds * video.stage.fps)}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
