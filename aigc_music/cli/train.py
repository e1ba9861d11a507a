"""`aigc-music train`: train a model on MIDI files (needs torch: pip install 'aigc-music[train]')."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import click

from aigc_music.core.errors import MissingExtraError

EPILOG = """\b
Examples:
  aigc-music train music --data sets/ --out runs/first --minutes 60
  aigc-music train music --data sets/ --out runs/first --minutes 60     (again: goes on where it stopped)
"""


@click.group("train")
def command() -> None:
    """Train a model on MIDI files."""


@command.command("music", epilog=EPILOG)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True,
              help="Folder with sets (music_*.zip) or MIDI files.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the run.")
@click.option("--minutes", type=float, default=60.0, show_default=True, help="How long to train.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def music(data: Path, out: Path, minutes: float, seed: int, as_json: bool) -> None:
    """Train the music model; a run that was stopped goes on where it was."""
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "train", "training")
    from models.music.train import export, train

    run = train([data], out, minutes=minutes, seed=seed, quiet=as_json)
    folder = export(run, out / "model", {"seed": seed, "description": f"trained on {data.name}"})
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = [sum(bits[0] for bits in row["valid"].values()) / len(row["valid"]) for row in rows if row.get("valid")]
    result = {"steps": rows[-1]["step"], "best": round(min(scores), 4) if scores else None, "model": str(folder)}
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(f"{result['steps']} steps, best {result['best']} bits a note on the valid part")
        click.echo(f"play it: aigc-music live --model {folder}")
