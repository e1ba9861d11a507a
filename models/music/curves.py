"""The page of adherence curves: one small panel a knob, asked along, got upward, plain SVG.

A line is the mean of one way of telling, its band the 10th to 90th percentile of the pieces. Grey dashes are what was
asked (levels) or what luck gives (shares). Where the values asked have no order (keys, styles, chords) dots stand in
place of a line, with their mean across.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .drawing import INK, RULE, SERIES, SOFT, marks, page, text

__all__ = ["curves"]

LEFT, TOP = 24, 84
ACROSS, CELL = 4, 288  # panels a row; from one to the next
WIDE, HIGH = 222, 120  # a plot
INSET = 34  # room for the scale left of a plot
LINE = 15  # a line of the key below
CHARACTER = 5.2  # px, of the small type

Table = Mapping[str, Any]


def curves(knobs: Mapping[str, Table], title: str, remark: str) -> str:
    """The page as SVG text. knobs: name -> what `steering.measure` says; title, remark: two lines at the top."""
    items = [text(LEFT, 36, title, 20, INK, weight=600), text(LEFT, 58, remark, 12, SOFT)]
    names, y = list(knobs), float(TOP)
    for start in range(0, len(names), ACROSS):
        row = [knobs[name] for name in names[start : start + ACROSS]]
        for index, table in enumerate(row):
            items += _panel(table, LEFT + index * CELL, y)
        y += max(_height(table) for table in row)
    return page(LEFT + ACROSS * CELL, y + 8, items)


def _turned(table: Table) -> bool:
    """Whether the names of the values need to stand on end."""
    labels = table["labels"]
    return bool((max(map(len, labels)) + 0.5) * CHARACTER > WIDE / len(labels))


def _height(table: Table) -> float:
    names = max(map(len, table["labels"])) * CHARACTER * 0.8 + 10 if _turned(table) else 12
    return 52 + HIGH + names + LINE * len(table["ways"]) + 30


def _panel(table: Table, x: float, y: float) -> list[str]:
    labels, ways = table["labels"], table["ways"]
    low, high = _scale(table)
    left, top, step = x + INSET, y + 42, WIDE / len(labels)

    def across(index: float) -> float:
        return left + (index + 0.5) * step

    def up(value: float) -> float:
        return top + HIGH * (1 - (min(max(value, low), high) - low) / (high - low))

    items = [text(x, y + 12, table["title"], 13, INK, weight=600), text(x, y + 28, table["found"], 10.5, SOFT)]
    for mark, words in _rules(table, low, high):
        items.append(f'<path d="M{left:g} {up(mark):.1f}h{WIDE}" stroke="{RULE}" stroke-width=".6"/>')
        items.append(text(left - 6, up(mark) + 3.5, words, 9.5, SOFT, "end"))
    items += _names(labels, across, top + HIGH + 13, _turned(table))
    for dashes in _reference(table):
        line = " ".join(f"{across(index):.1f},{up(value):.1f}" for index, value in enumerate(dashes))
        items.append(f'<polyline points="{line}" fill="none" stroke="{SOFT}" stroke-dasharray="3 3"/>')
    for number, way in enumerate(ways.values()):
        rows = [(index, point) for index, point in enumerate(way["points"]) if point["mean"] is not None]
        shift = 0.0 if table["ordered"] else (number - (len(ways) - 1) / 2) * min(6.0, step / (len(ways) + 1))
        items += _curve(rows, SERIES[number % len(SERIES)], across, up, shift, table["ordered"])
    below = y + _height(table) - LINE * len(ways) - 22
    for number, (name, way) in enumerate(ways.items()):
        at = below + LINE * number
        items.append(
            f'<path d="M{left:g} {at - 3.5:g}h14" stroke="{SERIES[number % len(SERIES)]}" stroke-width="2.4"/>'
        )
        items.append(text(left + 20, at, name, 10.5, INK))
        items.append(text(left + WIDE, at, _figures(way), 10.5, SOFT, "end"))
    return items


def _scale(table: Table) -> tuple[float, float]:
    """Lowest and highest value of the plot."""
    if table["scale"] == "level":
        return 0.0, 7.0
    if table["scale"] == "share":
        return 0.0, 1.0
    points = [point for way in table["ways"].values() for point in way["points"] if point["mean"] is not None]
    return marks(
        min((point["p10"] for point in points), default=0.0), max((point["p90"] for point in points), default=1.0)
    )


def _rules(table: Table, low: float, high: float) -> list[tuple[float, str]]:
    """Values with a rule across, and their names; levels have those of the values asked."""
    if table["scale"] == "level":
        return [(float(level), name) for level, name in enumerate(table["labels"]) if level in (0, 3, 5, 7)]
    if table["scale"] == "share":
        return [(value / 100, f"{value} %") for value in (0, 50, 100)]
    return [(low, f"{low:g}"), (high, f"{high:g}")]


def _names(labels: Sequence[str], across: Any, y: float, turned: bool) -> list[str]:
    if turned:
        places = [(across(i) + 3, y - 3, name) for i, name in enumerate(labels)]
        return [
            f'<g transform="rotate(-50 {x:.1f} {y:.1f})">{text(x, y, name, 9.5, SOFT, "end")}</g>'
            for x, y, name in places
        ]
    return [text(across(i), y, name, 9.5, SOFT, "middle") for i, name in enumerate(labels)]


def _reference(table: Table) -> list[Sequence[float]]:
    """What was asked, and what luck gives, at each value."""
    return [table[name] for name in ("wanted", "luck") if name in table]


def _curve(
    rows: Sequence[tuple[int, Table]], colour: str, across: Any, up: Any, shift: float, ordered: bool
) -> list[str]:
    """A line in its band, or for values without an order dots on their bars."""
    if ordered:
        band = [f"{across(i):.1f},{up(point['p90']):.1f}" for i, point in rows]
        band += [f"{across(i):.1f},{up(point['p10']):.1f}" for i, point in reversed(rows)]
        line = " ".join(f"{across(i):.1f},{up(point['mean']):.1f}" for i, point in rows)
        return [
            f'<polygon points="{" ".join(band)}" fill="{colour}" opacity=".14"/>',
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.8"/>',
        ]
    spread = [(i, p) for i, p in rows if p["p10"] is not None]
    bars = "".join(f"M{across(i) + shift:.1f} {up(p['p10']):.1f}V{up(p['p90']):.1f}" for i, p in spread)
    dots = "".join(f"M{across(i) + shift:.1f} {up(p['mean']):.1f}h0" for i, p in rows)
    return [
        f'<path d="{bars}" stroke="{colour}" stroke-width="1.6" opacity=".25"/>',
        f'<path d="{dots}" stroke="{colour}" stroke-width="4.6" stroke-linecap="round"/>',
    ]


def _figures(way: Table) -> str:
    """The figures of a way in a few words."""
    words = []
    if "spearman" in way:
        words.append(f"rank {way['spearman']:.2f}")
    if "within_one" in way:
        words.append(f"{way['within_one']:.0%} within 1")
    if "spearman" not in way and way.get("mean") is not None:
        words.append(f"{way['mean']:.0%}")
    return ", ".join(words)
