"""Lines of verse as tokens. A model writes a line from right to left, so that the rhyme word comes first.

English tokens are words in lower case with their apostrophes (don't, o'er, goin') and three light marks that stand
alone: a comma inside a line, "?" and "!" at its end. All other marks are dropped; a hyphen parts two words. Chinese
tokens are characters of the simplified script; every mark ends a line. After the first word of a line (its left end)
stands END, between stanzas STANZA, before a piece PIECE.

    "Home, home on the range!"  ->  ! range the on home , home <end>

Threads: pure functions. Realtime-safe: no.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

__all__ = [
    "END",
    "MARKS",
    "PIECE",
    "SPECIALS",
    "STANZA",
    "UNKNOWN",
    "simplified",
    "spell",
    "split",
    "stanzas_of",
    "written",
]

UNKNOWN, END, STANZA, PIECE = "<unk>", "<end>", "<stanza>", "<piece>"
SPECIALS = (UNKNOWN, END, STANZA, PIECE)
"""The first tokens of every model; their places are their ids."""
MARKS = (",", "?", "!")
"""Tokens of English that have no sound."""

_AT_START = """
'tis 'twas 'twere 'twill 'twould 'twixt 'neath 'mid 'mong 'mongst 'gainst 'em 'cause 'til 'till 'round 'bout
'gin 'ere 'way 'long 'pon 'scape 'stead
"""
CLIPPED_AT_START = frozenset(_AT_START.split())
_AT_END = """
o' th' wi' an' t' ol' i' a' ha' ca' fa' wa' gi' lo' thro' tho' altho' mornin' evenin'
"""
CLIPPED_AT_END = frozenset(_AT_END.split())
"""Words that keep an apostrophe at their edge, where others lose it as a quotation mark; so do all in -in'."""

_MARKS = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "´": "'",
        "`": "'",
        "“": " ",
        "”": " ",
        '"': " ",
        "_": " ",
        "æ": "ae",
        "œ": "oe",
        "—": "--",
        "–": "--",
    }
)
_LOOSE = re.compile(r"' ?(s|t|d|ll|re|ve|m)\b")  # the sets put a space there now and then
_NOTE = re.compile(r"\[[^\]]*\]?|\{[^}]*\}?|\b\d+[.:)]?")
_INNER = re.compile(r"--|[,;:.()]+")
_TOKEN = re.compile(r"[a-z']*[a-z][a-z']*|[,?!]")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0002ffff]")
HAN_ASIDE = re.compile(r"[(\uff08\[\uff3b\u3010\u3016][^)\uff09\]\uff3d\u3011\u3017]*[)\uff09\]\uff3d\u3011\u3017]")
_HAN_MARK = re.compile(r"[^\u3400-\u9fff\U00020000-\U0002ffff\u00b7\s]+")


def simplified(words: str) -> str:
    """Chinese text in simplified characters, one by one (opencc): of the few that have two, the commoner one."""
    return "".join(map(_simple, words))


@cache
def _simple(character: str) -> str:
    return _converter().convert(character)


@cache
def _converter() -> Any:
    from opencc import OpenCC  # its tables take a moment

    return OpenCC("t2s")


def split(line: str, language: str) -> list[str]:
    """Tokens of one line in reading order. language: "en" or "zh"; in zh a line holds no marks (see `stanzas_of`)
    and becomes simplified."""
    if language == "zh":
        return _HAN.findall(simplified(line))
    line = unicodedata.normalize("NFKD", line.lower().translate(_MARKS)).encode("ascii", "ignore").decode()
    line = _INNER.sub(",", _NOTE.sub(" ", line)).replace("-", " ")
    line = _LOOSE.sub(r"'\1", line)
    tokens: list[str] = []
    for token in _TOKEN.findall(line):
        word = token if token in MARKS else _edges(token)
        if word in MARKS and (not tokens or (tokens[-1] in MARKS and word == ",")):
            continue  # no mark begins a line, and a comma adds nothing to a mark
        if word in MARKS and tokens[-1] in MARKS:
            tokens.pop()
        if word:
            tokens.append(word)
    while tokens and tokens[-1] == ",":
        tokens.pop()
    inner = [("," if token in MARKS else token) for token in tokens[:-1]]
    return inner + tokens[-1:] if any(token not in MARKS for token in tokens) else []


def stanzas_of(text: str, language: str) -> list[list[list[str]]]:
    """Stanzas of lines of tokens in reading order. A blank line parts stanzas; in zh a mark ends a line, too."""
    parts = re.split(r"\n\s*\n", text)
    if language == "zh":
        parts = [_HAN_MARK.sub("\n", HAN_ASIDE.sub("", part)) for part in parts]
    stanzas = [[tokens for line in part.splitlines() if (tokens := split(line, language))] for part in parts]
    return [stanza for stanza in stanzas if stanza]


def written(tokens: Sequence[str]) -> list[str]:
    """A line in the order in which a model writes it: reversed, then END."""
    return [*reversed(tokens), END]


def spell(tokens: Sequence[str], language: str) -> str:
    """A line for people from tokens in reading order: a capital at its start, marks close to their words."""
    if language == "zh":
        return "".join(tokens)
    line = " ".join("I" + token[1:] if token == "i" or token.startswith("i'") else token for token in tokens)
    line = re.sub(r" (?=[,?!])", "", line)
    return next((line[:i] + c.upper() + line[i + 1 :] for i, c in enumerate(line) if c.isalpha()), line)


def _edges(word: str) -> str:
    """A word without quotation marks at its edges."""
    if word[:1] == "'" and word not in CLIPPED_AT_START:
        word = word.lstrip("'")
    if word[-1:] == "'" and word not in CLIPPED_AT_END and not (len(word) > 4 and word.endswith("in'")):
        word = word.rstrip("'")
    return word
