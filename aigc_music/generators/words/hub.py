"""Words by a language model in a local folder, or of a hub id, through transformers (extra 'hub').

Lyrics are decoded under a mask where the tokenizer has enough whole words: a token is a word that our own model
knows, no longer than the syllables that are left, and the last one rhymes; so every line fits. Other tokenizers,
and other kinds of text, are asked in words, as servers are.

Threads: one generator a thread, torch uses one. Realtime-safe: no. Cancelled between tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aigc_music.core.errors import ModelError
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material
from aigc_music.engine.requests import TextRequest
from models.words.language.text import spell

from ..hub import source_of
from . import sounds
from .asked import CANDIDATES, AskedWords
from .lexicon import lexicon_of
from .prompts import Message, next_line_messages
from .spare import Spare
from .template import LineSpec

__all__ = ["TransformersWords"]

ENOUGH = {"en": 400, "zh": 400}
"""Whole words of a tokenizer from which on lines are decoded under a mask."""
SPACES = "Ġ▁"
"""How tokenizers write the space before a word."""
LENGTHS = {"lyrics": 700, "title": 300}
USUAL_LENGTH = 1500
"""Tokens of an answer at the most, by kind."""
NEVER = float("-inf")


class TransformersWords(AskedWords):
    """One request for words. MissingExtraError without the extra, ModelError for a folder without safetensors."""

    by = "model"

    def __init__(self, request: TextRequest) -> None:
        self._source = source_of(request.model, "config.json", "transformers")
        super().__init__(request)
        self._loaded: _Loaded | None = None
        self._words: _Words | None = None
        self._material = Material("model", request.model)

    def model(self) -> Material:
        return self._material

    def answer(self, job: JobContext, messages: Sequence[Message], schema: Mapping[str, Any], seed: int) -> str:
        most = LENGTHS.get(self.request.kind, USUAL_LENGTH)
        return self._ready(job).write(job, messages, most, seed, self.request.temperature)[0]

    def drafts(
        self, job: JobContext, lines: Mapping[int, str], wanted: Mapping[int, Sequence[str]], seed: int
    ) -> dict[int, list[str]]:
        if self._words is None:
            return super().drafts(job, lines, wanted, seed)
        found: dict[int, list[str]] = {}
        theme = self.request.theme or self.request.title or " ".join(self._spare.theme)
        for number in wanted:
            spec = self.template.lines[number]
            partners = [sounds.last(lines[other], self.template.language) for other in self.template.partners(number)]
            mask = self._words.mask(spec, partners)
            messages = next_line_messages(self.request, self.template, theme, lines, number)
            texts = self._ready(job).write(
                job, messages, spec.syllables, seed + number, self.request.temperature, CANDIDATES, mask
            )
            found[number] = [spell(text.lower().split(), self.template.language) for text in texts]
        return found

    def prepare(self, job: JobContext) -> None:
        """Load the model, and see whether its tokens are words."""
        loaded = self._ready(job)
        if self.request.kind == "lyrics":
            words = _Words(loaded.tokenizer, self._spare, self.request)
            self._words = words if words.enough else None
            self.together = not words.enough

    def _ready(self, job: JobContext) -> _Loaded:
        if self._loaded is None:
            job.progress(0.0, self._source.stage())
            self._loaded = _Loaded(self._source.name, self._source.local)
            self._material = self._source.material(job)
        return self._loaded


Mask = Callable[[list[int]], NDArray[np.bool_] | None]
"""Tokens of a line so far -> which may follow, (V,); None where the line is full."""


class _Loaded:
    """Tokenizer and network. ModelError where they cannot be loaded."""

    def __init__(self, name: str, local: bool) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        safe: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(name, **safe)
            loader: Any = AutoModelForCausalLM
            self.network = loader.from_pretrained(
                name, use_safetensors=True, dtype=torch.float32 if device == "cpu" else "auto", **safe
            )
            self.network.to(device).eval()
        except Exception as error:  # transformers raises of all kinds: what matters is that nothing was loaded
            said = " ".join(str(error).split())[:300]
            raise ModelError(
                f"model {name!r} cannot be loaded ({type(error).__name__}: {said}): give a folder, or a hub id, with "
                "a causal language model and its tokenizer as safetensors and JSON"
            ) from error

    def write(
        self, job: JobContext, messages: Sequence[Message], most: int, seed: int, temperature: float, count: int = 1,
        mask: Mask | None = None,
    ) -> list[str]:  # fmt: skip
        """`count` answers of at most so many tokens. ModelError where the question is too long for the model."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        prompt = self._prompt(messages)
        asked = prompt["input_ids"].shape[1]
        room = int(getattr(self.network.config, "max_position_embeddings", 0) or 1 << 30) - asked
        if room < min(most, 64):
            raise ModelError(
                f"the question has {asked} tokens, which leaves this model no room to answer: take another"
            )

        def stop(ids: Any, scores: Any, **_: Any) -> Any:
            job.check()
            full = mask is not None and all(mask(row[asked:].tolist()) is None for row in ids)
            return torch.full((len(ids),), full, device=ids.device)

        def masked(ids: Any, scores: Any) -> Any:
            for row, score in zip(ids, scores, strict=True):
                may = mask(row[asked:].tolist()) if mask is not None else None
                if may is not None:
                    score[~torch.from_numpy(may).to(score.device)] = NEVER
            return scores

        pad = self.tokenizer.pad_token_id or self.tokenizer.eos_token_id or 0
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            out = self.network.generate(
                **prompt, do_sample=True, temperature=temperature, max_new_tokens=min(most, room),
                num_return_sequences=count, pad_token_id=pad,
                logits_processor=LogitsProcessorList([masked] if mask is not None else []),
                stopping_criteria=StoppingCriteriaList([stop]),
            )  # fmt: skip
        return [self._text(row[asked:].tolist(), mask) for row in out]

    def _prompt(self, messages: Sequence[Message]) -> dict[str, Any]:
        tokenizer = self.tokenizer
        if tokenizer.chat_template:
            text = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
        else:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
        found = tokenizer(text, return_tensors="pt", add_special_tokens=not tokenizer.chat_template)
        return {name: found[name].to(self.network.device) for name in ("input_ids", "attention_mask")}

    def _text(self, tokens: list[int], mask: Mask | None) -> str:
        """Tokens as text, without what a batch went on to write after a line was full."""
        if mask is not None:
            end = next((count for count in range(len(tokens) + 1) if mask(tokens[:count]) is None), len(tokens))
            tokens = tokens[:end]
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True)).strip()


