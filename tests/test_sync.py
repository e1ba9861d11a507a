"""Following a foreign timeline: scripted ones on a clock held in the hand, and JACK's answers, made by hand."""

from __future__ import annotations

import math
import struct
import sys

import pytest

from aigc_music.core.errors import MissingExtraError, UsageError
from aigc_music.core.time import Metre
from bridge.backends.jack_transport import Bar, JackTransport, read_transport
from bridge.backends.memory import MemoryBackend
from bridge.jack_timeline import JackTimeline
from bridge.sync import Line, open_timeline

from .players import SECOND, Stage


class Scripted:
    """A timeline that a test moves by hand."""

    slack_ns = 5_000

    def __init__(self) -> None:
        self.line: Line | None = None
        self.owns_tempo = True

    def roll(self, tick: float, at_s: float, bpm: float = 120.0) -> None:
        self.line = Line(tick, round(at_s * SECOND), bpm, 0)

    def state(self, now_ns: int, lead_ns: int) -> Line | None:
        if self.line is None:
            return None
        return self.line._replace(entry=math.ceil(self.line.tick_at(now_ns + lead_ns)))

    def set_tempo(self, bpm: float, now_ns: int) -> str:
        return "not yours" if self.owns_tempo else ""

    def close(self) -> None:
        self.line = None


def stage() -> tuple[Stage, Scripted]:
    timeline = Scripted()
    made = Stage(timeline=timeline, sync="jack")
    made.model_is_ready()
    return made, timeline


def ons(stage: Stage, since: float = 0.0) -> list[float]:
    notes = [note for note in stage.notes() if note[1] & 0xF0 == 0x90 and note[3]]
    return [time for time, *_ in notes if time >= since]


def on_grid(times: list[float], tick: int, at_s: float, bpm: float = 120.0) -> bool:
    """Every time is a multiple of 120 ticks on the line, to a microsecond."""
    step = 120 * 60 / bpm / 480
    places = [(time - at_s) / step + tick / 120 for time in times]
    return bool(times) and max(abs(place - round(place)) for place in places) * step < 1e-6


def test_waits_for_the_start_and_joins_in_the_middle() -> None:
    made, timeline = stage()
    made.run(2)
    assert not made.notes() and not made.player.transport.running
    timeline.roll(1920 * 5 + 37, 2.0)
    made.run(3)
    assert made.player.transport.tick_at(made.clock.now_ns()) == 1920 * 5 + 37 + 3 * 960
    assert len(ons(made)) > 20 and on_grid(ons(made), 37, 2.0)
    assert made.player.figures.late == 0


def test_stops_with_it_and_nothing_sounds() -> None:
    made, timeline = stage()
    timeline.roll(0, 0.0)
    made.run(3.07)
    timeline.line = None
    made.run(0.1)
    count = len(ons(made))
    made.run(1)
    assert not made.player.transport.running
    assert made.sounding() == 0 and len(made.player.ledger) == 0 and len(ons(made)) == count


@pytest.mark.parametrize("tick", [0, 480 * 3 + 11, 480 * 400])
def test_a_locate_while_rolling_is_a_new_start(tick: int) -> None:
    made, timeline = stage()
    timeline.roll(1920, 0.0)
    made.run(3.07)
    epoch = made.player.epoch
    timeline.roll(tick, 3.07)
    made.run(0.03)
    assert made.sounding() == 0 and made.player.epoch == epoch + 1
    assert made.model.heard[-1]["do"] == "time" and any(
        m["do"] == "locate" and m["frozen"] >= tick for m in made.model.heard[-4:]
    )
    made.run(2)
    assert made.player.transport.tick_at(made.clock.now_ns()) == tick + int(2.03 * 960)
    assert on_grid(ons(made, 3.11), tick, 3.07)
    made.player.stop()
    assert made.sounding() == 0


def test_a_tempo_change_is_followed_without_a_break() -> None:
    made, timeline = stage()
    timeline.roll(0, 0.0)
    made.run(2)
    epoch = made.player.epoch
    timeline.roll(1920, 2.0, 90.0)
    made.run(4)
    assert made.player.epoch == epoch and made.player.transport.bpm == 90.0
    assert on_grid(ons(made, 2.05), 0, 2.0, 90.0)
    made.player.stop()
    assert made.sounding() == 0


def test_a_steady_line_is_left_alone() -> None:
    """The other side says the same line from ever new points, rounded: our times do not move."""
    made, timeline = stage()
    timeline.roll(0, 0.0, 127.0)
    made.run(1)
    before = made.player.transport.ns_at(480 * 64)
    for _ in range(50):
        now = made.clock.now_ns()
        assert timeline.line is not None
        timeline.line = Line(timeline.line.tick_at(now), now + 900, 127.0, 0)
        made.run(0.05)
        timeline.line = timeline.line._replace(at_ns=now)
    assert made.player.transport.ns_at(480 * 64) == before


def test_stopped_by_hand_it_stands_until_the_other_side_starts_again_or_we_do() -> None:
    made, timeline = stage()
    timeline.roll(0, 0.0)
    made.run(1)
    made.player.stop()
    made.run(1)
    assert not made.player.transport.running and made.sounding() == 0
    made.player.start()
    made.run(1)
    assert made.player.transport.tick_at(made.clock.now_ns()) == 3 * 960
    made.player.stop()
    timeline.line = None
    made.run(0.1)
    timeline.roll(0, made.clock.now_ns() / SECOND)
    made.run(1)
    assert made.player.transport.running


