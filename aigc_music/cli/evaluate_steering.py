"""`aigc-music evaluate steering`: what was asked of the model against what came, knob by knob, and the hard limits.

The conditions of the model are asked of it directly; swing and energy, which the engine makes, of the engine.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from aigc_music.core.errors import UsageError, choose

EPILOG = """\b
OUT gets steering.json (every curve) and steering.svg (the page). The page that the project carries is made with
  aigc-music evaluate steering --out OUT --picture models/music/steering.svg

\b
Examples:
  aigc-music evaluate steering --out steering/
  aigc-music evaluate steering --out steering/ --knobs key,density,swing --notes 4000
  aigc-music evaluate steering --out steering/ --model my_models/mine --json
"""

BARS = 8  # of a piece that the engine makes
PIECE = 256  # about so many notes it has


class Wish(NamedTuple):
    """A knob of the engine: field of MusicRequest, its values, and per curve how the notes are measured."""

    name: str
    field: str
    values: tuple[Any, ...]
    found: str
    scale: str  # as in models/music/steering
    ways: tuple[str, ...]
    wanted: bool = False  # whether the values are what should be measured


STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
BANDS = (
    ("drums",), ("bass", "drums"), ("keys", "bass"), ("melody", "drums"), ("melody", "keys", "bass"),
    ("melody", "keys", "bass", "drums"),
)  # fmt: skip
WISHES: tuple[Wish, ...] = (
    Wish("swing", "swing", STEPS, "how late the second eighth comes, 1 = triplet", "share", ("swing",), True),
    Wish("energy", "energy", STEPS, "levels 0 to 7 of the notes", "own",
         ("density", "loudness", "polyphony", "register")),
    Wish("band", "parts", BANDS, "asked parts over all heard, by their initials", "share", ("parts",)),
)  # fmt: skip


@click.command("steering", epilog=EPILOG)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results."
)
@click.option("--model", default="default", show_default=True, help="See 'aigc-music models'.")
@click.option("--notes", type=int, default=768, show_default=True,
              help="Notes for each value asked, in each way of asking; 128..1000000.")  # fmt: skip
@click.option("--kept", type=int, default=100_000, show_default=True,
              help="Notes under hard limits, 0..10000000.")  # fmt: skip
@click.option("--knobs", default="all", show_default=True, help="Names with commas, such as key,density,swing.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the first piece of every point.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="Where to draw. [default: in OUT]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    out: Path, model: str, notes: int, kept: int, knobs: str, seed: int, picture: Path | None, as_json: bool
) -> None:
    """How well every knob is followed, with a picture, and whether hard limits hold."""
    from models.music.curves import curves
    from models.music.decode_cpu import load_model
    from models.music.steering import KNOBS, keep, measure

    if not 128 <= notes <= 1_000_000:
        raise UsageError(f"--notes {notes}: give 128..1000000 for each value asked")
    if not 0 <= kept <= 10_000_000:
        raise UsageError(f"--kept {kept}: give 0..10000000 notes")
    known = [knob.name for knob in KNOBS] + [wish.name for wish in WISHES]
    names = known if knobs == "all" else [choose("knob", name.strip(), known) for name in knobs.split(",")]
    player = load_model(model)
    work: list[tuple[str, Callable[[], dict[str, Any]]]] = []
    for knob in KNOBS:
        work.append((knob.name, lambda knob=knob: measure(player, knob, notes, seed)))  # type: ignore[misc]
    for wish in WISHES:
        work.append((wish.name, lambda wish=wish: ask(wish, model, notes, seed)))  # type: ignore[misc]
    found: dict[str, Any] = {}
    with click.progressbar(
        [row for row in work if row[0] in names], label="asking", show_eta=True, show_pos=True, file=sys.stderr,
        item_show_func=lambda row: row[0] if row else "",
    ) as bar:  # fmt: skip
        for name, run in bar:
            found[name] = run()
    result = {
        "model": {"name": model, "sha256": player.card.get("sha256")},
        "seed": seed,
        "notes": notes,
        "knobs": found,
        "kept": keep(player, kept, seed) if kept else None,
    }
    remark = (
        f"Lines, dots: mean of the pieces; bands, bars: their 10th to 90th percentile. Grey dashes: what was asked,"
        f" or what luck gives. {notes} notes for each value and way."
    )
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "steering.json", json.dumps(result, indent=1) + "\n")
    _write(picture or out / "steering.svg", curves(found, "Steering: what was asked, and what came", remark))
    if as_json:
        click.echo(json.dumps(_without_points(result) | {"out": str(out)}))
        return
    _print(result)
    click.echo(f"see {out}")


def ask(wish: Wish, model: str, notes: int, seed: int) -> dict[str, Any]:
    """One knob of the engine through its values, as `models.music.steering.measure` says it."""
    from aigc_music.engine import Engine, MusicRequest
    from models.music.spreads import excerpt_of
    from models.music.steering import LEVELS, heard_of, summary, swing_of, to_level

    def got(way: str, piece: Any, value: Any) -> float:
        if way == "swing":
            return swing_of(piece)
        return heard_of(piece, value) if way == "parts" else to_level(way, LEVELS[way](piece))

    rows: dict[str, list[list[float]]] = {way: [] for way in wish.ways}
    for value in wish.values:
        pieces = []
        for number in range(max(2, round(notes / PIECE))):
            fields: dict[str, Any] = {wish.field: value, "bars": BARS, "model": model, "seed": seed + number}
            pieces.append(excerpt_of(Engine().run(MusicRequest(**fields)).score).notes)
        for way in wish.ways:
            rows[way].append([got(way, piece, value) for piece in pieces if len(piece) > 8])
    ordered = wish.values == STEPS
    table = {
        "title": wish.name, "found": wish.found, "scale": wish.scale, "ordered": ordered,
        "labels": [f"{value:g}" if ordered else " ".join(name[0] for name in value) for value in wish.values],
        "ways": {way: summary(wish.scale, ordered, got_rows) for way, got_rows in rows.items()},
    }  # fmt: skip
    return table | ({"wanted": list(wish.values)} if wish.wanted else {})


def _print(result: dict[str, Any]) -> None:
    for name, table in result["knobs"].items():
        luck = f" (luck {sum(table['luck']) / len(table['luck']):.0%})" if "luck" in table else ""
        click.echo(f"{name}: {table['found']}{luck}")
        for way, row in table["ways"].items():
            figures = [(key, row.get(key)) for key in ("spearman", "slope", "within_one", "mean")]
            cells = [f"{key} {value:.2f}" for key, value in figures if value is not None]
            click.echo(f"  {way:20} {'  '.join(cells)}")
        if "best_strength" in table:
            click.echo(f"  followed best at strength {table['best_strength']:g}")
    kept = result["kept"]
    if kept:
        click.echo(
            f"hard limits: {kept['in_key']:,} of {kept['notes']:,} notes in the key, {kept['in_chord']:,} of"
            f" {kept['harmony_notes']:,} in the chord, {kept['rests']} rests, {kept['keys']} keys"
        )


def _without_points(result: dict[str, Any]) -> dict[str, Any]:
    """The result without its curves, which steering.json holds."""
    knobs = {}
    for name, table in result["knobs"].items():
        ways = {
            way: {key: value for key, value in row.items() if key != "points"} for way, row in table["ways"].items()
        }
        knobs[name] = table | {"ways": ways}
    return result | {"knobs": knobs}


def _write(path: Path, text: str) -> None:
    from aigc_music.files.atomic import atomic_write

    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))
