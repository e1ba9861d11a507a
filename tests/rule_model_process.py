"""A model process made of rules: speaks the wire protocol like the real one, starts in a blink.

python -m tests.rule_model_process [STEP_TICKS]   (a note every STEP_TICKS ticks)
"""

from __future__ import annotations

import os
import select
import signal
import sys

from bridge.wire import Lines, encode

from .players import RuleModel


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = Lines(0)
    model = RuleModel(step=int(sys.argv[1]) if len(sys.argv) > 1 else 120)
    os.write(1, encode({"is": "ready", "model": "rules"}))
    while not lines.closed:
        select.select([0], [], [])
        for message in lines.read():
            model.hear(message)
            for plan in model.answer():
                os.write(1, encode(plan))


if __name__ == "__main__":
    main()
