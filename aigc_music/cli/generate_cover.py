"""`aigc-music generate cover`: a sleeve that stores accept, drawn from the song itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aigc_music.engine import Result

EPILOG = """\b
Families: swiss, rings, strata, constellation, halftone, collage, bauhaus, engraving, riso, letters, score, woven.
A wrong name of a family, palette or mood lists those there are. Only title and artist are written, as stores want.

\b
Examples:
  aigc-music generate cover --title "Harbour Lights" --artist "Ada Park" --song tune.mid --out cover.jpg
  aigc-music generate cover --title "Harbour Lights" --artist "Ada Park" --song tune.mid --n 6 --out cover.jpg
  aigc-music generate cover --title "" --artist "Ada Park" --song tune.mid --family strata --out cover.png
  aigc-music generate cover --title 江南 --artist 阿达 --language zh-Hans --song tune.mid --out cover.jpg
  aigc-music generate cover --title Dusk --artist Ada --song tune.mid --palette "#12233a,#e9d8b4,#c2452d"
  aigc-music generate cover --title Dusk --artist Ada --backend diffusers --model my_model/ --prompt dusk
  aigc-music rate cover-2.jpg keep                                    (later covers lean your way)
"""


@click.command("cover", epilog=EPILOG)
@click.option("--title", default="", help="Title of the release; may be empty.")
@click.option("--artist", default="", help="Name of the artist; may be empty.")
@click.option("--song", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file that it is drawn from.")
@click.option("--family", help="Design family. [default: one that suits song and seed]")
@click.option("--palette", help="Name of a palette, or hex colours with commas. [default: from key and mood]")
@click.option("--mood", default="", help="A word or a few, such as calm, dark, bright. [default: from the song]")
@click.option("--picture", help="What the model paints: landscape, city, portrait, engraving, nature.")
@click.option("--size", type=int, default=3000, show_default=True, help="Pixels a side, 64..6000.")
@click.option("--explicit", is_flag=True, help="The release is flagged explicit.")
@click.option("--language", default="", help="Of title and artist, such as zh-Hans, ja, ar.")
@click.option("--font", help="Font family of the type.")
@click.option("--allow-missing-glyphs", is_flag=True, help="Draw boxes where no font has a character.")
@click.option("--backend", default="builtin", show_default=True, help="builtin or diffusers.")
@click.option("--model", default="default", show_default=True, help="For diffusers: a folder or hub id.")
@click.option("--prompt", default="", help="For diffusers: what the picture shows.")
@click.option("--steps", type=int, default=20, show_default=True, help="For diffusers: denoising steps, 1..200.")
@click.option("--guidance", type=float, default=5.0, show_default=True, help="For diffusers: how much it counts.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option("--n", "count", type=int, default=1, show_default=True, help="Make several, best first.")
@click.option("--taste/--no-taste", "leaning", default=True, show_default=True,
              help="Let what you kept order several, see 'aigc-music rate'.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("cover.jpg"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    count: int, out: Path, as_json: bool, seed: int | None, song: Path | None, size: int, leaning: bool, **wanted: Any
) -> None:
    """A cover of 3000 x 3000 pixels, drawn from the song's own notes, chords and energy; title and artist in type."""
    from aigc_music.engine import ImageRequest
    from aigc_music.engine.picture_taste import PictureTaste

    from .making import check_place, make, tell

    check_place(out, "image", count)
    if seed is not None:
        wanted["seed"] = seed
    first = ImageRequest(song=None if song is None else str(song), size=(size, size), **wanted)
    results = make([replace(first, seed=first.seed + index) for index in range(count)], "drawing")
    if count > 1:
        results = (PictureTaste.load() if leaning else PictureTaste()).rank(results)
    for result in results:
        _check_bytes(result, out.suffix)
    tell(results, out, as_json, _line)


def _check_bytes(result: Result, suffix: str) -> None:
    """The one rule of stores that only the finished file can break."""
    from aigc_music.engine.encodings import encoding_of
    from aigc_music.generators.cover.rules import MOST_BYTES

    size = len(encoding_of(result.content).encode(result.content, suffix.lower(), None))
    if size > MOST_BYTES:
        told = f"the file has {size / 1e6:.1f} MB, stores take {MOST_BYTES / 1e6:.0f}: write it as .jpg"
        result.quality["problems"] = [*result.quality.get("problems", []), told]


def _line(result: Result) -> str:
    request, quality = result.request, result.quality
    problems = quality.get("problems", [])
    rules = "every store rule kept" if not problems else "; ".join(problems)
    return (
        f"{result.artifacts[0].path}: {quality.get('family', 'picture')}, seed {request.seed},"
        f" {result.seconds:.1f} s, contrast {quality.get('contrast_min', 0):.1f}, {rules}"
    )
