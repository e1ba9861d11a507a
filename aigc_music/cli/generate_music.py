"""`aigc-music generate music`: a piece of music from one request."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from aigc_music.engine import Result

EPILOG = """\b
Tasks: song, continue, accompany, harmonise, chords, melody, rhythm, groove, humanise, fill. All but song and
groove work on given music; what was given stays as it is, new parts stand beside it.

\b
Examples:
  aigc-music generate music --style jazz --key "F major" --form AABA --bars 32 --out tune.mid
  aigc-music generate music --style chorale --seed 7 --n 5 --out chorale.mid --json
  aigc-music generate music --form blues --bars 24 --energy 0.7 --out blues.mid
  aigc-music generate music --chords "C | Am | F G | C" --task melody --out tune.mid
  aigc-music generate music --task accompany --given tune.mid --out band.mid
  aigc-music generate music --task fill --given band.mid --from-bar 5 --to-bar 6 --out again.mid
"""


@click.command("music", epilog=EPILOG)
@click.option("--task", default="song", show_default=True, help="What to do, see below.")
@click.option("--given", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file that the task works on.")
@click.option("--style", help="Such as pop, jazz, folk, chorale, funk. [default: pop, or one that suits the given]")
@click.option("--key", help="A tonic and a mode. [default: C major, or the given music's]")
@click.option("--bpm", type=float, help="Tempo. [default: one that suits the style, or the given music's]")
@click.option("--bars", type=int, default=16, show_default=True, help="Length of what is new, 1..512.")
@click.option("--metre", help="Time signature. [default: 4/4, or the given music's]")
@click.option("--form", help="AABA, verse-chorus, blues, free, or letters such as AABB. [default: suits the style]")
@click.option("--ending/--no-ending", default=None, help="Whether it comes to an end. [default: as the task has it]")
@click.option("--chords", help="A progression, such as 'C | Am F/C | G7', repeated until the bars are full.")
@click.option("--parts", help="Who plays, with commas: melody,counter,inner,bass,keys,drums.")
@click.option("--from-bar", type=int, help="First bar to fill, counted from 1.")
@click.option("--to-bar", type=int, help="Last bar to fill.")
@click.option("--energy", type=float, help="0 calm .. 1 full: density, loudness, register and voices together.")
@click.option("--density", type=float, default=0.5, show_default=True, help="How many notes, 0..1.")
@click.option("--register", type=float, help="Mean pitch as a MIDI note number, 24..100.")
@click.option("--polyphony", type=float, help="Notes at once, 0.5..8.")
@click.option("--loudness", type=float, help="Mean velocity, 1..127.")
@click.option("--accidentals/--no-accidentals", default=None, help="Whether notes outside the key may come.")
@click.option("--longest-copy", type=int, default=16, show_default=True,
              help="No phrase of a training song with more notes, 12..63.")  # fmt: skip
@click.option("--swing", type=float, help="0 straight .. 1 triplets. [default: as the style has it]")
@click.option("--strength", type=float, default=1.0, show_default=True, help="How much wishes are stressed, 1..3.")
@click.option("--temperature", type=float, default=1.0, show_default=True, help="How daring, 0.2..2.")
@click.option("--model", default="default", show_default=True, help="See 'aigc-music models'.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option(
    "--n", "count", type=int, default=1, show_default=True, help="Make several, best first (name-1.mid ...)."
)
@click.option("--taste/--no-taste", "leaning", default=True, show_default=True,
              help="Lean towards what you keep, see 'aigc-music rate'; with --seed only the order does.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("music.mid"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    count: int, out: Path, as_json: bool, seed: int | None, metre: str | None, parts: str | None, given: Path | None,
    leaning: bool, **wanted: Any,
) -> None:  # fmt: skip
    """A piece of music as a MIDI file, one track a part: from nothing, or on the music you give."""
    from aigc_music.cli.live import parse_metre
    from aigc_music.engine import MusicRequest
    from aigc_music.engine.taste import Taste

    from .making import check_place, make, tell

    check_place(out, "music", count)
    taste = Taste.load() if leaning else Taste(Path())
    if seed is not None:
        wanted["seed"] = seed  # a seed asks for the same music again, whatever was rated since
    else:
        said = click.get_current_context().get_parameter_source
        unset = [name for name in wanted if said(name) is ParameterSource.DEFAULT]
        wanted |= taste.wishes(wanted["style"] or "pop", unset)
    first = MusicRequest(
        metre=None if metre is None else parse_metre(metre),
        parts=None if parts is None else tuple(name.strip() for name in parts.split(",") if name.strip()),
        given=None if given is None else str(given),
        **wanted,
    )
    results = make([replace(first, seed=first.seed + index) for index in range(count)], "composing")
    if count > 1:
        results = taste.rank(results)  # near to real music of the style, and to what you keep
    tell(results, out, as_json, _line)


def _line(result: Result) -> str:
    return (
        f"{result.artifacts[0].path}: {result.quality['notes']} notes, {result.score.seconds():.0f} s of music in"
        f" {result.seconds:.1f} s, seed {result.request.seed}"
    )
