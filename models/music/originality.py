"""Originality: which phrases of a piece stand in the training songs, how long they are, and whose they are.

`check` finds the copied phrases of a Score or Song; `Guard` says, note by note while the model plays, whether the
next note would make a copied phrase longer than allowed. Both ask an `Index` of the training songs that ships beside
the weights (`models/zoo/originality`), built by `python -m models.music.originality` (see `originality_build`).

What is compared. Every part is one line: the highest note of each onset (notes within SAME_ONSET ticks are one
onset). A note is "the same" when its interval from the note before is the same and its inter-onset interval relates
to the one before it in the same way (five classes). So a copy is found in any key, at any tempo and through a
player's small liberties; straight eighths made swinging, or a note changed, end it. Drums are left out: a beat is
nobody's property.

What is found. Every copied run of SURE or more notes is found with its true length (a wrong note at its end passes
once in 16 times), unless all of it is common: grams (8 notes) that stand in COMMON_SONGS or more training songs
belong to everybody, such as scales, repeated notes and broken chords. Shorter runs are found by luck.

How long a run counts. `notes` is its length. `own_notes` counts its different, not common grams, and 7 for the notes
that the first of them reaches back: figures that go round and round, or that everybody plays, count once or not at
all. A piece is accused, and a live note refused, by own_notes. From how many on a piece is accused depends on its
length, as chance finds longer copies in longer pieces: see `thresholds` of the index.

What the index holds. No notes: 32-bit hashes of 8-note grams (the rarest of every STRIDE) with their places, and 4
bits of hash a note to follow a copy by. That cannot be played, but it is no encryption: who holds a tune can find it
in there, which is the purpose, and who tries out all likely notes, one after another, could work a tune out.

Sampling every STRIDE-th gram at least, as winnowing does (Schleimer, Wilkerson, Aiken: Winnowing, SIGMOD 2003), makes
the promise of SURE; as a query looks up all its grams, one side may be sampled more thinly.

Threads: `check` any; a Guard one thread. Realtime-safe: no locks, no files, some 10 us a note once compiled.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError, UsageError
from aigc_music.core.notes import Score
from aigc_music.core.parts import DRUMS, PART_NAMES

from . import originality_kernels as kernels
from .corpus import Song, song_of_score
from .originality_kernels import GRAM

__all__ = ["SURE", "Copy", "Guard", "Index", "Line", "Report", "check", "line_of", "lines_of", "load_index"]

VERSION = 1
STRIDE = 6
SURE = STRIDE + GRAM + 1
"""Notes from which on a copied run is surely found."""

COMMON_SONGS = 10
SAME_ONSET = 20  # ticks
SHIPPED = Path(__file__).parents[1] / "zoo" / "originality"

_RING = 1024  # notes a part that a guard remembers; a power of two
_REACH = 64  # notes that it looks back
_MOST_RUNS = 20_000
_SHOWN = 20

IntArray = NDArray[np.integer]
Mark = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Line:
    """One voice: name, onsets (ticks, rising by more than SAME_ONSET) and pitches of its n notes."""

    name: str
    onsets: IntArray
    pitches: IntArray


@dataclass(frozen=True, slots=True)
class Index:
    """Hashes of the training songs. Places count the notes of all lines, one line after another.

    hashes (a,) uint32, sorted, and places (a,) uint32: the grams that are looked up, and the place of their last
    note. checks (n/2,) uint8: 4 bits a place. common (c,) uint32, sorted: grams that everybody uses. starts (l+1,)
    uint32: first place of each line; owners (l,) uint16: its song; parts (l,) uint8: its part. songs: (set, id,
    title). thresholds: rows (notes of a piece, own notes), rising from 0: a piece of so many notes or more is accused
    from so many own notes on.
    """

    hashes: IntArray
    places: IntArray
    checks: IntArray
    common: IntArray
    starts: IntArray
    owners: IntArray
    parts: IntArray
    songs: tuple[tuple[str, str, str], ...]
    thresholds: tuple[tuple[int, int], ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def threshold(self, notes: int) -> int:
        """Own notes from which on a piece of `notes` notes, counted over its lines, is accused."""
        return next(own for least, own in reversed(self.thresholds) if least <= notes)

    def line_at(self, place: int) -> int:
        """Number of the line that `place` belongs to."""
        return int(np.searchsorted(self.starts, place, side="right")) - 1

    def source(self, place: int) -> dict[str, str]:
        """{set, id, title, part} of a place."""
        line = self.line_at(place)
        name, ident, title = self.songs[int(self.owners[line])]
        return {"set": name, "id": ident, "title": title, "part": PART_NAMES[int(self.parts[line])]}


@dataclass(frozen=True, slots=True)
class Copy:
    """A copied phrase. part: line of the piece; start, end: ticks of its first and last onset; source: {set, id,
    title, part}, whose it is; source_note: number, from 0, of its first note in the source's line."""

    notes: int
    own_notes: int
    part: str
    start: int
    end: int
    source: dict[str, str]
    source_note: int

    @property
    def counted(self) -> int:
        """Its length in notes, or own_notes where less than half of it is its own."""
        return self.notes if 2 * self.own_notes >= self.notes else self.own_notes


