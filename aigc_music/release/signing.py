"""C2PA signatures: what made a file, of what, and how much of it a machine did, signed into the file.

    signer = Signer.open(labels)                       # None where labels.c2pa is 'off'
    signer.sign(path, title="Harbour Lights", disclosure={"artwork": "generated"}, parents=[], record=record)
    signer.detach(midi, ...)                           # NAME.mid.c2pa, for formats that cannot hold a signature
    read_signature(path)                               # what a file's signature says, and whether it holds

Files are signed last: whatever changes a byte later breaks the signature, which is its use. A manifest tells how the
file came to be (created, or edited from a parent), the IPTC digital source type, the ingredients, and in an assertion
of our own the record's id, the seed and the models by hash. No thumbnail, no time, no time stamp: nothing is asked of
the network, neither here nor in reading, and the same file, record and certificate give the same bytes (see sealing).

Source: C2PA Technical Specification 2.2; c2pa-python.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError, FileError
from aigc_music.engine.encodings import MIMES
from aigc_music.files.atomic import atomic_write
from aigc_music.files.c2pa_boxes import store_of, unsigned, with_store, with_tag, without_tag
from aigc_music.files.reading import read_bytes

from .brief import Labels
from .certificate import TEST_NAME, Credentials, own_credentials, test_anchors, test_credentials
from .labels import source_type
from .sealing import sealed

__all__ = ["ASSERTION", "DETACHED", "EMBEDDED", "Signature", "Signer", "read_signature"]

ASSERTION = "io.github.aigc-music.provenance"
"""Label of our own assertion."""
EMBEDDED: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".wav", ".mp3", ".flac", ".mp4")
"""Suffixes of files that hold their signature."""
DETACHED = ".c2pa"
"""Added to the name of a file whose signature stands beside it."""
MOST_BYTES = 4 << 30

_UNTRUSTED = ("signingCredential.untrusted",)
_ENDED = ("signingCredential.expired", "claimSignature.outsideValidity")
_RELATED: dict[tuple[str, str], str] = {  # (kind of parent, kind of file) -> how C2PA calls the relation
    ("audio", "video"): "componentOf",
}


class Signer:
    """Signs files with one certificate. Threads: any, one file at a time each."""

    def __init__(self, credentials: Credentials, anchors: str = "") -> None:
        """anchors: PEM of the authorities that ingredients may be signed by, for what is noted of them."""
        self.credentials = credentials
        self._context = _context(anchors)

    @classmethod
    def open(cls, labels: Labels, home: Path | None = None) -> Signer | None:
        """The signer that a brief wishes for, None for none. home: folder of the user's things, None for the usual.
        Raises UsageError and FileError as `own_credentials` and `test_credentials` do."""
        if labels.c2pa == "off":
            return None
        if labels.c2pa == "own":
            return cls(own_credentials(labels.certificate, labels.key), test_anchors(home))
        credentials = test_credentials(home)
        return cls(credentials, test_anchors(home))

    def sign(
        self,
        path: str | Path,
        *,
        title: str,
        disclosure: dict[str, str],
        parents: Iterable[Path] = (),
        record: dict[str, Any] | None = None,
    ) -> None:
        """Sign a file in place, whole or not at all; a signature that is there already is replaced.

        disclosure: role -> none, assisted or generated. parents: files that it was made of, which become ingredients.
        Raises FileError for a file that cannot be read, or is of a kind that holds no signature (see `detach`).
        """
        path = Path(path)
        if path.suffix.lower() not in EMBEDDED:
            raise FileError(
                f"{str(path)!r} cannot hold a signature: it can stand beside it, as {path.name}{DETACHED} (detach)"
            )
        plain = unsigned(_read(path))
        manifest, ingredients = self._manifest(path, plain, title, disclosure, parents, record)
        signed = self._signed(path, plain, manifest, ingredients)
        _write(path, signed)

    def detach(
        self,
        path: str | Path,
        *,
        title: str,
        disclosure: dict[str, str],
        parents: Iterable[Path] = (),
        record: dict[str, Any] | None = None,
    ) -> Path:
        """Write the signature of a file of any kind beside it, as NAME.c2pa (song.mid.c2pa); its path is returned."""
        path = Path(path)
        plain = _read(path)
        manifest, ingredients = self._manifest(path, plain, title, disclosure, parents, record)
        store, _ = self._library(path, plain, manifest, ingredients, embed=False)
        store = sealed(store, self.credentials, _seed(manifest))
        self._read_back(path, plain, store)
        place = path.with_name(path.name + DETACHED)
        _write(place, store)
        return place

    def _manifest(
        self,
        path: Path,
        plain: bytes,
        title: str,
        disclosure: dict[str, str],
        parents: Iterable[Path],
        record: dict[str, Any] | None,
    ) -> tuple[dict[str, Any], list[tuple[dict[str, Any], str, bytes]]]:
        """The manifest as the library takes it, and the ingredients as (description, media type, bytes)."""
        record = record or {}
        version = record.get("software", {}).get("aigc-music") or _version()
        agent = {"name": "aigc-music", "version": version}
        kind = source_type(disclosure, record)
        ingredients: list[tuple[dict[str, Any], str, bytes]] = []
        named: list[dict[str, str]] = []
        related: dict[str, list[str]] = {"parentOf": [], "componentOf": [], "inputTo": []}
        files = [(parent, _read(parent)) for parent in map(Path, parents)]
        edited = sum(_kind(parent) == _kind(path) for parent, _ in files) == 1
        for number, (parent, data) in enumerate(files):
            digest = hashlib.sha256(data).hexdigest()
            named.append({"name": parent.name, "sha256": digest})
            relation = _RELATED.get((_kind(parent), _kind(path)), "inputTo")
            if _kind(parent) == _kind(path):
                relation = "parentOf" if edited else "componentOf"
            label = f"parent-{number + 1}"
            related[relation].append(label)
            row = {"title": parent.name, "relationship": relation, "label": label, "instance_id": f"xmp:iid:{digest}"}
            ingredients.append((row, _mime(parent), data))
        actions: list[dict[str, Any]] = []
        if edited:
            actions.append({"action": "c2pa.opened", "parameters": {"ingredientIds": related["parentOf"]}})
            actions.append({"action": "c2pa.edited", "digitalSourceType": kind, "softwareAgent": agent})
        else:
            actions.append({"action": "c2pa.created", "digitalSourceType": kind, "softwareAgent": agent})
        actions += [
            {"action": "c2pa.placed", "parameters": {"ingredientIds": [label]}} for label in related["componentOf"]
        ]
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
            "parents": named,
            "disclosure": disclosure,
        }
        manifest: dict[str, Any] = {
            "claim_version": 2,
            "claim_generator_info": [agent],
            "title": title,
            "format": _mime(path),
            "assertions": [
                {"label": "c2pa.actions", "data": {"actions": actions}},
                {"label": ASSERTION, "data": own},
            ],
        }
        facts = json.dumps([manifest, hashlib.sha256(self.credentials.chain).hexdigest()], sort_keys=True).encode()
        drawn = hashlib.sha256(facts).digest()
        # the specification wants the form of a random UUID (version 4); these bits come from what is signed
        manifest["label"] = f"urn:c2pa:{uuid.UUID(bytes=drawn[:16], version=4)}"
        manifest["instance_id"] = f"xmp:iid:{uuid.UUID(bytes=drawn[16:], version=4)}"
        return manifest, ingredients

    def _signed(
        self,
        path: Path,
        plain: bytes,
        manifest: dict[str, Any],
        ingredients: list[tuple[dict[str, Any], str, bytes]],
    ) -> bytes:
        """The file with its signature inside, read back."""
        tagged = path.suffix.lower() in (".mp3", ".flac")
        # the library writes ID3 tags anew in its own way, so it signs the sound, and the tag is put back by us
        store, signed = self._library(
            path, without_tag(plain) if tagged else plain, manifest, ingredients, embed=True
        )
        file_hash = None
        if tagged:
            try:
                signed = with_tag(plain, store)
            except ValueError as error:
                raise FileError(f"cannot sign {str(path)!r}: {error}") from error
            start = signed.index(store)
            file_hash = hashlib.sha256(signed[:start] + signed[start + len(store) :]).digest()
        try:
            signed = with_store(signed, sealed(store, self.credentials, _seed(manifest), file_hash))
        except (ValueError, LookupError, StopIteration) as error:
            raise FileError(
                f"cannot sign {str(path)!r}: this version of c2pa-python writes manifests in another form ({error}):"
                " install c2pa-python 0.38, or take c2pa = 'off'"
            ) from error
        if unsigned(signed) != plain:
            raise FileError(f"cannot sign {str(path)!r}: the signature could not be taken out again")
        self._read_back(path, signed, None)
        return signed

    def _library(
        self,
        path: Path,
        plain: bytes,
        manifest: dict[str, Any],
        ingredients: list[tuple[dict[str, Any], str, bytes]],
        *,
        embed: bool,
    ) -> tuple[bytes, bytes]:
        """(manifest store, file) as the library makes them."""
        import c2pa

        credentials, out = self.credentials, io.BytesIO()
        try:
            info = c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.chain, credentials.key_pem, None)
            with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest, self._context) as builder:
                if not embed:
                    builder.set_no_embed()
                for row, mime, data in ingredients:
                    builder.add_ingredient(row, mime, io.BytesIO(data))
                store = builder.sign(signer, _mime(path), io.BytesIO(plain), out)
        except c2pa.C2paError as error:
            raise FileError(f"cannot sign {str(path)!r}: {error}") from error
        return bytes(store), out.getvalue()

    def _read_back(self, path: Path, data: bytes, store: bytes | None) -> None:
        found = _read_signature(data, _mime(path), store, self._context)
        if found is None or not found.holds:
            raise FileError(f"cannot sign {str(path)!r}: what was written does not read back: {found}")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature says, and whether it holds.

    holds: the file is, byte for byte, what was signed. trusted: by an authority that is known here. ended: the
    certificate was good when no one can tell any more, as it has run out. name: of the signer, as its certificate
    says. test: it is a test certificate of ours, which names nobody. title, generator: as told. source_types: IPTC
    digital source types of its actions. own: our own assertion. ingredients: their titles. failures: the codes of
    C2PA of what does not hold.
    """

    holds: bool
    trusted: bool
    ended: bool
    name: str
    test: bool
    title: str = ""
    generator: str = ""
    source_types: tuple[str, ...] = ()
    own: dict[str, Any] = field(default_factory=dict)
    ingredients: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def read_signature(path: str | Path, home: Path | None = None) -> Signature | None:
    """The signature inside a file, or beside it as NAME.c2pa; None where there is neither. FileError where the file
    cannot be read, or holds a signature that is damaged beyond reading. home: as of `Signer.open`."""
    path = Path(path)
    data, beside = _read(path), path.with_name(path.name + DETACHED)
    inside = path.suffix.lower() in EMBEDDED and store_of(data) is not None
    store = None if inside or not beside.is_file() else _read(beside)
    if not inside and store is None:
        return None
    try:
        return _read_signature(data, _mime(path), store, _context(test_anchors(home)))
    except AigcMusicError as error:
        raise FileError(f"the signature of {path.name} cannot be read: {error}") from error


