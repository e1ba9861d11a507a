"""Whole songs: forms that fill their bars, themes that return, endings that end, wishes that are kept.

The tiny model plays noise: what holds here holds by rule, not by taste.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Score
from aigc_music.core.parts import PART_NAMES, PARTS, part_of_channel
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre
from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import MusicRequest
from aigc_music.generators.music.band import CUES, Wishes
from aigc_music.generators.music.chart import whole_bars
from aigc_music.generators.music.choir import VOICES
from aigc_music.generators.music.chords import blues, diatonic, parse_chords, scale_under
from aigc_music.generators.music.form import FAR, FORMS, check_form, groove_of, pointers_of, sections_of
from aigc_music.generators.music.groove import FILL_DRUMS, swung
from aigc_music.generators.music.piece import MusicGenerator

from .tiny_model import write_tiny

BAR = Metre().bar_ticks
FORM = st.sampled_from([*FORMS, "AABB", "ABAC", "AB", "ABCDEFGH"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("zoo") / "tiny"))


def song(model: str, **wanted: object) -> tuple[Score, MusicGenerator]:
    generator = MusicGenerator(MusicRequest(model=model, seed=4, **wanted))  # type: ignore[arg-type]
    return generator.generate(JobContext(seed=4)), generator


def crossings(score: Score) -> int:
    """Pairs of notes that sound together though the higher voice is the lower one."""
    notes = [(part_of_channel(note.channel), note) for note in score.notes]
    voices = [(part, note) for part, note in notes if part in VOICES]
    return sum(
        part < other and note.pitch < below.pitch and note.tick < below.end and below.tick < note.end
        for part, note in voices
        for other, below in voices
        if part is not None and other is not None
    )


@given(FORM, st.integers(1, 512))
def test_sections_fill_the_bars_and_point_at_what_was_there(form: str, bars: int) -> None:
    try:
        form = check_form(form, bars)
    except UsageError as error:
        assert "bars" in str(error)
        return
    sections = sections_of(form, bars)
    assert sections[0].first == 0 and sum(section.bars for section in sections) == bars
    assert all(a.first + a.bars == b.first for a, b in pairwise(sections))
    starts = {section.first: section for section in sections}
    for section in sections:
        if section.back:
            source = starts[section.first - section.back]
            assert source.name == section.name and section.back <= FAR and 0 < section.likeness <= 1
    for rows in (pointers_of(sections, Metre()), groove_of(sections, Metre())):
        assert [row.tick for row in rows] == sorted({row.tick for row in rows})
        assert all(0 <= row.bars_back <= row.tick // BAR for row in rows)


def test_aaba_returns_as_its_letters_say() -> None:
    sections = sections_of("AABA", 32)
    assert [(section.name, section.first, section.back) for section in sections] == [
        ("A", 0, 0), ("A", 8, 8), ("B", 16, 0), ("A", 24, 24),
    ]  # fmt: skip
    assert sections[2].kind.energy > sections[0].kind.energy
    assert [section.name for section in sections_of("AABA", 36)] == ["intro", "A", "A", "B", "A"]


@pytest.mark.parametrize("form", ["AXBA", "sonata", "A", "ABABABABAB", ""])
def test_an_unknown_form_is_named_with_what_is_allowed(form: str) -> None:
    with pytest.raises(UsageError, match="verse-chorus"):
        check_form(form, 32)


def test_a_song_comes_back_with_its_chords_and_says_where_its_sections_are(model: str) -> None:
    score, generator = song(model, form="AABA", bars=32)
    assert [name for _, name in score.markers] == ["A", "A", "B", "A"]
    chords = [generator.chart.chord_at(bar * BAR) for bar in range(32)]
    assert chords[0:8] == chords[8:16] == chords[24:32]
    assert chords[-2:] == [Chord(7, 0), Chord(0, 0)]
    assert all(tuple(chord) in diatonic(Key.parse("C major")) for chord in chords)


@pytest.mark.parametrize(
    ("style", "metre"), [("pop", (4, 4)), ("chorale", (4, 4)), ("folk", (6, 8)), ("jazz", (3, 4))]
)
def test_all_parts_end_together_on_the_tonic(model: str, style: str, metre: tuple[int, int]) -> None:
    score, generator = song(model, style=style, key="D minor", metre=metre, bars=9)
    finale, end = generator.chart.finale, generator.chart.end
    last = [note for note in score.notes if note.end > finale]
    assert {part_of_channel(note.channel) for note in last} == set(generator.chart.spans[-1].wishes.parts)
    pitched = [note for note in last if note.channel != 9]
    assert {note.end for note in pitched} == {end}
    tonic = Chord(2, 1)
    assert all(tonic.mask >> note.pitch % 12 & 1 for note in pitched)
    assert {note.pitch % 12 for note in pitched if part_of_channel(note.channel) == PART_NAMES.index("bass")} == {2}


def test_no_part_is_silent_for_longer_than_it_may_be(model: str) -> None:
    score, _ = song(model, style="pop", form="AABA", bars=32, density=0.2)
    for part, bars in CUES.items():
        own = [note for note in score.notes if note.channel == PARTS[part].channel]
        if PART_NAMES[part] in ("melody", "keys", "bass"):
            gaps = [b.tick - a.end for a, b in pairwise(own)]
            assert max(gaps) <= (bars + 4) * BAR  # a bar until it comes, for each of those that wait


@pytest.mark.parametrize("key", ["Eb major", "F# minor", "D dorian"])
def test_every_note_is_in_the_key(model: str, key: str) -> None:
    score, _ = song(model, key=key, bars=12, temperature=2.0)
    scale = Key.parse(key).scale
    assert all(scale >> note.pitch % 12 & 1 for note in score.notes if note.channel != 9)


def test_four_voices_never_cross(model: str) -> None:
    for style in ("chorale", "hymn"):
        score, _ = song(model, style=style, bars=24, temperature=2.0)
        assert len(score.notes) > 30 and crossings(score) == 0


def test_chords_as_written_move_the_scale_with_them(model: str) -> None:
    score, generator = song(model, chords="C | A7 | Dm | G7/B", bars=8)
    assert [str(row) for row in generator.chart.chords[:5]] == ["C", "A7", "Dm", "G7/B", "C"]
    for note in score.notes:
        if note.channel != 9:
            chord = generator.chart.chord_at(note.tick + 20)
            assert scale_under(Key.parse("C major"), chord) >> note.pitch % 12 & 1, (note, chord)


@given(st.integers(0, 11), st.sampled_from(["major", "minor"]), st.integers(0, 11), st.integers(0, 11))
def test_the_scale_under_a_chord_holds_the_chord(tonic: int, mode: str, root: int, quality: int) -> None:
    key, chord = Key(tonic, mode), Chord(root, quality)
    scale = scale_under(key, chord)
    assert scale & chord.mask == chord.mask
    if chord.mask & ~key.scale == 0:
        assert scale == key.scale


def test_secondary_dominants_raise_and_blue_notes_lower() -> None:
    major = Key.parse("C major")
    assert scale_under(major, Chord.parse("A7")) == major.scale & ~1 | 2  # C sharp for C
    assert scale_under(major, Chord.parse("C7")) == major.scale & ~(1 << 11) | 1 << 10  # B flat for B


def test_blues_has_its_twelve_bars(model: str) -> None:
    _, generator = song(model, form="blues", bars=24, key="F major")
    names = [str(generator.chart.chord_at(bar * BAR)) for bar in range(12)]
    assert names == ["F7"] * 4 + ["Bb7"] * 2 + ["F7"] * 2 + ["C7", "Bb7", "F7", "C7"]
    assert blues(Key.parse("A minor"), 3)[0] == Chord.parse("Am7")


@pytest.mark.parametrize("text", ["", "|", "C | H7", "C | ?"])
def test_chords_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="chord"):
        parse_chords(text, whole_bars([(0, Metre())], 4 * BAR))


def test_a_fill_is_played_on_drums_alone(model: str) -> None:
    score, generator = song(model, style="rock", form="AABA", bars=32, ending=False)
    assert [end // BAR for _, end in generator.chart.fills()] == [8, 16, 24, 32]
    for begin, end in generator.chart.fills():
        hits = {note.pitch for note in score.notes if note.channel == 9 and begin - 20 <= note.tick < end - 20}
        assert hits <= set(FILL_DRUMS)
    assert {note.pitch for note in score.notes if note.channel == 9} - set(FILL_DRUMS)


def test_same_seed_same_song_and_the_stream_is_the_song(model: str) -> None:
    one, generator = song(model, bars=8, swing=0.7)
    other, _ = song(model, bars=8, swing=0.7)
    assert one == other
    streamed = list(generator.stream(JobContext(seed=4)))
    assert sorted(streamed) == one.notes and [note.tick for note in streamed] == sorted(n.tick for n in streamed)
    assert one != MusicGenerator(MusicRequest(model=model, seed=5, bars=8, swing=0.7)).generate(JobContext(seed=5))


@given(st.integers(0, 100_000), st.floats(0, 1), st.booleans())
def test_swing_moves_off_beats_and_nothing_else(tick: int, swing: float, sixteenths: bool) -> None:
    span = 240 if sixteenths else 480
    beat = tick // span * span
    assert swung(beat, swing, sixteenths) == beat
    assert swung(beat + span // 2, swing, sixteenths) == beat + round(span / 2 + swing * span / 6)
    assert swung(beat + span // 3, swing, sixteenths) == beat + span // 3  # triplets are at home
    assert tick <= swung(tick, swing, sixteenths) <= tick + span // 6 + 1
    assert swung(tick, 0.0, sixteenths) == tick


def test_swing_is_exact_in_the_song(model: str) -> None:
    straight, _ = song(model, style="folk", bars=8, swing=0.0)
    swings, _ = song(model, style="folk", bars=8, swing=1.0)
    expected = Counter((swung(note.tick, 1.0), note.pitch, note.channel) for note in straight.notes)
    assert Counter((note.tick, note.pitch, note.channel) for note in swings.notes) == expected


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_more_energy_is_never_less_of_anything(one: float, other: float) -> None:
    low, high = sorted((one, other))
    parts = frozenset(range(5))
    calm, full = (Wishes("pop", Key(0, "major"), 100, parts, energy=energy) for energy in (low, high))
    assert calm.notes <= full.notes and calm.velocity_of(False) <= full.velocity_of(False)
    assert calm.pitch_of(parts) <= full.pitch_of(parts) and calm.voices_of(parts) <= full.voices_of(parts)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"task": "dance"}, "accompany"),
        ({"task": "accompany"}, "given"),
        ({"energy": 1.5}, "0..1"),
        ({"register": 7}, "24..100"),
        ({"strength": 0.5}, "1..3"),
        ({"swing": -1}, "triplets"),
        ({"parts": ("flute",)}, "melody"),
        ({"parts": ()}, "melody"),
        ({"bars": 0}, "1..512"),
        ({"metre": (4, 5)}, "1/4"),
    ],
)
def test_a_wrong_request_says_what_is_allowed(wanted: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        MusicRequest(**wanted)


def test_a_request_is_plain_json(tmp_path: Path) -> None:
    import json

    request = MusicRequest(seed=3, parts=("bass", "drums"), energy=0.2)
    record = json.loads(json.dumps(request.record()))
    assert record["seed"] == 3 and record["parts"] == ["bass", "drums"] and record["style"] == "pop"
