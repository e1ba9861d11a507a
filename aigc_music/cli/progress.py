"""A bar on stderr with what is done and the time left; nothing where stderr is no terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Say", "progress"]

Say = Callable[[str, float, float | None], None]
"""what is being done, how much of all is done 0..1, seconds left (None = as the bar reckons)."""


@contextmanager
def progress() -> Iterator[Say]:
    """A function that moves the bar."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
               TextColumn("{task.fields[left]}"))  # fmt: skip
    console = Console(stderr=True)
    quiet = not console.is_terminal or os.environ.get("RANK", "0") != "0"  # of several processes the first one speaks
    begun = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=1.0, left="")

        def say(what: str, done: float, left: float | None) -> None:
            if left is None and done > 0.02:
                left = (time.monotonic() - begun) * (1 - done) / done
            text = "" if left is None else f"{int(left) // 60}:{int(left) % 60:02d} left"
            bar.update(task, description=what, completed=done, left=text)

        yield say
