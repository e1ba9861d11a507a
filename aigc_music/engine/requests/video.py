"""A request for a moving picture: a clip, or a lyric video."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import ClassVar

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.lyrics import TimedLyrics
from aigc_music.core.notes import Score
from aigc_music.core.pictures import Picture
from aigc_music.core.sounds import Sound

from .base import Request, check_range

__all__ = ["VideoRequest"]

KINDS: dict[str, str] = {
    "clip": "moving pictures driven by the music, without words",
    "lyric_video": "the words, wiped syllable by syllable as they are sung, over such pictures",
}
"""What can be made."""

BACKENDS: dict[str, str] = {
    "builtin": "drawn from the song's own notes, with pictures of our own small models",
    "diffusers": "the pictures by a text-to-video model in a local folder or of a hub id (extra 'hub')",
}


@dataclass(frozen=True, slots=True)
class VideoRequest(Request):
    """A moving picture.

    kind: a name of KINDS. preset: a name of generators.video.presets.PRESETS: size, frame rate and what the service
    allows. song: a MIDI file, or a Score, that the pictures are driven by. lyrics: a file of timed lyrics (any format
    of files.lyrics), or TimedLyrics. audio: a sound file, or a Sound; None renders the song where the preset has
    sound. cover: a picture whose colours the film takes up. One of song and audio has to be there.
    title, artist: shown at the beginning of a lyric video, and for the tags. family: a visual family, None takes one
    that suits song and seed. palette: colours by name or hex, None = from the cover, or from key and mood. mood: a
    word or a few. picture: a class that the model paints, for the families that use one.
    start_s: where in the song it begins. seconds: its length, None = as the preset and the song have it. loop:
    whether it closes seamlessly, None = as the preset has it. size, fps: None = the preset's. quality: constant rate
    factor of x264, 0..51, lower is better. label: a visible label of AI-made content at the beginning, as GB 45438
    wants it. layout: of the words, a name of generators.lyric_video.LAYOUTS, None draws one. language: of the words
    as a BCP 47 tag. font: a family to use. allow_missing_glyphs: draw boxes where no
    font has a character, instead of refusing.
    backend, model: see BACKENDS. prompt, steps 1..200, guidance: for diffusion models. seed: None draws one.
    """

    asset: ClassVar[str] = "video"
    PARENTS: ClassVar[tuple[str, ...]] = ("song", "lyrics", "audio", "cover")

    kind: str = "clip"
    preset: str = "youtube"
    song: str | Score | None = None
    lyrics: str | TimedLyrics | None = None
    audio: str | Sound | None = None
    cover: str | Picture | None = None
    title: str = ""
    artist: str = ""
    family: str | None = None
    palette: str | None = None
    mood: str = ""
    picture: str | None = None
    start_s: float = 0.0
    seconds: float | None = None
    loop: bool | None = None
    size: tuple[int, int] | None = None
    fps: int | None = None
    quality: int = 20
    label: bool = False
    layout: str | None = None
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
        self._set("kind", choose("kind of video", self.kind, KINDS))
        self._set("backend", choose("backend", self.backend, BACKENDS))
        if self.song is None and self.audio is None:
            raise UsageError("a video needs music: name a MIDI file (--song FILE.mid) or a sound file (--audio FILE)")
        if self.kind == "lyric_video" and self.lyrics is None:
            raise UsageError("a lyric video needs timed lyrics: name a file (lyrics=..., --lyrics FILE.lrc)")
        check_range("start_s", self.start_s, 0, 36_000, "seconds into the song")
        if self.seconds is not None:
            check_range("seconds", self.seconds, 0.5, 36_000, "seconds")
        if self.size is not None:
            for side in self.size:
                check_range("size", side, 64, 4096, "pixels a side")
                if side % 2:
                    raise UsageError(f"size {self.size!r}: video has even sides, give {side - 1} or {side + 1}")
        if self.fps is not None:
            check_range("fps", self.fps, 1, 120, "frames a second")
        check_range("quality", self.quality, 0, 51, "constant rate factor, lower is better")
        check_range("steps", self.steps, 1, 200, "denoising steps")
        check_range("guidance", self.guidance, 0, 50, "how strongly the prompt counts")
        for name in ("title", "artist"):
            text = getattr(self, name)
            if len(text) > 200:
                raise UsageError(f"{name} has {len(text)} characters: give 200 at the most")
            self._set(name, " ".join(text.split()))
