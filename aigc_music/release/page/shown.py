"""What a page shows, read once from the release folder: its rows by role, song, words, colours and papers.

What is missing or cannot be read is left out, for a page is made of an unfinished release as well.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError
from aigc_music.core.lyrics import TimedLyrics
from aigc_music.files.lyrics import read_lyrics
from aigc_music.files.pictures import pixels_of
from aigc_music.generators.facts import SongFacts, facts_of

from ..brief import Brief
from .colours import Colours, colours_of

__all__ = ["Row", "Shown", "show"]

Row = dict[str, Any]
"""A row of the manifest's artifacts."""


@dataclass(frozen=True, slots=True)
class Shown:
    """brief: what was asked for. rows: the manifest's artifacts. song: facts of the MIDI file. papers: the JSON files
    that tell of the others, by name without suffix."""

    brief: Brief
    folder: Path
    rows: tuple[Row, ...]
    colours: Colours
    song: SongFacts | None
    lyrics: TimedLyrics | None
    papers: dict[str, Any]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The provenance records of all files, in order of their paths."""
        records = self.papers.get("provenance", {}).get("records", {})
        return [records[path] for path in sorted(records)]

    def of(self, *roles: str) -> list[Row]:
        """The rows of these roles, in this order."""
        return [row for role in roles for row in self.rows if row["role"] == role]

    def first(self, *roles: str, suffix: str = "") -> Row | None:
        """The first row of these roles whose file ends so; None where there is none."""
        return next((row for row in self.of(*roles) if row["path"].endswith(suffix)), None)

    def size(self, row: Row) -> int | None:
        """Bytes of the file; None where it is not there."""
        try:
            return (self.folder / row["path"]).stat().st_size
        except OSError:
            return None


def show(manifest: dict[str, Any], brief: Brief, folder: Path) -> Shown:
    """All that a page shows of a release."""
    rows = tuple(row for row in manifest["artifacts"] if row["role"] != "page")
    song = _first_read(facts_of, [folder / row["path"] for row in rows if row["role"] == "midi"])
    lyrics = _first_read(read_lyrics, [folder / row["path"] for row in rows if row["path"].endswith(".ttml")])
    pixels = _first_read(pixels_of, [folder / row["path"] for row in rows if row["role"] in ("thumbnail", "cover")])
    return Shown(brief, folder, rows, colours_of(pixels), song, lyrics, _papers(folder, rows))


def _first_read(read: Any, paths: list[Path]) -> Any:
    for path in paths:
        try:
            return read(str(path))
        except AigcMusicError:
            continue
    return None


def _papers(folder: Path, rows: tuple[Row, ...]) -> dict[str, Any]:
    """The JSON files that tell of the others, by name."""
    papers = {}
    for row in rows:
        path = folder / row["path"]
        if path.suffix == ".json" and row["role"] in ("credits", "provenance"):
            with suppress(OSError, ValueError):
                papers[path.stem] = json.loads(path.read_bytes())
    return papers
