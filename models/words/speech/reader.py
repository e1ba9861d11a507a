"""The reading network at play time: for every letter of a word, the chunk of phones it stands for.

Letter vectors, GRU layers that run in both directions (the same gates as torch.nn.GRU), and a score for each
chunk: no phone, one, or two. A table says by how much two chunks in a row are likelier than the scores of each alone
make them. Of all ways to choose a chunk per letter the likeliest with exactly one primary stress is taken (Viterbi);
99 % of the dictionary's words have one.

Threads: any. Realtime-safe: no (allocates), below 1 ms a word.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError

from ...arithmetic import sigmoid, tanh
from ...matrices import int8_rows, matvec
from ...tensors import read_weights

__all__ = ["SHIPPED", "Reader", "likeliest", "shapes", "shipped"]

MARGIN = 8.0  # nats below the best of a letter that a chunk can make up for by its neighbours

SHIPPED = Path(__file__).parents[2] / "zoo" / "pronunciation"


class _Side(NamedTuple):
    """One direction of a layer."""

    matrix: Any  # (inputs, 3H) fp32, turned for a product with all letters at once
    bias: Any  # (3H,)
    state: Any  # (3H, H) int8 or fp32
    state_scale: Any  # (3H,)
    state_bias: Any  # (3H,)


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor by name. config: letters, chunks, embedding, hidden, layers."""
    h, e = int(config["hidden"]), int(config["embedding"])
    result: dict[str, tuple[int, ...]] = {
        "letters.weight": (int(config["letters"]), e),
        "out.weight": (int(config["chunks"]), 2 * h),
        "out.bias": (int(config["chunks"]),),
        "pairs": (int(config["chunks"]), int(config["chunks"])),
    }
    for layer in range(int(config["layers"])):
        for side in (f"l{layer}", f"l{layer}_reverse"):
            result |= {
                f"gru.weight_ih_{side}": (3 * h, 2 * h if layer else e),
                f"gru.weight_hh_{side}": (3 * h, h),
                f"gru.bias_ih_{side}": (3 * h,),
                f"gru.bias_hh_{side}": (3 * h,),
            }
    return result


class Reader:
    """Reads words of the letters in its alphabet; read-only once made."""

    def __init__(self, tensors: dict[str, NDArray[np.float32]], card: dict[str, Any], exact: bool = False) -> None:
        """exact: fp32 throughout, to compare with torch; otherwise the recurrent matrices are int8."""
        self.alphabet: str = card["alphabet"]
        self.chunks: list[tuple[str, ...]] = [tuple(chunk.split()) for chunk in card["chunks"]]
        self._primary = np.array([any(phone.endswith("1") for phone in chunk) for chunk in self.chunks])
        self._letters, self._out = tensors["letters.weight"], np.ascontiguousarray(tensors["out.weight"].T)
        self._out_bias, self._pairs = tensors["out.bias"], tensors["pairs"]
        self._layers = [
            [_side(tensors, name, exact) for name in (f"l{layer}", f"l{layer}_reverse")]
            for layer in range(int(card["config"]["layers"]))
        ]

    @classmethod
    def load(cls, folder: Path = SHIPPED, exact: bool = False) -> Reader:
        """From weights.safetensors and card.json. ModelError where they are missing, damaged or do not match."""
        try:
            card = json.loads((folder / "card.json").read_text("utf-8"))
            tensors = read_weights(folder, card, shapes(card["config"]))
            if len(card["chunks"]) != card["config"]["chunks"] or len(card["alphabet"]) != card["config"]["letters"]:
                raise ValueError("its lists and its config differ in length")
            return cls(tensors, card, exact)
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"no reading network in {str(folder)!r} ({error}): install the package again") from error

    def scores(self, word: str) -> NDArray[np.float32]:
        """(letters, chunks) scores of a word, all of whose signs must be in `alphabet`."""
        x = self._letters[[self.alphabet.index(sign) for sign in word]]
        for forward, backward in self._layers:
            size = forward.state.shape[1]
            y = np.empty((len(x), 2 * size), np.float32)
            _pass(x @ forward.matrix + forward.bias, *forward[2:], y[:, :size])
            _pass((x @ backward.matrix + backward.bias)[::-1], *backward[2:], y[::-1, size:])
            x = y
        return x @ self._out + self._out_bias

    def read(self, word: str) -> list[tuple[str, ...]]:
        """The phones of each letter: one primary stress in all."""
        return [self.chunks[chunk] for chunk in likeliest(self.scores(word), self._pairs, self._primary)]


@cache
def shipped() -> Reader:
    """The shipped network, loaded once."""
    return Reader.load()


def _side(tensors: dict[str, NDArray[np.float32]], name: str, exact: bool) -> _Side:
    state, scale = int8_rows(tensors[f"gru.weight_hh_{name}"], exact)
    return _Side(
        matrix=np.ascontiguousarray(tensors[f"gru.weight_ih_{name}"].T),
        bias=tensors[f"gru.bias_ih_{name}"],
        state=state,
        state_scale=scale,
        state_bias=tensors[f"gru.bias_hh_{name}"],
    )


@njit(cache=True, nogil=True)
def likeliest(scores, pairs, primary):  # type: ignore[no-untyped-def]
    """The chunk of each letter on the best path with one primary stress.

    scores (letters, chunks); pairs (chunks, chunks) is added for the one before and the one after; primary (chunks,)
    tells which have the stress. Chunks far below the best of a letter, with and without the stress, are not tried.
    """
    letters, chunks = scores.shape
    best = np.full((letters, 2, chunks), -np.inf, np.float32)  # the middle index: whether the stress has been
    back = np.zeros((letters, 2, chunks), np.int64)
    for t in range(letters):
        top = np.full(2, -np.inf, np.float32)
        for c in range(chunks):
            top[int(primary[c])] = max(top[int(primary[c])], scores[t, c])
        for c in range(chunks):
            stressed = int(primary[c])
            if scores[t, c] < top[stressed] - MARGIN:
                continue
            if t == 0:
                best[0, stressed, c] = scores[0, c]
                continue
            for been in range(stressed, 2):
                before = best[t - 1, been - stressed]
                for b in range(chunks):
                    value = before[b] + pairs[b, c] + scores[t, c]
                    if value > best[t, been, c]:
                        best[t, been, c], back[t, been, c] = value, b
    path = np.zeros(letters, np.int64)
    been, path[-1] = 1, np.argmax(best[-1, 1])
    for t in range(letters - 1, 0, -1):
        path[t - 1] = back[t, been, path[t]]
        been -= int(primary[path[t]])
    return path


@njit(cache=True, fastmath=True, nogil=True)
def _pass(gates, state, scale, bias, out):  # type: ignore[no-untyped-def]
    """One direction from the zero state: gates (letters, 3H) of the inputs; out (letters, H)."""
    size = state.shape[1]
    before, inner = np.zeros(size, np.float32), np.empty(3 * size, np.float32)
    for t in range(len(gates)):
        matvec(state, scale, bias, before, inner)
        for j in range(size):
            reset = sigmoid(gates[t, j] + inner[j])
            update = sigmoid(gates[t, size + j] + inner[size + j])
            new = tanh(gates[t, 2 * size + j] + reset * inner[2 * size + j])
            before[j] = new + update * (before[j] - new)
            out[t, j] = before[j]
