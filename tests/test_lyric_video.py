"""Lyric videos: words wiped when they are sung, readable on any ground, inside the safe area, in any script."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aigc_music.core.errors import UsageError
from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.engine.requests import VideoRequest
from aigc_music.files.lyrics import parse_lyrics
from aigc_music.generators.clip.scene import Box, Figure, Layers, Stage
from aigc_music.generators.design.colour import contrast, luminance, luminances, rgb
from aigc_music.generators.design.fonts import FontBook
from aigc_music.generators.design.palettes import PALETTES, Palette
from aigc_music.generators.lyric_video import LAYOUTS, LabelledScene, LyricScene, label_text, reserved
from aigc_music.generators.lyric_video.inks import CONTRAST, inks_of
from aigc_music.generators.lyric_video.layouts import choose_layout
from aigc_music.generators.lyric_video.measure import contrasts, figures, outside, sung_seen, wipe_errors
from aigc_music.generators.lyric_video.phrases import phrases_of, schedule_of
from aigc_music.generators.lyric_video.setting import Setter
from aigc_music.generators.lyric_video.veil import Veil
from aigc_music.generators.timeline import Timeline
from aigc_music.generators.video.compositor import Compositor

SIZE = (320, 180)
SHAPES = {"wide": (320, 180), "square": (200, 200), "tall": (180, 320)}
UPRIGHT = (0.12, 0.14, 0.12, 0.35)
SCRIPTS = {
    "en": ("harbour lights are burning low", "Latin"),
    "de": ("Ännchen, süße Straßenbahn fährt über Öl", "Latin"),
    "zh-Hans": ("明月几时有，把酒问青天", "CJK"),
    "ja": ("さくら、やよいの空は", "CJK"),
    "ko": ("아리랑 고개로 넘어간다", "CJK"),
    "ar": ("يا ليل البحر خذني إلى الضوء", "Arabic"),
    "he": ("שָׁלוֹם לילה טוב", "Hebrew"),
    "hi": ("स्वप्न क्षितिज तक जाते हैं", "Devanagari"),
    "mul": ("Sail 🌙 小船 to the לילה now", "mixed"),
}
ALPHABETS = (
    "abcdeghilmnorstuvyz",
    "äéøßğñ",
    "海月明夜風灯水。",
    "ابتثجحدرسلمنهوي",
    "אבגדהלמנש",
    "कखगनमरसतािीे",
    "🌙🌊☀✨",
)


def line(text: str, start: float, end: float, background: bool = False, section: str = "") -> Line:
    """A line whose words share its time."""
    words = text.split()
    step = (end - start) / len(words)
    return Line(
        tuple(Word((Syllable(word, start + i * step, start + (i + 1) * step),)) for i, word in enumerate(words)),
        section, background,
    )  # fmt: skip


def lyrics(*lines: Line, **facts: str) -> TimedLyrics:
    return TimedLyrics(lines, **facts)


SONG = lyrics(
    line("down by the water where the boats come in", 6.0, 9.4), line("I keep a lantern", 9.5, 12.0),
    line("harbour lights", 12.0, 14.0, section="chorus"), line("hold me now", 13.0, 13.8, background=True),
    line("and if the tide should take me", 26.0, 29.0), title="Harbour Lights", artist="Ada Park", language="en",
)  # fmt: skip


class Flat:
    """A ground of one colour, or what `paint` makes of a time; with a bright figure over all of it."""

    def __init__(
        self, stage: Stage, colour: int = 0x808080, paint: Callable[[float], NDArray[np.uint8]] | None = None
    ):
        self.stage, self.colour, self.paint = stage, colour, paint
        self.figures: tuple[Figure, ...] = ()

    def draw(self, time_s: float) -> Layers:
        if self.paint is not None:
            return Layers(self.paint(time_s), self.figures)
        width, height = self.stage.ground_size
        ground = np.full((height, width, 4), (*rgb(self.colour), 255), np.uint8)
        return Layers(ground, self.figures)


def stage_of(
    size: tuple[int, int] = SIZE, seconds: float = 32.0, palette: str | Palette = "night ferry", loop: bool = False
) -> Stage:
    beats = np.arange(0, 200, 0.5)
    timeline = Timeline(seconds, np.zeros((0, 5)), (), (), beats, beats[::4], np.ones(8), 0, 0, 0, False, 120)
    chosen = PALETTES[palette] if isinstance(palette, str) else palette
    return Stage(timeline, size, 30, 0.0, seconds, loop, chosen, np.random.default_rng(0))


def request_of(words: TimedLyrics = SONG, layout: str | None = "centre", **wanted: Any) -> VideoRequest:
    return VideoRequest(kind="lyric_video", audio="song.wav", lyrics=words, layout=layout, **({"seed": 1} | wanted))


def worded(
    words: TimedLyrics = SONG, layout: str | None = "centre", stage: Stage | None = None,
    safe: tuple[float, float, float, float] = (0, 0, 0, 0), colour: int = 0x808080, **wanted: Any,
) -> LyricScene:  # fmt: skip
    stage = stage or stage_of()
    return LyricScene(Flat(stage, colour), words, stage, request_of(words, layout, **wanted), safe)


def needs_fonts(text: str) -> None:
    """Skip where this machine has no font for a text; CI has them all."""
    missing = FontBook().missing(text)
    if missing and os.environ.get("CI"):
        pytest.fail(f"no font for {missing}")
    if missing:
        pytest.skip(f"no font for {missing}")


def pixels(scene: Any, time_s: float) -> NDArray[np.uint8]:
    return Compositor(scene.stage.size, grain=0).reference(scene.draw(time_s))


# ------------------------------------------------------------------------------------------- wipe


@pytest.mark.parametrize("language", SCRIPTS)
def test_every_syllable_turns_with_its_time_to_the_frame(language: str) -> None:
    text, _ = SCRIPTS[language]
    needs_fonts(text)
    words = lyrics(line(text, 4.03, 7.61), line(text, 7.61, 10.0), language=language)
    errors = wipe_errors(worded(words, stage=stage_of((640, 360), 14)))
    assert len(errors) >= 2 * len(text.split())
    assert all(-1e-6 <= error <= 1 + 1e-6 for error in errors)


def test_a_slow_syllable_begins_and_ends_in_time() -> None:
    words = lyrics(Line((Word((Syllable("I", 4.0, 12.0),)), Word((Syllable("am", 12.0, 12.05),)))))
    errors = wipe_errors(worded(words, stage=stage_of((640, 360), 16)))
    assert errors and max(errors) <= 1 + 1e-6


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_wipe_never_goes_back(data: st.DataObject) -> None:
    alphabet = data.draw(st.sampled_from(ALPHABETS))
    texts = data.draw(st.lists(st.text(alphabet, min_size=1, max_size=5), min_size=1, max_size=5))
    times = sorted(data.draw(st.lists(st.floats(0, 5), min_size=len(texts) + 1, max_size=len(texts) + 1)))
    words = [Word((Syllable(text, *times[i : i + 2]),)) for i, text in enumerate(texts)]
    assume(not FontBook().missing("".join(texts)))
    row = Setter(FontBook(), "grotesque").row(tuple(words), alphabet == ALPHABETS[3])
    before: set[int] = set()
    for time_s in np.linspace(-0.1, 5.1, 27):
        sung = {x for left, right in row.sung(time_s, 10, 40) for x in range(int(max(0, left)), int(min(900, right)))}
        assert before <= sung
        before = sung
    assert len(before) >= (900 if row.spans else 0)


def test_words_from_right_to_left_are_wiped_that_way() -> None:
    needs_fonts(SCRIPTS["ar"][0])
    scene = worded(lyrics(line(SCRIPTS["ar"][0], 5.0, 9.0)), stage=stage_of(seconds=12))
    row = next(placed.row for placed in scene.set.blocks[0].rows)
    assert row.right_to_left
    lefts = [span.left for span in sorted(row.spans, key=lambda span: span.number)]
    assert lefts == sorted(lefts, reverse=True)
    edge = [min(left for left, _ in row.sung(time, 0, 40)) for time in (5.1, 5.5, 6.0)]
    assert edge == sorted(edge, reverse=True)


def test_a_row_of_both_directions_keeps_each_word_in_its_place() -> None:
    text = "say שלום now"
    needs_fonts(text)
    syllables = [Syllable("say", 0, 1), Syllable("ש", 1, 2), Syllable("לום", 2, 3), Syllable("now", 3, 4)]
    words = (Word((syllables[0],)), Word(tuple(syllables[1:3])), Word((syllables[3],)))
    row = Setter(FontBook(), "grotesque").row(words, False)
    assert [span.number for span in row.spans] == [0, 2, 1, 3]
    assert [span.right_to_left for span in row.spans] == [False, True, True, False]


def test_syllables_part_no_shaping() -> None:
    whole = Setter(FontBook(), "grotesque").row((Word((Syllable("AVATo", 0, 1),)),), False)
    parted = Setter(FontBook(), "grotesque").row((Word((Syllable("AV", 0, 1), Syllable("ATo", 1, 2))),), False)
    assert whole.ink == parted.ink
    assert np.array_equal(whole.mask(40)[0], parted.mask(40)[0])


# ------------------------------------------------------------------------------------------- time


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 60), st.floats(0, 9), st.booleans()), max_size=12))
def test_the_schedule_keeps_its_laws_for_any_times(rows: list[tuple[float, float, bool]]) -> None:
    words = lyrics(*(line("la la la", start, start + length, behind) for start, length, behind in rows))
    phrases = phrases_of(words, 0.0, 60.0)
    schedule = schedule_of(phrases, 0.0, 60.0)
    times = np.arange(-1, 62, 0.09)
    places = [schedule.place(time) for time in times]
    assert all(b >= a - 1e-9 for a, b in zip(places, places[1:], strict=False))
    for time in times[::7]:
        seen = [schedule.opacity(i, time, True) for i in range(len(phrases))]
        assert all(0 <= value <= 1 for value in seen)
        if max(seen, default=0) > 1e-6:  # the veil is whole before a word is seen
            assert schedule.any_shown(time, 0.7) == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 6), st.floats(0.3, 5)), min_size=1, max_size=10), st.booleans())
def test_what_is_sung_can_be_read_from_its_beginning_to_its_end(rows: list[tuple[float, float]], below: bool) -> None:
    lines, clock = [], 3.0
    for gap, length in rows:
        lines.append(line("la la", clock + gap, clock + gap + length))
        clock += gap + length
    phrases = phrases_of(lyrics(*lines), 0.0, clock + 5)
    schedule = schedule_of(phrases, 0.0, clock + 5)
    for index, phrase in enumerate(phrases):
        assert schedule.opacity(index, phrase.start_s, below) > 0.99
        assert schedule.opacity(index, phrase.end_s, below) > 0.99
        assert abs(schedule.place(phrase.start_s) - index) <= 0.51


def test_words_leave_in_a_pause_and_the_title_comes_back() -> None:
    scene = worded()
    assert {row.phrase for row in scene.lines(2.0)} == {-1}
    assert {row.phrase for row in scene.lines(9.0)} == {0, 1}
    assert {row.phrase for row in scene.lines(19.0)} == {-1}
    assert {row.phrase for row in scene.lines(25.5)} == {3}
    assert scene.strengths(9.0)[0] == 1


def test_dots_count_in_on_the_beats() -> None:
    scene = worded()
    first, second = scene._dots
    assert first.times == (4.5, 5.0, 5.5)
    assert second.times == (24.5, 25.0, 25.5)
    assert first.figure(2.0) is None and first.figure(5.2) is not None and first.figure(6.5) is None


def test_nothing_is_left_at_the_end_but_a_fade() -> None:
    scene = worded(lyrics(line("over and out", 24.0, 31.5)), colour=0xFFFFFF)
    assert not list(scene.lines(32.0))
    assert np.abs(pixels(scene, 32.0).astype(int) - np.array(rgb(scene.inks.rest))).max() <= 1
    endless = worded(stage=stage_of(loop=True), colour=0xFFFFFF)
    assert endless.behind(32.0).ground.mean() > scene.behind(32.0).ground.mean()


# ------------------------------------------------------------------------------------------- any words


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_words_stay_in_the_safe_area(layout: str, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from(list(SHAPES)))
    safe = UPRIGHT if shape == "tall" else (0.05, 0.05, 0.05, 0.05)
    alphabet = st.text(
        data.draw(st.sampled_from(ALPHABETS)), min_size=1, max_size=data.draw(st.sampled_from([4, 30]))
    )
    texts = data.draw(st.lists(st.lists(alphabet, min_size=1, max_size=14), min_size=1, max_size=4))
    words = lyrics(
        *(line(" ".join(text), 3.0 + 2.1 * i, 5.0 + 2.1 * i, background=i == 2) for i, text in enumerate(texts)),
        title=" ".join(texts[-1])[:60], artist="A & B",
    )  # fmt: skip
    assume(not FontBook().missing(words.text))
    stage = stage_of(SHAPES[shape], 16.0)
    scene = worded(words, layout, stage, safe, seed=data.draw(st.integers(0, 50)))
    assert outside(scene, safe, np.arange(0, 16, 0.37)) == 0
    box, *_ = reserved(words, stage.size, request_of(words, layout, seed=1), safe)
    assert box.left < box.right and box.top < box.bottom


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_line_at_rest_stands_in_what_is_reserved_and_no_other_line_on_it(layout: str) -> None:
    scene = worded(layout=layout)
    (box,) = reserved(SONG, SIZE, request_of(layout=layout))
    for time in (2.0, 8.0, 11.0, 12.6, 28.0):
        boxes = [row.box for row in scene.lines(time) if row.opacity > 0.99]
        assert boxes
        for each in boxes:
            assert box.left - 3 <= each.left and each.right <= box.right + 3
            assert box.top - 3 <= each.top and each.bottom <= box.bottom + 3
        for first, second in zip(boxes, boxes[1:], strict=False):
            assert first.bottom - 4 <= second.top or second.bottom - 4 <= first.top


@pytest.mark.parametrize("language", ["en", "zh-Hans", "ja", "hi"])
def test_no_word_is_broken_and_no_mark_begins_a_row(language: str) -> None:
    text, _ = SCRIPTS[language]
    needs_fonts(text)
    words = lyrics(Line((Word((Syllable(3 * f"{text} ", 3.0, 9.0),)),)), language=language)
    scene = worded(words, "stack", stage_of(SHAPES["tall"], 14.0), UPRIGHT)
    rows = [placed.row for block in scene.set.blocks for placed in block.rows]
    assert len(rows) > 2
    shown = " ".join("".join(row.texts).strip() for row in rows)
    assert shown.replace(" ", "") == (3 * text).replace(" ", "")
    for row in rows:
        assert "".join(row.texts).strip()[0] not in "，。、,."
    if language == "en":
        assert set(shown.split()) == set(text.split())


def test_rows_are_even_and_end_at_marks() -> None:
    setter = Setter(FontBook(), "grotesque")
    rows = setter.broken(line("I hold his heart, and mine he cannot miss", 0, 1).words, 12.5, 2, False)
    assert ["".join(row.texts) for row in rows] == ["I hold his heart,", "and mine he cannot miss"]


def test_background_and_translations_stand_small_under_their_line() -> None:
    words = lyrics(
        line("lead voice sings", 1, 3), line("ooh", 2, 3, background=True), line("und noch eine", 5, 7),
        line("and one more", 5, 7), line("far behind", 20, 21, background=True),
    )  # fmt: skip
    phrases = phrases_of(words, 0, 30)
    assert [(len(each.words), len(each.small)) for each in phrases] == [(3, 1), (3, 1), (2, 0)]
    block = worded(words).set.blocks[0]
    assert block.rows[-1].small and block.rows[-1].size < 0.7 * block.rows[0].size


def test_words_outside_the_film_are_left_out_and_foreign_lines_get_times() -> None:
    text = "[00:01.00]one two three\n[00:04.00]\n[00:05.00]four\n[01:30.00]much too late\n"
    found = parse_lyrics(text.encode(), "lrc")
    phrases = phrases_of(found, 0.0, 30.0)
    assert [[word.text for word in each.words] for each in phrases] == [["one", "two", "three"], ["four"]]
    starts = [word.start_s for word in phrases[0].words]
    assert starts[0] == 1.0 and starts == sorted(starts) and phrases[0].end_s == pytest.approx(4.0)
    early = lyrics(line("before the song", -9, -1), line("from the start", -0.5, 2.0))
    assert [each.words[0].text for each in phrases_of(early, 0, 30)] == ["from"]
    empty = worded(lyrics(title="Only A Title"))
    assert {row.phrase for row in empty.lines(3.0)} == {-1} and not list(empty.lines(20.0))
    assert figures(empty, (0, 0, 0, 0), 4.0)["wipe_error_frames"] is None


def test_a_line_too_long_for_any_frame_is_cut_into_several() -> None:
    long = " ".join(f"word{i}" for i in range(120))
    scene = worded(lyrics(line(long, 3, 28)))
    assert len(scene.set.phrases) > 5
    assert " ".join(word.text for each in scene.set.phrases for word in each.words) == long
    assert min(block.size for block in scene.set.blocks) > 0.5 * scene.set.size


def test_five_hundred_lines_are_set_and_drawn() -> None:
    words = lyrics(*(line(f"line number {i} of many", 2.0 * i, 2.0 * i + 1.9) for i in range(500)))
    scene = worded(words, stage=stage_of(seconds=1000.0))
    assert len(scene.set.blocks) == 500
    assert {row.phrase for row in scene.lines(801.0)} == {400, 401}


def test_single_words_fill_the_frame_one_after_the_other() -> None:
    scene = worded(lyrics(line("we run all through the night", 3, 9)), "single")
    assert [" ".join(word.text for word in each.words) for each in scene.set.phrases] == [
        "we",
        "run",
        "all",
        "through",
        "the",
        "night",
    ]
    assert scene.set.size > 1.5 * worded(layout="centre").set.size
    assert sung_seen(scene) == 1


def test_layouts_are_drawn_from_the_seed_and_can_be_asked_for() -> None:
    requests = [request_of(layout=None, seed=seed) for seed in range(40)]
    assert {choose_layout(request, "wide") for request in requests} == set(LAYOUTS)
    assert {choose_layout(request, "tall") for request in requests} == {"centre", "stack", "single"}
    assert worded(layout=None, seed=3).set.name == choose_layout(requests[3], "wide")
    with pytest.raises(UsageError, match=r"unknown layout 'centr'.*Did you mean 'centre'"):
        worded(layout="centr")


def test_missing_letters_are_named_before_a_frame_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FontBook, "_find", lambda self, letter, text: None)
    with pytest.raises(UsageError, match=r"Chinese characters: '夜' \(U\+591C\).*fonts-noto-cjk"):
        reserved(lyrics(line("夜 falls", 1, 2)), SIZE, request_of())
    worded(lyrics(line("夜 falls", 1, 2)), allow_missing_glyphs=True)


# ------------------------------------------------------------------------------------------- contrast


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("palette", PALETTES)
def test_inks_are_read_on_the_limit_and_told_apart(palette: str, dark: bool) -> None:
    inks = inks_of(PALETTES[palette], dark)
    levels = [luminance(ink) for ink in (inks.sung, inks.strong, inks.waits, inks.next)]
    for level in levels:
        low, high = sorted((level, inks.limit))
        assert (high + 0.05) / (low + 0.05) >= 1.05 * CONTRAST
        assert contrast(inks.rest, inks.next) >= CONTRAST
    assert contrast(inks.sung, inks.waits) >= 1.4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([2, 16, 256]))
def test_no_pixel_gets_past_the_veil(seed: int, dark: bool, levels: int) -> None:
    limit = 0.05 if dark else 0.7
    veil = Veil(SIZE, (80, 45), [Box(80, 40, 240, 120)], limit, dark)
    rng = np.random.default_rng(seed)
    ground = np.full((45, 80, 4), 255, np.uint8)
    ground[..., :3] = rng.integers(0, levels, (45, 80, 3)) * (255 // (levels - 1))
    assert veil.over(ground, [0.0]) is ground
    behind = luminances(veil.over(ground, [1.0]))[10:30, 20:60]
    step = 0.006 if dark else 0.012  # one level of sRGB
    assert behind.max() <= limit + step if dark else behind.min() >= limit - step


def test_the_veil_comes_and_goes_without_a_step() -> None:
    scene = worded(lyrics(line("only a line", 4.0, 6.0)), stage=stage_of((64, 36), 12.0), colour=0x707A64)
    light = np.array([scene.behind(time).ground[130:140, 230:250, :3].mean() for time in np.arange(0, 10, 1 / 30)])
    assert light[0] == pytest.approx(111.3, abs=1) and np.abs(light - light[0]).max() > 30
    assert np.abs(np.diff(light)).max() < 16
    turns = np.sign(np.diff(light))
    assert np.count_nonzero(np.diff(turns[turns != 0])) == 1  # away once, back once


@pytest.mark.parametrize(("palette", "layout"), [("night ferry", "centre"), ("bone", "stack"), ("signal", "lower")])
def test_words_are_read_on_noise_in_every_colour(palette: str, layout: str) -> None:
    stage = stage_of((640, 360), 32.0, palette)

    def noise(time_s: float) -> NDArray[np.uint8]:
        width, height = stage.ground_size
        ground = np.random.default_rng(int(100 * time_s)).integers(0, 2, (height, width, 4)) * 255
        return ground.astype(np.uint8) | np.array([0, 0, 0, 255], np.uint8)

    scene = LyricScene(Flat(stage, paint=noise), SONG, stage, request_of(layout=layout), (0.05, 0.05, 0.05, 0.05))
    found = [value for value in contrasts(scene, (2.0, 7.0, 9.45, 12.5, 28.0)) if value is not None]
    assert len(found) == 5
    assert min(found) >= CONTRAST


def test_figures_of_the_scene_fade_before_they_get_behind_words() -> None:
    stage = stage_of()
    flat = Flat(stage, stage.palette.ground)
    flat.figures = (Figure(Box(0, 0, *SIZE), lambda canvas: canvas.drawColor(0xFFFFFFFF)),)
    scene = LyricScene(flat, SONG, stage, request_of())
    found = [value for value in contrasts(scene, (8.0, 28.0)) if value is not None]
    assert min(found) >= CONTRAST
    assert pixels(scene, 8.0)[2, 2].min() > 250  # elsewhere they are as they were


# ------------------------------------------------------------------------------------------- pixels


def test_sung_and_waiting_letters_have_their_exact_inks() -> None:
    palette = Palette("test", 0, 0, 0x000000, 0xFFFFFF, (0xFF0000, 0x00FF00, 0x0000FF))
    words = lyrics(line("HHHH HHHH", 5.0, 9.0, section="chorus"))
    scene = worded(words, stage=stage_of(SIZE, 14.0, palette), colour=0x000000)
    frame = pixels(scene, 7.0).astype(int).reshape(-1, 3)
    for ink in (scene.inks.strong, scene.inks.waits):
        assert (np.abs(frame - np.array(rgb(ink))).max(axis=1) <= 1).sum() > 100
    assert scene.inks.strong == 0x00FF00  # saturated: nothing wraps around


def test_half_clear_words_are_half_their_ink() -> None:
    scene = worded(lyrics(line("HHHH HHHH", 6.0, 9.0)), stage=stage_of(SIZE, 14.0), colour=0x000000)
    times = np.arange(2.5, 3.6, 0.002)
    time = min(times, key=lambda t: abs(max((row.opacity for row in scene.lines(t)), default=0) - 0.5))
    (row,) = scene.lines(time)
    opacity = row.opacity
    assert 0.4 < opacity < 0.6
    left, top, right, bottom = row.box
    brightest = pixels(scene, float(time))[top:bottom, left:right].reshape(-1, 3).max(axis=0)
    assert np.abs(brightest - opacity * np.array(rgb(scene.inks.waits))).max() <= 2


GOLDEN: dict[float, list[list[int]]] = {
    2.0: [
        [52, 52, 52, 78, 93, 95, 82, 73, 87, 78, 98, 91, 67, 52, 52, 52],
        [52, 52, 52, 78, 116, 107, 112, 113, 91, 112, 128, 106, 87, 52, 52, 52],
        [52, 52, 52, 52, 52, 52, 56, 84, 87, 56, 52, 52, 52, 52, 52, 52],
    ],
    8.0: [
        [52, 52, 52, 52, 63, 59, 64, 59, 68, 57, 64, 58, 52, 52, 52, 52],
        [52, 52, 52, 58, 96, 106, 97, 99, 103, 94, 101, 89, 55, 52, 52, 52],
        [52, 52, 52, 105, 108, 95, 94, 84, 94, 85, 93, 93, 84, 52, 52, 52],
    ],
}
"""Seconds -> means of 20 x 20 pixels in the rows 40..99 of a frame."""


def test_a_frame_looks_as_it_did() -> None:
    """A title, and a line half sung, in a face that is shipped."""
    scene = worded(colour=0x406080)
    for time, golden in GOLDEN.items():
        light = pixels(scene, time)[40:100].mean(axis=2).reshape(3, 20, 16, 20).mean(axis=(1, 3))
        assert np.abs(light - np.array(golden)).max() <= 2.5


# ------------------------------------------------------------------------------------------- label


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (1920, 1080)])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_label_is_as_high_and_as_long_as_the_standard_asks(size: tuple[int, int], language: str) -> None:
    text = label_text(language)
    needs_fonts(text)
    assert text == {"en": "AI generated", "zh-Hans": "AI生成"}[language]
    stage = stage_of(size, 10.0)
    scene = LabelledScene(Flat(stage), stage, text, UPRIGHT)
    assert scene.box.left >= 0.12 * size[0] - 1 and scene.box.top >= 0.14 * size[1] - 1
    cover, _, top = scene._row.mask(scene._size)
    letters = np.flatnonzero(cover.max(axis=1) > 128)
    above = -(letters[0] + top)  # above the baseline: the height of a capital, or of a Chinese character
    assert above >= 0.05 * min(size)
    for time in (0.0, 1.0, 2.0, 3.0):
        (figure,) = scene.draw(time).figures
        assert figure.box == scene.box
    assert scene.draw(6.0).figures == ()
    assert contrast(stage.palette.ink, stage.palette.ground) >= CONTRAST


def test_the_label_stays_in_a_loop_and_words_keep_clear_of_it() -> None:
    stage = stage_of(SIZE, 6.0, loop=True)
    scene = LabelledScene(Flat(stage), stage, "AI generated")
    assert [len(scene.draw(time).figures) for time in (0.0, 3.0, 6.0)] == [1, 1, 1]
    stage = stage_of(SHAPES["tall"], 32.0)
    for layout in ("centre", "stack", "single"):
        words = worded(layout=layout, stage=stage, safe=UPRIGHT, label=True)
        label = LabelledScene(words, stage, "AI generated", UPRIGHT)
        assert all(row.box.top >= label.box.bottom for time in np.arange(0, 5, 0.2) for row in words.lines(time))
