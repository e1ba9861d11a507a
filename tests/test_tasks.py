"""Tasks on given music: what is given stays, what is added keeps its place. Played by the tiny model, so by rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.parts import DRUMS, PART_NAMES, PARTS, part_of_channel
from aigc_music.core.theory import Chord, Key
from aigc_music.core.time import Metre
from aigc_music.engine.job import JobContext
from aigc_music.engine.requests import TASKS as NAMES
from aigc_music.engine.requests import MusicRequest
from aigc_music.files.midi import read_score, write_score
from aigc_music.generators.music.chart import Played
from aigc_music.generators.music.chords import ChordAt, chords_under
from aigc_music.generators.music.fill import surprise
from aigc_music.generators.music.given import read_given
from aigc_music.generators.music.piece import MusicGenerator
from aigc_music.generators.music.tasks import TASKS
from aigc_music.generators.music.voicing import plain_keys
from models.music.decode_cpu import load_model
from models.music.harmony import ChordModel

from .test_songs import crossings
from .tiny_model import write_tiny

BAR = Metre().bar_ticks
TUNE = (67, 69, 71, 72, 74, 72, 71, 69, 67, 71, 74, 79, 78, 76, 74, 72)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny(tmp_path_factory.mktemp("zoo") / "tiny"))


def tune(channel: int = 0) -> Score:
    """Eight bars in G major, with a change of tempo, ending on the tonic."""
    pitches = [*TUNE, *TUNE[:12], 69, 66, 67]
    notes = [Note(index * 480, pitch, 80, 440, channel) for index, pitch in enumerate(pitches[:-1])]
    notes.append(Note(30 * 480, pitches[-1], 80, 960, channel))
    return Score(
        [Track("tune", 73, notes, [(0, channel, 7, 100)])], [(0, 100.0), (4 * BAR, 90.0)], [(0, Metre())],
        [(0, "G major")],
    )  # fmt: skip


def band() -> Score:
    """The tune with a bass a bar and a beat of drums."""
    score = tune()
    bass = [Note(bar * BAR, (43, 47, 50)[bar % 3], 70, 1900, 3) for bar in range(8)]
    beat = [Note(step * 480, 36 if step % 2 == 0 else 38, 90, 100, 9) for step in range(32)]
    score.tracks += [Track("bass", 33, bass), Track("drums", None, beat)]
    return score


def done(model: str, task: str, given: Score | str, **wanted: object) -> tuple[Score, MusicGenerator]:
    generator = MusicGenerator(MusicRequest(task=task, given=given, model=model, seed=2, **wanted))  # type: ignore[arg-type]
    return generator.generate(JobContext(seed=2)), generator


def added(score: Score, given: Score) -> Iterator[tuple[int, Note]]:
    """(part, note) of the notes in the tracks behind the given ones."""
    for track in score.tracks[len(given.tracks) :]:
        part = next(index for index, part in enumerate(PARTS) if part.name == track.name)
        for note in track.notes:
            yield part, note


def test_every_task_that_works_on_music_has_a_row() -> None:
    assert set(TASKS) | {"song", "groove"} == set(NAMES)


@pytest.mark.parametrize("task", ["accompany", "harmonise", "chords", "melody", "rhythm"])
def test_what_was_given_stays_note_for_note(model: str, task: str) -> None:
    given = tune() if task != "melody" else Score(band().tracks[1:], [(0, 100.0)], [(0, Metre())], [(0, "G major")])
    score, generator = done(model, task, given)
    assert score.tracks[: len(given.tracks)] == given.tracks
    assert (score.tempos, score.metres, score.keys) == (given.tempos, given.metres, given.keys)
    new = list(added(score, given))
    assert new and {note.channel for note in given.notes}.isdisjoint(note.channel for _, note in new)
    assert all(0 <= note.tick < generator.chart.end and note.end <= generator.chart.end for _, note in new)
    assert generator.request.key == "G major" and generator.request.bpm == 100.0


@pytest.mark.parametrize(
    ("task", "parts"),
    [("harmonise", {"counter", "inner", "bass"}), ("rhythm", {"bass", "drums"}), ("chords", {"keys"})],
)
def test_a_task_adds_the_parts_it_is_named_for(model: str, task: str, parts: set[str]) -> None:
    given = tune()
    score, _ = done(model, task, given)
    assert {PART_NAMES[part] for part, _ in added(score, given)} == parts


def test_parts_can_be_chosen(model: str) -> None:
    given = tune()
    score, _ = done(model, "accompany", given, parts=("bass",))
    assert {PART_NAMES[part] for part, _ in added(score, given)} == {"bass"}
    with pytest.raises(UsageError, match="already"):
        MusicGenerator(MusicRequest(task="rhythm", given=band(), model=model))


def test_four_voices_keep_their_order_and_stop_together(model: str) -> None:
    given = tune(channel=PARTS[0].channel)
    for temperature in (1.0, 2.0):
        score, _ = done(model, "harmonise", given, temperature=temperature)
        assert crossings(score) == 0
        assert {track.notes[-1].end for track in score.tracks} == {8 * BAR}


def test_a_piece_goes_on_in_its_tracks(model: str) -> None:
    given = band()
    score, generator = done(model, "continue", given, bars=4)
    assert [track.name for track in score.tracks] == ["tune", "bass", "drums"]
    for before, after in zip(given.tracks, score.tracks, strict=True):
        assert after.notes[: len(before.notes)] == before.notes
        new = after.notes[len(before.notes) :]
        assert all(note.tick >= 8 * BAR - 20 and note.end <= 12 * BAR for note in new)
        assert {note.channel for note in after.notes} == {before.notes[0].channel}
    assert len(score.notes) > len(given.notes) and generator.chart.finale is None
    ended, _ = done(model, "continue", given, bars=4, ending=True)
    assert max(note.end for note in ended.notes) == 12 * BAR


def test_filled_bars_change_and_no_others(model: str) -> None:
    given = band()
    score, _ = done(model, "fill", given, from_bar=4, to_bar=5, parts=("melody",))
    begin, end = 3 * BAR, 5 * BAR
    for before, after in zip(given.tracks, score.tracks, strict=True):
        kept = [note for note in after.notes if not begin - 20 <= note.tick < end]
        assert kept == [note for note in before.notes if not begin - 20 <= note.tick < end]
        assert (before.notes == after.notes) is (before.name != "tune")
    inside = [note for note in score.tracks[0].notes if begin - 20 <= note.tick < end]
    assert all(note.end <= end for note in inside)


def test_a_filling_is_judged_by_what_follows_it(model: str) -> None:
    given = read_given(tune(), "fill")
    network = load_model(model)
    before = [note for note in given.notes if note.tick < 4 * BAR]
    after = [note for note in given.notes if note.tick >= 6 * BAR]
    bits = {
        surprise(network, given.song, before + [Played(4 * BAR, 0, pitch, 80, 400)] + after, 6 * BAR)
        for pitch in (60, 72, 84)
    }
    assert len(bits) == 3 and all(np.isfinite(value) and value > 0 for value in bits)


def test_humanised_notes_keep_pitch_order_and_place(model: str) -> None:
    given = band()
    score, _ = done(model, "humanise", given)
    for before, after in zip(given.tracks, score.tracks, strict=True):
        pairs = list(zip(sorted(before.notes), after.notes, strict=True))
        assert all(old.pitch == new.pitch and abs(old.tick - new.tick) <= 20 for old, new in pairs)
        assert all(old.duration == new.duration and old.channel == new.channel for old, new in pairs)
        assert len({new.velocity for _, new in pairs}) > 1
    assert sum(old.tick != new.tick for old, new in zip(given.notes, score.notes, strict=True)) > 10


def test_a_groove_is_drums_alone_with_fills(model: str) -> None:
    generator = MusicGenerator(MusicRequest(task="groove", style="funk", bars=16, model=model, seed=3))
    score = generator.generate(JobContext(seed=3))
    assert {part_of_channel(note.channel) for note in score.notes} == {DRUMS}
    fills = [row.tick // BAR for row in generator.chart.groove if 0 < row.likeness < 0.5]
    assert fills == [7, 15]


def test_a_melody_over_written_chords(model: str) -> None:
    request = MusicRequest(task="melody", chords="C | Am | F | G", bars=8, model=model, seed=3)
    score = MusicGenerator(request).generate(JobContext(seed=request.seed))
    assert [track.name for track in score.tracks] == ["melody"]
    assert [name for _, name in score.texts][:4] == ["C", "Am", "F", "G"]


def test_chords_of_the_file_are_believed(model: str) -> None:
    given = tune()
    given.texts = [(0, "G"), (BAR, "D/F#"), (2 * BAR, "Em"), (4 * BAR, "C")]
    _, generator = done(model, "accompany", given)
    assert [str(row) for row in generator.chart.chords] == ["G", "D/F#", "Em", "C"]
    _, generator = done(model, "accompany", given, chords="G | C")
    assert [str(row) for row in generator.chart.chords][:3] == ["G", "C", "G"]


def test_chords_under_a_tune_are_those_it_spells() -> None:
    key = Key.parse("C major")
    triads = [(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)]
    notes = np.array(
        [(bar * BAR + beat * 480, 0, pitch, 80, 480) for bar, row in enumerate(triads) for beat, pitch in
         enumerate((*row, row[0]))], np.int32,
    )  # fmt: skip
    slots = [(tick, tick % BAR == 0) for tick in range(0, 4 * BAR, BAR // 2)]
    found = chords_under(ChordModel.load(), notes, slots, 4 * BAR, key, "folk")
    assert [(row.tick // BAR, str(row)) for row in found] == [(0, "C"), (1, "F"), (2, "G"), (3, "C")]


def test_plain_keys_hold_each_chord_and_move_little() -> None:
    rows = [ChordAt(bar * BAR, Chord.parse(name)) for bar, name in enumerate(("C", "F", "G7", "C"))]
    notes = plain_keys(rows, 4 * BAR)
    for row in rows:
        sounding = [note for note in notes if note.tick == row.tick]
        assert len(sounding) == 4 and all(row.chord.mask >> note.pitch % 12 & 1 for note in sounding)
        assert sounding[0].pitch % 12 == row.chord.root and {note.end for note in sounding} == {row.tick + BAR}
    tops = [max(note.pitch for note in notes if note.tick == row.tick) for row in rows]
    assert all(abs(one - other) <= 4 for one, other in zip(tops, tops[1:], strict=False))


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"task": "fill"}, "from_bar"),
        ({"task": "fill", "from_bar": 1, "to_bar": 2}, "2..8"),
        ({"task": "fill", "from_bar": 5, "to_bar": 9}, "8 bars"),
        ({"task": "fill", "from_bar": 5, "to_bar": 4}, "8 bars"),
        ({"task": "accompany", "chords": "C | H"}, "H"),
        ({"task": "continue", "form": "sonata"}, "AABA"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(wanted: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        MusicGenerator.check(MusicRequest(given=tune(), **wanted))


def test_music_without_a_melody_or_notes_is_named(tmp_path: Path) -> None:
    drums = Score(band().tracks[2:], [(0, 100.0)], [(0, Metre())])
    with pytest.raises(UsageError, match=r"no melody .*drums"):
        MusicGenerator.check(MusicRequest(task="harmonise", given=drums))
    with pytest.raises(UsageError, match="fewer than 4"):
        MusicGenerator.check(MusicRequest(task="continue", given=Score()))
    with pytest.raises(UsageError, match="chords"):
        MusicGenerator.check(MusicRequest(task="melody"))
    with pytest.raises(FileError, match=r"missing\.mid"):
        MusicGenerator.check(MusicRequest(task="accompany", given=str(tmp_path / "missing.mid")))


def test_a_file_gives_what_its_score_gives(model: str, tmp_path: Path) -> None:
    write_score(tune(), tmp_path / "tune.mid")
    from_file, generator = done(model, "accompany", str(tmp_path / "tune.mid"))
    from_score, _ = done(model, "accompany", read_score(tmp_path / "tune.mid"))
    assert from_file == from_score
    record = generator.request.record()
    assert record["given"]["name"] == "tune.mid" and len(record["given"]["sha256"]) == 64
