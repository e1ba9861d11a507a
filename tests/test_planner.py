"""The whole chain with the shipped weights, on a clock held in the hand: steering, rewind, replay, roles."""

from __future__ import annotations

import random
from typing import Any

import pytest

from aigc_music.core.parts import HUMAN_CHANNEL
from aigc_music.core.theory import Key
from aigc_music.generators.music.groove import LEAN
from aigc_music.live.rehearsal import Rehearsal
from aigc_music.live.replay import replay
from bridge.backends import OUT
from models.music.decode_cpu import MusicModel, load_model


@pytest.fixture(scope="module")
def model() -> MusicModel:
    return load_model("default")


def ons(rehearsal: Rehearsal) -> list[tuple[int, int, int]]:
    """(ns, pitch, channel) of the band's note-ons as they left."""
    return [
        (sent.at_ns, sent.data[1], sent.data[0] & 15)
        for sent in rehearsal.backend.sent
        if sent.port == OUT and sent.data[0] & 0xF0 == 0x90 and sent.data[0] & 15 != HUMAN_CHANNEL
    ]


def play_some(rehearsal: Rehearsal, rng: random.Random, events: int) -> None:
    for _ in range(events):
        pitch = 60 + rng.choice((0, 2, 4, 5, 7, 9, 11, 12))
        rehearsal.backend.feed(bytes((0x90, pitch, rng.randrange(40, 120))))
        rehearsal.play(rng.uniform(0.05, 0.5))
        rehearsal.backend.feed(bytes((0x80, pitch, 0)))
        rehearsal.play(rng.uniform(0.0, 0.3))


@pytest.mark.parametrize("style", ["pop", "jazz", "chorale", "funk"])
def test_a_band_plays_alone_in_its_key(model: MusicModel, style: str) -> None:
    rehearsal = Rehearsal(model, {"style": style, "key": "Eb major"}, seed=3)
    rehearsal.play(40)
    scale = Key.parse("Eb major").scale
    pitched = [pitch for _, pitch, channel in ons(rehearsal) if channel != 9]
    assert len(pitched) > 60
    assert all(scale >> pitch % 12 & 1 for pitch in pitched)


def test_a_change_of_key_acts_on_the_next_notes(model: MusicModel) -> None:
    rehearsal = Rehearsal(model, {"key": "C major"}, seed=4)
    rehearsal.play(10)
    rehearsal.player.wish("key", "F# major")
    changed = rehearsal.clock.now_ns() + 50_000_000  # the promised window
    rehearsal.play(10)
    scale = Key.parse("F# major").scale
    after = [pitch for at_ns, pitch, channel in ons(rehearsal) if at_ns > changed and channel != 9]
    assert len(after) > 15 and all(scale >> pitch % 12 & 1 for pitch in after)


def test_drums_lean_but_never_walk_away(model: MusicModel) -> None:
    for seed in (1, 2, 3):
        rehearsal = Rehearsal(model, {"style": "hiphop", "bpm": 120.0}, seed=seed)
        rehearsal.play(30)
        begin = rehearsal.player.transport.ns_at(0)
        hits = [round((at_ns - begin) * 960 / 1e9) for at_ns, _, channel in ons(rehearsal) if channel == 9]
        places = (0, 120, 160, 240, 320, 360, 480)
        leans = [min((tick % 480 - place for place in places), key=abs) for tick in hits]
        assert len(hits) > 50 and max(map(abs, leans)) <= 2 * LEAN
        assert abs(sum(leans) / len(leans)) < LEAN / 2


def test_density_is_heard(model: MusicModel) -> None:
    counts = []
    for density in (0.0, 1.0):
        rehearsal = Rehearsal(model, {"style": "pop", "density": density}, seed=5)
        rehearsal.play(40)
        counts.append(sum(channel != 9 for *_, channel in ons(rehearsal)))
    assert counts[1] > 1.3 * counts[0]


@pytest.mark.parametrize("role", ["solo", "accompany", "answer"])
def test_seed_and_events_replay_to_the_same_notes(model: MusicModel, role: str) -> None:
    rng = random.Random(role)
    rehearsal = Rehearsal(model, {"role": role, "style": "pop"}, seed=6)
    knobs: list[tuple[str, Any]] = [("style", "jazz"), ("bpm", 140.0), ("density", 0.9), ("key", "A minor")]
    for name, value in knobs:
        if role != "solo":
            play_some(rehearsal, rng, 12)
        rehearsal.play(6)
        rehearsal.player.wish(name, value)
    rehearsal.play(4)
    last = rehearsal.player.recent[-1][0] - 1
    again = [(note[1], note[4]) for note in replay(rehearsal.log, model, last) if note[0] <= last]
    first = [(pitch, channel) for _, pitch, channel in ons(rehearsal)]
    assert len(again) > 30
    assert first[: len(again)] == again


def test_accompany_never_plays_the_melody_and_answer_waits(model: MusicModel) -> None:
    rehearsal = Rehearsal(model, {"role": "accompany"}, seed=7)
    play_some(rehearsal, random.Random(1), 30)
    assert ons(rehearsal) and all(channel != 1 for *_, channel in ons(rehearsal))
    waiting = Rehearsal(model, {"role": "answer"}, seed=7)
    waiting.play(8)
    assert ons(waiting) == []
    waiting.backend.feed(bytes((0x90, 67, 90)))
    waiting.play(0.4)
    waiting.backend.feed(bytes((0x80, 67, 0)))
    waiting.play(8)
    assert ons(waiting)


def test_ten_minutes_lose_nothing_and_end_in_silence(model: MusicModel) -> None:
    rehearsal = Rehearsal(model, {"style": "funk"}, seed=8)
    rehearsal.play(600)
    figures = rehearsal.player.figures
    rehearsal.backend.wait(rehearsal.clock.now_ns() + rehearsal.backend.commit_ns)  # what was handed over leaves
    assert figures.dropped == 0 and figures.stale == 0
    assert figures.notes_sent == len(ons(rehearsal)) > 1000
    rehearsal.player.stop()
    rehearsal.backend.close()
    held = {}
    for sent in rehearsal.backend.sent:
        if sent.port == OUT and sent.data[0] & 0xE0 == 0x80:
            held[sent.data[0] & 15, sent.data[1]] = sent.data[0] & 0x10 and sent.data[2]
    assert not any(held.values())
