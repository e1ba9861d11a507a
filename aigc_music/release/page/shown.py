"""What a page shows, read once from the release folder: its rows by role, song, words, colours and papers.

What is missing or cannot be read is left out, for a page is made of an unfinished release as well.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.core.errors import AigcMusicError
from aigc_music.core.lyrics import TimedLyrics
from aigc_music.files.lyrics import read_lyrics
from aigc_music.files.pictures import pixels_of
from aigc_music.generators.facts import SongFacts, facts_of

from ..brief import Brief
from .colours import Colours, colours_of

__all__ = ["Row", "Shown", "Track", "rows_of", "show"]

Row = dict[str, Any]
"""A row of the manifest's artifacts."""


class Track(NamedTuple):
    """A song of an album. folder: in the album's. rows: its files, by their paths in the album. seconds: how long it
    lasts, None where its music is not there."""

    title: str
    folder: str
    rows: tuple[Row, ...]
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """brief: what was asked for. rows: the files, of an album those that stand over its songs. tracks: of an album.
    song: facts of the MIDI file. stanzas: of each line of the lyrics, the number of the one it stands in. papers: the
    JSON files that tell of the others, by name without suffix."""

    brief: Brief
    folder: Path
    rows: tuple[Row, ...]
    tracks: tuple[Track, ...]
    colours: Colours
    song: SongFacts | None
    lyrics: TimedLyrics | None
    stanzas: tuple[int, ...]
    papers: dict[str, Any]

    def of(self, *roles: str) -> list[Row]:
        """The rows of these roles, in this order."""
        return rows_of(self.rows, *roles)

    def size(self, row: Row) -> int | None:
        """Bytes of the file; None where it is not there."""
        try:
            return (self.folder / row["path"]).stat().st_size
        except OSError:
            return None


def show(manifest: dict[str, Any], brief: Brief, folder: Path) -> Shown:
    """All that a page shows of a release."""
    rows = tuple(row for row in manifest["artifacts"] if row["role"] != "page")
    tracks = tuple(_track(song["title"], song["folder"], rows, folder) for song in manifest.get("songs", []))
    rows = tuple(row for row in rows if not row["path"].startswith(tuple(f"{track.folder}/" for track in tracks)))
    pixels = _first_read(pixels_of, folder, rows_of(rows, "thumbnail", "cover"))
    song = _first_read(facts_of, folder, rows_of(rows, "midi"))
    lyrics = _first_read(read_lyrics, folder, [row for row in rows if row["path"].endswith(".ttml")])
    stanzas = _stanzas(folder, rows_of(rows, "lyrics"), 0 if lyrics is None else len(lyrics.lines))
    return Shown(brief, folder, rows, tracks, colours_of(pixels), song, lyrics, stanzas, _papers(folder, rows))


def _track(title: str, name: str, rows: tuple[Row, ...], folder: Path) -> Track:
    own = tuple(row for row in rows if row["path"].startswith(f"{name}/"))
    song = _first_read(facts_of, folder, rows_of(own, "midi"))
    return Track(title, name, own, song and song.seconds)


def rows_of(rows: Iterable[Row], *roles: str) -> list[Row]:
    """The rows of these roles, in this order."""
    return [row for role in roles for row in rows if row["role"] == role]


def _first_read(read: Callable[[str], Any], folder: Path, rows: Iterable[Row]) -> Any:
    """What the first readable file holds; None where none can be read."""
    for row in rows:
        with suppress(AigcMusicError):
            return read(str(folder / row["path"]))
    return None


def _stanzas(folder: Path, rows: Iterable[Row], count: int) -> tuple[int, ...]:
    """The stanza of each line, by the document that the words were written as; all in one where it does not say."""
    for row in rows:
        if row["path"].endswith(".json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                found = tuple(
                    int(line["stanza"]) for line in json.loads((folder / row["path"]).read_bytes())["lines"]
                )
                if len(found) == count:
                    return found
    return (0,) * count


def _papers(folder: Path, rows: tuple[Row, ...]) -> dict[str, Any]:
    papers = {}
    for row in rows:
        path = folder / row["path"]
        if path.suffix == ".json" and row["role"] in ("credits", "provenance"):
            with suppress(OSError, ValueError):
                papers[path.stem] = json.loads(path.read_bytes())
    return papers
