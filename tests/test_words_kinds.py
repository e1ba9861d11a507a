"""Titles, stories, news, scripts, album notes and game content: valid, varied, true where they state facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.engine.job import Cancelled, JobContext
from aigc_music.engine.requests import TextRequest
from aigc_music.generators.facts import facts_of
from aigc_music.generators.words.kinds import BuiltinKinds, asked_schema, complaints, schema
from aigc_music.generators.words.kinds.forms import FORMS, joined, tidy
from aigc_music.generators.words.kinds.grammar import SLOT, Writer, parse

KINDS = ("title", "story", "news", "script", "album-notes", "character", "quest", "scene")
LANGUAGES = ("en", "zh")
THEMES = {"en": "harbour lights", "zh": "江南夜雨"}
TABLES = files("aigc_music.generators.words.kinds") / "tables"
MOODS = {"bright", "dark", "fast", "slow", "minor", "major", "song", "style", "form", "made", "title", "artist"}
SONG_FACTS = {
    "key", "bpm", "bars", "metre", "length", "players", "count", "notes", "form", "chords", "style", "made_seed",
}  # fmt: skip


def a_song(title: str = "") -> Score:
    pitches = [69, 71, 72, 76, 74, 72, 71, 69] * 4
    melody = [Note(480 * beat, pitch, 80, 440) for beat, pitch in enumerate(pitches)]
    bass = [Note(1920 * bar, 45 - bar % 3, 80, 1900, 1) for bar in range(8)]
    return Score(
        tracks=[Track("melody", 0, melody), Track("bass", 33, bass)], tempos=[(0, 90.0)], keys=[(0, "A minor")],
        markers=[(0, "verse"), (7680, "chorus")], title=title,
    )  # fmt: skip


def write(kind: str, language: str = "en", seed: int = 0, **more: Any) -> tuple[dict[str, Any], str]:
    melody = a_song() if kind == "album-notes" else None
    request = TextRequest(**{"kind": kind, "language": language, "theme": THEMES[language], "seed": seed,
                             "melody": melody} | more)  # fmt: skip
    text = BuiltinKinds(request).generate(JobContext(seed))
    return text.document, text.plain


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_valid_and_the_same_seed_is_the_same_text(kind: str, language: str) -> None:
    seen = set()
    for seed in range(6):
        for melody in (None, a_song()):
            if kind == "album-notes" and melody is None:
                continue
            document, plain = write(kind, language, seed, melody=melody)
            assert not complaints(document, schema(kind))
            assert document["kind"] == kind and document["language"] == language
            assert not re.search(r"[{}|]|\[[a-z!,]+\]|\S  ", plain)
            seen.add(plain)
    assert len(seen) >= 5
    assert write(kind, language, 3) == write(kind, language, 3)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_varied_and_keep_to_their_theme(language: str) -> None:
    for kind in ("story", "script", "quest", "scene", "character"):
        generator = BuiltinKinds(TextRequest(kind=kind, language=language, theme=THEMES[language], seed=11))
        plain = generator.generate(JobContext(11)).plain
        figures = generator.quality()
        assert figures["distinct_2"] > 0.75, (kind, figures)
        assert figures["theme_share"] > 0, (kind, figures)
        sentences = [part.strip() for part in re.split(r"[.?!。？！\n]", plain) if len(part.strip()) > 25]
        assert len(sentences) == len(set(sentences)), kind
        if language == "en":
            assert figures["flesch"] > 60 and 2 < figures["sentence_words"] < 25, (kind, figures)


def test_english_agrees() -> None:
    for seed in range(6):
        for kind in ("story", "script", "quest", "scene", "character", "news"):
            _, plain = write(kind, "en", seed)
            assert not re.search(r"\b[Aa] (?=[aeiou])(?!one\b|uni|use)", plain), plain
            assert not re.search(r"\b[Aa]n (?![aeiou]|hour|honest)", plain), plain
            assert not re.search(r"[.?!] [a-z]", plain), plain


def test_pronouns_and_facts_stay_with_their_person() -> None:
    rules = {"who": ["Mara|she", "Tomas|he"], "line": ["{hero} took {hero.their} coat. {hero.they} {hero.was} late."]}
    said = set()
    for seed in range(20):
        writer = Writer("en", rules, {"hero": "{who}"}, (), np.random.default_rng(seed), lambda text: 0.0)
        said.add(writer.fill("{line} So {hero} ran, and nobody saw {hero.them}."))
    assert said == {
        "Mara took her coat. She was late. So Mara ran, and nobody saw her.",
        "Tomas took his coat. He was late. So Tomas ran, and nobody saw him.",
    }


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_nothing_comes_again_before_all_came(seed: int, count: int) -> None:
    rules = {"letter": [chr(97 + number) for number in range(count)]}
    writer = Writer("en", rules, {}, (), np.random.default_rng(seed), lambda text: 0.0)
    drawn = [writer.fill("{letter}") for _ in range(2 * count)]
    assert sorted(drawn[:count]) == sorted(drawn[count:]) == rules["letter"]


def test_what_suits_the_theme_comes_first() -> None:
    rules = {"thing": ["lamp", "boat", "hat", "stone", "road"]}
    first = [
        Writer("en", rules, {}, (), np.random.default_rng(seed), lambda text: float(text == "boat")).fill("{thing}")
        for seed in range(60)
    ]
    assert first.count("boat") > 30


def test_circles_are_told() -> None:
    with pytest.raises(RecursionError, match="circles"):
        Writer("en", {"a": ["{a}"]}, {}, (), np.random.default_rng(0), lambda text: 0.0).fill("{a}")


@pytest.mark.parametrize(
    ("form", "text", "mark", "wanted"),
    [
        ("many", "letter", "", "letters"), ("many", "old city", "", "old cities"), ("many", "wolf", "", "wolves"),
        ("past", "ring the bell", "", "rang the bell"), ("past", "carry it", "", "carried it"),
        ("past", "stop", "", "stopped"), ("doing", "light the lamp", "", "lighting the lamp"),
        ("doing", "swim", "", "swimming"), ("does", "have", "", "has"), ("title", "the end of the road", "",
        "The End of the Road"), ("bare", "the old mill", "", "old mill"), ("owner", "Ines", "she", "Ines'"),
        ("self", "Noor", "they", "themselves"), ("they", "lamp", "", "it"),
    ],
)  # fmt: skip
def test_forms(form: str, text: str, mark: str, wanted: str) -> None:
    assert FORMS["en"][form](text, mark) == wanted


def test_tidy_and_lists() -> None:
    assert tidy("a hour ago, an unicorn. we met a owl.", "en") == "An hour ago, a unicorn. We met an owl."
    assert tidy("an union of a ideas", "en") == "a union of an ideas"
    assert joined(["a", "b", "c"], "en") == "a, b and c" and joined(["甲", "乙"], "zh") == "甲和乙"
    assert FORMS["zh"]["one"]("灯塔", "座") == "一座灯塔"


def slots(value: Any) -> Iterator[tuple[str, str | None, tuple[str, ...]]]:
    if isinstance(value, str):
        entry = parse(value)
        yield from ((name, form or None, entry.flags) for name, form in SLOT.findall(entry.text))
        if entry.flags:
            yield "", None, entry.flags
    elif isinstance(value, dict):
        for part in value.values():
            yield from slots(part)
    elif isinstance(value, list):
        for part in value:
            yield from slots(part)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_tables_hold_together(kind: str, language: str) -> None:
    common, own = (json.loads((TABLES / language / f"{name}.json").read_text("utf-8")) for name in ("common", kind))
    rules = common["rules"] | own["rules"]
    used = list(slots([own["document"], own["facts"], list(rules.values())]))
    for name, form, flags in used:
        assert not name or name in rules or name in own["facts"] or name in SONG_FACTS | {"theme", "word", "title",
                                                                                       "artist"}, name  # fmt: skip
        assert form is None or form in FORMS[language], (name, form)
        assert {flag.removeprefix("!") for flag in flags} <= MOODS, flags
    unused = set(own["rules"]) - {name for name, _, _ in used}
    assert not unused, unused
    for name, productions in rules.items():
        assert len(productions) == len(set(productions)), name


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_schemas_and_refuse_what_is_wrong(kind: str) -> None:
    for wanted in (schema(kind), asked_schema(kind)):
        Draft202012Validator.check_schema(wanted)
        assert complaints({}, wanted) and complaints([], wanted)
    document, _ = write(kind)
    assert complaints(document | {"extra": 1}, schema(kind))
    assert not complaints(document | {"provenance": {"id": "x"}}, schema(kind))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(5))
def test_album_notes_tell_the_truth(language: str, seed: int) -> None:
    song = a_song("Small Hours")
    facts = facts_of(song)
    document, plain = write("album-notes", language, seed, melody=song, artist="Mara Vale")
    assert document["title"] == "Small Hours" and document["artist"] == "Mara Vale"
    assert document["facts"]["bpm"] == "90" and document["facts"]["bars"] == "8"
    assert document["facts"]["key"] == {"en": "A minor", "zh": "A小调"}[language]
    known = {"90", "8", "4", str(len(facts.notes)), "2", str(round(facts.seconds))}
    known |= {digit for row in facts.chords for digit in re.findall(r"\d+", str(row.chord))}
    assert set(re.findall(r"\d+", plain)) <= known
    assert ("minor" if language == "en" else "小调") in plain


def test_album_notes_want_music() -> None:
    with pytest.raises(UsageError, match="name a MIDI file"):
        BuiltinKinds(TextRequest(kind="album-notes", seed=0))


def test_news_say_what_they_invent() -> None:
    document, _ = write("news")
    assert document["invented"] == ["title", "artist"]
    document, plain = write("news", artist="Mara Vale", title="Small Hours")
    assert "invented" not in document and "Mara Vale" in plain and "Small Hours" in plain


def test_as_many_titles_as_asked_and_none_twice() -> None:
    document, _ = write("title", lines=12)
    assert 10 <= len(document["titles"]) <= 12 and len(set(document["titles"])) == len(document["titles"])


@pytest.mark.parametrize(
    "theme", ["", "I miss my old town so much", "The Drowned Bell!", "x", "？", "gehen 2 {hero} [dark]"]
)
def test_any_theme_does(theme: str) -> None:
    for kind in ("title", "story"):
        document, plain = write(kind, theme=theme)
        assert plain.strip() and not complaints(document, schema(kind))


def test_stream_is_the_text_and_cancel_stops() -> None:
    request = TextRequest(kind="story", theme="rain", seed=2)
    parts = list(BuiltinKinds(request).stream(JobContext(2)))
    assert "\n\n".join(parts) == BuiltinKinds(request).generate(JobContext(2)).plain.strip()
    with pytest.raises(Cancelled):
        BuiltinKinds(request).generate(JobContext(2, cancelled=lambda: True))
