"""The command line: one file a verb, loaded only when that verb is asked for.

Errors leave as one line on stderr (what, allowed, next step), exit code 2 for usage and 1 for the rest. With
--json the last line of stdout is one JSON object; its keys are a contract.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

# one thread per process: a second one on a busy laptop makes decoding many times slower, never faster
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import click

from aigc_music.core.errors import AigcMusicError

__all__ = ["cli", "main"]

# verb -> (module, one line for the list of verbs)
VERBS: dict[str, tuple[str, str]] = {
    "live": ("live", "Play along: generated notes, in time, into your DAW."),
    "ports": ("ports", "List MIDI and audio ports, and what to do with them."),
    "doctor": ("doctor", "Check what this machine can do, and how to mend what it can't."),
    "generate": ("generate", "Make one asset: music, words, a cover, sound, a clip, a video."),
    "release": ("release", "From one brief to a whole release folder."),
    "verify": ("verify", "Check where a file comes from, and that nothing was changed."),
    "rate": ("rate", "Keep or discard a piece: new music leans your way."),
    "models": ("models", "List the trained models with their cards."),
    "lyrics": ("lyrics", "Lyrics in time from one file format to another."),
    "evaluate": ("evaluate", "Measure a model, or a finished work."),
    "train": ("train", "Train a model of music, words or pictures."),
    "bench": ("bench", "Measure speed and timing on this machine."),
}


class Verbs(click.Group):
    """A group whose verbs are imported on use, so that --help loads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return import_module(f"aigc_music.cli.{VERBS[cmd_name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from aigc_music.core.errors import choose

        choose("verb", args[0], VERBS)
        return super().resolve_command(ctx, args)


EPILOG = """\b
Examples:
  aigc-music live                          play alone in pop, 100 bpm; Ctrl-C ends
  aigc-music live --role accompany --style jazz --bpm 140 --key "F major"
  aigc-music live --sync midi --to Ardour  follow the DAW's clock
  aigc-music generate music --style chorale --bars 16 --out chorale.mid
  aigc-music release brief.toml out/       song, words, cover, videos, labels, signatures
  aigc-music ports                         what to connect
"""


@click.group(
    cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(None, "--version", package_name="aigc-music", prog_name="aigc-music")
def cli() -> None:
    """aigc-music: a co-player for your DAW. A trained model plays along, in time, over a virtual MIDI port."""


def main() -> None:
    """Entry point: run a verb, turn every error into one line and an exit code."""
    try:
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except AigcMusicError as error:
        _leave(" ".join(str(error).split()), error.exit_code)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "aigc-music"
        _leave(f"{error.format_message()} See '{where} --help'.", 2)
    except click.ClickException as error:
        _leave(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _leave("stopped", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _leave(f"{error.filename or 'the system'}: {error.strerror or error}", 1)


def _leave(text: str, code: int) -> None:
    print(f"aigc-music: {text}", file=sys.stderr)
    sys.exit(code)
