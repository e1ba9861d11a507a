"""What is signed of a file: the manifest as the C2PA library takes it, and the ingredients.

A manifest tells how the file came to be (created, or edited from the one parent of its kind), its IPTC digital source
type, what it was made of, and in an assertion of our own the record's id, generator and seed, the models by hash and
the disclosure by role. It holds no time; its identifiers come from what it says, so the same is signed each time.

Source: C2PA Technical Specification 2.2 (actions, ingredients, entity-specific assertions).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music import __version__
from aigc_music.engine.encodings import Record
from aigc_music.files.reading import read_bytes

from .labels import source_type
from .signature import ASSERTION, MOST_BYTES, mime_of

__all__ = ["Claim", "Ingredient", "claim_of"]

_RELATED: dict[tuple[str, str], str] = {  # (kind of parent, kind of file) -> how C2PA calls the relation
    ("audio", "video"): "componentOf",
}


class Ingredient(NamedTuple):
    """A parent as the library takes it: what is said of it, its media type, its bytes."""

    told: dict[str, Any]
    mime: str
    data: bytes


class Claim(NamedTuple):
    """manifest: as c2pa.Builder takes it. ingredients: to be added to it, in order."""

    manifest: dict[str, Any]
    ingredients: list[Ingredient]

    @property
    def seed(self) -> bytes:
        """For what the library would draw at random."""
        return hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode()).digest()


def claim_of(
    path: Path,
    plain: bytes,
    *,
    title: str,
    disclosure: dict[str, str],
    parents: Iterable[Path],
    record: Record | None,
    chain: bytes,
) -> Claim:
    """What is to be signed of a file. plain: the file without a signature. chain: the certificates that will sign, so
    that another certificate makes another manifest. FileError where a parent cannot be read."""
    record = record or {}
    agent = {"name": "aigc-music", "version": record.get("software", {}).get("aigc-music") or __version__}
    files = [(parent, read_bytes(parent, MOST_BYTES, "a file of a release")) for parent in map(Path, parents)]
    edited = sum(_kind(parent) == _kind(path) for parent, _ in files) == 1
    ingredients, related = _ingredients(path, files, edited)
    own = {
        "record": record.get("id", ""),
        "generator": record.get("generator", ""),
        "seed": record.get("seed"),
        "content_sha256": record.get("content_sha256", ""),
        "unsigned_sha256": hashlib.sha256(plain).hexdigest(),
        "models": [
            {key: row.get(key) for key in ("name", "sha256", "licence")}
            for row in record.get("materials", [])
            if row.get("role") == "model"
        ],
        "parents": [{"name": parent.name, "sha256": hashlib.sha256(data).hexdigest()} for parent, data in files],
        "disclosure": disclosure,
    }
    actions = _actions(source_type(disclosure, record), agent, related)
    manifest: dict[str, Any] = {
        "claim_version": 2,
        "claim_generator_info": [agent],
        "title": title,
        "format": mime_of(path),
        "assertions": [{"label": "c2pa.actions", "data": {"actions": actions}}, {"label": ASSERTION, "data": own}],
    }
    facts = json.dumps([manifest, hashlib.sha256(chain).hexdigest()], sort_keys=True).encode()
    drawn = hashlib.sha256(facts).digest()
    # the specification wants the form of a random UUID (version 4); these bits come from what is signed
    manifest["label"] = f"urn:c2pa:{uuid.UUID(bytes=drawn[:16], version=4)}"
    manifest["instance_id"] = f"xmp:iid:{uuid.UUID(bytes=drawn[16:], version=4)}"
    return Claim(manifest, ingredients)


def _ingredients(
    path: Path, files: list[tuple[Path, bytes]], edited: bool
) -> tuple[list[Ingredient], dict[str, list[str]]]:
    """The parents, and their labels by how they are related. edited: whether the file is made of the one parent of
    its kind."""
    ingredients = []
    related: dict[str, list[str]] = {"parentOf": [], "componentOf": [], "inputTo": []}
    for number, (parent, data) in enumerate(files, 1):
        alike = _kind(parent) == _kind(path)
        otherwise = _RELATED.get((_kind(parent), _kind(path)), "inputTo")
        relation = otherwise if not alike else "parentOf" if edited else "componentOf"
        told = {
            "title": parent.name, "relationship": relation, "label": f"parent-{number}",
            "instance_id": f"xmp:iid:{hashlib.sha256(data).hexdigest()}",
        }  # fmt: skip
        related[relation].append(told["label"])
        ingredients.append(Ingredient(told, mime_of(parent), data))
    return ingredients, related


def _actions(kind: str, agent: dict[str, str], related: dict[str, list[str]]) -> list[dict[str, Any]]:
    """How the file came to be. kind: its digital source type."""
    made = {"digitalSourceType": kind, "softwareAgent": agent}
    if related["parentOf"]:
        actions: list[dict[str, Any]] = [
            {"action": "c2pa.opened", "parameters": {"ingredientIds": related["parentOf"]}},
            {"action": "c2pa.edited"} | made,
        ]
    else:
        actions = [{"action": "c2pa.created"} | made]
    placed = related["componentOf"]
    return actions + [{"action": "c2pa.placed", "parameters": {"ingredientIds": [label]}} for label in placed]


def _kind(path: Path) -> str:
    return "music" if mime_of(path) == "audio/midi" else mime_of(path).partition("/")[0]
