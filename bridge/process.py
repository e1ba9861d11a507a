"""The player process: `python -m bridge.process`, started by a face, talking `wire` lines on stdin and stdout.

The first line on stdin is the configuration (see Config). The process owns every port, the ledger and the
journal; it starts the model process and starts it again when that dies. It ends, with every note closed, on
{"do": "quit"}, on SIGINT, SIGTERM or SIGHUP, and when stdin closes, which is how the death of its parent
shows, kill -9 included.

Threading model: one thread. It asks for SCHED_FIFO, switches the garbage collector off (the loop makes no
cycles) and never touches a model, torch or the disk beyond appending to the journal.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from aigc_music.core.controls import CONTROLS, Controls
from aigc_music.core.errors import AigcMusicError, AudioDeviceError, UsageError
from aigc_music.core.time import Metre

from . import realtime
from .backends import Backend, open_backend
from .journal import Journal
from .learn import PANIC, LearnMap
from .metrics import quantiles
from .player import Player, Session
from .sync import open_timeline
from .wire import Lines, Outbox, encode

__all__ = ["Config", "main"]

_SNAPSHOT_NS = 100_000_000
_POLL_NS = 300_000_000
_PATIENCE_NS = 2_500_000_000  # a model that is not ready by then is being compiled: a first start
_STEADY_NS = 60_000_000_000  # a model that has run for so long does not die of what killed it before
_RESTART_WAIT_NS = (0, 250_000_000, 1_000_000_000, 2_000_000_000)  # before the 1st, 2nd ... restart in a row


@dataclass(frozen=True, slots=True)
class Config:
    """What a face says when it starts the player."""

    seed: int
    model_command: list[str]
    api: str | None = None
    to: str | None = None
    from_: str | None = None
    sound: str = "synth"  # synth | none
    sync: str = "internal"  # internal | midi | link | jack
    clock_offset_ms: float = 0.0
    thru: bool = True
    metre: tuple[int, int] = (4, 4)
    controls: dict[str, Any] = field(default_factory=dict)
    bindings: dict[str, str] = field(default_factory=dict)
    journal: str | None = None
    seconds: float | None = None
    autostart: bool = True
    started_ns: int | None = None  # system monotonic time at which the user asked for music


class ModelProcess:
    """The child that thinks. `fd` becomes readable when it says something; `lost` when it is gone."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.restarts = 0
        self.retry_ns = 0
        self.child: subprocess.Popen[bytes] | None = None
        self.lines: Lines | None = None
        self.outbox: Outbox | None = None
        self._started_ns = 0
        self.ready_ns = time.monotonic_ns()

    def start(self) -> None:
        """Start the child. The process group is shared: Ctrl-C reaches it too, and it ignores that."""
        self.child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self.child.stdin is not None and self.child.stdout is not None
        self.outbox = Outbox(self.child.stdin.fileno())
        self.lines = Lines(self.child.stdout.fileno())
        self._started_ns = time.monotonic_ns()

    def slow(self, now: int) -> bool:
        """True, once a start, when the child has not said that it is ready for longer than a start should take."""
        late = self._started_ns > 0 and now - self._started_ns > _PATIENCE_NS
        self._started_ns = 0 if late else self._started_ns
        return late

    def ready(self) -> None:
        """The child has said that it is ready."""
        self.retry_ns = self._started_ns = 0
        self.ready_ns = time.monotonic_ns()

    def send(self, message: dict[str, Any]) -> None:
        """One message to the child; a dead or stuck child is noticed elsewhere, never waited for."""
        if self.outbox is not None:
            self.outbox.send(message)

    @property
    def lost(self) -> bool:
        """True when the child has closed its side."""
        return self.lines is None or self.lines.closed

    def kill(self) -> None:
        """End the child at once and forget it."""
        if self.child is not None:
            self.child.kill()
            for pipe in (self.child.stdin, self.child.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            self.child.wait()
        self.child = self.lines = self.outbox = None


class PlayerProcess:
    """Joins backend, player, model process and face in one loop."""

    def __init__(self, config: Config, face: Lines, model: ModelProcess) -> None:
        self.config, self.face = config, face
        self.outbox = Outbox(sys.stdout.fileno())
        self.quit = False
        self.started_ns = time.monotonic_ns()
        self.model = model
        self.realtime = realtime.ask()
        self.backend: Backend = open_backend(config.api, config.to, config.from_)
        controls, metre = Controls(dict(config.controls)), Metre(*config.metre)
        self.timeline = open_timeline(config.sync, self.backend, controls["bpm"], metre)
        self.audio = self._open_audio()
        self.journal = Journal(Path(config.journal) if config.journal else None)
        self.journal.write(
            {
                "is": "take",
                "version": 1,
                "started": time.time(),
                "pid": os.getpid(),
                "face": os.getppid(),
                "api": self.backend.api,
            }
        )
        self.player = Player(
            self.backend,
            Session(
                seed=config.seed,
                sync=config.sync,
                clock_offset_ns=round(config.clock_offset_ms * 1e6),
                thru=config.thru,
                metre=metre,
            ),
            controls,
            self.journal,
            self.model.send,
            self.tell,
            LearnMap(config.bindings),
            self.timeline,
        )
        if config.started_ns is not None:
            self.player.wanted_ns -= time.monotonic_ns() - config.started_ns
        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.quit = True

    def _open_audio(self) -> Any:
        """The synth, where it is wanted and the machine has a way to be heard; says so where not."""
        if self.config.sound == "none":
            return None
        from .synth import attach

        try:
            return attach(self.backend)
        except AudioDeviceError as err:
            self.tell(str(err))
            return None

    def tell(self, text: str) -> None:
        """One sentence for the musician."""
        self.say({"is": "told", "text": text})

    def say(self, message: dict[str, Any]) -> None:
        """One line to the face. The music never waits for a face: one that does not read misses snapshots."""
        self.outbox.send(message, droppable=message["is"] == "snapshot")

    def run(self) -> int:
        """The loop. Returns the exit code."""
        self.say(self._hello())
        gc.collect()
        gc.freeze()
        gc.disable()
        snapshot_ns = poll_ns = 0
        try:
            while not self.quit:
                until = self.player.turn()
                fds = [self.face.fd] if self.model.lines is None else [self.face.fd, self.model.lines.fd]
                for fd in self.backend.wait(until, fds):
                    if fd == self.face.fd:
                        self._hear_face()
                    else:
                        self._hear_model()
                now = time.monotonic_ns()
                self._care_for_model(now)
                if now - snapshot_ns >= _SNAPSHOT_NS:
                    snapshot_ns = now
                    self.say(self._snapshot())
                if now - poll_ns >= _POLL_NS:
                    poll_ns = now
                    for text in self.backend.poll():
                        self.tell(text)
                    if self.journal.failed:
                        self.tell(self.journal.failed)
                        self.journal.failed = ""
                if self.config.seconds is not None and now - self.started_ns >= self.config.seconds * 1e9:
                    self.quit = True
        finally:
            self._leave()
        return 0

    def _hello(self) -> dict[str, Any]:
        return {
            "is": "hello",
            "api": self.backend.api,
            "commit_ms": round(self.backend.commit_ns / 1e6, 1),
            "realtime": self.realtime.granted,
            "realtime_detail": self.realtime.detail,
            "audio": None if self.audio is None else self.audio.describe(),
            "journal": self.config.journal,
        }

    def _hear_face(self) -> None:
        for message in self.face.read():
            match message.get("do"):
                case "quit":
                    self.quit = True
                case "set":
                    self.player.wish(str(message.get("name")), message.get("value"))
                case "panic":
                    self.player.panic()
                case "start" if not self.player.transport.running:
                    self.player.start()
                case "stop":
                    self.player.stop()
                case "learn":
                    self._learn(message.get("name"))
        if self.face.closed:
            self.quit = True

    def _learn(self, name: Any) -> None:
        if isinstance(name, str) and (name in CONTROLS or name == PANIC):
            self.player.learn.armed = name
        else:
            self.tell(f"there is no knob {str(name)[:40]!r} to learn: use one of {', '.join(CONTROLS)}, {PANIC}")

    def _hear_model(self) -> None:
        assert self.model.lines is not None
        for message in self.model.lines.read():
            if message.get("is") == "told":
                self.tell(str(message.get("text")))
                continue
            self.player.hear_model(message)
            if message.get("is") == "ready":
                self.model.ready()
                if (
                    not self.player.transport.running
                    and self.config.autostart
                    and self.config.sync == "internal"
                ):
                    self.player.start()

    def _care_for_model(self, now: int) -> None:
        """Notice a dead or hung model, play on without it, start it again with growing patience."""
        if self.model.child is not None and (
            self.model.lost or self.player.model_hangs(self.backend.clock.now_ns())
        ):
            if now - self.model.ready_ns > _STEADY_NS:
                self.model.restarts = 0
            self.model.kill()
            self.player.model_lost()
            waits = _RESTART_WAIT_NS
            self.model.retry_ns = now + waits[min(self.model.restarts, len(waits) - 1)]
            self.model.restarts += 1
        if self.model.child is None and now >= self.model.retry_ns:
            self.model.start()
        if self.model.slow(now):
            self.tell("the model is being compiled for this machine: only the first start takes so long")

    def _snapshot(self) -> dict[str, Any]:
        statistics = self.backend.statistics()
        lateness = quantiles(statistics["lateness_ns"] / 1e6)
        return self.player.snapshot() | {
            "late": int(statistics["late"]),
            "lateness_ms": lateness,
            "xruns": int(statistics["xruns"]),
            "bindings": self.player.learn.bindings,
            "alive": self.backend.alive,
        }

    def _leave(self) -> None:
        """Close everything that sounds, then the ports, then say the figures."""
        self.player.stop()
        if self.timeline is not None:
            self.timeline.close()
        self.backend.close_all()
        self.backend.wait(self.backend.clock.now_ns() + 30_000_000)
        statistics = self.backend.statistics()
        hanging = len(self.player.ledger)
        self.backend.close()
        if self.audio is not None:
            self.audio.close()
        self.journal.close()
        figures = self.player.figures
        self.say(
            {
                "is": "report",
                "notes_sent": figures.notes_sent,
                "notes_received": figures.notes_received,
                "late": int(statistics["late"]),
                "dropped": figures.dropped + int(statistics["dropped"]),
                "lateness_ms": quantiles(statistics["lateness_ns"] / 1e6),
                "decode_ms": quantiles(figures.decode_ms),
                "reaction_ms": quantiles(figures.reaction_ms),
                "first_note_ms": None if figures.first_note_ms is None else round(figures.first_note_ms, 1),
                "hanging": hanging,
                "fallbacks": figures.fallbacks,
                "realtime": self.realtime.granted,
                "api": self.backend.api,
                "xruns": int(statistics["xruns"]),
                "journal": self.config.journal,
            }
        )
        self.model.kill()
        deadline = time.monotonic() + 1.0
        while not self.outbox.flush() and time.monotonic() < deadline:
            time.sleep(0.01)


def _first_line(fd: int) -> bytes:
    """One line, byte by byte: nothing that follows it may disappear into a buffer."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(fd, 1)):
        line += byte
    return line


def main() -> int:
    """Entry of the process: read the configuration, run, report errors as one line of JSON."""
    face = Lines(sys.stdin.fileno())
    os.set_blocking(face.fd, True)
    try:
        first = _first_line(face.fd)
        os.set_blocking(face.fd, False)
        config = Config(**json.loads(first))
    except (ValueError, TypeError) as err:
        raise UsageError(
            f"the player process needs its configuration as the first line on stdin: {err}"
        ) from err
    model = ModelProcess(config.model_command)
    model.start()  # first of all: it loads while the ports open
    try:
        return PlayerProcess(config, face, model).run()
    except AigcMusicError as err:
        model.kill()
        os.write(sys.stdout.fileno(), encode({"is": "error", "text": str(err), "exit_code": err.exit_code}))
        return err.exit_code


if __name__ == "__main__":
    sys.exit(main())
