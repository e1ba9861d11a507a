"""What is in a release folder: manifest.json, provenance.json with all records, credits, and the page to look at it.

manifest.json: `format`, `version`, what the release is called and how it was asked for, `stages` [{name, state, why}]
and `artifacts` [{path, sha256, mime, role, parents, disclosure, unsigned_sha256}], in order of their paths. Neither
file holds a time: the same brief gives the same bytes.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aigc_music.engine.encodings import Record

from .brief import Brief
from .publish import Artifact
from .store import Piece

__all__ = ["FORMAT", "MANIFEST", "VERSION", "credits_pieces", "is_ours", "manifest_of", "page_piece",
           "provenance_piece"]  # fmt: skip

MANIFEST = "manifest.json"
FORMAT = "aigc-music release"
VERSION = 1

_FACTS = ("title", "artist", "language", "style", "key", "bpm", "bars", "form", "theme", "mood", "seed", "explicit",
          "tune", "credits")  # fmt: skip
_AS_PLAYED = ("style", "key", "bpm", "bars", "form")  # of these the music's own record knows more than the brief


def manifest_of(brief: Brief, artifacts: Iterable[Artifact], records: dict[str, Record],
                stages: list[dict[str, str]]) -> dict[str, Any]:  # fmt: skip
    """The manifest. records: by path."""
    facts = {name: getattr(brief, name) for name in _FACTS}
    played = records.get("music/song.mid", {}).get("request", {})
    facts |= {name: played[name] for name in _AS_PLAYED if played.get(name) is not None}
    rows = [artifact.row() for artifact in sorted(artifacts, key=lambda artifact: artifact.path)]
    return {"format": FORMAT, "version": VERSION, **facts, "draft": brief.video.draft, "stages": stages,
            "artifacts": rows}  # fmt: skip


def provenance_piece(records: dict[str, Record]) -> Piece:
    """provenance.json: the records of all files, by path."""
    return Piece("provenance.json", "provenance", json_bytes({"format": FORMAT, "records": records}))


def credits_pieces(brief: Brief, rows: list[dict[str, Any]], records: dict[str, Record]) -> list[Piece]:
    """Who did what, people and machines: credits.json and credits.txt."""
    from .credits import credits_of, credits_text

    document = credits_of(brief, rows, records)
    return [
        Piece("credits.json", "credits", json_bytes(document)),
        Piece("credits.txt", "credits", credits_text(document).encode()),
    ]


def page_piece(brief: Brief, manifest: dict[str, Any], folder: Path) -> Piece:
    """index.html: all of it to look at and listen to."""
    from .page import page_html

    return Piece("index.html", "page", page_html(manifest, brief, folder))


def json_bytes(document: Any) -> bytes:
    """JSON as it stands in release folders."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def is_ours(path: Path) -> bool:
    """Whether a manifest.json is one of ours."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT
