"""Keys, scales and chords: names <-> numbers, and the tables behind them.

Pitch classes 0..11 count from C. A scale or chord as a 12-bit mask has bit k set for pitch class k.
Chord qualities are numbered by their row in CHORD_QUALITIES; the order is part of trained models, so only append.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import UsageError, choose

__all__ = [
    "CHORD_QUALITIES",
    "CHROMATIC",
    "MODES",
    "NO_CHORD",
    "NO_ROOT",
    "PITCH_NAMES",
    "Chord",
    "Key",
    "mask_of",
    "note_name",
    "rotate",
]

PITCH_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
CHROMATIC = 0xFFF

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10, 11),  # natural and harmonic together: both sevenths are at home
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "blues": (0, 2, 3, 4, 5, 6, 7, 9, 10),  # major and minor blues scale together
    "pentatonic": (0, 2, 4, 7, 9),
    "chromatic": tuple(range(12)),
}
_MINOR_LIKE = frozenset({"minor", "dorian", "phrygian", "locrian"})

# id order is fixed by trained models: suffix shown to people, intervals above the root
CHORD_QUALITIES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("", (0, 4, 7)),
    ("m", (0, 3, 7)),
    ("dim", (0, 3, 6)),
    ("aug", (0, 4, 8)),
    ("maj7", (0, 4, 7, 11)),
    ("m7", (0, 3, 7, 10)),
    ("7", (0, 4, 7, 10)),
    ("m7b5", (0, 3, 6, 10)),
    ("dim7", (0, 3, 6, 9)),
    ("sus4", (0, 5, 7)),
    ("6", (0, 4, 7, 9)),
    ("m6", (0, 3, 7, 9)),
)
NO_CHORD = len(CHORD_QUALITIES)
NO_ROOT = 12

_NAME = re.compile(r"([A-Ga-g])([#♯b♭]*)")
_SUFFIXES: dict[str, int] = {
    "maj": 0, "M": 0, "5": 0, "min": 1, "-": 1, "mi": 1, "o": 2, "+": 3, "M7": 4, "min7": 5, "mi7": 5, "-7": 5,
    "dom7": 6, "9": 6, "13": 6, "7sus4": 9, "hdim7": 7, "ø": 7, "ø7": 7, "o7": 8, "sus": 9, "sus2": 9,
    "maj6": 10, "min6": 11, "maj9": 4, "maj13": 4, "m9": 5, "min9": 5, "m11": 5, "min11": 5, "m13": 5,
    "min13": 5, "min7b5": 7, "m7(b5)": 7, "m7(altb5)": 7, "add9": 0, "maj(9)": 0, "11": 6,
} | {suffix: index for index, (suffix, _) in enumerate(CHORD_QUALITIES)}  # fmt: skip


def note_name(pitch: int) -> str:
    """Name of a MIDI note number with its octave; 60 is C4."""
    return f"{PITCH_NAMES[pitch % 12]}{pitch // 12 - 1}"


def mask_of(root: int, intervals: tuple[int, ...]) -> int:
    """12-bit mask of the pitch classes `root + interval`."""
    mask = 0
    for interval in intervals:
        mask |= 1 << ((root + interval) % 12)
    return mask


def rotate(mask: int, semitones: int) -> int:
    """Transpose a 12-bit mask up by `semitones`."""
    shift = semitones % 12
    return ((mask << shift) | (mask >> (12 - shift))) & CHROMATIC


def _root_of(text: str) -> tuple[int, str]:
    match = _NAME.match(text)
    if not match:
        raise UsageError(f"{text!r} does not start with a note name: use C, C#, Db, D ... B")
    root = _LETTERS[match[1].upper()]
    for sign in match[2]:
        root += 1 if sign in "#♯" else -1
    return root % 12, text[match.end() :].strip()


class Key(NamedTuple):
    """A tonic (0..11) and a mode (a name of MODES)."""

    tonic: int
    mode: str

    @classmethod
    def parse(cls, text: str) -> Key:
        """'F', 'F major', 'Dm', 'Eb minor', 'C# dorian', 'A:min' -> Key. UsageError names what is allowed."""
        root, rest = _root_of(text.strip())
        rest = rest.removeprefix(":")
        if rest in ("m", "min"):
            rest = "minor"
        return cls(root, choose("mode", rest, MODES) if rest and rest != "maj" else "major")

    @property
    def is_minor(self) -> bool:
        """True for modes with a minor third on the tonic (blues and pentatonic count as major)."""
        return self.mode in _MINOR_LIKE

    @property
    def scale(self) -> int:
        """12-bit mask of the scale."""
        return mask_of(self.tonic, MODES[self.mode])

    def __str__(self) -> str:
        return f"{PITCH_NAMES[self.tonic]} {self.mode}"


class Chord(NamedTuple):
    """A chord: root 0..11 (NO_ROOT for none) and quality, a row of CHORD_QUALITIES (NO_CHORD for none)."""

    root: int = NO_ROOT
    quality: int = NO_CHORD

    @classmethod
    def parse(cls, text: str) -> Chord:
        """'Am7', 'F#dim', 'Bb:maj7', 'Eb/F', 'N' -> Chord (the bass after '/' is dropped).

        An unknown suffix falls back to the triad it starts like; UsageError when there is no root.
        """
        text = text.strip()
        if text.upper() in ("N", "N.C.", "NC", "X", ""):
            return cls()
        root, rest = _root_of(text.split("/")[0].strip())
        rest = rest.lstrip(":")
        if rest in _SUFFIXES:
            return cls(root, _SUFFIXES[rest])
        for length in range(len(rest), 0, -1):
            if rest[:length] in _SUFFIXES:
                return cls(root, _SUFFIXES[rest[:length]])
        return cls(root, 0)

    @property
    def mask(self) -> int:
        """12-bit mask of the chord tones; 0 for no chord."""
        return mask_of(self.root, CHORD_QUALITIES[self.quality][1]) if self.quality < NO_CHORD else 0

    def __str__(self) -> str:
        return f"{PITCH_NAMES[self.root]}{CHORD_QUALITIES[self.quality][0]}" if self.quality < NO_CHORD else "N.C."
