"""Whether words rhyme, and how a stanza rhymes.

Threads: pure functions. Realtime-safe: no (allocates).
"""

from __future__ import annotations

from .english import Pronunciation

__all__ = ["kind", "rhymes"]


def kind(a: Pronunciation, b: Pronunciation) -> str:
    """'identity' (same onset too), 'perfect', 'family', 'assonance' or 'none'."""
    if a.rhyme == b.rhyme:
        return "identity" if a.onset == b.onset else "perfect"
    return "assonance" if a.rhyme[0] == b.rhyme[0] else "none"


def rhymes(a: Pronunciation, b: Pronunciation) -> bool:
    """A perfect or family rhyme; the same sound again is no rhyme."""
    return kind(a, b) in ("perfect", "family")
