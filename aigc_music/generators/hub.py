"""Larger models of others: a folder on this machine, or an id of the Hugging Face hub that the user names.

From a folder nothing goes over the network. An id is looked for in the hub's cache and fetched where it is not there;
the job's stage says so. Only safetensors and JSON are loaded, and no code of theirs is run.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aigc_music.core.errors import MissingExtraError, ModelError, UsageError
from aigc_music.engine.job import JobContext
from aigc_music.engine.registry import Material

__all__ = ["Source", "source_of"]

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class Source:
    """name: a folder or an id, for from_pretrained. local: a folder."""

    name: str
    local: bool

    def stage(self) -> str:
        """What is about to happen, for people."""
        if self.local:
            return "loading the model"
        return f"loading {self.name}, downloaded from huggingface.co unless it is in the cache"

    def material(self, job: JobContext) -> Material:
        """The model with the SHA-256 over its weights, files in order of their names; of an id its name alone."""
        if not self.local:
            return Material("model", self.name)
        digest = hashlib.sha256()
        for path in _weights(Path(self.name)):
            with path.open("rb") as file:
                while block := file.read(BLOCK):
                    job.check()
                    digest.update(block)
        return Material("model", Path(self.name).name, digest.hexdigest())


def source_of(model: str, index: str, package: str) -> Source:
    """Where a model is. index: the file that a folder must hold. package: what loads it.

    MissingExtraError without the extra 'hub', UsageError where no model is named, ModelError for a folder without
    safetensors.
    """
    for needed in (package, "torch"):
        if find_spec(needed) is None:
            raise MissingExtraError(needed, "hub", f"a model by {package}")
    folder = Path(model)
    if folder.is_dir():
        if not (folder / index).is_file():
            raise ModelError(f"folder {model!r} has no {index}: give the folder of a saved {package} model")
        if not _weights(folder):
            raise ModelError(f"folder {model!r} has no .safetensors: only those are loaded, pickles are not")
        return Source(str(folder), True)
    if model == "default" or not HUB_ID.fullmatch(model):
        raise UsageError(f"model {model!r} is no folder and no hub id: give a folder, or OWNER/NAME (--model)")
    return Source(model, False)


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))
