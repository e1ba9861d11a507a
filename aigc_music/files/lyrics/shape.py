"""What all lyric formats share: timed pieces of text become words, words become pieces, and times keep in order.

A file says when pieces of text are sung. White space between two pieces parts words; pieces without any between
them are syllables of one word, except beside a character of a script that is written without spaces (Chinese,
Japanese): there each piece is a word of its own with spaced=False. White space *inside* a piece parts nothing,
because no time is known there: a line of which only its own time is known is one Word that holds the whole line.
`spread` shares such times out over the words when that is wanted.

Lines sung behind the lead voice stand in brackets where a format has no other way to say so.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...core.lyrics import Line, Syllable, TimedLyrics, Word

__all__ = [
    "LAST_LINE_S",
    "Piece",
    "Repairs",
    "clean",
    "in_brackets",
    "is_in_brackets",
    "known_section",
    "needs_no_space",
    "ordered",
    "pieces_of",
    "spread",
    "steps",
    "words_of",
]

Piece = tuple[str, float, float]
"""Text with the white space around it, start and end in seconds."""

LAST_LINE_S = 4.0
"""How long a last line lasts in a format that gives no ends."""

DAY_S = 86_400.0
"""No song is longer: times are held below it, so that no format runs out of digits."""

_SECTIONS = (
    "intro", "verse", "pre-chorus", "prechorus", "chorus", "post-chorus", "refrain", "hook", "bridge", "interlude",
    "instrumental", "solo", "break", "outro", "coda", "ending",
)  # fmt: skip

_SPACES = re.compile("[\t-\r\x1c-\x20\x85\u2028\u2029\u3000]+")  # not the no-break space: it is part of a word
_UNWRITABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_UNTIDY = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u3000\ud800-\udfff\ufeff\ufffe\uffff]|  |^ | $")

# Han and kana are written without spaces; small kana and marks of repetition or length go with what is before them
_HAN_KANA = "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LEANING = "\u3005ぁぃぅぇぉっゃゅょゎ゙゚ゝゞァィゥェォッャュョヮヵヶーヽヾ"
_OPENING = "(\\[{<“‘«¿¡（［｛〈《「『【〔"
_CLOSING = "、。，．！？：；）］｝〉》」』】〕…"
_JOINT = re.compile(
    rf"(?<=[^\s{_OPENING}])(?=[{_HAN_KANA}])(?![{_LEANING}])|(?<=[{_HAN_KANA}{_CLOSING}])(?=[\w{_OPENING}])(?![{_LEANING}])"
)


# ------------------------------------------------------------------------------------------- text


def clean(text: str) -> str:
    """`text` on one line: each run of white space one space, none at the ends, nothing that a file cannot hold.

    Control characters, lone surrogates and byte order marks are dropped. The no-break space stays.
    """
    if _UNTIDY.search(text):
        text = _SPACES.sub(" ", _UNWRITABLE.sub("", text)).strip(" ")
    return text


def needs_no_space(before: str, after: str) -> bool:
    """Whether two words written one after the other without a space would still be two: 'AIGC' and '音'."""
    if before.isascii() and after.isascii():
        return False
    return bool(before and after and _JOINT.search(before[-1] + after[0]))


def known_section(text: str) -> str:
    """`text` in lower case if it names a part of a song, such as 'Verse 2' or 'chorus'; else ''."""
    name = clean(text).casefold()
    return name if name.startswith(_SECTIONS) and len(name) < 30 else ""


def is_in_brackets(text: str) -> bool:
    """Whether all of `text` stands in round brackets."""
    return len(text) > 2 and text[0] in "(（" and text[-1] in ")）"


def in_brackets(line: Line) -> Line:
    """`line` with round brackets around its text if it is sung in the background and has none."""
    if not line.background or is_in_brackets(line.text):
        return line
    words = list(line.words)
    for index, mark in ((0, "({}"), (-1, "{})")):
        syllables = list(words[index].syllables)
        syllables[index] = replace(syllables[index], text=mark.format(syllables[index].text))
        words[index] = replace(words[index], syllables=tuple(syllables))
    return replace(line, words=tuple(words))


# ------------------------------------------------------------------------------------------- pieces and words


def words_of(pieces: Iterable[Piece]) -> tuple[Word, ...]:
    """The words that timed pieces spell; none for pieces without text. The last word is spaced."""
    words: list[Word] = []
    syllables: list[Syllable] = []
    parted = False
    for raw, start, end in pieces:
        text = clean(raw)
        if not text:
            parted = parted or bool(raw and _SPACES.search(raw))
            continue
        if syllables:
            spaced = parted or bool(_SPACES.match(raw))
            if spaced or needs_no_space(syllables[-1].text, text):
                words.append(Word(tuple(syllables), spaced))
                syllables = []
        syllables.append(Syllable(text, start, end))
        parted = bool(_SPACES.match(raw[-1]))
    if syllables:
        words.append(Word(tuple(syllables)))
    return tuple(words)


def pieces_of(line: Line) -> Iterator[Piece]:
    """The syllables of a line with their times; the last of a word ends in a space where one is written."""
    final = len(line.words) - 1
    for index, word in enumerate(line.words):
        last = len(word.syllables) - 1
        for number, syllable in enumerate(word.syllables):
            space = " " if number == last and word.spaced and index < final else ""
            yield syllable.text + space, syllable.start_s, syllable.end_s


def spread(lyrics: TimedLyrics) -> TimedLyrics:
    """Part each Word that holds several (a line with one time for all) and share its time out by characters."""
    return replace(lyrics, lines=tuple(replace(line, words=tuple(_parted(line))) for line in lyrics))


def _parted(line: Line) -> Iterator[Word]:
    for word in line.words:
        parts = [part for part in _JOINT.sub("\0", word.text).replace(" ", " \0").split("\0") if part.strip()]
        if len(word.syllables) > 1 or len(parts) < 2:
            yield word
            continue
        start, length, total, done = word.start_s, word.end_s - word.start_s, sum(map(len, parts)), 0
        for part in parts:
            begin = start + length * done / total
            done += len(part)
            end = start + length * done / total
            spaced = part.endswith(" ") if done < total else word.spaced
            yield Word((Syllable(part.strip(), begin, end),), spaced)


# ------------------------------------------------------------------------------------------- times


def ordered(lyrics: TimedLyrics) -> TimedLyrics:
    """What can be written: lines in order of their start, times within 0..24 hours, none reversed, clean text.

    In a line no syllable begins before the one before it, and none goes on when the next begins. Syllables,
    words and lines without text are left out.
    """
    lines = [line for each in lyrics for line in _ordered(each)]
    if any(after.start_s < before.start_s for before, after in zip(lines, lines[1:], strict=False)):
        lines.sort(key=lambda line: line.start_s)
    return TimedLyrics(
        tuple(lines),
        clean(lyrics.title),
        clean(lyrics.artist),
        clean(lyrics.album),
        clean(lyrics.language),
        lyrics.repairs,
    )


def _ordered(line: Line) -> Iterator[Line]:
    texts = [syllable.text for syllable in line.syllables]
    times = [time for syllable in line.syllables for time in (syllable.start_s, syllable.end_s)]
    tidy = all(texts) and not any(map(_UNTIDY.search, texts)) and not _UNTIDY.search(line.section)
    if tidy and texts and times[0] >= 0 and times[-1] <= DAY_S and times == sorted(times):
        yield line
        return
    kept = [
        (word, [(text, syllable) for syllable in word.syllables if (text := clean(syllable.text))])
        for word in line.words
    ]
    starts: list[float] = []
    for _, syllables in kept:
        for _, syllable in syllables:
            starts.append(max(starts[-1] if starts else 0.0, min(max(0.0, syllable.start_s), DAY_S)))
    starts.append(DAY_S)
    words: list[Word] = []
    index = 0
    for word, syllables in kept:
        mended = []
        for text, syllable in syllables:
            end = min(max(starts[index], syllable.end_s), starts[index + 1])
            mended.append(Syllable(text, starts[index], end))
            index += 1
        if mended:
            words.append(Word(tuple(mended), word.spaced))
    if words:
        yield Line(tuple(words), clean(line.section), line.background)


def steps(seconds: float, a_second: int) -> int:
    """`seconds` as a whole number of steps, the nearest. Taken on the absolute clock, so that no error adds up."""
    return round(seconds * a_second)


class Repairs:
    """Counts what a reader mended, by kind, with the first few line numbers."""

    def __init__(self) -> None:
        self.found: dict[str, list[int]] = {}

    def add(self, what: str, number: int) -> None:
        """Note one more `what`, such as 'line without a time dropped', in line `number` of the file."""
        self.found.setdefault(what, []).append(number)

    def texts(self, unit: str = "line") -> tuple[str, ...]:
        """A sentence for each kind."""
        return tuple(
            f"{len(numbers)} x {what} ({unit} {', '.join(map(str, numbers[:5]))}{' ...' * (len(numbers) > 5)})"
            for what, numbers in self.found.items()
        )
