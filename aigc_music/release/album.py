"""An album: a release folder for each song, one look for all of them, and a cover, credits and page over them.

    DIR/01-low-water/   the release of a song, whole in itself
    DIR/cover/          the cover of the album, drawn from its first song
    DIR/manifest.json   as of a song, its artifacts are those of all songs and its own; `songs` names their folders

Threads: as run. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aigc_music.core.errors import FileError, choose
from aigc_music.engine import Engine
from aigc_music.engine.provenance import canonical
from aigc_music.engine.streams import stream

from .brief import Brief
from .manifest import Outcome, StageReport, refuse_foreign, sentence, write_papers
from .publish import Artifact, Publisher
from .run import Say, kept_stage, release
from .stages import STAGES, Kit, narrowed, wanted
from .store import Made, Store, code_fingerprint

__all__ = ["folder_of", "look_of", "release_album"]


def folder_of(number: int, song: Brief) -> str:
    """Name of a song's folder, such as 01-low-water; number counts from 1."""
    letters = "".join(letter if letter.isalnum() else " " for letter in unicodedata.normalize("NFC", song.title))
    return f"{number:02d}-{'-'.join(letters.casefold().split())[:40] or 'song'}"


def look_of(album: Brief) -> Brief:
    """The album with its look settled, for all songs: the design family of the covers, which is their type too, the
    palette, and the visual family of the films."""
    from aigc_music.generators.clip import FAMILIES as CLIPS
    from aigc_music.generators.cover.builtin import choose_family
    from aigc_music.generators.cover.families import FAMILIES as COVERS
    from aigc_music.generators.design.motif import motif_by_chance
    from aigc_music.generators.design.palettes import choose_palette, mood_of

    rng = stream(album.seed, "release.look")
    motif = motif_by_chance(rng, mood_of(album.mood))
    cover = album.video.cover or choose_family(motif, rng)
    palette = album.video.palette or choose_palette(None, motif, COVERS[cover].ground, rng).name
    near = {name: math.hypot(row.bright - motif.bright, row.arousal - motif.arousal) for name, row in CLIPS.items()}
    family = album.video.family or min(near, key=lambda name: near[name])
    look = replace(album.video, cover=cover, palette=palette, family=family)
    songs = tuple(replace(song, video=look) for song in album.songs)
    return replace(album, video=look, songs=songs)


def release_album(album: Brief, folder: Path, *, workers: int | None, only: Iterable[str], say: Say) -> Outcome:
    """The releases of all songs, one after the other, then what stands over them. Errors as `run.release`."""
    album, only = look_of(album), [choose("stage", name, STAGES) for name in only]
    store = Store(folder)
    count = len(album.songs)
    with store.locked():
        refuse_foreign(folder)
        outcomes = []
        for number, song in enumerate(album.songs, 1):

            def tell(what: str, done: float, left: float | None, number: int = number) -> None:
                say(f"song {number} of {count}, {what}", (number - 1 + done) / count, None)

            name = folder_of(number, song)
            parts = [stage for stage in only if stage in wanted(song)]
            if only and not parts:  # an instrumental beside songs, of which only the words are asked for
                parts = ["music"]
            outcomes.append((name, song, release(song, folder / name, workers=workers, only=parts, say=tell)))
        with Engine(workers=0 if workers == 0 else 1) as engine:
            return _over(album, store, outcomes, engine)


def _over(album: Brief, store: Store, outcomes: list[tuple[str, Brief, Outcome]], engine: Engine) -> Outcome:
    """What stands over the songs: the cover of the album, and what tells of it all."""
    publisher = Publisher(store, album)
    reports = []
    for name, _, outcome in outcomes:
        for row in outcome.artifacts:
            publisher.adopt(_below(name, row))
        bad = [stage for stage in outcome.stages if stage.state != "done"]
        anew = any(stage.anew for stage in outcome.stages)
        reports.append(StageReport(name, bad[0].state, f"{bad[0].name}: {bad[0].why}") if bad
                       else StageReport(name, "done", anew=anew))  # fmt: skip
    made = []
    try:
        cover, anew = _cover(album, store, *outcomes[0][:2], engine)
        publisher.put(cover.rows, cover.place)
    except Exception as error:
        reports.append(StageReport("cover", "failed", sentence(error, store.folder)))
    else:
        made.append(cover)
        reports.append(StageReport("cover", "done", anew=anew))
    songs = [{"title": song.title, "folder": name} for name, song, _ in outcomes]
    return write_papers(album, store, publisher, reports, made, songs=songs)


def _below(name: str, row: dict[str, Any]) -> Artifact:
    """An artifact of a song as the album sees it."""
    parents = tuple(f"{name}/{path}" for path in row["parents"])
    return Artifact(**row | {"path": f"{name}/{row['path']}", "parents": parents})


def _cover(album: Brief, store: Store, name: str, song: Brief, engine: Engine) -> tuple[Made, bool]:
    """The album's cover, drawn from its first song, and whether it was made now. FileError without that song."""
    music = kept_stage(song, Store(store.folder / name), "music")
    if music is None:
        raise FileError(f"the cover is drawn from {name}, whose music is not made")
    stage = STAGES["cover"]
    brief = narrowed(album, stage.keys)
    told = ["album cover", asdict(brief), [row.sha256 for row in music.rows], code_fingerprint()]
    key = hashlib.sha256(canonical(told)).hexdigest()
    found = store.find("cover", key)
    if found is not None:
        return found, False
    kit = Kit(brief, {"music": music}, engine, lambda done, what: None)
    return store.make("cover", key, stage.make(kit)), True
