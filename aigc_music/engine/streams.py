"""Named random streams: every stage draws from its own, so that a new stage shifts nobody else's numbers.

A stream is numpy's PCG64 over SeedSequence([seed, crc32(name)]). Threads: a stream belongs to one. Realtime-safe: no.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

__all__ = ["SCHEME", "stream"]

SCHEME = "numpy PCG64, SeedSequence([seed, crc32(name)])"
"""As it stands in provenance records."""


def stream(seed: int, name: str) -> np.random.Generator:
    """The stream of this seed (0 or more) and name; the same two always give the same numbers."""
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(name.encode())]))
