"""`bench`: the tables, the bars and the JSON contract, with small counts and fakes; no time is judged here."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from aigc_music.cli import bench, bench_start
from aigc_music.core.errors import ModelError, UsageError
from bridge.bench import CONTENDERS, measure, spread
from models.music.bench import decide, decode_ms, everything
from models.music.bench import measure as measure_decoding
from models.music.decode_cpu import load_model
from models.music.weights import shapes, write_model

KEYS = {"p50", "p99", "min", "cpu"}
SIZES = {"network": "gru", "hidden": 16, "layers": 2, "embedding": 8, "head": 8, "small_head": 8}

DECODER = [
    sys.executable,
    "-c",
    "import sys; print('on', flush=True); sys.stdin.read(); print('{\"notes\": 30, \"seconds\": 2.0}')",
]
PYTHON_WITH_PEER = """#!{python}
import json, sys
print(json.dumps({{"detail": "a peer"}}), flush=True)
for line in sys.stdin:
    print(json.dumps({{"ms": [5.0] * int(line), "cpu_ms": 4.0 * int(line)}}), flush=True)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a model small enough to be made here."""
    folder = tmp_path_factory.mktemp("tiny")
    chance = np.random.default_rng(1)
    tensors = {
        name: (chance.standard_normal(shape) * 0.1).astype(np.float32) for name, shape in shapes(SIZES).items()
    }
    write_model(folder, tensors, {"name": "tiny", "config": SIZES})
    return str(folder)


def row(**figures: Any) -> dict[str, Any]:
    return {"p50": 1.0, "p99": 2.0, "min": 0.5, "cpu": 1.0} | figures


# -- judging and showing -----------------------------------------------------------------------------------


def test_every_table_has_bars_and_a_yardstick() -> None:
    assert set(bench.BARS) == set(bench.YARDSTICK) == set(bench.command.commands)


def test_a_bar_is_reached_or_says_what_was_measured() -> None:
    rows = {"aigc-music": row(p50=0.4, cpu=0.4), "notochord": row(p50=8.0, cpu=3.0)}
    bench.judge("decode", rows, load=0.1, cores=4)
    first, second = rows["aigc-music"]["bars"]
    assert first == {"bar": "p50 <= 0.5 ms", "measured": 0.4, "reached": True, "remark": ""}
    # 20 times by the clock, 7.5 times by CPU time: the smaller one is judged
    assert (second["measured"], second["reached"]) == (7.5, False)
    assert rows["notochord"]["times"] == 20.0
    assert rows["notochord"]["bars"] == []


def test_without_the_peer_the_ratio_is_not_judged() -> None:
    rows = {"aigc-music": row(p50=0.4)}
    bench.judge("decode", rows, load=0.0, cores=2)
    assert [bar["bar"] for bar in rows["aigc-music"]["bars"]] == ["p50 <= 0.5 ms"]


@pytest.mark.parametrize(("realtime", "limit"), [(True, "p99 <= 0.1 ms"), (False, "p99 <= 2 ms")])
def test_the_bar_depends_on_realtime_priority(realtime: bool, limit: str) -> None:
    rows = {"aigc-music": row(realtime=realtime)}
    bench.judge("jitter", rows, load=0.0, cores=2)
    assert [bar["bar"] for bar in rows["aigc-music"]["bars"]] == [limit]


@pytest.mark.parametrize(("load", "cores", "remark"), [(0.1, 2, ""), (1.7, 2, "no core was idle: load 1.7 on 2")])
def test_a_missed_bar_on_a_busy_machine_says_so(load: float, cores: int, remark: str) -> None:
    rows = {"aigc-music": row(p99=3.0, realtime=False)}
    bench.judge("jitter", rows, load, cores)
    assert rows["aigc-music"]["bars"][0]["remark"] == remark


def test_the_table_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {
        "aigc-music": row(p50=0.061, max=0.3, p99=0.25, realtime=True, decoded_per_s=3000.0, detail="our loop"),
        "mido play": row(max=7.0, realtime=False, detail="a peer"),
    }
    bench.show("jitter", "Lateness", rows, {"aigc-music, JACK": "no server"}, load=0.2, as_json=False)
    said = capsys.readouterr().out
    for words in (
        "Lateness", "load 0.2 before", "p50 ms", "max ms", "0.061", "times ours", "mido play",
        "p99 <= 0.1 ms: not reached: 0.250", "3,000 decoded a second", "aigc-music, JACK: not measured, no server",
    ):  # fmt: skip
        assert words in said, words


def test_json_has_one_object_per_contender_ours_first_and_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"aigc-music": row(), "torch reference": row(p50=3.0)}
    bench.show("decode", "One note", rows, {"notochord": "not there"}, load=0.5, as_json=True)
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(answer) == ["aigc-music", "torch reference", "load", "cores", "unit", "skipped"]
    assert all(answer[name].keys() >= KEYS for name in rows)
    assert answer["load"] == 0.5
    assert answer["skipped"] == {"notochord": "not there"}


def test_help_says_how_to_install_the_peer() -> None:
    said = CliRunner().invoke(bench.command, ["decode", "--help"]).output
    assert "pip install --no-deps notochord==0.8.0" in said
    assert "torch==2.13.0" in said


# -- decode ------------------------------------------------------------------------------------------------


def test_the_quick_figures(model: str) -> None:
    figures = decode_ms(20, model)
    assert figures.keys() == KEYS
    assert 0 < figures["min"] <= figures["p50"] <= figures["p99"]


def test_every_mask_is_kept_while_measuring(model: str) -> None:
    stream = load_model(model).stream(seed=1)
    conditions, limits = everything()
    assert len(decide(stream, conditions, limits, 30)) == 30
    assert stream.events == 30


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
def test_decode_with_a_peer_in_its_own_python(model: str, tmp_path: Path) -> None:
    peer = tmp_path / "python"
    peer.write_text(PYTHON_WITH_PEER.format(python=sys.executable), encoding="utf-8")
    peer.chmod(peer.stat().st_mode | stat.S_IXUSR)
    result = CliRunner().invoke(
        bench.command, ["decode", "--model", model, "--notes", "60", "--notochord", str(peer), "--json"]
    )
    assert result.exit_code == 0, result.exception
    answer = json.loads(result.output.splitlines()[-1])
    names = [name for name in answer if name not in ("load", "cores", "unit", "skipped")]
    assert names[0] == "aigc-music"
    assert set(names) | set(answer["skipped"]) >= {"aigc-music", "torch reference", "notochord"}
    assert all(answer[name].keys() >= KEYS for name in names)
    assert answer["notochord"]["p50"] == 5.0
    assert answer["notochord"]["cpu"] == 4.0
    assert answer["notochord, note"]["p50"] == 10.0  # on and off
    assert answer["aigc-music"]["count"] == 60
    assert len(answer["aigc-music"]["bars"]) == 2


def test_a_peer_that_cannot_run_is_told(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="cannot be started"):
        measure_decoding(model, 10, str(Path(model, "nothing")))
    monkeypatch.setenv("AIGC_MUSIC_NOTOCHORD", sys.executable)
    rows, skipped = measure_decoding(model, 10)
    assert "aigc-music" in rows
    assert "notochord" in rows or "No module named 'notochord'" in skipped["notochord"]


def test_counts_out_of_range_are_refused(model: str) -> None:
    with pytest.raises(UsageError, match=r"10\.\."):
        measure_decoding(model, 3)
    with pytest.raises(UsageError, match=r"10\.\."):
        measure(DECODER, events=5)
    with pytest.raises(UsageError, match=r"1\.\.100"):
        measure(DECODER, grid_ms=0.1)
    with pytest.raises(UsageError, match=r"1\.\.100"):
        bench_start.measure(runs=0)
    with pytest.raises(ModelError):
        measure_decoding("no such model", 10)


# -- jitter ------------------------------------------------------------------------------------------------


def test_events_are_irregular_and_the_same_for_everybody() -> None:
    due = spread(500, 5.0, seed=3)
    gaps = np.diff([0, *due])
    assert due == spread(500, 5.0, seed=3)
    assert gaps.min() >= 2_500_000
    assert gaps.max() <= 7_500_000
    assert not np.any(gaps % 20_000)
    assert len(set(gaps)) > 100


def test_jitter_runs_every_contender_or_says_why_not() -> None:
    rows, skipped = measure(DECODER, events=20, grid_ms=2.0)
    assert next(iter(rows)) == "aigc-music"
    assert set(rows) | set(skipped) == set(CONTENDERS)
    assert {"mido play", "sleep until due", "poll every 5 ms"} <= set(rows)
    for name, figures in rows.items():
        assert figures.keys() >= KEYS | {"max", "realtime", "decoded_per_s", "detail"}, name
        assert figures["events"] == 20, name
        assert 0 <= figures["min"] <= figures["p50"] <= figures["p99"] <= figures["max"], name
    assert rows["aigc-music"]["decoded_per_s"] == 15.0
    assert rows["mido play"]["decoded_per_s"] > 0


@pytest.mark.parametrize("program", ["exit(3)", "import sys; print('on', flush=True); sys.stdin.read(); exit(3)"])
def test_a_decoder_that_fails_is_not_measured_as_an_idle_one(program: str) -> None:
    rows, skipped = measure([sys.executable, "-c", program], events=10, grid_ms=1.0)
    assert "aigc-music" not in rows
    assert "exit code 3" in skipped["aigc-music"]


# -- start -------------------------------------------------------------------------------------------------


def test_the_first_note_is_found_in_a_journal() -> None:
    journal = [
        {"is": "take", "version": 1},
        {"is": "line", "tick": -12, "ns": 1_000_000_000, "bpm": 125.0},  # a tick lasts 1 ms
        {"is": "chord", "tick": 0, "root": 5, "quality": 0},
        {"is": "played", "notes": [[240, 48, 91, 240, 3], [250, 57, 117, 200, 2]]},
        {"is": "played", "notes": [[260, 38, 55, 40, 9]]},
    ]
    assert bench_start.first_due(journal) == (1_252_000_000, 240_000_000)


def test_start_measures_commands_and_says_what_could_not_run() -> None:
    rows, skipped = bench_start.measure("no such model", runs=1)
    assert list(rows) == ["aigc-music --help", "aigc-music ports", "python -c pass"]
    assert all(figures.keys() >= KEYS for figures in rows.values())
    assert "no such model" in skipped[bench_start.FIRST_NOTE]
    bench.judge("start", rows, 0.0, 2)
    assert rows["python -c pass"]["times"] == 1.0
    assert rows["aigc-music --help"]["times"] > 0
