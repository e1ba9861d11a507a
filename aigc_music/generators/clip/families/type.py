"""Type: a script that nobody reads. Every chord is a letter of it, built from modules; the letter that sounds stands
large, notes of the tune lift its modules, and with the next chord the line moves on.

There are no words and no letters of any alphabet in it, so that it may stand where services forbid text.
Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

import skia

from ...design.colour import mix
from ..follow import Follow, Sounding, fall, smooth
from ..paper import Inks, Paper, blend, brush
from ..scene import Layers, Stage

__all__ = ["Type"]

GLYPHS: tuple[str, ...] = (
    # one for each root, in fifths above the tonic: three modules across, four down
    "##. .## ##. .##", "#.# ### .#. ###", ".## #.. ### ..#", "### ..# .## ##.", "#.. ##. .## #.#", ".#. ### #.# #..",
    "##. #.# ..# ###", "#.# .#. ##. .##", "..# ### #.. ##.", ".## ##. #.# .##", "### .#. #.# ##.", "#.. #.# ### .#.",
)  # fmt: skip
MOVES = 0.55  # seconds from letter to letter
GAP = 0.75  # modules between letters


class Type:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        free = self.paper.free
        self._upright = free.height > 1.1 * free.width
        self._module = 0.80 * (free.width / 3 if self._upright else free.height / 4)
        self._step = self._module * ((4 if self._upright else 3) + GAP)
        self._middle = free.middle
        self._marks = sorted({chord.name for chord in self.follow.chords_between(-1e6, 1e6)})
        palette = stage.palette
        self._quiet = mix(palette.ground, palette.ink, 0.13)
        self._lift = [mix(accent, palette.ink, 0.15) for accent in palette.accents]

    def draw(self, time_s: float) -> Layers:
        follow, paper, inks = self.follow, self.paper, self.inks
        at = follow.clock(time_s)
        pixels, canvas = paper.ground(inks.palette.ground)
        chords = follow.chords_between(at - 30, at + 30)
        here = max(row for row, chord in enumerate(chords) if chord.begin <= at or row == 0)
        length = chords[here + 1].begin - chords[here].begin if here + 1 < len(chords) else MOVES
        moved = _landing((at - chords[here].begin) / min(MOVES, length))
        for place in range(-2, 3):
            if 0 <= here + place < len(chords):
                along = (place + 1 - moved) * self._step
                near = moved if place == 0 else 1 - moved if place == -1 else 0.0
                self._letter(canvas, chords[here + place], along, near, at)
        return Layers(pixels)

    def _letter(self, canvas: Any, chord: Sounding, along: float, near: float, at: float) -> None:
        """One letter, `along` units from the middle. near: 1 the one that sounds, 0 one that waits or is over."""
        module, inks = self._module, self.inks
        x, y = self._middle
        x, y = (x, y + along) if self._upright else (x + along, y)
        left, top = x - 1.5 * module, y - 2 * module
        colour = inks.of_fifths(chord.fifths)
        rows = GLYPHS[chord.fifths % 12].split()
        full = {(column, row) for row, line in enumerate(rows) for column in range(3) if line[column] == "#"}
        striped = chord.quality % 2 == 1  # minor and its kin are hatched
        lifted = self._lifted(at, full) if near > 0 else {}
        fill = blend(self._quiet, colour, near)
        for column, row in sorted(full, key=lambda cell: lifted.get(cell, (0.0, 0))[0]):
            strength, accent = lifted.get((column, row), (0.0, 0))
            strength *= near
            grown = 0.5 * module * 0.16 * strength
            box = skia.Rect(left + column * module - grown, top + row * module - grown,
                            left + (column + 1) * module + grown, top + (row + 1) * module + grown)  # fmt: skip
            shape = skia.RRect()
            shape.setRectRadii(box, self._corners(full, column, row, 0.5 * module if strength > 0.02 else module))
            paint = brush(blend(fill, self._lift[accent], min(1.0, 1.3 * strength)))
            if striped and strength < 0.02:
                canvas.save()
                canvas.clipRRect(shape, True)
                for stripe in range(6):
                    high = top + (row + (stripe + 0.18) / 6) * module
                    canvas.drawRect(skia.Rect(box.left(), high, box.right(), high + module * 0.64 / 6), paint)
                canvas.restore()
            else:
                canvas.drawRRect(shape, paint)
        if near > 0:
            self._dots(canvas, left, top, full, near, at)

    def _lifted(self, at: float, full: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[float, int]]:
        """Which modules notes of the tune lift, how far 0..1, and in which accent."""
        lead = self.follow.lead
        cells = sorted(full, key=lambda cell: (-cell[1], cell[0]))
        found: dict[tuple[int, int], tuple[float, int]] = {}
        for note in lead.since(at, 1.6):
            strength = float(lead.velocity[note]) * fall(at - float(lead.start[note]), 0.35)
            cell = cells[min(len(cells) - 1, int(float(lead.height[note]) * len(cells)))]
            if strength > max(0.03, found.get(cell, (0.0, 0))[0]):
                found[cell] = strength, int(lead.pitch[note]) % 3
        return found

    def _dots(self, canvas: Any, left: float, top: float, full: set[tuple[int, int]], near: float, at: float) -> None:
        """Drums, as discs in the empty modules: low ones below."""
        drums, ink = self.follow.drums, self.inks.palette.ink
        empty = sorted({(column, row) for column in range(3) for row in range(4)} - full, key=lambda cell: -cell[1])
        for note in drums.since(at, 0.9):
            cell = empty[0 if drums.pitch[note] < 37 else 1 + int(drums.pitch[note]) % (len(empty) - 1)]
            hit = float(drums.velocity[note]) * fall(at - float(drums.start[note]), 0.16)
            x, y = left + (cell[0] + 0.5) * self._module, top + (cell[1] + 0.5) * self._module
            canvas.drawCircle(x, y, self._module * 0.30 * hit, brush(ink, near * min(1.0, 2 * hit)))

    def _corners(self, full: set[tuple[int, int]], column: int, row: int, radius: float) -> list[Any]:
        """Corner radii of a module: round where nothing is beside it, square where it goes on."""
        rounded = []
        for across, down in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            free = (column + across, row) not in full and (column, row + down) not in full
            rounded.append(skia.Point(radius, radius) if free else skia.Point(0, 0))
        return rounded


def _landing(share: float) -> float:
    """From 0 to 1, a little too far, and back."""
    share = min(1.0, max(0.0, share))
    return 1 - (1 - smooth(share)) ** 2 * (1 - 0.35 * share)
