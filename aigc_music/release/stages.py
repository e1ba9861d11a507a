"""The stages of a release: what each is made of, which keys of the brief it depends on, and how it is made.

A stage sees only the keys that it declares, all others stand at their defaults: so a changed line of the brief
remakes what depends on it and nothing else. Each stage asks the engine with a seed of its own.
Threads: each stage in one of its own. Realtime-safe: no.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from aigc_music.core.theory import PITCH_NAMES
from aigc_music.engine import (
    AudioRequest,
    Engine,
    ImageRequest,
    MusicRequest,
    Progress,
    Request,
    Result,
    TextRequest,
    VideoRequest,
)
from aigc_music.engine.provenance import canonical, finished, source_type
from aigc_music.engine.result import SIDECAR
from aigc_music.engine.streams import stream
from aigc_music.generators.timeline import Timeline

from .brief import Brief, seed_of
from .cuts import best_cut
from .store import Made, Piece, json_bytes, sha256_of

__all__ = ["STAGES", "Kit", "Stage", "cost_of", "narrowed", "needed", "wanted"]

DRAFT_SIDE, DRAFT_FPS = 320, 12  # of films: pixels of the longer side, frames a second
COVER_SIDE, DRAFT_COVER_SIDE, THUMBNAIL_SIDE = 3000, 640, 640
CANVAS_S = (6.0, 8.0)
MOTION_S = (6.0, 12.0)
SOCIAL_LEAST_S = 15.0
MOTION = ("motion-square", "motion-tall")  # presets
SCRIPTS = {"en": "en", "zh": "zh-Hans", "none": ""}  # language of a brief -> BCP 47 tag that chooses its letters


@dataclass(frozen=True, slots=True)
class Kit:
    """What a stage gets: the brief as far as it may know it, what was made before, the engine, and a way to say how
    far it is (0..1) and at what."""

    brief: Brief
    made: dict[str, Made]
    engine: Engine
    say: Callable[[float, str], None]

    def file(self, stage: str, role: str, suffix: str = "") -> str:
        """Path of what an earlier stage made."""
        return str(self.made[stage].of_role(role, suffix))

    def seed(self, name: str) -> int:
        return seed_of(self.brief.seed, name)

    def run(self, request: Request, index: int = 0, count: int = 1) -> Result:
        """The engine's answer to a request, which is the index-th of `count`."""
        job = self.engine.submit(request)
        for event in job.events():
            if isinstance(event, Progress):
                self.say((index + event.done) / count, event.stage)
        return job.result()


class Stage(NamedTuple):
    """make: gives its files. needs: stages without which there is nothing to do. likes: stages that it takes in where
    they are there. keys: of the brief, tables with a dot. seconds, draft: of one core for a song of a minute, in full
    and as a draft, as measured. words: whether only songs with words have it."""

    make: Callable[[Kit], Iterable[Piece]]
    needs: tuple[str, ...]
    keys: tuple[str, ...]
    seconds: float
    draft: float
    likes: tuple[str, ...] = ()
    words: bool = False


def _files(result: Result, path: str, role: str, beside: str = "") -> Iterator[Piece]:
    """The files of a result that is called `path`: itself, then those beside it, which have the role `beside`."""
    place = Path(path)
    files = result.files(place)
    yield Piece(path, role, files.pop(place), result.provenance)
    for other, data in files.items():
        if not other.name.endswith(SIDECAR):
            yield Piece(other.as_posix(), role if other.suffix == ".txt" else beside, data, of=path)


def music(kit: Kit) -> Iterator[Piece]:
    brief = kit.brief
    seed = kit.seed("music")
    request = MusicRequest(style=brief.style, key=brief.key or _key(brief.mood, seed), bpm=brief.bpm, bars=brief.bars,
                           form=brief.form, energy=_energy(brief.mood), seed=seed)  # fmt: skip
    yield from _files(kit.run(request), "music/song.mid", "midi")


def _key(mood: str, seed: int) -> str:
    """A key where the brief names none: any tonic; minor for a dark mood, major for a bright one."""
    from aigc_music.generators.design.palettes import mood_of

    rng = stream(seed, "release.key")
    tonic = PITCH_NAMES[int(rng.integers(12))]
    bright = (mood_of(mood) or (float(rng.uniform(-0.5, 1)), 0.0))[0]
    return f"{tonic} {'minor' if bright < 0 else 'major'}"


