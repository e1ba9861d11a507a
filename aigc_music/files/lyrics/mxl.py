"""MXL: a MusicXML score in a zip archive, as notation programs pass it on.

The archive's META-INF/container.xml names the score; without one the first .xml or .musicxml file counts. What comes
out of the archive is limited, so a small file that unpacks into gigabytes is refused. Written without times of day.

Source: MusicXML 4.0, "Compressed .MXL files".
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from ...core.errors import FileError
from ...core.lyrics import TimedLyrics
from ..safe_xml import MAX_XML_BYTES, local_name, parse_xml
from . import musicxml

__all__ = ["parse", "render", "zipped"]

_CONTAINER = "META-INF/container.xml"
_NAME = "score.musicxml"
_TYPE = b"application/vnd.recordare.musicxml"


def parse(data: bytes) -> TimedLyrics:
    """Lyrics from the bytes of an MXL file. Raises FileError as `musicxml.parse` does, and for broken archives."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            scores = [
                name for name in names if name.lower().endswith((".xml", ".musicxml")) and "META-INF" not in name
            ]
            if _CONTAINER in names:
                scores = [name for name in _named(_unpacked(archive, _CONTAINER, 1 << 20)) if name in names] or scores
            if not scores:
                raise FileError("this archive holds no MusicXML score: give an .mxl file")
            score = _unpacked(archive, scores[0], MAX_XML_BYTES)
    except FileError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise FileError(f"not readable as an .mxl archive: {error}") from error
    return musicxml.parse(score)


def _named(container: bytes) -> list[str]:
    """The files that a container names; none where it is no XML, as some programs write it for titles with a '."""
    try:
        elements = parse_xml(container).iter()
    except FileError:
        return []
    return [each.get("full-path", "") for each in elements if local_name(each.tag) == "rootfile"]


def _unpacked(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise FileError(f"{name!r} in this archive unpacks to more than {limit >> 20} MB: give a smaller score")
    return data


def render(lyrics: TimedLyrics) -> bytes:
    """`lyrics` as the bytes of an MXL file, on a reciting tone as `musicxml.render` says."""
    return zipped(musicxml.render(lyrics))


def zipped(score: bytes) -> bytes:
    """The bytes of a MusicXML score as those of an MXL file; the same score makes the same bytes."""
    container = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
        f'<rootfile full-path="{_NAME}" media-type="{_TYPE.decode()}+xml"/></rootfiles></container>\n'
    ).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data, method in (
            ("mimetype", _TYPE, zipfile.ZIP_STORED),
            (_CONTAINER, container, zipfile.ZIP_DEFLATED),
            (_NAME, score, zipfile.ZIP_DEFLATED),
        ):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = method
            archive.writestr(entry, data)
    return out.getvalue()
