"""Where the user's things live: one folder named by AIGC_MUSIC_HOME, else the platform's places.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_folder", "state_folder"]


def state_folder() -> Path:
    """Folder of journals and settings, which may not exist yet."""
    from platformdirs import user_state_path

    return _home() or user_state_path("aigc-music")


def data_folder() -> Path:
    """Folder of what the user keeps, ratings and models of their own, which may not exist yet."""
    from platformdirs import user_data_path

    return _home() or user_data_path("aigc-music")


def _home() -> Path | None:
    given = os.environ.get("AIGC_MUSIC_HOME")
    return Path(given) if given else None
