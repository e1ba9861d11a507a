"""The JSON schemas of the documents, and what is wrong with a document by its schema.

Schemas are JSON Schema draft 2020-12, checked by jsonschema (MIT). Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

__all__ = ["asked_schema", "complaints", "schema"]

OURS = ("kind", "language", "theme", "by", "invented", "provenance", "music", "facts")
"""Entries that the program writes itself: nobody else is asked for them."""
MOST = 5  # complaints at once


@lru_cache(maxsize=16)
def schema(kind: str) -> dict[str, Any]:
    """The schema of a kind's document. Not to be changed by the caller."""
    return dict(json.loads((files(__package__) / "schemas" / f"{kind}.json").read_text("utf-8")))


def asked_schema(kind: str) -> dict[str, Any]:
    """The schema of what a language model is asked to write: without the entries that the program adds."""
    whole = schema(kind)
    properties = {name: part for name, part in whole["properties"].items() if name not in OURS}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in whole["required"] if name in properties],
        "additionalProperties": False,
    }


def complaints(document: Any, wanted: dict[str, Any]) -> list[str]:
    """What is wrong with a document, in words, 'steps.0.text: ...'; empty where it is valid."""
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(wanted).iter_errors(document), key=lambda error: list(map(str, error.path)))
    return [f"{'.'.join(map(str, error.path)) or 'document'}: {error.message[:200]}" for error in errors[:MOST]]
