"""Words for melodies: templates, the beam, the scorer and the song sheet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import TextRequest
from aigc_music.generators.facts import facts_of
from aigc_music.generators.words import builtin, sounds, spoken
from aigc_music.generators.words.builtin import BuiltinLyrics, BuiltinWords
from aigc_music.generators.words.decode import Poet, Rhyme, Wishes
from aigc_music.generators.words.grammar import BANNED, NEVER_LAST
from aigc_music.generators.words.lexicon import lexicon_of
from aigc_music.generators.words.measure import Dictionary, measure, real_quatrains, real_songs
from aigc_music.generators.words.melody import melody_lines, template_of
from aigc_music.generators.words.scorer import problems, score
from aigc_music.generators.words.sheet import joined, lyrics_text, title_from
from aigc_music.generators.words.template import LineSpec, Slot, Template
from models.words.language.model import LanguageModel
from models.words.language.originality import build
from models.words.language.tiny import tiny_model
from models.words.speech.english import pronounce

_WORDS = (
    "night light bright sight day way say play stay heart part start sea free tree me see home alone stone moon soon"
    " tune morning river golden over under singing bringing winter summer harbour mountain little window silver water"
    " evening wandering remember together beautiful a the of and in to my your i you we is are with slave squaw"
)
WORDS = _WORDS.split()
CHARACTERS = "春花秋月何时了往事知多少小楼昨夜又东风故国不堪回首明中玉砌应犹在只是朱颜改问君能有几愁恰似一江水向流"
QUARTER = 480


def tune(rows: list[tuple[float, float, int]], name: str = "melody", markers: dict[int, str] | None = None) -> Score:
    """A melody of (quarter, length in quarters, pitch); markers by bar of four."""
    notes = [Note(round(at * QUARTER), pitch, 90, max(1, round(long * QUARTER))) for at, long, pitch in rows]
    marks = [(4 * QUARTER * bar, text) for bar, text in (markers or {}).items()]
    return Score([Track(name, 0, sorted(notes))], [(0, 100.0)], markers=marks)


def song() -> Score:
    """Verse, chorus, verse, chorus; each eight bars of even quarters with a rest in every second."""
    rows = []
    for bar in range(32):
        rest = bar % 2 == 1
        rows += [(4 * bar + beat, 1, 60 + (7 * bar + 3 * beat) % 8) for beat in range(3 if rest else 4)]
    return tune(rows, markers={0: "verse", 8: "chorus", 16: "verse", 24: "chorus"})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], LanguageModel]:
    """Models of random weights in place of the shipped ones."""
    models = {"en": tiny_model(WORDS), "zh": tiny_model(CHARACTERS, "zh")}
    monkeypatch.setattr(LanguageModel, "load", lambda name="words-en", exact=False: models[name[-2:]])
    monkeypatch.setattr(builtin, "index_of_copies", lambda name: None)
    return models.__getitem__


def lyrics(**wishes: object) -> tuple[BuiltinLyrics, object]:
    request = TextRequest(**{"seed": 5, **wishes})  # type: ignore[arg-type]
    generator = BuiltinLyrics(request)
    return generator, generator.generate(JobContext(request.seed))


# ---- the melody


@given(
    st.lists(
        st.tuples(st.sampled_from([0.125, 0.25, 0.5, 1, 1.5, 2, 6]), st.sampled_from([0.2, 0.9, 1.0, 1.3]),
                  st.integers(48, 84)),
        min_size=4, max_size=80,
    )
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_every_note_is_sung_once_and_in_time(steps: list[tuple[float, float, int]]) -> None:
    rows, at = [], 0.0
    for step, share, pitch in steps:
        rows.append((at, step * share, pitch))
        at += step
    score = tune(rows)
    lines = melody_lines(facts_of(score), score.tracks[0])
    slots = [slot for line in lines for slot in line.slots]
    assert sum(line.notes for line in lines) == len(rows)
    assert all(1 <= line.syllables <= 16 for line in lines)
    assert all(slot.start_s < slot.end_s and 0 <= slot.weight <= 1 for slot in slots)
    assert all(before.end_s <= this.start_s + 1e-9 for before, this in pairwise(slots))


def test_notes_are_slurred_by_rule_only() -> None:
    def syllables(rows: list[tuple[float, float, int]]) -> list[int]:
        score = tune([*rows, (8, 1, 60), (9, 1, 62), (10, 1, 64)])
        return [slot.notes for line in melody_lines(facts_of(score), score.tracks[0]) for slot in line.slots][:-3]

    assert syllables([(0, 1, 60), (1, 1, 62)]) == [1, 1]
    assert syllables([(0, 0.1, 60), (0.1, 1, 62)]) == [2]  # faster than anybody says
    assert syllables([(0, 0.1, 60), (0.1, 1, 60)]) == [1, 1]  # a repeated note would not be heard
    assert syllables([(0, 0.5, 60), (0.4, 1, 62)]) == [2]  # legato by step
    assert syllables([(0, 0.5, 60), (0.4, 1, 65)]) == [1, 1]  # by leap


def test_lines_end_at_rests_and_choruses_come_back() -> None:
    template = template_of(TextRequest(melody=song(), seed=1))
    assert {line.syllables for line in template.lines} == {7}
    assert [line.section for line in template.lines] == ["verse"] * 4 + ["chorus"] * 4 + ["verse"] * 4 + [
        "chorus"
    ] * 4
    assert [line.same_as for line in template.lines] == [None] * 12 + [4, 5, 6, 7]
    strongest = template.lines[0].slots[0].weight
    assert strongest > template.lines[0].slots[1].weight


def test_a_chorus_with_more_notes_is_slurred_to_its_first_words() -> None:
    score = song()
    more = [Note(note.tick + 240, note.pitch + 1, 90, 240) for note in score.tracks[0].notes if note.tick == 46080]
    score.tracks[0].notes = sorted([*score.tracks[0].notes, *more])
    line = template_of(TextRequest(melody=score, seed=1)).lines[12]
    assert (line.same_as, line.syllables, line.notes) == (4, 7, 8)


def test_who_sings() -> None:
    score = song()
    score.tracks[0].name = "horn"
    chords = [
        Note(note.tick, note.pitch - 12 + third, 80, 480) for note in score.tracks[0].notes for third in (0, 4, 7)
    ]
    score.tracks.insert(0, Track("strings", 48, sorted(chords)))
    assert template_of(TextRequest(melody=score)).track == "horn"
    assert template_of(TextRequest(melody=score, track="1")).track == "strings"
    for wrong in ("violin", "7"):
        with pytest.raises(UsageError, match="'horn'"):
            template_of(TextRequest(melody=score, track=wrong))
    drums = Score([Track("kit", None, [Note(480 * i, 36, 90, 100, 9) for i in range(16)])])
    with pytest.raises(UsageError, match="'kit'"):
        template_of(TextRequest(melody=drums))


def test_three_thousand_notes_are_cut() -> None:
    score = tune([(0.5 * i + (i // 8), 0.5, 60 + i * 5 % 9) for i in range(3000)])
    lines = melody_lines(facts_of(score), score.tracks[0])
    assert sum(line.notes for line in lines) == 3000


# ---- the beam


@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_lines_have_their_syllables_and_rhyme(lengths: list[int], seed: int) -> None:
    model = tiny_model(WORDS, seed=seed % 3)
    poet = Poet(model, Wishes(), model.hear(), np.random.default_rng(seed))
    last: list[int] = []
    for number, length in enumerate(lengths):
        spec = LineSpec(tuple(Slot(0.8 if place % 2 else 0.2) for place in range(length)))
        rhyme = Rhyme(tuple(last), tuple(lengths[number + 1 :]))
        tokens = poet.write(spec, rhyme)
        line = model.line(tokens)
        assert sounds.syllables(line, "en") == {length}, line
        words = sounds.words(line, "en")
        assert words[-1] not in NEVER_LAST and not BANNED & set(words)
        assert all(a != b for a, b in pairwise(words))
        if last:
            before = model.words[last[0]]
            assert sounds.rhyme(words[-1], before, "en") and words[-1] != before
        last.append(poet.rhyme_of(tokens))


def test_no_line_is_a_long_copy() -> None:
    model = tiny_model([word for word in WORDS if len(word) < 5 and word != "over"])
    spec = LineSpec(tuple(Slot(0.5) for _ in range(8)))

    def words(copied: Callable[..., bool] | None) -> list[str]:
        poet = Poet(model, Wishes(copied=copied), model.hear(), np.random.default_rng(3))
        return sounds.words(model.line(poet.write(spec)), "en")

    index = build([words(None)], "en")
    assert index.copies(words(None), 6)
    assert not index.copies(words(lambda row: index.copies(row, 6)), 6)


# ---- the generator


def test_words_for_a_song(tiny: Callable[[str], LanguageModel]) -> None:
    generator, text = lyrics(melody=song(), theme="winter sea and xylophones", scheme="AABB")
    report = generator.quality()
    assert (report["exact"], report["scheme"], report["repeated"]) == (1, 1, 0)
    assert any("xylophones" in remark for remark in report["remarks"])
    document = text.document  # type: ignore[attr-defined]
    keys = {"text", "syllables", "notes", "start_s", "end_s", "rhyme"}
    assert document["kind"] == "lyrics" and all(keys <= set(line) for line in document["lines"])
    assert [line["text"] for line in document["lines"][12:]] == [line["text"] for line in document["lines"][4:8]]
    assert [line.text for line in text.timed] == [line["text"] for line in document["lines"]]  # type: ignore[attr-defined]
    for line, spec in zip(text.timed, generator.template.lines, strict=True):  # type: ignore[attr-defined]
        assert [syllable.start_s for syllable in line.syllables] == [slot.start_s for slot in spec.slots]
    assert "[Chorus]" in text.plain and text.plain.startswith(document["title"])  # type: ignore[attr-defined]
    again = lyrics(melody=song(), theme="winter sea and xylophones", scheme="AABB")[1]
    assert again == text
    assert lyrics(melody=song(), theme="winter sea and xylophones", scheme="AABB", seed=6)[1] != text


def test_lines_come_one_by_one(tiny: Callable[[str], LanguageModel]) -> None:
    request = TextRequest(lines=6, syllables=7, seed=2)
    lines = list(BuiltinWords(request).stream(JobContext(2)))
    text = BuiltinWords(request).generate(JobContext(2))
    assert lines == [line["text"] for line in text.document["lines"]]
    assert text.timed is None and [sounds.syllables(line, "en") for line in lines] == [{7}] * 6


def test_the_title_is_sung_in_the_chorus(tiny: Callable[[str], LanguageModel]) -> None:
    _, text = lyrics(title="Winter Sea", lines=16)
    chorus = [line["text"] for line in text.document["lines"] if line["section"] == "chorus"]  # type: ignore[attr-defined]
    assert any(line.lower().endswith("winter sea") for line in chorus)


def test_chinese_lines_keep_their_length_and_rhyme(tiny: Callable[[str], LanguageModel]) -> None:
    generator, text = lyrics(language="zh", lines=8, syllables=5, scheme="AABB")
    rows = [line["text"] for line in text.document["lines"]]  # type: ignore[attr-defined]
    assert [len(row) for row in rows] == [5] * 8
    assert sounds.rhyme(rows[0][-1], rows[1][-1], "zh") and generator.quality()["exact"] == 1
    timed = lyrics(language="zh", melody=song())[1].timed  # type: ignore[attr-defined]
    assert all(len(word.syllables) == 1 and not word.spaced for line in timed for word in line.words)


def test_old_words_and_rare_characters_are_left_out_if_modern() -> None:
    for language, words, gone in (("en", ["thee", "o'er", "you", "night"], 2), ("zh", ["春", "𫛸", "鴂", "花"], 2)):
        model = tiny_model(words, language)
        used = [int((lexicon_of(model, modern).syllables > 0).sum()) for modern in (False, True)]
        assert used == [4, 4 - gone]


def test_kept_readings_are_those_of_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(WORDS[:20])
    assert spoken.readings(model) == {}
    spoken.write(model, tmp_path / "spoken.json")
    monkeypatch.setattr(spoken, "_kept", lambda: json.loads((tmp_path / "spoken.json").read_text()))
    kept = {word: reading for word, reading in spoken.readings(model).items() if reading is not None}
    assert kept == {word: spoken.Reading(pronounce(word), True) for word in WORDS[:20]}
    assert spoken.readings(tiny_model(WORDS[:20], seed=1)) and not spoken.readings(tiny_model(WORDS[:19]))


def test_the_shipped_readings_are_up_to_date() -> None:
    model = LanguageModel.load("words-en")
    kept = spoken.readings(model)
    assert len(kept) > 9000
    said = [kept[word] for word in model.words[20:2000:199]]
    assert [row.spoken for row in said if row] == [pronounce(w) for w in model.words[20:2000:199] if kept[w]]


# ---- the scorer and the sheet


def quatrain() -> tuple[list[str], Template]:
    lines = [
        "The moon is over the sea",
        "And winter is over soon",
        "Remember the silver tree",
        "Remember a morning tune",
    ]
    slots = [tuple(Slot(0.8 if place % 3 == 1 else 0.2) for place in range(7)) for _ in lines]
    return lines, Template(tuple(LineSpec(row, rhyme="ABAB"[at]) for at, row in enumerate(slots)), "en", "ABAB")


def test_the_scorer_names_what_is_wrong() -> None:
    lines, template = quatrain()
    good = score(lines, template)
    assert (good.exact, good.scheme, good.repeated, good.failing) == (1, 1, 0, {})
    assert good.stress is not None and good.stress > 0.8
    turned = Template(
        tuple(LineSpec(tuple(Slot(1 - slot.weight) for slot in row.slots), rhyme=row.rhyme)
              for row in template.lines), "en", "ABAB",
    )  # fmt: skip
    assert score(lines, turned).stress == pytest.approx(1 - good.stress)
    lines[2] = "Remember the little silver tree"
    lines[3] = "Remember, it will be soon"
    assert [reason.partition(":")[0] for reason in problems(lines, template, 2)] == ["syllables"]
    assert "same word" in problems(lines, template, 3)[0]
    bad = score(lines, template)
    assert (bad.exact, bad.scheme) == (0.75, 0.5) and bad.rank > good.rank
    assert score(lines[:3], template).failing[3]


def test_a_line_that_does_not_fit_still_has_times() -> None:
    lines = quatrain()[0]
    slots = tuple(Slot(0.5, at, at + 1) for at in range(7))
    timed_template = Template((LineSpec(slots),), "en", "-", melody=True)
    for text in (lines[0], "Moon", "A very long line, longer than any of the notes under it"):
        line = next(iter(lyrics_text(timed_template, [text], "x").timed or ()))
        assert line.text == text and line.start_s == 0 and line.end_s == 7
        assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(line.syllables))


def test_titles_are_whole_phrases() -> None:
    template = Template((LineSpec((Slot(0.5),), "verse"), LineSpec((Slot(0.5),), "chorus")))
    for line, title in {
        "And all our voices we sing": "All our voices we sing",
        "Birds are whispering beneath the trees": "Whispering beneath the trees",
        "The light of the": "The light",
        "Of the": "Of the",
    }.items():
        assert title_from(template, ["Something else", line]) == title
    assert joined("To day in june is any thing but to nights") == "Today in June is anything but to nights"


def test_an_unknown_tune_names_near_ones() -> None:
    with pytest.raises(UsageError, match="如梦令"):
        template_of(TextRequest(language="zh", tune="如梦"))
    template = template_of(TextRequest(language="zh", tune="如梦令"))
    assert [line.syllables for line in template.lines] == [6, 6, 5, 6, 2, 2, 6]


# ---- real verse, with the data sets


@pytest.fixture(scope="module")
def data() -> Path:
    if not os.environ.get("AIGC_MUSIC_DATA"):
        pytest.skip("AIGC_MUSIC_DATA is not set")
    return Path(os.environ["AIGC_MUSIC_DATA"])


def test_the_scorer_knows_real_verse(data: Path) -> None:
    found = real_quatrains(data / "text_songs_en.jsonl.gz")
    assert found["rhyme"] > 0.4 > 0.1 > found["rhyme_shuffled"]
    assert real_songs(data / "songs_with_words.zip")["stress"] > 0.7  # chance is .5


def test_our_words_hold_before_the_dictionary(data: Path, tmp_path: Path) -> None:
    from aigc_music.files.midi import write_score

    write_score(song(), tmp_path / "song.mid")
    figures, _ = measure([tmp_path / "song.mid"], "en", Dictionary(data / "cmudict.dict.gz"))
    assert figures["exact_by_cmudict"] >= 0.95 and figures["scheme_by_cmudict"] >= 0.85
