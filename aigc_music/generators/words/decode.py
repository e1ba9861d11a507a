"""Lines that fit by construction: a beam search over the words of a language model, from the rhyme word leftwards.

Nothing is thrown away afterwards. A line of n syllables is searched in order of the syllables that are left, so that
all lines that are compared have sung the same notes; a word may stand next when it has no more syllables than are
left, and the line ends only when none is left. The last word comes first: it is drawn from the rhyme class of its
partners, or, where it begins a rhyme, from a class that has words for all lines that will need one.

On top of the model's log probabilities stand soft scores, in nats: stress on weight, nearness to the theme, against
words and pairs of words that were heard before, against light words at the line's end. In Chinese the tones' contour
takes the place of stress, and the form's level and oblique places are kept as strictly as rhymes.

The words of each step are drawn without replacement (Gumbel noise; Kool et al. 2019), the beam keeps the best.

Threads: one poet a thread. Realtime-safe: no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from models.words.language.model import Hearing, LanguageModel

from .lexicon import LONGEST, Lexicon, lexicon_of
from .template import LineSpec

__all__ = ["Poet", "Wishes"]

BEAM = 16
DRAWN = 20  # words drawn a step
ALIKE = 2  # lines of a beam that may begin with the same word

WORD = 1.2  # for every word: short words make a line livelier than few long ones
CLEAR = 0.25  # a difference of weights that nobody mistakes
STRESS, INSIDE = 1.2, 1.6  # a pair of syllables that agrees; factor inside a word
THEME = 0.8
CONTOUR = 0.4  # a step of tones along the melody, each step of their height
SAID, SAID_MOST = 1.2, 3.6  # a content word for each time the song has said it, and at the most
SAID_NOW = 4.0  # a content word that stands in the line already, or in the one before
LIGHT_AGAIN = 1.0  # a light word that stands in the line already
PAIR_AGAIN = 2.5  # a pair of words for each time
START_AGAIN = 0.8  # a word at the beginning of a line for each time it stood there
RICH = 10  # words of a rhyme class from which on it is rich
COMMAS = 1  # in a line
TAIL = 24  # words of earlier lines in which the beginning of a copy is looked for
NEVER = np.float32(-np.inf)

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What holds for a whole song. theme: words. temperature 0.2..2. modern: without words of old verse. copied: of
    words in reading order, whether some run of them is too long a copy of a training text."""

    theme: tuple[str, ...] = ()
    temperature: float = 0.8
    modern: bool = True
    copied: Callable[[Sequence[str]], bool] | None = None


class Rhyme(NamedTuple):
    """What the last word of a line has to rhyme with. words: ids of the partners' last words, none of which may sound
    again; later: syllables of the lines that will have to rhyme with this one."""

    words: tuple[int, ...] = ()
    later: tuple[int, ...] = ()


@dataclass(slots=True)
class _Path:
    """A line from its right end to some place. tokens: in the order they were heard."""

    score: float
    tokens: tuple[int, ...] = ()
    hearing: Hearing | None = None
    parent: _Path | None = None
    step: int = -1  # the last token, not heard yet
    marks: int = 0

    def heard(self) -> Hearing:
        """The hearing after the last token; made when it is wanted."""
        if self.hearing is None:
            assert self.parent is not None
            self.hearing = self.parent.heard().copy()
            self.hearing.hear(self.step)
        return self.hearing


@dataclass(slots=True)
class _Said:
    """What the song has said so far."""

    tired: Vector  # (V,) what content words lose for having been said
    starts: Vector  # (V,) what words lose at the beginning of a line
    pairs: dict[int, Counter[int]] = field(default_factory=dict)  # right word -> words before it
    before: list[int] = field(default_factory=list)  # content words of the last line
    tail: list[str] = field(default_factory=list)  # last words in reading order


