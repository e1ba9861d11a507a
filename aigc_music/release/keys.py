"""The keys of a brief: what each may hold, how it is checked, and a brief to start from.

Values are checked by the functions that the engine's requests use, so a brief allows what they allow.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from aigc_music.core.controls import CONTROLS
from aigc_music.core.errors import UsageError, choose
from aigc_music.core.time import check_bpm
from aigc_music.engine.provenance import DISCLOSURES
from aigc_music.engine.requests.base import check_range
from aigc_music.engine.requests.text import LANGUAGES as WRITTEN

__all__ = [
    "CREDITS", "DISCLOSED", "DISCLOSURE", "KINDS", "LABELS", "LANGUAGES", "ROLE", "SONG", "VIDEO", "Key", "example",
]  # fmt: skip

LANGUAGES: dict[str, str] = WRITTEN | {"none": "an instrumental, without words"}

DISCLOSED: tuple[str, ...] = ("composition", "lyrics", "vocals", "instruments", "artwork", "video")
"""Roles of which a disclosure can be said."""

C2PA: dict[str, str] = {
    "test": "signed with a certificate of our own making, marked as a test",
    "own": "signed with the certificate and key named here",
    "off": "not signed",
}


class Key(NamedTuple):
    """A key of a brief. kind: a name of KINDS. default: where it is left out, ... where it must not be. check: gives
    the value as it is kept, or raises UsageError. help: what it is and what it may be. example: as a line of TOML."""

    kind: str
    default: Any
    check: Callable[[Any], Any]
    help: str
    example: str


def _text(most: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        plain = " ".join(value.split())
        if not plain:
            raise UsageError("it is empty: write something, or leave the key out")
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in plain):
            raise UsageError(f"{plain!r} holds a control character: take it out")
        if len(plain) > most:
            raise UsageError(f"it has {len(plain)} characters: give {most} at the most")
        return plain

    return check


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

    long = [name for name, preset in PRESETS.items() if preset.sound]  # loops have stages of their own
    return tuple(dict.fromkeys(choose("preset", name, long) for name in value))


def _names(value: str | list[str]) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    return tuple(_text(200)(name) for name in names)


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
ROLE = Key("text or texts", (), _names, "a role: a name, or a list of names", '["Ada Park", "Lin Wei"]')

LABELS: dict[str, Key] = {
    "c2pa": Key("text", "test", lambda value: choose("kind of signature", value, C2PA),
                "; ".join(f"{name}: {what}" for name, what in C2PA.items()), '"test"'),
    "certificate": Key("text", "", _same, "PEM file of the certificate chain, for c2pa = \"own\"", '"chain.pem"'),
    "key": Key("text", "", _same, "PEM file of its private key, for c2pa = \"own\"", '"key.pem"'),
    "china": Key("yes or no", False, _same, "write the AIGC field of GB 45438-2025 into every file", "false"),
    "visible": Key("yes or no", False, _same, "a label to see, in films and on a copy of the cover", "false"),
    "producer": Key("text", "", _text(200), "who answers for the content, for the AIGC field", '"Park Records"'),
}  # fmt: skip
"""Keys of [labels], beside its table `disclosure`: role -> none, assisted, generated."""
DISCLOSURE = {
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

KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str), "text in quotes"),
    "texts": (lambda value: isinstance(value, list) and bool(value) and all(isinstance(row, str) for row in value),
              "a list of texts, such as [\"a\", \"b\"]"),
    "text or texts": (lambda value: isinstance(value, str) or KINDS["texts"][0](value),
                      "text in quotes, or a list of such"),
    "number": (lambda value: isinstance(value, (int, float)) and not isinstance(value, bool), "a number"),
    "whole number": (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    "yes or no": (lambda value: isinstance(value, bool), "true or false"),
}  # fmt: skip
"""Kind of a value -> (whether it is one, what to write instead)."""


def example() -> str:
    """A brief to start from: every key with what it is; those that may be left out are comments."""
    rows = ["# What a release is to be: 'aigc-music release BRIEF.toml DIR' makes it.", ""]
    for name, key in SONG.items():
        needed = key.default is ... or name in ("style", "theme", "mood", "bars")
        rows.append(f"{'' if needed else '# '}{name} = {key.example}  # {key.help}")
    tables = {"credits": CREDITS, "labels": LABELS, "labels.disclosure": DISCLOSURE, "video": VIDEO}
    for table, keys in tables.items():
        rows += ["", f"[{table}]"]
        if table == "credits":
            rows.append(f"# songwriter = {ROLE.example}  # any role: a name, or a list of names")
        rows += [f"# {name} = {key.example}  # {key.help}" for name, key in keys.items()]
    rows += ["", "# An album: one table a song, which overrides the keys above.", "# [[songs]]",
             '# title = "First Song"', "# [songs.credits]", '# isrc = "QZ-ABC-26-00001"']  # fmt: skip
    return "\n".join(rows) + "\n"
