"""Train a language model for words: `train` makes a run, `export` a model folder of it.

    run = train(["data"], "runs/words", language="en", minutes=35)
    export(run, "models/words-own", name="words-own")

The budget is time: the rate follows the share of it that is used up (a cosine after a short climb). Streams of
pieces with the state carried on, gradients over WINDOW tokens, AdamW, an exponential mean of the weights, fp32. A run
keeps a checkpoint in its folder and goes on from there when started again: to the same bits where the budget is in
steps.

torch is imported when training starts, not before.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import MissingExtraError, ModelError, UsageError, choose
from aigc_music.files.atomic import atomic_write

from ...music import checkpoint
from ...tensors import write_folder
from . import text
from .corpus import KINDS, SETS, Piece, read
from .model import LANGUAGES, WORDS_FILE
from .streams import Coded, Round, code, draw_round
from .vocabulary import FUNCTION, choose_tunes, choose_words, vectors

__all__ = ["SIZE", "Progress", "export", "train"]

SIZE: Mapping[str, int] = {"embedding": 256, "hidden": 512, "layers": 1, "topics": 64}
STREAMS, WINDOW = 16, 48
PEAK_RATE, FLOOR, WARM_UP = 2.5e-3, 0.02, 60  # rate; share of it at the end; steps
DECAY, DROPOUT, CLIP = 0.01, 0.1, 1.0
AVERAGE = 0.995
NARROW, WIDE = 3, 12  # windows of the vectors from counts
CHECKPOINT_SECONDS, LOG_SECONDS = 120.0, 20.0


class Progress(NamedTuple):
    """Step, tokens seen, share 0..1 of the budget, bits a token (estimated, mean of about the last hundred steps)."""

    step: int
    tokens: int
    done: float
    bits: float


Report = Callable[[Progress], None]


def train(
    data: Sequence[str | Path],
    out: str | Path,
    language: str = "en",
    minutes: float = 35.0,
    steps: int | None = None,
    seed: int = 1,
    threads: int = 1,
    report: Report | None = None,
    size: Mapping[str, int] = SIZE,
) -> Path:
    """Train on the train part of the texts (see corpus.read); returns the run's folder `out`, for `export`.

    minutes, steps: the budget in all, earlier parts of the run counted in; with `steps` time does not count. size:
    embedding, hidden, layers, topics. UsageError without texts, MissingExtraError without torch.
    """
    torch = _import_torch(threads)
    language, out = choose("language", language, LANGUAGES), Path(out)
    pieces = [piece for piece in read(data, language) if piece.split == "train"]
    words = choose_words(pieces, language)
    styles = [*KINDS[language], *(f"tune {tune}" for tune in choose_tunes(pieces))]
    coded = code(pieces, words, styles, language)
    topics, network = _network(torch, coded, words, len(styles), language, size, seed)
    out.mkdir(parents=True, exist_ok=True)
    fresh: dict[str, Any] = {
        "language": language, "seed": seed, "config": network.config, "words": words, "styles": styles,
        "data": _counts(pieces, language), "step": 0, "tokens": 0, "round": 0, "at": 0, "used": 0.0, "bits": 0.0,
    }  # fmt: skip
    run = _Run(torch, network, out / checkpoint.FILE, fresh)
    facts = run.facts
    drawn = _Rounds(coded, topics, seed, facts["round"], facts["at"])
    begin, used = time.monotonic(), facts["used"]
    saved = logged = begin
    while (done := facts["step"] / steps if steps is not None else facts["used"] / (60 * minutes)) < 1:
        run.step(drawn, done)
        now = time.monotonic()
        facts["used"] = used + now - begin
        if report is not None:
            report(Progress(facts["step"], facts["tokens"], done, facts["bits"]))
        if now - saved > CHECKPOINT_SECONDS:
            run.save()
            saved = now
        if now - logged > LOG_SECONDS:
            _log(out, facts)
            logged = now
    run.save()
    _log(out, facts)
    return out


def export(run: str | Path, folder: str | Path, name: str, **card: Any) -> Path:
    """A model folder of a run: weights.safetensors, words.json, card.json. card: more entries for the card."""
    weights, _, facts = checkpoint.read(Path(run) / checkpoint.FILE)
    tensors = {key: value for key, value in weights["network"].items() if key != "carried"} | weights["average"]
    lists = json.dumps({"words": " ".join(facts["words"]), "styles": facts["styles"]}, ensure_ascii=False).encode()
    full = {
        "name": name, "kind": "words", "language": facts["language"], "network": "gru", "config": facts["config"],
        "steps": facts["step"], "tokens_seen": facts["tokens"], "hours": round(facts["used"] / 3600, 3),
        "seed": facts["seed"], "date": datetime.now(UTC).date().isoformat(), "data": facts["data"],
        "words_sha256": hashlib.sha256(lists).hexdigest(), **card,
    }  # fmt: skip
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / WORDS_FILE) as file:
        file.write(lists)
    return write_folder(folder, {key: value.float().numpy() for key, value in tensors.items()}, full)


class _Rounds:
    """Rounds cut into STREAMS equal streams; a window is the next WINDOW tokens of each, and the one after."""

    def __init__(self, coded: Sequence[Coded], topics: NDArray[np.float32], seed: int, number: int, at: int) -> None:
        self._coded, self._topics, self._seed = coded, topics, seed
        self._draw(number)
        self.at = at

    def _draw(self, number: int) -> None:
        self.number, self.at = number, 0
        self.round: Round = draw_round(self._coded, self._topics, np.random.default_rng([self._seed, number]))
        length = len(self.round.tokens) // STREAMS
        if length < 2:
            raise UsageError(f"{len(self.round.tokens)} tokens of text: give more, some thousands of words at least")
        self._tokens = self.round.tokens[: length * STREAMS].reshape(STREAMS, length).T
        self._piece = self.round.piece[: length * STREAMS].reshape(STREAMS, length).T

    def window(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(tokens, rows of their pieces), each (up to WINDOW + 1, STREAMS)."""
        if self.at + 2 > len(self._tokens):
            self._draw(self.number + 1)
        begin, end = self.at, min(self.at + WINDOW + 1, len(self._tokens))
        self.at = end - 1
        return self._tokens[begin:end], self._piece[begin:end]


