"""Laws of keys, chords and masks, and of the lists that people choose from."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import (
    AigcMusicError,
    AudioDeviceError,
    FileError,
    MidiFileError,
    MissingExtraError,
    ModelError,
    PortError,
    UsageError,
    choose,
)
from aigc_music.core.parts import PARTS, part_of_channel
from aigc_music.core.styles import STYLE_NAMES, STYLES, UNKNOWN_STYLE, style_id
from aigc_music.core.theory import (
    CHORD_QUALITIES,
    CHROMATIC,
    MODES,
    NO_CHORD,
    NO_ROOT,
    Chord,
    Key,
    mask_of,
    note_name,
    rotate,
)

law = settings(derandomize=True, deadline=None, max_examples=300)

masks = st.integers(0, CHROMATIC)
keys = st.builds(Key, st.integers(0, 11), st.sampled_from(sorted(MODES)))
chords = st.builds(Chord, st.integers(0, 11), st.integers(0, NO_CHORD - 1))


@law
@given(keys)
def test_a_key_reads_back_from_its_name(key: Key) -> None:
    assert Key.parse(str(key)) == key
    assert Key.parse(f"  {key} ") == key
    assert key.scale >> key.tonic & 1


@law
@given(chords)
def test_a_chord_reads_back_from_its_name(chord: Chord) -> None:
    assert Chord.parse(str(chord)) == chord
    assert Chord.parse(f"{chord}/E") == chord
    assert chord.mask >> chord.root & 1


def test_no_chord_reads_back_too() -> None:
    assert Chord.parse(str(Chord())) == Chord() == Chord(NO_ROOT, NO_CHORD)
    assert Chord().mask == 0


@pytest.mark.parametrize(
    ("text", "root", "suffix"),
    [
        ("Am7", 9, "m7"),
        ("F#dim", 6, "dim"),
        ("Gb", 6, ""),
        ("Bb:maj7", 10, "maj7"),
        ("C:hdim7", 0, "m7b5"),
        ("C:min9", 0, "m7"),
        ("Am7(altb5)", 9, "m7b5"),
        ("Em13", 4, "m7"),
        ("G7(b9)", 7, "7"),
        ("Cb", 11, ""),
        ("B##", 1, ""),
        ("E♭m", 3, "m"),
        ("C:sus4(b7)/5", 0, "sus4"),
        ("Dsus2", 2, "sus4"),
        ("Cwhatever", 0, ""),
    ],
)
def test_chord_names_of_the_wild(text: str, root: int, suffix: str) -> None:
    chord = Chord.parse(text)
    assert (chord.root, CHORD_QUALITIES[chord.quality][0]) == (root, suffix)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("F", "F major"),
        ("Dm", "D minor"),
        ("a minor", "A minor"),
        ("Gb:maj", "F# major"),
        ("Db:min", "C# minor"),
        ("C# Dorian", "C# dorian"),
    ],
)
def test_key_names_of_the_wild(text: str, name: str) -> None:
    assert str(Key.parse(text)) == name


@pytest.mark.parametrize("text", ["", "H", "?", "7", "major"])
def test_a_name_without_a_note_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="note name"):
        Key.parse(text)


@law
@given(st.text(max_size=12))
def test_any_text_is_a_key_or_chord_or_a_usage_error(text: str) -> None:
    for parse in (Key.parse, Chord.parse):
        with suppress(UsageError):
            parse(text)


@law
@given(masks, st.integers(-50, 50), st.integers(-50, 50))
def test_rotating_is_a_group_of_order_twelve(mask: int, one: int, two: int) -> None:
    assert rotate(rotate(mask, one), two) == rotate(mask, one + two)
    assert rotate(mask, 12 * one) == mask
    assert rotate(mask, one).bit_count() == mask.bit_count()
    assert 0 <= rotate(mask, one) <= CHROMATIC


@law
@given(st.integers(0, 11), st.sampled_from(sorted(MODES)), st.integers(0, 11))
def test_a_scale_moves_with_its_tonic(tonic: int, mode: str, up: int) -> None:
    assert rotate(Key(tonic, mode).scale, up) == Key((tonic + up) % 12, mode).scale
    assert mask_of(tonic, MODES[mode]) == Key(tonic, mode).scale


def test_note_names() -> None:
    assert [note_name(pitch) for pitch in (0, 60, 69, 127)] == ["C-1", "C4", "A4", "G9"]


@law
@given(st.sampled_from(STYLE_NAMES))
def test_choosing_forgives_case_dashes_and_blanks(name: str) -> None:
    assert choose("style", f" {name.upper().replace('_', '-')} ", STYLE_NAMES) == name
    assert choose("style", name.replace("_", " "), STYLE_NAMES) == name


def test_a_wrong_choice_lists_what_there_is_and_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown style 'jaz': choose one of pop, jazz.*Did you mean 'jazz'\?"):
        choose("style", "jaz", STYLE_NAMES)


def test_every_error_is_ours_and_the_fitting_builtin() -> None:
    for error, builtin in (
        (UsageError, ValueError),
        (FileError, OSError),
        (MidiFileError, OSError),
        (PortError, OSError),
        (AudioDeviceError, OSError),
        (ModelError, ValueError),
        (MissingExtraError, ImportError),
    ):
        assert issubclass(error, AigcMusicError)
        assert issubclass(error, builtin)
    assert (UsageError.exit_code, FileError.exit_code) == (2, 1)
    assert "pip install 'aigc-music[train]'" in str(MissingExtraError("torch", "train", "training"))


def test_the_tables_of_parts_and_styles_agree() -> None:
    names = {part.name for part in PARTS}
    assert len({part.channel for part in PARTS}) == len(PARTS)
    assert all(part_of_channel(part.channel) == index for index, part in enumerate(PARTS))
    assert part_of_channel(0) is None
    assert all(set(style.parts) <= names and style.groove in STYLE_NAMES for style in STYLES)
    assert [style_id(name) for name in STYLE_NAMES] == list(range(len(STYLES)))
    assert style_id("polka") == UNKNOWN_STYLE == 21
