"""The engine: one way to run any generator, offline or streaming. Request -> Job -> Result.

requests/     what can be asked, one file per kind of asset
registry      which generator serves a request, and what it has to offer
engine, pool, worker, work      jobs, and the processes that do them
job, streams  what a generator gets: progress, cancel, named random streams
result, encodings               contents become files, whole or not at all
provenance, verify              where a file comes from, and whether that is so
quality, taste, traits          figures of music, and what the user likes
"""

from __future__ import annotations

from .engine import Engine, Job
from .job import Cancelled, Chunk, Progress
from .requests import AudioRequest, ImageRequest, MusicRequest, Request, TextRequest, VideoRequest
from .result import Artifact, Result

__all__ = [
    "Artifact", "AudioRequest", "Cancelled", "Chunk", "Engine", "ImageRequest", "Job", "MusicRequest", "Progress",
    "Request", "Result", "TextRequest", "VideoRequest",
]  # fmt: skip
