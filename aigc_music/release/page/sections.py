"""The parts of a release's page, in the order in which they stand on it; None where there is nothing to show.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element

from aigc_music.core.lyrics import Line, TimedLyrics
from aigc_music.generators.timeline import timeline_of

from .captions import captions
from .form import form_drawing
from .markup import Child, el
from .shown import Row, Shown, Track, rows_of

__all__ = ["SECTIONS", "link", "player_bar", "section", "sleeve"]

KINDS: dict[str, str] = {
    # role of a file -> what it is, for people
    "master": "Master", "mix": "Mix before mastering", "stem": "Stem", "midi": "Notes",
    "lyrics": "Words", "timed_lyrics": "Words in time", "cover": "Cover", "thumbnail": "Small cover",
    "lyric_video": "Lyric video", "canvas": "Canvas loop", "social": "Social cut", "motion": "Moving cover",
    "credits": "Credits", "provenance": "Where it comes from", "signature": "Signature",
}  # fmt: skip
GROUPS: dict[str, tuple[str, ...]] = {
    "Music": ("master", "mix", "stem", "midi"),
    "Words": ("lyrics", "timed_lyrics"),
    "Pictures": ("cover", "thumbnail"),
    "Film": ("lyric_video", "canvas", "social", "motion"),
    "Papers": ("credits",),
}
PAPERS = ("provenance", "signature")
"""Roles of files that speak of other files."""
SHORT: tuple[str, ...] = ("canvas", "social", "motion")
"""Roles of films that are shorter than the song; all but the social cut are silent loops."""
DISCLOSED: dict[str, str] = {
    # role of a disclosure -> of what it speaks
    "composition": "The music", "lyrics": "The words", "vocals": "The voice", "instruments": "The sound",
    "artwork": "The pictures", "video": "The films", "text": "The texts",
}  # fmt: skip
HOW: dict[str, str] = {
    "none": "made by people, without a generative model",
    "assisted": "made by people with the help of a generative model",
    "generated": "made by a program; people chose and asked",
}
LANGUAGES: dict[str, str] = {"en": "English", "zh": "Chinese", "zh-Hans": "Chinese", "zh-Hant": "Chinese"}


def link(path: str) -> str:
    """A path in the folder as an address relative to the page."""
    return quote(path)


def section(name: str, key: str, *children: Child, screen: bool = False) -> Element:
    """A part of the page under its heading. screen: left out in print."""
    attributes = {"id": key, "aria-labelledby": f"{key}-name", "class": "screen" if screen else None}
    return el("section", attributes, el("h2", {"id": f"{key}-name"}, name), el("div", {"class": "body"}, children))


# ------------------------------------------------------------------------------------------ the top


def sleeve(shown: Shown) -> Element:
    """The cover beside title, artist and what is known of the song."""
    brief = shown.brief
    covers = shown.of("cover", "thumbnail")
    own = {"lang": _language(shown), "dir": "auto"}
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
        rows = [("Songs", str(len(shown.tracks))), ("Length", _length(sum(seconds)) if seconds else "")]
    elif song is not None:
        tag = _language(shown) or ""
        rows = [("Length", _length(song.seconds)), ("Style", song.style.replace("_", " ").capitalize()),
                ("Key", str(song.key)), ("Tempo", f"{song.bpm:.3g} bpm"),
                ("Language", LANGUAGES.get(tag, tag))]  # fmt: skip
    if not rows:
        return None
    return el("dl", {"class": "facts"}, [
        el("div", None, el("dt", None, name), el("dd", None, value)) for name, value in rows if value
    ])  # fmt: skip


def player_bar(shown: Shown) -> Element | None:
    """The master, and the line that is sung."""
    masters = _lightest_first(shown.of("master") or shown.of("mix"))
    if not masters:
        return None
    return el(
        "div", {"class": "player"},
        el("div", {"class": "wide"},
           el("audio", {"id": "player", "controls": "", "preload": "metadata", "aria-label": "Listen to the master"},
              _sources(masters)),
           el("p", {"class": "line", "id": "line", "aria-hidden": "true", "lang": _language(shown), "dir": "auto"})),
    )  # fmt: skip


def _lightest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["mime"] != "audio/mpeg")


def _sources(rows: list[Row]) -> list[Element]:
    return [el("source", {"src": link(row["path"]), "type": row["mime"]}) for row in rows]


# ------------------------------------------------------------------------------------- what there is


def tracks(shown: Shown) -> Element | None:
    """The songs of an album, each with its cover, and a player where its master is there."""
    if not shown.tracks:
        return None
    return section("Songs", "songs", el("ol", {"class": "tracks"}, [_track(track) for track in shown.tracks]))


def _track(track: Track) -> Element:
    covers = rows_of(track.rows, "thumbnail", "cover")
    sounds = _lightest_first(rows_of(track.rows, "master"))
    picture = {"src": link(covers[0]["path"]), "alt": "", "width": "640", "height": "640"} if covers else None
    player = {"controls": "", "preload": "none", "aria-label": f"Listen to {track.title}"}
    return el(
        "li", None,
        el("a", {"href": link(f"{track.folder}/index.html")},
           el("img", picture) if picture else None, el("span", {"class": "name", "dir": "auto"}, track.title)),
        el("p", {"class": "quiet"}, _length(track.seconds)) if track.seconds else None,
        el("audio", player, _sources(sounds)) if sounds else None,
    )  # fmt: skip


def form(shown: Shown) -> Element | None:
    if shown.song is None:
        return None
    return section("The song", "song", form_drawing(timeline_of(shown.song)))


def words(shown: Shown) -> Element | None:
    if shown.lyrics is None or not shown.lyrics.lines:
        return None
    stanzas = []
    for name, lines in _stanzas(shown.lyrics):
        heading = el("h3", {"lang": "en", "dir": "ltr"}, name) if name else None
        stanzas.append(el("div", None, heading, [_line(line) for line in lines]))
    return section(
        "Lyrics", "lyrics", el("div", {"class": "lyrics", "lang": _language(shown), "dir": "auto"}, stanzas)
    )


def _stanzas(lyrics: TimedLyrics) -> Iterator[tuple[str, list[Line]]]:
    """(heading, lines) for each section; those that come more than once with other words are numbered."""
    groups = [(name, list(lines)) for name, lines in groupby(lyrics.lines, key=lambda line: line.section)]
    names = [name for name, _ in groups]
    seen: dict[str, int] = {}
    for name, lines in groups:
        seen[name] = seen.get(name, 0) + 1
        number = f" {seen[name]}" if name == "verse" and names.count(name) > 1 else ""
        yield (name.capitalize() + number if name else ""), lines


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
    if (
        shown.lyrics is not None
    ):  # inside the page: a browser reads no caption file beside a page that is a file itself
        data = base64.b64encode(captions(shown.lyrics).encode()).decode()
        track = el("track", {"kind": "captions", "src": f"data:text/vtt;base64,{data}", "label": "Words",
                             "srclang": _language(shown) or "en"})  # fmt: skip
    return el("video", {"class": "main", "controls": "", "preload": "metadata", "playsinline": "",
                        "aria-label": f"{name} of {shown.brief.title}"}, _sources([row]), track)  # fmt: skip


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
    return el("figure", None, el("video", attributes, _sources([row])), el("figcaption", None, name))


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
    return el("li", None, el("h3", None, name), el("audio", player, _sources([row])))


def _plain_name(row: Row) -> str:
    """A file's name for people: without folder, suffix and number."""
    name = row["path"].rpartition("/")[2].rpartition(".")[0]
    return re.sub(r"[_-]+", " ", re.sub(r"^\d+[_-]", "", name)).capitalize()


