"""Small tables of English that a word model is too small to know for sure: which words are light, which cannot close
a line, which nobody should be made to sing.

Threads: constants. Realtime-safe: yes.
"""

from __future__ import annotations

__all__ = ["BANNED", "FUNCTION", "LEANING", "NAMES", "NEVER_LAST", "SELDOM_LAST", "is_content"]

_ARTICLES = "a an the"
_POSSESSIVES = "my your his her its our their whose thy"
_PREPOSITIONS = (
    "of to in on at by for from with into onto upon unto over under through about above across after against along"
    " among around before behind below beneath beside between beyond down during near off out past since till until"
    " toward towards up within without like than as"
)
_CONJUNCTIONS = "and or but nor so yet if because while when where though although that which who whom what whether"
_PRONOUNS = "i you he she it we they me him us them this these those there here one ye thee thou"
_AUXILIARIES = (
    "am is are was were be been being do does did has have had will would shall should can could may might must"
    " ain't isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't won't wouldn't can't couldn't"
    " shouldn't let's"
)
_CLIPPED = (
    "i'm i'll i've i'd you're you'll you've you'd he's he'll he'd she's she'll she'd it's it'll we're we'll"
    " we've we'd they're they'll they've they'd that's there's who's what's where's here's"
)
_LIGHT = "not no too very just some any each every all both such much many more most only even still then now how why"

_HANGING = (
    "my your its our their whose thy of to at by for from with into onto upon unto and or but nor if because while"
    " although whether than as every very such let's am is are was were be been has have had will would shall should"
    " can could may might must i he she we they which who whom that what toward towards during among between against"
)
_PALE = (
    "his her him it this these those there some any each both much many more most only even still when where though"
    " so yet how why in on up out off down over under through about after before behind do does did don't doesn't"
    " didn't not no too just like all then one you us me them january february"
)
_SLURS = (
    "nigger niggers negro negroes negress darkey darky darkies coon coons pickaninny chink jap squaw injun savage"
    " savages heathen heathens infidel infidels jew jews gypsy mulatto whore whores harlot strumpet wench slut bitch"
    " bastard rape raped ravish ravished slave slaves massa cripple idiot hang'd faggot faggots fagot"
)
_EVERY_LIGHT = (_ARTICLES, _POSSESSIVES, _PREPOSITIONS, _CONJUNCTIONS, _PRONOUNS, _AUXILIARIES, _CLIPPED, _LIGHT)

FUNCTION = frozenset(" ".join(_EVERY_LIGHT).split())
"""Light words: they carry no beat of their own."""

NEVER_LAST = frozenset(" ".join((_ARTICLES, _HANGING, _CLIPPED)).split())
"""Words that leave a line hanging in the air."""

SELDOM_LAST = frozenset(_PALE.split())
"""Words that may close a line, though a fuller one is better; months only seem to be full."""

LEANING: dict[str, float] = {
    "i": 0.9, "you": 0.9, "we": 0.8, "me": 0.8, "he": 0.6, "she": 0.6, "they": 0.6, "it": 0.6, "us": 0.6, "him": 0.6,
    "her": 0.6, "your": 0.6, "my": 0.4, "his": 0.4, "not": 0.6, "no": 0.4, "all": 0.4, "to": 0.4, "for": 0.4,
    "will": 0.6, "that": 0.5, "so": 0.5, "but": 0.5, "if": 0.5, "was": 0.4, "be": 0.4, "let": 0.4, "there": 0.4,
    "the": -1.0, "of": -0.4, "are": -0.4,
}  # fmt: skip
"""Log odds for words that the likeliest lines have too few or too many of beside real songs: a beam finds pictures
without people in them."""

_NAMES = (
    "january february april june july august september october november december monday tuesday wednesday thursday"
    " friday saturday sunday christmas easter god christ jesus mary john bethlehem england english london ireland"
    " irish scotland france french spain spanish rome america american africa india egypt paris eden broadway mexico"
)
NAMES = frozenset(_NAMES.split())
"""Words that are written with a capital; march and may are also plain words and stay small."""

BANNED = frozenset(_SLURS.split())
"""Slurs and insults of old books; also words whose old meaning is not heard any more."""


def is_content(word: str) -> bool:
    """Whether a word carries meaning of its own, and with it a beat. In lower case."""
    return word not in FUNCTION
