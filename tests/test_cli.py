"""The command line's contract: keys, exit codes, one-line errors, and the README's commands as they stand."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_music.cli import VERBS
from aigc_music.files.midi import read_score

ROOT = Path(__file__).parent.parent


def run(*arguments: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"AIGC_MUSIC_HOME": str(cwd / "home"), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-P", "-m", "aigc_music", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def last_json(result: subprocess.CompletedProcess[str]) -> dict:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["lvie"], 2, "live"),
        (["live", "--style", "popp"], 2, "pop"),
        (["live", "--bpm", "9000"], 2, "20..300"),
        (["live", "--key", "H major"], 2, "note name"),
        (["live", "--model", "nothing"], 1, "default"),
        (["live", "--record", "no/such/folder/x.mid", "--api", "memory"], 1, "folder"),
        (["live", "--api", "memory", "--to", "synth"], 2, "no ports"),
        (["live", "--metre", "4/5"], 2, "beats/unit"),
        (["generate", "music", "--bars", "0"], 2, "1..512"),
        (["generate", "music", "--out", "x.wav"], 2, ".mid"),
        (["generate", "words", "--out", "x.lrc"], 2, ".json"),
        (["generate", "words", "--kind", "poem"], 2, "lyrics"),
        (["generate", "words", "--melody", "nothing.mid"], 1, "nothing.mid"),
        (["generate", "words", "--lines", "20000"], 2, "1..2000"),
        (["generate", "words", "--language", "zh", "--tune", "如梦今"], 2, "如梦令"),
        (["generate", "words", "--backend", "openai", "--model", "x", "--url", "http://127.0.0.1:9/v1"], 1, ":9/v1"),
        (["generate", "cover", "--out", "x.gif"], 2, ".png"),
        (["generate", "cover", "--family", "swis"], 2, "swiss"),
        (["generate", "cover", "--palette", "#12"], 2, "#"),
        (["generate", "cover", "--title", "\U00012000\U00010D40"], 2, "U+10D40"),
        (["verify", "nothing.mid"], 1, "no such file"),
        (["lyrics", "nothing.lrc"], 2, "nothing.lrc"),
        (["generate", "music", "--out", "missing/x.mid", "--bars", "1"], 1, "folder"),
        (["evaluate", "music", "missing.mid"], 2, "missing.mid"),
    ],
)
def test_errors_are_one_line_with_the_next_step(arguments: list[str], code: int, says: str, tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("aigc-music: ") == 1


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_with_an_example(verb: str, tmp_path: Path) -> None:
    result = run(verb, "--help", cwd=tmp_path)
    assert result.returncode == 0
    if "COMMAND" not in result.stdout:
        assert "Examples" in result.stdout


def test_live_keys_and_recording(tmp_path: Path) -> None:
    report = last_json(
        run("live", "--api", "memory", "--sound", "none", "--seconds", "4", "--seed", "5", "--json",
            "--record", "take.mid", "--style", "jazz", cwd=tmp_path)
    )  # fmt: skip
    assert set(report) >= {
        "notes_sent", "notes_received", "late", "dropped", "lateness_ms", "decode_ms", "reaction_ms", "first_note_ms",
        "hanging", "fallbacks", "realtime",
    }  # fmt: skip
    assert set(report["lateness_ms"]) >= {"p50", "p99", "max"} and set(report["decode_ms"]) >= {"p50", "p99"}
    assert report["hanging"] == 0 and report["fallbacks"] == 0 and report["notes_sent"] > 5
    score = read_score(tmp_path / "take.mid")
    assert len(score.notes) == report["notes_sent"]
    assert {track.name for track in score.tracks} & {"melody", "keys", "bass", "drums"}
    assert (tmp_path / "take.events.jsonl").is_file()


def test_without_ports_and_audio_the_take_is_written(tmp_path: Path) -> None:
    report = last_json(run("live", "--api", "memory", "--seconds", "3", "--json", cwd=tmp_path))
    written = [Path(path) for path in report["files"]]
    assert {path.suffix for path in written} == {".mid", ".wav", ".jsonl"}
    assert all((tmp_path / path).stat().st_size > 100 for path in written)


def test_generate_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    found = [
        last_json(run("generate", "music", "--seed", "3", "--bars", "4", "--out", name, "--json", cwd=tmp_path))
        for name in ("a.mid", "b.mid")
    ]
    assert found[0]["artifacts"][0]["sha256"] == found[1]["artifacts"][0]["sha256"]
    assert found[0]["provenance"]["materials"][0]["sha256"] and found[0]["quality"]["in_key"] == 1.0


@pytest.mark.parametrize(
    ("verb", "keys"),
    [("ports", {"midi_in", "midi_out", "audio_out", "apis"}), ("doctor", {"checks"}), ("models", {"models"})],
)
def test_json_keys(verb: str, keys: set[str], tmp_path: Path) -> None:
    assert set(last_json(run(verb, "--json", cwd=tmp_path))) >= keys


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    # measuring and training take minutes, and data; a foreign transport needs its own world, and Link would speak to
    # the real network: tests/test_real_sync.py plays those two. Models of others: tests/test_words_backends.py
    elsewhere = (
        " bench ", " --backend ", " train ", " --model mine", " figures ", " steering ", " --sync jack",
        " --sync link",
    )  # fmt: skip
    return [line for line in lines if line.startswith("aigc-music") and not any(word in line for word in elsewhere)]


def test_the_readme_commands_run(tmp_path: Path) -> None:
    commands = readme_commands()
    assert len(commands) >= 8
    for command in commands:
        arguments = shlex.split(re.sub(r'"([^"]*)#([^"]*)"', r'"\1\2"', command))[1:]
        if arguments[0] == "live":
            arguments += ["--api", "memory", "--sound", "none", "--seconds", "1.5"]
        if arguments[:2] in (["generate", "video"], ["generate", "clip"]):
            arguments += ["--seconds", "3", "--fps", "5"]  # a whole song at full size takes minutes
        if arguments[0] == "release" and "harbour/" in arguments and "--draft" not in arguments:
            arguments += ["--only", "music,words"]
        result = run(*arguments, cwd=tmp_path)
        assert result.returncode == 0, f"{command}: {result.stderr}"


def test_the_readme_python_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", text, re.S):
        result = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, result.stderr
