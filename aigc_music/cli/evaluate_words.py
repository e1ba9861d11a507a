"""`aigc-music evaluate words`: a language model on texts it has not seen, or one text of yours as a song sheet."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aigc_music.core.errors import UsageError

EPILOG = """\b
Examples:
  aigc-music evaluate words lyrics.json                  (syllables, rhyme, stress, copies of a song sheet)
  aigc-music evaluate words song.lrc --language en       (the same of any lyrics file)
  aigc-music evaluate words sets/ --model words-en       (bits a word of the model on the test part)
"""


@click.command("words", epilog=EPILOG)
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Language model, see 'aigc-music models'. [default: the one of the language]")
@click.option("--language", help="en or zh. [default: as the file says, else en]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object as the last line of stdout.")
def command(path: Path, model: str | None, language: str | None, as_json: bool) -> None:
    """Figures of PATH: a song sheet (.json of 'generate words'), another lyrics file, or a folder of texts."""
    figures = _of_model(path, model, language) if path.is_dir() else _of_text(path, language)
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
        return
    for name, value in figures.items():
        if isinstance(value, list):
            for row in value:
                click.echo(f"  {name.replace('_', ' ')}: {row}")
        elif isinstance(value, int | float | str):
            click.echo(f"{name.replace('_', ' '):28} {value:.4g}" if isinstance(value, float) else
                       f"{name.replace('_', ' '):28} {value}")  # fmt: skip


def _of_model(path: Path, model: str | None, language: str | None) -> dict[str, object]:
    from aigc_music.core.errors import choose
    from aigc_music.engine.requests.text import LANGUAGES
    from models.words.language.evaluate import evaluate

    return dict(evaluate(path, model or f"words-{choose('language', language or 'en', LANGUAGES)}"))


def _of_text(path: Path, language: str | None) -> dict[str, object]:
    from aigc_music.core.errors import choose
    from aigc_music.engine.requests.text import LANGUAGES
    from aigc_music.files.lyrics import read_lyrics
    from aigc_music.files.lyrics.rules import problems
    from models.words.language.model import LanguageModel
    from models.words.language.originality import Index

    lines: list[str] = []
    said, lyrics = "", None
    if path.suffix.lower() == ".json":
        try:
            document = json.loads(path.read_bytes())
            lines, said = [str(row["text"]) for row in document["lines"]], str(document.get("language", ""))
        except (ValueError, KeyError, TypeError):
            lines = []
    if not lines:
        lyrics = read_lyrics(path)
        lines, said = [line.text for line in lyrics], lyrics.language
    if not lines:
        raise UsageError(f"{str(path)!r} holds no line of words")
    language = choose("language", language or said[:2] or "en", LANGUAGES)
    name = f"words-{language}"
    from aigc_music.generators.words import sounds
    from aigc_music.generators.words.scorer import distinct

    longest, phrase = Index.load(name).longest_copied(lines)
    words = [sounds.words(line, language) for line in lines]
    one, two = distinct(words, 1), distinct(words, 2)
    figures: dict[str, object] = {
        "lines": len(lines), "language": language, "bits_per_word": LanguageModel.load(name).score(lines),
        "distinct_1": one, "distinct_2": two, "longest_copied": longest, "copied_phrase": phrase,
        "scheme": _scheme(lines, language),
    }  # fmt: skip
    if lyrics is not None:
        figures["rules"] = problems(lyrics)
    return figures


def _scheme(lines: list[str], language: str) -> str:
    """Rhyme letters of the lines, stanzas of four."""
    from models.words.speech.rhyme import scheme

    return " ".join(scheme(lines[at : at + 4], language) for at in range(0, min(len(lines), 64), 4))
