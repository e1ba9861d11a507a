"""The usual way to model MIDI, as a peer: MidiTok's REMI tokens and a GPT-2 (Hugging Face), trained from nothing.

    python -m models.music.peers.miditok_gpt2 --data FOLDER --out RUN --minutes 20     train, evaluate, time
    python -m models.music.peers.miditok_gpt2 --data PATH --evaluate RUN               evaluate and time a run

The protocol is meant to be fair, and where in doubt it favours the peer:

Songs. The train songs of `models.music.train.gather`, drawn with the same share per set; the same test songs, near
duplicates left out. The tokens are made from the `Song`, not from the file, so both models see the same notes in the
same parts on the same bars.
Size. Width chosen so that all weights, token and position tables counted, come to the number asked for.
Compute. CPU seconds of one thread, for training steps and drawing windows alone: learning byte pairs and making
tokens is not counted, though our model pays for its windows. float32 (bf16 autocast was slower here), the fused
tanh-GELU, sdpa attention.
Recipe. AdamW, warm-up, cosine to 1 % over the share of the time that is used up, averaged weights, transposition by
-5..6 semitones: as for our model. No dropout: a run of this length does not see its songs twice, and dropout made a
step a third slower.
Tokens. REMI+ with programs and time signatures; onset grid 1/12 of a quarter as ours, 16 velocities, 38 durations on
a grid like ours. An incomplete bar becomes a bar of its own length. Every window of 512 tokens opens with the style
and the tempo of the song, because our model knows those too. `--pairs N` adds MidiTok's byte pairs (BPE), which make
half as many tokens of a note but need longer training: after a minute they were behind.

What is charged. All bits of a whole test song, by teacher forcing; windows overlap so that every token has at least
half a context of past (or the whole past of the song). Not charged: BOS, style, tempo and TimeSig, for our model is
told style, tempo, bar and beat; but a TimeSig inside a byte pair is charged. Per note means per note of `Song.notes`,
also where REMI lost the note. Songs that nobody played have one velocity for all notes here, as our model is not
charged for velocity there: `bits_per_note` leaves their Velocity tokens out, `bits_per_note_all` charges what is left
of them (little). Our model pays for micro-offsets on played sets, which REMI does not encode at all: there the peer
says less and pays less.

Threads: offline, one. Realtime-safe: no. MidiTok, transformers and torch are imported when they are used.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import MissingExtraError, UsageError
from aigc_music.core.parts import DRUMS, PARTS
from aigc_music.core.styles import STYLES
from aigc_music.core.time import TICKS_PER_QUARTER
from models.music import checkpoint
from models.music.corpus import Song, load_set, near_duplicates
from models.music.train import SHARES, gather

__all__ = ["Alphabet", "evaluate", "peer_rows", "time_per_note", "train"]

PARAMETERS = 4_200_000
CONTEXT = 512  # tokens
LAYERS, ATTENTION_HEADS = 5, 4

BATCH = 4  # windows a step
PEAK_RATE = 1.5e-3
WARM_UP = 100  # steps
FLOOR = 0.01  # of the peak rate, at the end
DROPOUT = 0.0
WEIGHT_DECAY = 0.05
BETAS = (0.9, 0.98)
AVERAGE_EVERY, AVERAGE_DECAY = 4, 0.99
CHECKPOINT_SECONDS = 120.0
LOG_SECONDS = 30.0

UNIT = 40  # ticks: 1/12 of a quarter
BEAT_RESOLUTION = {(0, 1): 12, (1, 2): 6, (2, 4): 4, (4, 16): 1}
"""Steps per beat by length in beats: the onset grid is the finest of them, durations have 12 + 6 + 8 + 12 values."""
VELOCITIES = 16
NUMERATORS = {4: list(range(1, 17)), 8: list(range(1, 17))}
FLAT_VELOCITY = 80  # of every note of a song that nobody played
PAIRS = 0
"""Tokens in all after learning byte pairs; 0 = REMI's own tokens."""
PAIR_SONGS = 400  # drawn to learn byte pairs from
PAIR_REACH = 4  # REMI tokens taken for a window, per token of context
SPEEDS = 12  # tempo classes of the prefix, a quarter of an octave each, from 40 bpm
TRANSPOSE = range(-5, 7)  # semitones

NOTHING_CHARGED = ("PAD", "BOS", "EOS", "Style", "Speed", "TimeSig")

Ids = NDArray[np.int64]


