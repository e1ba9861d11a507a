"""Engine: runs requests and gives back results with their provenance."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aigc_music.core.notes import Note, Score
from aigc_music.files.midi import write_score

from .quality import measure
from .registry import generator_for
from .requests import MusicRequest

__all__ = ["Artifact", "Engine", "Result"]

_LIBRARIES = ("numpy", "numba", "mido")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that was made: where, its SHA-256 in hex, its media type."""

    path: str
    sha256: str
    mime: str


@dataclass(slots=True)
class Result:
    """What came of a request.

    request: what was made, with all that had been left open decided. score: the music itself. `save` writes it and
    adds an Artifact.
    """

    request: MusicRequest
    score: Score
    provenance: dict[str, Any]
    quality: dict[str, Any]
    seconds: float
    artifacts: list[Artifact] = field(default_factory=list)

    def save(self, path: str | Path) -> Artifact:
        """Write the score as a standard MIDI file, whole or not at all. FileError when it cannot be written."""
        path = Path(path)
        write_score(self.score, path)
        artifact = Artifact(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), "audio/midi")
        self.artifacts.append(artifact)
        return artifact


class Engine:
    """One way to run any generator. Threads: one engine a thread. Realtime-safe: no (see `live` for playing)."""

    def run(self, request: MusicRequest) -> Result:
        """Make the whole piece that `request` asks for."""
        begun = time.perf_counter()
        generator = generator_for(request)
        settled = generator.request
        score = generator.generate()
        quality = measure(score, str(settled.key), str(settled.style))
        return Result(settled, score, _provenance(settled, generator.card), quality, time.perf_counter() - begun)

    def stream(self, request: MusicRequest) -> Iterator[Note]:
        """The same notes one by one, as they are decided, in order of time."""
        return generator_for(request).stream()


def _provenance(request: MusicRequest, card: dict[str, Any]) -> dict[str, Any]:
    """Where a piece comes from: request, seed, model, data and licences, library versions, disclosure."""
    return {
        "request": request.record(),
        "seed": request.seed,
        "model": {"name": card.get("name"), "sha256": card.get("sha256")},
        "data": [{"set": data["set"], "licence": data["licence"]} for data in card.get("data", [])],
        "software": {name: _version(name) for name in ("aigc-music", *_LIBRARIES)}
        | {"python": platform.python_version()},
        "disclosure": {"music": "generated"},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"
