"""Faces: three that are shipped, those of the system for other scripts, and what none of them can write.

Latin is always set in the shipped faces, so a cover looks the same on every machine. Characters that they lack are
looked up one by one before anything is drawn, because skia draws an empty box where no font has a character and says
nothing. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import skia

from aigc_music.core.errors import ModelError, UsageError
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import ImageRequest, VideoRequest

__all__ = ["FACES", "Face", "FontBook", "missing_message", "sticks"]

_FOLDER = Path(__file__).with_name("fonts")


class Face(NamedTuple):
    """A shipped face. file: in the folder `fonts`. caps: it has capitals only."""

    file: str
    title: str
    caps: bool


FACES: dict[str, Face] = {
    "grotesque": Face("InterDisplay-Bold.otf", "Inter Display Bold", False),
    "condensed": Face("BebasNeue-Bold.otf", "Bebas Neue Bold", True),
    "serif": Face("EBGaramond-Regular.otf", "EB Garamond Regular", False),
}

# first word of a character's Unicode name -> script, tag for the look-up, packages that bring it
_SCRIPTS: dict[str, tuple[str, str, str]] = {
    "CJK": ("Chinese characters", "zh-CN", "fonts-noto-cjk"),
    "HIRAGANA": ("Japanese kana", "ja", "fonts-noto-cjk"),
    "KATAKANA": ("Japanese kana", "ja", "fonts-noto-cjk"),
    "KATAKANA-HIRAGANA": ("Japanese kana", "ja", "fonts-noto-cjk"),
    "HANGUL": ("Korean", "ko", "fonts-noto-cjk"),
    "BOPOMOFO": ("Bopomofo", "zh-TW", "fonts-noto-cjk"),
    "ARABIC": ("Arabic", "ar", "fonts-noto-core"),
    "HEBREW": ("Hebrew", "he", "fonts-noto-core"),
    "DEVANAGARI": ("Devanagari", "hi", "fonts-noto-core"),
    "BENGALI": ("Bengali", "bn", "fonts-noto-core"),
    "TAMIL": ("Tamil", "ta", "fonts-noto-core"),
    "TELUGU": ("Telugu", "te", "fonts-noto-core"),
    "THAI": ("Thai", "th", "fonts-noto-core"),
    "ETHIOPIC": ("Ethiopic", "am", "fonts-noto-core"),
    "GEORGIAN": ("Georgian", "ka", "fonts-noto-core"),
    "ARMENIAN": ("Armenian", "hy", "fonts-noto-core"),
    "KHMER": ("Khmer", "km", "fonts-noto-core"),
    "CUNEIFORM": ("Cuneiform", "akk", "fonts-noto-core"),
    "RUNIC": ("Runes", "non", "fonts-noto-core"),
}
_EMOJI = ("emoji and symbols", "und-Zsye", "fonts-noto-color-emoji")
_OTHER = ("another script", "und", "fonts-noto-core fonts-noto-extra")
# Debian package -> what brings the same elsewhere
_ELSEWHERE: dict[str, tuple[str, str]] = {
    "fonts-noto-cjk": (
        "brew install --cask font-noto-sans-cjk",
        "Settings > System > Optional features > Chinese (or Japanese, Korean) Supplemental Fonts",
    ),
    "fonts-noto-core": (
        "brew install --cask font-noto-sans",
        "Settings > System > Optional features, the script's fonts",
    ),
    "fonts-noto-color-emoji": ("comes with the system", "comes with the system"),
    "fonts-noto-core fonts-noto-extra": ("brew install --cask font-noto-sans", "a Noto font of the script"),
}
# tag -> the family to look into first: what skia finds by itself is often DejaVu, drawn for screens of its day
_FAMILIES = {
    "ar": "Noto Sans Arabic", "he": "Noto Sans Hebrew", "hi": "Noto Sans Devanagari", "bn": "Noto Sans Bengali",
    "ta": "Noto Sans Tamil", "te": "Noto Sans Telugu", "th": "Noto Sans Thai", "am": "Noto Sans Ethiopic",
    "ka": "Noto Sans Georgian", "hy": "Noto Sans Armenian", "km": "Noto Sans Khmer", "und-Zsye": "Noto Color Emoji",
}  # fmt: skip
_COLOUR_TABLES = frozenset(int.from_bytes(tag, "big") for tag in (b"CBDT", b"COLR", b"sbix", b"SVG "))
# skia gives the Japanese form of a Han character for these tags, so the region has to be said
_TAGS = {"zh": "zh-CN", "zh-hans": "zh-CN", "zh-hant": "zh-TW", "zh-hk": "zh-HK", "zh-tw": "zh-TW", "cmn": "zh-CN"}


def _script(letter: str) -> tuple[str, str, str]:
    name = unicodedata.name(letter, "")
    first = name.split(" ")[0] if name else ""
    if first in ("FULLWIDTH", "IDEOGRAPHIC", "HALFWIDTH"):
        first = "CJK"
    if first in _SCRIPTS:
        return _SCRIPTS[first]
    return _EMOJI if unicodedata.category(letter) in ("So", "Sk") else _OTHER


def sticks(letter: str) -> bool:
    """Whether a character has no shape of its own: white space, joiners, marks, variation selectors."""
    return letter.isspace() or unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Me", "Mc")


def missing_message(letters: dict[str, str]) -> str:
    """What people are told of characters (letter -> script) that no font here has."""
    rows = []
    for script in dict.fromkeys(letters.values()):
        those = [letter for letter in letters if letters[letter] == script]
        package = _script(those[0])[2]
        mac, windows = _ELSEWHERE[package]
        shown = ", ".join(f"{letter!r} (U+{ord(letter):04X})" for letter in those[:12])
        more = f" and {len(those) - 12} more" if len(those) > 12 else ""
        rows.append(
            f"{script}: {shown}{more}; on Debian and Ubuntu 'apt install {package}', on macOS {mac}, on Windows"
            f" {windows}"
        )
    return "no font on this machine has these characters. " + ". ".join(rows) + ". Install one"


@cache
def _shipped(name: str) -> tuple[Any, str]:
    """(typeface, SHA-256) of a shipped face. ModelError where the file is gone."""
    path = _FOLDER / FACES[name].file
    typeface = _system().makeFromFile(str(path)) if path.is_file() else None
    if typeface is None:
        raise ModelError(f"the face {path.name!r} is missing or damaged: install aigc-music again")
    return typeface, hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _system() -> Any:
    with _silence():
        return skia.FontMgr()


@contextmanager
def _silence() -> Iterator[None]:
    """No words on stderr meanwhile: skia brings its own fontconfig, which warns of every line that is newer than it
    in the system's settings."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@dataclass(slots=True)
