"""The figures of our lyrics over many songs, beside those of real songs.

    python -m aigc_music.generators.words.measure --songs DIR --out figures.json --samples samples.md

DIR holds MIDI files with a melody; song number n is given words with seed n. With --data, or AIGC_MUSIC_DATA, a
folder with the sets of text, syllables and rhymes are also judged by the CMU Pronouncing Dictionary itself, in which
the decoder cannot look, and real songs and real quatrains are measured by the same scorer:

    stress agreement and different words of the songs in songs_with_words.zip, at the notes that they are sung to
    rhymes of the second and fourth lines of quatrains in text_songs_en.jsonl.gz (test part), and of shuffled ones

Threads: one. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from aigc_music.core.notes import Track
from aigc_music.core.texts import Text
from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import TextRequest
from aigc_music.files.atomic import atomic_write
from aigc_music.files.midi import read_score

from ..facts import SongFacts, facts_of
from . import sounds
from .builtin import BuiltinLyrics
from .melody import singing_track, weights_at
from .scorer import distinct
from .stress import agreement
from .template import Template

__all__ = ["Dictionary", "measure", "real_quatrains", "real_songs"]

FIRST_WORDS = 60
"""Different words are counted among so many at the beginning, for longer texts have fewer by nature."""
SAMPLES = 10


class Dictionary:
    """The CMU Pronouncing Dictionary: all readings of a word."""

    def __init__(self, path: Path) -> None:
        self._readings: dict[str, list[tuple[str, ...]]] = {}
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                word, _, phones = line.partition("#")[0].strip().partition(" ")
                self._readings.setdefault(word.partition("(")[0], []).append(tuple(phones.split()))

    def syllables(self, words: Sequence[str]) -> set[int] | None:
        """Numbers of syllables that these words can have; None where one is not in it."""
        totals = {0}
        for word in words:
            if word not in self._readings:
                return None
            counts = {sum(phone[-1].isdigit() for phone in reading) for reading in self._readings[word]}
            totals = {total + count for total in totals for count in counts}
        return totals

    def rhyme(self, a: str, b: str) -> bool | None:
        """Whether two words can rhyme perfectly; None where one is not in it."""
        if a not in self._readings or b not in self._readings:
            return None
        return bool(
            {_rhyming_part(reading) for reading in self._readings[a]}
            & {_rhyming_part(reading) for reading in self._readings[b]}
        )


def _rhyming_part(phones: Sequence[str]) -> tuple[str, ...]:
    """From the last stressed vowel to the end, without digits."""
    vowels = [at for at, phone in enumerate(phones) if phone[-1].isdigit()]
    stressed = [at for at in vowels if phones[at][-1] != "0"]
    return tuple(phone.rstrip("012") for phone in phones[(stressed or vowels or [0])[-1] :])


def measure(songs: Sequence[Path], language: str, dictionary: Dictionary | None) -> tuple[dict[str, Any], list[Text]]:
    """Figures over all songs, and their texts."""
    reports, texts, seconds, lines = [], [], 0.0, 0
    judged: dict[str, list[bool]] = {"exact": [], "scheme": []}
    for seed, path in enumerate(songs):
        generator = BuiltinLyrics(TextRequest(melody=str(path), language=language, seed=seed))
        begun = time.process_time()
        text = generator.generate(JobContext(seed))
        seconds += time.process_time() - begun
        texts.append(text)
        reports.append(generator.quality())
        lines += len(generator.template.lines)
        if dictionary is not None and language == "en":
            _judge(text, generator.template, dictionary, judged)
    figures: dict[str, Any] = {"songs": len(songs), "lines": lines}
    for name in ("exact", "scheme", "stress", "distinct_1", "distinct_2", "repeated", "bits"):
        known = [report[name] for report in reports if report[name] is not None]
        figures[name] = round(mean(known), 4) if known else None
    figures["longest_copy"] = max((report["longest_copy"] or 0 for report in reports), default=0)
    figures["first_words"] = _first_words([_words(text) for text in texts])
    figures["cpu_seconds_a_line"] = round(seconds / max(1, lines), 3)
    for name, rows in judged.items():
        if rows:
            figures[f"{name}_by_cmudict"] = round(mean(rows), 4)
    return figures, texts


def _judge(text: Text, template: Template, dictionary: Dictionary, judged: dict[str, list[bool]]) -> None:
    """Syllables and rhymes of one text by the dictionary, where it knows the words."""
    rows = [sounds.words(line["text"], "en") for line in text.document["lines"]]
    for number, (words, spec) in enumerate(zip(rows, template.lines, strict=True)):
        counts = dictionary.syllables(words)
        if counts is not None:
            judged["exact"].append(spec.syllables in counts)
        partners = template.partners(number)
        if partners and spec.same_as is None:
            found = [dictionary.rhyme(words[-1], rows[other][-1]) for other in partners]
            known = [rhymes for rhymes in found if rhymes is not None]
            if known:
                judged["scheme"].append(any(known))


def _words(text: Text) -> list[str]:
    return [word for line in text.document["lines"] for word in sounds.words(line["text"], text.document["language"])]


def _first_words(songs: Sequence[Sequence[str]]) -> dict[str, float]:
    rows = [song[:FIRST_WORDS] for song in songs if len(song) >= FIRST_WORDS]
    return {f"distinct_{n}": round(mean(distinct([row], n) for row in rows), 4) for n in (1, 2)} if rows else {}


def real_songs(path: Path) -> dict[str, Any]:
    """Stress agreement and different words of the English songs of songs_with_words.zip."""
    points, pairs, songs = 0.0, 0, []
    with zipfile.ZipFile(path) as archive:
        names = {Path(name).parent.as_posix(): name for name in archive.namelist() if name.endswith("words.json")}
        index = json.loads(archive.read(next(name for name in archive.namelist() if name.endswith("index.json"))))
        english = {row["id"] for row in index if row["language"] == "English"}
        for folder, name in sorted(names.items()):
            if Path(folder).name not in english:
                continue
            words = json.loads(archive.read(name))["words"]
            facts = facts_of(read_score(archive.read(f"{folder}/song.mid")))
            songs.append([word for row in words for word in sounds.words(row["text"], "en")])
            for stresses, weights in _stretches(words, facts, singing_track(facts.score, None)):
                got = agreement(stresses, weights)
                points, pairs = points + got[0], pairs + got[1]
    return {
        "songs": len(songs), "pairs": pairs, "stress": round(points / max(1, pairs), 4),
        "first_words": _first_words(songs),
    }  # fmt: skip


def _stretches(
    words: Sequence[dict[str, Any]], facts: SongFacts, track: Track
) -> Iterator[tuple[list[bool], list[float]]]:
    """Stresses and weights of the longest stretches of words whose syllables are as many as we take them to have."""
    clock = facts.score.tempo_map()
    stresses: list[bool] = []
    onsets: list[tuple[int, int]] = []
    for row in words:
        found = sounds.stresses(row["text"])
        if len(found) == len(row["syllables"]):
            stresses += found
            onsets += [
                (clock.tick_at(round(1e9 * syllable["start"])), clock.tick_at(round(1e9 * syllable["end"])))
                for syllable in row["syllables"]
            ]
        elif stresses:
            yield stresses, weights_at(facts, onsets, track)
            stresses, onsets = [], []
    if stresses:
        yield stresses, weights_at(facts, onsets, track)


def real_quatrains(path: Path, seed: int = 1) -> dict[str, Any]:
    """How many quatrains rhyme in their second and fourth lines: as they are, and with lines of other quatrains."""
    ends: list[tuple[str, str]] = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["split"] != "test":
                continue
            for stanza in row["text"].split("\n\n"):
                lines = [line for line in stanza.splitlines() if line.strip()]
                second, fourth = (sounds.last(lines[at], "en") for at in (1, 3)) if len(lines) == 4 else ("", "")
                if second and fourth:
                    ends.append((second, fourth))
    shuffled = [fourth for _, fourth in ends]
    random.Random(seed).shuffle(shuffled)
    return {
        "quatrains": len(ends),
        "rhyme": round(mean(sounds.rhyme(a, b, "en") for a, b in ends), 4),
        "rhyme_shuffled": round(mean(sounds.rhyme(a, b, "en") for (a, _), b in zip(ends, shuffled, strict=True)), 4),
    }


def _samples(texts: Sequence[Text], songs: Sequence[Path], heading: str) -> str:
    rows = [f"## {heading}", ""]
    for seed, (text, song) in enumerate(zip(texts, songs, strict=False)):
        rows += [f"### Seed {seed}, {song.stem}", "", "```", text.plain.rstrip(), "```", ""]
    return "\n".join(rows)


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m aigc_music.generators.words.measure", description=__doc__)
    parser.add_argument("--songs", type=Path, required=True, help="folder of MIDI files")
    parser.add_argument("--out", type=Path, required=True, help="figures as JSON")
    parser.add_argument("--samples", type=Path, help=f"the first {SAMPLES} texts as they came, as Markdown")
    parser.add_argument("--data", type=Path, default=os.environ.get("AIGC_MUSIC_DATA"))
    parser.add_argument("--chinese", type=int, default=3, help="how many songs get Chinese words")
    asked = parser.parse_args()
    songs = sorted(asked.songs.glob("*.mid"))
    data = None if asked.data is None else Path(asked.data)
    english, texts = measure(songs, "en", Dictionary(data / "cmudict.dict.gz") if data is not None else None)
    chinese, texts_zh = measure(songs[: asked.chinese], "zh", None)
    figures = {"english": english, "chinese": chinese}
    if data is not None:
        figures |= {
            "real_songs": real_songs(data / "songs_with_words.zip"),
            "real_quatrains": real_quatrains(data / "text_songs_en.jsonl.gz"),
        }
    with atomic_write(asked.out) as file:
        file.write((json.dumps(figures, indent=1) + "\n").encode())
    if asked.samples is not None:
        parts = ["# Words as they came", "", "The first seeds, none left out, nothing changed.", ""]
        parts += [_samples(texts[:SAMPLES], songs, "English"), _samples(texts_zh, songs, "Chinese")]
        with atomic_write(asked.samples) as file:
            file.write("\n".join(parts).encode())


if __name__ == "__main__":
    _main()
