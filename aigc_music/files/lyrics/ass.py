r"""ASS (Advanced SubStation Alpha) with karaoke: one event a line, one {\kf} a syllable, as libass and Aegisub do.

\kf durations are hundredths of a second. Each is the difference of two rounded clock times, so rounding never adds up
over a line. A pause between syllables is a {\kf} without text. The section goes into the Name column, background
lines into a style of their own, the artist into 'Original Script'.

Read: \k, \K, \kf and \ko alike; other tags are dropped, \N, \n and \h are spaces; an event without karaoke is one
Word with the times of the event. Comments and events of the effect 'fx' (made by scripts from others) are skipped.
Lost when written: the album.

Source: the ASS format as libass reads it (ass_parse.c of libass; the SSA v4+ notes of 2003).
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re

from ...core.errors import FileError
from ...core.lyrics import Line, TimedLyrics
from .shape import Piece, Repairs, clean, ordered, pieces_of, steps, words_of

__all__ = ["parse", "render"]

_HEAD = """[Script Info]
ScriptType: v4.00+
WrapStyle: 0
ScaledBorderAndShadow: yes
PlayResX: 1920
PlayResY: 1080
"""
# colours are &HAABBGGRR: sung, not yet sung, outline, shadow
_STYLES = """
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, \
MarginV, Encoding
Style: Lead,Noto Sans,84,&H0000D7FF,&H00FFFFFF,&H00202020,&H80000000,-1,0,0,0,100,100,0,0,1,4,2,2,120,120,100,1
Style: Background,Noto Sans,60,&H00C8C8C8,&H00909090,&H00202020,&H80000000,0,-1,0,0,100,100,0,0,1,3,1,8,120,120,100,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_FIELDS = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
_FACTS = {"title": "title", "original script": "artist", "language": "language"}
_TIME = re.compile(r"\s*(\d{1,3}):(\d{1,2}):(\d{1,2})(?:[.:](\d{1,6}))?\s*")
_BLOCK = re.compile(r"(?<!\\)\{([^{}]*)\}")
_KARAOKE = re.compile(r"\\(?:kf|ko|[kK])\s*(\d{1,7})(?:\.\d*)?")
_GUARD = "\u2060"  # behind a backslash that is meant as one, or libass would take what follows for a command


def parse(text: str) -> TimedLyrics:
    """Lyrics from the text of an ASS file. Events that cannot be read are left out and counted in `repairs`.

    Raises FileError when there is no event with text.
    """
    facts: dict[str, str] = {}
    repairs = Repairs()
    lines: list[Line] = []
    fields: tuple[str, ...] = _FIELDS
    part = ""
    for number, row in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1):
        key, colon, value = row.partition(":")
        key = key.strip().lower()
        if row.startswith("["):
            part = row.strip().lower()
        elif not colon:
            continue
        elif part == "[script info]" and key in _FACTS:
            facts.setdefault(_FACTS[key], clean(value))
        elif part == "[events]" and key == "format":
            names = tuple(name.strip().lower() for name in value.split(","))
            if names[-1] == "text" and {"start", "end"} <= set(names):
                fields = names
            else:
                repairs.add("format without Start, End and a last Text replaced by the usual one", number)
        elif part == "[events]" and key == "dialogue":
            event = dict(zip(fields, value.split(",", len(fields) - 1), strict=False))
            start, end = _TIME.fullmatch(event.get("start", "")), _TIME.fullmatch(event.get("end", ""))
            if start is None or end is None or "text" not in event:
                repairs.add("event that cannot be read dropped", number)
                continue
            if event.get("effect", "").strip().lower() == "fx":
                continue
            words = words_of(_pieces(event["text"], _seconds(start), _seconds(end)))
            if words:
                background = event.get("style", "").strip().lstrip("*").lower().startswith("background")
                lines.append(Line(words, clean(event.get("name", "")), background))
    if not lines:
        raise FileError("no event such as 'Dialogue: 0,0:00:01.00,0:00:02.00,...' with text: give an ASS file")
    return ordered(TimedLyrics(tuple(lines), **facts, repairs=repairs.texts()))


def _seconds(found: re.Match[str]) -> float:
    hours, minutes, seconds, fraction = found.groups(default="0")
    scale = 10 ** len(fraction)
    return ((int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * scale + int(fraction)) / scale


def _pieces(text: str, start: float, end: float) -> list[Piece]:
    pieces: list[Piece] = []
    clock = round(start * 100)  # counted on in hundredths: sums of fractions would drift
    last = round(end * 100)
    texts, durations = _BLOCK.split(text)[::2], [_KARAOKE.findall(block) for block in _BLOCK.findall(text)]
    if not any(durations):
        return [(_plain("".join(texts)), start, max(start, end))]
    pieces.append((_plain(texts[0]), start, start))
    for part, found in zip(texts[1:], durations, strict=True):
        if not found:  # a tag of another kind inside a syllable
            before = pieces.pop()
            pieces.append((before[0] + _plain(part), *before[1:]))
            continue
        clock += sum(map(int, found[:-1]))
        begin, clock = clock, clock + int(found[-1])
        pieces.append((_plain(part), min(begin, last) / 100, min(clock, last) / 100))
    return pieces


def _plain(text: str) -> str:
    for escape, meant in (("\\N", " "), ("\\n", " "), ("\\h", "\u00a0"), ("\\{", "{"), ("\\}", "}")):
        text = text.replace(escape, meant)
    return text.replace("\\" + _GUARD, "\\")


def render(lyrics: TimedLyrics) -> str:
    """`lyrics` as the text of an ASS file, 1920 x 1080, with a wipe over each syllable."""
    lyrics = ordered(lyrics)
    facts = [f"{key.title()}: {value}\n" for key, name in _FACTS.items() if (value := getattr(lyrics, name))]
    events = []
    for line in lyrics:
        clock = begin = steps(line.start_s, 100)
        parts = []
        for text, start, end in pieces_of(line):
            pause = steps(start, 100) - clock
            if pause:
                parts.append(f"{{\\kf{pause}}}")
            clock = steps(end, 100)
            parts.append(f"{{\\kf{clock - steps(start, 100)}}}{_escaped(text)}")
        style = "Background" if line.background else "Lead"
        name = line.section.replace(",", ";")  # the columns are parted by commas
        events.append(f"Dialogue: 0,{_stamp(begin)},{_stamp(clock)},{style},{name},0,0,0,,{''.join(parts)}\n")
    return "".join([_HEAD, *facts, _STYLES, *events])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\" + _GUARD).replace("{", "\\{").replace("}", "\\}")


def _stamp(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:02d}"
