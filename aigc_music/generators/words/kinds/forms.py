"""Forms of words for the grammar: pronouns, plurals, tenses, articles; measure words in Chinese.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["FORMS", "joined", "tidy"]

PRONOUNS: dict[str, tuple[str, str, str, str, str]] = {
    "she": ("she", "her", "her", "hers", "herself"),
    "he": ("he", "him", "his", "his", "himself"),
    "they": ("they", "them", "their", "theirs", "themselves"),
    "it": ("it", "it", "its", "its", "itself"),
}

PAST: dict[str, str] = {
    "be": "was", "begin": "began", "break": "broke", "bring": "brought", "build": "built", "buy": "bought",
    "catch": "caught", "choose": "chose", "come": "came", "draw": "drew", "find": "found", "follow": "followed",
    "get": "got", "give": "gave", "go": "went", "hear": "heard", "hide": "hid", "hold": "held", "keep": "kept",
    "lead": "led", "leave": "left", "light": "lit", "lose": "lost", "make": "made", "meet": "met", "put": "put",
    "read": "read", "ring": "rang", "run": "ran", "say": "said", "see": "saw", "sell": "sold", "send": "sent",
    "set": "set", "sing": "sang", "sleep": "slept", "speak": "spoke", "stand": "stood", "steal": "stole",
    "swim": "swam", "take": "took", "teach": "taught", "tell": "told", "wake": "woke", "win": "won", "write": "wrote",
}  # fmt: skip
"""Verbs that do not take -ed."""

PLURALS: dict[str, str] = {"child": "children", "man": "men", "woman": "women", "wolf": "wolves", "leaf": "leaves",
                           "knife": "knives", "key": "keys", "mouse": "mice", "foot": "feet"}  # fmt: skip

SMALL = frozenset(("a", "an", "and", "at", "but", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"))
"""Words that stay small in a title."""

VOWELS = "aeiou"
AN = re.compile(r"\b([Aa])n? (?=([\w'-]+))")
AS_CONSONANT = re.compile(r"(?:uni[^nm]|use|usu|eu|one\b|once\b|ewe)", re.I)
AS_VOWEL = re.compile(r"(?:hour|honest|honour|heir)", re.I)
ENDS = (".", "?", "!", '"')  # of sentences; other texts are names and parts of lists
BEGINNING = re.compile(r"(^|[.?!]['\"”’)]* +|\n)([\"“‘'(]?)([a-z])")


def _first(change: Callable[[str], str]) -> Callable[[str, str], str]:
    """A form of a phrase that lies in its first word, such as a verb's."""

    def form(text: str, mark: str) -> str:
        word, space, rest = text.partition(" ")
        return change(word) + space + rest

    return form


def _past(verb: str) -> str:
    if verb in PAST:
        return PAST[verb]
    if verb.endswith("e"):
        return verb + "d"
    if re.search(r"[^aeiou]y$", verb):
        return verb[:-1] + "ied"
    return (verb + verb[-1] if _doubles(verb) else verb) + "ed"


def _doing(verb: str) -> str:
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    return (verb + verb[-1] if _doubles(verb) else verb) + "ing"


def _does(verb: str) -> str:
    return {"be": "is", "have": "has"}.get(verb) or _many(verb, "")


def _doubles(verb: str) -> bool:
    """Short verbs such as stop and swim double their last letter."""
    return re.fullmatch(r"[^aeiou]*[aeiou][bdglmnprt]", verb) is not None


def _many(noun: str, mark: str) -> str:
    head, space, last = noun.rpartition(" ")
    if last in PLURALS:
        return head + space + PLURALS[last]
    if re.search(r"[^aeiou]y$", last):
        return head + space + last[:-1] + "ies"
    return noun + ("es" if last.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _title(text: str, mark: str) -> str:
    words = text.split()
    last = len(words) - 1
    return " ".join(
        word if word.casefold() in SMALL and 0 < place < last else word[:1].upper() + word[1:]
        for place, word in enumerate(words)
    )


def _bare(text: str, mark: str) -> str:
    return re.sub(r"^(?:the|an?) ", "", text, flags=re.I)


def _pronoun(case: int) -> Callable[[str, str], str]:
    return lambda text, mark: PRONOUNS[mark or "it"][case]


def _upper(text: str, mark: str) -> str:
    return text.upper()


def _owner(text: str, mark: str) -> str:
    return text + ("'" if text.endswith("s") else "'s")


def _is(text: str, mark: str) -> str:
    return "are" if mark == "they" else "is"


def _was(text: str, mark: str) -> str:
    return "were" if mark == "they" else "was"


def _has(text: str, mark: str) -> str:
    return "have" if mark == "they" else "has"


FORMS: dict[str, dict[str, Callable[[str, str], str]]] = {
    "en": {
        "they": _pronoun(0), "them": _pronoun(1), "their": _pronoun(2), "theirs": _pronoun(3),
        "self": _pronoun(4), "is": _is, "was": _was,
        "has": _has, "owner": _owner, "many": _many, "past": _first(_past), "doing": _first(_doing),
        "does": _first(_does), "title": _title, "bare": _bare, "upper": _upper,
        "heading": lambda text, mark: _title(_bare(text, mark), mark),
    },
    "zh": {
        "they": lambda text, mark: mark or "它",
        "one": lambda text, mark: f"一{mark or '个'}{text}",
        "that": lambda text, mark: f"那{mark or '个'}{text}",
    },
}  # fmt: skip
"""Language -> form -> function of (text, mark)."""


def joined(words: list[str], language: str) -> str:
    """A list in words: 'a, b and c'; 'a、b和c'."""
    if len(words) < 2:
        return "".join(words)
    comma, last = (", ", " and ") if language == "en" else ("、", "和")
    return comma.join(words[:-1]) + last + words[-1]


def tidy(text: str, language: str) -> str:
    """English: 'a' or 'an', capitals where sentences begin, no doubled blanks."""
    text = re.sub(r" {2,}", " ", text).strip()
    if language != "en":
        return text
    text = AN.sub(lambda found: found[1] + ("n " if _sounds_open(found[2]) else " "), text)
    if not text.endswith(ENDS):
        return text
    return BEGINNING.sub(lambda found: found[1] + found[2] + found[3].upper(), text)


def _sounds_open(word: str) -> bool:
    if AS_CONSONANT.match(word):
        return False
    return word[0].casefold() in VOWELS or AS_VOWEL.match(word) is not None
