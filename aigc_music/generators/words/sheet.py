"""Lines of words as a song sheet: a document, words to read, and lyrics in time, for all backends alike.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.core.texts import Text

from . import sounds
from .grammar import NAMES
from .template import LineSpec, Slot, Template

__all__ = ["joined", "lyrics_text", "title_from"]

TAGS = {"en": "en", "zh": "zh-Hans"}
PARTED = re.compile(rf"\b(?:{'|'.join(' '.join(parts) for parts in sounds.JOINED.values())})\b", re.IGNORECASE)
NAME = re.compile(rf"\b(?:{'|'.join(sorted(NAMES))})\b")
TITLE_STARTS = frozenset({"the", "a", "my", "your", "our", "every", "all", "no", "i", "we", "you"})
TITLE_WORDS, TITLE_CHARACTERS = 5, 7  # of a title at the most
NAMES_ZH = {"verse": "主歌", "chorus": "副歌", "bridge": "桥段", "intro": "前奏", "outro": "尾声"}


def lyrics_text(
    template: Template, lines: Sequence[str], title: str, theme: str = "", artist: str = "", **more: Any
) -> Text:
    """The song sheet of one text line for each line of the template. more: further entries of the document."""
    language = template.language
    timed = None
    if template.melody:
        timed = TimedLyrics(
            tuple(Line(_sung(text, spec, language), spec.section) for text, spec in _rows(template, lines)),
            title, artist, "", TAGS[language],
        )  # fmt: skip
    document = {
        "kind": "lyrics", "title": title, "language": language, "scheme": template.scheme, "theme": theme,
        "lines": [_row(text, spec, template) for text, spec in _rows(template, lines)],
    }  # fmt: skip
    if template.tune:
        document["tune"] = template.tune
    return Text("lyrics", document | more, _plain(template, lines, title), timed)


def joined(line: str) -> str:
    """An English line with 'to day', 'any thing' and the like in one word, as nobody parts them today, and with
    names in capitals."""
    line = PARTED.sub(lambda found: found[0].replace(" ", ""), line)
    return NAME.sub(lambda found: found[0].capitalize(), line)


def title_from(template: Template, lines: Sequence[str]) -> str:
    """A title out of the words: the end of the first line of the chorus, or of the song."""
    number = next((n for n, line in enumerate(template.lines) if line.section == "chorus"), 0)
    if template.language == "zh":
        return lines[number][:TITLE_CHARACTERS]
    words = whole = lines[number].replace(",", "").rstrip("?!").split()
    while len(words) > 1 and (sounds.is_light(words[-1]) or words[-1].endswith("'s")):
        words = words[:-1]
    starts = [at for at, word in enumerate(words) if not sounds.is_light(word) or word.lower() in TITLE_STARTS]
    words = words[next((at for at in starts if len(words) - at <= TITLE_WORDS), max(0, len(words) - TITLE_WORDS)) :]
    words = whole[:TITLE_WORDS] if len(words) == 1 and sounds.is_light(words[0]) else words
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]]) if words else "Untitled"


def _rows(template: Template, lines: Sequence[str]) -> list[tuple[str, LineSpec]]:
    return list(zip(lines, template.lines, strict=True))


def _row(text: str, spec: LineSpec, template: Template) -> dict[str, Any]:
    """One line of the document."""
    row: dict[str, Any] = {
        "text": text, "syllables": spec.syllables, "notes": spec.notes, "start_s": None, "end_s": None,
        "rhyme": spec.rhyme, "section": spec.section, "stanza": spec.stanza,
        "stress": [round(slot.weight, 2) for slot in spec.slots], "same_as": spec.same_as,
    }  # fmt: skip
    if template.melody:
        row["start_s"], row["end_s"] = round(spec.slots[0].start_s, 3), round(spec.slots[-1].end_s, 3)
    return row


def _plain(template: Template, lines: Sequence[str], title: str) -> str:
    """Title, then stanzas with the names of their sections."""
    zh = template.language == "zh"
    often = Counter(line.section for line in template.lines if line.opens)
    seen: Counter[str] = Counter()
    rows = [title]
    for numbers in template.stanzas:
        first = template.lines[numbers[0]]
        section = first.section
        seen[section] += first.opens
        name = NAMES_ZH.get(section, section) if zh else section.capitalize()
        again = f" {seen[section]}" if often[section] > 1 and section != "chorus" else ""
        rows += ["", f"[{name}{again}]"] if len(often) > 1 and first.opens else [""]
        rows += [lines[number] for number in numbers]
    return "\n".join(rows)


def _sung(text: str, spec: LineSpec, language: str) -> tuple[Word, ...]:
    """The words of a line with the time of every syllable."""
    if language == "zh":
        written = [[character] for character in text]
    else:
        written = [sounds.pieces(word) for word in text.split()]
    slots = _stretched(spec.slots, sum(len(word) for word in written))
    words, place = [], 0
    for word in written:
        syllables = [
            Syllable(piece, slot.start_s, slot.end_s)
            for piece, slot in zip(word, slots[place : place + len(word)], strict=True)
        ]
        place += len(word)
        words.append(Word(tuple(syllables), language != "zh"))
    return tuple(words)


def _stretched(slots: Sequence[Slot], count: int) -> list[Slot]:
    """As many slots as there are syllables: surplus notes are slurred to the last one, or the last note is shared."""
    place = min(count, len(slots)) - 1
    first, last = list(slots[:place]), slots[place]
    left = count - len(first)
    begin, end = last.start_s, slots[-1].end_s
    step = (end - begin) / max(1, left)
    return first + [Slot(last.weight, begin + step * i, begin + step * (i + 1), last.pitch) for i in range(left)]
