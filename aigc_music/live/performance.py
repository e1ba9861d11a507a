"""The face's side of a performance: start the player process, send wishes, read what it says.

The player lives in a process of its own, so nothing that a face does (drawing, waiting, crashing) can delay a
note. When this object or its process goes away, however suddenly, the player closes every note and ends.

Threading model: one thread of the face; nothing here blocks longer than the `timeout` it is given.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aigc_music.core.errors import AigcMusicError, UsageError
from bridge.process import Config
from bridge.wire import Lines, encode

if TYPE_CHECKING:
    from .verdicts import Verdicts

__all__ = ["Performance", "model_command"]


def model_command(model: str) -> list[str]:
    """How the model process of `model` (a name of `aigc-music models`, or a folder) is started."""
    return [sys.executable, "-P", "-m", "aigc_music.live.model_process", "--model", model]


class Performance:
    """A running player process.

    `snapshot` is the latest state to show, `told` the sentences for the musician, `report` the closing figures.
    Use as a context manager: leaving it ends the performance with every note closed.
    """

    def __init__(self, config: Config) -> None:
        self.snapshot: dict[str, Any] = {}
        self.hello: dict[str, Any] = {}
        self.report: dict[str, Any] = {}
        self.told: list[str] = []
        self._error: AigcMusicError | None = None
        self._verdicts: Verdicts | None = None
        self._journal = config.journal
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "bridge.process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.write(encode(asdict(config)))
        self.lines = Lines(self.child.stdout.fileno())

    def __enter__(self) -> Performance:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def fd(self) -> int:
        """Readable when the player has said something."""
        return self.lines.fd

    @property
    def over(self) -> bool:
        """True when the player has ended."""
        return self.lines.closed

    def wish(self, do: str, **fields: Any) -> None:
        """Send a wish: wish('set', name='bpm', value=120), wish('panic'), wish('quit') ...

        wish('rate', keep=True) is granted here, from the journal on disk, in some hundredths of a second: the player
        need not know what the musician thinks of it.
        """
        if do == "rate":
            self.told.append(self._judge(**fields))
            return
        assert self.child.stdin is not None
        if not self.child.stdin.closed:
            with contextlib.suppress(OSError):
                self.child.stdin.write(encode({"do": do, **fields}))

    def _judge(self, keep: bool) -> str:
        if self._verdicts is None:
            from .verdicts import Verdicts

            self._verdicts = Verdicts(self._journal)
        try:
            return self._verdicts.give(keep, self.snapshot)
        except AigcMusicError as err:
            return str(err)

    def listen(self, timeout: float = 0.0) -> list[dict[str, Any]]:
        """Take in what the player has said; waits up to `timeout` seconds for something to come.

        Raises the player's own error (no such port, no server ...) when it could not start.
        """
        if timeout > 0:
            select.select([self.fd], [], [], timeout)
        messages = self.lines.read()
        for message in messages:
            match message.get("is"):
                case "snapshot":
                    self.snapshot = message
                case "hello":
                    self.hello = message
                case "told":
                    self.told.append(message["text"])
                case "report":
                    self.report = message
                case "error":
                    kind = UsageError if message.get("exit_code") == 2 else AigcMusicError
                    self._error = kind(message["text"])
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        return messages

    def close(self, patience: float = 3.0) -> dict[str, Any]:
        """End the performance and return the report ({} when the player died without one)."""
        self.wish("quit")
        deadline = time.monotonic() + patience
        while not self.over and time.monotonic() < deadline:
            with contextlib.suppress(AigcMusicError):
                self.listen(0.05)
        with contextlib.suppress(OSError):
            assert self.child.stdin is not None
            self.child.stdin.close()
        try:
            self.child.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return self.report
