"""`aigc-music generate video`: a lyric video, wiped syllable by syllable; without lyrics a clip of the whole song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aigc_music.engine import Result

EPILOG = """\b
Presets: youtube, youtube-2160p, vertical, square, draft; without words: canvas (Spotify, 3-8 s), motion-square,
motion-tall (Apple). Lyrics: the .json of 'generate words', or .lrc, .ttml, .ass, .srt, .musicxml, .kar ...
A wrong name of a preset, family, layout, palette or mood lists those there are.

\b
Examples:
  aigc-music generate video --song tune.mid --lyrics lyrics.json --title "Harbour Lights" --artist "Ada Park"
  aigc-music generate video --song tune.mid --lyrics lyrics.json --audio master.wav --cover cover.jpg --out video.mp4
  aigc-music generate video --audio own.mp3 --lyrics own.lrc --preset vertical --start 42 --out reel.mp4
  aigc-music generate video --song tune.mid --lyrics lyrics.ttml --preset draft --seconds 20 --out look.mp4
  aigc-music generate video --song tune.mid --lyrics words.lrc --language zh-Hans --label --out video.mp4
"""


@click.command("video", epilog=EPILOG)
@click.option("--song", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file that drives the pictures.")
@click.option("--lyrics", type=click.Path(path_type=Path, dir_okay=False), help="Lyrics in time.")
@click.option("--audio", type=click.Path(path_type=Path, dir_okay=False), help="Sound file. [default: the song's]")
@click.option("--cover", type=click.Path(path_type=Path, dir_okay=False), help="Picture whose colours it takes up.")
@click.option("--preset", default="youtube", show_default=True, help="Size, rate and rules of a service.")
@click.option("--title", default="", help="Shown at the beginning. [default: that of the lyrics]")
@click.option("--artist", default="", help="Shown at the beginning.")
@click.option("--family", help="Visual family. [default: one that suits song and seed]")
@click.option("--palette", help="Name of a palette, or hex colours with commas. [default: from cover or key]")
@click.option("--mood", default="", help="A word or a few, such as calm, dark, bright. [default: from the song]")
@click.option("--picture", help="What the model paints, for families that paint: landscape, city, portrait ...")
@click.option("--start", "start_s", type=float, default=0.0, show_default=True, help="Seconds into the song.")
@click.option("--seconds", type=float, help="Length. [default: as preset and song have it]")
@click.option("--fps", type=int, help="Frames a second. [default: the preset's]")
@click.option("--quality", type=int, default=20, show_default=True, help="x264's rate factor, 0..51, less is better.")
@click.option("--label", is_flag=True, help="A visible label of AI-made content at the beginning (GB 45438).")
@click.option("--language", default="", help="Of the words, such as zh-Hans, ja, ar. [default: that of the lyrics]")
@click.option("--layout", help="Where words stand. [default: one drawn by the seed]")
@click.option("--font", help="Font family of the words.")
@click.option("--allow-missing-glyphs", is_flag=True, help="Draw boxes where no font has a character.")
@click.option("--backend", default="builtin", show_default=True, help="Of the pictures: builtin or diffusers.")
@click.option("--model", default="default", show_default=True, help="For diffusers: a folder or hub id.")
@click.option("--prompt", default="", help="For diffusers: what the pictures show.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option("--n", "count", type=int, default=1, show_default=True, help="Make several, best first.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("video.mp4"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(count: int, out: Path, as_json: bool, seed: int | None, **wanted: Any) -> None:
    """A lyric video: the words, wiped syllable by syllable as they are sung, over pictures that follow every note.

    Without --lyrics it is the same without words. The sound lies exact to the sample.
    """
    from dataclasses import replace

    from aigc_music.engine import VideoRequest

    from .making import check_place, make, tell

    check_place(out, "video", count)
    if seed is not None:
        wanted["seed"] = seed
    wanted |= {name: str(wanted[name]) for name in VideoRequest.PARENTS if wanted[name] is not None}
    first = VideoRequest(kind="clip" if wanted["lyrics"] is None else "lyric_video", **wanted)
    results = make([replace(first, seed=first.seed + index) for index in range(count)], "filming")
    results.sort(key=lambda result: result.quality.get("rank", 0.0))
    tell(results, out, as_json, line)


def line(result: Result) -> str:
    """What people are told of a film."""
    request, quality, film = result.request, result.quality, result.content
    return (
        f"{result.artifacts[0].path}: {film.size[0]} x {film.size[1]}, {film.seconds:.1f} s, {quality.get('family')},"
        f" seed {request.seed}, {quality.get('megabits', 0):.1f} Mbit/s, made in {result.seconds:.0f} s"
    )
