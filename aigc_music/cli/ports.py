"""`aigc-music ports`: what is there, and what to do with it."""

from __future__ import annotations

import json

import click

EPILOG = """\b
Examples:
  aigc-music ports
  aigc-music ports --json

\b
Environment: JACK_DEFAULT_SERVER names the JACK server to ask.
"""


@click.command("ports", epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(as_json: bool) -> None:
    """List MIDI and audio ports, per MIDI system, with what to do next."""
    from bridge.ports import list_ports

    found = list_ports()
    if as_json:
        click.echo(json.dumps(found))
        return
    for title, names in (
        ("MIDI inputs (play into the band: --from NAME)", found["midi_in"]),
        ("MIDI outputs (the band plays into: --to NAME)", found["midi_out"]),
        ("Audio outputs", found["audio_out"]),
    ):
        click.secho(title, bold=True)
        for name in names:
            click.echo(f"  {name if isinstance(name, str) else name['name']}")
        if not names:
            click.echo("  none")
    click.secho("MIDI systems", bold=True)
    for name, api in found["apis"].items():
        mark = click.style("yes", fg="green") if api["available"] else click.style("no ", fg="yellow")
        click.echo(f"  {name:8} {mark}  {api['detail']}" + (f"\n{'':15}{api['fix']}" if api.get("fix") else ""))
    click.echo("\nNext: aigc-music live, then choose 'aigc-music' as the MIDI input of a track in your DAW.")
