"""A catalogue that loses a worker and its driver on the way, and what must be true of it in the end.

    python -m tests.real.catalogue_campaign [--count 200] [--on local] [--folder DIR]

writes so many small briefs, makes them on a Ray of this machine, kills a worker (SIGKILL) when a third is made and
the driver when two thirds are, starts it again, and compares the outcome with a run on local processes. Prints what
it found; ends with 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

STAGES = ("music", "words")
STYLES = ("folk", "pop", "jazz", "soul", "rock", "latin")
PATIENCE_S = 1800.0


class Found(NamedTuple):
    """releases: that are whole. made: stages, by the log. twice: stages that were made more than once. other:
    published files that differ between two folders. left: processes of a killed driver that are there 30 s later."""

    releases: int
    made: int
    twice: list[str]
    other: list[str]
    left: list[int]


def write_briefs(folder: Path, count: int) -> Path:
    """Small briefs: four bars each, one in three without words."""
    folder.mkdir(parents=True)
    for number in range(count):
        rows = [f'title = "Song {number}"', 'artist = "Ada Park"', f'style = "{STYLES[number % len(STYLES)]}"',
                "bars = 4", f"seed = {number}", f'language = "{"none" if number % 3 == 2 else "en"}"']  # fmt: skip
        (folder / f"song-{number:03d}.toml").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


def start(briefs: Path, folder: Path, on: str) -> subprocess.Popen[bytes]:
    """A driver in a process of its own."""
    code = (
        "import sys; from pathlib import Path; from aigc_music.release.catalogue import run_catalogue\n"
        "briefs = sorted(Path(sys.argv[1]).glob('*.toml'))\n"
        "on = None if sys.argv[3] == 'none' else sys.argv[3]\n"
        "print(run_catalogue(briefs, sys.argv[2], on=on, only=sys.argv[4:]))"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(briefs), str(folder), on, *STAGES])


def lines_of(folder: Path) -> list[list[str]]:
    """The log of a catalogue: folder, stage and key, machine, process."""
    log = folder / ".catalogue/made.log"
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(folder: Path, count: int, driver: subprocess.Popen[bytes]) -> None:
    """Until so many stages are made."""
    end = time.monotonic() + PATIENCE_S
    while len(lines_of(folder)) < count:
        if driver.poll() is not None:
            raise RuntimeError(f"the driver ended with {driver.returncode} after {len(lines_of(folder))} stages")
        if time.monotonic() > end:
            raise TimeoutError(f"{len(lines_of(folder))} of {count} stages after {PATIENCE_S:g} s")
        time.sleep(0.02)


def kill_worker(folder: Path) -> int:
    """Kill the worker that made a stage last, which is at work on another by now. Its process number."""
    number = int(lines_of(folder)[-1][-1])
    os.kill(number, signal.SIGKILL)
    return number


def below(number: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(place.name))
    found = [number]
    for one in found:
        found += children.get(one, [])
    return found


def words_of(number: int) -> bytes:
    """The command line of a process."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def alive(numbers: list[int]) -> list[int]:
    found = []
    for number in numbers:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(number)
    return found


def kill_driver(driver: subprocess.Popen[bytes]) -> list[int]:
    """Kill a driver; the processes that it leaves behind for more than 30 s. Ray's two agents on each node do not
    count: they do no tasks, and try for two minutes to tell the dead cluster of its death."""
    family = [number for number in below(driver.pid) if b"Agent" not in words_of(number)]
    driver.kill()
    driver.wait()
    end = time.monotonic() + 30
    while alive(family) and time.monotonic() < end:
        time.sleep(0.1)
    return alive(family)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of all that is published, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and ".work/" not in name and not name.startswith(".catalogue/"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def judged(folder: Path, beside: Path, left: list[int]) -> Found:
    """What is true of a catalogue, beside one that was made without trouble."""
    listed = json.loads((folder / "catalogue.json").read_bytes())["releases"]
    made = Counter(" ".join(line[:2]) for line in lines_of(folder))
    here, there = hashes(folder), hashes(beside)
    return Found(
        releases=sum(row["ok"] for row in listed),
        made=made.total(),
        twice=[name for name, count in made.items() if count > 1],
        other=[name for name in sorted(here.keys() | there.keys()) if here.get(name) != there.get(name)],
        left=left,
    )


def stages_of(count: int) -> int:
    """How many stages so many briefs have."""
    return sum(1 if number % 3 == 2 else 2 for number in range(count))


def main() -> int:
    parser = argparse.ArgumentParser(description="A catalogue that loses a worker and its driver on the way.")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--on", default="local")
    parser.add_argument("--folder", type=Path)
    wanted = parser.parse_args()
    top = wanted.folder or Path(tempfile.mkdtemp(prefix="catalogue-"))
    briefs, folder, beside = write_briefs(top / "briefs", wanted.count), top / "ray", top / "here"
    whole = stages_of(wanted.count)

    begun = time.monotonic()
    driver = start(briefs, folder, wanted.on)
    wait_for(folder, whole // 3, driver)
    tell("worker killed", f"{kill_worker(folder)}, after {len(lines_of(folder))} of {whole} stages")
    wait_for(folder, 2 * whole // 3, driver)
    left = kill_driver(driver)
    tell("driver killed", f"after {len(lines_of(folder))} of {whole} stages")
    code = start(briefs, folder, wanted.on).wait()
    tell("seconds on Ray", f"{time.monotonic() - begun:.0f}")
    begun = time.monotonic()
    code = code or start(briefs, beside, "none").wait()
    tell("seconds on local processes", f"{time.monotonic() - begun:.0f}")

    found = judged(folder, beside, left)
    for name, value in found._asdict().items():
        tell(name, str(value))
    good = code == 0 and found == Found(wanted.count, whole, [], [], [])
    tell("as it must be", str(good))
    return 0 if good else 1


def tell(name: str, value: str) -> None:
    print(f"{name:>28}  {value}", flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())
