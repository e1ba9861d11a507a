"""Originality: the longest phrases that a release shares with what the models learned from, in one report.

Music: the longest phrase that stands in a training song, in any key and at any tempo (models.music.originality).
Words: the longest run of words that stands in a training text (models.words.language.originality). Cover: the
training picture that the painted material is nearest to (models.pictures.originality), before it is cut, screened and
set with type. Each with the limit that it is judged by, and a sentence. What cannot be known here is said: a model
from elsewhere brings no index of what it learned from.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import AigcMusicError
from aigc_music.core.time import TICKS_PER_QUARTER
from aigc_music.engine.encodings import Record
from aigc_music.engine.requests import ImageRequest
from aigc_music.engine.verify import request_of

__all__ = ["FORMAT", "report", "report_text"]

FORMAT = "aigc-music originality"
VERSION = 1
_DRAWN = 256  # pixels a side, of the cover that is drawn once more to see what was painted for it

Facts = dict[str, Any]


def report(folder: Path, rows: Iterable[Facts], records: dict[str, Record]) -> Facts:
    """The report of a release. rows: artifacts of its manifest. records: provenance records by path.

    For each of music, words and cover that the release has: figures, `limit`, `accused` (True, False, None = cannot
    be known) and `sentence`; and all sentences as `sentences`.
    """
    checks: dict[str, tuple[str, str, Callable[[Path, Record], Facts]]] = {
        "music": ("midi", ".mid", _music),
        "words": ("lyrics", ".json", _words),
        "cover": ("cover", "", _cover),
    }
    found: Facts = {"format": FORMAT, "version": VERSION}
    rows = list(rows)
    for name, (role, suffix, check) in checks.items():
        path = next((r["path"] for r in rows if r["role"] == role and r["path"].endswith(suffix)), None)
        if path is None or path not in records:
            continue
        try:
            found[name] = {"path": path} | check(folder / path, records[path])
        except (AigcMusicError, KeyError, TypeError, ValueError) as error:
            found[name] = {"path": path} | _unknown(f"{name}: cannot be known here: {error}")
    found["sentences"] = [found[name]["sentence"] for name in checks if name in found]
    return found


def report_text(document: Facts) -> str:
    """The report for people: its sentences, a line each."""
    return "".join(f"{sentence}\n" for sentence in document["sentences"])


def _unknown(sentence: str) -> Facts:
    return {"accused": None, "sentence": sentence}


def _music(path: Path, record: Record) -> Facts:
    from aigc_music.files.midi import read_score
    from models.music.originality import check

    if not _made_by(record, "default"):
        return _unknown("music: made by a model whose training songs this program does not know")
    found = check(read_score(path))
    facts = found.as_dict() | {"limit": found.threshold}
    if not found.copies:
        return facts | {"sentence": "music: no phrase of it stands in a training song"}
    copy, source = found.copies[0], found.copies[0].source
    whose = f"{source['title'] or source['id']} ({source['set']})"
    verdict = "longer than chance has it" if found.accused else "as long as chance has it"
    return facts | {
        "sentence": f"music: the longest phrase that stands in a training song has {copy.counted} notes,"
        f" {copy.own_notes} of them its own, {verdict} (limit {found.threshold}); it is in {copy.part} from quarter"
        f" {copy.start / TICKS_PER_QUARTER:.1f} on, nearest to {whose}"
    }


def _words(path: Path, record: Record) -> Facts:
    from models.words.language.originality import LIMIT, Index

    document = json.loads(path.read_bytes())
    language = str(document.get("language") or record["request"].get("language") or "en")[:2]
    name = f"words-{language}"
    if not _made_by(record, name):
        return _unknown("words: made by a model, or by hand, whose texts this program does not know")
    count, phrase = Index.load(name).longest_copied(line["text"] for line in document["lines"])
    unit = "characters" if language == "zh" else "words"
    facts: Facts = {"longest_copied": count, "phrase": phrase, "limit": LIMIT, "accused": count >= LIMIT}
    if not count:
        return facts | {"sentence": f"words: no run of {unit} that is worth a mention stands in a training text"}
    verdict = "too long for chance" if count >= LIMIT else "short enough for chance"
    return facts | {
        "sentence": f"words: the longest run that stands in a training text has {count} {unit}, {verdict}"
        f" (limit {LIMIT}): {phrase}"
    }


def _cover(path: Path, record: Record) -> Facts:
    from models.pictures.originality import BITS, Index

    models = [row["name"] for row in record["materials"] if row["role"] == "model"]
    if not models:
        return {
            "accused": False, "painted": 0, "sentence": "cover: nothing of it is painted by a model, it is drawn from"
            " the notes and set in type",
        }  # fmt: skip
    if not _made_by(record, "pictures"):
        return _unknown(f"cover: painted by {models[0]}, whose training pictures this program does not know")
    painted = _painted(record, path.parent.parent)
    index = Index.load("pictures")
    near = sorted(index.nearest(pixels) for pixels in painted)
    if not near:
        return {"accused": False, "painted": 0, "sentence": "cover: nothing that was painted is in it"}
    bits, name = near[0]
    verdict = (
        "which is worth a look" if bits <= index.threshold else "no nearer than pictures that the model never saw"
    )
    return {
        "accused": bits <= index.threshold, "painted": len(painted), "bits": bits, "of": BITS, "nearest": name,
        "limit": index.threshold, "unseen_median": index.facts["unseen_median"],
        "sentence": f"cover: what was painted for it is {bits} of {BITS} bits from the nearest training picture"
        f" ({index.facts['set']}, {name}), {verdict} (limit {index.threshold})",
    }  # fmt: skip


def _made_by(record: Record, name: str) -> bool:
    """Whether this record names the model, in the version that is installed here."""
    from models.zoo import cards

    shipped = cards().get(name, {}).get("sha256")
    return any(row["name"] == name and row["sha256"] == shipped for row in record["materials"])


def _painted(record: Record, folder: Path) -> list[NDArray[np.uint8]]:
    """What the model painted for a cover, seen by drawing it once more, small."""
    from aigc_music.engine.job import JobContext
    from aigc_music.generators.cover.builtin import BuiltinCover

    song = (record["request"].get("song") or {}).get("name")
    place = next((file.parent for file in folder.rglob(str(song))), folder)
    request = request_of(record, place)
    assert isinstance(request, ImageRequest)
    generator = BuiltinCover(replace(request, size=(_DRAWN, _DRAWN)) if request.kind == "cover" else request)
    seen = _Seen(generator.painter)
    generator.painter = seen  # type: ignore[assignment]
    generator.generate(JobContext(request.seed))
    return seen.pictures


class _Seen:
    """A painter that keeps what it paints."""

    def __init__(self, painter: Any) -> None:
        self.painter, self.pictures = painter, []  # type: Any, list[NDArray[np.uint8]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.painter, name)

    def paint(self, *given: Any, **named: Any) -> NDArray[np.uint8]:
        found: NDArray[np.uint8] = self.painter.paint(*given, **named)
        self.pictures += list(found)
        return found
