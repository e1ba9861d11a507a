"""What holds for all tests: laws are judged by what comes out, never by a stopwatch (a first example may compile)."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
