"""XML from strangers: a tree of elements, with nothing fetched, nothing expanded and limits on size and depth.

A document type may be named, as every MusicXML file does, but it is not loaded; one that declares entities is
refused, so that no short file grows into a long one.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from ..core.errors import FileError

__all__ = ["MAX_XML_BYTES", "local_name", "parse_xml"]

MAX_XML_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100


def parse_xml(data: bytes) -> ElementTree.Element:
    """The root element of `data`. Names are '{namespace}name', as in ElementTree.

    Raises FileError with the line for bytes that are no well-formed XML, declare entities, nest deeper than
    MAX_DEPTH or are longer than MAX_XML_BYTES.
    """
    if len(data) > MAX_XML_BYTES:
        raise FileError(f"more than {MAX_XML_BYTES >> 20} MB of XML: give a smaller file")
    depth = 0

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise FileError(
                f"line {check.CurrentLineNumber}: elements nest deeper than {MAX_DEPTH}: give a simpler file"
            )

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def refuse(*_: object) -> NoReturn:
        raise FileError(f"line {check.CurrentLineNumber}: the file declares an entity, which is not read: remove it")

    check = expat.ParserCreate()  # a first pass that builds nothing; the second is ElementTree's fast one
    check.StartElementHandler = start
    check.EndElementHandler = end
    check.EntityDeclHandler = refuse
    try:
        check.Parse(data, True)
        return ElementTree.fromstring(data)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise FileError(f"line {error.lineno}: not well-formed XML: {reason}") from error
    except ElementTree.ParseError as error:  # an entity that is not declared
        raise FileError(f"not readable as XML: {error}") from error
    except (ValueError, LookupError) as error:  # an encoding that the reader does not know
        raise FileError(f"not readable as XML: {error}: save it as UTF-8") from error


def local_name(name: str) -> str:
    """`name` without its namespace."""
    return name.rpartition("}")[2]
