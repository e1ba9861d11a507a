"""Noise from outside, through every door: MIDI bytes, lines of the model, lines of the face. Nothing may fall over.

The million bytes of the campaign: python -m tests.real.campaign fuzz
"""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bridge.backends import CLOCK_IN, IN
from bridge.process import Config
from bridge.wire import Lines, encode

from .players import Stage
from .real.noise import bytes_of_noise, lines_of_noise

BYTES = 200_000


def play_through_noise(seed: int, count: int, sync: str) -> Stage:
    """Let `count` bytes of noise in while notes play; the stage after a stop and the closing of its ports."""
    rng = random.Random(seed)
    stage = Stage(sync=sync)
    stage.model.step, stage.model.duration = 30, 400  # many notes, overlapping
    stage.model_is_ready()
    if sync == "internal":
        stage.player.start()
    for piece in bytes_of_noise(rng, count):
        stage.backend.feed(piece, None, rng.choice((IN, IN, CLOCK_IN)))
        stage.run(rng.choice((0.0005, 0.003, 0.01, 0.03)))
        if rng.random() < 0.01:
            stage.alive = not stage.alive
            stage.model_is_ready() if stage.alive else stage.player.model_lost()
        if sync == "internal" and not stage.player.transport.running:
            stage.player.start()
    stage.player.stop()
    generated: dict[tuple[int, int], bool] = {}
    for _, status, pitch, velocity in stage.notes():
        generated[status & 15, pitch] = status & 0xF0 == 0x90 and velocity > 0
    assert not [key for key, on in generated.items() if on and key[0]]  # channel 0: keys that are still held
    stage.backend.close()
    return stage


@pytest.mark.parametrize("sync", ["internal", "midi"])
def test_noise_on_the_ports_hurts_nothing(sync: str) -> None:
    started = time.process_time()
    stage = play_through_noise(7, BYTES // 2, sync)
    assert stage.sounding() == 0
    assert len(stage.player.ledger) == 0
    assert stage.player.figures.notes_sent > 0
    assert time.process_time() - started < 60


def test_noise_from_the_model_is_dropped_and_counted() -> None:
    rng = random.Random(5)
    stage = Stage()
    stage.model_is_ready()
    stage.player.start()
    read_noise = [message for line in lines_of_noise(rng, 3000) if isinstance(message := _loads(line), dict)]
    for message in read_noise:
        stage.player.hear_model(message)
        stage.run(0.002)
    stage.model_is_ready()
    before = stage.player.figures.notes_sent
    stage.run(1)
    assert stage.player.figures.notes_sent >= before + 6
    assert stage.player.figures.malformed > 100
    stage.player.stop()
    stage.backend.close()
    assert stage.sounding() == 0


def _loads(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


class Process:
    """A player process whose face or model is the test."""

    def __init__(self, folder: Path, model_command: list[str]) -> None:
        journal = str(folder / "j.jsonl")
        config = Config(seed=1, model_command=model_command, api="memory", sound="none", journal=journal)
        self.child = subprocess.Popen(
            [sys.executable, "-m", "bridge.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=Path(__file__).parents[1],
        )
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.write(encode(asdict(config)))
        self.lines = Lines(self.child.stdout.fileno())
        self.said: list[dict[str, Any]] = []

    def read(self, seconds: float) -> None:
        """Take in what it says for `seconds`."""
        end = time.monotonic() + seconds
        while not self.lines.closed and (left := end - time.monotonic()) > 0:
            select.select([self.lines.fd], [], [], left)
            self.said += self.lines.read()

    def write(self, data: bytes) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(data)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe is not None
            pipe.close()

    def end(self) -> dict[str, Any]:
        """Ask it to quit; its report."""
        self.write(encode({"do": "quit"}))
        self.read(5)
        assert self.child.wait(5) == 0
        return next(message for message in self.said if message["is"] == "report")


def test_noise_from_the_face_does_not_end_the_player(tmp_path: Path) -> None:
    rng = random.Random(3)
    with Process(tmp_path, [sys.executable, "-m", "tests.rule_model_process"]) as process:
        process.read(0.8)
        for _ in range(20):
            process.write(b"".join(lines_of_noise(rng, 30, quiet=True)))
            process.read(0.02)
        process.write(encode({"do": "set", "name": "mute", "value": False}) + encode({"do": "start"}))
        process.read(1.5)
        report = process.end()
    snapshots = [message for message in process.said if message["is"] == "snapshot"]
    assert snapshots[-1]["running"] and snapshots[-1]["sent"] > 3
    assert report["hanging"] == 0


def test_noise_from_the_model_process_does_not_end_the_player(tmp_path: Path) -> None:
    noisy = (
        "import os, random, time\n"
        "from tests.real.noise import lines_of_noise\n"
        "os.write(1, b'{\"is\": \"ready\", \"model\": \"noise\"}\\n')\n"
        "for line in lines_of_noise(random.Random(9), 1500):\n"
        "    os.write(1, line)\n"
        "    time.sleep(0.0005)\n"
    )
    with Process(tmp_path, [sys.executable, "-c", noisy]) as process:
        process.read(3)
        report = process.end()
    assert report["hanging"] == 0 and report["fallbacks"] >= 1