def _energy(mood: str) -> float | None:
    """How much the band gives, 0..1, in this mood; None = as style and form have it."""
    from aigc_music.generators.design.palettes import mood_of

    known = mood_of(mood)
    return None if known is None else round(0.5 + 0.25 * known[1], 3)


def mix(kit: Kit) -> Iterator[Piece]:
    brief = kit.brief
    request = AudioRequest(
        kind="mix", song=kit.file("music", "midi"), title=brief.title, artist=brief.artist, seed=0
    )
    yield from _files(kit.run(request), "music/mix.wav", "mix")


def stems(kit: Kit) -> Iterator[Piece]:
    from aigc_music.files.midi import read_score

    song = kit.file("music", "midi")
    tracks = [(number, track) for number, track in enumerate(read_score(song).tracks, 1) if track.notes]
    for index, (number, track) in enumerate(tracks):
        request = AudioRequest(kind="stem", song=song, track=str(number), title=kit.brief.title,
                               artist=kit.brief.artist, seed=0)  # fmt: skip
        name = _plain_name(track.name) or "track"
        yield from _files(kit.run(request, index, len(tracks)), f"music/stems/{number:02d}-{name}.wav", "stem")


def _plain_name(name: str) -> str:
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split())


def master(kit: Kit) -> Iterator[Piece]:
    brief = kit.brief
    request = AudioRequest(
        kind="master", song=kit.file("music", "midi"), title=brief.title, artist=brief.artist, seed=0
    )
    yield from _files(kit.run(request), "music/master.wav", "master")


def mp3(kit: Kit) -> Iterator[Piece]:
    """The master for players, the words in its tags where there are some."""
    from aigc_music.files.audio import read_sound, sound_bytes, with_lyrics
    from aigc_music.files.lyrics import read_lyrics

    (row,) = kit.made["master"].rows
    assert row.record is not None
    sound = replace(read_sound(kit.file("master", "master")), title=kit.brief.title, creator=kit.brief.artist)
    parents = [{"role": "mix", "name": PurePosixPath(row.path).name, "sha256": row.sha256}]
    disclosure = row.record["disclosure"]
    words = Path(kit.file("words", "timed_lyrics", ".ttml")) if "words" in kit.made else None
    if words is not None:
        parents.append({"role": "lyrics", "name": words.name, "sha256": sha256_of(words)})
        sheet = next(other.record for other in kit.made["words"].rows if other.record is not None)
        disclosure = disclosure | sheet["disclosure"]
    drawn = {key: value for key, value in row.record.items() if key not in ("id", "content_sha256", "beside")}
    drawn |= {"generator": f"{__name__}.mp3", "parents": parents, "disclosure": disclosure}
    record = finished(drawn, sound_bytes(sound, ".mp3", ""), {})
    data = sound_bytes(sound, ".mp3", canonical(record).decode())
    if words is not None:
        data = with_lyrics(data, ".mp3", read_lyrics(words))
    yield Piece("music/master.mp3", "master", data, record)


def words(kit: Kit) -> Iterator[Piece]:
    brief = kit.brief
    request = TextRequest(
        melody=kit.file("music", "midi"), language=brief.language, theme=brief.theme, title=brief.title,
        artist=brief.artist, tune=brief.tune, seed=kit.seed("words"),
    )  # fmt: skip
    yield from _files(kit.run(request), "words/words.json", "lyrics", "timed_lyrics")


def cover(kit: Kit) -> Iterator[Piece]:
    brief = kit.brief
    side = DRAFT_COVER_SIDE if brief.video.draft else COVER_SIDE
    request = ImageRequest(
        title=brief.title, artist=brief.artist, song=kit.file("music", "midi"), family=brief.video.cover,
        palette=brief.video.palette, mood=brief.mood, size=(side, side), explicit=brief.explicit,
        language=SCRIPTS[brief.language], seed=kit.seed("cover"),
    )  # fmt: skip
    result = kit.run(request)
    piece = next(_files(result, "cover/cover.jpg", "cover"))
    yield piece
    yield _thumbnail(result, piece)
    if brief.labels.visible:
        yield _labelled(result, piece, SCRIPTS[brief.language])


