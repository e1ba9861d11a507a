"""The English words of our model as our reader reads them, kept in spoken.json: to read ten thousand takes seconds.

    python -m aigc_music.generators.words.spoken

writes it anew, after the words or the reader have changed; a file of other words or of another reader is not used.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from aigc_music.files.atomic import atomic_write
from models.words.language.model import LanguageModel
from models.words.language.text import SPECIALS
from models.words.speech.english import Pronunciation, pronounce
from models.words.speech.reader import SHIPPED

__all__ = ["FILE", "readings", "write"]

FILE = Path(__file__).with_name("spoken.json")


def readings(model: LanguageModel) -> dict[str, Pronunciation]:
    """Word -> how it sounds, for the words of this model that are kept; empty where none are."""
    kept = _kept()
    if not kept or kept["key"] != _key(model):
        return {}
    return {
        word: Pronunciation(tuple(phones.split()))
        for word, phones in zip(model.words, kept["phones"], strict=True)
        if phones
    }


def write(model: LanguageModel, path: Path = FILE) -> None:
    """Read all words of a model and keep them."""
    speaks = [word not in SPECIALS and any(letter.isalpha() for letter in word) for word in model.words]
    phones = [
        " ".join(pronounce(word).phones) if said else "" for word, said in zip(model.words, speaks, strict=True)
    ]
    with atomic_write(path) as file:
        file.write(json.dumps({"key": _key(model), "phones": phones}, indent=0).encode())


@cache
def _kept() -> dict[str, Any]:
    if not FILE.exists():
        return {}
    kept: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return kept


def _key(model: LanguageModel) -> dict[str, str]:
    """What the readings depend on."""
    reader = json.loads((SHIPPED / "card.json").read_text("utf-8")) if (SHIPPED / "card.json").exists() else {}
    words = hashlib.sha256(" ".join(model.words).encode()).hexdigest()
    return {"words": words, "reader": str(reader.get("sha256"))}


if __name__ == "__main__":
    write(LanguageModel.load("words-en"))
