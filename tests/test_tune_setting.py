"""Chinese song tunes on melodies: every line keeps the form's length, tones and rhyme, in the order of time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.generators.words.template import LineSpec, Slot, Template
from aigc_music.generators.words.tune_setting import MOST_TIMES, set_to_melody

TONES = ("level", "oblique", "")


def melody(lengths: list[int]) -> list[LineSpec]:
    """Phrases of so many notes, a note every half second."""
    lines, at = [], 0
    for length in lengths:
        slots = [
            Slot(0.1 + (at + place) % 7 / 10, (at + place) / 2, (at + place + 1) / 2, 60) for place in range(length)
        ]
        lines.append(LineSpec(tuple(slots)))
        at += length
    return lines


def form(lengths: list[int]) -> Template:
    lines = [
        LineSpec(
            tuple(Slot(0.2, tone=TONES[(place + number) % 3]) for place in range(length)), rhyme="A-B"[number % 3]
        )
        for number, length in enumerate(lengths)
    ]
    return Template(tuple(lines), "zh", "A-B", tune="如梦令")


@given(st.lists(st.integers(1, 7), min_size=1, max_size=8), st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_a_setting_keeps_the_form(syllables: list[int], phrases: list[int]) -> None:
    wanted, sung = form(syllables), melody(phrases)
    if sum(phrases) < sum(syllables):
        with pytest.raises(UsageError, match="more bars"):
            set_to_melody(wanted, sung, "voice")
        return
    found = set_to_melody(wanted, sung, "voice")
    times = len(found.lines) // len(syllables)
    assert times == min(MOST_TIMES, sum(phrases) // sum(syllables)) and found.melody and found.tune == "如梦令"
    for number, line in enumerate(found.lines):
        given = wanted.lines[number % len(syllables)]
        assert [slot.tone for slot in line.slots] == [slot.tone for slot in given.slots] and line.rhyme == given.rhyme
        assert line.same_as == (None if number < len(syllables) else number % len(syllables))
    slots = [slot for line in found.lines for slot in line.slots]
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in zip(slots, slots[1:], strict=False))
    assert sum(slot.notes for slot in slots) <= sum(phrases)


def test_lines_end_where_phrases_do() -> None:
    found = set_to_melody(form([6, 6, 5]), melody([7, 6, 6]), "voice")
    assert [line.notes for line in found.lines] == [7, 6, 6]
