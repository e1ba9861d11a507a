"""Films: bytes that repeat, sound exact to the sample, planes as the plain way has them, rules that bite."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import skia
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aigc_music.cli import bench_video, generate_video
from aigc_music.core.errors import FileError, UsageError
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.core.notes import Note, Score, Track
from aigc_music.core.sounds import Sound
from aigc_music.engine import Engine, VideoRequest
from aigc_music.engine.job import Cancelled, JobContext, Progress
from aigc_music.engine.registry import generator_for
from aigc_music.files.lyrics import lyrics_bytes
from aigc_music.files.pictures import xmp_packet
from aigc_music.files.video import (
    SOUND_RATE,
    VideoWriter,
    label_of,
    labelled,
    provenance_of,
    sound_for_film,
    with_xmp,
    without_xmp,
)
from aigc_music.generators.clip.scene import Box, Figure, Layers, Stage
from aigc_music.generators.design.palettes import PALETTES
from aigc_music.generators.facts import facts_of
from aigc_music.generators.timeline import timeline_of
from aigc_music.generators.video import blend, compositor
from aigc_music.generators.video.builtin import BuiltinVideo
from aigc_music.generators.video.compositor import Compositor, pixels_of
from aigc_music.generators.video.presets import PRESETS
from aigc_music.generators.video.render import previews, render
from aigc_music.generators.video.soundtrack import stretch_of
from aigc_music.generators.video.words import lyrics_of

from .jack_world import need

SIZE = (96, 64)
SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"
AIGC = '{"Label":"1","ContentProducer":"x","ProduceID":"\u00fc"}'


def noise(seconds: float, rate: int = SOUND_RATE, channels: int = 2) -> Sound:
    """White noise from the first frame on: nothing else says so clearly where it lies."""
    drawn = np.random.default_rng(7).normal(0, 0.15, (round(seconds * rate), channels))
    return Sound(drawn.astype(np.float32), rate)


def film_of(frames: int, fps: int = 30, size: tuple[int, int] = SIZE, **options: Any) -> bytes:
    """A film of bars that move."""
    layers = Compositor(size)
    x = np.arange(48, dtype=np.uint8)
    with VideoWriter(size, fps, **options) as writer:
        for index in range(frames):
            row = np.stack([x * 5, (x + index) * 4, 255 - x * 3, x * 0 + 255], axis=1)
            writer.add(layers.frame(Layers(np.repeat(row[None], 32, axis=0))))
        return writer.finish()


FILM = film_of(20, sound=noise(1.0), title="T\u00efde & Co", artist="Ada <Park>")


def song(bars: int = 4) -> Score:
    """C, A minor, F, G at 120 bpm under a tune: two seconds a bar."""
    chords, tune = Track("keys", 0), Track("lead", 73)
    for bar in range(bars):
        for pitch in ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62))[bar % 4]:
            chords.notes.append(Note(1920 * bar, pitch, 70, 1900))
        tune.notes += [Note(1920 * bar + 480 * beat, 72 + beat, 90, 470, 1) for beat in range(4)]
    return Score([chords, tune], tempos=[(0, 120.0)], title="Tide")


def words(title: str = "Tide") -> TimedLyrics:
    """Two lines of two words in the first four seconds."""
    lines = tuple(
        Line(tuple(Word((Syllable(text, begin + at, begin + at + 0.9),)) for at, text in enumerate(line.split())))
        for begin, line in ((0.0, "Harbour lights"), (2.0, "Evening tide"))
    )
    return TimedLyrics(lines, title, "Ada", language="en")


def asked(**wishes: Any) -> VideoRequest:
    """A request that is quickly done."""
    quick = {
        "song": song(),
        "preset": "draft",
        "family": "roll",
        "size": (160, 90),
        "fps": 10,
        "seconds": 1.0,
        "seed": 3,
    }
    return VideoRequest(**quick | wishes)


def shelf(data: bytes) -> list[bytes]:
    """Kinds of the boxes at the top of an MP4 file."""
    kinds, place = [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        kinds.append(data[place + 4 : place + 8])
        place += size
    return kinds


# -------------------------------------------------------------------------------------------- the file


def test_the_same_frames_and_sound_make_the_same_bytes() -> None:
    again = film_of(20, sound=noise(1.0), title="T\u00efde & Co", artist="Ada <Park>")
    assert again == FILM
    assert film_of(20, sound=noise(1.0), title="Tide") != FILM


def test_the_index_lies_in_front() -> None:
    kinds = shelf(FILM)
    assert kinds.index(b"moov") < kinds.index(b"mdat")


def test_a_silent_film_has_no_edit_list() -> None:
    assert b"elst" in FILM
    assert b"elst" not in film_of(3)


def test_tags_come_back() -> None:
    with av.open(io.BytesIO(FILM)) as container:
        assert container.metadata["title"] == "T\u00efde & Co"
        assert container.metadata["artist"] == "Ada <Park>"


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 2), (44_100, 1)])
def test_sound_lies_exact_to_the_sample(rate: int, channels: int) -> None:
    sound = noise(1.5, rate, channels)
    data = film_of(40, 30, sound=sound)
    with av.open(io.BytesIO(data)) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0) if frame.pts >= 0], axis=1)
        assert container.streams.audio[0].duration == 40 * SOUND_RATE // 30
    put_in = sound_for_film(sound)
    assert lag(heard[0], put_in[0]) == 0
    assert np.corrcoef(heard[0][:20_000], put_in[0][:20_000])[0, 1] > 0.95


def lag(heard: NDArray[np.float32], put_in: NDArray[np.float32]) -> int:
    """How many frames later `heard` is, by the largest correlation within a second."""
    n = 1 << 16
    spectra = np.fft.rfft(heard[:40_000], n) * np.conj(np.fft.rfft(put_in[:40_000], n))
    peak = int(np.argmax(np.fft.irfft(spectra, n)))
    return peak if peak < n // 2 else peak - n


def test_sound_that_is_too_short_is_followed_by_silence() -> None:
    data = film_of(60, 30, sound=noise(1.0))
    with av.open(io.BytesIO(data)) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert np.abs(heard[:, :48_000]).max() > 0.3
    assert np.abs(heard[:, 51_000:]).max() < 1e-3


@pytest.mark.parametrize("size", [(97, 64), (64, 33), (8, 8)])
def test_odd_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="even"):
        VideoWriter(size, 30)


def test_no_frames_and_six_channels_are_refused() -> None:
    with VideoWriter(SIZE, 30) as writer, pytest.raises(UsageError, match="one at least"):
        writer.finish()
    with pytest.raises(UsageError, match="mono or stereo"):
        sound_for_film(noise(0.1, channels=6))


def test_nothing_is_written_to_a_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.chdir(tmp_path)
    assert film_of(20, sound=noise(1.0), title="T\u00efde & Co", artist="Ada <Park>") == FILM
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------ records and labels

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)


@settings(max_examples=25, deadline=None)
@given(TEXTS, TEXTS)
@example('{"a":"<&>"}', AIGC)
def test_records_and_labels_come_back_and_off(record: str, label: str) -> None:
    packet = xmp_packet("T", "C", SOURCE, record)
    made = labelled(with_xmp(FILM, packet), label)
    assert made.startswith(FILM)  # nothing moves
    assert label_of(made) == label
    assert provenance_of(made) == record.replace("\uffff", "").replace("\ufffe", "")
    assert without_xmp(made) == FILM
    assert with_xmp(labelled(FILM, label), packet) != made  # in the order in which they were put there
    assert labelled(with_xmp(made, packet), label) == made


def test_a_film_without_them_has_none() -> None:
    assert (provenance_of(FILM), label_of(FILM), without_xmp(FILM)) == ("", "", FILM)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_films_are_read_or_refused(data: st.DataObject) -> None:
    whole = labelled(with_xmp(FILM, xmp_packet("T", "C", SOURCE, '{"a":1}')), AIGC)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        places = data.draw(st.sampled_from([0, 4, len(FILM), len(FILM) + 4])) if place % 3 == 0 else place
        damaged[places % len(damaged)] = data.draw(st.integers(0, 255))
    check_reading(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
@example(b"\0\0\0\0ftyp")
@example(b"\0\0\0\1ftyp" + bytes(8))
@example(b"\0\0\0\x08uuid")
@example(b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat")
def test_other_bytes_are_read_or_refused(data: bytes) -> None:
    check_reading(data)


def check_reading(data: bytes) -> None:
    assert isinstance(provenance_of(data), str)
    assert isinstance(label_of(data), str)
    assert len(without_xmp(data)) <= len(data)
    for put in (lambda: with_xmp(data, "<x/>"), lambda: labelled(data, "{}")):
        try:
            assert len(put()) > 0
        except FileError as error:
            assert "whole MP4" in str(error)


# ------------------------------------------------------------------------------------------ the planes


def plain_planes(picture: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Y, U and V of an RGB picture by the formulas of BT.709, 4:2:0 with samples at the left."""
    red, green, blue = (picture[..., channel].astype(float) for channel in range(3))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def fewer(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        wide = np.pad(plane, ((0, 0), (1, 0)), mode="edge")
        across = (wide[:, :-2:2] + 2 * wide[:, 1:-1:2] + wide[:, 2::2]) / 4
        return (across[::2] + across[1::2]) / 2

    return [16 + light * 219 / 255, 128 + fewer((blue - light) / 1.8556) * 224 / 255,
            128 + fewer((red - light) / 1.5748) * 224 / 255]  # fmt: skip


def planes_of(frame: av.VideoFrame) -> list[NDArray[np.uint8]]:
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]  # type: ignore[call-overload]
        for plane in frame.planes
    ]


