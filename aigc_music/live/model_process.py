"""The model process: `python -m aigc_music.live.model_process --model NAME`, `wire` lines on stdin and stdout.

It may die at any moment: the player closes what sounds, plays a plain pattern and starts it again. It ends when
stdin closes, and leaves Ctrl-C to the player.

Threading model: one thread. New messages are looked for between any two pieces of a plan, so that an input is
answered after at most a few decisions.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import select
import signal
import sys
from typing import Any

from aigc_music.core.errors import AigcMusicError
from bridge import realtime
from bridge.wire import Lines, encode

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Entry of the process. Exit code 0 when the player has gone, 1 when the model cannot be loaded."""
    parser = argparse.ArgumentParser(prog="aigc_music.live.model_process")
    parser.add_argument("--model", default="default")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines = Lines(sys.stdin.fileno())
    try:
        from aigc_music.generators.music.planner import Planner
        from models.music.decode_cpu import load_model

        model = load_model(options.model)
        model.warm_up()
        planner = Planner(model)
        planner.warm_up()
    except AigcMusicError as err:
        _say({"is": "told", "text": f"the model cannot start: {err}"})
        return 1
    gc.collect()
    gc.freeze()
    realtime.prefer()
    gc.disable()  # nothing below makes reference cycles; a collection would cost a note its time
    with contextlib.suppress(BrokenPipeError):  # the player has gone: so do we
        _say({"is": "ready", "model": model.name})
        _loop(lines, planner)
    return 0


def _loop(lines: Lines, planner: Any) -> None:
    started = asked = False
    while not lines.closed:
        plan = planner.plan() if started else None
        if plan is not None:
            _say(plan)
        elif asked:  # all is planned: say so, which is also the sign of life
            _say({"is": "alive", "epoch": planner.epoch})
            asked = False
        select.select([lines.fd], [], [], None if plan is None else 0)
        for message in lines.read():
            started = started or message["do"] == "session"
            if not started:
                continue
            for promised in planner.hear(message):
                _say(promised)
            asked = asked or message["do"] == "time"


def _say(message: dict[str, Any]) -> None:
    data = encode(message)
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


if __name__ == "__main__":
    sys.exit(main())
