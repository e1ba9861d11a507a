"""A small grammar: productions with slots, facts that stay as they were drawn, forms that agree.

A rule is a list of productions; a production is text with slots:

    {place}          a production of the rule 'place', another one each time until all were used
    {hero}           a fact: drawn at its first use, the same ever after
    {hero.they}      a form of it: pronouns, plural, past ... (see forms)
    [dark,!song] ..  in front: to be used only where the flag 'dark' is up and 'song' is not
    Mara|she         after the bar, its mark: what its forms need to know (pronoun, measure word)

A shape is JSON with productions for its texts. {"times": [2, 4], "of": shape} is a list, {"from": [1, 20]} a whole
number, {"if": "song", "of": shape} a part that is there only where the flags allow it.

Productions that are likelier to suit (see `likeness`) come first, by Gumbel noise; so the same stream gives the same
text. After the "recursive transition" grammars of story writers such as Tracery (Compton et al. 2015).

Threads: one writer a thread. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .forms import FORMS, tidy

__all__ = ["Entry", "Writer", "parse"]

SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
FLAGS = re.compile(r"\[([!\w,]+)\] ?")
DEEPEST = 20
SUITS = 3.0
"""What a likeness of 1 is worth beside the noise, whose spread is 1.3."""


class Entry(NamedTuple):
    """A production: flags that must be up ('!' down) for it, its text, its mark."""

    text: str
    mark: str = ""
    flags: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def parse(production: str) -> Entry:
    """'[dark] lamp|盏' -> Entry('lamp', '盏', ('dark',))."""
    found = FLAGS.match(production)
    text, _, mark = production[found.end() if found else 0 :].partition("|")
    return Entry(text, mark, tuple(found[1].split(",")) if found else ())


class Writer:
    """Fills slots and shapes for one text."""

    def __init__(
        self,
        language: str,
        rules: Mapping[str, Sequence[str]],
        facts: Mapping[str, str],
        flags: Iterable[str],
        draw: np.random.Generator,
        likeness: Callable[[str], float],
        known: Mapping[str, str] | None = None,
    ) -> None:
        """rules: name -> productions. facts: name -> production it is drawn from; known: name -> value of facts that
        are settled. likeness: how well a text suits the theme, 0..1."""
        self._language, self._rules, self._draw, self._likeness = language, rules, draw, likeness
        self._open, self._flags = dict(facts), frozenset(flags)
        self.facts = {name: Entry(value) for name, value in (known or {}).items()}
        self._decks: dict[str, list[Entry]] = {}

    def fill(self, shape: Any) -> Any:
        """The shape with all its texts written."""
        if isinstance(shape, str):
            return tidy(self._expand(shape, 0), self._language)
        if isinstance(shape, int):
            return shape
        if isinstance(shape, list):
            return [self.fill(part) for part in shape if self._wanted(part)]
        if "times" in shape:
            low, high = shape["times"]
            return [self.fill(shape["of"]) for _ in range(int(self._draw.integers(low, high + 1)))]
        if "from" in shape:
            low, high = shape["from"]
            return int(self._draw.integers(low, high + 1))
        if "if" in shape:
            return self.fill(shape["of"])
        return {name: self.fill(part) for name, part in shape.items() if self._wanted(part)}

    def _wanted(self, part: Any) -> bool:
        if isinstance(part, str):
            return self._allowed(parse(part).flags)
        return not isinstance(part, dict) or "if" not in part or self._allowed(part["if"].split(","))

    def _allowed(self, flags: Iterable[str]) -> bool:
        return all(flag[1:] not in self._flags if flag.startswith("!") else flag in self._flags for flag in flags)

    def _expand(self, text: str, depth: int) -> str:
        if depth > DEEPEST:
            raise RecursionError(f"the rules go round in circles at {text!r}")
        return SLOT.sub(lambda slot: self._slot(slot[1], slot[2], depth), parse(text).text)

    def _slot(self, name: str, form: str | None, depth: int) -> str:
        entry = self._fact(name, depth) if name in self.facts or name in self._open else self._drawn(name, depth)
        return FORMS[self._language][form.casefold()](entry.text, entry.mark) if form else entry.text

    def _fact(self, name: str, depth: int) -> Entry:
        if name not in self.facts:
            source = self._open[name]
            slot = SLOT.fullmatch(source)
            if slot and slot[2] is None:  # straight from a rule: its mark comes with it
                self.facts[name] = self._drawn(slot[1], depth + 1)
            else:
                self.facts[name] = Entry(self._expand(source, depth + 1), parse(source).mark)
        return self.facts[name]

    def _drawn(self, name: str, depth: int) -> Entry:
        if not self._decks.get(name):
            self._decks[name] = self._dealt(name)
        entry = self._decks[name].pop()
        return entry._replace(text=self._expand(entry.text, depth + 1))

    def _dealt(self, name: str) -> list[Entry]:
        """The usable productions of a rule in drawn order, the first last."""
        usable = [entry for entry in map(parse, self._rules[name]) if self._allowed(entry.flags)]
        if not usable:
            raise KeyError(f"no production of {name!r} is allowed with the flags {sorted(self._flags)}")
        keys = self._draw.gumbel(size=len(usable)) + [SUITS * self._likeness(entry.text) for entry in usable]
        return [usable[index] for index in np.argsort(keys, kind="stable")]
