"""What a C2PA signature says of a file, and whether it holds; nothing is asked of the network.

    read_signature(path)       inside the file, or beside it as NAME.c2pa

Source: C2PA Technical Specification 2.2, its status codes; c2pa-python.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_music.core.errors import FileError
from aigc_music.engine.encodings import MIMES
from aigc_music.files.c2pa_boxes import store_of
from aigc_music.files.reading import read_bytes

from .certificate import TEST_NAME, test_anchors

__all__ = [
    "ASSERTION", "DETACHED", "EMBEDDED", "MOST_BYTES", "Signature", "context_of", "mime_of", "read_signature",
    "signature_in",
]  # fmt: skip

ASSERTION = "io.github.aigc-music.provenance"
"""Label of our own assertion, see claims."""
EMBEDDED: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".wav", ".mp3", ".flac", ".mp4")
"""Suffixes of files that hold their signature."""
DETACHED = ".c2pa"
"""Added to the name of a file whose signature stands beside it."""
MOST_BYTES = 4 << 30
"""Larger files are not read."""

_UNTRUSTED = ("signingCredential.untrusted",)
_ENDED = ("signingCredential.expired", "claimSignature.outsideValidity")


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
    data, beside = read_bytes(path, MOST_BYTES, "a file of a release"), path.with_name(path.name + DETACHED)
    inside = path.suffix.lower() in EMBEDDED and store_of(data) is not None
    store = None if inside or not beside.is_file() else read_bytes(beside, MOST_BYTES, "a signature")
    if not inside and store is None:
        return None
    try:
        return signature_in(data, mime_of(path), store, context_of(test_anchors(home)))
    except FileError as error:
        raise FileError(f"the signature of {path.name} cannot be read: {error}") from error


def signature_in(data: bytes, mime: str, store: bytes | None, context: Any) -> Signature:
    """The signature of these bytes, inside them or (store) apart. context: as `context_of` gives. FileError where it
    cannot be read."""
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


def context_of(anchors: str) -> Any:
    """The library's settings: nothing over the network, no thumbnails, these authorities (PEM) and no others."""
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


def mime_of(path: Path) -> str:
    """The media type of a file by its suffix, as C2PA is told it."""
    return MIMES.get(path.suffix.lower(), "application/octet-stream")
