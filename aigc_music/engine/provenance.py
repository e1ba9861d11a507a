"""Provenance: where a result comes from, as a record that can be checked.

A record is JSON: engine, generator, request, seed, materials (models, fonts, servers, each with its SHA-256, licence
and training sets), software, parents, disclosure, and the SHA-256 of the file without its record (so that the record
can stand inside it) and of the files beside it. Its `id` is the SHA-256 of all the rest in canonical JSON (sorted
keys, no spaces, UTF-8). It holds no time and no folder: the same request gives the same bytes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .registry import Generator
from .streams import SCHEME

__all__ = ["DISCLOSURES", "FORMAT", "SOURCE_TYPES", "canonical", "draft", "finished", "record_id", "source_type"]

FORMAT = 1
"""Of the record; a reader of this version reads records up to this number."""

DISCLOSURES: tuple[str, ...] = ("none", "assisted", "generated")
"""How much of a role (composition, lyrics, vocals, instruments, artwork, video) a machine did."""

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: dict[str, str] = {
    "none": _IPTC + "digitalCreation",
    "assisted": _IPTC + "compositeWithTrainedAlgorithmicMedia",
    "generated": _IPTC + "trainedAlgorithmicMedia",
}
"""IPTC NewsCodes for each disclosure of a picture (cv.iptc.org)."""

_ALGORITHMIC = _IPTC + "algorithmicMedia"  # mathematics alone, no model that learned from data

_LIBRARIES: dict[str, tuple[str, ...]] = {
    "music": ("numpy", "numba", "mido"),
    "text": ("numpy", "numba", "pypinyin"),
    "image": ("numpy", "numba", "onnxruntime", "skia-python", "pillow"),
    "audio": ("numpy", "numba", "av"),
    "video": ("numpy", "numba", "onnxruntime", "skia-python", "av"),
}
_OF_BACKEND: dict[str, tuple[str, ...]] = {
    "transformers": ("torch", "transformers"),
    "diffusers": ("torch", "diffusers"),
}


def canonical(value: Any) -> bytes:
    """JSON values as canonical bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def record_id(record: dict[str, Any]) -> str:
    """SHA-256 in hex of a record without its id."""
    return hashlib.sha256(canonical({key: value for key, value in record.items() if key != "id"})).hexdigest()


def draft(generator: Generator) -> dict[str, Any]:
    """The record of what `generator` made, before it is known which bytes hold it (see `finished`)."""
    request = generator.request
    libraries = ("aigc-music", *_LIBRARIES[request.asset], *_OF_BACKEND.get(request.backend, ()))
    record: dict[str, Any] = {
        "format": FORMAT,
        "asset": request.asset,
        "generator": f"{type(generator).__module__}.{type(generator).__qualname__}",
        "request": request.record(),
        "seed": request.seed,
        "random": SCHEME,
        "materials": [asdict(material) for material in generator.materials()],
        "software": {name: _version(name) for name in libraries} | {"python": platform.python_version()},
        "parents": request.parents(),
        "disclosure": generator.disclosure(),
    }
    return dict(json.loads(canonical(record)))


def finished(record: dict[str, Any], plain: bytes, beside: dict[str, bytes]) -> dict[str, Any]:
    """A draft with the hashes of the file without its record and of the files beside it (by suffix), and its id."""
    hashes = {
        "content_sha256": hashlib.sha256(plain).hexdigest(),
        "beside": {suffix: hashlib.sha256(data).hexdigest() for suffix, data in sorted(beside.items())},
    }
    record = record | hashes
    return {"id": record_id(record)} | {key: value for key, value in record.items() if key != "id"}


def source_type(record: dict[str, Any]) -> str:
    """The IPTC digital source type of a picture or film with this record."""
    role = "video" if record["asset"] == "video" else "artwork"
    disclosure = record["disclosure"].get(role, "generated")
    if disclosure == "generated" and not any(row["role"] == "model" for row in record["materials"]):
        return _ALGORITHMIC
    return SOURCE_TYPES[disclosure]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"
