"""The JSB Chorales on the 16th grid: reading, transposing, and batches counted from a tonic.

The archive holds the published split (Boulanger-Lewandowski et al. 2012): valid 76 and test 77 pieces complete, train
210 of 229. A voice's 16th is a pitch 36..81 or a rest; held and repeated notes are not told apart, fermatas are lost.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aigc_music.core.errors import FileError

from .recall import NO_DELTA, POINTERS, recall

__all__ = [
    "CLASSES", "HIGH", "KEYED", "LOW", "ORDER", "PITCHES", "REST", "VOICES", "Batch", "Chorale", "by_length",
    "collate", "load", "room", "tonic", "transpose", "voice_ranges",
]  # fmt: skip

IntArray = NDArray[np.integer]

ARCHIVE, MEMBER = "music_jsb_chorales.zip", "jsb16_separated.json"
VOICES = ("soprano", "alto", "tenor", "bass")
"""The columns of the archive."""
ORDER = (0, 3, 1, 2)
"""The order of writing within a 16th: soprano, bass, alto, tenor; the outer voices first, as TonicNet has them."""

LOW, HIGH = 36, 81
PITCHES = HIGH - LOW + 1
KEYED = PITCHES + 11
"""Pitches counted from a tonic: pitch p in key k (0..11) is class p - 36 + 11 - k, so 0..56; the rest comes after."""
REST = KEYED
CLASSES = KEYED + 1


class Chorale(NamedTuple):
    """One piece. pitches (16ths, 4): MIDI pitch or -1; recalled (half beats, POINTERS, 5): see `recall`."""

    name: str
    pitches: IntArray
    recalled: IntArray


class Batch(NamedTuple):
    """Pieces padded to one length. tokens (b, t, 4): classes in the order of writing; key (b, t): the tonic counted
    from; recalled (b, t / 2, POINTERS, 5), voices in the order of writing; mask (b, t): 1.0 where a piece is."""

    tokens: Tensor
    key: Tensor
    recalled: Tensor
    mask: Tensor


def load(folder: str | Path) -> dict[str, list[Chorale]]:
    """The parts train, valid and test. Raises FileError when the archive is not in `folder` or not as expected."""
    path = Path(folder) / ARCHIVE
    try:
        with zipfile.ZipFile(path) as archive:
            parts = json.loads(archive.read(MEMBER))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise FileError(f"cannot read {MEMBER} of {path}: {error}; give the folder that holds {ARCHIVE}") from error
    grids = {part: {name: _grid(rows, f"{part}/{name} of {path}") for name, rows in parts[part].items()}
             for part in ("train", "valid", "test")}  # fmt: skip
    library = [grid[::2] for grid in grids["train"].values()]
    return {part: _remember(pieces, library, same=part == "train") for part, pieces in grids.items()}


def _grid(rows: Sequence[Sequence[int]], name: str) -> IntArray:
    grid = np.array(rows, np.int64)
    if grid.ndim != 2 or grid.shape[1] != 4 or len(grid) % 4 or not len(grid):
        raise FileError(f"{name} has the shape {grid.shape}; whole beats of four 16ths of four voices are expected")
    if not ((grid == -1) | ((grid >= LOW) & (grid <= HIGH))).all():
        raise FileError(f"{name} has pitches {grid.min()}..{grid.max()}; {LOW}..{HIGH} and -1 for a rest are allowed")
    return grid


def _remember(pieces: dict[str, IntArray], library: Sequence[IntArray], *, same: bool) -> list[Chorale]:
    found = recall([grid[::2] for grid in pieces.values()], library, same=same)
    return [Chorale(name, grid, rows) for (name, grid), rows in zip(pieces.items(), found, strict=True)]


# --- keys


def voice_ranges(pieces: Sequence[Chorale]) -> IntArray:
    """(4, 2): lowest and highest pitch of each voice."""
    columns = [np.concatenate([piece.pitches[:, voice] for piece in pieces]) for voice in range(4)]
    return np.array([(column[column >= 0].min(), column.max()) for column in columns])


def room(pitches: IntArray, ranges: IntArray) -> tuple[int, int]:
    """How many half tones down (-12..0) and up (0..12) a piece can go with every voice inside `ranges`."""
    down, up = -12, 12
    for voice, (low, high) in enumerate(ranges):
        column = pitches[:, voice][pitches[:, voice] >= 0]
        if len(column):
            down, up = max(down, int(low - column.min())), min(up, int(high - column.max()))
    return min(down, 0), max(up, 0)


def transpose(pitches: IntArray, steps: int) -> IntArray:
    """Move all sounding notes by `steps` half tones; rests stay."""
    return np.where(pitches >= 0, pitches + steps, pitches)


def tonic(frame: Sequence[int] | IntArray) -> int:
    """A guess at the key from the first chord, 0 = C..11: root of a plain triad, else the lowest note; 0 in silence.

    In nine chorales of ten it is the bass of the last chord too.
    """
    sounding = [int(pitch) for pitch in frame if pitch >= 0]
    if not sounding:
        return 0
    tones, bass = {pitch % 12 for pitch in sounding}, min(sounding) % 12
    for root in (bass, *sorted(tones)):
        for third in (4, 3):
            if tones <= {root, (root + third) % 12, (root + 7) % 12}:
                return root
    return bass


# --- batches


def collate(pieces: Sequence[Chorale], moves: Sequence[int], keys: Sequence[int] | None = None) -> Batch:
    """Pad to the longest. moves: half tones up for each piece; keys: the tonics to count from, else guessed.

    A guessed key knows the first 16th, so it is in use from the second one on; the first is counted from C.
    """
    frames = max(len(piece.pitches) for piece in pieces)
    tokens = torch.full((len(pieces), frames, 4), REST)
    key = torch.zeros(len(pieces), frames, dtype=torch.long)
    found = torch.full((len(pieces), frames // 2, POINTERS, 5), NO_DELTA)
    found[..., 0] = 0
    mask = torch.zeros(len(pieces), frames)
    for row, (piece, move) in enumerate(zip(pieces, moves, strict=True)):
        length = len(piece.pitches)
        moved = transpose(piece.pitches, move)[:, ORDER]
        key[row, 1:] = tonic(moved[0]) if keys is None else keys[row]
        counted = moved - LOW + 11 - key[row, :length, None].numpy()
        tokens[row, :length] = torch.from_numpy(np.where(moved >= 0, counted, REST))
        found[row, : length // 2] = torch.from_numpy(piece.recalled)
        mask[row, :length] = 1
    found[..., 1:] = found[..., [1 + voice for voice in ORDER]]
    return Batch(tokens, key, found, mask)


def by_length(pieces: Sequence[Chorale], size: int) -> Iterator[list[Chorale]]:
    """Groups of `size` pieces of like length, so that little is padding."""
    ordered = sorted(pieces, key=lambda piece: len(piece.pitches))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
