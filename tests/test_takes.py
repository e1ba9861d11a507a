"""Takes that nobody saved: whose journals are picked up at the next start, and whose are left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mido
import pytest

from aigc_music.live.takes import Takes
from bridge.journal import Journal, unfinished

DEAD = 2**22 + 1  # above the highest process id of Linux


def journal(folder: Path, ended: bool, **who: int) -> Path:
    path = folder / "take.jsonl"
    log = Journal(path)
    log.write({"is": "take", "version": 1, "started": 0, **who})
    log.write({"is": "line", "tick": 0, "ns": 0, "bpm": 120.0})
    log.write({"is": "played", "notes": [[0, 60, 80, 240, 1], [480, 64, 80, 240, 1]]})
    log.flush()
    if ended:
        log.close()
    return path


@pytest.mark.parametrize(
    ("ended", "who", "found"),
    [
        (False, {"pid": DEAD, "face": 1}, True),  # the player was killed
        (True, {"pid": DEAD, "face": DEAD}, True),  # the face was killed: the player ended properly, nobody saved
        (True, {"pid": DEAD, "face": 1}, False),  # the face lives: it is about to save
        (False, {"pid": 1, "face": 1}, False),  # both play on
        (True, {"pid": DEAD}, False),
    ],
)
def test_a_take_is_saved_when_nobody_else_will(tmp_path: Path, ended: bool, who: dict[str, int], found: bool) -> None:
    path = journal(tmp_path, ended, **who)
    assert unfinished(tmp_path) == ([path] if found else [])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
def test_a_process_that_has_ended_but_is_still_listed_counts_as_dead(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # ends with the process
    stat = Path(f"/proc/{child.pid}/stat")
    while " Z " not in stat.read_text():
        pass
    path = journal(tmp_path, False, pid=child.pid)
    assert unfinished(tmp_path) == [path]
    child.stdout.close()
    child.wait()


def test_a_recovered_take_is_a_midi_file_and_is_recovered_once(tmp_path: Path) -> None:
    journals = tmp_path / "journals"
    journals.mkdir()
    journal(journals, True, pid=DEAD, face=DEAD)
    takes = Takes(tmp_path / "takes", journals)
    (saved,) = takes.recover()
    notes = [m.note for track in mido.MidiFile(saved).tracks for m in track if m.type == "note_on" and m.velocity]
    assert notes == [60, 64]
    assert takes.recover() == []
