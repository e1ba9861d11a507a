"""`aigc-music generate audio`: the sound of a song, its stems, and masters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aigc_music.engine import Result

EPILOG = """\b
Kinds:
  mix     all tracks, as 'live' plays them
  stem    one track alone, by name or number; the stems are as long as the mix and add up to it
  master  the mix (or any finished mix) at the loudness asked for, its true peaks held
The name of --out decides: .wav and .flac have 24 bits, .mp3 320 kbit/s.

\b
Examples:
  aigc-music generate audio --song tune.mid --out mix.wav
  aigc-music generate audio --song tune.mid --kind stem --track bass --out bass.wav
  aigc-music generate audio --song tune.mid --kind master --title "Harbour Lights" --artist Ada --out song.mp3
  aigc-music generate audio --kind master --mix my_mix.flac --loudness -9 --peak -1 --out master.wav
"""


@click.command("audio", epilog=EPILOG)
@click.option("--song", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file that is played.")
@click.option("--kind", default="mix", show_default=True, help="mix, stem or master.")
@click.option("--track", help="For a stem: the track's name, or its number from 1.")
@click.option("--mix", type=click.Path(path_type=Path, dir_okay=False), help="For a master: a sound file to master.")
@click.option("--loudness", type=float, default=-14.0, show_default=True, help="For a master: LUFS, -30..-8.")
@click.option("--peak", type=float, default=-1.0, show_default=True, help="For a master: dBTP at most, -6..-0.1.")
@click.option("--rate", type=int, default=48_000, show_default=True, help="Frames a second, 44100 or 48000.")
@click.option("--title", default="", help="For the tags. [default: the song's]")
@click.option("--artist", default="", help="For the tags.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("song.wav"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(out: Path, as_json: bool, song: Path | None, mix: Path | None, **wanted: Any) -> None:
    """The sound of a song by the built-in synth, or a master of anybody's mix, as WAV, FLAC or MP3 with tags."""
    from aigc_music.engine import AudioRequest

    from .making import check_place, make, tell

    check_place(out, "audio", 1)
    wanted |= {name: str(path) for name, path in (("song", song), ("mix", mix)) if path is not None}
    # nothing is left to chance in rendering, so its seed is no question
    tell(make([AudioRequest(**wanted, seed=0)], "rendering"), out, as_json, _line)


def _line(result: Result) -> str:
    request: Any = result.request
    quality = result.quality
    off = quality.get("off_target_lu", 0.0)
    short = f", {abs(off):.1f} LU from the {request.loudness:g} asked for" if abs(off) > 0.2 else ""
    return (
        f"{result.artifacts[0].path}: {request.kind}, {quality['seconds']:.1f} s, {quality['loudness_lufs']:.1f} LUFS"
        f"{short}, true peak {quality['true_peak_dbtp']:.1f} dBTP, made in {result.seconds:.1f} s"
    )
