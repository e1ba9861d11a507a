"""The song at a glance, drawn from its notes: sections, energy bar by bar, and every note as a small line.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from aigc_music.core.parts import PART_NAMES
from aigc_music.generators.timeline import Timeline

from .markup import el

__all__ = ["form_drawing"]

_WIDE, _TALL = 1000.0, 200.0  # of the drawing, in its own units; the page stretches it
_NOTES = (14.0, 164.0)  # from the highest pitch to the lowest
_DRUMS = (176.0, 192.0)
_KINDS = {"melody": "lead", "bass": "low", "drums": "beat"}  # every other part is "other"
_ORDER = ("other", "beat", "low", "lead")  # the last one lies on top


def form_drawing(timeline: Timeline) -> Element:
    """A figure: the names of the sections over a drawing of their energy and notes."""
    heard = ", ".join(section.name for section in timeline.sections)
    return el(
        "figure", {"class": "form", "id": "form"},
        el("div", {"class": "names", "aria-hidden": "true"}, _names(timeline)),
        el("div", {"class": "roll"},
           el("svg", {"viewBox": f"0 0 {_WIDE:g} {_TALL:g}", "preserveAspectRatio": "none", "role": "img",
                      "aria-label": f"The form: {heard}. {len(timeline.notes)} notes."},
              _stripes(timeline), _energy(timeline), _notes(timeline)),
           el("div", {"class": "head", "id": "head", "data-seconds": f"{timeline.seconds:.3f}", "hidden": ""})),
        el("figcaption", None,
           f"{len(timeline.notes):,} notes in {len(timeline.bars)} bars. ",
           [el("span", {"class": f"key {kind}"}, name) for kind, name in
            (("lead", "melody"), ("low", "bass"), ("other", "chords and other parts"), ("beat", "drums"))
            if kind in _kinds(timeline)],
           el("span", {"class": "key level"}, "energy")),
    )  # fmt: skip


def _names(timeline: Timeline) -> list[Element]:
    return [
        el("span", {"style": f"flex:{row.end - row.begin:.2f}", "data-b": f"{row.begin:.3f}"}, row.name)
        for row in timeline.sections
    ]


def _kind(part: float) -> str:
    return _KINDS.get(PART_NAMES[int(part)], "other")


def _kinds(timeline: Timeline) -> set[str]:
    return {_kind(part) for part in timeline.notes[:, 4]}


def _x(timeline: Timeline, seconds: float) -> float:
    return _WIDE * seconds / timeline.seconds


def _stripes(timeline: Timeline) -> list[Element]:
    """Every other section, lightly shaded."""
    return [
        el("rect", {"class": "stripe", "x": f"{_x(timeline, row.begin):.1f}", "y": "0", "height": f"{_TALL:g}",
                    "width": f"{_x(timeline, row.end - row.begin):.1f}"})
        for row in timeline.sections[::2]
    ]  # fmt: skip


def _energy(timeline: Timeline) -> Element:
    """Steps, a bar each, from the lower edge up."""
    edges = [*timeline.bars, timeline.seconds]
    steps = [f"M0 {_TALL:g}"]
    for begin, end, energy in zip(edges, edges[1:], timeline.energy, strict=False):
        high = _TALL * (1 - 0.9 * float(energy))
        steps.append(f"L{_x(timeline, begin):.1f} {high:.1f}H{_x(timeline, end):.1f}")
    return el("path", {"class": "level", "d": "".join(steps) + f"V{_TALL:g}Z"})


def _notes(timeline: Timeline) -> list[Element]:
    """One path for each kind of part: a horizontal line a note."""
    pitched = [row[2] for row in timeline.notes if _kind(row[4]) != "beat"]
    low, high = (min(pitched), max(pitched)) if pitched else (60.0, 60.0)
    lines: dict[str, list[str]] = {kind: [] for kind in _ORDER}
    for begin, end, pitch, _, part in timeline.notes.tolist():
        kind = _kind(part)
        if kind == "beat":
            y = _DRUMS[0] + (_DRUMS[1] - _DRUMS[0]) * (pitch % 5) / 4  # drums have no height: five rows will do
            long = 0.03
        else:
            y = _NOTES[0] + (_NOTES[1] - _NOTES[0]) * (high - pitch) / max(12.0, high - low)
            long = max(0.03, end - begin)
        lines[kind].append(f"M{_x(timeline, begin):.1f} {y:.1f}h{_x(timeline, long):.1f}")
    return [el("path", {"class": f"notes {kind}", "d": "".join(lines[kind])}) for kind in _ORDER if lines[kind]]
