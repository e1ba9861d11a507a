"""Words by servers and by models of others: constraints hold whoever answers, and every failure says what to do.

The nasty answers come from a small server in this process; the real peer is `transformers serve` over a tiny model.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_music.core.errors import MissingExtraError, ModelError, UsageError
from aigc_music.core.notes import Note, Score, Track
from aigc_music.engine.job import Cancelled, JobContext
from aigc_music.engine.requests import TextRequest
from aigc_music.generators.words import chat, hub
from aigc_music.generators.words.asked import ROUNDS
from aigc_music.generators.words.hub import TransformersWords
from aigc_music.generators.words.kinds import BuiltinKinds, complaints, schema
from aigc_music.generators.words.prompts import clean, json_in
from aigc_music.generators.words.scorer import problems
from aigc_music.generators.words.server import ServerWords
from models.words.language.model import LanguageModel

from .tiny_peers import tiny_llama

LINES = ("月光照在小河上", "风把歌声吹向远方", "街灯一盏接一盏", "谁在桥头等天亮")
FITTING = ("月光照在小河上", "歌声飘向老地方", "街灯一盏接一盏", "谁在桥头等月亮")


class Fake(BaseHTTPRequestHandler):
    """Answers as the test says. calls: what was asked so far, (path, head, body)."""

    say: Callable[[Fake, Any], None]
    calls: list[tuple[str, dict[str, str], Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.calls.append((self.path, dict(self.headers), body))
        with suppress(OSError):
            type(self).say(self, body)

    def do_GET(self) -> None:
        self.calls.append((self.path, dict(self.headers), None))
        self.send(200, json.dumps({"data": [{"id": "small"}, {"id": "large"}]}))

    def send(self, status: int, text: str, kind: str = "application/json", **head: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def tell(self, text: str, ended: bool = True) -> None:
        """A stream of events, a few characters each."""
        events = [{"choices": [{"delta": {"content": text[at : at + 9]}}]} for at in range(0, len(text), 9)]
        rows = [f"data: {json.dumps(event)}\n\n" for event in events]
        self.send(200, "".join([": hello\n\n", *rows, *(["data: [DONE]\n\n"] if ended else [])]), "text/event-stream")

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def fake(say: Callable[[Any, Any], None]) -> Iterator[tuple[str, list[tuple[str, dict[str, str], Any]]]]:
    calls: list[tuple[str, dict[str, str], Any]] = []
    handler = type("Handler", (Fake,), {"say": say, "calls": calls})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", calls
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def lyrics(url: str, **more: Any) -> ServerWords:
    wanted = {"language": "zh", "theme": "月光", "lines": 4, "syllables": 7, "scheme": "AA-A", "seed": 5, "url": url,
              "backend": "openai", "model": "small", "timeout_s": 10.0}  # fmt: skip
    return ServerWords(TextRequest(**wanted | more))


def candidates(lines: dict[int, str]) -> str:
    return json.dumps({"lines": [{"number": number, "candidates": [text]} for number, text in lines.items()]})


def holds(generator: Any, document: dict[str, Any]) -> None:
    rows = [row["text"] for row in document["lines"]]
    failing = {number: problems(rows, generator.template, number) for number in range(len(rows))}
    assert not any(failing.values()), failing


def test_lines_that_fit_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_MUSIC_API_KEY", "secret-key")
    with fake(lambda peer, body: peer.tell("```json\n" + candidates(dict(enumerate(FITTING, 1))) + "\n```")) as (
        url,
        calls,
    ):
        generator = lyrics(url)
        text = generator.generate(JobContext(5))
    assert [row["text"] for row in text.document["lines"]] == list(FITTING)
    assert {row["by"] for row in text.document["lines"]} == {"server"}
    holds(generator, text.document)
    (path, head, body), *rest = calls
    assert not rest and path == "/v1/chat/completions"
    assert body["stream"] and body["seed"] == 5 and body["model"] == "small" and body["temperature"] == 0.8
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["lines"]
    assert head["Authorization"] == "Bearer secret-key"
    told = json.dumps([text.document, text.plain, generator.quality(), generator.request.record(), body,
                       [str(material) for material in generator.materials()]])  # fmt: skip
    assert "secret-key" not in told
    assert generator.materials()[0].role == "server" and "small" in generator.materials()[0].name


def test_only_failing_lines_are_asked_again_and_with_the_reason() -> None:
    def say(peer: Any, body: Any) -> None:
        first = "第2行" in body["messages"][1]["content"] and "上次的问题" not in body["messages"][1]["content"]
        peer.tell(candidates({1: FITTING[0], 2: "太短", 3: FITTING[2], 4: FITTING[3]} if first else {2: FITTING[1]}))

    with fake(say) as (url, calls):
        generator = lyrics(url)
        text = generator.generate(JobContext(5))
    assert [row["text"] for row in text.document["lines"]] == list(FITTING)
    assert len(calls) == 2
    again = calls[1][2]["messages"][1]["content"].rsplit("候选", 1)[1]
    assert "第2行" in again and "syllables" in again and not any(f"第{number}行：" in again for number in (1, 3, 4))


@pytest.mark.parametrize(
    "answer",
    ["", "Certainly! Here is a song.", "{not json}", '{"lines": "none"}', '{"lines": [{"number": 9}, 3, null]}',
     candidates({1: "abc def", 2: "12345", 3: "短", 4: "💥💥💥💥💥💥💥"}),
     candidates(dict.fromkeys(range(1, 5), LINES[0]))],
)  # fmt: skip
def test_nonsense_ends_in_lines_of_our_own(answer: str) -> None:
    with fake(lambda peer, body: peer.tell(answer)) as (url, calls):
        generator = lyrics(url)
        text = generator.generate(JobContext(5))
    holds(generator, text.document)
    by = [row["by"] for row in text.document["lines"]]
    assert by.count("builtin") >= 3 and generator.quality()["lines_by_builtin"] == by.count("builtin")
    assert len(calls) == ROUNDS + 1
    assert len({row["text"] for row in text.document["lines"]}) == 4


def test_english_of_a_server_and_of_our_own_in_one_song() -> None:
    verse = {1: "The lights are low along the bay", 3: "A boat is turning on its way"}
    with fake(lambda peer, body: peer.tell(candidates(verse))) as (url, _):
        generator = lyrics(url, language="en", theme="harbour", syllables=8, scheme="ABAB")
        text = generator.generate(JobContext(5))
    holds(generator, text.document)
    rows = text.document["lines"]
    assert [row["by"] for row in rows] == ["server", "builtin", "server", "builtin"]
    assert [rows[0]["text"], rows[2]["text"]] == list(verse.values())


def test_schemas_are_left_out_where_they_are_refused() -> None:
    def say(peer: Any, body: Any) -> None:
        if "response_format" in body:
            peer.send(400, '{"error": "unknown field response_format"}')
        else:
            peer.tell(candidates({2: FITTING[1]} if "上次的问题" in str(body) else {1: FITTING[0], 3: FITTING[2],
                                                                                4: FITTING[3]}))  # fmt: skip

    with fake(say) as (url, calls):
        text = lyrics(url).generate(JobContext(5))
    assert [row["text"] for row in text.document["lines"]] == list(FITTING)
    assert ["response_format" in body for _, _, body in calls] == [True, False, False]


def test_an_answer_in_one_piece_will_do() -> None:
    whole = json.dumps({"choices": [{"message": {"content": candidates(dict(enumerate(FITTING, 1)))}}]})
    with fake(lambda peer, body: peer.send(200, whole)) as (url, _):
        assert lyrics(url, model="default").generate(JobContext(5)).document["lines"][0]["by"] == "server"


def hang(peer: Any, body: Any) -> None:
    time.sleep(2.0)


def drip(peer: Any, body: Any) -> None:
    peer.send(200, "", "text/event-stream")
    for _ in range(40):
        peer.wfile.write(b'data: {"choices": [{"delta": {"content": "."}}]}\n\n')
        peer.wfile.flush()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("say", "told"),
    [
        (lambda peer, body: peer.send(200, "<html><body>Welcome</body></html>", "text/html"), "a web page.*/v1"),
        (lambda peer, body: peer.send(500, "out of memory"), r"failed \(500\): out of memory"),
        (lambda peer, body: peer.send(404, '{"error": "no such model"}'),
         "does not know model 'small'.*small, large"),
        (lambda peer, body: peer.send(401, "no"), "AIGC_MUSIC_API_KEY"),
        (lambda peer, body: peer.send(302, "", Location="http://elsewhere.invalid/"), "redirects"),
        (lambda peer, body: peer.tell('{"lines": [', ended=False), "broke off after 11 characters"),
        (lambda peer, body: peer.send(200, 'data: {"error": {"message": "overloaded"}}\n\n', "text/event-stream"),
         "gave up.*overloaded"),
        (lambda peer, body: peer.send(200, "data: [[[\n\n", "text/event-stream"), "makes no sense"),
        (lambda peer, body: peer.send(200, "data: 3\n\n", "text/event-stream"), "makes no sense"),
        (lambda peer, body: peer.send(200, '{"choices": []}'), "no chat answer"),
        (lambda peer, body: peer.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n"), "no server answers|broke off"),
        (hang, "did not answer within 0.3 s.*--timeout"),
        (drip, "did not answer within 0.3 s"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told(say: Callable[[Any, Any], None], told: str) -> None:
    patient = say not in (hang, drip)
    with fake(say) as (url, _), pytest.raises(ModelError, match=f"(?s){told}") as failed:
        lyrics(url, timeout_s=10.0 if patient else 0.3).generate(JobContext(5))
    assert url in str(failed.value)


def test_a_dead_server_is_told_with_how_to_start_one() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match=rf"no server answers at http://127.0.0.1:{port}/v1.*ollama serve"):
        lyrics(f"http://127.0.0.1:{port}/v1").generate(JobContext(5))
    with pytest.raises(UsageError, match="name the model"):
        lyrics(f"http://127.0.0.1:{port}/v1", model="default").generate(JobContext(5))


@pytest.mark.parametrize("say", [hang, drip])
def test_cancel_ends_the_wait_at_once(say: Callable[[Any, Any], None]) -> None:
    with fake(say) as (url, _):
        generator = lyrics(url)
        begun = time.monotonic()
        with pytest.raises(Cancelled):
            generator.generate(JobContext(5, cancelled=lambda: time.monotonic() - begun > 0.3))
        assert time.monotonic() - begun < 1.2


@pytest.mark.parametrize(
    "url",
    ["http://user:word@127.0.0.1/v1", "http://127.0.0.1:99999/v1", "http://127.0.0.1/v1?key=1", "http://:80/v1"],
)  # fmt: skip
def test_addresses_that_cannot_be(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        lyrics(url)
    assert "user:word" not in str(refused.value)


def test_game_content_is_mended_by_what_was_wrong() -> None:
    good = {name: part for name, part in BuiltinKinds(TextRequest(kind="quest", seed=1)).generate(JobContext(1))
            .document.items() if name not in ("kind", "language", "theme")}  # fmt: skip

    def say(peer: Any, body: Any) -> None:
        peer.tell(json.dumps(good | ({} if len(body["messages"]) > 2 else {"difficulty": 99})))

    with fake(say) as (url, calls):
        generator = ServerWords(TextRequest(kind="quest", seed=1, backend="openai", url=url, model="small"))
        text = generator.generate(JobContext(1))
    assert not complaints(text.document, schema("quest")) and text.document["by"] == "server"
    assert len(calls) == 2 and "difficulty: 99" in calls[1][2]["messages"][3]["content"]
    assert calls[0][2]["response_format"]["json_schema"]["schema"]["required"][0] == "title"


def test_game_content_that_never_fits_is_an_error() -> None:
    with (
        fake(lambda peer, body: peer.tell('{"title": "x"}')) as (url, calls),
        pytest.raises(ModelError, match="no valid quest in 4 answers"),
    ):
        ServerWords(TextRequest(kind="quest", backend="openai", url=url, model="small")).generate(JobContext(1))
    assert len(calls) == ROUNDS + 1


def test_album_notes_may_state_no_other_figures() -> None:
    song = Score([Track("melody", 0, [Note(480 * beat, 60 + beat % 5, 80, 400) for beat in range(32)])], [(0, 90.0)])

    def say(peer: Any, body: Any) -> None:
        bpm = "90" if len(body["messages"]) > 2 else "120"
        peer.tell(
            json.dumps({"title": "Five Steps", "paragraphs": [f"It moves at {bpm} beats a minute.", "It stays low."]})
        )

    with fake(say) as (url, calls):
        request = TextRequest(kind="album-notes", melody=song, backend="openai", url=url, model="small")
        text = ServerWords(request).generate(JobContext(1))
    assert len(calls) == 2 and "120" not in text.plain
    assert text.document["facts"]["bpm"] == "90" and not complaints(text.document, schema("album-notes"))


@given(st.text(max_size=60) | st.text(alphabet='{}[]":,ab1 \n', max_size=60))
def test_any_answer_is_an_object_or_a_value_error(answer: str) -> None:
    try:
        assert isinstance(json_in(answer), dict)
    except ValueError as error:
        assert "the answer" in str(error)


@given(st.text(max_size=40), st.sampled_from(["en", "zh"]))
def test_cleaning_twice_is_cleaning_once(line: str, language: str) -> None:
    assert clean(clean(line, language), language) == clean(line, language)


def real(name: str) -> None:
    if find_spec(name) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"{name} is not installed: pip install -e '.[hub,test]'"
        )


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose tokens are whole characters."""
    real("transformers")
    index = LanguageModel.load("words-zh").words
    return tiny_llama(tmp_path_factory.mktemp("characters"), [word for word in index if "\u4e00" <= word <= "\u9fff"])