def _library(name: str) -> Any:
    """An optional package; MissingExtraError without it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name, "peers", "the MidiTok + GPT-2 peer") from error


# -- songs -> tokens -----------------------------------------------------------------------------------------------


class Bar(NamedTuple):
    """A stretch of bars: first tick, and the time signature."""

    tick: int
    numerator: int
    denominator: int

    @property
    def ticks(self) -> int:
        """Length of one bar."""
        return self.numerator * 4 * TICKS_PER_QUARTER // self.denominator


class Alphabet:
    """MidiTok's REMI for our songs, and what a score of its tokens needs to know of each.

    `base` are REMI's own tokens. After `learn` the network's tokens are byte pairs of them (`compress`).
    """

    def __init__(self, stored: Path | None = None) -> None:
        """stored: file that `save` wrote; a fresh alphabet without byte pairs by default."""
        miditok = _library("miditok")
        self._sequence = miditok.TokSequence
        if stored is not None:
            self.remi = miditok.REMI(params=stored)
            self._describe()
            return
        styles = [f"Style_{index}" for index in range(len(STYLES) + 1)]
        speeds = [f"Speed_{index}" for index in range(SPEEDS)]
        self.remi = miditok.REMI(
            miditok.TokenizerConfig(
                pitch_range=(0, 127),
                drums_pitch_range=(35, 81),
                beat_res=BEAT_RESOLUTION,
                num_velocities=VELOCITIES,
                special_tokens=["PAD", "BOS", "EOS", *styles, *speeds],
                use_programs=True,
                programs=[-1, *(part.program for index, part in enumerate(PARTS) if index != DRUMS)],
                use_time_signatures=True,
                time_signature_range=NUMERATORS,
                delete_equal_successive_time_sig_changes=True,
                encode_ids_split="no",
            )
        )
        self._describe()

    def _describe(self) -> None:
        self.vocabulary: dict[str, int] = self.remi.vocab
        names = {index: name for name, index in self.vocabulary.items()}
        self.transposed = np.tile(np.arange(len(names)), (len(TRANSPOSE), 1))
        for row, shift in enumerate(TRANSPOSE):
            for pitch in range(128):
                there = self.vocabulary[f"Pitch_{min(127, max(0, pitch + shift))}"]
                self.transposed[row, self.vocabulary[f"Pitch_{pitch}"]] = there
        self.pairs: bool = self.remi.is_trained
        self.size = len(self.remi)
        parts = [[names[base].split("_")[0] for base in self._spelled(index)] for index in range(self.size)]
        self.types = np.array([kinds[0] if len(kinds) == 1 else "several" for kinds in parts])
        self.charged = np.array([not all(kind in NOTHING_CHARGED for kind in kinds) for kinds in parts])
        self.velocity = self.types == "Velocity"
        self.notes = np.array([sum(kind.startswith("Pitch") for kind in kinds) for kinds in parts])
        self.pad = int(self.compress(np.array([self.vocabulary["PAD_None"]]))[0])

    def _spelled(self, index: int) -> list[int]:
        """REMI tokens of one token of the network."""
        sequence = self._sequence(ids=[index], are_ids_encoded=self.pairs)
        self.remi.decode_token_ids(sequence)
        return list(sequence.ids)

    def learn(self, songs: Sequence[Song], size: int) -> None:
        """Learn byte pairs (BPE, within a bar) from some songs until there are `size` tokens."""
        first = _library("miditok.constants").CHR_ID_START  # MidiTok writes token i as the character first + i
        bars = []
        for song in songs:
            sequence = self.remi.encode(score_of(song), encode_ids=False)
            bars.append(["".join(chr(first + token) for token in bar.ids) for bar in sequence.split_per_bars()])
        self.remi.train(vocab_size=size, model="BPE", iterator=bars)
        self._describe()

    def save(self, path: Path) -> None:
        """Write a JSON file for `stored`."""
        self.remi.save(path)

    def compress(self, base: Ids) -> Ids:
        """Tokens of the network for REMI tokens."""
        if not self.pairs or len(base) == 0:
            return base
        sequence = self._sequence(ids=base.tolist())
        self.remi.encode_token_ids(sequence)
        return np.array(sequence.ids, np.int64)

    def encode(self, song: Song) -> Ids:
        """BOS and the REMI tokens of a song."""
        sequence = self.remi.encode(score_of(song), encode_ids=False)
        return np.array([self.vocabulary["BOS_None"], *sequence.ids], np.int64)

    def prefix(self, song: Song) -> Ids:
        """What every window of the song opens with: style and tempo."""
        speed = min(SPEEDS - 1, max(0, round(4 * math.log2(float(song.tempos[0, 1]) / 40.0))))
        style = min(len(STYLES), song.style)
        base = np.array([self.vocabulary[f"Style_{style}"], self.vocabulary[f"Speed_{speed}"]], np.int64)
        return self.compress(base)

    def notes_kept(self, song: Song, ids: Ids) -> int:
        """Notes of a song that come back from its REMI tokens with onset, part and pitch as they were on the grid."""
        decoded = self.remi.decode(self._sequence(ids=ids[1:].tolist(), are_ids_encoded=False))
        scale = TICKS_PER_QUARTER / decoded.ticks_per_quarter
        part_of = {part.program: index for index, part in enumerate(PARTS) if index != DRUMS}
        back = {
            (round(note.time * scale), DRUMS if track.is_drum else part_of[track.program], note.pitch)
            for track in decoded.tracks
            for note in track.notes
        }
        origin = bars_of(song)[1]
        onsets = on_grid(song.notes[:, 0]) - origin
        return sum(
            (int(tick), int(part), int(pitch)) in back
            for tick, part, pitch in zip(onsets, song.notes[:, 1], song.notes[:, 2], strict=True)
        )


def on_grid(ticks: NDArray[np.integer]) -> NDArray[np.int64]:
    """Nearest grid points."""
    return (ticks.astype(np.int64) + UNIT // 2) // UNIT * UNIT


def signature(ticks: int, beat: int) -> tuple[int, int]:
    """(numerator, denominator) of a bar of `ticks`, as close as quarters and eighths come."""
    if ticks % TICKS_PER_QUARTER == 0 and beat % TICKS_PER_QUARTER == 0:
        return min(16, max(1, ticks // TICKS_PER_QUARTER)), 4
    eighths = max(1, round(ticks / (TICKS_PER_QUARTER // 2)))
    return (eighths, 8) if eighths <= 16 else (min(16, max(1, round(ticks / TICKS_PER_QUARTER))), 4)


def bars_of(song: Song) -> tuple[list[Bar], int]:
    """(stretches of bars, from tick 0, the last bar line before the music; the tick of that bar line in the song).

    A bar that a change of metre cuts short becomes a bar of what is left of it, in quarters or eighths.
    """
    first = int(on_grid(song.notes[:1, 0])[0])
    end = int(song.notes[:, 0].max()) + 1
    starts = on_grid(song.metres[:, 0]).tolist()
    bars: list[Bar] = []
    if starts[0] > 0:
        bars.append(Bar(0, *signature(starts[0], starts[0])))
    for index, (start, (_, beats, beat)) in enumerate(zip(starts, song.metres.tolist(), strict=True)):
        bar = Bar(start, *signature(beats * beat, beat))
        stop = starts[index + 1] if index + 1 < len(starts) else max(end, start + 1)
        bars.append(bar)
        rest = (stop - start) % bar.ticks
        if index + 1 < len(starts) and rest:
            bars.append(Bar(stop - rest, *signature(rest, rest)))
            if stop - rest == start:
                del bars[-2]
    here = max((index for index, bar in enumerate(bars) if bar.tick <= first), default=0)
    origin = bars[here].tick + (first - bars[here].tick) // bars[here].ticks * bars[here].ticks
    kept = [bars[here]._replace(tick=0)] + [bar._replace(tick=bar.tick - origin) for bar in bars[here + 1 :]]
    return kept, origin


def score_of(song: Song) -> Any:
    """A song as a symusic Score: one track a part, onsets and lengths on the grid, from the bar line before it."""
    symusic = _library("symusic")
    bars, origin = bars_of(song)
    score = symusic.Score(TICKS_PER_QUARTER)
    score.time_signatures = symusic.core.TimeSignatureTickList(
        [symusic.TimeSignature(bar.tick, bar.numerator, bar.denominator) for bar in bars]
    )
    onsets = on_grid(song.notes[:, 0]) - origin
    lengths = np.maximum(UNIT, on_grid(song.notes[:, 4]))
    loudness = song.notes[:, 3] if song.played else np.full(len(song.notes), FLAT_VELOCITY)
    for index, part in enumerate(PARTS):
        own = np.flatnonzero(song.notes[:, 1] == index)
        if len(own) == 0:
            continue
        own = own[np.lexsort((song.notes[own, 2], onsets[own]))]
        track = symusic.Track(part.name, part.program, index == DRUMS)
        track.notes = symusic.core.NoteTickList(
            [symusic.Note(int(onsets[i]), int(lengths[i]), int(song.notes[i, 2]), int(loudness[i])) for i in own]
        )
        score.tracks.append(track)
    return score


# -- the network ---------------------------------------------------------------------------------------------------


class Size(NamedTuple):
    """Sizes of a GPT-2."""

    width: int
    layers: int
    heads: int
    vocabulary: int

    @property
    def parameters(self) -> int:
        """Weights of a GPT-2 with tied token embedding."""
        block = 12 * self.width**2 + 13 * self.width
        return (self.vocabulary + CONTEXT + 2) * self.width + self.layers * block


def size_for(parameters: int, vocabulary: int, layers: int = LAYERS, heads: int = ATTENTION_HEADS) -> Size:
    """The width that comes closest to a number of parameters. UsageError when that is not within 5 %."""
    sizes = [Size(width, layers, heads, vocabulary) for width in range(2 * heads, 2048, 2 * heads)]
    best = min(sizes, key=lambda size: abs(size.parameters - parameters))
    if abs(best.parameters - parameters) > 0.05 * parameters:
        what = f"no GPT-2 of {layers} layers has about {parameters} parameters"
        raise UsageError(f"{what}: the closest has {best.parameters}")
    return best


def network_of(size: Size, dropout: float = DROPOUT) -> Any:
    """A GPT-2 with fresh weights."""
    transformers = _library("transformers")
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=size.vocabulary,
            n_positions=CONTEXT,
            n_embd=size.width,
            n_layer=size.layers,
            n_head=size.heads,
            activation_function="gelu_pytorch_tanh",
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=dropout,
            bos_token_id=None,
            eos_token_id=None,
        )
    )


def _torch() -> Any:
    torch = _library("torch")
    torch.set_num_threads(1)
    return torch


# -- training ------------------------------------------------------------------------------------------------------


class Windows:
    """Draws training windows; tokens of a song are made when it is first drawn."""

    def __init__(self, songs: Sequence[Song], weights: Mapping[str, float] | None, alphabet: Alphabet) -> None:
        self.songs, self.alphabet = songs, alphabet
        sizes = np.array([len(song.notes) for song in songs], np.float64)
        if weights is not None:
            totals: dict[str, float] = {}
            for song, size in zip(songs, sizes, strict=True):
                totals[song.set] = totals.get(song.set, 0.0) + size
            sizes *= np.array([weights.get(song.set, 0.0) / totals[song.set] for song in songs])
        self._cumulative = np.cumsum(sizes / sizes.sum())
        self._tokens: dict[int, Ids] = {}
        self.idle = 0.0  # CPU seconds spent on making tokens

    def tokens(self, index: int) -> Ids:
        """REMI tokens of song number `index`."""
        if index not in self._tokens:
            began = time.process_time()
            self._tokens[index] = self.alphabet.encode(self.songs[index])
            self.idle += time.process_time() - began
        return self._tokens[index]

    def pick(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Numbers of `count` songs, by their share."""
        return np.searchsorted(self._cumulative, rng.random(count)).clip(0, len(self.songs) - 1)

    def some(self, rng: np.random.Generator, count: int) -> list[Song]:
        """At most `count` different songs, by their share."""
        return [self.songs[int(index)] for index in np.unique(self.pick(rng, count))]

    def draw(self, rng: np.random.Generator, count: int) -> Ids:
        """(count, CONTEXT) tokens, padded at the end; songs by their share, transposed."""
        batch = np.full((count, CONTEXT), self.alphabet.pad, np.int64)
        reach = CONTEXT * (PAIR_REACH if self.alphabet.pairs else 1)
        for row, index in enumerate(self.pick(rng, count)):
            ids = self.tokens(int(index))
            start = int(rng.integers(0, max(1, len(ids) - reach // 2)))
            piece = self.alphabet.transposed[rng.integers(len(TRANSPOSE)), ids[start : start + reach]]
            began = time.process_time()
            line = np.concatenate((self.alphabet.prefix(self.songs[int(index)]), self.alphabet.compress(piece)))
            self.idle += time.process_time() - began
            line = line[:CONTEXT]
            batch[row, : len(line)] = line
        return batch


def train(
    data: Sequence[str | Path],
    out: str | Path,
    *,
    minutes: float,
    parameters: int = PARAMETERS,
    size: Size | None = None,
    pairs: int = PAIRS,
    shares: Mapping[str, float] | None = None,
    cache: str | Path | None = None,
    seed: int = 1,
    rate: float = PEAK_RATE,
    batch: int = BATCH,
    dropout: float = DROPOUT,
    quiet: bool = False,
) -> Path:
    """Train for `minutes` of CPU time of one thread; returns the folder of the run. A checkpoint there is continued.

    data, shares, cache: as `models.music.train.train`. parameters: weights in all, met within 5 %; `size` overrides.
    pairs: tokens in all with byte pairs (BPE), 0 = none. rate: peak learning rate. batch: windows a step. Raises
    UsageError when there is nothing to train on or the run
    has other sizes, MissingExtraError without MidiTok, transformers or torch.
    """
    torch = _torch()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    songs, weights = gather(data, shares, cache)
    alphabet = Alphabet(_stored(out))
    windows = Windows([song for song in songs if song.split == "train"] or songs, weights, alphabet)
    if pairs and not alphabet.pairs:
        alphabet.learn(windows.some(np.random.default_rng(seed), PAIR_SONGS), pairs)
        alphabet.save(out / ALPHABET)
    size = size or size_for(parameters, alphabet.size)
    torch.manual_seed(seed)
    network = network_of(size, dropout)
    network.train()
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    matrices = [value for value in network.parameters() if value.ndim > 1]
    vectors = [value for value in network.parameters() if value.ndim < 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}],
        lr=rate,
        betas=BETAS,
        fused=True,
    )
    rng = np.random.default_rng(seed)
    facts: dict[str, Any] = {"config": size._asdict(), "step": 0, "tokens": 0, "notes": 0, "used": 0.0}
    facts |= {"recipe": {"rate": rate, "batch": batch, "dropout": dropout, "pairs": pairs, "seed": seed}}
    path = out / checkpoint.FILE
    if path.exists():
        kept, moments, before = checkpoint.read(path)
        if before["config"] != facts["config"]:
            raise UsageError(f"the run in {str(out)!r} has sizes {before['config']}: give another folder, or those")
        if before["recipe"] != facts["recipe"]:
            raise UsageError(f"the run in {str(out)!r} was begun with {before['recipe']}: go on with the same")
        network.load_state_dict(kept["network"])
        optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
        average, facts = kept["average"], before
        rng.bit_generator.state = facts["random"]
    pad = alphabet.pad
    used_before, idle, began = facts["used"], windows.idle, time.process_time()
    last_save = last_log = time.monotonic()
    losses: list[float] = []
    with (out / "log.jsonl").open("a") as log:

        def say(row: dict[str, Any]) -> None:
            log.write(json.dumps(row) + "\n")
            log.flush()
            if not quiet:
                print(json.dumps(row), file=sys.stderr, flush=True)  # noqa: T201

        start = datetime.now(UTC).isoformat(timespec="seconds")
        weights_in_all = sum(value.numel() for value in network.parameters())
        say({"start": start, "songs": len(windows.songs), "parameters": weights_in_all, **size._asdict()})
        while True:
            facts["used"] = used_before + time.process_time() - began - (windows.idle - idle)
            done = min(1.0, facts["used"] / (60.0 * minutes))
            if done >= 1.0 or time.monotonic() - last_save > CHECKPOINT_SECONDS:
                facts["random"] = rng.bit_generator.state
                counted = time.process_time()
                checkpoint.write(path, network, average, optimiser, facts)
                windows.idle += time.process_time() - counted
                last_save = time.monotonic()
            if losses and (done >= 1.0 or time.monotonic() - last_log > LOG_SECONDS):
                figures = {name: facts[name] for name in ("step", "tokens", "notes")}
                say(figures | {"done": round(done, 4), "bits_per_token": round(float(np.mean(losses)), 4)})
                losses, last_log = [], time.monotonic()
            if done >= 1.0:
                return out
            now = rate * min(1.0, (facts["step"] + 1) / WARM_UP)
            now *= FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done))
            for group in optimiser.param_groups:
                group["lr"] = now
            drawn = windows.draw(rng, batch)
            ids = torch.from_numpy(drawn)
            logits = network(input_ids=ids, use_cache=False).logits
            guesses, goals = logits[:, 1:-1].flatten(0, 1), ids[:, 2:].flatten()
            loss = torch.nn.functional.cross_entropy(guesses, goals, ignore_index=pad)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            losses.append(float(loss.detach()) / math.log(2))
            facts["step"] += 1
            facts["tokens"] += int((drawn != pad).sum())
            facts["notes"] += int(alphabet.notes[drawn].sum())
            if facts["step"] % AVERAGE_EVERY == 0:
                decay = min(AVERAGE_DECAY, facts["step"] / (facts["step"] + 50.0))
                with torch.no_grad():
                    for name, value in network.state_dict().items():
                        average[name].lerp_(value, 1 - decay)


