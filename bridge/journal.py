"""The journal: everything that was played, heard and turned, on disk as it happens.

One JSON line an event (see `wire`), appended with a single write call: after kill -9 of any process the
operating system still has every line that was written. At the next start an unfinished journal is turned
into a MIDI file, so no take is lost. Writing costs some 10 us a turn and never waits for the disk (no fsync:
only a power cut can lose the last seconds).

Lines: the messages of `wire` that start an epoch, as sent to the model, and
    {"is": "take", "version", "started", "pid", "face", "api"}       the first line; pid, face: processes
    {"is": "line", "tick", "ns", "bpm"}                              the tempo line in force from `tick` on
    {"is": "played", "notes": [[tick, pitch, velocity, duration, channel], ...]}
    {"is": "cut", "tick", "channel"?, "pitch"?}                      notes stopped early (all of them, or one)
    {"is": "end"}                                                    closed properly
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from aigc_music.core.errors import FileError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import HUMAN_CHANNEL, PARTS, part_of_channel
from aigc_music.core.theory import Chord

from .wire import encode

__all__ = ["Journal", "read_journal", "score_of", "unfinished"]


class Journal:
    """An append-only log of one session. `path` None keeps nothing.

    A full disk does not stop the music: writing ends, `failed` says why, and the player tells the user once.
    Threads: the player's loop only. Realtime-safe: no (a write call), bounded.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.failed = ""
        self._fd = -1
        self._lines: list[bytes] = []
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            except OSError as err:
                raise FileError(
                    f"cannot write the journal {path}: {err.strerror}; free some space or set --journal"
                ) from err

    def write(self, message: dict[str, Any]) -> None:
        """Queue one line; `flush` hands it to the system."""
        if self._fd >= 0:
            self._lines.append(encode(message))

    def flush(self) -> None:
        """Write what is queued with one call."""
        if not self._lines or self._fd < 0:
            return
        data, self._lines = b"".join(self._lines), []
        try:
            os.write(self._fd, data)
        except OSError as err:
            self.failed = (
                f"the journal {self.path} cannot be written any more ({err.strerror}): the take is not safe"
            )
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Write the closing line."""
        self.write({"is": "end"})
        self.flush()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a journal; a line cut off by a crash is left out. FileError when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as err:
        raise FileError(f"cannot read the journal {path}: {err.strerror}") from err
    messages = []
    for line in data.split(b"\n"):
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict):
            messages.append(message)
    return messages


def unfinished(folder: Path) -> list[Path]:
    """Journals in `folder` that nobody is going to save: the player is gone, and it was cut off or its face died.

    A player that loses its face ends properly, but it is the face that turns the journal into files.
    """
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        messages = read_journal(path)
        if not messages or _alive(messages[0].get("pid")):
            continue
        ended = messages[-1].get("is") == "end"
        if not ended or ("face" in messages[0] and not _alive(messages[0]["face"])):
            found.append(path)
    return found


def _alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0 or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    try:  # a process that has ended may stay listed until somebody asks for its exit code
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def score_of(messages: list[dict[str, Any]]) -> Score:
    """The take as a score: one track for the musician, one for each part of the band, tempo and markers.

    Notes still open at the end last until the last event.
    """
    score = Score(title=time.strftime("Take %Y-%m-%d %H:%M", time.localtime(_started(messages))))
    tracks: dict[int, list[Note]] = {}
    held: dict[int, tuple[int, int]] = {}  # pitch -> (tick, velocity) of the musician's open notes
    last_tick = 0
    tempos: list[tuple[int, float]] = []
    for message in messages:
        kind = message.get("is") or message.get("do")
        if kind == "line":
            if not tempos or abs(tempos[-1][1] - message["bpm"]) > 0.05:
                tempos.append((message["tick"], message["bpm"]))
        elif kind == "played":
            for tick, pitch, velocity, duration, channel in message["notes"]:
                tracks.setdefault(channel, []).append(Note(tick, pitch, velocity, duration, channel))
                last_tick = max(last_tick, tick + duration)
        elif kind == "listen":
            for tick, pitch, velocity in message["heard"]:
                last_tick = max(last_tick, tick)
                if pitch in held:
                    _close(tracks, held, pitch, tick)
                if velocity:
                    held[pitch] = (tick, velocity)
        elif kind == "cut":
            _cut(tracks, message)
        elif kind == "control":
            text = ", ".join(f"{name}: {value}" for name, value in message["controls"].items())
            score.markers.append((max(0, message["frozen"]), text))
        elif kind == "chord":
            score.texts.append((message["tick"], f"chord {Chord(message['root'], message['quality'])}"))
    for pitch in list(held):
        _close(tracks, held, pitch, last_tick + 1)
    shift = min([0, *(note.tick for notes in tracks.values() for note in notes)])
    score.tempos = [(max(0, tick - shift), bpm) for tick, bpm in tempos]
    score.markers = [(tick - shift, text) for tick, text in score.markers]
    score.texts = [(tick - shift, text) for tick, text in score.texts]
    for channel in sorted(tracks):
        part = part_of_channel(channel)
        notes = sorted(note._replace(tick=note.tick - shift) for note in tracks[channel])
        name = "you" if channel == HUMAN_CHANNEL or part is None else PARTS[part].name
        score.tracks.append(Track(name, PARTS[part].program if part is not None else 0, notes))
    return score


def _started(messages: list[dict[str, Any]]) -> float:
    return float(messages[0].get("started", 0)) if messages else 0.0


def _close(tracks: dict[int, list[Note]], held: dict[int, tuple[int, int]], pitch: int, tick: int) -> None:
    start, velocity = held.pop(pitch)
    tracks.setdefault(HUMAN_CHANNEL, []).append(
        Note(start, pitch, velocity, max(1, tick - start), HUMAN_CHANNEL)
    )


def _cut(tracks: dict[int, list[Note]], message: dict[str, Any]) -> None:
    """Shorten the notes that were sounding when they were stopped early; drop those not yet begun."""
    tick = message["tick"]
    for channel, notes in tracks.items():
        if channel == HUMAN_CHANNEL or message.get("channel", channel) != channel:
            continue
        for index in range(len(notes) - 1, -1, -1):
            note = notes[index]
            if note.end > tick and message.get("pitch", note.pitch) == note.pitch:
                if note.tick < tick:
                    notes[index] = note._replace(duration=tick - note.tick)
                elif "pitch" not in message:
                    del notes[index]
