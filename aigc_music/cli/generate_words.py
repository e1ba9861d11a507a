"""`aigc-music generate words`: lyrics that fit a melody, and the other texts that go with music."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aigc_music.engine import Result

EPILOG = """\b
Kinds: lyrics, title, story, news, script, album-notes, and game content as JSON: character, quest, scene.
With --melody, NAME.txt, .lrc, .a2.lrc (word times), .srt, .ass (karaoke) and .ttml stand beside NAME.json.

\b
Examples:
  aigc-music generate words --melody tune.mid --theme "harbour lights" --out lyrics.json
  aigc-music generate words --melody tune.mid --scheme ABAB --seed 7 --n 5 --out lyrics.json
  aigc-music generate words --language zh --melody tune.mid --theme 秋夜 --out ci.json
  aigc-music generate words --language zh --tune 如梦令 --theme 江南 --out ci.json
  aigc-music generate words --lines 8 --syllables 8 --scheme AABB --theme winter --out verse.json
  aigc-music generate words --kind album-notes --melody tune.mid --out notes.json
  aigc-music generate words --kind quest --theme "the drowned bell" --out quest.json
  aigc-music generate words --melody tune.mid --backend openai --url http://127.0.0.1:11434/v1 \\
      --model llama3.2 --out lyrics.json                                   (Ollama, LM Studio, llama.cpp, vLLM)
"""


@click.command("words", epilog=EPILOG)
@click.option("--kind", default="lyrics", show_default=True, help="What to write, see below.")
@click.option("--melody", type=click.Path(path_type=Path, dir_okay=False), help="MIDI file that the words fit.")
@click.option("--track", help="Which track sings: its name, or its number from 1. [default: the melody]")
@click.option("--language", default="en", show_default=True, help="en or zh.")
@click.option("--theme", default="", help="Words or a sentence that it is about.")
@click.option("--title", default="", help="As far as it is known. [default: drawn]")
@click.option("--artist", default="", help="Who sings it.")
@click.option("--scheme", help="A letter a line, such as ABAB; '-' does not rhyme. [default: suits the form]")
@click.option("--tune", help="Chinese: the ci tune whose form is kept, such as 如梦令.")
@click.option("--lines", type=int, help="Without a melody: how many lines, 1..2000.")
@click.option("--syllables", type=int, help="Without a melody: syllables a line, 1..24.")
@click.option("--longest-copy", type=int, default=7, show_default=True,
              help="Words in a row that may stand in a training text, 3..20.")  # fmt: skip
@click.option("--temperature", type=float, default=0.8, show_default=True, help="How daring, 0.2..2.")
@click.option("--modern/--old", default=True, show_default=True, help="Leave out words that nobody says today.")
@click.option("--backend", default="builtin", show_default=True, help="builtin, transformers or openai.")
@click.option("--model", default="default", show_default=True, help="Folder, hub id, or name on the server.")
@click.option("--url", default="http://127.0.0.1:11434/v1", show_default=True,
              help="Of an OpenAI-compatible server; its key, if it wants one, in AIGC_MUSIC_API_KEY.")  # fmt: skip
@click.option("--timeout", "timeout_s", type=float, default=60.0, show_default=True, help="Seconds for one answer.")
@click.option("--seed", type=int, help="Number that fixes all chance. Default: a new one, shown.")
@click.option("--n", "count", type=int, default=1, show_default=True, help="Make several, best first.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("words.json"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(count: int, out: Path, as_json: bool, seed: int | None, melody: Path | None, **wanted: Any) -> None:
    """Lyrics that fit a melody note by note, verses without one, titles, stories, game content."""
    from aigc_music.engine import TextRequest

    from .making import check_place, make, tell

    check_place(out, "text", count)
    if seed is not None:
        wanted["seed"] = seed
    first = TextRequest(melody=None if melody is None else str(melody), **wanted)
    results = make([replace(first, seed=first.seed + index) for index in range(count)], "writing")
    results.sort(key=lambda result: result.quality.get("rank", 0.0))
    tell(results, out, as_json, _line)


def _line(result: Result) -> str:
    return f"{result.artifacts[0].path} (seed {result.request.seed}, {result.seconds:.1f} s)\n\n{result.text.plain}\n"
