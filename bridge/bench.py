"""How late notes leave: the player's own deadline path against the ways others wait, each beside a busy decoder.

Ours waits in a process of its own while a model decodes flat out in another, as `live` does. The peers wait the
way players of this kind mostly do: in one Python process with what decides the notes. All get the same events, and
every contender is a fresh process of its own (`python -m bridge.bench`, one JSON line in, one out).

Lateness is the time between the moment a note was due and the moment it had been handed to the port. Times in ns
inside, in ms in the figures.

Threading model: the peers' decoder is a second thread of their process; everything else has one thread.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from aigc_music.core.errors import AigcMusicError, UsageError
from bridge import realtime
from bridge.metrics import quantiles

__all__ = ["CONTENDERS", "MAX_EVENTS", "measure"]

CONTENDERS: dict[str, tuple[str, bool, str]] = {
    # name: (way of waiting, asks for realtime priority, what it is)
    "aigc-music": ("deadline", True, "the player's loop; the model decodes flat out in another process"),
    "aigc-music, normal priority": ("deadline", False, "the same without realtime priority"),
    "aigc-music, JACK": ("jack", True, "events carry their frame, a compiled callback puts them there"),
    "mido play": ("mido", False, "MidiFile.play, a decoder in a thread beside it"),
    "sleep until due": ("sleep", False, "time.sleep, a decoder in a thread beside it"),
    "poll every 5 ms": ("poll", False, "time.sleep(0.005), a decoder in a thread beside it"),
}
MAX_EVENTS = 4096  # as many as a backend remembers

_STEP_NS = 20_000  # events lie on this grid, so that a MIDI file can say their times exactly
_TURN_NS = 20_000_000  # the player's loop turns at least this often
_LENGTH_NS = 1_000_000  # of a note
_LEAD_NS = 300_000_000  # from the start of a contender to its first event
_POLL_S = 0.005
_PATIENCE_S = 20.0

Due = list[int]
"""Times of events in ns after the start, ascending."""


def measure(
    decoder: Sequence[str],
    events: int = 1000,
    grid_ms: float = 5.0,
    seed: int = 1,
    report: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Lateness of `events` notes, `grid_ms` apart on average (half to one and a half times that), per contender.

    decoder: command that decodes flat out; it prints a line when it starts and one JSON object with `notes` and
    `seconds` when its stdin closes. report: called with the name of each contender before it runs.
    Returns (figures in ms by contender: p50, p99, min, max, cpu = CPU time per event of the waiting thread, events,
    realtime, decoded_per_s, detail) and (why by contender that could not run). UsageError for counts out of range.
    """
    if not 10 <= events <= MAX_EVENTS:
        raise UsageError(f"{events} events: give 10..{MAX_EVENTS}")
    if not 1 <= grid_ms <= 100:
        raise UsageError(f"a grid of {grid_ms} ms: give 1..100")
    due = spread(events, grid_ms, seed)
    rows: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    for name, (way, wants_realtime, what) in CONTENDERS.items():
        if name == "aigc-music, normal priority" and not rows.get("aigc-music", {}).get("realtime"):
            skipped[name] = "the row above runs without realtime priority already"
            continue
        report(name)
        apart = way in ("deadline", "jack")
        answer = _run(way, wants_realtime, due, list(decoder) if apart else None)
        if "error" in answer:
            skipped[name] = answer["error"]
            continue
        late = [ns / 1e6 for ns in answer["late_ns"]]
        rows[name] = {
            **quantiles(late),
            "min": round(min(late), 3),
            "cpu": round(answer["cpu_ns"] / 1e6 / events, 4),
            "events": len(late),
            "realtime": answer["realtime"],
            "decoded_per_s": round(answer["decoded_per_s"], 1),
            "detail": answer.get("detail") or what,
        }
    return rows, skipped


def spread(events: int, grid_ms: float, seed: int) -> Due:
    """Irregular times, so that no way of polling can fall into step with them by chance."""
    chance = random.Random(seed)
    steps = grid_ms * 1e6 / _STEP_NS
    return list(accumulate(_STEP_NS * round(chance.uniform(0.5, 1.5) * steps) for _ in range(events)))


