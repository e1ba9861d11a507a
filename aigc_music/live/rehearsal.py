"""A performance inside one process, on a clock that is held in the hand: an hour of playing in seconds.

The same player, planner and journal as on stage, joined directly instead of by pipes. Used to test the whole
chain, to draw the pictures of the README, and wherever a take is wanted faster than in real time.
"""

from __future__ import annotations

from typing import Any

from aigc_music.core.controls import Controls
from aigc_music.generators.music.planner import Planner
from bridge.backends.memory import MemoryBackend
from bridge.clock import ManualClock
from bridge.journal import Journal
from bridge.player import Player, Session
from models.music.decode_cpu import MusicModel

__all__ = ["Rehearsal"]


class Rehearsal:
    """Player and planner on a ManualClock. `told` collects what the musician would read."""

    def __init__(
        self,
        model: MusicModel,
        controls: dict[str, Any] | None = None,
        seed: int = 1,
        journal: Journal | None = None,
        sync: str = "internal",
    ) -> None:
        self.clock = ManualClock()
        self.backend = MemoryBackend(self.clock, keep=1_000_000)
        self.planner = Planner(model)
        self.told: list[str] = []
        self.log: list[dict[str, Any]] = []  # every message that began an epoch
        self.player = Player(
            self.backend,
            Session(seed=seed, sync=sync),
            Controls(dict(controls or {})),
            journal or Journal(None),
            self._to_model,
            self.told.append,
        )
        self._answers: list[dict[str, Any]] = [{"is": "ready", "model": model.name}]
        self._answer()
        if sync == "internal":
            self.player.start()

    def _to_model(self, message: dict[str, Any]) -> None:
        if message["do"] != "time":
            self.log.append(message)
        self._answers.extend(self.planner.hear(message))

    def _answer(self) -> None:
        """Let the planner catch up, as the model process does between two turns of the player."""
        while True:
            while self._answers:
                self.player.hear_model(self._answers.pop(0))
            plan = self.planner.plan() if self.planner.lanes else None
            if plan is None:
                self.player.hear_model({"is": "alive", "epoch": self.planner.epoch})
                return
            self._answers.append(plan)

    def play(self, seconds: float) -> None:
        """Go on for `seconds` of player time."""
        end = self.clock.now_ns() + round(seconds * 1e9)
        while self.clock.now_ns() < end:
            until = self.player.turn()
            self._answer()
            self.backend.wait(min(end, until))
