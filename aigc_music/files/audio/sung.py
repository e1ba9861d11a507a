"""The words of a song inside its sound file, in time: what players show while it plays.

MP3: the frames USLT (the words alone) and SYLT (each syllable with its time, a line break before each line but the
first). FLAC: the comment LYRICS, as LRC.

Source: id3.org, ID3v2.4.0 native frames 4.8 and 4.9; ISO 639-2. Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from aigc_music.core.errors import FileError
from aigc_music.core.lyrics import TimedLyrics

from ..lyrics import lyrics_bytes
from . import flac, id3, mp3

__all__ = ["with_lyrics"]

_LANGUAGES = {
    "ar": b"ara", "de": b"deu", "en": b"eng", "es": b"spa", "fr": b"fra", "hi": b"hin", "id": b"ind", "it": b"ita",
    "ja": b"jpn", "ko": b"kor", "pt": b"por", "ru": b"rus", "tr": b"tur", "vi": b"vie", "zh": b"zho",
}  # fmt: skip
_UNKNOWN = b"XXX"
_UTF8, _UTF16 = b"\x03", b"\x01"
_MILLISECONDS, _LYRICS = b"\x02", b"\x01"  # of SYLT: unit of the times, what the text is


def with_lyrics(data: bytes, suffix: str, lyrics: TimedLyrics) -> bytes:
    """The bytes of an MP3 or FLAC file with these words in its tags, in place of any that are there.

    suffix: what the file is called, for the message. Raises FileError for bytes of another kind.
    """
    if flac.is_flac(data):
        return flac.with_fields(data, {"LYRICS": lyrics_bytes(lyrics, "lrc").decode()})
    if mp3.is_mp3(data):
        kept = [frame for frame in id3.parse(data) if frame.name not in (b"USLT", b"SYLT")]
        return id3.build([*kept, *_frames(lyrics)]) + mp3.untagged(data)
    raise FileError(f"the bytes of this {suffix} file are no MP3 or FLAC: lyrics go into those alone")


def _frames(lyrics: TimedLyrics) -> list[id3.Frame]:
    language = _LANGUAGES.get(lyrics.language.split("-")[0].lower(), _UNKNOWN)
    timed = b""
    for number, line in enumerate(lyrics):
        before = "\n" if number else ""
        for word in line.words:
            for syllable in word.syllables:
                space = " " if word.spaced and syllable is word.syllables[-1] else ""
                text = before + syllable.text + space
                milliseconds = min(max(0, round(syllable.start_s * 1000)), 0xFFFFFFFF)
                timed += _wide(text) + milliseconds.to_bytes(4, "big")
                before = ""
    plain = id3.Frame(b"USLT", _UTF8 + language + b"\0" + _encoded(lyrics.text))
    return [plain, id3.Frame(b"SYLT", _UTF16 + language + _MILLISECONDS + _LYRICS + _wide("") + timed)]


def _wide(text: str) -> bytes:
    """As UTF-16 with its mark and end: the reader of C2PA's library takes a SYLT in UTF-8 for damage, and the whole
    tag with it."""
    return b"\xff\xfe" + text.replace("\0", "").encode("utf-16-le", "replace") + b"\0\0"


def _encoded(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace")
