"""Timed lyrics as phrases: what is shown together, and when one gives way to the next.

A phrase is a line, or a part of one that is too long, with what is sung behind it or stands for the same time (a
second voice, a translation) set small beneath. Times are seconds from the beginning of the song.

Threads: any, nothing is changed once it is made. Realtime-safe: no.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from aigc_music.core.lyrics import Line, TimedLyrics, Word
from aigc_music.files.lyrics.shape import ordered, spread

__all__ = ["GAP_S", "Phrase", "Schedule", "Turn", "cut", "phrases_of", "schedule_of", "smooth"]

GAP_S = 4.0
"""A pause from which on the words leave the picture."""

_AT_ONCE_S = 0.05  # lines that begin this close to each other stand for the same time
_BEHIND_S = 2.0  # a background line that begins later than this after the lead is shown alone
_MOST_SMALL = 2
_LEAD_IN_S = 2.6  # how long a line after a pause can be read before it is sung
_CARD_S = 3.2  # kept for a title card before the first line
_TURN_S = (0.24, 0.6)  # shortest and longest change from line to line
_FADE_S = 0.4


class Phrase(NamedTuple):
    """words: of the leading voice. small: lines set beneath. section: such as 'chorus', or empty."""

    words: tuple[Word, ...]
    small: tuple[tuple[Word, ...], ...]
    section: str

    @property
    def start_s(self) -> float:
        return min(row[0].start_s for row in (self.words, *self.small))

    @property
    def end_s(self) -> float:
        return max(row[-1].end_s for row in (self.words, *self.small))


def phrases_of(lyrics: TimedLyrics, start_s: float, end_s: float) -> list[Phrase]:
    """The phrases that are heard between two times, in order. Lines that know only their own time get times for
    their words, shared out by length."""
    phrases: list[Phrase] = []
    for line in ordered(spread(lyrics)):
        if line.end_s <= start_s or line.start_s >= end_s:
            continue
        lead = phrases[-1] if phrases else None
        if lead is not None and len(lead.small) < _MOST_SMALL and _belongs(line, lead):
            phrases[-1] = lead._replace(small=(*lead.small, line.words))
        else:
            phrases.append(Phrase(line.words, (), line.section))
    return phrases


def _belongs(line: Line, lead: Phrase) -> bool:
    if line.background:
        return line.start_s < lead.words[-1].end_s + _BEHIND_S
    return line.start_s - lead.words[0].start_s < _AT_ONCE_S


def cut(phrase: Phrase, parts: Sequence[tuple[int, int]]) -> list[Phrase]:
    """The phrase as several, of words [begin, end). What is set small goes with the part in which it begins."""
    whole = [Phrase(phrase.words[begin:end], (), phrase.section) for begin, end in parts]
    for row in phrase.small:
        index = max((i for i, part in enumerate(whole) if part.words[0].start_s <= row[0].start_s), default=0)
        whole[index] = whole[index]._replace(small=(*whole[index].small, row))
    return whole


@dataclass(frozen=True, slots=True)
class Turn:
    """When a phrase comes and goes, seconds.

    begin, end: the phrase before moves out of the current place meanwhile and this one moves in. fresh: it comes
    after a pause, straight into the current place. shown: it can be read from then on, after `come` seconds of
    coming up. leaves: it fades from then on, for `fade` seconds.
    """

    begin: float
    end: float
    fresh: bool
    shown: float
    come: float
    leaves: float
    fade: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The turns of all phrases, in order. ends: when the last of those up to each is gone."""

    turns: tuple[Turn, ...]
    ends: tuple[float, ...]

    def place(self, time_s: float) -> float:
        """Number of the current phrase, between two of them while one turns into the next."""
        done = bisect_right(self.turns, time_s, key=lambda turn: turn.end)
        begun = bisect_right(self.turns, time_s, key=lambda turn: turn.begin)
        partly = sum(smooth((time_s - turn.begin) / (turn.end - turn.begin)) for turn in self.turns[done:begun])
        return max(0.0, done + partly - 1)

    def opacity(self, index: int, time_s: float, sees_next: bool) -> float:
        """0 unseen .. 1 of a phrase. sees_next: it can be read in the place of the next one before its turn."""
        turn = self.turns[index]
        come = smooth((time_s - turn.shown) / turn.come + 1)
        if sees_next and not turn.fresh:
            before = self.turns[index - 1]
            since = before.shown if before.fresh else 0.5 * (before.begin + before.end)  # the one before is away then
            come = smooth((time_s - since) / (_FADE_S if before.fresh else max(0.12, before.end - since)))
        return come * (1 - smooth((time_s - turn.leaves) / turn.fade))

    def any_shown(self, time_s: float, margin_s: float) -> float:
        """0..1: 1 while words are seen, rising and falling within `margin_s` before and after."""
        index = bisect_left(self.turns, time_s, key=lambda turn: turn.shown)
        return max(
            (
                smooth((time_s - turn.shown + turn.come) / margin_s + 1) * (1 - smooth((time_s - end) / margin_s))
                for turn, end in zip(
                    self.turns[max(0, index - 1) : index + 2], self.ends[max(0, index - 1) :], strict=False
                )
            ),
            default=0.0,
        )


def schedule_of(phrases: Sequence[Phrase], begin_s: float, end_s: float) -> Schedule:
    """When each phrase of a film has its turn: words can be read before they are sung, and stay until they are sung
    out. The first leaves time for a title card, if there is any."""
    turns: list[Turn] = []
    heard = -np.inf  # until then something is sung
    for phrase in phrases:
        gap = phrase.start_s - heard
        if gap > GAP_S:
            room = phrase.start_s - begin_s - _CARD_S if not turns else 0.45 * gap
            shown = phrase.start_s - min(_LEAD_IN_S, max(1.0, room))
            moved = shown - _FADE_S
            turns.append(Turn(moved - 1e-3, moved, True, shown, _FADE_S, np.inf, _FADE_S))
        else:
            length = min(max(0.8 * gap, _TURN_S[0]), _TURN_S[1])
            if gap >= length + 0.1:
                end = phrase.start_s - 0.1 - 0.3 * (gap - length - 0.1)
            else:  # no time between: the middle of the change is where the one ends and the other begins
                end = phrase.start_s - 0.5 * max(0.0, gap) + 0.5 * length
            begin = max(end - length, turns[-1].end)
            end = max(end, begin + 1e-3)
            shown = max(begin + 1e-3, min(0.5 * (begin + end), phrase.start_s))
            turns.append(Turn(begin, end, False, shown, min(_FADE_S, shown - begin), np.inf, _FADE_S))
        heard = max(heard, phrase.end_s)
    for index, (turn, phrase) in enumerate(zip(turns, phrases, strict=True)):
        after = turns[index + 1] if index + 1 < len(turns) else None
        if after is None or after.fresh:
            rest = max(0.25, (after.begin if after else end_s) - phrase.end_s)
            turns[index] = replace(turn, leaves=phrase.end_s + min(0.8, 0.4 * rest), fade=min(0.6, 0.5 * rest))
        else:
            length = after.end - after.begin
            leaves = max(phrase.end_s, 0.5 * (after.begin + after.end))
            turns[index] = replace(turn, leaves=leaves, fade=min(0.3, max(0.12, 0.5 * length)))
    return Schedule(tuple(turns), tuple(accumulate((turn.leaves + turn.fade for turn in turns), max)))


def smooth(share: float) -> float:
    """0 below 0, 1 above 1, between them without a corner."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)
