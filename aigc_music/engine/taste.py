"""Taste: what you keep and what you discard steers what comes first, and what is asked for where you said nothing.

For a musician: say 'keep' or 'discard' of what you hear, and pieces like the kept ones come to the front and new ones
lean a little their way. A few verdicts change next to nothing, twenty that agree change a lot, and verdicts that
follow no pattern change nothing.

A rating is one JSON line in RATINGS: when, the style, what was asked for, the verdict, and the traits of the music
(small numbers; never the music). It stays on this machine, `forget` removes it. A later verdict on the same music
replaces the earlier one.

What is learned is a logistic regression of the verdict on the traits, with a Gaussian prior around 'no opinion' and
weights shared by all styles beside those of the style itself (after Daume, Frustratingly easy domain adaptation, ACL
2007). Its log-odds are drawn towards 0 by their own uncertainty (MacKay, The evidence framework applied to
classification networks, 1992) and by how well each verdict could have been foretold from the others (leave-one-out,
approximated as in Rad and Maleki 2020): whose verdicts cannot be foretold is not followed.

Threads: one at a time per Taste; several processes may add ratings to one file. Realtime-safe: no (disk).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.folders import data_folder
from aigc_music.core.notes import Score

from .traits import TRAITS, Trait, fingerprint, traits

if TYPE_CHECKING:
    from .result import Result

__all__ = ["NUDGES", "Nudge", "Rating", "Taste", "ratings_path"]

FloatArray = NDArray[np.floating]

_CONTROLS = (
    "task", "role", "key", "bpm", "bars", "metre", "form", "density", "temperature", "energy", "register",
    "polyphony", "loudness", "swing", "strength",
)  # fmt: skip
"""What is kept of a request or of the knobs of a take."""
_MOST = 1000  # ratings that are learned from, the newest
_SHARED, _OWN = 0.4, 0.3  # standard deviations of the prior of a weight: for all styles, for one style besides
_BIAS = 1.0  # of the prior of the share that is kept
_LIKE = 10  # ratings that count for what is typical: the spread of a trait, verdicts without a pattern
_LEAST = 10  # ratings from which anything is nudged, and from which a style is judged by itself
_MOST_WEIGHT, _HALF = 2.0, 20  # of taste in the ranking; ratings at which it is half as much
_SURE = 0.2  # bits of a verdict that the others must foretell for taste to count in full
_CHANCE = 1.5  # standard errors that are taken for chance
_WORTH = 0.2  # of the most that a field may be moved: less is not worth fixing the field
_WORDS = 3.0  # standard errors from which a difference is put in words
_MOST_WORDS = 4


class Nudge(NamedTuple):
    """How far a field of a request may be moved; trait: whose kept and discarded values decide."""

    field: str
    trait: str
    most: float


NUDGES: tuple[Nudge, ...] = (
    Nudge("density", "density", 0.2),
    Nudge("temperature", "temperature", 0.15),
    Nudge("register", "register", 5.0),
    Nudge("polyphony", "polyphony", 1.0),
    Nudge("loudness", "loudness", 12.0),
    Nudge("likeness", "likeness", 0.2),
)
_LIMITS: dict[str, tuple[float, float]] = {
    "density": (0.0, 1.0),
    "temperature": (0.2, 2.0),
    "register": (24.0, 100.0),
    "polyphony": (0.5, 8.0),
    "loudness": (1.0, 127.0),
}
"""What a request may ask for."""
_TEMPERATURE = Trait("temperature", 0.15, "tamer", "more daring")


def ratings_path() -> Path:
    """The file of ratings, which may not exist yet."""
    return data_folder() / "ratings.jsonl"


@dataclass(frozen=True, slots=True)
class Rating:
    """One verdict. at: seconds since 1970; style: None where nobody knows; piece: fingerprint; traits: see there."""

    at: float
    keep: bool
    style: str | None
    piece: str
    controls: dict[str, Any]
    traits: dict[str, float]

    @classmethod
    def read(cls, line: bytes) -> Rating:
        """A line of the file. ValueError, KeyError or TypeError when it is damaged."""
        row = json.loads(line)
        style, keep, controls = row["style"], row["keep"], row["controls"]
        found = {str(name): float(value) for name, value in row["traits"].items()}
        if not (isinstance(keep, bool) and isinstance(style, str | None) and isinstance(controls, dict)):
            raise ValueError("not a rating")
        if not all(map(np.isfinite, found.values())):
            raise ValueError("not a finite trait")
        return cls(float(row["at"]), keep, style, str(row["piece"]), controls, found)

    def line(self) -> bytes:
        """The rating as a line of the file."""
        row = {name: getattr(self, name) for name in ("at", "keep", "style", "piece", "controls", "traits")}
        return json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"

    def value(self, trait: str) -> float:
        """The trait, or the temperature that was asked for; nan where unknown."""
        given = self.controls.get(trait) if trait == "temperature" else self.traits.get(trait)
        return float(given) if isinstance(given, int | float) else float("nan")


@dataclass(slots=True)
class Taste:
    """Everything rated so far. `damaged`: lines of the file that could not be read and are left out."""

    path: Path
    ratings: list[Rating] = field(default_factory=list)
    damaged: int = 0
    _fits: dict[str | None, _Fit | None] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> Taste:
        """The taste of this user; one without opinion when nothing was rated yet. FileError: it cannot be read."""
        path = path or ratings_path()
        try:
            lines = path.read_bytes().split(b"\n") if path.exists() else []
        except OSError as err:
            raise FileError(f"cannot read the ratings {path}: {err.strerror}") from err
        taste = cls(path)
        for line in filter(None, lines):
            try:
                taste._take(Rating.read(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                taste.damaged += 1
        return taste

    def _take(self, rating: Rating) -> None:
        self.ratings = [row for row in self.ratings[-_MOST:] if row.piece != rating.piece] + [rating]
        self._fits.clear()

    def rate(
        self, music: Score | str | Path, keep: bool, style: str | None, controls: Mapping[str, Any] | None = None
    ) -> Rating:
        """Note a verdict; it is on the disk when this returns.

        music: a score or a MIDI file. controls: fields of the request, or the knobs of the take. UsageError for music
        without notes, FileError when it cannot be read or the rating cannot be written.
        """
        score = _score(music)
        found = traits(score)
        if not found:
            name = "this music" if isinstance(music, Score) else str(music)
            raise UsageError(f"{name} has no notes to judge: rate a piece with notes")
        asked = {name: value for name, value in (controls or {}).items() if name in _CONTROLS and value is not None}
        rating = Rating(round(time.time(), 3), keep, style, fingerprint(score), asked, found)
        _append(self.path, rating.line())
        self._take(rating)
        return rating

    def forget(self) -> int:
        """Remove every rating from the disk; returns how many there were. FileError when the file stays."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as err:
            raise FileError(f"cannot remove the ratings {self.path}: {err.strerror}") from err
        gone = len(self.ratings)
        self.ratings, self.damaged = [], 0
        self._fits.clear()
        return gone

    # -- what it makes of a piece ----------------------------------------------------------------------------

    def score(self, music: Score | str | Path, style: str | None) -> float:
        """Log-odds that you would keep this piece: 0 = no opinion, 2 = seven to one for it, -2 = against it."""
        fit = self._fit(style)
        found = traits(_score(music)) if fit is not None else {}
        return fit.log_odds(found) if fit is not None and found else 0.0

    def rank(self, results: Iterable[Result]) -> list[Result]:
        """Results with the best first: near to real music of the style, and to your taste the more you have rated.

        The distance from real music is counted in standard deviations among these results. Pieces without notes last.
        """
        from models.music.spreads import distance

        rows = list(results)
        styles = [getattr(row.request, "style", None) or "pop" for row in rows]
        far = np.array([distance(row.score, style) for row, style in zip(rows, styles, strict=True)])
        known = far[np.isfinite(far)]
        spread = max(float(known.std()), 1.0) if len(known) else 1.0
        liked = np.array([self.score(row.score, style) for row, style in zip(rows, styles, strict=True)])
        worth = -far / spread + self.weight * liked
        return [rows[index] for index in np.argsort(-worth, kind="stable")]

    @property
    def weight(self) -> float:
        """How much the ranking follows taste, 0..2: nothing without ratings, 1 after 20."""
        return _MOST_WEIGHT * len(self.ratings) / (len(self.ratings) + _HALF)

    # -- what it would ask for -------------------------------------------------------------------------------

    def nudge(self, style: str | None) -> dict[str, float]:
        """Offsets towards what you keep, for the fields of NUDGES, each at most its `most`; {} before 10 ratings.

        density and temperature: in their own units; register: semitones; polyphony: notes at once; loudness:
        velocity; likeness: of a bar to the bar it repeats. Differences that chance could explain count nothing.
        """
        found: dict[str, float] = {}
        rows = self._of(style)
        if len(rows) < _LEAST:
            return found
        for nudge in NUDGES:
            trait = next(trait for trait in (*TRAITS, _TEMPERATURE) if trait.name == nudge.trait)
            difference, error = _difference(rows, trait)
            beyond = float(np.sign(difference) * max(0.0, abs(difference) - _CHANCE * error))
            if abs(beyond) >= _WORTH:
                found[nudge.field] = round(float(np.clip(beyond, -1.0, 1.0)) * nudge.most, 3)
        return found

    def wishes(self, style: str | None, unset: Iterable[str]) -> dict[str, float]:
        """Values for the fields of a music request that are in `unset`: what is usual, nudged towards your taste.

        What the musician has set is not in `unset` and stays. register, polyphony and loudness start from the first
        ten pieces of this style that were rated, which nothing had nudged yet; with fewer nothing is said of them.
        """
        from .requests import MusicRequest

        usual = MusicRequest(seed=0)
        wanted = set(unset)
        found = {}
        for name, offset in self.nudge(style).items():
            if name not in wanted or name not in _LIMITS:
                continue
            base = getattr(usual, name)
            if base is None:
                free = [row.value(name) for row in self.ratings if row.style == style and not row.controls.get(name)]
                first = [value for value in free if np.isfinite(value)][:_LEAST]
                if len(first) < _LEAST:
                    continue
                base = float(np.mean(first))
            low, high = _LIMITS[name]
            found[name] = round(min(high, max(low, base + offset)), 3)
        return found

    # -- what it says ----------------------------------------------------------------------------------------

    def words(self, style: str | None = None) -> str:
        """What was learned, as a sentence: of all styles, or of one."""
        rows = [row for row in self.ratings if style is None or row.style == style]
        count = f"({len(rows)} rating{'' if len(rows) == 1 else 's'})"
        strong = []
        for trait in (*TRAITS, _TEMPERATURE):
            difference, error = _difference(rows, trait)
            if abs(difference) > _WORDS * error:
                strong.append((abs(difference) / error, trait.more if difference > 0 else trait.less))
        words = [word for _, word in sorted(strong, reverse=True)[:_MOST_WORDS]]
        if not words:
            return f"nothing yet that chance could not explain {count}"
        plain = ", ".join(word for word in words if not word.startswith("with "))
        with_ = _listed([word.removeprefix("with ") for word in words if word.startswith("with ")])
        return " ".join(filter(None, ("you keep", plain, "pieces", with_ and f"with {with_}", count)))

    @property
    def styles(self) -> list[str]:
        """Styles that were rated, the most rated first."""
        names = [row.style for row in self.ratings if row.style is not None]
        return sorted(set(names), key=lambda name: (-names.count(name), name))

    # -- inside ----------------------------------------------------------------------------------------------

    def _of(self, style: str | None) -> list[Rating]:
        """The ratings of the style where both verdicts are among them, otherwise all."""
        own = [row for row in self.ratings if row.style == style]
        return own if len({row.keep for row in own}) == 2 and len(own) >= _LEAST else self.ratings

    def _fit(self, style: str | None) -> _Fit | None:
        if style not in self._fits:
            both = len({row.keep for row in self.ratings}) == 2
            self._fits[style] = _Fit.of(self.ratings[-_MOST:], style) if both else None
        return self._fits[style]


