"""The brief: twenty lines of TOML that say what a release is to be.

All keys stand in the tables below, with what they may hold. Whatever is wrong is an error that names file and line.
A brief with [[songs]] is an album: each entry is a song that overrides keys of the album and inherits the rest.
Threads: any, a brief is frozen. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from aigc_music.core.controls import CONTROLS
from aigc_music.core.errors import AigcMusicError, UsageError, choose
from aigc_music.core.time import check_bpm
from aigc_music.engine.provenance import DISCLOSURES
from aigc_music.engine.requests.base import check_range
from aigc_music.engine.requests.text import LANGUAGES as WRITTEN
from aigc_music.files.reading import read_bytes

from . import toml_lines

__all__ = [
    "CREDITS", "DISCLOSED", "LABELS", "LANGUAGES", "SONG", "VIDEO", "Brief", "Labels", "VideoWishes", "example",
    "read_brief", "seed_of",
]  # fmt: skip

MOST_BYTES = 256 * 1024
MOST_SONGS = 100

LANGUAGES: dict[str, str] = WRITTEN | {"none": "an instrumental, without words"}

DISCLOSED: tuple[str, ...] = ("composition", "lyrics", "vocals", "instruments", "artwork", "video")
"""Roles of which a disclosure can be said."""

C2PA: dict[str, str] = {
    "test": "signed with a certificate of our own making, marked as a test",
    "own": "signed with the certificate and key named here",
    "off": "not signed",
}


@dataclass(frozen=True, slots=True)
class Labels:
    """How files are marked. c2pa: a name of C2PA. certificate, key: PEM files, for c2pa = 'own'. china: the AIGC
    field of GB 45438. visible: a label that people see, in films. producer: who answers for it.
    disclosure: role -> none, assisted or generated, where more is to be said than the program knows."""

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
    """What is wished for; see SONG, CREDITS, LABELS and VIDEO for each key. seed_is_drawn: it was reckoned from title
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


class Key(NamedTuple):
    """A key of a brief. kind: a name of _KINDS. default: where it is left out, ... where it must not be. check: gives
    the value as it is kept, or raises UsageError. help: what it is and what it may be. example: as a line of TOML."""

    kind: str
    default: Any
    check: Callable[[Any], Any]
    help: str
    example: str


def _line_of_text(most: int, value: str) -> str:
    plain = " ".join(value.split())
    if not plain:
        raise UsageError("it is empty: write something, or leave the key out")
    if not plain.isprintable():
        raise UsageError(f"{plain!r} holds a character that cannot be seen: take it out")
    if len(plain) > most:
        raise UsageError(f"it has {len(plain)} characters: give {most} at the most")
    return plain


def _between(low: float, high: float, what: str, name: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        check_range(name, value, low, high, what)
        return value

    return check


def _control(name: str) -> Callable[[Any], Any]:
    return CONTROLS[name].check


def _mood(value: str) -> str:
    from aigc_music.generators.design.palettes import mood_of

    mood_of(value)
    return value


def _palette(value: str) -> str:
    from aigc_music.generators.design.palettes import choose_palette

    choose_palette(value, *cast(Any, (None, None, None)))  # of an asked palette nothing is drawn
    return value


def _cover_family(value: str) -> str:
    from aigc_music.generators.cover.families import FAMILIES

    return choose("cover family", value, FAMILIES)


def _clip_family(value: str) -> str:
    from aigc_music.generators.clip import FAMILIES

    return choose("family", value, FAMILIES)


def _presets(value: list[str]) -> tuple[str, ...]:
    from aigc_music.generators.video.presets import PRESETS

    return tuple(dict.fromkeys(choose("preset", name, PRESETS) for name in value))


def _names(value: str | list[str]) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    return tuple(_line_of_text(200, name) for name in names)


def _isrc(value: str) -> str:
    plain = value.replace("-", "").replace(" ", "").upper()
    if not (len(plain) == 12 and plain.isascii() and plain[:2].isalpha() and plain[2:5].isalnum()
            and plain[5:].isdigit()):  # fmt: skip
        raise UsageError(
            f"{value!r} is no ISRC (ISO 3901): give 2 letters, 3 letters or digits, 7 digits, such as QZ-ABC-26-00001"
        )
    return plain


def _upc(value: str) -> str:
    plain = value.replace(" ", "").replace("-", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) in (12, 13)):
        raise UsageError(f"{value!r} is no UPC or EAN: give 12 or 13 digits in quotes")
    digits = [int(digit) for digit in plain.zfill(13)]
    wanted = -(sum(digits[0:12:2]) + 3 * sum(digits[1:12:2])) % 10
    if digits[12] != wanted:
        raise UsageError(f"the check digit of {value!r} is wrong: the others want {wanted}, look for a slip")
    return plain