class _Words:
    """Which tokens are whole words of our lexicon, and which of them may stand where."""

    def __init__(self, tokenizer: Any, spare: Spare, request: TextRequest) -> None:
        self._lexicon = lexicon_of(spare.model, request.modern)
        index, zh = spare.model.index, request.language == "zh"
        size = len(tokenizer)
        self._own = np.full(size, -1, np.int64)  # token -> id of our model
        for token, raw in enumerate(tokenizer.convert_ids_to_tokens(range(size))):
            word = tokenizer.decode([token]).strip() if zh else _word(raw)
            self._own[token] = index.get(word, -1)
        known = self._own >= 0
        self._syllables = np.where(known, self._lexicon.syllables[self._own], 0)
        self._last = known & (self._lexicon.last[self._own] > NEVER)
        self._rhyme = np.where(known, self._lexicon.rhyme[self._own], -1)
        self._spare = spare
        self.enough = int((self._syllables > 0).sum()) >= ENOUGH[request.language]

    def mask(self, spec: LineSpec, partners: Sequence[str]) -> Mask:
        """What may stand in a line. partners: words that its last one has to rhyme with."""
        syllables = self._syllables
        own = [token for word in partners for token in self._spare.alike(word)]
        finals = self._last
        if own:
            same = [self._spare.model.index.get(word, -2) for word in partners]
            rhyming = finals & np.isin(self._rhyme, self._lexicon.rhyme[own]) & ~np.isin(self._own, same)
            rhyming &= (syllables > 0) & (syllables <= spec.syllables)
            finals = rhyming if rhyming.any() else finals
        shortest = int(syllables[finals & (syllables > 0)].min())

        def may(tokens: list[int]) -> NDArray[np.bool_] | None:
            left = spec.syllables - int(syllables[tokens].sum())
            if left <= 0:
                return None
            allowed = (syllables > 0) & (syllables <= left - shortest)
            allowed |= finals & (syllables == left)
            if tokens and np.count_nonzero(allowed) > 1:
                allowed[tokens[-1]] = False
            return allowed if allowed.any() else (syllables > 0) & (syllables <= left)

        return may


def _word(raw: str | None) -> str:
    """The word that a token is alone, in lower case; '' for a part of one."""
    if not raw or raw[0] not in SPACES:
        return ""
    return raw[1:].lower()
