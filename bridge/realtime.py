"""Realtime priority: ask for it, and say in plain words whether it was granted and how to get it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NamedTuple

__all__ = ["PRIORITY", "Granted", "ask", "prefer", "probe"]

PRIORITY = 40
"""SCHED_FIFO priority of the player's loop: below JACK's own threads (usually 60..80), above everything normal."""


_NICE = -11


class Granted(NamedTuple):
    """Whether realtime scheduling was granted, why or why not, and what would mend it ('' when granted)."""

    granted: bool
    detail: str
    fix: str


def ask(priority: int = PRIORITY) -> Granted:
    """Give the calling thread SCHED_FIFO `priority` (1..99) where the system allows it. Never raises."""
    if not hasattr(os, "sched_setscheduler"):
        return Granted(False, f"{sys.platform} has no SCHED_FIFO call in Python; normal priority is used", "")
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as err:
        return Granted(
            False,
            f"realtime priority refused ({err.strerror}); notes may be up to 2 ms late on a busy machine",
            "allow it: put 'your-user - rtprio 95' and 'your-user - memlock unlimited' into"
            " /etc/security/limits.d/audio.conf, then log in again",
        )
    return Granted(True, f"realtime priority {priority} (SCHED_FIFO)", "")


def prefer() -> None:
    """Ask for a larger share of the processor than ordinary programs get, where the system allows it.

    For the model process: it must answer within milliseconds on a busy machine, but it computes too much to be
    given realtime priority over everything else. Never raises.
    """
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def probe() -> Granted:
    """What `ask` would answer; the calling thread keeps its own priority."""
    answer = ask()
    if answer.granted:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return answer
