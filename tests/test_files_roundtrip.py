"""What goes out comes back: Score -> bytes, -> mido, -> pretty_midi -> Score, and files of mido read alike."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.core.errors import UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.theory import Key
from aigc_music.core.time import Metre
from aigc_music.files.midi import MAX_TICK, bpm_of_micros, midi_file, read_score, score_bytes, write_score
from aigc_music.files.pretty import from_pretty_midi, to_pretty_midi

law = settings(derandomize=True, deadline=None, max_examples=150)

seven_bits = st.integers(0, 127)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
names = words.map(str.strip)


def changes(values: st.SearchStrategy, last: int = 100_000) -> st.SearchStrategy:
    """Sorted (tick, value) lists with one value a tick."""
    return st.dictionaries(st.integers(0, last), values, max_size=6).map(lambda found: sorted(found.items()))


def texts(last: int = 100_000) -> st.SearchStrategy:
    """Sorted (tick, text) lists, several texts a tick."""
    pairs = st.lists(st.tuples(st.integers(0, last), words), max_size=6)
    return pairs.map(lambda found: sorted(found, key=lambda event: event[0]))


def notes_on(channel: int) -> st.SearchStrategy:
    """Sorted notes without two of one pitch at once, some of them touching."""
    steps = st.tuples(st.integers(0, 2000), seven_bits, st.integers(1, 127), st.integers(1, 2000))

    def lay(rows: list[tuple[int, int, int, int]]) -> list[Note]:
        free = dict.fromkeys(range(128), 0)  # pitch -> first tick where it is free
        notes = []
        tick = 0
        for delta, pitch, velocity, duration in rows:
            tick = max(tick + delta, free[pitch])
            notes.append(Note(tick, pitch, velocity, duration, channel))
            free[pitch] = tick + duration
        return sorted(notes)

    return st.lists(steps, max_size=25).map(lay)


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    """A Track of one channel with something in it."""
    channel = draw(st.integers(0, 15))
    controls = st.tuples(st.integers(0, 50_000), st.just(channel), seven_bits, seven_bits)
    return Track(
        draw(names.filter(bool)),
        draw(st.none() | seven_bits),
        draw(notes_on(channel)),
        sorted(draw(st.lists(controls, max_size=8)), key=lambda event: event[0]),
        draw(texts()),
    )


bpms = st.integers(40_000, 12_000_000).map(bpm_of_micros)
metres = st.builds(Metre, st.integers(1, 255), st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))
keys = st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"])).map(str)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """A Score whose tempos begin at tick 0, as every file's do."""
    tempos = draw(changes(bpms))
    return Score(
        tracks=draw(st.lists(tracks(), max_size=5)),
        tempos=[(0, draw(bpms)), *tempos[1:]] if tempos else [],
        metres=draw(changes(metres)),
        keys=draw(changes(keys)),
        markers=draw(texts()),
        texts=draw(texts()),
        title=draw(names),
    )


@law
@given(scores())
def test_a_score_comes_back_from_its_bytes(score: Score) -> None:
    assert read_score(score_bytes(score)) == score


@law
@given(st.integers(40_000, 12_000_000))
def test_tempos_come_back_from_microseconds(micros: int) -> None:
    assert round(60e6 / bpm_of_micros(micros)) == micros


def test_every_tempo_of_two_decimals_from_20_to_300_comes_back() -> None:
    """Beyond that a file's microseconds are too coarse."""
    for hundredths in range(2_000, 30_001):
        assert bpm_of_micros(round(6e9 / hundredths)) == hundredths / 100


@law
@given(scores())
def test_writing_twice_writes_the_same_bytes(score: Score) -> None:
    assert score_bytes(read_score(score_bytes(score))) == score_bytes(score)


def test_a_score_comes_back_from_its_file(tmp_path: Path) -> None:
    score = Score(title="港", tempos=[(0, 90.0)], tracks=[Track("a", 3, [Note(0, 60, 90, 480)])])
    for path in (tmp_path / "one.mid", str(tmp_path / "two.mid")):
        write_score(score, path)
        assert read_score(path) == score


def test_the_last_possible_tick_is_written_and_one_more_is_not() -> None:
    last = Score(tracks=[Track("end", None, [Note(MAX_TICK - 1, 60, 90, 1)])])
    assert read_score(score_bytes(last)) == last
    with pytest.raises(UsageError, match="24 hours"):
        score_bytes(Score(tracks=[Track("end", None, [Note(MAX_TICK, 60, 90, 1)])]))


@law
@given(scores())
def test_mido_reads_what_we_write(score: Score) -> None:
    file = mido.MidiFile(file=io.BytesIO(score_bytes(score)), charset="utf-8")
    assert (file.type, file.ticks_per_beat) == (1, 480)
    assert [list(track) for track in file.tracks] == [list(track) for track in midi_file(score).tracks]
    for track, written in zip(score.tracks, file.tracks[1:], strict=True):
        assert notes_of_mido(written) == Counter(track.notes)


def notes_of_mido(track: mido.MidiTrack) -> Counter[Note]:
    """The notes of a mido track in our reading: first in, first out; what is open ends with the track."""
    waiting: dict[tuple[int, int], list[tuple[int, int]]] = {}
    notes: Counter[Note] = Counter()
    tick = 0
    for message in track:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            waiting.setdefault((message.channel, message.note), []).append((tick, message.velocity))
        elif message.type in ("note_on", "note_off"):
            queue = waiting.get((message.channel, message.note), [])
            if queue:
                start, velocity = queue.pop(0)
                notes[Note(start, message.note, velocity, max(1, tick - start), message.channel)] += 1
    for (channel, pitch), queue in waiting.items():
        for start, velocity in queue:
            notes[Note(start, pitch, velocity, max(1, tick - start), channel)] += 1
    return notes


