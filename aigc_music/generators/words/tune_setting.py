"""A Chinese song tune (ci) set to a melody: the form's lines, their lengths, tones and rhymes, laid over its notes.

Lines come in the order of the form; each takes a stretch of notes that has at least as many as the line has
syllables, what is over is slurred. The cheapest way is found by dynamic programming: lines like to end where phrases
of the melody do, to be sung on few notes more than they have syllables, and within a breath. Where the melody is long
enough the song is sung again to the same words, as ci are; notes after its last line stay without words.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

from aigc_music.core.errors import UsageError

from .template import LineSpec, Slot, Template, slurred

__all__ = ["set_to_melody"]

INSIDE = 1.2  # what it costs to end a line inside a phrase
LOOSE = 1.0  # ... to sing a line on twice as many notes as it has syllables
UNSUNG = 0.03  # ... to leave a note without words
BREATH_S, LONG = 8.0, 0.3  # ... each second of a line beyond a breath
MOST_TIMES = 4  # that a song is sung


def set_to_melody(form: Template, phrases: Sequence[LineSpec], track: str) -> Template:
    """The template of `form` (without times) over the phrases of a melody. UsageError where it has too few notes."""
    slots = [slot for phrase in phrases for slot in phrase.slots]
    size = sum(line.syllables for line in form.lines)
    if len(slots) < size:
        raise UsageError(
            f"tune {form.tune} has {size} syllables, the melody {len(slots)} notes: give more bars, or another tune"
        )
    times = min(MOST_TIMES, len(slots) // size)
    ends = set(accumulate(phrase.syllables for phrase in phrases))
    cuts = _cheapest([line.syllables for line in form.lines] * times, slots, ends)
    lines = []
    for number, (begin, end) in enumerate(zip(cuts, cuts[1:], strict=False)):
        turn, place = divmod(number, len(form.lines))
        wanted = form.lines[place]
        sung = slurred(LineSpec(tuple(slots[begin:end])), wanted.syllables)
        toned = tuple(replace(slot, tone=given.tone) for slot, given in zip(sung.slots, wanted.slots, strict=True))
        lines.append(replace(
            wanted, slots=toned, stanza=turn, opens=place == 0, same_as=place if turn else None,
        ))  # fmt: skip
    sings = f"{track or 'the melody'} sings it {times} time{'s' * (times > 1)}, {cuts[-1]} of its {len(slots)} notes"
    return replace(form, lines=tuple(lines), melody=True, track=track, remarks=(*form.remarks, sings))


def _cheapest(lengths: Sequence[int], slots: Sequence[Slot], ends: set[int]) -> list[int]:
    """Where each line begins among the notes, and where the last one ends. lengths: syllables of the lines, no more
    than there are notes."""
    best = [0.0] + [inf] * len(slots)
    steps: list[list[int]] = []
    after = sum(lengths)
    for length in lengths:
        after -= length
        reached, came = [inf] * (len(slots) + 1), [0] * (len(slots) + 1)
        for begin, cost in enumerate(best):
            if cost < inf:
                for end in range(begin + length, len(slots) - after + 1):
                    total = cost + _cost(length, slots[begin:end], end in ends)
                    if total < reached[end]:
                        reached[end], came[end] = total, begin
                    if end - begin > 3 * length + 4 and reached[end] < inf:
                        break
        best = reached
        steps.append(came)
    cuts = [min(range(len(best)), key=lambda end: best[end] + UNSUNG * (len(slots) - end))]
    for came in reversed(steps):
        cuts.append(came[cuts[-1]])
    return cuts[::-1]


def _cost(length: int, taken: Sequence[Slot], at_end: bool) -> float:
    """Of a line of `length` syllables on these notes."""
    seconds = taken[-1].end_s - taken[0].start_s
    loose = LOOSE * (len(taken) / length - 1) ** 2
    return loose + INSIDE * (not at_end) + LONG * max(0.0, seconds - BREATH_S)
