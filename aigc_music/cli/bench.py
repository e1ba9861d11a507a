"""`aigc-music bench`: speed and timing on this machine, peers beside ours in one run, judged against the bars."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import click

EPILOG = """\b
Examples:
  aigc-music bench decode --notochord notochord-venv/bin/python
  aigc-music bench jitter --events 2000 --json
  aigc-music bench synth
  aigc-music bench start
  aigc-music bench batch
  aigc-music bench jobs
  aigc-music bench video --moviepy moviepy-venv/bin/python

Figures depend on what else runs: every table says the load, and peers take the same weather. Compare ratios, not ms.
"""

DECODE_EPILOG = """\b
Notochord lives in an environment of its own. To make one (any folder):
  python3 -m venv notochord-venv
  notochord-venv/bin/pip install torch==2.13.0 numpy 'pandas<3' tqdm sf2utils appdirs toml-file joblib 'iipyper<0.6'
  notochord-venv/bin/pip install --no-deps notochord==0.8.0
  aigc-music bench decode --notochord notochord-venv/bin/python
Its own pin is an older torch; it runs as fast under this one. On Linux plain pip takes the build of torch
for NVIDIA cards, which is gigabytes: pytorch.org says how to get the small one for the CPU.

\b
Examples:
  aigc-music bench decode
  aigc-music bench decode --notes 1000 --json
"""

BATCH_EPILOG = """\b
Examples:
  aigc-music bench batch
  aigc-music bench batch --device cuda --lanes 256
  aigc-music bench batch --notes 20000 --workers 4 --json

p50, p99 and min are ms a note: of a piece in its worker, of a step of all lanes. The floor beside the lanes is the
time that reading the weights of a step takes at the speed at which the device copies memory. Torch is an extra:
pip install 'aigc-music[train]'.
"""

VIDEO_EPILOG = """\b
MoviePy wants an older Pillow than ours, so it lives in an environment of its own. To make one (any folder):
  python3 -m venv moviepy-venv
  moviepy-venv/bin/pip install moviepy==2.2.1
  aigc-music bench video --moviepy moviepy-venv/bin/python

\b
Examples:
  aigc-music bench video
  aigc-music bench video --frames 150 --family strings --json

