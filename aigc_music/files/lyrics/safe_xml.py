"""XML from strangers: a tree of elements, with nothing fetched, nothing expanded and limits on size and depth.

A document type may be named, as every MusicXML file does, but it is not loaded; one that declares entities is
refused, so that no short file grows into a long one.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ...core.errors import FileError

__all__ = ["MAX_XML_BYTES", "local_name", "parse_xml"]

MAX_XML_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 100


def parse_xml(data: bytes) -> Element:
    """The root element of `data`. Names are '{namespace}name', as in ElementTree.

    Raises FileError with the line for bytes that are no well-formed XML, declare entities, nest deeper than
    MAX_DEPTH or are longer than MAX_XML_BYTES.
    """
    if len(data) > MAX_XML_BYTES:
        raise FileError(f"more than {MAX_XML_BYTES >> 20} MB of XML: give a smaller file")
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise FileError(
                f"line {parser.CurrentLineNumber}: elements nest deeper than {MAX_DEPTH}: not a lyrics file"
            )
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    def refuse(*_: object) -> NoReturn:
        raise FileError(f"line {parser.CurrentLineNumber}: the file declares an entity, which is not read: remove it")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise FileError(f"line {error.lineno}: not well-formed XML: {reason}") from error
    except (ValueError, LookupError, AssertionError) as error:  # an encoding that the reader does not know
        raise FileError(f"not readable as XML: {error}: save it as UTF-8") from error


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def local_name(name: str) -> str:
    """`name` without its namespace."""
    return name.rpartition("}")[2]
