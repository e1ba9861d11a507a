"""What a release is made of, to hear and see: its songs, form, words, films and stems. None where there is nothing.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from itertools import groupby
from xml.etree.ElementTree import Element

from aigc_music.core.lyrics import Line, TimedLyrics
from aigc_music.generators.timeline import timeline_of

from .captions import captions
from .common import KINDS, language_of, length_text, lightest_first, link, section, sources
from .form import form_drawing
from .markup import Child, el
from .shown import Row, Shown, Track, rows_of

__all__ = ["film", "form", "short_films", "stems", "tracks", "words"]

SHORT: tuple[str, ...] = ("canvas", "social", "motion")
"""Roles of films that are shorter than the song; all but the social cut are silent loops."""


def tracks(shown: Shown) -> Element | None:
    """The songs of an album, each with its cover, and a player where its master is there."""
    if not shown.tracks:
        return None
    return section("Songs", "songs", el("ol", {"class": "tracks"}, [_track(track) for track in shown.tracks]))


def _track(track: Track) -> Element:
    covers = rows_of(track.rows, "thumbnail", "cover")
    sounds = lightest_first(rows_of(track.rows, "master"))
    picture = {"src": link(covers[0]["path"]), "alt": "", "width": "640", "height": "640"} if covers else None
    player = {"controls": "", "preload": "none", "aria-label": f"Listen to {track.title}"}
    return el(
        "li", None,
        el("a", {"href": link(f"{track.folder}/index.html")},
           el("img", picture) if picture else None, el("span", {"class": "name", "dir": "auto"}, track.title)),
        el("p", {"class": "quiet"}, length_text(track.seconds)) if track.seconds else None,
        el("audio", player, sources(sounds)) if sounds else None,
    )  # fmt: skip


def form(shown: Shown) -> Element | None:
    if shown.song is None:
        return None
    return section("The song", "song", form_drawing(timeline_of(shown.song)))


def words(shown: Shown) -> Element | None:
    if shown.lyrics is None or not shown.lyrics.lines:
        return None
    stanzas = []
    for name, lines in _stanzas(shown.lyrics, shown.stanzas):
        heading = el("h3", {"lang": "en", "dir": "ltr"}, name) if name else None
        stanzas.append(el("div", None, heading, [_line(line) for line in lines]))
    own = {"class": "lyrics", "lang": language_of(shown), "dir": "auto"}
    return section("Lyrics", "lyrics", el("div", own, stanzas))


def _stanzas(lyrics: TimedLyrics, numbers: tuple[int, ...]) -> Iterator[tuple[str, list[Line]]]:
    """(heading, lines) of each stanza; the first of a section has its name, and verses are counted where there are
    several."""
    sections = [name for name, _ in groupby(line.section for line in lyrics.lines)]
    verse, before = 0, None
    rows = zip(lyrics.lines, numbers, strict=True)
    for (name, _), lines in groupby(rows, key=lambda row: (row[0].section, row[1])):
        heading = name.capitalize() if name != before else ""
        if heading and name == "verse":
            verse += 1
            heading += f" {verse}" if sections.count(name) > 1 else ""
        before = name
        yield heading, [line for line, _ in lines]


def _line(line: Line) -> Element:
    parts: list[Child] = []
    for word in line.words:
        parts.append(el("span", {"data-b": f"{word.start_s:.3f}", "data-e": f"{word.end_s:.3f}"}, word.text))
        parts.append(" " if word.spaced else None)
    return el("p", {"dir": "auto", "class": "behind" if line.background else None}, parts)


def film(shown: Shown) -> Element | None:
    """The films of the whole song: with its words, or of an instrumental."""
    rows = shown.of("lyric_video") or [row for row in shown.of("social") if _is_whole(row)]
    if not rows:
        return None
    name = KINDS["lyric_video"] if rows[0]["role"] == "lyric_video" else "Film"
    return section(name, "film", [_film(shown, name, row) for row in rows], screen=True)


def _is_whole(row: Row) -> bool:
    """Whether a film is that of a whole instrumental."""
    return str(row["path"]).startswith("video/visual")


def _film(shown: Shown, name: str, row: Row) -> Element:
    track = None
    if shown.lyrics is not None:
        # inside the page: of a page that is a file itself, a browser reads no captions beside it
        data = base64.b64encode(captions(shown.lyrics).encode()).decode()
        track = el("track", {"kind": "captions", "src": f"data:text/vtt;base64,{data}", "label": "Words",
                             "srclang": language_of(shown) or "en"})  # fmt: skip
    return el("video", {"class": "main", "controls": "", "preload": "metadata", "playsinline": "",
                        "aria-label": f"{name} of {shown.brief.title}"}, sources([row]), track)  # fmt: skip


def short_films(shown: Shown) -> Element | None:
    rows = [row for row in shown.of(*SHORT) if row["mime"].startswith("video/") and not _is_whole(row)]
    if not rows:
        return None
    films = el("div", {"class": "films"}, [_short_film(shown, row) for row in rows])
    return section("Short films", "short", films, screen=True)


def _short_film(shown: Shown, row: Row) -> Element:
    silent = "" if row["role"] != "social" else None
    name = KINDS[row["role"]]
    if row["role"] == "motion":  # there are two, of other shapes
        name += f", {_plain_name(row).split()[-1]}"
    attributes = {
        "controls": "", "preload": "metadata", "playsinline": "", "aria-label": name,
        "muted": silent, "loop": silent, "data-loop": silent, "poster": _still(shown, row),
    }  # fmt: skip
    return el("figure", None, el("video", attributes, sources([row])), el("figcaption", None, name))


def _still(shown: Shown, row: Row) -> str | None:
    """The picture that belongs to a film, where there is one of its name."""
    stem = row["path"].rpartition(".")[0]
    stills = [f"{stem}{suffix}" for suffix in (".still.jpg", ".jpg", ".png")]
    return next((link(other["path"]) for other in shown.rows if other["path"] in stills), None)


def stems(shown: Shown) -> Element | None:
    rows = [row for row in shown.of("stem") if row["mime"].startswith("audio/")]
    if not rows:
        return None
    return section("Stems", "stems", el("ul", {"class": "stems"}, [_stem(row) for row in rows]), screen=True)


def _stem(row: Row) -> Element:
    name = _plain_name(row)
    player = {"controls": "", "preload": "none", "aria-label": f"Listen to {name}"}
    return el("li", None, el("h3", None, name), el("audio", player, sources([row])))


def _plain_name(row: Row) -> str:
    """A file's name for people: without folder, suffix and number."""
    name = row["path"].rpartition("/")[2].rpartition(".")[0]
    return re.sub(r"[_-]+", " ", re.sub(r"^\d+[_-]", "", name)).capitalize()
