"""Bytes and lines that no honest peer sends, from a seed: what a broken cable, keyboard or process may do."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["bytes_of_noise", "lines_of_noise"]


def _running_status(rng: random.Random) -> bytes:
    status = rng.choice((0x80, 0x90, 0x90, 0xA0, 0xB0, 0xC0, 0xD0, 0xE0)) | rng.randrange(16)
    return bytes((status, *(rng.randrange(128) for _ in range(rng.randrange(40)))))


def _cut_sysex(rng: random.Random) -> bytes:
    body = bytes(rng.randrange(128) for _ in range(rng.randrange(60)))
    return b"\xf0" + body + rng.choice((b"", b"\xf7", b"\xf8", b"\x90", b"\xf0\xf0", b"\xfe\xf7"))


def _clock_storm(rng: random.Random) -> bytes:
    return bytes(rng.choice((0xF8, 0xF8, 0xF8, 0xF8, 0xFA, 0xFB, 0xFC)) for _ in range(rng.randrange(60)))


def _song_position(rng: random.Random) -> bytes:
    return bytes((0xF2, rng.randrange(128), rng.randrange(128)))[: rng.randrange(1, 4)]


def _controllers(rng: random.Random) -> bytes:
    out = b""
    for _ in range(rng.randrange(20)):
        number = rng.choice((rng.randrange(128), rng.randrange(20, 28), 64, 120, 123))
        out += bytes((0xB0 | rng.randrange(16), number, rng.randrange(128)))
    return out


def _notes(rng: random.Random) -> bytes:
    out = b""
    for _ in range(rng.randrange(20)):
        out += bytes((rng.choice((0x80, 0x90, 0x90)) | rng.randrange(16), rng.randrange(128), rng.randrange(128)))
    return out


def _anything(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(60))


_KINDS: tuple[Callable[[random.Random], bytes], ...] = (
    _running_status,
    _cut_sysex,
    _clock_storm,
    _song_position,
    _controllers,
    _notes,
    _anything,
)


def bytes_of_noise(rng: random.Random, count: int) -> Iterator[bytes]:
    """Pieces of a stream, `count` bytes or a few more in all; messages may be cut anywhere between two pieces."""
    left = count
    while left > 0:
        piece = b"".join(rng.choice(_KINDS)(rng) for _ in range(rng.randrange(1, 5)))
        if rng.random() < 0.3:
            piece = piece[: rng.randrange(len(piece) + 1)]
        left -= len(piece)
        yield piece


_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 60, 127, 128, 480, 10**6, -(10**9), 2**63, 2**64, 10**40, 10**400, 0.5, -0.0, 1e300,
    float("nan"), float("inf"), "", "60", "bpm", "key", "\ud800", "x" * 3000, [], {}, [[]], [None], [[60]], [1, 2, 3],
    [[0, 60, 80, 100, 1]], [[480, 200, 80, 100, 1]], [[480, 60, 300, 100, 1]], [[480, 60, 80, -5, 1]],
    [[480, 60, 80, 100, 16]], [["a", 60, 80, 100, 1]], [[480.5, 60, 80, 100, 1]], [[10**30, 60, 80, 10**30, 1]],
    {"a": {"b": []}},
)  # fmt: skip
_WORDS = ("do", "is", "epoch", "until", "notes", "chords", "ms", "name", "value", "text", "model", "frozen")
_MEANT = ("plan", "ready", "told", "alive", "set", "learn", "start", "stop", "panic", "bpm", "style", "mute", "role")


def _message(rng: random.Random) -> Any:
    """A message of the wire in which something is wrong, or nothing."""
    message: dict[str, Any] = rng.choice(
        (
            {"is": "plan", "epoch": rng.randrange(50), "until": 4000, "notes": [], "chords": [], "ms": []},
            {"is": "plan", "epoch": 10**6, "until": 1, "notes": [[480, 60, 80, 100, 1]], "chords": [], "ms": [1.0]},
            {"is": "ready", "model": "noise"},
            {"is": "told", "text": "noise"},
            {"do": "set", "name": rng.choice(_MEANT), "value": 1},
            {"do": "learn", "name": rng.choice(_MEANT)},
            {"do": rng.choice(("start", "stop", "panic"))},
        )
    ).copy()
    for _ in range(rng.randrange(4)):
        key = rng.choice((*message, *_WORDS))
        if rng.random() < 0.3:
            message.pop(key, None)
        else:
            message[key] = rng.choice((*_VALUES, rng.choice(_MEANT)))
    return message


def lines_of_noise(rng: random.Random, count: int, quiet: bool = False) -> Iterator[bytes]:
    """Lines for the wire: broken JSON, wrong types, missing keys, huge numbers, deep nesting.

    quiet: without the honest messages that end or begin something ("ready", "quit", "stop").
    """
    for _ in range(count):
        kind = rng.random()
        if kind < 0.75:
            message = _message(rng)
            if quiet and (message.get("is") == "ready" or message.get("do") in ("stop", "quit")):
                continue
            line = json.dumps(message).encode()
        elif kind < 0.85:
            line = json.dumps(rng.choice(_VALUES)).encode()
        elif kind < 0.9:
            line = b"[" * rng.choice((10, 5000, 200_000))
        elif kind < 0.95:
            line = b'{"is": "plan", "epoch": ' + b"9" * rng.choice((30, 5000)) + b"}"
        else:
            line = rng.randbytes(rng.randrange(200)).replace(b"\n", b" ")
        if rng.random() < 0.1:
            line = line[: rng.randrange(len(line) + 1)]
        yield line + b"\n"
