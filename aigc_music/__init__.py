"""aigc-music: a co-player for musicians. The names below are the whole public API; each is loaded on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aigc_music.core.errors import AigcMusicError, UsageError
    from aigc_music.core.notes import Note, Score, Track
    from aigc_music.core.theory import Chord, Key
    from aigc_music.core.time import TempoMap
    from aigc_music.engine import (
        AudioRequest,
        Engine,
        ImageRequest,
        Job,
        MusicRequest,
        Result,
        TextRequest,
        VideoRequest,
    )
    from aigc_music.files.midi import read_score, write_score

__version__ = "0.1.0"

_HOMES = {
    "AigcMusicError": "aigc_music.core.errors",
    "AudioRequest": "aigc_music.engine",
    "Chord": "aigc_music.core.theory",
    "Engine": "aigc_music.engine",
    "ImageRequest": "aigc_music.engine",
    "Job": "aigc_music.engine",
    "Key": "aigc_music.core.theory",
    "MusicRequest": "aigc_music.engine",
    "Note": "aigc_music.core.notes",
    "Result": "aigc_music.engine",
    "Score": "aigc_music.core.notes",
    "TempoMap": "aigc_music.core.time",
    "TextRequest": "aigc_music.engine",
    "Track": "aigc_music.core.notes",
    "UsageError": "aigc_music.core.errors",
    "VideoRequest": "aigc_music.engine",
    "read_score": "aigc_music.files.midi",
    "write_score": "aigc_music.files.midi",
}

__all__ = [
    "AigcMusicError",
    "AudioRequest",
    "Chord",
    "Engine",
    "ImageRequest",
    "Job",
    "Key",
    "MusicRequest",
    "Note",
    "Result",
    "Score",
    "TempoMap",
    "TextRequest",
    "Track",
    "UsageError",
    "VideoRequest",
    "read_score",
    "write_score",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'aigc_music' has no attribute {name!r}")
