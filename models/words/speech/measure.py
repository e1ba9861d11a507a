"""How well English is read: the held-out words of the CMU Pronouncing Dictionary; any listed variant is right.

`python -m models.words.speech.measure --data FOLDER` prints the table (FOLDER holds cmudict.dict.gz and, for the
second column, text_songs_en.jsonl.gz); `--card card.json` writes it into a card as well.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aigc_music.files.atomic import atomic_write

from .dictionary import Phones, counts_of, held_out, read_dictionary
from .english import Pronunciation
from .reader import SHIPPED, Reader
from .verse import SETS, quatrains, rhyming

__all__ = ["FIGURES", "measure", "table"]

FIGURES: Mapping[str, str] = {
    "syllables": "as many syllables",
    "stress": "every syllable's 0, 1 or 2",
    "stressed": "which syllables are stressed (1 or 2)",
    "primary": "which syllable has the primary stress",
    "words": "every phone and digit",
    "words_without_stress": "every phone, digits aside",
    "phone_errors": "edits per phone, digits counted",
    "phone_errors_without_stress": "edits per phone, digits aside",
}
"""Figure -> what it says. All are shares 0..1 of the words, the last two of the phones of the nearest variant."""


QUATRAINS = 1000  # stanzas of each set


def measure(reader: Reader, words: Mapping[str, list[Phones]]) -> dict[str, float]:
    """The figures for these words, and the milliseconds of processor time a word took."""
    begin = time.process_time()
    read = {word: tuple(phone for chunk in reader.read(word) for phone in chunk) for word in words}
    spent = time.process_time() - begin
    right = dict.fromkeys(list(FIGURES)[:6], 0)
    edits = {"phone_errors": [0, 0], "phone_errors_without_stress": [0, 0]}
    for word, phones in read.items():
        ours, listed = Pronunciation(phones), [Pronunciation(variant) for variant in words[word]]
        right["syllables"] += any(ours.syllables == other.syllables for other in listed)
        right["stress"] += any(ours.stress == other.stress for other in listed)
        right["stressed"] += any(_stressed(ours) == _stressed(other) for other in listed)
        right["primary"] += any(_primary(ours) == _primary(other) for other in listed)
        right["words"] += any(phones == other.phones for other in listed)
        right["words_without_stress"] += any(_plain(phones) == _plain(other.phones) for other in listed)
        for name, form in (("phone_errors", tuple), ("phone_errors_without_stress", _plain)):
            wrong, length = min((_edits(form(phones), form(o.phones)), len(o.phones)) for o in listed)
            edits[name][0] += wrong
            edits[name][1] += length
    shares = {name: n / len(words) for name, n in right.items()}
    shares |= {name: wrong / length for name, (wrong, length) in edits.items()}
    return {name: round(value, 4) for name, value in shares.items()} | {
        "of": len(words),
        "ms_a_word": round(1000 * spent / len(words), 3),
    }


def table(columns: Mapping[str, Mapping[str, float]]) -> str:
    """The figures of several sets of words side by side, in per cent."""
    rows = [f"{'':44}" + "".join(f"{name:>18}" for name in columns)]
    rows.append(f"{'words':44}" + "".join(f"{column['of']:>18,}" for column in columns.values()))
    for figure, about in FIGURES.items():
        rows.append(f"{about:44}" + "".join(f"{100 * column[figure]:>16.2f} %" for column in columns.values()))
    rows.append(
        f"{'milliseconds a word':44}" + "".join(f"{column['ms_a_word']:>18.3f}" for column in columns.values())
    )
    return "\n".join(rows)


def _stressed(word: Pronunciation) -> tuple[bool, ...]:
    return tuple(stress > 0 for stress in word.stress)


def _primary(word: Pronunciation) -> tuple[int, int]:
    """(syllables, the first with primary stress, or -1): counted from the front, in a word as long."""
    return word.syllables, word.stress.index(1) if 1 in word.stress else -1


def _plain(phones: Iterable[str]) -> tuple[str, ...]:
    return tuple(phone.rstrip("012") for phone in phones)


def _edits(a: Phones, b: Phones) -> int:
    """Phones to put in, take out or change (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.words.speech.measure", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with cmudict.dict.gz")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="folder of the network")
    parser.add_argument("--card", type=Path, help="card.json to write the figures into")
    asked = parser.parse_args()
    reader = Reader.load(asked.model)
    reader.read("warm")  # compiles
    words = {w: v for w, v in read_dictionary(asked.data / "cmudict.dict.gz").items() if held_out(w)}
    columns = {"held_out": measure(reader, words)}
    songs = asked.data / "text_songs_en.jsonl.gz"
    if songs.exists():
        counts = counts_of(songs)
        columns["of_songs"] = measure(reader, {w: v for w, v in words.items() if counts[w] >= 2})
    print(table(columns))  # noqa: T201
    heard = {
        name: rhyming(quatrains(asked.data / file, language, QUATRAINS), language)
        for name, (file, language) in SETS.items()
        if (asked.data / file).exists()
    }
    for name, shares in heard.items():
        print(f"quatrains, {name}: " + ", ".join(f"{key} {value:g}" for key, value in shares.items()))  # noqa: T201
    if asked.card:
        card: dict[str, Any] = json.loads(asked.card.read_text("utf-8"))
        card["metrics"] = {"figures": dict(FIGURES), **columns, "quatrains": heard}
        with atomic_write(asked.card) as file:
            file.write(json.dumps(card, indent=1, ensure_ascii=False).encode() + b"\n")


if __name__ == "__main__":
    _main()