def downloads(shown: Shown) -> Element | None:
    tables: list[Child] = [
        _table(shown, name, shown.of(*roles)) for name, roles in GROUPS.items() if shown.of(*roles)
    ]
    papers = shown.of(*PAPERS)
    if papers:
        summary = el("summary", None, f"{_count(len(papers), 'record')} and signatures")
        tables.append(el("details", None, summary, _table(shown, "Records and signatures", papers)))
    return section("Files", "files", tables) if tables else None


def _table(shown: Shown, name: str, rows: list[Row]) -> Element:
    head = el("tr", None, [el("th", {"scope": "col", "class": "number" if text == "Size" else None}, text)
                           for text in ("File", "What it is", "Type", "Size")])  # fmt: skip
    body = [
        el("tr", None,
           el("td", None, el("a", {"href": link(row["path"]), "download": "", "title": f"SHA-256 {row['sha256']}"},
                             row["path"])),
           el("td", None, KINDS.get(row["role"], row["role"])),
           el("td", None, row["mime"]),
           el("td", {"class": "number"}, _bytes(shown.size(row))))
        for row in rows
    ]  # fmt: skip
    return el(
        "table", {"class": "files"}, el("caption", None, name), el("thead", None, head), el("tbody", None, body)
    )


# --------------------------------------------------------------------------------------------- papers


