"""The parts of the band, one row each: what every layer needs to know of a part stands in this table.

Channels and programs count from 0 (people see them from 1). `low`..`high` is the comfortable range in MIDI
note numbers, the default of the hard range mask. `voices` is the default polyphony limit.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DRUMS", "DRUM_PITCHES", "HUMAN_CHANNEL", "PARTS", "PART_NAMES", "Part", "part_of_channel"]


class Part(NamedTuple):
    """One part: index in PARTS is its id in the model and on the wire."""

    name: str
    channel: int  # output channel, 0..15
    program: int  # General MIDI program for files, 0..127
    low: int  # lowest pitch, MIDI note number
    high: int  # highest pitch, MIDI note number
    voices: int  # notes at once
    title: str  # for people


PARTS: tuple[Part, ...] = (
    Part("melody", 1, 4, 55, 88, 1, "melody (electric piano)"),
    Part("counter", 4, 48, 48, 84, 2, "second voice (strings)"),
    Part("inner", 5, 89, 43, 76, 3, "inner voices (pad)"),
    Part("bass", 3, 33, 28, 55, 1, "bass"),
    Part("keys", 2, 0, 40, 88, 6, "keys (piano)"),
    Part("drums", 9, 0, 35, 81, 5, "drums"),
)
PART_NAMES: tuple[str, ...] = tuple(part.name for part in PARTS)
DRUMS = PART_NAMES.index("drums")

HUMAN_CHANNEL = 0
"""Channel on which the musician's own notes leave when thru is on; no part of the band uses it."""

DRUM_PITCHES: tuple[int, ...] = (*range(35, 58), *range(59, 65), 69, 70, 75, 76)
"""General MIDI percussion that the drum part may use."""

_BY_CHANNEL = {part.channel: index for index, part in enumerate(PARTS)}


def part_of_channel(channel: int) -> int | None:
    """Id of the part that plays on `channel` (0..15), or None where no part of the band does."""
    return _BY_CHANNEL.get(channel)