class FontBook:
    """The faces of one cover or film. language: BCP 47 tag. font: a family of the system that is used for all words.

    UsageError for a family that is not installed.
    """

    language: str = ""
    font: str | None = None
    collection: Any = field(init=False)
    unicode: Any = field(init=False)
    _provider: Any = field(init=False)
    _named: dict[str, Any] = field(init=False, default_factory=dict)
    _used: set[str] = field(init=False, default_factory=set)
    _chosen: dict[tuple[str, str], tuple[str, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        layout = skia.textlayout
        self.unicode = skia.Unicodes.ICU.Make()
        self._provider = layout.TypefaceFontProvider()
        for name in FACES:
            self._register(name, _shipped(name)[0])
        if self.font is not None:
            style = _system().matchFamilyStyle(self.font, skia.FontStyle.Bold())
            if style is None:
                names = [_system().getFamilyName(index) for index in range(_system().countFamilies())]
                close = get_close_matches(self.font, names, n=3, cutoff=0.4)
                raise UsageError(
                    f"font {self.font!r} is not installed: give the name of a family that is"
                    + (f", such as {', '.join(close)}" if close else "") + ", or leave it out"
                )  # fmt: skip
            self._register("asked", style)
        self.collection = layout.FontCollection()
        self.collection.setDefaultFontManager(self._provider)

    def _register(self, name: str, typeface: Any) -> None:
        self._named[name] = typeface
        self._provider.registerTypeface(typeface, name)

    def typeface(self, name: str) -> Any:
        """The typeface registered under `name`."""
        return self._named[name]

    def families(self, text: str, face: str) -> tuple[str, ...]:
        """Names of the faces that `text` is set in, the first for all it has. A text that `face` lacks letters of is
        set in the grotesque where that has them all, because a word of two faces looks like a mistake."""
        if (text, face) not in self._chosen:
            letters = [letter for letter in dict.fromkeys(text) if not sticks(letter)]
            first = "asked" if self.font is not None else face
            if any(not self._has(first, letter) for letter in letters if letter.isalpha()) and all(
                self._has("grotesque", letter) for letter in letters
            ):
                first = "grotesque"
            names = [first]
            for letter in letters:
                if not any(self._has(name, letter) for name in names):
                    names.append(self._find(letter, text) or first)
            if letters and first not in ("asked",) and not any(self._has(first, letter) for letter in letters):
                names = [*names[1:], first]
            self._chosen[text, face] = tuple(dict.fromkeys(names))
        self._used.update(self._chosen[text, face])
        return self._chosen[text, face]

    def missing(self, text: str) -> dict[str, str]:
        """Characters of `text` that no font here has, each with its script."""
        names = [*FACES, *(["asked"] if self.font else [])]
        return {
            letter: _script(letter)[0]
            for letter in dict.fromkeys(text)
            if not sticks(letter)
            and not any(self._has(name, letter) for name in names)
            and self._find(letter, text) is None
        }

    def refuse_missing(self, request: ImageRequest | VideoRequest, words: str = "") -> None:
        """UsageError where no font has a character of what will be set, unless boxes are allowed: of title and
        artist on a cover and in a lyric video, and of `words`."""
        titled = request.kind in ("cover", "lyric_video")
        if not request.allow_missing_glyphs:
            text = (request.title + request.artist if titled else "") + words
            self.refuse_text(text, ", or take allow_missing_glyphs (--allow-missing-glyphs) to draw boxes instead")

    def refuse_text(self, text: str, instead: str = "") -> None:
        """UsageError where no font has a character of a text. instead: what else can be done, for the message."""
        missing = self.missing(text)
        if missing:
            raise UsageError(missing_message(missing) + instead)

    def sets(self, text: str, face: str) -> bool:
        """Whether one of FACES has all of a text but its emoji, so that no second face is needed."""
        families = self.families(text, face)
        return all(
            sticks(letter) or self._has(face, letter) or self.coloured(letter, families) for letter in set(text)
        )

    def coloured(self, letter: str, families: tuple[str, ...]) -> bool:
        """Whether the first of these faces that has the letter draws it in colours of its own, as emoji are."""
        face = next((self._named[name] for name in families if self._has(name, letter)), None)
        return face is not None and not _COLOUR_TABLES.isdisjoint(face.getTableTags())

    def materials(self) -> list[Material]:
        """The faces that words were set in."""
        rows = []
        for name in sorted(self._used):
            if name in FACES:
                rows.append(Material("font", FACES[name].title, _shipped(name)[1], "OFL-1.1"))
            else:  # skia does not say which file it is
                rows.append(Material("font", str(self._named[name].getFamilyName())))
        return rows

    def _has(self, name: str, letter: str) -> bool:
        return bool(self._named[name].unicharToGlyph(ord(letter)))

    def _find(self, letter: str, text: str) -> str | None:
        """Name of a system face that has `letter`, registered on the way."""
        tag = self._tag(letter, text)
        wanted = _FAMILIES.get(tag)
        held = [name for name in self._named if name not in FACES and self._has(name, letter)]
        for name in held:
            if wanted is None or self._named[name].getFamilyName() == wanted:
                return name
        found = _system().matchFamilyStyle(wanted, skia.FontStyle.Bold()) if wanted else None
        if found is None or found.getFamilyName() != wanted or not found.unicharToGlyph(ord(letter)):
            if held:
                return held[0]
            found = _system().matchFamilyStyleCharacter("", skia.FontStyle.Bold(), [tag], ord(letter))
        if found is None or not found.unicharToGlyph(ord(letter)):
            return None
        name = f"system {len(self._named)}"
        self._register(name, found)
        return name

    def _tag(self, letter: str, text: str) -> str:
        asked = self.language.casefold().replace("_", "-")
        own = _script(letter)[1]
        if own == "zh-CN":
            if asked.startswith(("zh", "cmn", "ja", "ko")):
                return _TAGS.get(asked, "zh-TW" if "hant" in asked else "zh-CN" if asked[:2] == "zh" else asked)
            scripts = {_script(other)[1] for other in text if not sticks(other)}
            return next((tag for tag in ("ja", "ko") if tag in scripts), own)
        return own