def credits(shown: Shown) -> Element | None:
    rows: list[tuple[str, Child]] = []
    for name, value in shown.brief.credits.items():
        told = name.upper() if name in ("isrc", "upc") else name.replace("_", " ").capitalize()
        rows.append((told, ", ".join(value) if isinstance(value, tuple) else str(value)))
    return section("Credits", "credits", _terms(rows)) if rows else None


def _terms(rows: list[tuple[str, Child]]) -> Element:
    return el("dl", None, [
        part for name, value in rows for part in (el("dt", None, name), el("dd", {"dir": "auto"}, value))
    ])  # fmt: skip


def made(shown: Shown) -> Element | None:
    """Who or what made which part, with which models and data."""
    paper = shown.papers.get("credits", {})
    told = paper.get("disclosure") or {
        role: how for row in shown.rows for role, how in row["disclosure"].items()
    }  # fmt: skip
    roles: list[tuple[str, Child]] = [
        (DISCLOSED[role], HOW.get(told[role], told[role])) for role in DISCLOSED if role in told
    ]
    if not roles:
        return None
    return section(
        "How it was made", "made",
        _terms(roles),
        _models(paper.get("models", [])),
        _type(paper.get("fonts", [])),
        _originality(shown.papers.get("originality", {}).get("sentences", [])),
        el("p", {"class": "quiet"}, f"Seed {shown.brief.seed}. The same brief and seed give the same files."),
    )  # fmt: skip


def _models(models: list[dict[str, Any]]) -> Element | None:
    if not models:
        return None
    head = el("tr", None, [el("th", {"scope": "col"}, text) for text in ("Model", "Learned from", "Licence")])
    rows = [
        el("tr", None, el("td", None, row["name"]), el("td", None, _learned(row["data"])),
           el("td", None, row["licence"] or "not stated"))
        for row in models
    ]  # fmt: skip
    return el("table", {"class": "models"}, el("caption", None, "Models"), el("thead", None, head),
              el("tbody", None, rows))  # fmt: skip


def _learned(data: list[dict[str, Any]]) -> str:
    return "; ".join(f"{row['credit'] or row['set']} ({row['licence']})" for row in data) or "not stated"


def _type(fonts: list[dict[str, Any]]) -> Element | None:
    if not fonts:
        return None
    names = ", ".join(f"{row['name']} ({row['licence'] or 'of the system'})" for row in fonts)
    return el("p", None, f"Set in {names}.")


def _originality(sentences: list[str]) -> list[Element]:
    if not sentences:
        return []
    return [el("h3", None, "How near it is to what the models learned from"),
            el("ul", None, [el("li", None, text) for text in sentences])]  # fmt: skip


def signatures(shown: Shown) -> Element | None:
    signed = [row for row in shown.rows if row.get("unsigned_sha256")]
    beside = shown.of("signature")
    parts: list[Child] = []
    if signed or beside:
        inside = [f"{_count(len(signed), 'file')} with a C2PA signature inside"] if signed else []
        inside += [f"{_count(len(beside), 'signature')} beside a file"] if beside else []
        whose = "a test certificate: it proves that nothing was changed, not who made it"
        if shown.brief.labels.c2pa == "own":
            whose = "the certificate of the one who released it"
        parts.append(el("p", None, f"{' and '.join(inside)}, by {whose}."))
    parts.append(el("p", None, "Every file stands in ", el("a", {"href": "manifest.json"}, "manifest.json"),
                    " with its SHA-256 and what it was made from. To check it, run in this folder:"))  # fmt: skip
    parts.append(el("pre", None, el("code", None, "aigc-music verify .")))
    return section("Check it", "check", parts)


# ---------------------------------------------------------------------------------------------- words


def _language(shown: Shown) -> str | None:
    """The language of the words as a tag, None for an instrumental."""
    if shown.lyrics is not None and shown.lyrics.language:
        return shown.lyrics.language
    told = shown.brief.language
    return told if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", told or "") and told != "none" else None


def _length(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _bytes(size: int | None) -> str:
    if size is None:
        return "missing"
    for unit, scale in (("MB", 1e6), ("KB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


SECTIONS = (tracks, form, words, film, short_films, stems, downloads, credits, made, signatures)
"""From the top of the page to its end."""
