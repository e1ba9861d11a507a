"""The player on a clock held in the hand: plan and commit, epochs, ledger, fallback, transport."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bridge.backends import CLOCK_IN, CLOCK_OUT
from bridge.journal import Journal, read_journal, score_of, unfinished
from bridge.midi_clock import ClockFollower

from .players import SECOND, Stage


def started(**session: object) -> Stage:
    stage = Stage(**session)  # type: ignore[arg-type]
    stage.model_is_ready()
    stage.player.start()
    return stage


def ons(stage: Stage) -> list[tuple[float, int, int, int]]:
    return [note for note in stage.notes() if note[1] & 0xF0 == 0x90 and note[3]]


def test_notes_leave_on_their_tick() -> None:
    stage = started()
    stage.run(10)
    times = [time for time, *_ in ons(stage)]
    gaps = {round(b - a, 6) for a, b in zip(times, times[1:], strict=False)}
    assert len(times) > 70
    assert gaps == {0.125}  # 120 ticks at 120 bpm
    assert stage.player.figures.dropped == 0


def test_every_note_is_closed_when_it_should() -> None:
    stage = started()
    stage.run(5)
    open_since: dict[int, float] = {}
    for time, status, pitch, velocity in stage.notes():
        if status & 0xF0 == 0x90 and velocity:
            open_since[pitch] = time
        elif pitch in open_since:
            length = time - open_since.pop(pitch)
            assert length == pytest.approx(200 / 480 * 0.5, abs=1e-6)


@pytest.mark.parametrize("ending", ["stop", "panic", "mute", "role", "unplug"])
def test_nothing_sounds_after(ending: str) -> None:
    stage = started()
    stage.run(3.07)
    if ending == "stop":
        stage.player.stop()
    elif ending == "panic":
        stage.player.panic()
        assert stage.sounding() == 0
        stage.player.stop()
    elif ending == "unplug":
        stage.backend.unplug()
        stage.run(1)
        stage.player.stop()
        stage.backend.replug()
    else:
        stage.player.wish(ending, True if ending == "mute" else "answer")
        assert stage.sounding() == 0
        stage.player.stop()
    assert stage.sounding() == 0
    assert len(stage.player.ledger) == 0


def test_mute_is_silent_and_unmute_plays_again() -> None:
    stage = started()
    stage.run(2)
    stage.player.wish("mute", True)
    before = len(ons(stage))
    stage.run(2)
    assert len(ons(stage)) == before
    stage.player.wish("mute", False)
    stage.run(2)
    assert len(ons(stage)) > before + 10


def test_an_input_starts_a_new_plan_and_stale_plans_are_dropped() -> None:
    stage = started()
    stage.run(2)
    epoch = stage.player.epoch
    stage.backend.feed(bytes((0x90, 60, 90)))
    stage.run(0.5)
    assert stage.player.epoch == epoch + 1
    listen = [message for message in stage.model.heard if message["do"] == "listen"]
    assert listen[0]["heard"][0][1:] == [60, 90]
    stage.player.hear_model(
        {"is": "plan", "epoch": epoch, "until": 10**6, "notes": [[10**6, 50, 80, 10, 1]], "chords": [], "ms": []}
    )
    assert stage.player.figures.stale >= 1
    assert all(note[1] != 50 for note in stage.player._plan)


def test_thru_reaches_the_port_on_the_human_channel() -> None:
    stage = started()
    stage.run(0.1)
    stage.backend.feed(bytes((0x95, 64, 100)))
    stage.run(0.1)
    assert any(status == 0x90 and pitch == 64 for _, status, pitch, _ in stage.notes())


def test_tempo_change_moves_what_follows_only() -> None:
    stage = started()
    stage.run(2)
    stage.player.wish("bpm", 60)
    stage.run(6)
    times = [time for time, *_ in ons(stage)]
    late_gaps = [b - a for a, b in zip(times, times[1:], strict=False) if a > 2.5]
    assert late_gaps and all(gap == pytest.approx(0.25, abs=1e-6) for gap in late_gaps)


def test_bad_wishes_are_told_not_raised() -> None:
    stage = started()
    stage.player.wish("bpm", "fast")
    stage.player.wish("colour", 3)
    assert "bpm" in stage.told[-2] and "colour" in stage.told[-1]


def test_fallback_plays_while_the_model_is_away_and_hands_back() -> None:
    stage = started()
    stage.run(2)
    stage.alive = False
    stage.player.model_lost()
    before = len(ons(stage))
    stage.run(4)
    played = ons(stage)[before:]
    assert len(played) > 20
    assert {status & 15 for _, status, *_ in played} >= {2, 3, 9}  # keys, bass, drums
    stage.alive = True
    stage.model_is_ready()
    count = len(ons(stage))
    stage.run(2)
    assert all(status & 15 == 1 for _, status, *_ in ons(stage)[count + 8 :])
    stage.player.stop()
    assert stage.sounding() == 0


def test_clock_out_has_24_even_pulses_a_quarter() -> None:
    stage = started()
    stage.run(4)
    pulses = [sent.at_ns for sent in stage.backend.sent if sent.port == CLOCK_OUT and sent.data == b"\xf8"]
    assert [sent.data for sent in stage.backend.sent if sent.port == CLOCK_OUT][0] == b"\xfa"
    gaps = [b - a for a, b in zip(pulses, pulses[1:], strict=False)]
    assert len(pulses) > 180 and max(gaps) - min(gaps) <= 1


def feed_clock(stage: Stage, bpm: float, start: float, seconds: float, jitter_ms: float, rng: random.Random) -> None:
    gap = 60 / bpm / 24
    for index in range(int(seconds / gap)):
        at = start + index * gap + rng.uniform(0, jitter_ms) / 1000
        stage.backend.feed(b"\xf8", round(at * SECOND), CLOCK_IN)


def test_clock_in_is_followed_through_jitter_and_a_tempo_change() -> None:
    rng = random.Random(3)
    stage = Stage(sync="midi")
    stage.model_is_ready()
    stage.backend.feed(b"\xfa", round(0.999 * SECOND), CLOCK_IN)
    feed_clock(stage, 125, 1.0, 8.0, 2.7, rng)
    feed_clock(stage, 140, 9.0, 8.0, 2.7, rng)
    stage.run(1 + 2 * 4 * 60 / 125)
    assert stage.player.transport.bpm == pytest.approx(125, abs=0.1)
    due = 1.0 + 2 * 4 * 60 / 125
    assert stage.player.transport.ns_at(2 * 1920) / SECOND == pytest.approx(due, abs=0.005)
    stage.run(7.9)
    assert stage.player.transport.bpm == pytest.approx(140, abs=0.2)
    stage.backend.feed(b"\xfc", None, CLOCK_IN)
    stage.run(0.1)
    assert not stage.player.transport.running and stage.sounding() == 0


def test_song_position_and_continue() -> None:
    stage = Stage(sync="midi")
    stage.model_is_ready()
    stage.backend.feed(bytes((0xF2, 16, 0)) + b"\xfb", round(0.5 * SECOND), CLOCK_IN)  # bar 2
    feed_clock(stage, 120, 1.0, 2.0, 0, random.Random(1))
    stage.run(2)
    assert stage.player.transport.tick_at(stage.clock.now_ns()) == pytest.approx(1920 + 960, abs=25)


def test_user_offset_shifts_the_line() -> None:
    follower = ClockFollower(offset_ns=7_000_000)
    follower.start()
    for index in range(48):
        follower.pulse(index * 20_000_000)
    line = follower.line()
    assert line is not None
    assert line[1] - 47 * 20_000_000 == pytest.approx(7_000_000, abs=1000)


def test_clock_storm_and_silence_do_no_harm() -> None:
    stage = Stage(sync="midi")
    stage.model_is_ready()
    for burst in range(200):
        stage.backend.feed(b"\xfa\xf8\xf8\xfc\xfb" * 20, burst * 1_000_000, CLOCK_IN)
    stage.run(3)
    stage.player.stop()
    assert stage.sounding() == 0


def test_journal_keeps_a_take_and_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "take.jsonl"
    stage = Stage(journal=Journal(path))
    stage.player.journal.write({"is": "take", "version": 1, "started": 0, "pid": 2**22 + 1})
    stage.model_is_ready()
    stage.player.start()
    stage.backend.feed(bytes((0x90, 67, 99)), round(1.0 * SECOND))
    stage.backend.feed(bytes((0x80, 67, 0)), round(1.5 * SECOND))
    stage.run(4)
    with path.open("ab") as file:  # the line that the kill cut off
        file.write(b'{"is": "pla')
    assert unfinished(tmp_path) == [path]
    score = score_of(read_journal(path))
    ours = [note for note in score.notes if note.channel == 1]
    human = [note for note in score.notes if note.channel == 0]
    assert len(ours) == stage.player.figures.notes_sent
    assert [(note.pitch, note.velocity) for note in human] == [(67, 99)]
    assert human[0].duration == pytest.approx(480, abs=3)


def test_a_closed_journal_is_finished(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "take.jsonl")
    journal.write({"is": "take", "version": 1, "started": 0, "pid": 2**22 + 1})
    journal.close()
    assert unfinished(tmp_path) == []


def test_random_playing_never_leaves_a_note(tmp_path: Path) -> None:
    """Five minutes of everything at once, seeded: keys, knobs, kills, unplugging, stops, panics."""
    rng = random.Random(11)
    stage = started()
    for _ in range(600):
        match rng.randrange(9):
            case 0:
                stage.backend.feed(bytes((0x90 | rng.randrange(16), rng.randrange(128), rng.randrange(128))))
            case 1:
                stage.backend.feed(bytes(rng.randrange(256) for _ in range(rng.randrange(12))))
            case 2:
                stage.player.wish("bpm", rng.uniform(40, 250))
            case 3:
                stage.player.wish(rng.choice(["mute"]), rng.random() < 0.3)
            case 4:
                stage.alive = False
                stage.player.model_lost()
            case 5:
                stage.alive = True
                stage.model_is_ready()
            case 6:
                stage.backend.unplug()
                stage.run(rng.uniform(0, 0.2))
                stage.backend.replug()
            case 7 if rng.random() < 0.3:
                stage.player.stop()
                assert len(stage.player.ledger) == 0
                stage.player.start()
            case _:
                stage.player.wish("style", rng.choice(["jazz", "pop", "funk"]))
        stage.run(rng.uniform(0, 1))
    stage.player.stop()
    stage.backend.close()
    assert stage.sounding() == 0
