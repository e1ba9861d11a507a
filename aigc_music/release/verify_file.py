"""Verify one file of a release against the manifest, its record, its signature and its labels.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from aigc_music.core.errors import AigcMusicError
from aigc_music.engine.encodings import MIMES, Record, encoding_of_suffix
from aigc_music.engine.provenance import DISCLOSURES, canonical
from aigc_music.engine.verify import Verdict, verify_record
from aigc_music.files.c2pa_boxes import unsigned
from aigc_music.files.reading import read_bytes

from .labels import LABELLED, TERMS, field_of, source_type
from .signature import DETACHED, EMBEDDED, MOST_BYTES, Signature, read_signature

__all__ = ["Row", "Whole", "verify_file"]

Row = dict[str, Any]
"""An artifact of a manifest, whose form was looked at."""

_MORE_MIMES = {".html": "text/html", DETACHED: "application/c2pa", ".toml": "application/toml"}
_SIGNED_BESIDE = (".mid",)  # kinds of files whose signature stands beside them


@dataclass(slots=True)
class Whole:
    """What is known of the release that a file belongs to. folder: where it is. home: of the user's things, None for
    the usual. rows: artifacts of the manifest by path. records: of provenance.json, by path. labels: the AIGC fields
    that were read, by path. signed: whether its files are."""

    folder: Path
    home: Path | None
    rows: dict[str, Row] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    signed: bool = False

    def read(self, path: str) -> bytes:
        """FileError where it cannot be read."""
        return read_bytes(self.folder / path, MOST_BYTES, "a file of a release")


def verify_file(whole: Whole, path: str) -> Verdict:
    """A verdict for a file of the release, in its folder under `path`."""
    return _Check(whole, path).verdict


class _Check:
    """The checks of one file, in order. Each says what holds, what does not, or why it cannot be known."""

    def __init__(self, whole: Whole, path: str) -> None:
        self.whole, self.path, self.row = whole, path, whole.rows[path]
        self.place = whole.folder / path
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
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            self.verdict.problems.append(f"what {path} says of itself is damaged ({type(error).__name__}: {error})")

    def hold(self, what: str, true: bool, otherwise: str) -> bool:
        (self.verdict.checked if true else self.verdict.problems).append(
            what if true else f"{self.path}: {otherwise}"
        )
        return true

    def _bytes(self) -> None:
        data = self.whole.read(self.path)
        found = hashlib.sha256(data).hexdigest()
        stated = self.row["sha256"]
        self.hold("hash", found == stated, f"the file was changed: its SHA-256 is {found[:16]}..., the manifest has "
                  f"{stated[:16]}...")  # fmt: skip
        mime = MIMES.get(self.suffix) or _MORE_MIMES.get(self.suffix, "application/octet-stream")
        self.hold("media type", self.row["mime"] == mime, f"its media type is {mime}, the manifest has "
                  f"{self.row['mime']}")  # fmt: skip
        self.plain = unsigned(data)
        stated = self.row.get("unsigned_sha256")
        if stated and not self.whole.labels.get(self.path, ""):
            plain = hashlib.sha256(self.plain).hexdigest()
            self.hold("hash without signature", plain == stated, "without its signature it is not the file that was "
                      "signed")  # fmt: skip

    def _record(self) -> Record | None:
        """The record that tells of this file: its own, or that of the file it stands beside or was made of."""
        listed = self.whole.records.get(self.path)
        inside = None
        encoding = encoding_of_suffix(self.suffix)
        if encoding is not None and self.row["role"] not in ("credits", "provenance", "signature"):
            inside = encoding.read(self.place)[0]
        if inside is None and listed is None:
            return None
        if self.whole.records:
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
        rows = self.whole.rows
        for parent in self.row["parents"]:
            self.hold(f"parent {parent}", parent in rows and (self.whole.folder / parent).is_file(),
                      f"it was made of {parent}, which is not in the release")  # fmt: skip
        for parent in (record or {}).get("parents", []):
            name, sha256 = parent.get("name") or "given as notes", parent["sha256"]
            found = [path for path, row in rows.items() if sha256 in (row["sha256"], row.get("unsigned_sha256"))]
            named = [path for path in found if path in self.row["parents"]]  # files may be alike
            if found:
                place = (named or found)[0]
                self.hold(f"made of {place}", bool(named), f"it was made of {place}, which the manifest does not "
                          "name among its parents")  # fmt: skip
            elif any(PurePosixPath(path).name == name for path in self.row["parents"]):
                self.verdict.problems.append(
                    f"{self.path}: its {parent['role']} {name} is not the one it was made of"
                )
            else:
                self.verdict.notes.append(f"its {parent['role']} ({name}) is not in the release")
        if record and self.path in self.whole.records:
            self._beside(record)

    def _beside(self, record: Record) -> None:
        """The files that belong beside it, as its record has them."""
        stem = self.place.stem
        for suffix, stated in record["beside"].items():
            path = PurePosixPath(self.path).with_name(stem + suffix).as_posix()
            row = self.whole.rows.get(path)
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
        roles = ", ".join(f"{role} is {known[role]}" for role in less)
        self.hold(
            "disclosure in the manifest", not less,
            f"the manifest says less than its record of what a machine did: {roles}",
        )  # fmt: skip
        if record is not None and self.suffix == ".mp4":  # of pictures, engine.verify has looked
            kind = source_type(told, record).encode()
            self.hold(
                "IPTC source type", kind in self.plain, "its IPTC digital source type is not what its record says"
            )

    def _signature(self, record: Record | None) -> None:
        if self.row["role"] == "signature":
            of = self.path.removesuffix(DETACHED)
            self.hold("signature of a file here", of in self.whole.rows, f"it is the signature of {of}, which is "
                      "not in the release")  # fmt: skip
            return
        if self.suffix not in (*EMBEDDED, *_SIGNED_BESIDE) and self.path + DETACHED not in self.whole.rows:
            return
        try:
            found = read_signature(self.place, self.whole.home)
        except AigcMusicError as error:
            self.verdict.problems.append(f"{self.path}: {error}")
            return
        if found is None:
            if self.whole.signed:
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
            self.verdict.notes.append(
                f"who signed: {whose} names nobody, it shows only that nothing was changed since"
            )
        elif not found.trusted:
            self.verdict.notes.append(
                f"who signed: {found.name!r} by its certificate, whose authority is not known here"
            )
        if found.ended:
            self.verdict.notes.append(
                "its certificate has run out since, and no time stamp says that it was signed before"
            )

    def _label(self, record: Record | None) -> None:
        """The AIGC field, where the release has such fields."""
        text = self.whole.labels.get(self.path, "")
        expected = any(TERMS[how].label for how in self.row["disclosure"].values())
        if not text:
            if any(self.whole.labels.values()) and expected and self.suffix in LABELLED and record is not None:
                self.verdict.problems.append(f"{self.path}: its AIGC field is gone, other files here have theirs")
            return
        field = field_of(text)
        good = expected and field["Label"] == "1"
        if record is not None:
            good = good and field["ProduceID"] == record["id"]
        self.hold("AIGC field", good, "its AIGC field is not what the manifest and its record say")


_REASONS: dict[str, str] = {
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.bmffHash.mismatch": "the film was changed after it was signed",
    "assertion.hashedURI.mismatch": "what it says of the file was changed",
    "claimSignature.mismatch": "what it says was changed, or signed by someone else",
}
"""Codes of C2PA as words."""


def _reasons(found: Signature) -> str:
    return "; ".join(_REASONS.get(code, code) for code in found.failures) or "it is not valid"