def _same(value: Any) -> Any:
    return value


_text = partial(partial, _line_of_text)

SONG: dict[str, Key] = {
    "title": Key("text", ..., _text(200), "name of the song or album, 1..200 characters", '"Harbour Lights"'),
    "artist": Key("text", ..., _text(200), "who it is by, 1..200 characters", '"Ada Park"'),
    "language": Key("text", "en", lambda value: choose("language", value, LANGUAGES),
                    "of the words: " + ", ".join(f"{name} ({what})" for name, what in LANGUAGES.items()), '"en"'),
    "style": Key("text", "pop", _control("style"), "of the band, see 'aigc-music generate music --help'", '"pop"'),
    "key": Key("text", None, _control("key"), "a tonic and a mode; left out: drawn, minor for a dark mood",
               '"A minor"'),
    "bpm": Key("number", None, check_bpm, "quarter notes a minute; left out: one that suits the style", "96"),
    "bars": Key("whole number", 32, _between(4, 512, "bars of music", "bars"), "length, 4..512 bars", "24"),
    "form": Key("text", None, _same, "AABA, verse-chorus, blues, free, or letters such as AABB",
                '"verse-chorus"'),
    "theme": Key("text", "", _text(500), "words or a sentence that it is about", '"ships that come home at night"'),
    "mood": Key("text", "", _mood, "a word or a few, such as calm, dark, bright, warm, tense", '"warm hopeful"'),
    "seed": Key("whole number", None, _between(0, 2**31 - 1, "a whole number", "seed"),
                "fixes all chance; left out: reckoned from title and artist", "7"),
    "explicit": Key("yes or no", False, _same, "whether it is flagged so in stores", "false"),
    "tune": Key("text", None, _text(40), "Chinese alone: a ci tune whose form the words keep", '"如梦令"'),
}  # fmt: skip
"""Keys of a song, which [[songs]] may override."""

CREDITS: dict[str, Key] = {
    "isrc": Key("text", "", _isrc, "code of the recording (ISO 3901)", '"QZ-ABC-26-00001"'),
    "upc": Key("text", "", _upc, "barcode of the release, 12 or 13 digits", '"036000291452"'),
    "copyright": Key("text", "", _text(200), "the line that stands for it", '"2026 Ada Park"'),
    "label": Key("text", "", _text(200), "who publishes it", '"Park Records"'),
    "year": Key("whole number", None, _between(1900, 2200, "a year", "year"), "of the release", "2026"),
}
"""Keys of [credits] with a meaning of their own; every other key is a role, its value a name or a list of names."""
_ROLE = Key("text or texts", (), _names, "a role: a name, or a list of names", '["Ada Park", "Lin Wei"]')

