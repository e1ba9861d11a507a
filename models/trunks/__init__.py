"""Trunks at play time: from what a stream has heard to one vector, a step an event. One file per kind.

    gru           a recurrent state of a few KB
    transformer   attention over a ring of notes
    cnn           dilated causal convolutions, a ring per layer

Each file has `shapes(config)`, the tensors it wants by name; `quantise(tensors, config, exact)`, its weights for the
kernels; and `State(weights, config)`, what one stream of it remembers. Networks of the same kinds in torch stand in
models/music/networks.

Threads: offline, imports only. Realtime-safe: no.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError

__all__ = ["KINDS", "State", "trunk_of"]

KINDS = ("gru", "transformer", "cnn")

Vector = NDArray[np.float32]


class State(Protocol):
    """What one stream of a trunk remembers. Threads: one. Realtime-safe: step and commit are, once compiled.

    top: (hidden,) output after the pending event. The pending event is the one of the last `step`; until `commit` it
    may be stepped over again (with other conditions), as if it had not been.
    """

    top: Vector

    def begin(self) -> None:
        """Forget everything."""

    def step(self, x: Vector) -> None:
        """Digest the pending event, embedded as x (embedding,), into `top`."""

    def commit(self) -> None:
        """The pending event has been; the next step is another event."""

    def snapshot(self) -> Any:
        """What `restore` needs to come back to here: committed events only."""

    def restore(self, snapshot: Any) -> None:
        """Go back to a snapshot of this very state, or of the one it is a copy of: 1024 events back at the most."""

    def copy(self) -> State:
        """Another state that has heard the same committed events."""


def trunk_of(config: dict[str, Any]) -> Any:
    """The file of the trunk that a config names. ModelError for a kind that is not here."""
    kind = config.get("network")
    if kind not in KINDS:
        raise ModelError(f"network {kind!r}: this version plays {', '.join(KINDS)}; take a newer version or model")
    return import_module(f"{__name__}.{kind}")
