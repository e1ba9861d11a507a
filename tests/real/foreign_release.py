"""A finished release, opened in programs that are not ours. Each check says what it found, or what is wrong.

    python -m tests.real.foreign_release DIR

ffprobe reads every sound, film and subtitle, and must see what the preset says; fluidsynth plays the notes; exiftool
and the C2PA library read the labels and signatures, and must notice a flipped byte; strict readers of LRC, enhanced
LRC, SRT and TTML that know nothing of our writers; Chromium shows the page. Ends with 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .browser import Browser

FILMS: dict[str, dict[str, Any]] = {
    # role or name of a film -> what its streams must be
    "lyric-video": {"size": (1920, 1080), "sound": True},
    "visual": {"size": (1920, 1080), "sound": True},
    "social": {"size": (1080, 1920), "sound": True},
    "canvas": {"size": (1080, 1920), "sound": False, "seconds": (3, 8)},
    "motion-square": {"size": (3840, 3840), "sound": False},
    "motion-tall": {"size": (2048, 2732), "sound": False},
}
SOUNDFONTS = ("/usr/share/sounds/sf2/default-GM.sf2", "/usr/share/sounds/sf2/TimGM6mb.sf2",
              "/usr/share/sounds/sf2/FluidR3_GM.sf2")  # fmt: skip


class WrongError(Exception):
    """What is wrong, in a sentence."""


def ask(*command: str) -> str:
    """The output of a program that must end well and complain of nothing."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise WrongError(f"{command[0]} ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def probe(path: Path) -> dict[str, Any]:
    """Streams and format as ffprobe sees them; WrongError where decoding it all complains."""
    told = ask("ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(path))
    form = "webvtt" if path.suffix in (".srt", ".ass") else "null"
    errors = subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", form, "-"],
                            capture_output=True, text=True, errors="replace", check=False)  # fmt: skip
    if errors.returncode or errors.stderr.strip():
        raise WrongError(f"ffmpeg: {errors.stderr.strip()[:300]}")
    return dict(json.loads(told))


def sound(path: Path) -> str:
    """WAV: 48 kHz, 24 bits; MP3: 320 kbit/s."""
    stream = probe(path)["streams"][0]
    wanted = {".wav": ("pcm_s24le", "48000"), ".mp3": ("mp3", "48000")}[path.suffix]
    if (stream["codec_name"], stream["sample_rate"]) != wanted or stream["channels"] != 2:
        raise WrongError(f"{stream['codec_name']} at {stream['sample_rate']} Hz, {stream['channels']} channels")
    return f"{stream['codec_name']}, {stream['sample_rate']} Hz, {float(stream['duration']):.3f} s"


def film(path: Path) -> str:
    """H.264 High, 4:2:0, BT.709 tags, constant frames, the index before the frames, AAC where there is sound."""
    told = probe(path)
    picture = next(row for row in told["streams"] if row["codec_type"] == "video")
    heard = [row for row in told["streams"] if row["codec_type"] == "audio"]
    name = re.sub(r"^(lyric-video|visual)-.*", r"\1", path.stem)
    wanted = FILMS[name]
    size = (picture["width"], picture["height"])
    colours = {picture.get(key) for key in ("color_space", "color_transfer", "color_primaries")}
    if picture["codec_name"] != "h264" or picture["pix_fmt"] != "yuv420p" or colours != {"bt709"}:
        raise WrongError(f"{picture['codec_name']} {picture['pix_fmt']} {colours}")
    draft = json.loads((path.parents[1] / "manifest.json").read_bytes())["draft"]
    if wanted["size"] and size != wanted["size"] and not draft:
        raise WrongError(f"{size}, wanted {wanted['size']}")
    if bool(heard) != wanted["sound"]:
        raise WrongError(f"{len(heard)} sounds")
    seconds = float(picture["duration"])
    low, high = wanted.get("seconds", (0, 1e9))
    if not low <= seconds <= high:
        raise WrongError(f"{seconds} s")
    if heard and (heard[0]["codec_name"] != "aac" or abs(float(heard[0]["duration"]) - seconds) > 0.06):
        raise WrongError(f"{heard[0]['codec_name']} of {heard[0]['duration']} s beside pictures of {seconds} s")
    data = path.read_bytes()
    if data.find(b"moov") > data.find(b"mdat"):
        raise WrongError("the index comes after the frames")
    return f"{size[0]} x {size[1]}, {picture['r_frame_rate']}, {picture['profile']}, {seconds:.2f} s" + (
        f", aac {heard[0]['sample_rate']}" if heard else ""
    )


