"""The page of a release: one HTML file to look at and listen to all of it, without a network.

It lies in the release folder and opens from there; style and script stand inside it, files are linked by name. Its
colours are the cover's, its drawing the song's. Without script it shows and plays everything, with it the words are
followed as they are sung. The same folder gives the same bytes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from ..brief import Brief
from .markup import document, el
from .media import film, form, short_films, stems, tracks, words
from .papers import credits, downloads, made, signatures
from .shown import Shown, show
from .top import player_bar, sleeve

__all__ = ["page_html"]

_SECTIONS = (tracks, form, words, film, short_films, stems, downloads, credits, made, signatures)


def page_html(manifest: dict[str, Any], brief: Brief, folder: Path) -> bytes:
    """The page of the release that lies in `folder`, as the bytes of its index.html."""
    shown = show(manifest, brief, folder)
    parts = [build(shown) for build in _SECTIONS]
    title = f"{brief.title} by {brief.artist}"
    return _page(shown, title, [sleeve(shown), player_bar(shown), el("main", {"class": "wide", "id": "main"}, parts)])


def _page(shown: Shown, title: str, body: list[Element | None]) -> bytes:
    own = files(__package__)
    dark = shown.colours.dark
    return document(el(
        "html", {"lang": "en", "dir": "ltr"},
        el("head", None,
           el("meta", {"charset": "utf-8"}),
           el("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
           el("meta", {"name": "color-scheme", "content": "dark" if dark else "light"}),
           el("meta", {"name": "theme-color", "content": f"#{shown.colours.sleeve:06x}"}),
           el("title", None, title),
           el("style", None, shown.colours.css() + (own / "style.css").read_text("utf-8"))),
        el("body", None,
           el("a", {"class": "skip", "href": "#main"}, "To the release"),
           body,
           el("footer", {"class": "wide"}, el("p", None, "Made with aigc-music.")),
           el("script", None, (own / "follow.js").read_text("utf-8"))),
    ))  # fmt: skip
