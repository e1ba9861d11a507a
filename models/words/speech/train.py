"""Teach the network to read English from the CMU Pronouncing Dictionary: letters in, the phones of each letter out.

`python -m models.words.speech.train cmudict.dict.gz OUT --minutes 15 --text text_songs_en.jsonl.gz`
The same dictionary, seed and minutes give nearly the same network, not the same bits: how many steps fit into the
minutes depends on the machine. With --steps they are counted instead, and the run can be repeated.

Threads: offline, one thread. Realtime-safe: no.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from aigc_music.core.errors import ModelError, UsageError

from ...tensors import read_weights, write_folder
from .alignment import align
from .dictionary import ALPHABET, Phones, counts_of, held_out, read_dictionary
from .network import SpeechNetwork

__all__ = ["CONFIG", "pairs", "train"]

CONFIG: dict[str, Any] = {"letters": len(ALPHABET), "embedding": 64, "hidden": 128, "layers": 3}
BATCH = 128
RATE = 2e-3
WARM = 0.05  # share of the run in which the rate rises; then it falls to zero in a straight line
DROPOUT = 0.05
RARE = 10  # chunks of phones met less often than this, and the words that hold one, are not learned
PAIR_BATCHES = 150  # for the table of pairs
SURE = 2.0  # the table counts double: of new words the network is less sure than of those it has learned
PRIOR = 5.0  # imagined occurrences of each pair, so that rare ones say little
OFTEN = {10: 1, 100: 2, 1000: 6}  # words of the text met so often are learned so many times more, added up

LIMITS = (
    "American English as the dictionary has it; names and foreign words, about half of it, are read worst.",
    "One reading a word: live, read, tear and wind are not told apart by their sentence.",
    "Always one primary stress a word: the, of and and are read in their full form.",
    "Secondary stress is uncertain, as it is in the dictionary.",
    "Judged by the dictionary, not by listeners.",
)

Report = Callable[[float, str, float], None]
"""(share done 0..1, what happens, seconds of processor time left)."""


def train(
    dictionary: Path,
    out: Path,
    minutes: float = 15.0,
    *,
    steps: int | None = None,
    text: Path | None = None,
    start: Path | None = None,
    config: Mapping[str, Any] = CONFIG,
    seed: int = 1,
    report: Report | None = None,
) -> Path:
    """Train on the part of the dictionary that is not held out and write weights.safetensors and card.json to `out`.

    minutes: of processor time on one thread; steps: batches instead, for a run that can be repeated. text: JSON lines
    with a field `text`, of which only the words' counts are used: common words are learned more often. start: folder
    of a network trained earlier on the same dictionary, from whose weights to begin. FileError for files that cannot
    be read, ModelError for a network that does not fit, UsageError for a run without length.
    """
    if steps is None and not minutes > 0:
        raise UsageError(f"minutes is {minutes}: give more than 0")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    words = {word: variants[0] for word, variants in read_dictionary(dictionary).items() if not held_out(word)}
    spelled, chunks = _examples(list(words.items()))
    counts = counts_of(text) if text else Counter[str]()
    times = np.array([1 + sum(n for least, n in OFTEN.items() if counts[word] >= least) for word, _ in spelled])
    batches = _batches(spelled, times, {chunk: at for at, chunk in enumerate(chunks)}, np.random.default_rng(seed))
    whole = {**config, "chunks": len(chunks)}
    network = SpeechNetwork(whole, DROPOUT).train()
    spent_before = _begin_from(start, network, whole, chunks) if start else 0.0
    optimiser = torch.optim.AdamW(network.parameters(), RATE)
    begin, step, loss = time.process_time(), 0, float("nan")
    while True:
        spent = time.process_time() - begin
        done = step / steps if steps is not None else spent / (60 * minutes)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(done / WARM + 0.01, (1 - done) / (1 - WARM))
        letters, targets = next(batches)
        error = functional.cross_entropy(network(letters).flatten(0, 1), targets.flatten())
        optimiser.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        now = float(error.detach())
        loss = now if step == 1 else 0.99 * loss + 0.01 * now
        if report:
            report(done, f"step {step}, {loss:.3f} nats a letter", spent / max(done, 1e-6) - spent)
    tensors = {name: value.detach().numpy() for name, value in network.named_parameters()}
    tensors["pairs"] = pairs(network, batches, len(chunks))
    spent_before += (time.process_time() - begin) / 60
    trained = {
        "words": len(spelled), "steps": step, "batch": BATCH, "seed": seed, "nats_per_letter": round(loss, 4),
        "processor_minutes": round(spent_before, 1),
    }  # fmt: skip
    return write_folder(out, tensors, _card(whole, chunks, trained))


def _examples(pairs: list[tuple[str, Phones]]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """(word, the chunk of each letter) for every word that can be learned, and the chunks, most frequent first."""
    aligned = [
        (word, [" ".join(chunk) for chunk in made])
        for (word, _), made in zip(pairs, align(pairs), strict=True)
        if made is not None
    ]
    counts = Counter(chunk for _, made in aligned for chunk in made)
    chunks = [chunk for chunk, n in counts.most_common() if n >= RARE]
    return [(word, made) for word, made in aligned if all(counts[chunk] >= RARE for chunk in made)], chunks


def _batches(
    examples: Sequence[tuple[str, list[str]]],
    times: NDArray[np.int64],
    index: Mapping[str, int],
    rng: np.random.Generator,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Without end: (T, B) letters and chunks of words of one length, a new order each time round."""
    letters = [torch.tensor([ALPHABET.index(sign) for sign in word]) for word, _ in examples]
    targets = [torch.tensor([index[chunk] for chunk in made]) for _, made in examples]
    lengths = np.array([len(word) for word, _ in examples])
    every = np.repeat(np.arange(len(examples)), times)
    while True:
        order = rng.permutation(every)
        order = order[np.argsort(lengths[order], kind="stable")]
        edges = np.flatnonzero(np.diff(lengths[order])) + 1
        parts = [run[at : at + BATCH] for run in np.split(order, edges) for at in range(0, len(run), BATCH)]
        for at in rng.permutation(len(parts)):
            yield (
                torch.stack([letters[i] for i in parts[at]], dim=1),
                torch.stack([targets[i] for i in parts[at]], dim=1),
            )


