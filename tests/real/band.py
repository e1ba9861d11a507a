"""The co-player as a test sees it from outside: a face process, its player, the player's model, and its journal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.process import Config
from bridge.wire import encode

__all__ = ["DENSE", "RULES", "Band", "alive", "children", "wait_until"]

RULES = [sys.executable, "-m", "tests.rule_model_process"]
DENSE = [sys.executable, "-m", "tests.real.dense_model"]
_ROOT = Path(__file__).parents[2]


def wait_until(what: Callable[[], Any], seconds: float = 10.0, every: float = 0.01) -> Any:
    """Call `what` until it gives something true; returns that, or the last answer when the time is over."""
    end = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < end:
        time.sleep(every)
    return answer


def children(pid: int) -> list[int]:
    """Processes started by `pid`, in order of number."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(path.parent.name))
    return sorted(found)


def alive(pid: int) -> bool:
    """True when `pid` runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Band:
    """A running co-player. Leaving the `with` closes it, and kills whatever of it is still there.

    messages: all the player said. `snapshot`, `report`: the latest of them. Extra arguments: fields of Config.
    """

    def __init__(self, journal: Path | None = None, hog: bool = False, **config: Any) -> None:
        self.journal = journal
        self.messages: list[dict[str, Any]] = []
        self.snapshot: dict[str, Any] = {}
        self.report: dict[str, Any] = {}
        self.player = 0
        settings: dict[str, Any] = {"seed": 1, "model_command": DENSE, "api": "jack", "sound": "none"}
        full = Config(**settings | config, journal=str(journal) if journal else None)
        self.face = subprocess.Popen(
            [sys.executable, "-m", "tests.real.face", json.dumps(asdict(full)), *(["hog"] if hog else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=_ROOT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not wait_until(lambda: self.said("hello") or self.said("error"), 30):
            self.close()
            raise TimeoutError("the player did not come up")
        if self.said("error"):
            self.close()
            raise OSError(self.said("error")[0]["text"])

    def __enter__(self) -> Band:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self.face.stdout is not None
        for line in self.face.stdout:
            message = json.loads(line)
            match message["is"]:
                case "face":
                    self.player = message["player"]
                case "snapshot":
                    self.snapshot = message
                    continue
                case "report":
                    self.report = message
            self.messages.append(message)

    def said(self, kind: str) -> list[dict[str, Any]]:
        """All messages of one kind but snapshots."""
        return [message for message in self.messages if message["is"] == kind]

    def told(self, part: str) -> bool:
        """True when a sentence with `part` was told."""
        return any(part in message["text"] for message in self.said("told"))

    @property
    def model(self) -> int:
        """Process id of the model, 0 while there is none."""
        found = children(self.player)
        return found[0] if found else 0

    def wish(self, do: str, **fields: Any) -> None:
        """As Performance.wish."""
        assert self.face.stdin is not None
        with contextlib.suppress(OSError):
            self.face.stdin.write(encode({"do": do, **fields}))

    def running(self, seconds: float = 10.0) -> bool:
        """Wait until the transport runs and a note has been sent."""
        return bool(
            wait_until(lambda: self.snapshot.get("running") and self.snapshot.get("sent", 0) > 0, seconds)
        )

    def close(self, patience: float = 6.0) -> dict[str, Any]:
        """End it and return its report ({} when it died without one)."""
        if self.face.stdin is not None:
            with contextlib.suppress(OSError):
                self.face.stdin.close()
        try:
            self.face.wait(patience)
        except subprocess.TimeoutExpired:
            self.face.kill()
            self.face.wait()
        wait_until(lambda: not alive(self.player), 3)
        if self.player and alive(self.player):
            os.kill(self.player, signal.SIGKILL)
        self._reader.join(2)
        if self.face.stdout is not None:
            self.face.stdout.close()
        return self.report
