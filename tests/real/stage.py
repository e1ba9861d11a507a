"""The whole stage at once: a foreign keyboard plays, Ardour records the co-player, fluidsynth sounds it.

The face's interpreter is hogged all the while, and a second recorder in C listens beside Ardour.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soundfile

from aigc_music.live.performance import model_command

from ..jack_world import MidiDump, foreign, jack_server
from .ardour import ardour
from .band import Band, wait_until
from .events import compare, expected_notes, heard
from .rig import Keyboard

__all__ = ["SOUNDFONT", "fluidsynth", "whole_stage", "write_tune"]

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
# a little tune of our own: (pitch, eighths)
_TUNE = ((67, 2), (64, 1), (65, 1), (67, 2), (72, 2), (71, 1), (69, 1), (67, 2), (65, 2), (64, 2), (62, 1), (60, 3))


def write_tune(path: Path, times: int = 2) -> int:
    """Write the tune at 120 bpm, its long notes doubled an octave below; returns how many notes it has."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    notes = 0
    for pitch, eighths in _TUNE * times:
        pitches = (pitch, pitch - 12) if eighths > 1 else (pitch,)
        notes += len(pitches)
        track.extend(mido.Message("note_on", note=note, velocity=84) for note in pitches)
        track.append(mido.Message("note_off", note=pitches[0], time=eighths * 240))
        track.extend(mido.Message("note_off", note=note) for note in pitches[1:])
    file.save(path)
    return notes


def fluidsynth() -> tuple[str, ...]:
    """The command of a fluidsynth on JACK: ports fluid:midi_00, fluid:left, fluid:right."""
    options = ("-a", "jack", "-m", "jack", "-r", "48000", "-o", "midi.jack.id=fluid", "-o", "audio.jack.id=fluid")
    return ("fluidsynth", "-i", "-s", *options, str(SOUNDFONT))


def whole_stage(melody: Path | None, seconds: float) -> dict[str, Any]:
    """Play; figures of the first run without lost periods, or of the last of four."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if melody is None:
            melody = folder / "tune.mid"
            write_tune(melody, times=8)
        for attempt in range(4):
            figures = _attempt(folder / str(attempt), melody, seconds)
            if figures["xruns"] == 0 or figures["ok"]:
                break
    return figures


def _attempt(folder: Path, melody: Path, seconds: float) -> dict[str, Any]:
    folder.mkdir()
    journal, wave = folder / "take.jsonl", folder / "fluid.wav"
    with jack_server(period=512) as server, ardour(server, "record", "ROLLING") as daw, foreign(*fluidsynth()):
        keyboard = Keyboard(server)
        keyboard.start(str(melody))
        try:
            with (
                Band(
                    journal,
                    hog=True,
                    from_="keyboard:out",  # Ardour has a virtual keyboard
                    to="fluid",
                    model_command=model_command("default"),
                    controls={"role": "accompany", "bpm": 120.0},
                    autostart=False,
                ) as band,
                MidiDump(server, "aigc-music:midi_out") as dump,
            ):
                wait_until(lambda: band.snapshot.get("model") == "ready", 60)
                server.connect("aigc-music:midi_out", "ardour:rec/midi_in 1")
                left = server.wait_for_port("fluid:left")
                before = server.xruns()
                band.wish("start")
                keyboard.say("play")
                recorder = ("jack_rec", "-f", str(wave), "-d", str(round(seconds)), "-b", "16")
                recorder += (left, left.replace("left", "right"))
                subprocess.run(recorder, timeout=seconds + 30, capture_output=True)
                report = band.close()
                dumped = [event for event in heard((m.frame, m.data) for m in dump.read()) if event.channel]
            daw.stop()
            lost = server.xruns() - before
        finally:
            keyboard.kill()
        recorded = [event for event in heard(daw.events()) if event.channel]
    wanted = expected_notes(journal)
    by_dump, by_daw = compare(wanted, dumped), compare(wanted, recorded)
    same = compare(dumped, recorded)
    samples, _ = soundfile.read(wave)
    loudness = float(np.sqrt(np.mean(samples**2)))
    return {
        "ok": by_daw.worst == 0 and by_daw.missing == 0 and loudness > 0.005 and report.get("hanging") == 0,
        "notes_sent": report.get("notes_sent"),
        "notes_received": report.get("notes_received"),
        "daw": by_daw._asdict(),
        "recorder": by_dump._asdict(),
        "daw_against_recorder": same._asdict(),
        "fluidsynth_rms": round(loudness, 4),
        "xruns": lost,
        "report": report,
    }