def pairs(network: SpeechNetwork, batches: Iterator[tuple[torch.Tensor, torch.Tensor]], chunks: int) -> NDArray[Any]:
    """(chunks, chunks): how much more often one chunk follows another than the network's scores let expect, in nats.

    One step of iterative scaling for the transitions of a conditional random field (Lafferty et al. 2001), the scores
    of the letters held fixed; times SURE, which was chosen on every second held-out word (0 to 3 tried).
    """
    seen, expected = torch.full((2, chunks, chunks), PRIOR)
    network.eval()
    for letters, targets in islice(batches, PAIR_BATCHES):
        with torch.no_grad():
            shares = network(letters).softmax(dim=2)
        expected += torch.einsum("tbc,tbd->cd", shares[:-1], shares[1:])
        seen.index_put_((targets[:-1].flatten(), targets[1:].flatten()), torch.tensor(1.0), accumulate=True)
    result: NDArray[Any] = (SURE * (seen / expected).log()).numpy()
    return result


def _begin_from(folder: Path, network: SpeechNetwork, config: dict[str, Any], chunks: list[str]) -> float:
    """Put the weights of an earlier run into the network; the processor minutes it took."""
    try:
        card = json.loads((folder / "card.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"no network to begin from in {str(folder)!r} ({error})") from error
    if (card.get("config"), card.get("chunks")) != (config, chunks):
        raise ModelError(f"the network in {str(folder)!r} has another size or dictionary: begin without it")
    tensors = read_weights(folder, card, {name: tuple(value.shape) for name, value in network.named_parameters()})
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return float(card["trained"].get("processor_minutes", 0.0))


def _card(config: Mapping[str, Any], chunks: list[str], trained: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "pronunciation",
        "kind": "pronunciation",
        "config": dict(config),
        "alphabet": ALPHABET,
        "chunks": chunks,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "description": "Reads English words: the phones of each letter, by a recurrent network in both directions.",
        "data": [
            {
                "set": "cmudict",
                "licence": "BSD-2-Clause",
                "credit": "CMU Pronouncing Dictionary, Carnegie Mellon University",
                "use": "95 % of the words to train, 5 % by hash to measure; the dictionary is not in the package",
            },
        ],
        "trained": dict(trained),
        "limits": list(LIMITS),
    }


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m models.words.speech.train", description=__doc__)
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0, help="of processor time")
    parser.add_argument("--steps", type=int, default=None, help="batches, instead of minutes")
    parser.add_argument("--text", type=Path, default=None, help="JSON lines, for the counts of common words")
    parser.add_argument("--start", type=Path, default=None, help="folder of an earlier run to begin from")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    last = [-60.0]

    def report(done: float, what: str, left: float) -> None:
        if time.monotonic() - last[0] >= 15:
            last[0] = time.monotonic()
            print(f"{100 * done:5.1f} %  {what}, {left:.0f} s left", flush=True)  # noqa: T201

    train(
        asked.dictionary,
        asked.out,
        asked.minutes,
        steps=asked.steps,
        text=asked.text,
        start=asked.start,
        seed=asked.seed,
        report=report,
    )


if __name__ == "__main__":
    _main()
