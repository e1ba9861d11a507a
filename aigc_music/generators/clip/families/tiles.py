"""Tiles: a wall of quarter discs, leaves and arcs. Each tile belongs to a pitch and turns by a quarter when its note
is struck; a new section repaints the wall from one corner.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.colour import distance, mix
from ..follow import Follow, smooth
from ..paper import Inks, Paper, blend, brush
from ..scene import Layers, Stage

__all__ = ["Tiles"]

ROWS = 5.0  # tiles on the shorter side of the frame
TURNS = 0.34  # seconds that a quarter turn takes
KINDS = ("quarter", "quarter", "leaf", "arcs", "half", "disc", "twin", "triangle")
CHANCES = (0.26, 0.14, 0.15, 0.12, 0.12, 0.07, 0.09, 0.05)


class Tile(NamedTuple):
    """left, top: units. kind: of KINDS. pair: which two colours. onsets, quarters: when it is turned, and what angle
    in quarters it has been given by then."""

    left: float
    top: float
    kind: str
    pair: int
    onsets: NDArray[np.float64]
    quarters: NDArray[np.float64]


class Tiles:
    """See the module."""

    def __init__(self, stage: Stage) -> None:
        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        paper, rng = self.paper, stage.rng
        short = min(paper.width, paper.height)
        columns, rows = (max(2, round(side * ROWS / short)) for side in (paper.width, paper.height))
        self._side = max(paper.width / columns, paper.height / rows)
        edge_x, edge_y = 0.5 * (paper.width - columns * self._side), 0.5 * (paper.height - rows * self._side)
        self._pairs = self._schemes(stage)
        places = [(column, row) for row in range(rows) for column in range(columns)]
        owners = self._owners(len(places), rng)
        self._tiles = []
        for (column, row), owner in zip(places, owners, strict=True):
            onsets, quarters = self._turned(owner, int(rng.integers(4)))
            kind = str(rng.choice(KINDS, p=CHANCES))
            self._tiles.append(Tile(edge_x + column * self._side, edge_y + row * self._side, kind,
                                    int(rng.integers(len(self._pairs[0]))), onsets, quarters))  # fmt: skip

    def draw(self, time_s: float) -> Layers:
        at = self.follow.clock(time_s)
        pixels, canvas = self.paper.ground(self.inks.palette.ground)
        now, before, age = self.follow.section(at)
        moving = []
        for tile in self._tiles:
            delay = 0.5 * (tile.left / self.paper.width + tile.top / self.paper.height)
            share = smooth((age - 0.6 * delay) / 0.4)
            old, new = self._pairs[before % 3][tile.pair], self._pairs[now % 3][tile.pair]
            colours = blend(old[0], new[0], share), blend(old[1], new[1], share)
            quarters, lifted = self._angle(tile, at)
            if lifted:
                moving.append((tile, colours, quarters, lifted))
            else:
                self._tile(canvas, tile, colours, quarters, 0.0)
        for tile, colours, quarters, lifted in moving:
            self._tile(canvas, tile, colours, quarters, lifted)
        return Layers(pixels)

    def _angle(self, tile: Tile, at: float) -> tuple[float, float]:
        """Quarters that it is turned by, and how far it is lifted, 0..1."""
        last = int(np.searchsorted(tile.onsets, at, "right")) - 1
        if last < 0:
            return float(tile.quarters[0]), 0.0
        share = (at - float(tile.onsets[last])) / TURNS
        start, end = float(tile.quarters[last]), float(tile.quarters[last + 1])
        if share >= 1:
            return end, 0.0
        eased = 1 - (1 - share) ** 3 * (1 + 2.4 * share)  # quickly off, a little too far, and back
        return start + (end - start) * eased, math.sin(math.pi * share)

    def _tile(self, canvas: Any, tile: Tile, colours: tuple[int, int], quarters: float, lifted: float) -> None:
        side, half = self._side, 0.5 * self._side
        canvas.save()
        canvas.translate(tile.left + half, tile.top + half)
        canvas.rotate(90.0 * quarters)
        if lifted:
            canvas.scale(1 - 0.10 * lifted, 1 - 0.10 * lifted)
        back, fore = brush(colours[0]), brush(colours[1])
        overlap = 0.0 if lifted else 0.6  # no seams between tiles at rest
        canvas.drawRect(skia.Rect(-half - overlap, -half - overlap, half + overlap, half + overlap), back)
        canvas.clipRect(skia.Rect(-half, -half, half, half), True)
        if tile.kind == "quarter":
            canvas.drawCircle(-half, -half, side, fore)
        elif tile.kind == "twin":
            canvas.drawCircle(-half, -half, half, fore)
            canvas.drawCircle(half, half, half, fore)
        elif tile.kind == "half":
            canvas.drawCircle(-half, 0, half, fore)
            canvas.drawCircle(half, 0, half, fore)
        elif tile.kind == "disc":
            canvas.drawCircle(0, 0, 0.34 * side, fore)
        elif tile.kind == "arcs":
            for ring in range(4):
                canvas.drawCircle(-half, -half, side * (0.97 - 0.25 * ring), fore if ring % 2 == 0 else back)
        elif tile.kind == "triangle":
            canvas.drawPath(skia.Path.Polygon([skia.Point(-half, -half), skia.Point(half, half),
                                               skia.Point(-half, half)], True), fore)  # fmt: skip
        else:
            canvas.clipPath(skia.Path.Circle(-half, half, side), True)
            canvas.drawCircle(half, -half, side, fore)
        canvas.restore()

    def _schemes(self, stage: Stage) -> list[list[tuple[int, int]]]:
        """For each of three kinds of section, pairs of ground and figure that differ."""
        palette = stage.palette
        soft = mix(palette.ground, palette.ink, 0.10)
        deep = mix(palette.ground, palette.ink, 0.85)
        schemes = []
        for turn in range(3):
            first, second, third = (palette.accents[(turn + place) % 3] for place in range(3))
            pairs = [(palette.ground, first), (soft, deep), (first, palette.ground), (second, palette.ground),
                     (palette.ground, third), (deep, first), (soft, second), (palette.ground, deep)]  # fmt: skip
            schemes.append([pair if distance(*pair) > 0.12 else (palette.ground, deep) for pair in pairs])
        return schemes

    def _owners(self, count: int, rng: np.random.Generator) -> list[tuple[str, int, int]]:
        """Who turns each tile: voice, which of so many steps of its range."""
        wanted = [(voice, step, steps) for voice, steps in (("lead", 12), ("inner", 10), ("bass", 4))
                  for step in range(steps)]  # fmt: skip
        rows = [wanted[place % len(wanted)] for place in range(count)]
        return [rows[place] for place in rng.permutation(count)]

    def _turned(self, owner: tuple[str, int, int], first: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Onsets of a tile, at least a turn apart, and its angles; in a loop its last turn brings it home."""
        voice, step, steps = owner
        track = getattr(self.follow, voice)
        mine = track.start[np.minimum(steps - 1, (track.height * steps).astype(int)) == step]
        loop, seconds = self.follow.loop, self.follow.seconds
        if loop:
            mine = mine[(mine >= 0) & (mine < seconds)]
        kept: list[float] = []
        for onset in mine.tolist():
            room = TURNS + 0.02
            if not kept or (onset - kept[-1] >= room and (not loop or onset - kept[0] <= seconds - room)):
                kept.append(onset)
        turns = [1.0] * len(kept)
        if loop and kept:
            turns[-1] += (-len(kept)) % 4
            copies = self.follow.turns()
            onsets = [onset + copy for copy in copies for onset in kept]
            turns = turns * len(copies)
        else:
            onsets = kept
        return np.array(onsets), first + np.concatenate([[0.0], np.cumsum(turns)])
