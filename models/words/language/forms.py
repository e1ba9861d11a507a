"""The shapes of Chinese song tunes (cipai): line lengths, rhymes, level and oblique tones.

    form = form_of("如梦令")
    form.lines      # (6, 6, 5, 6, 2, 2, 6) characters
    form.rhymes     # "AA.AAAA": lines with one letter rhyme, "." does not
    form.tones[0]   # "./.==/": "=" level, "/" oblique, "." free

Facts counted over many texts of each tune (see `count`), not taken from a book of rules. Level and oblique are told
by today's Mandarin tones (1 and 2 level, 3 and 4 oblique): characters that had an entering tone are counted wrongly
where they are tone 1 or 2 today, so a place is only called level or oblique where most texts agree. Where a text's
second stanza begins is not marked in the source, so it is not told here.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.core.errors import FileError, ModelError, UsageError
from aigc_music.files.atomic import atomic_write
from models.zoo import find

from .text import HAN_ASIDE, simplified

__all__ = ["FORMS_FILE", "FREE", "LEVEL", "OBLIQUE", "Form", "count", "form_of", "forms", "save"]

LEVEL, OBLIQUE, FREE = "=", "/", "."
FORMS_FILE = "forms.json"
LEAST_TEXTS = 12
"""Texts of one and the same shape that a tune must have."""
AGREE = 0.72  # share of the texts from which on a place is level or oblique
RHYME = 0.5  # share of the texts in which two lines end alike, from which on they rhyme; chance gives about 0.1
_CLAUSE = re.compile(r"([\u3400-\u9fff\U00020000-\U0002ffff]+)([^\u3400-\u9fff\U00020000-\U0002ffff]*)")
_STOP = re.compile(r"[。！？；]")

_RHYMES = """
a ia ua|o uo e|ie ve|ai uai|ei uei ui|ao iao|ou iou iu|an ian uan van|en in uen un vn|ang iang uang
eng ing ueng ong iong|i v er|-i|u
"""
_RHYME_OF = {
    final: number for number, group in enumerate(re.split(r"[|\n]", _RHYMES.strip())) for final in group.split()
}
"""Final in pinyin -> its rhyme among the thirteen tracks (shisan zhe); -i of zhi, zi apart."""


class Form(NamedTuple):
    """One tune. lines: characters of each line; ends: numbers of the lines, from 0, that end a sentence; rhymes: a
    letter for each line, FREE where it does not rhyme; tones: LEVEL, OBLIQUE or FREE for each character; texts: how
    many have this shape; share: 0..1 of all texts of the tune."""

    tune: str
    lines: tuple[int, ...]
    ends: tuple[int, ...]
    rhymes: str
    tones: tuple[str, ...]
    texts: int
    share: float


def form_of(tune: str, name: str = "words-zh") -> Form:
    """The form of a tune by its name. UsageError where there is none."""
    known, tune = forms(name), simplified(tune)
    if tune not in known:
        raise UsageError(f"no form for the tune {tune!r}: choose one of {', '.join(list(known)[:12])} ...")
    return known[tune]


def forms(name: str = "words-zh") -> Mapping[str, Form]:
    """Tune -> form, most frequent tunes first, from the folder of a model. ModelError where damaged."""
    return _load(str(find(name)))


@lru_cache(maxsize=2)
def _load(folder: str) -> Mapping[str, Form]:
    path = Path(folder) / FORMS_FILE
    try:
        rows = json.loads(path.read_text("utf-8"))["tunes"]
        return {
            tune: Form(
                tune, tuple(row["lines"]), tuple(row["ends"]), row["rhymes"], tuple(row["tones"]),
                row["texts"], row["share"],
            )
            for tune, row in rows.items()
        }  # fmt: skip
    except OSError as error:
        raise ModelError(f"no readable forms at {str(path)!r} ({error.strerror}): install the model again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{str(path)!r} is damaged ({error}): install the model again") from error


def count(path: str | Path) -> dict[str, Form]:
    """Forms from text_poetry_zh.jsonl.gz: of each tune the commonest shape of its texts, train part only."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
    except (OSError, EOFError, ValueError) as error:
        raise FileError(f"{str(path)!r} is damaged or no set of words ({error}): fetch it again") from error
    texts: dict[str, list[list[tuple[str, bool]]]] = defaultdict(list)
    for row in rows:
        if row["kind"] == "ci" and row["tune"] and row["split"] == "train":
            words = HAN_ASIDE.sub("", row["text"]).replace("、", "")
            texts[simplified(row["tune"]).split("・")[0].strip()].append(
                [(clause, bool(_STOP.search(mark))) for clause, mark in _CLAUSE.findall(words)]
            )
    found = [form for tune, pieces in texts.items() if (form := _form(tune, pieces)) is not None]
    return {form.tune: form for form in sorted(found, key=lambda form: -form.texts)}


def save(found: Mapping[str, Form], folder: Path) -> None:
    """Write forms into a model's folder."""
    rows = {
        tune: {key: value for key, value in form._asdict().items() if key != "tune"} for tune, form in found.items()
    }
    lines = ",\n".join(f" {json.dumps(tune, ensure_ascii=False)}: {json.dumps(row)}" for tune, row in rows.items())
    with atomic_write(folder / FORMS_FILE) as file:
        file.write(f'{{"tunes": {{\n{lines}\n}}}}\n'.encode())


def _form(tune: str, pieces: Sequence[Sequence[tuple[str, bool]]]) -> Form | None:
    shapes = Counter(tuple(len(clause) for clause, _ in piece) for piece in pieces)
    lines, number = shapes.most_common(1)[0]
    if number < LEAST_TEXTS:
        return None
    same = [piece for piece in pieces if tuple(len(clause) for clause, _ in piece) == lines]
    sounds = [[_sounds(clause) for clause, _ in piece] for piece in same]
    ends = tuple(at for at in range(len(lines)) if 2 * sum(piece[at][1] for piece in same) > number)
    tones = []
    for at, length in enumerate(lines):
        level = [sum(piece[at][place][1] for piece in sounds) / number for place in range(length)]
        tones.append("".join(LEVEL if s >= AGREE else OBLIQUE if s <= 1 - AGREE else FREE for s in level))
    rhymes = _scheme([[line[-1][0] for line in piece] for piece in sounds])
    return Form(tune, lines, ends, rhymes, tuple(tones), number, round(number / len(pieces), 3))


def _scheme(finals: Sequence[Sequence[int]]) -> str:
    """A letter for each line: that of the earlier lines it rhymes with in most texts, or a new one."""
    groups: list[list[int]] = []
    for at in range(len(finals[0])):
        alike = [
            sum(piece[at] == piece[other] for piece in finals for other in group) / (len(finals) * len(group))
            for group in groups
        ]
        if alike and max(alike) >= RHYME:
            groups[alike.index(max(alike))].append(at)
        else:
            groups.append([at])
    letters = [FREE] * len(finals[0])
    for letter, group in zip("ABCDEFGHIJKLMNOP", [group for group in groups if len(group) > 1], strict=False):
        for at in group:
            letters[at] = letter
    return "".join(letters)


def _sounds(clause: str) -> list[tuple[int, bool]]:
    """(rhyme class, whether level) of each character."""
    return [_sound(character) for character in clause]


@cache
def _sound(character: str) -> tuple[int, bool]:
    from pypinyin import Style, pinyin

    final = pinyin(character, style=Style.FINALS_TONE3, strict=True, errors=lambda _: "?")[0][0]
    plain: Any = final.rstrip("12345").replace("ü", "v")
    return _RHYME_OF.get(plain, -1), final[-1:] in ("1", "2")