@pytest.fixture(scope="module")
def nothing_but_bytes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    real("transformers")
    return tiny_llama(tmp_path_factory.mktemp("bytes"))


def by_model(folder: Path, **more: Any) -> TransformersWords:
    wanted = {"language": "zh", "theme": "月光", "lines": 4, "syllables": 7, "scheme": "AA-A", "seed": 5,
              "backend": "transformers", "model": str(folder)}  # fmt: skip
    return TransformersWords(TextRequest(**wanted | more))


def test_a_model_with_words_writes_lines_that_fit(characters: Path) -> None:
    generator = by_model(characters)
    text = generator.generate(JobContext(5))
    holds(generator, text.document)
    assert {row["by"] for row in text.document["lines"]} == {"model"}
    assert by_model(characters).generate(JobContext(5)).plain == text.plain
    material = generator.materials()[0]
    assert material.role == "model" and material.sha256 is not None and len(material.sha256) == 64


def test_a_model_of_bytes_is_held_by_our_own_lines(nothing_but_bytes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hub.LENGTHS, "lyrics", 40)
    generator = by_model(nothing_but_bytes, lines=2, scheme="AA")
    text = generator.generate(JobContext(5))
    holds(generator, text.document)
    assert {row["by"] for row in text.document["lines"]} == {"builtin"}
    assert generator.quality()["remarks"]


