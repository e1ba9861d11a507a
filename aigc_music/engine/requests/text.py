"""A request for words: lyrics fitted to a melody, and the other texts that go with music."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import ClassVar

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.notes import Score

from .base import Request, check_range

__all__ = ["BACKENDS", "KINDS", "LANGUAGES", "TextRequest"]

KINDS: dict[str, str] = {
    "lyrics": "words that fit a melody, note by note, or verses where there is none",
    "title": "names for a song or a record",
    "story": "a short story",
    "news": "a news item about the music",
    "script": "a short scene as a script, for a video",
    "album-notes": "notes for the sleeve, from the music's own facts",
    "character": "a game character, as JSON",
    "quest": "a game quest, as JSON",
    "scene": "a game scene, as JSON",
}
"""What can be written."""

LANGUAGES: dict[str, str] = {"en": "English", "zh": "Chinese, simplified characters"}

BACKENDS: dict[str, str] = {
    "builtin": "our own small models, offline",
    "transformers": "a language model in a local folder or of a hub id (extra 'hub')",
    "openai": "any server with an OpenAI-compatible chat API, such as Ollama, LM Studio, llama.cpp, vLLM",
}

MOST_LINES = 2000


@dataclass(frozen=True, slots=True)
class TextRequest(Request):
    """Words.

    kind: a name of KINDS. melody: a MIDI file, or a Score, that lyrics are fitted to and other kinds tell of.
    track: which track sings, by name or number from 1; None takes the one that looks like a melody.
    language: a name of LANGUAGES. theme: words or a sentence that it is about. title, artist: as far as they are
    known. scheme: letters such as 'AABB' or 'ABAB', one a line, repeated; '-' does not rhyme; None takes one that
    suits. tune: Chinese only, the name of a ci tune whose form is kept. lines 1..2000 and syllables 1..24 a line: for
    lyrics without a melody; None as it suits. longest_copy 3..20: words in a row that may stand in a training text.
    temperature 0.2..2: how daring. modern: leave out words that nobody says today.
    backend: a name of BACKENDS. model: 'default', or a folder, a hub id, or a model's name on the server. url: of the
    server. timeout_s: how long one answer of a server may take. seed: None draws one, which is kept.
    """

    asset: ClassVar[str] = "text"
    PARENTS: ClassVar[tuple[str, ...]] = ("melody",)

    kind: str = "lyrics"
    melody: str | Score | None = None
    track: str | None = None
    language: str = "en"
    theme: str = ""
    title: str = ""
    artist: str = ""
    scheme: str | None = None
    tune: str | None = None
    lines: int | None = None
    syllables: int | None = None
    longest_copy: int = 7
    temperature: float = 0.8
    modern: bool = True
    backend: str = "builtin"
    model: str = "default"
    url: str = "http://127.0.0.1:11434/v1"
    timeout_s: float = 60.0
    seed: int = field(default_factory=lambda: secrets.randbelow(1 << 31))

    def __post_init__(self) -> None:
        self._settle_parents()
        self._set("kind", choose("kind of text", self.kind, KINDS))
        self._set("language", choose("language", self.language, LANGUAGES))
        self._set("backend", choose("backend", self.backend, BACKENDS))
        if self.scheme is not None:
            scheme = self.scheme.upper().replace(" ", "")
            if not re.fullmatch(r"[A-Z-]{1,64}", scheme):
                raise UsageError(f"scheme {self.scheme!r}: give a letter a line, such as AABB, '-' where none rhymes")
            self._set("scheme", scheme)
        if self.tune is not None and self.language != "zh":
            raise UsageError(f"tune {self.tune!r}: ci tunes are Chinese forms, give language 'zh' with it")
        if self.lines is not None:
            check_range("lines", self.lines, 1, MOST_LINES, "lines of text")
        if self.syllables is not None:
            check_range("syllables", self.syllables, 1, 24, "syllables a line")
        check_range("longest_copy", self.longest_copy, 3, 20, "words in a row")
        check_range("temperature", self.temperature, 0.2, 2, "how daring")
        check_range("timeout_s", self.timeout_s, 0.1, 3600, "seconds")
        if self.backend == "openai" and not re.match(r"https?://[^\s/]+", self.url):
            raise UsageError(f"url {self.url!r}: give the server's address, such as http://127.0.0.1:11434/v1")
