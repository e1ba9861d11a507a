"""How long starting takes: `--help`, `ports` and the first note of `live`, fresh processes, beside an empty Python.

The first note counts from the moment the command is started to the moment the note is due at the port, as the
take's journal says. Before the counted runs each command runs once, so that compiled code and files are warm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError, UsageError
from aigc_music.core.time import TICKS_PER_QUARTER

__all__ = ["FIRST_NOTE", "first_due", "measure"]

_SECONDS = 4  # of playing
_AIGC_MUSIC = [sys.executable, "-P", "-m", "aigc_music"]
_QUICK = {
    "aigc-music --help": [*_AIGC_MUSIC, "--help"],
    "aigc-music ports": [*_AIGC_MUSIC, "ports"],
    "python -c pass": [sys.executable, "-c", "pass"],
}
FIRST_NOTE = "aigc-music live, first note"


def measure(
    model: str = "default", runs: int = 5, report: Callable[[str], None] = lambda text: None
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Start-up times of `runs` starts each, in ms.

    Returns (row by command: p50, p99, min, cpu, detail) and (why by command that could not run). cpu of `live` is
    that of all its processes.
    """
    if not 1 <= runs <= 100:
        raise UsageError(f"{runs} runs: give 1..100")
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in [*_QUICK, FIRST_NOTE]}
    rests: list[float] = []
    skipped: dict[str, str] = {}
    for run in range(runs + 1):
        report(f"run {run} of {runs}")
        for name, command in _QUICK.items():
            took[name].append(_timed(command)[:2])
        if FIRST_NOTE not in skipped:
            try:
                wall, cpu, rest = _first_note(model)
                took[FIRST_NOTE].append((wall, cpu))
                rests.append(rest)
            except AigcMusicError as err:
                skipped[FIRST_NOTE] = str(err)
    order = ["aigc-music --help", "aigc-music ports", FIRST_NOTE, "python -c pass"]
    rows = {name: _row(took[name][1:]) for name in order if name not in skipped}
    if FIRST_NOTE in rows:
        rest = sorted(rests)[len(rests) // 2]
        rows[FIRST_NOTE]["detail"] = (
            f"--api memory --sound none; {rest:.0f} ms of it are a rest in the music;"
            f" CPU is that of all processes for {_SECONDS} s and the files of the take"
        )
    return rows, skipped


def _row(runs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    wall = sorted(ms for ms, _ in runs)
    cpu = sorted(ms for _, ms in runs)
    last = len(wall) - 1
    p50, p99, least, cpu_p50 = wall[len(wall) // 2], wall[-(-last * 99 // 100)], wall[0], cpu[len(cpu) // 2]
    return {"p50": round(p50, 1), "p99": round(p99, 1), "min": round(least, 1), "cpu": round(cpu_p50, 1)}


def _timed(command: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, float, str]:
    """Wall ms, CPU ms (0 on Windows, which does not say) and stdout of a command. AigcMusicError when it fails."""
    before = os.times()
    began = time.perf_counter_ns()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    wall = (time.perf_counter_ns() - began) / 1e6
    after = os.times()
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise AigcMusicError(f"'{' '.join(command[3:])}' failed: {said[-1]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu * 1000, done.stdout


def _first_note(model: str) -> tuple[float, float, float]:
    """Ms from the command to the first note of `live`, CPU ms of all its processes, ms of rest before that note."""
    with tempfile.TemporaryDirectory() as folder:
        take = Path(folder, "take.mid")
        options = f"live --api memory --sound none --seed 1 --json --seconds {_SECONDS}".split()
        command = [*_AIGC_MUSIC, *options, "--model", model, "--record", str(take)]
        began = time.monotonic_ns()
        _, cpu, _ = _timed(command, os.environ | {"AIGC_MUSIC_HOME": folder})
        journal = take.with_suffix(".events.jsonl")
        if not journal.is_file():
            raise AigcMusicError(f"no note was played within {_SECONDS} s: run 'aigc-music doctor'")
        due, rest = first_due(map(json.loads, journal.read_text(encoding="utf-8").splitlines()))
    return (due - began) / 1e6, cpu, rest / 1e6


def first_due(journal: Iterable[dict[str, Any]]) -> tuple[float, float]:
    """Player time (ns) at which the first note of a journal is due, and its distance (ns) from tick 0."""
    line: dict[str, Any] = {}
    for message in journal:
        if message.get("is") == "line":
            line = message
        elif message.get("is") == "played":
            tick = message["notes"][0][0]
            ns_per_tick = 60e9 / line["bpm"] / TICKS_PER_QUARTER
            return line["ns"] + (tick - line["tick"]) * ns_per_tick, tick * ns_per_tick
    raise AigcMusicError("the journal holds no note")
