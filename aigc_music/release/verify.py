"""Verify a release: prove every hash, signature, parent and label of a folder, and say in words what is wrong.

What is checked. The manifest: its form, that its paths stay in the folder, its id and its own signature. Each file:
that it is there, its SHA-256 and media type, the record inside it (engine.verify), that the record is the one in
provenance.json, its C2PA signature, the files it was made of, and that manifest, record, IPTC, C2PA and the AIGC
field tell the same of what a machine did. And that nothing else lies in the folder.

A flipped byte in any file is found. A signature by a test certificate proves that nothing was changed since, not who
signed; that is said in the notes. Nothing is asked of the network.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from aigc_music.core.errors import AigcMusicError, FileError
from aigc_music.engine.encodings import Record
from aigc_music.engine.provenance import DISCLOSURES, record_id
from aigc_music.engine.verify import Verdict
from aigc_music.files.c2pa_boxes import unsigned
from aigc_music.files.reading import read_bytes

from .labels import label_of
from .manifest import MANIFEST
from .sealing import in_form
from .signature import DETACHED, read_signature
from .store import WORK, json_bytes
from .verify_file import Row, Whole, verify_file

__all__ = ["ROLES", "release_of", "verify_release"]

ROLES: tuple[str, ...] = (
    "midi", "stem", "mix", "master", "lyrics", "timed_lyrics", "cover", "thumbnail", "lyric_video", "canvas",
    "social", "motion", "credits", "provenance", "signature", "page",
)  # fmt: skip

_MOST_BYTES = 16 << 20  # of a manifest, and of a list of records
_MOST_FILES = 10_000
_DROPPINGS = (".DS_Store", "Thumbs.db", "desktop.ini")  # file managers leave them behind


def release_of(path: str | Path) -> Path | None:
    """The release folder that a path is, or lies in, by its manifest; None where it is in none. Of an album's song it
    is the song's own."""
    place = Path(path).absolute()
    return next((folder for folder in (place, *place.parents) if (folder / MANIFEST).is_file()), None)


