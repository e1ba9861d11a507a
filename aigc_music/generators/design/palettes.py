"""Palettes: a table of our own choice, and which of them suits a song.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

import numpy as np

from aigc_music.core.errors import UsageError

from .colour import contrast, distance, hue, luminance, mix, parse_colour

__all__ = ["MOODS", "PALETTES", "Coloured", "Palette", "choose_palette", "mood_of"]


class Coloured(Protocol):
    """What of a song chooses its colours: a Motif has it, and a Timeline. bright, arousal: -1..1. tonic: 0..11."""

    @property
    def bright(self) -> float: ...
    @property
    def arousal(self) -> float: ...
    @property
    def tonic(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Palette:
    """ground: the sleeve's own colour. ink: what words are set in, contrast with the ground >= 4.5. accents: three
    colours of the picture. bright, arousal: -1..1, the mood it goes with."""

    name: str
    bright: float
    arousal: float
    ground: int
    ink: int
    accents: tuple[int, int, int]

    @property
    def dark(self) -> bool:
        """Whether the ground is darker than the ink."""
        return luminance(self.ground) < luminance(self.ink)

    @property
    def colours(self) -> tuple[int, ...]:
        """Ground, ink and accents."""
        return (self.ground, self.ink, *self.accents)


_ROWS: tuple[tuple[str, float, float, int, int, int, int, int], ...] = (
    # name, brightness, arousal, ground, ink, three accents
    ("bone", 0.4, 0.6, 0xF2EBDD, 0x1B1A17, 0xE2401C, 0x23415C, 0xD9A441),
    ("kodachrome", 0.5, 0.3, 0xF4E6C8, 0x22201E, 0xD8432B, 0xE9A320, 0x2F6F6A),
    ("riviera", 0.8, 0.3, 0xF3F1E7, 0x12263A, 0x1F6FB2, 0xF26B4E, 0xF2C14E),
    ("sakura", 0.6, -0.5, 0xF8E6E4, 0x3A1F2B, 0xE27D93, 0x7FA998, 0xB92E4C),
    ("matcha", 0.3, -0.6, 0xECEFDB, 0x1F2A1E, 0x7C9A5E, 0xC9B458, 0x3F5B45),
    ("lemon press", 0.9, 0.8, 0xF6D928, 0x141414, 0xE8432A, 0xFFF8E2, 0x1E5AA8),
    ("tangerine", 0.8, 0.9, 0xF4731F, 0x1A0F06, 0xFCEBCB, 0x8C1D18, 0xFFC145),
    ("newsprint", 0.0, 0.2, 0xE9E4D8, 0x161616, 0xC8102E, 0x6B6B66, 0xA9A294),
    ("drawing office", 0.1, 0.1, 0xE4EBF1, 0x0F2747, 0x2B62C0, 0xE4572E, 0x9DB4CC),
    ("terracotta", 0.3, -0.2, 0xEFD9C3, 0x3B1C14, 0xC2552D, 0x6F8263, 0xE0A07A),
    ("mint", 0.7, 0.4, 0xCFE8D7, 0x10302B, 0x1F8A70, 0xF26457, 0xF2B632),
    ("lilac hour", 0.3, -0.1, 0xE6DEF0, 0x2A1B45, 0x7B4FB8, 0xEE7A6C, 0x3C8DAD),
    ("salt", 0.1, -0.8, 0xF2F1EC, 0x1D1D1F, 0xB4C0C3, 0x5C7480, 0xD96C4F),
    ("poppy field", 0.5, 0.1, 0xEDE3CF, 0x20281F, 0xD33A2C, 0x4F7A4A, 0xE6B23C),
    ("rose madder", 0.2, -0.3, 0xF1CFCB, 0x4A0F22, 0xA61E3D, 0x2E3F6E, 0xF08A6B),
    ("sky chart", 0.6, 0.0, 0xCBE1EC, 0x11263D, 0x0D5C91, 0xF0C24B, 0xE4572E),
    ("grapefruit", 0.8, 0.5, 0xFBD9C9, 0x3B1020, 0xEF5B4C, 0xF7A072, 0x2A7F8E),
    ("khaki drill", 0.0, -0.2, 0xD9D2B0, 0x25251A, 0x6F7143, 0xB5532A, 0x3E5A63),
    ("chalk and cobalt", 0.6, 0.6, 0xF1F0EA, 0x15206B, 0x2438C9, 0xF45D3A, 0x9AA6F2),
    ("butter", 0.9, -0.2, 0xF7EBC0, 0x2C2A4A, 0x6E8FC7, 0xF09A59, 0x4C9F83),
    ("night ferry", -0.4, -0.3, 0x0E1A2B, 0xF1E9D8, 0xE8A33D, 0x3F7CAC, 0xC8553D),
    ("oxblood", -0.5, 0.5, 0x3A0B12, 0xF3E2CF, 0xD8432B, 0xE0A458, 0x7E2A33),
    ("bottle green", -0.1, -0.4, 0x0F2A22, 0xEFE9D6, 0x3F8F6B, 0xE3B34C, 0xC75B39),
    ("aubergine", -0.5, -0.2, 0x24122E, 0xF2E6EC, 0xB0527C, 0xE88C4A, 0x6C5CA8),
    ("carbon", -0.7, 0.6, 0x131313, 0xF0EEE8, 0xE4402B, 0x7C7C78, 0xD9D4C5),
    ("sodium light", -0.3, 0.3, 0x15130F, 0xF6E7C1, 0xF2A71B, 0xC4421A, 0x6E5A3A),
    ("deep sea", -0.2, -0.5, 0x06232F, 0xE4F1EC, 0x1C8C9C, 0xF2785C, 0x9BD3C5),
    ("ultramarine", 0.4, 0.7, 0x1B2A8C, 0xF6EFE0, 0xF25C3A, 0xF4C544, 0x8EA6F0),
    ("magenta rail", 0.1, 0.9, 0x1C0B2E, 0xFBEAF3, 0xEF3F8F, 0x37B7C3, 0xF7B32B),
    ("ember", -0.4, 0.8, 0x1D0F0C, 0xFBE3CB, 0xEF4B23, 0xF59B23, 0x8A2B1C),
    ("graphite rose", -0.6, -0.5, 0x26262B, 0xF3E7E3, 0xD98C8C, 0x7F8FA6, 0xB4485A),
    ("pine smoke", -0.4, -0.7, 0x1E2622, 0xE8E6DA, 0x8FA58E, 0xC9A66B, 0x5D7367),
    ("moon indigo", -0.3, -0.8, 0x141B3D, 0xE9E6F5, 0x8A93D6, 0xF1C27B, 0x4F5CA8),
    ("signal", 0.2, 1.0, 0xC4211A, 0xFFF4E3, 0x1A1010, 0xF7C548, 0x7A120D),
    ("acid house", -0.5, 1.0, 0x101510, 0xE9F5D3, 0xC6F135, 0xFF5F4A, 0x3AA88F),
    ("tobacco", -0.3, -0.3, 0x2B1D14, 0xF0DFC4, 0xC98B3C, 0xA2502C, 0x6E7B5C),
    ("winter", -0.4, -0.6, 0x1F3547, 0xEEF3F5, 0xA7C4D4, 0xE86A50, 0x5C87A3),
    ("violet rain", -0.2, 0.2, 0x2B1F5B, 0xF4EEFA, 0xA07CE8, 0xF27BA0, 0x4FC1C9),
)
PALETTES: dict[str, Palette] = {
    name: Palette(name, bright, arousal, ground, ink, (first, second, third))
    for name, bright, arousal, ground, ink, first, second, third in _ROWS
}

MOODS: dict[str, tuple[float, float]] = {
    # word -> brightness, arousal
    "happy": (0.8, 0.5), "bright": (0.9, 0.2), "sunny": (0.9, 0.3), "joyful": (0.8, 0.7), "playful": (0.7, 0.5),
    "energetic": (0.3, 0.9), "fierce": (-0.4, 1.0), "angry": (-0.7, 0.9), "tense": (-0.5, 0.6),
    "dramatic": (-0.3, 0.6), "epic": (0.0, 0.7), "urban": (-0.2, 0.5),
    "warm": (0.5, -0.1), "romantic": (0.3, -0.2), "tender": (0.3, -0.6),
    "calm": (0.3, -0.8), "peaceful": (0.4, -0.8), "dreamy": (0.1, -0.6), "nostalgic": (0.1, -0.3),
    "melancholy": (-0.5, -0.5), "sad": (-0.7, -0.5), "dark": (-0.9, 0.1), "night": (-0.6, -0.3), "cold": (-0.5, -0.5),
    "lonely": (-0.6, -0.6), "mysterious": (-0.5, -0.1), "hopeful": (0.6, 0.0), "solemn": (-0.3, -0.6),
}  # fmt: skip


def mood_of(words: str) -> tuple[float, float] | None:
    """Mean (brightness, arousal) of mood words, None for no words. UsageError names a word that is not known."""
    names = words.casefold().replace(",", " ").split()
    for name in names:
        if name not in MOODS:
            close = get_close_matches(name, MOODS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise UsageError(f"unknown mood {name!r}: choose some of {', '.join(sorted(MOODS))}.{hint}")
    if not names:
        return None
    bright, arousal = np.mean([MOODS[name] for name in names], axis=0)
    return float(bright), float(arousal)


def choose_palette(wanted: str | None, motif: Coloured, ground: str | None, rng: np.random.Generator) -> Palette:
    """The palette that is asked for by name or as hex colours, or one drawn by mood and key.

    ground: 'light' or 'dark' where the family needs one, else None. The chance of a palette falls with its distance
    from the mood, and rises where an accent has the hue of the key: the circle of fifths laid on the circle of hues.
    UsageError for an unknown name or colours that cannot be read.
    """
    if wanted is not None:
        return _asked(wanted)
    turn = motif.tonic * 7 % 12 / 12
    rows = [row for row in PALETTES.values() if ground is None or row.dark == (ground == "dark")]
    weights = []
    for row in rows:
        away = math.hypot(row.bright - motif.bright, row.arousal - motif.arousal)
        hues = [hue(colour) for colour in row.accents]
        near = max(chroma * math.cos(math.tau * (value - turn)) for value, chroma in hues)
        weights.append(math.exp(-2.2 * away + 3.0 * near))
    chances = np.array(weights)
    return rows[int(rng.choice(len(rows), p=chances / chances.sum()))]


def _asked(wanted: str) -> Palette:
    plain = " ".join(wanted.casefold().replace("-", " ").replace("_", " ").split())
    if plain in PALETTES:
        return PALETTES[plain]
    if "#" not in wanted:
        close = get_close_matches(plain, PALETTES, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(
            f"unknown palette {wanted!r}: give one of {', '.join(PALETTES)}, or hex colours such as"
            f" '#102030,#f0e0d0,#e04020', the ground first.{hint}"
        )
    return _of_hex([parse_colour(part) for part in wanted.replace(";", ",").split(",") if part.strip()], wanted)


def _of_hex(colours: list[int], name: str) -> Palette:
    """The first colour is the ground, the one that stands out most from it the ink; black or white if none does."""
    if not colours:
        raise UsageError(f"palette {name!r} holds no colour: write some as hex, such as #102030,#f0e0d0")
    ground, *rest = colours
    best = max([*rest, 0x000000, 0xFFFFFF], key=lambda colour: contrast(ground, colour))
    ink = max(rest, key=lambda colour: contrast(ground, colour)) if rest else best
    if contrast(ground, ink) < 4.5:
        ink = best
    accents = [colour for colour in rest if distance(colour, ink) > 0.02][:3]
    for share in (0.55, 0.3, 0.75):  # tints between ground and ink where the user gave fewer than three
        if len(accents) < 3:
            accents.append(mix(ground, ink, share))
    return Palette(name, 0.0, 0.0, ground, ink, (accents[0], accents[1], accents[2]))