class Poet:
    """Writes a song line by line; each line is heard before the next one."""

    def __init__(self, model: LanguageModel, wishes: Wishes, hearing: Hearing, draw: np.random.Generator) -> None:
        """hearing: at the beginning of a piece. draw: the stream of all chance."""
        self._model, self._wishes, self._hearing, self._draw = model, wishes, hearing, draw
        self._lexicon = lexicon_of(model, wishes.modern)
        self._said = _Said(np.zeros(len(model.words), np.float32), np.zeros(len(model.words), np.float32))
        self._prior = WORD + THEME * model.near(wishes.theme, 300) * self._lexicon.content + self._lexicon.leaning
        self._comma = model.index.get(",", -1) if model.language == "en" else -1

    def stanza(self) -> None:
        """Begin a new stanza."""
        self._hearing.hear(LanguageModel.STANZA)
        self._said.before = []

    def write(self, spec: LineSpec, rhyme: Rhyme = Rhyme(), ending: Sequence[int] = ()) -> tuple[int, ...]:  # noqa: B008
        """The ids of a line from right to left, without END, and hear it. ending: ids that it ends with, right to
        left; they must have no more syllables than the line."""
        lexicon, length = self._lexicon, spec.syllables
        line = _Line(spec, lexicon)
        root = _Path(0.0, hearing=self._hearing)
        for token in ending:
            root = _Path(root.score, (*root.tokens, token), parent=root, step=token)
        left = length - int(lexicon.syllables[list(ending)].sum())
        buckets: list[list[_Path]] = [[] for _ in range(length + 1)]
        buckets[left].append(root)
        for rest in range(left, 0, -1):
            for path in self._original(_best(buckets[rest])):
                mask = self._last_words(rhyme, length) if not path.tokens else None
                for following, used in self._steps(path, rest, line, mask):
                    buckets[rest - used].append(following)
        if not buckets[0]:
            raise ModelError(
                f"the model {self._model.card.get('name')!r} has no words for a line of {length} syllables"
            )
        tokens = self._choose(buckets[0])
        self.hear(tokens)
        return tokens

    def hear(self, tokens: Sequence[int]) -> None:
        """Take a line in, in the order of `write`."""
        said, content = self._said, self._lexicon.content
        for token in tokens:
            self._hearing.hear(token)
            if content[token]:
                said.tired[token] = min(said.tired[token] + SAID, SAID_MOST)
        self._hearing.hear(LanguageModel.END)
        for right, word in pairwise(tokens):
            said.pairs.setdefault(right, Counter())[word] += 1
        if tokens:
            said.starts[tokens[-1]] += START_AGAIN
        said.before = [token for token in tokens if content[token]]
        said.tail = [*said.tail, *self._words(tokens)][-TAIL:]

    def rhyme_of(self, tokens: Sequence[int]) -> int:
        """The word of a line, as `write` gives it, that rhymes; -1 for none."""
        return next((token for token in tokens if self._lexicon.syllables[token] > 0), -1)

    def _last_words(self, rhyme: Rhyme, length: int) -> NDArray[np.bool_]:
        """(V,) the words that the line may end with."""
        lexicon = self._lexicon
        fits = (lexicon.syllables > 0) & (lexicon.syllables <= length) & (lexicon.last > NEVER)
        fits[fits] = lexicon.reach[length - lexicon.syllables[fits]]
        wanted = {int(lexicon.rhyme[word]) for word in rhyme.words} - {-1}
        if wanted:
            mask = fits & np.isin(lexicon.rhyme, list(wanted))
            mask &= ~np.isin(lexicon.spoken, lexicon.spoken[list(rhyme.words)])
        elif rhyme.later:
            # of a rhyme to come, its class must hold a word for this line and for each that follows
            need = len(rhyme.later) + 1
            at = np.minimum([length, *rhyme.later], LONGEST)
            counts = lexicon.richness[:, at].min(axis=1)
            for least in (max(RICH, need), need + 1, need):
                mask = fits & (lexicon.rhyme >= 0)
                mask[mask] = counts[lexicon.rhyme[mask]] >= least
                if mask.any():
                    break
        else:
            mask = fits
        return mask if mask.any() else fits

    def _steps(
        self, path: _Path, rest: int, line: _Line, mask: NDArray[np.bool_] | None, marks: bool = True
    ) -> list[tuple[_Path, int]]:
        """Drawn continuations of a path with `rest` syllables left, each with the syllables that it takes."""
        lexicon = self._lexicon
        hearing = path.heard()
        model = hearing.scores()
        scores = model + self._prior
        scores += line.fit(path, rest)
        if mask is not None:
            scores += lexicon.last
            scores[~mask] = NEVER
        self._against_repeating(scores, path, rest)
        found: list[tuple[_Path, int]] = []
        for token in self._drawn(scores):
            following = _Path(path.score + float(scores[token]), (*path.tokens, token), None, path, token, path.marks)
            found.append((following, int(lexicon.syllables[token])))
        comma = self._comma
        if marks and comma >= 0 and path.tokens and path.marks < COMMAS and model[comma] > scores.max() - 2:
            pause = _Path(path.score + float(model[comma]), (*path.tokens, comma), None, path, comma, path.marks + 1)
            found += self._steps(pause, rest, line, None, marks=False)
        return found

    def _against_repeating(self, scores: Vector, path: _Path, rest: int) -> None:
        """Take off what words lose for having been said."""
        lexicon, said = self._lexicon, self._said
        scores -= said.tired
        scores -= np.where(lexicon.syllables == rest, said.starts, np.float32(0))
        scores[said.before] -= SAID_NOW
        for token in path.tokens:
            scores[token] -= SAID_NOW if lexicon.content[token] else LIGHT_AGAIN
        right = next((token for token in reversed(path.tokens) if token != self._comma), None)
        if right is not None:
            scores[right] = NEVER
            for token, count in said.pairs.get(right, {}).items():
                scores[token] -= PAIR_AGAIN * count

    def _drawn(self, scores: Vector) -> list[int]:
        """Ids drawn without replacement, by their scores at the temperature."""
        noisy = scores / self._wishes.temperature + self._draw.gumbel(size=len(scores)).astype(np.float32)
        best = np.argpartition(noisy, -DRAWN)[-DRAWN:] if len(noisy) > DRAWN else np.arange(len(noisy))
        return [int(token) for token in sorted(best, key=lambda token: -noisy[token]) if scores[token] > NEVER]

    def _original(self, paths: list[_Path]) -> list[_Path]:
        """The paths whose words are no copy, all where there is none."""
        copied = self._wishes.copied
        if copied is None:
            return paths
        return [path for path in paths if not copied(self._words(path.tokens))] or paths

    def _words(self, tokens: Sequence[int]) -> list[str]:
        """The words of ids in reading order, without marks."""
        return [self._model.words[token] for token in reversed(tokens) if self._lexicon.syllables[token] > 0]

    def _choose(self, paths: Sequence[_Path]) -> tuple[int, ...]:
        """One of the finished lines: its score with the end, drawn at the temperature; copies only if all are."""
        ended = []
        for path in _best(paths):
            score = path.score + float(path.heard().scores()[LanguageModel.END])
            ended.append((score + 0.5 * self._wishes.temperature * float(self._draw.gumbel()), path.tokens))
        ended.sort(reverse=True)
        copied = self._wishes.copied
        if copied is None:
            return ended[0][1]
        fresh = [tokens for _, tokens in ended if not copied([*self._said.tail, *self._words(tokens)])]
        return fresh[0] if fresh else ended[0][1]


