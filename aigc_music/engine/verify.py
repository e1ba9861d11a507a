"""Verify: recompute all that a provenance record claims, and say in words what is not so.

What is checked of a file: its SHA-256 against NAME.provenance.json, that the record inside it is the one beside it,
that the record's id fits the record, that the content fits its hash, the files beside it, the parents that stand in
the same folder, the models that are installed here, the disclosure, and for pictures what their IPTC field says. With
`again`, the request is run once more and must give the same content.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError, FileError, ModelError
from aigc_music.files.c2pa_boxes import unsigned

from .encodings import encoding_of, encoding_of_suffix
from .provenance import DISCLOSURES, FORMAT, record_id, source_type
from .requests import AudioRequest, ImageRequest, MusicRequest, Request, TextRequest, VideoRequest
from .result import SIDECAR

__all__ = ["Verdict", "request_of", "verify", "verify_record"]

_REQUESTS: dict[str, type[Request]] = {
    "music": MusicRequest, "text": TextRequest, "image": ImageRequest, "audio": AudioRequest, "video": VideoRequest,
}  # fmt: skip
_ROLES: dict[str, tuple[str, ...]] = {
    "music": ("composition",), "text": ("lyrics", "text"), "image": ("artwork",), "audio": ("instruments",),
    "video": ("video",),
}  # fmt: skip
_KEYS = ("asset", "request", "seed", "materials", "parents", "disclosure", "content_sha256", "beside")


@dataclass(slots=True)
class Verdict:
    """What was found. checked: what was recomputed and holds; problems: what does not; notes: what could not be
    checked here, and why."""

    path: str
    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems and bool(self.checked)


def verify(path: str | Path, *, again: bool = False) -> list[Verdict]:
    """A verdict for the file, or for every file of a folder that has a record. FileError for a path that is not
    there, and for a folder without any record."""
    path = Path(path)
    if path.is_dir():
        named = sorted(path.rglob(f"*{SIDECAR}"))
        if not named:
            raise FileError(
                f"{str(path)!r} holds no file with a record (NAME{SIDECAR}): name the folder of a work of ours"
            )
        return [_verify_file(place.with_name(place.name.removesuffix(SIDECAR)), again) for place in named]
    if path.name.endswith(SIDECAR):
        path = path.with_name(path.name.removesuffix(SIDECAR))
    if not path.is_file():
        raise FileError(f"cannot read {str(path)!r}: there is no such file: check the name")
    return [_verify_file(_main_of(path), again)]


def verify_record(path: Path) -> Verdict:
    """A verdict for one file by the record inside it: record, content, models and disclosure. Its parents and the
    files beside it are left to who knows where they are."""
    verdict = Verdict(str(path))
    check = _Check(path, verdict)
    with _told(verdict):
        found = check.record()
        if found is not None:
            check.content(*found)
            check.models(found[0])
            check.disclosure(found[0])
    return verdict


def _main_of(path: Path) -> Path:
    """The file that `path` stands beside, such as words.json of words.lrc; itself where it has its own record."""
    if path.with_name(path.name + SIDECAR).exists():
        return path
    for place in sorted(path.parent.glob(f"*{SIDECAR}")):
        main = place.with_name(place.name.removesuffix(SIDECAR))
        record = (_sidecar(main) or {}).get("record")
        beside = record.get("beside") if isinstance(record, dict) else None
        if isinstance(beside, dict) and any(path.name == main.stem + suffix for suffix in beside):
            return main
    return path


def _verify_file(path: Path, again: bool) -> Verdict:
    verdict = Verdict(str(path))
    if not path.is_file():
        verdict.problems.append(f"{path.name} is missing, only its record is here")
        return verdict
    with _told(verdict):
        _Check(path, verdict).all(again)
    return verdict


@contextmanager
def _told(verdict: Verdict) -> Iterator[None]:
    """What goes wrong in a check becomes a problem of its verdict."""
    try:
        yield
    except AigcMusicError as error:
        verdict.problems.append(str(error))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        verdict.problems.append(f"the record is damaged ({type(error).__name__}: {error})")


class _Check:
    """The checks of one file, in order; each says what holds, what does not, or why it cannot be known."""

    def __init__(self, path: Path, verdict: Verdict) -> None:
        self.path, self.verdict = path, verdict

    def all(self, again: bool) -> None:
        found = self.record()
        if found is None:
            return
        record, plain = found
        self.content(record, plain)
        self.beside(record)
        self.parents(record)
        self.models(record)
        self.disclosure(record)
        if again:
            self.again(record)

    def holds(self, what: str, true: bool, otherwise: str) -> bool:
        if true:
            self.verdict.checked.append(what)
        else:
            self.verdict.problems.append(otherwise)
        return true

    def record(self) -> tuple[dict[str, Any], bytes | None] | None:
        sidecar = _sidecar(self.path)
        encoding = encoding_of_suffix(self.path.suffix)
        inside, plain = encoding.read(self.path) if encoding else (None, None)
        if sidecar is not None:
            stated = sidecar["file"]["sha256"]
            found = hashlib.sha256(self.path.read_bytes()).hexdigest()
            self.holds("file", stated == found, f"the file was changed: its SHA-256 is {found[:16]}..., recorded was "
                       f"{stated[:16]}...")  # fmt: skip
        beside = sidecar["record"] if sidecar else None
        record = inside or beside
        if record is None:
            self.verdict.problems.append(f"there is no record in the file and no {self.path.name}{SIDECAR} beside it")
            return None
        if inside is None and encoding is not None:
            self.verdict.problems.append("the record inside the file is gone")
        if inside and beside:
            self.holds(
                "record inside and beside", inside == beside, "the record inside is not the one beside the file"
            )
        for key in _KEYS:
            if key not in record:
                self.verdict.problems.append(f"the record lacks {key!r}")
                return None
        if record.get("format", 0) > FORMAT:
            self.verdict.problems.append(
                f"the record has format {record['format']}, this version reads up to {FORMAT}"
            )
            return None
        self.holds("record", record_id(record) == record.get("id"), "the record was altered: its id does not fit it")
        return record, plain

    def content(self, record: dict[str, Any], plain: bytes | None) -> None:
        if plain is not None:
            found = hashlib.sha256(plain).hexdigest()
            self.holds(
                "content", found == record["content_sha256"], "the content is not what the record was made for"
            )

    def beside(self, record: dict[str, Any]) -> None:
        for suffix, stated in record["beside"].items():
            place = self.path.with_name(self.path.stem + suffix)
            if place.name != self.path.stem + suffix or not place.is_file():
                self.verdict.problems.append(f"{self.path.stem}{suffix} is missing")
                continue
            found = hashlib.sha256(place.read_bytes()).hexdigest()
            self.holds(place.name, found == stated, f"{place.name} was changed")

    def parents(self, record: dict[str, Any]) -> None:
        for parent in record["parents"]:
            role, name = parent["role"], parent.get("name")
            place = None if name is None or Path(name).name != name else self.path.with_name(name)
            if place is None or not place.is_file():
                self.verdict.notes.append(f"its {role} ({name or 'given as notes'}) is not in this folder")
                continue
            data = place.read_bytes()
            found = {hashlib.sha256(form).hexdigest() for form in (data, unsigned(data))}  # it may be signed by now
            self.holds(
                f"{role} {name}", parent["sha256"] in found, f"its {role} {name} is not the one it was made from"
            )

    def models(self, record: dict[str, Any]) -> None:
        from models.zoo import find

        for material in record["materials"]:
            if material["role"] != "model" or not material.get("sha256"):
                continue
            name = material["name"]
            try:
                folder = find(name)
            except ModelError:
                self.verdict.notes.append(f"model {name!r} is not installed here")
                continue
            hashes = {hashlib.sha256(place.read_bytes()).hexdigest() for place in folder.iterdir() if place.is_file()}
            if material["sha256"] in hashes:
                self.verdict.checked.append(f"model {name}")
            else:
                self.verdict.notes.append(f"model {name!r} is here in another version than it was made with")

    def disclosure(self, record: dict[str, Any]) -> None:
        told = record["disclosure"]
        roles = _ROLES[record["asset"]]
        good = any(role in told for role in roles) and all(value in DISCLOSURES for value in told.values())
        if not self.holds("disclosure", good, f"the disclosure {told!r} does not say what a machine did"):
            return
        if record["asset"] == "image":
            from aigc_music.files.pictures import read_xmp

            self.holds("IPTC source type", source_type(record) in (read_xmp(self.path) or ""),
                       "its IPTC digital source type is not what the record says")  # fmt: skip

    def again(self, record: dict[str, Any]) -> None:
        from .job import JobContext
        from .work import work

        request = request_of(record, self.path.parent)
        result = work(request, JobContext(request.seed))
        plain = encoding_of(result.content).encode(result.content, self.path.suffix.lower(), None)
        same = hashlib.sha256(plain).hexdigest() == record["content_sha256"]
        self.holds("made again", same, "made again from its record, it comes out differently")


def request_of(record: dict[str, Any], folder: Path) -> Request:
    """The request that a record tells of; parents are looked for by name in `folder`. FileError without one."""
    kind = _REQUESTS[record["asset"]]
    values: dict[str, Any] = {}
    for entry in fields(kind):  # type: ignore[arg-type]
        value = record["request"].get(entry.name)
        if entry.name in kind.PARENTS and isinstance(value, dict):
            name = value.get("name")
            if not name or not (folder / Path(name).name).is_file():
                raise FileError(
                    f"cannot make it again: its {entry.name} ({name or 'notes'}) is not in {str(folder)!r}"
                )
            value = str(folder / Path(name).name)
        if entry.name in record["request"]:
            values[entry.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _sidecar(path: Path) -> dict[str, Any] | None:
    place = path.with_name(path.name + SIDECAR)
    if not place.is_file():
        return None
    try:
        value = json.loads(place.read_bytes())
    except (OSError, ValueError) as error:
        raise FileError(f"{place.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise FileError(f"{place.name} is not a record")
    return value
