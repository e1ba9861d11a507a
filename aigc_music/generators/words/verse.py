"""Templates where no melody is: verse and chorus in a steady metre, and the fixed forms of Chinese song tunes.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from difflib import get_close_matches

from aigc_music.core.errors import UsageError
from aigc_music.engine.requests import TextRequest
from aigc_music.engine.streams import stream
from models.words.language.forms import FREE, LEVEL, OBLIQUE, forms

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
TONES = {LEVEL: "level", OBLIQUE: "oblique", FREE: ""}
MODEL_OF_FORMS = "words-zh"


def verse_template(request: TextRequest) -> Template:
    """What the words have to fit without a melody: lines of `request.lines` and `syllables`, or a form that suits."""
    language = request.language
    if request.tune is not None:
        return _tune_template(request.tune, MODEL_OF_FORMS if request.model == "default" else request.model)
    count = request.lines or USUAL_LINES[language]
    lines: list[LineSpec] = []
    chorus: int | None = None
    while len(lines) < count:
        stanza = len(lines) // STANZA
        section = "verse" if count <= STANZA else SONG[stanza % len(SONG)]
        for place, usual in enumerate(METRES[language][section][: count - len(lines)]):
            again = None if section != "chorus" or chorus is None else chorus + place
            lines.append(LineSpec(_steady(request.syllables or usual), section, stanza, place == 0, "-", again))
        if section == "chorus" and chorus is None:
            chorus = len(lines) - min(STANZA, count - stanza * STANZA)
    draw = stream(request.seed, "scheme")
    choices = {section: int(draw.integers(60)) for section in METRES[language]}
    lines = rhymed(lines, language, request.scheme, choices)
    scheme = "".join(line.rhyme for line in lines[:STANZA])
    return Template(tuple(lines), language, scheme)


def _tune_template(tune: str, model: str) -> Template:
    """The form of a Chinese song tune. UsageError, with names that are spelt nearly so, where it is not known."""
    known = forms(model)
    if tune not in known:
        near = get_close_matches(tune, known, 6, 0.3) or list(known)[:6]
        raise UsageError(f"unknown tune {tune!r}: {len(known)} are known, such as {', '.join(near)}")
    form = known[tune]
    lines = [
        LineSpec(tuple(Slot(WEAK, tone=TONES[tone]) for tone in tones), rhyme="-" if letter == FREE else letter)
        for tones, letter in zip(form.tones, form.rhymes, strict=True)
    ]
    remark = f"tune {tune}: its commonest form, of {form.texts} texts"
    return Template(tuple(lines), "zh", form.rhymes.replace(FREE, "-"), tune=tune, remarks=(remark,))


def _steady(syllables: int) -> tuple[Slot, ...]:
    """Weak and strong in turn, the last one strong."""
    return tuple(Slot(STRONG if (syllables - place) % 2 else WEAK) for place in range(syllables))
