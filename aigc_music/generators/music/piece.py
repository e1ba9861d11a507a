"""Music from the model: the planner of the live performance, asked for a whole piece at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import PARTS, part_of_channel
from aigc_music.core.theory import Chord
from aigc_music.core.time import Metre
from aigc_music.engine.requests import MusicRequest
from models.music.decode_cpu import load_model

from .planner import Planner

__all__ = ["MusicGenerator"]


class MusicGenerator:
    """One request for music. The live planner does the work, so offline and on stage sound the same."""

    def __init__(self, request: MusicRequest) -> None:
        self.request = request
        model = load_model(request.model)
        self.card: dict[str, Any] = model.card
        self.end = request.bars * request.bar_ticks
        self.chords: list[tuple[int, str]] = []
        self._planner = Planner(model)
        self._planner.hear(
            {
                "do": "session",
                "epoch": 1,
                "frozen": -1,
                "seed": request.seed,
                "controls": {
                    "style": request.style,
                    "key": request.key,
                    "bpm": request.bpm,
                    "density": request.density,
                    "temperature": request.temperature,
                    "role": "solo",
                },
                "metre": list(request.metre),
                "history": [],
            }
        )

    def stream(self) -> Iterator[Note]:
        """Notes in order of time; those that would ring past the last bar end with it."""
        while (plan := self._planner.plan(self.end - 1)) is not None:
            for tick, root, quality in plan["chords"]:
                self.chords.append((tick, str(Chord(root, quality))))
            for tick, pitch, velocity, duration, channel in plan["notes"]:
                yield Note(tick, pitch, velocity, min(duration, self.end - tick), channel)

    def generate(self) -> Score:
        """The whole piece: one track a part, chords as text events."""
        request = self.request
        tracks: dict[int, list[Note]] = {}
        for note in self.stream():
            tracks.setdefault(note.channel, []).append(note)
        score = Score(
            tempos=[(0, float(request.bpm or 0))],
            metres=[(0, Metre(*request.metre))],
            keys=[(0, request.key)],
            title=f"{request.style} in {request.key}, seed {request.seed}",
        )
        score.texts = [(max(0, tick), name) for tick, name in self.chords]
        for channel in sorted(tracks, key=lambda number: part_of_channel(number) or 0):
            part = PARTS[part_of_channel(channel) or 0]
            score.tracks.append(Track(part.name, part.program, sorted(tracks[channel])))
        return score