def _thumbnail(result: Result, cover: Piece) -> Piece:
    """The cover as small as stores show it in lists, with a record of its own that names the cover as its parent."""
    from PIL import Image

    from aigc_music.files.pictures import picture_bytes, xmp_packet

    image = Image.fromarray(result.picture.pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    assert cover.record is not None
    row = {"role": "cover", "name": PurePosixPath(cover.path).name, "sha256": sha256(cover.data).hexdigest()}
    drawn = {key: value for key, value in cover.record.items() if key not in ("id", "content_sha256", "beside")}
    record = finished(
        drawn | {"generator": f"{__name__}.thumbnail", "parents": [row]}, picture_bytes(pixels, ".jpg"), {}
    )
    packet = xmp_packet(result.picture.title, result.picture.creator, source_type(record), canonical(record).decode())
    return Piece("cover/thumbnail.jpg", "thumbnail", picture_bytes(pixels, ".jpg", packet), record, of=None)


def _labelled(result: Result, cover: Piece, language: str) -> Piece:
    """A copy of the cover with a label that people see; stores, whose rules allow no such text, take the other."""
    from .visible import labelled_cover

    assert cover.record is not None
    name = PurePosixPath(cover.path).name
    data, record = labelled_cover(result.picture, name, cover.data, cover.record, language)
    return Piece("cover/labelled.jpg", "cover", data, record)


def _film(kit: Kit, index: int = 0, count: int = 1, **wishes: Any) -> Result:
    """A film in the look of the release, the index-th of `count` of its stage: all share family and chance."""
    brief = kit.brief
    asked = VideoRequest(
        song=kit.file("music", "midi"), cover=kit.file("cover", "cover"), title=brief.title, artist=brief.artist,
        family=_family(kit), mood=brief.mood, quality=brief.video.quality, label=brief.labels.visible,
        language=SCRIPTS[brief.language], seed=kit.seed("film"), **wishes,
    )  # fmt: skip
    return kit.run(_as_draft(asked) if brief.video.draft else asked, index, count)


def _as_draft(request: VideoRequest) -> VideoRequest:
    """The same film, small and with few frames."""
    from aigc_music.generators.video.presets import PRESETS

    width, height = PRESETS[request.preset].size
    share = DRAFT_SIDE / max(width, height)
    size = (2 * round(width * share / 2), 2 * round(height * share / 2))
    return replace(request, size=size, fps=DRAFT_FPS, quality=30)


def _family(kit: Kit) -> str:
    """The visual family of the films: the one that is asked for, or one that suits the song."""
    from aigc_music.generators.clip import choose_family

    return kit.brief.video.family or choose_family(_timeline(kit), stream(kit.brief.seed, "release.family"))


def _timeline(kit: Kit) -> Timeline:
    from aigc_music.generators.facts import facts_of
    from aigc_music.generators.timeline import timeline_of

    return timeline_of(facts_of(kit.file("music", "midi")))


def _sung(kit: Kit) -> dict[str, Any]:
    """What makes a film one with words, where there are some."""
    if not kit.brief.sung:
        return {"kind": "clip"}
    return {"kind": "lyric_video", "lyrics": kit.file("words", "timed_lyrics", ".ttml")}


def film(kit: Kit) -> Iterator[Piece]:
    """The whole song; with words a lyric video, without a film to look at while it plays."""
    name, role = ("lyric-video", "lyric_video") if kit.brief.sung else ("visual", "social")
    presets = kit.brief.video.presets
    sound = kit.file("master", "master", ".wav")
    for index, preset in enumerate(presets):
        result = _film(kit, index, len(presets), preset=preset, audio=sound, **_sung(kit))
        path = f"video/{name}.mp4" if len(presets) == 1 else f"video/{name}-{preset}.mp4"
        yield from _files(result, path, role, role)


def canvas(kit: Kit) -> Iterator[Piece]:
    cut = best_cut(_timeline(kit), *CANVAS_S)
    result = _film(kit, preset="canvas", start_s=cut.start_s, seconds=cut.seconds)
    yield from _files(result, "video/canvas.mp4", "canvas", "canvas")


def social(kit: Kit) -> Iterator[Piece]:
    cut = best_cut(_timeline(kit), SOCIAL_LEAST_S, kit.brief.video.social_seconds)
    result = _film(kit, preset="vertical", audio=kit.file("master", "master", ".wav"),
                   start_s=cut.start_s, seconds=cut.seconds, **_sung(kit))  # fmt: skip
    yield from _files(result, "video/social.mp4", "social", "social")


def motion(kit: Kit) -> Iterator[Piece]:
    cut = best_cut(_timeline(kit), *MOTION_S)
    for index, preset in enumerate(MOTION):
        result = _film(kit, index, len(MOTION), preset=preset, start_s=cut.start_s, seconds=cut.seconds)
        yield from _files(result, f"video/{preset}.mp4", "motion", "motion")


def originality(kit: Kit) -> Iterator[Piece]:
    """What music, words and cover share with what the models learned from."""
    from .originality import report, report_text

    rows = [(made, row) for made in kit.made.values() for row in made.rows if row.record]
    with TemporaryDirectory() as folder:  # the files alone that are asked about, as they lie in a release
        for made, row in rows:
            place = Path(folder, row.path)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(made.place(row), place)
        records = {row.path: row.record for _, row in rows if row.record}
        found = report(Path(folder), [{"path": row.path, "role": row.role} for _, row in rows], records)
    yield Piece("originality.json", "credits", json_bytes(found))
    yield Piece("originality.txt", "credits", report_text(found).encode())


_LOOK = ("title", "artist", "language", "mood", "seed", "video.family", "video.quality", "video.draft",
         "labels.visible")  # fmt: skip

STAGES: dict[str, Stage] = {
    "music": Stage(music, (), ("style", "key", "bpm", "bars", "form", "mood", "seed"), 1, 1),
    "words": Stage(words, ("music",), ("language", "theme", "title", "artist", "tune", "seed"), 2, 2, words=True),
    "cover": Stage(cover, ("music",), ("title", "artist", "language", "mood", "explicit", "seed", "video.cover",
                                       "video.palette", "video.draft", "labels.visible"), 1, 0.3),
    "master": Stage(master, ("music",), ("title", "artist"), 4, 4),
    "mp3": Stage(mp3, ("master",), ("title", "artist"), 5, 5, likes=("words",)),
    "film": Stage(film, ("music", "words", "master", "cover"), (*_LOOK, "video.presets"), 90, 10),
    "social": Stage(social, ("music", "words", "master", "cover"), (*_LOOK, "video.social_seconds"), 45, 3),
    "motion": Stage(motion, ("music", "cover"), _LOOK, 100, 1.5),
    "canvas": Stage(canvas, ("music", "cover"), _LOOK, 15, 0.5),
    "stems": Stage(stems, ("music",), ("title", "artist"), 11, 11),
    "mix": Stage(mix, ("music",), ("title", "artist"), 2, 2),
    "originality": Stage(originality, (), (), 3, 3, likes=("music", "words", "cover")),
}  # fmt: skip
"""In the order in which they are begun where several could be."""


def wanted(brief: Brief) -> list[str]:
    """The stages that a release of this brief has."""
    return [name for name, stage in STAGES.items() if brief.sung or not stage.words]


def needed(name: str, brief: Brief) -> list[str]:
    """The stages that `name` is made of, for this brief."""
    return [other for other in STAGES[name].needs if other in wanted(brief)]


def cost_of(name: str, brief: Brief) -> float:
    """About how many seconds of one core a stage takes beside the others; their sum is of no meaning."""
    return STAGES[name].draft if brief.video.draft else STAGES[name].seconds


def narrowed(brief: Brief, keys: Iterable[str]) -> Brief:
    """A brief that holds these keys alone, the others at their defaults."""
    told = Brief(title="", artist="")
    for key in keys:
        top, _, inner = key.partition(".")
        value = getattr(brief, top)
        if inner:
            value = replace(getattr(told, top), **{inner: getattr(value, inner)})
        told = replace(told, **{top: value})
    return told
