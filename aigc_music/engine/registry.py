"""Which generator serves which request: a table of names, each imported on first use.

The engine knows generators by name only, so a kind of asset or a backend is added by one row here and one folder or
file there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from .job import JobContext
from .requests import Request

__all__ = ["GENERATORS", "Generator", "Material", "generator_for"]

# (asset, backend) of a request -> module and class of the generator
GENERATORS: dict[tuple[str, str], tuple[str, str]] = {
    ("music", "builtin"): ("aigc_music.generators.music.piece", "MusicGenerator"),
    ("text", "builtin"): ("aigc_music.generators.words.builtin", "BuiltinWords"),
    ("text", "transformers"): ("aigc_music.generators.words.hub", "TransformersWords"),
    ("text", "openai"): ("aigc_music.generators.words.server", "ServerWords"),
    ("image", "builtin"): ("aigc_music.generators.cover.builtin", "BuiltinCover"),
    ("image", "diffusers"): ("aigc_music.generators.cover.diffusion", "DiffusionCover"),
    ("audio", "builtin"): ("aigc_music.generators.audio.render", "AudioGenerator"),
    ("video", "builtin"): ("aigc_music.generators.video.builtin", "BuiltinVideo"),
    ("video", "diffusers"): ("aigc_music.generators.video.diffusion", "DiffusionVideo"),
}


@dataclass(frozen=True, slots=True)
class Material:
    """Something a result was made with: a model, a font, a server.

    role: model, font or server. sha256: of its weights or file, None where nobody can know. data: sets it learned
    from, each with `set` and `licence`.
    """

    role: str
    name: str
    sha256: str | None = None
    licence: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of_card(cls, card: dict[str, Any]) -> Material:
        """A model by its card."""
        data = [{"set": row["set"], "licence": row["licence"]} for row in card.get("data", [])]
        return cls("model", str(card.get("name")), card.get("sha256"), str(card.get("licence", "")), data)


class Generator(Protocol):
    """What the engine needs of a generator; made from one request.

    The constructor checks the request: UsageError, FileError and ModelError for all that cannot be done (missing
    fonts and glyphs, sizes, files), before any work.
    """

    request: Request
    """As asked, with all that was left open decided."""

    def stream(self, job: JobContext) -> Iterator[Any]:
        """The parts of the result as they are decided: notes, lines, previews."""
        ...

    def generate(self, job: JobContext) -> Any:
        """The whole result: a Score, a Text, a Picture, a Sound or a Film. Tells its progress at least every
        0.3 s."""
        ...

    def materials(self) -> list[Material]:
        """What it was made with; complete after `generate`."""
        ...

    def quality(self) -> dict[str, Any]:
        """Measured figures of what `generate` gave, as JSON values. `rank` (lower is better) orders n-best."""
        ...

    def disclosure(self) -> dict[str, str]:
        """Per role (composition, lyrics, vocals, instruments, artwork, video): none, assisted or generated."""
        ...


def generator_for(request: Request) -> Generator:
    """The generator that serves `request`, which is checked by this."""
    module, name = GENERATORS[request.asset, request.backend]
    generator: Generator = getattr(import_module(module), name)(request)
    return generator
