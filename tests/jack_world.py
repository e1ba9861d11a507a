"""A JACK world without sound hardware, and foreign programs in it, for the tests.

`jack_server` starts a server of its own name with the dummy driver; `need` decides what happens on a machine
where the programs are missing: in CI (environment variable CI) the test fails, elsewhere it skips and says why.
Timing is judged by frames, and a run in which the server lost periods (xruns) is repeated, not believed.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

__all__ = [
    "Dumped",
    "JackServer",
    "MidiDump",
    "foreign",
    "gil_hog",
    "jack_server",
    "need",
    "need_jack",
    "repeat_on_xruns",
]

_numbers = itertools.count()
_LINE = re.compile(r"^(\d+): ((?:[0-9a-f]{2} ?)+)")
Result = TypeVar("Result")


def need(*programs: str) -> None:
    """Fail (in CI) or skip (elsewhere) when one of `programs` is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def need_jack() -> None:
    """`need` for the server and its small tools."""
    need("jackd", "jack_wait", "jack_lsp", "jack_connect", "jack_midi_dump", "stdbuf")


def _free_dead_slots() -> None:
    """Clear the registry slots of servers that died by SIGKILL.

    jackd knows eight servers at a time and never forgets one that was killed unless its name is used again.
    Layout (jackd2): magic, 3 words, the header's length, a word, then 8 x (pid, name).
    """
    registry = Path("/dev/shm/jack-shm-registry")
    if not registry.exists():
        return
    with registry.open("r+b") as file:
        head = file.read(24)
        if head[:4] != b"KCAJ":
            return
        size = (int.from_bytes(head[16:20], "little") - 24) // 8
        for slot in range(8):
            file.seek(24 + slot * size)
            pid = int.from_bytes(file.read(4), "little")
            if pid and not Path(f"/proc/{pid}").exists():
                file.seek(24 + slot * size)
                file.write(bytes(size))


class JackServer:
    """A running jackd. `name` is its server name, also put into this process's JACK_DEFAULT_SERVER."""

    def __init__(self, period: int = 256, rate: int = 48_000, name: str | None = None) -> None:
        self.period, self.rate = period, rate
        self.name = name or f"aigc{os.getpid()}_{next(_numbers)}"
        self.log = Path(tempfile.gettempdir()) / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it (again, under the same name) and wait until it answers."""
        need_jack()
        _free_dead_slots()
        os.environ["JACK_DEFAULT_SERVER"] = self.name
        realtime = ["-R", "-P", "50"] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["--no-realtime"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["jackd", "-n", self.name, *realtime, "-p", "128", "-d", "dummy"]
                + ["-r", str(self.rate), "-p", str(self.period)],
                stdout=log,
                stderr=log,
            )
        waited = subprocess.run(["jack_wait", "-s", self.name, "-w", "-t", "15"], capture_output=True)
        if waited.returncode:
            raise RuntimeError(f"jackd did not come up: {self.log.read_text(errors='replace')[-2000:]}")

    def send_signal(self, number: int) -> None:
        """Send it a signal, such as SIGSTOP and SIGCONT."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it the hard way (or with another signal) and wait for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        """End it properly and forget its log."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
        self.log.unlink(missing_ok=True)

    def xruns(self) -> int:
        """Lost periods so far, by the server's own log."""
        text = self.log.read_text(errors="replace").casefold()
        return text.count("xrun") + text.count("process error")

    def ports(self) -> list[str]:
        """Names of all ports."""
        listed = subprocess.run(["jack_lsp", "-s", self.name], capture_output=True, text=True, timeout=10)
        return listed.stdout.split("\n")

    def wait_for_port(self, part: str, seconds: float = 10) -> str:
        """The full name of the first port that contains `part`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for port in self.ports():
                if part in port:
                    return port
            time.sleep(0.05)
        raise TimeoutError(f"no port with {part!r} in its name: {self.ports()}")

    def connect(self, source: str, destination: str) -> None:
        """Connect two ports by full name."""
        subprocess.run(
            ["jack_connect", "-s", self.name, source, destination], check=True, capture_output=True, timeout=10
        )


@contextmanager
def jack_server(period: int = 256, rate: int = 48_000) -> Iterator[JackServer]:
    """A server for the length of a `with`; JACK_DEFAULT_SERVER is put back afterwards."""
    before = os.environ.get("JACK_DEFAULT_SERVER")
    server = JackServer(period, rate)
    try:
        yield server
    finally:
        server.stop()
        if before is None:
            os.environ.pop("JACK_DEFAULT_SERVER", None)
        else:
            os.environ["JACK_DEFAULT_SERVER"] = before


@contextmanager
def foreign(*command: str, seconds: float = 120, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A foreign program for the length of a `with`, ended by force after `seconds` whatever happens."""
    with log.open("wb") if log else open(os.devnull, "wb") as out:  # noqa: PTH123
        process = subprocess.Popen(
            ["timeout", "-k", "2", str(seconds), *command],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                    process.wait(3)
                    break
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
            process.wait(5)
            if process.stdin:
                process.stdin.close()


class Dumped(NamedTuple):
    """One message as a foreign receiver saw it."""

    frame: int  # JACK frame time, 32 bits
    data: bytes


class MidiDump:
    """A foreign C receiver (jack_midi_dump) connected to one of our ports; for use in `with`."""

    def __init__(self, server: JackServer, source: str, name: str | None = None) -> None:
        self._server, self._source = server, source
        self.name = name or f"dump{next(_numbers)}"
        self._path = Path(tempfile.gettempdir()) / f"{server.name}_{self.name}.txt"

    def __enter__(self) -> MidiDump:
        self._foreign = foreign("stdbuf", "-oL", "jack_midi_dump", "-a", self.name, log=self._path)
        self._foreign.__enter__()
        self._server.wait_for_port(f"{self.name}:input")
        self._server.connect(self._source, f"{self.name}:input")
        return self

    def __exit__(self, *_: object) -> None:
        self._foreign.__exit__(None, None, None)
        self._path.unlink(missing_ok=True)

    def read(self) -> list[Dumped]:
        """Everything received so far, in order."""
        out = []
        for line in self._path.read_text(errors="replace").splitlines():
            if match := _LINE.match(line.strip()):
                out.append(Dumped(int(match[1]), bytes.fromhex(match[2])))
        return out

    def wait_for(self, count: int, seconds: float = 10) -> list[Dumped]:
        """`read` until `count` messages are there or the time is over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if len(found := self.read()) >= count:
                return found
            time.sleep(0.05)
        return self.read()


@contextmanager
def gil_hog() -> Iterator[None]:
    """A Python thread that never lets go of the interpreter by itself."""
    stop = threading.Event()

    def spin() -> None:
        number = 0
        while not stop.is_set():
            for _ in range(10_000):
                number = (number * 1_103_515_245 + 12_345) & 0x7FFFFFFF

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def repeat_on_xruns(
    server: JackServer, run: Callable[[], Result], good: Callable[[Result], bool], times: int = 5
) -> Result:
    """Run until the result is good; a bad one counts only when the server lost no period meanwhile."""
    for _ in range(times):
        before = server.xruns()
        result = run()
        if good(result) or server.xruns() == before:
            return result
    return result
