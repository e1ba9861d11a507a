"""A language model at play time: numba kernels, int8 weights, no torch.

    model = LanguageModel.load("words-en")
    hearing = model.hear(theme=["harbour", "lights"], kind="song")
    log_probs = hearing.scores()            # (V,) of the next token; the rhyme word of the first line comes first
    hearing.hear(model.index["sea"])        # then leftwards, and model.END after the line's first word

A line is written from right to left and lines follow in reading order (see text). A hearing has heard the beginning
of a piece, its kind and its theme. Going back is a copy of a few KB.

The network: the vector of the last token plus one of the kind (and tune) plus one of the theme goes through a GRU;
a layer from its state, plus another vector of the theme, is compared with the vector of every word (tied weights,
Press and Wolf 2017).

Threads: one thread a hearing; hearings of one model share only read-only weights. Realtime-safe: no (about a
millisecond a token).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError, UsageError
from models.zoo import find

from ...arithmetic import exp
from ...matrices import int8_rows, matvec
from ...tensors import Tensors, read_weights
from ...trunks import gru
from ...trunks.layers import spaced
from . import text
from .modern import is_old

__all__ = ["WORDS_FILE", "Hearing", "LanguageModel", "shapes"]

WORDS_FILE = "words.json"
LANGUAGES = ("en", "zh")

Vector = NDArray[np.float32]


def shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every tensor of a model, by name. config: words, styles, embedding, hidden, layers, topics."""
    words, width, topics = int(config["words"]), int(config["embedding"]), int(config["topics"])
    return {
        "words.weight": (words, width),
        "words.bias": (words,),
        "styles.weight": (int(config["styles"]), width),
        "topics.weight": (words, topics),
        "theme_in.weight": (width, topics),
        "theme_out.weight": (width, topics),
        "head.weight": (width, int(config["hidden"])),
        "head.bias": (width,),
        **gru.shapes(config),
    }


