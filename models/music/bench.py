"""How long one note takes to decide: our decoder beside its torch reference and Notochord, in one run.

Every contender is a child process that decides a given number of notes when told to (one thread, same priority) and
sleeps otherwise. They take turns in short rounds, so that whatever else runs on the machine slows all of them alike.

    python -m models.music.bench             the figures of our decoder alone, as JSON
    python -m models.music.bench --serve     a contender: a number per line on stdin, times per line as JSON
    python -m models.music.bench --flat-out  decode without pause until stdin closes, then tell how many

Threads: each process has one.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aigc_music.core.errors import AigcMusicError, UsageError
from aigc_music.core.parts import DRUMS, PARTS
from aigc_music.core.styles import style_id
from aigc_music.core.theory import Key
from aigc_music.core.time import Metre
from models.zoo import find

from .decode_cpu import Conditions, Limits, MusicModel, Rest, Stream, load_model

__all__ = ["NOTOCHORD_VARIABLE", "decide", "decode_ms", "everything", "flat_out_command", "measure", "serve"]

NOTOCHORD_VARIABLE = "AIGC_MUSIC_NOTOCHORD"
"""Environment variable that names a Python in which Notochord is installed."""

_ROUND = 50  # notes or events before the next contender has its turn
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_BAR = 1920  # ticks
_BARS = 256
_CHORDS = ((0, 4), (9, 5), (2, 5), (7, 6))  # root and quality, a bar each: Cmaj7 Am7 Dm7 G7


def decode_ms(notes: int = 200, model: MusicModel | str = "default") -> dict[str, float]:
    """p50, p99, min and cpu in ms for one note decided with all conditions and masks; well under a second when warm.

    ModelError without a model.
    """
    stream = (load_model(model) if isinstance(model, str) else model).stream(seed=1)
    conditions, limits = everything()
    decide(stream, conditions, limits, 5)
    cpu = time.process_time_ns()
    took = decide(stream, conditions, limits, notes)
    return figures(took, (time.process_time_ns() - cpu) / 1e6 / notes)


def figures(took_ms: Sequence[float], cpu_ms: float) -> dict[str, float]:
    """The row of a table: quantiles of the times, and the CPU time of one."""
    p50, p99 = (round(float(value), 4) for value in np.percentile(took_ms, (50, 99)))
    return {"p50": p50, "p99": p99, "min": round(min(took_ms), 4), "cpu": round(cpu_ms, 4)}


def everything() -> tuple[Conditions, Limits]:
    """The whole band with nothing left unsaid and limits of every kind: the heaviest case."""
    conditions, limits = Conditions(), Limits()
    key = Key.parse("C major")
    conditions.style, conditions.bpm = style_id("jazz"), 120.0
    conditions.set_key(key)
    conditions.set_metre(Metre(4, 4))
    conditions.set_parts(range(len(PARTS)))
    conditions.set_density(0.5)
    roots, qualities = zip(*(_CHORDS[bar % len(_CHORDS)] for bar in range(_BARS)), strict=True)
    conditions.set_chords([bar * _BAR for bar in range(_BARS)], list(roots), list(qualities))
    for index, part in enumerate(PARTS):
        limits.set_range(index, part.low, part.high)
        limits.set_polyphony(index, part.voices)
        limits.set_longest(index, 2 * _BAR)
        if index != DRUMS:
            limits.set_scale(index, key.scale)
            limits.set_chord_tones(index, part.name in ("bass", "keys", "inner"))
    return conditions, limits


def decide(stream: Stream, conditions: Conditions, limits: Limits, notes: int) -> list[float]:
    """Decide and feed `notes` notes; ms of each. A rest on the way counts as time of the note that ends it."""
    took: list[float] = []
    earliest, rests = stream.tick, 0
    began = time.perf_counter_ns()
    while len(took) < notes:
        note = stream.sample(conditions, limits, earliest, 0, stream.events + rests)
        if isinstance(note, Rest):
            earliest, rests = max(earliest + 1, note.until_tick), rests + 1
            continue
        stream.feed(note.tick, note.part, note.pitch, note.velocity, note.duration_ticks)
        now = time.perf_counter_ns()
        took.append((now - began) / 1e6)
        earliest, began = note.tick, now
    return took


def flat_out_command(model: str = "default") -> list[str]:
    """The command that decodes without pause: it prints a line when it starts, then JSON when its stdin closes."""
    return [sys.executable, "-P", "-m", "models.music.bench", "--model", model, "--flat-out"]


class Contender:
    """A child that decides notes on request. `skipped` says why it cannot; `detail` what it is."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.took: list[float] = []
        self.cpu_ms = 0.0
        self.skipped = ""
        self.detail = ""
        environment = os.environ | dict.fromkeys(_ONE_THREAD, "1")
        try:
            pipe = subprocess.PIPE
            self.child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        except OSError as err:
            what = f"{command[0]!r} cannot be started ({err.strerror})"
            raise UsageError(f"{what}: give the path of a Python that has {name}") from err

    def hello(self) -> None:
        """Wait until it is ready, or has given up."""
        line = self._line()
        if line:
            self.detail = json.loads(line)["detail"]
            return
        said = self.child.communicate()[1].strip().splitlines()
        self.skipped = said[-1] if said else f"it ended with exit code {self.child.returncode}"

    def turn(self, count: int) -> None:
        """Let it decide `count` notes, and wait for it."""
        assert self.child.stdin is not None
        try:
            self.child.stdin.write(f"{count}\n")
            self.child.stdin.flush()
            answer = json.loads(self._line())
        except (OSError, ValueError) as err:
            raise AigcMusicError(f"{self.name} ended in the middle: measure again without it") from err
        self.took += answer["ms"]
        self.cpu_ms += answer["cpu_ms"]

    def close(self) -> None:
        """End the child."""
        if not self.skipped:
            self.child.communicate()

    def _line(self) -> str:
        assert self.child.stdout is not None
        return self.child.stdout.readline()


