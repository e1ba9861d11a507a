"""`aigc-music verify`: where a file comes from, and that nothing was changed since."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aigc_music.engine.verify import Verdict

EPILOG = """\b
Examples:
  aigc-music verify tune.mid
  aigc-music verify cover.jpg --again         (draws it once more from its record and compares)
  aigc-music verify harbour-lights/           (a release: all its files, signatures, parents and labels)
  aigc-music verify harbour-lights/cover/cover.jpg
"""


@click.command("verify", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--again", is_flag=True, help="Make it once more from its record: it must come out the same.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(path: Path, again: bool, as_json: bool) -> None:
    """Recompute every hash, record, parent, model and label of a file of ours, or of all in a folder.

    A release folder, or an album of them, is checked against its manifest.json: C2PA signatures, files that are
    missing or too many, and that all labels tell the same. Exit code 1 where something is not as it should be, with
    what it is in words.
    """
    verdicts = _verdicts(path, again)
    ok = all(verdict.ok for verdict in verdicts)
    if as_json:
        problems = [f"{verdict.path}: {problem}" for verdict in verdicts for problem in verdict.problems]
        click.echo(
            json.dumps({"ok": ok, "problems": problems, "files": [asdict(row) | {"ok": row.ok} for row in verdicts]})
        )
    else:
        for verdict in verdicts:
            click.secho("ok  " if verdict.ok else "BAD ", fg="green" if verdict.ok else "red", nl=False)
            click.echo(f"{verdict.path}: {', '.join(verdict.checked) or 'nothing could be checked'}")
            for problem in verdict.problems:
                click.echo(f"      wrong: {problem}")
            for note in verdict.notes:
                click.echo(f"      not checked: {note}")
    if not ok:
        sys.exit(1)


def _verdicts(path: Path, again: bool) -> list[Verdict]:
    from aigc_music.core.errors import UsageError
    from aigc_music.engine.verify import verify
    from aigc_music.release.verify import release_of, verify_release

    release = release_of(path)
    if release is None or not path.exists():
        several = sorted(path.glob("*/manifest.json"))  # what a catalogue of briefs has made
        if several and not again:
            return [verdict for manifest in several for verdict in verify_release(manifest.parent)]
        return verify(path, again=again)
    if again:
        raise UsageError(
            "a release is made again by 'aigc-music release BRIEF.toml DIR': --again is for single files"
        )
    verdicts = verify_release(path if path.is_dir() else release)
    if path.is_dir():
        return verdicts
    wanted = path.absolute()
    found = [verdict for verdict in verdicts if Path(verdict.path).absolute() == wanted]
    if not found:
        raise UsageError(
            f"{str(path)!r} lies in a release, but its manifest does not list it: it is none of its files"
        )
    return found
