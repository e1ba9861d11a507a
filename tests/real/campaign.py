"""The long campaigns, too long for every test run. Each prints a table and, as its last line, one JSON object.

    python -m tests.real.campaign kills [--count 200] [--seed 1]     deaths of everything under fast playing
    python -m tests.real.campaign clock [--runs 20]                  the follower against made-up clocks
    python -m tests.real.campaign ardour [--melody FILE.mid]         a foreign keyboard, Ardour, fluidsynth, a GIL hog
    python -m tests.real.campaign hour [--model]                     an hour in accelerated time
    python -m tests.real.campaign minutes [--minutes 10] [--model]   real time on JACK, with a foreign recorder
    python -m tests.real.campaign fuzz [--bytes 1000000] [--seed 1]  noise on the ports

Exit code 1 when something did not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_music.live.performance import model_command

from ..jack_world import jack_server
from .band import DENSE, Band, wait_until
from .endurance import deep_size, play
from .events import compare, expected_notes, heard
from .kills import KINDS, SILENCE_MS, run
from .pulses import follow, ramp, steady, step
from .rig import Receiver, Rig

__all__ = ["main"]


def _row(*cells: Any) -> None:
    print("".join(f"{cell!s:>14}" for cell in cells), flush=True)  # noqa: T201


def kills(options: argparse.Namespace) -> dict[str, Any]:
    """`count` deaths, all kinds in turn, at random moments."""
    rng = random.Random(options.seed)
    kinds = list(KINDS)
    results: dict[str, list[float]] = {kind: [] for kind in kinds}
    problems: list[str] = []
    repeated = sounding = 0
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        for number in range(options.count):
            kind = kinds[number % len(kinds)]
            for _ in range(4):
                before = rig.server.xruns()
                try:
                    death = run(rig, kind, rng)
                except (TimeoutError, OSError) as err:
                    problems.append(f"{number} {kind}: {type(err).__name__} {err}")
                    if rig.band is not None:
                        rig.band.close()
                        rig.band = None
                    break
                if death.problem and rig.server.xruns() > before:
                    repeated += 1  # the server lost periods: not believed
                    continue
                results[kind].append(death.ms)
                sounding += death.sounding
                if death.problem:
                    problems.append(f"{number} {kind}: {death.problem}")
                break
        lost = rig.server.xruns()
    _row("kind", "times", "median ms", "worst ms")
    for kind, times in results.items():
        if times:
            ordered = sorted(times)
            _row(kind, len(times), ordered[len(ordered) // 2], ordered[-1])
    for problem in problems:
        print(problem)  # noqa: T201
    return {
        "ok": not problems,
        "deaths": sum(map(len, results.values())),
        "sounding_at_death": sounding,
        "worst_ms": {kind: max(times, default=None) for kind, times in results.items()},
        "bar_ms": SILENCE_MS,
        "problems": problems,
        "repeated_for_xruns": repeated,
        "xruns": lost,
    }


def fuzz(options: argparse.Namespace) -> dict[str, Any]:
    """Noise on both inputs, half of it with our own clock, half following theirs."""
    from ..test_fuzz_live import play_through_noise

    figures: dict[str, Any] = {"ok": True}
    _row("sync", "bytes", "received", "invalid", "notes sent", "sounding", "cpu s")
    for sync in ("internal", "midi"):
        started = time.process_time()
        stage = play_through_noise(options.seed, options.bytes // 2, sync)
        seconds = round(time.process_time() - started, 1)
        statistics = stage.backend.statistics()
        row = {
            "bytes": options.bytes // 2,
            "received": statistics["received"],
            "invalid": statistics["invalid"],
            "notes_sent": stage.player.figures.notes_sent,
            "sounding": stage.sounding(),
            "cpu_s": seconds,
        }
        _row(sync, *row.values())
        figures[sync] = row
        figures["ok"] = figures["ok"] and row["sounding"] == 0
    return figures


def hour(options: argparse.Namespace) -> dict[str, Any]:
    """Sixty minutes of player time on a clock held in the hand."""
    if not options.model:
        played = play(60, early=10, seed=options.seed)
        _row("notes", "missing", "drift ns", "grown bytes")
        _row(played.notes, played.missing, played.drift_ns, played.size_late - played.size_early)
        ok = played.missing == 0 and played.drift_ns == 0 and played.size_late - played.size_early < 1 << 20
        return {"ok": ok, **played._asdict()}
    from aigc_music.live.rehearsal import Rehearsal
    from models.music.decode_cpu import load_model

    stage = Rehearsal(load_model("default"), {"bpm": 120.0, "style": "jazz"}, seed=options.seed)
    sent, sizes = 0, []
    for minute in range(60):
        stage.play(60)
        sent += sum(1 for m in stage.backend.sent if m.port == 0 and m.data[0] & 0xF0 == 0x90 and m.data[2])
        stage.backend.sent.clear()
        stage.log.clear()
        stage.told.clear()
        sizes.append(deep_size((stage.player, stage.planner), stage.backend.sent))
        if minute % 10 == 9:
            _row(f"minute {minute + 1}", f"{sent} notes", f"{sizes[-1]} bytes")
    figures = stage.player.figures
    stage.player.stop()
    return {
        "ok": sent == figures.notes_sent and sizes[-1] - sizes[9] < 1 << 20 and len(stage.player.ledger) == 0,
        "notes": sent,
        "dropped": figures.dropped,
        "stale": figures.stale,
        "grown_bytes": sizes[-1] - sizes[9],
    }


def _rss(pid: int) -> int:
    """Resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def minutes(options: argparse.Namespace) -> dict[str, Any]:
    """Real time on JACK: every note at a foreign recorder, memory of player and model once a minute."""
    command = model_command("default") if options.model else [*DENSE, "--step", "60", "--long", "200"]
    samples: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder, jack_server() as server:
        journal = Path(folder) / "take.jsonl"
        receiver = Receiver(server)
        receiver.start()
        before = server.xruns()
        with Band(journal, to="synth", model_command=command, controls={"bpm": 125.0}, autostart=False) as band:
            wait_until(lambda: band.snapshot.get("model") == "ready", 60)
            wait_until(lambda: receiver.port in "".join(m.get("text", "") for m in band.said("told")), 5)
            band.wish("start")
            end = time.monotonic() + options.minutes * 60
            _row("minute", "player KiB", "model KiB", "sent", "late", "xruns")
            while time.monotonic() < end:
                time.sleep(max(0.0, min(60.0, end - time.monotonic())))
                receiver.read()
                samples.append((_rss(band.player), _rss(band.model)))
                shown = band.snapshot
                _row(len(samples), *samples[-1], shown["sent"], shown["late"], server.xruns() - before)
            report = band.close()
        time.sleep(0.3)
        receiver.read()
        lost = server.xruns() - before
        wanted = [event for event in expected_notes(journal) if event.on]
        got = [event for event in heard((m.frame, m.data) for m in receiver.messages) if event.on]
        receiver.kill()
    result = compare(wanted, got)
    grown = samples[-1][0] - samples[min(1, len(samples) - 1)][0]
    return {
        "ok": result.missing == 0 and (result.worst == 0 or lost > 0) and not receiver.held and grown < 2048,
        "notes": report.get("notes_sent"),
        "heard": len(got),
        "missing": result.missing,
        "worst_frames": result.worst,
        "player_grown_kib": grown,
        "rss_kib": samples,
        "xruns": lost,
        "report": report,
    }


