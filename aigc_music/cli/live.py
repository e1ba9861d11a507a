"""`aigc-music live`: play along until Ctrl-C."""

from __future__ import annotations

import json
import secrets
import select
import sys
import time
from pathlib import Path
from typing import Any

import click

from aigc_music.core.controls import CONTROLS, ROLES
from aigc_music.core.errors import UsageError
from aigc_music.core.styles import STYLES, style_id

_STARTED_NS = time.monotonic_ns()
_PATIENCE_NS = 3_000_000_000  # a player that has not said hello by then is being compiled

_KEYS = [f"{'/'.join(dict.fromkeys(control.keys))} {control.name}" for control in CONTROLS.values()]
_LINES = "\n".join(f"  {'   '.join(_KEYS[begin : begin + 4])}" for begin in range(0, len(_KEYS), 4))

EPILOG = f"""\b
Keys while playing:
{_LINES}
  space panic   y/n keep or discard the last 8 bars   q quit
  l, then a knob's key, then a MIDI controller: learn

\b
Examples:
  aigc-music live                                   the band plays alone
  aigc-music live --role accompany --from "Keystation" --style jazz
  aigc-music live --role answer --record jam.mid
  aigc-music live --sync midi --api jack --to ardour
"""


@click.command("live", epilog=EPILOG)
@click.option("--to", metavar="NAME", help="Play into this port (part of its name). Default: own port 'aigc-music'.")
@click.option("--from", "from_", metavar="NAME", help="Listen to this port (part of its name).")
@click.option("--api", type=click.Choice(["jack", "rtmidi", "memory"]), help="MIDI system. Default: what is there.")
@click.option("--role", type=click.Choice(ROLES), default="solo", show_default=True, help="Who leads.")
@click.option("--style", help="Style of the band, such as pop, jazz, chorale. Default: pop.")
@click.option("--key", help="Key, such as 'F major' or 'Dm'. Default: C major.")
@click.option("--bpm", type=float, help="Tempo. Default: one that suits the style.")
@click.option("--density", type=float, help="How many notes, 0..1.")
@click.option("--temperature", type=float, help="How daring, 0.2..2.")
@click.option("--energy", type=float, help="How much it gives, 0..1.")
@click.option("--register", type=float, help="How high it plays, -2..2 octaves from where it would.")
@click.option("--swing", type=float, help="0 straight .. 1 triplets.")
@click.option("--strength", type=float, help="How much key, chords and style are stressed, 1..3.")
@click.option("--longest-copy", type=float, help="Longest phrase of a training song it may play, 12..63 notes.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option("--model", default="default", show_default=True, help="Trained model (see 'aigc-music models').")
@click.option("--metre", default="4/4", show_default=True, help="Time signature.")
@click.option("--sync", type=click.Choice(["internal", "midi", "link", "jack"]), default="internal",
              show_default=True, help="Whose clock: ours, MIDI clock, Ableton Link, JACK's transport.")  # fmt: skip
@click.option(
    "--offset", "offset_ms", type=float, default=0.0, help="Play this many ms later than the MIDI clock says."
)
@click.option(
    "--sound", type=click.Choice(["synth", "none"]), default="synth", show_default=True, help="Built-in synth."
)
@click.option("--no-thru", is_flag=True, help="Do not pass your own notes on.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write the take to this MIDI file.")
@click.option("--seconds", type=float, help="Stop after this long.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(**options: Any) -> None:
    """Play along: a trained model plays notes into your DAW, in time, and reacts to what you play.

    Opens the virtual port 'aigc-music': choose it as MIDI input of a track in your DAW. Without a DAW the
    built-in synth is heard; without an audio device the take is written as MIDI and WAV.
    """
    perform(**options)


def perform(
    *,
    seed: int | None,
    model: str,
    metre: str,
    record: Path | None,
    seconds: float | None,
    as_json: bool,
    **others: Any,
) -> None:
    """The verb itself: the options of `command`, by name."""
    from aigc_music.live.performance import Performance, model_command
    from aigc_music.live.settings import Settings
    from aigc_music.live.takes import Takes
    from bridge.process import Config
    from models.zoo import find

    find(model)  # a wrong name is an error here, not in a process far away
    takes = Takes()
    recovered = takes.recover()
    controls = _controls({name: others[name] for name in CONTROLS if others.get(name) is not None})
    if record is not None:
        takes.check(record)
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    settings = Settings.load()
    config = Config(
        seed=seed,
        model_command=model_command(model),
        api=others["api"],
        to=others["to"],
        from_=others["from_"],
        sound=others["sound"],
        sync=others["sync"],
        clock_offset_ms=others["offset_ms"],
        thru=not others["no_thru"],
        metre=parse_metre(metre),
        controls=controls,
        bindings=settings.bindings,
        journal=str(takes.new_journal()),
        seconds=seconds,
        started_ns=_STARTED_NS,
    )
    face = _face(seed, model, as_json)
    for path in recovered:
        face.tell(f"an earlier take was cut off: it is saved as {path}")
    with Performance(config) as performance:
        try:
            _run(performance, face)
        except KeyboardInterrupt:
            pass
        finally:
            report = performance.close()
            face.close()
    settings.keep_bindings(performance.snapshot.get("bindings"))
    unheard = others["sound"] == "synth" and performance.hello.get("audio") is None
    alone = performance.hello.get("api") == "memory"  # nobody could hear or record it: keep it
    saved = takes.save(Path(config.journal or ""), record, keep=alone or unheard, audio=unheard)
    for path in saved:
        face.tell(f"the take is saved as {path}")
    if not report:
        raise UsageError("the player ended without a report: run 'aigc-music doctor'") from None
    face.report(report | {"seed": seed, "files": [str(path) for path in saved]})
    if as_json:
        print(json.dumps({name: value for name, value in report.items() if name != "is"} | {
            "seed": seed, "files": [str(path) for path in saved]}))  # fmt: skip


def _controls(given: dict[str, Any]) -> dict[str, Any]:
    """Checked starting values of the knobs; the tempo suits the style unless it is given."""
    controls = {name: CONTROLS[name].check(value) for name, value in given.items()}
    style = controls.get("style", CONTROLS["style"].default)
    controls.setdefault("bpm", STYLES[style_id(style)].bpm)
    return controls


def parse_metre(text: str) -> tuple[int, int]:
    """4/4 -> (4, 4). UsageError says what is allowed."""
    beats, _, unit = text.partition("/")
    if beats.isdigit() and unit in ("2", "4", "8", "16") and 1 <= int(beats) <= 16:
        return int(beats), int(unit)
    raise UsageError(f"metre {text!r}: give beats/unit, such as 4/4, 3/4 or 6/8 (unit 2, 4, 8 or 16)")


def _face(seed: int, model: str, as_json: bool) -> Any:
    if sys.stdout.isatty() and not as_json:
        from aigc_music.live.screen import Screen

        return Screen(seed, model)
    return _Plain(quiet=as_json)


class _Plain:
    """The face where there is no terminal: sentences on stderr, one line a bar."""

    keys = None

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.bar = -1

    def tell(self, text: str) -> None:
        print(text, file=sys.stderr)

    def show(self, performance: Any) -> None:
        snapshot = performance.snapshot
        if snapshot and snapshot["running"] and snapshot["bar"] != self.bar and not self.quiet:
            self.bar = snapshot["bar"]
            late = snapshot["lateness_ms"]
            print(
                f"bar {self.bar + 1}  {snapshot['bpm']:.1f} bpm  {snapshot['chord']}  {snapshot['sent']} notes,"
                f" late p99 {late['p99']:.3f} ms",
                file=sys.stderr,
            )

    def close(self) -> None:
        pass

    def report(self, report: dict[str, Any]) -> None:
        if not self.quiet:
            print(
                f"{report['notes_sent']} notes sent, {report['late']} late, {report['dropped']} dropped,"
                f" {report['hanging']} hanging",
                file=sys.stderr,
            )


def greeting(hello: dict[str, Any]) -> list[str]:
    """What was found and what to do now, in plain words; hello: the player's first line."""
    found = {
        "jack": "MIDI: JACK, every note on its sample",
        "rtmidi": "MIDI: the system's own ports",
        "memory": "MIDI: none on this machine, the take is written to a file instead",
    }[hello["api"]]
    sound = hello["audio"]
    heard = f"sound: built-in synth on {sound['device']}" if sound else "sound: none"
    lines = [f"{found} · {heard} · {hello['realtime_detail']}"]
    if hello["api"] != "memory":
        lines.append(
            "In the DAW: choose 'aigc-music' as MIDI input of a track; parts come on channels 2-6 and 10, you on 1."
        )
    return lines


def _run(performance: Any, face: Any) -> None:
    """Until the player ends or the musician quits."""
    said = 0
    greeted = patient = False
    while not performance.over:
        fds = [performance.fd] + ([face.keys.fd] if face.keys else [])
        select.select(fds, [], [], 0.1)
        performance.listen()
        if not performance.hello and not patient and time.monotonic_ns() - _STARTED_NS > _PATIENCE_NS:
            patient = True
            face.tell("compiling the synth for this machine: only the first start takes so long ...")
        if performance.hello and not greeted:
            greeted = True
            for text in greeting(performance.hello):
                face.tell(text)
        for text in performance.told[said:]:
            face.tell(text)
        said = len(performance.told)
        if face.keys:
            for wish in face.keys.wishes(performance.snapshot):
                performance.wish(wish.pop("do"), **wish)
        face.show(performance)