def _run(way: str, wants_realtime: bool, due: Due, decoder: list[str] | None) -> dict[str, Any]:
    """One contender in a process of its own, with its decoder in another one where it has one."""
    beside = None
    if decoder is not None:
        beside = subprocess.Popen(decoder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert beside.stdin is not None and beside.stdout is not None
        if not beside.stdout.readline():
            beside.communicate()
            return {"error": f"the decoder beside it failed with exit code {beside.returncode}"}
    command = [sys.executable, "-P", "-m", "bridge.bench"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        # stdin stays open meanwhile: the waiting loop watches it, as the player watches its face
        child.stdin.write(json.dumps({"way": way, "realtime": wants_realtime, "due": due}) + "\n")
        child.stdin.flush()
        line = child.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "it ended without an answer"}
    finally:
        child.stdin.close()
        child.wait(_PATIENCE_S)
        child.stdout.close()
        if beside is not None:
            said, _ = beside.communicate(timeout=_PATIENCE_S)
    if beside is not None and "error" not in answer:
        if beside.returncode or not said.strip():
            return {"error": f"the decoder beside it failed with exit code {beside.returncode}"}
        decoded = json.loads(said.splitlines()[-1])
        answer["decoded_per_s"] = decoded["notes"] / max(1e-9, decoded["seconds"])
    return answer


# -- inside a contender's process --------------------------------------------------------------------------


def main() -> None:
    """Entry of a contender's process."""
    order = json.loads(sys.stdin.readline())
    try:
        answer = WAYS[order["way"]](order["due"], order["realtime"])
    except (AigcMusicError, ImportError) as err:
        answer = {"error": str(err)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _deadline(due: Due, wants_realtime: bool) -> dict[str, Any]:
    from bridge.backends.memory import MemoryBackend

    return _play(MemoryBackend(), due, wants_realtime)


def _jack(due: Due, wants_realtime: bool) -> dict[str, Any]:
    from bridge.backends import open_backend

    backend: Any = open_backend("jack", client_name="aigc-music-bench")
    try:
        answer = _play(backend, due, wants_realtime)
    finally:
        backend.close()
    frames = round(max(answer["late_ns"]) * backend.rate / 1e9)
    return answer | {"detail": f"{frames} frames late at most; {CONTENDERS['aigc-music, JACK'][2]}"}


def _play(backend: Any, due: Due, wants_realtime: bool) -> dict[str, Any]:
    """The player's loop without the music: hand over what falls due inside the commit window, then wait."""
    granted = realtime.ask().granted if wants_realtime else False
    gc.collect()
    gc.freeze()
    gc.disable()
    face = [] if sys.platform == "win32" else [sys.stdin.fileno()]
    start = backend.clock.now_ns() + _LEAD_NS
    end = start + due[-1] + 5 * backend.commit_ns
    at = 0
    cpu = time.thread_time_ns()
    while (now := backend.clock.now_ns()) < end:
        while at < len(due) and start + due[at] - backend.commit_ns <= now:
            backend.send(start + due[at], bytes((0x90, 36 + at % 48, 64)))
            backend.send(start + due[at] + _LENGTH_NS, bytes((0x80, 36 + at % 48, 64)))
            at += 1
        until = min(now + _TURN_NS, end)
        backend.wait(min(until, start + due[at] - backend.commit_ns) if at < len(due) else until, face)
        backend.receive()
    cpu = time.thread_time_ns() - cpu
    late = backend.statistics()["lateness_ns"].tolist()
    return {"late_ns": late, "cpu_ns": cpu, "realtime": granted}


def _mido(due: Due, wants_realtime: bool) -> dict[str, Any]:
    import mido

    ticks = [ns // _STEP_NS for ns in due]
    gaps = [b - a for a, b in zip([0, *ticks], ticks, strict=False)]
    file = mido.MidiFile(ticks_per_beat=500_000 // (_STEP_NS // 1000))  # at 120 bpm a tick is one step
    file.tracks.append(mido.MidiTrack(mido.Message("note_on", note=60, time=gap) for gap in gaps))

    def wait(late: list[int]) -> None:
        asked: list[float] = []

        def now() -> float:
            asked.append(time.monotonic())
            return asked[-1]

        for at, _ in zip(due, file.play(now=now), strict=False):
            late.append(time.monotonic_ns() - round(asked[0] * 1e9) - at)

    return _beside_decoder(wait)


def _sleep(due: Due, wants_realtime: bool) -> dict[str, Any]:
    def wait(late: list[int]) -> None:
        start = time.monotonic_ns()
        for at in due:
            time.sleep(max(0, start + at - time.monotonic_ns()) / 1e9)
            late.append(time.monotonic_ns() - start - at)

    return _beside_decoder(wait)


def _poll(due: Due, wants_realtime: bool) -> dict[str, Any]:
    def wait(late: list[int]) -> None:
        start = time.monotonic_ns()
        for at in due:
            while start + at > time.monotonic_ns():
                time.sleep(_POLL_S)
            late.append(time.monotonic_ns() - start - at)

    return _beside_decoder(wait)


def _beside_decoder(wait: Callable[[list[int]], None]) -> dict[str, Any]:
    """Run a waiting loop in this thread while another thread of this process decodes."""
    decoder = _Decoder()
    decoder.start()
    time.sleep(_LEAD_NS / 1e9)
    late: list[int] = []
    decoder.notes, began, cpu = 0, time.monotonic(), time.thread_time_ns()
    wait(late)
    cpu, seconds = time.thread_time_ns() - cpu, time.monotonic() - began
    decoder.enough = True
    decoder.join()
    return {"late_ns": late, "cpu_ns": cpu, "realtime": False, "decoded_per_s": decoder.notes / seconds}


class _Decoder(threading.Thread):
    """What a live model does in Python: matrix products outside the interpreter, then constraints and sampling in it.

    The sizes are those of a two-layer recurrent network of width 1024 with four instruments to choose from.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.enough = False
        self.notes = 0

    def run(self) -> None:
        import numpy as np

        chance = np.random.default_rng(1)
        weight = chance.standard_normal((1024, 3072), np.float32) * np.float32(0.03)
        state = chance.standard_normal(1024, np.float32)
        ranges = {instrument: set(range(36, 97)) for instrument in range(4)}
        held: set[int] = set()
        while not self.enough:
            for _ in range(4):
                state = np.tanh((state @ weight)[:1024])
            best = (0.0, 60)
            for pitches in ranges.values():
                for pitch in pitches - held:
                    best = max(best, (float(np.exp(state[pitch])) * random.random(), pitch))
            held = {best[1], *list(held)[:3]}
            self.notes += 1


WAYS: dict[str, Callable[[Due, bool], dict[str, Any]]] = {
    "deadline": _deadline,
    "jack": _jack,
    "mido": _mido,
    "sleep": _sleep,
    "poll": _poll,
}

if __name__ == "__main__":
    main()
