"""Sound: files keep every sample and their records, stems add up to the mix, masters are as loud as was asked."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_music.cli.generate_audio import command
from aigc_music.core.errors import AigcMusicError, FileError, UsageError
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.sounds import Sound
from aigc_music.engine import AudioRequest, Engine
from aigc_music.engine.job import Cancelled, JobContext, Progress
from aigc_music.engine.verify import verify
from aigc_music.files.audio import (
    SUFFIXES,
    id3,
    label_of,
    labelled,
    loudness,
    provenance_of,
    read_sound,
    resampled,
    sound_bytes,
    with_lyrics,
    without_provenance,
)
from aigc_music.files.midi import write_score
from aigc_music.generators.audio.mastering import gains, mastered
from aigc_music.generators.audio.render import AudioGenerator, track_names
from bridge.synth.offline import render_score

from .jack_world import need

RATE = 48_000
RECORD = json.dumps({"seed": 7, "title": "月 \"'<&", "nothing": None}, ensure_ascii=False)
LABEL = '{"Label":"1","ContentProducer":"某"}'


def tone(seconds: float = 0.25, hertz: float = 440.0, size: float = 0.4, rate: int = RATE) -> Sound:
    wave = size * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return Sound(np.stack([wave, 0.5 * wave], 1).astype(np.float32), rate, "江南 ☂", "Ada Öz")


def song(channels: tuple[int, int, int, int] = (1, 3, 2, 9)) -> Score:
    """Two bars of melody, bass, keys and drums on these channels."""
    keys = [Note(beat * 480, pitch, 90, 900, channels[2]) for beat in (0, 2, 4, 6) for pitch in (60, 64, 67)]
    return Score(
        [
            Track("melody", 4, [Note(n * 240, 60 + n % 8, 100, 400, channels[0]) for n in range(16)]),
            Track(
                "bass", 33, [Note(n * 480, 36, 110, 460, channels[1]) for n in range(8)], [(0, channels[1], 7, 90)]
            ),
            Track("keys", 0, keys, [(0, channels[2], 64, 127)]),
            Track("drums", None, [Note(n * 240, (36, 42, 38, 42)[n % 4], 120, 60, channels[3]) for n in range(16)]),
        ],
        [(0, 120.0)],
        title="Two bars",
    )


def level(frames: np.ndarray) -> float:
    return float(10 * np.log10(np.square(frames, dtype=np.float64).mean() + 1e-30))


# ---------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
@pytest.mark.parametrize("length", [1, 4095, 70_001])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_sample_comes_back_within_a_step(suffix: str, length: int, channels: int, tmp_path: Path) -> None:
    frames = ((np.random.default_rng(1).random((length, channels)) - 0.5) * 1.9).astype(np.float32)
    path = tmp_path / f"Lied 江{suffix}"
    path.write_bytes(sound_bytes(Sound(frames, 44_100, "江南 ☂", "Ada Öz"), suffix, RECORD))
    back = read_sound(path)
    assert (back.rate, back.frames.shape, back.title, back.creator) == (44_100, frames.shape, "江南 ☂", "Ada Öz")
    assert np.abs(back.frames - frames).max() <= 1.6 / (1 << 23)


def test_flac_holds_the_very_samples_of_wav(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac"):
        (tmp_path / f"a{suffix}").write_bytes(sound_bytes(tone(), suffix))
    wav, flac = (read_sound(tmp_path / f"a{suffix}").frames for suffix in (".wav", ".flac"))
    assert np.array_equal(wav, flac)


@pytest.mark.parametrize("length", [1000, 12_345, 73_728])
def test_an_mp3_begins_and_ends_where_the_sound_does(length: int, tmp_path: Path) -> None:
    sound = tone(length / RATE)
    (tmp_path / "a.mp3").write_bytes(sound_bytes(sound, ".mp3", RECORD))
    back = read_sound(tmp_path / "a.mp3")
    assert back.frames.shape == sound.frames.shape and back.title == sound.title
    if length > 5000:
        inner = slice(2000, -2000)
        away = [level(np.roll(back.frames, by, 0)[inner] - sound.frames[inner]) for by in (-1, 0, 1)]
        assert away[1] < -50 and away[1] < min(away[0], away[2]) - 6


TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=30)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SUFFIXES),
    TEXTS,
    TEXTS,
    st.dictionaries(TEXTS, TEXTS | st.integers()).map(lambda row: json.dumps(row, ensure_ascii=False)),
    st.integers(1, 2).map(lambda channels: tone(0.02).frames[:, :channels]),
    st.booleans(),
)
def test_the_content_is_the_file_without_its_tags(
    suffix: str, title: str, artist: str, record: str, frames: np.ndarray, odd: bool
) -> None:
    sound = Sound(frames[odd:], RATE, title, artist)
    plain = sound_bytes(sound, suffix)
    whole = sound_bytes(sound, suffix, record)
    assert whole == sound_bytes(sound, suffix, record)
    assert without_provenance(whole) == plain == without_provenance(plain)
    assert (provenance_of(whole), label_of(whole)) == (record, "")
    marked = labelled(whole, suffix, LABEL)
    assert (provenance_of(marked), label_of(marked)) == (record, LABEL)
    assert without_provenance(marked) == plain == without_provenance(labelled(plain, suffix, LABEL))
    assert labelled(labelled(marked, suffix, "{}"), suffix, LABEL) == marked
    assert provenance_of(plain) == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_changed_sample_is_other_content(suffix: str) -> None:
    sound = tone(0.05)
    frames = sound.frames.copy()
    frames[1000, 0] += 0.05
    assert sound_bytes(sound, suffix) != sound_bytes(Sound(frames), suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_reader_finds_the_tags(suffix: str) -> None:
    data = labelled(sound_bytes(tone(), suffix, RECORD), suffix, LABEL)
    with av.open(io.BytesIO(data)) as file:
        found = {name.upper(): text for name, text in file.metadata.items()}
    assert (found["TITLE"], found["ARTIST"]) == ("江南 ☂", "Ada Öz")
    if suffix != ".wav":
        assert (found["AIGC_MUSIC_PROVENANCE"], found["AIGC"]) == (RECORD, LABEL)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_signature_leaves_record_label_and_content(suffix: str, tmp_path: Path) -> None:
    import c2pa

    from aigc_music.release import certificate

    mime = {".wav": "audio/wav", ".flac": "audio/flac", ".mp3": "audio/mpeg"}[suffix]
    data = labelled(sound_bytes(tone(), suffix, RECORD), suffix, LABEL)
    found = certificate.test_credentials(tmp_path)
    kind = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
    made = {"action": "c2pa.created", "digitalSourceType": kind}
    manifest = {"assertions": [{"label": "c2pa.actions", "data": {"actions": [made]}}]}
    info = c2pa.C2paSignerInfo(found.algorithm.encode(), found.chain, found.key_pem, None)
    out = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(manifest) as builder:
        builder.sign(signer, mime, io.BytesIO(data), out)
    signed = out.getvalue()
    assert len(signed) > len(data) + 1000
    assert without_provenance(signed) == sound_bytes(tone(), suffix)
    assert (provenance_of(signed), label_of(signed)) == (RECORD, LABEL)
    assert without_provenance(labelled(signed, suffix, "{}")) == sound_bytes(tone(), suffix)


def test_tags_of_other_programs_are_read_and_kept() -> None:
    sound = sound_bytes(tone(0.05), ".mp3")

    def frame(name: bytes, body: bytes) -> bytes:
        return name + len(body).to_bytes(4, "big") + b"\0\0" + body

    record = b"\x01" + "AIGC_MUSIC_PROVENANCE\0".encode("utf-16") + RECORD.encode("utf-16")
    body = frame(b"TXXX", record) + frame(b"APIC", b"\0image/png\0\3\0picture") + bytes(64)
    old = b"ID3\3\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 127]) + body
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8)
    tagged = old + sound + ape + b"TAG" + b"x" * 125
    assert provenance_of(tagged) == RECORD
    assert without_provenance(tagged) == sound
    marked = labelled(tagged, ".mp3", LABEL)
    assert (provenance_of(marked), label_of(marked)) == (RECORD, LABEL)
    assert b"picture" in marked and marked.endswith(b"x" * 125)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SUFFIXES), st.data())
def test_broken_tags_are_no_reason_to_fail(suffix: str, data: st.DataObject) -> None:
    whole = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, min(400, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    assert isinstance(provenance_of(cut) + label_of(cut), str)
    content = without_provenance(cut)
    assert without_provenance(content) == content or suffix == ".mp3"


WHOLE = {suffix: labelled(sound_bytes(tone(0.01), suffix, RECORD), suffix, LABEL) for suffix in SUFFIXES}


def wave(rate: int = RATE, kind: int = 1, bits: int = 16, channels: int = 2, data: bytes = bytes(4000)) -> bytes:
    size = channels * bits // 8
    form = struct.pack("<IHHIIHH", 16, kind, channels, rate, rate * size & 0xFFFFFFFF, size, bits)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


def film() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
    return file.getvalue()


def damaged(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + np.random.default_rng(1).bytes(2500) + data[middle + 2500 :]


NO_NUMBER = np.array([[0.1, np.nan]], np.float32).tobytes() * 100
BAD = {
    "empty.mp3": (lambda: b"", "it is empty"),
    "text.mp3": (lambda: b"These are words.\n" * 300, "no sound that can be decoded"),
    "list.m3u8": (lambda: b"#EXTM3U\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", "no sound that can be"),
    "film.mp4": (film, "it holds no sound"),
    "head.wav": (lambda: wave(data=b""), "it holds no sound"),
    "slow.wav": (lambda: wave(1), "1 frames a second, allowed are 8000..384000"),
    "fast.wav": (lambda: wave(3_000_000), "3000000 frames a second"),
    "nan.wav": (lambda: wave(kind=3, bits=32, data=NO_NUMBER), "no finite numbers"),
    "cut.wav": (lambda: sound_bytes(tone(1), ".wav")[:90_000], "cut short: 0.31 s of the 1.00 s"),
    "cut.mp3": (lambda: sound_bytes(tone(1), ".mp3")[:20_000], "cut short"),
    "cut.flac": (lambda: sound_bytes(tone(1), ".flac")[:40_000], "cut short"),
    "damaged.mp3": (lambda: damaged(sound_bytes(tone(2), ".mp3")), "damaged [0-9.]+ s after its beginning"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_whole_sound_is_refused_in_words(name: str, tmp_path: Path) -> None:
    make, said = BAD[name]
    (tmp_path / name).write_bytes(make())
    with pytest.raises(FileError, match=said) as caught:
        read_sound(tmp_path / name)
    assert name in str(caught.value) and "give a whole sound file" in str(caught.value)


@pytest.mark.parametrize(
    ("sound", "suffix", "said"),
    [
        (Sound(np.full((9, 2), np.nan, np.float32)), ".wav", "frame 0 of the sound is no finite number"),
        (Sound(np.zeros((0, 2), np.float32)), ".flac", r"shape \(0, 2\)"),
        (Sound(np.zeros((9, 3), np.float32)), ".wav", "1 or 2 channels"),
        (Sound(np.zeros((9, 1), np.float32), 96_000), ".mp3", "44100 or 48000 Hz, not 96000"),
        (Sound(np.zeros((9, 1), np.float32), 4_000_000), ".wav", "8000..384000"),
        (tone(0.01), ".ogg", "choose one of .wav, .flac, .mp3"),
    ],
)
def test_what_cannot_be_written_is_refused_in_words(sound: Sound, suffix: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sound_bytes(sound, suffix)


def test_another_rate_keeps_pitch_place_and_length(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(sound_bytes(tone(0.5, rate=44_100), ".wav"))
    back, wanted = read_sound(tmp_path / "a.wav", RATE), tone(0.5)
    assert back.rate == RATE and abs(len(back.frames) - len(wanted.frames)) <= 1
    assert level(back.frames[500:23_500] - wanted.frames[500:23_500]) < -80
    assert resampled(wanted, RATE) is wanted
    with pytest.raises(UsageError, match=r"give 8000\.\.384000"):
        resampled(wanted, 1)


def test_tags_in_an_old_encoding_and_pictures_in_front_are_no_hindrance(tmp_path: Path) -> None:
    info = b"INFOINAM" + struct.pack("<I", 6) + b"M\xfcsli\0"
    (tmp_path / "old.wav").write_bytes(wave() + b"LIST" + struct.pack("<I", len(info)) + info)
    assert read_sound(tmp_path / "old.wav").title == "M\ufffdsli"
    picture = id3.build([id3.Frame(b"APIC", b"\0image/png\0\3\0" + bytes(9000))])
    whole = sound_bytes(tone(1), ".mp3")
    (tmp_path / "sleeve.mp3").write_bytes(picture + whole)
    assert len(read_sound(tmp_path / "sleeve.mp3").frames) == RATE
    (tmp_path / "cut.mp3").write_bytes(picture + whole[:20_000])
    with pytest.raises(FileError, match="cut short"):
        read_sound(tmp_path / "cut.mp3")


def test_more_than_two_channels_are_mixed_to_two(tmp_path: Path) -> None:
    (tmp_path / "six.wav").write_bytes(wave(channels=6, data=np.full((500, 6), 1000, "<i2").tobytes()))
    assert read_sound(tmp_path / "six.wav").frames.shape == (500, 2)


def test_words_in_time_stand_in_the_tags() -> None:
    def word(*parts: tuple[str, float]) -> Word:
        return Word(tuple(Syllable(text, at, at + 0.2) for text, at in parts))

    english = Line((word(("Har", 1.0), ("bour", 1.25)), word(("lights", 2.0))))
    lyrics = TimedLyrics((english, Line((word(("月", 3.5)),))), language="en-GB")
    plain = sound_bytes(tone(0.05), ".mp3", RECORD)
    data = with_lyrics(with_lyrics(plain, ".mp3", lyrics), ".mp3", lyrics)
    frames = [frame for frame in id3.parse(data) if frame.name in (b"USLT", b"SYLT")]
    assert [frame.name for frame in frames] == [b"USLT", b"SYLT"]
    assert frames[0].body == b"\x03eng\0" + "Harbour lights\n月".encode()
    times = [("Har", 1000), ("bour ", 1250), ("lights ", 2000), ("\n月 ", 3500)]
    assert frames[1].body == b"\x01eng\x02\x01\xff\xfe\0\0" + b"".join(
        b"\xff\xfe" + text.encode("utf-16-le") + b"\0\0" + at.to_bytes(4, "big") for text, at in times
    )
    assert provenance_of(data) == RECORD and without_provenance(data) == without_provenance(plain)
    flac = with_lyrics(sound_bytes(tone(0.05), ".flac", RECORD), ".flac", lyrics)
    assert "[00:03.50]月".encode() in flac and without_provenance(flac) == sound_bytes(tone(0.05), ".flac")
    with pytest.raises(FileError, match="no MP3 or FLAC"):
        with_lyrics(sound_bytes(tone(0.05), ".wav"), ".wav", lyrics)


# ------------------------------------------------------------------------------------------- loudness


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_loudness_of_the_standards_own_tones(rate: int) -> None:
    """ITU-R BS.1770-5: 997 Hz at full scale in one channel has -3.01 LUFS. EBU Tech 3341, cases 1 and 2."""
    one = np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate).astype(np.float32)[:, None]
    assert abs(loudness(Sound(one, rate))[0] + 3.01) < 0.03
    for dbfs in (-23.0, -33.0):
        both = np.repeat(tone(20, 1000, 10 ** (dbfs / 20), rate).frames[:, :1], 2, axis=1)
        assert abs(loudness(Sound(both, rate))[0] - dbfs) < 0.1


def test_soft_parts_do_not_count() -> None:
    """EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36 dBFS have -23 LUFS (here a tenth of the time)."""
    parts = [
        tone(seconds, 1000, 10 ** (dbfs / 20)).frames[:, :1] for seconds, dbfs in ((2, -36), (12, -23), (2, -36))
    ]
    assert abs(loudness(Sound(np.repeat(np.concatenate(parts), 2, axis=1)))[0] + 23) < 0.1
    assert loudness(Sound(np.zeros((RATE, 2), np.float32))) == (-70.0, -120.0)
    assert loudness(tone(0.1))[0] > -20  # shorter than a block


@pytest.mark.parametrize("hertz", [997, 12_000, 16_000])
def test_peaks_between_the_samples_are_found(hertz: int) -> None:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE + np.pi / 4) * np.hanning(RATE)
    assert abs(loudness(Sound(wave.astype(np.float32)[:, None]))[1] + 6.02) < 0.1


@pytest.mark.real
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ffmpeg_plays_as_many_frames_as_there_are(suffix: str, tmp_path: Path) -> None:
    need("ffmpeg")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(labelled(sound_bytes(tone(1.2345), suffix, RECORD), suffix, LABEL))
    run = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-"]
    played = subprocess.run(run, capture_output=True, check=True)
    assert (len(played.stdout) // 8, played.stderr) == (len(tone(1.2345).frames), b"")


@pytest.mark.real
def test_ffmpeg_measures_the_same(tmp_path: Path) -> None:
    need("ffmpeg")
    sound, _ = made("mix")
    (tmp_path / "a.flac").write_bytes(sound_bytes(sound, ".flac"))
    run = ["ffmpeg", "-nostats", "-i", str(tmp_path / "a.flac"), "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(run, capture_output=True, text=True, check=True).stderr.rsplit("Summary:", 1)[1]
    theirs = [float(re.search(rf"{name}:\s+(-?[\d.]+)", said)[1]) for name in ("I", "Peak")]
    assert np.abs(np.array(loudness(sound)) - theirs).max() <= 0.15


# ------------------------------------------------------------------------------------------ generator


def made(kind: str, **wanted: object) -> tuple[Sound, AudioGenerator]:
    request = AudioRequest(kind=kind, seed=0, **({"song": song()} | wanted))
    generator = AudioGenerator(request)
    return generator.generate(JobContext(0)), generator


def test_the_mix_is_what_live_plays() -> None:
    sound, generator = made("mix", artist="Ada")
    faded = RATE  # the pedal is held, so the tail has its full length; its last second is faded
    assert np.array_equal(sound.frames[:-faded], render_score(song())[:-faded])
    assert (sound.title, sound.creator) == ("Two bars", "Ada")
    figures = generator.quality()
    assert figures["clipped_samples"] == 0 and abs(figures["dc_offset"]) < 1e-3
    assert level(sound.frames[-480:]) < -84  # it ends in silence
    assert generator.disclosure() == {"instruments": "generated"} and generator.materials() == []


@pytest.mark.parametrize("channels", [(1, 3, 2, 9), (5, 5, 5, 5)])
def test_the_stems_add_up_to_the_mix(channels: tuple[int, int, int, int]) -> None:
    """Each of them begins at frame 0 and is as long; tracks that share a channel are parted too."""
    music = song(channels)
    mix, generator = made("mix", song=music)
    assert generator.quality()["limited_db"] > 0.5  # so that the limiter is part of what is tested
    stems = [made("stem", song=music, track=str(number))[0].frames for number in (1, 2, 3, 4)]
    assert {stem.shape for stem in stems} == {mix.frames.shape}
    assert all(level(stem) > -60 for stem in stems)
    assert level(np.sum(stems, axis=0) - mix.frames) < level(mix.frames) - 100


def test_where_channels_run_out_each_track_is_still_heard() -> None:
    tracks = [Track(f"t{n}", 0, [Note(n * 120, 40 + 2 * n, 90, 400, n % 16)]) for n in range(18)]
    mix, _ = made("mix", song=Score(tracks))
    for number in (1, 2, 18):
        stem, _ = made("stem", song=Score(tracks), track=str(number))
        assert stem.frames.shape == mix.frames.shape and level(stem.frames) > level(mix.frames) - 30


def test_a_stem_is_its_track_alone() -> None:
    bass, generator = made("stem", track="BASS ")
    assert (generator.request.track, bass.title) == ("bass", "Two bars (bass)")
    alone = render_score(Score([song().tracks[1]], [(0, 120.0)]))
    power = np.abs(np.fft.rfft(bass.frames[:, 0], 1 << 17)) ** 2
    wanted = np.abs(np.fft.rfft(alone[:, 0], 1 << 17)) ** 2
    assert power @ wanted / np.sqrt(power @ power * (wanted @ wanted)) > 0.98


@pytest.mark.parametrize(
    ("track", "said"),
    [
        ("7", "no such track: give the number or the name of one of 1 melody, 2 bass, 3 keys, 4 drums"),
        ("flute", "no such track"),
        ("0", "no such track"),
    ],
)
def test_a_track_that_is_not_there_is_named(track: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        AudioGenerator(AudioRequest(kind="stem", song=song(), track=track))


def test_tracks_without_a_name_of_their_own_go_by_number() -> None:
    tracks = [Track("a", 0, song().tracks[0].notes), Track("A", 0, song().tracks[1].notes), Track("3"), Track("")]
    assert track_names(Score(tracks)) == ["1", "2", "3", "4"]
    with pytest.raises(UsageError, match="has no notes: give the number or the name of one of 1, 2"):
        AudioGenerator(AudioRequest(kind="stem", song=Score(tracks), track="3"))


@pytest.mark.parametrize(
    ("loud", "peak", "rate"), [(-14.0, -1.0, 48_000), (-11.0, -2.0, 44_100), (-23.0, -1.0, 48_000)]
)
def test_a_master_is_as_loud_as_asked_and_holds_its_peaks(loud: float, peak: float, rate: int) -> None:
    sound, generator = made("master", loudness=loud, peak=peak, rate=rate)
    integrated, true_peak = loudness(sound)
    assert abs(integrated - loud) <= 0.1 and true_peak <= peak
    assert abs(generator.quality()["off_target_lu"]) <= 0.1 and sound.rate == rate


def test_what_the_peaks_do_not_allow_is_said() -> None:
    clicks = np.zeros((RATE * 2, 1), np.float32)
    clicks[::4800] = 0.9
    sound, generator = made("master", song=None, mix=Sound(clicks), loudness=-8.0)
    assert generator.quality()["off_target_lu"] < -3 and loudness(sound)[1] <= -1
    assert generator.quality()["reduction_db"] < 15.1


def test_a_foreign_mix_is_mastered_at_the_rate_asked_for(tmp_path: Path) -> None:
    (tmp_path / "mix.mp3").write_bytes(sound_bytes(tone(2, rate=44_100), ".mp3", RECORD))
    sound, generator = made("master", song=None, mix=tmp_path / "mix.mp3")
    assert sound.rate == RATE and abs(len(sound.frames) - 2 * RATE) <= 2 and sound.title == "江南 ☂"
    assert generator.disclosure() == {"instruments": "none"}
    inherited = json.dumps({"disclosure": {"instruments": "assisted", "composition": "none"}})
    (tmp_path / "ours.wav").write_bytes(sound_bytes(tone(1), ".wav", inherited))
    request = AudioRequest(kind="master", mix=tmp_path / "ours.wav")
    assert AudioGenerator(request).disclosure() == {"instruments": "assisted", "composition": "none"}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3000), st.floats(0.05, 2.0), st.integers(1, 4000))
def test_no_peak_passes_the_limiter(seed: int, length: int, ceiling: float, piece: int) -> None:
    rng = np.random.default_rng(seed)
    envelope = rng.random(length) * rng.choice([0.1, 1.0, 9.0], length, p=[0.9, 0.09, 0.01])
    found = np.concatenate(list(gains(envelope, ceiling, 20, 90, 0.001)))
    in_pieces = np.concatenate(list(gains(envelope, ceiling, 20, 90, 0.001, piece)))
    assert len(found) == length and np.abs(in_pieces - found).max() < 1e-9
    assert (found * envelope <= ceiling * (1 + 1e-9)).all() and (found <= 1 + 1e-9).all() and (found > 0).all()


def test_the_limiter_leaves_a_steady_bass_its_form() -> None:
    """60 Hz, 6 dB over the ceiling: harmonics stay 70 dB below, as the gain does not follow the wave."""
    frames = tone(2, 60, 0.9).frames
    out = mastered(frames, RATE, loudness(Sound(frames))[0], -6.0, lambda done: None).frames[RATE : RATE + 48_000, 0]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    harmonics = max(spectrum[60 * n - 3 : 60 * n + 4].max() for n in range(2, 20))
    assert 20 * np.log10(harmonics / spectrum[57:64].max()) < -70


@pytest.mark.parametrize("kind", ["mix", "stem", "master"])
def test_progress_is_told_in_order_and_work_stops_when_asked(kind: str) -> None:
    told: list[float] = []

    def say(event: object) -> None:
        assert isinstance(event, Progress)
        told.append(event.done)

    request = AudioRequest(kind=kind, song=song(), track="bass" if kind == "stem" else None)
    AudioGenerator(request).generate(JobContext(0, say))
    assert len(told) >= 20 and told == sorted(told) and told[-1] <= 1
    count = len(told)
    told.clear()
    with pytest.raises(Cancelled):
        AudioGenerator(request).generate(JobContext(0, say, lambda: len(told) >= count // 2))
    assert len(told) == count // 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"kind": "mix", "song": Score([Track("empty")])}, "this score holds no notes"),
        (
            {"kind": "mix", "song": Score([Track("", 0, [Note(0, 60, 90, 480 * 8000)])], [(0, 60.0)])},
            "133 minutes long",
        ),
        ({"kind": "master", "mix": Sound(np.zeros((9000, 2), np.float32))}, "this sound is silent"),
        ({"kind": "master", "mix": Sound(np.zeros((9, 3), np.float32))}, "1 or 2 channels"),
        ({"kind": "master", "mix": Sound(np.full((9, 2), np.inf, np.float32))}, "no finite numbers"),
        ({"kind": "master", "mix": "nowhere.wav"}, "nowhere.wav"),
    ],
)
def test_what_cannot_be_heard_is_refused_before_any_work(wanted: dict[str, object], said: str) -> None:
    with pytest.raises(AigcMusicError, match=said):
        AudioGenerator(AudioRequest(**wanted))


def test_a_saved_sound_is_verified_and_comes_out_the_same_again(tmp_path: Path) -> None:
    write_score(song(), tmp_path / "song.mid")
    with Engine(workers=0) as engine:
        for suffix in SUFFIXES:
            request = AudioRequest(kind="master", song=tmp_path / "song.mid", title="江南", artist="阿达")
            result = engine.submit(request).result()
            result.save(tmp_path / f"master{suffix}")
    verdicts = [
        row
        for path in sorted(tmp_path.glob("master.*"))
        if path.suffix in SUFFIXES
        for row in verify(path, again=True)
    ]
    assert [(row.ok, row.problems) for row in verdicts] == [(True, [])] * 3
    assert all("made again" in row.checked and "content" in row.checked for row in verdicts)


# ------------------------------------------------------------------------------------- command line


def test_the_command_makes_stems_and_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aigc_music.cli.making.Engine", lambda: Engine(workers=0))  # a new process takes seconds
    write_score(song(), tmp_path / "song.mid")
    given_song = ["--song", str(tmp_path / "song.mid")]
    stem = [*given_song, "--kind", "stem", "--track", "2", "--out", str(tmp_path / "bass.flac"), "--json"]
    done = CliRunner().invoke(command, stem, catch_exceptions=False)
    assert done.exit_code == 0
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["artifacts"][0]["mime"] == "audio/flac" and told["quality"]["seconds"] > 3
    assert told["provenance"]["request"]["track"] == "bass"
    for wrong, said in (
        ([*given_song, "--kind", "mastr"], "Did you mean 'master'"),
        ([*given_song, "--kind", "stem"], "a stem is one track"),
        ([*given_song, "--loudness", "-3"], "give -30..-8"),
        ([*given_song, "--rate", "22050"], "give 44100 or 48000"),
        ([], "name a MIDI file"),
    ):
        failed = CliRunner().invoke(command, [*wrong, "--out", str(tmp_path / "x.wav")])
        assert isinstance(failed.exception, UsageError) and said in str(failed.exception)
    assert not (tmp_path / "x.wav").exists()
