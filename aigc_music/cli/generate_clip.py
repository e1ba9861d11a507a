"""`aigc-music generate clip`: moving pictures driven by a song, without words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from aigc_music.core.errors import UsageError

EPILOG = """\b
Families: flow, burst, walk, ridges, type, roll, orbits, strings, tiles, glass.
Presets: canvas (a silent loop for Spotify), motion-square and motion-tall (Apple), vertical, square, youtube, draft.
A wrong name of a family, preset, palette or mood lists those there are. Loops last whole bars of the song.

\b
Examples:
  aigc-music generate clip --song tune.mid --out clip.mp4
  aigc-music generate clip --song tune.mid --preset canvas --start 20 --family tiles --out canvas.mp4
  aigc-music generate clip --song tune.mid --preset canvas --start 20 --seconds 6 --n 4 --out canvas.mp4
  aigc-music generate clip --song tune.mid --cover cover.jpg --preset motion-square --out motion.mp4
  aigc-music generate clip --audio mine.wav --family strings --palette "night ferry" --out clip.mp4
  aigc-music generate clip --song tune.mid --family walk --picture city --preset square --out clip.mp4
  aigc-music generate clip --song tune.mid --backend diffusers --model my_model/ --prompt "rain" --out clip.mp4
"""


@click.command("clip", epilog=EPILOG)
@click.option("--song", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file that it is driven by.")
@click.option("--audio", type=click.Path(path_type=Path, dir_okay=False), help="Sound file, instead of or beside it.")
@click.option("--preset", default="draft", show_default=True, help="Size, rate, length and rules of a service.")
@click.option("--family", help="Visual family. [default: one that suits song and seed]")
@click.option("--palette", help="Name of a palette, or hex colours with commas. [default: cover, or key and mood]")
@click.option("--cover", type=click.Path(path_type=Path, dir_okay=False), help="Picture whose colours it takes.")
@click.option("--mood", default="", help="A word or a few, such as calm, dark, bright. [default: from the song]")
@click.option("--picture", help="What our model paints: landscape, city, portrait, engraving, nature.")
@click.option("--start", "start_s", type=float, default=0.0, show_default=True, help="Seconds into the song.")
@click.option("--seconds", type=float, help="Length. [default: as the preset and the song have it]")
@click.option("--loop/--no-loop", default=None, help="Close seamlessly. [default: as the preset has it]")
@click.option("--size", help="Pixels, such as 720x1280. [default: the preset's]")
@click.option("--fps", type=int, help="Frames a second. [default: the preset's]")
@click.option(
    "--quality", type=int, default=20, show_default=True, help="Rate factor of x264, 0..51, lower is better."
)
@click.option("--label", is_flag=True, help="Show a label of AI-made content at the beginning.")
@click.option("--title", default="", help="For the tags of the file.")
@click.option("--artist", default="", help="For the tags of the file.")
@click.option("--backend", default="builtin", show_default=True, help="builtin or diffusers.")
@click.option("--model", default="default", show_default=True, help="For diffusers: a folder or hub id.")
@click.option("--prompt", default="", help="For diffusers: what the film shows.")
@click.option("--steps", type=int, default=20, show_default=True, help="For diffusers: denoising steps, 1..200.")
@click.option("--guidance", type=float, default=5.0, show_default=True, help="For diffusers: how much it counts.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option("--n", "count", type=int, default=1, show_default=True, help="Make several, each of another seed.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("clip.mp4"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    count: int, out: Path, as_json: bool, seed: int | None, song: Path | None, audio: Path | None, cover: Path | None,
    size: str | None, **wanted: Any,
) -> None:  # fmt: skip
    """Moving pictures drawn from the song's own notes, chords and energy, without a word on them."""
    from aigc_music.engine import VideoRequest

    from .generate_video import line
    from .making import check_place, make, tell

    check_place(out, "video", count)
    if seed is not None:
        wanted["seed"] = seed
    for name, path in (("song", song), ("audio", audio), ("cover", cover)):
        wanted[name] = None if path is None else str(path)
    first = VideoRequest(kind="clip", size=_size(size), **wanted)
    results = make([replace(first, seed=first.seed + index) for index in range(count)], "drawing")
    tell(results, out, as_json, line)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.strip().isdecimal() and height.strip().isdecimal()):
        raise UsageError(f"--size {text!r}: give width x height in pixels, such as 1080x1920")
    return int(width), int(height)