ALPHABET = "miditok.json"
"""MidiTok's tokenizer file in the folder of a run with byte pairs."""


def _stored(run: Path) -> Path | None:
    return run / ALPHABET if (run / ALPHABET).exists() else None


def load_run(run: str | Path) -> tuple[Any, Alphabet, dict[str, Any]]:
    """(network with averaged weights, alphabet, facts) of a run. UsageError without one, ModelError when damaged."""
    path = Path(run) / checkpoint.FILE
    if not path.exists():
        raise UsageError(f"no {checkpoint.FILE} in {str(run)!r}: give the folder of a run of this peer")
    kept, _, facts = checkpoint.read(path)
    alphabet = Alphabet(_stored(Path(run)))
    size = Size(**facts["config"])
    if size.vocabulary != alphabet.size:
        raise UsageError(f"the run has {size.vocabulary} tokens, MidiTok makes {alphabet.size} now: train again")
    network = network_of(size)
    network.load_state_dict(kept["average"])
    network.eval()
    return network, alphabet, facts


# -- evaluation ----------------------------------------------------------------------------------------------------


def token_bits(network: Any, head: Ids, ids: Ids, batch: int = 4) -> NDArray[np.float64]:
    """Bits of every token of a whole song, by windows that overlap by half; the first token (BOS) costs nothing."""
    torch = _torch()
    length = CONTEXT - len(head)
    half = length // 2
    starts = [0, *range(half, len(ids) - half, half)] if len(ids) > length else [0]
    rows = np.zeros((len(starts), CONTEXT), np.int64)
    for row, start in enumerate(starts):
        piece = ids[start : start + length]
        rows[row, : len(head)] = head
        rows[row, len(head) : len(head) + len(piece)] = piece
    bits = np.zeros(len(ids))
    with torch.inference_mode():
        for first in range(0, len(starts), batch):
            block = torch.from_numpy(rows[first : first + batch, : min(CONTEXT, len(head) + len(ids))])
            logits = network(input_ids=block, use_cache=False).logits[:, len(head) - 1 : -1]
            goal = block[:, len(head) :]
            costs = torch.nn.functional.cross_entropy(logits.transpose(1, 2), goal, reduction="none").double().numpy()
            for start, cost in zip(starts[first : first + batch], costs, strict=True):
                skip = half if start else 0
                stop = min(len(ids), start + length)
                bits[start + skip : stop] = cost[skip : stop - start] / math.log(2)
    bits[0] = 0.0
    return bits


