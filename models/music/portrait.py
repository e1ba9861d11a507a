"""A page that shows our music beside real music: one row a figure, one column a style, as plain SVG.

In every cell a grey bar spans the real 5th to 95th percentile with a notch at the mean; beside it stand the
generated pieces, a dot each, and their mean. Blue lies inside the real spread, orange outside. Below, for each
style, how alike two bars are that lie 1..16 bars apart.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .drawing import INK, REAL, RULE, SERIES, SOFT, marks, page, text
from .figures import FIGURES

__all__ = ["portrait"]

INSIDE, OUTSIDE = SERIES[:2]

LEFT, RIGHT, TOP = 232, 24, 136  # margins in px
COLUMN, ROW, GAP = 62, 62, 18  # a cell; GAP between pitched styles and drums
PANEL, PANEL_HIGH = 172, 92  # the lag panels: from one to the next, height
DOTS = 60  # at most so many dots a cell
LAG_REMARK = (
    "Overlap of onsets and pitch classes, 0 to 1. Grey, black: real, p5 to p95 and mean. Blue: generated, mean."
)


def portrait(scenes: Mapping[str, Mapping[str, Any]], title: str, remark: str) -> str:
    """The page as SVG text. scenes: name -> what `spreads.compare` says; title, remark: two lines at the top."""
    names = list(scenes)
    shown = [figure for figure in FIGURES if any(figure.name in scenes[name]["figures"] for name in names)]
    gap = GAP if any(map(_is_drums, names)) and not all(map(_is_drums, names)) else 0
    columns = {name: LEFT + COLUMN * index + gap * _is_drums(name) for index, name in enumerate(names)}
    width = max(LEFT + COLUMN * len(names) + gap + RIGHT, LEFT + 3 * PANEL)
    items = [text(24, 36, title, 20, INK, weight=600), text(24, 58, remark, 12, SOFT), *_legend(24, 80)]
    items += [text(x + COLUMN / 2, TOP, _short(name), 11, INK, "middle", 600) for name, x in columns.items()]
    for words, of in (("melodies and bands by style", False), ("drums by style", True)):
        first = next((x for name, x in columns.items() if _is_drums(name) is of), None)
        if first is not None:
            items.append(text(first + 12, TOP - 20, words, 11, SOFT))
    y = TOP + 12
    for figure in shown:
        items += _row(figure.title, figure.name, scenes, columns, y, width - RIGHT)
        y += ROW
    items.append(text(24, y + 38, "How alike are two bars that lie so many bars apart?", 14, INK, weight=600))
    items.append(text(24, y + 56, LAG_REMARK, 12, SOFT))
    y += 74
    across = max(1, int((width - 24 - RIGHT) // PANEL))
    for index, name in enumerate(names):
        items += _lag_panel(name, scenes[name]["lags"], 24 + index % across * PANEL, y + index // across * 132)
    height = y + -(-len(names) // across) * 132 + 12
    return page(width, height, items)


def _is_drums(name: str) -> bool:
    return name.endswith("_drums")


def _short(name: str) -> str:
    return name.removesuffix("_drums").replace("_", " ")


def _legend(x: float, y: float) -> list[str]:
    entries: list[str] = []
    for words, colour, wide in (
        ("real, p5 to p95 and mean", REAL, 8), ("generated, inside the real spread", INSIDE, 5),
        ("generated, outside", OUTSIDE, 5),
    ):  # fmt: skip
        entries.append(f'<rect x="{x:g}" y="{y - 9:g}" width="{wide}" height="11" rx="1.5" fill="{colour}"/>')
        entries.append(text(x + 14, y, words, 11.5, SOFT))
        x += 40 + 6.2 * len(words)
    return entries


def _row(
    title: str, name: str, scenes: Mapping[str, Mapping[str, Any]], columns: Mapping[str, float], y: float, end: float
) -> list[str]:
    """One figure: its scale at the left, a cell a style."""
    cells = {scene: table["figures"][name] for scene, table in scenes.items() if name in table["figures"]}
    edges = [cell[side][key] for cell in cells.values() for side in ("real", "generated") for key in ("p5", "p95")]
    low, high = marks(min(edges), max(edges))
    top, bottom = y + 8, y + ROW - 8

    def at(value: float) -> float:
        return bottom - (min(max(value, low), high) - low) / (high - low) * (bottom - top)

    out = [text(24, (top + bottom) / 2 + 4, title, 12, INK)]
    for mark in (low, high):
        out.append(f'<path d="M{LEFT - 4} {at(mark):.1f}H{end:g}" stroke="{RULE}" stroke-width=".6"/>')
        out.append(text(LEFT - 9, at(mark) + 3.5, f"{mark:g}", 9.5, SOFT, "end"))
    for scene, cell in cells.items():
        x = columns[scene] + COLUMN / 2
        real, ours = cell["real"], cell["generated"]
        colour = INSIDE if cell["verdict"] == "inside" else OUTSIDE
        out.append(_bar(x - 13, at(real["p95"]), at(real["p5"])))
        out.append(f'<path d="M{x - 14:.1f} {at(real["mean"]):.1f}h10" stroke="{INK}" stroke-width="1.6"/>')
        values = sorted(cell["values"])
        few = values[:: max(1, -(-len(values) // DOTS))]
        # golden steps to the side: even, and the same every time
        dots = "".join(f"M{x + 9 + (i * 0.618034 % 1 - 0.5) * 13:.1f} {at(v):.1f}h0" for i, v in enumerate(few))
        out.append(f'<path d="{dots}" stroke="{colour}" stroke-width="2.6" stroke-linecap="round" opacity=".4"/>')
        out.append(f'<path d="M{x + 1:.1f} {at(ours["mean"]):.1f}h16" stroke="{colour}" stroke-width="2"/>')
    return out


def _bar(x: float, top: float, bottom: float) -> str:
    high = max(2.0, bottom - top)
    y = (top + bottom - high) / 2
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="8" height="{high:.1f}" rx="1.5" fill="{REAL}"/>'


def _lag_panel(name: str, lags: Mapping[str, Sequence[Mapping[str, float]]], x: float, y: float) -> list[str]:
    """Similarity over the distance in bars: real band and mean, generated mean."""
    wide, high = PANEL - 40, PANEL_HIGH
    real, ours = lags["real"], lags["generated"]
    reach = max(1, len(real))
    top = max([row["p95"] for row in real] + [row["mean"] for row in ours] + [0.2])
    _, top = marks(0, top)

    def point(index: int, value: float) -> str:
        return f"{x + 22 + (index + 0.5) * wide / reach:.1f},{y + 14 + high * (1 - min(value, top) / top):.1f}"

    label = _short(name) + (" drums" if _is_drums(name) else "")
    out = [text(x + 22, y + 8, label, 11.5, INK, weight=600)]
    for mark in (0.0, top):
        level = y + 14 + high * (1 - mark / top)
        out.append(f'<path d="M{x + 22:g} {level:.1f}h{wide}" stroke="{RULE}" stroke-width=".6"/>')
        out.append(text(x + 18, level + 3.5, f"{mark:g}", 9.5, SOFT, "end"))
    band = [point(i, row["p95"]) for i, row in enumerate(real)]
    band += reversed([point(i, row["p5"]) for i, row in enumerate(real)])
    out.append(f'<polygon points="{" ".join(band)}" fill="{REAL}" opacity=".45"/>')
    for rows, colour in ((real, INK), (ours, INSIDE)):
        line = " ".join(point(i, row["mean"]) for i, row in enumerate(rows))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
    for lag in (1, 4, 8, 12, 16) if reach > 8 else range(1, reach + 1):
        if lag <= reach:
            out.append(text(x + 22 + (lag - 0.5) * wide / reach, y + high + 26, str(lag), 9.5, SOFT, "middle"))
    return out
