"""Sound rendered from a score by our own synth: stems, the mix, masters.

The stems of a song are as long as its mix and add up to it: each goes through the room and the chorus as in the mix,
and through the gain that the limiter of the mix had at that moment. A master is made of the mix before that limiter,
which has one of its own; or of a finished mix that is given.

Threads: one a generator. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.notes import Score
from aigc_music.core.sounds import Sound
from aigc_music.engine.ancestry import inherited_disclosure
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import AudioRequest
from aigc_music.files.audio import MAX_SECONDS, read_sound, resampled
from aigc_music.files.audio.loudness import LEAST_LOUDNESS, loudness_of
from aigc_music.files.midi import read_score
from bridge.synth.parts import Stretch, render_parts

from .figures import figures_of
from .mastering import mastered

__all__ = ["AudioGenerator", "track_names"]

_TAIL_SECONDS = 4.0  # what a render takes at most beyond the score's end, for the share that is told


class AudioGenerator:
    """One request for sound. `request` is the request as settled: track by its name, title from the song.

    UsageError and FileError for what cannot be done, before anything is rendered; a mix to master is read for that.
    """

    def __init__(self, request: AudioRequest) -> None:
        self.score = None if request.song is None else _score_of(request.song)
        self.mix = None if request.mix is None else _mix_of(request)
        self.track = None
        title = request.title or (self.score.title if self.score else "") or (self.mix.title if self.mix else "")
        if request.kind == "stem" and self.score is not None:
            self.track = _track_of(self.score, str(request.track))
            request = replace(request, track=track_names(self.score)[self.track])
        self.request = replace(request, title=title[:200])
        self._figures: dict[str, Any] = {}

    def stream(self, job: JobContext) -> Iterator[NDArray[np.float32]]:
        """The sound as it is rendered, piece by piece of (n, channels); a master in one piece."""
        yield from {"stem": self._stem, "mix": self._mix, "master": self._master}[self.request.kind](job)

    def generate(self, job: JobContext) -> Sound:
        """The whole sound."""
        self._figures = {}
        frames = np.concatenate(list(self.stream(job)))
        sound = Sound(np.ascontiguousarray(frames), self.request.rate, self._title(), self.request.artist)
        measured = figures_of(sound, lambda done: job.progress(0.85 + 0.15 * done, "measuring"))
        self._figures |= measured | {"rank": 0.0}
        if self.request.kind == "master":
            away = round(self._figures["loudness_lufs"] - self.request.loudness, 2)
            self._figures |= {"off_target_lu": away, "rank": abs(away)}
        return sound

    def materials(self) -> list[Material]:
        """None: the synth's sounds are mathematics, no samples and no model."""
        return []

    def quality(self) -> dict[str, Any]:
        """Measured figures, see `figures`; of a mix and a stem limited_db, how much the mix's limiter turned down at
        most; of a master gain_db, reduction_db, limited_share and off_target_lu too. Empty before `generate`."""
        return dict(self._figures)

    def disclosure(self) -> dict[str, str]:
        """What song and mix say of themselves. The instruments of a song are generated; of a mix from outside nothing
        is known, and mastering generates none."""
        played = "generated" if self.mix is None else "none"
        return {"instruments": played} | inherited_disclosure(self.request)

    def _title(self) -> str:
        title, track = self.request.title, self.request.track or ""
        if self.request.kind != "stem" or title.casefold() == track.casefold():
            return title
        return f"{title} ({track})" if title else track

    def _mix(self, job: JobContext) -> Iterator[NDArray[np.float32]]:
        for stretch in self._rendered(job, 0.0, 0.85):
            self._note_limit(stretch)
            yield stretch.heard

    def _stem(self, job: JobContext) -> Iterator[NDArray[np.float32]]:
        """The track's own sound under the gain that the mix has there, so the mix is rendered first."""
        gains = []
        for stretch in self._rendered(job, 0.0, 0.42):
            self._note_limit(stretch)
            gains.append(stretch.gain)
        gain = np.concatenate(gains).astype(np.float32)[:, None]
        done = 0
        for stretch in self._rendered(job, 0.42, 0.85, [int(self.track or 0)], len(gain)):
            yield stretch.dry * gain[done : done + len(stretch.dry)]
            done += len(stretch.dry)

    def _master(self, job: JobContext) -> Iterator[NDArray[np.float32]]:
        frames = self.mix.frames if self.mix else np.concatenate([part.dry for part in self._rendered(job, 0.0, 0.4)])
        made = mastered(
            frames,
            self.request.rate,
            self.request.loudness,
            self.request.peak,
            lambda done: job.progress(0.4 + 0.45 * done, "mastering"),
        )
        self._figures |= {
            "gain_db": round(made.gain_db, 2),
            "reduction_db": round(made.reduction_db, 2),
            "limited_share": round(made.limited, 4),
        }
        yield made.frames

    def _rendered(
        self,
        job: JobContext,
        begin: float,
        end: float,
        only: Collection[int] | None = None,
        frames: int | None = None,
    ) -> Iterator[Stretch]:
        """The score's stretches, each telling the job how far it is."""
        assert self.score is not None
        rate, done = self.request.rate, 0
        whole = (self.score.seconds() + _TAIL_SECONDS) * rate
        for stretch in render_parts(self.score, rate, only, frames):
            done += len(stretch.dry)
            job.progress(begin + (end - begin) * min(1.0, done / whole), "rendering")
            yield stretch

    def _note_limit(self, stretch: Stretch) -> None:
        lowered = round(abs(20 * float(np.log10(stretch.gain.min()))), 2)
        self._figures["limited_db"] = max(lowered, self._figures.get("limited_db", 0.0))


