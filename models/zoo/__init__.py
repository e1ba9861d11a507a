"""The zoo: one folder per trained model, weights.safetensors beside card.json. Only those two kinds are loaded.

Models are looked for here (the shipped ones), in the user's own folder (`own_models`, where tuning puts them), and in
the folders of AIGC_MUSIC_MODELS; of two with one name, the later counts.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from aigc_music.core.errors import ModelError, UsageError
from aigc_music.core.folders import data_folder

__all__ = ["cards", "find", "new_model", "own_models"]

_SHIPPED = Path(__file__).parent


def own_models() -> Path:
    """Folder of the user's own models, which may not exist yet."""
    return data_folder() / "models"


def new_model(name: str, *, replace: bool = False) -> Path:
    """Folder for a new model among the user's own. UsageError for a bad name, or one that is taken."""
    if not re.fullmatch(r"\w[\w.-]{0,63}", name):
        raise UsageError(f"model name {name!r}: give letters, digits, '-', '_' and '.', at most 64, no spaces")
    if (_SHIPPED / name).exists():
        raise UsageError(f"model name {name!r} belongs to what came with the program: choose another name")
    folder = own_models() / name
    if (folder / "card.json").exists() and not replace:
        raise UsageError(f"a model {name!r} is there already, in {str(folder)!r}: choose another name, or --replace")
    return folder


def _folders() -> dict[str, Path]:
    """Model name -> folder of all there are."""
    places = [
        _SHIPPED,
        own_models(),
        *(Path(place) for place in os.environ.get("AIGC_MUSIC_MODELS", "").split(os.pathsep) if place),
    ]
    return {
        card.parent.name: card.parent
        for place in places
        if place.is_dir()
        for card in sorted(place.glob("*/card.json"))
    }


def find(name_or_path: str) -> Path:
    """Folder of a model, by name or as a path. ModelError lists what there is."""
    folders = _folders()
    if name_or_path in folders:
        return folders[name_or_path]
    path = Path(name_or_path)
    if (path / "card.json").is_file():
        return path
    raise ModelError(
        f"no model {name_or_path!r}: choose one of {', '.join(folders) or 'none is installed'}, "
        "or give a folder with card.json and weights.safetensors"
    )


def cards() -> dict[str, dict[str, Any]]:
    """Name -> card of every model. ModelError when a card is not JSON."""
    found: dict[str, dict[str, Any]] = {}
    for name, folder in _folders().items():
        try:
            found[name] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as err:
            raise ModelError(
                f"the card of model {name!r} in {folder} is damaged: {err}; install the package again"
            ) from err
    return found