class _Sum:
    """Bits by token type, notes and seconds of some songs."""

    def __init__(self, alphabet: Alphabet) -> None:
        self.alphabet = alphabet
        self.songs = self.notes = self.kept = self.tokens = 0
        self.seconds = self.free = 0.0  # free: bits of Velocity on songs that nobody played
        self.bits: dict[str, float] = {}

    def add(self, song: Song, ids: Ids, bits: NDArray[np.float64], kept: int) -> None:
        charged = self.alphabet.charged[ids]
        self.songs += 1
        self.notes += len(song.notes)
        self.kept += kept
        self.tokens += int(charged.sum())
        self.seconds += song.seconds
        for kind in np.unique(self.alphabet.types[ids[charged]]):
            self.bits[str(kind)] = self.bits.get(str(kind), 0.0) + float(bits[self.alphabet.types[ids] == kind].sum())
        if not song.played:
            self.free += float(bits[self.alphabet.velocity[ids]].sum())

    def report(self) -> dict[str, Any]:
        everything = sum(self.bits.values())
        return {
            "songs": self.songs,
            "notes": self.notes,
            "notes_lost": self.notes - self.kept,
            "tokens_per_note": round(self.tokens / self.notes, 4),
            "bits_per_note": round((everything - self.free) / self.notes, 4),
            "bits_per_second": round((everything - self.free) / max(1e-9, self.seconds), 3),
            "bits_per_note_all": round(everything / self.notes, 4),
            "bits_per_second_all": round(everything / max(1e-9, self.seconds), 3),
            "token_types": {name: round(value / self.notes, 4) for name, value in sorted(self.bits.items())},
        }


