"""A foreign keyboard plays a tune into the co-player; a foreign synth is heard playing the answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from aigc_music.live.performance import model_command

from .jack_world import MidiDump, foreign, jack_server, need, need_jack
from .real.band import RULES, Band, wait_until
from .real.events import compare, expected_notes, heard
from .real.rig import Keyboard
from .real.stage import SOUNDFONT, fluidsynth, write_tune

pytestmark = pytest.mark.real

ZOO = Path(__file__).parents[1] / "models" / "zoo" / "default"


@pytest.mark.parametrize("model", ["rules", "default"])
def test_a_tune_from_a_keyboard_is_accompanied_and_heard(tmp_path: Path, model: str) -> None:
    need_jack()
    need("fluidsynth", "jack_rec")
    pytest.importorskip("rtmidi")
    if model == "default" and not (ZOO / "weights.safetensors").exists():
        pytest.skip("no trained model in models/zoo/default")
    assert SOUNDFONT.exists(), "install timgm6mb-soundfont"
    count = write_tune(tmp_path / "tune.mid")
    pitches = [m.note for m in mido.MidiFile(tmp_path / "tune.mid") if m.type == "note_on"]
    for attempt in range(4):
        journal = tmp_path / f"{attempt}.jsonl"
        wave = tmp_path / f"{attempt}.wav"
        with jack_server() as server, foreign(*fluidsynth()):
            keyboard = Keyboard(server)
            keyboard.start(str(tmp_path / "tune.mid"))
            try:
                with (
                    Band(
                        journal,
                        from_="keyboard",
                        to="fluid",
                        model_command=RULES if model == "rules" else model_command(model),
                        controls={"role": "accompany", "bpm": 120.0},
                        autostart=False,
                    ) as band,
                    MidiDump(server, "aigc-music:midi_out") as dump,
                ):
                    assert wait_until(lambda: band.snapshot.get("model") == "ready", 40)
                    band.wish("start")
                    assert band.running()
                    left = server.wait_for_port("fluid:left")
                    before = server.xruns()
                    keyboard.say("play")
                    ports = (left, left.replace("left", "right"))
                    recorder = ("jack_rec", "-f", str(wave), "-d", "6", "-b", "16", *ports)
                    subprocess.run(recorder, timeout=30, capture_output=True)
                    wait_until(lambda: band.snapshot["received"] >= count, 10)
                    report = band.close()
                    lost = server.xruns() - before
                    events = heard((m.frame, m.data) for m in dump.read())
            finally:
                keyboard.kill()
        ours = compare(expected_notes(journal), [event for event in events if event.channel])
        if lost == 0 or ours.worst == 0:
            break
    assert report["notes_received"] == count
    assert report["notes_sent"] > 16 and report["hanging"] == 0
    thru = [event for event in events if event.channel == 0 and event.on]
    assert [event.pitch for event in thru] == pitches
    assert (ours.missing, ours.worst) == (0, 0)
    samples, _ = soundfile.read(wave)
    assert np.sqrt(np.mean(samples**2)) > 0.005
