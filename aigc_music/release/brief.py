"""The brief: twenty lines of TOML that say what a release is to be.

All keys stand in tables (see keys), with what they may hold. Whatever is wrong is an error that names file and line.
A brief with [[songs]] is an album: each entry is a song that overrides keys of the album and inherits the rest.
Threads: any, a brief is frozen. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from aigc_music.core.errors import AigcMusicError, UsageError
from aigc_music.files.reading import read_bytes

from . import toml_lines
from .keys import CREDITS, DISCLOSED, DISCLOSURE, KINDS, LABELS, ROLE, SONG, VIDEO, Key

__all__ = ["DISCLOSED", "Brief", "Labels", "VideoWishes", "read_brief", "seed_of"]

MOST_BYTES = 256 * 1024
MOST_SONGS = 100


@dataclass(frozen=True, slots=True)
class Labels:
    """How files are marked. c2pa: a name of keys.C2PA. certificate, key: PEM files, for c2pa = 'own'. china: the AIGC
    field of GB 45438. visible: a label that people see, in films and on a copy of the cover. producer: who
    answers for it. disclosure: role -> none, assisted or generated, where more can be said than the program knows.
    """

    c2pa: str = "test"
    certificate: str = ""
    key: str = ""
    china: bool = False
    visible: bool = False
    producer: str = ""
    disclosure: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoWishes:
    """How pictures look. presets: names of generators.video.presets of the long films. family: of moving pictures;
    cover: family of the sleeve; palette: for both. draft: all small and quick. social_seconds: at most, of the
    vertical cut. quality: constant rate factor of x264."""

    presets: tuple[str, ...] = ("youtube",)
    family: str | None = None
    cover: str | None = None
    palette: str | None = None
    draft: bool = False
    social_seconds: float = 30.0
    quality: int = 20


@dataclass(frozen=True, slots=True)
class Brief:
    """What is wished for; see keys.SONG and the other tables for each key. seed_is_drawn: it was reckoned from title
    and artist, as none was given. songs: of an album, each a brief of its own."""

    title: str
    artist: str
    language: str = "en"
    style: str = "pop"
    key: str | None = None
    bpm: float | None = None
    bars: int = 32
    form: str | None = None
    theme: str = ""
    mood: str = ""
    seed: int = 0
    explicit: bool = False
    tune: str | None = None
    credits: dict[str, Any] = field(default_factory=dict)
    labels: Labels = Labels()
    video: VideoWishes = VideoWishes()
    songs: tuple[Brief, ...] = ()
    seed_is_drawn: bool = False

    @property
    def sung(self) -> bool:
        """Whether it has words."""
        return self.language != "none"


_TABLES = ("credits", "labels", "video", "songs")


def seed_of(seed: int, name: str) -> int:
    """The seed, 0..2**31 - 1, of a part of what `seed` fixes: a stage, or a song of an album."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def read_brief(path: str | Path) -> Brief:
    """The brief in a TOML file.

    Raises FileError where it cannot be read, and UsageError with file and line for what is wrong.
    """
    path = Path(path)
    data = read_bytes(path, MOST_BYTES, "a brief as .toml")
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path}: a brief has {MOST_BYTES >> 10} KB at the most: is this one?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: this is not UTF-8: save it as UTF-8 text") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(_syntax(path, text, str(error))) from error
    return _Reader(path, toml_lines.lines_of(text)).brief(values)


def _syntax(path: Path, text: str, told: str) -> str:
    """The parser's words, with the line in front, where editors look for it."""
    what, _, place = told.partition(" (at ")
    number = place.removeprefix("line ").split(",")[0]
    line = int(number) if number.isdigit() else text.count("\n") + 1
    shown = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    return f"{path}:{line}: {what[:1].lower()}{what[1:]} in {shown[:60]!r}: see toml.io for how a line is written"


