"""An hour of playing in accelerated time: does anything drift, grow or get lost?"""

from __future__ import annotations

import gc
import random
import sys
import types
from typing import Any, NamedTuple

from ..players import SECOND, Stage

__all__ = ["Hour", "deep_size", "play"]

_NOT_COUNTED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


class Hour(NamedTuple):
    """notes: sent; missing: ticks without their note; drift_ns: of the note furthest from its time; sizes: bytes."""

    notes: int
    missing: int
    drift_ns: int
    size_early: int
    size_late: int


def deep_size(root: Any, *without: Any) -> int:
    """Bytes of everything that hangs on `root`, but for what hangs on `without` only."""
    seen = {id(thing) for thing in without}
    waiting = [root]
    total = 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, _NOT_COUNTED):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        waiting.extend(gc.get_referents(thing))
    return total


def play(minutes: float, early: float, busy: bool = False, seed: int = 1) -> Hour:
    """Let a stage play `minutes` with a note every 16th; the sizes are taken at minute `early` and at the end.

    busy: with a musician at keys, knobs and pads all the time (then only the sizes and the count mean something).
    """
    rng = random.Random(seed)
    stage = Stage(bpm=120.0)
    stage.model_is_ready()
    stage.player.start()
    started = stage.player.transport.ns_at(0)
    total = missing = drift = size_early = 0
    expected = 0
    for minute in range(round(minutes)):
        for _ in range(120 if busy else 1):
            if busy:
                stage.backend.feed(bytes((0x90 | rng.randrange(16), rng.randrange(30, 90), rng.randrange(128))))
                if rng.random() < 0.2:
                    stage.backend.feed(bytes((0xB0, rng.choice((20, 22, 23, 24, 26)), rng.randrange(128))))
            stage.run(0.5 if busy else 60.0)
        for sent in stage.backend.sent:
            if sent.port == 0 and sent.data[0] == 0x91 and sent.data[2]:
                total += 1
                if not busy:
                    due = started + expected * SECOND // 8
                    while sent.at_ns - due > SECOND // 16:  # a note is not there
                        missing, expected = missing + 1, expected + 1
                        due = started + expected * SECOND // 8
                    drift = max(drift, abs(sent.at_ns - due))
                    expected += 1
        stage.backend.sent.clear()
        stage.model.heard.clear()
        stage.told.clear()
        if minute + 1 == round(early):
            size_early = deep_size(stage.player, stage.backend.sent, stage.model)
    return Hour(total, missing, drift, size_early, deep_size(stage.player, stage.backend.sent, stage.model))
