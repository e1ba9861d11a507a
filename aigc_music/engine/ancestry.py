"""What is known of earlier work that a request names: the disclosure that a result has to take over from it.

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aigc_music.core.errors import AigcMusicError
from aigc_music.core.notes import Score

from .encodings import Record, encoding_of_suffix, parsed_record
from .requests import Request

__all__ = ["inherited_disclosure", "record_of"]


def record_of(value: Any) -> Record | None:
    """The provenance record inside a file (by path) or a Score; None where there is none."""
    if isinstance(value, Score):
        return parsed_record(value.provenance)
    if not isinstance(value, (str, Path)):
        return None
    encoding = encoding_of_suffix(Path(value).suffix)
    try:
        return None if encoding is None else encoding.read(Path(value))[0]
    except AigcMusicError:  # it is read again, and judged, by whoever works on it
        return None


def inherited_disclosure(request: Request) -> dict[str, str]:
    """Role -> none, assisted or generated, of all that the request's parents say of themselves."""
    told: dict[str, str] = {}
    for name in request.PARENTS:
        record = record_of(getattr(request, name))
        if record is not None and isinstance(record.get("disclosure"), dict):
            told |= {str(role): str(how) for role, how in record["disclosure"].items()}
    return told
