"""The page of a release: every word escaped, every colour legible, every link alive, and a browser finds no fault."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from aigc_music.core.lyrics import Line, Syllable, TimedLyrics, Word
from aigc_music.core.notes import Note, Score, Track
from aigc_music.files.lyrics import write_lyrics
from aigc_music.files.midi import write_score
from aigc_music.files.pictures import picture_bytes
from aigc_music.files.wav import write_wav
from aigc_music.release.brief import Brief, Labels
from aigc_music.release.page import page_html
from aigc_music.release.page.captions import captions
from aigc_music.release.page.colours import LEAST, colours_of

from .jack_world import need

WORDS = ("Over", "the", "water", "<b>home</b>")
LIVELY = st.characters(exclude_categories=("Cs",), exclude_characters="\r")


class Read(HTMLParser):
    """A page as a browser would read it: elements, their attributes, the text of each kind of element."""

    VOID = frozenset(("meta", "img", "source", "track", "br", "link"))

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page.decode())
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
            self.text.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.text[tag][-1] += data


def tune() -> Score:
    steps = (0, 4, 7, 5)
    melody = [Note(480 * i, 72 + steps[i % 4], 90, 400, 1) for i in range(16)]
    low = [Note(1920 * i, 48, 60, 1900, 3) for i in range(4)]
    drums = [Note(480 * i, 36, 90, 60, 9) for i in range(16)]
    tracks = [
        Track("melody", notes=melody),
        Track("bass", notes=low),
        Track("drums", notes=drums),
    ]
    return Score(tracks=tracks, markers=[(0, "verse"), (3840, "<i>chorus</i>")])


def sung(words: tuple[str, ...] = WORDS, language: str = "en") -> TimedLyrics:
    row = tuple(Word((Syllable(word, 0.5 * i, 0.5 * i + 0.4),)) for i, word in enumerate(words))
    again = tuple(Word((Syllable(word, 4 + 0.5 * i, 4 + 0.5 * i + 0.4),)) for i, word in enumerate(words))
    return TimedLyrics((Line(row, "verse"), Line(again, "chorus")), "A", "B", language=language)


def picture(side: int = 64) -> NDArray[np.uint8]:
    pixels = np.full((side, side, 3), (20, 40, 90), np.uint8)
    pixels[side // 3 : side // 2] = (230, 120, 40)
    return pixels


def film_bytes(path: Path, size: tuple[int, int], seconds: float = 1.0) -> None:
    import av

    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=12, options={"preset": "ultrafast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(int(12 * seconds)):
            pixels = np.full((size[1], size[0], 3), (number * 20 % 256, 90, 120), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)


ROLES = {
    "music/song.mid": "midi", "music/master.wav": "master", "music/stems/01-lead & voice.wav": "stem",
    "words/words.ttml": "timed_lyrics", "cover/cover.jpg": "cover", "video/lyric-video.mp4": "lyric_video",
    "video/canvas.mp4": "canvas",
}  # fmt: skip
MIMES = {".mid": "audio/midi", ".wav": "audio/wav", ".ttml": "application/ttml+xml", ".jpg": "image/jpeg",
         ".mp4": "video/mp4"}  # fmt: skip


def released(folder: Path, lyrics: TimedLyrics | None = None) -> dict[str, Any]:
    """A small release folder, and its manifest."""
    for path in ROLES:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    write_score(tune(), folder / "music/song.mid")
    tone = 0.1 * np.sin(np.arange(48_000 * 8) * 0.05, dtype=np.float32)
    write_wav(folder / "music/master.wav", np.stack([tone, tone], 1), 48_000)
    (folder / "music/stems/01-lead & voice.wav").write_bytes((folder / "music/master.wav").read_bytes())
    write_lyrics(lyrics or sung(), folder / "words/words.ttml")
    (folder / "cover/cover.jpg").write_bytes(picture_bytes(picture(640), ".jpg"))
    film_bytes(folder / "video/lyric-video.mp4", (320, 180))
    film_bytes(folder / "video/canvas.mp4", (180, 320))
    return manifest_of(folder)


def manifest_of(folder: Path) -> dict[str, Any]:
    rows = []
    for path, role in ROLES.items():
        sha256 = hashlib.sha256((folder / path).read_bytes()).hexdigest()
        told = {"composition": "generated"} if role == "midi" else {}
        rows.append({"path": path, "sha256": sha256, "mime": MIMES[Path(path).suffix], "role": role, "parents": [],
                     "disclosure": told})  # fmt: skip
    return {"artifacts": rows}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("release")
    return folder, released(folder)


def brief(**more: Any) -> Brief:
    return Brief(**({"title": "Harbour Lights", "artist": "Ada Park", "seed": 5} | more))


def clean(text: str) -> str:
    return re.sub("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]", "", text)


@settings(max_examples=40)
@given(title=st.text(LIVELY, max_size=40), artist=st.text(LIVELY, max_size=40), name=st.text(LIVELY, max_size=30))
def test_what_people_write_stays_text(
    release: tuple[Path, dict[str, Any]], title: str, artist: str, name: str
) -> None:
    folder, manifest = release
    page = page_html(manifest, brief(title=title, artist=artist, credits={"songwriter": (name,)}), folder)
    read = Read(page)
    assert read.text["h1"] == [clean(title)]
    assert clean(name) in read.text["dd"]
    assert [tag for tag, _ in read.elements].count("script") == 1
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)


HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title>&amp;'\"", "</style><b>",
    "\u202e\u0627\u0644\u0628\u062d\u0631", "\x00\x1b\ud800 lone",
)  # fmt: skip


@pytest.mark.parametrize("title", HOSTILE)
def test_tags_quotes_and_other_scripts(release: tuple[Path, dict[str, Any]], title: str) -> None:
    folder, manifest = release
    read = Read(page_html(manifest, brief(title=title), folder))
    wanted = clean(title).replace("\ud800", "")
    assert read.text["h1"] == [wanted]
    assert read.text["title"] == [f"{wanted} by Ada Park"]
    assert "<b>home</b>" in read.text["span"]  # a word of the lyrics
    assert "<i>chorus</i>" in read.text["span"]  # a section of the music
    assert not {"b", "i"} & {tag for tag, _ in read.elements}


def test_the_same_folder_gives_the_same_bytes(release: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, manifest = release
    page = page_html(manifest, brief(), folder)
    assert page == page_html(manifest, brief(), folder)
    (tmp_path / "elsewhere").symlink_to(folder)
    assert page == page_html(manifest, brief(), tmp_path / "elsewhere")
    assert str(folder).encode() not in page


def test_every_link_leads_to_a_file_and_none_to_the_network(release: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = release
    read = Read(page_html(manifest, brief(), folder))
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    named = set()
    for _, attributes in read.elements:
        for name in ("src", "href", "poster"):
            link = attributes.get(name)
            if link is None or link.startswith("data:"):
                continue
            if link.startswith("#"):
                assert link[1:] in ids
            elif link != "manifest.json":
                assert (folder / unquote(link)).is_file(), link
                named.add(unquote(link))
    assert named == set(ROLES)
    assert b"http" not in page_html(manifest, brief(), folder).replace(b"data:text/vtt", b"")


def test_an_unfinished_release_has_a_page(tmp_path: Path, release: tuple[Path, dict[str, Any]]) -> None:
    manifest = release[1]
    assert b"Harbour Lights" in page_html({"artifacts": []}, brief(), tmp_path)
    page = page_html(manifest, brief(), tmp_path)  # all is named, nothing is there
    assert b"missing" in page


def test_words_have_their_language_and_direction(release: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    arabic = sung(("\u0627\u0644\u0644\u064a\u0644", "\u0648\u0627\u0644\u0628\u062d\u0631"), "ar")
    manifest = released(tmp_path, arabic)
    read = Read(page_html(manifest, brief(), tmp_path))
    lyrics = next(attributes for _, attributes in read.elements if attributes.get("class") == "lyrics")
    assert (lyrics["lang"], lyrics["dir"]) == ("ar", "auto")
    assert read.elements[0] == ("html", {"lang": "en", "dir": "ltr"})


def test_headings_and_descriptions(release: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = release
    read = Read(page_html(manifest, brief(), folder))
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))
    for tag, attributes in read.elements:
        if tag == "img":
            assert attributes["alt"]
        if tag in ("audio", "video"):
            assert attributes["aria-label"] and "controls" in attributes and "autoplay" not in attributes
    labels = [attributes.get("aria-labelledby") for tag, attributes in read.elements if tag == "section"]
    assert all(labels)


def test_who_made_what_is_said(release: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = release
    text = " ".join(Read(page_html(manifest, brief(labels=Labels(c2pa="test")), folder)).text["main"])
    assert "made by a program" in text
    assert "aigc-music verify ." in text


def test_an_album_shows_its_songs(release: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "01-low & water").symlink_to(release[0])
    rows = [row | {"path": f"01-low & water/{row['path']}"} for row in release[1]["artifacts"]]
    manifest = {"artifacts": rows, "songs": [{"title": "Low <b> Water", "folder": "01-low & water"}]}
    read = Read(page_html(manifest, brief(title="Tide Tables"), tmp_path))
    assert read.text["h1"] == ["Tide Tables"]
    assert "Low <b> Water" in read.text["span"]
    assert "01-low%20%26%20water/index.html" in [attributes.get("href") for _, attributes in read.elements]
    sounds = [attributes["src"] for tag, attributes in read.elements if tag == "source"]
    assert sounds == ["01-low%20%26%20water/music/master.wav"]
    assert not any("lyrics" in (attributes.get("class") or "") for _, attributes in read.elements)


# ------------------------------------------------------------------------------------------ colours


@settings(max_examples=60)
@given(hnp.arrays(np.uint8, (4, 4, 3)))
def test_words_can_be_read_whatever_the_cover(small: NDArray[np.uint8]) -> None:
    colours = colours_of(np.kron(small, np.ones((24, 24, 1), np.uint8)))
    for pair, contrast in colours.pairs():
        assert contrast >= LEAST, pair


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_words_can_be_read_on_one_colour(red: int, green: int, blue: int) -> None:
    pixels = np.full((64, 64, 3), (red, green, blue), np.uint8)
    assert min(contrast for _, contrast in colours_of(pixels).pairs()) >= LEAST


def test_the_page_takes_the_covers_own_colours() -> None:
    colours = colours_of(picture(96))
    assert colours.dark
    assert colours.sleeve >> 16 < 60  # the blue that most of it is
    assert colours.accent >> 16 > 200  # the orange


# ----------------------------------------------------------------------------------------- captions


def test_captions_have_every_word_and_rising_times() -> None:
    text = captions(sung())
    assert text.startswith("WEBVTT\n\n")
    assert "&lt;b&gt;home&lt;/b&gt;" in text
    stamp = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3})")
    for cue in text.split("\n\n")[1:]:
        head, words = cue.strip().split("\n")
        times = [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in stamp.findall(head + words)]
        begin, end, *inside = times
        assert begin < end and inside == sorted(inside) and all(begin < time < end for time in inside)


# ----------------------------------------------------------------------------------- a real browser


@pytest.mark.real
def test_a_browser_finds_no_fault(release: tuple[Path, dict[str, Any]]) -> None:
    need("chromium")
    from .real.browser import Browser

    folder, manifest = release
    page = folder / "index.html"
    page.write_bytes(page_html(manifest, brief(title="<script>document.title = 'x'</script>"), folder))
    with Browser() as browser:
        browser.open(page)
        assert browser.evaluate("document.title").startswith("<script>")
        assert browser.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert 2000 < browser.height() < 8000
        # the words follow the master
        browser.evaluate("player.currentTime = 4.6")
        browser.wait("document.querySelector('.on')?.textContent === 'the'")
        assert browser.evaluate("line.textContent") == "Over the water <b>home</b>"
        assert browser.evaluate("Math.abs(parseFloat(head.style.left) - 100 * 4.6 / 8) < 1")
        # captions are read although the page is a file
        browser.evaluate("document.querySelector('video.main').textTracks[0].mode = 'showing'")
        browser.wait("document.querySelector('video.main').textTracks[0].cues?.length === 2")
        # the silent loop plays once it is seen
        browser.evaluate("document.querySelector('[data-loop]').scrollIntoView()")
        browser.wait("document.querySelector('[data-loop]').currentTime > 0")
        browser.resize(390, 844)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        assert browser.complaints == []


@pytest.mark.real
def test_a_reader_who_wants_no_motion_sees_none(release: tuple[Path, dict[str, Any]]) -> None:
    need("chromium")
    from .real.browser import Browser

    folder, manifest = release
    page = folder / "still.html"
    page.write_bytes(page_html(manifest, brief(), folder))
    with Browser(reduced_motion=True) as browser:
        browser.open(page)
        browser.evaluate("document.querySelector('[data-loop]').scrollIntoView()")
        browser.wait("document.querySelector('[data-loop]').readyState >= 2")
        assert browser.evaluate("document.querySelector('[data-loop]').paused")
        assert browser.complaints == []


def test_captions_stand_inside_the_page(release: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = release
    read = Read(page_html(manifest, brief(), folder))
    track = next(attributes for tag, attributes in read.elements if tag == "track")
    assert base64.b64decode((track["src"] or "").partition(",")[2]).startswith(b"WEBVTT")
