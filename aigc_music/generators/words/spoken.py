"""The English words of our model as our reader reads them, kept in spoken.json: to read ten thousand takes seconds.

    python -m aigc_music.generators.words.spoken --dictionary cmudict.dict.gz

writes it anew, after the words or the reader have changed; a file of other words or of another reader is not used.
With the dictionary the readings are proved: a word that it gives another number of syllables is not drawn at all, one
that it gives another rhyme does not rhyme. Nothing of the dictionary itself is kept.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.files.atomic import atomic_write
from models.words.language.model import LanguageModel
from models.words.language.text import SPECIALS
from models.words.speech.dictionary import read_dictionary
from models.words.speech.english import Pronunciation, pronounce
from models.words.speech.reader import SHIPPED

__all__ = ["FILE", "Reading", "readings", "write"]

FILE = Path(__file__).with_name("spoken.json")


class Reading(NamedTuple):
    """How a word sounds. rhymes: whether its end is to be trusted."""

    spoken: Pronunciation
    rhymes: bool


def readings(model: LanguageModel) -> dict[str, Reading | None]:
    """Word -> how it sounds, None for one that is not to be drawn; empty where none of this model are kept."""
    kept = _kept()
    if not kept or kept["key"] != _key(model):
        return {}
    loose = set(kept["loose"])
    return {
        word: Reading(Pronunciation(tuple(phones.split())), word not in loose) if phones else None
        for word, phones in zip(model.words, kept["phones"], strict=True)
    }


def write(model: LanguageModel, path: Path = FILE, dictionary: Path | None = None) -> None:
    """Read all words of a model and keep them. dictionary: to prove them by."""
    known = read_dictionary(dictionary) if dictionary is not None else {}
    phones: list[str] = []
    loose: list[str] = []
    for word in model.words:
        said = word not in SPECIALS and any(letter.isalpha() for letter in word)
        spoken = pronounce(word) if said else None
        others = [Pronunciation(reading) for reading in known.get(word, [])]
        if spoken is None or (others and spoken.syllables not in {other.syllables for other in others}):
            phones.append("")
            continue
        phones.append(" ".join(spoken.phones))
        if others and spoken.rhyme not in {other.rhyme for other in others}:
            loose.append(word)
    with atomic_write(path) as file:
        file.write(json.dumps({"key": _key(model), "loose": loose, "phones": phones}, indent=0).encode())


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
    parser = argparse.ArgumentParser(prog="python -m aigc_music.generators.words.spoken", description=__doc__)
    parser.add_argument("--dictionary", type=Path)
    write(LanguageModel.load("words-en"), FILE, parser.parse_args().dictionary)
