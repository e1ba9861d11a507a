"""Steering: every condition reaches the very next draw; the measures find what was put there; page and command."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aigc_music.cli import evaluate_steering
from aigc_music.core.errors import UsageError
from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.theory import Key, mask_of
from aigc_music.core.time import Metre
from models.music import kernels, steering
from models.music import representation as rep
from models.music.curves import curves
from models.music.decode_cpu import Conditions, Limits, Stream
from tests.tiny_model import tiny_model, write_tiny

BAR = 1920

# -- a knob acts on the next note ----------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Conditions], None]] = {
    "style": lambda c: setattr(c, "style", 9),
    "key": lambda c: c.set_key(Key(2, "minor")),
    "tempo": lambda c: setattr(c, "bpm", 190.0),
    "phase": lambda c: c.set_metre(Metre(4, 4), origin=40),
    "beat": lambda c: c.set_metre(Metre(4, 4), origin=480),
    "beats": lambda c: c.set_metre(Metre(3, 4)),
    "beat_units": lambda c: c.set_metre(Metre(6, 8)),
    "root": lambda c: c.set_chords([0, 3 * BAR], [7, 5], [0, 0], [0, 5]),
    "quality": lambda c: c.set_chords([0, 3 * BAR], [0, 5], [1, 0], [0, 5]),
    "bass": lambda c: c.set_chords([0, 3 * BAR], [0, 5], [0, 0], [4, 5]),
    "next_root": lambda c: c.set_chords([0, 3 * BAR], [0, 2], [0, 0], [0, 5]),
    "next_quality": lambda c: c.set_chords([0, 3 * BAR], [0, 5], [0, 1], [0, 5]),
    "next_in": lambda c: c.set_chords([0, 2 * BAR], [0, 5], [0, 0], [0, 5]),
    "left": lambda c: c.set_end(3 * BAR),
    "likeness": lambda c: c.set_form([0], [8], [0.9]),
    "density": lambda c: c.set_density(1.0),
    "register": lambda c: c.set_register(80.0),
    "polyphony": lambda c: c.set_polyphony(6.0),
    "loudness": lambda c: c.set_loudness(120.0),
    "parts": lambda c: c.set_parts((0, 3)),
    "given": lambda c: c.set_given((4,)),
    **{
        f"scale_{name}": lambda c, bit=bit: c.set_scale(0xFFF & ~(1 << bit))  # type: ignore[misc]
        for bit, name in enumerate(("c", "cis", "d", "dis", "e", "f", "fis", "g", "gis", "a", "ais", "b"))
    },
}
"""For every condition of the representation a change by the public setters, from `told`."""


def told() -> Conditions:
    conditions = Conditions()
    conditions.style, conditions.bpm = 3, 100.0
    conditions.set_key(Key(0, "major"))
    conditions.set_metre(Metre(4, 4))
    conditions.set_parts((0, 3, 4))
    conditions.set_given([])
    conditions.set_density(0.5)
    conditions.set_chords([0, 3 * BAR], [0, 5], [0, 0], [0, 5])
    return conditions


def warm() -> Stream:
    """A stream that has heard some notes; the next event lies in the first bar's third beat."""
    stream = tiny_model().stream(3)
    for tick, part, pitch in ((0, 3, 40), (0, 4, 60), (480, 0, 72), (960, 4, 64)):
        stream.feed(tick, part, pitch, 80, 240)
    return stream


def chances(stream: Stream, conditions: Conditions, k: int = 0) -> NDArray[np.float32]:
    """The exact logits of head k of the very next draw, for the kernels that `sample` runs: prepare, trunk, head."""
    stream._conditions = conditions
    conditions.play_only(Limits().allowed)
    stream._digest()
    stream._buffers.choices[:] = 0
    kernels.head(stream._heads, stream._buffers, k, stream._trunk.top)
    return stream._buffers.logits[: rep.HEADS[k][1]].copy()


def test_every_condition_has_a_change() -> None:
    assert set(CHANGES) == {name for name, _ in rep.CONDITIONS}