def clock(options: argparse.Namespace) -> dict[str, Any]:
    """The follower against made-up clocks, many seeds; the foreign ones are in tests/test_real_clock.py."""

    def a_ramp(rng: random.Random) -> Any:
        before = rng.uniform(60, 160)
        return ramp(before, before * rng.uniform(0.7, 1.4), 16, 48)

    cases: dict[str, Callable[[random.Random, float], Any]] = {
        "steady": lambda rng, jitter: follow(steady(rng.uniform(40, 240)), 32, jitter, rng),
        "after step": lambda rng, jitter: follow(
            step(rng.uniform(50, 120), rng.uniform(50, 220), 16), 36, jitter, rng, judge_from=25
        ),
        "ramp": lambda rng, jitter: follow(a_ramp(rng), 48, jitter, rng),
        "after ramp": lambda rng, jitter: follow(a_ramp(rng), 64, jitter, rng, judge_from=56),
    }
    figures: dict[str, Any] = {"ok": True}
    rng = random.Random(options.seed)
    _row("clock", "jitter ms", "runs", "worst ms", "mean ms")
    for name, case in cases.items():
        for jitter in (0.0, 2.7, 5.0, 10.0):
            phases = [case(rng, jitter) for _ in range(options.runs)]
            worst = round(max(phase.worst for phase in phases), 2)
            mean = round(sum(phase.mean for phase in phases) / len(phases), 2)
            _row(name, jitter, len(phases), worst, mean)
            figures[f"{name} {jitter:g}"] = {"worst_ms": worst, "mean_ms": mean}
            figures["ok"] = figures["ok"] and mean <= 2 and (worst <= 5 or name == "ramp")
    return figures


def ardour_take(options: argparse.Namespace) -> dict[str, Any]:
    """The whole stage at once: keyboard -> co-player (a hogged face) -> Ardour, fluidsynth and a recorder."""
    from .stage import whole_stage

    figures = whole_stage(options.melody, options.seconds)
    for name, value in figures.items():
        print(f"{name:>24}  {value}")  # noqa: T201
    return figures


def main() -> int:
    """Run one campaign; the exit code says whether it held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    campaigns: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "kills": kills,
        "clock": clock,
        "ardour": ardour_take,
        "hour": hour,
        "minutes": minutes,
        "fuzz": fuzz,
    }
    for name, function in campaigns.items():
        sub = commands.add_parser(name, help=function.__doc__)
        sub.add_argument("--seed", type=int, default=1)
        if name == "kills":
            sub.add_argument("--count", type=int, default=200)
        elif name == "clock":
            sub.add_argument("--runs", type=int, default=20)
        elif name == "fuzz":
            sub.add_argument("--bytes", type=int, default=1_000_000)
        elif name == "ardour":
            sub.add_argument("--melody", type=Path, help="a MIDI file; default: a tune of our own")
            sub.add_argument("--seconds", type=float, default=30)
        elif name in ("hour", "minutes"):
            sub.add_argument("--model", action="store_true", help="with the trained model instead of rules")
            sub.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    figures = campaigns[options.command](options)
    print(json.dumps({"campaign": options.command, **figures}))  # noqa: T201
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