def test_a_model_is_stopped_between_tokens(nothing_but_bytes: Path) -> None:
    generator = by_model(nothing_but_bytes, kind="story")
    asked = iter(range(10**6))
    with pytest.raises(Cancelled):
        generator.generate(JobContext(5, cancelled=lambda: next(asked) > 12))


def test_folders_that_are_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real("transformers")
    with pytest.raises(ModelError, match=r"no config\.json"):
        by_model(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(ModelError, match="pickles are not"):
        by_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        by_model(tmp_path).generate(JobContext(5))
    with pytest.raises(UsageError, match="OWNER/NAME"):
        by_model(Path("default"))
    monkeypatch.setattr("aigc_music.generators.hub.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"aigc-music\[hub\]"):
        by_model(tmp_path)


def test_a_hub_id_says_what_it_downloads() -> None:
    from aigc_music.generators.hub import Source

    assert "huggingface.co" in Source("owner/name", False).stage()
    assert "huggingface.co" not in Source("folder", True).stage()


@pytest.fixture(scope="module")
def served(nothing_but_bytes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`transformers serve`, a real OpenAI-compatible server, over the tiny model."""
    for name in ("fastapi", "uvicorn"):
        real(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("served") / "log.txt"
    program = Path(sys.executable).with_name("transformers")
    command = [
        str(program),
        "serve",
        str(nothing_but_bytes),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        "--device",
        "cpu",
    ]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    try:
        deadline = time.monotonic() + 90
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                break
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(20)


@pytest.mark.real
def test_a_real_server_is_held_to_the_template(
    served: str, nothing_but_bytes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "MOST_TOKENS", 40)
    generator = lyrics(served, model=str(nothing_but_bytes), lines=2, scheme="AA", timeout_s=120.0)
    text = generator.generate(JobContext(5))
    holds(generator, text.document)
    assert {row["by"] for row in text.document["lines"]} == {"builtin"}  # its weights are random
    assert sum("the answer" in remark for remark in generator.quality()["remarks"]) == ROUNDS + 1


@pytest.mark.real
def test_a_real_server_is_cancelled(served: str, nothing_but_bytes: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        lyrics(served, model=str(nothing_but_bytes), timeout_s=120.0).generate(
            JobContext(5, cancelled=lambda: time.monotonic() - begun > 0.5)
        )
    assert time.monotonic() - begun < 3