class _Run:
    """The network, its mean, the optimiser and the facts of a run, read from its checkpoint where there is one."""

    def __init__(self, torch: Any, network: Any, path: Path, fresh: dict[str, Any]) -> None:
        self._torch, self._network, self._path, self.facts = torch, network, path, fresh
        size = fresh["config"]
        self._carried = torch.zeros(size["layers"], STREAMS, size["hidden"])
        network.register_buffer("carried", self._carried)
        self._learnt = {name: value for name, value in network.named_parameters() if value.requires_grad}
        self._average = {name: value.detach().clone() for name, value in self._learnt.items()}
        self._optimiser = torch.optim.AdamW(
            self._learnt.values(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=DECAY, fused=True
        )
        if path.exists():
            self._go_on()

    def step(self, drawn: _Rounds, done: float) -> None:
        """One window of tokens; done: share 0..1 of the budget."""
        torch, facts = self._torch, self.facts
        torch.manual_seed(facts["seed"] * 1_000_003 + facts["step"])
        generator = torch.Generator().manual_seed(facts["seed"] * 1_000_003 + facts["step"])
        tokens, rows = drawn.window()
        ids = torch.from_numpy(tokens.astype(np.int64))
        styles = torch.from_numpy(drawn.round.styles[rows[:-1]].astype(np.int64))
        themes = torch.from_numpy(drawn.round.themes[rows[:-1]])
        self._network.train()
        outputs, after = self._network(ids[:-1], styles, themes, self._carried)
        loss = self._network.loss(outputs.flatten(0, 1), ids[1:].flatten(), generator)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learnt.values(), CLIP)
        for group in self._optimiser.param_groups:
            group["lr"] = _rate(facts["step"], done)
        self._optimiser.step()
        self._carried.copy_(after)
        share = min(AVERAGE, 1 - 1 / (1 + facts["step"] / 10))
        now = [value.detach() for value in self._learnt.values()]
        torch._foreach_lerp_(list(self._average.values()), now, 1 - share)
        bits = float(loss.detach()) / math.log(2)
        facts["bits"] += (bits - facts["bits"]) * max(0.01, 1 / (1 + facts["step"]))
        facts["step"] += 1
        facts["tokens"] += (len(tokens) - 1) * STREAMS
        facts |= {"round": drawn.number, "at": drawn.at}

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.write(self._path, self._network, self._average, self._optimiser, self.facts)

    def _go_on(self) -> None:
        weights, moments, facts = checkpoint.read(self._path)
        if any(facts[key] != self.facts[key] for key in ("language", "seed", "config", "words", "styles")):
            raise ModelError(
                f"the run in {str(self._path.parent)!r} has other texts, seed or sizes: choose another folder"
            )
        self.facts = facts
        self._network.load_state_dict(weights["network"])
        for name, value in weights["average"].items():
            self._average[name].copy_(value)
        self._optimiser.load_state_dict(self._optimiser.state_dict() | {"state": moments})


def _network(
    torch: Any, coded: Sequence[Coded], words: Sequence[str], styles: int, language: str, size: Mapping[str, int],
    seed: int,
) -> tuple[NDArray[np.float32], Any]:  # fmt: skip
    """(topic vectors (words, topics), the network at its beginning)."""
    from .network import LanguageNetwork, initial

    joined = np.concatenate([piece.tokens for piece in coded])
    without = {*text.SPECIALS, *text.MARKS, *FUNCTION[language]}
    empty = [number for number, word in enumerate(words) if word in without]
    topics = vectors(joined, len(words), size["topics"], WIDE, seed, empty)
    torch.manual_seed(seed)
    network = LanguageNetwork({"words": len(words), "styles": styles, **size}, torch.from_numpy(topics), DROPOUT)
    first = vectors(joined, len(words), size["embedding"], NARROW, seed)
    initial(network, first, np.bincount(joined, minlength=len(words)))
    return topics, network


def _rate(step: int, done: float) -> float:
    climb = min(1.0, (step + 1) / WARM_UP)
    return PEAK_RATE * climb * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _counts(pieces: Sequence[Piece], language: str) -> list[dict[str, Any]]:
    counts = Counter(piece.source for piece in pieces)
    return [
        {"set": source, **SETS[language].get(source, {"licence": "own", "credit": ""}), "train_pieces": count}
        for source, count in counts.items()
    ]


def _log(out: Path, facts: Mapping[str, Any]) -> None:
    row = {key: round(facts[key], 4) for key in ("step", "tokens", "used", "round", "bits")}
    with (out / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _import_torch(threads: int) -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "train", "training a language model") from error
    torch.set_num_threads(threads)
    return torch
