"""Form: which sections a song has, how long they are, which come back, and where the energy rises.

A returning section points back to its first statement, and the model, which was trained on how alike the bars of real
songs are, plays it again: literally the second time, varied the third. Inside a first statement a phrase answers the
one before. The drums point one bar back, and the last bar of a phrase is told to be unlike it: that is a fill.

Tables first: a new form is a row of FORMS; any pattern of letters, such as "ABAC", is a form without a row.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from aigc_music.core.errors import UsageError
from aigc_music.core.time import Metre

from .chart import Pointer

__all__ = [
    "FORMS", "USUAL", "Section", "check_form", "groove_of", "likeness_of", "pointers_of", "sections_of",
    "usual_form",
]  # fmt: skip


class Kind(NamedTuple):
    """What a section adds to the piece's energy, and the parts that are silent in it."""

    energy: float
    silent: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    "intro": Kind(-0.25, ("melody",)),
    "verse": Kind(-0.1),
    "chorus": Kind(0.2),
    "bridge": Kind(0.05),
    "A": Kind(0.0),
    "B": Kind(0.15),
    "C": Kind(0.1),
    "blues": Kind(0.0),
    "ending": Kind(-0.1),
    "free": Kind(0.0),
}
"""Sections by name; letters without a row are like A."""

FORMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "free": (("free",),),
    "AABA": (("A", "A", "B", "A"),),
    "verse-chorus": (
        ("verse", "chorus", "verse", "chorus", "bridge", "chorus"),
        ("verse", "chorus", "verse", "chorus"),
    ),
    "blues": (("blues",),),
}
"""Forms by name: the longest shape that fits is taken."""

USUAL: dict[str, str] = {
    "jazz": "AABA", "folk": "AABB", "carol": "AABA", "chorale": "AAB", "hymn": "AABA", "ragtime": "AABA",
    "art_song": "ABA", "classical": "ABA", "romantic": "ABA", "baroque": "AABB", "quartet": "ABA",
}  # fmt: skip
"""The form that a style takes where nobody says; the others take verse and chorus."""

RETURNS = (0.95, 0.75, 0.95, 0.75)
"""How much the second, third ... statement of a section is like the first; then again from the start."""

ANSWERS: dict[int, tuple[tuple[int, int, int, float], ...]] = {
    4: ((2, 3, 2, 0.55),),
    8: ((4, 6, 4, 0.75),),
    12: ((4, 6, 4, 0.6),),
    16: ((4, 6, 4, 0.55), (8, 12, 8, 0.9)),
}
"""Phrases inside a first statement, by its bars: (from bar, to bar, bars back, likeness)."""

LITERAL: dict[str, float] = {"folk": 1.0, "carol": 1.0, "ragtime": 0.9, "pop": 0.8, "jazz": 0.6}
"""How literally a style repeats itself, as a factor on the likeness above; the others stand in the middle. Measured:
the bars of real folk tunes come back as they were (likeness .74), those of jazz tunes and art songs do not (.36)."""
_MIDDLE = 0.6

SECTION = 8  # bars a section has at most
SHORT = 16  # pieces shorter than this are free where nobody asks for a form
BLUES = 12
FAR = 64  # bars beyond which the model was never taught to look back
FILL_EVERY = 8  # bars, and at the end of every section
STEADY: dict[str, float] = {"hiphop": 0.95, "jazz": 0.5}  # likeness of a bar of drums to the one before; others .7
_STEADY, UNLIKE = 0.7, 0.3  # ... in the groove, in a fill


class Section(NamedTuple):
    """A section of a piece. first: its first bar; back: bars back to where it was heard first, 0 = new."""

    name: str
    first: int
    bars: int
    back: int
    likeness: float

    @property
    def kind(self) -> Kind:
        """Its row of KINDS."""
        return KINDS.get(self.name, KINDS["A"])