@dataclass(frozen=True, slots=True)
class _Fit:
    """What the ratings say of one style. z = (trait - centre) / scale; weights stand for (1, z, z of the style)."""

    centre: FloatArray
    scale: FloatArray
    weights: FloatArray
    covariance: FloatArray
    trust: float
    """0..1: how far the verdicts can be foretold from each other."""

    @classmethod
    def of(cls, ratings: Sequence[Rating], style: str | None) -> _Fit:
        values = np.array([[row.value(trait.name) for trait in TRAITS] for row in ratings])
        verdict = np.array([row.keep for row in ratings], float)
        whose = np.array([row.style or "" for row in ratings])
        own = whose == (style or "")
        away = np.zeros_like(values)
        for name in set(whose.tolist()):
            away[whose == name] = values[whose == name] - _mean(values[whose == name], values)
        scale = np.array([_scale(away[:, index], trait) for index, trait in enumerate(TRAITS)])
        design = _design(away / scale, own)
        prior = np.diag(1 / _prior() ** 2)
        weights = np.zeros(design.shape[1])
        for _ in range(50):
            chance = _sigmoid(design @ weights)
            hessian = design.T @ (design * (chance * (1 - chance))[:, None]) + prior
            step = np.linalg.solve(hessian, design.T @ (verdict - chance) - prior @ weights)
            weights += step
            if np.abs(step).max() < 1e-8:
                break
        covariance = np.linalg.inv(hessian)
        judged = own if own.sum() >= _LEAST and len(set(verdict[own])) == 2 else np.ones_like(own)
        trust = _trust(design, weights, covariance, verdict, judged)
        return cls(_mean(values[own], values), scale, weights, covariance, trust)

    def log_odds(self, found: Mapping[str, float]) -> float:
        values = np.array([[found.get(trait.name, np.nan) for trait in TRAITS]])
        row = _design((values - self.centre) / self.scale, np.ones(1, bool))[0]
        doubt = float(row @ self.covariance @ row)
        return self.trust * float(row @ self.weights) / float(np.sqrt(1 + np.pi * doubt / 8))


