"""What can be asked of the engine: one file per kind of asset. A request is frozen, checked when it is made, and
always carries its seed."""

from __future__ import annotations

from .audio import AudioRequest
from .base import Request
from .image import ImageRequest
from .music import TASKS, MusicRequest
from .text import TextRequest
from .video import VideoRequest

__all__ = ["TASKS", "AudioRequest", "ImageRequest", "MusicRequest", "Request", "TextRequest", "VideoRequest"]