def _read_signature(data: bytes, mime: str, store: bytes | None, context: Any) -> Signature | None:
    import c2pa

    try:
        with c2pa.Reader(mime, io.BytesIO(data), store, context) as reader:
            document = json.loads(reader.json())
    except c2pa.C2paError as error:
        raise FileError(str(error)) from error
    manifest = document.get("manifests", {}).get(document.get("active_manifest"))
    if manifest is None:
        raise FileError("it names no manifest of its own")
    results = document.get("validation_results", {})
    failures = {row["code"] for row in results.get("activeManifest", {}).get("failure", [])}
    for delta in results.get("ingredientDeltas", []):
        failures |= {row["code"] for row in delta.get("validationDeltas", {}).get("failure", [])}
    signer = manifest.get("signature_info", {})
    assertions = {row["label"]: row["data"] for row in manifest.get("assertions", [])}
    actions = [
        row for label in assertions if label.startswith("c2pa.actions") for row in assertions[label]["actions"]
    ]
    agent = (manifest.get("claim_generator_info") or [{}])[0]
    wrong = failures - set(_UNTRUSTED) - set(_ENDED)
    return Signature(
        holds=not wrong,
        trusted=document.get("validation_state") == "Trusted",
        ended=bool(failures & set(_ENDED)),
        name=str(signer.get("issuer") or signer.get("common_name") or ""),
        test=signer.get("issuer") == TEST_NAME,
        title=str(manifest.get("title", "")),
        generator=f"{agent.get('name', '')} {agent.get('version', '')}".strip(),
        source_types=tuple(row["digitalSourceType"] for row in actions if "digitalSourceType" in row),
        own=dict(assertions.get(ASSERTION, {})),
        ingredients=tuple(str(row.get("title", "")) for row in manifest.get("ingredients", [])),
        failures=tuple(sorted(failures)),
    )


def _context(anchors: str) -> Any:
    """Settings of the library: nothing over the network, no thumbnails, these authorities and no others."""
    import c2pa

    settings: dict[str, Any] = {
        "version": 1,
        "builder": {
            "thumbnail": {"enabled": False},
            "created_assertion_labels": ["c2pa.actions", "c2pa.actions.v2", "c2pa.ingredient.v3", ASSERTION],
        },
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
    }
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    return c2pa.Context.from_dict(settings)


def _seed(manifest: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).digest()


def _mime(path: Path) -> str:
    return MIMES.get(path.suffix.lower(), "application/octet-stream")


def _kind(path: Path) -> str:
    return "music" if _mime(path) == "audio/midi" else _mime(path).partition("/")[0]


def _version() -> str:
    from aigc_music import __version__

    return __version__


def _read(path: Path) -> bytes:
    return read_bytes(path, MOST_BYTES, "a file of a release")


def _write(path: Path, data: bytes) -> None:
    with atomic_write(path) as file:
        file.write(data)
