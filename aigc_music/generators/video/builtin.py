"""Films drawn from a song: clips, loops and lyric videos, at the size and by the rules of a preset.

Threads: one a generator. Realtime-safe: no.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError, choose
from aigc_music.core.films import Film
from aigc_music.core.lyrics import TimedLyrics
from aigc_music.core.sounds import Sound
from aigc_music.engine.ancestry import inherited_disclosure
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import AudioRequest, VideoRequest
from aigc_music.engine.streams import stream
from aigc_music.files.audio import read_sound, resampled
from aigc_music.files.video import SOUND_RATE

from ..audio.render import AudioGenerator
from ..clip import FAMILIES, choose_family, make_scene, musical_stretch, palette_of
from ..clip.scene import Scene, Stage
from ..design.fonts import FontBook
from ..design.material import load_painter
from ..facts import facts_of
from ..lyric_video import LabelledScene, LyricScene, label_text, reserved
from ..lyric_video.measure import figures as words_figures
from ..timeline import Timeline, timeline_of
from ..timeline_of_sound import timeline_of_sound
from .presets import PRESETS, Preset
from .render import previews, render
from .soundtrack import stretch_of
from .words import lyrics_of

__all__ = ["BuiltinVideo"]

_PAINTER = "pictures"
_LOOKS = 30  # frames at most in which the contrast of words is measured
_RINGS_S = 1.5  # what a film shows after a song's last beat, while its last notes ring


class BuiltinVideo:
    """One request for a film. `request` is the request as settled: preset, family, palette, stretch, size and rate
    are known.

    UsageError, FileError and ModelError for what cannot be done, before a frame is drawn.
    """

    def __init__(self, request: VideoRequest) -> None:
        request = replace(request, preset=choose("preset", request.preset, PRESETS))
        self.preset = PRESETS[request.preset]
        _check(request, self.preset)
        self.lyrics = lyrics_of(request.lyrics) if request.kind == "lyric_video" and request.lyrics else None
        self.sound = _own_sound(request)
        self.timeline = _timeline(request, self.sound)
        request = self._settled(request)
        request = _stretched(request, self.preset, self.timeline, self.sound)
        if request.label:
            FontBook("zh-Hans").refuse_text(label_text(request.language))
        self.request = request
        self.stage = self._stage(request)
        self._scene: Scene | None = None
        self.worded: LyricScene | None = None
        self._labelled: LabelledScene | None = None
        self._figures: dict[str, Any] = {}

    def stream(self, job: JobContext) -> Iterator[NDArray[np.uint8]]:
        """A small picture (h, w, 3) of every second."""
        yield from previews(self.drawn(job), self.stage, job)

    def generate(self, job: JobContext) -> Film:
        """The whole film."""
        request, began = self.request, time.process_time()
        scene = self.drawn(job)
        film = render(
            scene, self.stage, job, quality=request.quality, sound=self.soundtrack(job), title=request.title,
            artist=request.artist, still=self.preset.still,
        )  # fmt: skip
        cpu = time.process_time() - began
        self._figures = {
            "family": request.family, "preset": request.preset, "frames": film.frames,
            "seconds": round(film.seconds, 3), "bytes": len(film.data),
            "megabits": round(8e-6 * len(film.data) / film.seconds, 3),
            "cpu_ms_per_frame": round(1e3 * cpu / film.frames, 1), "rank": 0.0,
        }  # fmt: skip
        if self.worded is not None:
            job.progress(0.99, "measuring the words")
            every_s = max(2.0, film.seconds / _LOOKS)
            self._figures |= words_figures(self.worded, self.preset.safe, every_s)
        return film

    def materials(self) -> list[Material]:
        """The picture model where the family paints, and the faces that words are set in."""
        rows = [Material.of_card(self._painter.card)] if self._painter is not None else []
        for scene in (self.worded, self._labelled):
            rows += [row for row in scene.materials() if row not in rows] if scene is not None else []
        return rows

    def quality(self) -> dict[str, Any]:
        """Measured figures, see README. Empty before `generate`."""
        return dict(self._figures)

    def disclosure(self) -> dict[str, str]:
        """What song, words, sound and cover say of themselves; the pictures are generated."""
        return inherited_disclosure(self.request) | {"video": "generated"}

    def _settled(self, request: VideoRequest) -> VideoRequest:
        """Family, palette, class of picture, size, rate, title and language decided."""
        song = self.timeline.fingerprint()
        family = request.family or choose_family(self.timeline, stream(request.seed, f"video.family.{song}"))
        family = choose("family", family, FAMILIES)
        request = replace(request, family=family)
        self._palette = palette_of(request, self.timeline, stream(request.seed, f"video.palette.{song}"))
        picture = FAMILIES[family].picture
        self._painter = load_painter(_PAINTER) if picture is not None else None
        if self._painter is not None:
            asked = choose("class of picture", request.picture or str(picture), self._painter.classes)
            request = replace(request, picture=asked)
        named: TimedLyrics | Sound | None = self.lyrics or self.sound
        return replace(
            request,
            palette=request.palette or (None if request.cover else self._palette.name),
            size=request.size or self.preset.size,
            fps=request.fps or self.preset.fps,
            loop=self.preset.loop if request.loop is None else request.loop,
            title=request.title or (named.title if named else ""),
            language=request.language or (self.lyrics.language if self.lyrics else ""),
        )

    def _stage(self, request: VideoRequest) -> Stage:
        assert request.size and request.fps and request.seconds and request.loop is not None
        kept = () if self.lyrics is None else reserved(self.lyrics, request.size, request, self.preset.safe)
        return Stage(
            timeline=self.timeline, size=request.size, fps=request.fps, start_s=request.start_s,
            seconds=request.seconds, loop=request.loop, palette=self._palette,
            rng=stream(request.seed, f"video.scene.{self.timeline.fingerprint()}"), mood=request.mood,
            picture=request.picture, reserved=kept,
        )  # fmt: skip

    def drawn(self, job: JobContext) -> Scene:
        """The scene with all that lies over it, made once."""
        if self._scene is None:
            job.progress(0.0, "setting the scene")
            self._scene = self._ground(job)
            if self.lyrics is not None:
                self.worded = LyricScene(self._scene, self.lyrics, self.stage, self.request, self.preset.safe)
                self._scene = self.worded
            if self.request.label:
                text = label_text(self.request.language)
                self._labelled = LabelledScene(self._scene, self.stage, text, self.preset.safe)
                self._scene = self._labelled
        return self._scene

    def _ground(self, job: JobContext) -> Scene:
        """What is seen below words and labels."""
        return make_scene(self.request, self.stage)

    def soundtrack(self, job: JobContext) -> Sound | None:
        """What is heard, as long as what is seen; None where the preset is silent."""
        if not self.preset.sound:
            return None
        if self.sound is None:
            assert self.request.song is not None
            job.progress(0.0, "rendering the sound")
            played = AudioGenerator(AudioRequest(song=self.request.song, rate=SOUND_RATE, seed=self.request.seed))
            quiet = JobContext(job.seed, cancelled=job.cancelled)  # frames are what progress is told of
            self.sound = Sound(np.concatenate(list(played.stream(quiet))), SOUND_RATE)
        return stretch_of(self.sound, self.stage.start_s, self.stage.seconds)


def _check(request: VideoRequest, preset: Preset) -> None:
    """UsageError for what the preset does not take. A label of AI-made content may stand everywhere: the law asks for
    it, not the service."""
    name = request.preset
    if not preset.words and request.kind == "lyric_video":
        raise UsageError(f"preset {name!r} ({preset.what}) takes no words: make a clip, or choose another preset")
    if request.seconds is not None and not preset.shortest <= request.seconds <= preset.longest:
        raise UsageError(
            f"{request.seconds:g} seconds: preset {name!r} takes {preset.shortest:g}..{preset.longest:g} seconds"
        )


def _own_sound(request: VideoRequest) -> Sound | None:
    """The sound that was given, at the rate of films."""
    if isinstance(request.audio, Sound):
        return resampled(request.audio, SOUND_RATE)
    return None if request.audio is None else read_sound(request.audio, SOUND_RATE)


def _timeline(request: VideoRequest, sound: Sound | None) -> Timeline:
    if request.song is not None:
        return timeline_of(facts_of(request.song))
    assert sound is not None
    return timeline_of_sound(sound)


def _stretched(request: VideoRequest, preset: Preset, timeline: Timeline, sound: Sound | None) -> VideoRequest:
    """The request with its stretch of the song settled, in whole frames: of whole bars where it has to close."""
    assert request.fps
    whole = timeline.seconds + _RINGS_S if sound is None else sound.seconds
    left = whole - request.start_s
    if left <= 0:
        raise UsageError(f"start_s {request.start_s:g} lies behind the end of the song: give 0..{whole:.1f} seconds")
    start_s, seconds = request.start_s, request.seconds
    if seconds is not None and seconds > left + _RINGS_S:
        raise UsageError(f"{seconds:g} seconds from {start_s:g} on: the song has {left:.1f} left, give less")
    if seconds is None and request.loop:
        start_s, seconds = musical_stretch(timeline, start_s, preset.shortest, preset.seconds or preset.longest)
    elif seconds is None:
        seconds = min(left, preset.seconds or left, preset.longest)
    frames = max(1, round(seconds * request.fps))
    return replace(request, start_s=start_s, seconds=frames / request.fps)