def notes(path: Path) -> str:
    """fluidsynth plays it, and it sounds."""
    font = next((font for font in SOUNDFONTS if Path(font).exists()), None)
    if font is None:
        raise WrongError("no sound font is installed")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wav"
        ask("fluidsynth", "-ni", "-q", "-F", str(out), "-r", "44100", font, str(path))
        loud = subprocess.run(["ffmpeg", "-i", str(out), "-af", "volumedetect", "-f", "null", "-"],
                              capture_output=True, text=True, check=False).stderr  # fmt: skip
        seconds = float(
            json.loads(ask("ffprobe", "-v", "error", "-show_format", "-of", "json", str(out)))["format"]["duration"]
        )
    peak = re.search(r"max_volume: (-?[\d.]+) dB", loud)
    if peak is None or float(peak[1]) < -30:
        raise WrongError(f"it hardly sounds: {peak and peak[0]}")
    return f"{seconds:.1f} s, peak {peak[1]} dB"


# ---------------------------------------------------------------------------------------------- words

_STAMP = r"(\d{2,}):([0-5]\d\.\d{2,3})"


def _seconds(minutes: str, seconds: str) -> float:
    return 60 * int(minutes) + float(seconds)


def lrc(path: Path) -> str:
    """Tags, then a stamped line each, in order; enhanced LRC has stamps in order within the line too."""
    before, count = -1.0, 0
    for row in path.read_text("utf-8").splitlines():
        if not row or re.fullmatch(r"\[[a-z]+:[^\]]*\]", row):
            continue
        line = re.fullmatch(rf"\[{_STAMP}\](.*)", row)
        if line is None:
            raise WrongError(f"no line of LRC: {row!r}")
        times = [_seconds(line[1], line[2])] + [_seconds(*found) for found in re.findall(f"<{_STAMP}>", line[3])]
        if times != sorted(times) or times[0] < before:
            raise WrongError(f"times go back: {row!r}")
        before, count = times[0], count + 1
    if not count:
        raise WrongError("no line")
    return f"{count} lines"


def srt(path: Path) -> str:
    """Numbered from 1, times in order, no overlap."""
    blocks = path.read_text("utf-8-sig").strip().split("\n\n")
    end = 0.0
    for number, block in enumerate(blocks, 1):
        index, times, *text = block.splitlines()
        found = re.fullmatch(r"(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})", times)
        if index != str(number) or found is None or not text:
            raise WrongError(f"block {number}: {block!r}")
        h, m, s, ms, h2, m2, s2, ms2 = map(int, found.groups())
        begin, stop = 3600 * h + 60 * m + s + ms / 1000, 3600 * h2 + 60 * m2 + s2 + ms2 / 1000
        if begin < end - 1e-9 or stop <= begin:
            raise WrongError(f"block {number} begins at {begin} s, the one before ends at {end} s")
        end = stop
    probe(path)
    return f"{len(blocks)} blocks, read by ffprobe"


def ass(path: Path) -> str:
    stream = probe(path)["streams"][0]
    return f"read by ffprobe as {stream['codec_name']}"


def ttml(path: Path) -> str:
    """Well-formed, in the TTML namespace, with a language; every span inside its paragraph, all in order."""
    space = "{http://www.w3.org/ns/ttml}"
    root = ElementTree.fromstring(path.read_bytes())
    if root.tag != f"{space}tt" or not root.get("{http://www.w3.org/XML/1998/namespace}lang"):
        raise WrongError(f"{root.tag} without a language")
    before, spans = -1.0, 0
    for p in root.iter(f"{space}p"):
        begin, end = _clock(p.get("begin")), _clock(p.get("end"))
        if not before <= begin < end:
            raise WrongError(f"a paragraph of {begin}..{end} s after {before} s")
        before = begin
        for span in p.iter(f"{space}span"):
            if span.get("begin") is None:
                continue
            spans += 1
            first, last = _clock(span.get("begin")), _clock(span.get("end"))
            if not begin - 1e-6 <= first <= last <= end + 1e-6:
                raise WrongError(f"a span of {first}..{last} s in a paragraph of {begin}..{end} s")
    return f"{spans} syllables"


