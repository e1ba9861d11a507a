"""A model process that plays densely: `python -m tests.real.dense_model [--step N] [--long N] ...`.

Every `step` ticks a note on each of four channels, each `long` ticks long, so that many overlap and the same
pitch often starts again while it sounds. `--short` lets every note end before the next of its channel begins.
After `--last` it is silent. All of it is a function of the tick: what was played can be told from the journal.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal

from bridge.wire import Lines, encode

from ..players import RuleModel

_CHANNELS = (1, 2, 3, 9)


class DenseModel(RuleModel):
    """See the module. step, long, last: ticks."""

    def __init__(self, step: int, long: int, last: int | None) -> None:
        super().__init__(step, long)
        self.last = last

    def notes_at(self, tick: int) -> list[list[int]]:
        """The notes that start at `tick`, a multiple of `step`: [tick, pitch, velocity, duration, channel]."""
        count = tick // self.step
        return [
            [tick, 36 + (count * (5 + voice) + 12 * voice) % 48, 50 + count % 60, self.duration, channel]
            for voice, channel in enumerate(_CHANNELS)
        ]

    def answer(self) -> list[dict]:
        """A plan up to the tick that was asked for."""
        notes: list[list[int]] = []
        while self.next_tick <= self.until:
            if self.last is None or self.next_tick <= self.last:
                notes += self.notes_at(self.next_tick)
            self.next_tick += self.step
        return [{"is": "plan", "epoch": self.epoch, "until": self.until, "notes": notes, "chords": [], "ms": []}]


def main() -> None:
    """Speak the wire protocol on stdin and stdout until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", type=int, default=30)
    parser.add_argument("--long", type=int, default=900)
    parser.add_argument("--last", type=int)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    model = DenseModel(options.step, options.step - 1 if options.short else options.long, options.last)
    with contextlib.suppress(BrokenPipeError):
        _serve(model)


def _serve(model: DenseModel) -> None:
    lines = Lines(0)
    _say({"is": "ready", "model": "dense"})
    while not lines.closed:
        select.select([0], [], [])
        for message in lines.read():
            model.hear(message)
            for plan in model.answer():
                _say(plan)


def _say(message: dict) -> None:
    data = encode(message)
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
