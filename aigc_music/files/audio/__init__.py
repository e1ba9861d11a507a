"""Sound files: read any, write WAV, FLAC and MP3 with tags, and measure loudness.

A file of ours is its sound and, behind or before it, tags: title, artist, the provenance record and China's AIGC
label. What a record calls its content is the file without any tag. So title, artist, label, a signature of C2PA and
whatever a music collection writes there leave the content's SHA-256 as it is, and the least change to the sound does
not.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from .loudness import loudness
from .reading import MAX_BYTES, MAX_SECONDS, read_sound, resampled
from .sung import with_lyrics
from .tags import label_of, labelled, provenance_of, without_provenance
from .writing import SUFFIXES, sound_bytes

__all__ = [
    "MAX_BYTES",
    "MAX_SECONDS",
    "SUFFIXES",
    "label_of",
    "labelled",
    "loudness",
    "provenance_of",
    "read_sound",
    "resampled",
    "sound_bytes",
    "with_lyrics",
    "without_provenance",
]
