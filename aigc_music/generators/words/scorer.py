"""How well given lines fit a template: one judge for all backends, and none that the decoder's own tables can please.

Sounds come from the pronunciation of the words as they are written. A line fails with reasons, so that a backend may
mend just that line.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from models.words.language.model import LanguageModel
from models.words.language.originality import Index

from . import sounds
from .stress import agreement
from .template import Template

__all__ = ["Report", "distinct", "problems", "score"]

RANK = {"exact": 4.0, "scheme": 2.0, "stress": 2.0, "distinct_2": 1.0}
"""What the shares count for in `rank`, besides bits a word / 20."""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures of a text; shares are 0..1, None where there is nothing to judge.

    exact: lines with as many syllables as the template; scheme: lines with an earlier partner that rhyme with one and
    do not repeat its word; stress: stressed syllables on the heavier notes (chance .5; in Chinese: tones that do not
    go against the melody or the form); distinct_1, distinct_2: different words and pairs of words by all; repeated:
    lines that stand there twice without being meant to; longest_copy: words in a row out of a training text, 0 = less
    than a gram of its index, None = not looked for; bits: a word (a character in zh), under our own model. failing:
    line number -> reasons.
    """

    lines: int
    exact: float
    scheme: float | None
    stress: float | None
    distinct_1: float
    distinct_2: float
    repeated: float
    longest_copy: int | None = None
    bits: float | None = None
    failing: dict[int, list[str]] = field(default_factory=dict)

    @property
    def rank(self) -> float:
        """Lower is better; orders texts of one template."""
        shares = {name: getattr(self, name) for name in RANK}
        worse = sum(weight * (1 - (1 if shares[name] is None else shares[name])) for name, weight in RANK.items())
        return round(worse + self.repeated + (self.bits or 0) / 20, 4)

    def record(self) -> dict[str, Any]:
        """As JSON values, rounded."""
        names = ("exact", "scheme", "stress", "distinct_1", "distinct_2", "repeated", "bits")
        rows = {name: getattr(self, name) for name in names}
        rounded = {name: None if value is None else round(value, 4) for name, value in rows.items()}
        return {"lines": self.lines, **rounded, "longest_copy": self.longest_copy, "rank": self.rank}


def score(
    lines: Sequence[str],
    template: Template,
    language: str | None = None,
    model: LanguageModel | None = None,
    theme: Sequence[str] = (),
    index: Index | None = None,
) -> Report:
    """Judge lines by their template. model: to tell bits a word; theme: what it is told of. index: to find copies."""
    language = language or template.language
    failing = {number: found for number in range(len(template.lines)) if (found := problems(lines, template, number))}
    off = sum(any(reason.startswith("syllables") for reason in reasons) for reasons in failing.values())
    bound = [number for number in range(len(template.lines)) if template.partners(number)]
    unrhymed = sum(any(reason.startswith("rhyme") for reason in failing.get(number, [])) for number in bound)
    points, pairs = 0.0, 0
    for text, spec in zip(lines, template.lines, strict=False):
        got = _fit(text, [slot.weight for slot in spec.slots], [slot.pitch for slot in spec.slots], language)
        points, pairs = points + got[0], pairs + got[1]
    fresh = [text for text, spec in zip(lines, template.lines, strict=False) if spec.same_as is None]
    words = [sounds.words(text, language) for text in fresh]
    seen = Counter(" ".join(row) for row in words if row)
    again = sum(count - 1 for count in seen.values())
    return Report(
        lines=len(template.lines),
        exact=1 - off / max(1, len(template.lines)),
        scheme=1 - unrhymed / len(bound) if bound else None,
        stress=points / pairs if pairs else None,
        distinct_1=distinct(words, 1),
        distinct_2=distinct(words, 2),
        repeated=again / max(1, len(fresh)),
        longest_copy=index.longest_copied(fresh)[0] if index is not None else None,
        bits=model.score(fresh, theme) if model is not None and any(words) else None,
        failing=failing,
    )


def problems(lines: Sequence[str], template: Template, number: int) -> list[str]:
    """Why a line does not fit, in words for a writer: 'syllables: ...' and 'rhyme: ...'; empty where it does."""
    spec, language = template.lines[number], template.language
    text = lines[number] if number < len(lines) else ""
    found = []
    counts = sounds.syllables(text, language)
    if spec.syllables not in counts:
        found.append(f"syllables: {min(counts)} where {spec.syllables} are wanted")
    partners = [other for other in template.partners(number) if other < len(lines)]
    if partners and spec.same_as is None:
        word = sounds.last(text, language)
        others = [sounds.last(lines[other], language) for other in partners]
        if word in others:
            found.append(f"rhyme: {word!r} is the same word as in the line it rhymes with")
        elif not any(sounds.rhyme(word, other, language) for other in others):
            found.append(f"rhyme: {word!r} does not rhyme with {others[0]!r}")
    return found


def distinct(rows: Iterable[Sequence[str]], n: int) -> float:
    """Different n-tuples of words by all of them; 1 where there are none."""
    grams = [tuple(row[i : i + n]) for row in rows for i in range(len(row) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def _fit(text: str, weights: Sequence[float], pitches: Sequence[int], language: str) -> tuple[float, int]:
    """(points, pairs) of a line: stress on weight; in Chinese, tones along the melody."""
    if language == "en":
        return agreement(sounds.stresses(text), weights)
    tones = sounds.tones(text)
    if not any(pitches):
        return 0.0, 0
    points, pairs = 0.0, 0
    for (tone, following), (pitch, to) in zip(pairwise(tones), pairwise(pitches), strict=False):
        spoken, sung = sounds.HEIGHT[following] - sounds.HEIGHT[tone], to - pitch
        if spoken and sung:
            pairs += 1
            points += (spoken > 0) == (sung > 0)
    return points, pairs