class _Reader:
    """Turns the values of one file into a Brief, and every error into one with its line."""

    def __init__(self, path: Path, lines: Mapping[toml_lines.Path, int]) -> None:
        self.path, self.lines = path, lines

    def brief(self, values: dict[str, Any]) -> Brief:
        self.known((), values, [*SONG, *_TABLES])
        album = self.song((), values, None)
        rows = values.get("songs", [])
        if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows) and len(rows) <= MOST_SONGS):
            raise self.wrong(("songs",), f"songs are tables: write [[songs]] over each, {MOST_SONGS} at the most")
        songs = []
        for number, row in enumerate(rows):
            self.known(("songs", number), row, [*SONG, "credits"])
            songs.append(self.song(("songs", number), row, album))
        return replace(album, songs=tuple(songs))

    def song(self, at: toml_lines.Path, values: dict[str, Any], album: Brief | None) -> Brief:
        """A brief of the values at a path; what they lack is the album's, or the default."""
        told = {name: self.value((*at, name), key, values[name]) for name, key in SONG.items() if name in values}
        credits = self.credits((*at, "credits"), values.get("credits", {}))
        if album is not None:
            if "title" not in told:
                raise self.wrong(at, 'a song of an album has its own title: write title = "..."')
            seed = seed_of(album.seed, told["title"])  # by the title, so that songs may change places
            brief = replace(album, **({"seed": seed} | told), credits=album.credits | credits)
        else:
            for name, key in SONG.items():
                if key.default is ... and name not in told:
                    raise UsageError(f"{self.path}: {name} is missing: write {name} = {key.example}")
            defaults = {name: key.default for name, key in SONG.items()} | told
            drawn = defaults["seed"] is None
            if drawn:
                defaults["seed"] = seed_of(0, f"{told['title']}/{told['artist']}")
            brief = Brief(
                **defaults, credits=credits, labels=self.labels(values.get("labels", {})),
                video=self.video(values.get("video", {})), seed_is_drawn=drawn,
            )  # fmt: skip
        return self.agreed(at, brief)

    def agreed(self, at: toml_lines.Path, brief: Brief) -> Brief:
        """What two keys have to agree on."""
        from aigc_music.generators.music.form import check_form

        if brief.form is not None:
            brief = replace(brief, form=self.checked((*at, "form"), check_form, brief.form, brief.bars))
        if brief.tune is not None and brief.language != "zh":
            raise self.wrong((*at, "tune"), f'tune {brief.tune!r} is a Chinese form: write language = "zh" with it')
        if brief.tune is not None:
            from aigc_music.engine.requests import TextRequest
            from aigc_music.generators.words.verse import verse_template

            self.checked((*at, "tune"), verse_template, TextRequest(language="zh", tune=brief.tune, seed=0))
        return brief

    def credits(self, at: toml_lines.Path, values: Any) -> dict[str, Any]:
        self.table(at, values)
        told = {}
        for name, value in values.items():
            if name not in CREDITS and get_close_matches(name, CREDITS, n=1, cutoff=0.75):
                self.known(at, {name: value}, list(CREDITS))  # a slip, not a role
            told[name] = self.value((*at, name), CREDITS.get(name, ROLE), value)
        return told

    def labels(self, values: Any) -> Labels:
        self.table(("labels",), values)
        self.known(("labels",), values, [*LABELS, "disclosure"])
        told = self.values(("labels",), LABELS, values)
        disclosure = values.get("disclosure", {})
        self.table(("labels", "disclosure"), disclosure)
        self.known(("labels", "disclosure"), disclosure, list(DISCLOSURE))
        labels = Labels(**told, disclosure=self.values(("labels", "disclosure"), DISCLOSURE, disclosure))
        for name in ("certificate", "key"):
            place = getattr(labels, name)
            if labels.c2pa == "own" and not place:
                raise self.wrong(("labels", "c2pa"), f'c2pa = "own" needs a {name}: write {name} = "FILE.pem"')
            if place:
                whole = self.path.parent / place
                if not whole.is_file():
                    raise self.wrong(("labels", name), f"{name} {place!r} is not there: give the path of a PEM file")
                labels = replace(labels, **cast(Any, {name: str(whole.resolve())}))
        return labels

    def video(self, values: Any) -> VideoWishes:
        self.table(("video",), values)
        self.known(("video",), values, list(VIDEO))
        return VideoWishes(**self.values(("video",), VIDEO, values))

    def values(self, at: toml_lines.Path, keys: dict[str, Key], values: dict[str, Any]) -> dict[str, Any]:
        return {name: self.value((*at, name), keys[name], value) for name, value in values.items() if name in keys}

    def value(self, at: toml_lines.Path, key: Key, value: Any) -> Any:
        fits, wanted = KINDS[key.kind]
        if not fits(value):
            raise self.wrong(at, f"{at[-1]} is {_shown(value)}: write {wanted}, such as {at[-1]} = {key.example}")
        return self.checked(at, key.check, value)

    def checked(self, at: toml_lines.Path, check: Callable[..., Any], *values: Any) -> Any:
        try:
            return check(*values)
        except AigcMusicError as error:
            told = str(error)
            raise self.wrong(at, told if str(at[-1]) in told else f"{at[-1]}: {told}") from error

    def table(self, at: toml_lines.Path, value: Any) -> None:
        if not isinstance(value, dict):
            raise self.wrong(at, f"{at[-1]} is {_shown(value)}: it is a table, write [{'.'.join(map(str, at))}]")

    def known(self, at: toml_lines.Path, values: dict[str, Any], names: list[str]) -> None:
        for name in values:
            if name not in names:
                close = get_close_matches(name.casefold(), names, n=1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                table = ".".join(str(part) for part in at if isinstance(part, str))
                where = f"[{table}]" if table else "a brief"
                raise self.wrong((*at, name), f"unknown key {name!r} in {where}: known are {', '.join(names)}.{hint}")

    def wrong(self, at: toml_lines.Path, what: str) -> UsageError:
        while at and at not in self.lines:
            at = at[:-1]
        return UsageError(f"{self.path}:{self.lines.get(at, 1)}: {what}")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a table"
    return f"{value!r:.60}" if not isinstance(value, bool) else str(value).lower()
