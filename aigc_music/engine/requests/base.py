"""What all requests have in common: frozen values, checked when they are made, that can be written down.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.lyrics import TimedLyrics
from aigc_music.core.notes import Score
from aigc_music.core.pictures import Picture
from aigc_music.core.sounds import Sound

__all__ = ["Request", "check_range"]


class Request:
    """Base of the requests, which are frozen dataclasses.

    asset: what comes of it: music, text, image, audio or video. PARENTS: names of the fields that hold earlier work
    (a path, a Result, or a content such as a Score), which the result descends from. Every request has `seed`,
    `backend` and `model`.
    """

    __slots__ = ()
    asset: ClassVar[str]
    PARENTS: ClassVar[tuple[str, ...]] = ()

    seed: int
    backend: str
    model: str

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _settle_parents(self) -> None:
        """Paths of parents as text and results as their contents, so that the request is plain data."""
        for name in self.PARENTS:
            value = getattr(self, name)
            if isinstance(value, Path):
                self._set(name, str(value))
            elif hasattr(value, "content"):  # a Result of an earlier job
                value = value.content
                self._set(name, getattr(value, "timed", None) if name == "lyrics" else value)

    def parents(self) -> list[dict[str, Any]]:
        """The earlier work this is made of: role, file name (where it has one) and SHA-256. FileError where a file
        cannot be read."""
        found = []
        for name in self.PARENTS:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                found.append({"role": name, "sha256": _hash_of_content(value)})
            elif value is not None:
                try:
                    content = Path(value).read_bytes()
                except OSError as error:
                    raise FileError(f"cannot read {name} {value!r}: {error.strerror or error}") from error
                found.append({"role": name, "name": Path(value).name, "sha256": hashlib.sha256(content).hexdigest()})
        return found

    def record(self) -> dict[str, Any]:
        """The request as plain JSON values, free of folders of this machine: parents stand by name and SHA-256."""
        result: dict[str, Any] = {"asset": self.asset}
        parents = {entry["role"]: entry for entry in self.parents()}
        for entry in fields(self):  # type: ignore[arg-type]
            value = getattr(self, entry.name)
            if entry.name in parents:
                value = {key: parents[entry.name][key] for key in ("name", "sha256") if key in parents[entry.name]}
            elif entry.name == "model" and isinstance(value, str) and ("/" in value or "\\" in value):
                value = Path(value).name if Path(value).exists() else value  # a hub id stays whole
            result[entry.name] = list(value) if isinstance(value, tuple) else value
        return result


def _hash_of_content(value: Any) -> str:
    """SHA-256 of earlier work that was given as it is, in the form in which it would be a file."""
    if isinstance(value, Score):
        from aigc_music.files.midi import score_bytes

        return hashlib.sha256(score_bytes(value)).hexdigest()
    if isinstance(value, TimedLyrics):
        from aigc_music.files.lyrics import lyrics_bytes

        return hashlib.sha256(lyrics_bytes(value, "json")).hexdigest()
    if isinstance(value, Picture):
        return hashlib.sha256(value.pixels.tobytes()).hexdigest()
    if isinstance(value, Sound):
        return hashlib.sha256(value.frames.tobytes()).hexdigest()
    raise UsageError(f"earlier work is given as a file or as what it holds, not as {type(value).__name__}")


def check_range(name: str, value: float, low: float, high: float, what: str) -> None:
    """UsageError where `value` lies outside low..high."""
    if not low <= value <= high:
        raise UsageError(f"{name} {value!r} is out of range: give {low:g}..{high:g}, {what}")