def _prior() -> FloatArray:
    return np.array([_BIAS, *[_SHARED] * len(TRAITS), *[_OWN] * len(TRAITS)])


def _design(away: FloatArray, own: NDArray[np.bool_]) -> FloatArray:
    """(1, z, z where the style is meant); what is not known is taken for usual, outliers are cut."""
    away = np.clip(np.nan_to_num(away), -3, 3)
    return np.concatenate((np.ones((len(away), 1)), away, away * own[:, None]), 1)


def _trust(
    design: FloatArray, weights: FloatArray, covariance: FloatArray, verdict: FloatArray, judged: NDArray[np.bool_]
) -> float:
    """How much better each verdict is foretold from all others than by the share kept, beyond chance; as if ten more
    could not have been foretold."""
    said = design @ weights
    chance = _sigmoid(said)
    leverage = ((design @ covariance) * design).sum(1)
    without = said + (chance - verdict) * leverage / (1 - chance * (1 - chance) * leverage)
    count, kept = len(verdict), verdict.sum()
    share = (kept - verdict + 1) / (count + 1)
    gain = _bits(share, verdict)[judged] - _bits(_sigmoid(without), verdict)[judged]
    sure = float((gain.sum() - gain.std() * np.sqrt(len(gain))) / (len(gain) + _LIKE))
    return float(np.clip(sure / _SURE, 0.0, 1.0))


