"""`aigc-music train words`: a language model for song words, from texts of yours or from the sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .progress import progress

EPILOG = """\b
DATA is a folder of .txt files (an empty line between stanzas), or one with the text sets. A stopped run goes on when
it is called again with the same --out.

\b
Examples:
  aigc-music train words --data my_lyrics/ --out runs/words --name my-words
  aigc-music train words --data sets/ --language zh --out runs/zh --minutes 60
  aigc-music generate words --model my-words --theme winter --out verse.json
"""


@click.command("words", epilog=EPILOG)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, multiple=True,
              help="Folder of texts, or of the sets; may be repeated.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the run.")
@click.option("--name", help="Name of the new model among your own. [default: it stays in --out]")
@click.option("--language", default="en", show_default=True, help="en or zh.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=35.0, show_default=True)
@click.option("--steps", type=click.IntRange(min=1), help="How many steps at most, instead of minutes.")
@click.option("--replace", "replace_model", is_flag=True, help="Write over a model of your own with this name.")
@click.option("--figures/--no-figures", default=True, show_default=True, help="Measure it on the test part.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    data: tuple[Path, ...], out: Path, name: str | None, replace_model: bool, figures: bool, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Train a small language model on texts: it writes lines that `generate words` fits to melodies."""
    from models.words.language.ship import ship
    from models.words.language.train import train
    from models.zoo import new_model

    folder = new_model(name, replace=replace_model) if name else out / "model"
    with progress() as say:
        run = train(data, out, report=lambda now: say(f"{now.bits:.2f} bits a token", now.done, None), **options)
    folder = ship(run, data, folder, name or folder.name, figures=figures)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    result = {"steps": card["steps"], "best": card.get("metrics", {}).get("bits_per_word"), "model": str(folder)}
    if as_json:
        click.echo(json.dumps(result | {"metrics": card.get("metrics", {})}))
        return
    click.echo(f"{card['steps']} steps on {card['tokens_seen']:,} words and marks: {folder}")
    for key, value in card.get("metrics", {}).items():
        if isinstance(value, int | float):
            click.echo(f"  {key.replace('_', ' ')}: {value:g}")
    click.echo(f"use it: aigc-music generate words --model {name or folder} --out words.json")
