"""Kill a release at random moments and take it up again: the files come out as without kills.

    python -m tests.real.release_kills                    20 kills of a draft of a short song
    python -m tests.real.release_kills --kills 5 --full BRIEF.toml

A run without kills comes first; the kills fall evenly over the time that it took. Each kill is kill -9 of the main
process alone. After each, nothing may be left running, and all files that show must be whole: as in the first run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BRIEF = """\
title = "Harbour Lights"
artist = "Ada Park"
theme = "ships that come home at night"
style = "pop"
bars = 6
seed = 7
"""


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of all files that a release folder shows."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".work" not in path.parts
    }


MARK = f"RELEASE_KILLS={os.getpid()}"  # in the environment of all that this campaign starts


def left_over() -> set[int]:
    """Processes of this campaign that are alive."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if MARK.encode() in place.read_bytes().split(b"\0"):
                found.add(int(place.parent.name))
        except OSError:
            continue
    return found - {os.getpid()}


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("brief", nargs="?", type=Path, help="a brief of your own")
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--full", action="store_true", help="in full size, not as a draft")
    options.add_argument("--seed", type=int, default=1, help="of the moments")
    options.add_argument("--workers", default="2", help="processes; 0 where other work leaves idle ones no time")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as top:
        brief = asked.brief or Path(top) / "brief.toml"
        if asked.brief is None:
            brief.write_text(BRIEF)
        command = [sys.executable, "-m", "aigc_music", "release", str(brief), "--json", "--workers", asked.workers]
        command += [] if asked.full else ["--draft"]
        os.environ.update([MARK.split("=")])
        begun = time.monotonic()
        subprocess.run([*command, f"{top}/whole"], check=True, stdout=subprocess.DEVNULL)
        lasted = time.monotonic() - begun
        whole, rng, moments = hashes(Path(top) / "whole"), random.Random(asked.seed), []
        say(f"without kills: {lasted:.1f} s, {len(whole)} files")
        folder = Path(top) / "killed"
        for number in range(asked.kills):
            process = subprocess.Popen([*command, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            moments.append(rng.uniform(0.2, lasted))
            time.sleep(moments[-1])
            os.kill(process.pid, signal.SIGKILL)
            ended = process.wait() >= 0
            shown = hashes(folder) if folder.is_dir() else {}
            torn = [path for path, sha256 in shown.items() if path != "manifest.json" and whole.get(path) != sha256]
            # papers tell of what is there, so those of a part of the release differ from those of all of it
            torn = [path for path in torn if not path.startswith(("credits", "provenance", "index"))]
            assert not torn, f"not whole after kill {number + 1}: {torn}"
            when = f"{moments[-1]:.1f} s{' (at its end)' if ended else ''}"
            say(f"kill {number + 1} at {when}: {len(shown)} files whole")
            if ended:  # the next ones are to fall into work again
                shutil.rmtree(folder)
        deadline = time.monotonic() + 5
        while left_over() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left_over(), f"processes are left: {left_over()}"
        subprocess.run([*command, str(folder)], check=True, stdout=subprocess.DEVNULL)
        assert hashes(folder) == whole, "the hashes differ"
        left = list((folder / ".work").glob("part-*"))
        assert not left, left
        say(json.dumps({"kills": asked.kills, "files": len(whole), "seconds": round(lasted, 1), "same": True}))


if __name__ == "__main__":
    main()