class _Line:
    """The line that is being written: what a word's sound adds to its score at each place."""

    def __init__(self, spec: LineSpec, lexicon: Lexicon) -> None:
        weights = [slot.weight for slot in spec.slots]
        self._rise = [float(np.clip((b - a) / CLEAR, -1, 1)) for a, b in pairwise(weights)]
        self._interval = [b.pitch - a.pitch for a, b in pairwise(spec.slots)]
        self._peak = spec.peak if spec.syllables > 1 and max(weights) - min(weights) > CLEAR else -1
        self._tones = [{"level": 1, "oblique": 0}.get(slot.tone, -1) for slot in spec.slots]
        self._lexicon = lexicon
        self._sums: dict[int, Vector] = {}

    def fit(self, path: _Path, rest: int) -> Vector:
        """(V,) score of every word that ends where `rest` syllables are left; -inf where it cannot stand."""
        lexicon = self._lexicon
        if rest not in self._sums:
            self._sums[rest] = self._alone(rest)
        right = next((token for token in reversed(path.tokens) if lexicon.syllables[token] > 0), None)
        if right is None:
            return self._sums[rest]
        place = rest - 1
        scores = self._sums[rest] + STRESS * self._rise[place] * (float(lexicon.stress[right, 0]) - lexicon.final)
        interval = self._interval[place]
        if interval:
            spoken = lexicon.height[right] - lexicon.height
            scores += CONTOUR * np.sign(interval) * np.clip(spoken, -2, 2).astype(np.float32)
        return scores

    def _alone(self, rest: int) -> Vector:
        """Scores that do not depend on the word to the right."""
        lexicon = self._lexicon
        count = lexicon.syllables
        scores = np.where((count > 0) & (count <= rest), np.float32(0), NEVER)
        for length in range(1, min(rest, LONGEST) + 1):
            rows = np.flatnonzero(count == length)
            begin = rest - length
            if not lexicon.reach[begin]:
                scores[rows] = NEVER
                continue
            stress = lexicon.stress[rows, :length].astype(np.float32)
            rise = np.array(self._rise[begin : begin + length - 1], np.float32)
            if length > 1:
                scores[rows] += STRESS * INSIDE * (np.diff(stress, axis=1) @ rise)
            if begin <= self._peak < rest:
                light = (stress[:, self._peak - begin] == 0) & ~lexicon.content[rows]
                scores[rows[light]] = NEVER
            for place, tone in enumerate(self._tones[begin:rest]):
                if tone >= 0 and place == 0:
                    scores[rows[(lexicon.level[rows] >= 0) & (lexicon.level[rows] != tone)]] = NEVER
        return scores


def _best(paths: Sequence[_Path]) -> list[_Path]:
    """The beam: the best paths, few of them with the same last words heard."""
    kept: list[_Path] = []
    alike: Counter[tuple[int, ...]] = Counter()
    for path in sorted(paths, key=lambda path: -path.score):
        if alike[path.tokens[-1:]] < ALIKE:
            alike[path.tokens[-1:]] += 1
            kept.append(path)
            if len(kept) == BEAM:
                break
    return kept
