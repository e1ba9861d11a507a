"""MIDI clock with foreign programs: jack_midi_clock and Ardour as masters, jack_midi_dump as listener.

The figures: pytest tests/test_real_clock.py --log-cli-level=INFO
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from .jack_world import MidiDump, foreign, jack_server, need, need_jack
from .real.ardour import ardour
from .real.band import RULES, Band, wait_until
from .real.clocks import phases, pulses, transport
from .real.events import sounding
from .real.rig import Keyboard

pytestmark = pytest.mark.real
log = logging.getLogger(__name__)

TWO_BARS = 2 * 1920


def test_jack_midi_clock_is_followed(tmp_path: Path) -> None:
    """Start, two bars, tempo and phase, stop, continue."""
    need_jack()
    need("jack_midi_clock", "jack_transport")
    for attempt in range(5):
        journal = tmp_path / f"{attempt}.jsonl"
        with (
            jack_server() as server,
            foreign("jack_midi_clock", "-b", "125", "-B"),
            Band(journal, sync="midi", model_command=RULES) as band,
            MidiDump(server, "aigc-music:midi_out") as dump,
        ):
            clock = server.wait_for_port("mclk_out")
            server.connect(clock, f"{dump.name}:input")
            server.connect(clock, "aigc-music:clock_in")
            before = server.xruns()
            assert wait_until(lambda: band.snapshot.get("model") == "ready", 10)
            transport(server, "play")
            assert wait_until(lambda: band.snapshot.get("tick", 0) > 2 * TWO_BARS, 20)
            bpm = band.snapshot["bpm"]
            transport(server, "stop")
            assert wait_until(lambda: not band.snapshot["running"], 5)
            silent = not sounding((m.frame, m.data) for m in dump.read())
            standing = band.snapshot["tick"]
            phase = phases(dump.read(), journal)
            transport(server, "play")
            assert wait_until(lambda: band.snapshot["running"], 5)
            went_on = band.snapshot["tick"]
            lost = server.xruns() - before
        if lost == 0 or (phase.worst <= 5 and abs(bpm - 125) <= 0.1):
            break
    log.info("%.3f bpm, %s, %d lost periods", bpm, phase, lost)
    assert bpm == pytest.approx(125, abs=0.1)
    assert phase.notes > 16 and phase.worst <= 5 and phase.mean <= 2
    assert silent
    assert standing <= went_on < standing + 960


def test_ardour_is_followed_as_clock_master(tmp_path: Path) -> None:
    need_jack()
    need("ardour7-lua")
    for attempt in range(5):
        journal = tmp_path / f"{attempt}.jsonl"
        with (
            jack_server() as server,
            ardour(server, "master", "READY", "125") as daw,
            Band(journal, sync="midi", model_command=RULES) as band,
            MidiDump(server, "aigc-music:midi_out") as dump,
        ):
            server.connect("ardour:MIDI Clock out", f"{dump.name}:input")
            server.connect("ardour:MIDI Clock out", "aigc-music:clock_in")
            wait_until(lambda: band.snapshot.get("model") == "ready", 10)
            before = server.xruns()
            rolls = daw.go()
            wait_until(lambda: band.snapshot.get("tick", 0) > 2 * TWO_BARS, 20)
            bpm = band.snapshot["bpm"]
            daw.stop()
            stopped = wait_until(lambda: not band.snapshot["running"], 5)
            messages = dump.read()
            lost = server.xruns() - before
        phase = phases(messages, journal)
        if rolls and (lost == 0 or (phase.worst <= 5 and abs(bpm - 125) <= 0.1)):
            break
    log.info("%.3f bpm, %s, %d lost periods", bpm, phase, lost)
    assert bpm == pytest.approx(125, abs=0.1)
    assert phase.notes > 16 and phase.worst <= 5 and phase.mean <= 2
    assert stopped and not sounding((m.frame, m.data) for m in messages)


def test_a_jittery_sender_changes_tempo_and_jumps(tmp_path: Path) -> None:
    """RtMidi's clock, quantised to the period: 125 bpm, then 140; then a song position and Continue."""
    need_jack()
    pytest.importorskip("rtmidi")
    for attempt in range(5):
        journal = tmp_path / f"{attempt}.jsonl"
        with jack_server() as server:
            keyboard = Keyboard(server, "sequencer")
            keyboard.start()
            try:
                with (
                    Band(journal, sync="midi", model_command=RULES) as band,
                    MidiDump(server, "aigc-music:midi_out") as dump,
                ):
                    server.connect(keyboard.port, f"{dump.name}:input")
                    server.connect(keyboard.port, "aigc-music:clock_in")
                    wait_until(lambda: band.snapshot.get("model") == "ready", 10)
                    before = server.xruns()
                    keyboard.send(0xFA)
                    keyboard.say(f"clock 125 {8 * 24} 140 {12 * 24}")
                    wait_until(lambda: band.snapshot.get("tick", 0) >= 7.5 * 480, 15)
                    first = band.snapshot["bpm"]
                    wait_until(lambda: band.snapshot.get("tick", 0) >= 19.5 * 480, 15)
                    second = band.snapshot["bpm"]
                    phase = phases(dump.read(), journal, from_pulse=16 * 24)  # two bars after the change
                    keyboard.send(0xFC)
                    stopped = wait_until(lambda: not band.snapshot["running"], 5)
                    silent = not sounding((m.frame, m.data) for m in dump.read())
                    keyboard.send(0xF2, 32, 0)  # 32 sixteenths: two bars
                    keyboard.send(0xFB)
                    keyboard.say("clock 140 48")
                    wait_until(lambda: band.snapshot["running"], 5)
                    jumped = band.snapshot["tick"]
                    lost = server.xruns() - before
            finally:
                keyboard.kill()
        if lost == 0 or (phase.worst <= 5 and abs(first - 125) <= 0.3 and abs(second - 140) <= 0.3):
            break
    log.info("%.3f and %.3f bpm, %s, %d lost periods", first, second, phase, lost)
    assert first == pytest.approx(125, abs=0.3)  # the window is not yet full: two bars take to the tenth
    assert second == pytest.approx(140, abs=0.3)
    assert stopped and silent
    assert TWO_BARS <= jumped < TWO_BARS + 480
    assert phase.notes > 8 and phase.worst <= 5 and phase.mean <= 2


def test_our_clock_is_steady_to_a_frame_for_a_foreign_listener() -> None:
    need_jack()
    for _ in range(5):
        with (
            jack_server() as server,
            Band(None, model_command=RULES, controls={"bpm": 127.0}, autostart=False) as band,
            MidiDump(server, "aigc-music:clock_out") as dump,
        ):
            before = server.xruns()
            wait_until(lambda: band.snapshot.get("model") == "ready", 10)
            band.wish("start")
            wait_until(lambda: band.snapshot.get("tick", 0) > TWO_BARS, 15)
            band.wish("stop")
            wait_until(lambda: not band.snapshot["running"], 5)
            messages = dump.wait_for(10)
            lost = server.xruns() - before
        grid = pulses(messages)
        exact = 60 / 127 / 24 * 48_000
        worst = max((abs(f - grid[0] - k * exact) for k, f in enumerate(grid)), default=1e9)
        if lost == 0 or worst <= 1:
            break
    log.info("%d pulses, the worst %.2f frames off, %d lost periods", len(grid), worst, lost)
    assert messages[0].data == b"\xfa" and messages[-1].data == b"\xfc"
    assert len(grid) > 192
    assert worst <= 1
