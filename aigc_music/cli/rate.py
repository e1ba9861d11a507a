"""`aigc-music rate`: keep or discard a piece or a cover; what was learned from it; forget it all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.styles import STYLE_NAMES

if TYPE_CHECKING:
    from aigc_music.core.notes import Score
    from aigc_music.engine.picture_taste import PictureTaste
    from aigc_music.engine.taste import Taste

VERDICTS = ("keep", "discard")

EPILOG = """\b
While 'aigc-music live' plays, y keeps and n discards the last eight bars.

\b
Examples:
  aigc-music rate tune.mid keep
  aigc-music rate tune-2.mid discard --style jazz
  aigc-music rate cover-3.jpg keep
  aigc-music rate --list
  aigc-music rate --forget
"""


@click.command("rate", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.argument("verdict", metavar="keep|discard", required=False)
@click.option("--style", help="Style of the piece. Default: what the file says.")
@click.option("--list", "listing", is_flag=True, help="Say what was learned so far.")
@click.option("--forget", is_flag=True, help="Remove every rating from this machine.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(
    path: Path | None, verdict: str | None, style: str | None, listing: bool, forget: bool, as_json: bool
) -> None:
    """Say 'keep' or 'discard' of a piece or a cover, and new ones lean a little your way.

    Of several pieces those like the kept ones come first. A few ratings change next to nothing, twenty that agree
    a lot. Ratings hold figures of the music, never the music, and stay on this machine.
    """
    if listing + forget + (path is not None) != 1:
        raise UsageError("say what to rate and how ('rate tune.mid keep'), or --list, or --forget")
    if path is not None and verdict is None:
        raise UsageError(f"{path}: say 'keep' or 'discard' after the file")

    from aigc_music.engine.encodings import suffixes_of
    from aigc_music.engine.picture_taste import PictureTaste
    from aigc_music.engine.taste import Taste

    taste, pictures = Taste.load(), PictureTaste.load()
    if forget:
        gone = taste.forget() + pictures.forget()
        _answer({"forgotten": gone, "path": str(taste.path)}, f"ratings forgotten: {gone}", as_json)
    elif listing:
        _list(taste, pictures, as_json)
    elif path is not None:
        keep = choose("verdict", verdict or "", VERDICTS) == "keep"
        if path.suffix.lower() in suffixes_of("image"):
            found = {"rated": str(path), "keep": keep, "traits": pictures.rate(path, keep)}
            words = f"{path}: {'kept' if keep else 'discarded'}; {pictures.words()}"
            _answer(found | {"ratings": len(pictures.rows)}, words, as_json)
        else:
            _rate(taste, path, keep, style, as_json)


def _rate(taste: Taste, path: Path, keep: bool, style: str | None, as_json: bool) -> None:
    from aigc_music.files.midi import read_score

    score = read_score(path)
    style = choose("style", style, STYLE_NAMES) if style is not None else style_of(score)
    try:
        rating = taste.rate(score, keep, style, controls_of(score))
    except UsageError as err:
        raise UsageError(f"{path}: {err}") from err
    found = {"rated": str(path), "keep": keep, "style": rating.style, "ratings": len(taste.ratings)}
    words = f"{path}: {'kept' if keep else 'discarded'} as {style or 'music of no known style'}"
    _answer(found, f"{words}; {taste.words()}", as_json)


def _list(taste: Taste, pictures: PictureTaste, as_json: bool) -> None:
    learned = {"all": taste.words()} | {style: taste.words(style) for style in taste.styles}
    found = {
        "ratings": len(taste.ratings),
        "kept": sum(rating.keep for rating in taste.ratings),
        "damaged": taste.damaged,
        "path": str(taste.path),
        "learned": learned,
        "nudges": {name: taste.nudge(None if name == "all" else name) for name in learned},
    }
    found["covers"] = {"ratings": len(pictures.rows), "learned": pictures.words()}
    lines = [f"{name + ':':10} {words}" for name, words in learned.items()]
    if pictures.rows:
        lines.append(f"{'covers:':10} {pictures.words()}")
    nudge = ", ".join(f"{name} {offset:+g}" for name, offset in taste.nudge(None).items())
    if nudge:
        lines.append(f"{'leans:':10} {nudge} (where you say nothing)")
    if taste.damaged:
        lines.append(f"{taste.damaged} damaged lines in {taste.path} are left out")
    _answer(found, "\n".join(lines), as_json)


def style_of(score: Score) -> str | None:
    """The style that a piece of ours names in its title ('jazz in C major, ...') or as the last one of a take."""
    title = score.title.partition(" in ")[0]
    named = [title, *(_knobs(text).get("style", "") for _, text in score.markers)]
    return next((name for name in reversed(named) if name in STYLE_NAMES), None)


def controls_of(score: Score) -> dict[str, Any]:
    """What the file says of how it was asked for: key, tempo, metre; of a take also where the knobs stood last."""
    found: dict[str, Any] = {}
    if score.keys:
        found["key"] = score.keys[0][1]
    if score.tempos:
        found["bpm"] = round(score.tempos[0][1], 2)
    if score.metres:
        found["metre"] = str(score.metres[0][1])
    for _, text in score.markers:
        for name, value in _knobs(text).items():
            if name in ("density", "temperature", "energy", "swing", "strength"):
                try:
                    found[name] = float(value)
                except ValueError:
                    continue
            elif name == "role":
                found[name] = value
    return found


def _knobs(marker: str) -> dict[str, str]:
    """'style: jazz, density: 0.6' -> both."""
    pairs = (entry.partition(": ") for entry in marker.split(", "))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _answer(found: dict[str, Any], words: str, as_json: bool) -> None:
    click.echo(json.dumps(found) if as_json else words)
