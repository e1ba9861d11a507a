"""What the terminal shows while playing: where we are, what sounds, what comes, how late it is.

The roll shows the last bars and the plan: time runs to the right, the bright line is now. `picture` draws the
same view into an SVG file, which is how the picture in the README is made.
"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aigc_music.core.parts import HUMAN_CHANNEL, PARTS, part_of_channel
from aigc_music.core.theory import note_name
from aigc_music.core.time import TICKS_PER_QUARTER

from .keyboard import Keyboard

__all__ = ["Screen", "picture", "view"]

COLOURS = {
    "melody": "#ffd166",
    "counter": "#c792ea",
    "inner": "#82aaff",
    "bass": "#ef6f6c",
    "keys": "#7bdff2",
    "drums": "#8d99ae",
}
_YOU = "#a8e05f"
_ROWS = 14
_MARGIN = 14  # frame, label and air beside the roll
_WIDTHS = (64, 118)  # narrowest and widest view, in characters
_PICTURE_WIDTH = 96
_TICKS_PER_COLUMN = TICKS_PER_QUARTER // 6
_NOW = 0.7  # where the line of now stands, as a share of the roll
_KEYS = (
    "space panic", "m mute", "y keep", "n discard", "-/+ tempo", "d/D density", "t/T daring", "k key", "s style",
    "r role",
)  # fmt: skip
"""What is shown of the keys as far as the width allows, the most needed first."""


class Screen:
    """A face in the terminal. Refreshed at most 12 times a second; never waited for by the player."""

    def __init__(self, seed: int, model: str) -> None:
        self.seed, self.model = seed, model
        self.keys: Keyboard | None = Keyboard()
        self.console = Console()
        self.sentences: list[str] = []
        self._shown = 0.0
        self._live = Live(Text("starting ..."), console=self.console, auto_refresh=False, transient=False)
        self._live.start()

    def tell(self, text: str) -> None:
        """A sentence for the musician: stands under the roll until newer ones push it out."""
        self.sentences.append(text)
        if not self._live.is_started:
            self.console.print(text)

    def show(self, performance: Any) -> None:
        """Draw the latest snapshot."""
        now = time.monotonic()
        if performance.snapshot and now - self._shown > 0.08:
            self._shown = now
            self._live.update(self._view(performance), refresh=True)

    def _view(self, performance: Any) -> Panel:
        width = min(_WIDTHS[1], max(_WIDTHS[0], self.console.width))
        return view(performance.snapshot, performance.hello, self.sentences, self.seed, self.model, width)

    def close(self) -> None:
        """Give the terminal back; the last view stays on it."""
        self._live.stop()
        if self.keys is not None:
            self.keys.close()
            self.keys = None

    def report(self, report: dict[str, Any]) -> None:
        """The closing figures in one line."""
        late = report["lateness_ms"]
        self.console.print(
            f"{report['notes_sent']} notes sent, {report['notes_received']} heard; {report['late']} late, "
            f"{report['dropped']} dropped, {report['hanging']} hanging; lateness p99 {late['p99']:.3f} ms, "
            f"decision p50 {report['decode_ms']['p50']:.2f} ms"
        )


def view(
    snapshot: dict[str, Any], hello: dict[str, Any], sentences: list[str], seed: int, model: str, width: int
) -> Panel:
    """The whole screen for one snapshot, `width` characters wide."""
    return Panel(
        Group(_head(snapshot), _roll(snapshot, width - _MARGIN), _knobs(snapshot), _foot(snapshot, hello, sentences)),
        title=f"[bold]aigc-music[/] · model {model} · seed {seed}",
        subtitle=_keys(width - 6),
        border_style="#5c6773",
        width=width,
    )


def _keys(width: int) -> str:
    lines = [" · ".join((*_KEYS[:count], "q quit")) for count in range(len(_KEYS), -1, -1)]
    return next((line for line in lines if len(line) <= width), lines[-1])


def _head(snapshot: dict[str, Any]) -> Table:
    table = Table.grid(expand=True)
    for _ in range(4):
        table.add_column(ratio=1)
    beats = int(snapshot["metre"].split("/")[0])
    lights = "".join("●" if index == snapshot["beat"] else "○" for index in range(beats))
    state = (
        f"bar {snapshot['bar'] + 1}  [bold #ffd166]{lights}[/]"
        if snapshot["running"]
        else "[bold #ef6f6c]standing[/]"
    )
    table.add_row(
        f"[bold]{snapshot['bpm']:.1f}[/] bpm",
        state,
        f"chord [bold #7bdff2]{snapshot['chord']}[/]",
        f"model {snapshot['model']}" if snapshot["model"] != "fallback" else "[bold #ef6f6c]model restarting[/]",
    )
    return table


def _roll(snapshot: dict[str, Any], columns: int) -> Text:
    """Piano roll, one character a sixth of a beat; drums in the lowest row."""
    now = snapshot["tick"]
    now_column = round(columns * _NOW)
    first = now - now_column * _TICKS_PER_COLUMN
    notes = [(*note, False) for note in snapshot["notes"]] + [(*note, True) for note in snapshot["plan"]]
    pitches = [note[1] for note in notes if note[4] != 9] or [60]
    low, high = min(pitches), max(pitches)
    span = max(_ROWS - 2, high - low)
    cells = [[(" ", "") for _ in range(columns)] for _ in range(_ROWS)]
    for line in cells:
        line[now_column] = ("│", "#5c6773")
    for tick, pitch, velocity, duration, channel, planned in notes:
        part = part_of_channel(channel)
        colour = _YOU if channel == HUMAN_CHANNEL or part is None else COLOURS[PARTS[part].name]
        row = _ROWS - 1 if channel == 9 else (high - pitch) * (_ROWS - 2) // span
        begin = (tick - first) // _TICKS_PER_COLUMN
        end = begin + 1 if channel == 9 else max(begin + 1, (tick + duration - first) // _TICKS_PER_COLUMN)
        mark = "·" if channel == 9 and velocity < 60 else "▪" if channel == 9 else "░" if planned else "█"
        for column in range(max(0, begin), min(columns, end)):
            cells[row][column] = (mark, colour)
    text = Text()
    for index, line in enumerate(cells):
        label = "drums" if index == _ROWS - 1 else note_name(high - index * span // (_ROWS - 2))
        text.append(f"{label:>6} ", "#5c6773")
        for mark, colour in line:
            text.append(mark, colour)
        text.append("\n")
    return text


def _knobs(snapshot: dict[str, Any]) -> Table:
    table = Table.grid(expand=True)
    values = snapshot["controls"]
    names = ("role", "style", "key", "density", "temperature")
    for _ in names:
        table.add_column(ratio=1)
    cells = []
    for name in names:
        shown = "daring" if name == "temperature" else name
        learning = "[reverse]" if snapshot.get("learning") == name else ""
        value = f"{values[name]:.2f}" if isinstance(values[name], float) else values[name]
        cells.append(f"{learning}[#8d99ae]{shown}[/] [bold]{value}[/]")
    table.add_row(*cells)
    return table


def _foot(snapshot: dict[str, Any], hello: dict[str, Any], sentences: list[str]) -> Text:
    late = snapshot["lateness_ms"]
    text = Text()
    if snapshot["controls"]["mute"]:
        text.append("MUTED  ", "bold #ef6f6c")
    counts = " · ".join(
        f"{label} {snapshot[name]}"
        for label, name in (("out", "sent"), ("in", "received"), ("late", "late"), ("dropped", "dropped"))
    )
    lateness = f"lateness p50 {late['p50']:.3f} p99 {late['p99']:.3f} ms"
    text.append(f"{counts} · {lateness} · {hello.get('api', '?')}\n", "#8d99ae")
    for part in PARTS:
        text.append("■ ", COLOURS[part.name])
        text.append(f"{part.name} {part.channel + 1}  ", "#8d99ae")
    text.append("■ ", _YOU)
    text.append(f"you {HUMAN_CHANNEL + 1}  ← channels", "#8d99ae")
    for sentence in sentences[-4:]:
        text.append(f"\n{sentence}", "italic")
    return text


def picture(
    path: str, snapshot: dict[str, Any], hello: dict[str, Any], sentences: list[str], seed: int, model: str
) -> None:
    """Draw the view of a snapshot into the SVG file `path`."""
    console = Console(
        record=True, width=_PICTURE_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(view(snapshot, hello, sentences, seed, model, _PICTURE_WIDTH))
    svg = console.export_svg(title="aigc-music live")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S)  # its fonts would be fetched from the net
    Path(path).write_text(svg.replace("Fira Code", "ui-monospace"), encoding="utf-8")