def test_the_tempo_knob_goes_to_whom_it_belongs() -> None:
    made, timeline = stage()
    timeline.roll(0, 0.0)
    made.run(1)
    made.player.wish("bpm", 90)
    assert made.told == ["not yours"]
    made.run(0.1)
    assert made.player.transport.bpm == 120.0


def test_jack_sync_wants_jack() -> None:
    with pytest.raises(UsageError, match="--api jack"):
        open_timeline("jack", MemoryBackend(), 120.0, Metre())
    assert open_timeline("internal", MemoryBackend(), 120.0, Metre()) is None


def test_link_sync_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'aigc-music\[link\]'"):
        open_timeline("link", MemoryBackend(), 120.0, Metre())


# -- JACK's answers -----------------------------------------------------------------------------------------

RATE, PERIOD = 48_000, 256
LEAD = 25_000_000


class Server:
    """Periods of a JACK server with a song position, and a master that cuts its tick to an integer."""

    def __init__(self, bpm: float | None = None) -> None:
        self.rolling, self.period, self.frame, self.bpm = False, 1000, 0, bpm

    @property
    def at_ns(self) -> int:
        return round(self.period * PERIOD * SECOND / RATE)

    def query(self) -> JackTransport:
        bar = None
        if self.bpm is not None:
            bar = Bar(int(self.frame / RATE / 60 * self.bpm * 1920) / 1920, 1 / 1920, self.bpm)
        return JackTransport(self.rolling, self.at_ns, self.frame, RATE, bar)

    def step(self, periods: int = 1) -> None:
        self.period += periods
        self.frame += PERIOD * periods if self.rolling else 0


@pytest.mark.parametrize("bpm", [None, 93.0, 117.1875, 140.3])
def test_jack_line_is_true_and_steady(bpm: float | None) -> None:
    server = Server(bpm)
    timeline = JackTimeline(server.query, 125.0)
    assert timeline.state(server.at_ns, LEAD) is None
    origin = server.at_ns
    server.rolling = True
    server.step()
    first = timeline.state(server.at_ns, LEAD)
    assert first is not None and first.entry == 0
    tempo, lines = bpm or 125.0, []
    for _ in range(2000):
        server.step()
        line = timeline.state(server.at_ns, LEAD)
        assert line is not None and line.bpm == tempo
        lines.append(line.ns_at(480 * 40))
        error = line.tick_at(server.at_ns) - server.frame / RATE / 60 * tempo * 480
        assert abs(error) <= (0.01 if bpm is None else 0.26)  # a tick of the master is a quarter of ours
    truth = origin + 40 * 60 / tempo * SECOND
    assert abs(lines[-1] - truth) < (10_000 if bpm is None else 140_000)
    assert len(set(lines[500:])) == 1
    server.rolling = False
    assert timeline.state(server.at_ns, LEAD) is None


@pytest.mark.parametrize("bpm", [None, 120.0])
def test_jack_locates_backwards_while_rolling(bpm: float | None) -> None:
    server = Server(bpm)
    server.rolling, server.frame = True, RATE * 30
    timeline = JackTimeline(server.query, 120.0)
    joined = timeline.state(server.at_ns, LEAD)
    assert joined is not None and joined.entry >= 60 * 480 + 24  # what is too late to play is not played
    server.step()
    server.frame = RATE * 2
    line = timeline.state(server.at_ns, LEAD)
    assert line is not None and line.tick_at(server.at_ns) == pytest.approx(4 * 480, abs=0.01)


def test_jack_without_a_master_takes_our_tempo_and_goes_on_from_where_it_is() -> None:
    server = Server()
    server.rolling, server.frame = True, RATE * 10
    timeline = JackTimeline(server.query, 120.0)
    before = timeline.state(server.at_ns, LEAD)
    assert before is not None
    assert timeline.set_tempo(60.0, server.at_ns) == ""
    after = timeline.state(server.at_ns, LEAD)
    assert after is not None and after.bpm == 60.0
    assert after.tick_at(server.at_ns) == pytest.approx(before.tick_at(server.at_ns), abs=1e-6)
    server.bpm = 100.0
    server.step()
    assert timeline.state(server.at_ns, LEAD) is not None
    assert "master" in timeline.set_tempo(90.0, server.at_ns)


def test_a_master_with_a_senseless_tempo_is_no_master() -> None:
    server = Server(1e9)
    server.rolling = True
    line = JackTimeline(server.query, 120.0).state(server.at_ns, LEAD)
    assert line is not None and line.bpm == 120.0


def test_the_position_is_read_as_jack_lays_it_out() -> None:
    fields = (1, 2, 48_000, 960, 0x10, 3, 2, 960, 8 * 1920.0, 4.0, 4.0, 1920.0, 133.0, 0.0, 0.0, 0)
    position = struct.pack("=QQIIIiiidffddddI", *fields) + bytes(164)
    seen = read_transport(1, position, 77)
    assert seen == JackTransport(True, 77, 960, 48_000, Bar(9.5, 1 / 1920, 133.0))
    eighths = struct.pack("=QQIIIiiidffddddI", *fields[:10], 8.0, *fields[11:]) + bytes(164)
    assert read_transport(3, eighths, 0) == JackTransport(False, 0, 960, 48_000, Bar(4.75, 1 / 3840, 66.5))
    assert read_transport(0, bytes(256), 0).bar is None
