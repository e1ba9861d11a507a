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

pytestmark = pytest.mark.real

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
ZOO = Path(__file__).parents[1] / "models" / "zoo" / "default"
# our own little tune: (pitch, eighths)
TUNE = ((67, 2), (64, 1), (65, 1), (67, 2), (72, 2), (71, 1), (69, 1), (67, 2), (65, 2), (64, 2), (62, 1), (60, 3))


def write_tune(path: Path, bpm: float = 120) -> None:
    """The tune twice, with two-note chords on its long notes."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)))
    for pitch, eighths in TUNE * 2:
        pitches = (pitch, pitch - 12) if eighths > 1 else (pitch,)
        for note in pitches:
            track.append(mido.Message("note_on", note=note, velocity=84))
        track.append(mido.Message("note_off", note=pitches[0], time=eighths * 240 - 20))
        for note in pitches[1:]:
            track.append(mido.Message("note_off", note=note))
        track.append(mido.Message("note_off", note=0, time=20))
    file.save(path)


@pytest.mark.parametrize("model", ["rules", "default"])
def test_a_tune_from_a_keyboard_is_accompanied_and_heard(tmp_path: Path, model: str) -> None:
    need_jack()
    need("fluidsynth", "jack_rec")
    pytest.importorskip("rtmidi")
    if model == "default" and not (ZOO / "weights.safetensors").exists():
        pytest.skip("no trained model in models/zoo/default")
    assert SOUNDFONT.exists(), "install timgm6mb-soundfont"
    write_tune(tmp_path / "tune.mid")
    played = [m for m in mido.MidiFile(tmp_path / "tune.mid") if m.type == "note_on"]
    audio = ("-a", "jack", "-m", "jack", "-r", "48000", "-o", "midi.jack.id=fluid", "-o", "audio.jack.id=fluid")
    for attempt in range(4):
        journal = tmp_path / f"{attempt}.jsonl"
        wave = tmp_path / f"{attempt}.wav"
        with jack_server() as server, foreign("fluidsynth", "-i", "-s", *audio, str(SOUNDFONT)):
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
                    wait_until(lambda: band.snapshot["received"] >= len(played), 10)
                    report = band.close()
                    lost = server.xruns() - before
                    events = heard((m.frame, m.data) for m in dump.read())
            finally:
                keyboard.kill()
        ours = compare(expected_notes(journal), [event for event in events if event.channel])
        if lost == 0 or ours.worst == 0:
            break
    assert report["notes_received"] == len(played)
    assert report["notes_sent"] > 16 and report["hanging"] == 0
    thru = [event for event in events if event.channel == 0 and event.on]
    assert [event.pitch for event in thru] == [message.note for message in played]
    assert ours.worst == 0
    assert ours.missing <= 2  # begun and cut inside the last two periods
    samples, _ = soundfile.read(wave)
    assert np.sqrt(np.mean(samples**2)) > 0.005