def _clock(text: str | None) -> float:
    if text is None:
        raise WrongError("a time is missing")
    seconds = 0.0
    for part in text.removesuffix("s").split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


# --------------------------------------------------------------------------------- labels and signatures


def signature(path: Path) -> str:
    """The C2PA library finds it valid, and finds a flipped byte in what is signed."""
    beside = path.with_name(path.name + ".c2pa")
    state = _state(path, beside if beside.exists() else None, path.read_bytes())
    if state not in ("Valid", "Trusted"):
        raise WrongError(f"state {state}")
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    try:
        flipped = _state(path, beside if beside.exists() else None, bytes(data))
    except Exception as error:  # a flip can break the manifest itself
        flipped = type(error).__name__
    if flipped in ("Valid", "Trusted"):
        raise WrongError("a flipped byte is not found")
    return f"{state}; flipped byte: {flipped}"


def _state(path: Path, beside: Path | None, data: bytes) -> str:
    import io

    import c2pa

    mimes = {".jpg": "image/jpeg", ".mp4": "video/mp4", ".wav": "audio/wav", ".mp3": "audio/mpeg",
             ".mid": "audio/midi"}  # fmt: skip
    store = beside.read_bytes() if beside else None
    with c2pa.Reader(mimes[path.suffix], io.BytesIO(data), manifest_data=store) as reader:
        return str(json.loads(reader.json())["validation_state"])


def label(path: Path) -> str:
    """exiftool reads the IPTC source type of a picture or film."""
    told = ask("exiftool", "-s", "-s", "-s", "-DigitalSourceType", str(path)).strip()
    if "cv.iptc.org/newscodes/digitalsourcetype/" not in told:
        raise WrongError(f"DigitalSourceType is {told!r}")
    return told.rpartition("/")[2]


def page(path: Path) -> str:
    """No complaint, every picture there, nothing wider than a phone."""
    with Browser() as browser:
        browser.open(path)
        if not browser.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)"):
            raise WrongError("a picture is missing")
        browser.wait(
            "[...document.querySelectorAll('audio[preload=metadata], video')].every(one => one.readyState > 0)"
        )
        height = browser.height()
        browser.resize(390, 844)
        if browser.evaluate("document.documentElement.scrollWidth") > 390:
            raise WrongError("wider than a phone")
        if browser.complaints:
            raise WrongError("; ".join(browser.complaints[:3]))
    return f"{height} pixels high, no complaint"


CHECKS: tuple[tuple[str, Callable[[Path], str]], ...] = (
    # pattern of a path in the folder -> what is tried with it
    ("music/**/*.wav", sound), ("music/*.mp3", sound), ("video/*.mp4", film), ("music/*.mid", notes),
    ("words/*.mid", notes), ("words/*.lrc", lrc), ("words/*.srt", srt), ("words/*.ass", ass), ("words/*.ttml", ttml),
    ("music/*.wav", signature), ("music/*.mp3", signature), ("music/*.mid", signature), ("video/*.mp4", signature),
    ("cover/*.jpg", signature), ("cover/*.jpg", label), ("video/*.mp4", label), ("index.html", page),
)  # fmt: skip


def checked(folder: Path) -> Iterator[tuple[str, bool, str]]:
    """(path and check, whether it is right, what was found) of all that is in a release folder."""
    for pattern, check in CHECKS:
        for path in sorted(folder.glob(pattern)):
            name = f"{path.relative_to(folder)} {check.__name__}"
            try:
                yield name, True, check(path)
            except (WrongError, OSError, ValueError, KeyError, StopIteration, RuntimeError) as error:
                yield name, False, f"{type(error).__name__}: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(description="A finished release, opened in programs that are not ours.")
    parser.add_argument("folder", type=Path)
    wrong = count = 0
    for name, right, found in checked(parser.parse_args().folder):
        count += 1
        wrong += not right
        print(f"{'ok   ' if right else 'WRONG'} {name}: {found}", flush=True)  # noqa: T201
    print(f"{count - wrong} of {count} right")  # noqa: T201
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    raise SystemExit(main())
