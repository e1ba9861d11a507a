"""Documents for people to read: paragraphs under a headline, a script with its cues, game content as a list.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

from typing import Any

__all__ = ["plain"]

HIDDEN = frozenset({"kind", "language", "theme", "by", "invented", "provenance", "order", "id"})
CUE_INDENT = " " * 20
LINE_INDENT = " " * 10


def plain(document: dict[str, Any]) -> str:
    """The document as text, without a line break at its end."""
    kind = document["kind"]
    if kind == "title":
        blocks = ["\n".join(document["titles"])]
    elif kind == "script":
        blocks = _script(document)
    elif "paragraphs" in document:
        head = document.get("headline") or document["title"]
        under = document.get("dateline") or document.get("artist")
        blocks = [head + (f"\n{under}" if under else ""), *document["paragraphs"]]
    else:
        blocks = ["\n".join(_listed(document, 0))]
    return "\n\n".join(blocks)


def _script(document: dict[str, Any]) -> list[str]:
    blocks = [document["title"], document["logline"]]
    for number, scene in enumerate(document["scenes"], 1):
        blocks.append(f"{number}. {scene['heading']}")
        for beat in scene["beats"]:
            if isinstance(beat, str):
                blocks.append(beat)
            else:
                manner = f"\n{LINE_INDENT}({beat['manner']})" if beat.get("manner") else ""
                blocks.append(f"{CUE_INDENT}{beat['cue'].upper()}{manner}\n{LINE_INDENT}{beat['line']}")
    return blocks


def _listed(value: Any, depth: int) -> list[str]:
    """An object's entries, a line each; what lies inside is set in."""
    rows = []
    for name, part in value.items():
        if depth == 0 and name in HIDDEN:
            continue
        label = "  " * depth + name.replace("_", " ")
        if isinstance(part, dict):
            rows += [f"{label}:", *_listed(part, depth + 1)]
        elif isinstance(part, list) and part and isinstance(part[0], dict):
            rows.append(f"{label}:")
            for entry in part:
                shown = [str(value) for key, value in entry.items() if key not in HIDDEN]
                rows.append("  " * (depth + 1) + "- " + " / ".join(shown))
        else:
            rows.append(f"{label}: {'; '.join(map(str, part)) if isinstance(part, list) else part}")
    return rows
