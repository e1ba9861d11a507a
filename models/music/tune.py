"""Tune a trained model to a musician's own MIDI in minutes, without losing what it knew.

About a fifth of the songs is held out; the rest is learned in a few rounds at a low rate. The sets that the model
was trained on are not on a musician's machine, so three things stand in for them:

Replays. Before tuning, the model plays pieces in every style (Robins 1995, pseudo-rehearsal). In every step the tuned
model must say about windows of them what the old one said: the loss has their Kullback-Leibler divergence.
Early stop. An exponential mean of the weights is looked at now and then, and the best on the held part is kept.
Mixing. The result is a mean of old and tuned weights (Wortsman et al. 2022, WiSE-FT): of the shares tried the
smallest that keeps KEPT_GAIN of the best gain on the held part.

The held part chooses where to stop and what to mix, so its figure is a little kind. A part of the replays is never
learned from: how well the tuned model foretells it says what was forgotten.

A run keeps a checkpoint beside the models folder and goes on from there when it was killed.

Threads: offline. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aigc_music.core.errors import ModelError, UsageError, choose
from aigc_music.core.parts import DRUMS, PART_NAMES
from aigc_music.core.styles import STYLE_NAMES, STYLES, UNKNOWN_STYLE
from aigc_music.core.theory import Key
from models.zoo import find, new_model, own_models

from ..tensors import Tensors
from . import checkpoint, weights
from . import representation as rep
from .corpus import Song, finish, load_set
from .dataset import NOT_STATED, credits_of, hold_out, places
from .decode_cpu import PLAYED_STYLES, MusicModel
from .evaluate import whole
from .listen import Scene, play_piece, prepare
from .train import DROPOUT, faster_in_bf16, follow, import_torch, optimiser_of, rate_at, to_device
from .windows import BLIND, CONDITION_DROP, Batch, Corpus, WindowOptions, collate, unit_table, window

__all__ = ["Tuned", "tune"]

HELD = 0.2  # share of the songs that is held out
FEWEST_NOTES = 64
ROUNDS = 16  # times that the songs are gone through, if the time allows
FEWEST_STEPS = 60
WINDOWS, REPLAY_WINDOWS, LENGTH = 8, 4, 128  # of a step: windows of the songs, windows of the replays, events in each
PEAK_RATE = 4e-4
WARM_UP = 20
AVERAGE_DECAY = 0.95
LOOKS, PATIENCE = 12, 6  # looks at the held part in all; so many without a better one end the run
LOOK_NOTES, MEASURED_NOTES = 12_000, 60_000  # of the held part, at most: at each look, and before and after
SHARES = (0.2, 0.4, 0.55, 0.7, 0.85, 1.0)  # of the tuned weights in the mix
KEPT_GAIN, LEAST_GAIN = 0.9, 0.001  # share of the best gain; bits per note that are more than rounding
REPLAY_NOTES, REPLAY_BATCHES = 200, 40
REPLAY_WEIGHT = 1.0  # of a nat of divergence beside a nat of the songs
CHECKPOINT_SECONDS = 20.0
STYLE_NOTES = 400  # of each of the songs by which their style is found

OPTIONS = WindowOptions(drums=0.0, drop=dict(CONDITION_DROP) | {"style": 0.5})
"""As in training, but the style is often unsaid: what the songs have in common is to show without it too."""

Report = Callable[[str, float, float], None]
"""Called with what is being done, the share that is done (0..1) and the seconds left."""


class Tuned(NamedTuple):
    """The folder of the tuned model, and its card: what came of it stands in `figures`."""

    folder: Path
    card: dict[str, Any]

    @property
    def figures(self) -> dict[str, Any]:
        """Bits per note (blind, see evaluate.py) before and after: held part, and what the old model plays."""
        figures: dict[str, Any] = self.card["figures"]["tuning"]
        return figures


def tune(
    data: Sequence[str | Path],
    name: str,
    *,
    model: str = "default",
    minutes: float = 12.0,
    steps: int | None = None,
    seed: int = 1,
    style: str | None = None,
    licence: str | None = None,
    replace_model: bool = False,
    cache: str | Path | None = None,
    threads: int = 1,
    report: Report | None = None,
) -> Tuned:
    """Tune `model` to the songs in `data` and save it as `name` among the user's own models.

    data: folders or zips of MIDI, MIDI files, sets, files of arrays. minutes: the most it may take in all, a run that
    was killed counted in. steps: in place of ROUNDS rounds. style: a name of STYLES that the songs are to count as;
    by default the one under which the old model foretells them best. licence: of the songs, for the card.

    Raises UsageError for a bad name, too little music, or a name that is taken; ModelError when the model cannot be
    read or nothing was gained (then no model is written); MissingExtraError without torch.
    """
    folder = new_model(name, replace=replace_model)
    torch = import_torch(threads)
    clock = _Clock(60.0 * minutes, report)
    clock.say("reading", 0.0)
    parent = find(model)
    card = weights.read_card(parent)
    old = weights.read_tensors(parent, card)
    player = MusicModel(card, old)
    songs = _read(data, cache)
    learned, held = _parts(songs)
    held = _first(held, MEASURED_NOTES)
    clock.say("finding the style", 0.0)
    chosen = STYLE_NAMES.index(choose("style", style, STYLE_NAMES)) if style else _nearest_style(player, learned)
    learned = [replace(song, style=chosen) if style or song.style == UNKNOWN_STYLE else song for song in learned]
    clock.say("hearing what it plays now", 0.0)
    replays, kept = _replays(player, seed)
    test = [whole(song, BLIND) for song in held]
    began = time.monotonic()
    before = _bits(player, test)
    clock.reserve = (time.monotonic() - began) * (len(SHARES) + 2)

    run = own_models().parent / "runs" / name
    learner = _Learner(torch, card, old, learned, replays, seed)
    clock.spent = learner.resume(run / checkpoint.FILE, _fingerprint(card, learned, held, seed))
    _learn(learner, clock, [whole(song, BLIND) for song in _first(held, LOOK_NOTES)], steps, run / checkpoint.FILE)

    clock.say("mixing", 1.0)
    share, mixed, after = _mix(card, old, _arrays(learner.best), test, before)
    if share == 0.0:
        shutil.rmtree(run, ignore_errors=True)
        raise ModelError(
            f"tuning {card.get('name')!r} to these songs gained nothing on those held out ({before:.2f} bits a note "
            f"before, {after:.2f} after {learner.step} steps): no model was written; give more songs, or songs more "
            "alike"
        )
    tuned = MusicModel(card, mixed)
    rest = [whole(song, BLIND) for song in kept]
    figures = {
        "held_songs": [song.name for song in held],
        "held_notes": _notes(held),
        "learned_notes": _notes(learned),
        "bits_per_note_before": round(before, 4),
        "bits_per_note_after": round(after, 4),
        "margin": round(before - after, 4),
        "replays_before": round(_bits(player, rest), 4),
        "replays_after": round(_bits(tuned, rest), 4),
    }
    facts = {
        "name": name,
        "steps": learner.step,
        "mix": share,
        "style": STYLE_NAMES[Counter(song.style for song in learned).most_common(1)[0][0]],
        "seed": seed,
        "minutes": round(clock.used() / 60, 2),
        "figures": {"tuning": figures},
    }
    used = {(song.set, song.name) for song in (*learned, *held)}
    sources = credits_of(places(data), [song for song in songs if (song.set, song.name) in used], licence)
    weights.write_model(folder, mixed, _card(facts, card, sources, learned))
    shutil.rmtree(run, ignore_errors=True)
    return Tuned(folder, json.loads((folder / "card.json").read_text("utf-8")))


class _Clock:
    """The time that a run has (seconds), what of it is kept for its end, and who is told."""

    def __init__(self, seconds: float, report: Report | None) -> None:
        self.seconds, self.reserve, self.spent = seconds, 0.0, 0.0
        self.began = time.monotonic()
        self.report = report

    def used(self) -> float:
        """Seconds, those before a kill counted in."""
        return self.spent + time.monotonic() - self.began

    def done(self) -> float:
        """Share of the time that is used up, 0..1."""
        return min(1.0, (self.used() + self.reserve) / self.seconds)

    def say(self, what: str, done: float, left: float | None = None) -> None:
        """Tell what is going on; left: seconds, by default all there are."""
        if self.report:
            most = self.seconds - self.used()
            self.report(what, done, max(0.0, most if left is None else min(left, most)))


class _Learner:
    """The network that is tuned: its weights, their mean, the best of those means, and where the run stands."""

    def __init__(
        self, torch: Any, card: dict[str, Any], old: Tensors, learned: list[Song], replays: list[Song],
        seed: int,
    ) -> None:  # fmt: skip
        from .networks.network import MusicNetwork, NetworkConfig

        self.torch, self.card = torch, card
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.net = MusicNetwork(NetworkConfig(**card["config"]), DROPOUT)
        self.net.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in old.items()})
        self.average = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        self.best = {name: value.clone() for name, value in self.average.items()}
        self.best_bits, self.best_step, self.step = float("inf"), 0, 0
        self.optimiser = optimiser_of(torch, self.net, PEAK_RATE, 0.0)
        self.halves = faster_in_bf16(torch)
        self.corpus = Corpus(learned)
        self.lessons = _lessons(torch, self.net, Corpus(replays), self.rng)
        self.task = ""

    def resume(self, path: Path, task: str) -> float:
        """Go on from a checkpoint of the same task, if there is one; returns the seconds that it has used up."""
        self.task = task
        if not path.exists():
            return 0.0
        saved, moments, facts = checkpoint.read(path)
        if facts.get("task") != task:
            return 0.0
        self.net.load_state_dict(saved["network"])
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        self.average, self.best = saved["average"], saved["best"]
        self.step, self.best_bits, self.best_step = (facts[name] for name in ("step", "best_bits", "best_step"))
        self.rng.bit_generator.state = facts["random"]
        return float(facts["used"])

    def save(self, path: Path, used: float) -> None:
        """Write a checkpoint."""
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"task": self.task, "used": used, "random": self.rng.bit_generator.state}
        facts |= {name: getattr(self, name) for name in ("step", "best_bits", "best_step")}
        checkpoint.write(path, self.net, self.average, self.optimiser, facts, self.best)

    def look(self, held: Sequence[Batch]) -> None:
        """Score the mean of the weights on the held part, and keep it when it is the best so far."""
        bits = _bits(MusicModel(self.card, _arrays(self.average)), held)
        if bits < self.best_bits:
            self.best_bits, self.best_step = bits, self.step
            self.best = {name: value.clone() for name, value in self.average.items()}

    def learn(self, rate: float) -> None:
        """One step on windows of the songs and of the replays."""
        torch, net = self.torch, self.net
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        mine = to_device(torch, self.corpus.draw(self.rng, WINDOWS, LENGTH, OPTIONS), "cpu")
        replay, taught = self.lessons[int(self.rng.integers(len(self.lessons)))]
        net.train()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.halves):
            _loss(torch, net, mine, replay, taught).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        follow(torch, self.average, net, min(AVERAGE_DECAY, self.step / (self.step + 10.0)))


def _learn(learner: _Learner, clock: _Clock, held: Sequence[Batch], steps: int | None, path: Path) -> None:
    """Step after step until the rounds are over, the time is up, or the held part gets no better."""
    planned = steps or max(FEWEST_STEPS, ROUNDS * learner.corpus.notes // (WINDOWS * LENGTH))
    look_every = max(1, planned // LOOKS)
    first, began, last_save = learner.step, time.monotonic(), time.monotonic()
    while True:
        done = max(clock.done(), learner.step / planned)
        if done >= 1.0 or (learner.step % look_every == 0 and learner.step > 0):
            learner.look(held)
        if done >= 1.0 or learner.step - learner.best_step >= PATIENCE * look_every:
            break
        if time.monotonic() - last_save >= CHECKPOINT_SECONDS:
            learner.save(path, clock.used())
            last_save = time.monotonic()
        learner.learn(rate_at(PEAK_RATE, learner.step, WARM_UP, done))
        a_step = (time.monotonic() - began) / (learner.step - first)
        what = f"step {learner.step} of {planned}"
        if learner.best_step:
            what += f", {learner.best_bits:.2f} bits a note"
        clock.say(what, done, a_step * (planned - learner.step) + clock.reserve)


# -- songs -------------------------------------------------------------------------------------------------------


def _read(data: Sequence[str | Path], cache: str | Path | None) -> list[Song]:
    songs = [song for place in places(data) for song in load_set(place, cache)]
    songs = [song for song in songs if song.split in ("train", "valid", "test")]
    if _notes(songs) < FEWEST_NOTES:
        raise UsageError(
            f"{', '.join(map(str, data))}: {_notes(songs)} notes in {len(songs)} songs are too few to learn from: "
            f"give {FEWEST_NOTES} notes or more (a few songs are better)"
        )
    return songs


def _parts(songs: list[Song]) -> tuple[list[Song], list[Song]]:
    """(to learn, held out): the splits that the songs bring, else by song, else the last fifth of each song."""
    learned, held = ([song for song in songs if song.split == split] for split in ("train", "valid"))
    if learned and held:
        return learned, held
    out = hold_out(songs, HELD)
    if any(out):
        return [s for s, o in zip(songs, out, strict=True) if not o], [
            s for s, o in zip(songs, out, strict=True) if o
        ]
    cuts = [max(4, round((1 - HELD) * len(song.notes))) for song in songs]
    return (
        [replace(song, notes=song.notes[:cut]) for song, cut in zip(songs, cuts, strict=True)],
        [replace(s, notes=s.notes[cut:]) for s, cut in zip(songs, cuts, strict=True) if cut < len(s.notes)],
    )


def _notes(songs: Sequence[Song]) -> int:
    return int(sum(len(song.notes) for song in songs))


def _first(songs: Sequence[Song], notes: int) -> list[Song]:
    """Songs from the front until there are so many notes; at least one."""
    result: list[Song] = []
    for song in songs:
        if result and _notes(result) + len(song.notes) > notes:
            break
        result.append(song)
    return result


def _fingerprint(card: dict[str, Any], learned: list[Song], held: list[Song], seed: int) -> str:
    """What a run is about: the same parent, notes, styles and seed go on, anything else starts again."""
    digest = hashlib.sha256(f"{card['sha256']} {seed} {rep.VERSION}".encode())
    for song in (*learned, *held):
        digest.update(f"{song.name} {song.style}".encode() + np.ascontiguousarray(song.notes, np.int32).tobytes())
    return digest.hexdigest()


def _nearest_style(player: MusicModel, songs: list[Song]) -> int:
    """The style under which the model foretells the songs best."""
    some = [song for song in songs if song.style == UNKNOWN_STYLE][:4]
    if not some:
        return UNKNOWN_STYLE
    drums = all((song.notes[:, 1] == DRUMS).all() for song in some)
    scores: dict[int, float] = {}
    for style, row in enumerate(STYLES):
        # of most played styles the model knows drums alone: as a style for tunes they would be a name without music
        if drums or row.name == "pop" or row.name not in PLAYED_STYLES:
            rng = np.random.default_rng(0)
            rows = [window(replace(s, style=style), unit_table(s), 0, STYLE_NOTES, rng, BLIND) for s in some]
            scores[style] = _bits(player, [collate(rows)])
    return min(scores, key=lambda style: scores[style])


# -- what the model played before --------------------------------------------------------------------------------


def _replays(player: MusicModel, seed: int) -> tuple[list[Song], list[Song]]:
    """Pieces that the model plays, two in every style and drums alone in some: (to rehearse, to be measured by)."""
    rng = np.random.default_rng(seed)
    songs: list[Song] = []
    for style in (*STYLES, *STYLES):
        drums = ("drums",) if "drums" in style.parts and rng.random() < 0.3 else None
        key = str(Key(int(rng.integers(12)), ("major", "minor")[rng.integers(2)]))
        scene = Scene("", style.name, drums or style.parts, style.bpm, key, bool(rng.random() < 0.7), "", "")
        number = int(rng.integers(1 << 30))
        conditions, limits = prepare(scene, number)
        notes = play_piece(player, conditions, limits, number, REPLAY_NOTES)
        if len(notes) < 16:
            continue
        song = Song(
            f"replay {len(songs)}", "replays", "train", STYLE_NAMES.index(style.name), notes.astype(np.int32),
            np.array([(0, 4, 480)], np.int32), np.zeros((0, 3), np.int32), np.array([(0, style.bpm)]),
            played=style.name in PLAYED_STYLES,
        )  # fmt: skip
        finish(song)
        songs.append(song)
    return [s for i, s in enumerate(songs) if i % 4], songs[::4]


def _lessons(torch: Any, net: Any, corpus: Corpus, rng: np.random.Generator) -> list[tuple[Batch, dict[str, Any]]]:
    """Windows of the replays, and what the network says about them now (log-probabilities of every head)."""
    result = []
    net.eval()
    with torch.no_grad():
        for _ in range(REPLAY_BATCHES):
            batch = to_device(torch, corpus.draw(rng, REPLAY_WINDOWS, LENGTH, WindowOptions()), "cpu")
            taught = {name: value.log_softmax(1).half() for name, value in _logits(torch, net, batch).items()}
            result.append((batch, taught))
    return result


def _logits(torch: Any, net: Any, batch: Batch) -> dict[str, Any]:
    """Logits of all heads at all positions of a batch, (windows * events, classes)."""
    h = net.states(batch.inputs.transpose(0, 1)).transpose(0, 1).reshape(-1, net.config.hidden)
    context = torch.stack([value.reshape(-1) for value in (batch.key_root, batch.low, batch.stay)], dim=1)
    logits: dict[str, Any] = net.heads(h, batch.choices.flatten(0, 1), batch.echo.flatten(0, 1), context)
    return logits


def _loss(torch: Any, net: Any, mine: Batch, replay: Batch, taught: dict[str, Any]) -> Any:
    """Nats per note of the songs, and how far the replays are from what was taught."""
    both = Batch(*(torch.cat(pair) for pair in zip(mine, replay, strict=True)))
    logits, cut = _logits(torch, net, both), mine.weight.numel()
    weight = both.weight.reshape(-1)
    target = both.targets.flatten(0, 1)
    total = 0.0
    for index, (name, _) in enumerate(rep.HEADS):
        counts = weight * {"micro": both.played, "velocity": both.loud}.get(name, both.weight).reshape(-1)
        loss = torch.nn.functional.cross_entropy(logits[name][:cut], target[:cut, index], reduction="none")
        total = total + (loss * counts[:cut]).sum() / weight[:cut].sum().clamp(min=1)
        said = logits[name][cut:].log_softmax(1)
        apart = torch.nn.functional.kl_div(said, taught[name].float(), reduction="none", log_target=True).sum(1)
        total = total + REPLAY_WEIGHT * (apart * weight[cut:]).sum() / weight[cut:].sum().clamp(min=1)
    return total


# -- measuring and mixing ----------------------------------------------------------------------------------------


def _bits(player: MusicModel, batches: Sequence[Batch]) -> float:
    """Bits per note."""
    scores = [player.score(batch) for batch in batches]
    return float(sum(bits.sum() for bits, _, _ in scores)) / max(1, sum(notes for _, notes, _ in scores))


def _arrays(tensors: dict[str, Any]) -> Tensors:
    return {name: value.detach().numpy() for name, value in tensors.items()}


def _mix(
    card: dict[str, Any], old: Tensors, tuned: Tensors, held: Sequence[Batch], before: float
) -> tuple[float, Tensors, float]:
    """(share, weights, bits per note) of the mean to take; share 0 where none is better than the old weights."""
    mixes = {
        share: {name: (1 - share) * value + share * tuned[name] for name, value in old.items()} for share in SHARES
    }
    bits = {share: _bits(MusicModel(card, mix), held) for share, mix in mixes.items()}
    gain = before - min(bits.values())
    if gain < LEAST_GAIN:
        return 0.0, old, min(bits.values())
    share = next(share for share in SHARES if before - bits[share] >= KEPT_GAIN * gain)
    return share, mixes[share], bits[share]


def _card(
    facts: dict[str, Any], parent: dict[str, Any], data: list[dict[str, Any]], learned: list[Song]
) -> dict[str, Any]:
    """The card of a tuned model: what it inherits, its parent, its data."""
    inherited = ("config", "sampling", "played_styles", "augmentation", "limits")
    parts = [PART_NAMES[part] for part in sorted({int(p) for song in learned for p in np.unique(song.notes[:, 1])})]
    sets, licences = (sorted({row[name] for row in data}) for name in ("set", "licence"))
    return (
        {name: parent[name] for name in inherited if name in parent}
        | {
            "name": facts["name"],
            "description": f"{parent.get('name')}, tuned to {', '.join(sets)}: {len(learned)} songs, as "
            f"{facts['style']}, {', '.join(parts)}",
            "licence": f"{parent.get('licence', NOT_STATED)}; songs it was tuned to: {', '.join(licences)}",
            "date": datetime.now(UTC).date().isoformat(),
            "parent": {name: parent.get(name) for name in ("name", "sha256", "licence", "date")}
            | {
                "data": [
                    {key: value for key, value in row.items() if key != "songs"} for row in parent.get("data", [])
                ]
            },
            "data": data,
            "tuned_parts": parts,
            "remarks": ["The held songs chose where tuning stopped and how much of it is mixed in."],
        }
        | facts
    )