p50, p99 and min are ms from frame to frame, CPU is that of all threads and processes of a frame. Judged is CPU: it
hardly depends on what else runs.
"""

Rows = dict[str, dict[str, Any]]


class Bar(NamedTuple):
    """What a figure must reach. `least`: it must be at least the limit, else at most."""

    contender: str
    figure: str  # a key of the row; 'times': how much slower `against` is by p50 and CPU time, the smaller of the two
    limit: float
    least: bool = False
    against: str = ""
    realtime: bool | None = None  # judged only when the row ran with (True) or without (False) realtime priority
    workers: int | None = None  # judged only when the row ran with so many worker processes
    unit: str = " ms"
    only_cpu: bool = False  # 'times' by CPU time alone


BARS: dict[str, tuple[Bar, ...]] = {
    "decode": (
        Bar("aigc-music", "p50", 0.5),
        Bar("aigc-music", "times", 10.0, least=True, against="notochord"),
    ),
    "jitter": (
        Bar("aigc-music", "p99", 0.1, realtime=True),
        Bar("aigc-music", "p99", 2.0, realtime=False),
        Bar("aigc-music, normal priority", "p99", 2.0),
        Bar("aigc-music, JACK", "max", 0.0),
    ),
    "synth": (Bar("aigc-music", "p50", 0.05),),
    "start": (
        Bar("aigc-music --help", "p50", 100.0),
        Bar("aigc-music ports", "p50", 200.0),
        Bar("aigc-music live, first note", "p50", 1000.0),
    ),
    "batch": (Bar("aigc-music", "notes_per_s", 5000.0, least=True, workers=2, unit=""),),
    "jobs": (Bar("live beside our jobs", "late", 0.0, unit=" notes"),),
    "video": (
        Bar("aigc-music", "cpu", 50.0),
        Bar("aigc-music", "times_x264", 2.0, unit=""),
        Bar("aigc-music", "times", 2.5, least=True, against="moviepy", only_cpu=True),
    ),
}
"""The bars of this project, in ms; `times` is a ratio."""

YARDSTICK = {
    "decode": "aigc-music", "jitter": "aigc-music", "synth": "aigc-music", "start": "python -c pass",
    "batch": "aigc-music", "jobs": "live alone", "video": "aigc-music",
}  # fmt: skip
"""The row that the column 'times' divides by."""


@click.group("bench", epilog=EPILOG)
def command() -> None:
    """Measure speed and timing on this machine, beside other programs where they are installed."""


_json = click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
_model = click.option("--model", default="default", show_default=True, help="See 'aigc-music models'.")


@command.command("decode", epilog=DECODE_EPILOG)
@_model
@click.option("--notes", type=int, default=400, show_default=True, help="Notes (events of Notochord) per contender.")
@click.option("--notochord", metavar="PYTHON", help="Python that has Notochord. Default: AIGC_MUSIC_NOTOCHORD.")
@_json
def decode(model: str, notes: int, notochord: str | None, as_json: bool) -> None:
    """Time to decide one note with all conditions and masks, one thread, beside Notochord and the torch reference."""
    from models.music.bench import measure

    load = load_average()
    with _doing(as_json) as report:
        rows, skipped = measure(model, notes, notochord, report)
    show("decode", "One note decided, one thread, contenders in turns", rows, skipped, load, as_json)


@command.command("jitter")
@_model
@click.option("--events", type=int, default=1000, show_default=True, help="Notes per contender, 10..4096.")
@click.option("--grid", "grid_ms", type=float, default=5.0, show_default=True, help="Mean distance of notes in ms.")
@_json
def jitter(model: str, events: int, grid_ms: float, as_json: bool) -> None:
    """How late notes leave while a model decodes flat out: our player beside the ways others wait."""
    from bridge.bench import measure
    from models.music.bench import flat_out_command
    from models.zoo import find

    command = flat_out_command(str(find(model).resolve()))
    load = load_average()
    with _doing(as_json) as report:
        rows, skipped = measure(command, events, grid_ms, report=report)
    show("jitter", f"Lateness of {events} notes, {grid_ms:g} ms apart on average", rows, skipped, load, as_json)


@command.command("synth")
@_json
def synth(as_json: bool) -> None:
    """Time to render 64 voices for 128 frames at 48 kHz, beside other synths where they are installed."""
    from bridge.synth.bench import measure

    load = load_average()
    with _doing(as_json) as report:
        report("64 voices, 128 frames")
        rows, skipped = measure()
    show("synth", "64 voices x 128 frames at 48 kHz", rows, skipped, load, as_json)


@command.command("start")
@_model
@click.option("--runs", type=int, default=5, show_default=True, help="Starts per contender, 1..100.")
@_json
def start(model: str, runs: int, as_json: bool) -> None:
    """Time from the command to its answer, and to the first note of `live`, beside an empty Python."""
    from aigc_music.cli.bench_start import measure

    load = load_average()
    with _doing(as_json) as report:
        rows, skipped = measure(model, runs, report)
    show("start", f"Start-up, median of {runs} warm runs", rows, skipped, load, as_json)


@command.command("batch", epilog=BATCH_EPILOG)
@_model
@click.option("--notes", type=int, default=4000, show_default=True, help="Notes of ours, 500..1000000.")
@click.option("--workers", type=int, default=2, show_default=True, help="Worker processes, 1..64.")
@click.option("--lanes", type=int, help="Lanes in torch.  [default: 64 on cuda, 8 on cpu]")
@click.option("--device", default="cpu", show_default=True, help="Where torch runs: cpu, cuda, cuda:1 ...")
@_json
def batch(model: str, notes: int, workers: int, lanes: int | None, device: str, as_json: bool) -> None:
    """Notes a second when many pieces are written at once: worker processes, and lanes side by side in torch."""
    from aigc_music.cli.bench_batch import measure

    load = load_average()
    with _doing(as_json) as report:
        rows, skipped = measure(model, notes, workers, lanes, device, report)
    show("batch", "Many pieces at once, time of one note", rows, skipped, load, as_json)


@command.command("jobs")
@click.option("--seconds", type=int, default=15, show_default=True, help="Of playing per contender, 4..600.")
@click.option("--jobs", "count", type=click.IntRange(1, 64), help="How many beside it.  [default: one a core]")
@_json
def jobs(seconds: int, count: int | None, as_json: bool) -> None:
    """How late live notes leave while offline jobs run beside them."""
    from aigc_music.cli.bench_jobs import measure

    load = load_average()
    with _doing(as_json) as report:
        rows = measure(seconds, count, report)
    show("jobs", "Lateness of live notes beside offline jobs", rows, {}, load, as_json)


@command.command("video", epilog=VIDEO_EPILOG)
@click.option("--frames", type=int, default=60, show_default=True, help="Of the film, 10..600.")
@click.option(
    "--family", default="roll", show_default=True, help="Visual family; x264 takes longer for fine strokes."
)
@click.option("--moviepy", metavar="PYTHON", help="Python that has MoviePy. Default: AIGC_MUSIC_MOVIEPY.")
@_json
def video(frames: int, family: str, moviepy: str | None, as_json: bool) -> None:
    """CPU time of a frame of a 1080p lyric video, beside x264 alone on the same frames and MoviePy."""
    from aigc_music.cli.bench_video import measure

    load = load_average()
    with _doing(as_json) as report:
        rows, skipped = measure(frames, family, moviepy, report)
    show("video", "A frame of a lyric video, 1920 x 1080, x264 veryfast", rows, skipped, load, as_json)


# -- judging and showing -----------------------------------------------------------------------------------


def load_average() -> float:
    """Processes that wanted a core during the last minute; 0 where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0


