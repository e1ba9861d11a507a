"""`aigc-music models`: the trained models that are here, with what their cards say."""

from __future__ import annotations

import json

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
        for label, key in (("parameters", "parameters"), ("trained", "date"), ("licence", "licence")):
            if card.get(key) is not None:
                click.echo(
                    f"  {label:12} {card[key]:,}" if isinstance(card[key], int) else f"  {label:12} {card[key]}"
                )
        for data in card.get("data", []):
            click.echo(f"  {'data':12} {data['set']}: {data['licence']}")
        for set_name, figures in card.get("bits_per_note", {}).items():
            click.echo(f"  {'bits/note':12} {set_name}: {figures}")