@dataclass(frozen=True, slots=True)
class Report:
    """What `check` found.

    copies: all copied phrases, most own notes first. threshold: own notes from which on this piece is accused.
    share_copied: share 0..1 of the lines' notes that stand in phrases which reach the threshold.
    """

    copies: tuple[Copy, ...]
    threshold: int
    share_copied: float

    @property
    def longest_copied_notes(self) -> int:
        """Counted notes of the phrase with the most own notes; 0 where nothing was found."""
        return self.copies[0].counted if self.copies else 0

    @property
    def own_notes(self) -> int:
        """Own notes of that phrase."""
        return self.copies[0].own_notes if self.copies else 0

    @property
    def nearest(self) -> dict[str, str] | None:
        """Its source: {set, id, title, part}."""
        return self.copies[0].source if self.copies else None

    @property
    def accused(self) -> bool:
        """Whether it is too long to be chance."""
        return self.own_notes >= self.threshold

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the properties above and, as `copies`, the first 20 phrases that reach the threshold."""
        shown = [asdict(copy) for copy in self.copies if copy.own_notes >= self.threshold][:_SHOWN]
        return {
            "longest_copied_notes": self.longest_copied_notes,
            "own_notes": self.own_notes,
            "nearest": self.nearest,
            "accused": self.accused,
            "threshold": self.threshold,
            "share_copied": round(self.share_copied, 4),
            "copies": shown,
        }


# -- the index on disk -------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def load_index(folder: str | Path = SHIPPED) -> Index:
    """Read an index folder: index.safetensors, index.json, songs.json. ModelError when it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    folder = Path(folder)
    try:
        facts = json.loads((folder / "index.json").read_text("utf-8"))
        rows = json.loads((folder / "songs.json").read_text("utf-8"))
        blob = (folder / "index.safetensors").read_bytes()
        found = (facts["kind"], facts["version"], facts["sha256"])
        index = Index(
            **{name: np.array(value) for name, value in load(blob).items()},
            songs=tuple((name, ident, title) for name, ident, title in rows),
            thresholds=tuple((int(notes), int(own)) for notes, own in facts["thresholds"]),
            facts=facts,
        )
        fits = (
            len(index.hashes) == len(index.places)
            and 2 * len(index.checks) >= int(index.starts[-1])
            and len(index.owners) == len(index.parts) == len(index.starts) - 1
            and int(index.owners.max()) < len(index.songs)
        )
    except OSError as error:
        raise ModelError(
            f"no readable originality index in {str(folder)!r} ({error.strerror}): install the package again, "
            "or build one with python -m models.music.originality"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise ModelError(
            f"the originality index in {str(folder)!r} is damaged ({error}): install the package again"
        ) from error
    if not fits or found != ("originality", VERSION, hashlib.sha256(blob).hexdigest()):
        raise ModelError(
            f"{str(folder)!r} holds kind {found[0]!r}, version {found[1]!r}, or a file whose sha256 or sizes differ "
            f"from its index.json; this program reads kind 'originality', version {VERSION}: "
            "install the package again, or build the index with python -m models.music.originality"
        )
    return index


# -- lines -------------------------------------------------------------------------------------------------------


def line_of(name: str, onsets: IntArray, pitches: IntArray) -> Line:
    """The highest note of every onset of the given notes, in any order."""
    order = np.argsort(onsets, kind="stable")
    onsets, pitches = np.asarray(onsets, np.int64)[order], np.asarray(pitches, np.int64)[order]
    if len(onsets) == 0:
        return Line(name, onsets, pitches)
    begins = np.flatnonzero(np.concatenate(([True], np.diff(onsets) > SAME_ONSET)))
    return Line(name, onsets[begins], np.maximum.reduceat(pitches, begins))


def lines_of(piece: Score | Song) -> list[Line]:
    """The lines of a piece: of a Song one a part; of a Score one a track and channel, and those it has as a Song."""
    if isinstance(piece, Song):
        rows = piece.notes
        return [
            line_of(PART_NAMES[part], rows[rows[:, 1] == part, 0], rows[rows[:, 1] == part, 2])
            for part in np.unique(rows[:, 1]).tolist()
            if part != DRUMS
        ]
    lines = []
    for number, track in enumerate(piece.tracks, 1):
        for channel in sorted({note.channel for note in track.notes} - {9}):
            notes = [(note.tick, note.pitch) for note in track.notes if note.channel == channel]
            table = np.array(notes, np.int64)
            lines.append(line_of(track.name or f"track {number}", table[:, 0], table[:, 1]))
    song = song_of_score(piece)  # as the training songs were read: hands together, bass apart
    known = {(line.onsets.tobytes(), line.pitches.tobytes()) for line in lines}
    for line in lines_of(song) if song else []:
        if (line.onsets.tobytes(), line.pitches.tobytes()) not in known:
            lines.append(line)
    return lines


# -- a whole piece -----------------------------------------------------------------------------------------------


def check(piece: Score | Song | Sequence[Line], index: Index | None = None) -> Report:
    """Find the phrases of a piece that stand in the training songs. index: default the shipped one.

    Raises ModelError when the index cannot be read.
    """
    index = index or load_index()
    lines = lines_of(piece) if isinstance(piece, (Score, Song)) else list(piece)
    total = sum(len(line.onsets) for line in lines)
    threshold = index.threshold(total)
    copies: list[Copy] = []
    copied = 0
    for line in lines:
        found = _copies(line, index)
        copies.extend(found)
        inside = np.zeros(len(line.onsets), bool)
        for copy in found:
            if copy.own_notes >= threshold:
                inside |= (line.onsets >= copy.start) & (line.onsets <= copy.end)
        copied += int(inside.sum())
    copies.sort(key=lambda copy: (-copy.own_notes, -copy.notes))
    return Report(tuple(copies), threshold, copied / max(1, total))


def _copies(line: Line, index: Index) -> list[Copy]:
    n = len(line.onsets)
    token, other = kernels.tokens_of(line.onsets, line.pitches)
    gram, earlier = np.zeros(n, np.int64), np.zeros(n, np.int64)
    ranges = np.zeros((n, kernels.RANGES), np.int32)
    kernels.write_line(token, other, gram, earlier, ranges, index.hashes, index.common)
    out = np.zeros((_MOST_RUNS, 3), np.int64)
    count = kernels.find_runs(token, other, earlier, ranges, index.places, index.checks, out)
    copies = []
    for first, last, place in out[:count].tolist():
        middle = index.line_at(place + (last - first) // 2)
        begin, end = int(index.starts[middle]), int(index.starts[middle + 1])
        cut = max(0, begin + 2 - place)  # by chance, a run may go on over the end of its source
        first, place = first + cut, place + cut
        last = min(last, first + end - 1 - place)
        own = int(kernels.own_grams(earlier, first, last, -1))
        if own:
            copies.append(
                Copy(
                    notes=last - first + 3,
                    own_notes=own + GRAM + 1,
                    part=line.name,
                    start=int(line.onsets[first - 2]),
                    end=int(line.onsets[last]),
                    source=index.source(place),
                    source_note=place - 2 - begin,
                )
            )
    return copies


# -- live --------------------------------------------------------------------------------------------------------


class Guard:
    """Keeps copied phrases short while music is being made.

    Ask `allows(part, tick, pitch)` before a note is played and `feed` it when it is. A note is refused when it would
    be the end of a copied run with more than `longest` own notes. part: number in PART_NAMES (drums are always
    allowed); tick: onset, not falling within a part; pitch: 0..127.

    `snapshot` and `restore` cost the same at any length: a snapshot marks how much of one history counts, so it is
    void once an older one was restored and other notes were fed.

    Raises UsageError when `longest` is outside SURE - 1 .. 63. Threads: one. Realtime-safe: yes, once compiled (the
    first Guard of a process compiles or loads the kernels).
    """

    def __init__(self, index: Index | None = None, longest: int = SURE - 1) -> None:
        if not SURE - 1 <= longest < _REACH:
            raise UsageError(
                f"longest copied phrase {longest!r} is out of range: give {SURE - 1}..{_REACH - 1} notes "
                f"(shorter copies are not surely found)"
            )
        index = index or load_index()
        self.longest = longest
        parts = len(PART_NAMES)
        self._marks = np.zeros((parts, 4), np.int64)  # notes in the rings; of the last onset: tick, last tick, pitch
        self._written = np.zeros(parts, np.int64)
        self._notes = (
            np.zeros((parts, _RING), np.int64),  # onset
            np.zeros((parts, _RING), np.int64),  # pitch
            np.zeros((parts, _RING), np.int32),  # token
            np.zeros((parts, _RING), np.int32),  # other
            np.zeros((parts, _RING), np.int64),  # gram
            np.zeros((parts, _RING), np.int64),  # earlier
            np.zeros((parts, _RING, kernels.RANGES), np.int32),
        )
        self._index = (index.hashes, index.places, index.checks, index.common)
        self._source = index.source
        self.reset()
        for pitch in (60, 62):  # compile now
            self.copied(0, pitch * 480, pitch)
            self.feed(0, pitch * 480, pitch)
        self.reset()

    def reset(self) -> None:
        """Forget all notes."""
        self._marks[:] = (0, 0, 0, -1)
        self._written[:] = 0

    def copied(self, part: int, tick: int, pitch: int) -> tuple[int, int]:
        """(own notes, place in the index) of the copied run that this note would end; (0, -1) without one."""
        own, place = kernels.try_note(self._marks, self._notes, part, tick, pitch, SAME_ONSET, _REACH, self._index)
        return int(own), int(place)

    def allows(self, part: int, tick: int, pitch: int) -> bool:
        """Whether this note may be played."""
        return part == DRUMS or self.copied(part, tick, pitch)[0] <= self.longest

    def feed(self, part: int, tick: int, pitch: int) -> None:
        """This note is played."""
        if part != DRUMS:
            kernels.feed_note(
                self._marks, self._written, self._notes, part, tick, pitch, SAME_ONSET, _REACH, self._index
            )

    def source(self, place: int) -> dict[str, str]:
        """{set, id, title, part} of a place that `copied` gave."""
        return self._source(place)

    def snapshot(self) -> Mark:
        """A mark to come back to."""
        return self._marks.copy()

    def restore(self, mark: Mark) -> None:
        """Go back to a mark. UsageError when more than some 900 notes of a part have been fed since."""
        if int((self._written - mark[:, 0]).max()) > _RING - _REACH - 2:
            raise UsageError(
                f"a mark {int((self._written - mark[:, 0]).max())} notes old cannot be restored: "
                f"the guard remembers {_RING - _REACH - 2} notes a part; take a newer mark, or reset()"
            )
        self._marks[:] = mark


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m models.music.originality`."""
    from . import originality_build

    parser = argparse.ArgumentParser(
        prog="models.music.originality", description="Build the index of the training phrases, and measure it."
    )
    parser.add_argument("--data", required=True, help="folder of the music sets (music_NAME.zip)")
    parser.add_argument("--out", required=True, help="folder of the index")
    parser.add_argument("--cache", help="folder for parsed sets")
    parser.add_argument("--generated", help="folder of generated MIDI files: how much do they copy")
    options = parser.parse_args(arguments)
    originality_build.build_folder(options.data, options.out, cache=options.cache, generated=options.generated)
    return 0


if __name__ == "__main__":
    sys.exit(main())
