"""Make a whole model folder of a training run: weights, originality index, forms of tunes, figures in the card.

    python -m models.words.language.ship RUN DATA FOLDER --description "..."

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aigc_music.files.atomic import atomic_write

from . import forms, originality, text
from .corpus import read
from .evaluate import evaluate
from .train import export

__all__ = ["ship"]

LICENCE = "Apache-2.0"
LIMITS = {
    "en": [
        "Learnt from verse of authors born 1800 to 1900, and older hymns, ballads and rhymes: much of its wording "
        "is old, and words of today (phone, radio, highway) are rare or missing.",
        "A small model: it follows grammar over a few words and the theme by its words, not by sense; it does not "
        "tell a story.",
        "Old views on peoples, sexes and war stand in its texts; some names that hurt are barred, views are not.",
    ],
    "zh": [
        "Learnt from verse of the Tang to the Yuan: its language is literary Chinese, not that of today's songs.",
        "Traditional characters were turned into simplified ones one by one: a few that have two may be wrong.",
        "A small model: it follows images over a few characters, not sense over lines.",
    ],
}  # fmt: skip


def ship(
    run: str | Path, data: Sequence[str | Path], folder: str | Path, name: str, *, figures: bool = True, **card: Any
) -> Path:
    """The folder, written: see train.export for run and card; data: the texts of the run. figures: measure it on the
    test part, as `metrics` in its card."""
    folder = export(run, folder, name, licence=LICENCE, **card)
    facts = json.loads((folder / "card.json").read_text("utf-8"))
    language = facts["language"]
    pieces = read(data, language)
    index = originality.build(
        (
            [word for stanza in piece.stanzas for line in stanza for word in line if word not in text.MARKS]
            for piece in pieces
            if piece.split == "train"
        ),
        language,
    )
    originality.save(index, folder)
    for place in map(Path, data):
        path = place / "text_poetry_zh.jsonl.gz" if place.is_dir() else place
        if language == "zh" and path.name == "text_poetry_zh.jsonl.gz" and path.is_file():
            forms.save(forms.count(path), folder)
    if figures:
        facts["metrics"] = evaluate(data, str(folder))
    facts["limits"] = LIMITS[language]
    with atomic_write(folder / "card.json") as file:
        file.write(json.dumps(facts, indent=1, ensure_ascii=False).encode() + b"\n")
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    """The command line above."""
    parser = argparse.ArgumentParser(prog="python -m models.words.language.ship", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("data", type=Path, help="folder of the data sets or own texts")
    parser.add_argument("folder", type=Path, help="the model folder to write; its name is the model's")
    parser.add_argument("--description", default="")
    parser.add_argument("--no-figures", action="store_true")
    args = parser.parse_args(argv)
    ship(args.run, [args.data], args.folder, args.folder.name, figures=not args.no_figures,
         description=args.description)  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