def track_names(score: Score) -> list[str]:
    """What a stem's track can be called, one for each track: its name, or its number from 1 where it has none of its
    own."""
    names = [track.name.strip() for track in score.tracks]
    folded = [name.casefold() for name in names]
    return [
        name if name and folded.count(name.casefold()) == 1 and not name.isdigit() else str(number)
        for number, name in enumerate(names, 1)
    ]


def _track_of(score: Score, wanted: str) -> int:
    """The number from 0 of a track by its name or number from 1. UsageError with all there are."""
    names = track_names(score)
    found = next((n for n, name in enumerate(names) if name.casefold() == wanted.strip().casefold()), None)
    if found is None and wanted.strip().isdecimal() and 1 <= int(wanted) <= len(names):
        found = int(wanted) - 1
    heard = [number for number, track in enumerate(score.tracks) if track.notes]
    if found is None or found not in heard:
        rows = [str(n + 1) if names[n] == str(n + 1) else f"{n + 1} {names[n]}" for n in heard]
        problem = "there is no such track" if found is None else "this track has no notes"
        raise UsageError(f"track {wanted!r}: {problem}: give the number or the name of one of {', '.join(rows)}")
    return found


def _score_of(song: str | Score) -> Score:
    score = song if isinstance(song, Score) else read_score(song)
    name = "this score" if isinstance(song, Score) else repr(song)
    if not any(track.notes for track in score.tracks):
        raise FileError(f"{name} holds no notes: there is nothing to hear, give a song")
    if score.seconds() > MAX_SECONDS:
        raise FileError(
            f"{name} is {score.seconds() / 60:.0f} minutes long: {MAX_SECONDS / 60:.0f} are rendered at most"
        )
    return score


def _mix_of(request: AudioRequest) -> Sound:
    """The mix to master, at the rate asked for. FileError where there is nothing in it to be heard."""
    if isinstance(request.mix, Sound):
        sound, name = resampled(request.mix, request.rate), "this sound"
    else:
        path = Path(str(request.mix))
        sound, name = read_sound(path, request.rate), repr(str(path))
    if not np.isfinite(sound.frames).all():
        raise FileError(f"{name} holds samples that are no finite numbers: give another mix")
    if loudness_of(sound.frames, sound.rate) <= LEAST_LOUDNESS:
        raise FileError(f"{name} is silent: there is nothing to master")
    return sound
