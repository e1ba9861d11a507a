"""What tells of a release: its files, credits, how it was made, and how to check it. None where there is nothing.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from .common import KINDS, count_text, link, section
from .markup import Child, el
from .shown import Row, Shown

__all__ = ["credits", "downloads", "made", "signatures"]

GROUPS: dict[str, tuple[str, ...]] = {
    "Music": ("master", "mix", "stem", "midi"),
    "Words": ("lyrics", "timed_lyrics"),
    "Pictures": ("cover", "thumbnail"),
    "Film": ("lyric_video", "canvas", "social", "motion"),
    "Papers": ("credits",),
}
PAPERS = ("provenance", "signature")
"""Roles of files that speak of other files."""
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


def downloads(shown: Shown) -> Element | None:
    tables: list[Child] = [
        _table(shown, name, shown.of(*roles)) for name, roles in GROUPS.items() if shown.of(*roles)
    ]
    papers = shown.of(*PAPERS)
    if papers:
        summary = el("summary", None, f"{count_text(len(papers), 'record')} and signatures")
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
    labels = shown.brief.labels
    signed = [row for row in shown.rows if row.get("unsigned_sha256") and labels.c2pa != "off"]
    beside = shown.of("signature")
    parts: list[Child] = []
    if signed or beside:
        inside = [f"{count_text(len(signed), 'file')} with a C2PA signature inside"] if signed else []
        inside += [f"{count_text(len(beside), 'signature')} beside a file"] if beside else []
        whose = "a test certificate: it proves that nothing was changed, not who made it"
        if labels.c2pa == "own":
            whose = "the certificate of the one who released it"
        parts.append(el("p", None, f"{' and '.join(inside)}, by {whose}."))
    if labels.china:
        parts.append(el("p", None, "Files carry the AIGC field of GB 45438-2025."))
    parts.append(el("p", None, "Every file stands in ", el("a", {"href": "manifest.json"}, "manifest.json"),
                    " with its SHA-256 and what it was made from. To check it, run in this folder:"))  # fmt: skip
    parts.append(el("pre", None, el("code", None, "aigc-music verify .")))
    return section("Check it", "check", parts)


def _bytes(size: int | None) -> str:
    if size is None:
        return "missing"
    for unit, scale in (("MB", 1e6), ("KB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"
