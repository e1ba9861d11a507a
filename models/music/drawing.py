"""What our pages of figures have in common: colours, type, round scales, the frame of an SVG page.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from xml.sax.saxutils import escape

__all__ = ["INK", "PAPER", "REAL", "RULE", "SERIES", "SOFT", "marks", "page", "text"]

PAPER, INK, SOFT, RULE, REAL = "#ffffff", "#1f2328", "#656d76", "#d8dee4", "#c3cad1"
SERIES = ("#0969da", "#d1570a", "#2da44e", "#8250df")  # told apart by most eyes, and in grey print by their darkness
FONT = "font-family=\"Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif\""


def text(x: float, y: float, words: str, size: float, colour: str, anchor: str = "start", weight: int = 400) -> str:
    """A line of words; y is its base line."""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(words)}</text>'
    )


def marks(low: float, high: float) -> tuple[float, float]:
    """Round ends of a scale that holds low..high."""
    step = 10 ** floor(log10(max(high - low, 0.02))) / 2
    first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    return first * step, max(last, first + 1) * step


def page(width: float, height: float, items: Sequence[str]) -> str:
    """The whole page as SVG text; lengths in px."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" {FONT}>'
    return "\n".join([head, f'<rect width="100%" height="100%" fill="{PAPER}"/>', *items, "</svg>", ""])
