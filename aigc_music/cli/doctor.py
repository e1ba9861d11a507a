"""`aigc-music doctor`: what this machine can do, and how to mend what it can't."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

import click

EPILOG = """\b
Examples:
  aigc-music doctor
  aigc-music doctor --json
"""


class Check(NamedTuple):
    """One finding. `fix` is '' when there is nothing to mend."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


@click.command("doctor", epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(as_json: bool) -> None:
    """Check MIDI, audio, realtime rights, the model and its speed; say what to mend and how."""
    checks = [check for check_group in CHECKS for check in check_group()]
    for check in checks:
        if not as_json:
            mark = click.style("ok  ", fg="green") if check.ok else click.style("look", fg="yellow")
            click.echo(f"{mark}  {check.name:10} {check.detail}" + (f"\n{'':17}{check.fix}" if check.fix else ""))
    if as_json:
        click.echo(json.dumps({"checks": [check._asdict() for check in checks]}))


def _python() -> list[Check]:
    import platform
    import sys

    new = sys.version_info >= (3, 13)
    detail = f"Python {platform.python_version()} on {platform.system()}"
    fix = "python-rtmidi has no wheel for 3.13 and later: use 3.11 or 3.12, or a compiler, or JACK" if new else ""
    return [Check("python", not new, detail, fix)]


def _midi() -> list[Check]:
    from bridge.ports import list_ports

    found = list_ports()
    checks = [
        Check(f"midi {name}", api["available"], api["detail"], "" if api["available"] else api.get("fix", ""))
        for name, api in found["apis"].items()
        if name not in ("memory", "audio")
    ]
    audio = found["audio_out"]
    detail = f"{len(audio)} outputs" if audio else "no audio device: takes are written as MIDI and WAV instead"
    return [*checks, Check("audio", bool(audio), detail)]


def _realtime() -> list[Check]:
    from bridge import realtime

    answer = realtime.probe()
    return [Check("realtime", answer.granted, answer.detail, answer.fix)]


def _model() -> list[Check]:
    from aigc_music.core.errors import AigcMusicError
    from aigc_music.generators.music.planner import Planner
    from models.music.bench import decode_ms
    from models.music.decode_cpu import load_model
    from models.zoo import cards

    try:
        names = list(cards())
        model = load_model("default")
        Planner(model).warm_up()  # compiles all that `live` plays with, so that its first start need not
        speed = decode_ms(200, model)
    except AigcMusicError as err:
        return [Check("model", False, str(err), "install aigc-music again")]
    fast = speed["p50"] <= 5.0
    return [
        Check("model", True, f"{', '.join(names)}"),
        Check("speed", fast, f"a note is decided in {speed['p50']:.2f} ms (p99 {speed['p99']:.2f} ms)"),
    ]


def _sound() -> list[Check]:
    import time

    import bridge.synth.output  # noqa: F401 - compiles the stream's callback, so that the first `live` need not
    from bridge.synth.offline import render_events

    begun = time.perf_counter()
    sound = render_events([(0.0, bytes((0x90, 60, 80))), (0.5, bytes((0x80, 60, 0)))], 0.5)
    taken = time.perf_counter() - begun
    return [
        Check("synth", bool(abs(sound).max() > 0), f"{len(sound) / 48_000:.1f} s of sound rendered in {taken:.2f} s")
    ]


def _films() -> list[Check]:
    import numpy as np

    from aigc_music.files.video import VideoWriter
    from aigc_music.generators.clip.scene import Box, Figure, Layers
    from aigc_music.generators.video.compositor import Compositor

    size = (320, 180)
    # compiles what puts frames together, so that the first film need not
    layers = Layers(np.zeros((36, 64, 4), np.uint8), (Figure(Box(0, 0, 8, 8), lambda canvas: None),))
    with VideoWriter(size, 30) as writer:
        writer.add(Compositor(size).frame(layers))
        return [Check("films", True, f"H.264 is written, {len(writer.finish())} bytes for a frame")]


def _fonts() -> list[Check]:
    from aigc_music.generators.design.fonts import FontBook, missing_message

    missing = FontBook().missing("歌あ한ب\u0915")
    if missing:
        return [Check("fonts", False, "words in some scripts cannot be set", missing_message(missing))]
    return [Check("fonts", True, "Latin, Chinese, Japanese, Korean, Arabic and Devanagari can be set")]


def _places() -> list[Check]:
    from aigc_music.core.folders import state_folder

    folder = state_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as err:
        return [
            Check(
                "disk", False, f"{folder} cannot be written ({err.strerror})", "set AIGC_MUSIC_HOME to another folder"
            )
        ]
    return [Check("disk", True, f"journals and settings in {folder}")]


CHECKS: tuple[Callable[[], list[Check]], ...] = (_python, _midi, _realtime, _model, _sound, _films, _fonts, _places)
