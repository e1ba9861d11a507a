"""Standard MIDI files byte by byte: each file is written down as annotated hex."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from aigc_music.core.errors import FileError, MidiFileError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.time import Metre
from aigc_music.files import midi
from aigc_music.files.midi import read_score, score_bytes, write_score


def smf(text: str) -> bytes:
    """Bytes from hex; what follows a '#' is a note for people. 'LEN' is the length up to the next 'MTrk'."""
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    chunks: list[bytearray] = [bytearray()]
    for word in (word for line in lines for word in line):
        if word == "MTrk":
            chunks.append(bytearray())
        else:
            chunks[-1] += bytes.fromhex(word)
    return bytes(chunks[0]) + b"".join(b"MTrk" + struct.pack(">I", len(chunk)) + chunk for chunk in chunks[1:])


HEAD = "4d546864 00000006"  # MThd and the length of the header
HEADER_0 = "4d546864 00000006 0000 0001 01e0 # MThd, format 0, 1 track, 480 ticks a quarter\n"
HEADER_1 = "4d546864 00000006 0001 0002 01e0 # MThd, format 1, 2 tracks, 480 ticks a quarter\n"


def test_running_status_also_across_meta_events() -> None:
    score = read_score(
        smf(
            HEADER_0
            + """
            MTrk
            00 90 3c 40       # note on, channel 1, C4, velocity 64
            00 40 41          # running: E4, velocity 65
            83 60 3c 00       # 480 ticks on, running: C4 with velocity 0 is a note-off
            00 ff 01 02 68 69 # text 'hi' between
            00 40 00          # running status still holds
            00 ff 2f 00       # end of track
            """
        )
    )
    assert score.tracks == [Track("", None, [Note(0, 60, 64, 480), Note(0, 64, 65, 480)])]
    assert score.texts == [(480, "hi")]
    assert score.repairs == []


def test_format_0_is_split_into_one_track_per_channel() -> None:
    score = read_score(
        smf(
            HEADER_0
            + """
            MTrk
            00 ff 03 04 53 6f 6e 67 # name 'Song'
            00 c0 18                # channel 1: nylon guitar
            00 c1 20                # channel 2: acoustic bass
            00 c1 21                # and a second program, not kept
            00 90 40 50             # channel 1: E4
            00 91 28 51             # channel 2: E2
            00 99 24 7f             # channel 10: bass drum
            60 89 24 00             # 96 ticks on
            00 81 28 40
            00 80 40 40
            00 b1 07 64             # channel 2: volume 100
            00 ff 2f 00
            """
        )
    )
    assert score.title == "Song"
    assert score.tracks == [
        Track("channel 1", 24, [Note(0, 64, 80, 96, 0)]),
        Track("channel 2", 32, [Note(0, 40, 81, 96, 1)], [(96, 1, 7, 100)]),
        Track("channel 10", None, [Note(0, 36, 127, 96, 9)]),
    ]
    assert score.tracks[2].is_drums


def test_channels_of_a_named_track_keep_its_name() -> None:
    score = read_score(
        smf(
            HEADER_1
            + """
            MTrk 00 ff 2f 00
            MTrk
            00 ff 03 05 48 6f 72 6e 73 # name 'Horns'
            00 ff 05 02 6c 61          # lyric 'la'
            00 90 40 50 00 91 43 50 60 80 40 00 00 81 43 00
            00 ff 2f 00
            """
        )
    )
    assert [track.name for track in score.tracks] == ["Horns (channel 1)", "Horns (channel 2)"]
    assert [track.lyrics for track in score.tracks] == [[(0, "la")], []]


def test_format_2_patterns_follow_each_other_on_bar_lines() -> None:
    score = read_score(
        smf(
            """
            4d546864 00000006 0002 0002 0060 # format 2, 2 patterns, 96 ticks a quarter
            MTrk
            00 ff 03 01 41                   # name 'A'
            00 ff 51 03 0f 42 40             # 1,000,000 us a quarter: 60 bpm
            00 ff 58 04 03 02 18 08          # 3/4
            00 90 3c 40 60 80 3c 40          # C4, one quarter
            00 ff 2f 00
            MTrk
            00 90 43 40 30 80 43 40          # G4, half a quarter
            00 ff 2f 00
            """
        )
    )
    assert [track.notes for track in score.tracks] == [[Note(0, 60, 64, 480)], [Note(1440, 67, 64, 240)]]
    assert score.tempos == [(0, 60.0), (1440, 120.0)]
    assert score.metres == [(0, Metre(3, 4)), (1440, Metre(4, 4))]
    assert score.markers == [(0, "A"), (1440, "pattern 2")]


@pytest.mark.parametrize(
    ("division", "ticks_of_a_second"),
    [("e728", 1000), ("e250", 2400), ("e850", 24 * 80), ("e364", 30_000 * 100 / 1001)],
)
def test_smpte_division_counts_seconds(division: str, ticks_of_a_second: float) -> None:
    """25 x 40, 30 x 80, 24 x 80 and 29.97 x 100 ticks a second; a second is two quarters at the fixed 120 bpm."""
    score = read_score(
        smf(
            f"""
            4d546864 00000006 0000 0001 {division}
            MTrk
            00 ff 51 03 0f 42 40    # a tempo of 60 bpm has no meaning here
            87 68 90 3c 40          # 1000 ticks on: C4
            87 68 80 3c 40          # 1000 ticks on: off
            00 ff 2f 00
            """
        )
    )
    start, end = round(960 * 1000 / ticks_of_a_second), round(960 * 2000 / ticks_of_a_second)
    assert score.tracks[0].notes == [Note(start, 60, 64, end - start)]
    assert score.tempos == []
    assert "seconds" in score.repairs[0]


def test_overlapping_equal_notes_end_first_in_first_out() -> None:
    score = read_score(
        smf(
            HEADER_0
            + """
            MTrk
            00 90 3c 41       # C4 begins
            0a 90 3c 42       # 10 ticks on: again
            0a 90 3c 43       # 10 ticks on: and again
            0a 80 3c 00       # ends the first
            0a 80 3c 00       # ends the second
            0a 80 3c 00       # ends the third
            0a 80 3c 00       # ends nothing
            00 ff 2f 00
            """
        )
    )
    assert score.tracks[0].notes == [Note(0, 60, 65, 30), Note(10, 60, 66, 30), Note(20, 60, 67, 30)]
    assert score.repairs == ["track 1: 1 note-off without a note dropped"]


def test_utf8_lyrics_markers_and_old_charsets() -> None:
    score = read_score(
        smf(
            HEADER_1
            + """
            MTrk
            00 ff 03 08 48 c3 a4 66 65 6e 00 00       # 'Häfen' in UTF-8, padded with zeros
            00 ff 02 05 a9 20 32 30 32                # '© 202' in cp1252: a copyright notice
            00 ff 06 03 e6 b8 af                      # marker '港'
            00 ff 07 03 63 75 65                      # cue point 'cue'
            00 ff 59 02 fd 01                         # three flats, minor: C minor
            83 60 ff 59 02 01 00                      # one sharp, major: G major
            00 ff 2f 00
            MTrk
            00 ff 04 05 56 6f 69 63 65                # instrument name 'Voice'
            00 ff 05 04 67 72 c3 bc                   # lyric 'grü' in UTF-8
            00 90 3c 40 10 80 3c 40
            00 ff 05 03 df 65 6e                      # lyric 'ßen' in Latin-1 and cp1252
            00 ff 05 01 81                            # a byte that cp1252 does not know
            00 ff 2f 00
            """
        )
    )
    assert score.title == "Häfen"
    assert score.texts == [(0, "copyright: © 202"), (0, "cue")]
    assert score.markers == [(0, "港")]
    assert score.keys == [(0, "C minor"), (480, "G major")]
    assert score.tracks[0].name == "Voice"
    assert score.tracks[0].lyrics == [(0, "grü"), (16, "ßen"), (16, "\x81")]


def test_tempo_before_its_first_event_is_120_as_the_format_says() -> None:
    score = read_score(
        smf(HEADER_0 + "MTrk 83 60 ff 51 03 0f 42 40 00 90 3c 40 10 80 3c 40 00 ff 2f 00 # 60 bpm at tick 480")
    )
    assert score.tempos == [(0, 120.0), (480, 60.0)]
    assert score.tempo_map().ns_at(480) == 500_000_000


def test_other_divisions_are_rounded_note_by_note() -> None:
    """7 ticks a quarter: tick k lies at 480 k / 7, and no error adds up over a thousand of them."""
    notes = "00 90 3c 40 01 80 3c 40 " * 1000
    score = read_score(smf(f"4d546864 00000006 0000 0001 0007 MTrk {notes} 00 ff 2f 00"))
    expected = [(480 * k * 2 + 7) // 14 for k in range(1001)]
    assert [note.tick for note in score.tracks[0].notes] == expected[:-1]
    assert score.end == expected[-1] == round(480_000 / 7)


MUSIC = "00 90 3c 40 83 60 80 3c 40"
GOOD = [Note(0, 60, 64, 480)]

H0 = HEADER_0 + "MTrk"
DAMAGED = [
    (
        "a file in a RIFF wrapper, pad byte behind",
        b"RIFF\x34\0\0\0RMIDdata\x23\0\0\0" + smf(f"{H0} {MUSIC} 00 ff 2f 00") + b"\0",
        "",
    ),
    ("a MacBinary header in front", bytes(128) + smf(f"{H0} {MUSIC} 00 ff 2f 00"), "128 bytes"),
    ("a chunk of another kind", smf(HEADER_0) + b"XFIH\0\0\0\2ab" + smf(f"MTrk {MUSIC} 00 ff 2f 00"), ""),
    ("junk between chunks", smf(HEADER_0) + b"\xff\0\0" + smf(f"MTrk {MUSIC} 00 ff 2f 00"), "3 bytes between"),
    ("no end of track", smf(f"{H0} {MUSIC}"), "without an end mark"),
    ("cut inside a message", smf(f"{H0} {MUSIC} 00 90 3c"), "the end of its bytes"),
    ("a note that never ends", smf(f"{H0} 00 90 3c 40 83 60 ff 2f 00"), "1 note without an end"),
    ("a wrong status byte", smf(f"{H0} 00 f9 00 f4 {MUSIC} 00 ff 2f 00"), "2 stray bytes"),
    ("data before any status", smf(f"{H0} 00 33 {MUSIC} 00 ff 2f 00"), "1 stray byte"),
    ("data above 127", smf(f"{H0} 00 90 bc c0 83 60 80 3c 40 00 ff 2f 00"), "1 message with data"),
    ("a time beyond a day", smf(f"{H0} {MUSIC} ff ff ff 7f 90 40 40 00 ff 2f 00"), "beyond 24 hours"),
    ("a time without end", smf(f"{H0} {MUSIC} 81 81 81 81 81 81 90 40 40"), "more than four bytes"),
    ("a text that claims 2 MB", smf(f"{H0} {MUSIC} 00 ff 01 ff ff 7f 61"), "claims 2097151 bytes"),
    ("tempo 0", smf(f"{H0} 00 ff 51 03 00 00 00 {MUSIC} 00 ff 2f 00"), "a tempo of 0"),
    ("0/4", smf(f"{H0} 00 ff 58 04 00 02 18 08 {MUSIC} 00 ff 2f 00"), "time signature"),
    ("4/2**200", smf(f"{H0} 00 ff 58 04 04 c8 18 08 {MUSIC} 00 ff 2f 00"), "time signature"),
    ("9 flats", smf(f"{H0} 00 ff 59 02 f7 00 {MUSIC} 00 ff 2f 00"), "key signature"),
    ("format 77", smf(f"4d546864 00000006 004d 0001 01e0 MTrk {MUSIC} 00 ff 2f 00"), "unknown format 77"),
    ("division 0", smf(f"4d546864 00000006 0000 0001 0000 MTrk {MUSIC} 00 ff 2f 00"), "division 0"),
    ("a long header", smf(f"4d546864 00000008 0000 0001 01e0 abcd MTrk {MUSIC} 00 ff 2f 00"), ""),
    ("a header that claims 4 GB", smf(f"4d546864 ffffffff 0000 0001 01e0 MTrk {MUSIC} 00 ff 2f 00"), "taken as 6"),
    (
        "a track that claims 4 GB",
        smf(HEADER_0) + b"MTrk\xff\xff\xff\xff" + bytes.fromhex(f"{MUSIC} 00 ff 2f 00"),
        "claims 4294967295 bytes, 13 are there",
    ),
    (
        "a track that claims nothing",
        smf(HEADER_0) + b"MTrk\0\0\0\0" + bytes.fromhex(f"{MUSIC} 00 ff 2f 00"),
        "longer than the 0 bytes",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("data", "says"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_damage_is_mended_and_stated(data: bytes, says: str) -> None:
    score = read_score(data)
    assert [note for track in score.tracks for note in track.notes] == GOOD
    assert bool(score.repairs) == bool(says)
    assert says in " ".join(score.repairs)


def test_a_length_too_great_does_not_swallow_the_next_track() -> None:
    first = b"MTrk" + struct.pack(">I", 30) + bytes.fromhex(f"{MUSIC} 00 ff 2f 00")
    score = read_score(smf(HEADER_1) + first + smf(f"MTrk {MUSIC} 00 ff 2f 00"))
    assert [track.notes for track in score.tracks] == [GOOD, GOOD]
    assert score.repairs == ["track 1 is shorter than the 30 bytes that it claims"]


def test_every_truncation_keeps_what_came_before() -> None:
    notes = [Note(tick * 480, 60, 90, 480, 2) for tick in range(20)]
    whole = score_bytes(Score(title="cut", tempos=[(0, 90.0)], tracks=[Track("t", 5, notes)]))
    kept = []
    for length in range(14, len(whole)):
        score = read_score(whole[:length])
        assert score.repairs
        kept.append(len(score.notes))
        assert score.notes[:-1] == notes[: max(0, kept[-1] - 1)]  # the last one may be cut
    assert kept == sorted(kept)
    assert kept[-1] == 20


@pytest.mark.parametrize("data", [b"", b"MThd", b"MThd\0\0\0\6\0\1\0\1\1", b"RIFF", b"<html>", bytes(100)])
def test_what_is_no_midi_file_is_a_clear_error(data: bytes) -> None:
    with pytest.raises(MidiFileError, match=r"not a standard MIDI file|cut short"):
        read_score(data)


def test_huge_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.mid"
    with path.open("wb") as file:
        file.truncate(midi.MAX_BYTES + 1)
    with pytest.raises(MidiFileError, match="more than 64 MB"):
        read_score(path)
    events = b"\0\xff\x01\0" * (midi.MAX_EVENTS + 1)
    with pytest.raises(MidiFileError, match="more than 2,000,000 events"):
        read_score(smf(HEADER_0) + b"MTrk" + struct.pack(">I", len(events)) + events)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.mid").touch()
    for path, says in (
        (tmp_path / "none.mid", "No such file"),
        (tmp_path, "not a regular file"),
        (str(tmp_path / "nu\0ll"), "null"),
        (tmp_path / "pipe", "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (tmp_path / "empty.mid", "empty.mid': not a standard MIDI file"),
    ):
        with pytest.raises(FileError, match=says):
            read_score(path)


def test_written_files_are_laid_out_as_promised() -> None:
    score = Score(
        title="Hä",
        tempos=[(0, 60.0)],
        metres=[(0, Metre(3, 4))],
        keys=[(0, "Ab minor")],
        markers=[(480, "B")],
        tracks=[Track("鋼", 4, [Note(0, 60, 90, 480, 1), Note(480, 60, 91, 480, 1)], [(480, 1, 64, 127)])],
    )
    assert score_bytes(score) == smf(
        HEADER_1
        + """
        MTrk
        00 ff 03 03 48 c3 a4       # title in UTF-8
        00 ff 51 03 0f 42 40       # 60 bpm
        00 ff 58 04 03 02 18 08    # 3/4
        00 ff 59 02 05 01          # G# minor: the same keys as Ab minor, with signs that exist
        83 60 ff 06 01 42          # marker at tick 480
        00 ff 2f 00
        MTrk
        00 ff 03 03 e9 8b bc       # name in UTF-8
        00 c1 04                   # program before the first note
        00 91 3c 5a
        83 60 81 3c 00             # off comes first,
        00 b1 40 7f                # then the controller,
        00 91 3c 5b                # then the same key again
        83 60 81 3c 00
        00 ff 2f 00
        """
    )


def test_overlapping_equal_notes_are_cut_where_the_next_begins() -> None:
    notes = [
        Note(0, 60, 90, 100),
        Note(50, 60, 91, 10),
        Note(200, 60, 80, 7),
        Note(200, 60, 70, 9),
        Note(0, 61, 1, 99),
    ]
    written = read_score(score_bytes(Score(tracks=[Track(notes=notes)])))
    assert written.notes == [
        Note(0, 60, 90, 50),
        Note(0, 61, 1, 99),
        Note(50, 60, 91, 10),
        Note(200, 60, 70, 9),
    ]
    assert written.repairs == []


@pytest.mark.parametrize(
    ("score", "says"),
    [
        (Score(tracks=[Track("x", 128, [])]), "track 'x' holds a value"),
        (Score(tracks=[Track("x", 0, [Note(0, 128, 90, 1)])]), "track 'x' holds a value"),
        (Score(tracks=[Track("x", 0, [Note(0, 60, 200, 1)])]), "track 'x' holds a value"),
        (Score(tracks=[Track("x", 0, [Note(-1, 60, 90, 10)])]), "tick -1"),
        (Score(tracks=[Track("x", 0, [Note(0, 60, 90, 10**9)])]), "24 hours"),
        (Score(metres=[(0, Metre(4, 3))]), "metre 4/3"),
        (Score(tempos=[(0, 2.0)]), "tempo 2.0"),
        (Score(keys=[(0, "H major")]), "note name"),
    ],
)
def test_what_midi_cannot_hold_is_a_usage_error(tmp_path: Path, score: Score, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        write_score(score, tmp_path / "x.mid")
    assert list(tmp_path.iterdir()) == []
