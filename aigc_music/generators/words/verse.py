"""Templates where no melody is: verse and chorus in a steady metre, and the fixed forms of Chinese song tunes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from aigc_music.engine.requests import TextRequest
from aigc_music.engine.streams import stream

from .template import LineSpec, Slot, Template, rhymed

__all__ = ["verse_template"]

SONG = ("verse", "chorus", "verse", "chorus", "bridge", "chorus")
"""Sections of a song, four lines each; a long text begins anew."""

USUAL_LINES = {"en": 16, "zh": 8}
STANZA = 4

METRES: dict[str, dict[str, tuple[int, ...]]] = {
    "en": {"verse": (8, 6, 8, 6), "chorus": (8, 8, 8, 8), "bridge": (6, 6, 6, 6)},
    "zh": {"verse": (7, 7, 7, 7), "chorus": (5, 5, 7, 7), "bridge": (5, 5, 5, 5)},
}
"""Syllables of the lines of a stanza: common and long metre; lines of five and seven characters."""

STRONG, WEAK = 0.8, 0.2


def verse_template(request: TextRequest) -> Template:
    """What the words have to fit without a melody: lines of `request.lines` and `syllables`, or a form that suits."""
    language = request.language
    count = request.lines or USUAL_LINES[language]
    lines: list[LineSpec] = []
    chorus: int | None = None
    while len(lines) < count:
        stanza = len(lines) // STANZA
        section = "verse" if count <= STANZA else SONG[stanza % len(SONG)]
        for place, usual in enumerate(METRES[language][section][: count - len(lines)]):
            again = None if section != "chorus" or chorus is None else chorus + place
            lines.append(LineSpec(_steady(request.syllables or usual), section, stanza, "-", again))
        if section == "chorus" and chorus is None:
            chorus = len(lines) - min(STANZA, count - stanza * STANZA)
    draw = stream(request.seed, "scheme")
    choices = {section: int(draw.integers(60)) for section in METRES[language]}
    lines = rhymed(lines, language, request.scheme, choices)
    scheme = "".join(line.rhyme for line in lines[:STANZA])
    return Template(tuple(lines), language, scheme)


def _steady(syllables: int) -> tuple[Slot, ...]:
    """Weak and strong in turn, the last one strong."""
    return tuple(Slot(STRONG if (syllables - place) % 2 else WEAK) for place in range(syllables))