def _bits(chance: FloatArray, verdict: FloatArray) -> FloatArray:
    return -np.log2(np.where(verdict > 0, chance, 1 - chance))


def _sigmoid(value: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def _mean(values: FloatArray, everyone: FloatArray) -> FloatArray:
    """Mean of a style's rows, near that of all rows while they are few; nan where a trait was never measured."""
    total, number = np.nansum(everyone, 0), np.isfinite(everyone).sum(0)
    overall = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    return (np.nansum(values, 0) + 2 * overall) / (np.isfinite(values).sum(0) + 2)


def _scale(away: FloatArray, trait: Trait) -> float:
    """Standard deviation of a trait, which starts from the typical one."""
    away = away[np.isfinite(away)]
    return float(np.sqrt((_LIKE * trait.typical**2 + (away**2).sum()) / (_LIKE + len(away))))


def _difference(rows: Sequence[Rating], trait: Trait) -> tuple[float, float]:
    """(mean of the kept less mean of the discarded within styles, standard error), both in standard deviations."""
    values = np.array([row.value(trait.name) for row in rows])
    kept = np.array([row.keep for row in rows], bool)
    whose = np.array([row.style or "" for row in rows])
    known = np.isfinite(values)
    for name in set(whose[known].tolist()):
        mine = known & (whose == name)
        values[mine] -= values[mine].mean()
    one, other = values[known & kept], values[known & ~kept]
    if len(one) == 0 or len(other) == 0:
        return 0.0, float("inf")
    error = float(np.sqrt(1 / len(one) + 1 / len(other)))
    return float(one.mean() - other.mean()) / _scale(values[known], trait), error


def _listed(words: Sequence[str]) -> str:
    """'a, b and c'."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _score(music: Score | str | Path) -> Score:
    if isinstance(music, Score):
        return music
    from aigc_music.files.midi import read_score

    return read_score(music)


def _append(path: Path, line: bytes) -> None:
    """Add a line and wait until it is on the disk; a line that a crash cut off before it stays by itself."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "ab+", opener=partial(os.open, mode=0o600)) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        raise FileError(
            f"cannot write the rating to {path}: {err.strerror}; free some space or set AIGC_MUSIC_HOME"
        ) from err