class LanguageModel:
    """Weights and words of a model.

    card: its card. language: "en" or "zh". words: all tokens, in the order of their ids; index: the way back.
    kinds, tunes: what `hear` takes. old: (V,) True for words of old verse and dialect (see modern).
    """

    END = text.SPECIALS.index(text.END)
    STANZA = text.SPECIALS.index(text.STANZA)
    PIECE = text.SPECIALS.index(text.PIECE)
    UNKNOWN = text.SPECIALS.index(text.UNKNOWN)

    def __init__(
        self, card: dict[str, Any], words: Sequence[str], styles: Sequence[str], tensors: Tensors, exact: bool = False
    ) -> None:
        """tensors: as in `shapes` of the card's config. exact: fp32 matrices in place of int8 rows."""
        config = card["config"]
        self.card = card
        self.language: str = card["language"]
        self.words = list(words)
        self.index = {word: number for number, word in enumerate(self.words)}
        self.old = np.array([self.language == "en" and is_old(word) for word in self.words])
        self._styles = {style: number for number, style in enumerate(styles)}
        self._style = tensors["styles.weight"]
        topics = tensors["topics.weight"]
        self._topics = topics / np.maximum(np.linalg.norm(topics, axis=1, keepdims=True), 1e-6)
        self._theme_in, self._theme_out = tensors["theme_in.weight"], tensors["theme_out.weight"]
        self._config = config
        self._trunk = gru.quantise(tensors, config, exact)
        self._rows, self._scale = int8_rows(tensors["words.weight"], exact)
        self._bias = np.ascontiguousarray(tensors["words.bias"])
        self._head = *int8_rows(tensors["head.weight"], exact), np.ascontiguousarray(tensors["head.bias"])

    @staticmethod
    def load(name: str = "words-en", exact: bool = False) -> LanguageModel:
        """The model of this name, or in this folder. ModelError where it is missing, damaged or of another kind."""
        return _load(str(find(name)), exact)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of pieces it knows, for `hear`."""
        return tuple(style for style in self._styles if not style.startswith("tune "))

    @property
    def tunes(self) -> tuple[str, ...]:
        """Song tunes it knows by name (zh), for `hear`."""
        return tuple(style[5:] for style in self._styles if style.startswith("tune "))

    def theme(self, words: Sequence[str]) -> Vector:
        """(topics,) the mean direction of these words, or zeros where none is known. Phrases are split into words."""
        known = [self._topics[number] for number in self._known(words)]
        total = np.sum(known, axis=0) if known else np.zeros(self._topics.shape[1])
        return (total / max(float(np.linalg.norm(total)), 1e-6)).astype(np.float32)

    def hear(self, theme: Sequence[str] = (), kind: str = "song", tune: str | None = None) -> Hearing:
        """A hearing at the beginning of a piece. theme: words, those that the model does not know have no effect;
        kind: "song" is the model's first kind where it has none of that name (zh: ci); tune: a tune's name.
        UsageError where the model knows no such kind or tune."""
        kind = self.kinds[0] if kind == "song" and "song" not in self._styles else kind
        styles = [self._style_number("kind", kind, "", self.kinds)]
        if tune is not None:
            styles.append(self._style_number("tune", text.simplified(tune), "tune ", self.tunes))
        about = self.theme(theme)
        condition = self._style[styles].sum(axis=0) + self._theme_in @ about
        return Hearing(self, condition.astype(np.float32), (self._theme_out @ about).astype(np.float32))

    def near(self, words: Sequence[str], n: int | None = None) -> Vector:
        """(V,) likeness 0..1 of every word to the nearest of these: cosine of their topic vectors, 1 for themselves.
        n: all but the n likest become 0."""
        known = self._known(words)
        likeness = np.zeros(len(self.words), np.float32)
        for number in known:
            np.maximum(likeness, self._topics @ self._topics[number], out=likeness)
        likeness[: len(text.SPECIALS)] = 0
        if n is not None and n < len(likeness):
            likeness[likeness < np.partition(likeness, -n)[-n]] = 0
        return likeness

    def tokens(self, line: str) -> list[int]:
        """Ids of one line in writing order (right to left), END last; UNKNOWN for words it does not know."""
        return [self.index.get(word, self.UNKNOWN) for word in text.written(text.split(line, self.language))]

    def line(self, tokens: Sequence[int]) -> str:
        """The line that ids in writing order spell; END and other signs are passed over."""
        words = [self.words[token] for token in reversed(tokens) if token >= len(text.SPECIALS)]
        return text.spell(words, self.language)

    def score(self, lines: Sequence[str], theme: Sequence[str] = (), kind: str = "song") -> float:
        """Bits a word (a character in zh) of these lines as one piece, line ends counted in. An empty line parts
        stanzas. UsageError where there is no word."""
        hearing, bits, words = self.hear(theme, kind), 0.0, 0
        for line in lines:
            tokens = self.tokens(line) if line.strip() else [self.STANZA]
            for token in tokens if len(tokens) > 1 or not line.strip() else []:
                bits -= float(hearing.scores()[token]) / math.log(2)
                words += self.words[token] not in text.MARKS and token not in (self.END, self.STANZA)
                hearing.hear(token)
        if not words:
            raise UsageError("no words to score: give at least one line of words")
        return bits / words

    def _known(self, words: Sequence[str]) -> list[int]:
        """Ids of the words, or of their likely stem."""
        found = []
        for phrase in words:
            for word in text.split(phrase, self.language):
                stems = (word, word.removesuffix("s"), word.removesuffix("es"), f"{word}s")
                if known := next((stem for stem in stems if stem in self.index and stem not in text.MARKS), None):
                    found.append(self.index[known])
        return found

    def _style_number(self, what: str, value: str, prefix: str, allowed: Sequence[str]) -> int:
        number = self._styles.get(prefix + value)
        if number is None:
            shown = ", ".join(allowed[:12]) + (f" and {len(allowed) - 12} more" if len(allowed) > 12 else "")
            raise UsageError(
                f"{what} {value!r} is not known to the model {self.card.get('name')!r}: "
                f"choose one of {shown or 'none'}"
            )
        return number


class Hearing:
    """What a model has heard of one piece. Made by LanguageModel.hear."""

    def __init__(
        self, model: LanguageModel, condition: Vector, slant: Vector, state: gru.State | None = None
    ) -> None:
        self._model, self._condition, self._slant = model, condition, slant
        width = len(condition)
        self._x, self._out, self._scores = spaced(width), spaced(width), spaced(len(model.words))
        self._top, self._fresh = spaced(int(model._config["hidden"])), False
        self._state = state or gru.State(model._trunk, model._config)
        if state is None:
            self._state.begin()
            self.hear(model.PIECE)

    def hear(self, token: int) -> None:
        """Take in the token that stands next. UsageError for an id the model has not."""
        model = self._model
        if not 0 <= token < len(model.words):
            raise UsageError(f"token {token}: this model has ids 0 to {len(model.words) - 1}")
        _embed(model._rows[token], model._scale[token], self._condition, self._x)
        self._state.step(self._x)
        self._state.commit()
        self._top[:] = self._state.top
        self._fresh = False

    def scores(self) -> Vector:
        """(V,) natural log of the probability of every token to stand next. A view, valid until the next `hear`."""
        if not self._fresh:
            model = self._model
            _score(
                model._head, self._slant, (model._rows, model._scale, model._bias), self._top, self._out, self._scores
            )
            self._fresh = True
        return self._scores

    def copy(self) -> Hearing:
        """Another hearing that has heard the same."""
        other = Hearing(self._model, self._condition, self._slant, self._state.copy())
        other._top[:] = self._top
        return other


@lru_cache(maxsize=4)
def _load(folder: str, exact: bool) -> LanguageModel:
    path = Path(folder)
    try:
        card = json.loads((path / "card.json").read_text("utf-8"))
        blob = (path / WORDS_FILE).read_bytes()
        lists = json.loads(blob)
        words, styles = lists["words"].split(" "), list(lists["styles"])
        config = card["config"]
        fits = (len(words), len(styles)) == (config["words"], config["styles"])
        wanted = shapes(config)
    except OSError as error:
        raise ModelError(
            f"{folder!r} has no readable card.json and {WORDS_FILE} ({error.strerror}): install the model again"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"card.json or {WORDS_FILE} in {folder!r} is damaged ({error}): install the model again"
        ) from error
    if card.get("kind") != "words" or card.get("language") not in LANGUAGES:
        raise ModelError(
            f"{folder!r} holds a {card.get('kind')!r} model of language {card.get('language')!r}: "
            f"this reads kind 'words' of {' and '.join(LANGUAGES)}"
        )
    if not fits or hashlib.sha256(blob).hexdigest() != card.get("words_sha256"):
        raise ModelError(f"{WORDS_FILE} and card.json in {folder!r} do not belong together: install the model again")
    return LanguageModel(card, words, styles, read_weights(path, card, wanted), exact)


@njit(cache=True, fastmath=True, nogil=True)
def _embed(row, scale, condition, out):  # type: ignore[no-untyped-def]
    """out = the word's vector + condition."""
    for j in range(len(out)):
        out[j] = np.float32(row[j]) * scale + condition[j]


@njit(cache=True, fastmath=True, nogil=True)
def _score(head, slant, words, top, inner, out):  # type: ignore[no-untyped-def]
    """out = log softmax of words @ (head @ top + slant)."""
    matvec(head[0], head[1], head[2], top, inner)
    for j in range(len(inner)):
        inner[j] += slant[j]
    matvec(words[0], words[1], words[2], inner, out)
    highest = out[0]
    for j in range(len(out)):
        highest = max(highest, out[j])
    total = np.float32(0)
    for j in range(len(out)):
        total += exp(out[j] - highest)
    shift = highest + np.float32(np.log(total))
    for j in range(len(out)):
        out[j] -= shift
