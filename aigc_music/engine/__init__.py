"""The engine: one way to run any generator, offline or streaming. Request -> Job -> Result."""

from __future__ import annotations

from .engine import Artifact, Engine, Result
from .requests import MusicRequest

__all__ = ["Artifact", "Engine", "MusicRequest", "Result"]