def disc(colour: int, box: Box) -> Figure:
    def draw(canvas: Any) -> None:
        paint = skia.Paint(Color=colour, AntiAlias=True)
        canvas.drawCircle((box.left + box.right) / 2, (box.top + box.bottom) / 2, (box.right - box.left) / 2, paint)

    return Figure(box, draw)


def ramp(width: int, height: int) -> NDArray[np.uint8]:
    ground = np.full((height, width, 4), 255, np.uint8)
    ground[..., 0] = np.linspace(60, 200, width)[None]  # what the cubic overshoots stays inside 0..255
    ground[..., 1] = np.linspace(50, 190, height)[:, None]
    ground[..., 2] = 60
    return ground


FIGURES = (
    disc(0xFFFF0000, Box(11, 13, 100, 102)), disc(0x800000FF, Box(-20, 120, 61, 201)),
    disc(0x80FFFFFF, Box(121, 50, 180, 109)), disc(0xFF00FF00, Box(250, -9, 333, 74)),
    disc(0x61FFFF00, Box(200, 90, 283, 173)), disc(0xFFFFFFFF, Box(400, 50, 480, 130)),
)  # fmt: skip
"""Saturated and half clear ones, at odd places, some over the edges and one outside; none touches another."""


@pytest.mark.parametrize("ground", [(80, 45), (160, 90), (320, 180), (333, 190), (48, 27), (3, 2)])
def test_the_fast_way_agrees_with_the_plain_one(ground: tuple[int, int]) -> None:
    layers = Layers(ramp(*ground), FIGURES)
    made = Compositor((320, 180), grain=0)
    fast = planes_of(made.frame(layers))
    for plane, plain in zip(fast, plain_planes(made.reference(layers)), strict=True):
        assert np.abs(plane - plain).max() <= 2.0
        assert np.abs(plane - plain).mean() < 0.6