few = st.integers(0, 3)  # few channels and pitches, so that equal notes overlap
mido_messages = st.one_of(
    st.builds(
        lambda kind, note, velocity, channel, time: mido.Message(
            kind, note=60 + note, velocity=velocity, channel=channel, time=time
        ),
        st.sampled_from(["note_on", "note_on", "note_off"]), few, seven_bits, few, st.integers(0, 500),
    ),
    st.builds(lambda value, time: mido.Message("control_change", control=7, value=value, time=time), seven_bits, few),
    st.builds(lambda value, time: mido.Message("program_change", program=value, time=time), seven_bits, few),
    st.builds(lambda pitch, time: mido.Message("pitchwheel", pitch=pitch, time=time), st.integers(-8192, 8191), few),
    st.builds(lambda data, time: mido.Message("sysex", data=data, time=time), st.lists(seven_bits), few),
    st.builds(lambda text, time: mido.MetaMessage("lyrics", text=text, time=time), words, few),
    st.builds(lambda text, time: mido.MetaMessage("text", text=text, time=time), words, few),
    st.builds(lambda tempo: mido.MetaMessage("set_tempo", tempo=tempo), st.integers(1, 2**24 - 1)),
    st.builds(lambda data: mido.MetaMessage("sequencer_specific", data=data), st.lists(seven_bits)),
)  # fmt: skip


@law
@given(st.lists(st.lists(mido_messages, max_size=60), min_size=1, max_size=4))
def test_files_of_mido_are_read_as_mido_reads_them(chunks: list[list[mido.Message]]) -> None:
    file = mido.MidiFile(type=1, ticks_per_beat=480, charset="utf-8")
    file.tracks.extend(mido.MidiTrack(messages) for messages in chunks)
    out = io.BytesIO()
    file.save(file=out)
    score = read_score(out.getvalue())
    again = mido.MidiFile(file=io.BytesIO(out.getvalue()), charset="utf-8")
    wanted = sum((notes_of_mido(track) for track in again.tracks), Counter())
    assert Counter(score.notes) == wanted
    messages = [message for track in again.tracks for message in track]
    sung = Counter(message.text.rstrip("\0") for message in messages if message.type == "lyrics")
    assert Counter(text for track in score.tracks for _, text in track.lyrics) == sung
    levels = Counter(message.value for message in messages if message.type == "control_change")
    assert Counter(event[3] for track in score.tracks for event in track.controls) == levels


@law
@given(scores())
def test_a_score_comes_back_from_pretty_midi(score: Score) -> None:
    """What pretty_midi knows: not titles, markers, copyright, channels, silent tracks or lyrics per track."""
    pretty = to_pretty_midi(score)
    back = from_pretty_midi(pretty)
    heard = [track for track in score.tracks if track.notes]
    assert back.tempo_map().changes == without_repeats(score.tempo_map().changes)
    assert (back.metres, back.keys) == (score.metres, score.keys)
    assert back.texts == [event for event in score.texts if not event[1].startswith("copyright: ")]
    sung = sorted((event for track in score.tracks for event in track.lyrics), key=lambda event: event[0])
    assert Counter(event for track in back.tracks for event in track.lyrics) == Counter(sung)
    assert sum(bool(track.lyrics) for track in back.tracks) <= 1
    back.tracks = [track for track in back.tracks if track.notes]
    assert [track.name for track in back.tracks] == [track.name for track in heard]
    for mine, theirs in zip(heard, back.tracks, strict=True):
        assert theirs.program == (mine.program or 0)
        assert [note[:4] for note in theirs.notes] == [note[:4] for note in mine.notes]
        assert theirs.is_drums == mine.is_drums
        assert [(tick, *event) for tick, _, *event in theirs.controls] == [
            (tick, *event) for tick, _, *event in mine.controls
        ]


def without_repeats(tempos: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """pretty_midi forgets a tempo that is the one before it."""
    return [event for index, event in enumerate(tempos) if not index or event[1] != tempos[index - 1][1]]


@law
@given(scores())
def test_from_pretty_midi_on_the_way_is_a_fixed_point(score: Score) -> None:
    once = from_pretty_midi(to_pretty_midi(score))
    once.tracks = [track for track in once.tracks if track.notes]
    twice = from_pretty_midi(to_pretty_midi(once))
    assert [track for track in twice.tracks if track.notes] == once.tracks
    assert (twice.tempos, twice.metres, twice.keys) == (once.tempos, once.metres, once.keys)


def test_lyrics_of_pretty_midi_go_to_the_track_that_sings() -> None:
    piano = Track("piano", 0, [Note(tick, 48, 80, 100) for tick in range(0, 2000, 250)])
    voice = Track("voice", 52, [Note(tick, 67, 80, 100) for tick in (0, 130, 390)])
    voice.lyrics = [(0, "Hä"), (130, "fen"), (390, "港")]
    back = from_pretty_midi(to_pretty_midi(Score(tracks=[piano, voice], tempos=[(0, 97.0), (300, 44.0)])))
    assert [track.lyrics for track in back.tracks] == [[], voice.lyrics]


def test_a_score_too_long_for_pretty_midi_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="pretty_midi cannot hold this score"):
        to_pretty_midi(Score(tracks=[Track("", 0, [Note(20_000_000, 60, 90, 1)])]))
