"""The zoo: one folder per trained model, weights.safetensors beside card.json. Only those two kinds are loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aigc_music.core.errors import ModelError

__all__ = ["cards", "find"]

_SHIPPED = Path(__file__).parent


def _folders() -> dict[str, Path]:
    """Model name -> folder: the shipped ones, then those in AIGC_MUSIC_MODELS (a user's own)."""
    places = [
        _SHIPPED,
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