def verify_release(folder: str | Path, home: Path | None = None) -> list[Verdict]:
    """A verdict for the manifest, then one for every file of a release; of an album, for all its folders.

    home: folder of the user's things, which holds the test certificates (None: the usual). FileError where there is
    no manifest.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise FileError(f"{str(folder)!r} holds no {MANIFEST}: name a folder that 'aigc-music release' has made")
    songs = {
        place.parent.name: _Release(place.parent, {}, home)
        for place in sorted(folder.glob(f"*/{MANIFEST}"))
        if not place.parent.is_symlink() and not place.parent.name.startswith(".")
    }
    whole = _Release(folder, songs, home)
    return [verdict for release in (whole, *songs.values()) for verdict in release.verdicts()]


class _Release:
    """One folder with its manifest. songs: of an album, the folders in it that are releases of their own."""

    def __init__(self, folder: Path, songs: dict[str, _Release], home: Path | None) -> None:
        self.folder, self.songs, self.home = folder, songs, home
        self.verdict = Verdict(str(folder / MANIFEST))
        self.rows: dict[str, Row] = {}
        try:
            manifest = self._manifest()
        except AigcMusicError as error:
            self.verdict.problems.append(str(error))
            return
        self._rows(manifest)
        self._told(manifest)
        self._extra()

    def verdicts(self) -> list[Verdict]:
        """Of the manifest and of all files; of an album's songs, what their own manifests say counts."""
        whole = Whole(self.folder, self.home, self.rows)
        whole.records = self._records()
        own = [path for path, row in self.rows.items() if not self._of_song(path, row)]
        for path in own:
            with suppress(AigcMusicError):  # what cannot be read is said where the file is looked at
                data = whole.read(path)
                whole.signed |= self.rows[path]["role"] == "signature" or unsigned(data) != data
                whole.labels[path] = label_of(self.folder / path)
        if own and not whole.signed:
            self.verdict.notes.append("no file is signed, so who changes files and manifest together is not found")
        return [self.verdict, *(verify_file(whole, path) for path in own)]

    def _of_song(self, path: str, row: Row) -> bool:
        """Whether an artifact belongs to a song of this album, which has to have the same of it."""
        name, _, inner = path.partition("/")
        if name not in self.songs:
            return False
        same = self.songs[name].rows.get(inner, {}).get("sha256") == row["sha256"]
        if not same:
            self.verdict.problems.append(f"{path}: {MANIFEST} says something else of it than {name}/{MANIFEST}")
        return True

    # ---- the manifest

    def _manifest(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        if path.is_symlink():
            raise FileError(f"{MANIFEST} is a link: a release holds files, not links")
        data = read_bytes(path, _MOST_BYTES, "a manifest")
        if len(data) > _MOST_BYTES:
            raise FileError(f"{MANIFEST} has more than {_MOST_BYTES >> 20} MB: it is none of ours")
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise FileError(f"{MANIFEST} is not JSON: {str(error)[:80]}") from error
        if not isinstance(document, dict) or not isinstance(document.get("artifacts"), list):
            raise FileError(f"{MANIFEST} lists no artifacts: it is none of ours, or damaged")
        self.verdict.checked.append("form")
        self._guarded(path, data, document)
        return document

    def _guarded(self, path: Path, data: bytes, document: dict[str, Any]) -> None:
        """What shows that the manifest itself is as it was written: its id, and the signature beside it."""
        guarded = False
        if "id" in document:
            guarded = True
            good = record_id(document) == document["id"] and json_bytes(document) == data
            self._hold("id", good, f"{MANIFEST} was changed: its id does not fit it")
        beside = path.with_name(MANIFEST + DETACHED)
        if beside.is_file():
            guarded = True
            try:
                signature = read_signature(path, self.home)
                good = signature is not None and signature.holds and in_form(beside.read_bytes())
            except AigcMusicError:
                good = False
            self._hold("signature", good, f"{MANIFEST} or its signature {beside.name} was changed")
        if not guarded:
            self.verdict.notes.append("the manifest has neither id nor signature, so changes in it may go unseen")

    def _rows(self, manifest: dict[str, Any]) -> None:
        """The artifacts that can be looked at: known roles, hashes of the right form, paths in the folder."""
        rows = manifest["artifacts"]
        if len(rows) > _MOST_FILES:
            self.verdict.problems.append(f"{MANIFEST} lists {len(rows)} files: {_MOST_FILES} are read at the most")
        for number, row in enumerate(rows[:_MOST_FILES], 1):
            wrong = _wrong_in_row(row)
            if not wrong:
                wrong = self._wrong_path(row["path"])
            if wrong:
                self.verdict.problems.append(f"artifact {number} of {MANIFEST}: {wrong}")
            elif row["path"] in self.rows:
                self.verdict.problems.append(f"{row['path']} is listed twice in {MANIFEST}")
            else:
                self.rows[row["path"]] = row

    def _wrong_path(self, path: str) -> str:
        """Why a path cannot be looked at; '' where it can."""
        pure = PurePosixPath(path)
        odd = not path or "\\" in path or ":" in path or not path.isprintable() or pure.as_posix() != path
        if odd or pure.is_absolute() or ".." in pure.parts:
            return f"the path {path[:80]!r} leads out of the folder, or is written oddly"
        place = self.folder
        for part in pure.parts:
            place = place / part
            if place.is_symlink():
                return f"{path} is, or lies behind, a link: a release holds files, not links"
        return ""

    def _told(self, manifest: dict[str, Any]) -> None:
        """What the manifest says of stages that are not done, and of the songs of an album."""
        for song in manifest.get("songs", []) if isinstance(manifest.get("songs"), list) else []:
            name = song.get("folder") if isinstance(song, dict) else None
            if not isinstance(name, str) or name not in self.songs:
                self.verdict.problems.append(
                    f"the song {str(name)[:80]!r} of the album is missing, or has no {MANIFEST}"
                )
        for stage in manifest.get("stages", []) if isinstance(manifest.get("stages"), list) else []:
            if isinstance(stage, dict) and stage.get("state") not in ("done", None):
                why = f": {stage['why']}" if stage.get("why") else ""
                self.verdict.notes.append(f"stage {stage.get('name')} is {stage.get('state')}{why}")

    def _extra(self) -> None:
        """Files that nobody has listed."""
        found = list(_files_below(self.folder, self.songs))
        extra = [path for path in found if path not in self.rows and path not in (MANIFEST, MANIFEST + DETACHED)]
        extra = [path for path in extra if PurePosixPath(path).name not in _DROPPINGS]
        for path in extra[:100]:
            self.verdict.problems.append(f"{path} is in the folder, but not in {MANIFEST}")
        if len(extra) > 100:
            self.verdict.problems.append(f"{len(extra) - 100} more files are in the folder, but not in {MANIFEST}")
        if not extra:
            self.verdict.checked.append("nothing else in the folder")

    def _records(self) -> dict[str, Record]:
        """The records in provenance.json, by path."""
        found: dict[str, Record] = {}
        for path, row in self.rows.items():
            if row["role"] != "provenance" or "/" in path or not (self.folder / path).is_file():
                continue  # a song of an album has its own
            try:  # a file that is larger is cut, and then no JSON
                document = json.loads(read_bytes(self.folder / path, _MOST_BYTES, "a list of records"))
            except (AigcMusicError, ValueError, RecursionError):
                document = None
            records = document.get("records") if isinstance(document, dict) else None
            if not isinstance(records, dict) or not all(isinstance(record, dict) for record in records.values()):
                self.verdict.problems.append(f"{path} holds no records that can be read")
            else:
                found |= records
        return found

    def _hold(self, what: str, true: bool, otherwise: str) -> None:
        (self.verdict.checked if true else self.verdict.problems).append(what if true else otherwise)


def _wrong_in_row(row: Any) -> str:
    """What is wrong with the form of an artifact; '' for nothing."""
    if not isinstance(row, dict) or not isinstance(row.get("path"), str):
        return "it has no path"
    name = row["path"][:80]
    for key in ("sha256", "unsigned_sha256"):
        value = row.get(key, "0" * 64 if key == "unsigned_sha256" else None)
        if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
            return f"{name}: its {key} is none"
    if row.get("role") not in ROLES:
        return f"{name}: its role {str(row.get('role'))[:40]!r} is not known"
    if not isinstance(row.get("mime"), str):
        return f"{name}: it has no media type"
    parents, told = row.get("parents"), row.get("disclosure")
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        return f"{name}: its parents are no list of paths"
    if not isinstance(told, dict) or not all(how in DISCLOSURES for how in told.values()):
        return f"{name}: its disclosure does not say what a machine did"
    return ""


def _files_below(folder: Path, songs: Iterable[str]) -> Iterator[str]:
    """Paths of all files and links in a folder, as the manifest writes them; no link is followed."""
    for at, folders, names in os.walk(folder, followlinks=False):
        here = Path(at)
        top = here == folder
        for name in list(folders):
            linked = stat.S_ISLNK((here / name).lstat().st_mode)
            if linked:
                yield (here / name).relative_to(folder).as_posix()
            if linked or (top and (name == WORK or name in songs)):
                folders.remove(name)
        folders.sort()
        for name in sorted(names):
            yield (here / name).relative_to(folder).as_posix()
