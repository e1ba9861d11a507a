"""Hostile bytes: nothing but our own errors comes out of the reader, and its time and memory follow the size.

Times are CPU time of this process with a margin of a hundred or more, so a busy machine does not matter; what
the limits catch is a loop without end or time that grows with the square of the size.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable

import pytest

from aigc_music.core.errors import MidiFileError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.time import BPM_MAX, BPM_MIN, Metre
from aigc_music.files.midi import MAX_TICK, read_score, score_bytes

HEADER = b"MThd" + struct.pack(">IHHH", 6, 1, 1, 480)


def chunk(body: bytes, claimed: int | None = None) -> bytes:
    return b"MTrk" + struct.pack(">I", len(body) if claimed is None else claimed) + body


def seeds() -> list[bytes]:
    """Sound files of many kinds to mutate: formats 0..2, SMPTE, RIFF, running status, sysex, every meta event."""
    rng = random.Random(20)
    metas = b"".join(
        bytes([rng.randrange(100), 0xFF, kind, length]) + rng.randbytes(length)
        for kind, length in [(0, 2), (1, 9), (2, 5), (3, 4), (4, 4), (5, 3), (6, 3), (7, 2), (8, 2), (0x20, 1)]
        + [(0x21, 1), (0x51, 3), (0x54, 5), (0x58, 4), (0x59, 2), (0x7F, 6)]
    )
    running = b"".join(bytes([rng.randrange(128), rng.randrange(128), rng.randrange(128)]) for _ in range(120))
    mixed = metas + b"\0\xf0\3\1\2\xf7\0\x90\1\1" + running + b"\5\xe3\1\2\0\xd0\7\0\xa1\1\1\0\xff\x2f\0"
    plain = [
        b"MThd" + struct.pack(">IHHH", 6, form, 2, division) + chunk(mixed) + chunk(mixed)
        for form, division in [(0, 96), (1, 480), (2, 7), (1, 0xE728), (1, 0x7FFF)]
    ]
    notes = [Note(tick * 120, rng.randrange(128), 90, rng.randrange(1, 300), tick % 3) for tick in range(150)]
    written = score_bytes(
        Score(
            title="Häfen 港",
            tempos=[(0, 90.0), (480, 30.0)],
            metres=[(0, Metre(3, 4))],
            keys=[(0, "F minor")],
            tracks=[Track("one", 3, notes, [(0, 0, 7, 100)], [(0, "la")]), Track("two", 4, notes[::3])],
        )
    )
    riff = b"RIFF" + struct.pack("<I", len(written) + 12) + b"RMIDdata" + struct.pack("<I", len(written)) + written
    return [*plain, written, riff]


def check(data: bytes) -> None:
    """Read `data` within a second of CPU time; whatever is read obeys the rules of a Score."""
    began = time.process_time()
    try:
        score = read_score(data)
    except MidiFileError:
        score = Score()
    assert time.process_time() - began < 1.0
    assert len(score.repairs) <= 101
    count = 0
    for track in score.tracks:
        count += len(track.notes) + len(track.controls) + len(track.lyrics)
        assert track.program is None or 0 <= track.program < 128
        for note in track.notes:
            assert 0 <= note.pitch < 128
            assert 0 < note.velocity < 128
            assert note.tick >= 0
            assert note.duration >= 1
            assert 0 <= note.channel < 16
        assert track.notes == sorted(track.notes)
    assert count <= len(data)
    assert all(BPM_MIN <= bpm <= BPM_MAX for _, bpm in score.tempos)
    score.tempo_map().ns_at(score.end)
    score.metre_map().position(score.end)
    if score.end <= MAX_TICK:
        score_bytes(score)  # what was read can be written


def overwrite(rng: random.Random, data: bytearray) -> int:
    """Put random or nasty bytes at random places; returns how many."""
    count = rng.choice((1, 3, 10, 60, 200))
    for _ in range(count):
        data[rng.randrange(len(data))] = rng.choice((rng.randrange(256), 0, 0x7F, 0x80, 0xFF, 0x90, 0xF0))
    return count


def rearrange(rng: random.Random, data: bytearray) -> int:
    """Take a piece out and put it elsewhere, or twice, or cut the end; returns its length."""
    start, length = rng.randrange(len(data)), rng.choice((1, 2, 7, 50, 300))
    piece = data[start : start + length]
    if rng.random() < 0.6:
        del data[start : start + length]
    if rng.random() < 0.7:
        data[rng.randrange(len(data) + 1) : 0] = piece
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return len(piece)


def only_events(rng: random.Random, data: bytearray) -> int:
    """Replace everything behind the first track header by noise with short times; returns how many bytes."""
    start = data.find(b"MTrk") + 8
    data[start:] = b"".join(
        bytes([rng.randrange(50), rng.choice((rng.randrange(256), 0x90, 0x80, 0xFF, 0x40))]) + rng.randbytes(2)
        for _ in range(rng.choice((5, 50, 300)))
    )
    return len(data) - start


@pytest.mark.parametrize("mutate", [overwrite, rearrange, only_events])
def test_mutated_files_are_read_or_refused(mutate: Callable[[random.Random, bytearray], int]) -> None:
    rng = random.Random(mutate.__name__)
    sound = seeds()
    mutated = files = 0
    while mutated < 120_000 or files < 1_000:
        data = bytearray(rng.choice(sound))
        mutated += mutate(rng, data)
        files += 1
        check(bytes(data))


def test_the_seeds_themselves_hold_music() -> None:
    for data in seeds():
        assert read_score(data).notes


M = 1 << 22
HOSTILE = {
    "tracks that each claim the whole file": HEADER + chunk(b"\0\xff\x2f\0", 0xFFFFFFFF) * (M // 12),
    "tracks that claim nothing": HEADER + chunk(b"\0\xff\x2f\0", 0) * (M // 12),
    "tracks cut by an endless time": HEADER + chunk(b"\x81" * 9, M) * (M // 17),
    "a time of four million bytes": HEADER + chunk(b"\x80" * M),
    "nothing but zeros": HEADER + bytes(M),
    "nothing but zeros in a track": HEADER + chunk(bytes(M)),
    "two hundred thousand notes on one key": HEADER + chunk(b"\0\x90\x40" + b"\x40\0\x40" * 200_000),
    "the same, ended": HEADER + chunk(b"\0\x90\x40" + b"\x40\0\x40" * 200_000 + b"\0\0\x40" * 200_000),
    "empty texts": HEADER + chunk(b"\0\xff\1\0" * 200_000),
    "tempos of 0": HEADER + chunk(b"\0\xff\x51\3\0\0\0" * 200_000),
    "empty chunks of another kind": HEADER + b"abcd\0\0\0\0" * (M // 8),
    "half track names": HEADER + b"MTr" * (M // 3),
    "many headers": HEADER * (M // 14),
    "patterns of a day each": HEADER.replace(b"\0\1\0\1", b"\0\2\0\1") + chunk(b"\x97\xd6\x80\0\x90\1\1") * 10_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_size_only(name: str) -> None:
    """Four megabytes take a second or two at most; with the square of the size it would be hours."""
    began = time.process_time()
    try:
        repairs = read_score(HOSTILE[name]).repairs
    except MidiFileError as error:  # too many events
        repairs = [str(error)]
    assert time.process_time() - began < 60
    assert 0 < len(repairs) <= 101