def check_form(form: str, bars: int) -> str:
    """The form's name as in FORMS, or its letters. UsageError for another word, or too few bars."""
    plain = form.strip().casefold().replace("_", "-").replace(" ", "-")
    name = next((name for name in FORMS if name.casefold() == plain), None)
    if name is None:
        if not re.fullmatch(r"[A-Ha-h]{2,8}", form.strip()):
            raise UsageError(
                f"unknown form {form!r}: choose one of {', '.join(FORMS)}, or 2..8 letters A..H such as AABB"
            )
        name = form.strip().upper()
    least = BLUES if name == "blues" else min(len(shape) for shape in FORMS.get(name, (tuple(name),)))
    if bars < least:
        raise UsageError(f"form {name} needs {least} bars or more: it cannot fit into {bars}")
    return name


def usual_form(style: str, bars: int) -> str:
    """The form that a piece of this style and length takes where nobody asks for one."""
    return USUAL.get(style, "verse-chorus") if bars >= SHORT else "free"


def sections_of(form: str, bars: int) -> list[Section]:
    """The sections of `bars` bars in this form (a name of FORMS or letters): as many whole ones as fit.

    What is left over becomes an intro of up to four bars, then an ending.
    """
    if form == "free":
        return [Section("free", 0, bars, 0, 0.0)]
    if form == "blues":
        names, length = ["blues"] * (bars // BLUES), BLUES
    else:
        shapes = FORMS.get(form, (tuple(form),))
        length, shape = next(
            (length, shape)
            for length in (SECTION, SECTION // 2, SECTION // 4, 1)
            for shape in shapes
            if length * len(shape) <= bars
        )
        names = list(shape) * (bars // (length * len(shape)))
        more = (bars - len(names) * length) // length
        names += shape[len(shape) - more :]
    left = bars - len(names) * length
    intro = min(4, left // 2 * 2)
    rows = [("intro", intro)] * (intro > 0) + [(name, length) for name in names]
    rows += [("ending", left - intro)] * (left > intro)
    return _placed(rows)


def _placed(rows: list[tuple[str, int]]) -> list[Section]:
    """Sections one after the other, each pointing to where it was heard first."""
    sections: list[Section] = []
    heard: dict[str, list[int]] = {}
    bar = 0
    for name, bars in rows:
        before = heard.setdefault(name, [])
        first = next((other for other in before if bar - other <= FAR), None)
        back = bar - first if first is not None and name not in ("intro", "ending") else 0
        likeness = RETURNS[(len(before) - 1) % len(RETURNS)] if back else 0.0
        sections.append(Section(name, bar, bars, back, likeness))
        before.append(bar)
        bar += bars
    return sections


def likeness_of(style: str | None) -> float:
    """Factor on how much what returns is like it was, see LITERAL."""
    return LITERAL.get(style or "", _MIDDLE)


def pointers_of(sections: list[Section], metre: Metre, literal: float = 1.0) -> list[Pointer]:
    """The pitched parts' pointers; literal: factor on the likeness of what returns."""
    bar = metre.bar_ticks
    rows: list[Pointer] = []
    for section in sections:
        rows.append(Pointer(section.first * bar, section.back, literal * section.likeness))
        if section.back == 0 and section.name not in ("free", "intro", "ending"):
            for begin, end, back, likeness in ANSWERS.get(section.bars, ()):
                rows.append(Pointer((section.first + begin) * bar, back, literal * likeness))
                rows.append(Pointer((section.first + end) * bar, 0, 0.0))
    return rows


def groove_of(sections: list[Section], metre: Metre, groove: str = "") -> list[Pointer]:
    """The drums' pointers: steady bars, a fill at the end of a phrase, a returning section like its first time.

    groove: the style whose drums they are."""
    ticks, steady = metre.bar_ticks, STEADY.get(groove, _STEADY)
    rows: list[Pointer] = []
    for section in sections:
        for bar in range(section.bars):
            at = section.first + bar
            fill = bar == section.bars - 1 or bar % FILL_EVERY == FILL_EVERY - 1
            if fill and at > 0:
                rows.append(Pointer(at * ticks, 1, UNLIKE))
            elif section.back:
                rows.append(Pointer(at * ticks, section.back, steady))
            elif bar:
                rows.append(Pointer(at * ticks, 2 if bar % FILL_EVERY == 0 else 1, steady))
            else:
                rows.append(Pointer(at * ticks, 0, 0.0))
    return rows
