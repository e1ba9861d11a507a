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

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from aigc_music.core.errors import AigcMusicError, FileError
from aigc_music.engine.encodings import MIMES, Record, encoding_of_suffix
from aigc_music.engine.provenance import DISCLOSURES, canonical, record_id
from aigc_music.engine.verify import Verdict, verify_record
from aigc_music.files.c2pa_boxes import unsigned
from aigc_music.files.reading import read_bytes

from .labels import LABELLED, TERMS, field_of, label_of, source_type
from .sealing import in_form
from .signing import DETACHED, EMBEDDED, Signature, read_signature

__all__ = ["MANIFEST", "ROLES", "release_of", "verify_release"]

MANIFEST = "manifest.json"
ROLES: tuple[str, ...] = (
    "midi", "stem", "mix", "master", "lyrics", "timed_lyrics", "cover", "thumbnail", "lyric_video", "canvas",
    "social", "motion", "credits", "provenance", "signature", "page",
)  # fmt: skip

_MOST_BYTES = 16 << 20  # of a manifest
_MOST_FILE = 4 << 30
_MOST_FILES = 10_000
_WORK = ".work"  # of the program itself, see release.store
_DROPPINGS = (".DS_Store", "Thumbs.db", "desktop.ini")  # file managers leave them behind
_MORE_MIMES = {".html": "text/html", DETACHED: "application/c2pa", ".toml": "application/toml"}
_SIGNED_BESIDE = (".mid",)  # kinds of files whose signature stands beside them


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
    for song in songs.values():
        song.load()
    whole = _Release(folder, songs, home)
    whole.load()
    return [verdict for release in (whole, *songs.values()) for verdict in release.verdicts()]


class _Release:
    """One folder with its manifest. songs: of an album, the folders in it that are releases of their own."""

    def __init__(self, folder: Path, songs: dict[str, _Release], home: Path | None) -> None:
        self.folder, self.songs, self.home = folder, songs, home
        self.verdict = Verdict(str(folder / MANIFEST))
        self.rows: dict[str, dict[str, Any]] = {}
        self.records: dict[str, Record] = {}
        self.labelled = self.signed = False

    def load(self) -> None:
        """Read the manifest and look at its form."""
        try:
            manifest = self._manifest()
        except AigcMusicError as error:
            self.verdict.problems.append(str(error))
            return
        self._rows(manifest)
        self._told(manifest)

    def verdicts(self) -> list[Verdict]:
        """Of the manifest and of all files; of an album's songs, what their own manifests say counts."""
        self._extra()
        self._records()
        own = {path: row for path, row in self.rows.items() if not self._of_song(path, row)}
        self.signed = any(row["role"] == "signature" for row in own.values()) or any(
            Path(path).suffix.lower() in EMBEDDED and self._signed(path) for path in own
        )
        self.labelled = any(self.label(path) for path in own)
        if own and not self.signed:
            self.verdict.notes.append("no file is signed, so who changes files and manifest together is not found")
        return [self.verdict, *(_File(self, path, row).verdict for path, row in own.items())]

    def _of_song(self, path: str, row: dict[str, Any]) -> bool:
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
            written = json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"
            good = record_id(document) == document["id"] and written == data
            self.hold(self.verdict, "id", good, f"{MANIFEST} was changed: its id does not fit it")
        beside = path.with_name(MANIFEST + DETACHED)
        if beside.is_file():
            guarded = True
            try:
                signature = read_signature(path, self.home)
                good = signature is not None and signature.holds and in_form(beside.read_bytes())
            except AigcMusicError:
                good = False
            self.hold(self.verdict, "signature", good, f"{MANIFEST} or its signature {beside.name} was changed")
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

    def _records(self) -> None:
        """The records in provenance.json, by path."""
        for path, row in self.rows.items():
            if row["role"] != "provenance" or not path.endswith(".json"):
                continue
            try:
                document = json.loads(self.read(path))
            except (AigcMusicError, ValueError, RecursionError):
                continue  # what is wrong with the file is said where its hash is
            records = document.get("records") if isinstance(document, dict) else None
            if isinstance(records, dict):
                self.records |= {str(key): value for key, value in records.items() if isinstance(value, dict)}

    # ---- for the files

    def read(self, path: str) -> bytes:
        return read_bytes(self.folder / path, _MOST_FILE, "a file of a release")

    def _signed(self, path: str) -> bool:
        try:
            return unsigned(data := self.read(path)) != data
        except AigcMusicError:
            return False

    def label(self, path: str) -> str:
        try:
            return label_of(self.folder / path)
        except AigcMusicError:
            return ""

    @staticmethod
    def hold(verdict: Verdict, what: str, true: bool, otherwise: str) -> bool:
        (verdict.checked if true else verdict.problems).append(what if true else otherwise)
        return true


