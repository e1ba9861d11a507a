"""`aigc-music evaluate`: how well a model predicts music it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import evaluate_figures, evaluate_originality, evaluate_steering

EPILOG = """\b
Examples:
  aigc-music evaluate music my_songs/
  aigc-music evaluate music music_pop909.zip --split test --json
  aigc-music evaluate music tune.mid
"""


@click.group("evaluate")
def command() -> None:
    """Measure a model on music you give it."""


command.add_command(evaluate_figures.command)
command.add_command(evaluate_originality.command)
command.add_command(evaluate_steering.command)


@command.command("music", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="default", show_default=True, help="See 'aigc-music models'.")
@click.option("--split", type=click.Choice(["test", "valid", "train", "all"]), default="test", show_default=True,
              help="Which part of a set that has splits; other folders are read whole.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def music(path: Path, model: str, split: str, as_json: bool) -> None:
    """Bits per note of PATH (a folder or zip of MIDI files, a set with splits, or one file); lower is better."""
    from models.music.evaluate import evaluate

    figures = evaluate(path, model=model, split=split)
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(
        f"{figures['notes']:,} notes in {figures['songs']} songs, {figures['bits_per_second']:.1f} bits a second"
    )
    click.echo(f"{'':16} {'blind':>7} {'told':>7} {'n-gram':>7} {'unigram':>8}   bits a note")
    rows = {"all": figures, **figures["per_style"]}
    for name, row in rows.items():
        baselines = [row[key]["bits_per_note"] if key in row else None for key in ("ngram", "unigram")]
        cells = [row["bits_per_note"], row["told_bits_per_note"], *baselines]
        click.echo(f"{name:16} " + " ".join(f"{'-' if cell is None else f'{cell:.2f}':>7}" for cell in cells))
    click.echo("blind: knows style, tempo and metre; told: key, chords, parts and density too, as when it plays live")
