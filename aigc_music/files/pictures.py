"""Writing and reading pictures: JPEG and PNG in sRGB at 300 dpi, with an XMP packet that says how they were made.

JPEG is written without chroma subsampling (4:4:4), so that coloured type stays sharp. There is no time of day in a
file: the same pixels and the same packet make the same bytes.

The packet holds title and creator (Dublin Core), the IPTC term for how much of the picture is machine-made, and the
provenance record as JSON in a namespace of our own; `labelled` adds China's label of AI-made content. Other programs
may strip it; sign the file as well where that matters.

Source: IPTC Photo Metadata Standard (Digital Source Type), Adobe XMP specification parts 1 and 3.
Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import io
import re
import stat
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from ..core.errors import FileError, UsageError
from .safe_xml import parse_xml

__all__ = [
    "MAX_PIXELS",
    "label_of",
    "labelled",
    "picture_bytes",
    "pixels_of",
    "provenance_in",
    "provenance_of",
    "read_xmp",
    "without_xmp",
    "xmp_of",
    "xmp_packet",
]

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_NAMESPACE = "https://github.com/aigc-music/aigc-music/ns/provenance/1.0/"
_LABEL_NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"  # of the practice guide to GB 45438 for file metadata
_PNG_KEY = "XML:com.adobe.xmp"
_JPEG_KEY = b"http://ns.adobe.com/xap/1.0/\0"
_DPI = (300, 300)

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

MAX_PIXELS = 100_000_000
"""Larger pictures are not opened: 10,000 x 10,000."""
MAX_BYTES = 256 * 1024 * 1024


def picture_bytes(pixels: NDArray[np.uint8], suffix: str, xmp: str = "", quality: int = 94) -> bytes:
    """A picture as the bytes of a file. pixels: (height, width, 3) uint8, sRGB.

    suffix: '.jpg', '.jpeg' or '.png'. xmp: a packet as `xmp_packet` makes it, '' for none; at most 65,000 bytes of
    UTF-8 in a JPEG. quality: 1..95, of JPEG alone.
    Raises UsageError for other shapes, suffixes, qualities and packets that are too long.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise UsageError(f"pixels of shape {pixels.shape} and type {pixels.dtype}: give (height, width, 3) uint8")
    if not 1 <= quality <= 95:
        raise UsageError(f"JPEG quality {quality}: give 1..95 (92 and more for covers)")
    image = Image.fromarray(np.ascontiguousarray(pixels))
    packet = xmp.encode()
    out = io.BytesIO()
    kind = suffix.lower().lstrip(".")
    if kind in ("jpg", "jpeg"):
        if len(packet) > 65_000:
            raise UsageError(f"XMP packet of {len(packet)} bytes: a JPEG holds 65,000: shorten the provenance record")
        image.save(
            out,
            "JPEG",
            quality=quality,
            subsampling=0,
            optimize=True,
            dpi=_DPI,
            icc_profile=_srgb(),
            xmp=packet or None,
        )
    elif kind == "png":
        facts = PngImagePlugin.PngInfo()
        if xmp:
            facts.add_itxt(_PNG_KEY, xmp)
        image.save(out, "PNG", compress_level=6, dpi=_DPI, icc_profile=_srgb(), pnginfo=facts)
    else:
        raise UsageError(f"pictures are not written as {suffix!r}: choose .jpg or .png")
    return out.getvalue()