class _File:
    """The checks of one file. Each says what holds, what does not, or why it cannot be known."""

    def __init__(self, release: _Release, path: str, row: dict[str, Any]) -> None:
        self.release, self.path, self.row = release, path, row
        self.place = release.folder / path
        self.suffix = Path(path).suffix.lower()
        self.verdict = Verdict(str(self.place))
        try:
            if not self.place.is_file():
                self.verdict.problems.append(f"{path} is missing")
                return
            self._bytes()
            record = self._record()
            self._parents(record)
            self._disclosure(record)
            self._signature(record)
            self._label(record)
        except AigcMusicError as error:
            self.verdict.problems.append(f"{path}: {error}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self.verdict.problems.append(f"what {path} says of itself is damaged ({type(error).__name__}: {error})")

    def hold(self, what: str, true: bool, otherwise: str) -> bool:
        return self.release.hold(self.verdict, what, true, f"{self.path}: {otherwise}")

    def _bytes(self) -> None:
        data = self.release.read(self.path)
        found = hashlib.sha256(data).hexdigest()
        stated = self.row["sha256"]
        self.hold("hash", found == stated, f"the file was changed: its SHA-256 is {found[:16]}..., the manifest has "
                  f"{stated[:16]}...")  # fmt: skip
        mime = MIMES.get(self.suffix) or _MORE_MIMES.get(self.suffix, "application/octet-stream")
        self.hold("media type", self.row["mime"] == mime, f"its media type is {mime}, the manifest has "
                  f"{self.row['mime']}")  # fmt: skip
        self.plain = unsigned(data)
        stated = self.row.get("unsigned_sha256")
        if stated and not self.release.label(self.path):
            plain = hashlib.sha256(self.plain).hexdigest()
            self.hold("hash without signature", plain == stated, "without its signature it is not the file that was "
                      "signed")  # fmt: skip

    def _record(self) -> Record | None:
        """The record that tells of this file: its own, or that of the file it stands beside or was made of."""
        listed = self.release.records.get(self.path)
        inside = None
        encoding = encoding_of_suffix(self.suffix)
        if encoding is not None and self.row["role"] not in ("credits", "provenance", "signature"):
            inside = encoding.read(self.place)[0]
        if inside is None and listed is None:
            return None
        if self.release.records:
            same = inside is None or listed is None or canonical(inside) == canonical(listed)
            self.hold("record in provenance.json", same, "the record inside is not the one in provenance.json")
        if inside is None:
            self.verdict.problems.append(f"{self.path}: the record inside the file is gone")
            return listed
        found = verify_record(self.place)
        self.verdict.checked += found.checked
        self.verdict.notes += found.notes
        self.verdict.problems += [f"{self.path}: {problem}" for problem in found.problems]
        return inside

    def _parents(self, record: Record | None) -> None:
        """The files that it was made of are here, and are those."""
        rows = self.release.rows
        for parent in self.row["parents"]:
            self.hold(f"parent {parent}", parent in rows and (self.release.folder / parent).is_file(),
                      f"it was made of {parent}, which is not in the release")  # fmt: skip
        hashes = {row.get("unsigned_sha256") or row["sha256"]: path for path, row in rows.items()}
        hashes |= {row["sha256"]: path for path, row in rows.items()}
        for parent in (record or {}).get("parents", []):
            name = parent.get("name") or "given as notes"
            place = hashes.get(parent["sha256"])
            if place is not None:
                self.hold(f"made of {place}", place in self.row["parents"], f"it was made of {place}, which the "
                          f"manifest does not name among its parents")  # fmt: skip
            elif any(PurePosixPath(path).name == name for path in self.row["parents"]):
                self.verdict.problems.append(
                    f"{self.path}: its {parent['role']} {name} is not the one it was made of"
                )
            else:
                self.verdict.notes.append(f"its {parent['role']} ({name}) is not in the release")
        if record and self.path in self.release.records:
            self._beside(record)

    def _beside(self, record: Record) -> None:
        """The files that belong beside it, as its record has them."""
        stem = self.place.stem
        for suffix, stated in record["beside"].items():
            path = PurePosixPath(self.path).with_name(stem + suffix).as_posix()
            row = self.release.rows.get(path)
            if row is None:
                self.verdict.problems.append(f"{path} is missing: it belongs beside {self.path}")
                continue
            same = stated in (row["sha256"], row.get("unsigned_sha256"))
            self.hold(PurePosixPath(path).name, same, f"{path} is not the one that was made with it")

    # ---- what is told of machines

    def _disclosure(self, record: Record | None) -> None:
        told = self.row["disclosure"]
        known = (record or {}).get("disclosure", {})
        less = [
            role for role, how in known.items() if DISCLOSURES.index(told.get(role, "none")) < DISCLOSURES.index(how)
        ]
        self.hold("disclosure", not less, "the manifest says less than its record of what a machine did: "
                  + ", ".join(f"{role} is {known[role]}" for role in less))  # fmt: skip
        if record is not None and self.suffix == ".mp4":  # of pictures, engine.verify has looked
            kind = source_type(told, record).encode()
            self.hold(
                "IPTC source type", kind in self.plain, "its IPTC digital source type is not what its record says"
            )

    def _signature(self, record: Record | None) -> None:
        if self.row["role"] == "signature":
            of = self.path.removesuffix(DETACHED)
            self.hold("signature of a file here", of in self.release.rows, f"it is the signature of {of}, which is "
                      "not in the release")  # fmt: skip
            return
        if self.suffix not in (*EMBEDDED, *_SIGNED_BESIDE) and self.path + DETACHED not in self.release.rows:
            return
        try:
            found = read_signature(self.place, self.release.home)
        except AigcMusicError as error:
            self.verdict.problems.append(f"{self.path}: {error}")
            return
        if found is None:
            if self.release.signed:
                self.verdict.problems.append(f"{self.path}: its C2PA signature is gone, other files here have theirs")
            return
        self._as_signed(found, record)

    def _as_signed(self, found: Signature, record: Record | None) -> None:
        what = "the signature beside it" if self.suffix not in EMBEDDED else "its signature"
        if not self.hold("C2PA signature", found.holds, f"{what} does not hold: {_reasons(found)}"):
            return
        own = found.own
        plain = hashlib.sha256(self.plain).hexdigest()
        self.hold("C2PA hash", own.get("unsigned_sha256") == plain, f"{what} was made for another file")
        if record is not None:
            self.hold("C2PA record", own.get("record") == record["id"], f"{what} names another record")
        told = self.row["disclosure"]
        kind = source_type(told, record)
        good = own.get("disclosure") == told and kind in found.source_types
        self.hold("C2PA disclosure", good, "C2PA and the manifest tell different things of what a machine did")
        if found.test:
            whose = "a test certificate of this program" if found.trusted else "a test certificate of another machine"
            self.verdict.notes.append(f"signed with {whose}, which names nobody: it shows that nothing was changed")
        elif not found.trusted:
            self.verdict.notes.append(
                f"signed as {found.name!r}: whether that is so, its certificate's authority knows"
            )
        if found.ended:
            self.verdict.notes.append(
                "its certificate has run out since, and no time stamp says that it was signed before"
            )

    def _label(self, record: Record | None) -> None:
        """The AIGC field, where the release has such fields."""
        text = self.release.label(self.path)
        expected = any(TERMS[how].label for how in self.row["disclosure"].values())
        if not text:
            if self.release.labelled and expected and self.suffix in LABELLED and record is not None:
                self.verdict.problems.append(f"{self.path}: its AIGC field is gone, other files here have theirs")
            return
        field = field_of(text)
        good = expected and field["Label"] == "1"
        if record is not None:
            good = good and field["ProduceID"] == record["id"]
        self.hold("AIGC field", good, "its AIGC field is not what the manifest and its record say")


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


def _reasons(found: Signature) -> str:
    """C2PA's codes as words."""
    words = {
        "assertion.dataHash.mismatch": "the file was changed after it was signed",
        "assertion.bmffHash.mismatch": "the film was changed after it was signed",
        "assertion.hashedURI.mismatch": "what it says of the file was changed",
        "claimSignature.mismatch": "what it says was changed, or signed by someone else",
    }
    return "; ".join(words.get(code, code) for code in found.failures) or "it is not valid"


def _files_below(folder: Path, songs: Iterable[str]) -> Iterator[str]:
    """Paths of all files and links in a folder, as the manifest writes them; no link is followed."""
    for at, folders, names in os.walk(folder, followlinks=False):
        here = Path(at)
        top = here == folder
        for name in list(folders):
            linked = stat.S_ISLNK((here / name).lstat().st_mode)
            if linked:
                yield (here / name).relative_to(folder).as_posix()
            if linked or (top and (name == _WORK or name in songs)):
                folders.remove(name)
        folders.sort()
        for name in sorted(names):
            yield (here / name).relative_to(folder).as_posix()
