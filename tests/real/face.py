"""A face in a process of its own that a test can kill: `python -m tests.real.face CONFIG_JSON`.

Lines on stdin are wishes for the player, passed on as they are; what the player says goes to stdout. The first
line on stdout is {"is": "face", "player": pid}. With "hog" in the second argument a Python thread of this
process never lets go of the interpreter by itself. When stdin ends, the performance is closed.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading

from aigc_music.core.errors import AigcMusicError
from aigc_music.live.performance import Performance
from bridge.process import Config
from bridge.wire import Lines, encode


def _spin() -> None:
    number = 0
    while True:
        for _ in range(10_000):
            number = (number * 1_103_515_245 + 12_345) & 0x7FFFFFFF


def main() -> int:
    """Relay until the player ends (exit code 0), or could not start (exit code 1)."""
    performance = Performance(Config(**json.loads(sys.argv[1])))
    os.write(1, encode({"is": "face", "player": performance.child.pid}))
    if sys.argv[2:] == ["hog"]:
        threading.Thread(target=_spin, daemon=True).start()
    wishes = Lines(0)
    try:
        while not performance.over and not wishes.closed:
            select.select([performance.fd, wishes.fd], [], [], 0.2)
            for wish in wishes.read():
                performance.wish(wish.pop("do"), **wish)
            for message in performance.listen():
                os.write(1, encode(message))
    except AigcMusicError as err:
        os.write(1, encode({"is": "error", "text": str(err)}))
        return 1
    finally:
        report = performance.close()
    os.write(1, encode(report or {"is": "gone"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