def test_a_figure_is_cut_off_at_its_box() -> None:
    made = Compositor((64, 64), grain=0)
    ground = np.full((8, 8, 4), 0, np.uint8)
    box = Box(10, 20, 30, 40)
    frame = made.frame(Layers(ground, (Figure(box, lambda canvas: canvas.clear(0xFFFFFFFF)),)))
    light = planes_of(frame)[0]
    assert (light[20:40, 10:30] == 235).all()
    light[20:40, 10:30] = 16
    assert (light == 16).all()


def test_pixels_that_are_not_premultiplied_do_not_wrap_around() -> None:
    y, u, v = (np.full(shape, 200, np.uint8) for shape in ((4, 8), (2, 4), (2, 4)))
    pixels = np.full((4, 8, 4), 255, np.uint8)
    pixels[..., 3] = 10
    blend.lay_over(pixels, 0, 0, y, u, v)
    assert (y == 255).all()


def test_grain_is_fine_and_changes_no_mean() -> None:
    layers = Layers(np.full((36, 64, 4), 128, np.uint8))
    plain = planes_of(Compositor((640, 360), grain=0).frame(layers))[0].astype(float)
    grained = planes_of(Compositor((640, 360)).frame(layers))[0].astype(float)
    assert abs((grained - plain).mean()) < 0.5
    assert 0.6 < (grained - plain).std() < 1.1
    assert np.abs(grained - plain).max() <= 3


