"""A request for a picture: a cover for a release, or material for one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import ClassVar

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.notes import Score

from .base import Request, check_range

__all__ = ["BACKENDS", "KINDS", "ImageRequest"]

KINDS: dict[str, str] = {
    "cover": "a finished sleeve that stores accept, title and artist set in type",
    "picture": "a picture alone, as the model paints it",
}

BACKENDS: dict[str, str] = {
    "builtin": "drawn from the song's own notes, with pictures of our own small models",
    "diffusers": "the picture by a diffusion model in a local folder or of a hub id (extra 'hub'), the type by us",
}


@dataclass(frozen=True, slots=True)
class ImageRequest(Request):
    """A picture.

    kind: a name of KINDS. title, artist: what a cover says and nothing else; each may be empty. song: a MIDI file, or
    a Score, that the picture is drawn from. family: a design family, None takes one that suits song and seed.
    palette: colours by name or hex ('#102030,#f0e0d0'), None = from key and mood. mood: a word or a few. picture: a
    class that the model paints (landscape, city, portrait, engraving, nature), None = as the family wants.
    size: width and height in pixels, 64..6000, covers are square. explicit: the release is flagged so.
    language: of title and artist as a BCP 47 tag, which chooses the form of shared characters. font: a family to use.
    allow_missing_glyphs: draw boxes where no font has a character, instead of refusing.
    backend, model: see BACKENDS. prompt, steps 1..200, guidance: for diffusion models. seed: None draws one.
    """

    asset: ClassVar[str] = "image"
    PARENTS: ClassVar[tuple[str, ...]] = ("song",)

    kind: str = "cover"
    title: str = ""
    artist: str = ""
    song: str | Score | None = None
    family: str | None = None
    palette: str | None = None
    mood: str = ""
    picture: str | None = None
    size: tuple[int, int] = (3000, 3000)
    explicit: bool = False
    language: str = ""
    font: str | None = None
    allow_missing_glyphs: bool = False
    backend: str = "builtin"
    model: str = "default"
    prompt: str = ""
    steps: int = 20
    guidance: float = 5.0
    seed: int = field(default_factory=lambda: secrets.randbelow(1 << 31))

    def __post_init__(self) -> None:
        self._settle_parents()
        self._set("kind", choose("kind of picture", self.kind, KINDS))
        self._set("backend", choose("backend", self.backend, BACKENDS))
        width, height = self.size
        for side in (width, height):
            check_range("size", side, 64, 6000, "pixels a side")
        if self.kind == "cover" and width != height:
            raise UsageError(f"size {width} x {height}: covers are square, give the same number twice")
        check_range("steps", self.steps, 1, 200, "denoising steps")
        check_range("guidance", self.guidance, 0, 50, "how strongly the prompt counts")
        for name in ("title", "artist"):
            text = getattr(self, name)
            if len(text) > 200:
                raise UsageError(f"{name} has {len(text)} characters: give 200 at the most")
            self._set(name, " ".join(text.split()))
