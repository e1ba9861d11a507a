"""`aigc-music models`: the trained models that are here, with what their cards say."""

from __future__ import annotations

import json
from typing import Any

import click

EPILOG = """\b
Examples:
  aigc-music models
  aigc-music models --json
"""


@click.command("models", epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(as_json: bool) -> None:
    """List the trained models with their cards: size, data and licences, measured figures."""
    from models.zoo import cards

    found = cards()
    if as_json:
        click.echo(json.dumps({"models": found}))
        return
    for name, card in found.items():
        click.secho(name, bold=True, nl=False)
        click.echo(f"  {card.get('description', '')}")
        size = f"{card.get('parameters', 0):,} parameters, {card.get('network', card.get('kind', '?'))}"
        click.echo(f"  {size}, {card.get('date', '?')}\n  licence: {card.get('licence', 'not stated')}")
        if card.get("kind") == "music":
            _music(card)
        else:
            _other(card)
        for limit in card.get("limits", []):
            click.echo(f"  limit: {limit}")


def _other(card: dict[str, Any]) -> None:
    """Where it learned, and its measured figures, whatever they are."""
    for row in card.get("data", []):
        click.echo(f"  learned from {row['set']}: {row['licence']}")
    for name, value in card.get("metrics", {}).items():
        if isinstance(value, int | float | str):
            click.echo(f"  {name.replace('_', ' ')}: {value}")


def _music(card: dict[str, Any]) -> None:
    """Bits a note per training set."""
    if tuned := card.get("figures", {}).get("tuning"):
        before, after = tuned["bits_per_note_before"], tuned["bits_per_note_after"]
        click.echo(f"  tuned: {before:.2f} -> {after:.2f} bits a note on {len(tuned['held_songs'])} held songs")
    scores = card.get("figures", {}).get("test_bits", {}).get("per_set", {})
    rows = {data["set"]: data["licence"] for data in card.get("data", [])}
    if rows:
        click.echo(f"\n  {'bits a note on':24} {'blind':>7} {'told':>7} {'n-gram':>7} {'unigram':>8}  licence")
    for data, licence in rows.items():
        click.echo(f"  {data:24} {_bits(scores, data)}  {licence}")
    for data in sorted(set(scores) - set(rows)):
        click.echo(f"  {data:24} {_bits(scores, data)}  measured only, not learned from")


def _bits(scores: dict[str, Any], name: str) -> str:
    """Bits a note on the test part of a set: the model blind, then told of key and chords; two blind baselines."""
    row = scores.get(name)
    if row is None:
        return f"{'-':>7} {'-':>7} {'-':>7} {'-':>8}"
    baselines = (row[key]["bits_per_note"] for key in ("ngram", "unigram"))
    return "{:7.2f} {:7.2f} {:7.2f} {:8.2f}".format(row["bits_per_note"], row["told_bits_per_note"], *baselines)
