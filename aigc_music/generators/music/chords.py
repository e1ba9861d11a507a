"""Chords of a whole piece: written as text, drawn for a form, or found under a melody.

Text: bars stand between bar lines, chords of one bar share it evenly, `%` repeats the bar before, such as
"C | Am F/C | % | G7".

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError
from aigc_music.core.theory import CHORD_QUALITIES, NO_CHORD, NO_ROOT, Chord, Key
from aigc_music.core.time import Metre
from models.music.harmony import FAMILIES, SHARPNESS, ChordModel, profiles, state_of

__all__ = ["ChordAt", "blues", "chords_under", "diatonic", "draw_bars", "parse_chords", "scale_under"]

_FOLLOW_BAR = 0.9  # in nats: what a change off the bar line costs
_LAST_TONIC = 2.0  # in nats: how much the last chord likes to be the tonic
_DOMINANT = 6  # quality
_PLAIN = frozenset({0, 1, 2, _DOMINANT})  # qualities of styles without much colour


class ChordAt(NamedTuple):
    """A chord from `tick` on; bass: pitch class of its lowest note, NO_ROOT = not said."""

    tick: int
    chord: Chord
    bass: int = NO_ROOT

    def __str__(self) -> str:
        slash = self.bass not in (NO_ROOT, self.chord.root)
        return f"{self.chord}/{Chord(self.bass, 0)}" if slash else str(self.chord)


def parse_chords(text: str, bars: Sequence[tuple[int, Metre]]) -> list[ChordAt]:
    """Chords for these bars (first tick, metre), the text again and again until they are full.

    UsageError names the chord that cannot be read.
    """
    written = [bar.split() for bar in text.strip().strip("|").split("|")]
    if not any(written):
        raise UsageError(f"chords {text!r}: write them with bar lines, such as 'C | Am F | Dm G7 | C'")
    rows: list[ChordAt] = []
    before: list[str] = []
    for number, (tick, metre) in enumerate(bars):
        names = written[number % len(written)]
        if names == ["%"] or not names:
            names = before
        before = names
        for place, name in enumerate(names):
            head, _, bass = name.partition("/")
            try:
                chord = Chord.parse(head)
                low = Chord.parse(bass).root if bass else NO_ROOT
            except UsageError:
                raise UsageError(
                    f"chord {name!r} in bar {number + 1} of {text!r} cannot be read: write a root and a kind, such as"
                    f" C, Am, G7, Fmaj7, Bdim, C/E, or N for none"
                ) from None
            rows.append(ChordAt(tick + metre.bar_ticks * place // len(names), chord, low))
    return _merged(rows)


def _merged(rows: list[ChordAt]) -> list[ChordAt]:
    """Without rows that only repeat the chord before."""
    return [row for index, row in enumerate(rows) if index == 0 or row[1:] != rows[index - 1][1:]]


def diatonic(key: Key) -> set[tuple[int, int]]:
    """Every (root, quality) made of notes of the key alone."""
    return {
        (root, quality)
        for root in range(12)
        for quality in range(len(CHORD_QUALITIES))
        if Chord(root, quality).mask & ~key.scale == 0
    }


def scale_under(key: Key, chord: Chord) -> int:
    """Notes (12 bits) that belong over a chord: the key's, and a chord tone from outside in place of its neighbour.

    A third above the key's raises (C# over A7 in C major takes C away), a flat one lowers (Bb over C7 takes B away).
    """
    scale = key.scale
    if chord.quality >= NO_CHORD:
        return scale
    for step in CHORD_QUALITIES[chord.quality][1]:
        tone = (chord.root + step) % 12
        if scale >> tone & 1:
            continue
        flat = step in (3, 6, 10) or (step in (0, 7) and (tone - key.tonic) % 12 in (1, 3, 8, 10))
        scale &= ~(1 << (tone + (1 if flat else -1)) % 12)
        scale |= 1 << tone
    return scale | chord.mask


def blues(key: Key, bars: int) -> list[Chord]:
    """The twelve-bar blues in this key, a chord a bar, cut or repeated to `bars`."""
    minor = key.is_minor
    one, four = (5, 5) if minor else (_DOMINANT, _DOMINANT)
    first, fourth = Chord(key.tonic, one), Chord((key.tonic + 5) % 12, four)
    fifth = Chord((key.tonic + 7) % 12, _DOMINANT)
    scheme = [first] * 4 + [fourth] * 2 + [first] * 2 + [fifth, first if minor else fourth, first, fifth]
    return [scheme[bar % 12] for bar in range(bars)]


def draw_bars(
    model: ChordModel, style: str, key: Key, bars: int, history: Sequence[Chord], rng: np.random.Generator,
    inside: bool = True,
) -> list[Chord]:  # fmt: skip
    """A chord a bar, from the habits of the style; a piece begins on its tonic. inside: chords of the key alone."""
    allowed = diatonic(key) if inside else None
    tonic = Chord(key.tonic, int(key.is_minor))
    chords = list(history)
    for _ in range(bars):
        uniform = float(rng.random())
        begins = not chords and tuple(tonic) in diatonic(key)
        chords.append(tonic if begins else Chord(*model.next(style, key, chords[-4:], uniform, allowed)))
    return chords[len(history) :]


def chords_under(
    model: ChordModel, notes: NDArray[np.integer], slots: Sequence[tuple[int, bool]], end: int, key: Key, style: str
) -> list[ChordAt]:
    """The likeliest chords under notes whose whole course is known (Viterbi), one decision a slot.

    notes: (n, >= 5) rows (tick, part, pitch, velocity, duration); slots: (tick, whether a bar begins); end: tick.
    Chords are in the key. A change off the bar line costs a little, and the last chord likes to be the tonic.
    """
    rich = FAMILIES.get(style) == "jazz"
    states = sorted(state for state in diatonic(key) if rich or state[1] in _PLAIN)
    sung = _weights(notes, [tick for tick, _ in slots], end)
    rows = [state_of(state, key.tonic) for state in states]
    tones = np.roll(profiles()[rows], key.tonic, axis=1)
    habit = np.log(np.array([model.distribution(style, key, [state])[rows] for state in states]))
    tonic = np.array([state[0] == key.tonic and state[1] in (0, 1) for state in states])
    score = np.log(model.distribution(style, key, [])[rows]) + _LAST_TONIC * tonic
    back: list[NDArray[np.integer]] = []
    for index, (_, on_bar) in enumerate(slots):
        if index:
            move = habit - (0.0 if on_bar else _FOLLOW_BAR)
            move[np.diag_indices(len(states))] = 0.0 if not on_bar else np.diag(habit)
            ways = score[:, None] + move
            back.append(ways.argmax(0))
            score = ways.max(0)
        score = score + SHARPNESS * (tones @ sung[index])
    best = [int(np.argmax(score + _LAST_TONIC * tonic))]
    for row in reversed(back):
        best.append(int(row[best[-1]]))
    return _merged([ChordAt(tick, Chord(*states[state])) for (tick, _), state in zip(slots, best[::-1], strict=True)])


def _weights(notes: NDArray[np.integer], ticks: list[int], end: int) -> NDArray[np.floating]:
    """Share of the sounding time of each pitch class in every slot; rows sum to 1, or to 0 in silence."""
    edges = np.array([*ticks, max(end, ticks[-1] + 1)])
    result = np.zeros((len(ticks), 12))
    for tick, _, pitch, _, duration in notes[:, :5]:
        first = max(0, int(np.searchsorted(edges, tick, side="right")) - 1)
        for slot in range(first, len(ticks)):
            overlap = min(tick + duration, edges[slot + 1]) - max(tick, edges[slot])
            if overlap <= 0:
                break
            result[slot, pitch % 12] += overlap
    total = result.sum(1, keepdims=True)
    return result / np.maximum(total, 1e-9)
