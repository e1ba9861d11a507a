"""A stage that can be wrecked: server, receiver, keyboard and band, each of which can be killed and comes back.

The receiver stands for a synth that keeps what sounds when its cable is pulled: `held` goes on over its restarts.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ..jack_world import Dumped, JackServer, foreign
from .band import DENSE, Band, alive, wait_until

__all__ = ["RATE", "Keyboard", "Receiver", "Rig"]

RATE = 48_000
_LINE = re.compile(rb"^ *(\d+): ((?:[0-9a-f]{2} )+)")
_ROOT = Path(__file__).parents[2]


class Receiver:
    """jack_midi_dump under one name, over any number of lives. messages: all lives, one after the other."""

    def __init__(self, server: JackServer, name: str = "synth") -> None:
        self.server, self.name = server, name
        self.messages: list[Dumped] = []
        self.held: set[tuple[int, int]] = set()  # (channel, pitch) that sound
        self.silent_since = 0  # frame at which `held` last became empty
        self._lives = 0
        self._foreign: Any = None
        self._rest = b""

    @property
    def port(self) -> str:
        return f"{self.name}:input"

    def start(self) -> None:
        """A new life, with a log of its own."""
        self._lives += 1
        self._path = Path(tempfile.gettempdir()) / f"{self.server.name}_{self.name}_{self._lives}.txt"
        self._foreign = foreign("stdbuf", "-oL", "jack_midi_dump", "-a", self.name, seconds=1800, log=self._path)
        self._process = self._foreign.__enter__()
        self._offset = 0
        self._rest = b""
        self.server.wait_for_port(self.port)

    def kill(self) -> None:
        """kill -9; what sounds, sounds on."""
        if self._foreign is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._foreign.__exit__(None, None, None)
            self.read()
            self._foreign = None
            self._path.unlink(missing_ok=True)

    def read(self) -> list[Dumped]:
        """Take in what has arrived since the last call; returns just that."""
        if self._foreign is None:
            return []
        with self._path.open("rb") as log:
            log.seek(self._offset)
            data = self._rest + log.read()
            self._offset = log.tell()
        *lines, self._rest = data.split(b"\n")
        fresh = []
        for line in lines:
            if match := _LINE.match(line + b" "):
                fresh.append(Dumped(int(match[1]), bytes.fromhex(match[2].decode())))
        for message in fresh:
            self._hear(message)
        self.messages += fresh
        return fresh

    def _hear(self, message: Dumped) -> None:
        sounded = bool(self.held)
        kind, channel = message.data[0] & 0xF0, message.data[0] & 15
        if kind == 0x90 and message.data[2]:
            self.held.add((channel, message.data[1]))
        elif kind in (0x80, 0x90):
            self.held.discard((channel, message.data[1]))
        elif kind == 0xB0 and message.data[1] in (120, 123):
            self.held = {note for note in self.held if note[0] != channel}
        if sounded and not self.held:
            self.silent_since = message.frame


class Keyboard:
    """A foreign client that plays into us. Its process can be killed; `start` gives it another."""

    def __init__(self, server: JackServer, name: str = "keyboard") -> None:
        self.server, self.name = server, name
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> str:
        return f"{self.name}:out"

    def start(self, *arguments: str) -> None:
        """A new process; waits for its port."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.real.keyboard", self.name, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            bufsize=0,
        )
        self.server.wait_for_port(self.port)

    def send(self, *data: int) -> None:
        """One message."""
        self.say(bytes(data).hex(" "))

    def say(self, line: str) -> None:
        """One line to the process."""
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    def kill(self) -> None:
        """kill -9, whatever it holds."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdin:
                self.process.stdin.close()
            self.process = None


class Rig:
    """All of it. Use in `with`; `ready` brings back what is missing and waits until the band plays."""

    def __init__(self, folder: Path, period: int = 256) -> None:
        self.folder = folder
        self._before = os.environ.get("JACK_DEFAULT_SERVER")
        self.server = JackServer(period)
        self.receiver = Receiver(self.server)
        self.keyboard = Keyboard(self.server)
        self.band: Band | None = None
        self.journal = folder / "none"
        self.bands = 0

    def __enter__(self) -> Rig:
        self.receiver.start()
        self.keyboard.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.band is not None:
            self.band.close()
        self.keyboard.kill()
        self.receiver.kill()
        self.server.stop()
        if self._before is None:
            os.environ.pop("JACK_DEFAULT_SERVER", None)
        else:
            os.environ["JACK_DEFAULT_SERVER"] = self._before

    def ready(self, **config: Any) -> Band:
        """A band that plays, connected with receiver and keyboard."""
        if self.band is not None and not (self.band.face.poll() is None and alive(self.band.player)):
            self.band.close()
            self.band = None
        if self.band is None:
            self.bands += 1
            self.journal = self.folder / "journal" / f"{self.bands}.jsonl"
            settings = {"to": "synth", "from_": "keyboard", "controls": {"bpm": 240.0}, "model_command": DENSE}
            self.band = Band(self.journal, **settings | config)
        if not self.band.snapshot.get("running"):
            self.band.wish("start")
        if not self.band.running():
            raise TimeoutError(f"the band does not play: {self.band.messages[-5:]}")
        seen = len(self.receiver.messages)
        if not wait_until(lambda: self.receiver.read() and len(self.receiver.messages) > seen + 20, 5):
            raise TimeoutError(f"the receiver hears nothing: {self.band.messages[-5:]}")
        return self.band

    def stop_is_silent(self) -> float | None:
        """Ask the band to stop; ms until the receiver was silent, None when it is not after a second."""
        assert self.band is not None
        self.receiver.read()
        before = self.receiver.messages[-1].frame if self.receiver.messages else 0
        asked = time.monotonic()
        self.band.wish("stop")
        quiet = wait_until(lambda: (self.receiver.read(), not self.receiver.held)[1], 1.0, 0.005)
        time.sleep(0.05)  # nothing may follow
        self.receiver.read()
        if not quiet or self.receiver.held:
            return None
        wait_until(lambda: not self.band.snapshot.get("running"), 1.0)  # type: ignore[union-attr]
        return max(0.0, min((self.receiver.silent_since - before) * 1000 / RATE, (time.monotonic() - asked) * 1000))
