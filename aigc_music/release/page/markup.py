"""HTML as a tree: text and attributes are escaped because nobody writes tags by hand.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

__all__ = ["Child", "document", "el"]

Child: TypeAlias = "Element | str | Sequence[Child] | None"
"""What an element may hold: another, a text, nothing, or several of these."""

_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def el(tag: str, attributes: Mapping[str, str | None] | None = None, *children: Child) -> Element:
    """An element. Attributes that are None are left out, those that are '' stand without a value."""
    element = Element(tag, {name: _plain(value) for name, value in (attributes or {}).items() if value is not None})
    for child in children:
        _put(element, child)
    return element


def _put(element: Element, child: Child) -> None:
    if child is None:
        return
    if isinstance(child, Element):
        element.append(child)
    elif isinstance(child, str):
        text = _plain(child)
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text
    else:
        for one in child:
            _put(element, one)


def _plain(text: str) -> str:
    """Without what no document can hold: control characters, lone surrogates, non-characters."""
    return _NOT_TEXT.sub("", text)


def document(root: Element) -> bytes:
    """The whole page as UTF-8. What stands in `style` and `script` is written as it is, so it has to be ours."""
    return b"<!DOCTYPE html>\n" + tostring(root, encoding="unicode", method="html").encode() + b"\n"
