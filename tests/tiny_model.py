"""Random music models of a few thousand weights, made with numpy alone: everything but the taste is real."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from models.music import weights
from models.music.decode_cpu import MusicModel

SIZES: dict[str, Any] = {"hidden": 24, "layers": 2, "embedding": 16, "head": 20, "small_head": 12}


def config_of(kind: str = "gru") -> dict[str, Any]:
    """Sizes of the tiny network of this kind."""
    return {"network": kind} | SIZES


def tiny_tensors(kind: str = "gru", seed: int = 0) -> weights.Tensors:
    """Random weights, large enough that every condition and event matters."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) * 0.4).astype(np.float32)
        for name, shape in weights.shapes(config_of(kind)).items()
    }


@lru_cache(maxsize=8)
def tiny_model(kind: str = "gru", exact: bool = False) -> MusicModel:
    """The model, int8 or fp32. Its pitch and timing are noise."""
    return MusicModel({"name": "tiny", "config": config_of(kind)}, tiny_tensors(kind), exact=exact)


def write_tiny(folder: Path, kind: str = "gru") -> Path:
    """The model as a folder of the zoo."""
    return weights.write_model(folder, tiny_tensors(kind), {"name": folder.name, "config": config_of(kind)})
