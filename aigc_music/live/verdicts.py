"""Verdicts: the musician keeps or discards what the band has just played.

A verdict means the last eight whole bars, or those since the verdict before, so that no bar is judged twice; one
given anew before the next bar line replaces the last. Bars that are kept are also saved as a MIDI file among the
takes. Everything is on the disk when `give` returns: a kill -9 after it loses nothing.

Threads: one, the face's; the player goes on meanwhile, in its own process. Realtime-safe: no.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Score, Track
from aigc_music.core.parts import HUMAN_CHANNEL
from aigc_music.core.time import Metre
from aigc_music.engine.taste import Taste
from aigc_music.engine.traits import STRETCH
from aigc_music.files.midi import write_score
from bridge.journal import read_journal, score_of

from .takes import Takes

__all__ = ["Verdicts", "stretch_of"]


class Verdicts:
    """Verdicts on the take in `journal`. Kept bars go to `folder` (default: that of the takes)."""

    def __init__(self, journal: str | Path | None, taste: Taste | None = None, folder: Path | None = None) -> None:
        self.journal = None if journal is None else Path(journal)
        self.taste = taste or Taste.load()
        self.folder = folder or Takes().folder
        self._judged = (-1, -1)  # (first bar, bar after the last one) of the latest verdict

    def give(self, keep: bool, snapshot: dict[str, Any]) -> str:
        """Rate what was played before `snapshot`; returns what to tell the musician.

        UsageError when no whole bar of the band is there yet, FileError when the rating cannot be written.
        """
        word = "keep" if keep else "discard"
        if self.journal is None or not snapshot:
            raise UsageError(f"nothing to {word} yet: this take is not written down")
        metre = Metre(*map(int, snapshot["metre"].split("/")))
        first, end = self._bars(max(0, snapshot["tick"]) // metre.bar_ticks)
        stretch = stretch_of(read_journal(self.journal), first, end, metre, snapshot)
        if not any(note.channel != HUMAN_CHANNEL for note in stretch.notes):
            raise UsageError(f"nothing to {word} yet: the band has not played a whole bar")
        self.taste.rate(stretch, keep, snapshot["controls"]["style"], snapshot["controls"])
        self._judged = (first, end)
        bars = f"bar {end}" if end - first == 1 else f"bars {first + 1}-{end}"
        if not keep:
            return f"discarded {bars}{self._learned()}"
        path = self.folder / f"kept-{self.journal.stem}-{bars.replace(' ', '-')}.mid"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_score(stretch, path)
        except OSError as err:
            return f"{bars} count as kept, but are not saved as a file: {err}"
        return f"kept {bars} as {path}{self._learned()}"

    def _learned(self) -> str:
        words = self.taste.words()
        return f"; {words}" if words.startswith("you keep") else ""

    def _bars(self, now: int) -> tuple[int, int]:
        """(first bar, bar after the last one) to judge when bar `now` is playing."""
        first, end = self._judged
        if now == end:
            return first, end
        return max(0, now - STRETCH, end if now > end else 0), now


def stretch_of(messages: list[dict[str, Any]], first: int, end: int, metre: Metre, snapshot: dict[str, Any]) -> Score:
    """Bars first..end-1 (from 0) of a journal as a piece of their own; after a jump, what was played since counts."""
    jumps = [index for index, message in enumerate(messages) if message.get("do") == "locate"]
    score = score_of(messages[jumps[-1] :] if jumps else messages)
    begin, stop = first * metre.bar_ticks, end * metre.bar_ticks
    tracks = []
    for track in score.tracks:
        notes = [
            note._replace(tick=note.tick - begin, duration=min(note.duration, stop - note.tick))
            for note in track.notes
            if begin <= note.tick < stop
        ]
        if notes:
            tracks.append(Track(track.name, track.program, notes))
    chords = [(max(0, tick - begin), text.removeprefix("chord ")) for tick, text in score.texts if tick < stop]
    before = [row for row in chords if row[0] == 0][-1:]
    return Score(
        tracks=tracks,
        tempos=[(0, float(snapshot["bpm"]))],
        metres=[(0, metre)],
        keys=[(0, str(snapshot["controls"]["key"]))],
        texts=before + [row for row in chords if row[0] > 0],
        title=f"{snapshot['controls']['style']} in {snapshot['controls']['key']}, bars {first + 1}-{end} of a take",
    )
