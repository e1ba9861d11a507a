"""`aigc-music evaluate originality`: which phrases of a piece stand in the training songs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aigc_music.core.time import TICKS_PER_QUARTER

if TYPE_CHECKING:
    from models.music.originality import Report

EPILOG = """\b
Tunes are compared in any key and at any tempo; drums are left out. Phrases that many songs share (scales, repeated
notes, broken chords) do not count. Copies under 13 notes are not surely found.

\b
Examples:
  aigc-music evaluate originality tune.mid
  aigc-music evaluate originality my_songs/ --json
"""


@click.command("originality", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--split", type=click.Choice(["all", "test", "valid", "train"]), default="all", show_default=True,
              help="Which part of a set that has splits; other folders are read whole.")  # fmt: skip
@click.option("--index", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Folder of an index of your own training songs. [default: of the shipped model]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(path: Path, split: str, index: Path | None, as_json: bool) -> None:
    """The longest phrase that PATH copies from the training songs, and from which.

    PATH is a MIDI file, a folder or zip of them, or a set with splits.
    """
    from aigc_music.core.errors import UsageError
    from aigc_music.files.midi import read_score
    from models.music.corpus import load_set
    from models.music.originality import check, load_index

    known = load_index(index) if index else load_index()
    if path.is_file() and path.suffix.lower() != ".zip":
        reports = [(path.name, check(read_score(path), known))]
    else:
        songs = [song for song in load_set(path) if split in ("all", song.split)]
        if not songs:
            raise UsageError(f"no songs in the {split!r} part of {str(path)!r}: choose all, train, valid or test")
        reports = [(song.name, check(song, known)) for song in songs]
    reports.sort(key=lambda row: -row[1].own_notes)
    if as_json:
        keys = ("longest_copied_notes", "own_notes", "nearest", "accused")
        pieces = [{"name": name} | {key: getattr(report, key) for key in keys} for name, report in reports]
        click.echo(json.dumps(reports[0][1].as_dict() | {"pieces": pieces}))
        return
    for name, report in reports:
        click.echo(f"{name}: {_sentence(report)}")
    accused = sum(report.accused for _, report in reports)
    click.echo(f"{accused} of {len(reports)} copy more than chance does")


def _sentence(report: Report) -> str:
    if not report.copies:
        return "no copied phrase found"
    copy = report.copies[0]
    title = f" ({copy.source['title']})" if copy.source["title"] else ""
    where = f"{copy.part} from quarter {copy.start / TICKS_PER_QUARTER:.1f} on"
    whose = f"{copy.source['set']}/{copy.source['id']}{title}"
    verdict = "COPIED: " if report.accused else ""
    return (
        f"{verdict}longest copied phrase {copy.counted} notes, {copy.own_notes} its own, in {where}; nearest: {whose}"
    )
