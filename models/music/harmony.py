"""Chords by habit: which chord tends to follow, and which chord the notes of a musician mean.

A table of counts, learned from labelled chords (POP909 annotations, lead sheets) one bar at a time, roots counted
from the tonic; per mode (major, minor) and per family of styles (pop, jazz, general). Orders 2, 1 and 0 are mixed
by Witten-Bell weights, with a little left for any chord.

Threads: a ChordModel is read-only. Realtime-safe: no (allocates), below 1 ms a call.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from aigc_music.core.theory import CHORD_QUALITIES, NO_CHORD, Key

if TYPE_CHECKING:
    from .corpus import Song

__all__ = ["ChordModel", "learn"]

FAMILIES: dict[str, str] = {
    "pop": "pop", "rock": "pop", "funk": "pop", "hiphop": "pop", "punk": "pop", "country": "pop", "reggae": "pop",
    "afro": "pop", "jazz": "jazz", "soul": "jazz", "latin": "jazz", "ragtime": "jazz",
}  # fmt: skip
"""Style -> table; styles not named here use the general one."""

QUALITIES = len(CHORD_QUALITIES)
STATES = 12 * QUALITIES  # root above the tonic * QUALITIES + quality
FLOOR = 1e-4  # share of the mass that any chord gets
RARE = 0.04  # chords this much rarer than the likeliest are not drawn
KEEP = 3  # order-2 counts below this are not stored

SHARPNESS = 6.0  # how much the notes heard weigh against habit
STAY = 0.7  # bonus for keeping the last chord, in nats
_OUTSIDE = 0.02


class ChordModel:
    """Read it with `load`; see `next` and `follow`."""

    def __init__(self, tables: dict[str, Any]) -> None:
        self._tables = tables

    @classmethod
    def load(cls, path: str | Path | None = None) -> ChordModel:
        """The shipped table, or another one. ModelError when it cannot be read."""
        path = Path(path) if path else Path(__file__).parent.parent / "zoo" / "harmony" / "chords.json"
        try:
            data = json.loads(path.read_text("utf-8"))
            return cls({name: _Table(table) for name, table in data["tables"].items()})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"the chord table {str(path)!r} cannot be read ({error}): install the package again"
            ) from error

    def next(
        self,
        style: str,
        key: Key,
        history: Sequence[tuple[int, int]],
        uniform: float,
        allowed: Collection[tuple[int, int]] | None = None,
    ) -> tuple[int, int]:
        """(root, quality) of the next bar, drawn with `uniform` in [0, 1).

        history: the last chords, (root, quality), newest last, may be empty. allowed: the only chords to choose from.
        """
        weights = self.distribution(style, key, history)
        permitted = _states(allowed, key.tonic)
        if permitted is not None:
            weights = np.where(permitted, weights, 0.0)
        total = np.cumsum(np.where(weights < RARE * weights.max(), 0.0, weights))
        if total[-1] <= 0:
            return history[-1] if history else (key.tonic, int(key.is_minor))
        state = int(np.searchsorted(total, uniform * total[-1], side="right"))
        return _chord(min(state, STATES - 1), key.tonic)

    def follow(
        self,
        weights12: NDArray[np.floating] | Sequence[float],
        previous_chord: tuple[int, int],
        key: Key,
        style: str,
        allowed: Collection[tuple[int, int]] | None = None,
    ) -> tuple[int, int]:
        """The most likely chord (root, quality) for what was heard.

        weights12: how much each pitch class sounded lately, any scale; all zero keeps the previous chord.
        """
        heard = np.asarray(weights12, dtype=np.float64)
        known = previous_chord[1] < NO_CHORD
        if heard.sum() <= 0:
            return previous_chord if known else (key.tonic, int(key.is_minor))
        heard = np.roll(heard / heard.sum(), -key.tonic)
        score = SHARPNESS * (profiles() @ heard) + np.log(
            self.distribution(style, key, [previous_chord] if known else [])
        )
        if known:
            score[state_of(previous_chord, key.tonic)] += STAY
        permitted = _states(allowed, key.tonic)
        if permitted is not None:
            score = np.where(permitted, score, -np.inf)
        if not np.isfinite(score).any():
            return previous_chord if known else (key.tonic, int(key.is_minor))
        return _chord(int(np.argmax(score)), key.tonic)

    def distribution(self, style: str, key: Key, history: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
        table = self._tables[f"{FAMILIES.get(style, 'general')}/{'minor' if key.is_minor else 'major'}"]
        past = tuple(state_of(chord, key.tonic) for chord in history[-2:] if chord[1] < NO_CHORD)
        return table.distribution(past)


class _Table:
    def __init__(self, data: dict[str, Any]) -> None:
        self.start = np.zeros(STATES)
        for state, count in data["0"].items():
            self.start[int(state)] = count
        self.start = (1 - FLOOR) * self.start / self.start.sum() + FLOOR / STATES
        self.rows = {
            tuple(int(part) for part in past.split(",")): [(int(state), count) for state, count in row.items()]
            for order in ("1", "2")
            for past, row in data[order].items()
        }

    def distribution(self, past: tuple[int, ...]) -> NDArray[np.float64]:
        result = self.start
        for context in (past[-1:], past[-2:]) if len(past) == 2 else (past,):
            row = self.rows.get(context)
            if row:
                total = sum(count for _, count in row)
                share = total / (total + len(row))
                result = result * (1 - share)
                for state, count in row:
                    result[state] += share * count / total
        return result


def state_of(chord: tuple[int, int], tonic: int) -> int:
    return (chord[0] - tonic) % 12 * QUALITIES + chord[1]


def _chord(state: int, tonic: int) -> tuple[int, int]:
    return (state // QUALITIES + tonic) % 12, state % QUALITIES


def _states(allowed: Collection[tuple[int, int]] | None, tonic: int) -> NDArray[np.bool_] | None:
    if not allowed:
        return None
    mask = np.zeros(STATES, dtype=bool)
    mask[[state_of(chord, tonic) for chord in allowed if chord[1] < NO_CHORD]] = True
    return mask


@lru_cache(maxsize=1)
def profiles() -> NDArray[np.float64]:
    """Log of the pitch-class profile of every state, the best note at 0: chord tones by place, the rest small."""
    result = np.full((STATES, 12), math.log(_OUTSIDE))
    for root in range(12):
        for quality, (_, steps) in enumerate(CHORD_QUALITIES):
            for place, step in enumerate(steps):
                result[root * QUALITIES + quality, (root + step) % 12] = math.log((0.34, 0.27, 0.22, 0.17)[place])
    return np.asarray(result - math.log(0.34))


def learn(songs: Iterable[Song]) -> dict[str, Any]:
    """Count chords bar by bar in the train part of sets with labels; returns what chords.json holds."""
    counts: dict[str, list[Counter[tuple[int, ...]]]] = {}
    pieces: Counter[str] = Counter()
    for song in songs:
        if song.split != "train" or not song.chords_given or song.key_root < 0 or len(song.chords) < 4:
            continue
        family = "jazz" if song.set == "openewld_leadsheets" else "pop"
        pieces[song.set] += 1
        chords = _bars(song)
        for name in (family, "general"):
            tables = counts.setdefault(
                f"{name}/{'minor' if song.key_minor else 'major'}", [Counter(), Counter(), Counter()]
            )
            for order in range(3):
                for index in range(order, len(chords)):
                    run = tuple(state for state in chords[index - order : index + 1] if state is not None)
                    if len(run) == order + 1:
                        tables[order][run] += 1
    result: dict[str, Any] = {
        "what": "chord per bar, counts; state = root above the tonic * 12 + quality",
        "pieces": dict(pieces),
        "tables": {},
    }
    for name, tables in sorted(counts.items()):
        rows: dict[str, Any] = {"0": {str(run[0]): n for run, n in sorted(tables[0].items())}, "1": {}, "2": {}}
        for order in (1, 2):
            for run, n in sorted(tables[order].items()):
                if order == 1 or n >= KEEP:
                    rows[str(order)].setdefault(",".join(map(str, run[:-1])), {})[str(run[-1])] = n
        result["tables"][name] = rows
    return result


def _bars(song: Song) -> list[int | None]:
    """State of the chord that fills most of every bar; None where there is none."""
    start, beats, ticks = (int(value) for value in song.metres[0])
    bar = beats * ticks
    if bar < 960:
        bar *= 2
    end = int(song.notes[-1, 0])
    edges = np.append(song.chords[:, 0], end + bar)
    result: list[int | None] = []
    for begin in range(max(start, int(song.chords[0, 0]) // bar * bar), end, bar):
        overlap = np.minimum(edges[1:], begin + bar) - np.maximum(edges[:-1], begin)
        root, quality = song.chords[int(np.argmax(overlap)), 1:]
        result.append(state_of((int(root), int(quality)), song.key_root) if quality < NO_CHORD else None)
    return result


def _main() -> None:
    """python -m models.music.harmony SET... OUT.json"""
    import sys

    from .corpus import load_corpus

    *sets, out = sys.argv[1:]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(learn(load_corpus(sets)), separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    _main()
