"""Replay: a take's journal through the planner again. Same seed, same events, same weights: the same notes."""

from __future__ import annotations

from typing import Any

from aigc_music.generators.music.planner import Planner
from models.music.decode_cpu import MusicModel

__all__ = ["replay"]

_EPOCHS = ("session", "listen", "control", "locate")


def replay(messages: list[dict[str, Any]], model: MusicModel, until: int) -> list[tuple[int, ...]]:
    """The notes (tick, pitch, velocity, duration, channel) that a journal leads to, up to tick `until`.

    messages: a journal as `bridge.journal.read_journal` gives it. A take in which the model process had to be
    restarted replays from its last restart on, since what the fallback played was not the model's.
    """
    planner = Planner(model)
    events = [message for message in messages if message.get("do") in _EPOCHS]
    frozen = [(message["epoch"], message["frozen"]) for message in events]
    played: list[tuple[int, ...]] = []
    for index, message in enumerate(events):
        planner.hear(message)
        last = frozen[index + 1][1] if index + 1 < len(frozen) else until
        while (plan := planner.plan(last)) is not None:
            played.extend(tuple(note) for note in plan["notes"])
    return sorted(played)
