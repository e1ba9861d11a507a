"""What music services refuse in the text of lyrics: a check, in words, of each line.

The rules are those on which the guidelines of Apple Music, Musixmatch and LyricFind agree: the words as they are
sung, every repetition written out, in the script of the language, a capital at the start of a line, no full stop or
comma at its end, background voices in round brackets, and nothing that is not sung (section names, addresses, "x4").

Source: the public lyric guidelines of Apple Music and Musixmatch, and the merged ones of the Jam-ALT benchmark.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re

from ...core.lyrics import Line, TimedLyrics
from .shape import is_in_brackets

__all__ = ["problems"]

_PARTS = r"(?:intro|verse|pre-?chorus|chorus|refrain|hook|bridge|interlude|instrumental|solo|outro)"

# what is looked for in the text of a line -> what is wrong with it
_PATTERNS = (
    (re.compile(r"(?<![.])[.。][\"'”’)）」』]*$"), "ends in a full stop: leave it out"),
    (re.compile(r"[,，、][\"'”’)）」』]*$"), "ends in a comma: leave it out"),
    (re.compile(r"[;；:：]$"), "ends in a colon or semicolon: leave it out"),
    (re.compile(r"!{2,}|\?{2,}|！{2,}|？{2,}"), "has !! or ??: one mark is enough"),
    (
        re.compile(r"(?<!\w)(?:[x×]\s?\d{1,2}|\d{1,2}\s?[x×])(?!\w)", re.I),
        "counts repetitions (x2, x4): write them out",
    ),
    (
        re.compile(rf"[\[(（【]\s*{_PARTS}\b[^\])）】]*[\])）】]|^#?{_PARTS}(?:\s*\d+)?\s*[:：]?$", re.I),
        "names a section (Chorus, Verse): it isn't sung, leave it out",
    ),
    (re.compile(r"https?://|www\.|\.com\b|\S@\S", re.I), "holds an address: leave it out"),
    (re.compile(r"\*"), "has an asterisk: write the word as it is sung"),
    (re.compile(r"♪|♫|🎵|🎶|[\U0001f300-\U0001faff]"), "has a picture character: leave it out"),
    (re.compile(r"\s{2,}|\u00a0"), "has more than single spaces"),
)
# language -> the characters that its script has
_SCRIPTS = {
    "zh": "\u3400-\u9fff", "ja": "\u3040-\u30ff\u3400-\u9fff", "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "ar": "\u0600-\u06ff", "fa": "\u0600-\u06ff", "ur": "\u0600-\u06ff", "he": "\u0590-\u05ff",
    "ru": "\u0400-\u04ff", "uk": "\u0400-\u04ff", "bg": "\u0400-\u04ff", "el": "\u0370-\u03ff\u1f00-\u1fff",
    "hi": "\u0900-\u097f", "mr": "\u0900-\u097f", "bn": "\u0980-\u09ff", "ta": "\u0b80-\u0bff", "th": "\u0e00-\u0e7f",
    "ka": "\u10a0-\u10ff", "hy": "\u0530-\u058f",
}  # fmt: skip
_OPENERS = " \"'“”‘’«»„([{（「『¿¡-–—…."
_BRACKETS = {")": "(", "]": "[", "）": "（"}


def problems(lyrics: TimedLyrics) -> list[str]:
    """What a music service would refuse, a sentence each, with the number of the line; empty when all is well."""
    found = []
    if not lyrics.lines:
        found.append("there are no lines")
    for number, line in enumerate(lyrics, 1):
        found += [f"line {number}: {what} ({line.text[:60]!r})" for what in _of_line(line)]
    wrong = _script(lyrics)
    return [*found, wrong] if wrong else found


def _of_line(line: Line) -> list[str]:
    text = line.text
    found = [what for pattern, what in _PATTERNS if pattern.search(text)]
    start = text.lstrip(_OPENERS)[:1]
    if start.islower():
        found.append("does not begin with a capital")
    letters = [letter for letter in text if letter.isalpha()]
    if len(letters) > 8 and len(text.split()) > 2 and all(letter.isupper() for letter in letters):
        found.append("is all in capitals: write it as a sentence")
    if not _balanced(text):
        found.append("has a bracket without its partner")
    if line.background and not is_in_brackets(text):
        found.append("is sung in the background: put it in round brackets")
    return found


def _balanced(text: str) -> bool:
    open_: list[str] = []
    for letter in text:
        if letter in _BRACKETS.values():
            open_.append(letter)
        elif letter in _BRACKETS and (not open_ or open_.pop() != _BRACKETS[letter]):
            return False
    return not open_


def _script(lyrics: TimedLyrics) -> str:
    """The complaint about words that are mostly in another script than their language's, such as pinyin."""
    own = _SCRIPTS.get(lyrics.language.split("-")[0].lower())
    letters = [letter for line in lyrics for letter in line.text if letter.isalpha()]
    if own and "latn" not in lyrics.language.lower() and letters:
        share = len(re.findall(f"[{own}]", "".join(letters))) / len(letters)
        if share < 0.5:
            return f"only {share:.0%} of the letters are in the script of {lyrics.language!r}: write in that script"
    return ""
