"""Ardour without a screen, driven by its own Lua: as a recorder, and as a master of MIDI clock.

About one start in four breaks Ardour's channel to JACK ("Unknown request" in the server's log), so a start is
tried up to six times before anything is judged.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mido

from ..jack_world import JackServer, foreign
from .band import wait_until

__all__ = ["FRAMES_PER_TICK", "Ardour", "ardour"]

_HERE = Path(__file__).parent
_STARTS = 6
FRAMES_PER_TICK = 0.1  # of the file: 19,200 ticks a beat at 1500 bpm and 48 kHz


class Ardour:
    """A running session. folder: where it writes; `text` what its script has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def text(self) -> str:
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def go(self) -> bool:
        """Let the clock master roll; True when it does."""
        (self.folder / "stop.go").touch()
        return bool(wait_until(lambda: "ROLLING" in self.text, 15, 0.05))

    def stop(self, seconds: float = 20) -> None:
        """End the recording or the clock, and wait until all is on disk."""
        (self.folder / "stop").touch()
        wait_until(lambda: "SAVED" in self.text or "STOPPED" in self.text, seconds, 0.1)

    def events(self) -> list[tuple[float, bytes]]:
        """What was recorded: (frames since the start of the recorded region, message), as in Ardour's own file."""
        out: list[tuple[float, bytes]] = []
        for path in sorted(self.folder.glob("session/interchange/*/midifiles/*.mid")):
            for track in mido.MidiFile(path).tracks:
                tick = 0
                for message in track:
                    tick += message.time
                    if message.type in ("note_on", "note_off"):
                        out.append((tick * FRAMES_PER_TICK, bytes(message.bytes())))
        return out


@contextmanager
def ardour(server: JackServer, script: str, ready: str, *arguments: str) -> Iterator[Ardour]:
    """Ardour running `script` (record, master) that has printed `ready`. arguments: between folder and stop file."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as stack:
        for attempt in range(_STARTS):
            session = Ardour(Path(folder) / str(attempt))
            session.folder.mkdir()
            command = ("ardour7-lua", str(_HERE / f"{script}.lua"), str(session.folder / "session"), *arguments)
            running = foreign(*command, str(session.folder / "stop"), seconds=150, log=session.folder / "log")
            process = stack.enter_context(running)
            wait_until(lambda s=session, p=process: ready in s.text or p.poll() is not None, 25, 0.1)  # type: ignore[misc]
            broken = "Unknown request" in server.log.read_text(errors="replace")[-4000:] and attempt == 0
            if ready in session.text and "STANDING" not in session.text and not broken:
                yield session
                return
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                process.kill()
                process.wait(5)
            stack.pop_all().close()
        raise TimeoutError(f"Ardour did not start in {_STARTS} attempts: {session.text[-500:]}")