@pytest.mark.parametrize("name", [name for name, _ in rep.CONDITIONS])
def test_a_condition_changed_between_two_notes_changes_the_chances_of_the_very_next(name: str) -> None:
    """Alone among the conditions of the input it differs (those of one setter together), and every head's first
    logits move."""
    stream = warm()
    before = [chances(stream, told(), k) for k in range(len(rep.HEADS))]
    seen = stream._buffers.inputs.copy()
    changed = told()
    CHANGES[name](changed)
    after = [chances(stream, changed, k) for k in range(len(rep.HEADS))]
    place = [field for field, _ in rep.INPUT_FIELDS].index(name)
    assert seen[place] != stream._buffers.inputs[place]
    assert all(not np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    again = [chances(stream, told(), k) for k in range(len(rep.HEADS))]
    assert all(np.array_equal(one, other) for one, other in zip(before, again, strict=True))


@pytest.mark.parametrize("name", [name for name, _ in rep.CONDITIONS])
def test_a_changed_condition_changes_what_is_drawn(name: str) -> None:
    """The same keys of the random numbers, the same past: other notes among the next draws."""
    stream, changed = warm(), told()
    CHANGES[name](changed)
    drawn = [[stream.sample(c, Limits(), 0, 1, index) for index in range(60)] for c in (told(), changed)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("name", ["temperature", "strength"])
def test_temperature_and_strength_act_on_the_next_draw_too(name: str) -> None:
    stream, changed = warm(), told()
    setattr(changed, name, 2.0)
    drawn = [[stream.sample(c, Limits(), 0, 1, index) for index in range(60)] for c in (told(), changed)]
    assert drawn[0] != drawn[1]


# -- the measures find what is there -------------------------------------------------------------------------------


def piece(*rows: tuple[int, str, int, int], chords: object = None, key: Key | None = None) -> steering.Piece:
    """Notes (tick, part, pitch, duration), velocity 80."""
    notes = np.array([(tick, PART_NAMES.index(part), pitch, 80, long) for tick, part, pitch, long in rows])
    table = None if chords is None else np.array(chords)
    return steering.Piece(notes, steering.BANDS["pop"], table, key)


def knob(name: str) -> steering.Knob:
    return next(knob for knob in steering.KNOBS if knob.name == name)


def test_levels_are_found_where_their_middles_are() -> None:
    for kind in rep.LEVEL_EDGES:
        middles = steering.centres(kind)
        assert [rep.level(kind, float(middle)) for middle in middles] == list(range(rep.LEVELS))
        assert [steering.to_level(kind, float(middle)) for middle in middles] == list(range(rep.LEVELS))
    tune = piece(*((240 * i, "melody", 60, 240) for i in range(9)))
    assert steering.LEVELS["density"](tune.notes) == 2.0
    assert steering.LEVELS["register"](tune.notes) == 60.0
    assert steering.LEVELS["loudness"](tune.notes) == 80.0
    assert steering.LEVELS["polyphony"](tune.notes) == pytest.approx(9 / 8)


@given(st.integers(0, 7))
@settings(deadline=None, max_examples=8)
def test_levels_are_told_as_asked(level: int) -> None:
    cells = {"density": kernels.C_DENSITY, "register": kernels.C_REGISTER, "polyphony": kernels.C_POLYPHONY,
             "loudness": kernels.C_LOUDNESS}  # fmt: skip
    for kind, cell in cells.items():
        brief = steering.brief_of(knob(kind), level, steering.Way("x"), 0)
        assert brief.conditions.array[cell] == level


def test_chords_and_basses_are_found() -> None:
    chords = [(0, 0, 0, 4), (BAR, 7, 0, 7)]  # C over E, then G
    right = piece((0, "bass", 40, 480), (960, "bass", 43, 480), (BAR, "bass", 43, 480), (3 * BAR, "melody", 67, 480),
                  chords=chords)  # fmt: skip
    assert knob("chord").got(right, 0) == 1.0
    assert knob("bass").got(right, "third") == 1.0
    assert knob("next_chord").got(right, 0) == 1.0
    assert knob("lead").got(right, 0) == 1.0  # G leads to G
    wrong = piece((0, "bass", 42, 480), (960, "bass", 49, 480), (BAR + 480, "bass", 43, 480),
                  (3 * BAR, "melody", 68, 480), chords=chords)  # fmt: skip
    assert knob("chord").got(wrong, 0) == 0.25
    assert knob("bass").got(wrong, "third") == 0.5
    assert knob("next_chord").got(wrong, 0) == 0.0  # the root comes a quarter late
    assert knob("lead").got(wrong, 0) == 0.0


def test_keys_scales_parts_and_endings_are_found() -> None:
    scale = [60 + step for step in (0, 4, 7, 0, 5, 9, 7, 11, 2, 0, 4, 0)]
    tune = piece(*((480 * i, "melody", pitch, 480) for i, pitch in enumerate(scale)), key=Key(0, "major"))
    assert knob("key").got(tune, Key(0, "major")) == 1.0
    assert knob("key").got(tune, Key(1, "major")) == 0.0
    assert knob("scale").got(tune, "major") == 1.0
    assert knob("scale").got(tune._replace(key=Key(0, "pentatonic")), "") == pytest.approx(10 / 12)
    assert steering.heard_of(tune.notes, ("melody",)) == 1.0
    assert steering.heard_of(tune.notes, ("melody", "bass")) == 0.5
    close = piece(*((480 * i, "bass", 43, 400) for i in range(28)), (7 * BAR, "bass", 36, 1800), key=Key(0, "major"))
    found = [knob("end").got(close, what) for what in ("bass on the tonic", "fewer notes", "a long last note")]
    assert found == [1.0, 1.0, 1.0]
    assert np.isnan(knob("end").got(close, "melody on the tonic"))


def test_likeness_entropy_and_swing_are_found() -> None:
    bar = [(0, 60), (480, 62), (960, 64), (1440, 65)]
    rows = [(tick + BAR * i, "melody", pitch, 480) for i in range(9) for tick, pitch in bar]
    assert knob("likeness").got(piece(*rows), 0.9) == 1.0
    other = [(t, p, pitch + (t // BAR >= 4) * 12, d) for t, p, pitch, d in rows]
    assert knob("likeness").got(piece(*other[:32]), 0.9) == 0.0
    same = piece(*((480 * i, "melody", 60, 480) for i in range(9)))
    assert knob("temperature").got(same, 1.0) == 0.0
    for late, swing in ((240, 0.0), (280, 0.5), (320, 1.0)):
        eighths = np.array([(480 * i + place, 0, 60, 80, 100) for i in range(4) for place in (0, late)])
        assert steering.swing_of(eighths) == swing
    assert np.isnan(steering.swing_of(same.notes))


def test_a_style_is_told_by_its_spread() -> None:
    """A four on the floor of kick, snare and hi-hat is no jazz."""
    rows = []
    for beat in range(64):
        rows += [(480 * beat, DRUMS, 42, 90, 60), (480 * beat + 240, DRUMS, 42, 70, 60)]
        rows.append((480 * beat, DRUMS, 36 if beat % 2 == 0 else 38, 110, 60))
    groove = steering.Piece(np.array(sorted(rows)), steering.BANDS["drums"], None, None)
    near = steering.nearest(steering.excerpt(groove), ("rock_drums", "jazz_drums"))
    assert near == "rock_drums"


def test_the_summary_is_rank_slope_and_shares() -> None:
    exact = steering.summary("level", True, [[float(level)] * 3 for level in range(8)])
    assert (exact["spearman"], exact["slope"], exact["within_one"]) == (1.0, 1.0, 1.0)
    deaf = steering.summary("level", True, [[3.0, 3.0] for _ in range(8)])
    assert (deaf["spearman"], deaf["slope"], deaf["within_one"]) == (0.0, 0.0, 3 / 8)
    against = steering.summary("own", True, [[3.0], [2.0], [1.0]])
    assert against["spearman"] == -1.0
    shares = steering.summary("share", False, [[1.0, 0.0], [float("nan")], [1.0, 1.0]])
    assert shares["mean"] == 0.75
    assert shares["points"][1] == {"pieces": 0, "mean": None, "p10": None, "p90": None}
    assert shares["points"][0] == {"pieces": 2, "mean": 0.5, "p10": None, "p90": None}


def test_a_next_chord_that_is_not_told_is_told_when_it_begins() -> None:
    """No note before the change knows of it; from the change on the chord is in force."""
    brief = steering.brief_of(knob("next_chord"), 5, steering.Way("blind", how="blind"), 0)
    for part in range(len(PART_NAMES)):
        brief.limits.set_chord_tones(part, True)
    played = steering.play(tiny_model(), brief, 0, 60)
    assert played.chords is not None
    units = rep.onset_arrays(played.notes[:, 0])[0]
    row = np.searchsorted(played.chords[:, 0], units * rep.UNIT + 20, side="right") - 1
    for pitch, (_, root, quality, _) in zip(played.notes[:, 2], played.chords[row], strict=True):
        assert mask_of(int(root), ((0, 4, 7), (0, 3, 7))[int(quality)]) >> int(pitch) % 12 & 1
    assert len(np.unique(row)) > 2


# -- the page and the command --------------------------------------------------------------------------------------


def test_every_knob_plays_and_draws() -> None:
    tables = {
        knob.name: steering.measure(tiny_model(), knob._replace(asked=knob.asked[:1], labels=knob.labels[:1]), 128)
        for knob in steering.KNOBS
    }
    page = curves(tables, "Asked & got", "remark")
    ElementTree.fromstring(page)
    ways = [way for table in tables.values() for way in table["ways"].values()]
    assert all(table["title"] in page for table in tables.values())
    assert all(len(way["points"]) == 1 for way in ways)
    assert sum(way["points"][0]["pieces"] > 0 for way in ways) > 0.7 * len(ways)  # noise may lack a bass or an end


def test_the_command_writes_its_figures_and_the_page(tmp_path: Path) -> None:
    model, out = write_tiny(tmp_path / "model"), tmp_path / "out"
    words = ["--model", str(model), "--out", str(out), "--notes", "128", "--kept", "500", "--knobs"]
    done = CliRunner().invoke(evaluate_steering.command, [*words, "likeness,parts", "--json"], catch_exceptions=False)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said["kept"]["notes"] == said["kept"]["in_key"] == 500
    whole = json.loads((out / "steering.json").read_text("utf-8"))
    assert set(whole["knobs"]) == set(said["knobs"]) == {"likeness", "parts"}
    assert len(whole["knobs"]["likeness"]["ways"]["strength 1"]["points"]) == 5
    ElementTree.fromstring((out / "steering.svg").read_text("utf-8"))
    spoken = CliRunner().invoke(evaluate_steering.command, [*words, "likeness"], catch_exceptions=False)
    assert "500 of 500 notes in the key" in spoken.stdout


@pytest.mark.parametrize(("option", "value"), [("--notes", "5"), ("--kept", "-1"), ("--knobs", "volume")])
def test_the_command_names_what_is_wrong(tmp_path: Path, option: str, value: str) -> None:
    with pytest.raises(UsageError, match=value):
        CliRunner().invoke(evaluate_steering.command, ["--out", str(tmp_path), option, value], catch_exceptions=False)
