"""`aigc-music generate`: one asset from one request."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from aigc_music.core.errors import UsageError

EPILOG = """\b
Examples:
  aigc-music generate music --style jazz --key "F major" --bars 32 --out tune.mid
  aigc-music generate music --style chorale --seed 7 --n 5 --out chorale.mid --json
"""


@click.group("generate")
def command() -> None:
    """Make one asset from one request: music."""


@command.command("music", epilog=EPILOG)
@click.option("--style", default="pop", show_default=True, help="Such as pop, jazz, folk, chorale, funk.")
@click.option("--key", default="C major", show_default=True, help="A tonic and a mode.")
@click.option("--bpm", type=float, help="Tempo. Default: one that suits the style.")
@click.option("--bars", type=int, default=16, show_default=True, help="Length, 1..512.")
@click.option("--metre", default="4/4", show_default=True, help="Time signature.")
@click.option("--density", type=float, default=0.5, show_default=True, help="How many notes, 0..1.")
@click.option("--temperature", type=float, default=1.0, show_default=True, help="How daring, 0.2..2.")
@click.option("--model", default="default", show_default=True, help="See 'aigc-music models'.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option(
    "--n", "count", type=int, default=1, show_default=True, help="Make several, best first (name-1.mid ...)."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("music.mid"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def music(count: int, out: Path, as_json: bool, seed: int | None, metre: str, **wanted: Any) -> None:
    """A piece of music as a MIDI file, one track a part."""
    from aigc_music.cli.live import parse_metre
    from aigc_music.engine import Engine, MusicRequest

    if not 1 <= count <= 1000:
        raise UsageError(f"--n {count}: give 1..1000 pieces")
    if out.suffix.lower() not in (".mid", ".midi"):
        raise UsageError(f"--out {out}: music is written as MIDI, give a name that ends in .mid")
    engine = Engine()
    if seed is not None:
        wanted["seed"] = seed
    first = MusicRequest(metre=parse_metre(metre), **wanted)
    results = []
    with click.progressbar(range(count), label="composing", show_eta=True, file=sys.stderr) as bar:
        for index in bar:
            results.append(engine.run(replace(first, seed=first.seed + index)))
    # the piece whose figures lie nearest to real songs of the training data comes first
    results.sort(key=lambda result: abs(result.quality.get("pitch_class_entropy", 0.0) - 2.8))
    for number, result in enumerate(results, 1):
        result.save(out if count == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}"))
    best = results[0]
    if as_json:
        click.echo(
            json.dumps(
                {
                    "artifacts": [asdict(artifact) for result in results for artifact in result.artifacts],
                    "provenance": best.provenance,
                    "quality": best.quality,
                }
            )
        )
        return
    for result in results:
        seconds = result.score.seconds()
        click.echo(
            f"{result.artifacts[0].path}: {result.quality['notes']} notes, {seconds:.0f} s of music in"
            f" {result.seconds:.1f} s, seed {result.request.seed}"
        )
