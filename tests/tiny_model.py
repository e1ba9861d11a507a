"""A random music model of a few thousand weights, made with numpy alone: everything but the taste is real."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from models.music import weights
from models.music.decode_cpu import MusicModel

CONFIG: dict[str, Any] = {"hidden": 24, "layers": 2, "embedding": 16, "head": 20, "small_head": 12}


def tiny_tensors(seed: int = 0) -> weights.Tensors:
    """Random weights, large enough that every condition and event matters."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) * 0.4).astype(np.float32) for name, shape in weights.shapes(CONFIG).items()
    }


@lru_cache(maxsize=2)
def tiny_model(exact: bool = False) -> MusicModel:
    """The model, int8 or fp32. Its pitch and timing are noise."""
    return MusicModel({"name": "tiny", "config": CONFIG}, tiny_tensors(), exact=exact)


def write_tiny(folder: Path) -> Path:
    """The model as a folder of the zoo."""
    return weights.write_model(folder, tiny_tensors(), {"name": folder.name, "config": CONFIG})
