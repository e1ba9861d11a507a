"""`aigc-music lyrics`: lyrics in time from one file format to another, and what services would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import click

EPILOG = """\b
Formats: lrc, a2 (.a2.lrc, word times), srt, ass (karaoke), ttml (Apple), musicxml, mxl, midi, kar, text, json.

\b
Examples:
  aigc-music lyrics song.mxl song.ttml
  aigc-music lyrics song.kar song.ass
  aigc-music lyrics song.lrc --check
"""


@click.command("lyrics", epilog=EPILOG)
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--format", "format_", help="Format of TARGET. [default: by its name]")
@click.option("--spread", is_flag=True, help="Where only lines have times: share them out to the words.")
@click.option("--check", is_flag=True, help="Say what services would refuse in the text.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(source: Path, target: Path | None, format_: str | None, spread: bool, check: bool, as_json: bool) -> None:
    """Read lyrics in time from SOURCE and write them to TARGET; without one, print the words."""
    from aigc_music.files.lyrics import read_lyrics, write_lyrics
    from aigc_music.files.lyrics.rules import problems

    lyrics = read_lyrics(source, spread=spread)
    found = problems(lyrics) if check else []
    written = None if target is None else str(write_lyrics(lyrics, target, format=format_))
    if as_json:
        told = {"lines": len(lyrics.lines), "repairs": list(lyrics.repairs), "problems": found, "written": written}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    if target is None and not check:
        click.echo(lyrics.text)
    for repair in lyrics.repairs:
        click.echo(f"mended: {repair}", err=True)
    for problem in found:
        click.echo(problem)
    if written:
        click.echo(f"{written}: {len(lyrics.lines)} lines")
    elif check and not found:
        click.echo(f"{source}: {len(lyrics.lines)} lines, nothing to refuse")
