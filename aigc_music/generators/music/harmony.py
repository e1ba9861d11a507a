"""The chord plan of a performance: one chord a half bar or bar, in the key, ahead of the notes.

Without a leader it is a progression drawn from the chord model (transitions learned from POP909 and lead
sheets); under a musician it is the most likely chord for what was just played, given the one before. Chords are
kept inside the asked key: every chord tone is a note of the scale, so the key holds for the whole band.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np

from aigc_music.core.theory import CHORD_QUALITIES, Chord, Key
from aigc_music.core.time import Metre
from models.music.harmony import ChordModel

from .roles import Heard

__all__ = ["Harmony"]

_MEMORY_BEATS = 4  # how far back the musician's notes count for the chord
_HALF_LIFE_BEATS = 1.5
_SECTION_BARS = 8
_FORM = "AABA"  # sections of one chorus: a letter that came before brings its chords back


class Harmony:
    """A growing list of (tick, Chord). Threads: one. Deterministic for seed and what it is told."""

    _model: ChordModel | None = None

    def __init__(self, seed: int, metre: Metre) -> None:
        if Harmony._model is None:
            Harmony._model = ChordModel.load()
        self.model = Harmony._model
        self.seed, self.metre = seed, metre
        self.key, self.style = Key(0, "major"), "pop"
        self.chords: list[tuple[int, Chord]] = []
        self._arrays: tuple[Any, Any, Any] | None = None
        self._settled = 0  # tick since which key and style are what they are
        self._changed = False
        self._allowed: set[tuple[int, int]] = set()

    def set_key(self, key: Key, style: str) -> None:
        """From now on (after `forget_after`) chords of this key, with this style's habits."""
        self._changed = self._changed or (key, style) != (self.key, self.style)
        self.key, self.style = key, style
        self._allowed = {
            (root, quality)
            for root in range(12)
            for quality in range(len(CHORD_QUALITIES))
            if Chord(root, quality).mask & ~key.scale == 0
        }

    def forget_after(self, tick: int) -> None:
        """Drop the chords that begin after `tick`."""
        while self.chords and self.chords[-1][0] > tick:
            self.chords.pop()
        if self._changed:
            self._settled, self._changed = max(0, tick), False
        self._arrays = None

    def decide(self, tick: int, heard: list[Heard]) -> None:
        """Decide the next chord after `tick` from the musician's notes, when there are any."""
        if not heard:
            return
        step = self.metre.bar_ticks // 2 if self.metre.beats % 2 == 0 else self.metre.bar_ticks
        begin = -(-(tick + 1) // step) * step
        weights = self._weights(heard, tick)
        if weights.sum() <= 0:
            return
        previous = self.at(tick)
        chord = Chord(*self.model.follow(weights, previous, self.key, self.style, self._allowed))
        if chord != previous or not self.chords:
            self.chords.append((max(begin, 0) if self.chords else min(begin, tick), chord))
            self._arrays = None

    def extend(self, until: int) -> None:
        """Make sure that chords are decided up to tick `until`."""
        bar = self.metre.bar_ticks
        while not self.chords or self.chords[-1][0] + bar <= until:
            begin = self.chords[-1][0] // bar * bar + bar if self.chords else 0
            self.chords.append((begin, self._returning(begin // bar) or self._drawn(begin // bar)))
            self._arrays = None

    def _returning(self, bar: int) -> Chord | None:
        """The chord of this bar where its section has been heard before in this key and style."""
        section, inside = divmod(bar, _SECTION_BARS)
        place = section % len(_FORM)
        first = section - place + _FORM.index(_FORM[place])
        tick = (first * _SECTION_BARS + inside) * self.metre.bar_ticks
        return self.at(tick) if first < section and tick >= max(self._settled, self.chords[0][0]) else None

    def _drawn(self, bar: int) -> Chord:
        """A new chord after those before; a piece begins on its tonic."""
        if not self.chords:
            tonic = Chord(self.key.tonic, 1 if self.key.is_minor else 0)
            if tonic in self._allowed:
                return tonic
        history = [chord for _, chord in self.chords[-4:]]
        return Chord(*self.model.next(self.style, self.key, history, self._uniform(bar), self._allowed))

    def at(self, tick: int) -> Chord:
        """The chord in force at `tick`."""
        index = bisect_right(self.chords, tick, key=lambda entry: entry[0]) - 1
        return self.chords[index][1] if index >= 0 else Chord()

    def arrays(self) -> tuple[Any, Any, Any]:
        """(ticks, roots, qualities) as int64 arrays, for the decoder."""
        if self._arrays is None:
            recent = self.chords[-24:]
            self._arrays = (
                np.array([tick for tick, _ in recent], np.int64),
                np.array([chord.root for _, chord in recent], np.int64),
                np.array([chord.quality for _, chord in recent], np.int64),
            )
        return self._arrays

    def _uniform(self, bar: int) -> float:
        """The draw of bar `bar`: the same for the same seed, whenever it is asked for."""
        return float(np.random.Generator(np.random.Philox(key=[self.seed & 0xFFFFFFFF, bar & 0xFFFFFFFF])).random())

    def _weights(self, heard: list[Heard], tick: int) -> np.ndarray:
        """How much each pitch class sounded in the last beats, newer and longer notes counting more."""
        beat = self.metre.beat_ticks
        weights = np.zeros(12)
        for note in heard:
            end = note.end if note.end is not None else tick
            age = (tick - end) / beat
            if age < _MEMORY_BEATS:
                length = min(2.0, max(0.25, (end - note.tick) / beat))
                weights[note.pitch % 12] += length * 0.5 ** (max(0.0, age) / _HALF_LIFE_BEATS)
        return weights
