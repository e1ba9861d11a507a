"""A small release folder for the tests: every kind of file, published by the program, its contents made by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from aigc_music.core.films import Film
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.pictures import Picture
from aigc_music.core.sounds import Sound
from aigc_music.core.texts import Text
from aigc_music.engine.encodings import encoding_of
from aigc_music.engine.provenance import finished, record_id
from aigc_music.release.brief import Brief, Labels
from aigc_music.release.manifest import StageReport, write_papers
from aigc_music.release.publish import Publisher
from aigc_music.release.signing import Signer
from aigc_music.release.store import Piece, Store, json_bytes

__all__ = ["BRIEF", "CONTENTS", "guarded", "make_release", "piece", "rewritten"]

BRIEF = Brief(
    title="Harbour Lights 港", artist="Ada Park", seed=7, labels=Labels(china=True, producer="Ada Park"),
)  # fmt: skip


@cache
def film() -> bytes:
    """Ten grey frames with a second of sound."""
    from aigc_music.files.video import VideoWriter

    with VideoWriter((64, 64), 10, sound=tone()) as writer:
        for number in range(10):
            writer.add(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8), format="rgb24"))
        return writer.finish()


def tone() -> Sound:
    wave = 0.3 * np.sin(np.arange(12_000) / 20)
    return Sound(np.stack([wave, wave], 1).astype(np.float32), 48_000, "Harbour Lights 港", "Ada Park")


def picture(side: int) -> Picture:
    row = np.arange(side * side * 3, dtype=np.uint32).reshape(side, side, 3)
    return Picture((row * 7 % 251).astype(np.uint8), "Harbour Lights 港", "Ada Park")


def video() -> Film:
    return Film(film(), (64, 64), 10, 10, True, "Harbour Lights 港", "Ada Park")


def words() -> Text:
    return Text("lyrics", {"lines": [{"text": "harbour lights"}]}, "harbour lights")


def song() -> Score:
    return Score(
        title="Harbour Lights", tracks=[Track("melody", notes=[Note(0, 60, 90, 480, 0), Note(480, 67, 80, 480, 0)])]
    )


_PLAYED = {"composition": "generated", "instruments": "generated"}
CONTENTS: dict[str, tuple[str, str, Any, tuple[str, ...], dict[str, str]]] = {
    "music/song.mid": ("midi", "music", song, (), {"composition": "generated"}),
    "music/mix.wav": ("mix", "audio", tone, ("music/song.mid",), _PLAYED),
    "music/master.mp3": ("master", "audio", tone, ("music/mix.wav",), _PLAYED),
    "music/stems/01-melody.flac": ("stem", "audio", tone, ("music/song.mid",), _PLAYED),
    "words/words.json": ("lyrics", "text", words, ("music/song.mid",), {"lyrics": "assisted"}),
    "cover/cover.jpg": ("cover", "image", partial(picture, 64), ("music/song.mid",), {"artwork": "generated"}),
    "cover/small.png": ("thumbnail", "image", partial(picture, 16), ("cover/cover.jpg",), {"artwork": "generated"}),
    "video/lyric-video.mp4": (
        "lyric_video", "video", video, ("music/song.mid", "cover/cover.jpg", "music/mix.wav"),
        {"composition": "generated", "video": "generated"},
    ),
}  # fmt: skip
"""Path -> role, asset, content, parents, disclosure."""


def piece(path: str, made: dict[str, Piece]) -> list[Piece]:
    """The file of this path, and those beside it, with a record as the engine writes them."""
    role, asset, content, parents, disclosure = CONTENTS[path]
    value, suffix = content(), Path(path).suffix
    encoding = encoding_of(value)
    draft = {
        "format": 1, "asset": asset, "generator": "tests.release_folder", "request": {"asset": asset}, "seed": 7,
        "random": "none", "software": {"aigc-music": "0.1.0"}, "disclosure": disclosure,
        "materials": [{"role": "model", "name": "tiny", "sha256": "1" * 64, "licence": "CC0-1.0", "data": []}],
        "parents": [{"role": Path(parent).stem, "name": Path(parent).name,
                     "sha256": hashlib.sha256(made[parent].data).hexdigest()} for parent in parents],
    }  # fmt: skip
    beside = encoding.beside(value)
    record = finished(draft, encoding.encode(value, suffix, None), beside)
    others = [Piece(path.removesuffix(suffix) + tail, role, data, of=path) for tail, data in beside.items()]
    return [Piece(path, role, encoding.encode(value, suffix, record), record), *others]


def make_release(folder: Path, brief: Brief = BRIEF) -> Path:
    """The folder, published with labels and signatures as the brief has them."""
    store = Store(folder)
    publisher = Publisher(store, brief)
    made: dict[str, Piece] = {}
    stages = []
    for number, path in enumerate(CONTENTS):
        pieces = piece(path, made)
        made |= {row.path: row for row in pieces}
        stages.append(store.make(f"stage{number}", "0" * 64, pieces))
        publisher.put(stages[-1].rows, stages[-1].place)
    outcome = write_papers(brief, store, publisher, [StageReport("music", "done")], stages)
    assert outcome.ok, outcome
    guarded(folder, brief)
    return folder


def guarded(folder: Path, brief: Brief = BRIEF) -> None:
    """Give the manifest its id and its signature, as the last step of a release does."""
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    document.pop("id", None)
    path.write_bytes(json_bytes(document | {"id": record_id(document)}))
    signer = Signer.open(brief.labels)
    if signer is not None:
        signer.detach(path, title=brief.title, disclosure={})


def rewritten(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the manifest by a function of it."""
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(json_bytes(document))
