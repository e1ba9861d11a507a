"""Covers: words stay inside the margins and can be read, the same seed gives the same picture, stores' rules bite."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from aigc_music.core.errors import ModelError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.engine.job import Cancelled, JobContext
from aigc_music.engine.requests import ImageRequest
from aigc_music.generators.cover import builtin, rules
from aigc_music.generators.cover.builtin import BuiltinCover
from aigc_music.generators.cover.families import FAMILIES
from aigc_music.generators.cover.legible import LEAST
from aigc_music.generators.cover.measure import colourfulness, detail, near, phash
from aigc_music.generators.cover.rules import problems
from aigc_music.generators.design import fonts
from aigc_music.generators.design.area import Area
from aigc_music.generators.design.colour import contrast, distance, lab, mix, parse_colour
from aigc_music.generators.design.fonts import FontBook
from aigc_music.generators.design.lettering import Style, set_block
from aigc_music.generators.design.palettes import PALETTES

SIZE = 512
LETTERS = st.characters(whitelist_categories=("Lu", "Ll", "Nd"), max_codepoint=0x17F)


class GreyPainter:
    """Stands in for the picture model: a hill under a light sky."""

    classes = ("landscape", "city", "portrait", "engraving", "nature")
    card = {"name": "grey", "sha256": "0" * 64, "licence": "Apache-2.0", "data": []}  # noqa: RUF012

    def paint(self, classes: list[str], seed: int) -> NDArray[np.uint8]:
        y, x = np.mgrid[:64, :64] / 63
        light = np.where(y > 0.5 + 0.2 * np.sin(4 * x + seed), 0.3 * x, 0.7 + 0.3 * y)
        return np.repeat((light * 255).astype(np.uint8)[None, ..., None], 3, axis=3)


@pytest.fixture(autouse=True)
def painter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "load_painter", lambda name: GreyPainter())


def tune(shift: int = 0) -> Score:
    """Sixteen bars of a melody over chords."""
    steps = (0, 4, 7, 5, 4, 2, 0, 7, 9, 7, 5, 4, 2, 4, 0, 0)
    melody = [Note(480 * i, 72 + steps[(i * (1 + shift)) % 16] + shift, 90, 300 + 60 * (i % 3)) for i in range(64)]
    low = [Note(1920 * i, 48 + (0, 5, 7, 0)[i % 4] + shift + up, 60, 1900) for i in range(16) for up in (0, 4, 7)]
    return Score(tracks=[Track(notes=melody), Track(notes=low)])


def made(size: int = SIZE, **wanted: object) -> tuple[NDArray[np.uint8], dict[str, object]]:
    request = ImageRequest(**{"song": tune(), "size": (size, size), "seed": 1, **wanted})  # type: ignore[arg-type]
    cover = BuiltinCover(request)
    picture = cover.generate(JobContext(seed=request.seed))
    assert picture.pixels.shape == (size, size, 3)
    assert picture.pixels.dtype == np.uint8
    return picture.pixels, cover.quality()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_legible_and_repeats_itself(family: str) -> None:
    first, quality = made(family=family, title="Paper Lanterns", artist="The Low Meadow")
    again, _ = made(family=family, title="Paper Lanterns", artist="The Low Meadow")
    assert first.tobytes() == again.tobytes()
    assert quality["contrast_min"] >= LEAST
    assert quality["margin_violation"] == 0
    assert quality["title_px_at_64"] >= 3
    assert quality["title_contrast_at_64"] >= 1.6
    assert [problem for problem in quality["problems"] if "pixels wide" not in problem] == []  # type: ignore[attr-defined]


@settings(max_examples=16, deadline=None)
@given(
    title=st.text(LETTERS | st.just(" "), max_size=60), artist=st.text(LETTERS, max_size=30),
    family=st.sampled_from(sorted(FAMILIES)), palette=st.sampled_from(sorted(PALETTES)), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_title_stays_inside_the_margins_and_can_be_read(
    title: str, artist: str, family: str, palette: str, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtin, "load_painter", lambda name: GreyPainter())
        _, quality = made(title=title, artist=artist, family=family, palette=palette, seed=seed)
    assert quality["margin_violation"] == 0
    assert quality["contrast_min"] >= LEAST


@pytest.mark.parametrize("title", ["", "I", "W" * 200, "word " * 39 + "end"])
def test_titles_of_no_and_of_200_letters_fit(title: str) -> None:
    for family in ("swiss", "letters", "score"):
        _, quality = made(title=title, artist="", family=family)
        assert quality["margin_violation"] == 0
        assert quality["contrast_min"] >= LEAST


@pytest.mark.parametrize("colours", ["#808080", "#777777,#888888", "#f00,#0f0,#00f", "#000", "#fff,#eee,#ddd"])
def test_colours_that_do_not_fit_are_mended(colours: str) -> None:
    for family in ("letters", "strata"):
        _, quality = made(title="Grey on grey", artist="Anybody", family=family, palette=colours)
        assert quality["contrast_min"] >= LEAST


def test_another_seed_or_song_is_another_picture_and_the_same_is_near() -> None:
    first, _ = made(family="swiss", title="One")
    second, _ = made(family="swiss", title="One", seed=2)
    third, _ = made(family="swiss", title="One", song=tune(1))
    hashes = [phash(first), phash(second), phash(third)]
    assert not any(near(hashes[i], hashes[j]) for i in range(3) for j in range(i))
    noisy = np.clip(first.astype(np.int16) + np.random.default_rng(0).integers(-6, 7, first.shape), 0, 255)
    assert near(hashes[0], phash(noisy.astype(np.uint8)))


def test_a_cover_without_a_song_or_a_family_is_drawn_from_its_seed() -> None:
    first, quality = made(song=None, title="From nothing")
    again, _ = made(song=None, title="From nothing")
    assert first.tobytes() == again.tobytes()
    assert quality["family"] in FAMILIES
    assert quality["palette"] in PALETTES


def test_the_layout_is_the_same_at_every_size() -> None:
    boxes = [set_block(FontBook(), "Long Way Home", Style(), Area(60, 60, 940, 300)) for _ in range(2)]
    assert boxes[0] is not None and boxes[1] is not None
    assert boxes[0].ink == boxes[1].ink
    small, large = (made(size, title="Long Way Home", family="swiss", seed=3)[0] for size in (400, 800))
    shrunk = large.reshape(400, 2, 400, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 4


def test_missing_characters_are_named_with_their_script_before_anything_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FontBook, "_find", lambda self, letter, text: None)  # a machine without further fonts
    with pytest.raises(UsageError, match=r"Chinese characters: '夜' \(U\+591C\).*fonts-noto-cjk") as caught:
        BuiltinCover(ImageRequest(title="夜 and ᚠ", artist="ب", song=tune()))
    assert "Runes: 'ᚠ'" in str(caught.value)
    assert "Arabic" in str(caught.value)
    made(title="夜 and ᚠ", family="swiss", allow_missing_glyphs=True)


def test_latin_greek_and_cyrillic_need_no_font_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_system", lambda: pytest.fail("asked the system"))
    book = FontBook()
    assert book.missing("Žluťoučký kůň, ÆSØP & naïve “quotes” Ελλάδα Москва Việt") == {}
    assert book.families("Москва", "condensed") == ("grotesque",) or book.families("Москва", "condensed") == (
        "condensed",
    )
    assert book.families("Ελλάδα", "serif") == ("grotesque",)
    assert {row.licence for row in book.materials()} == {"OFL-1.1"}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"family": "swis"}, "unknown family 'swis'.*swiss"),
        ({"palette": "bonne"}, "unknown palette 'bonne'.*bone"),
        ({"palette": "#12"}, "colour '#12'"),
        ({"mood": "hapy"}, "unknown mood 'hapy'.*happy"),
        ({"font": "No Such Face 123"}, "font 'No Such Face 123' is not installed"),
        ({"family": "halftone", "picture": "cat"}, "unknown class of picture 'cat'"),
    ],
)
def test_wrong_wishes_are_refused_before_work(wanted: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        BuiltinCover(ImageRequest(song=tune(), **wanted))  # type: ignore[arg-type]


def test_a_missing_picture_model_is_an_error_and_not_another_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(ModelError):
        BuiltinCover(ImageRequest(song=tune(), family="halftone", model="no-such-model"))


def test_a_picture_alone_is_what_the_model_paints() -> None:
    cover = BuiltinCover(ImageRequest(kind="picture", picture="city", seed=4))
    picture = cover.generate(JobContext(seed=4))
    assert picture.size == (64, 64)
    assert cover.quality()["width"] == 64
    assert cover.materials()[0].name == "grey"


def test_previews_come_and_a_job_stops_when_told() -> None:
    request = ImageRequest(song=tune(), size=(SIZE, SIZE), family="rings", title="Stop", seed=1)
    previews = list(BuiltinCover(request).stream(JobContext(seed=1)))
    assert len(previews) >= 1
    assert all(preview.shape == (256, 256, 3) for preview in previews)
    told: list[object] = []
    job = JobContext(seed=1, say=told.append, cancelled=lambda: len(told) >= 3)
    with pytest.raises(Cancelled):
        BuiltinCover(request).generate(job)
    assert len(told) == 3


def picture_of(pixels: NDArray[np.uint8], kind: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue()


def test_rules_take_a_good_cover_and_catch_each_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "STORE_SIDE", SIZE)
    pixels, quality = made(title="Good", artist="Enough", family="bauhaus")
    assert quality["problems"] == []
    request = ImageRequest(title="Good", artist="Enough", song=tune())
    texts = ("Good", "Enough")
    assert problems(pixels, request, texts) == []
    assert problems(picture_of(pixels, "JPEG"), request, texts) == []
    white = pixels.copy()
    white[:20] = white[-20:] = white[:, :20] = white[:, -20:] = 255
    small = Image.fromarray(pixels).resize((340, 340), Image.Resampling.BOX)
    blurred = np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    faults = {
        "covers are square": problems(pixels[:500], request, texts),
        "500 pixels wide": problems(np.ascontiguousarray(pixels[:500, :500]), request, texts),
        "its colours are CMYK": problems(picture_of(pixels, "JPEG", "CMYK"), request, texts),
        "its colours are RGBA": problems(picture_of(pixels, "PNG", "RGBA"), request, texts),
        "GIF file": problems(picture_of(pixels, "GIF"), request, texts),
        "'Goood', which is neither": problems(pixels, request, ("Goood", "Enough")),
        "'good' is written 2 times": problems(pixels, request, ("Good", "Good")),
        "blurred or was made larger": problems(blurred, request, texts),
        "plain white border": problems(white, request, texts),
        "cannot be read": problems(b"no picture", request, texts),
    }
    for message, found in faults.items():
        assert any(message in problem for problem in found), (message, found)
    monkeypatch.setattr(rules, "MOST_BYTES", 1000)
    assert any("MB" in problem for problem in problems(picture_of(pixels), request, texts))


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("Visit www.song.com", "web address"),
        ("@somebody", "account name"),
        ("My Instagram", "social network"),
        ("Live on Spotify", "name of a store"),
        ("Only $5", "price"),
        ("The CD", "physical medium"),
        ("Exclusive Mix", "advertising"),
        ("Scan my QR code", "code to scan"),
        ("Parental Advisory", "explicit content"),
    ],
)
def test_rules_read_the_words(title: str, message: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    assert any(message in problem for problem in problems(pixels, ImageRequest(title=title), (title,)))


@pytest.mark.parametrize("title", ["Seedy", "Discovery", "Tidal Wave Goodbye!", "Lpine", "Mr. Co", "1999", "C.D.C."])
def test_rules_leave_plain_words_alone(title: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3000, 3000, 3), np.uint8)
    found = problems(pixels, ImageRequest(title=title), (title,))
    assert found == ([] if "Tidal" not in title else found)


def test_palettes_can_be_read_and_colours_go_through_oklab() -> None:
    assert len(PALETTES) >= 30
    assert all(contrast(row.ground, row.ink) >= LEAST for row in PALETTES.values())
    assert len({row.colours for row in PALETTES.values()}) == len(PALETTES)
    assert mix(0x102030, 0xF0E0D0, 0.0) == 0x102030
    assert mix(0x102030, 0xF0E0D0, 1.0) == 0xF0E0D0
    assert np.allclose(lab(0xFFFFFF), [1, 0, 0], atol=1e-3)
    assert distance(0xFF0000, 0x00FF00) > 0.5
    assert parse_colour("fa0") == 0xFFAA00
    assert contrast(0, 0xFFFFFF) == pytest.approx(21, abs=0.01)


def test_figures_tell_grey_from_colour_and_sharp_from_soft() -> None:
    rng = np.random.default_rng(1)
    grey = np.repeat(rng.integers(0, 255, (64, 64, 1)), 3, axis=2).astype(np.uint8)
    assert colourfulness(grey) < 1 < 50 < colourfulness(rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
    soft = np.asarray(Image.fromarray(grey).resize((128, 128), Image.Resampling.BICUBIC))
    assert detail(soft) < 0.1 < 0.5 < detail(grey)


def test_faces_are_small_and_their_licence_is_beside_them() -> None:
    folder = Path(fonts.__file__).with_name("fonts")
    assert sum(path.stat().st_size for path in folder.glob("*.otf")) <= 400_000
    assert "SIL OPEN FONT LICENSE" in (folder / "OFL.txt").read_text(encoding="utf-8")
