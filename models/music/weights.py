"""Weights on disk and in memory: read safetensors in plain numpy, check them against the card, quantise to int8.

A model folder holds weights.safetensors (bf16 or fp32) and card.json, nothing executable. bf16 becomes fp32 by a
shift; matrices become int8 rows with one fp32 scale each; tables and biases stay fp32.

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

from . import representation as rep
from .kernels import CHOICE_STARTS, PITCH_OUTPUTS, PLACES, PREFIX, Buffers, Heads
from .matrices import int8_rows
from .trunks import KINDS, trunk_of

__all__ = ["buffers", "parse_safetensors", "quantise", "read_card", "read_tensors", "shapes", "write_model"]

_TYPES = {"BF16": "<u2", "F32": "<f4", "F16": "<f2"}
_SMALL = ("part", "micro", "velocity")

Tensors = dict[str, NDArray[np.float32]]


def read_card(folder: Path) -> dict[str, Any]:
    """card.json of a model folder. ModelError when it is missing, damaged or of another representation."""
    path = folder / "card.json"
    try:
        card: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(
            f"{str(folder)!r} has no readable card.json ({error.strerror}): "
            "a model is a folder with weights.safetensors and card.json"
        ) from error
    except ValueError as error:
        raise ModelError(f"{str(path)!r} is not JSON ({error}): install the model again") from error
    if card.get("kind") != "music" or card.get("network") not in KINDS:
        raise ModelError(
            f"{str(path)!r} describes a {card.get('kind')!r} model of network {card.get('network')!r}: "
            f"music models of network {', '.join(KINDS)} can be played"
        )
    if card.get("representation") != rep.VERSION:
        raise ModelError(
            f"model {card.get('name')!r} speaks representation {card.get('representation')!r}, "
            f"this version reads {rep.VERSION}: train it again or take a newer model"
        )
    return card


def read_tensors(folder: Path, card: dict[str, Any]) -> Tensors:
    """The weights as fp32, after checksum and shapes were checked against the card. ModelError otherwise."""
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
    wanted = shapes(card["config"])
    for name, shape in wanted.items():
        if name not in tensors:
            raise ModelError(f"{str(path)!r} lacks the tensor {name!r} that its card's config asks for")
        if tensors[name].shape != shape:
            raise ModelError(
                f"tensor {name!r} in {str(path)!r} has shape {tensors[name].shape}, its config asks for {shape}"
            )
    return {name: tensors[name] for name in wanted}


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


def head_width(config: dict[str, Any], name: str) -> int:
    """Width of a head's hidden layer."""
    return int(config["small_head"] if name in _SMALL else config["head"])


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of a model of this config, by name."""
    h, e = int(config["hidden"]), int(config["embedding"])
    result: dict[str, tuple[int, ...]] = {"embedding": (sum(size for _, size in rep.INPUT_FIELDS), e)}
    result |= trunk_of(config).shapes(config)
    total = int(CHOICE_STARTS[-1]) + rep.VELOCITIES
    starts = [*(int(start) for start in CHOICE_STARTS), total]
    for index, (name, size) in enumerate(rep.HEADS):
        width = head_width(config, name)
        outputs = PITCH_OUTPUTS if name == "pitch" else size
        result |= {
            f"hidden.{name}.weight": (width, h),
            f"hidden.{name}.bias": (width,),
            f"outputs.{name}.weight": (outputs, width),
            f"outputs.{name}.bias": (outputs,),
        }
        if PREFIX[index]:
            result[f"tables.{name}"] = (starts[int(PREFIX[index])], width)
    return result


def quantise(tensors: Tensors, config: dict[str, Any], *, exact: bool = False) -> tuple[Heads, Any]:
    """Kernel weights of the heads and of the trunk: int8 rows with scales, or fp32 rows with scale 1 when `exact`."""
    hidden = [int8_rows(tensors[f"hidden.{name}.weight"], exact) for name, _ in rep.HEADS]
    output = [int8_rows(tensors[f"outputs.{name}.weight"], exact) for name, _ in rep.HEADS]
    tables = tuple(
        np.ascontiguousarray(tensors[f"tables.{name}"])
        if f"tables.{name}" in tensors
        else np.zeros((1, head_width(config, name)), np.float32)
        for name, _ in rep.HEADS
    )
    heads = Heads(
        embedding=np.ascontiguousarray(tensors["embedding"]),
        hidden=tuple(rows for rows, _ in hidden),
        hidden_scale=tuple(scale for _, scale in hidden),
        hidden_bias=tuple(np.ascontiguousarray(tensors[f"hidden.{name}.bias"]) for name, _ in rep.HEADS),
        table=tables,
        output=tuple(rows for rows, _ in output),
        output_scale=tuple(scale for _, scale in output),
        output_bias=tuple(np.ascontiguousarray(tensors[f"outputs.{name}.bias"]) for name, _ in rep.HEADS),
    )
    return heads, trunk_of(config).quantise(tensors, config, exact)


def buffers(config: dict[str, Any]) -> Buffers:
    """Working memory for one stream."""
    return Buffers(
        x=np.zeros(int(config["embedding"]), np.float32),
        plain=np.zeros(int(config["embedding"]), np.float32),
        wide=np.zeros(max(int(config["head"]), int(config["small_head"])), np.float32),
        logits=np.zeros(PITCH_OUTPUTS, np.float32),
        guide=np.zeros(PITCH_OUTPUTS, np.float32),
        scores=np.zeros(128, np.float32),
        inputs=np.zeros(len(rep.INPUT_FIELDS), np.int64),
        choices=np.zeros(len(rep.CHOICES), np.int64),
        at=np.zeros(PLACES, np.int64),
        shifts=np.zeros(rep.SOURCES, np.int64),
        echo=np.full(rep.SOURCES, rep.NO_PITCH, np.int64),
        mask=np.zeros(128, np.bool_),
        begins=np.zeros(rep.PARTS, np.int64),
        result=np.zeros(8, np.int64),
    )


def write_model(folder: Path, tensors: Tensors, card: dict[str, Any]) -> Path:
    """Write a model folder from fp32 tensors (rounded to bf16); `card` needs name and config."""
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
    blob = len(head).to_bytes(8, "little") + head + bytes(body)
    facts = {
        "kind": "music",
        "network": card["config"]["network"],
        "representation": rep.VERSION,
        "parameters": sum(v.size for v in tensors.values()),
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("weights.safetensors", blob),
        ("card.json", json.dumps(facts | card, indent=1, ensure_ascii=False).encode() + b"\n"),
    ):
        part = folder / f"{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
    return folder
