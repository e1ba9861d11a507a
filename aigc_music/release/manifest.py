"""What tells of a release: credits, provenance.json with all records, the page, and manifest.json, written last.

manifest.json: `format`, `version`, what the release is called and how it was asked for, `stages` [{name, state, why}]
and `artifacts` [{path, sha256, mime, role, parents, disclosure, unsigned_sha256}], in order of their paths; of an
album also `songs` [{title, folder}]; `id`, the SHA-256 of all else. Its signature stands beside it. No file holds a
time: the same brief gives the same bytes.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError, FileError
from aigc_music.engine.encodings import Record
from aigc_music.engine.provenance import record_id

from .brief import Brief
from .publish import Publisher
from .store import Made, Piece, Store, json_bytes

__all__ = [
    "FORMAT",
    "MANIFEST",
    "VERSION",
    "Outcome",
    "StageReport",
    "json_bytes",
    "refuse_foreign",
    "sentence",
    "write_papers",
]

MANIFEST = "manifest.json"
FORMAT = "aigc-music release"
VERSION = 1

_FACTS = ("title", "artist", "language", "style", "key", "bpm", "bars", "form", "theme", "mood", "seed", "explicit",
          "tune", "credits")  # fmt: skip
_AS_PLAYED = ("style", "key", "bpm", "bars", "form")  # of these the music's own record knows more than the brief


@dataclass(frozen=True, slots=True)
class StageReport:
    """How a stage went. state: done, failed, blocked (by an earlier one that is not done) or left (nobody asked for
    it). why: in a sentence, where it is not done. anew: whether it was made by this run."""

    name: str
    state: str
    why: str = ""
    anew: bool = False

    def row(self) -> dict[str, str]:
        """As it stands in the manifest."""
        return {"name": self.name, "state": self.state} | ({"why": self.why} if self.why else {})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. artifacts: rows of the manifest. changed: paths that were put in place by this run."""

    folder: Path
    stages: tuple[StageReport, ...]
    artifacts: tuple[dict[str, Any], ...]
    changed: frozenset[str] = field(default=frozenset())

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not any(stage.state in ("failed", "blocked") for stage in self.stages)


def write_papers(brief: Brief, store: Store, publisher: Publisher, reports: Iterable[StageReport],
                 made: Iterable[Made], **more: Any) -> Outcome:  # fmt: skip
    """Write all that tells of what was published, and take away what an older brief left: a folder holds one release.
    What was made for it stays in `.work` until nothing is missing.

    reports: of all stages, in order. made: what they made. more: further keys of the manifest.
    Raises FileError where the manifest cannot be written; what goes wrong with the other papers is in the outcome.
    """
    told, kept = list(reports), list(made)
    records: dict[str, Record] = {
        row.path: row.record for one in kept for row in one.rows if row.record and row.path in publisher.artifacts
    }

    def manifest() -> dict[str, Any]:
        return _manifest(brief, publisher, records, told) | more

    papers: dict[str, Callable[[], list[Piece]]] = {
        "credits": lambda: _credits(brief, manifest()["artifacts"], records),
        "provenance": lambda: [
            Piece("provenance.json", "provenance", json_bytes({"format": FORMAT, "records": records}))
        ],
        "page": lambda: _page(brief, manifest(), store.folder),
    }
    for name, pieces in papers.items():
        try:
            given = pieces()
            key = hashlib.sha256(b"\0".join(piece.data for piece in given)).hexdigest()
            one = store.find(name, key) or store.make(name, key, given)
            publisher.put(one.rows, one.place)
        except Exception as error:
            told.append(StageReport(name, "failed", sentence(error, store.folder)))
        else:
            kept.append(one)
            told.append(StageReport(name, "done", anew=any(row.path in publisher.changed for row in one.rows)))
    publisher.take_away()
    if all(report.state == "done" for report in told):
        store.tidy(kept)
    final = manifest()
    final |= {"id": record_id(final)}
    publisher.put_signed(store.folder / MANIFEST, json_bytes(final))
    return Outcome(store.folder, tuple(told), tuple(final["artifacts"]), frozenset(publisher.changed))


def _manifest(brief: Brief, publisher: Publisher, records: dict[str, Record],
              reports: list[StageReport]) -> dict[str, Any]:  # fmt: skip
    facts = {name: getattr(brief, name) for name in _FACTS}
    played = records.get("music/song.mid", {}).get("request", {})
    facts |= {name: played[name] for name in _AS_PLAYED if played.get(name) is not None}
    artifacts = [publisher.artifacts[path].row() for path in sorted(publisher.artifacts)]
    return {
        "format": FORMAT, "version": VERSION, **facts, "draft": brief.video.draft,
        "stages": [report.row() for report in reports], "artifacts": artifacts,
    }  # fmt: skip


def _credits(brief: Brief, rows: list[dict[str, Any]], records: dict[str, Record]) -> list[Piece]:
    """Who did what, people and machines."""
    from .credits import credits_of, credits_text

    document = credits_of(brief, rows, records)
    return [
        Piece("credits.json", "credits", json_bytes(document)),
        Piece("credits.txt", "credits", credits_text(document).encode()),
    ]


def _page(brief: Brief, manifest: dict[str, Any], folder: Path) -> list[Piece]:
    """All of it to look at and listen to."""
    from .page import page_html

    return [Piece("index.html", "page", page_html(manifest, brief, folder))]


def refuse_foreign(folder: Path) -> None:
    """FileError, before any work, where a manifest.json that is not ours is in the way of ours."""
    path = folder / MANIFEST
    if not path.exists():
        return
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        value = None
    if not (isinstance(value, dict) and value.get("format") == FORMAT):
        raise FileError(f"{str(path)!r} belongs to something else: name another folder, or move it away")


def sentence(error: Exception, folder: Path) -> str:
    """What went wrong, in a sentence without folders of this machine."""
    told = str(error) if isinstance(error, AigcMusicError) else f"a mistake of ours, {type(error).__name__}: {error}"
    return " ".join(told.replace(f"{folder}{os.sep}", "").split())
