"""Listing ports and choosing an API: quickly, in plain words, without heavy imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aigc_music.core.errors import PortError
from bridge import ports
from bridge.backends import choose_api
from bridge.backends.names import find_port
from tests.jack_world import jack_server, need_jack

ROOT = Path(__file__).parents[1]


def test_listing_loads_nothing_heavy_and_prints_no_noise() -> None:
    """In a fresh interpreter; the C libraries' complaints about missing devices stay away from stderr."""
    code = (
        "import json, sys; from bridge.ports import list_ports; from bridge.backends import choose_api;"
        "choose_api(); print(json.dumps(list_ports()));"
        "assert not {'numpy', 'numba', 'torch'} & set(sys.modules), 'heavy imports'"
    )
    environment = os.environ | {"JACK_DEFAULT_SERVER": "nobody_here"}
    best = 60.0
    for _ in range(5):  # the fastest of five: the machine may be busy
        start = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment, timeout=60
        )
        best = min(best, time.perf_counter() - start)
        assert ran.returncode == 0 and ran.stderr == ""
    listed = json.loads(ran.stdout)
    assert set(listed) == {"midi_in", "midi_out", "audio_out", "apis"}
    assert {"available", "detail", "fix"} == set(listed["apis"]["jack"])
    assert best < 0.4


def test_what_is_missing_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody_here")
    for name, note in ports.api_notes().items():
        assert note.detail
        assert note.available or note.fix, name


def test_no_midi_system_means_memory_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody_here")
    name, reason = choose_api()
    if ports.api_notes()["rtmidi"].available:
        assert name == "rtmidi" and reason
    else:
        assert name == "memory" and "no MIDI system answers" in reason


@pytest.mark.real
def test_a_running_server_is_chosen_and_its_ports_are_listed() -> None:
    need_jack()
    with jack_server():
        name, reason = choose_api()
        assert name == "jack" and "exact sample" in reason
        listed = ports.list_ports()
        assert listed["apis"]["jack"]["available"]
        assert any("playback" in output for output in listed["audio_out"])


def test_a_part_of_a_name_is_enough_when_it_is_unique() -> None:
    names = ["fluid:midi_00", "ardour:MIDI in", "ardour:MTC in"]
    assert find_port("FLUID", names, "output") == "fluid:midi_00"
    assert find_port("ardour:MIDI in", names, "output") == "ardour:MIDI in"
    with pytest.raises(PortError, match="fits 2 output ports: ardour:MIDI in, ardour:MTC in"):
        find_port("ardour", names, "output")
    with pytest.raises(PortError, match="There are: none at all"):
        find_port("x", [], "input")
