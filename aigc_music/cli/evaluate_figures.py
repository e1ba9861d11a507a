"""`aigc-music evaluate figures`: generated pieces beside real ones, figure by figure, style by style.

Every generated piece is asked for with the brief of a real excerpt (key, metre, tempo, bars), is written as a MIDI
file, and is read and measured as the real ones are. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from aigc_music.core.errors import UsageError, choose

EPILOG = """\b
OUT gets figures.json (everything), figures.svg (the page), spreads.json (the real side: statistics alone) and
pieces/ (the music). The files that the project carries are made with
  aigc-music evaluate figures --data SETS --out OUT --picture models/music/figures.svg \\
      --spreads models/zoo/spreads/spreads.json

\b
Examples:
  aigc-music evaluate figures --data SETS --out figures/ --n 20 --styles pop,jazz
  aigc-music evaluate figures --data SETS --out figures/ --model my_models/mine --jobs 2 --json
"""


@click.command("figures", epilog=EPILOG)
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="Folder of the music sets.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results."
)
@click.option("--n", "count", type=int, default=200, show_default=True, help="Generated pieces a style, 1..1000.")
@click.option("--styles", default="all", show_default=True, help="Names with commas, such as pop,chorale,rock_drums.")
@click.option("--model", default="default", show_default=True, help="See 'aigc-music models'.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the first piece of every style.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes that compose, 1..64.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Where to draw. [default: in OUT]")
@click.option("--spreads", type=click.Path(path_type=Path, dir_okay=False), help="Real side. [default: in OUT]")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder for parsed sets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    data: Path, out: Path, count: int, styles: str, model: str, seed: int, jobs: int, picture: Path | None,
    spreads: Path | None, cache: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Musical figures of generated pieces beside those of real test excerpts, and a picture of them."""
    from models.music.decode_cpu import load_model
    from models.music.portrait import portrait
    from models.music.spreads import SCENES, compare, excerpt_of, real_excerpts, scene_named, spread_of

    if not 1 <= count <= 1000:
        raise UsageError(f"--n {count}: give 1..1000 pieces a style")
    if not 1 <= jobs <= 64:
        raise UsageError(f"--jobs {jobs}: give 1..64 processes")
    known = [scene.name for scene in SCENES]
    names = known if styles == "all" else [choose("style", name.strip(), known) for name in styles.split(",")]
    scenes = [scene for name in names if (scene := scene_named(name)) is not None]
    real = {scene.name: real_excerpts(scene, data, cache) for scene in scenes}
    sha256 = load_model(model).card.get("sha256")
    _claim(out, {"model": model, "sha256": sha256, "seed": seed}, real)
    briefs: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for scene in scenes:
        folder = out / "pieces" / scene.name
        folder.mkdir(parents=True, exist_ok=True)
        briefs[scene.name] = [
            (folder / f"{number:04}.mid", {
                "style": scene.style, "key": like.key, "bpm": like.bpm, "bars": scene.bars, "metre": like.metre,
                "model": model, "seed": seed + number, "ending": False,  # the real ones are cut from the middle
            })
            for number in range(count)
            for like in (real[scene.name][number % len(real[scene.name])],)
        ]  # fmt: skip
    _compose_all([work for rows in briefs.values() for work in rows], jobs)

    from aigc_music.files.midi import read_score

    found, spread = {}, {}
    for scene in scenes:
        pieces = [
            excerpt_of(read_score(path), scene.bars).of_parts(scene.parts).bars_from(0, scene.bars)
            for path, _ in briefs[scene.name]
        ]
        spread[scene.name] = spread_of(scene, real[scene.name])
        found[scene.name] = compare(scene, spread[scene.name], pieces, real[scene.name])
        if not as_json:
            _print(scene.name, found[scene.name])
    result = {"model": {"name": model, "sha256": sha256}, "seed": seed, "pieces": count, "scenes": found}
    about = "Figures of real excerpts by style: mean, sd, 5th and 95th percentile. Statistics alone, no music."
    sets = sorted({name for scene in scenes for name in scene.sets})
    _write(out / "figures.json", json.dumps(result, indent=1) + "\n")
    _write(spreads or out / "spreads.json", json.dumps({"about": about, "sets": sets, "scenes": spread}) + "\n")
    remark = (
        f"{count} generated pieces a style beside real excerpts of the test parts (valid parts too where these are"
        " small): same parts, key, metre, tempo and length."
    )
    _write(picture or out / "figures.svg", portrait(found, "Generated music beside real music", remark))
    outside = {name: _outside(table) for name, table in found.items()}
    if as_json:
        slim = {name: _without_values(table) for name, table in found.items()}
        click.echo(json.dumps(result | {"scenes": slim, "outside": outside, "out": str(out)}))
        return
    total = sum(len(table["figures"]) for table in found.values())
    click.echo(f"{total - sum(map(len, outside.values()))} of {total} figures lie inside the real spread; see {out}")