def evaluate(
    path: str | Path,
    run: str | Path,
    split: str = "test",
    *,
    cache: str | Path | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """Score the `split` part of a set, folder, zip, MIDI file or folder of sets with a run.

    Songs are chosen as in `models.music.evaluate`, near duplicates left out. limit: at most so many notes a set
    (whole songs). Returns songs, notes, notes_lost, tokens_per_note, bits_per_note, bits_per_second, the same with
    _all, token_types (bits per note) and per_set. UsageError when the part is empty.
    """
    network, alphabet, facts = load_run(run)
    path = Path(path)
    total, sets = _Sum(alphabet), dict[str, _Sum]()
    for place in (sorted(path.glob("music_*.zip")) if path.is_dir() else []) or [path]:
        skip = near_duplicates(place.parent)
        counted = 0
        for song in load_set(place, cache):
            if split not in ("all", song.split) or (song.set, song.name) in skip:
                continue
            if limit is not None and counted >= limit:
                break
            counted += len(song.notes)
            base = alphabet.encode(song)
            kept = alphabet.notes_kept(song, base)
            ids = alphabet.compress(base)
            bits = token_bits(network, alphabet.prefix(song), ids)
            for sums in (sets.setdefault(song.set or place.stem, _Sum(alphabet)), total):
                sums.add(song, ids, bits, kept)
    if not total.notes:
        raise UsageError(f"no songs in the {split!r} part of {str(path)!r}: choose train, valid, test or all")
    size = Size(**facts["config"])
    return {
        "model": "MidiTok REMI + GPT-2",
        "split": split,
        "parameters": size.parameters,
        "config": facts["config"] | {"context": CONTEXT},
        "recipe": facts["recipe"],
        "cpu_minutes": round(facts["used"] / 60, 3),
        "steps": facts["step"],
        "tokens_seen": facts["tokens"],
        "training_tflop": round(6e-12 * size.parameters * facts["tokens"], 1),
        "notes_seen": facts["notes"],
        "shares": dict(SHARES),
        "versions": {name: importlib.metadata.version(name) for name in ("miditok", "transformers", "torch")},
        **total.report(),
        "per_set": {name: value.report() for name, value in sets.items()},
    }


# -- speed ---------------------------------------------------------------------------------------------------------


def time_per_note(
    run: str | Path, tokens_per_note: float, prompt: Ids | None = None, rounds: int = 5, ours: str | None = "default"
) -> dict[str, Any]:
    """ms per note of `generate` (sampling, key-value cache, one thread) with a context of 384 to 511 tokens, and of
    our decoder, in turns in this process.

    tokens_per_note: as measured by `evaluate`. prompt: 384 tokens; random ones by default, speed does not depend on
    them. ours: name or folder of our model, None = leave it out. Returns medians over the rounds: token_ms, note_ms
    and ours_ms by the clock, token_cpu_ms, note_cpu_ms and ours_cpu_ms by CPU time, and ratio = note_cpu_ms /
    ours_cpu_ms: on a busy machine the clock punishes whoever needs longer than a time slice.
    """
    torch = _torch()
    network, alphabet, _ = load_run(run)
    past, new = CONTEXT * 3 // 4, CONTEXT // 4 - 1
    if prompt is None or len(prompt) < past:
        prompt = np.random.default_rng(0).integers(4, alphabet.size, past)
    start = torch.from_numpy(np.asarray(prompt[-past:], np.int64))[None]
    options = {
        "do_sample": True,
        "top_k": 0,
        "use_cache": True,
        "pad_token_id": alphabet.pad,
        "attention_mask": torch.ones_like(start),
    }

    def spent(count: int) -> NDArray[np.float64]:
        """(ms by the clock, ms of CPU time) of reading the prompt and drawing `count` tokens."""
        clock, cpu = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            network.generate(start, max_new_tokens=count, min_new_tokens=count, **options)
        return 1000 * np.array([time.perf_counter() - clock, time.process_time() - cpu])

    spent(2)
    theirs, own = [], []
    if ours is not None:
        from models.music.bench import decode_ms
        from models.music.decode_cpu import load_model

        model = load_model(ours)
        decode_ms(20, model)
    for _ in range(rounds):
        # reading the prompt is not part of a note: the time of one token from it is taken off
        theirs.append((spent(new + 1) - spent(1)) / new)
        if ours is not None:
            took = decode_ms(200, model)
            own.append((took["p50"], took["cpu"]))
    token = np.median(theirs, axis=0)
    note = token * tokens_per_note
    result = {"tokens_per_note": tokens_per_note, "token_ms": token[0], "token_cpu_ms": token[1]}
    result |= {"note_ms": note[0], "note_cpu_ms": note[1]}
    if own:
        mine = np.median(own, axis=0)
        result |= {"ours_ms": mine[0], "ours_cpu_ms": mine[1], "ratio": note[1] / mine[1]}
    return {name: round(float(value), 4) for name, value in result.items()}


# -- the result ----------------------------------------------------------------------------------------------------

RESULT = Path(__file__).with_suffix(".json")
"""The measured result of the run that our model is compared with.

Its core was shared: a CPU second trained 1,900 tokens, where a quiet core trained 3,600. Compare with a run of ours
on an equally busy core, or train both again on a quiet one."""


def peer_rows(path: str | Path = RESULT) -> list[dict[str, Any]]:
    """Rows of a table from a stored result, 'all' last; keys set, notes, notes_lost, bits_per_note, bits_per_second
    (compare these two), and both with _all. UsageError without the file."""
    path = Path(path)
    if not path.exists():
        raise UsageError(f"no result {str(path)!r}: make one with python -m models.music.peers.miditok_gpt2 --json")
    result = json.loads(path.read_text("utf-8"))
    wanted = ("notes", "notes_lost", "bits_per_note", "bits_per_second", "bits_per_note_all", "bits_per_second_all")
    rows = [*result["per_set"].items(), ("all", result)]
    return [{"set": name} | {key: row[key] for key in wanted} for name, row in rows]


def _keep(result: Mapping[str, Any], path: str | None) -> None:
    if path:
        Path(path).write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `python -m models.music.peers.miditok_gpt2`."""
    parser = argparse.ArgumentParser(
        prog="models.music.peers.miditok_gpt2", description="Train and measure MidiTok REMI + GPT-2, our peer."
    )
    parser.add_argument("--data", required=True, help="a folder of music_*.zip, a set, a folder or zip of MIDI")
    parser.add_argument("--out", help="folder of the run: train, then evaluate; an unfinished run goes on")
    parser.add_argument("--evaluate", metavar="RUN", help="evaluate this run, train nothing")
    parser.add_argument("--minutes", type=float, default=20.0, help="CPU minutes of training in all (default 20)")
    parser.add_argument("--parameters", type=int, default=PARAMETERS, help=f"default {PARAMETERS}")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="tokens in all after BPE; 0 = none (default)")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help=f"peak learning rate (default {PEAK_RATE})")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"windows a step (default {BATCH})")
    parser.add_argument("--dropout", type=float, default=DROPOUT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", help="folder for parsed sets")
    parser.add_argument("--split", default="test", choices=("train", "valid", "test", "all"))
    parser.add_argument("--limit", type=int, help="at most so many notes of each set")
    parser.add_argument("--model", default="default", help="our model, for the time per note")
    parser.add_argument("--json", help="file for the result")
    options = parser.parse_args(arguments)
    if (options.out is None) == (options.evaluate is None):
        parser.error("give --out RUN to train, or --evaluate RUN")
    run = options.evaluate or train(
        [options.data],
        options.out,
        minutes=options.minutes,
        parameters=options.parameters,
        pairs=options.pairs,
        cache=options.cache,
        seed=options.seed,
        rate=options.rate,
        batch=options.batch,
        dropout=options.dropout,
    )
    result = evaluate(options.data, run, options.split, cache=options.cache, limit=options.limit)
    result["date"] = datetime.now(UTC).date().isoformat()
    print(f"{'set':24s} {'notes':>8s} {'lost':>6s} {'bits/note':>10s} {'bits/s':>8s} {'all tokens':>11s}")  # noqa: T201
    for name, row in [*result["per_set"].items(), ("all", result)]:
        print(  # noqa: T201
            f"{name:24s} {row['notes']:8d} {row['notes_lost']:6d} {row['bits_per_note']:10.3f}"
            f" {row['bits_per_second']:8.2f} {row['bits_per_note_all']:11.3f}"
        )
    _keep(result, options.json)  # before the timing: a missing model of ours must not cost an hour of scores
    result["speed"] = time_per_note(run, result["tokens_per_note"], ours=options.model)
    _keep(result, options.json)
    print(json.dumps(result))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
