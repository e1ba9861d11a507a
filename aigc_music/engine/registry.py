"""Which generator serves which request: a table of names, each imported on first use.

The engine knows generators by name only, so a kind of asset is added by one row here and one folder there.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, Protocol

from aigc_music.core.notes import Note, Score

from .requests import MusicRequest

__all__ = ["GENERATORS", "Generator", "generator_for"]

# type of request -> module and class of the generator
GENERATORS: dict[type, tuple[str, str]] = {
    MusicRequest: ("aigc_music.generators.music.piece", "MusicGenerator"),
}


class Generator(Protocol):
    """What the engine needs of a generator; made from one request."""

    request: MusicRequest  # as asked, with all that was left open decided
    card: dict[str, Any]

    def stream(self) -> Iterator[Note]:
        """The parts of the result as they are decided."""
        ...

    def generate(self) -> Score:
        """The whole result."""
        ...


def generator_for(request: MusicRequest) -> Generator:
    """The generator that serves `request`. KeyError for a type of request that no generator serves."""
    module, name = GENERATORS[type(request)]
    generator: Generator = getattr(import_module(module), name)(request)
    return generator
