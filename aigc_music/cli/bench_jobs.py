"""How late notes leave while offline jobs run: `live` alone, beside our workers, and beside the same work unguarded.

Live plays into memory without a sound, as a musician's session would; the jobs are endless pieces of music, one a
core. The unguarded contender is the same generator in processes of usual priority, which is what a script that
imports a library would do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aigc_music.core.errors import AigcMusicError, UsageError

__all__ = ["CONTENDERS", "measure"]

CONTENDERS = ("live beside our jobs", "live alone", "live beside jobs of usual priority")
_LIVE = [sys.executable, "-P", "-m", "aigc_music", "live", "--api", "memory", "--sound", "none", "--seed", "1"]
_UNGUARDED = (
    "from aigc_music.engine.job import JobContext\nfrom aigc_music.engine.registry import generator_for\n"
    "from aigc_music.engine.requests import MusicRequest\n"
    "for _ in generator_for(MusicRequest(bars=512, seed=5)).stream(JobContext(5)): pass"
)


def measure(
    seconds: int = 15, jobs: int | None = None, report: Callable[[str], None] = lambda text: None
) -> dict[str, dict[str, Any]]:
    """Lateness of live's notes in ms (p50, p99, max), notes that were late or dropped, per contender.

    seconds 4..600 of playing each; jobs: how many run beside, None = one a core.
    """
    if not 4 <= seconds <= 600:
        raise UsageError(f"{seconds} seconds: give 4..600")
    jobs = jobs or os.cpu_count() or 1
    beside = dict(zip(CONTENDERS, (_guarded, _nothing, _unguarded), strict=True))
    _play(4)  # what is compiled at the first start is compiled now
    rows = {}
    for name in CONTENDERS:
        report(name)
        with beside[name](jobs):
            rows[name] = _row(_play(seconds))
    return rows


def _row(told: dict[str, Any]) -> dict[str, Any]:
    late = told["lateness_ms"]
    return {
        "p50": late["p50"], "p99": late["p99"], "max": late["max"], "min": None, "cpu": None, "late": told["late"],
        "dropped": told["dropped"], "notes": told["notes_sent"], "realtime": told["realtime"],
        "detail": f"{told['notes_sent']} notes, {told['late']} late, {told['dropped']} dropped, realtime priority"
                  f" {'on' if told['realtime'] else 'off'}",
    }  # fmt: skip


def _play(seconds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [*_LIVE, "--seconds", str(seconds), "--record", f"{folder}/take.mid", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"AIGC_MUSIC_HOME": folder})
    if done.returncode:
        raise AigcMusicError(f"live failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


@contextmanager
def _nothing(jobs: int) -> Iterator[None]:
    yield


@contextmanager
def _guarded(jobs: int) -> Iterator[None]:
    """Jobs of our engine, each followed by the next until the block ends."""
    from aigc_music.engine import Engine, MusicRequest

    with Engine(workers=jobs) as engine:
        running = [engine.submit(MusicRequest(bars=512, seed=5 + number)) for number in range(jobs)]
        for job in running:
            next(job.events())  # it has begun
        waiting = [engine.submit(MusicRequest(bars=512, seed=50 + number)) for number in range(20 * jobs)]
        yield
        for job in [*waiting, *running]:
            job.cancel()


@contextmanager
def _unguarded(jobs: int) -> Iterator[None]:
    """The same work in plain processes, started again until the block ends."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            process = subprocess.Popen([sys.executable, "-P", "-c", _UNGUARDED])
            while process.poll() is None and not ended.wait(0.05):
                pass
            process.kill()
            process.wait()

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
