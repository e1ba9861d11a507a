"""A model with random weights, made on the spot: for tests of what is built on a language model.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import text
from .model import LanguageModel, shapes

__all__ = ["tiny_model"]

STYLES = {"en": ("song", "hymn", "ballad", "nursery", "poem"), "zh": ("ci", "shi5", "shi7", "qu")}
_TUNES = ("如梦令", "浣溪沙")


def tiny_model(words: Sequence[str], language: str = "en", seed: int = 0) -> LanguageModel:
    """A model of these words (and the special tokens and marks), exact fp32, of random weights of this seed."""
    marks = text.MARKS if language == "en" else ()
    styles = (*STYLES[language], *(f"tune {tune}" for tune in _TUNES if language == "zh"))
    everything = list(dict.fromkeys((*text.SPECIALS, *marks, *words)))
    config = {
        "words": len(everything), "styles": len(styles), "embedding": 16, "hidden": 24, "layers": 1, "topics": 8,
    }  # fmt: skip
    card = {"name": f"tiny-{language}", "kind": "words", "language": language, "config": config}
    rng = np.random.default_rng(seed)
    tensors = {name: (0.4 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes(config).items()}
    return LanguageModel(card, everything, styles, tensors, exact=True)
