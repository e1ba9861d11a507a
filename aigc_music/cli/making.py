"""What all kinds of `generate` share: run the requests with progress, save the results, say what was made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from aigc_music.core.errors import FileError, UsageError
from aigc_music.engine import Engine, Progress, Request, Result
from aigc_music.engine.encodings import suffixes_of

from .progress import progress

__all__ = ["check_place", "make", "numbered", "tell"]

_ROOM = 32 << 20  # bytes that must be free before anything is begun


def check_place(out: Path, asset: str, count: int) -> None:
    """UsageError or FileError where files of this kind cannot come to stand at `out`, before any work is done."""
    if not 1 <= count <= 1000:
        raise UsageError(f"--n {count}: give 1..1000 pieces")
    if out.suffix.lower() not in suffixes_of(asset):
        allowed = " or ".join(suffixes_of(asset))
        raise UsageError(f"--out {out}: this is written as {allowed}, give a name that ends so")
    folder = out.parent
    if not folder.is_dir():
        raise FileError(f"cannot write {str(out)!r}: the folder does not exist: create it first")
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise FileError(f"cannot write {str(out)!r}: the disk is full ({free >> 10} KB left): free some space")


def make(requests: Sequence[Request], label: str) -> list[Result]:
    """The results of all requests, with one bar over all. Ctrl-C stops within a second and leaves nothing."""
    results = []
    with Engine() as engine, progress() as say:
        for index, request in enumerate(requests):
            job = engine.submit(request)
            for event in job.events():
                if isinstance(event, Progress):
                    stage = f"{label} {index + 1} of {len(requests)}" if len(requests) > 1 else label
                    say(f"{stage}: {event.stage}", (index + event.done) / len(requests), None)
            results.append(job.result())
    return results


def numbered(out: Path, count: int) -> list[Path]:
    """The file names of so many results: the name itself, or name-1, name-2 ..."""
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{number}{out.suffix}") for number in range(1, count + 1)]


def tell(results: list[Result], out: Path, as_json: bool, line: Callable[[Result], str], **more: Any) -> None:
    """Save the results, the best first, and say what was made: the contract's JSON, or a line each."""
    for result, path in zip(results, numbered(out, len(results)), strict=True):
        result.save(path)
    best = results[0]
    if as_json:
        artifacts = [asdict(artifact) for result in results for artifact in result.artifacts]
        click.echo(
            json.dumps({"artifacts": artifacts, "provenance": best.provenance, "quality": best.quality} | more)
        )
        return
    for result in results:
        click.echo(line(result))
