"""`aigc-music release`: from a brief to a folder with all that a release needs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aigc_music.release.run import Outcome

EPILOG = """\b
A brief is TOML. 'aigc-music release --new BRIEF.toml' writes one to start from, with every key explained.
What is made already is not made again: change a line of the brief and run it again, stop it and go on later.
Stages: music, words, cover, master, mp3, film, social, motion, canvas, stems, mix, originality.

\b
Examples:
  aigc-music release --new brief.toml                    a brief to fill in
  aigc-music release brief.toml harbour/ --draft         a look at all of it, small and quick
  aigc-music release brief.toml harbour/                 the release; open harbour/index.html
  aigc-music release brief.toml harbour/ --only words,cover
  aigc-music release --briefs briefs/ catalogue/ --on local
  aigc-music release --briefs briefs/ catalogue/ --on ray://head:10001
  aigc-music verify harbour/                             prove every hash, signature and label
"""


@click.command("release", epilog=EPILOG)
@click.argument("places", nargs=-1, type=click.Path(path_type=Path), metavar="[BRIEF.toml] [DIR]")
@click.option("--draft", is_flag=True, help="Everything small and quick, to look at.")
@click.option("--only", default="", metavar="STAGE,...", help="These stages and what they need.")
@click.option("--workers", type=int, help="Processes at once, 0..64. [default: one a core]")
@click.option("--new", type=click.Path(path_type=Path, dir_okay=False), metavar="BRIEF.toml",
              help="Write a brief to start from, and make nothing.")  # fmt: skip
@click.option("--briefs", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Make the releases of all briefs in a folder, each in a folder of its own in DIR.")  # fmt: skip
@click.option(
    "--on", metavar="WHERE", help="With --briefs: 'local', or the address of a Ray cluster, ray://HOST:PORT."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    places: tuple[Path, ...], draft: bool, only: str, workers: int | None, new: Path | None,
    briefs: Path | None, on: str | None, as_json: bool,
) -> None:  # fmt: skip
    """From a brief to a release folder: music, stems, mix and master, words and timed lyrics, cover, lyric video,
    loops, a social cut, credits, provenance, labels, signatures, and a page to look at all of it."""
    from aigc_music.core.errors import UsageError

    stages = tuple(name.strip() for name in only.split(",") if name.strip())
    if new is not None:
        _write_new(new)
    elif briefs is not None:
        _catalogue(briefs, _folder(places), as_json, on=on, only=stages, draft=draft, workers=workers)
    elif on is not None:
        raise UsageError("--on is where many briefs are made: name their folder with --briefs")
    elif len(places) != 2:
        raise UsageError("release needs a brief and a folder: aigc-music release BRIEF.toml DIR")
    else:
        _one(places[0], places[1], as_json, draft, stages, workers)


def _one(path: Path, folder: Path, as_json: bool, draft: bool, only: tuple[str, ...], workers: int | None) -> None:
    from aigc_music.release.brief import read_brief
    from aigc_music.release.run import release

    from .progress import progress

    brief = read_brief(path)
    if draft:
        brief = replace(brief, video=replace(brief.video, draft=True))
    if brief.seed_is_drawn and not as_json:
        click.echo(f"seed {brief.seed}, reckoned from title and artist: write seed = {brief.seed} to keep it")
    with progress() as say:
        outcome = release(brief, folder, workers=workers, only=only, say=say)
    if as_json:
        click.echo(json.dumps(_contract(outcome)))
    else:
        _tell(outcome)
    if not outcome.ok:
        raise SystemExit(1)


def _contract(outcome: Outcome) -> dict[str, Any]:
    stages = [stage.row() | {"made": stage.anew} for stage in outcome.stages]
    return {"folder": str(outcome.folder), "stages": stages, "artifacts": list(outcome.artifacts)}


def _tell(outcome: Outcome) -> None:
    for stage in outcome.stages:
        state = "made" if stage.anew else "kept" if stage.state == "done" else stage.state
        click.echo(f"{stage.name:12} {state}" + (f": {stage.why}" if stage.why else ""))
    size = sum((outcome.folder / row["path"]).stat().st_size for row in outcome.artifacts)
    click.echo(f"{len(outcome.artifacts)} files, {size / 1e6:.1f} MB in {outcome.folder}: open index.html there")
    if not outcome.ok:
        click.echo("some stages failed: mend what they name and run it again, what is done is kept", err=True)


def _folder(places: tuple[Path, ...]) -> Path:
    from aigc_music.core.errors import UsageError

    if len(places) != 1:
        raise UsageError("--briefs needs one folder for the releases: aigc-music release --briefs FOLDER DIR")
    return places[0]


def _catalogue(briefs: Path, folder: Path, as_json: bool, **wishes: Any) -> None:
    from aigc_music.core.errors import FileError
    from aigc_music.release.catalogue import run_catalogue

    from .progress import progress

    found = sorted(briefs.glob("*.toml"))
    if not found:
        raise FileError(f"no .toml in {str(briefs)!r}: name the folder that holds the briefs")
    with progress() as say:
        outcome = run_catalogue(found, folder, say=say, **wishes)
    if as_json:
        keys = ("name", "ok", "failures", "made", "kept")
        rows = [{key: getattr(row, key) for key in keys} for row in outcome.releases]
        click.echo(json.dumps({"folder": str(outcome.folder), "releases": rows, "seconds": outcome.seconds}))
    else:
        click.echo(outcome)
    if not outcome.ok:
        raise SystemExit(1)


def _write_new(path: Path) -> None:
    from aigc_music.core.errors import FileError
    from aigc_music.files.atomic import atomic_write
    from aigc_music.release.keys import example

    if path.exists():
        raise FileError(f"{str(path)!r} is there already: give another name")
    with atomic_write(path) as file:
        file.write(example().encode())
    click.echo(f"{path}: fill it in, then: aigc-music release {path} DIR")
