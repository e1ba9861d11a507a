"""`aigc-music train`: train a model, tune one to your own music, make training data (the extra 'train' is needed)."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from aigc_music.core.errors import MissingExtraError, UsageError

from . import train_pictures, train_words
from .progress import progress

EPILOG = """\b
Examples:
  aigc-music train music --from default --data my_songs/ --name mine
  aigc-music live --model mine                                       (plays what it has learned)
  aigc-music train music --data sets/ --out runs/first --minutes 60
  aigc-music train music --data sets/ --out runs/first --minutes 60  (again: goes on where it stopped)
  aigc-music train data sets/ my_songs/ --out arrays
"""

DATA_EPILOG = """\b
Examples:
  aigc-music train data my_songs/ --out arrays --licence "my own work"
  aigc-music train data sets/*.zip --out arrays
  aigc-music train music --data arrays --out runs/first
"""


@click.group("train")
def command() -> None:
    """Train a model of music, words or pictures, tune one to your own music, make training data."""


command.add_command(train_words.command)
command.add_command(train_pictures.command)


@command.command("music", epilog=EPILOG)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, multiple=True,
              help="Folder or zip of MIDI, a set, or what 'train data' made; may be repeated.")  # fmt: skip
@click.option(
    "--from", "parent", help="Model to tune to the data (see 'aigc-music models'); without it: from scratch."
)
@click.option("--name", help="Name of the new model among your own.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Folder of a run from scratch; an unfinished run goes on.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True),
              help="How long at most. Default: 12 to tune, 60 from scratch.")  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), help="How many steps at most.")
@click.option(
    "--style", help="What your songs count as when tuning, such as jazz. Default: the style most like them."
)
@click.option("--licence", help="Licence of songs that do not state one, for the card.")
@click.option("--replace", "replace_model", is_flag=True, help="Write over a model of your own with this name.")
@click.option("--network", default="gru", show_default=True, help="From scratch: gru, transformer or cnn.")
@click.option("--size", default="default", show_default=True, help="From scratch: tiny, default or large.")
@click.option("--device", default="auto", show_default=True, help="From scratch: auto, cpu or cuda.")
@click.option("--tensorboard", is_flag=True, help="From scratch: write scalars for TensorBoard into --out.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder for parsed sets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def music(
    data: tuple[Path, ...], parent: str | None, name: str | None, out: Path | None, as_json: bool, **options: Any
) -> None:
    """Tune a music model to your own songs (--from, --name), or train one from scratch (--out).

    Either goes on where it was when it is stopped and started again.
    """
    if parent is not None:
        if name is None or out is not None:
            raise UsageError("--from tunes a model of the zoo: give the new one a --name, and no --out")
        _need_torch()
        result = _tune(data, parent, name, as_json, options)
    else:
        if out is None:
            raise UsageError("give --from default --name NAME to tune a model, or --out FOLDER to train from scratch")
        _need_torch()
        result = _train(data, out, name, as_json, options)
    if as_json:
        click.echo(json.dumps(result))


@command.command("data", epilog=DATA_EPILOG)
@click.argument("data", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the arrays.")
@click.option("--licence", help="Licence of songs that do not state one.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder for parsed sets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def data_command(data: tuple[Path, ...], out: Path, licence: str | None, cache: Path | None, as_json: bool) -> None:
    """Turn folders and zips of MIDI into compact arrays for training, one file a set.

    Beats, key, chords (given, or estimated and marked so), parts by role; source and licence of every song; near
    duplicates of training songs kept out of validation.
    """
    from models.music.dataset import build

    with progress() as say:
        index = build(data, out, licence=licence, cache=cache, report=lambda what, done: say(what, done, None))
    if as_json:
        click.echo(json.dumps({"out": str(out)} | index))
        return
    _data_table(index["sets"])
    click.echo(f"train on it: aigc-music train music --data {out} --out runs/first")


def _need_torch() -> None:
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "train", "training")


def _tune(data: tuple[Path, ...], parent: str, name: str, as_json: bool, options: dict[str, Any]) -> dict[str, Any]:
    from models.music.tune import tune

    wanted = ("steps", "seed", "style", "licence", "replace_model", "cache", "threads")
    with progress() as say:
        tuned = tune(
            data, name, model=parent, minutes=options["minutes"] or 12.0, report=say,
            **{key: options[key] for key in wanted},
        )  # fmt: skip
    card, figures = tuned.card, tuned.figures
    before, after = figures["bits_per_note_before"], figures["bits_per_note_after"]
    if not as_json:
        click.echo(
            f"{len(figures['held_songs'])} held-out songs ({figures['held_notes']:,} notes): {before:.3f} -> "
            f"{after:.3f} bits a note, {figures['margin']:.3f} better ({100 * figures['margin'] / before:.1f} %)"
        )
        kept = f"{figures['replays_before']:.3f} -> {figures['replays_after']:.3f} bits a note"
        click.echo(f"what {parent} plays is foretold as before: {kept}")
        click.echo(f"{card['steps']} steps, {100 * card['mix']:.0f} % of the tuned weights mixed in: {tuned.folder}")
        click.echo(f"play it: aigc-music live --model {name} --style {card['style']}")
    return (
        {"steps": card["steps"], "best": after, "model": name, "folder": str(tuned.folder)}
        | {key: card[key] for key in ("style", "mix", "minutes", "seed")}
        | figures
    )


def _train(
    data: tuple[Path, ...], out: Path, name: str | None, as_json: bool, options: dict[str, Any]
) -> dict[str, Any]:
    from models.music.train import export, train
    from models.zoo import new_model

    wanted = ("steps", "seed", "network", "size", "licence", "cache", "threads", "device", "tensorboard")
    folder = new_model(name, replace=options["replace_model"]) if name else out / "model"
    with progress() as say:
        run = train(
            data, out, minutes=options["minutes"] or 60.0, quiet=True,
            report=lambda now: say(f"step {now.step}, {now.bits:.2f} bits a note", now.done, now.seconds_left),
            **{key: options[key] for key in wanted},
        )  # fmt: skip
    if os.environ.get("RANK", "0") != "0":
        sys.exit(0)  # another process of torchrun writes and speaks
    sets = ", ".join(path.name for path in data)
    folder = export(run, folder,
                    {"seed": options["seed"], "description": f"trained on {sets}"})  # fmt: skip
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = [sum(bits[0] for bits in row["valid"].values()) / len(row["valid"]) for row in rows if row.get("valid")]
    result = {"steps": rows[-1]["step"], "best": round(min(scores), 4) if scores else None, "model": str(folder)}
    if not as_json:
        best = f"best {result['best']} bits a note on the valid part" if scores else "no song was held out to measure"
        click.echo(f"{result['steps']} steps, {best}")
        click.echo(f"play it: aigc-music live --model {name or folder}")
    return result


def _data_table(sets: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in (
        "set",
        "songs",
        "notes",
        "hours",
        "train",
        "valid",
        "test",
        "key given",
        "chords given",
        "licences",
    ):
        table.add_column(title, justify="left" if title in ("set", "licences") else "right", overflow="fold")
    for row in sets:
        given = (f"{row[key]} of {row['songs']}" for key in ("keys_given", "chords_given"))
        splits = (str(row["splits"].get(split, 0)) for split in ("train", "valid", "test"))
        table.add_row(row["set"], f"{row['songs']:,}", f"{row['notes']:,}", f"{row['hours']:.2f}", *splits, *given,
                      "; ".join(row["licences"]))  # fmt: skip
    Console().print(table)
    click.echo("keys and chords that are not given are estimated from the notes, and marked so")
    for row in sets:
        for lost in row["dropped"]:
            click.echo(f"left out: {row['set']}/{lost['song']}: {lost['why']}")
        for near in row["duplicates"]:
            share = "" if near["share"] is None else f"{100 * near['share']:.0f} % of it stands in "
            click.echo(f"kept out of validation: {row['set']}/{near['song']}: {share}{near['nearest']}")
