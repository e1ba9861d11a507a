"""Collage: a painted picture traced into layers of cut paper, beside shapes cut along the melody.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from ...design.area import Area
from ...design.colour import luminance, mix, rgb
from ...design.lettering import Style
from ..sleeve import MARGIN, SIDE, Sleeve
from ..tones import sampled, smoothed, tones

__all__ = ["draw"]

_FIELD = 480


def draw(sleeve: Sleeve) -> Iterator[str]:
    """A window with the picture, strips of paper behind and before it, words on the ground."""
    palette, canvas = sleeve.palette, sleeve.canvas
    sleeve.fill(palette.ground)
    mirrored = bool(sleeve.rng.random() < 0.5)
    title = sleeve.say(
        "title", Style("grotesque", -0.035, 0.94, most=108, lines=4), Area(MARGIN, 700, SIDE - MARGIN, SIDE - MARGIN),
        "right" if mirrored else "left", "bottom",
    )  # fmt: skip
    artist = sleeve.say(
        "artist", Style("serif", 0.0, 1.05, most=38, lines=2),
        Area(MARGIN, title.top - 76, SIDE - MARGIN, title.top - 24), "right" if mirrored else "left", "bottom",
    )  # fmt: skip
    floor = artist.top - 44
    yield "type"
    layers = _traced(tones(sleeve.picture("nature")))
    yield "painted"
    side = min(floor - 20, 620.0)
    left = MARGIN if mirrored else SIDE - MARGIN - side
    window = Area(left, floor - side, left + side, floor)
    first, second, third = palette.accents
    _paper(sleeve, _melody_cut(sleeve, Area(0, floor - 0.62 * side, SIDE, floor - 0.08 * side)), third)
    disc = skia.Path.Circle(SIDE - 190 if mirrored else 190, 0.36 * floor, 0.21 * floor)
    _paper(sleeve, disc, first)
    yield "paper"
    form = _window(sleeve, window)
    _paper(sleeve, form, palette.ground)
    inks = sorted({first, second, mix(first, palette.ink, 0.55), mix(palette.ground, third, 0.3)}, key=luminance)
    canvas.save()
    canvas.clipPath(form, doAntiAlias=True)
    canvas.drawRect(skia.Rect(*window), sleeve.paint(inks[-1]))
    for level, colour in zip(layers, inks[-2::-1], strict=False):
        yield from _layer(sleeve, level, window, colour)
    canvas.restore()
    strip = Area(window.left - 46, window.bottom - 0.24 * side, window.left + 0.3 * side, window.bottom - 0.19 * side)
    if mirrored:
        strip = Area(window.right - 0.3 * side, strip.top, window.right + 46, strip.bottom)
    _paper(sleeve, skia.Path.Rect(skia.Rect(*strip)), second)
    yield "paper"


def _traced(field: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Fields that are positive where a layer of paper lies: darker than three quantiles. Divided by their slope they
    are distances from the edge, in pixels of a fine grid, so that every edge can be cut equally sharp."""
    rough = smoothed(field, 0.012 * len(field))
    axis = np.linspace(0, 1, _FIELD)
    fine = sampled(rough, Area(0, 0, 1, 1), *np.meshgrid(axis, axis))
    fine = smoothed(fine, 0.006 * _FIELD)
    steep = np.hypot(*np.gradient(fine)) + 2e-4
    return [(level - fine) / steep for level in np.quantile(fine, [0.68, 0.4, 0.18])]


def _layer(sleeve: Sleeve, field: NDArray[np.float64], window: Area, colour: int) -> Iterator[str]:
    """Colour where the field is positive. It is made large while it is smooth and cut there, so its edge is sharp at
    any size."""
    ramp = np.clip(127.5 + 40 * field, 0, 255).astype(np.uint8)
    small = np.dstack([np.full_like(ramp, part) for part in rgb(colour)] + [ramp])
    image = skia.Image.fromarray(np.ascontiguousarray(small), colorType=skia.kRGBA_8888_ColorType)
    per_pixel = 40 * _FIELD / (window.width * sleeve.scale)
    cut = np.clip((np.arange(256) - 127.5) * max(1.0, 127 / per_pixel) + 127.5, 0, 255).astype(np.uint8)
    same = list(range(256))
    paint = skia.Paint(AntiAlias=True, ColorFilter=skia.TableColorFilter.MakeARGB(cut.tolist(), same, same, same))
    sampling = skia.SamplingOptions(skia.CubicResampler.Mitchell())
    sleeve.canvas.drawImageRect(image, skia.Rect(*window), sampling, paint)
    yield "layers"


def _paper(sleeve: Sleeve, path: Any, colour: int) -> None:
    """A piece of paper with the small shadow of one that lies on another."""
    shadow = sleeve.paint(0x000000, alpha=0.28)
    shadow.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 3.2))
    sleeve.canvas.save()
    sleeve.canvas.translate(2.0, 4.0)
    sleeve.canvas.drawPath(path, shadow)
    sleeve.canvas.restore()
    sleeve.canvas.drawPath(path, sleeve.paint(colour))


def _melody_cut(sleeve: Sleeve, box: Area) -> Any:
    """A strip from edge to edge, its upper side cut along the hook."""
    hook = sleeve.motif.hook
    x = np.linspace(box.left - 10, box.right + 10, 90)
    heights = np.interp(np.linspace(0, 1, 90), hook[:, 0], hook[:, 1])
    smooth = np.convolve(np.pad(heights, 3, mode="edge"), np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum(), "valid")
    upper = np.column_stack([x, box.bottom - box.height * (0.3 + 0.7 * smooth[:90])])
    tilt = 30 * float(sleeve.rng.uniform(-1, 1))
    lower = np.array([[box.right + 10, box.bottom + tilt], [box.left - 10, box.bottom]])
    return sleeve.polygon(np.concatenate([upper, lower]))


def _window(sleeve: Sleeve, box: Area) -> Any:
    """An arch, a disc, or a sheet cut by hand."""
    form = int(sleeve.rng.integers(3))
    if form == 0:
        half = box.width / 2
        arch = skia.Path.RRect(
            skia.RRect.MakeRectXY(skia.Rect(box.left, box.top, box.right, box.bottom + half), half, half)
        )
        return skia.Op(arch, skia.Path.Rect(skia.Rect(*box)), skia.PathOp.kIntersect_PathOp)
    if form == 1:
        return skia.Path.Circle((box.left + box.right) / 2, (box.top + box.bottom) / 2, box.width / 2)
    corners = np.array([[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]])
    return sleeve.polygon(corners + sleeve.rng.uniform(0, 26, (4, 2)) * [[1, 1], [-1, 1], [-1, -1], [1, -1]])
