"""Walk: our painter's pictures as a print in three inks. With every chord it goes on to another picture, faster where
the song is full; the same chord is the same picture. Notes of the tune run over it as rings.

The painter's pictures have 64 pixels; screened into lines they are material of a print and not enlarged. A camera
pans over them, because a walk alone boils more than it moves; a temporal model learned for it was no better than the
walk, see models/pictures/motion.py.
Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...design.colour import mix, rgb
from ...design.material import load_painter
from ..follow import Follow, fall, smooth
from ..kernels import printed
from ..paper import Inks, Paper
from ..scene import Layers, Stage

__all__ = ["Walk"]

MODEL = "pictures"
PICTURE = "landscape"
LINES = 9.0  # units from line to line of the screen
COARSE = 12  # units a point of the picture before it is screened
MARGIN = 70.0
FRAMED = 0.78  # of the longer side of the frame: what the print takes at the most
WIDE = 1.2  # how much wider the picture is, for the camera to pan over
PANS = 0.045  # turns a second of the camera
SPEED = 42.0  # units a second of it, at the most
LEVELS = (0.36, 0.62)


class Walk:
    """See the module. ModelError where the picture model is not installed, UsageError for an unknown class."""

    def __init__(self, stage: Stage) -> None:
        from models.pictures.walk import Walk as Path
        from models.pictures.walk import stations

        self.follow, self.paper, self.inks = Follow(stage), Paper(stage, 960), Inks.of(stage.palette)
        painter = load_painter(MODEL)
        self._chords = sorted({chord.name for chord in self.follow.chords_between(-1e6, 1e6)})
        latents = stations(len(self._chords), painter, stage.picture or PICTURE, stage.rng, 0.8)
        self._path = Path(painter, stage.picture or PICTURE, latents)
        paper = self.paper
        self._columns = max(8, round(paper.width / COARSE))
        self._rows = max(8, round(paper.height / COARSE))
        self._size, self._side = painter.size, WIDE * FRAMED * max(paper.free.width, paper.free.height)
        self._turn = self.follow.rate(PANS)
        self._pan = min(0.5 * (1 - 1 / WIDE) * self._side, SPEED / (math.tau * self._turn))
        self._x = np.linspace(0, paper.width, self._columns)[None, :]
        self._y = np.linspace(0, paper.height, self._rows)[:, None]
        self._shapes = self._frames()
        self._angle = math.tau * (0.08 + 0.09 * stage.rng.random())
        self._dark = stage.palette.dark

    def draw(self, time_s: float) -> Layers:
        follow, paper = self.follow, self.paper
        at = follow.clock(time_s)
        cover = self._cover(at)
        width, height = paper.size
        scale = width / paper.width
        now, before, age = follow.section(at)
        share = np.float32(smooth(age / 0.7))
        shape = self._shapes[before % 3] * (1 - share) + self._shapes[now % 3] * share
        turns = 1 / (LINES * scale)
        pixels = np.empty((height, width, 4), np.uint8)
        printed(cover, shape, self._colours(at), np.array(LEVELS, np.float32), math.sin(self._angle) * turns,
                math.cos(self._angle) * turns, 1.4, pixels)  # fmt: skip
        return Layers(pixels)

    def _cover(self, at: float) -> NDArray[np.float32]:
        """How much ink there is, (rows, columns) 0..1."""
        follow = self.follow
        chords = follow.chords_between(at - 30.0, at + 30.0)
        here = max(row for row, chord in enumerate(chords) if chord.begin <= at or row == 0)
        chord, after = chords[here], chords[min(here + 1, len(chords) - 1)]
        begin, end = follow.pace(chord.begin), follow.pace(after.begin)
        share = smooth((follow.pace(at) - begin) / (end - begin)) if end > begin else 0.0
        picture = self._path.between(self._chords.index(chord.name), self._chords.index(after.name), share)
        across, down = self._seen(follow.pace(at))
        light = down @ (picture @ np.array([0.3, 0.59, 0.11], np.float32) / 255) @ across.T
        # no picture is darker than another, so that none flashes
        level = (light - light.mean()) / max(0.10, float(light.std()))
        if not self._dark:
            level = -level
        cover = 0.44 + 0.24 * level
        for note in follow.lead.since(at, 1.8):
            age = at - float(follow.lead.start[note])
            place = follow.page(at - age).place(at - age) % 1.0
            x = self.paper.width * (0.12 + 0.76 * place)
            y = self.paper.height * (0.85 - 0.7 * float(follow.lead.height[note]))
            away = np.hypot(self._x - x, self._y - y) - 330.0 * age
            push = 0.34 * float(follow.lead.velocity[note]) * smooth(age / 0.05) * fall(age, 0.7)
            cover = cover + push / (1 + (away / 40.0) ** 2) ** 2
        cover = cover + 0.05 * follow.bass.swell(at, 0.08, 0.4)
        return np.clip(cover, 0, 1).astype(np.float32)

    def _seen(self, pace: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What a camera sees that pans over the picture: the weights across and down."""
        x, y = self.paper.free.middle
        turn = math.tau * self._turn * pace
        x, y = x + self._pan * math.sin(turn), y + 0.7 * self._pan * math.cos(turn)
        across = _enlarging(self._size, self._x[0], x, self._side)
        return across, _enlarging(self._size, self._y[:, 0], y, self._side)

    def _colours(self, at: float) -> NDArray[np.float32]:
        """Paper, the two flat inks, the lines: the chord's colour in front of its shade."""
        palette = self.inks.palette
        chord = self.inks.chord(self.follow.chord(at), 1.0)
        first = mix(palette.ground, chord, 0.55)
        return np.array([rgb(colour) for colour in (palette.ground, first, chord, palette.ink)], np.float32)

    def _frames(self) -> list[NDArray[np.float32]]:
        """Pixels from the edge of the picture, inside positive: a sheet, an arch, a disc."""
        paper = self.paper
        width, height = paper.size
        scale = width / paper.width
        x, y = np.meshgrid((np.arange(width) + 0.5) / scale, (np.arange(height) + 0.5) / scale)
        left, top, right, bottom = paper.free
        middle, centre = paper.free.middle
        wide = min(0.5 * (right - left), FRAMED * max(right - left, bottom - top) / 2) - MARGIN
        tall = min(0.5 * (bottom - top), FRAMED * max(right - left, bottom - top) / 2) - MARGIN
        sheet = np.minimum(wide - np.abs(x - middle), tall - np.abs(y - centre))
        middle, radius = 0.5 * (left + right), 0.5 * min(right - left, bottom - top) - 0.9 * MARGIN
        disc = radius - np.hypot(x - middle, y - centre)
        wide = min(0.5 * (right - left) - MARGIN, 0.62 * (bottom - top))
        crown = top + MARGIN + wide
        sides = np.minimum(wide - np.abs(x - middle), bottom - MARGIN - y)
        arch = np.where(y < crown, wide - np.hypot(x - middle, y - crown), sides)
        return [(shape * scale).astype(np.float32) for shape in (sheet, np.minimum(arch, sides), disc)]


def _enlarging(size: int, places: NDArray[np.float64], middle: float, side: float) -> NDArray[np.float32]:
    """(places, size): weights of cubics (Catmull and Rom, 1974) that read a picture of `size` points, which is `side`
    units wide around `middle`, at these places."""
    wanted = np.clip((places - middle) / side + 0.5, 0, 1) * size - 0.5
    away = np.abs(wanted[:, None] - np.arange(-2, size + 2)[None, :])
    far = np.where(away < 2, ((-0.5 * away + 2.5) * away - 4) * away + 2, 0)
    near = np.where(away < 1, (1.5 * away - 2.5) * away**2 + 1, far)
    inner = near[:, 2:-2].copy()
    inner[:, 0] += near[:, :2].sum(axis=1)  # what lies outside is as the edge
    inner[:, -1] += near[:, -2:].sum(axis=1)
    return inner.astype(np.float32)
