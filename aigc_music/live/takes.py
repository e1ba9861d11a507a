"""Takes: journals become MIDI files (and WAV where nothing could be heard); cut-off takes are picked up again."""

from __future__ import annotations

import os
import time
from pathlib import Path

from aigc_music.core.errors import FileError
from aigc_music.core.folders import state_folder
from aigc_music.core.notes import Score
from aigc_music.files.atomic import atomic_write
from aigc_music.files.midi import write_score
from bridge.journal import read_journal, score_of, unfinished

__all__ = ["Takes"]

_SAMPLE_RATE = 48_000


class Takes:
    """Where the takes of this user live. Threads: any, one at a time."""

    def __init__(self, folder: Path | None = None, journals: Path | None = None) -> None:
        self.folder = folder or Path.cwd() / "takes"
        self.journals = journals or state_folder() / "journal"

    def new_journal(self) -> Path:
        """A path for the journal of a new take."""
        return self.journals / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"

    def check(self, path: Path) -> None:
        """FileError now, not after an hour of playing, when `path` cannot be written."""
        if path.suffix.lower() not in (".mid", ".midi"):
            raise FileError(f"--record {path}: takes are MIDI files, give a name that ends in .mid")
        if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise FileError(f"--record {path}: the folder {path.parent} is missing or cannot be written to")

    def save(self, journal: Path, record: Path | None, keep: bool = False, audio: bool = False) -> list[Path]:
        """Turn a journal into files: `record` as MIDI, or with `keep` in the takes folder; `audio`: WAV beside it.

        The journal is removed when it is empty, kept beside its MIDI file otherwise (it replays the take).
        """
        if not journal.is_file():
            return []
        messages = read_journal(journal)
        score = score_of(messages)
        saved: list[Path] = []
        if score.notes and (record is not None or keep):
            target = record or self.folder / f"take-{journal.stem}.mid"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_score(score, target)
            saved.append(target)
            if audio:
                saved.append(_write_audio(score, target.with_suffix(".wav")))
            events = target.with_suffix(".events.jsonl")
            _move(journal, events)
            saved.append(events)
        else:
            journal.unlink(missing_ok=True)
        return saved

    def recover(self) -> list[Path]:
        """Save every take whose player was killed; returns the MIDI files written."""
        saved: list[Path] = []
        for journal in unfinished(self.journals) if self.journals.is_dir() else []:
            files = self.save(journal, self.folder / f"recovered-{journal.stem}.mid")
            saved.extend(path for path in files if path.suffix == ".mid")
        return saved


def _write_audio(score: Score, path: Path) -> Path:
    """The take as the built-in synth plays it."""
    from aigc_music.files.wav import write_wav
    from bridge.synth.offline import render_events

    tempo = score.tempo_map()
    events = []
    for note in score.notes:
        events.append((tempo.ns_at(note.tick) / 1e9, bytes((0x90 | note.channel, note.pitch, note.velocity))))
        events.append((tempo.ns_at(note.end) / 1e9, bytes((0x80 | note.channel, note.pitch, 0))))
    return write_wav(path, render_events(events, score.seconds(), _SAMPLE_RATE), _SAMPLE_RATE)


def _move(source: Path, target: Path) -> None:
    """Move a file, to another disk too; the source goes only when the target is whole."""
    with atomic_write(target) as file:
        file.write(source.read_bytes())
    source.unlink()
