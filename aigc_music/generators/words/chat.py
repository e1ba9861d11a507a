"""A client of OpenAI-compatible chat servers: Ollama, LM Studio, llama.cpp, vLLM and others.

One answer is one POST to URL/chat/completions, read as server-sent events (WHATWG HTML, section 9.2). It goes over
the wire in a thread of its own, so that a cancel or the time limit ends the wait at once. Redirects are not followed.
The key, where a server wants one, is taken from the environment variable AIGC_MUSIC_API_KEY and goes nowhere but into
the request's head.

Threads: one a server. Realtime-safe: no.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from aigc_music.core.errors import ModelError, UsageError
from aigc_music.engine.job import JobContext

__all__ = ["KEY", "ChatServer"]

KEY = "AIGC_MUSIC_API_KEY"
POLL_S = 0.1
MOST_BYTES = 4_000_000
MOST_TOKENS = 4000  # of an answer, thoughts with it: a model that never ends is stopped there
SHOWN = 200  # characters of a server's own words
START = (
    "start one, such as 'ollama serve', LM Studio's server, 'llama-server -m MODEL.gguf' or 'vllm serve MODEL', "
    "or give its address (url=..., --url)"
)


class ChatServer:
    """url: up to and with /v1. timeout_s: for a whole answer. UsageError for an address that cannot be one."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"url {url!r} is no address ({error}): such as http://127.0.0.1:11434/v1") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"url {url!r}: give http or https, a host and a path, such as http://127.0.0.1:11434/v1")
        if parts.username or parts.password:
            raise UsageError(f"url of {parts.hostname!r} holds a name or password: put the key into {KEY} instead")
        self.host = parts.hostname
        self._address = (parts.scheme, parts.hostname, port)
        self._path, self._timeout = parts.path, timeout_s
        self._schemas = True  # until it refuses one

    def answer(
        self, job: JobContext, model: str, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any],
        seed: int, temperature: float,
    ) -> str:  # fmt: skip
        """The answer's text. ModelError, with the next step, for a server that is dead, late or unwilling."""
        body: dict[str, Any] = {
            "model": model, "messages": list(messages), "stream": True, "seed": seed, "temperature": temperature,
            "max_tokens": MOST_TOKENS,
        }  # fmt: skip
        if self._schemas:
            wanted = {"name": "answer", "schema": schema}
            with_schema = body | {"response_format": {"type": "json_schema", "json_schema": wanted}}
            status, kind, rows = self._post(job, with_schema)
            if status in (400, 422, 501):
                self._schemas = False
                status, kind, rows = self._post(job, body)
        else:
            status, kind, rows = self._post(job, body)
        if status != 200:
            raise self._refused(job, status, model, rows)
        if kind == "text/event-stream":
            return self._told(rows)
        return self._whole(kind, rows)

    def models(self, job: JobContext) -> list[str]:
        """Names of the models that the server has; empty where it does not tell."""
        try:
            status, _, rows = self._exchange(job, "GET", "/models", None, min(5.0, self._timeout))
            found = json.loads(b"".join(rows)) if status == 200 else {}
            return [str(row["id"]) for row in found.get("data", [])]
        except (ModelError, ValueError, KeyError, TypeError, AttributeError):
            return []

    def _post(self, job: JobContext, body: Mapping[str, Any]) -> tuple[int, str, list[bytes]]:
        return self._exchange(job, "POST", "/chat/completions", json.dumps(body).encode(), self._timeout)

    def _exchange(
        self, job: JobContext, method: str, path: str, body: bytes | None, timeout: float
    ) -> tuple[int, str, list[bytes]]:
        """(status, content type, lines). Cancelled within POLL_S; ModelError where there is no answer."""
        scheme, host, port = self._address
        connection = (HTTPSConnection if scheme == "https" else HTTPConnection)(host, port, timeout=timeout)
        heard: SimpleQueue[Any] = SimpleQueue()
        talk = Thread(target=_talk, args=(connection, method, self._path + path, body, heard), daemon=True)
        deadline = time.monotonic() + timeout
        wire: socket.socket | None = None
        talk.start()
        try:
            status, kind = 0, ""
            rows: list[bytes] = []
            for event in self._events(job, heard, deadline):
                if isinstance(event, socket.socket):
                    wire = event
                elif isinstance(event, tuple):
                    status, kind = event
                elif isinstance(event, Exception):
                    raise self._unheard(event, begun=status != 0) from event
                else:
                    rows.append(event)
            return status, kind, rows
        finally:
            with suppress(OSError):  # it may be closed already
                if wire is not None:
                    wire.shutdown(socket.SHUT_RDWR)  # ends what the thread waits for
            talk.join(0.2)

    def _events(self, job: JobContext, heard: SimpleQueue[Any], deadline: float) -> Iterator[Any]:
        """What the talking thread hears, until it ends."""
        total = 0
        while True:
            job.check()
            try:
                event = heard.get(timeout=POLL_S)
            except Empty:
                if time.monotonic() > deadline:
                    raise self._late() from None
                continue
            if event is None:
                return
            total += len(event) if isinstance(event, bytes) else 0
            if total > MOST_BYTES:
                raise ModelError(f"{self.url} sends more than {MOST_BYTES} bytes: is it a chat server?")
            if time.monotonic() > deadline:
                raise self._late()
            yield event

    def _told(self, rows: Sequence[bytes]) -> str:
        """The text of a stream of events."""
        text, ended = [], False
        for row in rows:
            if not row.startswith(b"data:"):
                continue
            data = row[5:].strip()
            if data == b"[DONE]":
                ended = True
                continue
            try:
                event = json.loads(data)
                if "error" in event:
                    raise ModelError(f"{self.url} gave up: {_shown(json.dumps(event['error']).encode())}")
                for choice in event.get("choices", []):
                    text.append((choice.get("delta") or choice.get("message") or {}).get("content") or "")
                    ended = ended or choice.get("finish_reason") is not None
            except (ValueError, TypeError, AttributeError) as error:
                if isinstance(error, ModelError):
                    raise
                raise ModelError(f"{self.url} sends a stream that makes no sense: {_shown(data)}") from error
        if not ended:
            raise ModelError(f"the answer of {self.url} broke off after {len(''.join(text))} characters: try again")
        return "".join(text)

    def _whole(self, kind: str, rows: Sequence[bytes]) -> str:
        """The text of an answer in one piece."""
        data = b"".join(rows)
        try:
            return str(json.loads(data)["choices"][0]["message"]["content"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            what = "a web page" if data.lstrip()[:1] == b"<" else f"{kind or 'something'} that is no chat answer"
            raise ModelError(
                f"{self.url} answers with {what}: {_shown(data)}. Give the address of its API, mostly ending in /v1"
            ) from error

    def _refused(self, job: JobContext, status: int, model: str, rows: Sequence[bytes]) -> ModelError:
        """What a status other than 200 means."""
        said = _shown(b"".join(rows))
        if 300 <= status < 400:
            return ModelError(f"{self.url} redirects ({status}), which is not followed: give the final address")
        if status in (401, 403):
            return ModelError(
                f"{self.url} wants a valid key ({status}): set {KEY} in the environment. It says: {said}"
            )
        if status in (400, 404):
            names = self.models(job)
            there = f"it has {', '.join(names[:20])}" if names else "it does not tell which it has"
            return ModelError(
                f"{self.url} does not know model {model!r}, or is not the API's address ({status}): {there}. "
                f"Give another model (model=..., --model). It says: {said}"
            )
        return ModelError(f"{self.url} failed ({status}): {said}. See the server's own log, then try again")

    def _unheard(self, error: Exception, begun: bool) -> ModelError:
        if isinstance(error, TimeoutError):
            return self._late()
        if begun:
            return ModelError(f"the answer of {self.url} broke off ({error or type(error).__name__}): try again")
        return ModelError(f"no server answers at {self.url} ({error}): {START}")

    def _late(self) -> ModelError:
        return ModelError(
            f"{self.url} did not answer within {self._timeout:g} s: give it longer (timeout_s=..., --timeout), "
            "or take a smaller model"
        )


def _talk(connection: HTTPConnection, method: str, path: str, body: bytes | None, heard: SimpleQueue[Any]) -> None:
    """In its own thread: one request. Into the queue go the socket, (status, content type), lines, an exception; None
    ends it."""
    head = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
    if key := os.environ.get(KEY):
        head["Authorization"] = f"Bearer {key}"
    try:
        connection.connect()
        heard.put(connection.sock)
        connection.request(method, path, body, head)
        with connection.getresponse() as response:
            heard.put((response.status, response.headers.get_content_type()))
            for line in response:
                heard.put(line)
    except (OSError, HTTPException, ValueError) as error:  # the last one: closed while it reads
        heard.put(error)
    finally:
        connection.close()
        heard.put(None)


def _shown(data: bytes) -> str:
    """The beginning of what a server says, in one line."""
    text = " ".join(data.decode("utf-8", "replace").split())
    return text[:SHOWN] + "..." * (len(text) > SHOWN) or "nothing"
