"""What the parts of a page have in common: a section under its heading, links, names, lengths.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from urllib.parse import quote
from xml.etree.ElementTree import Element

from .markup import Child, el
from .shown import Row, Shown

__all__ = ["KINDS", "count_text", "language_of", "length_text", "lightest_first", "link", "section", "sources"]

KINDS: dict[str, str] = {
    # role of a file -> what it is, for people
    "master": "Master", "mix": "Mix before mastering", "stem": "Stem", "midi": "Notes",
    "lyrics": "Words", "timed_lyrics": "Words in time", "cover": "Cover", "thumbnail": "Small cover",
    "lyric_video": "Lyric video", "canvas": "Canvas loop", "social": "Social cut", "motion": "Moving cover",
    "credits": "Credits", "provenance": "Where it comes from", "signature": "Signature",
}  # fmt: skip


def link(path: str) -> str:
    """A path in the folder as an address relative to the page."""
    return quote(path)


def section(name: str, key: str, *children: Child, screen: bool = False) -> Element:
    """A part of the page under its heading. screen: left out in print."""
    attributes = {"id": key, "aria-labelledby": f"{key}-name", "class": "screen" if screen else None}
    return el("section", attributes, el("h2", {"id": f"{key}-name"}, name), el("div", {"class": "body"}, children))


def lightest_first(rows: list[Row]) -> list[Row]:
    """Sounds, MP3 before the others."""
    return sorted(rows, key=lambda row: row["mime"] != "audio/mpeg")


def sources(rows: list[Row]) -> list[Element]:
    """What a player may take, the first that it can."""
    return [el("source", {"src": link(row["path"]), "type": row["mime"]}) for row in rows]


def language_of(shown: Shown) -> str | None:
    """The language of the words as a tag, None for an instrumental."""
    if shown.lyrics is not None and shown.lyrics.language:
        return shown.lyrics.language
    return shown.brief.language if shown.brief.sung else None


def length_text(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def count_text(number: int, thing: str) -> str:
    """'1 file', '2 files'."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
