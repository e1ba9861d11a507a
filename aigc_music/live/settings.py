"""Settings that survive a session: what MIDI learn has bound. One JSON file, written whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from aigc_music.core.controls import CONTROLS
from aigc_music.core.folders import state_folder
from aigc_music.files.atomic import atomic_write

__all__ = ["Settings"]


@dataclass(slots=True)
class Settings:
    """bindings: 'cc 21' -> control name or 'panic'."""

    path: Path
    bindings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """The saved settings; the defaults when there are none, or when the file is damaged (it is then replaced)."""
        path = path or state_folder() / "settings.json"
        try:
            bindings = json.loads(path.read_text(encoding="utf-8"))["bindings"]
            known = {*CONTROLS, "panic"}
            return cls(path, {str(key): name for key, name in bindings.items() if name in known})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)

    def keep_bindings(self, bindings: dict[str, str] | None) -> None:
        """Save `bindings` when they have changed."""
        if bindings and bindings != self.bindings:
            self.bindings = dict(bindings)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path) as file:
                file.write(json.dumps({"bindings": self.bindings}, indent=2).encode())
