"""Pictures: pixels and packets come back, the same picture makes the same bytes, broken files are file errors."""

from __future__ import annotations

import io
import json
import random
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aigc_music.core.errors import FileError, UsageError
from aigc_music.files.pictures import (
    picture_bytes,
    pixels_of,
    provenance_of,
    read_xmp,
    without_xmp,
    xmp_of,
    xmp_packet,
)

GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
RECORD = json.dumps({"seed": 7, "title": "<Sea & 月> \"'", "note": "]]> line\u2028"}, ensure_ascii=False)


def picture(height: int = 40, width: int = 60) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, columns * 255 // width, np.full_like(rows, 90)], -1).astype(np.uint8)


def packet() -> str:
    return xmp_packet("Sea & <月>", "Nobody", GENERATED, RECORD)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_pixels_packet_and_record_come_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cover{suffix}"
    path.write_bytes(picture_bytes(picture(), suffix, packet()))
    difference = np.abs(pixels_of(path).astype(int) - picture())
    assert difference.max() <= (0 if suffix == ".png" else 8)
    assert read_xmp(path) == packet()
    assert provenance_of(path.read_bytes()) == RECORD
    assert GENERATED in packet()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_other_readers_find_size_profile_and_packet(suffix: str) -> None:
    image = Image.open(io.BytesIO(picture_bytes(picture(), suffix, packet())))
    assert (image.size, image.mode) == ((60, 40), "RGB")
    assert tuple(round(each) for each in image.info["dpi"]) == (300, 300)
    assert image.info["icc_profile"][36:40] == b"acsp"
    if suffix == ".jpg":
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # no chroma subsampling
        assert image.info["xmp"].decode() == packet()
    else:
        assert image.info["XML:com.adobe.xmp"] == packet()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_without_its_packet_a_file_is_as_if_it_never_had_one(suffix: str) -> None:
    plain = picture_bytes(picture(), suffix)
    assert without_xmp(picture_bytes(picture(), suffix, packet())) == plain
    assert without_xmp(plain) == plain
    assert xmp_of(plain) is None
    assert provenance_of(plain) == ""


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_same_picture_makes_the_same_bytes_a_second_later(suffix: str) -> None:
    first = picture_bytes(picture(), suffix, packet())
    time.sleep(1.1)
    assert picture_bytes(picture(), suffix, packet()) == first


def test_a_transparent_png_lies_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (pixels_of(tmp_path / "clear.png") == 255).all()


def test_wrong_values_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="uint8"):
        picture_bytes(np.zeros((4, 4), np.uint8), ".png")
    with pytest.raises(UsageError, match=r"choose \.jpg or \.png"):
        picture_bytes(picture(), ".gif")
    with pytest.raises(UsageError, match="quality 100"):
        picture_bytes(picture(), ".jpg", quality=100)
    with pytest.raises(UsageError, match="65,000"):
        picture_bytes(picture(), ".jpg", xmp_packet("", "", GENERATED, "x" * 70_000))
    with pytest.raises(UsageError, match="digital source type"):
        xmp_packet("", "", "generated")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_broken_pictures_are_read_or_refused(suffix: str, tmp_path: Path) -> None:
    rng = random.Random(suffix)
    sound = picture_bytes(picture(), suffix, packet())
    path = tmp_path / "broken"
    refused = 0
    for _ in range(150):
        data = bytearray(sound)
        for _ in range(rng.choice((1, 3, 30))):
            at = rng.randrange(len(data))
            data[at : at + rng.choice((0, 1, 50))] = rng.randbytes(rng.choice((0, 1, 4)))
        path.write_bytes(data)
        assert isinstance(provenance_of(bytes(data)), str)
        assert set(without_xmp(bytes(data))) <= set(data)
        try:
            assert pixels_of(path).dtype == np.uint8
        except FileError as error:
            refused += 1
            assert "give" in str(error)
    assert refused > 10
    with pytest.raises(FileError, match="check the name"):
        read_xmp(tmp_path / "none.png")
