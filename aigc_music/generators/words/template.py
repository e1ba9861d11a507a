"""What a text has to fit, line by line: syllables, their weight and time, who rhymes with whom, what comes back.

Every backend is given the same template, and the scorer judges all of them by it.

Threads: any, a template is not changed once it is made. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["SCHEMES", "LineSpec", "Slot", "Template", "rhymed", "slurred"]

SCHEMES: dict[str, dict[int, tuple[str, ...]]] = {
    "en": {
        1: ("-",),
        2: ("AA",),
        3: ("A-A",),
        4: ("AABB", "ABAB", "-A-A"),
        5: ("AAB-B", "ABAAB"),
        6: ("AABCCB", "ABABCC"),
        7: ("ABAB-CC",),
        8: ("ABABCDCD",),
    },
    "zh": {
        1: ("-",),
        2: ("AA",),
        3: ("A-A",),
        4: ("AA-A", "-A-A", "AAAA"),
        5: ("AA-AA",),
        6: ("AA-A-A",),
        7: ("AA-A-AA",),
        8: ("AA-A-A-A",),
    },
}
"""Rhyme schemes that suit a stanza of so many lines."""

MOST_STANZA = 8
"""Lines of a stanza at the most."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one syllable.

    weight: 0 weak .. 1 strong, from metre, length and height. start_s, end_s: seconds; 0 without a melody. pitch:
    MIDI note of its first note, 0 without. notes: how many notes it is sung to. tone: Chinese forms only: 'level',
    'oblique' or '' for either.
    """

    weight: float
    start_s: float = 0.0
    end_s: float = 0.0
    pitch: int = 0
    notes: int = 1
    tone: str = ""


@dataclass(frozen=True, slots=True)
class LineSpec:
    """One line. section: verse, chorus, bridge ...; stanza: number of its stanza, from 0; opens: whether a section
    begins with it. rhyme: a letter, the same for lines of one stanza that rhyme, '-' for none. same_as: number of an
    earlier line whose words are sung again.
    """

    slots: tuple[Slot, ...]
    section: str = "verse"
    stanza: int = 0
    opens: bool = False
    rhyme: str = "-"
    same_as: int | None = None

    @property
    def syllables(self) -> int:
        return len(self.slots)

    @property
    def notes(self) -> int:
        """Notes of the melody; more than `syllables` where some are slurred."""
        return sum(slot.notes for slot in self.slots)

    @property
    def peak(self) -> int:
        """Index of the heaviest syllable."""
        return max(range(len(self.slots)), key=lambda index: self.slots[index].weight)


@dataclass(frozen=True, slots=True)
class Template:
    """Lines in order. scheme: of the first stanza, for people. melody: whether the slots have times. track: name of
    the singing track. tune: name of the Chinese form, if any. remarks: what was decided and is worth knowing."""

    lines: tuple[LineSpec, ...]
    language: str = "en"
    scheme: str = ""
    melody: bool = False
    track: str = ""
    tune: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def stanzas(self) -> list[list[int]]:
        """Numbers of the lines of each stanza."""
        rows: dict[int, list[int]] = {}
        for number, line in enumerate(self.lines):
            rows.setdefault(line.stanza, []).append(number)
        return list(rows.values())

    def partners(self, number: int) -> list[int]:
        """Earlier lines that line `number` has to rhyme with, those of other words only."""
        line = self.lines[number]
        if line.rhyme == "-":
            return []
        return [
            other
            for other in range(number - 1, -1, -1)
            if self.lines[other].stanza == line.stanza and self.lines[other].rhyme == line.rhyme
        ]


def rhymed(lines: Iterable[LineSpec], language: str, scheme: str | None, choices: dict[str, int]) -> list[LineSpec]:
    """The lines with a rhyme letter each, the scheme begun anew in every stanza.

    scheme: as asked, None takes one of SCHEMES. choices: which of them, by section (any whole number 0 or more), so
    that all verses of a song are alike. Where words are sung again, their rhymes come with them.
    """
    rows = list(lines)
    stanzas: dict[int, list[int]] = {}
    for number, line in enumerate(rows):
        stanzas.setdefault(line.stanza, []).append(number)
    for numbers in stanzas.values():
        pattern = scheme or _usual(language, len(numbers), choices.get(rows[numbers[0]].section, 0))
        sources = {rows[source].stanza for number in numbers if (source := rows[number].same_as) is not None}
        whole = len(sources) == 1 and len(stanzas[next(iter(sources))]) == len(numbers)
        letters: dict[tuple[int, str], str] = {}
        for place, number in enumerate(numbers):
            source = rows[number].same_as
            letter = pattern[place % len(pattern)]
            if sources and not whole:  # another number of lines than the first time: only what returns rhymes
                letter = "-"
                if source is not None and rows[source].rhyme != "-":
                    key = (rows[source].stanza, rows[source].rhyme)
                    letter = letters.setdefault(key, chr(ord("A") + len(letters)))
            rows[number] = replace(rows[number], rhyme=letter)
    return rows


def _usual(language: str, size: int, choice: int) -> str:
    known = SCHEMES[language].get(size) or SCHEMES[language][MOST_STANZA]
    return known[choice % len(known)]


def slurred(line: LineSpec, syllables: int) -> LineSpec:
    """The line sung to fewer syllables: the weakest notes join the ones before."""
    slots = list(line.slots)
    while len(slots) > syllables:
        weak = min(range(1, len(slots)), key=lambda index: slots[index].weight)
        before, joined = slots[weak - 1], slots[weak]
        slots[weak - 1 : weak + 1] = [replace(before, end_s=joined.end_s, notes=before.notes + joined.notes)]
    return replace(line, slots=tuple(slots))
