"""A number that changes when source files change, for numba's cache.

numba keeps compiled code as long as the file that holds the function stays the same, whatever happens to the files
it takes constants and helpers from. A function that closes over this number is looked up by it too, so stale
machine code is never run on a changed memory layout.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from types import ModuleType

__all__ = ["fingerprint"]


def fingerprint(modules: Iterable[ModuleType]) -> int:
    """Checksum of the source of `modules`."""
    total = 0
    for module in modules:
        with open(str(module.__file__), "rb") as source:  # noqa: PTH123 - a millisecond less than pathlib at start
            total = zlib.crc32(source.read(), total)
    return total
