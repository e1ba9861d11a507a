"""A player on a clock held in the hand, with a model made of rules: what the bridge tests play on."""

from __future__ import annotations

from typing import Any

from aigc_music.core.controls import Controls
from aigc_music.core.time import Metre
from bridge.backends import OUT
from bridge.backends.memory import MemoryBackend
from bridge.clock import ManualClock
from bridge.journal import Journal
from bridge.player import Player, Session
from bridge.sync import Timeline

SECOND = 1_000_000_000


class RuleModel:
    """Answers the player as the model process does: a note every `step` ticks, pitch by tick and epoch."""

    def __init__(self, step: int = 120, duration: int = 200) -> None:
        self.step, self.duration = step, duration
        self.epoch, self.frozen, self.next_tick, self.until = 0, -1, 0, -1
        self.heard: list[dict[str, Any]] = []

    def hear(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        if message["do"] == "time":
            self.until = max(self.until, message["until"])
            return
        self.epoch, self.frozen = message["epoch"], message["frozen"]
        self.next_tick = -(-(self.frozen + 1) // self.step) * self.step
        if message["do"] == "locate":
            self.until = self.frozen

    def answer(self) -> list[dict[str, Any]]:
        notes = []
        while self.next_tick <= self.until:
            notes.append([self.next_tick, 60 + (self.next_tick // self.step + self.epoch) % 12, 80, self.duration, 1])
            self.next_tick += self.step
        return [{"is": "plan", "epoch": self.epoch, "until": self.until, "notes": notes, "chords": [], "ms": []}]


class Stage:
    """Player, memory ports and a rule-made model; `run` lets player time pass."""

    def __init__(self, journal: Journal | None = None, timeline: Timeline | None = None, **session: Any) -> None:
        self.clock = ManualClock()
        self.backend = MemoryBackend(self.clock, keep=1_000_000)
        self.model = RuleModel()
        self.told: list[str] = []
        self.alive = True
        controls = Controls({"bpm": session.pop("bpm", 120.0)})
        self.player = Player(
            self.backend,
            Session(seed=1, metre=Metre(), **session),
            controls,
            journal or Journal(None),
            self._to_model,
            self.told.append,
            timeline=timeline,
        )

    def _to_model(self, message: dict[str, Any]) -> None:
        if self.alive:
            self.model.hear(message)

    def model_is_ready(self) -> None:
        self.player.hear_model({"is": "ready", "model": "rules"})

    def run(self, seconds: float) -> None:
        end = self.clock.now_ns() + round(seconds * SECOND)
        while self.clock.now_ns() < end:
            until = self.player.turn()
            if self.alive and self.player.model_ready:
                for plan in self.model.answer():
                    self.player.hear_model(plan)
            self.backend.wait(min(end, max(until, self.clock.now_ns() + 1)))

    def notes(self) -> list[tuple[float, int, int, int]]:
        """(seconds, status, pitch, velocity) of all note messages on the main port."""
        return [
            (sent.at_ns / SECOND, sent.data[0], sent.data[1], sent.data[2])
            for sent in self.backend.sent
            if sent.port == OUT and sent.data[0] & 0xE0 == 0x80
        ]

    def sounding(self) -> int:
        """Notes that are on at the receiver, by what was really sent."""
        held: dict[tuple[int, int], int] = {}
        for _, status, pitch, velocity in self.notes():
            on = status & 0xF0 == 0x90 and velocity > 0
            held[status & 15, pitch] = 1 if on else 0
        return sum(held.values())
