"""`aigc-music generate`: one asset from one request; one file a kind."""

from __future__ import annotations

from importlib import import_module

import click

# kind -> (module, one line for the list)
KINDS: dict[str, tuple[str, str]] = {
    "music": ("generate_music", "A piece of music as a MIDI file."),
    "words": ("generate_words", "Lyrics that fit a melody, titles, stories, game content ..."),
    "cover": ("generate_cover", "A sleeve that stores accept, drawn from the song itself."),
    "audio": ("generate_audio", "A mix, a stem or a master, as the band sounds live."),
    "clip": ("generate_clip", "Moving pictures and loops that follow every note."),
    "video": ("generate_video", "A lyric video, wiped syllable by syllable."),
}

EPILOG = """\b
Examples:
  aigc-music generate music --style jazz --key "F major" --bars 32 --out tune.mid
  aigc-music generate words --melody tune.mid --theme "harbour lights" --out lyrics.json
  aigc-music generate cover --title "Harbour Lights" --artist "Ada Park" --song tune.mid --out cover.jpg
  aigc-music generate audio --song tune.mid --kind master --out tune.wav
  aigc-music generate clip --song tune.mid --preset canvas --out canvas.mp4
  aigc-music generate video --song tune.mid --lyrics lyrics.json --cover cover.jpg --out video.mp4
"""


class Kinds(click.Group):
    """A group whose kinds are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(KINDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in KINDS:
            return None
        return import_module(f"aigc_music.cli.{KINDS[cmd_name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Kinds"):
            formatter.write_dl([(name, line) for name, (_, line) in KINDS.items()])


@click.group("generate", cls=Kinds, epilog=EPILOG)
def command() -> None:
    """Make one asset from one request: music, words, a cover, sound, a clip, a lyric video.

    Beside every file stands NAME.provenance.json: what it was made from and with; 'aigc-music verify' checks it.
    """
