"""Putting files where people find them: copied, labelled, signed last, then moved to their place in one step.

`.work/published.json` says what was put where. It is written before a file is moved, so that a run that is killed in
between knows its own files again. What is not ours, a file that somebody put there or changed, is never touched.

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.core.errors import FileError
from aigc_music.engine.encodings import MIMES, Record
from aigc_music.engine.provenance import canonical
from aigc_music.files.atomic import atomic_write

from .brief import Brief, Labels
from .store import Row, Store, code_fingerprint, sha256_of

__all__ = ["Artifact", "Publisher"]

JOURNAL = "published.json"
_MORE_MIMES = {".html": "text/html", ".c2pa": "application/c2pa", ".toml": "application/toml"}
_HOLDING = ("audio", "video")  # assets that hold what they are made of
_MUSIC = (".mid", ".musicxml")  # files beside words that hold the melody's song
_DETACHED = (".mid",)  # kinds of files whose signature stands beside them


class Artifact(NamedTuple):
    """A row of the manifest. unsigned_sha256: of the file before labels and signature, None where it has neither."""

    path: str
    sha256: str
    mime: str
    role: str
    parents: tuple[str, ...]
    disclosure: dict[str, str]
    unsigned_sha256: str | None = None

    def row(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        row = self._asdict() | {"parents": list(self.parents)}
        if self.unsigned_sha256 is None:
            del row["unsigned_sha256"]
        return row


class Publisher:
    """What stands in a release folder. Raises FileError where a certificate cannot be read."""

    def __init__(self, store: Store, brief: Brief) -> None:
        from .signing import Signer

        self.store, self.brief = store, brief
        self.artifacts: dict[str, Artifact] = {}
        self.changed: set[str] = set()
        self._signer = Signer.open(brief.labels)
        self._journal = store.work / JOURNAL
        self._entries = _entries(store)
        self._by_content: dict[str, str] = {}  # SHA-256 of a file as it was made -> its path
        self._labels = canonical([_labels(brief.labels), code_fingerprint()])

    def adopt(self, artifact: Artifact) -> None:
        """Take in a file that another publisher has put into a folder below: an artifact by its path from here."""
        self._by_content[artifact.unsigned_sha256 or artifact.sha256] = artifact.path
        self._add(artifact)

    def put(self, rows: Sequence[Row], place: Callable[[Row], Path]) -> None:
        """Publish files of a stage, those first that others are made of. FileError where one cannot be."""
        for row in rows:
            self._by_content[row.sha256] = row.path
        for row in rows:
            self._put(row, place(row), next((other for other in rows if other.path == row.of), None))

    def _put(self, row: Row, source: Path, main: Row | None) -> None:
        record = row.record or (main.record if main else None)
        parents = self._parents(row, main)
        disclosure = self._disclosure(row, record, parents)
        told = [row.path, row.role, row.sha256, self.brief.title, disclosure, record and record["id"],
                [(path, self.artifacts[path].sha256) for path in parents]]  # fmt: skip
        key = hashlib.sha256(self._labels + canonical(told)).hexdigest()
        if not self._stands(row.path, key):
            self._make(row, source, record, parents, disclosure, key)
        signature = row.path + ".c2pa"
        found = self._entries[row.path]["sha256"]
        plain = row.sha256 if found != row.sha256 else None
        self._add(Artifact(row.path, found, _mime(row.path), row.role, parents, disclosure, plain))
        if signature in self._entries and self._entries[signature]["key"] == key:
            found = self._entries[signature]["sha256"]
            self._add(Artifact(signature, found, _mime(signature), "signature", (row.path,), disclosure))

    def _add(self, artifact: Artifact) -> None:
        self.artifacts[artifact.path] = artifact

    def _parents(self, row: Row, main: Row | None) -> tuple[str, ...]:
        """The files of this folder that a file was made of."""
        if main is not None and row.record is None:
            return (main.path,)
        hashes = [parent["sha256"] for parent in row.record["parents"]] if row.record else []
        paths = [self._by_content[sha256] for sha256 in hashes if sha256 in self._by_content]
        return tuple(path for path in dict.fromkeys(paths) if path in self.artifacts)

    def _disclosure(self, row: Row, record: Record | None, parents: tuple[str, ...]) -> dict[str, str]:
        """Role -> how much of it a machine did, of the roles that a file has: what its record says, and its parents
        where it holds them. A brief can say more of a role, never less."""
        from .labels import merged

        told = [record["disclosure"]] if record else []
        if record and (record["asset"] in _HOLDING or row.path.endswith(_MUSIC)):
            inside = [*parents, *(path for parent in parents if row.of for path in self.artifacts[parent].parents)]
            told += [self.artifacts[path].disclosure for path in inside]
        found = merged(*told)
        return merged(found, {role: how for role, how in self.brief.labels.disclosure.items() if role in found})

    def _stands(self, path: str, key: str) -> bool:
        """Whether the file, and its signature, are there as they were published for this key."""
        entry = self._entries.get(path)
        if entry is None or entry["key"] != key:
            return False
        both = [path, path + ".c2pa"] if path.endswith(_DETACHED) and self._signer else [path]
        return all(
            other in self._entries
            and self._entries[other]["key"] == key
            and (self.store.folder / other).is_file()
            and sha256_of(self.store.folder / other) == self._entries[other]["sha256"]
            for other in both
        )

    def _make(self, row: Row, source: Path, record: Record | None, parents: tuple[str, ...],
              disclosure: dict[str, str], key: str) -> None:  # fmt: skip
        from .labels import label_file
        from .signing import EMBEDDED

        scratch = self.store.scratch()
        try:
            copy = scratch / source.name
            try:
                shutil.copyfile(source, copy)
            except OSError as error:
                raise FileError(f"cannot write {row.path}: {error.strerror or error}: free some space") from error
            label_file(copy, record, self.brief.labels, disclosure)
            ready = {row.path: copy}
            told: dict[str, Any] = {  # a file beside another has no record of its own to be signed with
                "title": self.brief.title, "disclosure": disclosure, "record": row.record,
                "parents": [self.store.folder / path for path in parents],
            }  # fmt: skip
            if self._signer and copy.suffix in EMBEDDED:
                self._signer.sign(copy, **told)
            elif self._signer and copy.suffix in _DETACHED:
                ready[row.path + ".c2pa"] = self._signer.detach(copy, **told)
            self._move(ready, key)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _move(self, ready: dict[str, Path], key: str) -> None:
        """Move finished files, by path in the release folder, to their places."""
        hashes = {path: sha256_of(copy) for path, copy in ready.items()}
        for path in ready:
            self._refuse_foreign(path, hashes[path])
        for path, sha256 in hashes.items():
            was = self._entries.get(path, {}).get("was", [])
            self._entries[path] = {"key": key, "sha256": sha256, "was": list(dict.fromkeys([*was, sha256]))}
        self._write_journal()
        for path, copy in ready.items():
            target = self.store.folder / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                copy.replace(target)
            except OSError as error:
                raise FileError(f"cannot write {path}: {error.strerror or error}") from error
            self.changed.add(path)
            self._entries[path]["was"] = [hashes[path]]

    def _refuse_foreign(self, path: str, new: str = "") -> None:
        """FileError where something stands at `path` that is neither as this program put it there nor what is new."""
        target = self.store.folder / path
        if not (target.exists() or target.is_symlink()):
            return
        known = [new, *self._entries.get(path, {}).get("was", [])]
        if target.is_symlink() or not target.is_file() or sha256_of(target) not in known:
            raise FileError(f"{path} is there already and not as this program made it: move it away, then run again")

    def put_signed(self, path: Path, data: bytes) -> None:
        """Write a file that is listed nowhere, such as the manifest, with its signature beside it, unless both are
        there. A kill leaves none that does not fit: the old signature goes first. FileError where one cannot be
        written."""
        from .signing import DETACHED

        signature = path.with_name(path.name + DETACHED)
        same = path.is_file() and path.read_bytes() == data
        if not same or self._signer is None:
            signature.unlink(missing_ok=True)
        if not same:
            with atomic_write(path) as file:
                file.write(data)
        if self._signer is not None and not signature.is_file():
            self._signer.detach(path, title=self.brief.title, disclosure={})

    def take_away(self) -> None:
        """Remove what was published for an older brief and is still as it was put there."""
        for path in [path for path in self._entries if path not in self.artifacts]:
            target = self.store.folder / path
            with suppress(FileError, OSError):
                self._refuse_foreign(path)
                target.unlink(missing_ok=True)
                _remove_empty(target.parent, self.store.folder)
            del self._entries[path]
        self._write_journal()

    def _write_journal(self) -> None:
        with atomic_write(self._journal) as file:
            file.write(json.dumps(self._entries, indent=1).encode())


def _labels(labels: Labels) -> dict[str, Any]:
    """The wishes as far as files depend on them: keys and certificates by what they hold, not by where they are."""
    told = asdict(labels)
    for name in ("certificate", "key"):
        told[name] = told[name] and sha256_of(Path(told[name]))
    return told


def _mime(path: str) -> str:
    suffix = Path(path).suffix.lower()
    return MIMES.get(suffix) or _MORE_MIMES.get(suffix, "application/octet-stream")


def _remove_empty(folder: Path, top: Path) -> None:
    """Take away folders that have become empty, up to the release folder."""
    while folder != top:
        folder.rmdir()
        folder = folder.parent


def _entries(store: Store) -> dict[str, dict[str, Any]]:
    """What this program put where; by the manifest, where `.work` was deleted."""
    journal = _json(store.work / JOURNAL)
    if journal is not None:
        return journal
    rows = (_json(store.folder / "manifest.json") or {}).get("artifacts", [])
    return {row["path"]: {"key": "", "sha256": row["sha256"], "was": [row["sha256"]]} for row in rows}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
