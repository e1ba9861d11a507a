"""What the tags of our sound files are called, whichever the container.

AIGC is the name that China's GB 45438-2025 and its practice guides fix for the implicit label of generated content.
"""

from __future__ import annotations

__all__ = ["ARTIST", "LABEL", "RECORD", "TITLE"]

TITLE = "TITLE"
ARTIST = "ARTIST"
RECORD = "AIGC_MUSIC_PROVENANCE"
LABEL = "AIGC"
