"""The top of a page: the cover beside title, artist and facts, and the player that stays in sight.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .common import language_of, length_text, lightest_first, link, sources
from .markup import el
from .shown import Shown

__all__ = ["player_bar", "sleeve"]

LANGUAGES: dict[str, str] = {"en": "English", "zh": "Chinese", "zh-Hans": "Chinese", "zh-Hant": "Chinese"}


def sleeve(shown: Shown) -> Element:
    """The cover beside title, artist and what is known of the song."""
    brief = shown.brief
    covers = shown.of("cover", "thumbnail")
    own = {"lang": language_of(shown), "dir": "auto"}
    published = ", ".join(str(brief.credits[name]) for name in ("label", "year") if brief.credits.get(name))
    return el(
        "header", {"class": "sleeve"},
        el("div", {"class": "wide"},
           el("img", {"class": "cover", "src": link(covers[0]["path"]), "width": "1000", "height": "1000",
                      "alt": f"Cover of {brief.title} by {brief.artist}"}) if covers else el("div"),
           el("div", None,
              el("p", {"class": "kicker"}, published) if published else None,
              el("h1", own, brief.title),
              el("p", {"class": "artist", **own}, brief.artist,
                 el("span", {"class": "explicit", "lang": "en"}, "Explicit") if brief.explicit else None),
              _facts(shown))),
    )  # fmt: skip


def _facts(shown: Shown) -> Element | None:
    song = shown.song
    rows: list[tuple[str, str]] = []
    if shown.tracks:
        seconds = [track.seconds for track in shown.tracks if track.seconds]
        rows = [("Songs", str(len(shown.tracks))), ("Length", length_text(sum(seconds)) if seconds else "")]
    elif song is not None:
        tag = language_of(shown) or ""
        rows = [("Length", length_text(song.seconds)), ("Style", song.style.replace("_", " ").capitalize()),
                ("Key", str(song.key)), ("Tempo", f"{song.bpm:.3g} bpm"),
                ("Language", LANGUAGES.get(tag, tag))]  # fmt: skip
    if not rows:
        return None
    return el("dl", {"class": "facts"}, [
        el("div", None, el("dt", None, name), el("dd", None, value)) for name, value in rows if value
    ])  # fmt: skip


def player_bar(shown: Shown) -> Element | None:
    """The master, and the line that is sung."""
    masters = lightest_first(shown.of("master") or shown.of("mix"))
    if not masters:
        return None
    line = {"class": "line", "id": "line", "aria-hidden": "true", "lang": language_of(shown), "dir": "auto"}
    return el(
        "div", {"class": "player"},
        el("div", {"class": "wide"},
           el("audio", {"id": "player", "controls": "", "preload": "metadata", "aria-label": "Listen to the master"},
              sources(masters)),
           el("p", line)),
    )  # fmt: skip
