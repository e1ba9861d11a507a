"""Words from any OpenAI-compatible chat server (see chat), held to the same templates and schemas as our own.

Threads: one a generator. Realtime-safe: no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aigc_music.core.errors import UsageError
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import TextRequest

from .asked import AskedWords
from .chat import ChatServer
from .prompts import Message

__all__ = ["ServerWords"]


class ServerWords(AskedWords):
    """One request for words by a server. Model 'default' is the first one that the server names."""

    by = "server"

    def __init__(self, request: TextRequest) -> None:
        self._server = ChatServer(request.url, request.timeout_s)
        super().__init__(request)

    def answer(self, job: JobContext, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> str:
        return self._server.answer(job, self.request.model, messages, schema, seed, self.request.temperature)

    def model(self) -> Material:
        return Material("server", f"{self.request.model} at {self._server.host}")

    def prepare(self, job: JobContext) -> None:
        """Settle the model. UsageError where no model was named and the server does not tell of one."""
        if self.request.model == "default":
            names = self._server.models(job)
            if not names:
                raise UsageError(
                    f"{self._server.url} names no models, or no server is there: start it, and name the model "
                    "(model=..., --model)"
                )
            self.request = replace(self.request, model=names[0])
