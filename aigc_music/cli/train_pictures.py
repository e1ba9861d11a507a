"""`aigc-music train pictures`: the adversarial painter of pictures, or the one that fills sketches."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from aigc_music.core.errors import MissingExtraError, UsageError

from .progress import progress

EPILOG = """\b
DATA is a zip or folder with images/CLASS/*.jpg and meta.jsonl (class and split of each). A stopped run goes on when
it is called again with the same --out.

\b
Examples:
  aigc-music train pictures --data images_art256.zip --out runs/pictures --minutes 120
  aigc-music train pictures --data images_art256.zip --out runs/big --size 256 --device cuda --minutes 600
  aigc-music train pictures --kind sketch --data images_art256.zip --out runs/sketch --minutes 20
"""


@click.command("pictures", epilog=EPILOG)
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True, help="Zip or folder of pictures."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the run.")
@click.option("--kind", type=click.Choice(["class", "sketch"]), default="class", show_default=True,
              help="Pictures of a class, or from a sketch and a palette.")  # fmt: skip
@click.option("--name", help="Name of the new model among your own. [default: it stays in --out]")
@click.option("--size", type=int, default=64, show_default=True, help="Pixels a side: 32, 64, 128 or 256.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="[default: 60, sketch 10]")
@click.option("--steps", type=click.IntRange(min=1), help="How many steps at most.")
@click.option("--replace", "replace_model", is_flag=True, help="Write over a model of your own with this name.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    data: Path, out: Path, kind: str, name: str | None, size: int, minutes: float | None, replace_model: bool,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Train a painter and its critic against each other on pictures; the critic tells painted ones from real ones."""
    for package in ("torch", "onnx"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "train", "training")
    if kind == "sketch" and click.get_current_context().get_parameter_source("size").name == "COMMANDLINE":  # type: ignore[union-attr]
        raise UsageError("--size does not count with --kind sketch: that painter takes any size, leave it out")
    from models.pictures.train import train
    from models.pictures.train_export import export
    from models.pictures.train_sketch import train_sketch
    from models.zoo import new_model

    folder = new_model(name, replace=replace_model) if name else out / "model"
    if minutes is None and options["steps"] is None:
        minutes = 60.0 if kind == "class" else 10.0
    with progress() as say:
        options |= {"minutes": minutes, "report": lambda done, what, left: say(what, done, left)}
        state = train_sketch(data, out, **options) if kind == "sketch" else train(data, out, size=size, **options)
    export(out, folder)
    result = {"steps": state.step, "best": None, "model": str(folder)}
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(f"{state.step} steps: {folder}")
    if kind == "class":
        click.echo(f"measure it: aigc-music evaluate pictures {data} --model {name or folder}")