LABELS: dict[str, Key] = {
    "c2pa": Key("text", "test", lambda value: choose("kind of signature", value, C2PA),
                "; ".join(f"{name}: {what}" for name, what in C2PA.items()), '"test"'),
    "certificate": Key("text", "", _same, "PEM file of the certificate chain, for c2pa = \"own\"", '"chain.pem"'),
    "key": Key("text", "", _same, "PEM file of its private key, for c2pa = \"own\"", '"key.pem"'),
    "china": Key("yes or no", False, _same, "write the AIGC field of GB 45438-2025 into every file", "false"),
    "visible": Key("yes or no", False, _same, "a label that people see in films, as GB 45438-2025 wants", "false"),
    "producer": Key("text", "", _text(200), "who answers for the content, for the AIGC field", '"Park Records"'),
}  # fmt: skip
"""Keys of [labels], beside its table `disclosure`: role -> none, assisted, generated."""
_DISCLOSURE = {
    role: Key("text", "", lambda value: choose("disclosure", value, DISCLOSURES), ", ".join(DISCLOSURES), '"none"')
    for role in DISCLOSED
}

VIDEO: dict[str, Key] = {
    "presets": Key("texts", ("youtube",), _presets, "of the long films; see 'aigc-music generate video --help'",
                   '["youtube"]'),
    "family": Key("text", None, _clip_family, "visual family of the films; left out: one that suits", '"flow"'),
    "cover": Key("text", None, _cover_family, "design family of the cover; left out: one that suits", '"strata"'),
    "palette": Key("text", None, _palette, "of cover and films, by name or as hex colours, the ground first",
                   '"night ferry"'),
    "draft": Key("yes or no", False, _same, "everything small and quick, to look at", "false"),
    "social_seconds": Key("number", 30.0, _between(15, 60, "seconds", "social_seconds"),
                          "the vertical cut at most, 15..60", "30"),
    "quality": Key("whole number", 20, _between(0, 51, "lower is better", "quality"),
                   "constant rate factor of x264, 0..51, lower is better", "20"),
}  # fmt: skip
"""Keys of [video]."""

_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str), "text in quotes"),
    "texts": (lambda value: isinstance(value, list) and bool(value) and all(isinstance(row, str) for row in value),
              "a list of texts, such as [\"a\", \"b\"]"),
    "text or texts": (lambda value: isinstance(value, str) or _KINDS["texts"][0](value),
                      "text in quotes, or a list of such"),
    "number": (lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number"),
    "whole number": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "yes or no": (lambda value: isinstance(value, bool), "true or false"),
}  # fmt: skip
"""Kind of a value -> (whether it is one, what to write instead)."""

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
            told[name] = self.value((*at, name), CREDITS.get(name, _ROLE), value)
        return told

    def labels(self, values: Any) -> Labels:
        self.table(("labels",), values)
        self.known(("labels",), values, [*LABELS, "disclosure"])
        told = self.values(("labels",), LABELS, values)
        disclosure = values.get("disclosure", {})
        self.table(("labels", "disclosure"), disclosure)
        self.known(("labels", "disclosure"), disclosure, list(_DISCLOSURE))
        labels = Labels(**told, disclosure=self.values(("labels", "disclosure"), _DISCLOSURE, disclosure))
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
        fits, wanted = _KINDS[key.kind]
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


def example() -> str:
    """A brief to start from: every key with what it is; those that may be left out are comments."""
    rows = ["# What a release is to be: 'aigc-music release BRIEF.toml DIR' makes it.", ""]
    for name, key in SONG.items():
        needed = key.default is ... or name in ("style", "theme", "mood", "bars")
        rows.append(f"{'' if needed else '# '}{name} = {key.example}  # {key.help}")
    tables = {"credits": CREDITS, "labels": LABELS, "labels.disclosure": _DISCLOSURE, "video": VIDEO}
    for table, keys in tables.items():
        rows += ["", f"[{table}]"]
        if table == "credits":
            rows.append(f"# songwriter = {_ROLE.example}  # any role: a name, or a list of names")
        rows += [f"# {name} = {key.example}  # {key.help}" for name, key in keys.items()]
    rows += ["", "# An album: one table a song, which overrides the keys above.", "# [[songs]]",
             '# title = "First Song"', "# [songs.credits]", '# isrc = "QZ-ABC-26-00001"']  # fmt: skip
    return "\n".join(rows) + "\n"