def test_steps_become_slopes_and_edges_stay() -> None:
    slope = np.tile(np.linspace(20, 24, 200, dtype=np.float32), (40, 1))
    steps = np.rint(slope)
    memory = np.zeros_like(steps), np.zeros(200, np.float32)
    blend.smooth_steps(steps, 8, np.float32(0.5), *memory)
    inner = np.s_[:, 20:180]
    assert np.abs(steps - slope)[inner].mean() < 0.7 * np.abs(np.rint(slope) - slope)[inner].mean()
    edge = np.where(np.arange(200) < 100, 20, 200).astype(np.float32)[None].repeat(40, axis=0)
    kept = edge.copy()
    blend.smooth_steps(kept, 8, np.float32(0.5), *memory)
    assert np.abs(kept - edge).max() <= 0.5


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 90), st.sampled_from([1, 2, 3, 4, 0.7, 1.5]), st.integers(0, 1))
def test_weights_of_enlarging_sum_to_one(small: int, times: float, shifted: int) -> None:
    large = max(1, round(small * times))
    taps = compositor._taps(small, large, 0.5 + shifted, 1 + shifted)
    assert np.allclose(taps.weights.sum(axis=0), 1, atol=1e-5)
    assert (np.diff(taps.first) >= 0).all()
    assert taps.first.min() >= 0
    assert taps.first.max() <= small - 4


def test_pixels_of_a_frame_are_its_colours() -> None:
    ground = np.zeros((8, 8, 4), np.uint8)
    ground[:] = (200, 80, 40, 255)
    seen = pixels_of(Compositor((64, 48), grain=0).frame(Layers(ground)))
    assert seen.shape == (48, 64, 3)
    assert np.abs(seen.astype(int) - (200, 80, 40)).max() <= 4  # a level of U or V is two of blue or red


# -------------------------------------------------------------------------------------------- rendering


class Bars:
    """A scene of one bar that moves with the time."""

    def draw(self, time_s: float) -> Layers:
        ground = np.full((18, 32, 4), 255, np.uint8)
        ground[:, round(8 * time_s) % 32] = (255, 0, 0, 255)
        return Layers(ground)


def stage(seconds: float = 1.0) -> Stage:
    return Stage(timeline_of(facts_of(song())), SIZE, 10, 0.5, seconds, False, PALETTES["bone"],
                 np.random.default_rng(1))  # fmt: skip


def test_every_frame_is_told_and_none_is_lost() -> None:
    told: list[Progress] = []
    film = render(Bars(), stage(1.3), JobContext(1, told.append), sound=noise(1.3), title="T", artist="A", still=True)
    assert (film.frames, film.fps, film.size, film.has_sound) == (13, 10, SIZE, True)
    assert len(told) == 14
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert film.still is not None
    assert film.still.shape == (64, 96, 3)


def test_a_cancelled_film_stops_at_the_next_frame() -> None:
    drawn: list[float] = []

    class Watched(Bars):
        def draw(self, time_s: float) -> Layers:
            drawn.append(time_s)
            return super().draw(time_s)

    with pytest.raises(Cancelled):
        render(Watched(), stage(), JobContext(1, cancelled=lambda: len(drawn) >= 4))
    assert len(drawn) == 4


def test_previews_are_small_and_one_a_second() -> None:
    seen = list(previews(Bars(), stage(3.0), JobContext(1)))
    assert [picture.shape for picture in seen] == [(64, 96, 3)] * 3


def test_a_stretch_of_sound_is_cut_without_a_click() -> None:
    whole = Sound(np.ones((4800, 1), np.float32), 4800)
    cut = stretch_of(whole, 0.25, 0.5).frames[:, 0]
    assert len(cut) == 2400
    assert cut[0] == 0
    assert cut[-1] == 0
    assert np.abs(np.diff(cut)).max() < 0.05
    assert (stretch_of(whole, 0, 1.0).frames == 1).all()
    assert (stretch_of(whole, 0.5, 1.0).frames[2400:] == 0).all()


# ---------------------------------------------------------------------------------- presets and requests


def test_presets_keep_their_own_rules() -> None:
    for name, row in PRESETS.items():
        assert not any(side % 2 for side in row.size), name
        assert row.shortest <= (row.seconds or row.longest) <= row.longest
        assert all(0 <= share < 0.5 for share in row.safe)
        assert row.words <= row.sound  # what has words has sound
        assert row.source


