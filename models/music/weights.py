"""Weights of the music model: which tensors a config wants, checked against its card, quantised to int8.

Matrices become int8 rows with one fp32 scale each; tables and biases stay fp32. The files: models/tensors.py.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aigc_music.core.errors import ModelError

from ..matrices import int8_rows
from ..tensors import Tensors, read_weights, write_folder
from ..trunks import KINDS, trunk_of
from . import representation as rep
from .kernels import CHOICE_STARTS, PITCH_OUTPUTS, PLACES, PREFIX, Buffers, Heads

__all__ = ["buffers", "quantise", "read_card", "read_tensors", "shapes", "write_model"]

_SMALL = ("part", "micro", "velocity")


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
    return read_weights(folder, card, shapes(card["config"]))


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
    facts = {"kind": "music", "network": card["config"]["network"], "representation": rep.VERSION}
    return write_folder(folder, tensors, facts | card)
