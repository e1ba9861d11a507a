"""The card of a trained model: where it comes from, what it was measured at, what it cannot do.

`python -m models.music.card RUN DATA OUT --seed 1 --commit abc` exports a run's averaged weights to OUT, scores them
on the test part of every set in DATA, lets them play (`listen.compare`), and writes it all into OUT/card.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .corpus import Song, load_set
from .decode_cpu import PLAYED_STYLES, SAMPLING, load_model
from .evaluate import evaluate
from .listen import compare
from .train import SHARES, export

__all__ = ["LIMITS", "SOURCES", "data_rows", "write_card"]

SOURCES: dict[str, tuple[str, str]] = {
    "pop909": ("MIT (data set; rights in the songs lie with their authors)", "POP909, Music X Lab"),
    "openscore_lieder": ("CC0 1.0", "OpenScore Lieder Corpus"),
    "openscore_quartets": ("CC0 1.0", "OpenScore String Quartets"),
    "mutopia": (
        "per piece: public domain, CC BY, CC BY-SA",
        "Mutopia Project and its typesetters (mutopiaproject.org)",
    ),
    "groove_drums": (
        "CC BY 4.0",
        "Groove MIDI Dataset, Google Magenta; Gillick, Roberts, Engel, Eck, Bamman: Learning to Groove (2019)",
    ),
    "jsb_chorales": (
        "public domain music, no licence file",
        "J. S. Bach; split of Boulanger-Lewandowski, Bengio, Vincent (2012)",
    ),
    "open_hymnal": ("public domain per tune", "Open Hymnal Project"),
    "openewld_leadsheets": ("MIT", "OpenEWLD, F. Simonetta; songs first performed up to 1930"),
    "chopin_first_editions": (
        "CC BY 4.0",
        "Chopin First Editions, Copyright 2017-2021 The Fryderyk Chopin Institute (chopinscores.org)",
    ),
    "season_songs": ("Unlicense (public domain)", "Musikpiraten e. V., public domain season songs"),
}
"""Set -> licence, credit."""

LIMITS: tuple[str, ...] = (
    "No set has a band: drums were laid under pitched parts of other songs, so they share bars, not ideas.",
    "Jazz, folk and carols are learned from bare tunes; their accompaniment is borrowed from pop and piano music. "
    "The bass does not walk.",
    "Form comes from the memory of bars and the form's pointer: themes return, sometimes late by a bar; "
    "development is not learned.",
    "A scale told as a wish does next to nothing (the rule does); see models/music/steering.svg for every knob.",
    "Density and register are followed loosely at strength 1; strength 2 costs twice the time a note.",
    "Velocities of written styles follow a rule (level, accents, melody in front), not players.",
    "Micro-timing is learned from pop piano and drums alone; drums are drawn a third of the way to the grid.",
    "The bass of keyboard music is the lowest note below pitch 50, not a bass player's line.",
    "Onsets are 1/12 quarter plus 5-tick steps; rests over 4 quarters end on half quarters, over 16 they are cut.",
    "What lies outside the spread of real pieces stands in models/music/figures.svg.",
    "Judged by numbers, not by listeners. Pop means piano arrangements of Chinese pop songs.",
)


def data_rows(songs: Sequence[Song]) -> list[dict[str, Any]]:
    """One row per training set: licence, credit, what was used of it."""
    rows = []
    for name in SHARES:
        mine = [song for song in songs if song.set == name and song.split == "train"]
        if mine:
            licence, credit = SOURCES[name]
            rows.append(
                {
                    "set": name,
                    "licence": licence,
                    "credit": credit,
                    "train_songs": len(mine),
                    "train_notes": int(sum(len(song.notes) for song in mine)),
                    "share": SHARES[name],
                }
            )
    return rows


def write_card(
    run: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    seed: int,
    commit: str,
    remarks: Sequence[str] = (),
    cache: str | Path | None = None,
) -> dict[str, Any]:
    """Export, measure, write; returns the card. remarks: what else there is to say about this run."""
    folder = export(run, out, {"seed": seed, "commit": commit})
    songs = [song for name in SHARES for song in load_set(Path(data) / f"music_{name}.zip", cache)]
    model = load_model(folder)
    scores = evaluate(data, model, cache=cache)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    card |= {
        "description": "GRU with a memory of bars: pop, jazz, folk, chorales, classical, drum grooves",
        "licence": "Apache-2.0; the credits of the sets below go with it",
        "data": data_rows(songs),
        "remarks": list(remarks),
        "augmentation": "12 keys, tempo, velocity, parts left out, human parts, grooves under other songs, "
        "conditions left out one by one",
        "sampling": SAMPLING,
        "played_styles": PLAYED_STYLES,
        "figures": {
            "test_bits": {name: scores[name] for name in ("notes", "bits_per_note", "structure_bits_per_note")}
            | {
                "per_set": scores["per_set"],
                "not_trained_on": [name for name in scores["per_set"] if name not in SHARES],
            },
            "sampled_beside_real": compare(model, songs),
        },
        "limits": LIMITS,
    }
    part = folder / "card.json.part"
    part.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(folder / "card.json")
    return card


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m models.music.card`."""
    parser = argparse.ArgumentParser(prog="models.music.card", description="Export a run with its card.")
    parser.add_argument("run", help="folder of the training run")
    parser.add_argument("data", help="folder of the music sets")
    parser.add_argument("out", help="folder of the model")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--commit", required=True, help="revision of the code that trained it")
    parser.add_argument("--remark", action="append", default=[], help="a sentence about this run; may be repeated")
    parser.add_argument("--cache", help="folder for parsed sets")
    options = parser.parse_args(arguments)
    write_card(
        options.run,
        options.data,
        options.out,
        seed=options.seed,
        commit=options.commit,
        remarks=options.remark,
        cache=options.cache,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