def _claim(out: Path, mark: dict[str, Any], real: dict[str, Any]) -> None:
    """Make OUT ours, or find that it holds pieces of the same model, seed and briefs. UsageError when of others."""
    briefs = {
        name: zlib.crc32(repr([(row.song, row.metre, row.key, row.bpm) for row in rows]).encode())
        for name, rows in real.items()
    }
    path = out / "run.json"
    before: dict[str, Any] = {**mark, "briefs": {}}
    if path.exists():
        try:
            before |= json.loads(path.read_text("utf-8"))
        except ValueError as err:
            raise UsageError(f"{str(path)!r} is damaged ({err}): give a new folder") from err
    changed = [key for key in mark if before[key] != mark[key]]
    changed += [name for name in briefs if before["briefs"].get(name, briefs[name]) != briefs[name]]
    if changed:
        raise UsageError(f"--out {str(out)!r} holds pieces of another run ({changed[0]} differs): give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    _write(path, json.dumps(mark | {"briefs": before["briefs"] | briefs}) + "\n")


def _compose_all(work: Sequence[tuple[Path, dict[str, Any]]], jobs: int) -> None:
    """Make the pieces that are not there yet, with progress and the time left on stderr."""
    todo = [row for row in work if not row[0].exists()]
    label = f"composing {len(todo)} of {len(work)}"
    if jobs == 1:
        with click.progressbar(todo, label=label, show_eta=True, show_pos=True, file=sys.stderr) as bar:
            for row in bar:
                compose(row)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with (
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
        click.progressbar(length=len(todo), label=label, show_eta=True, show_pos=True, file=sys.stderr) as bar,
    ):
        for _ in pool.map(compose, todo):
            bar.update(1)


def compose(work: tuple[Path, dict[str, Any]]) -> None:
    """Make one piece and write it; (path, fields of the request)."""
    from aigc_music.engine import Engine, MusicRequest

    path, fields = work
    Engine().run(MusicRequest(**fields)).save(path)


def _print(name: str, table: dict[str, Any]) -> None:
    splits = " and ".join(table["splits"])
    click.echo(
        f"\n{name}: {table['pieces']} generated ({table['silent']} silent), {table['real_excerpts']} real excerpts of"
        f" {table['real_songs']} songs ({splits}), {table['bars']} bars each"
    )
    click.echo(f"  {'':22} {'real':>7}  {'p5 .. p95':^15}  {'ours':>7}  inside")
    for figure, row in table["figures"].items():
        real = row["real"]
        wide = f"{real['p5']:.3f} .. {real['p95']:.3f}"
        click.echo(
            f"  {figure:22} {real['mean']:7.3f}  {wide:^15}  {row['generated']['mean']:7.3f}  {row['inside']:5.0%}"
            f"{'' if row['verdict'] == 'inside' else '  outside'}"
        )
    lags = table["lags"]
    for who, rows in (("real", lags["real"]), ("ours", lags["generated"])):
        click.echo(f"  bars alike, lag 1.. {who} " + " ".join(f"{row['mean']:.2f}" for row in rows))
    pooled = table["pooled_divergence"]
    cells = ", ".join(f"{key} {row['generated']:.3f} ({row['real_halves']:.3f})" for key, row in pooled.items())
    click.echo(f"  all together (real halves): {cells}")


def _outside(table: dict[str, Any]) -> list[str]:
    return [name for name, row in table["figures"].items() if row["verdict"] == "outside"]


def _without_values(table: dict[str, Any]) -> dict[str, Any]:
    figures = {
        name: {key: value for key, value in row.items() if key != "values"} for name, row in table["figures"].items()
    }
    return table | {"figures": figures}


def _write(path: Path, text: str) -> None:
    from aigc_music.files.atomic import atomic_write

    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))
