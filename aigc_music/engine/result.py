"""What came of a job: the content, its record, its quality; saving it writes all files whole or not at all."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Score
from aigc_music.core.pictures import Picture
from aigc_music.core.texts import Text
from aigc_music.files.atomic import atomic_write

from .encodings import MIMES, encoding_of
from .provenance import finished
from .requests import Request

__all__ = ["SIDECAR", "Artifact", "Result"]

SIDECAR = ".provenance.json"
"""Added to a file's name: its record, and the SHA-256 of the file."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that was made: where, its SHA-256 in hex, its media type."""

    path: str
    sha256: str
    mime: str


@dataclass(slots=True)
class Result:
    """What came of a request.

    request: what was made, with all that had been left open decided. content: a Score, a Text or a Picture.
    provenance: the record (see engine.provenance); its hashes are those of the last `save`, or of the first kind of
    file that the content is written as. quality: measured figures. seconds: what the work took.
    """

    request: Request
    content: Any
    provenance: dict[str, Any]
    quality: dict[str, Any]
    seconds: float
    artifacts: list[Artifact] = field(default_factory=list)

    @property
    def score(self) -> Score:
        """The music. TypeError where the result is none."""
        return self._content_as(Score)

    @property
    def text(self) -> Text:
        """The words. TypeError where the result has none."""
        return self._content_as(Text)

    @property
    def picture(self) -> Picture:
        """The picture. TypeError where the result is none."""
        return self._content_as(Picture)

    def _content_as(self, kind: type) -> Any:
        if not isinstance(self.content, kind):
            raise TypeError(f"this result is a {type(self.content).__name__}, not a {kind.__name__}")
        return self.content

    def files(self, path: Path) -> dict[Path, bytes]:
        """All files of this result when it is called `path`, in the order in which they are to be written: those
        beside it, its record, itself last, so that the file named is there only when all is. UsageError for a suffix
        that cannot hold it."""
        encoding, suffix = encoding_of(self.content), path.suffix.lower()
        if suffix not in encoding.suffixes:
            kind = type(self.content).__name__.lower()
            raise UsageError(f"{str(path)!r}: a {kind} is written as {' or '.join(encoding.suffixes)}")
        beside = encoding.beside(self.content)
        self.provenance = finished(self.provenance, encoding.encode(self.content, suffix, None), beside)
        whole = encoding.encode(self.content, suffix, self.provenance)
        sidecar = {
            "record": self.provenance,
            "file": {"name": path.name, "sha256": hashlib.sha256(whole).hexdigest(), "bytes": len(whole)},
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(self.seconds, 3),
            "quality": self.quality,
        }
        files = {path.with_name(path.stem + suffix): data for suffix, data in beside.items()}
        files[path.with_name(path.name + SIDECAR)] = (
            json.dumps(sidecar, indent=1, ensure_ascii=False).encode() + b"\n"
        )
        files[path] = whole
        return files

    def save(self, path: str | Path) -> Artifact:
        """Write the file, the files beside it and NAME.provenance.json. FileError when that cannot be done."""
        path = Path(path)
        made = []
        for place, data in self.files(path).items():
            with atomic_write(place) as file:
                file.write(data)
            mime = MIMES.get(place.suffix.lower(), "application/octet-stream")
            made.append(Artifact(str(place), hashlib.sha256(data).hexdigest(), mime))
        made = [made[-1], *made[:-1]]  # the file that was asked for comes first
        self.artifacts += made
        return made[0]