@pytest.mark.parametrize("name", [name for name, row in PRESETS.items() if not row.words])
def test_presets_without_words_take_none(name: str) -> None:
    with pytest.raises(UsageError, match="takes no words"):
        BuiltinVideo(asked(preset=name, kind="lyric_video", lyrics=words(), seconds=None))


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"preset": "yutube"}, "Did you mean 'youtube'"),
        ({"family": "rolls"}, "Did you mean 'roll'"),
        ({"preset": "canvas", "seconds": 9.0}, "3..8 seconds"),
        ({"start_s": 30.0}, "end of the song"),
        ({"seconds": 60.0}, "left, give less"),
        ({"kind": "lyric_video", "lyrics": words("\U0010fffd")}, "no font"),
        ({"palette": "bones"}, "Did you mean 'bone'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        BuiltinVideo(asked(**wishes))


@pytest.mark.parametrize("name", list(PRESETS))
def test_requests_are_settled_by_their_preset(name: str) -> None:
    row = PRESETS[name]
    settled = BuiltinVideo(VideoRequest(song=song(), preset=name, family="roll", seed=1)).request
    assert (settled.size, settled.fps, settled.loop) == (row.size, row.fps, row.loop)
    assert settled.palette in PALETTES
    assert settled.seconds is not None
    assert settled.seconds <= row.longest
    assert settled.seconds * row.fps == pytest.approx(round(settled.seconds * row.fps), abs=1e-6)


def test_a_lyric_video_by_the_engine_repeats_and_verifies() -> None:
    request = asked(kind="lyric_video", lyrics=words(), title="Tide", artist="Ada", label=True)
    with Engine(workers=0) as engine:
        first, second = engine.run(request), engine.run(request)
    assert first.content.data == second.content.data
    assert first.provenance == second.provenance
    assert first.provenance["disclosure"] == {"video": "generated"}
    assert first.content.has_sound
    assert [row["role"] for row in first.provenance["materials"]].count("font") >= 1
    assert {"frames", "megabits", "contrast_min", "wipe_error_frames"} <= set(first.quality)
    assert first.content.frames == 10


def test_another_seed_makes_another_film() -> None:
    first, second = (generator_for(asked(seed=seed, audio=noise(1.0))) for seed in (1, 2))
    assert first.generate(JobContext(1)).data != second.generate(JobContext(2)).data


def test_a_motion_picture_is_silent_and_has_the_first_frame_beside_it(tmp_path: Path) -> None:
    with Engine(workers=0) as engine:
        result = engine.run(asked(preset="motion-square", size=(96, 96), seconds=4.0, quality=1))
    result.save(tmp_path / "motion.mp4")
    assert not result.content.has_sound
    with av.open(str(tmp_path / "motion.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(first - result.content.still).mean() < 4
    assert (tmp_path / "motion.still.jpg").is_file()


def test_own_sound_and_lrc_are_enough(tmp_path: Path) -> None:
    lrc = tmp_path / "own.lrc"
    lrc.write_text("[00:00.50]Harbour lights\n[00:01.00]Evening tide\n", encoding="utf-8")
    request = VideoRequest(kind="lyric_video", audio=noise(2.0, 44_100, 1), lyrics=str(lrc), preset="draft",
                           family="roll", size=(160, 90), fps=10, seed=1)  # fmt: skip
    film = generator_for(request).generate(JobContext(1))
    assert (film.frames, film.has_sound) == (20, True)


def test_lyrics_without_times_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "words.txt"
    plain.write_text("Harbour lights\n", encoding="utf-8")
    with pytest.raises(FileError, match="no line has a time"):
        lyrics_of(str(plain))


def test_a_song_sheet_brings_its_syllables_if_they_are_its_own(tmp_path: Path) -> None:
    lines = [{"text": line.text, "start_s": line.start_s, "end_s": line.end_s} for line in words()]
    timed = lyrics_bytes(words(), "ttml")
    sheet = {"kind": "lyrics", "title": "Tide", "language": "en", "lines": [*lines, {"text": "untimed"}, 7],
             "provenance": {"beside": {".ttml": hashlib.sha256(timed).hexdigest()}}}  # fmt: skip
    path = tmp_path / "words.json"
    path.write_text(json.dumps(sheet), encoding="utf-8")
    alone = lyrics_of(str(path))
    assert [line.text for line in alone] == ["Harbour lights", "Evening tide"]
    assert alone.lines[0].end_s == pytest.approx(1.9)
    (tmp_path / "words.ttml").write_bytes(timed)
    assert lyrics_of(str(path)).lines[0].words[1].start_s == pytest.approx(1.0)
    (tmp_path / "words.ttml").write_bytes(timed.replace(b"Evening", b"Morning"))
    assert lyrics_of(str(path)) == alone


# ---------------------------------------------------------------------------------------- command line


def test_the_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    out = str(tmp_path / "film.avi")
    result = CliRunner().invoke(generate_video.command, ["--song", "x.mid", "--out", out])
    assert isinstance(result.exception, UsageError)
    assert ".mp4" in str(result.exception)
    result = CliRunner().invoke(generate_video.command, ["--out", str(tmp_path / "film.mp4")])
    assert "needs music" in str(result.exception)


def test_the_bench_measures_ours_beside_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_video, "SIZE", (160, 90))
    monkeypatch.delenv(bench_video.MOVIEPY_VARIABLE, raising=False)
    rows, skipped = bench_video.measure(10, "roll")
    assert list(rows) == ["aigc-music", "x264 alone"]
    assert all(row["frames"] == 10 and row["cpu"] > 0 for row in rows.values())
    assert list(skipped) == ["moviepy"]
    with pytest.raises(UsageError, match=re.escape("10..600")):
        bench_video.measure(5)


# ------------------------------------------------------------------------------------------ real peers


def probed(path: Path, *options: str) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", *options, str(path)]
    told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return told


@pytest.mark.real
@pytest.mark.parametrize("name", list(PRESETS))
def test_ffprobe_sees_what_the_preset_says(name: str, tmp_path: Path) -> None:
    need("ffprobe")
    row = PRESETS[name]
    size = (max(64, row.size[0] // 12 & ~1), max(64, row.size[1] // 12 & ~1))
    seconds = max(1.0, row.shortest)
    film = generator_for(asked(preset=name, size=size, fps=None, seconds=seconds, audio=noise(seconds))).generate(
        JobContext(3)
    )
    path = tmp_path / "film.mp4"
    path.write_bytes(film.data)
    told = probed(path, "-show_streams", "-show_format", "-count_frames", "-show_frames", "-select_streams", "v")
    seen = told["streams"][0]
    frames = round(seconds * row.fps)
    wanted = {
        "codec_name": "h264", "profile": "High", "pix_fmt": "yuv420p", "width": size[0], "height": size[1],
        "color_range": "tv", "color_space": "bt709", "color_transfer": "bt709", "color_primaries": "bt709",
        "field_order": "progressive", "r_frame_rate": f"{row.fps}/1", "avg_frame_rate": f"{row.fps}/1",
        "nb_frames": str(frames), "nb_read_frames": str(frames), "start_pts": 0, "has_b_frames": 1,
    }  # fmt: skip
    assert {key: seen.get(key) for key in wanted} == wanted
    assert float(seen["duration"]) == pytest.approx(frames / row.fps, abs=1e-6)
    kinds = "".join(frame["pict_type"] for frame in told["frames"])
    half = row.fps // 2
    assert [at for at, kind in enumerate(kinds) if kind == "I"] == list(range(0, frames, half))
    assert all(kinds[at - 1] == "P" for at in range(half, frames, half))  # closed: no B looks over the edge
    assert "BBB" not in kinds
    assert shelf(film.data).index(b"moov") < shelf(film.data).index(b"mdat")
    heard = probed(path, "-show_streams", "-select_streams", "a")["streams"]
    assert bool(heard) == row.sound
    for stream in heard:
        assert (stream["codec_name"], stream["profile"]) == ("aac", "LC")
        assert (stream["sample_rate"], stream["channels"], stream["start_pts"]) == ("48000", 2, 0)
        assert stream["duration_ts"] == round(frames / row.fps * SOUND_RATE)


@pytest.mark.real
def test_ffmpeg_hears_every_sample_at_its_place(tmp_path: Path) -> None:
    need("ffmpeg")
    sound = noise(2.0)
    path = tmp_path / "film.mp4"
    path.write_bytes(labelled(film_of(60, sound=sound), AIGC))
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vn", "-f", "f32le", "-"]
    heard = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32).reshape(-1, 2)
    for channel in range(2):
        assert lag(heard[:, channel], sound.frames[:, channel]) == 0


@pytest.mark.real
def test_exiftool_and_ffprobe_read_record_and_label(tmp_path: Path) -> None:
    need("exiftool", "ffprobe")
    path = tmp_path / "film.mp4"
    path.write_bytes(labelled(with_xmp(FILM, xmp_packet("Tide", "Ada", SOURCE, '{"a":"\u00fc"}')), AIGC))
    command = ["exiftool", "-json", "-G1", str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]
    assert told["Keys:AIGC"] == AIGC
    assert told["XMP-iptcExt:DigitalSourceType"] == SOURCE
    assert told["XMP-aigc:Provenance"] == '{"a":"\u00fc"}'
    assert told["ItemList:Title"] == "T\u00efde & Co"
    assert probed(path, "-show_format")["format"]["tags"]["AIGC"] == AIGC
