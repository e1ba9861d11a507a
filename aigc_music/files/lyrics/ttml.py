"""TTML timed text: written in the dialect of Apple Music, read in that and as plain W3C TTML.

The dialect: `itunes:timing` Word or Line on <tt>, a <div itunes:song-part> a section, a <p> a line with the agent v1
and a key, a <span> a syllable; syllables of one word touch, a space parts words. So white space carries meaning and
is never added for looks. Background voices are a <span ttm:role="x-bg"> in the <p> of the lead line before. Times
count from the beginning of the song, in milliseconds. Translations and romanisations are skipped when read.

Plain TTML: times of an element count from the beginning of the one around it (parallel containers; sequential ones
are read as parallel), as clock times, with frames, or as offsets in h, m, s, ms, f and t. A <p> without timed spans
is one Word; <br/> is a space.
Lost when written: the album.

Source: W3C TTML2, chapter 12 (timing) and 14 (metadata); the dialect as published lyric files use it.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from ...core.errors import FileError
from ...core.lyrics import Line, TimedLyrics
from ..safe_xml import local_name, parse_xml
from .shape import Piece, Repairs, clean, ordered, pieces_of, steps, words_of

__all__ = ["parse", "render"]

_APPLE = "http://music.apple.com/lyric-ttml-internal"
_NAMESPACES = (
    f'xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xmlns:itunes="{_APPLE}"'
)
_XML = "{http://www.w3.org/XML/1998/namespace}"
_PARAMETER = "{http://www.w3.org/ns/ttml#parameter}"
_PARTS = {"pre-chorus": "PreChorus", "post-chorus": "PostChorus"}  # others with a capital: Verse, Chorus
_SKIPPED = {"x-translation", "x-roman"}
_NUMBER = r"\d{1,12}(?:\.\d{1,9})?"
_CLOCK = re.compile(rf"(?:(\d{{1,4}}):)?(?:(\d{{1,5}}):)?({_NUMBER})")
_FRAMES = re.compile(r"(\d{1,4}):(\d{1,2}):(\d{1,2}):(\d{1,4})(?:\.\d{1,4})?")
_OFFSET = re.compile(rf"({_NUMBER})(h|m|s|ms|f|t)")


# ------------------------------------------------------------------------------------------- reading


@dataclass(slots=True)
class _Reading:
    """What holds for a whole file."""

    absolute: bool  # times count from the beginning of the song, not of the element around
    frame_rate: float
    tick_rate: float
    repairs: Repairs
    lines: list[Line]
    paragraphs: int = 0


@dataclass(frozen=True, slots=True)
class _Span:
    """When something is sung; the end may not be known yet."""

    start: float
    end: float | None


def parse(data: bytes) -> TimedLyrics:
    """Lyrics from the bytes of a TTML file. Times that cannot be read are left out and counted in `repairs`.

    Raises FileError for other XML and when there is no text.
    """
    root = parse_xml(data)
    if local_name(root.tag) != "tt":
        raise FileError(f"the XML begins with <{local_name(root.tag)}>, not <tt>: give a TTML file")
    rate = _number(root.get(_PARAMETER + "frameRate"), 30.0)
    factor = re.fullmatch(r"\s*(\d{1,6})[\s:]+(\d{1,6})\s*", root.get(_PARAMETER + "frameRateMultiplier", ""))
    if factor and int(factor[1]) and int(factor[2]):
        rate *= int(factor[1]) / int(factor[2])
    ticks = _number(root.get(_PARAMETER + "tickRate"), rate if root.get(_PARAMETER + "frameRate") else 1.0)
    apple = any(name.startswith("{" + _APPLE) for element in root.iter() for name in element.attrib)
    reading = _Reading(apple, rate, ticks, Repairs(), [])
    for body in root:
        if local_name(body.tag) == "body":
            _block(body, _Span(0.0, None), "", reading)
    if not reading.lines:
        raise FileError("no <p> with text: give a TTML file with lyrics")
    lyrics = TimedLyrics(tuple(reading.lines), **_facts(root), repairs=reading.repairs.texts("paragraph"))
    return ordered(lyrics)


def _facts(root: Element) -> dict[str, str]:
    facts = {"language": clean(root.get(_XML + "lang", ""))}
    for element in root.iter():
        name = local_name(element.tag)
        if name == "title" and "title" not in facts:
            facts["title"] = clean("".join(element.itertext()))
        elif name == "agent" and element.get(_XML + "id") == "v1":
            facts["artist"] = clean(" ".join(element.itertext()))
        elif name == "meta" and element.get("key") in ("musicName", "artists", "album"):  # of the AMLL tools
            key = {"musicName": "title", "artists": "artist", "album": "album"}[element.get("key", "")]
            facts.setdefault(key, clean(element.get("value", "")))
    return facts


def _block(element: Element, around: _Span, section: str, reading: _Reading) -> None:
    """A body or div: what is inside begins after it begins."""
    span = _span(element, around, reading)
    section = clean(element.get(f"{{{_APPLE}}}song-part", element.get("song-part", ""))).lower() or section
    section = next((name for name, part in _PARTS.items() if part.lower() == section), section)
    for child in element:
        name = local_name(child.tag)
        if name == "div":
            _block(child, span, section, reading)
        elif name == "p":
            reading.paragraphs += 1
            _voices(child, _span(child, span, reading), section, False, reading)


def _voices(element: Element, span: _Span, section: str, background: bool, reading: _Reading) -> None:
    """The line that a p, or a background span, holds, and the background lines inside it."""
    pieces: list[tuple[str, _Span]] = []
    behind: list[tuple[Element, _Span]] = []
    _gather(element, span, pieces, behind, reading)
    words = words_of(_timed(pieces, span))
    if words:
        reading.lines.append(Line(words, section, background))
    for child, when in behind:
        _voices(child, when, section, True, reading)


def _gather(
    element: Element,
    span: _Span,
    pieces: list[tuple[str, _Span]],
    behind: list[tuple[Element, _Span]],
    reading: _Reading,
) -> None:
    """Texts under `element`, each with the span of the element that times it."""
    if element.text:
        pieces.append((element.text, span))
    for child in element:
        name = local_name(child.tag)
        role = next((value for key, value in child.attrib.items() if local_name(key) == "role"), "")
        if name == "br":
            pieces.append((" ", span))
        elif name == "span" and role == "x-bg":
            behind.append((child, _span(child, span, reading)))
        elif name == "span" and role not in _SKIPPED:
            timed = not {"begin", "end", "dur"}.isdisjoint(child.keys())
            _gather(child, _span(child, span, reading) if timed else span, pieces, behind, reading)
        if child.tail:
            pieces.append((child.tail, span))


def _timed(pieces: list[tuple[str, _Span]], whole: _Span) -> list[Piece]:
    """Join neighbours of one span, and give ends and untimed texts the times around them."""
    if all(span is whole for _, span in pieces):
        return [("".join(text for text, _ in pieces), whole.start, _end(whole, whole.start))]
    groups = [list(group) for _, group in groupby(pieces, key=lambda piece: id(piece[1]))]
    joined = [("".join(text for text, _ in group), group[0][1]) for group in groups]
    timed: list[Piece] = []
    starts = [span.start for _, span in joined if span is not whole]
    before = whole.start
    index = 0
    for text, span in joined:
        if span is whole:  # the space between two words; other text here has no time of its own
            timed.append((text, before, before))
            continue
        index += 1
        following = starts[index] if index < len(starts) else _end(whole, span.start)
        end = _end(span, max(span.start, following))
        timed.append((text, span.start, end))
        before = end
    return timed


def _end(span: _Span, otherwise: float) -> float:
    return otherwise if span.end is None else max(span.start, span.end)


def _span(element: Element, around: _Span, reading: _Reading) -> _Span:
    """When `element` is sung, by its attributes or else the element around it."""
    base = 0.0 if reading.absolute else around.start
    begin, end, length = (_seconds(element.get(name), reading) for name in ("begin", "end", "dur"))
    start = around.start if begin is None else base + begin
    ends = [base + end] if end is not None else []
    if length is not None:
        ends.append(start + length)
    if around.end is not None and (not ends or not reading.absolute):
        ends.append(around.end)
    if ends and min(ends) < start and (end is not None or length is not None):
        reading.repairs.add("end before its begin moved there", reading.paragraphs)
    return _Span(start, max(start, min(ends)) if ends else None)


def _seconds(text: str | None, reading: _Reading) -> float | None:
    if text is None:
        return None
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        hours, minutes = (found[1], found[2]) if found[2] else (None, found[1])
        whole, _, fraction = found[3].partition(".")
        scale = 10 ** len(fraction)
        return ((int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(whole)) * scale + int(fraction or 0)) / scale
    if found := _FRAMES.fullmatch(text):
        return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]) + int(found[4]) / reading.frame_rate
    if found := _OFFSET.fullmatch(text):
        scales = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
        scales |= {"f": 1.0 / reading.frame_rate, "t": 1.0 / reading.tick_rate}
        return float(found[1]) * scales[found[2]]
    reading.repairs.add(f"time {text[:20]!r} that is none dropped", reading.paragraphs)
    return None


def _number(text: str | None, otherwise: float) -> float:
    return float(text) if text and re.fullmatch(_NUMBER, text) and float(text) > 0 else otherwise


# ------------------------------------------------------------------------------------------- writing


def render(lyrics: TimedLyrics) -> bytes:
    """`lyrics` as the bytes of a TTML file. The timing is Line where each line is one timed piece, else Word."""
    lyrics = ordered(lyrics)
    by_line = all(len(line.syllables) == 1 for line in lyrics)
    language = f" xml:lang={quoteattr(lyrics.language)}" if lyrics.language else ""
    name = f'<ttm:name type="full">{escape(lyrics.artist)}</ttm:name>' if lyrics.artist else ""
    title = f"<ttm:title>{escape(lyrics.title)}</ttm:title>" if lyrics.title else ""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<tt {_NAMESPACES} itunes:timing="{"Line" if by_line else "Word"}"{language}><head><metadata>{title}',
        f'<ttm:agent type="person" xml:id="v1">{name}</ttm:agent></metadata></head>',
        f'<body dur="{_stamp(max((line.end_s for line in lyrics), default=0.0))}">',
    ]
    key = 0
    for section, paragraphs in _sections(lyrics):
        lines = [line for paragraph in paragraphs for line in paragraph]
        part = f" itunes:song-part={quoteattr(_PARTS.get(section, _capital(section)))}" if section else ""
        parts.append(f"<div{_when(lines)}{part}>")
        for paragraph in paragraphs:
            key += 1
            lead = [line for line in paragraph if not line.background]
            parts.append(f'<p{_when(lead or paragraph)} itunes:key="L{key}" ttm:agent="v1">')
            for line in paragraph:
                behind = f'<span ttm:role="x-bg"{_when([line])}>' if line.background else ""
                parts += [behind, _text(line, by_line), "</span>" if behind else ""]
            parts.append("</p>")
        parts.append("</div>")
    parts.append("</body></tt>")
    return "".join(parts).encode()


def _sections(lyrics: TimedLyrics) -> list[tuple[str, list[list[Line]]]]:
    """(section, its paragraphs): a paragraph is a lead line and the background lines behind it."""
    sections: list[tuple[str, list[list[Line]]]] = []
    for line in lyrics:
        if not sections or sections[-1][0] != line.section:
            sections.append((line.section, []))
        paragraphs = sections[-1][1]
        if line.background and paragraphs:
            paragraphs[-1].append(line)
        else:
            paragraphs.append([line])
    return sections


def _text(line: Line, by_line: bool) -> str:
    if by_line:
        return escape(line.text)
    spans = []
    for text, start, end in pieces_of(line):
        bare = text.rstrip(" ")
        times = f'begin="{_stamp(start)}" end="{_stamp(end)}"'
        spans.append(f"<span {times}>{escape(bare)}</span>{' ' if bare != text else ''}")
    return "".join(spans)


def _when(lines: list[Line]) -> str:
    start = min(line.start_s for line in lines)
    end = max(line.end_s for line in lines)
    return f' begin="{_stamp(start)}" end="{_stamp(end)}"'


def _capital(section: str) -> str:
    return section[:1].upper() + section[1:]


def _stamp(seconds: float) -> str:
    minutes, thousandths = divmod(steps(seconds, 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{thousandths // 1000:02d}.{thousandths % 1000:03d}"