def judge(table: str, rows: Rows, load: float, cores: int) -> None:
    """Put `times` (p50 against the table's YARDSTICK) into the rows, and into `bars` what was asked and measured."""
    base = rows.get(YARDSTICK[table], next(iter(rows.values())))
    for row in rows.values():
        row["times"] = round(row["p50"] / base["p50"], 2) if base["p50"] else None
        row["bars"] = []
    for bar in BARS[table]:
        row = rows.get(bar.contender, {})
        if not row or (bar.realtime is not None and row["realtime"] != bar.realtime):
            continue
        if bar.workers is not None and row["workers"] != bar.workers:
            continue
        if bar.figure == "times":
            if bar.against not in rows:
                continue
            peer = rows[bar.against]
            figures = ("cpu",) if bar.only_cpu else ("p50", "cpu")
            measured = round(min(peer[figure] / max(row[figure], 1e-9) for figure in figures), 1)
            asked = f">= {bar.limit:g} x faster than {bar.against}"
        else:
            measured = row[bar.figure]
            asked = f"{bar.figure} {'>=' if bar.least else '<='} {bar.limit:g}{bar.unit}"
        reached = measured >= bar.limit if bar.least else measured <= bar.limit
        # jitter's own decoder takes a core, batch has two workers
        busy = load > cores - (1.5 if table in ("jitter", "batch") else 0.5)
        remark = f"no core was idle: load {load:g} on {cores}" if busy and not reached else ""
        row["bars"].append({"bar": asked, "measured": measured, "reached": reached, "remark": remark})


def show(table: str, title: str, rows: Rows, skipped: dict[str, str], load: float, as_json: bool) -> None:
    """Judge the rows, then print them as a table or as JSON."""
    cores = os.cpu_count() or 1
    judge(table, rows, load, cores)
    if as_json:
        click.echo(json.dumps({**rows, "load": load, "cores": cores, "unit": "ms", "skipped": skipped}))
        return
    from rich.console import Console
    from rich.table import Table

    loads = f"load {load:g} before, {load_average():g} after, on {cores} cores"
    grid = Table(title=f"{title}; {loads}", title_justify="left")
    grid.add_column("", no_wrap=True)
    columns = {"p50": "p50 ms", "p99": "p99 ms", "max": "max ms", "min": "min ms", "cpu": "CPU ms", "times": ""}
    columns["times"] = "times ours" if YARDSTICK[table] == "aigc-music" else f"times {YARDSTICK[table].split()[0]}"
    columns["notes_per_s"] = "notes/s"
    for optional in ("max", "notes_per_s"):
        if not any(optional in row for row in rows.values()):
            del columns[optional]
    for head in columns.values():
        grid.add_column(head, justify="right", no_wrap=True)
    grid.add_column("bar")
    for name, row in rows.items():
        figures = [_number(row.get(figure)) for figure in columns]
        grid.add_row(name, *figures, "\n".join(map(_verdict, row["bars"])))
    Console(width=max(Console().width, 118)).print(grid)
    for name, row in rows.items():
        extra = f", {row['decoded_per_s']:,.0f} decoded a second beside it" if row.get("decoded_per_s") else ""
        if row.get("detail"):
            click.echo(f"  {name}: {row['detail']}{extra}")
    for name, why in skipped.items():
        click.secho(f"  {name}: not measured, {why}", fg="yellow")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}"


def _verdict(bar: dict[str, Any]) -> str:
    if bar["reached"]:
        return f"[green]{bar['bar']}: reached[/] ({_number(bar['measured'])})"
    remark = f"; {bar['remark']}" if bar["remark"] else ""
    return f"[yellow]{bar['bar']}: not reached: {_number(bar['measured'])}[/]{remark}"


@contextmanager
def _doing(quiet: bool) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is being measured; nothing where nobody watches."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda text: None
        return
    with console.status("measuring") as status:
        yield lambda text: status.update(f"measuring: {text}")
