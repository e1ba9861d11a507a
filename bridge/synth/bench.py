"""How long a block takes: 64 voices, 128 frames at 48 kHz, beside two soundfont players where they are installed.

Contenders take turns, so that a busy machine is busy for all of them. Figures in ms per block; what a Python call
costs is in all of them. Threads: one.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import kernel

__all__ = ["measure"]

RATE = 48_000
FRAMES = 128
VOICES = 64
BLOCKS_A_TURN = 25
SOUNDFONTS = (
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/soundfonts/FluidR3_GM.sf2",
)
ORGAN = 19  # General MIDI program that holds its level, so that all voices stay busy

Block = Callable[[], object]


def _ours(notes: list[tuple[int, int]]) -> Block:
    """A synth of ours on which (channel, key) `notes` are held."""
    state = kernel.make_state(RATE)
    left, right = np.zeros(FRAMES, np.float32), np.zeros(FRAMES, np.float32)
    held = np.array([(0, 0x90 | channel, key, 90) for channel, key in notes], np.int64).reshape(-1, 4).T.copy()
    if notes:
        kernel.render(*state, left, right, FRAMES, *held, len(notes))
    none = np.zeros(1, np.int64)
    arguments = (*state, left, right, FRAMES, none, none, none, none, 0)
    return lambda: kernel.render(*arguments)


def _fluidsynth(soundfont: str) -> Block:
    module = importlib.import_module("fluidsynth")
    synth = module.Synth(gain=0.2, samplerate=float(RATE))
    synth.program_select(0, synth.sfload(soundfont), 0, ORGAN)
    for key in range(36, 36 + VOICES):
        synth.noteon(0, key, 90)
    return lambda: synth.get_samples(FRAMES)


def _tinysoundfont(soundfont: str) -> Block:
    module = importlib.import_module("tinysoundfont")
    synth = module.Synth(samplerate=RATE, gain=-12)
    synth.program_select(0, synth.sfload(soundfont), 0, ORGAN)
    for key in range(36, 36 + VOICES):
        synth.noteon(0, key, 90)
    return lambda: synth.generate(FRAMES)


def _band() -> list[tuple[int, int]]:
    """64 notes as a band holds them: 40 struck (piano, electric piano), 24 sustained (bass, strings, pad)."""
    struck = [(channel, 48 + key) for channel in (0, 1) for key in range(20)]
    sustained = [(channel, 43 + key) for channel in (3, 4, 5) for key in range(8)]
    return struck + sustained


OURS: dict[str, tuple[Callable[[], list[tuple[int, int]]], str]] = {
    "aigc-music": (_band, "40 struck and 24 sustained voices, chorus, reverb and limiter included"),
    "aigc-music, 64 pianos": (lambda: [(0, 30 + key) for key in range(VOICES)], "one chord of 64 held piano keys"),
    "aigc-music, silence": (list, "no voice: what effects and limiter take"),
}
PEERS: dict[str, tuple[Callable[[str], Block], str, str]] = {
    "fluidsynth": (_fluidsynth, "64 organ keys of a soundfont, its reverb and chorus on", "pip install pyfluidsynth"),
    "tinysoundfont": (
        _tinysoundfont,
        "64 organ keys of a soundfont, no effects",
        "pip install --no-deps tinysoundfont",
    ),
}


def _contenders() -> tuple[dict[str, tuple[Block, str]], dict[str, str]]:
    found = {name: (_ours(notes()), detail) for name, (notes, detail) in OURS.items()}
    skipped: dict[str, str] = {}
    soundfont = next((path for path in SOUNDFONTS if Path(path).is_file()), None)
    for name, (make, detail, install) in PEERS.items():
        if soundfont is None:
            skipped[name] = "no soundfont here: apt install timgm6mb-soundfont"
            continue
        try:
            found[name] = make(soundfont), detail
        except (ImportError, OSError, AttributeError) as err:
            skipped[name] = f"it doesn't load ({err}): {install}"
    return found, skipped


def measure(blocks: int = 1000) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Time to render one block per contender, ours first, over `blocks` blocks (at least 25), a tenth as warm-up.

    Returns (figures in ms by contender: p50, p99, max, min, cpu = CPU time per block, blocks, times_realtime = how
    many such blocks fit into the time one lasts, detail) and (why by contender that could not run).
    """
    contenders, skipped = _contenders()
    turns = max(1, blocks // BLOCKS_A_TURN)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    cpu = dict.fromkeys(contenders, 0.0)
    for turn in range(-max(1, turns // 10), turns):
        for name, (block, _) in contenders.items():
            begin_cpu = time.process_time()
            taken = []
            for _ in range(BLOCKS_A_TURN):
                begin = time.perf_counter()
                block()
                taken.append((time.perf_counter() - begin) * 1e3)
            if turn >= 0:
                cpu[name] += (time.process_time() - begin_cpu) * 1e3
                times[name] += taken
    rows: dict[str, dict[str, Any]] = {}
    for name, (_, detail) in contenders.items():
        p50, p99 = np.percentile(times[name], (50, 99))
        rows[name] = {
            "p50": round(float(p50), 4),
            "p99": round(float(p99), 4),
            "max": round(max(times[name]), 4),
            "min": round(min(times[name]), 4),
            "cpu": round(cpu[name] / len(times[name]), 4),
            "blocks": len(times[name]),
            "times_realtime": round(FRAMES / RATE * 1e3 / float(p50), 1),
            "detail": detail,
        }
    return rows, skipped
