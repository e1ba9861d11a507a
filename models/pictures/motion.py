"""How films of painted pictures move, beside a camera over real ones. `python -m models.pictures.motion DATA` prints
it; with `--learn 200` a small temporal model takes part.

There are no films in the training data. Pans and zooms over its pictures are real motion all the same: whatever moves
painted pictures is measured against them. Contenders: `walk`, on a great circle through the latents; `fade`, between
two painted pictures; `camera`, over one painted picture; `walk under a camera`, what the family "walk" of clips does;
and `learned`, a model that moves the latent so that the picture moves as under a camera. It is linear in the latent
(a 129 x 384 matrix), taught by the latent changes that come nearest to a small pan right, down and a zoom: least
squares over the painter's Jacobian, by finite differences. All move as much from frame to frame as real pans do, as
far as they can.

Figures. change: mean from frame to frame, in 255ths. flicker: second differences by first ones. moved: the share of
the change that is explained by parts of 16 pixels moving (optical flow by least squares, Lucas and Kanade 1981).
distance: sliced Wasserstein of changes in patches of 7 x 7 x 3 frames to those of real pans; its floor is that of
real pans to other real pans.

Found with 60 films and 150 latents: of real pans 71 % is moved; of the walk 12 %, of the fade 5 %, of the learned
model 11 %, of the walk under a camera 82 %; distances 0.04, 0.22, 0.45, 0.22, 0.22. A change of the latent can show
half of a small pan (`within`), but the linear model finds only 6 % of it on latents that it has not seen (`fit`). So
no temporal model is shipped: the walk goes on slowly below a camera.

Threads: offline, a minute; five more to learn. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .dataset import PictureSet
from .sample import Painter
from .walk import great_circle

__all__ = ["change", "distance", "flicker", "measure", "moved"]

Films = NDArray[np.uint8]
"""(films, frames, side, side, 3)"""
Floats = NDArray[np.float32]

FRAMES = 10
SEEN = 0.66  # of a picture's side: what a camera sees of it
SPEEDS = (0.3, 1.5)  # pixels a frame of 64
ZOOMS = 0.012  # a frame, at the most, either way
PATCH, PATCHES, PROJECTIONS, QUANTILES = 7, 96, 98, 512
STEP = 0.15  # of a latent, for finite differences
TURNS = 5  # in which the pace of a contender is brought to that of real pans
SLOWER = 0.3  # of its pace: how fast the walk goes on below a camera


def change(films: Films) -> float:
    """Mean change from frame to frame, in 255ths."""
    return float(np.abs(np.diff(_grey(films), axis=1)).mean())


def flicker(films: Films) -> float:
    """Second differences by first ones: 0 even change .. 2 to and fro."""
    grey = _grey(films)
    return float(np.abs(np.diff(grey, 2, axis=1)).mean() / max(1e-9, float(np.abs(np.diff(grey, axis=1)).mean())))


def moved(films: Films) -> float:
    """The share 0..1 of the change that moving parts explain."""
    grey = _grey(films).reshape(-1, *films.shape[1:4])
    middle, after = 0.5 * (grey[:, 1:] + grey[:, :-1]), np.diff(grey, axis=1)
    down, across = np.gradient(middle, axis=(2, 3))
    side = films.shape[2] // 16
    parts = [
        values.reshape(-1, side, 16, side, 16).swapaxes(2, 3).reshape(-1, 256) for values in (across, down, after)
    ]
    slopes, wanted = np.stack(parts[:2], -1).astype(np.float64), parts[2].astype(np.float64)
    squares = slopes.swapaxes(1, 2) @ slopes + 1e-6 * np.eye(2)
    flow = np.linalg.solve(squares, slopes.swapaxes(1, 2) @ wanted[..., None])
    left = wanted - (slopes @ flow)[..., 0]
    return float(1 - (left**2).sum() / max(1e-9, (wanted**2).sum()))


def distance(first: Films, second: Films, seed: int = 0) -> float:
    """Sliced Wasserstein distance of the changes within patches."""
    heaps = [_changes(films, seed) for films in (first, second)]
    scale = np.sqrt(0.5 * (heaps[0].var() + heaps[1].var()))
    directions = np.random.default_rng(seed).standard_normal((heaps[0].shape[1], PROJECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    grid = (np.arange(QUANTILES) + 0.5) / QUANTILES
    spreads = [np.quantile(heap @ directions / scale, grid, axis=0) for heap in heaps]
    return float(np.abs(spreads[0] - spreads[1]).mean())


def measure(data: Path, films: int = 60, learn: int = 0, seed: int = 1) -> dict[str, dict[str, float]]:
    """Contender -> figures. learn: how many latents the temporal model learns from, 0 for none. Errors as
    Painter.load and PictureSet.load."""
    painter = Painter.load()
    pictures = PictureSet.load(data, "valid", 256).pixels
    real, other = (_panned(pictures, films, painter.size, np.random.default_rng([seed, part])) for part in (0, 1))
    pace = change(real)

    def walked(step: float, count: int, rng: np.random.Generator) -> Films:
        return _walked(painter, step, count, rng)

    def faded(step: float, count: int, rng: np.random.Generator) -> Films:
        return _faded(painter, step, count, rng)

    def under_camera(step: float, count: int, rng: np.random.Generator) -> Films:
        return _moved_over(_walked(painter, step, count, rng), painter.size, rng)

    walk = _paced(walked, 0.03, pace)
    found = {
        "real": other,
        "walk": walked(walk, films, np.random.default_rng([seed, 2])),
        "fade": faded(_paced(faded, 0.03, pace), films, np.random.default_rng([seed, 2])),
        "camera": under_camera(0.0, films, np.random.default_rng([seed, 2])),
        "walk under a camera": under_camera(SLOWER * walk, films, np.random.default_rng([seed, 2])),
    }
    if learn:
        matrix, fits = learned(painter, learn, np.random.default_rng([seed, 3]))

        def driven(step: float, count: int, rng: np.random.Generator) -> Films:
            return _driven(painter, matrix, step, count, rng)

        found["learned"] = driven(_paced(driven, 1.0, pace), films, np.random.default_rng([seed, 2]))
    figures = {name: {"change": change(film), "flicker": flicker(film), "moved": moved(film),
                      "distance": distance(real, film)} for name, film in found.items()}  # fmt: skip
    if learn:
        figures["learned"] |= fits
    return {name: {key: round(value, 4) for key, value in row.items()} for name, row in figures.items()}


def learned(painter: Painter, count: int, rng: np.random.Generator) -> tuple[Floats, dict[str, float]]:
    """The temporal model: (latent + 1, latent * 3), from a latent and 1 to its changes for a pan right, a pan down
    and a zoom. With it: `within`, the share of such motion that any change of the latent can show, and `fit`, the
    share of those changes that the model gives on a fifth of the latents that it did not learn from."""
    latents, wanted, within = [], [], []
    places = np.arange(painter.size) - 0.5 * (painter.size - 1)
    for number in range(count):
        name = painter.classes[number % len(painter.classes)]
        latent = painter.latents(rng, 1)[0]
        grey = _grey(painter.paint([name], latents=latent[None]))[0]
        near = latent + STEP * np.eye(painter.latent, dtype=np.float32)
        nearby = _grey(painter.paint([name] * painter.latent, latents=near))
        jacobian = np.stack([_pooled(one - grey) for one in nearby], 1) / STEP
        down, across = np.gradient(grey)
        zoom = -0.03 * (across * places[None, :] + down * places[:, None])
        motion = np.stack([_pooled(-across), _pooled(-down), _pooled(zoom)], 1)
        squares = jacobian.T @ jacobian
        ridge = 0.01 * np.trace(squares) / painter.latent * np.eye(painter.latent)
        best = np.linalg.solve(squares + ridge, jacobian.T @ motion)
        within.append(1 - ((jacobian @ best - motion) ** 2).sum() / (motion**2).sum())
        latents.append(np.append(latent, 1.0))
        wanted.append(best.ravel())
    rows, goals = np.array(latents), np.array(wanted)
    kept = max(1, count * 4 // 5)
    squares = rows[:kept].T @ rows[:kept] + painter.latent * np.eye(rows.shape[1])
    matrix = np.linalg.solve(squares, rows[:kept].T @ goals[:kept])
    left = ((rows[kept:] @ matrix - goals[kept:]) ** 2).sum() / max(1e-12, float((goals[kept:] ** 2).sum()))
    return matrix.astype(np.float32), {"within": float(np.mean(within)), "fit": float(1 - left)}


def _grey(films: Films) -> Floats:
    return films.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def _pooled(grey: Floats) -> Floats:
    """Every two by two pixels as one, without the rim, in a row."""
    inner = grey[2:-2, 2:-2]
    half = len(inner) // 2
    return inner.reshape(half, 2, half, 2).mean(axis=(1, 3)).ravel()


def _changes(films: Films, seed: int) -> Floats:
    """Changes within patches of three frames, every second one: (patches, 2 * PATCH * PATCH)."""
    rng, rows = np.random.default_rng(seed), []
    for grey in _grey(films):
        for _ in range(PATCHES):
            at = int(rng.integers(0, len(grey) - 4))
            y, x = rng.integers(0, grey.shape[1] - PATCH + 1, 2)
            rows.append(np.diff(grey[at : at + 5 : 2, y : y + PATCH, x : x + PATCH], axis=0).ravel())
    return np.array(rows)


def _panned(pictures: NDArray[np.uint8], count: int, side: int, rng: np.random.Generator) -> Films:
    chosen = pictures[rng.integers(0, len(pictures), count)]
    return _moved_over(np.repeat(chosen[:, None], FRAMES, axis=1), side, rng)


def _moved_over(films: Films, side: int, rng: np.random.Generator) -> Films:
    """A camera that moves evenly over each film, seeing a part of it in side x side pixels."""
    whole = films.shape[2]
    wide = SEEN * whole
    found = np.empty((len(films), FRAMES, side, side, 3), np.uint8)
    for number, film in enumerate(films):
        angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(*SPEEDS) * wide / side
        zoom = rng.uniform(-ZOOMS, ZOOMS)
        for frame in range(FRAMES):  # through the middle, so that no path leaves the picture
            from_middle = frame - 0.5 * (FRAMES - 1)
            size = wide * (1 + zoom * from_middle)
            x = 0.5 * (whole - size) + speed * from_middle * np.cos(angle)
            y = 0.5 * (whole - size) + speed * from_middle * np.sin(angle)
            box = (max(0.0, x), max(0.0, y), min(whole, x + size), min(whole, y + size))
            image = Image.fromarray(film[frame]).resize((side, side), Image.Resampling.BICUBIC, box=box)
            found[number, frame] = np.asarray(image)
    return found


def _walked(painter: Painter, step: float, count: int, rng: np.random.Generator) -> Films:
    films = []
    for number in range(count):
        name = painter.classes[number % len(painter.classes)]
        first, second = painter.latents(rng, 2)
        start = rng.uniform(0, max(0.0, 1 - step * FRAMES))
        path = np.stack([great_circle(first, second, start + step * frame) for frame in range(FRAMES)])
        films.append(painter.paint([name] * FRAMES, latents=path))
    return np.stack(films)


def _faded(painter: Painter, step: float, count: int, rng: np.random.Generator) -> Films:
    films = []
    for number in range(count):
        name = painter.classes[number % len(painter.classes)]
        first, second = painter.paint([name] * 2, latents=painter.latents(rng, 2)).astype(np.float32)
        start = rng.uniform(0, max(0.0, 1 - step * FRAMES))
        shares = (start + step * np.arange(FRAMES, dtype=np.float32))[:, None, None, None]
        films.append(np.rint(first + (second - first) * shares).astype(np.uint8))
    return np.stack(films)


def _driven(painter: Painter, matrix: Floats, step: float, count: int, rng: np.random.Generator) -> Films:
    """As the temporal model moves it, into one direction each, on the sphere of the first latent."""
    films = []
    for number in range(count):
        name = painter.classes[number % len(painter.classes)]
        latent, angle = painter.latents(rng, 1)[0], rng.uniform(0, 2 * np.pi)
        motion = np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.4, 0.4)], np.float32)
        long, path = float(np.linalg.norm(latent)), []
        for _ in range(FRAMES):
            path.append(latent)
            latent = latent + step * ((np.append(latent, 1) @ matrix).reshape(-1, 3) @ motion)
            latent = latent * long / np.linalg.norm(latent)
        films.append(painter.paint([name] * FRAMES, latents=np.stack(path).astype(np.float32)))
    return np.stack(films)


def _paced(make: Callable[[float, int, np.random.Generator], Films], step: float, pace: float) -> float:
    """The step at which films change as much as real ones, at most 1 / FRAMES of the way where they have an end."""
    most = 1 / FRAMES if step < 0.1 else 8.0
    for _ in range(TURNS):
        step = min(most, step * pace / change(make(step, 15, np.random.default_rng(0))))
    return step


def main() -> None:
    """Print a row a contender, and all of it as JSON in the last line."""
    parser = argparse.ArgumentParser(
        description="How films of painted pictures move, beside a camera over real ones."
    )
    parser.add_argument("data", type=Path, help="the set of pictures, or the folder that holds it")
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--learn", type=int, default=0, help="latents that a temporal model learns from, 0 for none")
    options = parser.parse_args()
    figures = measure(options.data, options.films, options.learn)
    for name, row in figures.items():
        sys.stdout.write(f"{name:20} {'  '.join(f'{key} {value:.3f}' for key, value in row.items())}\n")
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
