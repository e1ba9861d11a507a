"""`aigc-music evaluate`: how well a model predicts music it has not seen."""

from __future__ import annotations

import json
from pathlib import Path

import click

from . import evaluate_figures, evaluate_originality, evaluate_pictures, evaluate_steering, evaluate_words

EPILOG = """\b
Examples:
  aigc-music evaluate music my_songs/
  aigc-music evaluate music music_pop909.zip --split test --json
  aigc-music evaluate music tune.mid
  aigc-music evaluate words lyrics.json
  aigc-music evaluate pictures cover.jpg
"""


@click.group("evaluate")
def command() -> None:
    """Measure a model, or a finished work, on what you give it: music, words, pictures."""


command.add_command(evaluate_figures.command)
command.add_command(evaluate_originality.command)
command.add_command(evaluate_steering.command)
command.add_command(evaluate_words.command)
command.add_command(evaluate_pictures.command)


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
    columns = ("blind", "told", "peer", "n-gram", "unigram")
    click.echo(f"{'':24}" + "".join(f"{name:>8}" for name in columns) + "   bits a note")
    for name, row in {"all": figures, **figures["per_set"], **figures["per_style"]}.items():
        others = [row[key]["bits_per_note"] if key in row else None for key in ("peer", "ngram", "unigram")]
        cells = [row["bits_per_note"], row.get("told_bits_per_note"), *others]
        click.echo(f"{name:24}" + "".join(f"{'-' if cell is None else f'{cell:.2f}':>8}" for cell in cells))
    click.echo("blind: knows style, tempo and metre; told: key, chords, parts and density too, as when it plays live")
    if any("peer" in row for row in figures["per_set"].values()):
        click.echo("peer: MidiTok REMI + GPT-2 of our size, trained on the same songs (models/music/peers)")
