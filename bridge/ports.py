"""What ports and MIDI APIs this machine has, in plain words, quickly.

Loads neither numpy, numba nor torch: `aigc-music ports` must answer in 0.2 s. Starts no JACK server. The C
libraries underneath print to stderr when a device is missing; that is kept from the musician's screen.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from aigc_music.core.errors import PortError
from bridge.backends import libjack

__all__ = ["ApiNote", "api_notes", "jack_runs", "list_ports", "quiet_stderr", "rtmidi_api"]

_INSTALL_RTMIDI = "pip install python-rtmidi (on Python 3.13 it is built from source, which needs a C++ compiler)"


class ApiNote(NamedTuple):
    """Whether a MIDI API can be used right now, why or why not, and what would mend it ('' when it works)."""

    available: bool
    detail: str
    fix: str


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep what C libraries print to stderr from the screen. Not for use while another thread prints."""
    if threading.active_count() > 1:  # the descriptor belongs to the whole process
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def rtmidi_api(rtmidi: Any, jack_runs: bool) -> tuple[int, str] | None:
    """The RtMidi API to use on this system with its name for people, or None when it has none.

    rtmidi: the python-rtmidi module. ALSA needs /dev/snd/seq; RtMidi's JACK is the last resort of Linux, as it
    knows no time inside a period.
    """
    compiled = rtmidi.get_compiled_api()
    for api, name, there in (
        (rtmidi.API_MACOSX_CORE, "CoreMIDI", True),
        (rtmidi.API_WINDOWS_MM, "Windows MIDI", True),
        (rtmidi.API_LINUX_ALSA, "ALSA", Path("/dev/snd/seq").exists()),
        (rtmidi.API_UNIX_JACK, "RtMidi's JACK", jack_runs),
    ):
        if api in compiled and there:
            return api, name
    return None


def jack_runs() -> bool:
    """True when a JACK server answers; takes a few milliseconds."""
    if sys.platform == "win32":
        return False
    try:
        with libjack.probe():
            return True
    except PortError:
        return False


class _Jack(NamedTuple):
    """What a look at JACK found: the note, whether a server runs, port names by kind."""

    note: ApiNote
    runs: bool
    ports: dict[str, list[str]]


def _look_at_jack() -> _Jack:
    ports: dict[str, list[str]] = {"midi_in": [], "midi_out": [], "audio_out": []}
    if sys.platform == "win32":
        note = ApiNote(False, "JACK is used on Linux and macOS only", "use the Windows MIDI ports")
        return _Jack(note, False, ports)
    try:
        with libjack.probe() as (library, client):
            rate, period = library.jack_get_sample_rate(client), library.jack_get_buffer_size(client)
            midi, audio = libjack.MIDI_TYPE, libjack.AUDIO_TYPE
            playback = libjack.IS_INPUT | libjack.IS_PHYSICAL
            ports["midi_in"] = libjack.port_names(library, client, midi, libjack.IS_OUTPUT)
            ports["midi_out"] = libjack.port_names(library, client, midi, libjack.IS_INPUT)
            ports["audio_out"] = libjack.port_names(library, client, audio, playback)
    except PortError as error:
        what, _, fix = str(error).partition(": ")
        return _Jack(ApiNote(False, what, fix), False, ports)
    if find_spec("numba") is None:
        return _Jack(ApiNote(False, "a JACK server runs, but numba is missing", "pip install numba"), True, ports)
    detail = f"a JACK server runs ({rate} Hz, {period} frames a period): notes land on their exact sample"
    return _Jack(ApiNote(True, detail, ""), True, ports)


def _rtmidi_note(jack_runs: bool) -> tuple[ApiNote, dict[str, list[str]]]:
    ports: dict[str, list[str]] = {"midi_in": [], "midi_out": []}
    try:
        import rtmidi
    except ImportError as error:
        return ApiNote(False, f"python-rtmidi does not load: {error}", _INSTALL_RTMIDI), ports
    found = rtmidi_api(rtmidi, jack_runs)
    if found is None:
        fix = "sudo modprobe snd-seq, and let containers see /dev/snd; or start a JACK server"
        return ApiNote(False, "no ALSA sequencer (/dev/snd/seq is not there)", fix), ports
    api, name = found
    if api != rtmidi.API_UNIX_JACK:  # those ports are listed under jack already
        try:
            with quiet_stderr():
                ports["midi_in"] = rtmidi.MidiIn(api).get_ports()
                ports["midi_out"] = rtmidi.MidiOut(api).get_ports()
        except OSError as error:
            return ApiNote(False, f"{name} does not open: {error}", "close other MIDI programs, try again"), ports
    detail = f"{name}: notes leave at their deadline, from this program's own thread"
    if api == rtmidi.API_UNIX_JACK:
        detail = "only through RtMidi's JACK, a period at a time: the jack API is better"
    if api == rtmidi.API_WINDOWS_MM:
        detail += "; Windows has no virtual ports, so it plays into a loopback port"
    return ApiNote(True, detail, ""), ports


def _audio_outputs() -> tuple[list[str], str]:
    """Names of the audio outputs outside JACK, and a note when there is none."""
    try:
        with quiet_stderr():
            import sounddevice

            hosts = sounddevice.query_hostapis()
            devices = sounddevice.query_devices()
    except ImportError:
        return [], "sounddevice is not installed: pip install sounddevice"
    except OSError as error:
        return [], f"{error}: apt install libportaudio2"
    except Exception as error:  # PortAudioError, which only exists when the import works
        return [], f"PortAudio does not start: {error}"
    names = [
        f"{device['name']} ({hosts[device['hostapi']]['name']})"
        for device in devices
        if device["max_output_channels"] > 0
    ]
    return names, "" if names else "no audio device: the take can still be written as MIDI and WAV"


_MEMORY = ApiNote(True, "always there: nothing is connected, notes are kept in memory", "")


def api_notes() -> dict[str, ApiNote]:
    """State of each MIDI API by name ('jack', 'rtmidi', 'memory')."""
    jack = _look_at_jack()
    rtmidi, _ = _rtmidi_note(jack.runs)
    return {"jack": jack.note, "rtmidi": rtmidi, "memory": _MEMORY}


def list_ports() -> dict[str, Any]:
    """All ports and APIs.

    midi_in, midi_out: lists of {"api", "name"} that one can listen to and play to. audio_out: list of names.
    apis: {name: {"available", "detail", "fix"}} for jack, rtmidi, memory and audio.
    """
    jack = _look_at_jack()
    rtmidi, rtmidi_ports = _rtmidi_note(jack.runs)
    if jack.runs:  # the devices are JACK's then; and PortAudio would abort this program when that server dies
        outputs, missing = (
            [f"{name} (JACK)" for name in jack.ports["audio_out"]],
            "the JACK server has no audio output",
        )
    else:
        outputs, missing = _audio_outputs()
    what, _, fix = missing.partition(": ")
    notes = {"jack": jack.note, "rtmidi": rtmidi, "memory": _MEMORY}
    notes["audio"] = ApiNote(True, f"{len(outputs)} outputs", "") if outputs else ApiNote(False, what, fix)
    listed: dict[str, Any] = {
        kind: [{"api": "jack", "name": name} for name in jack.ports[kind]]
        + [{"api": "rtmidi", "name": name} for name in rtmidi_ports[kind]]
        for kind in ("midi_in", "midi_out")
    }
    return listed | {"audio_out": outputs, "apis": {name: note._asdict() for name, note in notes.items()}}
