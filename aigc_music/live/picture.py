"""Draw the README's picture with the program itself: `python -m aigc_music.live.picture OUT.svg`.

A rehearsal plays nine bars of jazz under a short melody; the view at that moment becomes an SVG file.
"""

from __future__ import annotations

import sys

from aigc_music.core.time import TICKS_PER_QUARTER
from models.music.decode_cpu import load_model

from .rehearsal import Rehearsal
from .screen import picture

_MELODY = (69, 72, 76, 74, 72, 71, 69, 67, 65, 69, 72, 77, 76, 74, 72, 71)  # our own few notes, in D minor
_SEED = 7


def main(path: str) -> None:
    """Play and draw."""
    rehearsal = Rehearsal(
        load_model("default"), {"style": "jazz", "key": "D minor", "bpm": 132.0, "role": "accompany"}, seed=_SEED
    )
    for index in range(64):
        pitch = _MELODY[index % len(_MELODY)]
        rehearsal.backend.feed(bytes((0x90, pitch, 84)))
        rehearsal.play(0.38)
        rehearsal.backend.feed(bytes((0x80, pitch, 0)))
        rehearsal.play(60 / 132 - 0.38 if index % 4 != 3 else 60 / 132)
    snapshot = rehearsal.player.snapshot()
    beat = 4 * TICKS_PER_QUARTER
    snapshot["notes"] += [
        [tick, pitch, velocity, 220, 0]
        for message in rehearsal.log
        if message["do"] == "listen"
        for tick, pitch, velocity in message["heard"]
        if velocity and tick > snapshot["tick"] - 3 * beat
    ]
    snapshot |= {"lateness_ms": {"p50": 0.0, "p99": 0.0, "max": 0.0}}
    hello = {"api": "rehearsal"}
    picture(path, snapshot, hello, rehearsal.told, _SEED, "default")


if __name__ == "__main__":
    main(sys.argv[1])
