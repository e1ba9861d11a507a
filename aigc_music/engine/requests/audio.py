"""A request for sound: a score as it is played by the band, in parts or whole."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import ClassVar

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.notes import Score
from aigc_music.core.sounds import Sound

from .base import Request, check_range

__all__ = ["AudioRequest"]

KINDS: dict[str, str] = {
    "stem": "one track alone; the stems together are the mix",
    "mix": "all tracks, as live plays them",
    "master": "a mix at the loudness that services want, its peaks held",
}
"""What can be rendered."""

BACKENDS: dict[str, str] = {"builtin": "our own synth, the sound of `live`"}


@dataclass(frozen=True, slots=True)
class AudioRequest(Request):
    """Sound.

    kind: a name of KINDS. song: a MIDI file, or a Score: what is played. track: of a stem, the track's name or its
    number from 1. mix: for a master, a sound file (or a Sound) to master instead of rendering the song.
    loudness -30..-8: of a master, integrated loudness in LUFS (ITU-R BS.1770). peak -6..-0.1: of a master, its true
    peak in dBTP at most. rate: frames a second, 44100 or 48000. title, artist: for its tags.
    seed: nothing is left to chance in rendering; kept as every request keeps it.
    """

    asset: ClassVar[str] = "audio"
    PARENTS: ClassVar[tuple[str, ...]] = ("song", "mix")

    kind: str = "mix"
    song: str | Score | None = None
    track: str | None = None
    mix: str | Sound | None = None
    loudness: float = -14.0
    peak: float = -1.0
    rate: int = 48_000
    title: str = ""
    artist: str = ""
    backend: str = "builtin"
    model: str = "default"
    seed: int = field(default_factory=lambda: secrets.randbelow(1 << 31))

    def __post_init__(self) -> None:
        self._settle_parents()
        self._set("kind", choose("kind of sound", self.kind, KINDS))
        self._set("backend", choose("backend", self.backend, BACKENDS))
        if self.song is None and not (self.kind == "master" and self.mix is not None):
            raise UsageError(f"a {self.kind} is rendered from music: name a MIDI file (song=..., --song FILE.mid)")
        if self.mix is not None and self.kind != "master":
            raise UsageError(f"mix is what a master is made of: kind {self.kind!r} has no use for it")
        if self.kind == "stem" and self.track is None:
            raise UsageError("a stem is one track: give its name or its number from 1 (track=..., --track 1)")
        if self.rate not in (44_100, 48_000):
            raise UsageError(f"rate {self.rate!r}: give 44100 or 48000 frames a second")
        check_range("loudness", self.loudness, -30, -8, "LUFS")
        check_range("peak", self.peak, -6, -0.1, "dBTP")
