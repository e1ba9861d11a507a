"""`aigc-music verify`: where a file comes from, and that nothing was changed since."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

EPILOG = """\b
Examples:
  aigc-music verify tune.mid
  aigc-music verify cover.jpg --again         (draws it once more from its record and compares)
  aigc-music verify my_release/
"""


@click.command("verify", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--again", is_flag=True, help="Make it once more from its record: it must come out the same.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(path: Path, again: bool, as_json: bool) -> None:
    """Recompute every hash, record, parent, model and label of a file of ours, or of all in a folder.

    Exit code 1 where something is not as its record says, with what it is in words.
    """
    from aigc_music.engine.verify import verify

    verdicts = verify(path, again=again)
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