def _srgb() -> bytes:
    """The sRGB profile, with its date of making blanked: LittleCMS puts the current one there."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes([7, 208, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # 1 January 2000, big endian
    profile[84:100] = bytes(16)  # the profile's checksum, which counts the date
    return bytes(profile)


def pixels_of(path: str | Path) -> NDArray[np.uint8]:
    """The pixels of a JPEG or PNG file as (height, width, 3) uint8; transparency lies on white.

    Raises FileError for files that cannot be read, are no picture or have more than MAX_PIXELS.
    """
    with _opened(path) as image:
        try:
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
            return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()
        except (OSError, SyntaxError, ValueError, MemoryError) as error:
            raise FileError(f"cannot read {str(path)!r}: {error}: give a whole JPEG or PNG file") from error


def _opened(path: str | Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures; the limit below is ours
            image = Image.open(io.BytesIO(_bytes_of(path)), formats=("JPEG", "PNG"))
    except FileError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FileError(f"cannot read {str(path)!r}: not a JPEG or PNG picture: give one") from error
    if image.width * image.height > MAX_PIXELS:
        raise FileError(f"cannot read {str(path)!r}: {image.width} x {image.height} pixels: give a smaller picture")
    return image


def _bytes_of(path: str | Path) -> bytes:
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise FileError(f"cannot read {str(path)!r}: not a regular file of up to {MAX_BYTES >> 20} MB")
        return Path(path).read_bytes()
    except FileError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"cannot read {str(path)!r}: {reason}: check the name and the permissions") from error


# ------------------------------------------------------------------------------------------- metadata


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """(a stretch of the file, the XMP packet that it holds or None); the stretches together are the file.

    They are the segments of a JPEG up to its picture, and the chunks of a PNG. Other bytes are one stretch.
    """
    place = 0
    if data[:2] == b"\xff\xd8":
        yield data[:2], None
        place = 2
        while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] not in (b"\xda", b"\xd9", b""):
            end = place + 2 + max(2, int.from_bytes(data[place + 2 : place + 4], "big"))
            body = data[place + 4 : end]
            found = data[place + 1] == 0xE1 and body.startswith(_JPEG_KEY)
            yield data[place:end], body[len(_JPEG_KEY) :] if found else None
            place = end
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        yield data[:8], None
        place = 8
        while place + 12 <= len(data):
            end = place + 12 + int.from_bytes(data[place : place + 4], "big")
            name, body = data[place + 4 : place + 8], data[place + 8 : end - 4]
            yield data[place:end], _of_itxt(body) if name == b"iTXt" else None
            place = end
    if place < len(data):
        yield data[place:], None


def _of_itxt(body: bytes) -> bytes | None:
    """The XMP packet in the body of an iTXt chunk: key, compression, language, translated key, text."""
    parts = body.split(b"\0", 1)
    if parts[0] != _PNG_KEY.encode() or len(parts) < 2:
        return None
    compressed, rest = parts[1][:1] == b"\1", parts[1][2:].split(b"\0", 2)
    packet = rest[-1]
    if compressed:
        try:
            packet = zlib.decompressobj().decompress(packet, 1 << 20)
        except zlib.error:
            return b""
    return packet


def xmp_of(data: bytes) -> str | None:
    """The XMP packet in the bytes of a JPEG or PNG file; None where there is none."""
    packet = next((packet for _, packet in _blocks(data) if packet is not None), None)
    return None if packet is None else packet.decode("utf-8", "replace")


def read_xmp(path: str | Path) -> str | None:
    """The XMP packet of a JPEG or PNG file; None where it has none. Raises FileError when it cannot be read."""
    return xmp_of(_bytes_of(path))


def without_xmp(data: bytes) -> bytes:
    """The bytes of a JPEG or PNG file without its XMP: those that `picture_bytes` makes without a packet."""
    return b"".join(block for block, packet in _blocks(data) if packet is None)


def provenance_of(data: bytes) -> str:
    """The provenance record in the XMP of a JPEG or PNG file, as it was given to `xmp_packet`; '' where none is."""
    return provenance_in(xmp_of(data) or "")


def provenance_in(packet: str) -> str:
    """The provenance record in an XMP packet; '' where none is."""
    packet = packet.strip("\0 \n")
    try:
        return parse_xml(packet.encode()).findtext(f".//{{{_NAMESPACE}}}Provenance") or "" if packet else ""
    except FileError:  # someone else's, or a broken one
        return ""


def labelled(data: bytes, aigc_json: str) -> bytes:
    """A JPEG or PNG file with the label of AI-made content that GB 45438 asks for, in place of one that it had.
    aigc_json: the value of its key AIGC. It becomes the XMP property TC260:AIGC, beside what the packet says.

    Raises FileError for other files, and where the packet would be too long for a JPEG.
    """
    if data[:2] != b"\xff\xd8" and data[:8] != b"\x89PNG\r\n\x1a\n":
        raise FileError("not a JPEG or PNG picture, which can be labelled in its XMP: give one")
    packet = _LABEL_ROW.sub("", xmp_of(data) or _EMPTY)
    end = packet.rfind("</rdf:RDF>")
    if end < 0:
        raise FileError("the XMP packet of the picture is damaged: take it out, or write the picture again")
    row = f'<rdf:Description rdf:about="" xmlns:TC260="{_LABEL_NAMESPACE}"><TC260:AIGC>{_text(aigc_json)}'
    packet = f"{packet[:end]}{row}</TC260:AIGC></rdf:Description>\n{packet[end:]}"
    blocks = list(_blocks(data))
    place = next((number for number, (_, found) in enumerate(blocks) if found is not None), None)
    if place is None:
        place = 2  # behind the beginning and what has to come first: the JFIF segment, or IHDR
        blocks.insert(place, (b"", b""))
    blocks[place] = (_packed(packet.encode(), data[:2] == b"\xff\xd8"), b"")
    return b"".join(block for block, _ in blocks)


def label_of(data: bytes) -> str:
    """The label of AI-made content in the XMP of a JPEG or PNG file; '' where none is."""
    packet = (xmp_of(data) or "").strip("\0 \n")
    try:
        return parse_xml(packet.encode()).findtext(f".//{{{_LABEL_NAMESPACE}}}AIGC") or "" if packet else ""
    except FileError:  # someone else's, or a broken one
        return ""


_LABEL_ROW = re.compile(
    f'<rdf:Description rdf:about="" xmlns:TC260="{re.escape(_LABEL_NAMESPACE)}"><TC260:AIGC>[^<]*</TC260:AIGC>'
    "</rdf:Description>\n"
)
_EMPTY = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def _packed(packet: bytes, jpeg: bool) -> bytes:
    """An XMP packet as a JPEG segment or a PNG chunk."""
    if jpeg:
        if len(packet) > 65_000:
            raise FileError(f"XMP packet of {len(packet)} bytes with the label: a JPEG holds 65,000: write a PNG")
        body = _JPEG_KEY + packet
        return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    body = b"iTXt" + _PNG_KEY.encode() + bytes(5) + packet
    return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def xmp_packet(title: str, creator: str, digital_source_type: str, provenance_json: str = "") -> str:
    """An XMP packet. digital_source_type: a term of the IPTC vocabulary as its address, such as
    http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia. provenance_json: kept as it is, or ''.

    Raises UsageError for another digital_source_type.
    """
    if not re.fullmatch(re.escape(_VOCABULARY) + "[A-Za-z]+", digital_source_type):
        raise UsageError(f"digital source type {digital_source_type!r}: give {_VOCABULARY}... and a term")
    rows = [f"<Iptc4xmpExt:DigitalSourceType>{digital_source_type}</Iptc4xmpExt:DigitalSourceType>"]
    if title:
        rows.append(f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{_text(title)}</rdf:li></rdf:Alt></dc:title>')
    if creator:
        rows.append(f"<dc:creator><rdf:Seq><rdf:li>{_text(creator)}</rdf:li></rdf:Seq></dc:creator>")
    if provenance_json:
        rows.append(f"<aigc:Provenance>{_text(provenance_json)}</aigc:Provenance>")
    inside = "\n".join(rows)
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:aigc="{_NAMESPACE}">
{inside}
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def _text(text: str) -> str:
    """`text` for XML: marks escaped, what XML cannot hold left out."""
    return escape(_NOT_XML.sub("", text))
