"""Weights on disk: safetensors in plain numpy, checked against the card beside them.

A model folder holds weights.safetensors (bf16 or fp32) and card.json, nothing executable. bf16 becomes fp32 by a
shift, fp32 becomes bf16 by rounding to the nearest (ties to even).

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError

__all__ = ["Tensors", "parse_safetensors", "read_weights", "safetensors_bytes", "write_folder"]

_TYPES = {"BF16": "<u2", "F32": "<f4", "F16": "<f2"}

Tensors = dict[str, NDArray[np.float32]]


def read_weights(folder: Path, card: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> Tensors:
    """The tensors named in `shapes` as fp32. ModelError where checksum, names or shapes differ from the card."""
    path = folder / "weights.safetensors"
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"no readable weights at {str(path)!r} ({error.strerror}): install the model again"
        ) from error
    digest = hashlib.sha256(blob).hexdigest()
    if digest != card.get("sha256"):
        raise ModelError(
            f"{str(path)!r} has sha256 {digest[:12]}..., its card says {str(card.get('sha256'))[:12]}...: "
            "weights and card do not belong together, install the model again"
        )
    tensors = parse_safetensors(blob, str(path))
    for name, shape in shapes.items():
        if name not in tensors:
            raise ModelError(f"{str(path)!r} lacks the tensor {name!r} that its card's config asks for")
        if tensors[name].shape != shape:
            raise ModelError(
                f"tensor {name!r} in {str(path)!r} has shape {tensors[name].shape}, its config asks for {shape}"
            )
    return {name: tensors[name] for name in shapes}


def parse_safetensors(blob: bytes, name: str) -> Tensors:
    """All tensors of a safetensors file as fp32. ModelError for anything that is not one."""
    try:
        size = int.from_bytes(blob[:8], "little")
        header = json.loads(blob[8 : 8 + size])
        body = memoryview(blob)[8 + size :]
        result: Tensors = {}
        for key, entry in header.items():
            if key == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            raw = np.frombuffer(body[begin:end], dtype=_TYPES[entry["dtype"]])
            if entry["dtype"] == "BF16":
                raw = (raw.astype(np.uint32) << 16).view(np.float32)
            result[key] = raw.astype(np.float32).reshape(entry["shape"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{name!r} is not a safetensors file of bf16, fp16 or fp32 tensors ({error}): install the model again"
        ) from error
    return result


def safetensors_bytes(tensors: Tensors) -> bytes:
    """fp32 tensors as a safetensors file of bf16."""
    header: dict[str, Any] = {}
    body = bytearray()
    for name, value in tensors.items():
        bits = np.ascontiguousarray(value, dtype=np.float32).view(np.uint32)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
        header[name] = {
            "dtype": "BF16",
            "shape": list(value.shape),
            "data_offsets": [len(body), len(body) + len(rounded)],
        }
        body += rounded
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return len(head).to_bytes(8, "little") + head + bytes(body)


def write_folder(folder: Path, tensors: Tensors, card: dict[str, Any]) -> Path:
    """Write weights.safetensors (bf16) and card.json; `parameters` and `sha256` are added where the card has none."""
    blob = safetensors_bytes(tensors)
    facts = {"parameters": sum(v.size for v in tensors.values()), "sha256": hashlib.sha256(blob).hexdigest()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("weights.safetensors", blob),
        ("card.json", json.dumps(facts | card, indent=1, ensure_ascii=False).encode() + b"\n"),
    ):
        part = folder / f"{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
    return folder
