"""Train a language model for words: `train` makes a run, `export` a model folder of it.

    run = train(["data"], "runs/words", language="en", minutes=35)
    export(run, "models/words-own", name="words-own")

The budget is time: the rate follows the share of it that is used up (a cosine after a short climb). Streams of pieces
with the state carried on, gradients over WINDOW tokens, AdamW, an exponential mean of the weights, fp32. A run keeps a
checkpoint in its folder and goes on from there when started again: to the same bits where the budget is in steps.

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
RUN_FILE = "run.json"


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
    from .network import LanguageNetwork, initial

    language, out = choose("language", language, LANGUAGES), Path(out)
    pieces = read(data, language)
    kept = [piece for piece in pieces if piece.split == "train"]
    words = choose_words(kept, language)
    styles = [*KINDS[language], *(f"tune {tune}" for tune in choose_tunes(kept))]
    coded = code(kept, words, styles, language)
    joined = np.concatenate([piece.tokens for piece in coded])
    config = {"words": len(words), "styles": len(styles), **size}
    without = {*text.SPECIALS, *text.MARKS, *FUNCTION[language]}
    empty = [number for number, word in enumerate(words) if word in without]
    topics = vectors(joined, len(words), size["topics"], WIDE, seed, empty)
    torch.manual_seed(seed)
    network = LanguageNetwork(config, torch.from_numpy(topics), DROPOUT)
    initial(vectors(joined, len(words), size["embedding"], NARROW, seed), network, np.bincount(joined))
    network.register_buffer("carried", torch.zeros(size["layers"], STREAMS, size["hidden"]))
    learnt = {name: value for name, value in network.named_parameters() if value.requires_grad}
    average = {name: value.detach().clone() for name, value in learnt.items()}
    optimiser = torch.optim.AdamW(learnt.values(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=DECAY, fused=True)
    out.mkdir(parents=True, exist_ok=True)
    facts = {
        "language": language, "seed": seed, "config": config, "words": words, "styles": styles,
        "data": _counts(kept, language), "step": 0, "tokens": 0, "round": 0, "at": 0, "used": 0.0, "bits": 0.0,
    }  # fmt: skip
    path = out / checkpoint.FILE
    if path.exists():
        facts = _go_on(torch, path, facts, network, average, optimiser)
    drawn = _Rounds(coded, topics, seed, facts["round"], facts["at"])
    begin, used, saved, logged = time.monotonic(), facts["used"], time.monotonic(), time.monotonic()
    while (done := _done(facts, steps, minutes)) < 1:
        tokens, pieces_at = drawn.window()
        torch.manual_seed(seed * 1_000_003 + facts["step"])
        generator = torch.Generator().manual_seed(seed * 1_000_003 + facts["step"])
        for group in optimiser.param_groups:
            group["lr"] = _rate(facts["step"], done)
        network.train()
        now = drawn.round
        x, y = torch.from_numpy(tokens[:-1].astype(np.int64)), torch.from_numpy(tokens[1:].astype(np.int64))
        style = torch.from_numpy(now.styles[pieces_at[:-1]].astype(np.int64))
        theme = torch.from_numpy(now.themes[pieces_at[:-1]])
        outputs, after = network(x, style, theme, network.carried)
        loss = network.loss(outputs.flatten(0, 1), y.flatten(), generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt.values(), CLIP)
        optimiser.step()
        network.carried.copy_(after)
        with torch.no_grad():
            share = min(AVERAGE, 1 - 1 / (1 + facts["step"] / 10))
            torch._foreach_lerp_(list(average.values()), [value.detach() for value in learnt.values()], 1 - share)
        bits = float(loss.detach()) / math.log(2)
        facts["bits"] += (bits - facts["bits"]) * max(0.01, 1 / (1 + facts["step"]))
        facts["step"] += 1
        facts["tokens"] += y.numel()
        facts |= {"round": drawn.number, "at": drawn.at, "used": used + time.monotonic() - begin}
        if report is not None:
            report(Progress(facts["step"], facts["tokens"], done, facts["bits"]))
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            checkpoint.write(path, network, average, optimiser, facts)
            saved = time.monotonic()
        if time.monotonic() - logged > LOG_SECONDS:
            _log(out, facts)
            logged = time.monotonic()
    checkpoint.write(path, network, average, optimiser, facts)
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


def _done(facts: Mapping[str, Any], steps: int | None, minutes: float) -> float:
    return facts["step"] / steps if steps is not None else facts["used"] / (60 * minutes)


def _rate(step: int, done: float) -> float:
    climb = min(1.0, (step + 1) / WARM_UP)
    return PEAK_RATE * climb * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def _go_on(torch: Any, path: Path, fresh: dict[str, Any], network: Any, average: Any, optimiser: Any) -> Any:
    """The facts of the run's checkpoint, its tensors loaded. ModelError where it is of other texts or sizes."""
    weights, moments, facts = checkpoint.read(path)
    if any(facts[key] != fresh[key] for key in ("language", "seed", "config", "words", "styles")):
        raise ModelError(f"the run in {str(path.parent)!r} has other texts, seed or sizes: choose another folder")
    network.load_state_dict(weights["network"])
    for name, value in weights["average"].items():
        average[name].copy_(value)
    state = optimiser.state_dict()
    optimiser.load_state_dict(state | {"state": moments})
    return facts


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