def measure(
    model: str = "default",
    notes: int = 400,
    notochord: str | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Time of `notes` decisions of each contender, in turns.

    notochord: path of a Python that has Notochord; None = the environment variable AIGC_MUSIC_NOTOCHORD.
    report: called with a few words before each stage.
    Returns (row by contender: p50, p99, min, cpu in ms, count, detail) and (why by contender that could not run).
    An event of Notochord is one sample and one feed; a note of it is two events, on and off.
    """
    if not 10 <= notes <= 100_000:
        raise UsageError(f"{notes} notes: give 10..100000")
    folder = str(find(model).resolve())
    notochord = notochord or os.environ.get(NOTOCHORD_VARIABLE)
    commands = {
        "aigc-music": [sys.executable, "-P", "-m", "models.music.bench", "--model", folder, "--serve"],
        "torch reference": [sys.executable, "-P", "-m", "models.music.networks.bench_gru", folder],
    }
    skipped: dict[str, str] = {}
    if notochord:
        commands["notochord"] = [notochord, "-I", str(Path(__file__).with_name("bench_notochord.py"))]
    else:
        hint = f"give a Python that has it with --notochord or {NOTOCHORD_VARIABLE}; --help says how to make one"
        skipped["notochord"] = hint
    contenders: list[Contender] = []
    try:
        for name, command in commands.items():
            report(f"starting {name}")
            contenders.append(Contender(name, command))
            contenders[-1].hello()
        running = [contender for contender in contenders if not contender.skipped]
        for begin in range(0, notes, _ROUND):
            report(f"{begin} of {notes} notes")
            for contender in running:
                contender.turn(min(_ROUND, notes - begin))
    finally:
        for contender in contenders:
            contender.close()
    rows: dict[str, dict[str, Any]] = {}
    for contender in contenders:
        if contender.skipped:
            skipped[contender.name] = contender.skipped
            continue
        took, cpu = contender.took, contender.cpu_ms / len(contender.took)
        rows[contender.name] = {**figures(took, cpu), "count": len(took), "detail": contender.detail}
        if contender.name == "notochord":
            pairs = [on + off for on, off in zip(took[::2], took[1::2], strict=False)]
            detail = "a whole note: one event for its start, one for its end"
            rows["notochord, note"] = {**figures(pairs, 2 * cpu), "count": len(pairs), "detail": detail}
    if "aigc-music" in skipped:
        raise AigcMusicError(f"the decoder could not run: {skipped['aigc-music']}")
    return rows, skipped


# -- inside a contender's process --------------------------------------------------------------------------


def serve(decide_some: Callable[[int], list[float]], detail: str) -> None:
    """Say hello, then for each number on stdin decide so many notes and print {ms, cpu_ms}; ends with stdin."""
    _say({"detail": detail})
    for line in sys.stdin:
        cpu = time.process_time_ns()
        took = decide_some(int(line))
        _say({"ms": took, "cpu_ms": (time.process_time_ns() - cpu) / 1e6})


def _say(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Entry of `python -m models.music.bench`."""
    parser = argparse.ArgumentParser(prog="python -m models.music.bench", description="Measure the decoder.")
    parser.add_argument("--model", default="default")
    parser.add_argument("--serve", action="store_true", help="decide as many notes as stdin says")
    parser.add_argument("--flat-out", action="store_true", help="decode until stdin closes")
    given = parser.parse_args()
    try:
        model = load_model(given.model)
    except AigcMusicError as err:
        sys.exit(str(err))
    if not given.serve and not given.flat_out:
        _say(decode_ms(1000, model))
        return
    stream = model.stream(seed=1)
    conditions, limits = everything()
    decide(stream, conditions, limits, 5)
    if given.serve:
        detail = f"model {model.name}, {model.parameters / 1e6:.1f} M parameters, all conditions and masks"
        serve(lambda count: decide(stream, conditions, limits, count), detail)
        return
    _say({"is": "decoding"})
    notes, began = 0, time.monotonic()
    while not select.select([sys.stdin], [], [], 0)[0]:
        notes += len(decide(stream, conditions, limits, 16))
    _say({"notes": notes, "seconds": time.monotonic() - began})


if __name__ == "__main__":
    main()
